"""`brainmri.intervals`: by hand and against scipy. How often they hold: test_coverage.py."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from brainmri import intervals, metrics, ranking
from brainmri.metrics import Estimate


def width(estimate: Estimate) -> float:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.high - estimate.low


def test_images_that_are_all_alone_have_no_design_effect() -> None:
    hits = np.array([1, 1, 0, 1, 0, 1])
    assert intervals.design_effect(hits, np.ones(6, dtype=np.int64)) == 1.0
    # Clusters without an image of the kind do not count.
    assert intervals.design_effect(np.array([1, 0, 0]), np.array([1, 0, 1])) == 1.0


def test_a_design_effect_by_hand() -> None:
    # 4 clusters of 2, half right, each right or wrong as a whole: between them 4 x 1, over 8 / 4,
    # times 4 / 3 for so few. Two of them are wrong, so the value for "all alike", 2, weighs a third.
    found = intervals.design_effect(np.array([2, 2, 0, 0]), np.array([2, 2, 2, 2]))
    assert found == pytest.approx((2 * 8 / 3 + 2) / 3)


@pytest.mark.parametrize("hits", [[3, 2, 1], [0, 0, 0]])
def test_without_a_mistake_copies_count_as_one_image_with_the_weight_of_kish(
    hits: list[int],
) -> None:
    sizes = np.array([3, 2, 1])
    assert intervals.design_effect(np.array(hits), sizes) == pytest.approx(14 / 6)


@pytest.mark.parametrize("share", [0.5, 0.02, 0.0])
def test_buckets_of_many_clusters_have_the_design_effect_of_those_clusters(share: float) -> None:
    rng = np.random.default_rng(3)
    for copies in (1, 4):
        # 20,000 clusters of as many copies, each right or wrong as a whole, in 500 buckets.
        bucket = np.repeat(rng.integers(0, 500, 20_000), copies)
        wrong = np.repeat(rng.random(20_000) < share, copies)
        hits, sizes = (np.bincount(bucket[rows], minlength=500) for rows in (wrong, slice(None)))
        found = intervals.design_effect(hits, sizes, bucketed=True)
        assert found == pytest.approx(copies, rel=0.2)


def test_lone_images_in_buckets_keep_about_the_plain_interval() -> None:
    rng = np.random.default_rng(4)
    y_true = rng.integers(0, 2, 30_000)
    y_pred = np.where(rng.random(30_000) < 0.999, y_true, 1 - y_true)
    matrix = metrics.confusion_matrix(y_true, y_pred, 2)
    per_group = metrics.group_matrices(y_true, y_pred, 2, rng.integers(0, 128, 30_000), 128)
    for metric in (metrics.accuracy, lambda m, g=None: metrics.sensitivity(m, 0, g)):
        assert width(metric(matrix, per_group)) == pytest.approx(width(metric(matrix)), rel=0.15)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), min_size=1, max_size=40))
def test_a_design_effect_is_never_below_one(groups: list[tuple[int, int]]) -> None:
    sizes = np.array([size for _, size in groups])
    hits = np.minimum(np.array([hit for hit, _ in groups]), sizes)
    assert 1 <= intervals.design_effect(hits, sizes) < np.inf


def test_copies_do_not_narrow_the_interval_of_a_proportion() -> None:
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, 200)
    y_pred = np.where(rng.random(200) < 0.9, y_true, 1 - y_true)
    widths = []
    for copies in (1, 5):
        rows = np.repeat(np.arange(200), copies)
        matrix = metrics.confusion_matrix(y_true[rows], y_pred[rows], 2)
        per_group = metrics.group_matrices(y_true[rows], y_pred[rows], 2, rows, 200)
        np.testing.assert_array_equal(per_group.sum(axis=0), matrix)
        widths.append(width(metrics.accuracy(matrix, per_group)))
    assert widths[1] == pytest.approx(widths[0], rel=0.01)
    # Without the clusters it stays the plain Wilson interval.
    assert metrics.accuracy(matrix) == metrics.proportion(int(np.trace(matrix)), int(matrix.sum()))


def test_each_proportion_takes_its_own_images_from_the_clusters() -> None:
    # One cluster of 4 gliomas (0), all called healthy (1); the rest alone and right.
    y_true = np.array([0] * 4 + [0] * 20 + [1] * 20)
    y_pred = np.array([1] * 4 + [0] * 20 + [1] * 20)
    group = np.array([0] * 4 + list(range(1, 41)))
    matrix = metrics.confusion_matrix(y_true, y_pred, 2)
    per = metrics.group_matrices(y_true, y_pred, 2, group, 41)
    for estimate, plain in (
        (metrics.recall(matrix, 0, per), metrics.recall(matrix, 0)),
        (metrics.sensitivity(matrix, 1, per), metrics.sensitivity(matrix, 1)),
        (metrics.missed_tumours(matrix, 1, per), metrics.missed_tumours(matrix, 1)),
        (metrics.precision(matrix, 1, per), metrics.precision(matrix, 1)),
    ):
        assert (estimate.value, estimate.k, estimate.n) == (plain.value, plain.k, plain.n)
        assert width(estimate) > 1.4 * width(plain)
    # Nothing healthy is in a cluster.
    assert metrics.specificity(matrix, 1, per) == metrics.specificity(matrix, 1)
    assert metrics.false_alarms(matrix, 1, per) == metrics.false_alarms(matrix, 1)


def test_a_logit_interval_by_hand() -> None:
    drawn = np.array([0.8, 1.0])  # spread 0.1 around 0.9, on the logit scale 0.1 / 0.09
    half = 1.959964 * 0.1 / 0.09
    odds = np.log(9)
    expected = [1 / (1 + np.exp(-(odds - half))), 1 / (1 + np.exp(-(odds + half)))]
    found = intervals.logit_interval(0.9, drawn, 20)
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_value_of_one_has_the_interval_of_as_many_independent_images() -> None:
    assert intervals.logit_interval(1.0, np.ones(9), 14) == intervals.wilson(1, 14)
    assert intervals.logit_interval(0.0, np.zeros(9), 14) == intervals.wilson(0, 14)
    low, high = intervals.wilson(1, 14)
    assert low == pytest.approx(14 / (14 + 1.959964**2))
    assert high == 1.0


def test_perfect_areas_and_scores_are_not_certain() -> None:
    y_true = np.repeat([0, 1], [317, 14])
    groups = np.append(np.arange(317), 317 + np.arange(14) // 2)
    area, average = ranking.areas(y_true == 1, y_true + 0.0, groups)
    drawn = metrics.resampled_matrices(y_true, y_true, 2, groups)
    f1 = metrics.f1(metrics.confusion_matrix(y_true, y_true, 2), drawn, 1)
    for estimate in (area, average, f1):
        # As 7 of 7: the 14 images are seven pairs of copies.
        assert (estimate.value, estimate.high) == (1.0, 1.0)
        assert estimate.low == pytest.approx(intervals.wilson(1, 7)[0], abs=0.03)


def test_few_mistakes_widen_an_interval() -> None:
    rng = np.random.default_rng(0)
    drawn = np.asarray(0.99 - 0.002 * rng.poisson(4, 1000), dtype=np.float64)
    narrow = intervals.logit_interval(0.982, drawn, 100)
    wide = intervals.logit_interval(0.982, drawn, 100, few=True)
    assert narrow is not None
    assert wide is not None
    assert wide[0] < narrow[0] < 0.982 < narrow[1] < wide[1]


@pytest.mark.parametrize("freedom", [3, 4, 8, 30, 1000, np.inf])
def test_the_t_quantile_agrees_with_scipy(freedom: float) -> None:
    expected = scipy.stats.t.ppf(0.975, freedom) if np.isfinite(freedom) else 1.959964
    assert intervals.student(freedom) == pytest.approx(expected, rel=0.01)


def test_the_effective_size_of_drawn_clusters_is_that_of_kish() -> None:
    sizes = np.array([1] * 50 + [4] * 25 + [0] * 400)
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), 20_000) @ sizes
    kish = sizes.sum() ** 2 / (sizes**2).sum()
    assert intervals.effective_size(drawn.astype(float)) == pytest.approx(kish, rel=0.15)
    assert intervals.effective_size(np.full(9, 30.0)) == 30
    assert intervals.effective_size(np.zeros(0)) == 1


# --- of a difference -------------------------------------------------------------------------


def test_the_interval_of_a_difference_agrees_with_a_published_one() -> None:
    # Fagerland, Lydersen and Laake 2014, Statistics in Medicine 33:2850, airway hyper-responsiveness
    # in 21 children before and after: 2 and 8 of them; -0.507 to -0.026 (Newcombe, correlation 0).
    after, before = ((k / 21, *intervals.wilson(k / 21, 21)) for k in (8, 2))
    found = intervals.of_difference(after, before, 0.0)
    assert found == pytest.approx((-0.507, -0.026), abs=6e-4)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(-1, 1))
def test_the_interval_of_a_difference_holds_it_and_stays_between_minus_one_and_one(
    a: float, b: float, correlation: float
) -> None:
    one, other = ((p, *intervals.wilson(p, 30)) for p in (a, b))
    low, high = intervals.of_difference(one, other, correlation)
    assert -1 - 1e-9 <= low <= b - a <= high <= 1 + 1e-9
    assert intervals.of_difference(other, one, correlation) == pytest.approx((-high, -low))


def test_correlation_of_samples_is_that_of_their_ranks() -> None:
    rng = np.random.default_rng(0)
    a = rng.integers(0, 9, 200) / 8
    b = (a + rng.normal(size=200).round(1)) ** 3
    expected = scipy.stats.spearmanr(a, b).statistic
    assert intervals.correlation(a, b) == pytest.approx(expected)
    a[3], b[7] = np.nan, np.nan
    kept = np.isfinite(a) & np.isfinite(b)
    expected = scipy.stats.spearmanr(a[kept], b[kept]).statistic
    assert intervals.correlation(a, b) == pytest.approx(expected)


def test_what_does_not_vary_is_correlated_with_nothing() -> None:
    assert intervals.correlation(np.ones(9), np.arange(9.0)) == 0
    assert intervals.correlation(np.full(9, np.nan), np.arange(9.0)) == 0
    assert intervals.correlation(np.zeros(0), np.zeros(0)) == 0


def test_an_interval_of_single_images_is_that_of_wilson() -> None:
    hit = np.array([True] * 3 + [False] * 7)
    assert metrics.share(hit, np.arange(10)) == metrics.proportion(3, 10)


def test_an_interval_of_copies_is_wider() -> None:
    hit = np.repeat([True, False, True, False], 5)
    pairs, single = metrics.share(hit, np.repeat(np.arange(4), 5)), metrics.proportion(10, 20)
    assert (pairs.k, pairs.n) == (10, 20)
    assert pairs.low is not None
    assert single.low is not None
    assert pairs.low < single.low


def test_a_share_of_no_images_says_why_there_is_none() -> None:
    assert metrics.share(np.array([], dtype=bool), np.array([], dtype=np.int64)).reason
