"""`brainmri.metrics`: by hand, and against scikit-learn to 1e-9."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from brainmri import metrics, predictions, ranking
from brainmri.metrics import Estimate
from tests.conftest import SHIPPED

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SHIPPED_PREDICTIONS = sorted(SHIPPED.glob("*/predictions.parquet"))

# Rows are the truth: 10 gliomas, 5 healthy, 5 pituitary. Class 1 is negative.
BY_HAND = np.array([[7, 2, 1], [1, 4, 0], [0, 0, 5]], dtype=np.int64)


def random_answers(n: int, k: int, seed: int, levels: int) -> tuple[Ints, Ints, Floats]:
    """Truth, answers and probabilities; few `levels` make many ties."""
    rng = np.random.default_rng(seed)
    y_true = rng.integers(0, k, n)
    raw = rng.integers(1, levels + 1, (n, k)) + 2.0 * (np.arange(k) == y_true[:, None])
    y_prob = raw / raw.sum(axis=1, keepdims=True)
    return y_true, y_prob.argmax(axis=1), y_prob


def assert_close(ours: ArrayLike, theirs: ArrayLike) -> None:
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=0, atol=1e-9)


def value(estimate: Estimate) -> float:
    assert estimate.value is not None
    return estimate.value


# --- by hand ---------------------------------------------------------------------------------


def test_a_confusion_matrix_has_the_truth_in_rows() -> None:
    y_true, y_pred = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 2, 2])
    expected = [[1, 1, 0], [0, 1, 0], [1, 0, 2]]
    assert metrics.confusion_matrix(y_true, y_pred, 3).tolist() == expected
    assert metrics.confusion_matrix(y_true[:0], y_pred[:0], 2).tolist() == [[0, 0], [0, 0]]


def test_counts_and_shares_by_hand() -> None:
    assert metrics.accuracy(BY_HAND).value == 16 / 20
    assert metrics.precision(BY_HAND, 0).value == 7 / 8
    assert metrics.recall(BY_HAND, 0).value == 7 / 10
    # A tumour called another tumour is still called a tumour.
    assert metrics.sensitivity(BY_HAND, 1).value == 13 / 15
    assert metrics.specificity(BY_HAND, 1).value == 4 / 5
    missed = metrics.missed_tumours(BY_HAND, 1)
    assert (missed.k, missed.n, missed.value) == (2, 15, 2 / 15)
    alarms = metrics.false_alarms(BY_HAND, 1)
    assert (alarms.k, alarms.n, alarms.value) == (1, 5, 1 / 5)
    assert_close(metrics.f1_scores(BY_HAND), [14 / 18, 8 / 11, 10 / 11])


def test_weighted_averages_by_hand() -> None:
    precision = (10 * 7 / 8 + 5 * 4 / 6 + 5 * 5 / 6) / 20
    recall = 16 / 20  # weighted recall is accuracy
    f1 = (10 * 14 / 18 + 5 * 8 / 11 + 5 * 10 / 11) / 20
    assert_close(metrics.weighted_averages(BY_HAND), [precision, recall, f1])


@pytest.mark.parametrize("negative", [0, 1, 2])
def test_missed_and_found_tumours_are_all_tumours(negative: int) -> None:
    missed = metrics.missed_tumours(BY_HAND, negative)
    found = metrics.sensitivity(BY_HAND, negative)
    assert value(missed) + value(found) == pytest.approx(1, abs=1e-12)
    assert missed.n == found.n == BY_HAND.sum() - BY_HAND[negative].sum()


# --- intervals -------------------------------------------------------------------------------


def test_the_wilson_interval_agrees_with_published_values() -> None:
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
    for k, n, low, high in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605),
                            (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]:  # fmt: skip
        estimate = metrics.proportion(k, n)
        assert estimate.low == pytest.approx(low, abs=5e-5)
        assert estimate.high == pytest.approx(high, abs=5e-5)


@given(st.integers(1, 5000), st.data())
def test_the_ends_of_the_wilson_interval_solve_its_equation(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    estimate = metrics.proportion(k, n)
    assert (estimate.k, estimate.n, estimate.value) == (k, n, k / n)
    assert estimate.low is not None
    assert estimate.high is not None
    assert 0 <= estimate.low <= k / n <= estimate.high <= 1
    for end in (estimate.low, estimate.high):
        # |p - end| = z * sqrt(end * (1 - end) / n), unless the end was clipped to 0 or 1
        if 0 < end < 1:
            spread = 1.959963984540054 * np.sqrt(end * (1 - end) / n)
            assert abs(k / n - end) == pytest.approx(spread, rel=1e-6)


@pytest.mark.parametrize(
    ("estimate", "reason"),
    [
        (metrics.proportion(0, 0), "no images"),
        (metrics.accuracy(np.zeros((2, 2), dtype=np.int64)), "no images"),
        (metrics.precision(np.array([[3, 0], [2, 0]]), 1), "never predicted"),
        (metrics.recall(np.array([[3, 1], [0, 0]]), 1), "no images of this class"),
        (metrics.sensitivity(np.array([[3, 1], [0, 0]]), 0), "no tumour images"),
        (metrics.missed_tumours(np.array([[3, 1], [0, 0]]), 0), "no tumour images"),
        (metrics.specificity(np.array([[3, 1], [0, 0]]), 1), "no images without a tumour"),
        (metrics.false_alarms(np.array([[3, 1], [0, 0]]), 1), "no images without a tumour"),
        (metrics.f1(np.diag([3, 0]), np.zeros((9, 2, 2)), 1), "no images of this class"),
    ],
)
def test_a_metric_without_a_value_is_none_with_a_reason(estimate: Estimate, reason: str) -> None:
    assert (estimate.value, estimate.low, estimate.high) == (None, None, None)
    assert estimate.reason == reason


def test_weighted_metrics_of_no_images_are_none_with_a_reason() -> None:
    empty = np.zeros((2, 2), dtype=np.int64)
    for estimate in metrics.weighted(empty, np.zeros((0, 2, 2))).values():
        assert (estimate.value, estimate.reason) == (None, "no images")


def test_resampled_matrices_agree_with_drawing_rows_of_whole_groups() -> None:
    y_true, y_pred, _ = random_answers(60, 3, 1, 3)
    groups = np.random.default_rng(2).integers(100, 115, 60)
    got = metrics.resampled_matrices(y_true, y_pred, 3, groups, seed=5, resamples=20)
    names = np.unique(groups)
    draws = metrics.drawn_counts(len(names), 5, 20).astype(int)
    assert (draws.sum(axis=1) == len(names)).all()
    for matrix, times in zip(got, draws, strict=True):
        rows = np.concatenate(
            [np.tile(np.flatnonzero(groups == g), t) for g, t in zip(names, times, strict=True)]
        )
        expected = sk.confusion_matrix(y_true[rows], y_pred[rows], labels=range(3))
        np.testing.assert_array_equal(matrix, expected)


def test_copies_do_not_narrow_the_interval() -> None:
    # 40 answers, then each image five times: five times the images, no more information.
    y_true, y_pred, _ = random_answers(40, 2, 3, 3)
    alone, copied = np.arange(40), np.repeat(np.arange(40), 5)
    widths = []
    for rows in (alone, copied):
        matrix = metrics.confusion_matrix(y_true[rows], y_pred[rows], 2)
        drawn = metrics.resampled_matrices(y_true[rows], y_pred[rows], 2, rows)
        estimate = metrics.f1(matrix, drawn, 1)
        assert estimate.low is not None
        assert estimate.high is not None
        widths.append(estimate.high - estimate.low)
    assert widths[1] == pytest.approx(widths[0], abs=1e-12)
    assert widths[0] > 0.05


@given(st.integers(0, 10_000))
def test_an_interval_holds_its_value_and_the_seed_repeats_it(seed: int) -> None:
    y_true, y_pred, y_prob = random_answers(50, 3, seed, 4)
    groups = np.arange(50) // 2
    matrix = metrics.confusion_matrix(y_true, y_pred, 3)
    drawn = metrics.resampled_matrices(y_true, y_pred, 3, groups, seed=seed, resamples=50)
    estimates = [*metrics.weighted(matrix, drawn).values(), metrics.f1(matrix, drawn, 0)]
    first, again = (
        ranking.areas(y_true == 0, y_prob[:, 0], groups, seed=seed, resamples=50) for _ in "ab"
    )
    assert first == again
    for estimate in (*estimates, *first):
        assert estimate.low is not None
        assert estimate.high is not None
        assert 0 <= estimate.low <= value(estimate) <= estimate.high <= 1


# --- agreement with scikit-learn -------------------------------------------------------------


def assert_agrees_with_scikit_learn(y_true: Ints, y_pred: Ints, y_prob: Floats) -> None:
    k = y_prob.shape[1]
    labels = list(range(k))
    matrix = metrics.confusion_matrix(y_true, y_pred, k)
    np.testing.assert_array_equal(matrix, sk.confusion_matrix(y_true, y_pred, labels=labels))
    assert_close(value(metrics.accuracy(matrix)), sk.accuracy_score(y_true, y_pred))
    options = {"labels": labels, "zero_division": 0}
    each = sk.precision_recall_fscore_support(y_true, y_pred, **options)
    for c in labels:
        for ours, theirs in (
            (metrics.precision(matrix, c).value, each[0][c]),
            (metrics.recall(matrix, c).value, each[1][c]),
            (metrics.f1(matrix, matrix[None].astype(float), c).value, each[2][c]),
        ):
            assert_close(0.0 if ours is None else ours, theirs)
        assert matrix[c].sum() == each[3][c]
    average = sk.precision_recall_fscore_support(y_true, y_pred, average="weighted", **options)
    assert_close(metrics.weighted_averages(matrix), average[:3])
    for c in labels:
        if len(np.unique(y_true == c)) < 2:
            continue
        tumour, called = y_true != c, y_pred != c
        assert_close(value(metrics.sensitivity(matrix, c)), sk.recall_score(tumour, called))
        assert_close(
            value(metrics.specificity(matrix, c)), sk.recall_score(tumour, called, pos_label=False)
        )


@given(st.integers(2, 80), st.integers(2, 5), st.integers(0, 10_000), st.sampled_from([2, 5, 1000]))
def test_every_metric_agrees_with_scikit_learn(n: int, k: int, seed: int, levels: int) -> None:
    assert_agrees_with_scikit_learn(*random_answers(n, k, seed, levels))


@pytest.mark.parametrize("path", SHIPPED_PREDICTIONS, ids=lambda path: path.parent.name)
def test_every_metric_agrees_with_scikit_learn_on_shipped_predictions(path: Path) -> None:
    table = predictions.read(path)
    for split in sorted(set(table.splits)):
        rows = (table.splits == split) & (table.y_true >= 0)
        assert rows.any()
        y_prob = table.y_prob[rows].astype(np.float64)
        assert_agrees_with_scikit_learn(table.y_true[rows], table.y_pred[rows], y_prob)
