"""Files that pose as models and mean harm: each is refused, or answers and can do nothing else."""

from __future__ import annotations

import gzip
import io
import itertools
import lzma
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.brainmri import foreign

MARK = "hostile-was-here"
"""A file of this name appears in `folder` when code of a model was run."""


@dataclass(frozen=True)
class Hostile:
    """One file: its name, its bytes, and whether it may answer (harmless once it is locked in)."""

    name: str
    file: str
    content: Callable[[], bytes]
    may_answer: bool = False


def every(folder: Path) -> list[Hostile]:
    """All of them; code in them would write to `folder`, and tensors point to files in it."""
    return [
        *_pickles(folder), *_archives(folder), *_external(folder), *_loops(), *_custom(), *hidden(),
        *_giants(), *_slow(), *_truncated(), *_malformed(), *_misleading(),
    ]  # fmt: skip


class _Runs:
    """Opening a pickle of this runs a command."""

    def __init__(self, command: str) -> None:
        self._command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self._command,)


def _pickles(folder: Path) -> Iterator[Hostile]:
    harm = f"touch {folder / MARK}"
    for protocol in range(6):

        def made(protocol: int = protocol) -> bytes:
            return pickle.dumps(_Runs(harm), protocol=protocol)

        yield Hostile(f"pickle of protocol {protocol}", "model.onnx", made)
    for suffix in ("pkl", "pt", "pth", "joblib", "h5", "keras", "ckpt"):
        yield Hostile(f"pickle named .{suffix}", f"model.{suffix}",
                      lambda: pickle.dumps(_Runs(harm), protocol=4))  # fmt: skip
    for protocol in (0, 1):
        yield Hostile(f"pickle of protocol {protocol} of more than 4 kB", "model.onnx",
                      partial(pickle.dumps, [[*range(2_000)], _Runs(harm)], protocol))  # fmt: skip
    yield Hostile("pickle behind a BOM", "model.onnx",
                  lambda: b"\xef\xbb\xbf" + pickle.dumps(_Runs(harm), protocol=4))  # fmt: skip
    yield Hostile("Python source", "model.onnx", f"import os; os.system({harm!r})".encode)
    yield Hostile("shell script", "model.onnx", f"#!/bin/sh\n{harm}\n".encode)
    yield Hostile("program", "model.onnx", lambda: Path("/bin/true").read_bytes())


def _archives(folder: Path) -> Iterator[Hostile]:
    def zipped(entries: dict[str, bytes]) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in entries.items():
                archive.writestr(name, content)
        return buffer.getvalue()

    def tarred() -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            entry = tarfile.TarInfo(f"../../{MARK}")
            entry.size = 1
            archive.addfile(entry, io.BytesIO(b"x"))
        return buffer.getvalue()

    bomb = bytes(50_000_000)
    harm = pickle.dumps(_Runs(f"touch {folder / MARK}"), protocol=2)
    yield Hostile("zip bomb", "model.onnx", lambda: zipped({"model.onnx": bomb}))
    yield Hostile("zip bomb in a zip bomb", "model.onnx",
                  lambda: zipped({f"{i}.zip": zipped({"x": bomb}) for i in range(3)}))  # fmt: skip
    yield Hostile("zip with a way out", "model.onnx", lambda: zipped({f"../../{MARK}": b"x"}))
    yield Hostile("PyTorch archive", "model.onnx", lambda: zipped({"archive/data.pkl": harm}))
    yield Hostile("TorchScript", "model.onnx",
                  lambda: zipped({"model/code/__torch__.py": b"1", "model/data.pkl": harm}))  # fmt: skip
    yield Hostile("Keras archive", "model.onnx",
                  lambda: zipped({"config.json": b'{"class_name": "Lambda"}'}))  # fmt: skip
    yield Hostile("empty zip", "model.onnx", lambda: zipped({}))
    yield Hostile("zip behind a program", "model.onnx",
                  lambda: Path("/bin/true").read_bytes() + zipped({"x": harm}))  # fmt: skip
    yield Hostile("RAR", "model.onnx", lambda: b"Rar!\x1a\x07\x01\x00" + bytes(5_000))
    yield Hostile("LZMA", "model.onnx", lambda: lzma.compress(harm, lzma.FORMAT_ALONE))
    yield Hostile("gzip bomb", "model.onnx", lambda: gzip.compress(bomb))
    yield Hostile("gzip of a model", "model.onnx",
                  lambda: gzip.compress(foreign.torch().SerializeToString()))  # fmt: skip
    yield Hostile("tar with a way out", "model.onnx", tarred)
    yield Hostile("HDF5", "model.onnx", lambda: b"\x89HDF\r\n\x1a\n" + bytes(5_000))
    yield Hostile("HDF5 named as a model", "model.h5", lambda: bytes(5_000))


def _external(folder: Path) -> Iterator[Hostile]:
    places = ["/etc/passwd", "../../../../etc/passwd", "weights.bin", str(folder / "secret"), "/dev/zero",
              "/proc/self/mem", "http://127.0.0.1:9/weights", "\\\\host\\share\\weights"]  # fmt: skip
    for place in places:

        def made(place: str = place) -> bytes:
            model = foreign.torch()
            tensor = model.graph.initializer[0]
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (("location", place), ("offset", "0"), ("length", "16")):
                entry = tensor.external_data.add()
                entry.key, entry.value = key, value
            return _bytes(model)

        yield Hostile(f"weights in {place}", "model.onnx", made)

    def constant() -> bytes:
        tensor = numpy_helper.from_array(np.zeros(4, np.float32), "hidden")
        tensor.data_location = TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", "/etc/passwd"
        return _bytes(_with(helper.make_node("Constant", [], ["hidden"], value=tensor)))

    def sparse() -> bytes:
        model = foreign.torch()
        part = model.graph.sparse_initializer.add()
        part.values.name = "hidden"
        part.values.data_location = TensorProto.EXTERNAL
        return _bytes(model)

    yield Hostile("a constant in another file", "model.onnx", constant)
    yield Hostile("a sparse tensor in another file", "model.onnx", sparse)


def _loops() -> Iterator[Hostile]:
    def body() -> onnx.GraphProto:
        flag = helper.make_tensor_value_info("go", TensorProto.BOOL, [])
        out = helper.make_tensor_value_info("on", TensorProto.BOOL, [])
        count = helper.make_tensor_value_info("i", TensorProto.INT64, [])
        return helper.make_graph(
            [helper.make_node("Identity", ["go"], ["on"])], "body", [count, flag], [out]
        )

    def looped(operator: str, **attributes: Any) -> bytes:
        return _bytes(_with(helper.make_node(operator, ["", "yes"], [], **attributes)))

    yield Hostile("endless Loop", "model.onnx", lambda: looped("Loop", body=body()))
    yield Hostile("Loop without a body", "model.onnx", lambda: looped("Loop"))
    yield Hostile("Scan", "model.onnx", lambda: looped("Scan", body=body(), num_scan_inputs=1))
    yield Hostile("If", "model.onnx", lambda: looped("If", then_branch=body(), else_branch=body()))
    yield Hostile("SequenceMap", "model.onnx", lambda: looped("SequenceMap", body=body()))
    yield Hostile("a graph in another operator", "model.onnx", lambda: looped("Relu", body=body()))
    yield Hostile("a loop that is named in another way", "model.onnx",
                  lambda: _bytes(_with(helper.make_node("Loop", ["", "yes"], [], domain="ai.onnx",
                                                        body=body()))))  # fmt: skip

    def nested() -> bytes:
        graph = body()
        for _ in range(12):
            outer = body()
            outer.node.append(helper.make_node("Loop", ["i", "go"], [], body=graph))
            graph = outer
        return looped("Loop", body=graph)

    yield Hostile("loops in loops", "model.onnx", nested)

    def function(times: int) -> bytes:
        model = foreign.torch()
        for level in range(times):
            inner = f"f{level + 1}" if level + 1 < times else "Relu"
            domain = "mine" if level + 1 < times else ""
            nodes = [helper.make_node(inner, ["x"], [f"a{i}"], domain=domain) for i in range(2)]
            model.functions.append(
                helper.make_function(
                    "mine",
                    f"f{level}",
                    ["x"],
                    ["a1"],
                    nodes,
                    [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)],
                )
            )
        model.opset_import.append(helper.make_opsetid("mine", 1))
        model.graph.node.insert(0, helper.make_node("f0", ["image"], ["gone"], domain="mine"))
        return _bytes(model)

    yield Hostile("functions that double 40 times", "model.onnx", lambda: function(40))

    def recursive() -> bytes:
        model = foreign.torch()
        node = helper.make_node("f", ["x"], ["y"], domain="mine")
        model.functions.append(
            helper.make_function(
                "mine", "f", ["x"], ["y"], [node], [helper.make_opsetid("mine", 1)]
            )
        )
        return _bytes(model)

    yield Hostile("a function that calls itself", "model.onnx", recursive)


def _custom() -> Iterator[Hostile]:
    for domain, operator in (
        ("com.microsoft", "Gelu"), ("com.microsoft.nchwc", "Conv"), ("ai.onnx.preview.training", "Adam"),
        ("ai.onnx.contrib", "StringToVector"), ("mine", "Run"), ("org.pytorch.aten", "ATen"),
        ("pyop", "PyOp"), ("ai.onnx.ml ", "LinearClassifier"), ("AI.ONNX", "Relu"),
    ):  # fmt: skip

        def made(domain: str = domain, operator: str = operator) -> bytes:
            model = _with(helper.make_node(operator, ["image"], ["gone"], domain=domain))
            model.opset_import.append(helper.make_opsetid(domain, 1))
            return _bytes(model)

        yield Hostile(f"the operator {operator} of {domain}", "model.onnx", made)
    yield Hostile("an operator that does not exist", "model.onnx",
                  lambda: _bytes(_with(helper.make_node("SystemCall", ["image"], ["gone"]))))  # fmt: skip


def hidden() -> Iterator[Hostile]:
    """What protocol buffers of ONNX Runtime read and a reader of tags of more than 32 bits does not."""

    def looped(times: int, bit: int = 32) -> bytes:
        go = helper.make_tensor_value_info("go", TensorProto.BOOL, [])
        on = helper.make_tensor_value_info("on", TensorProto.BOOL, [])
        was = helper.make_tensor_value_info("was", TensorProto.FLOAT, None)
        then = helper.make_tensor_value_info("then", TensorProto.FLOAT, None)
        count = helper.make_tensor_value_info("i", TensorProto.INT64, [])
        body = helper.make_graph(
            [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["was"], ["then"])],
            "body", [count, go, was], [on, then],
        )  # fmt: skip
        loop = helper.make_node("Loop", ["times", "yes", "image"], ["seen"], body=body)
        model = _chained([])
        model.graph.initializer.append(numpy_helper.from_array(np.array(times, np.int64), "times"))
        model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
        node = _inputs_and_outputs(loop) + _field(4, b"Identity") + _field(4, b"Loop", bit)
        return _with_first_node(model, node + _field(5, _bytes(loop.attribute[0]), bit))

    def custom() -> bytes:
        model = _chained([])
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
        gelu = helper.make_node("Gelu", ["image"], ["seen"])
        node = _inputs_and_outputs(gelu) + _field(4, b"Gelu") + _field(7, b"com.microsoft", 32)
        return _with_first_node(model, node)

    def elsewhere() -> bytes:
        model = foreign.torch()
        tensor = model.graph.initializer.pop(0)
        tensor.ClearField("raw_data")
        entry = onnx.StringStringEntryProto(key="location", value="/etc/passwd")
        hidden = (
            _bytes(tensor) + _field(13, _bytes(entry), 32) + _number(14 << 3 | 1 << 32) + b"\x01"
        )
        return _with_graph(model, _bytes(model.graph) + _field(5, hidden))

    def longer(tag: bytes) -> bytes:
        return _bytes(foreign.torch()) + tag + b"\x01x"

    yield Hostile("a hidden endless Loop", "model.onnx", lambda: looped(2**62))
    for bit in (33, 34):  # The last bits that five bytes have.
        yield Hostile(f"a Loop hidden by bit {bit}", "model.onnx", partial(looped, 5, bit))
    yield Hostile("a hidden operator of com.microsoft", "model.onnx", custom)
    yield Hostile("hidden weights in /etc/passwd", "model.onnx", elsewhere)
    yield Hostile("a tag that is longer than it need be", "model.onnx", lambda: longer(b"\x92\x00"))
    yield Hostile("a field of the number 0", "model.onnx", lambda: longer(b"\x02"))
    yield Hostile("a number of the number 0", "model.onnx", lambda: longer(b"\x00\x01\x12"))
    yield Hostile("a length that is longer than it need be", "model.onnx",
                  lambda: _bytes(foreign.torch()) + b"\x12\x81\x00x")  # fmt: skip


def _giants() -> Iterator[Hostile]:
    def filled(dims: list[int]) -> bytes:
        return _bytes(
            _chained(
                [
                    helper.make_node("Constant", [], ["giant_shape"],
                                     value=numpy_helper.from_array(np.array(dims, np.int64))),
                    helper.make_node("ConstantOfShape", ["giant_shape"], ["giant"]),
                    helper.make_node("ReduceSum", ["giant"], ["sum"], keepdims=0),
                    helper.make_node("Add", ["image", "sum"], ["seen"]),
                ]
            )
        )  # fmt: skip

    for dims in ([2**40], [2**62], [2**20, 2**20, 2**20], [2**31], [1] * 40 + [2**36]):
        yield Hostile(f"zeros of {'x'.join(map(str, dims[-3:]))}", "model.onnx",
                      partial(filled, dims))  # fmt: skip

    def claimed(dims: list[int]) -> bytes:
        model = foreign.torch()
        del model.graph.initializer[0].dims[:]
        model.graph.initializer[0].dims.extend(dims)
        return _bytes(model)

    for dims in ([2**40, 4], [-1, 4], [2**62, 2**62], [0, 4]):
        yield Hostile(f"weights that claim {dims}", "model.onnx", partial(claimed, dims))

    def tiled() -> bytes:
        repeats = numpy_helper.from_array(np.array([1, 1, 40_000, 40_000], np.int64))
        return _bytes(_chained([helper.make_node("Constant", [], ["times"], value=repeats),
                                helper.make_node("Tile", ["image", "times"], ["seen"])]))  # fmt: skip

    yield Hostile("an image tiled to a terabyte", "model.onnx", tiled)

    def resized() -> bytes:
        scales = numpy_helper.from_array(np.array([1, 1, 4096, 4096], np.float32))
        return _bytes(_chained([helper.make_node("Constant", [], ["scales"], value=scales),
                                helper.make_node("Resize", ["image", "", "scales"], ["seen"])]))  # fmt: skip

    yield Hostile("an image scaled to gigapixels", "model.onnx", resized)

    def padded() -> bytes:
        pads = numpy_helper.from_array(np.array([0, 0, 0, 0, 0, 0, 2**20, 2**20], np.int64))
        return _bytes(_chained([helper.make_node("Constant", [], ["pads"], value=pads),
                                helper.make_node("Pad", ["image", "pads"], ["seen"])]))  # fmt: skip

    yield Hostile("an image padded to a terabyte", "model.onnx", padded)

    def doubled() -> bytes:
        nodes = [helper.make_node("Concat", ["image", "image"], ["d0"], axis=3)]
        nodes += [
            helper.make_node("Concat", [f"d{i}", f"d{i}"], [f"d{i + 1}"], axis=3) for i in range(44)
        ]
        return _bytes(_chained([*nodes, helper.make_node("Identity", ["d44"], ["seen"])]))

    yield Hostile("an image doubled 45 times", "model.onnx", doubled)
    yield Hostile("an input of a terabyte", "model.onnx", lambda: _bytes(foreign.torch(size=2**19)))
    yield Hostile("many outputs per image", "model.onnx", lambda: _bytes(_wide(1_000_000)))


def _slow() -> Iterator[Hostile]:
    def multiplied(side: int, times: int, batch: int | None = None) -> bytes:
        shape = numpy_helper.from_array(np.array([side, side], np.int64))
        one = numpy_helper.from_array(np.array([1e-4], np.float32))
        nodes = [
            helper.make_node("Constant", [], ["square"], value=shape),
            helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
            helper.make_node("Expand", ["mean", "square"], ["m0"]),
        ]
        nodes += [
            helper.make_node("MatMul", [f"m{i}", f"m{i}"], [f"m{i + 1}"]) for i in range(times)
        ]
        nodes += [
            helper.make_node("ReduceMean", [f"m{times}"], ["all"], keepdims=0),
            helper.make_node("Constant", [], ["little"], value=one),
            helper.make_node("Mul", ["all", "little"], ["share"]),
            helper.make_node("Add", ["image", "share"], ["seen"]),
        ]
        return _bytes(_chained(nodes, batch))

    for side, times in ((4_000, 2_000), (8_000, 100), (1_000, 50_000)):
        yield Hostile(f"{times:,} products of {side:,} x {side:,}", "model.onnx",
                      partial(multiplied, side, times))  # fmt: skip
    # Quick enough for one image; stopped when it is evaluated.
    yield Hostile("3 products of 2,600 x 2,600 for each image", "model.onnx",
                  partial(multiplied, 2_600, 3, 1), may_answer=True)  # fmt: skip

    def folded() -> bytes:
        shape = numpy_helper.from_array(np.array([6_000, 6_000], np.int64))
        nodes = [helper.make_node("Constant", [], ["square"], value=shape),
                 helper.make_node("ConstantOfShape", ["square"], ["m0"])]  # fmt: skip
        nodes += [helper.make_node("MatMul", [f"m{i}", f"m{i}"], [f"m{i + 1}"]) for i in range(500)]
        nodes += [helper.make_node("ReduceMean", ["m500"], ["all"], keepdims=0),
                  helper.make_node("Add", ["image", "all"], ["seen"])]  # fmt: skip
        return _bytes(_chained(nodes))

    yield Hostile("work that is done while loading", "model.onnx", folded)

    def many(count: int) -> bytes:
        nodes = [helper.make_node("Identity", ["image"], ["n0"])]
        nodes += [helper.make_node("Relu", [f"n{i}"], [f"n{i + 1}"]) for i in range(count)]
        return _bytes(_chained([*nodes, helper.make_node("Identity", [f"n{count}"], ["seen"])]))

    yield Hostile("more operators than are read", "model.onnx", lambda: many(120_000))
    yield Hostile(
        "as many operators as are read", "model.onnx", lambda: many(90_000), may_answer=True
    )


def _truncated() -> Iterator[Hostile]:
    whole = _bytes(foreign.keras())

    def first(share: int) -> bytes:
        return whole[: max(1, len(whole) * share // 100)]

    for share in (1, 5, 20, 50, 80, 95, 99):
        yield Hostile(f"the first {share} %", "model.onnx",
                      partial(first, share))  # fmt: skip
    yield Hostile("without its last byte", "model.onnx", lambda: whole[:-1])
    yield Hostile("without its first byte", "model.onnx", lambda: whole[1:])


def _malformed() -> Iterator[Hostile]:
    whole = _bytes(foreign.torch())
    yield Hostile("noise", "model.onnx", lambda: np.random.default_rng(0).bytes(100_000))
    yield Hostile("zeros", "model.onnx", lambda: bytes(100_000))
    yield Hostile("a length of 2^63", "model.onnx", lambda: b"\x3a" + b"\xff" * 9 + b"\x01")
    yield Hostile("a number without end", "model.onnx", lambda: b"\x08" + b"\xff" * 10_000)
    yield Hostile("groups in groups", "model.onnx", lambda: b"\x0b" * 100_000)
    yield Hostile("graphs one after another", "model.onnx", lambda: whole + whole)
    for seed, share in itertools.product(range(4), (0.001, 0.02)):

        def flipped(seed: int = seed, share: float = share) -> bytes:
            rng = np.random.default_rng(seed)
            content = np.frombuffer(whole, np.uint8).copy()
            places = rng.random(len(content)) < max(share, 1 / len(content))
            content[places] ^= rng.integers(1, 256, int(places.sum()), dtype=np.uint8)
            return content.tobytes()

        yield Hostile(
            f"{share:.1%} of bytes changed, {seed}", "model.onnx", flipped, may_answer=True
        )


def _misleading() -> Iterator[Hostile]:
    def named(name: str) -> bytes:
        model = foreign.torch()
        for node in model.graph.node:
            node.output[:] = [name if o == "logits" else o for o in node.output]
        model.graph.output[0].name = name
        return _bytes(model)

    yield Hostile("a name that is a script", "model.onnx",
                  lambda: named("<script>alert(1)</script>"), may_answer=True)  # fmt: skip
    yield Hostile(
        "a name of a megabyte", "model.onnx", lambda: named("x" * 1_000_000), may_answer=True
    )
    yield Hostile("a name that leads out", "../../../etc/model.onnx", lambda: named("../../x"),
                  may_answer=True)  # fmt: skip

    def not_a_number() -> bytes:
        model = foreign.torch()
        model.graph.initializer[1].CopyFrom(
            numpy_helper.from_array(np.full(4, np.nan, np.float32), "bias")
        )
        return _bytes(model)

    yield Hostile("answers that are no numbers", "model.onnx", not_a_number, may_answer=True)
    yield Hostile("a model without an input", "model.onnx", lambda: _bytes(_without_input()))


def _without_input() -> onnx.ModelProto:
    model = foreign.torch()
    del model.graph.input[:]
    return model


def _wide(columns: int) -> onnx.ModelProto:
    shape = numpy_helper.from_array(np.array([1, columns], np.int64))
    model = foreign.torch(size=4)
    model.graph.node.extend(
        [
            helper.make_node("Constant", [], ["wide_shape"], value=shape),
            helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
            helper.make_node("Expand", ["mean", "wide_shape"], ["wide"]),
        ]
    )
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("wide", TensorProto.FLOAT, None))
    return model


def _with(node: onnx.NodeProto) -> onnx.ModelProto:
    """A model with one operator more at its beginning."""
    model = foreign.torch()
    model.graph.node.insert(0, node)
    return model


def _chained(nodes: list[onnx.NodeProto], batch: int | None = None) -> onnx.ModelProto:
    """A model that sees "seen", which the operators make of "image"."""
    model = foreign.torch(batch=batch)
    model.graph.node[0].input[0] = "seen"
    for node in reversed(nodes):
        model.graph.node.insert(0, node)
    return model


def _inputs_and_outputs(node: onnx.NodeProto) -> bytes:
    ports = [_field(1, name.encode()) for name in node.input]
    return b"".join([*ports, *(_field(2, name.encode()) for name in node.output)])


def _with_first_node(model: onnx.ModelProto, node: bytes) -> bytes:
    return _with_graph(model, _field(1, node) + _bytes(model.graph))


def _with_graph(model: onnx.ModelProto, graph: bytes) -> bytes:
    model.ClearField("graph")
    return _bytes(model) + _field(7, graph)


def _field(number: int, content: bytes, bit: int | None = None) -> bytes:
    """A field of a message; with `bit`, its tag has that bit too."""
    tag = number << 3 | 2 | (0 if bit is None else 1 << bit)
    return _number(tag) + _number(len(content)) + content


def _number(value: int) -> bytes:
    """As protocol buffers write it: seven bits a byte, the lowest first."""
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def _bytes(message: Any) -> bytes:
    return bytes(message.SerializeToString())
