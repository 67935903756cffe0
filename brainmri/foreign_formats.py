"""Files of models that are not opened, known by their first bytes or name, and how to export ONNX instead."""

from __future__ import annotations

import io
import pickletools
import re
from pathlib import Path

FIRST_BYTES = 4096
"""How much of the beginning of a file is looked at."""
LAST_BYTES = 22 + (1 << 16) - 1
"""And of its end, where an archive has its own end: a record, and a comment of up to 64 KiB."""
_EXPORT_TORCH = (
    'In PyTorch: `torch.onnx.export(model.eval(), torch.zeros(1, 3, 224, 224), "model.onnx", '
    "external_data=False)`."
)
_EXPORT_KERAS = 'In Keras: `model.export("model.onnx", format="onnx")`.'
_EXPORT_SKLEARN = (
    'In scikit-learn: `skl2onnx.to_onnx(model, X[:1].astype("float32"))` and write its '
    "`SerializeToString()` to model.onnx."
)
_UNPACK = "Unpack it and drop the .onnx file in it."
_FORMATS: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "an archive (so are .pt, .pth, TorchScript and .keras files)",
     f"{_EXPORT_TORCH} {_EXPORT_KERAS}"),
    (b"PK\x05\x06", "an archive with nothing in it", f"{_EXPORT_TORCH} {_EXPORT_KERAS}"),
    (b"Rar!\x1a\x07", "an archive", _UNPACK),
    (b"]\x00\x00", "a compressed file", _UNPACK),
    (b"\x89HDF", "an HDF5 file (.h5)", _EXPORT_KERAS),
    (b"\x1f\x8b", "a compressed file", _UNPACK),
    (b"BZh", "a compressed file", _UNPACK),
    (b"\xfd7zXZ", "a compressed file", _UNPACK),
    (b"7z\xbc\xaf", "an archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a compressed file", _UNPACK),
    (b"GGUF", "a GGUF file", _EXPORT_TORCH),
)  # fmt: skip
_SUFFIXES = {
    ".pkl": _EXPORT_SKLEARN, ".pickle": _EXPORT_SKLEARN, ".joblib": _EXPORT_SKLEARN,
    ".sav": _EXPORT_SKLEARN, ".pt": _EXPORT_TORCH, ".pth": _EXPORT_TORCH, ".ckpt": _EXPORT_TORCH,
    ".bin": _EXPORT_TORCH, ".safetensors": _EXPORT_TORCH, ".h5": _EXPORT_KERAS,
    ".hdf5": _EXPORT_KERAS, ".keras": _EXPORT_KERAS, ".pb": _EXPORT_KERAS, ".tflite": _EXPORT_KERAS,
    ".zip": _UNPACK,
    ".rar": _UNPACK,
    ".7z": _UNPACK,
    ".tar": _UNPACK,
    ".gz": _UNPACK,
}  # fmt: skip
_ZIP_ENTRY = re.compile(
    rb"PK\x03\x04[\x00-\x3f]\x00..[\x00\x08\x09\x0c\x0e\x5d\x5f]\x00", re.DOTALL
)
"""Signature, version, flags and method, so many bytes that weights do not hold them by chance."""
_NAMED = re.compile(r"[A-Za-z_][\w.]* [A-Za-z_][\w.]*")


def refusal(start: bytes, name: str, end: bytes = b"") -> str | None:
    """Why a file is refused by its first or last bytes or its name, and how to export it; None for others.

    Such files can run any code when they are opened, so that they are not.

    Args:
        start: the first `FIRST_BYTES`, or all.
        name: of the file on the user's machine.
        end: the last `LAST_BYTES`, or all, where they are there already.
    """
    suffix = Path(name).suffix.lower()
    found = next(((what, how) for magic, what, how in _FORMATS if start.startswith(magic)), None)
    if found is None and _is_pickle(start):
        found = "a Python pickle, which can run any code", f"{_EXPORT_TORCH} {_EXPORT_SKLEARN}"
    if found is None and (_ZIP_ENTRY.search(start) or _ends_as_zip(end)):
        found = "an archive with other data before it", f"{_EXPORT_TORCH} {_EXPORT_KERAS}"
    if found is None and start[257:262] == b"ustar":
        found = "an archive", _UNPACK
    if found is None and suffix in _SUFFIXES:
        found = f"a {suffix} file", _SUFFIXES[suffix]
    if found is None:
        return None
    what, how = found
    return (
        f"This is {what} and not an ONNX model, and is not opened. Export it to ONNX instead. {how}"
    )


def _is_pickle(start: bytes) -> bool:
    """A pickle of protocol 2 to 5 begins with its number; an older one is operations from its first byte.

    They are only named here, and none is done. Those of a longer file go on to where `start` is cut.
    """
    if start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return True
    if start[:1] not in (b"c", b"(", b"]", b"}"):
        return False
    whole = len(start) < FIRST_BYTES
    stream = io.BytesIO(start)
    others = 0
    try:
        for operation, argument, _ in pickletools.genops(stream):
            if operation.name != "GLOBAL":
                others += 1
            elif not _NAMED.fullmatch(str(argument)):
                return False  # Lines of a table that begin with a c are no names.
    except ValueError:
        return not whole and others > 0 and stream.tell() == len(start)
    return not start[stream.tell() :].strip()


def _ends_as_zip(end: bytes) -> bool:
    """Whether there is the end of one archive on one disk, and nothing but its comment after it."""
    at = end.rfind(b"PK\x05\x06")
    record = end[at : at + 22]
    if at < 0 or len(record) < 22:
        return False
    comment = int.from_bytes(record[20:], "little")
    return (
        record[4:8] == bytes(4) and record[8:10] == record[10:12] and at + 22 + comment == len(end)
    )


def is_text(start: bytes) -> bool:
    """Whether a file that begins so is text, as a table of values is and no model."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True  # UTF-16
    return bool(start) and not any(byte < 32 and byte not in b"\t\n\r" for byte in start)
