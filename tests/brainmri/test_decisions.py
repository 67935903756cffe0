"""`brainmri.decisions`: by hand, and against counting every threshold in a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from brainmri import decisions, metrics
from brainmri.decisions import NEVER, at_thresholds, for_cost, for_sensitivity, outcomes

# Five tumours and four others, with a tie at 0.6.
PROBABILITY = np.array([0.95, 0.9, 0.6, 0.6, 0.1, 0.8, 0.6, 0.3, 0.05])
IS_TUMOUR = np.array([True] * 5 + [False] * 4)


def drawn(n: int, seed: int, levels: int = 12) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Few levels make many ties, 0 and 1 among them."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, levels + 1, n) / levels, rng.random(n) < 0.5


def counted(
    probability: NDArray[np.float64], is_tumour: NDArray[np.bool_], t: float
) -> tuple[int, int]:
    called = probability >= t
    return int((~called & is_tumour).sum()), int((called & ~is_tumour).sum())


# --- the tumour probability ------------------------------------------------------------------


def test_the_tumour_probability_is_what_the_negative_class_leaves() -> None:
    y_prob = np.array([[0.25, 0.5, 0.25], [0, 1, 0]], dtype=np.float32)
    got = decisions.tumour_probability(y_prob, 1)
    assert got.tolist() == [0.5, 0.0]
    assert got.dtype == np.float64


def test_very_sure_answers_stay_apart() -> None:
    y_prob = np.array([[1.0, 1e-9], [1.0, 2e-9]], dtype=np.float32)
    first, second = decisions.tumour_probability(y_prob, 1)
    assert first > second


# --- operating point -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "threshold"),
    [(0.2, 0.95), (0.4, 0.9), (0.41, 0.6), (0.6, 0.6), (0.8, 0.6), (0.81, 0.1), (1.0, 0.1),
     (0.0, NEVER)],
)  # fmt: skip
def test_a_target_sensitivity_by_hand(target: float, threshold: float) -> None:
    assert for_sensitivity(PROBABILITY, IS_TUMOUR, target) == threshold


def test_a_share_that_floating_point_overshoots_needs_no_extra_tumour() -> None:
    # 0.29 * 100 and 0.07 * 100 are not 29 and 7 in floating point.
    probability = np.arange(100, 0, -1) / 100
    everything = np.ones(100, dtype=bool)
    assert for_sensitivity(probability, everything, 0.29) == probability[28]
    assert for_sensitivity(probability, everything, 0.07) == probability[6]


@given(st.integers(1, 60), st.integers(0, 500), st.floats(0.01, 1))
def test_no_larger_threshold_reaches_the_target(n: int, seed: int, target: float) -> None:
    probability, is_tumour = drawn(n, seed)
    is_tumour[0] = True
    t = for_sensitivity(probability, is_tumour, target)
    tumours = is_tumour.sum()
    assert 1 - counted(probability, is_tumour, t)[0] / tumours >= target - 1e-9
    for larger in np.unique(probability[probability > t]):
        assert 1 - counted(probability, is_tumour, larger)[0] / tumours < target


def test_a_sensitivity_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="needs tumour images"):
        for_sensitivity(PROBABILITY, np.zeros(9, dtype=bool), 0.9)
    with pytest.raises(ValueError, match=r"sensitivity of 1\.2"):
        for_sensitivity(PROBABILITY, IS_TUMOUR, 1.2)


def test_the_cost_of_a_missed_tumour_by_hand() -> None:
    # missed, false alarms: 3, 0 at 0.9; 1, 2 at 0.6; 0, 3 at 0.1. At a cost of 1 all are 3: the
    # lowest threshold is taken. A missed tumour that costs nothing: call nothing.
    assert for_cost(PROBABILITY, IS_TUMOUR, [1, 2, 50]).tolist() == [0.1, 0.1, 0.1]
    assert for_cost(PROBABILITY, IS_TUMOUR, [0.9, 0.5, 0.0]).tolist() == [0.9, 0.9, 0.9]


def test_calling_everything_and_nothing_are_choices() -> None:
    probability = np.array([0.2, 0.9])
    assert for_cost(probability, np.array([True, True]), [1.0]).tolist() == [0.0]
    assert for_cost(probability, np.array([False, False]), [1.0]).tolist() == [NEVER]
    sure = np.array([1.0, 1.0])
    assert for_cost(sure, np.array([False, False]), [1.0]).tolist() == [NEVER]


@given(st.integers(1, 60), st.integers(0, 500), st.floats(0.1, 200))
def test_no_threshold_is_cheaper_and_no_lower_one_as_cheap(n: int, seed: int, cost: float) -> None:
    probability, is_tumour = drawn(n, seed)
    (t,) = for_cost(probability, is_tumour, [cost])

    def price(threshold: float) -> float:
        missed, alarms = counted(probability, is_tumour, threshold)
        return cost * missed + alarms

    everywhere = [0.0, *np.unique(probability), NEVER]
    assert price(t) == pytest.approx(min(price(other) for other in everywhere))
    assert all(price(other) > price(t) for other in everywhere if other < t)


def test_a_higher_cost_never_raises_the_threshold() -> None:
    thresholds = for_cost(*drawn(500, 3, levels=1000), np.linspace(0.1, 100, 50))
    assert (np.diff(thresholds) <= 0).all()


def test_no_images_have_no_cost() -> None:
    with pytest.raises(ValueError, match="needs images"):
        for_cost(np.zeros(0), np.zeros(0, dtype=bool), [1.0])


# --- outcomes --------------------------------------------------------------------------------


def test_outcomes_by_hand() -> None:
    found = outcomes(PROBABILITY, IS_TUMOUR, [0, 0.1, 0.11, 0.6, 0.61, 0.95, NEVER])
    assert found.missed.tolist() == [0, 0, 1, 1, 3, 4, 5]
    assert found.false_alarms.tolist() == [4, 3, 3, 2, 1, 0, 0]
    assert (found.tumours, found.others) == (5, 4)


@given(st.integers(0, 80), st.integers(0, 500))
def test_outcomes_are_what_counting_gives(n: int, seed: int) -> None:
    probability, is_tumour = drawn(n, seed)
    thresholds = np.concatenate([np.arange(26) / 24, [NEVER]])
    found = outcomes(probability, is_tumour, thresholds)
    expected = [counted(probability, is_tumour, t) for t in thresholds]
    assert list(zip(found.missed, found.false_alarms, strict=True)) == expected


@given(st.integers(1, 60), st.integers(0, 1000))
def test_a_count_changes_at_every_probability_and_nowhere_else(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, is_tumour = rng.random(n).round(1), rng.random(n) < 0.5
    here = np.unique(p)
    at = outcomes(p, is_tumour, np.append(here, NEVER))
    assert (at.missed[0], at.false_alarms[0]) == (0, at.others)
    assert (at.missed[-1], at.false_alarms[-1]) == (at.tumours, 0)
    # As many images stop being called as have exactly that probability.
    stopped = np.diff(at.missed) - np.diff(at.false_alarms)
    assert stopped.tolist() == [int((p == threshold).sum()) for threshold in here]
    between = outcomes(p, is_tumour, (here[1:] + here[:-1]) / 2)
    assert between.missed.tolist() == at.missed[1:-1].tolist()
    assert between.false_alarms.tolist() == at.false_alarms[1:-1].tolist()


def test_every_threshold_has_wilson_intervals_where_images_stand_alone() -> None:
    alone = np.arange(9)
    (missed, alarms), (none, every) = at_thresholds(PROBABILITY, IS_TUMOUR, [0.6, 0.0], alone)
    assert missed == metrics.proportion(1, 5)
    assert alarms == metrics.proportion(2, 4)
    assert (none, every) == (metrics.proportion(0, 5), metrics.proportion(4, 4))
    ((nobody, _),) = at_thresholds(PROBABILITY, np.zeros(9, dtype=bool), [0.6], alone)
    assert (nobody.value, nobody.reason) == (None, "no tumour images")
    ((_, nothing),) = at_thresholds(PROBABILITY, np.ones(9, dtype=bool), [0.6], alone)
    assert (nothing.value, nothing.reason) == (None, "no images without a tumour")


@given(st.integers(0, 1000))
def test_copies_of_every_image_leave_the_intervals_of_a_threshold_as_they_were(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, is_tumour = rng.random(40).round(1), rng.random(40) < 0.5
    is_tumour[:2] = True, False
    once = at_thresholds(p, is_tumour, [0.3, 0.7], np.arange(40))
    thrice = at_thresholds(
        np.tile(p, 3), np.tile(is_tumour, 3), [0.3, 0.7], np.tile(np.arange(40), 3)
    )
    for position, copied in zip(once, thrice, strict=True):
        for one, other in zip(position, copied, strict=True):
            assert (other.k, other.n) == (3 * (one.k or 0), 3 * one.n)
            # All copies go together, so the three say as much as the one; few groups say a little
            # more about how much their number varies, hence the room.
            assert (other.low, other.high) == pytest.approx((one.low, one.high), abs=0.02)


# --- decision curve --------------------------------------------------------------------------


def test_net_benefit_by_hand() -> None:
    curve = decisions.decision_curve(PROBABILITY, IS_TUMOUR, [0.2, 0.5, 0.6])
    # at 0.2: 4 of 9 found, 3 false alarms at odds 1/4; at 0.5 and 0.6: 4 found, 2 false alarms
    np.testing.assert_allclose(curve.model, [(4 - 3 / 4) / 9, (4 - 2) / 9, (4 - 2 * 1.5) / 9])
    np.testing.assert_allclose(curve.call_all, [(5 - 4 / 4) / 9, (5 - 4) / 9, (5 - 4 * 1.5) / 9])
    assert (curve.n, curve.tumours) == (9, 5)


def test_a_flawless_model_has_the_share_of_tumours_as_net_benefit_everywhere() -> None:
    curve = decisions.decision_curve(IS_TUMOUR.astype(float), IS_TUMOUR)
    np.testing.assert_allclose(curve.model, 5 / 9)
    assert (curve.model >= curve.call_all).all()
    assert (curve.thresholds[0], curve.thresholds[-1]) == (0.001, 0.99)
    assert (np.diff(curve.thresholds) > 0).all()


def test_a_model_that_knows_nothing_is_calling_all_or_none() -> None:
    curve = decisions.decision_curve(np.full(9, 0.5), IS_TUMOUR)
    low = curve.thresholds <= 0.5
    np.testing.assert_allclose(curve.model[low], curve.call_all[low])
    np.testing.assert_allclose(curve.model[~low], 0)


def test_a_decision_curve_needs_images_and_thresholds_inside() -> None:
    with pytest.raises(ValueError, match="needs images"):
        decisions.decision_curve(np.zeros(0), np.zeros(0, dtype=bool))
    for t in (0.0, 1.0):
        with pytest.raises(ValueError, match="between 0 and 1"):
            decisions.decision_curve(PROBABILITY, IS_TUMOUR, [0.5, t])


# --- risk and coverage -----------------------------------------------------------------------


def two_classes(confidence: list[float], right: list[bool]) -> tuple[NDArray[np.int64], NDArray]:  # type: ignore[type-arg]
    y_prob = np.array([[c, 1 - c] for c in confidence])
    return np.array([0 if ok else 1 for ok in right]), y_prob


def test_risk_and_coverage_by_hand() -> None:
    y_true, y_prob = two_classes([0.9, 0.8, 0.7, 0.6], [True, False, True, False])
    found = decisions.risk_coverage(y_true, y_prob, np.arange(4))
    np.testing.assert_allclose(found.confidence, [0.9, 0.8, 0.7, 0.6])
    np.testing.assert_allclose(found.coverage, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(found.risk, [0, 1 / 2, 1 / 3, 2 / 4])
    assert found.area.value == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert found.area.n == found.n == 4


def test_what_is_left_wrong_has_the_interval_of_every_other_share() -> None:
    right = [True] * 18 + [False, False]
    y_true, y_prob = two_classes(list(np.linspace(0.99, 0.6, 20)), right)
    alone = decisions.risk_coverage(y_true, y_prob, np.arange(20))
    assert (alone.surest, alone.every) == (metrics.proportion(0, 18), metrics.proportion(2, 20))
    copies = decisions.risk_coverage(y_true, y_prob, np.arange(20) // 2)
    assert (copies.every.k, copies.every.n) == (2, 20)
    assert copies.every.high is not None
    assert alone.every.high is not None
    assert copies.every.high > alone.every.high


def test_equally_sure_images_are_answered_together() -> None:
    y_true, y_prob = two_classes([0.9, 0.8, 0.8, 0.8], [True, False, True, True])
    found = decisions.risk_coverage(y_true, y_prob, np.arange(4))
    np.testing.assert_allclose(found.coverage, [0.25, 1])
    np.testing.assert_allclose(found.risk, [0, 0.25])
    assert found.area.value == pytest.approx(0.25 * 0 + 0.75 * 0.25)
    backwards = decisions.risk_coverage(y_true[::-1], y_prob[::-1], np.arange(4))
    assert backwards.area == found.area


@given(st.integers(1, 60), st.integers(2, 5), st.integers(0, 500))
def test_the_last_risk_is_the_error_rate_and_the_area_lies_between_the_extremes(
    n: int, k: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    y_true, y_prob = rng.integers(0, k, n), rng.dirichlet(np.ones(k), n)
    found = decisions.risk_coverage(y_true, y_prob, rng.integers(0, n, n), resamples=20)
    assert found.coverage[-1] == 1
    assert found.risk[-1] == pytest.approx((y_prob.argmax(axis=1) != y_true).mean())
    area = found.area
    assert area.value is not None
    assert area.low is not None
    assert area.high is not None
    assert found.risk.min() - 1e-12 <= area.value <= found.risk.max() + 1e-12
    assert area.low <= area.value <= area.high


def test_the_area_interval_draws_whole_groups() -> None:
    rng = np.random.default_rng(1)
    y_true, y_prob = rng.integers(0, 3, 40), rng.dirichlet(np.ones(3), 40)
    groups = rng.integers(0, 12, 40)
    found = decisions.risk_coverage(y_true, y_prob, groups, seed=4, resamples=30)
    names = np.unique(groups)
    areas = []
    for times in metrics.drawn_counts(len(names), 4, 30).astype(np.int64):
        rows = np.concatenate(
            [np.tile(np.flatnonzero(groups == g), t) for g, t in zip(names, times, strict=True)]
        )
        again = decisions.risk_coverage(
            y_true[rows], y_prob[rows], np.arange(len(rows)), resamples=1
        )
        areas.append(again.area.value)
    low, high = np.quantile(np.array(areas, dtype=float), [0.025, 0.975])
    assert found.area.value is not None
    assert found.area.low == pytest.approx(min(low, found.area.value))
    assert found.area.high == pytest.approx(max(high, found.area.value))


def test_many_images_are_resampled_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    data = rng.integers(0, 3, 50), rng.dirichlet(np.ones(3), 50), np.arange(50)
    whole = decisions.risk_coverage(*data, resamples=40)
    monkeypatch.setattr(decisions, "_AT_ONCE", 170)
    assert decisions.risk_coverage(*data, resamples=40).area == whole.area


def test_no_images_have_no_risk() -> None:
    with pytest.raises(ValueError, match="needs images"):
        decisions.risk_coverage(
            np.zeros(0, dtype=np.int64), np.zeros((0, 2)), np.zeros(0, dtype=np.int64)
        )
