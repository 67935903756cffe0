"""What is fitted on a run's validation images, and how far it holds on other ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from brainmri import calibration, conformal, decisions, metrics
from brainmri.calibration import CalibrationError, ReliabilityBin
from brainmri.conformal import Conformal, Coverage
from brainmri.decisions import DecisionCurve, OperatingPoint, Outcomes, RiskCoverage
from brainmri.metrics import Estimate, Floats, Ints
from brainmri.predictions import Predictions
from brainmri.runs import Run
from brainmri.wording import counted

TARGET_SENSITIVITY = 0.99
HIGHEST_THRESHOLD = 0.5
"""What is more probably a tumour than not is called one, however sure validation tumours were."""
ALPHA = 0.05
MIN_TUMOURS = 30
"""Validation images with a tumour below which no operating point is set."""

SENSITIVITIES = np.concatenate([np.arange(80, 99) / 100, [0.99, 0.995, 0.999, 1.0]])
MISSED_COSTS = np.array([1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000.0])
"""What the sliders offer."""


@dataclass(frozen=True)
class Fit:
    """What was fitted on `n` labelled validation images; `reasons` says why a part is None."""

    n: int
    temperature: float | None
    operating_point: OperatingPoint | None
    conformal: Conformal | None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slider:
    """What each position of a slider would do: thresholds set on validation, counts on `split`.

    Attributes:
        rule: "sensitivity" or "cost".
        targets: target sensitivities, or the false alarms that a missed tumour is worth, (m,).
        outcomes: thresholds, missed tumours and false alarms, (m,) each.
        intervals: missed tumours and false alarms at each position, as `decisions.at_thresholds`
            gives them; made once, so that moving the slider is a look-up.
        n: validation images that set the thresholds.
        tumours: those of them with a tumour.
    """

    rule: str
    targets: Floats
    outcomes: Outcomes
    intervals: list[tuple[Estimate, Estimate]]
    n: int
    tumours: int

    @property
    def costs(self) -> Floats:
        """In false alarms; of the rule "cost" only."""
        return self.targets * self.outcomes.missed + self.outcomes.false_alarms

    def estimates(self, position: int) -> tuple[Estimate, Estimate]:
        """Missed tumours and false alarms at one position."""
        return self.intervals[position]


@dataclass(frozen=True)
class AtOperatingPoint:
    """The stored operating point and what it does to the images of the split."""

    point: OperatingPoint
    missed: Estimate
    false_alarms: Estimate


@dataclass(frozen=True)
class CalibrationReport:
    """How far the answers about the labelled images of one split can be trusted.

    Attributes:
        n: labelled images of the split.
        tumours: those of them with a tumour.
        fit: what the run stores; None where nothing was fitted. What follows is computed after its
            temperature, except what is called `before`.
        before, after: reliability bins; `after` is None without a temperature.
        error_before, error_after: expected calibration error.
        by_sensitivity, by_cost: the sliders; None without validation images enough.
        operating_point: None where none is stored.
        decision, risk_coverage: None below `decisions.MIN_IMAGES` images.
        coverage: of the conformal sets; None where no thresholds are stored.
        reasons: why a part is None, a sentence each.
    """

    split: str
    classes: list[str]
    negative: str
    n: int
    tumours: int
    fit: Fit | None
    before: list[ReliabilityBin]
    after: list[ReliabilityBin] | None
    error_before: CalibrationError
    error_after: CalibrationError | None
    by_sensitivity: Slider | None
    by_cost: Slider | None
    operating_point: AtOperatingPoint | None
    decision: DecisionCurve | None
    risk_coverage: RiskCoverage | None
    coverage: Coverage | None
    reasons: tuple[str, ...]


def fit(predictions: Predictions, *, negative: str) -> Fit | None:
    """Fit temperature, operating point and conformal thresholds on the labelled validation rows.

    The last two are fitted on the probabilities after the temperature, which is what the live
    predictor answers. Everything is computed from the float32 probabilities of the table, so that
    fitting a stored table again gives the same. None where the table has no such rows.
    """
    rows = (predictions.splits == "val") & (predictions.y_true >= 0)
    n, c = int(rows.sum()), predictions.classes.index(negative)
    if n == 0:
        return None
    y_true, raw = predictions.y_true[rows], predictions.y_prob[rows]
    reasons: list[str] = []
    temperature = calibration.fit_temperature(y_true, raw)
    if temperature.value is None:
        reasons.append(f"No temperature: {temperature.reason}.")
    y_prob = calibration.apply_temperature(raw, temperature.value)
    is_tumour = y_true != c
    point: OperatingPoint | None = None
    if int(is_tumour.sum()) < MIN_TUMOURS:
        reasons.append(f"No operating point: fewer than {MIN_TUMOURS} tumour images.")
    else:
        threshold = decisions.for_sensitivity(
            decisions.tumour_probability(y_prob, c), is_tumour, TARGET_SENSITIVITY
        )
        threshold = min(threshold, HIGHEST_THRESHOLD)
        point = OperatingPoint(
            threshold, "sensitivity", TARGET_SENSITIVITY, n, int(is_tumour.sum())
        )
    thresholds, images = conformal.fit_conformal(y_true, y_prob, ALPHA)
    needed = conformal.images_needed(ALPHA)
    few = [name for name, m in zip(predictions.classes, images, strict=True) if m < needed]
    sets: Conformal | None = None
    if len(few) == len(predictions.classes):
        reasons.append(f"No conformal sets: fewer than {needed} images of every class.")
    else:
        sets = Conformal(
            ALPHA,
            dict(zip(predictions.classes, thresholds.tolist(), strict=True)),
            dict(zip(predictions.classes, images.tolist(), strict=True)),
        )
        reasons += _always(sets)
    return Fit(n, temperature.value, point, sets, tuple(reasons))


def stored(run: Run) -> Fit | None:
    """What run.json holds, None where it holds nothing."""
    if (run.temperature, run.operating_point, run.conformal) == (None, None, None):
        return None
    return Fit(run.images.get("val", 0), run.temperature, run.operating_point, run.conformal)


def describe(fitted: Fit | None) -> str:
    """One line that says what was fitted, and why a part was not."""
    if fitted is None:
        return "No validation images, so nothing was calibrated."
    parts: list[str] = []
    if fitted.temperature is not None:
        parts.append(f"temperature {fitted.temperature:.2f}")
    if fitted.operating_point is not None:
        point = fitted.operating_point
        why = (
            f"finds at least {100 * point.target:g}% of their tumours"
            if point.rule == "sensitivity"
            else f"a missed tumour is worth {point.target:g} false alarms"
        )
        parts.append(f"tumour from a probability of {point.threshold:.2%} ({why})")
    if fitted.conformal is not None:
        parts.append(f"sets that hold the true class in {1 - fitted.conformal.alpha:.0%}")
    done = ", ".join(parts) or "nothing"
    images = counted(fitted.n, "validation image")
    return " ".join([f"Fitted on {images}: {done}.", *fitted.reasons])


def calibration_report(
    predictions: Predictions,
    fitted: Fit | None,
    *,
    split: str,
    negative: str,
    groups: Ints,
    among: Ints | None = None,
) -> CalibrationReport:
    """Everything about calibration and decisions on the labelled rows of a split.

    Args:
        predictions: all rows of a run, with probabilities before the temperature.
        fitted: `stored(run)`, or `fit(predictions)` for a table without run.json.
        split: "val" or "test".
        negative: the class that means "no tumour".
        groups: (n,) near-duplicate cluster of every row of `predictions`.
        among: numbers of some labelled rows of the split, to judge those alone; thresholds are still
            set on all validation rows. None judges all.
    """
    rows = (predictions.splits == split) & (predictions.y_true >= 0)
    if among is not None:
        rows &= np.isin(np.arange(len(rows)), among)
    y_true, raw, group = predictions.y_true[rows], predictions.y_prob[rows], groups[rows]
    n, c = int(rows.sum()), predictions.classes.index(negative)
    temperature = None if fitted is None else fitted.temperature
    y_prob = calibration.apply_temperature(raw, temperature)
    probability, is_tumour = decisions.tumour_probability(y_prob, c), y_true != c
    enough = n >= decisions.MIN_IMAGES
    sliders = _sliders(predictions, temperature, c, probability, is_tumour, group)
    again = fit(predictions, negative=negative)
    reasons = _absent(fitted, again)
    if not enough:
        reasons.append(f"No curves: {n} images, fewer than {decisions.MIN_IMAGES}.")
    if sliders is None:
        reasons.append(f"No sliders: fewer than {MIN_TUMOURS} validation images with a tumour.")
    point = None if fitted is None else fitted.operating_point
    sets = None if fitted is None else fitted.conformal
    after = temperature is not None
    return CalibrationReport(
        split=split,
        classes=predictions.classes,
        negative=negative,
        n=n,
        tumours=int(is_tumour.sum()),
        fit=fitted,
        before=calibration.reliability(y_true, raw, group),
        after=calibration.reliability(y_true, y_prob, group) if after else None,
        error_before=calibration.ece(y_true, raw, group),
        error_after=calibration.ece(y_true, y_prob, group) if after else None,
        by_sensitivity=sliders and sliders[0],
        by_cost=sliders and sliders[1],
        operating_point=None if point is None else _at(point, probability, is_tumour, group),
        decision=decisions.decision_curve(probability, is_tumour) if enough else None,
        risk_coverage=decisions.risk_coverage(y_true, y_prob, group) if enough else None,
        coverage=None
        if sets is None
        else conformal.coverage(y_true, y_prob, sets, predictions.classes, group),
        reasons=tuple(reasons),
    )


def counts_only(report: CalibrationReport, *, reason: str) -> CalibrationReport:
    """The report on images that were chosen by whether their answers are right.

    What measures right answers among them would only measure the choice, and gives way to the `reason`. How
    many of these very images lie above a threshold or have their class in the set is known, and is a count:
    without an interval, which would speak of other images.
    """

    def count(one: Estimate) -> Estimate:
        if one.k is None or not one.n:
            return replace(one, low=None, high=None, reason=one.reason or reason)
        return Estimate(one.k / one.n, None, None, one.n, one.k, reason)

    def slider(one: Slider | None) -> Slider | None:
        return one and replace(one, intervals=[(count(a), count(b)) for a, b in one.intervals])

    nothing = CalibrationError(Estimate(None, None, None, report.n, reason=reason), None)
    point, sets = report.operating_point, report.coverage
    return replace(
        report,
        error_before=nothing,
        error_after=None if report.error_after is None else nothing,
        by_sensitivity=slider(report.by_sensitivity),
        by_cost=slider(report.by_cost),
        operating_point=point
        and replace(point, missed=count(point.missed), false_alarms=count(point.false_alarms)),
        decision=None,
        risk_coverage=None,
        coverage=sets
        and replace(
            sets,
            per_class=[replace(one, coverage=count(one.coverage)) for one in sets.per_class],
            overall=count(sets.overall),
            lowest=None,
            mean_size=count(sets.mean_size),
            empty=count(sets.empty),
            single=count(sets.single),
        ),
        reasons=tuple(why for why in report.reasons if not why.startswith("No curves:")),
    )


def at_operating_point(
    predictions: Predictions, fitted: Fit | None, *, split: str, negative: str, groups: Ints
) -> AtOperatingPoint | None:
    """That part of the `calibration_report` alone, which takes a moment; None where none is stored."""
    if fitted is None or fitted.operating_point is None:
        return None
    rows = (predictions.splits == split) & (predictions.y_true >= 0)
    c = predictions.classes.index(negative)
    y_prob = calibration.apply_temperature(predictions.y_prob[rows], fitted.temperature)
    probability = decisions.tumour_probability(y_prob, c)
    return _at(fitted.operating_point, probability, predictions.y_true[rows] != c, groups[rows])


def _at(
    point: OperatingPoint, probability: Floats, is_tumour: decisions.Bools, group: Ints
) -> AtOperatingPoint:
    (counts,) = _shown(probability, is_tumour, np.array([point.threshold]), group)
    return AtOperatingPoint(point, *counts)


def _absent(fitted: Fit | None, again: Fit | None) -> list[str]:
    """Why a part of what is stored is missing; of a part that is stored nothing is said.

    The table may have other validation images than the run was fitted on, so that fitting `again`
    only says why something is missing, and never that it is.
    """
    if fitted is None:
        if again is None:
            return ["No validation images, so nothing is calibrated."]
        missing = "Nothing is stored for this run; run `python -m brainmri predict` again."
        return [*again.reasons, missing]
    reasons = []
    for name, part in (
        ("temperature", fitted.temperature),
        ("operating point", fitted.operating_point),
        ("conformal sets", fitted.conformal),
    ):
        if part is None:
            known = again.reasons if again else ()
            why = (reason for reason in known if reason.startswith(f"No {name}:"))
            reasons.append(next(why, f"No {name}: this run stores none."))
    return [*reasons, *_always(fitted.conformal)]


def _always(sets: Conformal | None) -> list[str]:
    """The classes that had too few images for a threshold, in a sentence."""
    if sets is None:
        return []
    needed = conformal.images_needed(sets.alpha)
    few = [name for name, n in sets.images.items() if n < needed]
    names = ", ".join(few)
    return [f"In every conformal set, for fewer than {needed} images: {names}."] if few else []


def _shown(
    probability: Floats, is_tumour: decisions.Bools, thresholds: Floats, group: Ints
) -> list[tuple[Estimate, Estimate]]:
    """As `decisions.at_thresholds`, as they may be shown."""
    found = decisions.at_thresholds(probability, is_tumour, thresholds, group)
    return [(metrics.enough(missed), metrics.enough(alarms)) for missed, alarms in found]


def _sliders(
    predictions: Predictions,
    temperature: float | None,
    negative: int,
    probability: Floats,
    is_tumour: decisions.Bools,
    group: Ints,
) -> tuple[Slider, Slider] | None:
    rows = (predictions.splits == "val") & (predictions.y_true >= 0)
    tumour = predictions.y_true[rows] != negative
    n, tumours = int(rows.sum()), int(tumour.sum())
    if tumours < MIN_TUMOURS:
        return None
    setting = decisions.tumour_probability(
        calibration.apply_temperature(predictions.y_prob[rows], temperature), negative
    )
    by_target = [decisions.for_sensitivity(setting, tumour, s) for s in SENSITIVITIES]
    by_price = decisions.for_cost(setting, tumour, MISSED_COSTS)
    by_sensitivity, by_cost = (
        Slider(
            rule,
            targets,
            decisions.outcomes(probability, is_tumour, thresholds),
            _shown(probability, is_tumour, np.array(thresholds), group),
            n,
            tumours,
        )
        for rule, targets, thresholds in (
            ("sensitivity", SENSITIVITIES, by_target),
            ("cost", MISSED_COSTS, by_price),
        )
    )
    return by_sensitivity, by_cost
