"""How often 95 % intervals hold the truth, measured on simulated test sets of clusters.

The set is as the public one: about 450 images of four unequal classes, most of them alone, some in
clusters of near-duplicates that are right or wrong together, most of those without a tumour. The
truth is that of 400,000 clusters. BRAINMRI_SIMULATIONS=1000 asks for 93 to 97 % of a thousand sets;
without it fewer are drawn and more is let pass, so that luck alone fails this once in 10,000 runs.
"""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from brainmri import intervals, metrics, ranking
from brainmri.metrics import Estimate

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SETS = int(os.environ.get("BRAINMRI_SIMULATIONS", "150"))
FULL = 1000
CLUSTERS, CLASSES, NEGATIVE, SEED = 330, 4, 2, 20
ALIKE = 0.8
"""Share of the variance of an image's scores that it has in common with its near-duplicates."""

METRICS = ["accuracy", "sensitivity", "specificity", "recall of class 0", "precision of class 0",
           "f1 of class 0", "f1 of class 2", "weighted f1", "area of class 0", "area of class 3",
           "area of tumour"]  # fmt: skip


def sizes(label: Ints, rng: np.random.Generator) -> Ints:
    """Images in each cluster (g,), by its class."""
    of_negative = rng.choice([1, 2, 3, 4, 6, 9], len(label), p=[0.55, 0.22, 0.10, 0.06, 0.05, 0.02])
    return np.where(
        label == NEGATIVE, of_negative, rng.choice([1, 2, 3], len(label), p=[0.88, 0.10, 0.02])
    )


def draw(
    clusters: int, rng: np.random.Generator, *, copies: bool = True
) -> tuple[Ints, Ints, Floats]:
    """Cluster, class and scores (n, 4) of every image of one test set; all alone without `copies`."""
    label = rng.choice(CLASSES, clusters, p=[0.24, 0.24, 0.29, 0.23])
    group = np.repeat(np.arange(clusters), sizes(label, rng) if copies else 1)
    y_true = label[group]
    # A signal for the own class; classes 0 and 1 are easily mistaken for each other.
    signal = 2.7 * np.eye(CLASSES)
    signal[0, 1], signal[1, 0] = 1.1, 0.8
    shared = rng.normal(size=(clusters, CLASSES))[group]
    own = rng.normal(size=(len(group), CLASSES))
    score = signal[y_true] + np.sqrt(ALIKE) * shared + np.sqrt(1 - ALIKE) * own
    return group, y_true, score - np.log(np.exp(score).sum(axis=1, keepdims=True))


def estimates(group: Ints, y_true: Ints, score: Floats, resamples: int) -> dict[str, Estimate]:
    y_pred = score.argmax(axis=1)
    matrix = metrics.confusion_matrix(y_true, y_pred, CLASSES)
    per = metrics.group_matrices(y_true, y_pred, CLASSES, group, int(group.max()) + 1)
    drawn = metrics.resampled_matrices(y_true, y_pred, CLASSES, group, resamples=resamples)
    areas = [
        ranking.areas(positive, column, group, resamples=resamples)[0]
        for positive, column in (
            (y_true == 0, score[:, 0]),
            (y_true == 3, score[:, 3]),
            (y_true != NEGATIVE, -score[:, NEGATIVE]),
        )
    ]
    found = [
        metrics.accuracy(matrix, per),
        metrics.sensitivity(matrix, NEGATIVE, per),
        metrics.specificity(matrix, NEGATIVE, per),
        metrics.recall(matrix, 0, per),
        metrics.precision(matrix, 0, per),
        metrics.f1(matrix, drawn, 0),
        metrics.f1(matrix, drawn, 2),
        metrics.weighted(matrix, drawn)["f1"],
        *areas,
    ]
    return dict(zip(METRICS, found, strict=True))


@cache
def truth(copies: bool) -> dict[str, float]:
    """The metrics themselves."""
    found = estimates(*draw(400_000, np.random.default_rng(SEED + 1), copies=copies), resamples=1)
    return {name: e.value for name, e in found.items() if e.value is not None}


@cache
def held(copies: bool) -> NDArray[np.bool_]:
    """Whether each set's interval of each metric, and a plain Wilson of accuracy, holds the truth."""
    rng = np.random.default_rng(SEED)
    found = np.zeros((SETS, len(METRICS) + 1), dtype=bool)
    for row in found:
        measured = estimates(*draw(CLUSTERS, rng, copies=copies), resamples=500)
        ends = [(e.low, e.high) for e in measured.values()]
        one = measured["accuracy"]
        ends.append(intervals.wilson(one.value or 0, one.n))
        targets = [*truth(copies).values(), truth(copies)["accuracy"]]
        row[:] = [
            low is not None and high is not None and low <= target <= high
            for (low, high), target in zip(ends, targets, strict=True)
        ]
    return found


def coverages(copies: bool) -> dict[str, float]:
    names = [*METRICS, "accuracy, image by image"]
    return dict(zip(names, held(copies).mean(axis=0).tolist(), strict=True))


@pytest.mark.parametrize("copies", [True, False], ids=["with copies", "every image alone"])
@pytest.mark.parametrize("name", METRICS)
def test_95_percent_intervals_hold_the_truth_in_95_percent_of_sets(name: str, copies: bool) -> None:
    low, high = 0.93, 0.97
    if SETS < FULL:  # What true 95 % stay within but for one run in 10,000, all metrics together.
        tail = 1e-4 / len(METRICS) / 4
        low, high = (float(scipy.stats.binom.ppf(q, SETS, 0.95)) / SETS for q in (tail, 1 - tail))
    assert low <= coverages(copies)[name] <= high, coverages(copies)


def test_the_average_metric_is_covered_too_even_in_few_sets() -> None:
    # Fewer sets are needed for an average: 150 tell 90 % from 95 % nine times in ten.
    averages = held(True)[:, : len(METRICS)].mean(axis=1)
    error = averages.std() / np.sqrt(SETS)
    assert averages.mean() >= 0.95 - scipy.stats.norm.ppf(1 - 1e-4) * error, coverages(True)


def test_an_interval_over_single_images_would_be_too_short() -> None:
    assert coverages(True)["accuracy, image by image"] < coverages(True)["accuracy"]


def test_the_simulated_sets_are_like_the_real_one() -> None:
    images = [len(draw(CLUSTERS, np.random.default_rng(seed))[0]) for seed in range(20)]
    assert min(images) >= 300
    assert max(images) <= 600
    for name, expected in {"accuracy": 0.90, "sensitivity": 0.98, "area of tumour": 0.994}.items():
        assert truth(True)[name] == pytest.approx(expected, abs=0.01), truth(True)
