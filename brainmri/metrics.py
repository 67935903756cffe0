"""Classification metrics with 95 % intervals; pure functions on arrays.

Shapes: `y_true` (n,) and `y_pred` (n,) class numbers, `y_prob` (n, k), `groups` (n,) cluster
numbers. A metric without a value (nothing to divide by) is an `Estimate` of None with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_Z = 1.959963984540054
"""97.5 % point of the normal distribution."""

RESAMPLES = 1000


@dataclass(frozen=True)
class Estimate:
    """A metric, its 95 % interval and the number of images behind it.

    Attributes:
        value: 0-1, or None with a `reason`.
        low, high: ends of the interval; None where there is none.
        n: images that the metric divides by.
        k: images counted, for proportions ("3 of 906").
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    k: int | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Curve:
    """A curve by falling threshold: x and y (m,), and the threshold (m,) of each point."""

    x: Floats
    y: Floats
    thresholds: Floats


def confusion_matrix(y_true: Ints, y_pred: Ints, k: int) -> Ints:
    """Counts (k, k): row = truth, column = answer."""
    return np.bincount(y_true * k + y_pred, minlength=k * k).reshape(k, k)


def proportion(k: int, n: int, *, nothing: str = "no images") -> Estimate:
    """K of n with the Wilson score interval (Wilson 1927; Brown, Cai and DasGupta 2001)."""
    if n == 0:
        return Estimate(None, None, None, 0, 0, nothing)
    p, z2 = k / n, _Z**2
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * np.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    low = 0.0 if k == 0 else float(middle - half)
    high = 1.0 if k == n else float(middle + half)
    return Estimate(p, low, high, n, k)


def accuracy(matrix: Ints) -> Estimate:
    """Share of images on the diagonal."""
    return proportion(int(np.trace(matrix)), int(matrix.sum()))


def precision(matrix: Ints, c: int) -> Estimate:
    """Of the images called class `c`, the share that are."""
    return proportion(int(matrix[c, c]), int(matrix[:, c].sum()), nothing="never predicted")


def recall(matrix: Ints, c: int) -> Estimate:
    """Of the images of class `c`, the share that was called so (sensitivity)."""
    return proportion(int(matrix[c, c]), int(matrix[c].sum()), nothing="no images of this class")


def sensitivity(matrix: Ints, negative: int) -> Estimate:
    """Of the images with a tumour, the share called any tumour class."""
    rows = np.delete(matrix, negative, axis=0)
    missed = int(rows[:, negative].sum())
    return proportion(int(rows.sum()) - missed, int(rows.sum()), nothing="no tumour images")


def specificity(matrix: Ints, negative: int) -> Estimate:
    """Of the images without a tumour, the share called so."""
    row = matrix[negative]
    return proportion(int(row[negative]), int(row.sum()), nothing="no images without a tumour")


def missed_tumours(matrix: Ints, negative: int) -> Estimate:
    """Of the images with a tumour, the share called negative (false negative rate)."""
    rows = np.delete(matrix, negative, axis=0)
    return proportion(int(rows[:, negative].sum()), int(rows.sum()), nothing="no tumour images")


def false_alarms(matrix: Ints, negative: int) -> Estimate:
    """Of the images without a tumour, the share called a tumour class (false positive rate)."""
    row = matrix[negative]
    return proportion(
        int(row.sum() - row[negative]), int(row.sum()), nothing="no images without a tumour"
    )


def f1_scores(matrices: NDArray[np.generic]) -> Floats:
    """F1 per class, 2 TP / (2 TP + FP + FN), for matrices (..., k, k); nan where a class is absent."""
    counts = np.asarray(matrices, dtype=np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    total = counts.sum(axis=-1) + counts.sum(axis=-2)
    return _divide(2 * hits, total, np.nan)


def weighted_averages(matrices: NDArray[np.generic]) -> Floats:
    """Precision, recall and F1 averaged over classes by support, (..., 3), for (..., k, k).

    A class that is never predicted counts with precision 0, as scikit-learn's zero_division=0.
    """
    counts = np.asarray(matrices, dtype=np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    support, answers = counts.sum(axis=-1), counts.sum(axis=-2)
    each = np.stack(
        [
            _divide(hits, answers, 0.0),
            _divide(hits, support, 0.0),
            np.nan_to_num(f1_scores(counts)),
        ],
        axis=-2,
    )
    weights = _divide(support, support.sum(axis=-1, keepdims=True), 0.0)
    result: Floats = (each * weights[..., None, :]).sum(axis=-1)
    return result


def resampled_matrices(
    y_true: Ints, y_pred: Ints, k: int, groups: Ints, *, seed: int = 0, resamples: int = RESAMPLES
) -> Floats:
    """Confusion matrices (resamples, k, k) of bootstrap samples that draw whole groups.

    Near-duplicates stand or fall together, so drawing single images would make intervals too short
    (Field and Welsh 2007, cluster bootstrap).
    """
    counts, group = resampled_counts(groups, seed, resamples)
    per_group = np.zeros((counts.shape[1], k * k))
    np.add.at(per_group, (group, y_true * k + y_pred), 1)
    return (counts @ per_group).reshape(resamples, k, k)


def f1(matrix: Ints, resampled: Floats, c: int) -> Estimate:
    """F1 of class `c`; interval from `resampled_matrices`."""
    value = float(f1_scores(matrix)[c])
    n = int(matrix[c].sum())
    if np.isnan(value):
        return Estimate(None, None, None, n, reason="no images of this class")
    return bootstrap_estimate(value, f1_scores(resampled)[:, c], n)


def weighted(matrix: Ints, resampled: Floats) -> dict[str, Estimate]:
    """Support-weighted precision, recall and F1; intervals from `resampled_matrices`."""
    names, n = ("precision", "recall", "f1"), int(matrix.sum())
    if n == 0:
        return dict.fromkeys(names, Estimate(None, None, None, 0, reason="no images"))
    value, drawn = weighted_averages(matrix), weighted_averages(resampled)
    return {
        name: bootstrap_estimate(float(value[i]), drawn[:, i], n) for i, name in enumerate(names)
    }


def roc_curve(positive: NDArray[np.bool_], score: NDArray[np.floating]) -> Curve:
    """False positive rate (x) and true positive rate (y); every distinct score is a point.

    Raises:
        ValueError: only one kind of image.
    """
    tp, fp, thresholds = _cumulated(positive, score, np.ones((1, len(score))))
    if not tp[0, -1] or not fp[0, -1]:
        raise ValueError("a ROC curve needs positive and negative images")
    start = np.zeros(1)
    return Curve(
        np.concatenate([start, fp[0] / fp[0, -1]]),
        np.concatenate([start, tp[0] / tp[0, -1]]),
        np.concatenate([[np.inf], thresholds]),
    )


def precision_recall_curve(positive: NDArray[np.bool_], score: NDArray[np.floating]) -> Curve:
    """Recall (x) and precision (y); every distinct score is a point.

    Raises:
        ValueError: no positive image.
    """
    tp, fp, thresholds = _cumulated(positive, score, np.ones((1, len(score))))
    if not tp[0, -1]:
        raise ValueError("a precision-recall curve needs positive images")
    return Curve(tp[0] / tp[0, -1], tp[0] / (tp[0] + fp[0]), thresholds)


def areas(
    positive: NDArray[np.bool_],
    score: NDArray[np.floating],
    groups: Ints,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[Estimate, Estimate]:
    """Area under the ROC curve and average precision, with cluster-bootstrap intervals.

    The first is the trapezoidal area (equal to the Mann-Whitney statistic), the second
    sum (R_i - R_(i-1)) P_i without interpolation, as in scikit-learn.
    """
    n, n_positive = len(positive), int(positive.sum())
    if n_positive in (0, n):
        reason = "no images of this class" if n_positive == 0 else "only images of this class"
        absent = Estimate(None, None, None, n, reason=reason)
        return absent, absent
    counts, group = resampled_counts(groups, seed, resamples)
    weights = np.concatenate([np.ones((1, n)), counts[:, group]])
    tp, fp, _ = _cumulated(positive, score, weights)
    area, average = _areas(tp, fp)
    return (
        bootstrap_estimate(float(area[0]), area[1:], n),
        bootstrap_estimate(float(average[0]), average[1:], n),
    )


def resampled_areas(
    positive: NDArray[np.bool_],
    score: NDArray[np.floating],
    groups: Ints,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Floats:
    """Both areas (resamples, 2) of the bootstrap samples that `resampled_matrices` draws; may be nan.

    Two scores of the same images with the same seed are drawn together, as a paired difference needs.
    """
    counts, group = resampled_counts(groups, seed, resamples)
    tp, fp, _ = _cumulated(positive, score, counts[:, group])
    return np.stack(_areas(tp, fp), axis=1)


def _areas(tp: Floats, fp: Floats) -> tuple[Floats, Floats]:
    zero = np.zeros((len(tp), 1))
    tpr = np.hstack([zero, _divide(tp, tp[:, -1:], np.nan)])
    fpr = np.hstack([zero, _divide(fp, fp[:, -1:], np.nan)])
    area = np.sum(np.diff(fpr) * (tpr[:, 1:] + tpr[:, :-1]) / 2, axis=1)
    average = np.sum(np.diff(tpr) * _divide(tp, tp + fp, 0.0), axis=1)
    return area, average


def _cumulated(
    positive: NDArray[np.bool_], score: NDArray[np.floating], weights: Floats
) -> tuple[Floats, Floats, Floats]:
    """Weighted true and false positives (r, m) at the m distinct scores, highest first."""
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    hit = positive[order]
    ordered = weights[:, order]
    tp = np.cumsum(ordered * hit, axis=1)[:, last]
    fp = np.cumsum(ordered * ~hit, axis=1)[:, last]
    return tp, fp, ranked[last].astype(np.float64)


def resampled_counts(groups: Ints, seed: int, resamples: int) -> tuple[Floats, Ints]:
    """How often each group is drawn in each resample (resamples, g), and the group of each row."""
    _, group = np.unique(groups, return_inverse=True)
    g = int(group.max()) + 1
    generator = np.random.default_rng(seed)
    counts = generator.multinomial(g, np.full(g, 1 / g), size=resamples)
    return counts.astype(np.float64), group


def bootstrap_estimate(value: float, drawn: Floats, n: int) -> Estimate:
    """Percentile interval, stretched where needed to hold the value itself."""
    usable = drawn[np.isfinite(drawn)]
    if len(usable) == 0:
        return Estimate(value, None, None, n, reason="too few images for an interval")
    low, high = np.quantile(usable, [0.025, 0.975])
    return Estimate(value, min(float(low), value), max(float(high), value), n)


def _divide(numerator: Floats, denominator: Floats, otherwise: float) -> Floats:
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    out = np.full(numerator.shape, otherwise)
    return np.divide(numerator, denominator, out=out, where=denominator != 0)
