"""Bytes or a file to a validated greyscale array: the only image decoder in the project."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from brainmri.errors import InputError

FORMATS = ("JPEG", "PNG", "BMP", "TIFF")
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"})
MAX_PIXELS = 64_000_000
"""Largest width x height that is decoded (about 8,000 x 8,000); a header can claim far more."""

_EXIF_ORIENTATION = 0x0112
_DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


class ImageError(InputError):
    """A file is not an image that can be used. `code` is stable, the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class GreyImage:
    """One decoded image.

    Attributes:
        pixels: uint8 (height, width), upright (EXIF orientation applied).
        mode: Pillow's name of the stored pixel format ("L", "RGB", "I;16", ...).
        stored_size_px: (width, height) as stored in the file, before any rotation.
    """

    pixels: NDArray[np.uint8]
    mode: str
    stored_size_px: tuple[int, int]


def decode(source: bytes | Path) -> GreyImage:
    """Decode a JPEG, PNG, BMP or TIFF into upright 8-bit greyscale.

    Colour becomes luma (ITU-R 601-2), transparency is laid over black, 16-bit and float images are
    scaled linearly from their own minimum and maximum to 0-255 (Pillow's own conversion saturates).

    Raises:
        ImageError: empty, not one of the four formats, cut off, damaged, animated or too large.
    """
    data = source if isinstance(source, bytes) else _read(source)
    if not data:
        raise ImageError("empty", "The file is empty (0 bytes).")
    try:
        with warnings.catch_warnings():
            # Our own limit is lower than the one Pillow warns about.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise ImageError(
            "not-an-image",
            "The file is not a JPEG, PNG, BMP or TIFF image, whatever its name says.",
        ) from None
    except Image.DecompressionBombError:
        raise ImageError("too-large", _too_large("more than 178 million pixels")) from None
    except Exception as error:  # Pillow's parsers raise many types on damaged headers.
        raise ImageError("damaged", f"The image header is damaged ({error}).") from None
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError("too-large", _too_large(f"{width:,} x {height:,} pixels"))
    if getattr(image, "n_frames", 1) > 1:
        raise ImageError(
            "animated",
            "The file holds several frames; save the one slice you mean as its own image.",
        )
    mode = image.mode
    try:
        image.load()
        # Looking for the tag is much cheaper than exif_transpose's copy, and few files carry it.
        if image.getexif().get(_EXIF_ORIENTATION, 1) != 1:
            image = ImageOps.exif_transpose(image)
        pixels = _grey(image)
    except Exception as error:  # As above: the types differ by format and by damage.
        raise ImageError(
            "damaged", f"The image is cut off or damaged ({error}); export it again."
        ) from None
    return GreyImage(pixels, mode, (width, height))


def resize(pixels: NDArray[np.uint8], size_px: tuple[int, int]) -> NDArray[np.uint8]:
    """Antialiased bilinear resampling of a (h, w) image to (width, height) = `size_px`."""
    if pixels.shape == (size_px[1], size_px[0]):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size_px, Image.Resampling.BILINEAR))


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """A (h, w) uint8 image as PNG bytes, fast rather than small."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(
            "unreadable", f"The file cannot be opened: {error.strerror or error}."
        ) from None


def _too_large(size: str) -> str:
    return f"The image is too large ({size}; at most {MAX_PIXELS:,} are read); scale it down first."


def _grey(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode == "L":
        return np.asarray(image)
    if image.mode in _DEEP_MODES:
        deep = np.asarray(image, dtype=np.float64)
        if not np.isfinite(deep).all():
            raise ValueError("pixels that are not numbers")
        low, high = float(deep.min()), float(deep.max())
        return np.rint((deep - low) * (255 / max(high - low, 1e-12))).astype(np.uint8)
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        coloured = image.convert("RGBA")
        black = Image.new("RGBA", coloured.size, (0, 0, 0, 255))
        return np.asarray(Image.alpha_composite(black, coloured).convert("L"))
    return np.asarray(image.convert("L"))
