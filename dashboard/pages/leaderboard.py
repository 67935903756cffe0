"""Every run in one table that can be sorted by any column, as a part of Overview."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dash import ALL, Input, Output, callback, dcc, html
from dash.development.base_component import Component

from brainmri.evaluation import Report
from dashboard import data
from dashboard.components import (
    SPLIT_WORDS,
    aria,
    estimate_cell,
    k_of_n,
    kept,
    no_interval,
    table,
    table_rows,
)

PAGE = "overview"
Order = tuple[str, bool]
"""Column, and whether its largest figure stands on top."""

BEST_FIRST: Order = ("accuracy", True)
_HEADS = {
    "run": "Run",
    "images": "Images (n)",
    "missed": "Missed tumours",
    "accuracy": "Accuracy",
    "precision": "Weighted precision",
    "recall": "Weighted recall",
    "f1": "Weighted F1",
    "sensitivity": "Tumour sensitivity",
    "specificity": "Specificity",
    "seen": "Seen in training",
}
_RISING = ("run", "missed")
"""Columns whose smallest entry is the best, so it comes first at the first click."""


def part(reports: list[Report], sort: str | None) -> Component:
    """All runs, in the order that the address asks for; without one folded, the most accurate first.

    Args:
        reports: of `reports_of`.
        sort: a column, with a minus before it where its largest figure stands on top.
    """
    order = _order(sort)
    return html.Details(
        [
            html.Summary("Every run with all its figures"),
            html.P(
                [
                    html.Span("Click a column's head to sort by it. ", className="on-screen"),
                    "Under each figure its 95 % interval; what was seen in training is counted, so it has "
                    "none.",
                ],
                className="note",
            ),
            html.Div(
                table(
                    list(_HEADS.values()),
                    _rows(reports, order),
                    caption="All runs with their figures",
                    sortable=[_head(key, words, order) for key, words in _HEADS.items()],
                    body="leaderboard-rows",
                ),
                id="leaderboard",
            ),
            dcc.Store(id=kept(PAGE, "sort"), data=_in_address(order)),
        ],
        open=order != BEST_FIRST,
        className="fold",
    )


def reports_of(shown: list[data.RunView]) -> list[Report]:
    """Figures of each run, on its test images where it has any."""
    return [data.report(view, view.splits[0]) for view in shown if view.splits]


def register() -> None:
    """The callback of the part."""

    @callback(
        # The heads themselves stay, so that the one that was clicked keeps the focus.
        Output("leaderboard-rows", "children"),
        Output({"sorted": ALL}, "aria-sort"),
        Input(kept(PAGE, "sort"), "data"),
        prevent_initial_call=True,
    )
    def sort(asked: str) -> tuple[list[Component], list[str]]:
        """The head of a column was clicked: `assets/sort.js` says what order that asks for."""
        shown, _ = data.list_runs()
        order = _order(asked)
        rows = table_rows(list(_HEADS.values()), _rows(reports_of(shown), order))
        return rows, [_sorted_by(head, order) for head in _HEADS]


def _order(sort: str | None) -> Order:
    key = (sort or "").removeprefix("-")
    return (key, (sort or "").startswith("-")) if key in _HEADS else BEST_FIRST


def _in_address(order: Order) -> str:
    """`order` as `part` takes it; empty for the usual one, so that the address of Overview stays short."""
    return "" if order == BEST_FIRST else f"{'-' if order[1] else ''}{order[0]}"


def _head(key: str, words: str, order: Order) -> Component:
    first = key, key not in _RISING
    return html.Th(
        html.Button(words, id={"sort": key}, value=_in_address(first), className="sort"),
        id={"sorted": key},
        scope="col",
        role="columnheader",
        **aria(sort=_sorted_by(key, order)),
    )


def _sorted_by(key: str, order: Order) -> str:
    if key != order[0]:
        return "none"
    return "descending" if order[1] else "ascending"


def _rows(reports: list[Report], order: Order) -> list[list[Any]]:
    return [_row(report) for report in _sorted(reports, order)]


def _row(report: Report) -> list[Any]:
    seen = "not recorded" if report.seen is None else f"{report.seen:,} of {report.n:,}"
    figures = [getattr(report, key) for key in list(_HEADS)[3:-1]]
    view = data.named_run(report.run)
    damaged = view is not None and view.model_fault is not None
    return [
        html.Span([report.run, html.Small("its model file is damaged")], className="stacked")
        if damaged
        else report.run,
        f"{report.n:,} {SPLIT_WORDS[report.split]}",
        estimate_cell(report.missed, k_of_n(report.missed)),
        *(estimate_cell(figure) for figure in figures),
        html.Span(seen, **no_interval("These very images are counted, nothing is estimated.")),
    ]


def _sorted(reports: list[Report], order: Order) -> list[Report]:
    """In that order; runs without such a figure last, equal ones by name."""
    key, falling = order
    value: Callable[[Report], Any] = _VALUES.get(key, lambda report: getattr(report, key).value)
    named = sorted(reports, key=lambda report: report.run)
    known = [report for report in named if value(report) is not None]
    return sorted(known, key=value, reverse=falling) + [
        report for report in named if value(report) is None
    ]


_VALUES: dict[str, Callable[[Report], Any]] = {
    "run": lambda report: report.run,
    "images": lambda report: report.n,
    "seen": lambda report: None if report.seen is None else report.seen / max(report.n, 1),
}
