"""What a head is like close up: 19 numbers that tell tissue from noise, slopes and drawings; pure.

A handful of simple statistics. Beside the 224 numbers of the whole picture they would hardly count, so that
`look` gives them a distance of their own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainmri import head, images
from brainmri.preprocessing import Box, Preprocessing

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_CANONICAL = Preprocessing(192, "head")
_LEVELS, _LAGS, _OVERVIEW_PX = 4, (1, 4), 48
NUMBERS = 3 * _LEVELS + len(_LAGS) + 5
_RIM = 10
"""A tenth of the head's length is left out along its edge: skin and skull are sharp in drawings too."""
_FINEST, _LEAST_PIXELS = 0.003, 100
"""Added to differences of grey levels (0-1) before their logarithm; fewer pixels tell nothing."""
_LARGE_PX, _SEVERAL_LEVELS, _COMMON = 256, 16, 1e-4
"""A head of this size is no small one; this many grey levels more make little difference, and a level
counts as used from this share of the pixels."""


def describe(pixels: NDArray[np.uint8], found: head.Head) -> Floats:
    """What the grain of a greyscale picture (h, w) is like, (19,).

    Within the head, away from its edge, in the canonical form: mean, median and peakedness of the
    differences between neighbouring pixels, at four scales; how little pixels one and four apart have in
    common. Of the head as it is: how large it is in pixels, and how many grey levels it has. Of the whole
    picture: how much stands out beside the head, and how dark the darkest row and column of the middle
    are, as between pictures put together.

    Args:
        pixels: greyscale (h, w).
        found: the head in it.
    """
    square, box = _CANONICAL.placed(pixels, found)
    picture, inside = square.astype(np.float64) / 255, _away_from_edge(found, box)
    left, top, right, bottom = (round(side) for side in found.box)
    shades = images.grey_histogram(np.ascontiguousarray(pixels[top:bottom, left:right]))
    levels = int((shades > _COMMON * shades.sum()).sum())
    small = images.shrunk(square, _OVERVIEW_PX)
    mean, middle = (
        max(float(small.mean()), 1.0),
        slice(3 * _OVERVIEW_PX // 8, 5 * _OVERVIEW_PX // 8),
    )
    return np.array(
        [
            *_differences(picture, inside),
            *(_apart(picture, inside, lag) for lag in _LAGS),
            np.log(max(1, min(max(right - left, bottom - top), _LARGE_PX))),
            np.log(levels + _SEVERAL_LEVELS),
            np.log(head.beside(pixels) + 0.02),
            np.log(small[middle].mean(axis=1).min() / mean + 0.05),
            np.log(small[:, middle].mean(axis=0).min() / mean + 0.05),
        ]
    )


def _away_from_edge(found: head.Head, box: Box) -> Mask:
    """Where the head is in the canonical form, without its rim."""
    mask = np.pad(found.mask, 1)
    for _ in range(max(mask.shape) // _RIM):
        mask = head.shrunk(mask)
    mask = mask[1:-1, 1:-1]
    size = _CANONICAL.size_px
    scale = size / (box[2] - box[0])
    left, top, right, bottom = found.box
    width, height = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    inside = Image.new("L", (size, size))
    part = Image.fromarray(mask.astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST)
    inside.paste(part, (round((left - box[0]) * scale), round((top - box[1]) * scale)))
    chosen: Mask = np.asarray(inside) > 0
    return chosen if chosen.sum() >= _LEAST_PIXELS else np.ones_like(chosen)


def _differences(picture: Floats, inside: Mask) -> list[float]:
    told: list[float] = []
    for _ in range(_LEVELS):
        across = np.abs(np.diff(picture, axis=1))[inside[:, 1:] & inside[:, :-1]]
        down = np.abs(np.diff(picture, axis=0))[inside[1:] & inside[:-1]]
        steps = np.concatenate([across, down])
        if not len(steps):
            steps = np.zeros(1)
        mean = float(steps.mean())
        peaked = float(np.square(steps).mean()) / (mean * mean + 1e-6)
        told += [
            np.log(mean + _FINEST),
            np.log(float(np.median(steps)) + _FINEST),
            np.log(peaked + 0.01),
        ]
        picture, half = images.halved(picture), len(picture) // 2
        inside = np.logical_and.reduce(inside.reshape(half, 2, half, 2), axis=(1, 3))
    return told


def _apart(picture: Floats, inside: Mask, lag: int) -> float:
    """Logarithm of one less the correlation of pixels `lag` apart in a row; that of 0 where all are alike."""
    both = inside[:, lag:] & inside[:, :-lag]
    one, other = picture[:, lag:][both], picture[:, :-lag][both]
    if len(one) < 2 or min(one.std(), other.std()) < 1e-3:
        return float(np.log(0.02))
    return float(np.log(1.02 - np.corrcoef(one, other)[0, 1]))
