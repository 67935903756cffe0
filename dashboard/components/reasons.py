"""Why numbers have no interval, in words that open by click, touch and keyboard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dash import html
from dash.development.base_component import Component

from dashboard.components.words import Children

_KEY = "data-no-interval"


def reasons(*shown: Children) -> Component | None:
    """What `no_interval` says of the numbers in some parts of a page, folded under one line.

    The title of an element is for those who point at it alone; this is for everybody else. A reason that
    one of the parts shows anyway is not said again; None where nothing is left to say. It is for what
    comes into a page later as a whole, such as an answer; a page says all of its own at its end.
    """
    hidden = _hidden(shown)
    return _fold("Why some numbers here have no interval", hidden) if hidden else None


def every_reason(*shown: Children) -> Component:
    """The same once at the end of a page; when it is opened, assets/terms.js adds what came since."""
    return _fold(
        "Why some numbers on this page have no interval",
        [*_hidden(shown), "Every other reason stands beside its numbers."],
        whole="page-reasons",
    )


def _hidden(shown: Sequence[Children]) -> list[str]:
    """Reasons that no part shows as text."""
    parts = list(_walk(list(shown)))
    text = " ".join(part for part in parts if isinstance(part, str))
    given = dict.fromkeys(getattr(part, _KEY, None) for part in parts if not isinstance(part, str))
    return [reason for reason in given if reason is not None and reason not in text]


def _fold(summary: str, told: Sequence[str], whole: str = "") -> Component:
    return html.Details(
        [html.Summary(summary), html.Ul([html.Li(reason) for reason in told])],
        className=f"reasons {whole}".strip(),
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
