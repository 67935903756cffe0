"""The part of Evaluate that finds where a run is weak: any metric by any property of the images."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, callback, ctx, dcc, html, no_update
from dash.development.base_component import Component

from brainmri.slices import FEWEST, Slice
from dashboard import data
from dashboard.components import (
    SPLIT_WORDS,
    aria,
    controls,
    empty,
    estimate_cell,
    image_tiles,
    measured,
    name,
    no_interval,
    picker,
    section,
    state_id,
    table,
)
from dashboard.words import property_words

_MOST_IMAGES = 24


def part(
    page: str, view: data.RunView, split: str, by: str | None, rank: str | None, value: str | None
) -> Component:
    """Pickers for property and metric, the slices worst first, and the mistakes of one of them."""
    properties, metrics = data.slice_choices(view, split)
    if not properties:
        return section(
            "Where it is weak",
            empty(
                "There is no image index here that knows these images",
                "Run `python -m brainmri index DATA` to see the figures by source, size and brightness.",
            ),
        )
    by = by if by in properties else _first(properties)
    rank = rank if rank in metrics else metrics[0]
    return html.Div(
        [
            html.Div(_found(view, split, by, rank), id="weak-head"),
            controls(
                picker(page, "by", "By", {one: property_words(one) for one in properties}, by),
                picker(page, "rank", "Figure", {one: one for one in metrics}, rank),
            ),
            dcc.Store(id={"page": page, "kept": "slice"}, data=value),
            html.Div(_table(view, split, by, rank), id="weak-table"),
            html.Div(_mistakes(view, split, by, value), id="weak-images", **aria(live="polite")),
        ],
        className="section",
    )


def register(page: str) -> None:
    """The callbacks of the part, on the page that shows it."""

    @callback(
        Output("weak-head", "children"),
        Output("weak-table", "children"),
        Output("weak-images", "children"),
        Input(state_id(page, "by"), "value"),
        Input(state_id(page, "rank"), "value"),
        Input(state_id(page, "run"), "value"),
        Input(state_id(page, "split"), "value"),
        State({"page": page, "kept": "slice"}, "data"),
        prevent_initial_call=True,
    )
    def rank_again(by: str, rank: str, run: str, split: str, value: str | None) -> tuple[Any, ...]:
        """Another property, metric, run or split was chosen."""
        view = data.find_run(run)
        if view is None or not view.in_memory:
            return html.Div(), html.Div(), html.Div()
        return (
            _found(view, split, by, rank),
            _table(view, split, by, rank),
            _mistakes(view, split, by, value),
        )

    @callback(
        Output("weak-images", "children", allow_duplicate=True),
        Output({"page": page, "kept": "slice"}, "data"),
        Input({"slice": ALL}, "n_clicks"),
        State(state_id(page, "by"), "value"),
        State(state_id(page, "run"), "value"),
        State(state_id(page, "split"), "value"),
        prevent_initial_call=True,
    )
    def show_mistakes(clicks: list[int | None], by: str, run: str, split: str) -> tuple[Any, Any]:
        """The mistakes of a slice were asked for."""
        view = data.find_run(run)
        if view is None or not any(clicks) or not isinstance(ctx.triggered_id, dict):
            return no_update, no_update
        value = str(ctx.triggered_id["slice"])
        return _mistakes(view, split, by, value), value


def _first(properties: list[str]) -> str:
    """The source of the images where the metadata names it, since it gives classes away."""
    return next(
        (name for name in ("source", "scanner", "seen") if name in properties), properties[0]
    )


def _found(view: data.RunView, split: str, by: str, rank: str) -> Component:
    ranked = [s for s in data.weak_spots(view, split, by, rank) if s.estimate.value is not None]
    if len(ranked) < 2:
        title: list[Any] = [f"Where it is weak: {rank} by {property_words(by)}"]
    else:
        worst, best = ranked[0], ranked[-1]
        apart = _apart(worst, best)
        title = [
            f"{rank.capitalize()} is lowest for {property_words(by)} “",
            html.Span(worst.value, **name("slice")),
            f"”: {measured(worst.estimate)}"
            + ("" if apart else ", but no slice stands clearly apart"),
        ]
    return html.Div(
        [
            dmc.Title(title, order=2),
            dmc.Text(
                [
                    f"{rank.capitalize()} on the {SPLIT_WORDS[split]} images, by a property of the "
                    "images, worst first, with 95 % intervals. Wrong answers are counted to be looked "
                    "at, without an interval. A slice with fewer than ",
                    html.Span(FEWEST, **name("setting")),
                    " images is not ranked.",
                ],
                className="note",
            ),
        ],
        className="section-head",
    )


def _apart(worst: Slice, best: Slice) -> bool:
    high, low = worst.estimate.high, best.estimate.low
    return high is not None and low is not None and high < low


def _table(view: data.RunView, split: str, by: str, rank: str) -> Component:
    found = data.weak_spots(view, split, by, rank)
    rows = []
    for one in found:
        wrong, _ = data.slice_mistakes(view, split, by, one.value, 0)
        rows.append(
            [
                html.Span(one.value, **name("slice")),
                estimate_cell(one.estimate),
                f"{one.estimate.n:,}",
                html.Button(
                    f"{wrong:,} of {one.n:,}",
                    **no_interval(
                        "Wrong answers are counted to be looked at; the accuracy has an interval."
                    ),
                    id={"slice": one.value},
                    className="link-button",
                    disabled=wrong == 0,
                    **aria(label=f"{wrong} wrong answers of {one.n} for {one.value}; show them"),
                ),
            ]
        )
    return table(
        [property_words(by).capitalize(), rank.capitalize(), "n", "Wrong answers"],
        rows,
        caption=f"{rank} by {property_words(by)}, worst first",
    )


def _mistakes(view: data.RunView, split: str, by: str, value: str | None) -> Component:
    if value is None:
        return html.Div()
    count, shown = data.slice_mistakes(view, split, by, value, _MOST_IMAGES)
    if not count:
        return html.Div()
    return html.Div(
        [
            html.Div(
                dmc.Title(
                    f"{count:,} wrong {'answer' if count == 1 else 'answers'} for "
                    f"{property_words(by)} “{value}”"
                    + (f"; the {len(shown)} surest" if count > len(shown) else ""),
                    order=3,
                ),
                **no_interval("Wrong answers are counted to be looked at, not estimated."),
            ),
            image_tiles(view, shown),
        ]
    )
