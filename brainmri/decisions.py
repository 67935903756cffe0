"""From a tumour probability to an answer, and what each choice costs; pure functions on arrays.

Shapes: `tumour_probability` (n,), `is_tumour` (n,) bool. An image is called a tumour when its
tumour probability is at least the threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainmri import metrics
from brainmri.metrics import RESAMPLES, Estimate, Floats, Ints

Bools = NDArray[np.bool_]

MIN_IMAGES = 50
"""Below this many images no risk-coverage or decision curve is drawn."""

MOST_OF_THEM = 0.9
"""Share of the images that is answered at least, where the least sure are left to a person."""

NEVER = float(np.nextafter(1.0, 2.0))
"""The threshold that no probability reaches: nothing is called a tumour."""

_AT_ONCE = 5_000_000
"""Resampled weights held in memory at a time."""


@dataclass(frozen=True)
class OperatingPoint:
    """The tumour probability from which the answer is "tumour", and how it was set.

    Attributes:
        threshold: 0-1 (NEVER where no answer is).
        rule: "sensitivity": a threshold that finds at least the share `target` of the tumours;
            "cost": the cheapest threshold where a missed tumour is worth `target` false alarms.
        target: see `rule`.
        n: validation images that it was set on.
        tumours: those of them with a tumour.
    """

    threshold: float
    rule: Literal["sensitivity", "cost"]
    target: float
    n: int
    tumours: int


@dataclass(frozen=True)
class Outcomes:
    """Counts at each of m thresholds.

    Attributes:
        thresholds: (m,).
        missed: tumours not called so, int64 (m,), out of `tumours`.
        false_alarms: other images called a tumour, int64 (m,), out of `others`.
    """

    thresholds: Floats
    missed: Ints
    false_alarms: Ints
    tumours: int
    others: int


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefit per image by threshold probability, (m,) each; calling none has benefit 0.

    Attributes:
        thresholds: a missed tumour is worth (1 - t) / t false alarms at threshold t.
        model: of calling what the model calls.
        call_all: of calling every image a tumour.
        n, tumours: images, and those with a tumour. Benefits hold for this share of tumours.
    """

    thresholds: Floats
    model: Floats
    call_all: Floats
    n: int
    tumours: int

    @property
    def pays(self) -> Bools:
        """Thresholds, (m,), at which following the model brings more than calling all images or none."""
        return self.model > np.maximum(self.call_all, 0)


@dataclass(frozen=True)
class RiskCoverage:
    """The error rate when the least sure images are set aside, by falling confidence.

    Attributes:
        confidence: lowest confidence among the answered, (m,).
        coverage: share of the images answered, (m,).
        risk: share of wrong answers among the answered, (m,).
        area: mean risk over all coverages (AURC); lower is better.
        n: images.
        surest: share of wrong answers among the surest images, at least `MOST_OF_THEM` of all.
        every: share of wrong answers among all images.
    """

    confidence: Floats
    coverage: Floats
    risk: Floats
    area: Estimate
    n: int
    surest: Estimate
    every: Estimate


def tumour_probability(y_prob: NDArray[np.floating], negative: int) -> Floats:
    """1 - the probability of the negative class, float64 (n,)."""
    return 1 - np.asarray(y_prob[:, negative], dtype=np.float64)


def for_sensitivity(tumour_probability: Floats, is_tumour: Bools, target: float) -> float:
    """The largest threshold whose sensitivity is at least `target` (0-1).

    Raises:
        ValueError: no tumour image, or a target outside 0 to 1.
    """
    if not 0 <= target <= 1:
        raise ValueError(f"a sensitivity of {target} cannot be reached")
    falling = -np.sort(-tumour_probability[is_tumour])
    if len(falling) == 0:
        raise ValueError("a sensitivity needs tumour images")
    found = np.ceil(target * len(falling) - 1e-9)  # 0.29 * 100 is 28.999999999999996
    return float(falling[int(found) - 1]) if found else NEVER


def for_cost(tumour_probability: Floats, is_tumour: Bools, missed_costs: ArrayLike) -> Floats:
    """The cheapest thresholds (m,) where one missed tumour costs `missed_costs` (m,) false alarms.

    Among equally cheap ones the lowest, which misses the fewest. Calling everything (0) and calling
    nothing (NEVER) are among the choices.

    Raises:
        ValueError: no images.
    """
    if len(is_tumour) == 0:
        raise ValueError("a cost needs images")
    candidates = np.unique(np.concatenate([[0.0], tumour_probability, [NEVER]]))
    at = outcomes(tumour_probability, is_tumour, candidates)
    cost = np.multiply.outer(np.asarray(missed_costs, dtype=np.float64), at.missed)
    return candidates[np.argmin(cost + at.false_alarms, axis=-1)]


def outcomes(tumour_probability: Floats, is_tumour: Bools, thresholds: ArrayLike) -> Outcomes:
    """Missed tumours and false alarms at every threshold, in O((n + m) log n)."""
    at = np.asarray(thresholds, dtype=np.float64)
    tumours = np.sort(tumour_probability[is_tumour])
    others = np.sort(tumour_probability[~is_tumour])
    return Outcomes(
        thresholds=at,
        missed=np.searchsorted(tumours, at, side="left").astype(np.int64),
        false_alarms=(len(others) - np.searchsorted(others, at, side="left")).astype(np.int64),
        tumours=len(tumours),
        others=len(others),
    )


def at_thresholds(
    tumour_probability: Floats, is_tumour: Bools, thresholds: ArrayLike, groups: Ints
) -> list[tuple[Estimate, Estimate]]:
    """Missed tumours (of all tumours) and false alarms (of all other images) at every threshold.

    Args:
        tumour_probability: (n,).
        is_tumour: (n,).
        thresholds: (m,).
        groups: (n,) near-duplicate clusters, which make the intervals wider; where every image has
            one of its own, as in a table without known clusters, they are plain Wilson intervals.
    """
    called = [tumour_probability >= t for t in np.asarray(thresholds, dtype=np.float64)]
    return [
        (
            metrics.share(~one[is_tumour], groups[is_tumour], nothing="no tumour images"),
            metrics.share(
                one[~is_tumour], groups[~is_tumour], nothing="no images without a tumour"
            ),
        )
        for one in called
    ]


def decision_curve(
    tumour_probability: Floats, is_tumour: Bools, thresholds: ArrayLike | None = None
) -> DecisionCurve:
    """Net benefit TP / n - FP / n * t / (1 - t) by threshold t (Vickers and Elkin 2006).

    Args:
        tumour_probability: (n,).
        is_tumour: (n,).
        thresholds: above 0 and below 1; when not given 0.001 to 0.99, finer below 0.01, where a
            missed tumour is worth a hundred false alarms and more.

    Raises:
        ValueError: no images, or a threshold of 0 or 1.
    """
    n = len(is_tumour)
    if n == 0:
        raise ValueError("a decision curve needs images")
    fine, coarse = np.arange(1, 10) / 1000, np.arange(1, 100) / 100
    t = np.concatenate([fine, coarse]) if thresholds is None else np.asarray(thresholds, float)
    if ((t <= 0) | (t >= 1)).any():
        raise ValueError("the thresholds of a decision curve lie between 0 and 1")
    at = outcomes(tumour_probability, is_tumour, t)
    odds = t / (1 - t)
    return DecisionCurve(
        thresholds=t,
        model=(at.tumours - at.missed - at.false_alarms * odds) / n,
        call_all=(at.tumours - at.others * odds) / n,
        n=n,
        tumours=at.tumours,
    )


def risk_coverage(
    y_true: Ints,
    y_prob: NDArray[np.floating],
    groups: Ints,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> RiskCoverage:
    """The error rate among the answered images as fewer are answered, surest first.

    Geifman and El-Yaniv 2017, with the largest class probability as confidence. Equally sure images
    are answered together. The area is the mean over images of the risk at the point where the image
    is first answered; its interval draws whole groups.

    Args:
        y_true: (n,).
        y_prob: (n, k).
        groups: (n,).
        seed: of the resamples.
        resamples: how many.

    Raises:
        ValueError: no images.
    """
    n = len(y_true)
    if n == 0:
        raise ValueError("a risk-coverage curve needs images")
    confidence = np.max(y_prob, axis=1).astype(np.float64)
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    wrong = (np.argmax(y_prob, axis=1) != y_true)[order].astype(np.float64)
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    answered = (last + 1).astype(np.float64)
    risk = np.cumsum(wrong)[last] / answered
    counts, group = metrics.resampled_counts(groups, seed, resamples)
    areas = [
        _areas(part[:, group[order]], wrong, last)
        for part in np.array_split(counts, -(-resamples * n // _AT_ONCE))
    ]
    (area,) = _areas(np.ones((1, n)), wrong, last)
    most = int(answered[np.argmax(answered / n >= MOST_OF_THEM)])
    surest, every = (
        metrics.share(wrong[:of] > 0, np.asarray(groups)[order][:of]) for of in (most, n)
    )
    return RiskCoverage(
        confidence=ranked[last],
        coverage=answered / n,
        risk=risk,
        area=metrics.bootstrap_estimate(float(area), np.concatenate(areas), n),
        n=n,
        surest=surest,
        every=every,
    )


def _areas(weights: Floats, wrong: Floats, last: Ints) -> Floats:
    """AURC (r,) of images weighted (r, n), both by falling confidence."""
    answered = np.cumsum(weights, axis=1)[:, last]
    errors = np.cumsum(weights * wrong, axis=1)[:, last]
    # Until the first drawn image nothing is answered, and nothing is added to the area.
    risk = np.divide(errors, answered, out=np.zeros_like(errors), where=answered > 0)
    share: Floats = np.diff(answered, axis=1, prepend=0) / answered[:, -1:]
    area: Floats = (risk * share).sum(axis=1)
    return area
