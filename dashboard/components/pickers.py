"""Choices that are kept in the address."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import dash_mantine_components as dmc
from dash import ctx, html
from dash.development.base_component import Component

from dashboard import data
from dashboard.components.words import Children, aria, name, state_id


def run_picker(
    page_name: str,
    shown: Sequence[data.RunView],
    chosen: str,
    *,
    key: str = "run",
    label: str = "Run",
) -> Component:
    """Choice of a run, kept in the URL under `key`."""
    return picker(page_name, key, label, {view.name: view.name for view in shown}, chosen)


def picker(
    page_name: str,
    key: str,
    label: str,
    options: Mapping[str, str],
    value: str | None,
    *,
    placeholder: str = "",
    asked: str | None = None,
) -> Component:
    """A choice between many options from a list that opens, kept in the URL under `key`.

    While `value` is None nothing is chosen, and the `placeholder` says what to do. What the address
    `asked` for and is no option is said to be none.
    """
    shown = dmc.Select(
        id=state_id(page_name, key),
        label=label,
        data=[{"value": v, "label": text} for v, text in options.items()],
        value=value,
        placeholder=placeholder,
        allowDeselect=False,
        searchable=len(options) > 8,
        className="picker",
    )
    missing = not_understood(asked, options)
    return shown if missing is None else html.Div([shown, missing])


def choice(
    page_name: str,
    key: str,
    label: str,
    options: Mapping[str, str],
    value: str,
    *,
    asked: str | None = None,
) -> Component:
    """A choice between a few options, kept in the URL under `key`; `asked` as of `picker`."""
    return html.Div(
        [
            html.Div(label, className="picker-label", id=f"{page_name}-{key}-label"),
            dmc.SegmentedControl(
                id=state_id(page_name, key),
                data=[{"value": v, "label": text} for v, text in options.items()],
                value=value if value in options else next(iter(options)),
                **aria(label=label),
            ),
            not_understood(asked, options),
        ],
        className="picker",
    )


def not_understood(asked: str | None, options: Collection[str]) -> Component | None:
    """That what an address asks for cannot be chosen here; None where it can, or nothing is asked for."""
    if not asked or asked in options:
        return None
    words: list[Children] = [
        "There is no “",
        html.Span(asked, **name("slice")),
        "” to choose here.",
    ]
    return html.P(words, className="caution", role="note")


def controls(*children: Children) -> Component:
    """A row of pickers."""
    return html.Div(list(children), className="controls")


def page_count(entries: int, at_once: int) -> int:
    """Pages of a list; an empty one has a page that says so."""
    return max(1, -(-entries // at_once))


def page_turner(page_name: str, key: str, pages: int, value: int, label: str) -> Component:
    """Numbers of the pages of a list, kept in the URL under `key`."""
    return dmc.Pagination(
        id=state_id(page_name, key),
        total=pages,
        value=value,
        siblings=1,
        size="sm",
        className="pages",
        hideWithOnePage=True,
        withControls=False,  # Its arrows have no name that a screen reader could say.
        **aria(label=label),
    )


def page_number(given: str | int | None, pages: int) -> int:
    """The page that the URL or a control asks for, or the nearest that there is."""
    text = str(given)
    number = int(text) if text.isascii() and text.isdigit() else 1
    return max(1, min(number, pages))


def page_turned(page_name: str, key: str, given: int, pages: int) -> int:
    """The page for the callback that runs: the first, unless it was caused by the turner under `key`.

    Whatever else was chosen makes it another list.
    """
    return page_number(given, pages) if ctx.triggered_id == state_id(page_name, key) else 1


def page_heading(what: str, start: int, shown: int, count: int, rest: str = "") -> Component:
    """Which entries of a list the page has: "Images 25 to 48 of 1,311" and the `rest` of the heading."""
    words = f"{what} {start + 1:,} to {start + shown:,} of {count:,}{rest}"
    return html.Div(dmc.Title(words, order=3, className="card-title"), **name("place"))
