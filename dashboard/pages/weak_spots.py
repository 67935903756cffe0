"""The part of Evaluate that finds where a run is weak: any metric by any property of the images."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, State, callback, html
from dash.development.base_component import Component

from brainmri.slices import (
    FALSE_ALARMS,
    FEWEST,
    HIGH_IS_WORST,
    MISSED,
    Slice,
    mistakes_of,
    stands_apart,
)
from dashboard import data
from dashboard.chosen import SEPARATOR, Chosen, cell_of, read
from dashboard.components import (
    SPLIT_WORDS,
    aria,
    controls,
    counted_cell,
    empty,
    estimate_cell,
    kept,
    measured,
    name,
    no_interval,
    percent,
    picker,
    section,
    state_id,
    table,
    told_script,
)
from dashboard.pages.choosing import KEYS, PAINTED, among_n, chooses, shown
from dashboard.words import property_words

_COUNTED = "The last column counts images to look at; the figure beside it has the interval."
_KEPT = (
    " Among images that were chosen for being right or wrong a figure would only say so: the figures keep "
    "what else is chosen, and the last column says how many of the chosen images each slice has."
)


def part(
    page: str,
    view: data.RunView,
    split: str,
    by: str | None,
    rank: str | None,
    chosen: Chosen,
    about_now: str,
) -> Component:
    """Pickers for property and metric, and the slices worst first, each of which can be chosen."""
    properties, metrics = data.slice_choices(view, split)
    if not properties:
        return section(
            "Where it is weak",
            empty(
                "There is no image index here that knows these images",
                "Run `python -m brainmri index DATA` to see the figures by source, size and brightness.",
            ),
        )
    asked_by, by = by, by if by in properties else _first(properties)
    asked, rank = rank, rank if rank in metrics else metrics[0]
    return html.Div(
        [
            html.Div(
                _found(view, split, by, rank, chosen),
                id="weak-head",
                **told_script(shown=about_now),
            ),
            controls(
                picker(
                    page,
                    "by",
                    "By",
                    {one: property_words(one) for one in properties},
                    by,
                    asked=asked_by,
                ),
                picker(page, "rank", "Figure", {one: one for one in metrics}, rank, asked=asked),
            ),
            html.Div(
                _table(view, split, by, rank, chosen),
                id="weak-table",
                **told_script(shown=about_now),
            ),
            _left_out(view, split),
        ],
        className="section",
    )


def _left_out(view: data.RunView, split: str) -> Component:
    """Which columns of the index are no choice, and why."""
    single, alike = data.left_out_of_slices(view, split)
    told = [
        f"{', '.join(columns)} ({why})"
        for columns, why in (
            (["path", "hashes", "cluster", *single], "they name or number single images or a few"),
            (alike, "the same for all of these images"),
        )
        if columns
    ]
    return html.P(
        f"Columns that are no choice: {'; '.join(told)}.", className="note", **name("setting")
    )


def register(page: str) -> None:
    """The callback of the part, on the page that shows it."""

    @callback(
        Output("weak-head", "children"),
        Output("weak-table", "children"),
        Output("weak-head", "data-shown"),
        Output("weak-table", "data-shown"),
        Input(state_id(page, "by"), "value"),
        Input(state_id(page, "rank"), "value"),
        Input(*PAINTED),
        State(state_id(page, "run"), "value"),
        State(state_id(page, "split"), "value"),
        *(State(kept(page, key), "data") for key in KEYS),
        prevent_initial_call=True,
    )
    def rank_again(
        by: str,
        rank: str,
        _painted: str,
        run: str,
        split: str,
        *keys: str | None,
    ) -> tuple[Any, ...]:
        """Another property, metric, run or split was chosen, or other images."""
        view, now = data.find_run(run), shown(run, split, *keys)
        if view is None:
            return html.Div(), html.Div(), now, now
        chosen = data.usable(view, split, read(view.classes, *keys))
        return (
            _found(view, split, by, rank, chosen),
            _table(view, split, by, rank, chosen),
            now,
            now,
        )


def _first(properties: list[str]) -> str:
    """The source of the images where the metadata names it, since it gives classes away."""
    return next(
        (name for name in ("source", "scanner", "seen") if name in properties), properties[0]
    )


def _found(view: data.RunView, split: str, by: str, rank: str, chosen: Chosen) -> Component:
    among = data.within_slices_by(view, chosen, by)
    spots = data.weak_spots(view, split, by, rank, among)
    ranked = [s for s in spots if s.estimate.value is not None]
    if len(ranked) < 2:
        title: list[Any] = [f"Where it is weak: {rank} by {property_words(by)}"]
    else:
        title = _lowest(ranked, by, rank)
    return html.Div(
        [
            dmc.Title(title, order=2),
            dmc.Text(
                [
                    f"{_upper(rank)} on the {SPLIT_WORDS[split]} images, by a property of the "
                    "images, worst first, with 95 % intervals. Choose a slice, and the page is about its "
                    "images. A slice with fewer than ",
                    html.Span(FEWEST, **name("setting")),
                    " images is not ranked. ",
                    _COUNTED,
                    _KEPT if chosen.decides else "",
                    *among_n(among, sum(one.n for one in spots)),
                ],
                className="note",
            ),
        ],
        className="section-head",
    )


def _lowest(ranked: list[Slice], by: str, rank: str) -> list[Any]:
    """Which slice is the worst, or which share that place, and whether that says anything."""
    what, by = _upper(rank), property_words(by)
    verb = "are" if rank in (MISSED, FALSE_ALARMS) else "is"
    worst = [s for s in ranked if percent(s.estimate.value) == percent(ranked[0].estimate.value)]
    if len(worst) == len(ranked):
        return [
            f"{what} {verb} {percent(worst[0].estimate.value)} for every {by} (",
            *_each(worst),
            ")",
        ]
    apart = stands_apart(ranked, high_is_worst=rank in HIGH_IS_WORST)
    end = "high" if rank in HIGH_IS_WORST else "low"
    if len(worst) == 1:
        others = "the other slice" if len(ranked) == 2 else "every other slice"
        return [
            f"{what} {verb} {end}est for {by} “",
            html.Span(worst[0].value, **name("slice")),
            f"”: {measured(worst[0].estimate)}",
            "" if apart else f", but its interval meets that of {others}",
        ]
    return [
        f"{what} {verb} equally {end} for {by} ",
        *_each(worst),
        "" if apart else "; no slice stands clearly apart",
    ]


def _each(alike: list[Slice]) -> list[Any]:
    """Slices with their figures, one after the other."""
    parts: list[Any] = []
    for one in alike:
        parts += [
            "; “" if parts else "“",
            html.Span(one.value, **name("slice")),
            f"”: {measured(one.estimate)}",
        ]
    return parts


def _upper(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}"


def _table(view: data.RunView, split: str, by: str, rank: str, chosen: Chosen) -> Component:
    """The slices, and how many of their images lie in the chosen cell, or are mistakes of the figure."""
    truth, answer = mistakes_of(view.classes, view.classes.index(view.negative_class)).get(
        rank, (None, None)
    )
    truth, answer = truth or chosen.truth, answer or chosen.answer
    cell = chosen if chosen.decides else Chosen(truth, answer, wrong=True)
    what = _what(cell, view.negative_class)
    counts = rank in (MISSED, FALSE_ALARMS)
    # A mistake of the figure is one of the images that the figure divides by; of all of them where it is any.
    every = chosen.decides or (truth is None and answer is None)
    rows = []
    for one in data.weak_spots(view, split, by, rank, data.within_slices_by(view, chosen, by)):
        count = int(data.cells(view.classes, cell, one.matrix).sum())
        key = f"{by}{SEPARATOR}{one.value}"
        on = chosen.slice == (by, one.value)
        of = f"{count:,} of {one.n if every else one.estimate.n:,}"
        rows.append(
            [
                html.Button(
                    one.value,
                    className="link-button slice" + (" chosen" if on else ""),
                    **chooses(slice=key, only="all"),
                    **name("slice"),
                    **aria(label=f"{property_words(by)}: {one.value}", pressed=str(on).lower()),
                ),
                counted_cell(one.estimate) if counts else estimate_cell(one.estimate),
                f"{one.estimate.n:,}",
                html.Button(
                    of,
                    **no_interval(_COUNTED),
                    **chooses(slice=key, only=cell_of(truth, answer, wrong=True)),
                    className="link-button",
                    disabled=count == 0,
                    **aria(label=f"{of}, {what}, for {one.value}; show them"),
                )
                if not chosen.decides
                else html.Span(of, **no_interval(_COUNTED)),
            ]
        )
    heads = [property_words(by).capitalize(), _upper(rank), "n", what.capitalize()]
    return table(heads, rows, caption=f"{rank} by {property_words(by)}, worst first")


def _what(cell: Chosen, negative: str) -> str:
    """The images of a cell, or the mistakes in it, in words."""
    if cell.truth and cell.answer:
        return f"{cell.truth} called {cell.answer}"
    if not cell.wrong:
        return f"of {cell.truth}" if cell.truth else f"called {cell.answer}"
    if cell.truth:
        return "false alarms" if cell.truth == negative else f"{cell.truth} called something else"
    if cell.answer:
        return "missed tumours" if cell.answer == negative else f"wrongly called {cell.answer}"
    return "wrong answers"
