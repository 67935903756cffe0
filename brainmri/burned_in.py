"""Whether there seems to be text in a picture, such as a name drawn into a corner; pure, no reading.

Text is a bar of thin, bright, sharp strokes: much taller things are not strokes, and much shorter bars are
no words. Tissue has such bars too, so that one inside the head has to have more strokes than one beside it.
Dark letters on white and lines that run upwards are not looked for.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainmri import head

SEEN_FROM = 7.0
"""Edges in a row of pixels, as `level` counts them, from which there seems to be text.

Set on validation slices (docs/experiments.md).
"""

_MOST_PX = 1536
_SCALES = (1.0, 1.5, 2.2, 3.3, 5.0, 7.5)
"""How much the picture is shrunk: letters of 8 pixels are found at the first, of 100 at the last."""
_SHRUNK_PX, _LEAST_PX, _STROKE_PX = 100, 16, 5
"""Longer side that it is not shrunk below; least side that is looked at; strokes are thinner than this."""
_CONTRAST, _OF_THE_BRIGHTEST, _NEAR_PX = 30, 0.45, 7
"""Grey levels that a stroke stands out by, and share of what the brightest stroke nearby does."""
_GAP_PX, _LOWEST_PX, _TALLEST_PX, _SHORTEST_PX = 9, 4, 14, 26
"""Of a bar: gaps closed between letters, its height from and below, its width from."""
_ROWS, _COLUMNS = 7, 36
"""The window in which edges are counted."""
_INSIDE = 0.45
"""Share of the edges that does not count where the window lies inside the head."""

Grey = NDArray[np.uint8]
Places = NDArray[np.intp]
_Extreme = Callable[[Grey, Grey], Grey]


def seen(pixels: Grey) -> bool:
    """Whether there seems to be a line of text in a greyscale picture (h, w)."""
    return level(pixels) >= SEEN_FROM


def level(pixels: Grey) -> float:
    """How much like text the most text-like place is: edges in a row of 36 pixels, from 0 (no bar at all).

    Args:
        pixels: greyscale (h, w).
    """
    height, width = pixels.shape
    inside = _inside(pixels, head.find(pixels))
    picture = Image.fromarray(pixels)
    first = max(1.0, max(height, width) / _MOST_PX)
    most = 0.0
    for scale in _SCALES:
        size = (round(width / (first * scale)), round(height / (first * scale)))
        if min(size) < _LEAST_PX or (scale > 1 and max(size) < _SHRUNK_PX):
            break
        small = picture if size == picture.size else picture.resize(size, Image.Resampling.BOX)
        most = max(most, _level(np.asarray(small), inside))
    return most


def _level(picture: Grey, inside: Image.Image) -> float:
    strokes = _strokes(picture)
    y, x = np.nonzero(_bars(strokes))
    if not len(y):
        return 0.0
    edges = np.zeros(picture.shape, dtype=np.bool_)
    edges[:, 1:] = strokes[:, 1:] != strokes[:, :-1]
    height, width = picture.shape
    head_here = np.asarray(inside.resize((width, height), Image.Resampling.NEAREST))
    share = _around(head_here, y, x) / (_ROWS * _COLUMNS)
    return float((_around(edges, y, x) / _ROWS * (1 - _INSIDE * share)).max())


def _strokes(picture: Grey) -> Grey:
    """1 where a pixel belongs to something thin that is brighter than what is around it, 0 elsewhere."""
    above = picture - _opened(picture, _STROKE_PX, _STROKE_PX)
    nearby = _run(_run(above, _NEAR_PX, 0, np.maximum), _NEAR_PX, 1, np.maximum)
    least = np.maximum(_CONTRAST, np.arange(256) * _OF_THE_BRIGHTEST).astype(np.uint8)
    return (above > least[nearby]).view(np.uint8)


def _bars(strokes: Grey) -> Grey:
    """Strokes joined along their rows; what is too low, too tall or too short for a line of text is gone."""
    for size, axis in ((3, 0), (_GAP_PX, 1)):
        strokes = _run(_run(strokes, size, axis, np.maximum), size, axis, np.minimum)
    bars = _opened(strokes, _LOWEST_PX, 1)
    bars = bars & (1 - _opened(bars, _TALLEST_PX, 1))
    return _opened(bars, _LOWEST_PX, _SHORTEST_PX)


def _opened(picture: Grey, height: int, width: int) -> Grey:
    """Least and then greatest in a window: bright things that do not hold the window are gone."""
    for extreme in (np.minimum, np.maximum):
        picture = _run(_run(picture, height, 0, extreme), width, 1, extreme)
    return picture


def _run(picture: Grey, size: int, axis: int, extreme: _Extreme) -> Grey:
    """Least or greatest of `size` neighbours along an axis, the outermost repeated beyond the edge."""
    if size == 1:
        return picture
    first, last = (picture[:1], picture[-1:]) if axis == 0 else (picture[:, :1], picture[:, -1:])
    before = size // 2
    # Several times as fast as np.pad.
    found = np.concatenate([*[first] * before, picture, *[last] * (size - 1 - before)], axis=axis)

    def shifted(by: int) -> Grey:
        ahead, behind = (found[by:], found[:-by]) if axis == 0 else (found[:, by:], found[:, :-by])
        return extreme(ahead, behind)

    done = 1
    while 2 * done <= size:
        found, done = shifted(done), 2 * done
    return shifted(size - done) if done < size else found


def _around(marked: NDArray[np.bool_], y: Places, x: Places) -> NDArray[np.int32]:
    """How many pixels are marked in the window around each place."""
    height, width = marked.shape
    total = np.zeros((height + 1, width + 1), dtype=np.int32)
    total[1:, 1:] = marked.cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32)
    top, left = (np.maximum(at - size // 2, 0) for at, size in ((y, _ROWS), (x, _COLUMNS)))
    bottom = np.minimum(y - _ROWS // 2 + _ROWS, height)
    right = np.minimum(x - _COLUMNS // 2 + _COLUMNS, width)
    counted: NDArray[np.int32] = (
        total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
    )
    return counted


def _inside(pixels: Grey, found: head.Head) -> Image.Image:
    """Where the head is in the whole picture, coarse; nowhere, if no head stands out."""
    (left, top, right, bottom), mask = found
    height, width = pixels.shape
    if mask.all():
        return Image.new("1", (mask.shape[1], mask.shape[0]))
    across, down = mask.shape[1] / (right - left), mask.shape[0] / (bottom - top)
    coarse = Image.new("1", (round(width * across), round(height * down)))
    coarse.paste(Image.fromarray(mask), (round(left * across), round(top * down)))
    return coarse
