"""Image quality: what can be measured on a thumbnail, and which images are far from the rest.

Every measurement is made at one scale, on the thumbnail of THUMBNAIL_PX x THUMBNAIL_PX pixels, so that
images of different sizes compare; detail that only a larger picture shows is not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

BACKGROUND = 25
"""Grey levels (of 255) up to this one count as the dark ground of a scan: a tenth."""
SPREADS, SIZE_SPREADS = 3.0, 5.0
"""How many robust standard deviations from the median are far; sizes have heavier tails."""
_COMMON_SHARE, _COMMON_COUNT = 0.01, 5
"""A size that this share of the images has, and at least so many, is a common one."""
_NORMAL_MAD = 1.4826
"""A normal distribution's standard deviation, in median absolute deviations."""
_NORMAL_RANGE = 3.92
"""Its central 95 %, in standard deviations."""

FLAGS = ("dark", "bright", "blurred", "odd_size", "low_information")


@dataclass(frozen=True)
class _Rule:
    """An image has the flag when its property is `spreads` below (-1), above (1) or either (0)."""

    flag: str
    property: str
    side: int
    logarithm: bool = False
    spreads: float = SPREADS
    least_spread: float = 0.0


# Many sets have one size only: a tenth of a doubling (7 %) is the least that counts as a deviation.
# Brightness and sharpness are ratios by nature: their logarithms are close to symmetric.
_RULES = (
    _Rule("dark", "brightness", -1, logarithm=True),
    _Rule("bright", "brightness", 1, logarithm=True),
    _Rule("blurred", "fineness", -1, logarithm=True),
    _Rule("low_information", "entropy_bits", -1),
    _Rule("odd_size", "aspect_log2", 0, spreads=SIZE_SPREADS, least_spread=0.1),
    _Rule("odd_size", "size_distance_log2", 1, spreads=SIZE_SPREADS, least_spread=0.1),
)


def measure(thumbnails: NDArray[np.uint8]) -> dict[str, Floats]:
    """What each thumbnail shows, float64 (n,) by name.

    `sharpness` is the variance of the Laplacian (Pech-Pacheco et al. 2000) in squared grey levels of
    255. It falls with contrast too, so a dim image seems blurred; `fineness`, the mean square of the
    Laplacian over that of the gradient, depends on neither contrast nor empty ground (0 where the
    image is even). `entropy_bits` is Shannon's, of the grey levels, 0-8; `border_share` the share of
    the outermost pixels that are lighter than the ground.

    Args:
        thumbnails: uint8 (n, s, s).
    """
    sharpness, fineness = _sharpness(thumbnails)
    return {
        "sharpness": sharpness,
        "fineness": fineness,
        "entropy_bits": _entropy_bits(thumbnails),
        "border_share": (border(thumbnails) > BACKGROUND).mean(axis=1, dtype=np.float64),
    }


def border(thumbnails: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The outermost ring of pixels, corners once each, uint8 (n, 4 s - 4)."""
    top, bottom = thumbnails[:, 0], thumbnails[:, -1]
    left, right = thumbnails[:, 1:-1, 0], thumbnails[:, 1:-1, -1]
    return np.concatenate([top, bottom, left, right], axis=1)


def flagged(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Flag the images that are far from the median of all, in robust standard deviations.

    The robust standard deviation is 1.4826 MAD; where most values are equal and the MAD is 0, the
    width of the central 95 % over 3.92. Where that is 0 too, nothing is far, but for sizes, which are
    odd beyond half a doubling then.

    Args:
        table: a row per image with `width_px`, `height_px`, `brightness`, `fineness` and
            `entropy_bits`.

    Returns:
        The table with `aspect_log2` (of width / height), `size_distance_log2` (how many doublings the
        size is from the nearest common one, the larger of width's and height's) and one bool column
        per flag; and the thresholds: `flag`, `property`, `median`, `spread` (robust standard
        deviation, as a factor where `logarithm`), `spreads`, `low`, `high` (an image beyond is
        flagged), `images` (how many are).
    """
    import pandas as pd

    width = table["width_px"].to_numpy(np.float64)
    height = table["height_px"].to_numpy(np.float64)
    result = table.copy()
    result["aspect_log2"] = np.log2(width / height)
    result["size_distance_log2"] = _size_distance(width, height)
    for flag in FLAGS:
        result[flag] = False
    thresholds = []
    for rule in _RULES:
        values = result[rule.property].to_numpy(np.float64)
        scaled = np.log(np.maximum(values, np.finfo(float).tiny)) if rule.logarithm else values
        median, spread = _centre(scaled)
        spread = max(spread, rule.least_spread)
        low, high = median - rule.spreads * spread, median + rule.spreads * spread
        low, high = (low if rule.side <= 0 else -np.inf), (high if rule.side >= 0 else np.inf)
        far = ((scaled < low) | (scaled > high)) & (spread > 0)
        result[rule.flag] |= far
        back = np.exp if rule.logarithm else float
        thresholds.append(
            {
                "flag": rule.flag,
                "property": rule.property,
                "logarithm": rule.logarithm,
                "median": float(back(median)),
                "spread": float(back(spread)),
                "spreads": rule.spreads,
                "low": float(back(low)) if np.isfinite(low) else None,
                "high": float(back(high)) if np.isfinite(high) else None,
                "images": int(far.sum()),
            }
        )
    return result, pd.DataFrame(thresholds).astype({"low": float, "high": float})


def _centre(values: Floats) -> tuple[float, float]:
    """Median and robust standard deviation."""
    median = float(np.median(values))
    spread = _NORMAL_MAD * float(np.median(np.abs(values - median)))
    if spread == 0:
        low, high = np.quantile(values, [0.025, 0.975])
        spread = float(high - low) / _NORMAL_RANGE
    return median, spread


def _size_distance(width: Floats, height: Floats) -> Floats:
    """Doublings of width or height, whichever is more, to the nearest common size, float64 (n,)."""
    sizes, counts = np.unique(np.column_stack([width, height]), axis=0, return_counts=True)
    common = sizes[counts >= max(_COMMON_SHARE * len(width), _COMMON_COUNT)]
    if not len(common):
        common = np.array([[np.median(width), np.median(height)]])
    nearest = np.full(len(width), np.inf)
    for common_width, common_height in common:
        apart = np.maximum(
            np.abs(np.log2(width / common_width)), np.abs(np.log2(height / common_height))
        )
        nearest = np.minimum(nearest, apart)
    return nearest


def _sharpness(thumbnails: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    grey = thumbnails.astype(np.float32)
    inner = grey[:, 1:-1, 1:-1]
    up, down, left, right = (
        grey[:, :-2, 1:-1],
        grey[:, 2:, 1:-1],
        grey[:, 1:-1, :-2],
        grey[:, 1:-1, 2:],
    )
    laplacian = up + down + left + right - 4 * inner
    gradient = ((right - left) ** 2 + (down - up) ** 2).mean(axis=(1, 2), dtype=np.float64) / 4
    square = (laplacian**2).mean(axis=(1, 2), dtype=np.float64)
    fineness = np.divide(square, gradient, out=np.zeros_like(square), where=gradient > 0)
    return laplacian.var(axis=(1, 2), dtype=np.float64), fineness


def _entropy_bits(thumbnails: NDArray[np.uint8]) -> Floats:
    n, pixels = len(thumbnails), thumbnails[0].size if len(thumbnails) else 1
    codes = thumbnails.reshape(n, pixels) + 256 * np.arange(n)[:, np.newaxis]
    share = np.bincount(codes.ravel(), minlength=256 * n).reshape(n, 256) / pixels
    logarithm = np.log2(share, out=np.zeros_like(share), where=share > 0)
    return np.abs((share * logarithm).sum(axis=1))
