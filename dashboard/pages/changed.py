"""The part of Compare with the images won and lost: four lists that open, one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import dash_mantine_components as dmc
from dash import Input, Output, State, callback, html, no_update
from dash.development.base_component import Component

from brainmri.comparison import Change, Comparison
from brainmri.errors import InputError
from brainmri.wording import counted
from dashboard import data
from dashboard.chosen import SEPARATOR
from dashboard.components import (
    AT_FIRST,
    aria,
    first_shown,
    image_tile_list,
    kept,
    no_interval,
    not_understood,
    pictures_missing,
    reasons,
    scroller,
    section,
    state_id,
    whose_note,
)
from dashboard.figures import shortened
from dashboard.pages import choosing

MORE = "/pieces/changed"
"""Address of further tiles, with the runs and the list as its query."""
KINDS = ("missed", "found", "wrong", "right")
"""Values of `now` in the address."""
_COUNTED = "Counted here to be looked at; the difference and its interval are above."


def part(
    page: str,
    view: data.RunView,
    found: Comparison,
    now: str | None,
    cell: str | None,
    first: str | None,
) -> Component:
    """The lists, with `now` or else the first that is not empty open, image number `first` at its top.

    Where a `cell` of the difference matrix is chosen its images stand in their place.
    """
    asked = now
    if now not in KINDS:
        now = next((kind for kind in KINDS if _kinds(found)[kind][1]), KINDS[0])
    return section(
        f"{counted(len(found.gained), 'image')} won and {len(found.lost):,} lost: of the tumours "
        f"{len(found.newly_found):,} newly found, {len(found.newly_missed):,} newly missed",
        not_understood(asked, KINDS),
        html.Div(
            _of_cell(view, found, cell, first),
            id="changed-cell",
            className="lists",
            **aria(live="polite"),
        ),
        html.Div(
            dmc.Accordion(
                [_list(view, found, kind, now, None if cell else first) for kind in KINDS],
                id=state_id(page, "now"),
                value=now,
                order=3,
                variant="separated",
                className="lists",
            ),
            id="changed-lists",
            hidden=bool(cell),
        ),
        why=_COUNTED,
        note=f"The probabilities are those of {found.run_b}, its surest answers first.",
    )


def register(page: str) -> None:
    """The callback of the part, on the page that shows it."""

    @callback(
        *(Output({"changed": kind}, "children") for kind in KINDS),
        Input(state_id(page, "now"), "value"),
        State(state_id(page, "run"), "value"),
        State(state_id(page, "other"), "value"),
        State(state_id(page, "split"), "value"),
        prevent_initial_call=True,
    )
    def open_list(now: str | None, run: str, other: str, split: str) -> list[Any]:
        """A list was opened, at its first image; the others stay as they are."""
        both = _compared(run, other, split)
        if both is None or now not in KINDS:
            return [no_update] * len(KINDS)
        return [_images(*both, kind) if kind == now else no_update for kind in KINDS]

    @callback(
        Output("changed-cell", "children"),
        Output("changed-lists", "hidden"),
        Input(kept(page, "cell"), "data"),
        State(state_id(page, "run"), "value"),
        State(state_id(page, "other"), "value"),
        State(state_id(page, "split"), "value"),
        prevent_initial_call=True,
    )
    def show_cell(cell: str | None, run: str, other: str, split: str) -> tuple[Any, Any]:
        """A cell of the difference matrix was chosen, or is not any more."""
        both = _compared(run, other, split)
        if both is None:
            return no_update, no_update
        return _of_cell(*both, cell, None), bool(cell)


def _compared(run: str, other: str, split: str) -> tuple[data.RunView, Comparison] | None:
    """The run and its comparison with the other; None where the page says why there is none."""
    view, beside = data.find_run(run), data.find_run(other)
    if view is None or beside is None:
        return None
    try:
        return view, data.compare(view, beside, split)
    except InputError:
        return None


def more(
    view: data.RunView, found: Comparison, kind: str, cell: str, start: int, most: int
) -> list[Component]:
    """Further tiles of a list, or of a cell, from place `start` on; none of what there is not."""
    changes = _in_cell(found, cell) if cell else _kinds(found)[kind][1] if kind in KINDS else []
    return _tiles(view, found, changes, kind, start, most)


def _in_cell(found: Comparison, cell: str) -> list[Change]:
    truth, _, answer = cell.partition(SEPARATOR)
    return found.in_cell(truth, answer)


def _of_cell(
    view: data.RunView, found: Comparison, cell: str | None, first: str | None
) -> list[Component]:
    """The images of a cell of the difference matrix, and what takes the choice away."""
    if not cell:
        return []
    truth, _, answer = cell.partition(SEPARATOR)
    if truth not in found.classes or answer not in found.classes:
        return [choosing.unknown("cell", cell, "There is no cell", "of the matrix")]
    changes = _in_cell(found, cell)
    now = sum(found.classes[change.answer_b] == answer for change in changes)
    chip = choosing.chip("cell", f"truth: {truth}, answer: {answer} of one run alone", {})
    words = (
        f"{counted(now, 'image')} of {truth} that {found.run_b} alone called {answer}, "
        f"{len(changes) - now:,} that {found.run_a} alone did"
    )
    title = html.Span(words, **no_interval(_COUNTED))
    return [
        html.Div(chip, className="chosen-line"),
        dmc.Title(title, order=3, className="card-title"),
        _listed(view, found, changes, words, {"cell": cell}, "cell", first),
    ]


def _list(
    view: data.RunView, found: Comparison, kind: str, now: str | None, first: str | None
) -> Component:
    thing, changes, words = _kinds(found)[kind]
    heading = f"{counted(len(changes), thing)} that {words}"
    return dmc.AccordionItem(
        [
            dmc.AccordionControl(html.Span(heading, **no_interval(_COUNTED))),
            dmc.AccordionPanel(
                html.Div(
                    _images(view, found, kind, first) if kind == now else None,
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


def _images(
    view: data.RunView, found: Comparison, kind: str, first: str | None = None
) -> Component:
    _, changes, words = _kinds(found)[kind]
    return _listed(view, found, changes, words, {"now": kind}, kind, first)


def _listed(
    view: data.RunView,
    found: Comparison,
    changes: list[Change],
    words: str,
    named: Mapping[str, str],
    kind: str,
    first: str | None,
) -> Component:
    """The box of these images, which are asked for by what they are `named` in the address."""
    if not changes:
        return html.P("There is none.", className="note")
    number, start = first_shown(first, len(changes))
    note, tiles = whose_note(view), _tiles(view, found, changes, kind, start, 2 * AT_FIRST)
    query = {"run": found.run_b, "other": found.run_a, "split": found.split, **named}
    return html.Div(
        [
            note,
            pictures_missing(),
            scroller(
                tiles,
                count=len(changes),
                number=number,
                start=start,
                more=f"{MORE}?{urlencode(query)}",
                label=f"Images that {words}",
            ),
            reasons(note, tiles),
        ]
    )


def _tiles(
    view: data.RunView,
    found: Comparison,
    changes: list[Change],
    kind: str,
    start: int,
    most: int,
) -> list[Component]:
    shown = data.changed_images(view, changes, most, start=start)
    return image_tile_list(
        view,
        [scored for _, scored in shown],
        [_remark(found, change) for change, _ in shown],
        opens=f"changed-{kind}",
        start=start,
        count=len(changes),
    )


def _remark(found: Comparison, change: Change) -> Component:
    truth, before, after = (
        found.classes[c] for c in (change.truth, change.answer_a, change.answer_b)
    )
    # Of long names the middle is left out, so that what they said has room in the tile.
    whole, short = (
        f"{truth}: {a} said {before}, {b} says {after}"
        for a, b in (
            (found.run_a, found.run_b),
            (shortened(found.run_a), shortened(found.run_b)),
        )
    )
    return html.Span(short, className="two-runs", title=whole)
