"""95 % intervals for images that come in clusters of near-duplicates; pure functions on numbers.

How often each of them holds the truth is measured in tests/brainmri/test_coverage.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_Z = 1.959963984540054
"""97.5 % point of the normal distribution."""


def wilson(p: float, n: float) -> tuple[float, float]:
    """Score interval of a proportion p of n images (Wilson 1927; Brown, Cai and DasGupta 2001)."""
    z2 = _Z**2
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * np.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return (
        0.0 if p <= 0 else float(middle - half),
        1.0 if p >= 1 else float(middle + half),
    )


def design_effect(hits: Ints, sizes: Ints, *, bucketed: bool = False) -> float:
    """How many times fewer images would say as much if they were independent; at least 1.

    Near-duplicates are right or wrong together, so an interval over single images is too short: in
    tests/brainmri/test_coverage.py it held the truth in 79 to 94 % of sets instead of 95 %.
    Variance between groups over binomial variance (Rao and Scott 1992, Biometrics 48:577), drawn
    towards the value for groups that are all alike inside (Kish 1965) with the weight of one group,
    since a handful of groups with a mistake says little about the spread.

    Args:
        hits: images counted per group (g,).
        sizes: images per group (g,).
        bucketed: a group is a bucket of many clusters, which are not alike. Then it is the variance of
            the buckets' sizes that tells what Kish's value is for the clusters in them.
    """
    n, k = int(sizes.sum()), int(hits.sum())
    if int(sizes.max(initial=0)) <= 1:
        return 1.0
    alike = float((sizes**2).sum()) / n
    if bucketed:
        alike = max(1.0, float(np.var(sizes)) * len(sizes) / n)
    informative = int(np.count_nonzero(hits if 2 * k <= n else sizes - hits))
    present = int(np.count_nonzero(sizes))
    if informative == 0 or present == 1:
        return alike
    p = k / n
    spread = float(((hits - p * sizes) ** 2).sum()) * present / (present - 1)
    estimated = max(1.0, spread / (n * p * (1 - p)))
    return (informative * estimated + alike) / (informative + 1)


def effective_size(drawn: Floats) -> float:
    """Independent images that a number of images is worth, from that number in bootstrap samples.

    It varies by the sum of squared cluster sizes, so this is Kish's n² / sum n_g²; at least 1.
    """
    if len(drawn) == 0:
        return 1.0
    mean, variance = float(np.mean(drawn)), float(np.var(drawn))
    return max(1.0, mean if variance <= mean else mean**2 / variance)


def logit_interval(
    value: float, drawn: Floats, effective: float, *, few: bool = False
) -> tuple[float, float] | None:
    """Interval on the logit scale from the spread of bootstrap samples, for a value from 0 to 1.

    A percentile interval is too short close to 1, and has no width at 1: there this one is that of a
    proportion of `effective` images. On the logit scale it stays between 0 and 1 and leans the right
    way. None where the samples do not differ though the value is neither 0 nor 1.

    Args:
        value: the metric itself.
        drawn: the metric of bootstrap samples of whole clusters; nan where it has no value.
        effective: independent images that stand behind the metric.
        few: widen by Student's t with 8 / skewness² degrees of freedom of the samples, for areas:
            their spread hangs on few misplaced pairs (of k equal mistakes the skewness is
            1 / sqrt(k)). The 8 was chosen by simulation.
    """
    if value <= 0 or value >= 1:
        return wilson(value, effective)
    usable = drawn[np.isfinite(drawn)]
    away = usable - usable.mean()
    spread = float(np.sqrt(np.mean(away**2)))
    if spread == 0:
        return None
    freedom = np.inf
    if few:
        freedom = 8 / max((float(np.mean(away**3)) / spread**3) ** 2, 1e-9)
    half = student(freedom) * spread / (value * (1 - value))
    odds = np.log(value / (1 - value))
    low, high = 1 / (1 + np.exp(-np.clip([odds - half, odds + half], -700, 700)))
    # Where value is next to 0 or 1 the way there and back may be off in the last digit.
    return min(float(low), value), max(float(high), value)


def of_distance(value: float, errors: Floats, unanimous: float) -> tuple[float, float]:
    """Interval of a distance from 0 to 1 between what two samples were drawn from.

    A distance of samples cannot be negative and so lies above the truth on average; percentiles of
    bootstrap samples, which are further apart still, missed a distance of 0 in every simulated set.
    By the triangle inequality it is off by no more than the error of the two samples is long, and the
    bootstrap samples show how long that is: a confidence band as that of Kolmogorov (1933) for one
    distribution function. It holds the truth in about 95 % of sets at 0, in more far from it.

    Args:
        value: the distance of the samples.
        errors: length of the error of each pair of bootstrap samples; nan where one of them is empty.
        unanimous: the length to assume where no bootstrap sample differs from the samples.
    """
    usable = errors[np.isfinite(errors)]
    half = float(np.quantile(usable, 0.95)) if len(usable) else 0.0
    half = half if half > 1e-9 else unanimous  # What rounding leaves of zero is below that.
    return max(0.0, value - half), min(1.0, value + half)


def of_difference(
    a: tuple[float, float, float], b: tuple[float, float, float], correlation: float
) -> tuple[float, float]:
    """Interval of b - a from value, low and high of each and the correlation of their errors.

    Each end is as far from the difference as the two ends that it is made of are from their values,
    added as lengths at an angle (Newcombe 1998, Statistics in Medicine 17:2635, method 10, for paired
    proportions; Zou 2007, Psychological Methods 12:399, for any metric). So it leans where its parts
    lean, near 0 and 1 above all.
    """
    (value_a, low_a, high_a), (value_b, low_b, high_b) = a, b
    value = value_b - value_a

    def length(of_b: float, of_a: float) -> float:
        return float(np.sqrt(max(of_b**2 + of_a**2 - 2 * correlation * of_b * of_a, 0.0)))

    return (
        value - length(value_b - low_b, high_a - value_a),
        value + length(high_b - value_b, value_a - low_a),
    )


def correlation(a: Floats, b: Floats) -> float:
    """Rank correlation (Spearman) of two metrics in the same bootstrap samples; 0 where one is level.

    Of ranks, since the intervals that it joins are made on scales of their own.
    """
    both = np.isfinite(a) & np.isfinite(b)
    if not both.any():
        return 0.0
    from_a, from_b = _ranks(a[both]), _ranks(b[both])
    from_a, from_b = from_a - from_a.mean(), from_b - from_b.mean()
    spread = float(np.sqrt((from_a @ from_a) * (from_b @ from_b)))
    return float(from_a @ from_b) / spread if spread > 0 else 0.0


def _ranks(values: Floats) -> Floats:
    """Rank of each value; equal ones share the middle of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle: Floats = np.cumsum(count) - (count - 1) / 2
    return middle[place]


def few_clusters(g: int) -> float:
    """How many times wider an interval from resamples of only `g` clusters has to be; at least 1.

    Resamples vary by (g - 1) / g of the variance that they stand for, and Student's t takes the place
    of the normal distribution (Efron and Tibshirani 1993, chapter 12).
    """
    return student(g - 1) / _Z * float(np.sqrt(g / max(g - 1, 1)))


def student(freedom: float) -> float:
    """97.5 % point of Student's t from 3 degrees of freedom on (Cornish-Fisher expansion)."""
    z, v = _Z, max(freedom, 3.0)
    return float(
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )
