"""Plain tables and the cells of figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from brainmri.metrics import Estimate
from dashboard.components.exports import csv_columns, export_frame
from dashboard.components.terms import explained
from dashboard.components.words import (
    Children,
    aria,
    counted,
    counted_or_why,
    interval,
    k_of_n,
    no_interval,
    percent,
    points,
    points_interval,
)

_COUNT = "These images were chosen by their answer, so this is a count of them and says nothing of others."
_MOST_BESIDE = 3
"""Columns that fit beside each other on a phone; rows of more become cards there."""


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[Children]],
    *,
    caption: str,
    sortable: Sequence[Component] | None = None,
    body: str | None = None,
) -> Component:
    """A plain table; the first column names the row, the others are aligned as numbers.

    Where it is wider than its place it scrolls, with a shadow at the edge that hides something. On a
    phone each row of more than three columns is a card with the heads inside. `sortable` are cells
    of the head in place of plain ones, which stay in sight there; `body` is the id of what has
    `table_rows` as its children. Roles are spelt out since cards
    are no table to a browser.
    """
    kinds = ["table"]
    if len(head) > _MOST_BESIDE:
        kinds.append("cards")
    if sortable is not None:
        kinds.append("sortable")
    heads = sortable or [
        html.Th(explained(name), scope="col", role="columnheader") for name in head
    ]
    identity: dict[str, Any] = {} if body is None else {"id": body}
    shown = html.Div(
        html.Table(
            [
                html.Caption(caption, className="visually-hidden"),
                html.Thead(html.Tr(list(heads), role="row"), role="rowgroup"),
                html.Tbody(table_rows(head, rows), role="rowgroup", **identity),
            ],
            className=" ".join(kinds),
            role="table",
        ),
        className="scroll",
        role="region",
        tabIndex=0,
        **aria(label=caption),
    )
    return export_frame(shown, csv="Download this table as CSV")


def table_rows(head: Sequence[str], rows: Sequence[Sequence[Children]]) -> list[Component]:
    """The rows of a table with these heads."""
    return [_row(head, row) for row in rows]


def _row(head: Sequence[str], row: Sequence[Children]) -> Component:
    named: list[dict[str, Any]] = [{"data-label": name} for name in head[1:]]
    cells = [
        html.Td(cell, role="cell", **label) for label, cell in zip(named, row[1:], strict=True)
    ]
    return html.Tr([html.Th(row[0], scope="row", role="rowheader"), *cells], role="row")


def estimate_cell(estimate: Estimate, words: str | None = None) -> Component:
    """A figure with its interval underneath, or why there is none; `words` say it as no percentage."""
    if estimate.value is None:
        reason = estimate.reason or "no value"
        return html.Span(
            [percent(None), html.Small(reason, className="interval reason")],
            className="estimate",
            **no_interval(reason if len(reason.split()) > 3 else f"No figure: {reason}"),
            **csv_columns(estimate),
        )
    ends = interval(estimate)
    lines = [percent(estimate.value), ends] if words is None else [words, f"({ends})"]
    return html.Span(
        [lines[0], html.Small(lines[1], className="interval")],
        className="estimate",
        **csv_columns(estimate),
    )


def points_cell(difference: Estimate) -> Component:
    """A difference in percentage points with its interval underneath."""
    return html.Span(
        [
            points(difference.value),
            html.Small(points_interval(difference), className="interval"),
        ],
        className="estimate",
        **csv_columns(difference),
    )


def counted_cell(estimate: Estimate) -> Component:
    """A count with its share and interval underneath."""
    if estimate.value is None:
        return estimate_cell(estimate)
    return html.Span(
        [
            f"{estimate.k:,}",
            html.Small(percent(estimate.value), className="interval"),
            html.Small(interval(estimate), className="interval"),
        ],
        className="estimate counted",
        **csv_columns(estimate),
    )


def share_cell(count: int, total: int) -> Component:
    """A count with its share of all underneath: nothing is estimated, so there is no interval."""
    share = count / total if total else None
    return html.Span(
        [f"{count:,}", html.Small(percent(share), className="interval")],
        className="estimate",
        **csv_columns(Estimate(share, None, None, total, count)),
    )


def plain_count(estimate: Estimate, what: str = "") -> Children:
    """A proportion in words; of images that were chosen by their answer without an interval."""
    if estimate.value is None or estimate.low is not None:
        return counted_or_why(estimate, what) if what else counted(estimate)
    words = f"{k_of_n(estimate)} {what}".strip()
    return html.Span(f"{words} ({estimate.reason})", **no_interval(_COUNT))


def plain_count_cell(estimate: Estimate) -> Component:
    """The same as a cell of a table."""
    if estimate.value is None or estimate.low is not None:
        return estimate_cell(estimate)
    cell = estimate_cell(estimate, k_of_n(estimate))
    return html.Span(cell, **no_interval(_COUNT))


def downloads(**lists: str) -> Component:
    """Links to lists of the audit as CSV files, by name (`leaked_pairs` is leaked-pairs.csv)."""
    return html.P(
        [
            html.A(text, href=f"/download/{name.replace('_', '-')}.csv", className="download")
            for name, text in lists.items()
        ],
        className="downloads",
    )
