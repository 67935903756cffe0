"""`brainmri.trust`: what is fitted on validation rows, and the report on other ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from brainmri import calibration, conformal, decisions, metrics, trust
from brainmri.metrics import Estimate
from brainmri.predictions import Predictions
from brainmri.trust import Fit
from tests.brainmri.test_conformal import images
from tests.brainmri.test_runs import A_RUN

CLASSES = ["glioma", "healthy", "meningioma", "pituitary"]


def table(val: int = 400, test: int = 300, *, seed: int = 0) -> Predictions:
    """A model that is too sure, on images without a common cause."""
    n = val + test
    y_true, y_prob = images(n, seed=seed)
    return Predictions(
        paths=np.array([f"{i}.png" for i in range(n)], dtype=object),
        splits=np.array(["val"] * val + ["test"] * test, dtype=object),
        y_true=y_true,
        y_prob=y_prob,
        classes=CLASSES,
    )


def fit(predictions: Predictions) -> Fit:
    found = trust.fit(predictions, negative="healthy")
    assert found is not None
    return found


def report(
    predictions: Predictions,
    fitted: Fit | None,
    split: str = "test",
    groups: NDArray[np.int64] | None = None,
) -> trust.CalibrationReport:
    n = len(predictions.y_true)
    return trust.calibration_report(
        predictions,
        fitted,
        split=split,
        negative="healthy",
        groups=np.arange(n) if groups is None else groups,
    )


# --- fit -------------------------------------------------------------------------------------


def test_everything_is_fitted_on_labelled_validation_rows_alone() -> None:
    whole = table()
    found = fit(whole)
    assert found.n == 400
    assert found.reasons == ()
    rng = np.random.default_rng(1)
    changed = replace(whole, y_true=whole.y_true.copy(), y_prob=whole.y_prob.copy())
    changed.y_true[400:] = rng.integers(0, 4, 300)
    changed.y_prob[400:] = rng.dirichlet(np.ones(4), 300)
    assert fit(changed) == found
    changed.y_true[:10] = -1
    assert fit(changed).n == 390


def test_what_is_more_probably_a_tumour_than_not_is_called_one() -> None:
    whole = table()
    # Surer of every tumour: the largest threshold that finds 99 % of them is above one half.
    whole.y_prob[:] = np.where(
        (np.arange(4) == whole.y_true[:, None]), np.float32(0.97), np.float32(0.01)
    )
    found = fit(whole)
    assert found.operating_point is not None
    assert found.operating_point.threshold == 0.5


def test_threshold_and_sets_are_those_of_the_probabilities_after_the_temperature() -> None:
    whole = table()
    found = fit(whole)
    assert found.temperature is not None
    assert found.temperature > 1.2
    y_true, raw = whole.y_true[:400], whole.y_prob[:400]
    y_prob = calibration.apply_temperature(raw, found.temperature)
    point = found.operating_point
    assert point is not None
    assert (point.rule, point.target, point.n) == ("sensitivity", 0.99, 400)
    assert point.tumours == (y_true != 1).sum()
    probability = decisions.tumour_probability(y_prob, 1)
    assert point.threshold == decisions.for_sensitivity(probability, y_true != 1, 0.99) <= 0.5
    assert found.conformal is not None
    thresholds, counted = conformal.fit_conformal(y_true, y_prob, 0.05)
    assert list(found.conformal.thresholds.values()) == thresholds.tolist()
    assert list(found.conformal.images.values()) == counted.tolist()
    assert list(found.conformal.thresholds) == CLASSES


def test_without_validation_rows_nothing_is_fitted() -> None:
    assert trust.fit(table(val=0), negative="healthy") is None
    assert trust.describe(None) == "No validation images, so nothing was calibrated."


def test_few_validation_rows_give_reasons() -> None:
    found = fit(table(val=12))
    assert (found.temperature, found.operating_point, found.conformal) == (None, None, None)
    assert found.reasons == (
        "No temperature: fewer than 50 images.",
        "No operating point: fewer than 30 tumour images.",
        "No conformal sets: fewer than 19 images of every class.",
    )
    assert trust.describe(found).startswith("Fitted on 12 validation images: nothing. No temp")


def test_a_class_with_too_few_images_is_in_every_set_and_named() -> None:
    found = fit(table(val=110))
    assert found.conformal is not None
    few = [name for name, n in found.conformal.images.items() if n < 19]
    assert few == ["pituitary"]
    assert found.conformal.thresholds["pituitary"] == 1
    assert found.reasons == ("In every conformal set, for fewer than 19 images: pituitary.",)


def test_one_line_says_what_was_fitted() -> None:
    point = decisions.OperatingPoint(0.0312, "sensitivity", 0.99, 572, 413)
    sets = conformal.Conformal(0.1, {"a": 0.5}, {"a": 100})
    assert trust.describe(Fit(1572, 1.354, point, sets)) == (
        "Fitted on 1,572 validation images: temperature 1.35, tumour from a probability of 3.12% "
        "(finds at least 99% of their tumours), sets that hold the true class in 90%."
    )
    by_cost = replace(point, rule="cost", target=20.0)
    assert "(a missed tumour is worth 20 false alarms)" in trust.describe(
        Fit(1572, None, by_cost, None)
    )


def test_what_run_json_holds_is_a_fit() -> None:
    assert trust.stored(A_RUN) is None
    found = fit(table())
    run = replace(
        A_RUN,
        images={"train": 10, "val": 400, "test": 300},
        temperature=found.temperature,
        operating_point=found.operating_point,
        conformal=found.conformal,
    )
    assert trust.stored(run) == found


# --- report ----------------------------------------------------------------------------------


def test_the_report_measures_the_other_rows_after_the_temperature() -> None:
    whole = table()
    found = fit(whole)
    got = report(whole, found)
    y_true, raw = whole.y_true[400:], whole.y_prob[400:]
    y_prob = calibration.apply_temperature(raw, found.temperature)
    assert (got.split, got.n, got.tumours) == ("test", 300, int((y_true != 1).sum()))
    assert got.before == calibration.reliability(y_true, raw, np.arange(300))
    assert got.after == calibration.reliability(y_true, y_prob, np.arange(300))
    assert got.error_after is not None
    assert got.error_before.ece.value is not None
    assert got.error_after.ece.value is not None
    assert got.error_after.ece.value < got.error_before.ece.value
    assert found.operating_point is not None
    assert got.operating_point is not None
    probability = decisions.tumour_probability(y_prob, 1)
    called = probability >= found.operating_point.threshold
    assert got.operating_point.missed.k == (~called & (y_true != 1)).sum()
    assert got.operating_point.false_alarms.k == (called & (y_true == 1)).sum()
    assert got.coverage is not None
    assert got.coverage.alpha == 0.05
    lowest = min(got.coverage.per_class, key=lambda c: c.coverage.value or 0)
    assert got.coverage.lowest == lowest.name
    assert got.risk_coverage is not None
    assert got.decision is not None
    assert got.risk_coverage.n == got.decision.n == 300
    assert got.reasons == ()


def test_sliders_are_set_on_validation_and_counted_on_the_split() -> None:
    whole = table()
    found = fit(whole)
    got = report(whole, found)
    assert got.by_sensitivity is not None
    assert got.by_cost is not None
    assert found.operating_point is not None
    at = got.by_sensitivity.targets.tolist().index(0.99)
    assert got.by_sensitivity.outcomes.thresholds[at] == found.operating_point.threshold
    assert got.operating_point is not None
    assert got.by_sensitivity.outcomes.missed[at] == got.operating_point.missed.k
    assert got.by_cost.n == got.by_sensitivity.n == 400
    slider = got.by_cost
    assert (np.diff(slider.outcomes.missed) <= 0).all()
    assert slider.costs.tolist() == [
        n * missed + alarms
        for n, missed, alarms in zip(
            slider.targets, slider.outcomes.missed, slider.outcomes.false_alarms, strict=True
        )
    ]
    # On the images that set them, no position of the slider is cheaper than the one for its cost.
    own = report(whole, found, "val").by_cost
    assert own is not None
    everywhere = own.targets[:, None] * own.outcomes.missed + own.outcomes.false_alarms
    np.testing.assert_array_equal(everywhere.min(axis=1), own.costs)


def test_a_run_without_a_fit_is_judged_as_it_is() -> None:
    got = report(table(), None)
    assert (got.fit, got.after, got.error_after) == (None, None, None)
    assert (got.operating_point, got.coverage) == (None, None)
    assert got.by_cost is not None  # from its validation rows, without a temperature
    assert got.reasons == (
        "Nothing is stored for this run; run `python -m brainmri predict` again.",
    )
    foreign = report(table(val=0), None)
    assert foreign.by_cost is None
    assert foreign.reasons == (
        "No validation images, so nothing is calibrated.",
        "No sliders: fewer than 30 validation images with a tumour.",
    )
    assert foreign.risk_coverage is not None


def test_reasons_are_about_what_is_stored_and_not_about_what_these_rows_would_give() -> None:
    stored = fit(table())
    assert stored is not None
    assert None not in (stored.temperature, stored.operating_point, stored.conformal)
    few = report(table(val=24), stored)  # Too few for a temperature, and for an operating point.
    assert not [reason for reason in few.reasons if "temperature" in reason or "point" in reason]
    bare = report(table(val=24), replace(stored, temperature=None, conformal=None))
    assert [reason.partition(":")[0] for reason in bare.reasons[:2]] == [
        "No temperature",
        "No conformal sets",
    ]
    plenty = report(table(), replace(stored, temperature=None))
    assert plenty.reasons == ("No temperature: this run stores none.",)


@pytest.mark.parametrize("test", [0, 1, 49])
def test_a_split_with_few_rows_has_counts_and_reasons(test: int) -> None:
    whole = table(test=test)
    got = report(whole, fit(whole))
    assert got.n == test
    assert (got.decision, got.risk_coverage) == (None, None)
    assert got.error_before.ece == Estimate(None, None, None, test, reason="fewer than 50 images")
    assert got.reasons == (f"No curves: {test} images, fewer than 50.",)
    assert got.operating_point is not None
    assert got.operating_point.missed == metrics.enough(
        metrics.proportion(
            got.operating_point.missed.k or 0, got.tumours, nothing="no tumour images"
        )
    )
    assert got.coverage is not None
    assert (got.coverage.lowest is None) == (test < 2 * metrics.FEWEST)


def test_unlabelled_rows_are_left_out() -> None:
    whole = table()
    whole.y_true[400:450] = -1
    assert report(whole, fit(whole)).n == 250


def test_intervals_draw_whole_groups_of_the_rows_of_the_split() -> None:
    whole = table()
    alone = report(whole, fit(whole))
    together = report(whole, fit(whole), groups=np.arange(700) // 10)
    assert alone.risk_coverage is not None
    assert together.risk_coverage is not None
    assert alone.risk_coverage.area.value == together.risk_coverage.area.value
    assert alone.risk_coverage.area.low != together.risk_coverage.area.low
    assert alone.error_before.ece.value == together.error_before.ece.value
    assert alone.error_before.ece.high != together.error_before.ece.high


def test_every_proportion_of_the_report_knows_which_images_are_copies() -> None:
    whole = table()
    n = len(whole.y_true)
    copied = replace(
        whole,
        paths=np.repeat(whole.paths, 3),
        splits=np.repeat(whole.splits, 3),
        y_true=np.repeat(whole.y_true, 3),
        y_prob=np.repeat(whole.y_prob, 3, axis=0),
    )
    fitted = fit(whole)
    once, thrice = report(whole, fitted), report(copied, fitted, groups=np.repeat(np.arange(n), 3))
    for one, three in zip(proportions(once), proportions(thrice), strict=True):
        assert (three.k, three.n) == (3 * (one.k or 0), 3 * one.n)
        if one.low is not None and one.high is not None:
            assert (three.low or 0) <= one.low + 1e-9
            assert (three.high or 0) >= one.high - 1e-9


def proportions(of: trust.CalibrationReport) -> list[Estimate]:
    """Everything in a report that counts images out of others."""
    assert of.after is not None
    assert of.by_sensitivity is not None
    assert of.by_cost is not None
    assert of.operating_point is not None
    assert of.coverage is not None
    sets = of.coverage
    return [
        *(b.accuracy for b in [*of.before, *of.after]),
        *(one for slider in (of.by_sensitivity, of.by_cost)
          for at in range(len(slider.targets)) for one in slider.estimates(at)),
        of.operating_point.missed,
        of.operating_point.false_alarms,
        *(c.coverage for c in sets.per_class), sets.overall, sets.empty, sets.single,
    ]  # fmt: skip
