"""`brainmri.calibration`: by hand, on simulated answers, and against scipy and a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from brainmri import calibration, metrics
from brainmri.calibration import apply_temperature, ece, fit_temperature, reliability

Ints = NDArray[np.int64]
Probabilities = NDArray[np.float32]


def answers(
    n: int, temperature: float = 1.0, *, k: int = 4, seed: int = 0
) -> tuple[Ints, Probabilities]:
    """Truth drawn from probabilities, and those probabilities with another temperature.

    At `temperature` 1 they are flawless; below 1 they are too sure, and dividing the logits by
    1 / `temperature` mends it.
    """
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, k)) * 2
    true = softmax(logits, axis=1)
    y_true = np.minimum((rng.random((n, 1)) > true.cumsum(axis=1)).sum(axis=1), k - 1)
    return y_true, softmax(logits / temperature, axis=1).astype(np.float32)


def loss(y_true: Ints, y_prob: Probabilities, temperature: float) -> float:
    logits = np.log(y_prob.astype(np.float64)) / temperature
    return -float(np.log(softmax(logits, axis=1)[np.arange(len(y_true)), y_true]).mean())


# --- temperature -----------------------------------------------------------------------------


@pytest.mark.parametrize("sureness", [0.5, 0.8, 1.0, 2.0])
def test_the_temperature_undoes_the_one_that_was_put_in(sureness: float) -> None:
    y_true, y_prob = answers(20_000, sureness)
    fitted = fit_temperature(y_true, y_prob)
    assert fitted.n == 20_000
    assert fitted.value == pytest.approx(1 / sureness, rel=0.03)


@pytest.mark.parametrize("seed", range(4))
def test_the_temperature_is_the_one_that_scipy_finds(seed: int) -> None:
    y_true, y_prob = answers(150, 0.6, seed=seed)
    found = minimize_scalar(
        lambda t: loss(y_true, y_prob, t),
        bounds=(calibration.COLDEST, calibration.HOTTEST), method="bounded", options={"xatol": 1e-9},
    )  # fmt: skip
    fitted = fit_temperature(y_true, y_prob)
    assert fitted.value == pytest.approx(found.x, abs=1e-6)
    assert fitted.loss_before == pytest.approx(loss(y_true, y_prob, 1.0), abs=1e-9)
    assert fitted.loss_after == pytest.approx(found.fun, abs=1e-9)


def test_two_classes_by_hand() -> None:
    # 90 of 100 answers of confidence 0.99 are right; a confidence of 0.9 minimises the loss:
    # log(0.99 / 0.01) / T = log(0.9 / 0.1).
    y_prob = np.tile(np.array([0.99, 0.01], dtype=np.float32), (100, 1))
    y_true = np.array([0] * 90 + [1] * 10)
    fitted = fit_temperature(y_true, y_prob)
    assert fitted.value == pytest.approx(np.log(99) / np.log(9), abs=1e-5)
    warm = apply_temperature(y_prob, fitted.value)
    np.testing.assert_allclose(warm[0], [0.9, 0.1], atol=1e-6)


def test_fitting_again_gives_the_same_bits() -> None:
    y_true, y_prob = answers(300, 0.7)
    assert fit_temperature(y_true, y_prob) == fit_temperature(y_true.copy(), y_prob.copy())


def test_probabilities_of_zero_are_no_trouble() -> None:
    y_prob = np.tile(np.array([1.0, 0.0, 0.0], dtype=np.float32), (100, 1))
    y_true = np.array([0] * 95 + [1] * 5)  # five times a true class of probability 0
    fitted = fit_temperature(y_true, y_prob)
    assert fitted.value == pytest.approx(calibration.HOTTEST)
    assert fitted.loss_before is not None
    assert fitted.loss_after is not None
    assert fitted.loss_after < fitted.loss_before < np.inf
    assert np.isfinite(apply_temperature(y_prob, fitted.value)).all()
    subnormal = np.array([[1.0, 1e-45]], dtype=np.float32)
    assert np.isfinite(apply_temperature(subnormal, 0.1)).all()


def test_a_model_that_is_sure_of_anything_is_warmed_to_the_upper_bound() -> None:
    assert fit_temperature(*answers(200, 0.02)).value == pytest.approx(calibration.HOTTEST)


def test_a_model_that_hesitates_for_nothing_is_cooled_to_the_lower_bound() -> None:
    y_prob = np.tile(np.array([0.5001, 0.4999], dtype=np.float32), (1000, 1))
    y_true = np.array([0] * 999 + [1])
    assert fit_temperature(y_true, y_prob).value == pytest.approx(calibration.COLDEST)


def test_equal_probabilities_have_temperature_one() -> None:
    y_prob = np.full((100, 4), 0.25, dtype=np.float32)
    assert fit_temperature(np.arange(100) % 4, y_prob).value == 1.0


def test_too_few_images_or_no_mistake_give_a_reason_instead() -> None:
    y_true, y_prob = answers(calibration.MIN_IMAGES - 1)
    few = fit_temperature(y_true, y_prob)
    assert (few.value, few.n, few.reason) == (None, 49, "fewer than 50 images")
    none = fit_temperature(np.zeros(0, dtype=np.int64), np.zeros((0, 3), dtype=np.float32))
    assert (none.value, none.n) == (None, 0)
    _, y_prob = answers(200)
    flawless = fit_temperature(y_prob.argmax(axis=1), y_prob)
    assert (flawless.value, flawless.reason) == (None, "every answer is right")


@given(st.integers(1, 30), st.integers(2, 6), st.floats(0.1, 10), st.integers(0, 1000))
def test_a_temperature_changes_no_answer(n: int, k: int, temperature: float, seed: int) -> None:
    _, y_prob = answers(n, k=k, seed=seed)
    got = apply_temperature(y_prob, temperature)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(got.argmax(axis=1), y_prob.argmax(axis=1))
    expected = y_prob.astype(np.float64) ** (1 / temperature)
    np.testing.assert_allclose(got, expected / expected.sum(axis=1, keepdims=True), atol=1e-6)


def test_without_a_temperature_probabilities_stay_as_they_are() -> None:
    _, y_prob = answers(10)
    np.testing.assert_array_equal(apply_temperature(y_prob, None), y_prob)


# --- reliability -----------------------------------------------------------------------------


def test_reliability_by_hand() -> None:
    # Confidences 0.5 (bin 8: above 7/15, up to 8/15), 0.6 (9/15) and 1; edges belong to the left.
    y_prob = np.array([[0.5, 0.5], [0.6, 0.4], [0.4, 0.6], [1.0, 0.0]])
    bins = reliability(np.array([0, 0, 0, 0]), y_prob, np.arange(4))
    assert len(bins) == calibration.BINS
    assert [b.n for b in bins] == [0] * 7 + [1, 2] + [0] * 5 + [1]
    middle = bins[8]
    assert (middle.low, middle.high) == (8 / 15, 9 / 15)
    assert middle.confidence == pytest.approx(0.6)
    assert middle.accuracy == metrics.proportion(1, 2)
    assert bins[0].confidence is None
    assert bins[0].accuracy.value is None
    assert bins[0].accuracy.reason == "no answers this sure"
    assert bins[-1].high == 1
    assert bins[-1].accuracy.value == 1


def test_a_bin_of_copies_is_no_surer_than_one_image_of_each() -> None:
    y_true, y_prob = answers(60)
    once = reliability(y_true, y_prob, np.arange(60))
    copied = reliability(
        np.repeat(y_true, 5), np.repeat(y_prob, 5, axis=0), np.repeat(np.arange(60), 5)
    )
    for one, five in zip(once, copied, strict=True):
        assert five.n == 5 * one.n
        assert five.confidence == pytest.approx(one.confidence)
        if one.accuracy.low is not None and one.accuracy.high is not None:
            assert (five.accuracy.low or 0) <= one.accuracy.low + 1e-9
            assert (five.accuracy.high or 0) >= one.accuracy.high - 1e-9


def test_the_calibration_error_by_hand() -> None:
    # 30 answers of 0.8, 18 right: 0.2 too sure. 20 answers of 0.6, all right: 0.4 not sure enough.
    y_prob = np.array([[0.8, 0.2]] * 30 + [[0.6, 0.4]] * 20)
    y_true = np.array([0] * 18 + [1] * 12 + [0] * 20)
    found = ece(y_true, y_prob, np.arange(50)).ece
    assert found.value == pytest.approx(0.6 * 0.2 + 0.4 * 0.4)
    assert found.n == 50


@given(st.integers(50, 200), st.integers(2, 5), st.integers(0, 1000))
def test_the_calibration_error_is_the_weighted_gap_of_the_reliability_bins(
    n: int, k: int, seed: int
) -> None:
    y_true, y_prob = answers(n, 0.7, k=k, seed=seed)
    gaps = [
        b.n / n * abs(b.accuracy.value - b.confidence)
        for b in reliability(y_true, y_prob, np.arange(n))
        if b.accuracy.value is not None and b.confidence is not None
    ]
    found = ece(y_true, y_prob, np.arange(n), resamples=50).ece
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert found.value == pytest.approx(sum(gaps), abs=1e-9)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_the_interval_of_a_flawless_model_reaches_down_to_nothing() -> None:
    found = ece(*answers(600), np.arange(600))
    assert found.ece.low == 0
    assert found.ece.value is not None
    assert found.by_chance == pytest.approx(found.ece.value, abs=0.02)


def test_the_interval_of_a_model_that_is_too_sure_does_not() -> None:
    before = ece(*answers(2000, 0.4), np.arange(2000))
    assert before.ece.low is not None
    assert before.ece.high is not None
    assert before.by_chance is not None
    assert before.by_chance < before.ece.low
    truth = ece(*answers(200_000, 0.4, seed=1), np.arange(200_000) % 50, resamples=2).ece.value
    assert truth is not None
    assert before.ece.low < truth < before.ece.high


def test_the_temperature_lowers_the_calibration_error() -> None:
    y_true, y_prob = answers(3000, 0.5)
    mended = apply_temperature(y_prob, fit_temperature(y_true[:1000], y_prob[:1000]).value)
    before = ece(y_true[1000:], y_prob[1000:], np.arange(2000)).ece
    after = ece(y_true[1000:], mended[1000:], np.arange(2000)).ece
    assert before.value is not None
    assert after.value is not None
    assert after.value < before.value / 3


def test_copies_neither_change_the_error_nor_narrow_its_interval() -> None:
    y_true, y_prob = answers(300, 0.6)
    once = ece(y_true, y_prob, np.arange(300))
    copied = ece(np.tile(y_true, 5), np.tile(y_prob, (5, 1)), np.tile(np.arange(300), 5))
    assert copied.ece.n == 1500
    for name in ("value", "low", "high"):
        assert getattr(copied.ece, name) == pytest.approx(getattr(once.ece, name))
    assert copied.by_chance == pytest.approx(once.by_chance)


def test_too_few_images_have_no_calibration_error() -> None:
    found = ece(*answers(49), np.arange(49))
    assert found.by_chance is None
    assert (found.ece.value, found.ece.n, found.ece.reason) == (None, 49, "fewer than 50 images")
    assert sum(b.n for b in reliability(*answers(49), np.arange(49))) == 49
