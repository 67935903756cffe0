"""Classification metrics with 95 % intervals; pure functions on arrays.

Shapes: `y_true` (n,) and `y_pred` (n,) class numbers, `y_prob` (n, k), `groups` (n,) cluster
numbers. A metric without a value (nothing to divide by) is an `Estimate` of None with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from brainmri import intervals

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

RESAMPLES = 1000
ROUNDING = 1e-4
"""Intervals of areas take in the error of rounded scores where it may be larger than this."""
_BUCKET = 32
"""Images per group, on average, from which groups are not clusters but buckets of many (tally.py)."""
_CACHED = 1 << 16
"""Numbers that are worked on together: few enough to stay in the processor's cache."""


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


@dataclass(frozen=True)
class Ranking:
    """Images of one class against the rest by falling score: what curves and areas are made of.

    Attributes:
        thresholds: (m,) distinct scores, highest first.
        tp, fp: (m,) images of the class, and of the rest, with at least that score.
        groups: number of groups that can be drawn again.
        block: samples that are best drawn at once.
        resampled: from how often each group counts (groups, b) to tp and fp (m', b) of the samples;
            m' may be less than m where intervals get by with coarser scores.
        area_error, precision_error: at most so far from the exact areas, because scores were
            rounded; 0 for exact scores.
    """

    thresholds: Floats
    tp: Floats
    fp: Floats
    groups: int
    block: int
    resampled: Callable[[Floats], tuple[Floats, Floats]]
    area_error: float = 0.0
    precision_error: float = 0.0


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


def share(hit: NDArray[np.bool_], groups: Ints, *, nothing: str = "no images") -> Estimate:
    """Share of images (n,) that count, with the interval that all proportions of images have.

    Where `groups` (n,) puts every image on its own, as it does for a table without known clusters,
    that is the plain Wilson interval.
    """
    _, group = np.unique(groups, return_inverse=True)
    return clustered(np.bincount(group[hit], minlength=int(group.max(initial=-1)) + 1),
                     np.bincount(group), nothing=nothing)  # fmt: skip


def clustered(
    hits: Ints, sizes: Ints, *, nothing: str = "no images", bucketed: bool = False
) -> Estimate:
    """As `share`, from images that count (g,) and images (g,) of each cluster of near-duplicates.

    `bucketed` as in `intervals.design_effect`.
    """
    k, n = int(hits.sum()), int(sizes.sum())
    effect = intervals.design_effect(hits, sizes, bucketed=bucketed) if n else 1.0
    return proportion(k, n, nothing=nothing, design_effect=effect)


def accuracy(matrix: Ints, per_group: Ints | None = None) -> Estimate:
    """Share of images on the diagonal.

    Here and below, `per_group` are the confusion matrices (g, k, k) of the clusters of near-duplicates
    that sum to `matrix`; without them every image counts as independent.
    """
    return _of_matrix(
        lambda m: (np.trace(m, axis1=-2, axis2=-1), m.sum(axis=(-2, -1))), matrix, per_group
    )


def precision(matrix: Ints, c: int, per_group: Ints | None = None) -> Estimate:
    """Of the images called class `c`, the share that are."""
    return _of_matrix(
        lambda m: (m[..., c, c], m[..., :, c].sum(axis=-1)), matrix, per_group, "never predicted"
    )


def recall(matrix: Ints, c: int, per_group: Ints | None = None) -> Estimate:
    """Of the images of class `c`, the share that was called so (sensitivity)."""
    return called(matrix, c, c, per_group)


def called(matrix: Ints, truth: int, answer: int, per_group: Ints | None = None) -> Estimate:
    """Of the images of class `truth`, the share that was called `answer`: a cell of the matrix."""
    return _of_matrix(
        lambda m: (m[..., truth, answer], m[..., truth, :].sum(axis=-1)),
        matrix,
        per_group,
        "no images of this class",
    )


def sensitivity(matrix: Ints, negative: int, per_group: Ints | None = None) -> Estimate:
    """Of the images with a tumour, the share called any tumour class."""
    return _of_matrix(
        lambda m: (_tumours(m, negative) - _missed(m, negative), _tumours(m, negative)),
        matrix,
        per_group,
        "no tumour images",
    )


def specificity(matrix: Ints, negative: int, per_group: Ints | None = None) -> Estimate:
    """Of the images without a tumour, the share called so."""
    return _of_matrix(
        lambda m: (m[..., negative, negative], m[..., negative, :].sum(axis=-1)),
        matrix,
        per_group,
        "no images without a tumour",
    )


def missed_tumours(matrix: Ints, negative: int, per_group: Ints | None = None) -> Estimate:
    """Of the images with a tumour, the share called negative (false negative rate)."""
    return _of_matrix(
        lambda m: (_missed(m, negative), _tumours(m, negative)),
        matrix,
        per_group,
        "no tumour images",
    )


def false_alarms(matrix: Ints, negative: int, per_group: Ints | None = None) -> Estimate:
    """Of the images without a tumour, the share called a tumour class (false positive rate)."""
    return _of_matrix(
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


def _of_matrix(
    count: Callable[[Ints], tuple[Ints, Ints]],
    matrix: Ints,
    per_group: Ints | None,
    nothing: str = "no images",
) -> Estimate:
    """The proportion that `count` reads, hits and images, off a matrix or a stack of them."""
    if per_group is None:
        k, n = (int(number) for number in count(matrix))
        return proportion(k, n, nothing=nothing)
    bucketed = int(per_group.sum()) >= _BUCKET * len(per_group)
    return clustered(*count(per_group), nothing=nothing, bucketed=bucketed)


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
    return drawn_matrices(group_matrices(y_true, y_pred, k, group, counts.shape[1]), counts)


def group_matrices(y_true: Ints, y_pred: Ints, k: int, group: Ints, groups: int) -> Ints:
    """Confusion matrix (groups, k, k) of each group, for `group` numbers (n,) below `groups`."""
    cell = (group * k + y_true) * k + y_pred
    return np.bincount(cell, minlength=groups * k * k).reshape(groups, k, k)


def drawn_matrices(per_group: Ints, counts: Floats) -> Floats:
    """Confusion matrices (resamples, k, k) for how often each group was drawn (resamples, groups)."""
    g, k, _ = per_group.shape
    drawn: Floats = (counts @ per_group.reshape(g, k * k)).reshape(len(counts), k, k)
    return drawn


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
        (_effective(resampled, int(c)) for c in np.flatnonzero(matrix.sum(axis=1))), default=n
    )
    return {
        name: _logit_estimate(float(value[i]), drawn[:, i], n, effective)
        for i, name in enumerate(names)
    }


def ranking(positive: NDArray[np.bool_], score: NDArray[np.floating], group: Ints) -> Ranking:
    """Rank images by exact score; `group` (n,) are group numbers from 0 without a gap."""
    order = np.argsort(-score, kind="stable")
    ranked, hit, drawn_from = score[order], positive[order], group[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)[: len(ranked)])
    found = np.cumsum(hit)[last]
    hits_from = drawn_from[hit]

    def resampled(times: Floats) -> tuple[Floats, Floats]:
        every = _running(times[drawn_from])[last + 1]
        tp = _running(times[hits_from])[found]
        every -= tp
        return tp, every

    tp = found.astype(np.float64)
    return Ranking(
        thresholds=ranked[last].astype(np.float64),
        tp=tp,
        fp=last + 1 - tp,
        groups=int(group.max(initial=-1)) + 1,
        block=max(_CACHED // max(len(score), 1), 16),
        resampled=resampled,
    )


def roc_curve(ranked: Ranking) -> Curve:
    """False positive rate (x) and true positive rate (y); every distinct score is a point.

    Raises:
        ValueError: only one kind of image.
    """
    if not ranked.tp[-1] or not ranked.fp[-1]:
        raise ValueError("a ROC curve needs positive and negative images")
    return Curve(
        np.append(0.0, ranked.fp / ranked.fp[-1]),
        np.append(0.0, ranked.tp / ranked.tp[-1]),
        np.append(np.inf, ranked.thresholds),
    )


def precision_recall_curve(ranked: Ranking) -> Curve:
    """Recall (x) and precision (y); every distinct score is a point.

    Raises:
        ValueError: no positive image.
    """
    if not ranked.tp[-1]:
        raise ValueError("a precision-recall curve needs positive images")
    return Curve(ranked.tp / ranked.tp[-1], ranked.tp / (ranked.tp + ranked.fp), ranked.thresholds)


def areas(
    positive: NDArray[np.bool_],
    score: NDArray[np.floating],
    groups: Ints,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[Estimate, Estimate]:
    """Area under the ROC curve and average precision, with cluster-bootstrap intervals.

    As `ranked_areas` of `ranking`, for scores that are ranked for nothing else.
    """
    counts, group = resampled_counts(groups, seed, resamples)
    return ranked_areas(ranking(positive, score, group), counts)


def ranked_areas(ranked: Ranking, counts: Floats) -> tuple[Estimate, Estimate]:
    """Area under the ROC curve and average precision, with cluster-bootstrap intervals.

    The first is the trapezoidal area (equal to the Mann-Whitney statistic), the second
    sum (R_i - R_(i-1)) P_i without interpolation, as in scikit-learn. `counts` are those of
    `resampled_counts`.
    """
    positive, negative = (int(counted[-1:].sum()) for counted in (ranked.tp, ranked.fp))
    n = positive + negative
    if not positive or not negative:
        reason = "only images of this class" if positive else "no images of this class"
        absent = Estimate(None, None, None, n, reason=reason)
        return absent, absent
    value = drawn_areas(ranked.tp[:, None], ranked.fp[:, None])[0]
    alike = drawn_areas(*ranked.resampled(np.ones((ranked.groups, 1))))[0]
    drawn, images = _drawn(ranked, counts)
    effective = min(intervals.effective_size(of) for of in images)
    # Where intervals are made from coarser scores, only the spread around their own value counts.
    drawn = np.clip(drawn + (value - alike), 0, 1)
    errors = (ranked.area_error, ranked.precision_error)
    area, average = (
        _widened(_logit_estimate(float(value[i]), drawn[:, i], n, effective, few=True), errors[i])
        for i in range(2)
    )
    return area, average


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
    return _drawn(ranking(positive, score, group), counts)[0]


def _drawn(ranked: Ranking, counts: Floats) -> tuple[Floats, Floats]:
    """Areas (r, 2) of r bootstrap samples, and the images of the class and of the rest in each (2, r)."""
    areas, images = [], []
    for i in range(0, len(counts), ranked.block):
        tp, fp = ranked.resampled(np.ascontiguousarray(counts[i : i + ranked.block].T))
        areas.append(drawn_areas(tp, fp))
        images.append(np.stack([tp[-1], fp[-1]]))
    return np.concatenate(areas), np.concatenate(images, axis=1)


def drawn_areas(tp: Floats, fp: Floats) -> Floats:
    """Area under the ROC curve and average precision (b, 2) of counts by falling score (m, b)."""
    more_tp, more_fp = np.diff(tp, axis=0, prepend=0), np.diff(fp, axis=0, prepend=0)
    area = np.einsum("ij,ij->j", more_fp, tp) - np.einsum("ij,ij->j", more_fp, more_tp) / 2
    average = np.einsum("ij,ij->j", more_tp, _divide(tp, tp + fp, 0.0))
    return np.stack(
        [_divide(area, tp[-1] * fp[-1], np.nan), _divide(average, tp[-1], np.nan)], axis=1
    )


def resampled_counts(
    groups: Ints, seed: int | tuple[int, ...], resamples: int
) -> tuple[Floats, Ints]:
    """How often each group is drawn in each resample (resamples, g), and the group of each row."""
    _, group = np.unique(groups, return_inverse=True)
    return drawn_counts(int(group.max(initial=-1)) + 1, seed, resamples), group


def drawn_counts(g: int, seed: int | tuple[int, ...] = 0, resamples: int = RESAMPLES) -> Floats:
    """How often each of `g` groups is drawn in each resample (resamples, g), multinomial."""
    generator = np.random.default_rng(seed)
    counts = np.empty((resamples, g))
    step = max(_CACHED // max(g, 1), 1)
    for i in range(0, resamples if g else 0, step):
        block = counts[i : i + step]
        # Five times as fast as generator.multinomial, which draws a binomial number per group.
        drawn = generator.integers(0, g, block.shape)
        drawn += g * np.arange(len(block))[:, None]
        block[:] = np.bincount(drawn.ravel(), minlength=block.size).reshape(block.shape)
    return counts


def bootstrap_estimate(value: float, drawn: Floats, n: int) -> Estimate:
    """Percentile interval, stretched where needed to hold the value itself."""
    usable = drawn[np.isfinite(drawn)]
    if len(usable) == 0:
        return Estimate(value, None, None, n, reason="too few images for an interval")
    low, high = np.quantile(usable, [0.025, 0.975])
    return Estimate(value, min(float(low), value), max(float(high), value), n)


def _widened(estimate: Estimate, error: float) -> Estimate:
    """An interval that holds the exact value too, when rounded scores may hide it."""
    if error <= ROUNDING or estimate.value is None:
        return estimate
    low = estimate.value if estimate.low is None else estimate.low
    high = estimate.value if estimate.high is None else estimate.high
    return replace(estimate, low=max(low - error, 0.0), high=min(high + error, 1.0), reason=None)


def _running(values: Floats) -> Floats:
    """Sums (n + 1, b) of the first 0 to n rows of (n, b)."""
    sums = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=sums[1:])
    return sums


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
