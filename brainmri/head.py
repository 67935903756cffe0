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
    scale = min(1.0, _WORK_PX / max(height, width))
    small_size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(
        Image.fromarray(pixels).resize(small_size, Image.Resampling.BOX), dtype=np.float32
    )
    mask = _region(_tissue(small))
    # A row with one pixel is an antenna, not a head.
    rows, columns = (np.flatnonzero(mask.sum(axis=a) >= 2) for a in (1, 0))
    if len(rows) < _LEAST_PX or len(columns) < _LEAST_PX:
        return Head((0.0, 0.0, float(width), float(height)), np.ones(small.shape, dtype=bool))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    x, y = width / small.shape[1], height / small.shape[0]
    return Head((left * x, top * y, right * x, bottom * y), mask[top:bottom, left:right])


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
    solid = _filled(_largest(_grown(tissue)))
    # Then taken away: that growth, and what is less than three pixels thick, such as drawn lines.
    core = _largest(_shrunk(_shrunk(solid)))
    return _filled(_grown(core))


def _shrunk(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
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


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Runs of each row are joined with those they touch in the row above (union-find)."""
    height, width = mask.shape
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = (part.tolist() for part in np.nonzero(edges == 1))
    ends: list[int] = np.nonzero(edges == -1)[1].tolist()
    root = list(range(len(rows)))

    def find_root(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    above = 0
    for i, row in enumerate(rows):
        while rows[above] < row - 1 or (rows[above] == row - 1 and ends[above] <= starts[i]):
            above += 1
        j = above
        while j < i and rows[j] == row - 1 and starts[j] < ends[i]:
            root[find_root(j)] = find_root(i)
            j += 1
    sizes = [0] * len(rows)
    for i in range(len(rows)):
        sizes[find_root(i)] += ends[i] - starts[i]
    kept = np.zeros((height, width), dtype=bool)
    if rows:
        largest = sizes.index(max(sizes))
        for i, row in enumerate(rows):
            if find_root(i) == largest:
                kept[row, starts[i] : ends[i]] = True
    return kept


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Every pixel with the region on both its sides, in its row and in its column."""
    return _between(mask, 0) & _between(mask, 1)


def _between(mask: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    before = np.maximum.accumulate(mask, axis=axis)
    after = np.flip(np.maximum.accumulate(np.flip(mask, axis), axis=axis), axis)
    return before & after
