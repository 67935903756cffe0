"""The process that a stranger's model runs in: `python -m brainmri.sandbox_child`, started by `sandbox`.

It reads the model from descriptor 3, locks itself (`confine`), and only then looks at the model. It answers
requests on its standard input with replies on its standard output: a length, a line of JSON, and numbers.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brainmri import confine, onnx_check
from brainmri.errors import InputError

if TYPE_CHECKING:
    import onnxruntime

MODEL_DESCRIPTOR = 3
TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
}
"""Kinds of input that an image can be given as."""
MOST_OUTPUTS = 4_096
_MOST_DIMENSIONS = 8
_NAME_LENGTH = 100

# An Identity of one number, so that ONNX Runtime has opened all that it opens before the doors close.
_NOTHING = bytes.fromhex(
    "08083a3f0a100a017812017922084964656e746974791201675a130a0178120e0a0c080112080a0208010a0208016213"
    "0a0179120e0a0c080112080a0208010a02080142040a00100d"
)


def main() -> None:
    """Answer requests until there are none."""
    confine.limit(memory_bytes=int(sys.argv[1]), cpu_seconds=int(sys.argv[2]))
    file = _all_of(MODEL_DESCRIPTOR)
    os.close(MODEL_DESCRIPTOR)
    _warm_up()
    locks = confine.lock()
    session: onnxruntime.InferenceSession | None = None
    while True:
        length = _exactly(8)
        if length is None:
            return
        request = json.loads(_exactly(struct.unpack("<Q", length)[0]) or b"{}")
        numbers = _exactly(int(request["bytes"])) or b""
        try:
            if request["do"] == "load":
                onnx_check.check(file)
                session = _session(file)
                file = b""
                _reply({**_described(session), "locks": locks})
            else:
                assert session is not None
                batch = np.frombuffer(numbers, request["type"]).reshape(request["shape"])
                rows, keys = _answers(session, batch, request["output"])
                _reply({"shape": rows.shape, "keys": keys}, rows.tobytes())
        except InputError as error:
            _reply({"fault": str(error)})
        except MemoryError:
            _reply({"fault": "The model needs more memory than it may use."})
        except Exception as error:  # ONNX Runtime raises types of its own, not exported.
            _reply({"fault": _worded(error)})


def _session(file: bytes) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # One thread, so that no thread has to be made behind closed doors, and the pages keep a processor.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.use_deterministic_compute = True
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def _described(session: onnxruntime.InferenceSession) -> dict[str, Any]:
    return {
        kind: [
            {
                "name": entry.name[:_NAME_LENGTH],
                "type": entry.type[:_NAME_LENGTH],
                "shape": [
                    size if isinstance(size, int) else None
                    for size in (entry.shape or [])[:_MOST_DIMENSIONS]
                ],
            }
            for entry in entries[:20]
        ]
        for kind, entries in (("inputs", session.get_inputs()), ("outputs", session.get_outputs()))
    }


def _answers(
    session: onnxruntime.InferenceSession, batch: NDArray[Any], output: int
) -> tuple[NDArray[np.float32], list[str] | None]:
    """One output as float32 (n, k), and the names of its columns where it has any."""
    name = session.get_outputs()[output].name
    (told,) = session.run([name], {session.get_inputs()[0].name: batch})
    keys: list[str] | None = None
    if isinstance(told, list) and told and isinstance(told[0], dict):
        # scikit-learn's converter tells one probability per class by the name of the class.
        names = list(told[0])[:MOST_OUTPUTS]
        keys = [str(name)[:_NAME_LENGTH] for name in names]
        told = [[row[name] for name in names] for row in told]
    rows = np.asarray(told, dtype=np.float32)
    rows = rows.reshape(len(batch), -1) if rows.size else rows
    if rows.ndim != 2 or not 1 <= rows.shape[1] <= MOST_OUTPUTS:
        raise InputError(
            f"The output {name[:_NAME_LENGTH]} gives {rows.size:,} numbers for {len(batch)} images; "
            "choose one that gives a number per class."
        )
    return np.ascontiguousarray(rows), keys


def _worded(error: Exception) -> str:
    text = " ".join(str(error).split())
    if "bad_alloc" in text or "Failed to allocate" in text or "memory" in text.lower():
        return "The model needs more memory than it may use."
    return f"ONNX Runtime cannot use the model: {text[:300]}"


def _warm_up() -> None:
    """Do everything once, since nothing can be opened or imported afterwards."""
    for attempt in (lambda: onnx_check.check(b"x"), lambda: _session(b"x")):
        try:
            attempt()
        except Exception as error:
            _worded(error)
    batch = np.zeros((1, 1), np.float32)
    session = _session(_NOTHING)
    _described(session)
    _answers(session, batch, 0)
    for kind in TYPES.values():
        batch.astype(kind).astype(np.float32)
    json.loads(json.dumps({"é": 1.5}))


def _reply(header: dict[str, Any], numbers: bytes = b"") -> None:
    text = json.dumps({**header, "bytes": len(numbers)}).encode()
    todo = memoryview(struct.pack("<Q", len(text)) + text + numbers)
    while todo:
        todo = todo[os.write(1, todo) :]


def _exactly(count: int) -> bytes | None:
    """That many bytes of the standard input; None at its end."""
    got = bytearray()
    while len(got) < count:
        some = os.read(0, min(count - len(got), 1 << 20))
        if not some:
            return None
        got += some
    return bytes(got)


def _all_of(descriptor: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read()


if __name__ == "__main__":
    main()
