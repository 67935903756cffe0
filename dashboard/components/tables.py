"""Plain tables and the cells of figures."""

from __future__ import annotations

from collections.abc import Sequence

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from brainmri.metrics import Estimate
from dashboard.components.words import Children, interval, no_interval, percent


def table(head: Sequence[str], rows: Sequence[Sequence[Children]], *, caption: str) -> Component:
    """A plain table; the first column names the row, the others are aligned as numbers."""
    return dmc.TableScrollContainer(
        html.Table(
            [
                html.Caption(caption, className="visually-hidden"),
                html.Thead(html.Tr([html.Th(name, scope="col") for name in head])),
                html.Tbody(
                    [
                        html.Tr(
                            [html.Th(row[0], scope="row"), *(html.Td(cell) for cell in row[1:])]
                        )
                        for row in rows
                    ]
                ),
            ],
            className="table",
        ),
        minWidth=0,
        scrollAreaProps={"viewportProps": {"tabIndex": 0, "aria-label": caption}},
    )


def estimate_cell(estimate: Estimate) -> Component:
    """A figure with its interval underneath, or why there is none."""
    if estimate.value is None:
        reason = estimate.reason or "no value"
        return html.Span(
            [percent(None), html.Small(reason, className="interval")],
            className="estimate",
            **no_interval(f"There is no figure here: {reason}."),
        )
    return html.Span(
        [percent(estimate.value), html.Small(interval(estimate), className="interval")],
        className="estimate",
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
    )


def downloads(**lists: str) -> Component:
    """Links to lists of the audit as CSV files, by name (`leaked_pairs` is leaked-pairs.csv)."""
    return html.P(
        [
            html.A(text, href=f"/download/{name.replace('_', '-')}.csv", className="download")
            for name, text in lists.items()
        ],
        className="downloads",
    )
