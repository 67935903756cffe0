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
FEWEST = 10
"""Images that a figure divides by; with fewer it is not shown, and a reason stands in its place."""
_BUCKET = 32
"""Images per group, on average, from which groups are not clusters but buckets of many (tally.py)."""
CACHED = 1 << 16
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


def enough(estimate: Estimate, *, of: int | None = None) -> Estimate:
    """The figure as it may be shown: with a reason in its place where fewer than `FEWEST` images made it.

    Args:
        estimate: the figure.
        of: the images that decide where they are not the `n` of the figure: for an area under a curve
            those of the class or of the rest, whichever are fewer.
    """
    n = estimate.n if of is None else of
    if estimate.value is None or n >= FEWEST:
        return estimate
    few = f"too few images ({n:,}; a figure needs {FEWEST})"
    return Estimate(None, None, None, estimate.n, estimate.k, reason=few)


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
    many = int(per_group.sum()) >= _BUCKET * len(per_group)
    return clustered(*count(per_group), nothing=nothing, bucketed=many)


def of_groups(hits: Ints, sizes: Ints, per_group: Ints) -> Estimate:
    """Share of images (g,) that count among (g,), read off the matrices `per_group` of a whole split."""
    return _of_matrix(lambda _: (hits, sizes), per_group.sum(axis=0), per_group)


def f1_scores(matrices: NDArray[np.generic]) -> Floats:
    """F1 per class, 2 TP / (2 TP + FP + FN), for matrices (..., k, k); nan where a class is absent."""
    counts = np.asarray(matrices, dtype=np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    total = counts.sum(axis=-1) + counts.sum(axis=-2)
    return divide(2 * hits, total, np.nan)


def weighted_averages(matrices: NDArray[np.generic]) -> Floats:
    """Precision, recall and F1 averaged over classes by support, (..., 3), for (..., k, k).

    A class that is never predicted counts with precision 0, as scikit-learn's zero_division=0.
    """
    counts = np.asarray(matrices, dtype=np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    support, answers = counts.sum(axis=-1), counts.sum(axis=-2)
    each = np.stack(
        [
            divide(hits, answers, 0.0),
            divide(hits, support, 0.0),
            np.nan_to_num(f1_scores(counts)),
        ],
        axis=-2,
    )
    weights = divide(support, support.sum(axis=-1, keepdims=True), 0.0)
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
    return logit_estimate(value, f1_scores(resampled)[:, c], n, _effective(resampled, c))


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
        name: logit_estimate(float(value[i]), drawn[:, i], n, effective)
        for i, name in enumerate(names)
    }


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
    step = max(CACHED // max(g, 1), 1)
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


def logit_estimate(
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


def divide(numerator: Floats, denominator: Floats, otherwise: float) -> Floats:
    """Quotients, and `otherwise` where the denominator is 0; any shapes that broadcast."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    out = np.full(numerator.shape, otherwise)
    return np.divide(numerator, denominator, out=out, where=denominator != 0)
