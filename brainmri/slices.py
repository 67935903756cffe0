"""Figures of a run by any property of the images, to find where it is weak."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from brainmri import metrics
from brainmri.metrics import Estimate, Ints

FEWEST = 10
"""Images that a figure of a slice divides by; with fewer it is not ranked."""

_KEYS = {"path", "file_sha256", "pixel_sha256", "phash", "phash_mirrored", "cluster", "split"}
_MOST_NAMES = 12
"""Different values of a column that get a slice each; the rest share one, or numbers are binned."""
_BINS = 5

Metric = Callable[[Ints, Ints, Ints], Estimate]
"""(y_true, y_pred, groups) of the rows of a slice to one figure."""


@dataclass(frozen=True)
class Slice:
    """The images that share a value of one property.

    Attributes:
        value: "web", "0.12 to 0.19", "not recorded".
        rows: their row numbers.
        n: how many there are.
        estimate: the metric on them; None with a reason where it divides by fewer than `FEWEST`.
    """

    value: str
    rows: Ints
    n: int
    estimate: Estimate


def properties(rows: pd.DataFrame) -> dict[str, pd.Series[str]]:
    """What images can be sliced by: every column of the index or its metadata, as words.

    Numbers with more than a dozen values are cut into five parts with equally many images; columns
    that name single images are left out, and so are those with one value only.

    Args:
        rows: rows of the image index, one per image, in any order.

    Returns:
        Name of the property to its value per row; the order of the categories is theirs to show.
    """
    size = rows["width_px"].astype(str) + " × " + rows["height_px"].astype(str)
    found = {"size": _named(size)}
    for name in rows.columns:
        if name not in _KEYS:
            words = _words(rows[name])
            if words is not None:
                found[str(name)] = words
    return {name: words for name, words in found.items() if words.nunique() > 1}


def metrics_of(classes: list[str], negative: int) -> dict[str, Metric]:
    """The metrics that slices can be ranked by, by name; higher is better for all of them."""
    k = len(classes)

    def right(y_true: Ints, y_pred: Ints, groups: Ints) -> Estimate:
        return metrics.share(y_true == y_pred, groups)

    def sensitivity(y_true: Ints, y_pred: Ints, groups: Ints) -> Estimate:
        rows = y_true != negative
        return metrics.share(y_pred[rows] != negative, groups[rows], nothing="no tumour images")

    def recall(y_true: Ints, y_pred: Ints, groups: Ints, *, c: int, nothing: str) -> Estimate:
        rows = y_true == c
        return metrics.share(y_pred[rows] == c, groups[rows], nothing=nothing)

    def f1(y_true: Ints, y_pred: Ints, groups: Ints) -> Estimate:
        matrix = metrics.confusion_matrix(y_true, y_pred, k)
        return metrics.weighted(matrix, metrics.resampled_matrices(y_true, y_pred, k, groups))["f1"]

    return {
        "accuracy": right,
        "tumours found": sensitivity,
        "no tumour recognised": partial(recall, c=negative, nothing="no images without a tumour"),
        "weighted F1": f1,
        **{
            f"{name} found": partial(recall, c=c, nothing="no images of this class")
            for c, name in enumerate(classes)
            if c != negative
        },
    }


def slices(
    value: pd.Series[str],
    metric: Metric,
    *,
    y_true: Ints,
    y_pred: Ints,
    groups: Ints,
) -> list[Slice]:
    """A metric on the images of each value of a property, worst first, too small ones last.

    Args:
        value: of each image (n,), as from `properties`.
        metric: one of `metrics_of`.
        y_true, y_pred: class numbers (n,).
        groups: near-duplicate cluster of each image (n,).
    """
    found = []
    codes, names = pd.factorize(value)
    for code, name in enumerate(names):
        rows = np.flatnonzero(codes == code)
        estimate = metric(y_true[rows], y_pred[rows], groups[rows])
        if estimate.value is not None and estimate.n < FEWEST:
            few = f"too few images ({estimate.n}; a figure needs {FEWEST})"
            estimate = Estimate(None, None, None, estimate.n, reason=few)
        found.append(Slice(str(name), rows, len(rows), estimate))

    def merit(one: Slice) -> tuple[bool, float, str]:
        absent = one.estimate.value is None
        return absent, one.estimate.value or 0.0, one.value

    return sorted(found, key=merit)


def _words(column: pd.Series[Any]) -> pd.Series[str] | None:
    numbers = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if numbers and column.nunique() > _MOST_NAMES:
        return _binned(column.astype("Float64").astype(float))
    words = column.astype("string").fillna("not recorded")
    if not numbers and words.nunique() > max(_MOST_NAMES, len(words) / 2):
        return None  # It names single images, as a file name does.
    return _named(words)


def _named(words: pd.Series[str]) -> pd.Series[str]:
    common = words.value_counts().index[:_MOST_NAMES]
    return words.where(words.isin(common), "others").astype(str)


def _binned(numbers: pd.Series[float]) -> pd.Series[str]:
    """Fifths by rank of value, named by their smallest and largest number."""
    bins = pd.qcut(numbers, _BINS, labels=False, duplicates="drop")
    ends = numbers.groupby(bins).agg(["min", "max"])
    names = {b: f"{_short(low)} to {_short(high)}" for b, low, high in ends.itertuples()}
    return bins.map(names).fillna("not recorded").astype(str)


def _short(number: float) -> str:
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:.3g}"
