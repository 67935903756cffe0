"""The values of a figure as a table that unfolds below it, for those who do not see the figure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from brainmri.metrics import Estimate
from brainmri.wording import probability
from dashboard.components.exports import csv_columns
from dashboard.components.tables import estimate_cell, points_cell
from dashboard.components.words import Children, aria, no_interval, told_script
from dashboard.figure_values import Cell, Share, values

_WHAT = re.compile(r"[.:;]")
_ALONG = "Where a point stands along the figure is drawn, not estimated."
_AT_STEPS = "Read off the lines at even steps."


def drawn_values(figure: go.Figure, *, says: str, why: str | None) -> Component | None:
    """What a figure draws, row by row; `says` and `why` as of `graphs.graph`. None where it draws nothing."""
    told = values(figure)
    if not told.rows:
        return None
    what = _WHAT.split(says)[0]
    notes = [_ALONG] if told.place is not None and why is None else []
    notes += [_AT_STEPS] if told.at_steps else []
    place: dict[str, Any] = no_interval(_ALONG) if why is None else {}
    body = [
        html.Tr(
            [
                html.Td(_cell(cell, told.in_points), **(place if i == told.place else {}))
                for i, cell in enumerate(row)
            ]
        )
        for row in told.rows
    ]
    return _folded(what, told.head, body, notes, why)


def probability_values(probabilities: Mapping[str, float], *, of: str, why: str) -> Component:
    """Probabilities by name, as a table that unfolds below the bars of them.

    Args:
        probabilities: 0-1, in the order of the rows.
        of: what they are about.
        why: they have no interval.
    """
    body = [
        html.Tr(
            [
                html.Td(name),
                # Whole, for the file.
                html.Td(html.Span(probability(p), **told_script(value=f"{p:.7f}", n="1"))),
            ]
        )
        for name, p in probabilities.items()
    ]
    return _folded(of, ["What", "Probability"], body, [], why)


def _folded(
    what: str, head: Sequence[str], body: Sequence[Component], notes: list[str], why: str | None
) -> Component:
    table = html.Table(
        [
            html.Caption(f"Values of: {what}", className="visually-hidden"),
            html.Thead(html.Tr([html.Th(name, scope="col") for name in head])),
            html.Tbody(body),
        ],
        className="table drawn-values",
    )
    reason: dict[str, Any] = {} if why is None else no_interval(why)
    return html.Details(
        [
            html.Summary("Its values as a table"),
            html.Div(
                table,
                className="scroll",
                role="region",
                tabIndex=0,
                **aria(label=f"Values of: {what}"),
                **reason,
            ),
            html.P(" ".join(notes), className="note") if notes else None,
        ],
        className="values",
    )


def _cell(cell: Cell, in_points: bool) -> Children:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, Share):
        return html.Span(cell.words, **csv_columns(Estimate(cell.value, None, None, cell.n)))
    return points_cell(cell) if in_points else estimate_cell(cell)
