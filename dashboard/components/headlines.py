"""Headline figures, each with its interval, its number of images and its meaning."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from brainmri import truths
from brainmri.evaluation import Report
from brainmri.metrics import Estimate
from brainmri.wording import INDEPENDENT
from dashboard import data
from dashboard.components.frame import card
from dashboard.components.terms import explained
from dashboard.components.words import (
    SPLIT_WORDS,
    Children,
    counted,
    interval,
    no_interval,
    percent,
)


def statistic(title: Children, big: str, estimate: Estimate, meaning: Children) -> Component:
    """One headline figure with its interval, number of images, and meaning in plain words."""
    if estimate.value is None:
        detail = estimate.reason or ""
    else:
        detail = f"95 % interval {interval(estimate)}, n\u00a0=\u00a0{estimate.n:,}"
    return card(
        html.Div(explained(title), className="statistic-title"),
        html.Div(
            [
                html.Span(big, className="statistic-value"),
                html.Span(detail, className="statistic-detail"),
            ],
            className="statistic-figure",
        ),
        html.P(meaning, className="statistic-meaning"),
    )


OFFICIAL_WORDS = "Official test, as everyone reports it"
UNSEEN_WORDS = "Official test, unseen images only"
GROUPED_WORDS = "Grouped split"


def images_of(figures: data.ThreeFigures) -> str:
    """What the images of a model's first figure are; of a table of another tool that is not known."""
    if figures.table is None:
        return OFFICIAL_WORDS
    words = SPLIT_WORDS[figures.table.split]
    part = f"labelled {words} images" if figures.has_parts else "labelled images"
    return f"All {part} of this table"


def three_figures(figures: data.ThreeFigures) -> Component:
    """The flattering figure of a model, the two true ones beside it, and why they differ."""
    foreign = figures.table is not None
    kinds = (
        (
            images_of(figures),
            figures.table or figures.official,
            "This table has no labelled images."
            if foreign
            else "No run of this model on the official split yet.",
        ),
        (
            "Unseen images of this table only" if foreign else UNSEEN_WORDS,
            figures.unseen,
            "Which images were seen in training is not recorded for this model.",
        ),
        (
            GROUPED_WORDS,
            figures.grouped,
            "A table of another tool does not say how its images were split."
            if foreign
            else "No run of this model on a split that keeps copies together yet; train one with "
            "--split auto.",
        ),
    )
    why = html.P(
        truths.why_they_differ(
            figures.table or figures.official,
            figures.unseen,
            figures.grouped,
            protocol=figures.protocol,
            images="images of this table" if foreign else "official test images",
        ),
        className="caution",
        role="note",
        **no_interval("Counts of these very images, not estimates of others."),
    )
    cards = [_truth(title, report, absent) for title, report, absent in kinds]
    return html.Div([html.Div(cards, className="truths"), why, independent_note()])


def independent_note() -> Component | None:
    """What intervals leave out where there is no image index; None with one."""
    if data.usable_index() is not None:
        return None
    return html.P(INDEPENDENT, className="caution", role="note")


def _truth(title: str, report: Report | None, absent: str) -> Component:
    if report is None or not report.n:
        return card(
            html.Div(explained(title), className="statistic-title"),
            html.P(absent, className="note"),
        )
    if report.accuracy.value is None:
        right = html.P(f"Right answers: {report.accuracy.reason}", className="note")
        return card(html.Div(explained(title), className="statistic-title"), right)
    return card(
        html.Div(explained(title), className="statistic-title"),
        html.Div(
            [
                html.Span(percent(report.accuracy.value), className="statistic-value"),
                html.Span(
                    f"right answers, 95 % interval {interval(report.accuracy)}, "
                    f"n\u00a0=\u00a0{report.accuracy.n:,}",
                    className="statistic-detail",
                ),
            ],
            className="statistic-figure",
        ),
        html.Ul(
            [
                html.Li([html.Strong("Missed tumours: "), counted(report.missed)]),
                html.Li([html.Strong("False alarms: "), counted(report.false_alarms)]),
            ],
            className="plain-list statistic-meaning",
        ),
    )
