"""The part of Evaluate about acting on answers: decisions, and leaving the least sure to a person."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from brainmri.trust import CalibrationReport
from dashboard import trust_figures
from dashboard.chosen import Chosen
from dashboard.components import Children, card, counted, graph, measured, nothing_drawn, section
from dashboard.pages import trust_titles
from dashboard.pages.undrawn import of_coverage, of_decisions
from dashboard.theme import CURVE_PX

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
) -> Component:
    """Both curves; that of the least sure is of `whole`, images of any sureness, since it chooses by it."""
    decision = None if of_decisions(report, chosen) else report.decision
    return section(
        _PAYS if decision is None else trust_titles.pays(decision),
        html.Div(
            [
                _decision_curve(report, of, chosen),
                html.Div(_risk_coverage(whole, of_whole, chosen)),
            ],
            className="columns",
        ),
        note=_CURVES,
    )


def _nothing(why: str | None, title: str) -> Component:
    return card(nothing_drawn(why or "", height=CURVE_PX), title=title)


def _decision_curve(report: CalibrationReport, of: list[Children], chosen: Chosen) -> Component:
    curve, why = report.decision, of_decisions(report, chosen)
    if curve is None or why is not None:
        return _nothing(why, "Decision curve: there is nothing to weigh")
    return card(
        graph(
            trust_figures.decision_curve(curve),
            says=f"Decision curve on {curve.n:,} images. {trust_titles.pays(curve)}",
            why=_CURVES,
        ),
        html.P(
            [
                "Tumours found per hundred images, less the false alarms at the price that the "
                f"probability stands for; n = {curve.n:,}, with a tumour n = {curve.tumours:,}. It holds for "
                "this share of tumours.",
                *of,
            ],
            className="note",
        ),
        title=trust_titles.decision(curve),
    )


def _risk_coverage(report: CalibrationReport, of: list[Children], chosen: Chosen) -> Component:
    curve, why = report.risk_coverage, of_coverage(report, chosen)
    if curve is None or why is not None:
        return _nothing(why, "Risk-coverage curve: there is nothing to draw")
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
