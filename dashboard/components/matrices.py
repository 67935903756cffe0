"""A matrix of classes: what the images show by what was said, with the number of each row at its end."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from dashboard.components.exports import export_frame
from dashboard.components.words import Children, aria

Row = tuple[Children, Sequence[Children], str]
"""Name of a class, its cells, and n."""


def matrix(
    over: str,
    columns: Sequence[Children],
    rows: Sequence[Row],
    *,
    caption: str,
    side: Children = "shows",
) -> Component:
    """The matrix as a table that scrolls where it is too wide; `over` and `side` name its two directions.

    It is downloaded as a table, and as a figure: assets/export.js draws what stands there.
    """
    body = [
        html.Tr(
            [
                html.Th(name, scope="row"),
                *(html.Td(cell) for cell in cells),
                html.Td(n, className="total"),
            ]
        )
        for name, cells, n in rows
    ]
    shown = html.Div(
        html.Table(
            [
                html.Caption(caption, className="visually-hidden"),
                html.Thead(
                    [
                        html.Tr(
                            [
                                html.Td("", className="corner"),
                                html.Th(over, colSpan=len(columns), scope="colgroup"),
                                html.Td("", className="totals"),
                            ]
                        ),
                        html.Tr(
                            [
                                html.Th(side, scope="col"),
                                *(html.Th(name, scope="col") for name in columns),
                                html.Th("n", className="totals", scope="col"),
                            ]
                        ),
                    ]
                ),
                html.Tbody(body),
            ],
            className="matrix",
        ),
        className="scroll",
        role="region",
        tabIndex=0,
        **aria(label=caption),
    )
    return export_frame(
        shown,
        csv="Download this matrix as CSV",
        png="Download this matrix as PNG",
        svg="Download this matrix as SVG",
    )
