"""Requirements on a run, such as "tumour_sensitivity.low>=0.97": parsed and judged. Pure."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass

from brainmri import evaluation, metrics, ranking
from brainmri.errors import InputError
from brainmri.evaluation import Report
from brainmri.metrics import Estimate, Ints
from brainmri.predictions import Predictions

PARTS = ("value", "low", "high", "n", "k")
COUNTED = (
    "accuracy",
    "tumour_sensitivity",
    "tumour_specificity",
    "missed_tumours",
    "false_alarms",
    "negative_precision",
)
"""Metrics of a run that count k of n images."""

AVERAGED = ("precision", "recall", "f1", "auroc_tumour")
"""Metrics of a run that count none; the first three are averaged over classes by support."""

PER_CLASS = ("precision", "recall", "f1", "auroc")
"""Metrics of one class, as in "recall[glioma]"; the first two count."""

_OPERATORS = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": lambda a, b: math.isclose(a, b, rel_tol=0, abs_tol=1e-12),
    ">": operator.gt,
    "<": operator.lt,
}
_EXPRESSION = re.compile(
    r"\s*(?P<metric>\w+)\s*(\[(?P<of>[^]]*)\])?\s*(\.\s*(?P<part>[A-Za-z]\w*))?"
    r"\s*(?P<sign>>=|<=|==|>|<)\s*(?P<number>[0-9.eE+-]+)\s*"
)


@dataclass(frozen=True)
class Requirement:
    """One requirement.

    Attributes:
        text: as it was written, without spaces around it.
        metric: one of `COUNTED`, `AVERAGED`, or of `PER_CLASS` where `of` names a class.
        of: the class, or None.
        part: one of `PARTS`.
        sign: ">=", ">", "<=", "<" or "==".
        bound: fraction 0-1, or a number of images for the parts n and k.
    """

    text: str
    metric: str
    of: str | None
    part: str
    sign: str
    bound: float


@dataclass(frozen=True)
class Judged:
    """A requirement, the metric it is about, and whether it holds; `reason` says why it cannot."""

    requirement: Requirement
    estimate: Estimate
    holds: bool
    reason: str | None = None


def parse(text: str, classes: list[str]) -> Requirement:
    """Read a requirement.

    Raises:
        InputError: it cannot be read, or names a metric, class or part that there is not.
    """
    found = _EXPRESSION.fullmatch(text)
    if found is None:
        raise InputError(
            f'"{text}" is no requirement; write METRIC[.PART] >= NUMBER, such as '
            '"tumour_sensitivity.low>=0.97" (or >, <=, <, ==).'
        )
    metric, of, part = found["metric"], found["of"], found["part"] or "value"
    of = None if of is None else of.strip()
    if metric not in (PER_CLASS if of is not None else COUNTED + AVERAGED):
        written = metric if of is None else f"{metric}[{of}]"
        raise InputError(
            f'There is no metric "{written}"; there are {", ".join(COUNTED + AVERAGED)}, and per class '
            f"{', '.join(f'{name}[CLASS]' for name in PER_CLASS)}."
        )
    if of is not None and of not in classes:
        raise InputError(f'There is no class "{of}"; the classes are {", ".join(classes)}.')
    if part not in PARTS:
        raise InputError(f'There is no part "{part}" of a metric; there are {", ".join(PARTS)}.')
    counts = metric in (COUNTED if of is None else ("precision", "recall"))
    if part == "k" and not counts:
        raise InputError(
            f"{metric} counts no images, so it has no .k; use .value, .low, .high or .n."
        )
    try:
        bound = float(found["number"])
    except ValueError:
        raise InputError(f'"{found["number"]}" in "{text}" is no number.') from None
    if part in ("value", "low", "high") and not 0 <= bound <= 1:
        raise InputError(
            f'"{text}" compares a fraction between 0 and 1 with {found["number"]}; write 0.97 for 97 %.'
        )
    return Requirement(text.strip(), metric, of, part, found["sign"], bound)


def judge(
    requirements: list[Requirement],
    predictions: Predictions,
    *,
    split: str,
    negative: str,
    groups: Ints,
    unseen: bool = False,
) -> list[Judged]:
    """Whether each requirement holds on the labelled images of a split.

    A metric without a value, one of too few images (`metrics.enough`; their number may still be
    required), and an interval that there is none of, fail and say why.

    Args:
        requirements: from `parse`.
        predictions: all rows of a run.
        split: "val" or "test".
        negative: the class that means "no tumour".
        groups: (n,) near-duplicate cluster of every row of `predictions`.
        unseen: only images without a near-duplicate among those that shaped the model.

    Raises:
        InputError: `unseen` of a table that does not record it.
    """
    rows = (predictions.splits == split) & (predictions.y_true >= 0)
    if unseen:
        if predictions.seen is None:
            raise InputError(
                "These predictions do not record which images have a near-copy in training (the column "
                "seen); score the images with `python -m brainmri predict`, or leave out --unseen."
            )
        rows &= ~predictions.seen
    judged, groups = predictions.where(rows), groups[rows]
    report = evaluation.report(judged, split=split, negative=negative, groups=groups, run="")
    return [_judged(r, _estimate(r, report, judged, groups)) for r in requirements]


def in_words(judged: Judged) -> str:
    """One line: verdict, requirement, and the metric with its interval and number of images."""
    verdict = "holds" if judged.holds else "FAILS"
    estimate, text = judged.estimate, judged.requirement.text
    if estimate.value is None:
        return f"{verdict}  {text}: undefined, {judged.reason} (n = {estimate.n:,})"
    counted = "" if estimate.k is None else f"{estimate.k:,} of {estimate.n:,}, "
    if estimate.low is None or estimate.high is None:
        interval = estimate.reason or "no interval"
    else:
        interval = f"95 % interval {estimate.low:.4f} to {estimate.high:.4f}"
    return f"{verdict}  {text}: {estimate.value:.4f} ({counted}{interval}, n = {estimate.n:,})"


def _judged(requirement: Requirement, estimate: Estimate) -> Judged:
    if estimate.value is None:
        return Judged(requirement, estimate, False, estimate.reason or "it has no value")
    if requirement.part not in ("n", "k"):
        estimate = metrics.enough(estimate)
    part = getattr(estimate, requirement.part)
    if part is None:
        reason = estimate.reason or "there is no interval"
        return Judged(requirement, estimate, False, reason)
    return Judged(requirement, estimate, _OPERATORS[requirement.sign](part, requirement.bound))


def _estimate(
    requirement: Requirement, report: Report, judged: Predictions, groups: Ints
) -> Estimate:
    if requirement.metric == "auroc_tumour":
        tumour, score = evaluation.tumour_scores(judged.y_true, judged.y_prob, report.negative)
        return ranking.areas(tumour, score, groups)[0]
    if requirement.of is None:
        names = {
            "tumour_sensitivity": "sensitivity",
            "tumour_specificity": "specificity",
            "missed_tumours": "missed",
        }
        estimate: Estimate = getattr(report, names.get(requirement.metric, requirement.metric))
        return estimate
    i = judged.classes.index(requirement.of)
    if requirement.metric == "auroc":
        return ranking.areas(judged.y_true == i, judged.y_prob[:, i], groups)[0]
    of_class: Estimate = getattr(report.per_class[i], requirement.metric)
    return of_class
