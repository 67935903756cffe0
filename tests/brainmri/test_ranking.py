"""`brainmri.ranking`: curves and areas by hand, and against scikit-learn to 1e-9."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from brainmri import predictions, ranking
from brainmri.metrics import Estimate, Floats
from brainmri.ranking import Ranking
from tests.conftest import SHIPPED

SHIPPED_PREDICTIONS = sorted(SHIPPED.glob("*/predictions.parquet"))


def assert_close(ours: ArrayLike, theirs: ArrayLike) -> None:
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=0, atol=1e-9)


def ranked(positive: NDArray[np.bool_], score: Floats) -> Ranking:
    return ranking.by_score(positive, score, np.zeros(len(score), dtype=np.int64))


def value(estimate: Estimate) -> float:
    assert estimate.value is not None
    return estimate.value


def assert_curves_agree(positive: NDArray[np.bool_], score: Floats) -> None:
    area, average = ranking.areas(positive, score, np.arange(len(score)), resamples=2)
    assert_close(value(area), sk.roc_auc_score(positive, score))
    assert_close(value(average), sk.average_precision_score(positive, score))
    roc = ranking.roc_curve(ranked(positive, score))
    theirs = sk.roc_curve(positive, score, drop_intermediate=False)
    for ours, other in zip((roc.x, roc.y, roc.thresholds), theirs, strict=True):
        assert_close(ours, other)
    curve = ranking.precision_recall_curve(ranked(positive, score))
    precision, recall, thresholds = sk.precision_recall_curve(positive, score)
    # scikit-learn goes the other way round and adds the point (recall 0, precision 1).
    assert_close(curve.x, recall[-2::-1])
    assert_close(curve.y, precision[-2::-1])
    assert_close(curve.thresholds, thresholds[::-1])


@given(st.integers(2, 80), st.integers(0, 10_000), st.sampled_from([2, 5, 1000]))
def test_curves_and_areas_agree_with_scikit_learn(n: int, seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    positive = np.append(rng.random(n) < rng.random(), [True, False])
    assert_curves_agree(positive, (rng.integers(0, levels, n + 2) + positive) / (levels + 1))


@pytest.mark.parametrize("path", SHIPPED_PREDICTIONS, ids=lambda path: path.parent.name)
def test_curves_and_areas_agree_with_scikit_learn_on_shipped_predictions(path: Path) -> None:
    table = predictions.read(path)
    for split in sorted(set(table.splits)):
        rows = (table.splits == split) & (table.y_true >= 0)
        for c in range(len(table.classes)):
            assert_curves_agree(table.y_true[rows] == c, table.y_prob[rows, c].astype(np.float64))


def test_curves_by_hand_with_a_tie() -> None:
    positive = np.array([True, True, False, True, False])
    score = np.array([0.9, 0.6, 0.6, 0.3, 0.1])
    roc = ranking.roc_curve(ranked(positive, score))
    assert roc.thresholds.tolist() == [np.inf, 0.9, 0.6, 0.3, 0.1]
    assert_close(roc.x, [0, 0, 0.5, 0.5, 1])
    assert_close(roc.y, [0, 1 / 3, 2 / 3, 1, 1])
    curve = ranking.precision_recall_curve(ranked(positive, score))
    assert_close(curve.x, [1 / 3, 2 / 3, 1, 1])
    assert_close(curve.y, [1, 2 / 3, 3 / 4, 3 / 5])
    area, average = ranking.areas(positive, score, np.arange(5), resamples=10)
    # Of the 6 pairs (positive, negative) 4 are in order and 1 ties: (4 + 1 / 2 + 0) / 6 = 4.5 / 6.
    assert_close(value(area), 4.5 / 6)
    assert_close(value(average), (1 + 2 / 3 + 3 / 4) / 3)


def test_a_score_that_says_nothing_has_half_the_area() -> None:
    positive = np.array([True, False, True, False, False])
    area, average = ranking.areas(positive, np.full(5, 0.7), np.arange(5), resamples=10)
    assert area.value == 0.5
    assert average.value == pytest.approx(2 / 5)


@given(st.integers(2, 40), st.integers(0, 10_000))
def test_the_area_is_the_share_of_pairs_in_order(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive = np.append(rng.random(n) < 0.5, [True, False])
    score = rng.integers(0, 6, n + 2) / 5
    high, low = score[positive][:, None], score[~positive][None]
    expected = np.mean((high > low) + 0.5 * (high == low))
    area, _ = ranking.areas(positive, score, np.arange(n + 2), resamples=2)
    assert_close(value(area), expected)


@pytest.mark.parametrize("all_of", [True, False])
def test_one_kind_of_image_has_no_curve_and_says_why(all_of: bool) -> None:
    positive, score = np.full(4, all_of), np.arange(4) / 4
    with pytest.raises(ValueError, match="positive and negative"):
        ranking.roc_curve(ranked(positive, score))
    area, average = ranking.areas(positive, score, np.arange(4))
    assert (area.value, average.value) == (None, None)
    assert area.reason == ("only images of this class" if all_of else "no images of this class")
    if not all_of:
        with pytest.raises(ValueError, match="positive images"):
            ranking.precision_recall_curve(ranked(positive, score))


def test_one_group_of_copies_gives_a_value_and_no_interval() -> None:
    positive, score = np.array([True, False, True]), np.array([0.9, 0.5, 0.2])
    area, _ = ranking.areas(positive, score, np.zeros(3, dtype=np.int64))
    assert (area.low, area.value, area.high) == (None, 0.5, None)
    assert area.reason == "too few independent images for an interval"
