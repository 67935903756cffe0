"""Class balance, as a part of the Data page: per split, and by any property of the images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import Input, Output, callback, html
from dash.development.base_component import Component

from brainmri.index import ImageIndex
from dashboard import data, figures
from dashboard.components import (
    SPLIT_WORDS,
    aria,
    card,
    controls,
    graph,
    legend,
    name,
    no_interval,
    percent,
    picker,
    section,
    share_cell,
    state_id,
    table,
)
from dashboard.theme import class_colours
from dashboard.words import known_words, property_words, value_words

ALL_OF_THEM = (
    "Every image of the set is counted, none is a sample of others, so there is no interval."
)
_CLEARLY = 0.1
"""A property that names this much more of the classes than knowing nothing gives them away."""


def register(page: str) -> None:
    """The callback of the part, on the page that shows it."""

    @callback(
        Output("balance-by", "children"),
        Input(state_id(page, "by"), "value"),
        prevent_initial_call=True,
    )
    def show_balance(by: str) -> Any:
        """Another property was chosen."""
        index = data.usable_index()
        if index is None or by not in data.sample_properties(index):
            return html.Div()
        return _balance_by(index, by)


def part(index: ImageIndex, colours: Mapping[str, str]) -> Component:
    """Images per split and class."""
    found = data.class_balance(index)
    worst = max(found.ratio.values(), default=None)
    if worst is None:
        title = "Some class has no images in a split"
    elif worst < 1.5:
        title = f"The classes are nearly balanced: the largest has {worst:.2f} times the smallest"
    else:
        title = f"The classes are unbalanced: the largest has {worst:.2f} times the smallest"
    totals = {split: sum(of.values()) for split, of in found.counts.items()}
    rows: list[list[Any]] = [
        *(
            [label, *(share_cell(of[label], totals[split]) for split, of in found.counts.items())]
            for label in index.classes
        ),
        ["Images (n)", *(f"{total:,}" for total in totals.values())],
        [
            "Largest : smallest",
            *(
                f"{found.ratio[split]:.2f}" if split in found.ratio else _ratio(None)
                for split in found.counts
            ),
        ],
    ]
    first, *rest = found.counts
    others = " and ".join(SPLIT_WORDS.get(split, split) for split in rest)
    return section(
        title,
        html.Div(
            [
                card(
                    html.P(
                        f"Solid bars: {SPLIT_WORDS.get(first, first)}; pale bars: {others}.",
                        className="note",
                        **no_interval(ALL_OF_THEM),
                    )
                    if rest
                    else None,
                    graph(
                        figures.class_balance(found.counts, colours),
                        says="Bars of images per class: "
                        + "; ".join(
                            f"{SPLIT_WORDS.get(part, part)} "
                            + ", ".join(f"{label} {count:,}" for label, count in of.items())
                            for part, of in found.counts.items()
                        ),
                        why=ALL_OF_THEM,
                    ),
                ),
                card(
                    html.Div(
                        table(
                            ["Class", *(SPLIT_WORDS.get(split, split) for split in found.counts)],
                            rows,
                            caption="Images per split and class",
                        ),
                        **no_interval(ALL_OF_THEM),
                    ),
                ),
            ],
            className="columns balance-columns",
        ),
        why=ALL_OF_THEM,
        note=f"n = {found.total:,}.",
    )


def by_property(page: str, index: ImageIndex, by: str | None) -> Component:
    """Images per class for each value of any property that the address or the picker names."""
    names = [name for name in data.sample_properties(index) if name != "label"]
    if not names:
        return html.Div()
    chosen = by if by in names else "source" if "source" in names else names[0]
    return html.Div(
        [
            controls(
                picker(
                    page,
                    "by",
                    "Classes by",
                    {name: property_words(name) for name in names},
                    chosen,
                    asked=by,
                )
            ),
            html.Div(_balance_by(index, chosen), id="balance-by", **aria(live="polite")),
        ],
        className="drift",
    )


def _balance_by(index: ImageIndex, by: str) -> Component:
    """Images per class for each value of one property, and how much it gives away."""
    colours = class_colours(index.classes, index.negative_class)
    balance, words = data.balance_by(index, by), property_words(by)
    counts = [(value_shown(by, value), of) for value, of in balance.counts]
    told = "; ".join(
        f"{value} " + ", ".join(f"{label} {count:,}" for label, count in of.items())
        for value, of in counts
    )
    return section(
        _told(by, balance.told, balance.told_without),
        html.Div(
            [
                card(
                    legend(colours),
                    graph(
                        figures.stacked_shares(counts, colours),
                        says=f"Images per class by {words}: {told}",
                        why=ALL_OF_THEM,
                    ),
                ),
                card(
                    html.Div(
                        table(
                            [
                                words.capitalize(),
                                *index.classes,
                                "Images (n)",
                                "Largest : smallest",
                            ],
                            [
                                [
                                    html.Span(
                                        value_shown(by, value),
                                        **name("slice"),
                                    ),
                                    *(
                                        share_cell(of[label], sum(of.values()))
                                        for label in index.classes
                                    ),
                                    f"{sum(of.values()):,}",
                                    _ratio(balance.ratio[value]),
                                ]
                                for value, of in balance.counts
                            ],
                            caption=f"Images per class by {words}",
                        ),
                        **no_interval(ALL_OF_THEM),
                    )
                ),
            ],
            className="columns balance-columns",
        ),
        why=ALL_OF_THEM,
        note=[
            html.Span(
                "Whoever knows nothing and always says the most frequent class is right for "
                f"{percent(balance.told_without, 0)}. ",
                **no_interval(ALL_OF_THEM),
            ),
            f"n = {len(index.rows):,}.",
        ],
    )


def value_shown(by: str, value: str) -> str:
    """A value of a property as it is read."""
    return SPLIT_WORDS.get(value, value) if by == "split" else value_words(by, value)


def _told(by: str, told: float, told_without: float) -> str:
    """How much a property gives away, as a heading."""
    known, share = known_words(by), percent(told, 0)
    if by == "source_label":
        return (
            f"{known.capitalize()} is the class of {share} of the images: a label, and no shortcut"
        )
    if told > told_without + _CLEARLY:
        return f"Whoever knows only {known} names the class of {share} of the images"
    return f"{known[0].upper()}{known[1:]} does not give the class away"


def _ratio(ratio: float | None) -> str:
    return "a class is missing" if ratio is None else f"{ratio:.2f}"
