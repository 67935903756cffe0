"""Why numbers have no interval, in words that open by click, touch and keyboard."""

from __future__ import annotations

from collections.abc import Iterator

from dash import html
from dash.development.base_component import Component

from dashboard.components.words import Children

_KEY = "data-no-interval"


def reasons(*shown: Children) -> Component | None:
    """What `no_interval` says of the numbers in some parts of a page, folded under one line.

    The title of an element is for those who point at it alone; this is for everybody else. A reason that
    one of the parts shows anyway is not said again; None where nothing is left to say.
    """
    parts = list(_walk(list(shown)))
    text = " ".join(part for part in parts if isinstance(part, str))
    given = dict.fromkeys(getattr(part, _KEY, None) for part in parts if not isinstance(part, str))
    hidden = [reason for reason in given if reason is not None and reason not in text]
    if not hidden:
        return None
    return html.Details(
        [
            html.Summary("Why some numbers here have no interval"),
            html.Ul([html.Li(reason) for reason in hidden]),
        ],
        className="reasons",
    )


def _walk(node: Children) -> Iterator[Component | str]:
    """Every component and text below a node."""
    if isinstance(node, list | tuple):
        for entry in node:
            yield from _walk(entry)
    elif isinstance(node, str):
        yield node
    elif isinstance(node, Component):
        yield node
        yield from _walk(getattr(node, "children", None))
