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


def _overlay(share: NDArray[np.float32]) -> str:
    smooth = np.asarray(
        Image.fromarray(share.astype(np.float32)).resize(
            (_SIDE_PX, _SIDE_PX), Image.Resampling.BICUBIC
        )
    )
    pixels = _colours()[np.rint(255 * np.clip(smooth, 0, 1)).astype(np.uint8)]
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return png_uri(buffer.getvalue())


@cache
def _colours() -> NDArray[np.uint8]:
    """Red, green, blue and opacity for 256 shares of the strongest evidence, uint8 (256, 4)."""
    share = np.linspace(0, 1, 256)
    scale = sample_colorscale(_SCALE, (_DARKEST + (1 - _DARKEST) * share).tolist())
    rgb = [[float(part) for part in one[4:-1].split(",")] for one in scale]
    opacity = np.clip((share - _SEEN_FROM) / (0.6 - _SEEN_FROM), 0, 1)
    return np.column_stack([np.array(rgb), 255 * opacity]).round().astype(np.uint8)
