"""What can be downloaded of a page, tables as CSV and figures as PNG or SVG; assets/export.js does it."""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from brainmri.metrics import Estimate
from dashboard.components.words import aria, told_script


def export_frame(shown: Component, *below: Component | None, **kinds: str) -> Component:
    """A table or figure above its download buttons; `kinds` are csv, png or svg with their names.

    `below` stands between them.
    """
    return html.Div(
        [
            shown,
            *below,
            html.Div(
                [
                    html.Button(
                        kind.upper(),
                        type="button",
                        className="export",
                        title=words,
                        **_says(kind, words),
                    )
                    for kind, words in kinds.items()
                ],
                className="exports",
            ),
        ],
        className="export-frame",
    )


def drawn_frame(
    *shown: Component | None,
    about: str,
    what: str = "these pictures",
    finding: str | None = None,
    values: Component | None = None,
) -> Component:
    """Pictures and words with buttons to download them as one figure.

    Args:
        shown: what is drawn.
        about: stands in small print in the file, and names it.
        what: the buttons call it.
        finding: the title of the file; that of the part of the page when not given.
        values: the table of its values, which can be downloaded too.
    """
    told = {"about": about} if finding is None else {"about": about, "finding": finding}
    return html.Div(
        export_frame(
            html.Div(list(shown), className="drawn"),
            values,
            **({} if values is None else {"csv": f"Download the values of {what} as CSV"}),
            png=f"Download {what} as PNG",
            svg=f"Download {what} as SVG",
        ),
        **told_script(**told),
    )


def _says(kind: str, words: str) -> dict[str, Any]:
    return {"data-export": kind, **aria(label=words)}


def csv_columns(estimate: Estimate) -> dict[str, Any]:
    """Attributes of a table cell's element, from which the CSV gets the interval and n in columns."""
    known = {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "k": estimate.k,
    }
    return {
        f"data-{name}": f"{value:.6g}" if isinstance(value, float) else str(value)
        for name, value in known.items()
        if value is not None
    }
