"""One image file to one row of the index: hashes, size, brightness and a thumbnail.

Kept apart from `brainmri.index` because worker processes import it: it needs numpy and Pillow only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainmri.images import ImageError, decode

FEATURES_VERSION = 1
"""Raised whenever a feature below changes, so that rows computed by older code are not reused."""

THUMBNAIL_PX = 128
HASH_BITS = 256
_HASH_SIDE = 16
_DCT_SIDE = 64

# Rows of the orthogonal DCT-II basis of length 64: the 16 lowest frequencies.
_DCT = np.cos(
    np.pi / _DCT_SIDE * np.outer(np.arange(_HASH_SIDE), np.arange(_DCT_SIDE) + 0.5)
).astype(np.float32)
# Mirroring an image left to right changes the sign of every odd horizontal frequency.
_MIRROR_SIGNS = np.where(np.arange(_HASH_SIDE) % 2 == 0, 1, -1).astype(np.float32)


@dataclass(frozen=True)
class ImageFeatures:
    """What the index keeps of one image.

    Attributes:
        file_sha256: hex digest of the file's bytes.
        pixel_sha256: hex digest of width, height and the upright greyscale pixels: equal pixels in
            different containers agree.
        phash: 256-bit perceptual hash, 32 bytes.
        phash_mirrored: the same of the image mirrored left to right.
        width_px, height_px: as stored in the file.
        mode: stored pixel format.
        size_bytes: file size.
        mean_intensity, std_intensity: of the greyscale pixels, 0-1.
        thumbnail: uint8 (THUMBNAIL_PX, THUMBNAIL_PX), stretched to the square.
    """

    file_sha256: str
    pixel_sha256: str
    phash: bytes
    phash_mirrored: bytes
    width_px: int
    height_px: int
    mode: str
    size_bytes: int
    mean_intensity: float
    std_intensity: float
    thumbnail: NDArray[np.uint8]


def read_features(path: Path) -> ImageFeatures | str:
    """Features of one file, or the sentence that says why it cannot be read."""
    try:
        data = path.read_bytes()
        image = decode(data)
    except ImageError as error:
        return str(error)
    except OSError as error:
        return f"The file cannot be opened: {error.strerror or error}."
    pixels = image.pixels
    height, width = pixels.shape
    grey = Image.fromarray(pixels)
    counts = np.asarray(grey.histogram(), dtype=np.float64)
    levels = np.arange(256) / 255
    mean = float(counts @ levels) / pixels.size
    variance = max(float(counts @ levels**2) / pixels.size - mean**2, 0.0)
    thumbnail = _thumbnail(grey)
    digest = hashlib.sha256(f"{width}x{height}:".encode())
    digest.update(np.ascontiguousarray(pixels))
    phash, phash_mirrored = _hashes(thumbnail)
    return ImageFeatures(
        file_sha256=hashlib.sha256(data).hexdigest(),
        pixel_sha256=digest.hexdigest(),
        phash=phash,
        phash_mirrored=phash_mirrored,
        width_px=image.stored_size_px[0],
        height_px=image.stored_size_px[1],
        mode=image.mode,
        size_bytes=len(data),
        mean_intensity=mean,
        std_intensity=variance**0.5,
        thumbnail=np.asarray(thumbnail),
    )


def perceptual_hashes(pixels: NDArray[np.uint8]) -> tuple[bytes, bytes]:
    """256-bit perceptual hashes of a (h, w) image and of its mirror image, 32 bytes each.

    Shrink to 64 x 64 (by way of the thumbnail), take the 16 x 16 lowest frequencies of the 2-D
    DCT-II, and compare each with their median (Zauner 2010, "Implementation and Benchmarking of
    Perceptual Image Hash Functions"; the construction of imagehash.phash with hash_size=16).
    """
    return _hashes(_thumbnail(Image.fromarray(pixels)))


def _thumbnail(grey: Image.Image) -> Image.Image:
    # Whole-number box reduction first: a third of the time, and no visible difference.
    side = (THUMBNAIL_PX, THUMBNAIL_PX)
    return grey.resize(side, Image.Resampling.BILINEAR, reducing_gap=1.0)


def _hashes(thumbnail: Image.Image) -> tuple[bytes, bytes]:
    small = thumbnail.resize((_DCT_SIDE, _DCT_SIDE), Image.Resampling.LANCZOS)
    frequencies = _DCT @ np.asarray(small, dtype=np.float32) @ _DCT.T
    both = np.stack([frequencies, frequencies * _MIRROR_SIGNS]).reshape(2, HASH_BITS)
    ordered = np.sort(both, axis=1)
    middle = HASH_BITS // 2
    medians = (ordered[:, middle - 1] + ordered[:, middle]) / 2
    plain, mirrored = np.packbits(both > medians[:, None], axis=1)
    return plain.tobytes(), mirrored.tobytes()
