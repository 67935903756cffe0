"""Files that users drop: good ones, and each way in which one can be bad."""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image

from brainmri import images, phantom

LARGE_BYTES = 75_000_000


def png(label: str = "glioma", seed: int = 11) -> bytes:
    return images.encode_png(phantom.draw(label, seed))


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(phantom.draw("pituitary", 12)).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def truncated_jpeg() -> bytes:
    whole = jpeg()
    return whole[: len(whole) // 2]


def animated_png() -> bytes:
    first = Image.fromarray(phantom.draw("glioma", 13))
    buffer = io.BytesIO()
    first.save(buffer, "PNG", save_all=True, append_images=[first.rotate(5)])
    return buffer.getvalue()


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "text.jpg": (
        lambda: b"This is a letter, not a picture.",
        "The file is not a JPEG, PNG, BMP, TIFF, DICOM or NIfTI image, whatever its name says",
    ),
    "truncated.jpg": (truncated_jpeg, "The image is cut off or damaged"),
    "nothing.png": (lambda: b"", "The file is empty (0 bytes)."),
    "animated.png": (animated_png, "The file holds several frames"),
    "large.png": (
        lambda: bytes(LARGE_BYTES),
        "The file has 75.0 MB, which is more than the 64 MB that are read; save one slice or "
        "volume by itself.",
    ),
}
"""File name to (its content, the beginning of what the page says of it)."""
