"""What the figures of Evaluate about trust show, as the sentences above them."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html

from brainmri.calibration import ReliabilityBin
from brainmri.decisions import MOST_OF_THEM, DecisionCurve, RiskCoverage
from brainmri.trust import CalibrationReport
from dashboard.components import Children, counted, measured, no_interval, percent

_CURVES = "A curve has no interval of its own; the areas and counts on this page have one."
_ASKED = "How many are answered is chosen, not measured, so it has no interval."
_NINETY = 0.9
"""The confidence that a title takes as its example."""


def of_ninety(bins: Sequence[ReliabilityBin]) -> str | None:
    """How many answers given with about ninety percent are right; None where there are too few."""
    found = next((b.accuracy for b in bins if b.low < _NINETY <= b.high), None)
    return None if found is None or found.value is None else measured(found)


def ninety(bins: Sequence[ReliabilityBin]) -> str:
    """What comes of answers given with about ninety percent, where there are any."""
    right = of_ninety(bins)
    if right is None:
        return "Right answers by how sure the model was"
    return f"Of its answers given with about ninety percent, {right} are right"


def operating(report: CalibrationReport) -> str:
    """What the operating point of the run comes to, where it has one."""
    stored = report.operating_point
    if stored is None or stored.missed.low is None:
        return "From which tumour probability on should somebody look?"
    return f"Called a tumour from its stored threshold on, it misses {counted(stored.missed, 'tumours')}"


def pays(curve: DecisionCurve) -> str:
    """Whether the decision curve lies above both other lines."""
    more = "more" if curve.pays.any() else "no more"
    share = float(curve.pays.mean())
    only = "" if share in (0, 1) else ", at some thresholds only"
    if MOST_OF_THEM <= share < 1:
        only = ", at nearly all thresholds"
    return f"Following the model brings {more} than calling every image a tumour, or none{only}"


def decision(curve: DecisionCurve) -> Children:
    """From where to where it does."""
    at = curve.thresholds[curve.pays]
    if not len(at):
        return "Decision curve: at no threshold does following the model pay"
    where = f"from a tumour probability of {percent(float(at[0]))} to {percent(float(at[-1]))}"
    if not curve.pays[(curve.thresholds >= at[0]) & (curve.thresholds <= at[-1])].all():
        where = f"at {len(at)} of the {len(curve.thresholds)} thresholds that are drawn"
    return html.Span(f"Decision curve: following the model pays {where}", **no_interval(_CURVES))


def surest(curve: RiskCoverage) -> Children:
    """What is gained when about a tenth of the images, the least sure, are left to a person."""
    if curve.surest.n == curve.n:
        return "When the least sure images are left to a person"
    answered = percent(curve.surest.n / curve.n, 0)
    return html.Span(
        [
            "Answering only the surest ",
            html.Span(answered, **no_interval(_ASKED)),
            f" of {curve.n:,} images, it is wrong about {counted(curve.surest)}; answering all, about "
            f"{counted(curve.every)}",
        ]
    )
