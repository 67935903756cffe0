"""What an unknown address shows, and that of a report that there is not."""

from __future__ import annotations

from urllib.parse import unquote

from dash import dcc, html
from dash.development.base_component import Component

from dashboard import data
from dashboard.components import empty, name, page

REPORTS = "/report/<asked>"
"""Addresses of reports, as Dash has it; those that there are come from `dashboard.app.report`."""


def layout(**_query: str) -> Component:
    """The page of an unknown address."""
    return page("Not found", "There is no page at this address.", _way_back())


def no_report(asked: str = "", **_query: str) -> Component:
    """The page of a report that cannot be had; `asked` is the last part of its address, "NAME.html"."""
    run, _, kind = unquote(asked).rpartition(".")
    if kind not in data.REPORT_KINDS:
        return layout()
    why = html.Span(data.why_no_report(run, kind), **name("setting"))
    return page("No report", why, _way_back())


def _way_back() -> Component:
    return empty("Where to go", html.P(dcc.Link("To the overview and its runs", href="/")))
