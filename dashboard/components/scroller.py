"""A list of pictures of any length in a box that scrolls; only those near its view are on the page."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from dashboard import data
from dashboard.components.words import aria, name, told_script

AT_FIRST = 12
"""Pictures that the page itself brings: more than a box shows at once on any screen."""
_BEFORE = 6
"""Of these, how many stand before the one that an address names: a row on any screen."""
MOST_AT_ONCE = 60
"""Pictures that are answered at a time while the box scrolls."""


def first_shown(first: str | int | None, count: int) -> tuple[int, int]:
    """Number of the image that an address names, from 1 on, and the place that the first tiles start at.

    A number that there is not is the nearest that there is.
    """
    text = str(first)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 1
    number = max(1, min(number, count))
    return number, max(0, number - 1 - _BEFORE)


def scroller(
    tiles: Sequence[Component], *, count: int, number: int, start: int, more: str, label: str
) -> Component:
    """The box; assets/scroller.js asks for tiles when they come near and removes those that are far.

    Args:
        tiles: the first that are shown, each made with a `place`.
        count: how many images the list has.
        number: of the one that the box is to show at its top, from 1 on.
        start: place of the first of the tiles, from 0 on.
        more: address of further tiles; `start` and `most` are added to it.
        label: what the list is, for screen readers.
    """
    identity = f"keys-{label.replace(' ', '-')}"
    parts = [html.Div(className="scroller-part") for _ in range(3)]
    parts[1].children = list(tiles)
    kind = "scroller" if data.images_folder() is not None else "scroller of-paths"
    return html.Div(
        [
            html.P(
                "Arrow keys lead from image to image, Home and End to the first and the last.",
                id=identity,
                className="visually-hidden",
            ),
            html.Div(
                # The first and the last part are the script's alone.
                html.Div(parts, className="scroller-list"),
                className=kind,
                tabIndex="-1",
                role="list",
                **aria(label=label, describedby=identity, live="off"),
                **told_script(more=more, count=str(count), start=str(start), first=str(number)),
            ),
            html.P(className="note scroller-at", **name("place")),
        ]
    )
