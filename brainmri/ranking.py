"""Images ranked by a score: ROC and precision-recall curves, and the areas under them with intervals.

Pure functions on arrays; shapes and names as in `metrics`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from brainmri import intervals
from brainmri.metrics import (
    CACHED,
    RESAMPLES,
    Estimate,
    Floats,
    Ints,
    divide,
    logit_estimate,
    resampled_counts,
)

ROUNDING = 1e-4
"""Intervals of areas take in the error of rounded scores where it may be larger than this."""


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


def by_score(positive: NDArray[np.bool_], score: NDArray[np.floating], group: Ints) -> Ranking:
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
        block=max(CACHED // max(len(score), 1), 16),
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

    As `ranked_areas` of `by_score`, for scores that are ranked for nothing else.
    """
    counts, group = resampled_counts(groups, seed, resamples)
    return ranked_areas(by_score(positive, score, group), counts)


def ranked_areas(ranked: Ranking, counts: Floats) -> tuple[Estimate, Estimate]:
    """Area under the ROC curve and average precision, with cluster-bootstrap intervals.

    The first is the trapezoidal area (equal to the Mann-Whitney statistic), the second
    sum (R_i - R_(i-1)) P_i without interpolation, as in scikit-learn. `counts` are those of
    `metrics.resampled_counts`.
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
        _widened(logit_estimate(float(value[i]), drawn[:, i], n, effective, few=True), errors[i])
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
    """Both areas (resamples, 2) of the samples that `metrics.resampled_matrices` draws; may be nan.

    Two scores of the same images with the same seed are drawn together, as a paired difference needs.
    """
    counts, group = resampled_counts(groups, seed, resamples)
    return _drawn(by_score(positive, score, group), counts)[0]


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
    average = np.einsum("ij,ij->j", more_tp, divide(tp, tp + fp, 0.0))
    return np.stack(
        [divide(area, tp[-1] * fp[-1], np.nan), divide(average, tp[-1], np.nan)], axis=1
    )


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
