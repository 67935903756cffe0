"""The confusion matrix of a run, in which a cell, a row or a column can be chosen, as a part of Evaluate."""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from brainmri import mistakes
from brainmri.evaluation import Report
from brainmri.mistakes import Finding, Shares
from dashboard import data
from dashboard.chosen import Chosen, cell_of
from dashboard.components import (
    SPLIT_WORDS,
    aria,
    card,
    counted,
    csv_columns,
    interval,
    matrix,
    no_interval,
    section,
)
from dashboard.pages.choosing import about, among_n, chooses

_COUNTED = "A count of these very images, not an estimate of others."
_FEW = "Counted; of so few images there is no interval."
_LISTED = 12
"""Kinds of mistake told in words: all of four classes."""


def part(view: data.RunView, split: str, chosen: Chosen) -> Component:
    """The matrix as counts and as shares of its rows with the chosen cell marked, and in words.

    It is counted among the images of the chosen slice, threshold and sureness, and shows all their cells, so
    that another one can be chosen. `data-show` of what is around it says whether counts or shares are seen.
    """
    report = data.chosen_report(view, split, chosen.within)
    shares = mistakes.shares(data.chosen_groups(view, split, chosen.within))
    found = _confusion_title(report, shares)
    return section(
        html.Span(found.words, **no_interval(_FEW)) if found.counts else found.words,
        html.Div(
            [
                card(_matrix(report, shares, chosen)),
                card(
                    html.Div(words(view, split, chosen), id="evaluate-words"),
                    title="In words",
                ),
            ],
            className="columns matrix-columns",
            **about(view, split, chosen.within, report.n),
        ),
        note=[
            "Rows are what the image shows, columns what the model said. Choose a cell, or the name of a "
            "class at the side or on top, and the page is about its images; the matrix keeps its other "
            "cells, so that they can be chosen. In small print the 95 % interval of its share of the row.",
            *among_n(chosen.within, report.n),
        ],
    )


def words(view: data.RunView, split: str, chosen: Chosen) -> Component:
    """The chosen cell in words; where none is, the mistakes."""
    if chosen.truth and chosen.answer:
        return _cell_in_words(view, split, chosen)
    report = data.chosen_report(view, split, chosen.within)
    return _in_words(report, mistakes.shares(data.chosen_groups(view, split, chosen.within)))


def _matrix(report: Report, shares: Shares, chosen: Chosen) -> Component:
    """The confusion matrix as a table of buttons, so that it works with keyboard and screen reader."""
    rows = []
    for i, truth in enumerate(report.classes):
        total = int(report.matrix[i].sum())
        cells = [
            _cell(report, shares, i, j, on=_marked(chosen, truth, said))
            for j, said in enumerate(report.classes)
        ]
        head = _head(truth, cell_of(truth, None), chosen.truth == truth)
        rows.append((head, cells, f"{total:,}"))
    return matrix(
        "the model said",
        [_head(c, cell_of(None, c), chosen.answer == c) for c in report.classes],
        rows,
        caption=f"Confusion matrix of {report.run}, {SPLIT_WORDS[report.split]} images",
        side=["shows", html.Span(", % of row", className="as-share")],
    )


def _cell(report: Report, shares: Shares, i: int, j: int, *, on: bool) -> Component:
    """The images of class `i` that were called `j`, as a button that chooses them."""
    truth, said, estimate = report.classes[i], report.classes[j], shares[i][j]
    count, total = int(report.matrix[i, j]), int(report.matrix[i].sum())
    share = count / total if total else 0.0
    kind = "right" if i == j else "missed" if j == report.negative else "wrong"
    # On a phone there is room for the number alone.
    percent: list[Any] = (
        [f"{100 * share:.1f}", html.Span("\u00a0%", className="unit")] if total else ["–"]
    )
    text: list[Any] = [
        html.Span(f"{count:,}", className="as-count"),
        html.Span(percent, className="as-share"),
    ]
    told = counted(estimate, f"images of {truth} called {said}")
    why: dict[str, Any] = {"title": told}
    label = f"{told}; show them"
    if estimate.value is None:
        why = no_interval(_FEW)
        label = f"Images of {truth} called {said}: {estimate.reason}; show them"
    else:
        text.append(html.Small(interval(estimate), className="matrix-interval"))
    return html.Button(
        text,
        className=f"matrix-cell {kind}" + ("" if count else " none") + (" chosen" if on else ""),
        style={"--share": f"{share:.3f}"},
        disabled=count == 0,
        **chooses(cell=cell_of(truth, said)),
        **why,
        **csv_columns(estimate),
        **aria(label=label, pressed="true" if on else "false"),
    )


def _head(name: str, cell: str, on: bool) -> Component:
    """The name of a class at the side or on top, which chooses the whole row or column."""
    what = "images of" if cell.startswith(name) else "images called"
    return html.Button(
        html.Span(name, className="class"),
        className="matrix-head" + (" chosen" if on else ""),
        title=name,
        **chooses(cell=cell),
        **aria(label=f"All {what} {name}", pressed="true" if on else "false"),
    )


def _marked(chosen: Chosen, truth: str, said: str) -> bool:
    if not chosen.has_cell:
        return False
    return (
        chosen.truth in (None, truth)
        and chosen.answer in (None, said)
        and not (chosen.wrong and truth == said)
    )


def _confusion_title(report: Report, shares: Shares) -> Finding:
    if not report.confusions:
        if report.accuracy.value is not None or not report.n:
            return Finding(f"All images were named right: {counted(report.accuracy)}", counts=False)
        return Finding(f"All {report.n:,} images were named right, too few for an interval", True)
    return mistakes.finding(report, shares, counted)


def _cell_in_words(view: data.RunView, split: str, chosen: Chosen) -> Component:
    of_class, of_answer, of_mistakes = data.cell_shares(view, split, chosen)
    truth, said = chosen.truth, chosen.answer
    lines = [
        html.Li([html.Strong(f"Of the images of {truth}: "), counted(of_class, f"called {said}")]),
        html.Li([html.Strong(f"Of the images called {said}: "), counted(of_answer, f"of {truth}")]),
    ]
    if truth != said:
        lines.append(html.Li([html.Strong("Of all wrong answers: "), counted(of_mistakes)]))
    return html.Ul(lines, className="plain-list")


def _in_words(report: Report, shares: Shares) -> Component:
    lines = [
        html.Li([html.Strong("Missed tumours: "), counted(report.missed)]),
        html.Li([html.Strong("False alarms: "), counted(report.false_alarms)]),
        html.Li([html.Strong("All right answers: "), counted(report.accuracy)]),
    ]
    lines += [
        html.Li(
            f"{c.truth} called {c.answer}: {counted(mistakes.share_of(c, shares, report.classes))}"
        )
        for c in report.confusions[:_LISTED]
    ]
    rest = report.confusions[_LISTED:]
    if rest:
        lines.append(
            html.Li(
                f"{len(rest)} more kinds of mistake, {sum(c.count for c in rest):,} images in all.",
                **no_interval(_COUNTED),
            )
        )
    if report.seen is not None:
        lines.append(
            html.Li(
                f"{report.seen:,} of {report.n:,} images have a near-copy in training.",
                **no_interval(_COUNTED),
            )
        )
    if report.unlabelled:
        lines.append(
            html.Li(
                f"{report.unlabelled:,} images without a label are left out.",
                **no_interval(_COUNTED),
            )
        )
    return html.Ul(lines, className="plain-list")
