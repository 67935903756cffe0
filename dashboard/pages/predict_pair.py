"""Two scans beside each other, the earlier and the later one: both answers, and what changed."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from dashboard import data
from dashboard.components import card, name, no_interval, percent
from dashboard.pages.predict_answer import notices, outcome_banner, verdict
from dashboard.pages.predict_viewer import viewer
from dashboard.pages.predict_words import row

WHY_NO_GROWTH = (
    "This is not a measurement of growth: the map is a coarse picture of where one model found evidence, "
    "not an outline of a tumour. It changes with the level and tilt of the slice, the sequence, the "
    "scanner and the brightness, even where nothing in the head has changed. Measure on the scans."
)
_PAIR = "About two images, not a share of many, so it has no interval."


def pair(earlier: data.Answered, later: data.Answered, change: data.MarkedChange) -> Component:
    """Both answers with their maps, and the change in marked area."""
    return html.Div(
        [
            html.Div(
                [_one("Earlier scan", "earlier", earlier), _one("Later scan", "later", later)],
                className="columns scans",
            ),
            card(
                html.H2("What changed", className="verdict"),
                html.P(said(earlier, later), **no_interval(_PAIR)),
                html.P(change_words(change), className="threshold", **no_interval(_PAIR)),
                html.P(WHY_NO_GROWTH, className="caution"),
            ),
        ]
    )


def _one(title: str, key: str, answered: data.Answered) -> Component:
    finding = answered.answer.finding
    return card(
        html.Article(
            [
                outcome_banner(answered),
                *notices(answered.looked),
                viewer(answered, key, title.lower()),
                html.P("No probabilities are shown.")
                if finding is None
                else verdict(finding, answered.run),
                html.P(
                    f"{answered.run.name}, model {answered.answer.trace.model_sha256[:12]}",
                    className="note",
                    **name("version"),
                ),
            ]
        ),
        title=title,
    )


def said(earlier: data.Answered, later: data.Answered) -> str:
    """Both answers in one sentence."""
    told = []
    for when, answered in (("Earlier", earlier), ("later", later)):
        outcome, tumour, likely = row(answered)
        told.append(
            f"{when}: refused"
            if answered.answer.finding is None
            else f"{when}: tumour probability {tumour}, most probable {likely} ({outcome})"
        )
    return f"{'; '.join(told)}."


def change_words(change: data.MarkedChange) -> str:
    """The change in marked area, or why there is none to tell."""
    if change.earlier is None or change.later is None or change.of is None:
        return change.why_not
    shares = (
        f"The map for {change.of} marks {percent(change.earlier)} of the head in the earlier scan and "
        f"{percent(change.later)} in the later one"
    )
    if not change.earlier:
        return f"{shares}; from nothing, no change in percent can be told."
    by = change.later / change.earlier - 1
    direction = "larger" if by >= 0 else "smaller"
    return f"{shares}: {percent(abs(by), 0)} {direction}."
