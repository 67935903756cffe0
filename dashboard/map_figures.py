"""Class-activation maps to pictures that lie over a scan."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from plotly.colors import sample_colorscale

from dashboard.figures import png_uri

_SIDE_PX = 96
"""Of a map as it is sent; the browser draws it larger, and a map has no finer detail."""
_SCALE, _DARKEST = "Inferno", 0.35
"""The darker part of the scale could not be told from a scan."""
_SEEN_FROM = 0.15
"""Of the strongest evidence; what is weaker lets the scan shine through whole."""


def overlays(maps: Mapping[str, NDArray[np.float32]]) -> dict[str, str]:
    """Each class's map as a data URI: the stronger the evidence, the brighter and the less transparent.

    All share one scale, from nothing to the strongest evidence for any class, so that a class without
    evidence has an empty map. Evidence against a class is not drawn.

    Args:
        maps: float32 (h, w) each, in logits.
    """
    most = max((float(one.max()) for one in maps.values()), default=0.0)
    return {name: _overlay(one / most if most > 0 else one * 0) for name, one in maps.items()}


def place(box: tuple[float, float, float, float], shape_px: tuple[int, int]) -> dict[str, str]:
    """Where a map lies over a picture of this shape, (height, width), as CSS, in percent of the picture.

    Args:
        box: left, top, right and bottom of the map in pixels of the picture.
        shape_px: of the picture.
    """
    left, top, right, bottom = box
    height, width = shape_px
    shares = {
        "left": left / width,
        "top": top / height,
        "width": (right - left) / width,
        "height": (bottom - top) / height,
    }
    return {side: f"{100 * share:.3f}%" for side, share in shares.items()}


def lit(square: NDArray[np.uint8], share: NDArray[np.float32]) -> str:
    """A grey picture (s, s) under one map (h, w), shares of the strongest evidence (0-1), as a data URI.

    The stronger the evidence, the less of the picture shines through.
    """
    smooth = _smooth(share, square.shape[0])
    opacity = 0.65 * np.clip((smooth - _SEEN_FROM) / (1 - _SEEN_FROM), 0, 1)[..., None]
    mixed = square[..., None] * (1 - opacity) + _scale()[_level(smooth)] * opacity
    return _uri(mixed.round().astype(np.uint8))


def _overlay(share: NDArray[np.float32]) -> str:
    return _uri(_colours()[_level(_smooth(share, _SIDE_PX))])


def _smooth(share: NDArray[np.float32], side_px: int) -> NDArray[np.float32]:
    """A map with so many pixels a side, without its steps."""
    drawn = Image.fromarray(share.astype(np.float32))
    smooth = np.asarray(drawn.resize((side_px, side_px), Image.Resampling.BICUBIC))
    return smooth.clip(0, 1)


def _level(share: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(255 * share).astype(np.uint8)


def _uri(pixels: NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return png_uri(buffer.getvalue())


@cache
def _colours() -> NDArray[np.uint8]:
    """Red, green, blue and opacity for 256 shares of the strongest evidence, uint8 (256, 4)."""
    share = np.linspace(0, 1, 256)
    opacity = np.clip((share - _SEEN_FROM) / (0.6 - _SEEN_FROM), 0, 1)
    return np.column_stack([_scale(), 255 * opacity]).round().astype(np.uint8)


@cache
def _scale() -> NDArray[np.float64]:
    """Red, green and blue for 256 shares of the strongest evidence, 0-255 (256, 3)."""
    scale = sample_colorscale(_SCALE, np.linspace(_DARKEST, 1, 256).tolist())
    return np.array([[float(part) for part in one[4:-1].split(",")] for one in scale])
