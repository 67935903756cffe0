"""Features of one file by name, for tests that look at one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainmri.features import read_batch


@dataclass(frozen=True)
class ImageFeatures:
    """A row of `brainmri.features` and its thumbnail."""

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
    [row], thumbnails = read_batch([path])
    if isinstance(row, str):
        return row
    return ImageFeatures(**row, thumbnail=thumbnails[0])  # type: ignore[arg-type]
