"""The part of Compare with the images won and lost: four lists that open, one at a time."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, State, callback, html, no_update
from dash.development.base_component import Component

from brainmri.comparison import Change, Comparison
from brainmri.errors import InputError
from brainmri.wording import counted
from dashboard import data
from dashboard.components import (
    image_tiles,
    no_interval,
    page_count,
    page_heading,
    page_number,
    page_turned,
    page_turner,
    section,
    state_id,
)

KINDS = ("missed", "found", "wrong", "right")
"""Values of `now` in the address."""
_AT_ONCE = 24
_COUNTED = "Counted here to be looked at; the difference and its interval are above."


def part(
    page: str, view: data.RunView, found: Comparison, now: str | None, place: str | None
) -> Component:
    """The lists, with `now` or else the first that is not empty open at page `place`."""
    if now not in KINDS:
        now = next((kind for kind in KINDS if _kinds(found)[kind][1]), KINDS[0])
    pages = page_count(len(_kinds(found)[now][1]), _AT_ONCE)
    number = page_number(place, pages)
    return section(
        f"{counted(len(found.gained), 'image')} won and {len(found.lost):,} lost: of the tumours "
        f"{len(found.newly_found):,} newly found, {len(found.newly_missed):,} newly missed",
        dmc.Accordion(
            [_list(view, found, kind, now, number) for kind in KINDS],
            id=state_id(page, "now"),
            value=now,
            order=3,
            variant="separated",
            className="lists",
        ),
        page_turner(page, "place", pages, number, "Pages of the open list"),
        why=_COUNTED,
        note=f"The probabilities are those of {found.run_b}, its surest answers first.",
    )


def register(page: str) -> None:
    """The callback of the part, on the page that shows it."""

    @callback(
        *(Output({"changed": kind}, "children") for kind in KINDS),
        Output(state_id(page, "place"), "total"),
        Output(state_id(page, "place"), "value"),
        Input(state_id(page, "now"), "value"),
        Input(state_id(page, "place"), "value"),
        State(state_id(page, "run"), "value"),
        State(state_id(page, "other"), "value"),
        State(state_id(page, "split"), "value"),
        prevent_initial_call=True,
    )
    def open_list(now: str | None, place: int, run: str, other: str, split: str) -> list[Any]:
        """A list was opened, at its first page, or its page turned; the others stay as they are."""
        view, beside = data.find_run(run), data.find_run(other)
        if view is None or beside is None or now not in KINDS:
            return [*[no_update] * len(KINDS), 1, 1]
        try:
            found = data.compare(view, beside, split)
        except InputError:
            return [*[no_update] * len(KINDS), 1, 1]
        pages = page_count(len(_kinds(found)[now][1]), _AT_ONCE)
        number = page_turned(page, "place", place, pages)
        shown = [_images(view, found, kind, number) if kind == now else no_update for kind in KINDS]
        return [*shown, pages, number]


def _list(
    view: data.RunView, found: Comparison, kind: str, now: str | None, number: int
) -> Component:
    thing, changes, words = _kinds(found)[kind]
    heading = f"{counted(len(changes), thing)} that {words}"
    return dmc.AccordionItem(
        [
            dmc.AccordionControl(html.Span(heading, **no_interval(_COUNTED))),
            dmc.AccordionPanel(
                html.Div(
                    _images(view, found, kind, number) if kind == now else None,
                    id={"changed": kind},
                )
            ),
        ],
        value=kind,
    )


def _kinds(found: Comparison) -> dict[str, tuple[str, list[Change], str]]:
    """What each list has images of, those images, and the words for them."""
    a, b = found.run_a, found.run_b
    return {
        "missed": ("tumour", found.newly_missed, f"{b} misses and {a} found"),
        "found": ("tumour", found.newly_found, f"{b} finds and {a} missed"),
        "wrong": ("image", found.lost, f"{b} names wrong and {a} named right"),
        "right": ("image", found.gained, f"{b} names right and {a} named wrong"),
    }


def _images(view: data.RunView, found: Comparison, kind: str, number: int) -> Component:
    _, changes, _ = _kinds(found)[kind]
    if not changes:
        return html.P("There is none.", className="note")
    start = (number - 1) * _AT_ONCE
    shown = data.changed_images(view, changes, start + _AT_ONCE)[start:]
    return html.Div(
        [
            page_heading("Images", start, len(shown), len(changes))
            if len(changes) > _AT_ONCE
            else None,
            image_tiles(
                view,
                [scored for _, scored in shown],
                [_remark(found, change) for change, _ in shown],
                opens=f"changed-{kind}",
            ),
        ]
    )


def _remark(found: Comparison, change: Change) -> str:
    truth, before, after = (
        found.classes[c] for c in (change.truth, change.answer_a, change.answer_b)
    )
    return f"{truth}: {found.run_a} said {before}, {found.run_b} says {after}"
