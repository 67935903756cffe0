"""What an ONNX file of a stranger may hold, read off its bytes before any library parses it.

A file of the format is a protocol-buffer message (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto);
its fields are walked here without copying a tensor, in pure Python, so that a damaged length can do no
more than end the walk. Where parsers may read a number in two ways, the file is refused: ONNX Runtime takes
the low 32 bits of a tag, so that a larger one would be a field to it which is none here.
The numbers below are field numbers of that file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from brainmri.errors import InputError

STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
"""Operator sets of the ONNX standard: networks, and classical models as scikit-learn has them."""
MOST_NODES = 100_000
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LARGEST_TAG, _LONGEST = 2**32 - 1, 2**31 - 1
"""Of protocol buffers: https://protobuf.dev/programming-guides/proto-limits/."""
_MODEL_GRAPH, _MODEL_OPSETS, _MODEL_TRAINING, _MODEL_FUNCTIONS = 7, 8, 20, 25
_GRAPH_NODE, _GRAPH_TENSOR, _GRAPH_SPARSE, _GRAPH_INPUT = 1, 5, 15, 11
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_ATTRIBUTE_SPARSE = (22, 23)
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
_LOOPS = frozenset({"Loop", "Scan", "If", "SequenceMap"})

Fields = Iterator[tuple[int, int, int, int]]
"""(field number, kind, first byte, end) or, of a number, (field number, kind, value, 0)."""


@dataclass(frozen=True)
class Contents:
    """What was found: the number of operators, and the sets that they are from."""

    nodes: int
    domains: list[str]


def check(file: bytes) -> Contents:
    """Refuse what a model may not hold.

    Raises:
        InputError: not an ONNX file, or one with loops, custom operators, data in other files, code of
            its own or too many operators.
    """
    try:
        return _Walk(file).model()
    except (_CutOffError, UnicodeDecodeError):
        raise InputError(
            "The file is not an ONNX model, or it is cut off; export the model again and drop the "
            "whole file."
        ) from None
    except _AmbiguousError:
        raise InputError(
            "The file is not an ONNX model as exporters write it: a number in it can be read in two ways, "
            "so nobody can say what it holds; export the model again."
        ) from None


class _CutOffError(Exception):
    """The bytes end, or say that something ends beyond them."""


class _AmbiguousError(Exception):
    """A tag or a length is written so that another parser may read another one."""


class _Walk:
    def __init__(self, file: bytes) -> None:
        self._file = file
        self._nodes = 0
        self._domains: set[str] = set()

    def model(self) -> Contents:
        graphs = 0
        for number, kind, start, end in self._fields(0, len(self._file)):
            if number == _MODEL_GRAPH and kind == _BYTES:
                graphs += 1
                self._graph(start, end)
            elif number == _MODEL_FUNCTIONS:
                raise InputError(
                    "The model defines functions of its own; export it with its functions inlined "
                    "(`onnx.inliner.inline_local_functions`)."
                )
            elif number == _MODEL_TRAINING:
                raise InputError("The model holds training steps; export it for inference only.")
        if graphs != 1 or not self._nodes:
            raise _CutOffError
        return Contents(self._nodes, sorted(self._domains))

    def _graph(self, start: int, end: int) -> None:
        inputs = 0
        for number, kind, first, last in self._fields(start, end):
            if kind != _BYTES:
                continue
            if number == _GRAPH_NODE:
                self._node(first, last)
            elif number == _GRAPH_TENSOR:
                self._tensor(first, last)
            elif number == _GRAPH_SPARSE:
                self._sparse(first, last)
            inputs += number == _GRAPH_INPUT
        if not inputs:
            raise InputError("The model has no input, so it looks at no image; export it again.")

    def _node(self, start: int, end: int) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise InputError(f"The model has more than {MOST_NODES:,} operators; it is too large.")
        operator, domain, holds_graph = "", "", False
        for number, kind, first, last in self._fields(start, end):
            if kind != _BYTES:
                continue
            if number == _NODE_OPERATOR:
                operator = self._text(first, last)
            elif number == _NODE_DOMAIN:
                domain = self._text(first, last)
            elif number == _NODE_ATTRIBUTE:
                holds_graph |= self._attribute(first, last)
        if domain not in STANDARD_DOMAINS:
            raise InputError(
                f'The operator {operator[:60]} is of "{domain[:60]}" and not of the ONNX standard; '
                "export the model with standard operators only."
            )
        if operator in _LOOPS or holds_graph:
            raise InputError(
                f"The model holds a loop or a branch ({operator[:60]}), which may never end, and is not run. "
                "Export a network without control flow; what is always exported with a loop, as "
                "scikit-learn's nearest neighbours are, can be brought as a table of its predictions."
            )
        self._domains.add(domain or "ai.onnx")

    def _attribute(self, start: int, end: int) -> bool:
        """Whether there is a graph in an attribute; what its tensors hold is checked."""
        holds_graph = False
        for number, kind, first, last in self._fields(start, end):
            if kind != _BYTES:
                continue
            if number in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
                self._tensor(first, last)
            elif number in _ATTRIBUTE_SPARSE:
                self._sparse(first, last)
            holds_graph |= number in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS)
        return holds_graph

    def _sparse(self, start: int, end: int) -> None:
        """A sparse tensor is two tensors: values (1) and their places (2)."""
        for number, kind, first, last in self._fields(start, end):
            if kind == _BYTES and number in (1, 2):
                self._tensor(first, last)

    def _tensor(self, start: int, end: int) -> None:
        for number, kind, value, _ in self._fields(start, end):
            elsewhere = number == _TENSOR_LOCATION and kind == _VARINT and value
            if elsewhere or number == _TENSOR_EXTERNAL:
                raise InputError(
                    "The model keeps its weights in other files; save it as one file "
                    "(`onnx.save_model(model, path, save_as_external_data=False)`; in PyTorch "
                    "`torch.onnx.export(..., external_data=False)`)."
                )

    def _fields(self, start: int, end: int) -> Fields:
        """The fields of a message that lies from `start` to `end`."""
        at = start
        while at < end:
            key, at = self._exactly(at, end, _LARGEST_TAG)
            number, kind = key >> 3, key & 7
            if not number:
                raise _AmbiguousError  # To some it ends the message.
            if kind == _VARINT:
                value, at = self._varint(at, end)
                yield number, kind, value, 0
                continue
            if kind == _BYTES:
                length, at = self._exactly(at, end, _LONGEST)
            elif kind in (_FIXED64, _FIXED32):
                length = 8 if kind == _FIXED64 else 4
            else:
                raise _CutOffError
            if at + length > end:
                raise _CutOffError
            yield number, kind, at, at + length
            at += length

    def _exactly(self, at: int, end: int, largest: int) -> tuple[int, int]:
        """A tag or a length, in the shortest form only."""
        value, after = self._varint(at, end)
        if value > largest or (after - at > 1 and not self._file[after - 1]):
            raise _AmbiguousError
        return value, after

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if at >= end:
                raise _CutOffError
            byte = self._file[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
        raise _CutOffError

    def _text(self, start: int, end: int) -> str:
        return self._file[start : min(end, start + 200)].decode()
