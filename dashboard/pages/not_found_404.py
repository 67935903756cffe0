"""What an unknown address shows."""

from __future__ import annotations

from dash import dcc, html
from dash.development.base_component import Component

from dashboard.components import empty, page


def layout(**_query: str) -> Component:
    """The page."""
    return page(
        "Not found",
        "There is no page at this address.",
        empty("Where to go", html.P(dcc.Link("To the overview", href="/"))),
    )
