"""Files of models that are not opened, known by their first bytes or name, and how to export ONNX instead."""

from __future__ import annotations

from pathlib import Path

FIRST_BYTES = 4096
"""How much of a file is looked at."""
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
    ".tar": _UNPACK,
    ".gz": _UNPACK,
}  # fmt: skip


def refusal(start: bytes, name: str) -> str | None:
    """Why a file is refused by its first bytes or its name, and how to export it; None for others.

    Such files can run any code when they are opened, so that they are not.
    """
    suffix = Path(name).suffix.lower()
    found = next(((what, how) for magic, what, how in _FORMATS if start.startswith(magic)), None)
    if found is None and _is_pickle(start):
        found = "a Python pickle, which can run any code", f"{_EXPORT_TORCH} {_EXPORT_SKLEARN}"
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
    """A pickle of protocol 2 to 5 begins with its number; an older one with text and a full stop."""
    if start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return True
    # Of a longer file these are the first bytes, which may end with any full stop.
    whole = len(start) < FIRST_BYTES and start.rstrip()[-1:] == b"."
    return whole and start[:1] in (b"c", b"(", b"]", b"}") and b"\n" in start


def is_text(start: bytes) -> bool:
    """Whether a file that begins so is text, as a table of values is and no model."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True  # UTF-16
    return bool(start) and not any(byte < 32 and byte not in b"\t\n\r" for byte in start)
