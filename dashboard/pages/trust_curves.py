"""The part of Evaluate about acting on answers: decisions, and leaving the least sure to a person."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from brainmri.decisions import DecisionCurve, RiskCoverage
from brainmri.trust import CalibrationReport
from dashboard import trust_figures
from dashboard.chosen import Chosen
from dashboard.components import Children, card, counted, graph, measured, nothing_drawn, section
from dashboard.pages import trust_titles
from dashboard.pages.undrawn import of_coverage, of_decisions

_CURVES = (
    "A curve has no interval of its own; what is read off it at one point has, above and below."
)
_PAYS = "Does following the model pay?"


def part(
    report: CalibrationReport,
    of: list[Children],
    whole: CalibrationReport,
    of_whole: list[Children],
    chosen: Chosen,
    said: str | None,
) -> Component:
    """Both curves, each of images of any threshold or sureness that it chooses by itself.

    That of decisions is of `report`, that of the least sure of `whole`.

    Why none can be drawn stands here, but for what is `said` above.
    """
    whys = of_decisions(report, chosen), of_coverage(whole, chosen)
    decision, coverage = report.decision, whole.risk_coverage
    if all(whys) or (decision is None and coverage is None):
        if said is not None and (chosen.decides or set(whys) == {said}):
            return html.Div()
        return section(_PAYS, nothing_drawn(*dict.fromkeys(why for why in whys if why)))
    return section(
        _PAYS if decision is None or whys[0] else trust_titles.pays(decision),
        html.Div(
            [
                card(
                    nothing_drawn(whys[0] or ""), title="Decision curve: there is nothing to weigh"
                )
                if decision is None or whys[0]
                else _decision_curve(decision, of, chosen),
                card(nothing_drawn(whys[1] or ""), title="Risk-coverage curve: nothing to draw")
                if coverage is None or whys[1]
                else _risk_coverage(coverage, of_whole, chosen),
            ],
            className="columns",
        ),
        note=_CURVES,
    )


def _decision_curve(curve: DecisionCurve, of: list[Children], chosen: Chosen) -> Component:
    return card(
        graph(
            trust_figures.decision_curve(curve, chosen.above),
            says=f"Decision curve on {curve.n:,} images. {trust_titles.pays(curve)}",
            why=_CURVES,
            chooses="decision",
        ),
        html.P(
            [
                "Tumours found per hundred images, less the false alarms at the price that the "
                f"probability stands for; n = {curve.n:,}, with a tumour n = {curve.tumours:,}. It holds for "
                "this share of tumours. Choose a point, and the page is about the images with at least that "
                "tumour probability; the curve keeps the others, with the point marked.",
                *of,
            ],
            className="note",
        ),
        title=trust_titles.decision(curve),
    )


def _risk_coverage(curve: RiskCoverage, of: list[Children], chosen: Chosen) -> Component:
    return card(
        graph(
            trust_figures.risk_coverage(curve, chosen.sure),
            says=f"Risk-coverage curve. Wrong are {counted(curve.surest, 'of the surest answers')}, of all "
            f"{counted(curve.every)}; area {measured(curve.area)}",
            why=_CURVES,
            chooses="risk-coverage",
        ),
        html.P(
            [
                f"Mean share of wrong answers over all shares answered: {measured(curve.area)}.",
                *of,
            ],
            className="note",
        ),
        title=trust_titles.surest(curve),
    )
