"""Figures of a run by any property of the images, to find where it is weak."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brainmri import calibration, evaluation, metrics, ranking
from brainmri.metrics import Estimate, Ints, enough

if TYPE_CHECKING:
    import pandas as pd

FEWEST = metrics.FEWEST
"""Images that a figure of a slice divides by; with fewer it is not ranked."""

KEYS = {"path", "file_sha256", "pixel_sha256", "phash", "phash_mirrored", "cluster", "split"}
"""Columns of the index that name images or hold them apart, and are no property."""
_MOST_NAMES = 12
"""Different values of a column that get a slice each; the rest share one, or numbers are binned."""
_BINS = 5
_OTHERS = "others"

Metric = Callable[[Ints], Estimate]
"""Confusion matrices (g, k, k) of the near-duplicate clusters of a slice to one figure."""
Scored = Callable[[Ints, NDArray[np.floating], Ints], Estimate]
"""Classes (n,), probabilities (n, k) and clusters (n,) of the images of a slice to one figure."""

MISSED, FALSE_ALARMS = "missed tumours", "false alarms"
AUC, CALIBRATION = "tumour AUC", "calibration error"
HIGH_IS_WORST = frozenset({MISSED, FALSE_ALARMS, CALIBRATION})
"""The figures of which more is worse."""


@dataclass(frozen=True)
class Slice:
    """The images that share a value of one property.

    Attributes:
        value: "web", "0.12 to 0.19", "not recorded".
        matrix: their confusion matrix, int64 (k, k).
        estimate: the metric on them; None with a reason where it divides by fewer than `metrics.FEWEST`.
    """

    value: str
    matrix: Ints
    estimate: Estimate

    @property
    def n(self) -> int:
        """How many images there are."""
        return int(self.matrix.sum())

    @property
    def wrong(self) -> int:
        """How many of them got a wrong answer."""
        return self.n - int(self.matrix.trace())


def properties(rows: pd.DataFrame) -> dict[str, pd.Series[str]]:
    """What images can be sliced by: every column of the index or its metadata, as words.

    Numbers with more than a dozen values are cut into five parts with equally many images; columns
    that name single images are left out, and so are those with one value only.

    Args:
        rows: rows of the image index, one per image, in any order.

    Returns:
        Name of the property to its value per row; the order of the categories is theirs to show.
    """
    found = {"size": _sizes(rows)}
    for name in rows.columns:
        if name not in KEYS:
            words = _words(rows[name])
            if words is not None:
                found[str(name)] = words
    return {name: words for name, words in found.items() if words.nunique() > 1}


def metrics_of(classes: list[str], negative: int) -> dict[str, Metric]:
    """The metrics of answers that slices can be ranked by, by name; `HIGH_IS_WORST` says where to look."""

    def right(per_group: Ints) -> Estimate:
        return metrics.accuracy(per_group.sum(axis=0), per_group)

    def sensitivity(per_group: Ints) -> Estimate:
        return metrics.sensitivity(per_group.sum(axis=0), negative, per_group)

    def specificity(per_group: Ints) -> Estimate:
        return metrics.specificity(per_group.sum(axis=0), negative, per_group)

    def missed(per_group: Ints) -> Estimate:
        return metrics.missed_tumours(per_group.sum(axis=0), negative, per_group)

    def false_alarms(per_group: Ints) -> Estimate:
        return metrics.false_alarms(per_group.sum(axis=0), negative, per_group)

    def precision(per_group: Ints, *, c: int) -> Estimate:
        return metrics.precision(per_group.sum(axis=0), c, per_group)

    def class_f1(per_group: Ints, *, c: int) -> Estimate:
        counts = metrics.drawn_counts(len(per_group))
        drawn = metrics.drawn_matrices(per_group, counts)
        return metrics.f1(per_group.sum(axis=0), drawn, c)

    def recall(per_group: Ints, *, c: int) -> Estimate:
        return metrics.recall(per_group.sum(axis=0), c, per_group)

    def f1(per_group: Ints) -> Estimate:
        counts = metrics.drawn_counts(len(per_group))
        drawn = metrics.drawn_matrices(per_group, counts)
        return metrics.weighted(per_group.sum(axis=0), drawn)["f1"]

    return {
        "accuracy": right,
        "tumours found": sensitivity,
        "no tumour recognised": specificity,
        MISSED: missed,
        FALSE_ALARMS: false_alarms,
        "weighted F1": f1,
        **{
            f"{name} found": partial(recall, c=c) for c, name in enumerate(classes) if c != negative
        },
        **{f"{name} right when said": partial(precision, c=c) for c, name in enumerate(classes)},
        **{f"F1 of {name}": partial(class_f1, c=c) for c, name in enumerate(classes)},
    }


def scored_metrics_of(negative: int) -> dict[str, Scored]:
    """The metrics of probabilities that slices can be ranked by, by name."""

    def area(y_true: Ints, y_prob: NDArray[np.floating], groups: Ints) -> Estimate:
        positive, score = evaluation.tumour_scores(y_true, y_prob, negative)
        tumours = int(positive.sum())
        if tumours in (0, len(positive)):
            reason = "only tumour images" if tumours else "no tumour images"
            return Estimate(None, None, None, len(positive), reason=reason)
        found, _ = ranking.areas(positive, score, groups)
        return enough(found, of=min(tumours, len(positive) - tumours))

    def error(y_true: Ints, y_prob: NDArray[np.floating], groups: Ints) -> Estimate:
        return calibration.ece(y_true, y_prob, groups).ece

    return {AUC: area, CALIBRATION: error}


def mistakes_of(classes: list[str], negative: int) -> dict[str, tuple[str | None, str | None]]:
    """The mistakes that worsen each of `metrics_of`: wrong answers (truth, answer), None being any class.

    For the F1 of a class, and for figures of probabilities, they are all: no single cell holds theirs.
    """
    every = None, None
    return {
        "accuracy": every,
        "tumours found": (None, classes[negative]),
        "no tumour recognised": (classes[negative], None),
        MISSED: (None, classes[negative]),
        FALSE_ALARMS: (classes[negative], None),
        "weighted F1": every,
        **{f"{name} found": (name, None) for c, name in enumerate(classes) if c != negative},
        **{f"{name} right when said": (None, name) for name in classes},
        **{f"F1 of {name}": every for name in classes},
    }


def stands_apart(ranked: list[Slice], *, high_is_worst: bool = False) -> bool:
    """Whether the worst slice is clearly worse than some other one: its interval does not meet theirs.

    Not only than the best: that one may be a small slice without a mistake, whose interval is wide.
    Two 95 % intervals that do not meet differ at a level of about 0.6 %, so that one worst slice among
    a dozen still says something (Schenker and Gentleman 2001, The American Statistician 55:182).
    """
    if high_is_worst:
        low = ranked[0].estimate.low if ranked else None
        highs = [one.estimate.high for one in ranked[1:] if one.estimate.high is not None]
        return low is not None and any(high < low for high in highs)
    high = ranked[0].estimate.high if ranked else None
    lows = [one.estimate.low for one in ranked[1:] if one.estimate.low is not None]
    return high is not None and any(high < low for low in lows)


def slices(
    value: pd.Series[str],
    metric: Metric,
    *,
    y_true: Ints,
    y_pred: Ints,
    groups: Ints,
    k: int,
    high_is_worst: bool = False,
) -> list[Slice]:
    """A metric on the images of each value of a property, worst first, too small ones last.

    Args:
        value: of each image (n,), as from `properties`.
        metric: one of `metrics_of`.
        y_true, y_pred: class numbers (n,), below `k`.
        groups: near-duplicate cluster of each image (n,).
        k: number of classes.
        high_is_worst: more of the metric is worse.
    """
    import pandas as pd

    found = {}
    codes, names = pd.factorize(value)
    for code, name in enumerate(names):
        rows = np.flatnonzero(codes == code)
        numbers, group = np.unique(groups[rows], return_inverse=True)
        found[str(name)] = metrics.group_matrices(
            y_true[rows], y_pred[rows], k, group, len(numbers)
        )
    return ranked(found, metric, high_is_worst=high_is_worst)


def ranked(
    per_value: Mapping[str, Ints], metric: Metric, *, high_is_worst: bool = False
) -> list[Slice]:
    """As `slices`, from the confusion matrices (g, k, k) of the clusters of each value."""
    found = [
        Slice(value, per_group.sum(axis=0), enough(metric(per_group)))
        for value, per_group in per_value.items()
    ]
    return _worst_first(found, high_is_worst)


def scored_slices(
    value: pd.Series[str],
    metric: Scored,
    *,
    y_true: Ints,
    y_prob: NDArray[np.floating],
    groups: Ints,
    high_is_worst: bool = False,
) -> list[Slice]:
    """As `slices`, by one of `scored_metrics_of`, which need probabilities (n, k)."""
    import pandas as pd

    found = []
    codes, names = pd.factorize(value)
    y_pred = y_prob.argmax(axis=1)
    for code, name in enumerate(names):
        rows = np.flatnonzero(codes == code)
        matrix = metrics.confusion_matrix(y_true[rows], y_pred[rows], y_prob.shape[1])
        estimate = enough(metric(y_true[rows], y_prob[rows], groups[rows]))
        found.append(Slice(str(name), matrix, estimate))
    return _worst_first(found, high_is_worst)


def _worst_first(found: list[Slice], high_is_worst: bool) -> list[Slice]:
    sign = -1.0 if high_is_worst else 1.0

    def merit(one: Slice) -> tuple[bool, float, str]:
        absent = one.estimate.value is None
        return absent, sign * (one.estimate.value or 0.0), one.value

    return sorted(found, key=merit)


def _words(column: pd.Series[Any]) -> pd.Series[str] | None:
    import pandas as pd

    numbers = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if numbers and column.nunique() > _MOST_NAMES:
        return _binned(column.astype("Float64").astype(float))
    words = column.astype("string").fillna("not recorded")
    if not numbers and words.nunique() > max(_MOST_NAMES, len(words) / 2):
        return None  # It names single images, as a file name does.
    return _named(words)


def _named(words: pd.Series[str]) -> pd.Series[str]:
    common = words.value_counts().index[:_MOST_NAMES]
    return words.where(words.isin(common), _OTHERS).astype(str)


def _sizes(rows: pd.DataFrame) -> pd.Series[str]:
    """The commonest sizes by name, and the rest cut into ranges of the longer side."""
    named = _named(rows["width_px"].astype(str) + " × " + rows["height_px"].astype(str))
    rest = named == _OTHERS
    longer = rows.loc[rest, ["width_px", "height_px"]].max(axis=1)
    if longer.nunique() <= _BINS:
        return named
    return named.mask(rest, "another, longer side " + _binned(longer.astype(float)))


def _binned(numbers: pd.Series[float]) -> pd.Series[str]:
    """Fifths by rank of value, named by their smallest and largest number."""
    import pandas as pd

    bins = pd.qcut(numbers, _BINS, labels=False, duplicates="drop")
    ends = numbers.groupby(bins).agg(["min", "max"])
    names = {b: f"{_short(low)} to {_short(high)}" for b, low, high in ends.itertuples()}
    return bins.map(names).fillna("not recorded").astype(str)


def _short(number: float) -> str:
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:.3g}"
