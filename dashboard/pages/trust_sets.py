"""The part of Evaluate about conformal sets: how often they hold the true class, and how large they are."""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from brainmri.trust import CalibrationReport
from brainmri.wording import interval_ends
from dashboard.components import (
    Children,
    measured,
    no_interval,
    percent,
    plain_count,
    plain_count_cell,
    section,
    table,
)


def part(report: CalibrationReport, of: list[Children]) -> Component:
    """How often the sets of the images hold their class, by class; nothing where none are stored."""
    coverage = report.coverage
    if coverage is None:
        return html.Div()
    promised = percent(1 - coverage.alpha, 0)
    low = next((c for c in coverage.per_class if c.name == coverage.lowest), None)
    promise = html.Span(promised, **no_interval("A promise that was chosen, not a measurement."))
    title: list[Any] = ["Sets of classes that should hold the true one in ", promise]
    if low is not None:
        title = [
            "Sets that promise ",
            promise,
            f" hold the true class least often for {low.name}: {measured(low.coverage)}",
        ]
    size = coverage.mean_size
    size_words = (
        f"not known ({size.reason})"
        if size.value is None
        else f"{size.value:.2f} classes"
        + (
            ""
            if size.low is None or size.high is None
            else f" ({interval_ends(f'{size.low:.2f}', f'{size.high:.2f}')})"
        )
    )
    counts_only = size.value is not None and size.low is None
    why = no_interval(f"The mean of these very images, {size.reason}.") if counts_only else {}
    own = report.split == "val" and any(c.fitted_on for c in coverage.per_class)
    return section(
        title,
        html.P(
            "These are the very images that set the thresholds, so that the promise is kept among them by "
            "construction. Whether it is kept on other images only the test images can show.",
            className="caution",
            role="note",
        )
        if own
        else None,
        table(
            ["Class", "Coverage", "n", "Threshold", "Set on (n)"],
            [
                [
                    c.name,
                    plain_count_cell(c.coverage),
                    f"{c.coverage.n:,}",
                    "always in the set"
                    if c.always
                    else html.Span(
                        percent(1 - c.threshold),
                        **no_interval("A threshold that was set, not a measurement."),
                    ),
                    f"{c.fitted_on:,}",
                ]
                for c in coverage.per_class
            ]
            + [["all", plain_count_cell(coverage.overall), f"{coverage.overall.n:,}", "", ""]],
            caption="How often the set of an image holds its true class, by class",
        ),
        html.P(
            [
                html.Span(f"Mean size {size_words}, n = {size.n:,}. ", **why),
                "One class only: ",
                plain_count(coverage.single),
                ". No class at all: ",
                plain_count(coverage.empty),
                ".",
            ],
            className="note",
        ),
        note=[
            "A class is in the set when its probability is at least the threshold, which is set on "
            "validation images of that class alone (class-conditional conformal prediction). The promise "
            "holds for images like those. Counted here are the sets alone; Predict shows each with its "
            "answer, which can only hold the truth more often.",
            *of,
        ],
    )
