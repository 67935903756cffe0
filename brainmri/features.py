"""Image files to rows of the index: hashes, size, brightness and a thumbnail.

Kept apart from `brainmri.index` because worker processes import it: it needs numpy and Pillow only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainmri.errors import ImageError
from brainmri.images import decode, grey_histogram, pixel_sha256

FEATURES_VERSION = 3
"""Raised whenever a feature below changes, so that rows computed by older code are not reused."""

THUMBNAIL_PX = 128
HASH_BITS = 256
_HASH_SIDE = 16
_DCT_SIDE = 64
_BAND = 8
_HASHED_TOGETHER = 8
"""Thumbnails that are hashed in one go: their float64 copies stay in the processor's cache."""


_GREY_LEVELS = np.arange(256) / 255
_GREY_LEVELS_SQUARED = _GREY_LEVELS**2

# Rows of the orthogonal DCT-II basis of length 64: the 16 lowest frequencies.
_DCT = np.cos(
    np.pi / _DCT_SIDE * np.outer(np.arange(_HASH_SIDE), np.arange(_DCT_SIDE) + 0.5)
).astype(np.float32)
# Mirroring an image left to right changes the sign of every odd horizontal frequency.
_MIRROR_SIGNS = np.where(np.arange(_HASH_SIDE) % 2 == 0, 1, -1).astype(np.float32)


def _lanczos_bands() -> list[tuple[slice, slice, NDArray[np.float64]]]:
    """Pillow's LANCZOS from THUMBNAIL_PX to _DCT_SIDE pixels as (inputs, outputs, weights).

    Pillow rounds its weights for 8-bit pixels to multiples of 2^-22; resizing the identity matrix,
    so scaled, in its 32-bit integer mode gives exactly those. An output depends on 13 inputs only;
    cut into bands, most of the zeros need no multiplying.
    """
    one = 1 << 22
    identity = Image.fromarray(one * np.eye(THUMBNAIL_PX, dtype=np.int32))
    shrunk = identity.resize((_DCT_SIDE, THUMBNAIL_PX), Image.Resampling.LANCZOS)
    weights = np.asarray(shrunk) / one
    bands = []
    for start in range(0, _DCT_SIDE, _BAND):
        outputs = slice(start, start + _BAND)
        used = np.flatnonzero(weights[:, outputs].any(axis=1))
        inputs = slice(int(used[0]), int(used[-1]) + 1)
        bands.append((inputs, outputs, np.ascontiguousarray(weights[inputs, outputs])))
    return bands


_LANCZOS_BANDS = _lanczos_bands()


Row = dict[str, str | bytes | int | float]
"""What the index keeps of one image, by name.

    file_sha256: hex digest of the file's bytes.
    pixel_sha256: hex digest of width, height and the upright greyscale pixels: equal pixels in
        different containers agree.
    phash: 256-bit perceptual hash, 32 bytes.
    phash_mirrored: the same of the image mirrored left to right.
    width_px, height_px: as stored in the file.
    mode: stored pixel format.
    size_bytes: file size.
    mean_intensity, std_intensity: of the greyscale pixels, 0-1.
"""


def read_batch(paths: Sequence[Path]) -> tuple[list[Row | str], NDArray[np.uint8]]:
    """Features of several files, in order; a file that repeats another of them is decoded once.

    Returns:
        One row per file, or the sentence that says why it cannot be read; and the thumbnails of the
        readable ones, stretched to the square, uint8 (readable, THUMBNAIL_PX, THUMBNAIL_PX).
    """
    measured: dict[str, tuple[Row, Image.Image] | str] = {}
    outcomes: list[Row | str] = []
    readable: list[Row] = []
    sheet = Image.new("L", (THUMBNAIL_PX, THUMBNAIL_PX * len(paths)))
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError as error:
            outcomes.append(f"The file cannot be opened: {error.strerror or error}.")
            continue
        file_sha256 = hashlib.sha256(data).hexdigest()
        if file_sha256 not in measured:
            measured[file_sha256] = _measure(data, file_sha256)
        result = measured[file_sha256]
        if isinstance(result, str):
            outcomes.append(result)
            continue
        row, thumbnail = dict(result[0]), result[1]
        sheet.paste(thumbnail, (0, THUMBNAIL_PX * len(readable)))
        outcomes.append(row)
        readable.append(row)
    thumbnails = np.asarray(sheet).reshape(-1, THUMBNAIL_PX, THUMBNAIL_PX)[: len(readable)]
    for start in range(0, len(readable), _HASHED_TOGETHER):
        some = slice(start, start + _HASHED_TOGETHER)
        for row, (phash, mirrored) in zip(readable[some], _hashes(thumbnails[some]), strict=True):
            row["phash"], row["phash_mirrored"] = phash, mirrored
    return outcomes, thumbnails


def perceptual_hashes(pixels: NDArray[np.uint8]) -> tuple[bytes, bytes]:
    """256-bit perceptual hashes of a (h, w) image and of its mirror image, 32 bytes each.

    Shrink to 64 x 64 (by way of the thumbnail), take the 16 x 16 lowest frequencies of the 2-D
    DCT-II, and compare each with their median (Zauner 2010, "Implementation and Benchmarking of
    Perceptual Image Hash Functions"; the construction of imagehash.phash with hash_size=16).
    """
    return _hashes(thumbnail(pixels)[np.newaxis])[0]


def thumbnail(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A (h, w) image stretched to (THUMBNAIL_PX, THUMBNAIL_PX)."""
    return np.asarray(_thumbnail(Image.fromarray(pixels)))


def low_frequencies(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The frequencies that are hashed, float32 (n, 16, 16), of (n, THUMBNAIL_PX, THUMBNAIL_PX)."""
    narrow = _shrink_rows(thumbnails.astype(np.float64))
    small = _shrink_rows(narrow.swapaxes(1, 2)).swapaxes(1, 2).astype(np.float32, order="C")
    return np.asarray(_DCT @ small @ _DCT.T, dtype=np.float32)


def hashes_of(frequencies: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Plain and mirrored hash, uint8 (n, 2, 32), of frequencies (n, 16, 16)."""
    both = np.stack([frequencies, frequencies * _MIRROR_SIGNS], axis=1).reshape(-1, 2, HASH_BITS)
    ordered = np.sort(both, axis=2)
    middle = HASH_BITS // 2
    medians = (ordered[..., middle - 1] + ordered[..., middle]) / 2
    return np.packbits(both > medians[..., np.newaxis], axis=2)


def _measure(data: bytes, file_sha256: str) -> tuple[Row, Image.Image] | str:
    """The row of one file but for its perceptual hashes, and its thumbnail."""
    try:
        image = decode(data)
    except ImageError as error:
        return str(error)
    width, height = image.picture.size
    # The one copy of the pixels that is made; `image.pixels` would be another.
    pixels = image.picture.tobytes()
    counts = grey_histogram(pixels).astype(np.float64)
    mean = float(counts @ _GREY_LEVELS) / len(pixels)
    variance = max(float(counts @ _GREY_LEVELS_SQUARED) / len(pixels) - mean**2, 0.0)
    row: Row = {
        "file_sha256": file_sha256,
        "pixel_sha256": pixel_sha256((width, height), pixels),
        "width_px": image.stored_size_px[0],
        "height_px": image.stored_size_px[1],
        "mode": image.mode,
        "size_bytes": len(data),
        "mean_intensity": mean,
        "std_intensity": variance**0.5,
    }
    return row, _thumbnail(image.picture)


def _thumbnail(grey: Image.Image) -> Image.Image:
    # Whole-number box reduction first: a third of the time, and no visible difference.
    across, down = (length // THUMBNAIL_PX for length in grey.size)
    if grey.size == (across * THUMBNAIL_PX, down * THUMBNAIL_PX):
        return grey.reduce((across, down))  # As `resize` does, without its copy of the result.
    side = (THUMBNAIL_PX, THUMBNAIL_PX)
    return grey.resize(side, Image.Resampling.BILINEAR, reducing_gap=1.0)


def _hashes(thumbnails: NDArray[np.uint8]) -> list[tuple[bytes, bytes]]:
    """Plain and mirrored hash of each thumbnail (n, THUMBNAIL_PX, THUMBNAIL_PX)."""
    both = hashes_of(low_frequencies(thumbnails))
    return [(plain.tobytes(), mirrored.tobytes()) for plain, mirrored in both]


def _shrink_rows(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, h, THUMBNAIL_PX) to (n, h, _DCT_SIDE), as `Image.resize` with LANCZOS does, to the bit.

    A third of Pillow's time. Products and sums of these numbers are exact in float64, so their order
    does not matter.
    """
    shrunk = np.empty((*images.shape[:2], _DCT_SIDE))
    for inputs, outputs, weights in _LANCZOS_BANDS:
        np.matmul(images[..., inputs], weights, out=shrunk[..., outputs])
    shrunk += 0.5
    np.floor(shrunk, out=shrunk)
    return np.clip(shrunk, 0, 255, out=shrunk)
