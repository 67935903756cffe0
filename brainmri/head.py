"""Where the head is in a slice: pure, on small pictures, with nothing but numpy and Pillow."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_WORK_PX = 64
_TISSUE = 0.12
"""Share of the way from background to bright tissue above which a pixel counts as head."""
_FULL, _EDGE, _LINE_PX = 0.5, 8, 3
"""A drawn line covers this share of the width, lies in the outer eighth, and is this thick at most."""
_LEAST_PX = 8


class Head(NamedTuple):
    """The head of one slice.

    Attributes:
        box: left, top, right, bottom in pixels of the slice.
        mask: bool, coarse (at most 64 x 64), covering exactly `box`.
    """

    box: tuple[float, float, float, float]
    mask: NDArray[np.bool_]


def find(pixels: NDArray[np.uint8]) -> Head:
    """The largest region that is brighter than its background, holes and hollows filled.

    Lines drawn around the picture and text in its corners are left out. A slice in which nothing
    stands out is returned whole, so that every image has an answer.

    Args:
        pixels: greyscale (h, w).
    """
    height, width = pixels.shape
    small = _small(pixels)
    mask = _region(_tissue(small))
    # A row with one pixel is an antenna, not a head.
    rows, columns = (np.flatnonzero(mask.sum(axis=a) >= 2) for a in (1, 0))
    if len(rows) < _LEAST_PX or len(columns) < _LEAST_PX:
        return Head((0.0, 0.0, float(width), float(height)), np.ones(small.shape, dtype=bool))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    x, y = width / small.shape[1], height / small.shape[0]
    return Head((left * x, top * y, right * x, bottom * y), mask[top:bottom, left:right])


def beside(pixels: NDArray[np.uint8]) -> float:
    """How large the largest bright region outside the head is, as a share of the head.

    What is bright within the head, such as a lesion in dark tissue, does not count.

    Args:
        pixels: greyscale (h, w).
    """
    tissue = _tissue(_small(pixels))
    region = _region(tissue)
    other = largest(tissue & ~_grown(region))
    return float(other.sum() / max(int(region.sum()), 1))


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    height, width = pixels.shape
    scale = min(1.0, _WORK_PX / max(height, width))
    small_size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(
        Image.fromarray(pixels).resize(small_size, Image.Resampling.BOX), dtype=np.float32
    )


def _tissue(small: NDArray[np.float32]) -> NDArray[np.bool_]:
    mask = _brighter(small)
    top, bottom = _drawn(mask), small.shape[0] - _drawn(mask[::-1])
    left, right = _drawn(mask.T), small.shape[1] - _drawn(mask.T[::-1])
    mask[:] = False
    mask[top:bottom, left:right] = _brighter(small[top:bottom, left:right])
    return mask


def _brighter(small: NDArray[np.float32]) -> NDArray[np.bool_]:
    ring = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    # Beside a head that fills the picture there is little ground; within a drawn frame it is all inside.
    background = float(min(np.percentile(ring, 20), np.percentile(small, 20)))
    bright = float(np.percentile(small, 98))
    return small > background + _TISSUE * max(bright - background, 1)


def _drawn(mask: NDArray[np.bool_]) -> int:
    """How many rows at the top belong to a drawn line: full ones with emptier ones after them.

    A head grows wider from its edge inwards, so its own rows are never emptier than those before.
    """
    full = mask.mean(axis=1)
    for row in range(len(full) // _EDGE - 1, -1, -1):
        after = full[row + 1 : row + 1 + _LINE_PX]
        if full[row] > _FULL and after.min() < full[row] / 2:
            return row + 1 + int(after.argmin())
    return 0


def _region(tissue: NDArray[np.bool_]) -> NDArray[np.bool_]:
    # Grown first, since the skull is a dark gap between brain and scalp.
    solid = _filled(largest(_grown(tissue)))
    # Then taken away: that growth, and what is less than three pixels thick, such as drawn lines.
    core = largest(shrunk(shrunk(solid)))
    return _filled(_grown(core))


def shrunk(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without its outermost pixels, diagonals counted; what lies at the edge of the array stays."""
    return ~_grown(~mask)


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Grown by one pixel, diagonals counted; what lies beyond the edge does not grow in."""
    tall = mask.copy()
    tall[1:] |= mask[:-1]
    tall[:-1] |= mask[1:]
    wide = tall.copy()
    wide[:, 1:] |= tall[:, :-1]
    wide[:, :-1] |= tall[:, 1:]
    return wide


def largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest region of a bool mask (h, w), pixels joined by their sides; one of equal ones.

    Runs of each row are joined with those they touch in the row above (union-find).
    """
    height, width = mask.shape
    padded = np.zeros((height, width + 2), dtype=np.int8)
    padded[:, 1:-1] = mask
    flat = padded.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1])  # Where a run starts, where it ends, and so on.
    starts_at, ends_at = changes[::2], changes[1::2]
    kept = np.zeros((height, width), dtype=bool)
    if not len(starts_at):
        return kept
    # Numbered through all rows; a row below is a stride further.
    starts, ends, stride = starts_at.tolist(), ends_at.tolist(), width + 2
    root = list(range(len(starts)))
    above = 0
    for i in range(len(starts)):
        start, end = starts[i] - stride, ends[i] - stride
        while ends[above] <= start:
            above += 1
        j = above
        while starts[j] < end:
            top = j
            while root[top] != top:
                root[top] = root[root[top]]
                top = root[top]
            root[top] = i  # The newest run is always the root of its own.
            j += 1
    for i in range(len(root) - 1, -1, -1):
        root[i] = root[root[i]]
    of = np.array(root)
    largest = int(np.bincount(of, weights=ends_at - starts_at).argmax())
    chosen = of == largest
    steps = np.zeros(height * stride, dtype=np.int8)
    steps[starts_at[chosen]] = 1
    steps[ends_at[chosen]] = -1
    return steps.cumsum(dtype=np.int8).reshape(height, stride)[:, :width].astype(bool)


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Every pixel with the region on both its sides, in its row and in its column."""
    return _between(mask, 0) & _between(mask, 1)


def _between(mask: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    length = mask.shape[axis]
    first = np.expand_dims(mask.argmax(axis=axis), axis)
    last = length - 1 - np.expand_dims(np.flip(mask, axis).argmax(axis=axis), axis)
    place = np.arange(length).reshape((-1, 1) if axis == 0 else (1, -1))
    # Where there is none, the first is 0 and the last the last one.
    return (place >= first) & (place <= last) & mask.any(axis=axis, keepdims=True)
