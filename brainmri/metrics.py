"""Classification metrics with 95 % intervals; pure functions on arrays.

Shapes: `y_true` (n,) and `y_pred` (n,) class numbers, `y_prob` (n, k), `groups` (n,) cluster
numbers. A metric without a value (nothing to divide by) is an `Estimate` of None with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainmri import intervals

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

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


def proportion(
    k: int, n: int, *, nothing: str = "no images", design_effect: float = 1.0
) -> Estimate:
    """K of n with the Wilson score interval (Wilson 1927; Brown, Cai and DasGupta 2001).

    With a `design_effect` the interval is that of n / design_effect images (Rao and Scott 1992).
    """
    if n == 0:
        return Estimate(None, None, None, 0, 0, nothing)
    return Estimate(k / n, *intervals.wilson(k / n, n / design_effect), n, k)


def accuracy(matrix: Ints, per_group: Ints | None = None) -> Estimate:
    """Share of images on the diagonal.

    Here and below, `per_group` are the confusion matrices (g, k, k) of the clusters of near-duplicates
    that sum to `matrix`; without them every image counts as independent.
    """
    return _share(
        lambda m: (np.trace(m, axis1=-2, axis2=-1), m.sum(axis=(-2, -1))), matrix, per_group
    )


def precision(matrix: Ints, c: int, per_group: Ints | None = None) -> Estimate:
    """Of the images called class `c`, the share that are."""
    return _share(
        lambda m: (m[..., c, c], m[..., :, c].sum(axis=-1)), matrix, per_group, "never predicted"
    )


def recall(matrix: Ints, c: int, per_group: Ints | None = None) -> Estimate:
    """Of the images of class `c`, the share that was called so (sensitivity)."""
    return _share(
        lambda m: (m[..., c, c], m[..., c, :].sum(axis=-1)),
        matrix,
        per_group,
        "no images of this class",
    )


def sensitivity(matrix: Ints, negative: int, per_group: Ints | None = None) -> Estimate:
    """Of the images with a tumour, the share called any tumour class."""
    return _share(
        lambda m: (_tumours(m, negative) - _missed(m, negative), _tumours(m, negative)),
        matrix,
        per_group,
        "no tumour images",
    )


def specificity(matrix: Ints, negative: int, per_group: Ints | None = None) -> Estimate:
    """Of the images without a tumour, the share called so."""
    return _share(
        lambda m: (m[..., negative, negative], m[..., negative, :].sum(axis=-1)),
        matrix,
        per_group,
        "no images without a tumour",
    )


def missed_tumours(matrix: Ints, negative: int, per_group: Ints | None = None) -> Estimate:
    """Of the images with a tumour, the share called negative (false negative rate)."""
    return _share(
        lambda m: (_missed(m, negative), _tumours(m, negative)),
        matrix,
        per_group,
        "no tumour images",
    )


def false_alarms(matrix: Ints, negative: int, per_group: Ints | None = None) -> Estimate:
    """Of the images without a tumour, the share called a tumour class (false positive rate)."""
    return _share(
        lambda m: (
            m[..., negative, :].sum(axis=-1) - m[..., negative, negative],
            m[..., negative, :].sum(axis=-1),
        ),
        matrix,
        per_group,
        "no images without a tumour",
    )


def _tumours(matrices: Ints, negative: int) -> Ints:
    tumours: Ints = matrices.sum(axis=(-2, -1)) - matrices[..., negative, :].sum(axis=-1)
    return tumours


def _missed(matrices: Ints, negative: int) -> Ints:
    missed: Ints = matrices[..., :, negative].sum(axis=-1) - matrices[..., negative, negative]
    return missed


def _share(
    count: Callable[[Ints], tuple[Ints, Ints]],
    matrix: Ints,
    per_group: Ints | None,
    nothing: str = "no images",
) -> Estimate:
    """The proportion that `count` reads, hits and images, off a matrix or a stack of them."""
    k, n = (int(number) for number in count(matrix))
    effect = 1.0 if per_group is None or n == 0 else intervals.design_effect(*count(per_group))
    return proportion(k, n, nothing=nothing, design_effect=effect)


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
    per_group = group_matrices(y_true, y_pred, k, group, counts.shape[1])
    return (counts @ per_group.reshape(-1, k * k)).reshape(resamples, k, k)


def group_matrices(y_true: Ints, y_pred: Ints, k: int, group: Ints, groups: int) -> Ints:
    """Confusion matrix (groups, k, k) of each group, for `group` numbers (n,) below `groups`."""
    cell = (group * k + y_true) * k + y_pred
    return np.bincount(cell, minlength=groups * k * k).reshape(groups, k, k)


def f1(matrix: Ints, resampled: Floats, c: int) -> Estimate:
    """F1 of class `c`; interval from `resampled_matrices`."""
    value = float(f1_scores(matrix)[c])
    n = int(matrix[c].sum())
    if np.isnan(value):
        return Estimate(None, None, None, n, reason="no images of this class")
    return _logit_estimate(value, f1_scores(resampled)[:, c], n, _effective(resampled, c))


def weighted(matrix: Ints, resampled: Floats) -> dict[str, Estimate]:
    """Support-weighted precision, recall and F1; intervals from `resampled_matrices`."""
    names, n = ("precision", "recall", "f1"), int(matrix.sum())
    if n == 0:
        return dict.fromkeys(names, Estimate(None, None, None, 0, reason="no images"))
    value, drawn = weighted_averages(matrix), weighted_averages(resampled)
    effective = min(
        (_effective(resampled, c) for c in np.flatnonzero(matrix.sum(axis=1))), default=n
    )
    return {
        name: _logit_estimate(float(value[i]), drawn[:, i], n, effective)
        for i, name in enumerate(names)
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
    effective = min(intervals.effective_size(counted[1:, -1]) for counted in (tp, fp))
    return (
        _logit_estimate(float(area[0]), area[1:], n, effective, few=True),
        _logit_estimate(float(average[0]), average[1:], n, effective, few=True),
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


def _logit_estimate(
    value: float, drawn: Floats, n: int, effective: float, *, few: bool = False
) -> Estimate:
    """The interval of `intervals.logit_interval`; at 0 or 1 that of a proportion of as many images."""
    if len(drawn) == 0 or np.isnan(drawn).all():
        return Estimate(value, None, None, n, reason="too few images for an interval")
    found = intervals.logit_interval(value, drawn, effective, few=few)
    if found is None:
        reason = "too few independent images for an interval"
        return Estimate(value, None, None, n, reason=reason)
    return Estimate(value, *found, n)


def _effective(resampled: Floats, c: int) -> float:
    """Independent images that those of class `c` are worth."""
    return intervals.effective_size(resampled[:, c].sum(axis=-1))


def _divide(numerator: Floats, denominator: Floats, otherwise: float) -> Floats:
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    out = np.full(numerator.shape, otherwise)
    return np.divide(numerator, denominator, out=out, where=denominator != 0)
