"""The part of Data that shows single images: chosen by any property, in one list that scrolls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import dash_mantine_components as dmc
from dash import Input, Output, callback, html
from dash.development.base_component import Component

from brainmri.index import ImageIndex
from brainmri.wording import counted
from dashboard import data
from dashboard.chosen import SEPARATOR
from dashboard.components import (
    AT_FIRST,
    SPLIT_WORDS,
    aria,
    controls,
    first_shown,
    name,
    no_interval,
    not_understood,
    picture_tile,
    pictures_missing,
    scroller,
    section,
    state_id,
)
from dashboard.pages.balance import value_shown
from dashboard.words import property_words

if TYPE_CHECKING:
    from dashboard.data import Filters, Sample

MORE = "/pieces/browse"
"""Address of further tiles, with the filters as its query."""
_ONE_IMAGE = "Measured of this one image, not estimated from several."
_ALL_COUNTED = "All indexed images are counted, none is a sample of others."


def part(page: str, index: ImageIndex, asked: str | None, first: str | None) -> Component:
    """The images that pass the filters that the address names, `asked` as the picker writes it."""
    codes = (asked or "").split(",")
    filters = _filters(index, codes)
    known = {_code(*one) for one in filters}
    return section(
        _title(index),
        controls(
            dmc.MultiSelect(
                id=state_id(page, "only"),
                label="Only images with",
                description="Any property of the index or its metadata. Of one property either value "
                "will do; different properties must all fit.",
                placeholder="for example a class, a split, a source",
                data=_options(index),
                value=[_code(*one) for one in filters],
                searchable=True,
                clearable=True,
                clearButtonProps=aria(label="Remove all filters"),
                hidePickedOptions=True,
                className="picker wide",
            )
        ),
        *(not_understood(code, known) for code in dict.fromkeys(codes)),
        html.Div(_found(index, filters, first), id="sample-images"),
    )


def _title(index: ImageIndex) -> Component:
    """How many images there are to look at, and how many of them with a tumour."""
    with_tumour = int((index.rows["label"] != index.negative_class).sum())
    return html.Span(
        f"{len(index.rows):,} images to look at, {with_tumour:,} of them with a tumour",
        **no_interval(_ALL_COUNTED),
    )


def register(page: str) -> None:
    """The callback of the part, on the page that shows it."""

    @callback(
        Output("sample-images", "children"),
        Input(state_id(page, "only"), "value"),
        prevent_initial_call=True,
    )
    def show_samples(asked: list[str] | None) -> Component:
        """Other filters were chosen; their images start at the first."""
        index = data.usable_index()
        return html.Div() if index is None else _found(index, _filters(index, asked or []))


def more(index: ImageIndex, asked: str, start: int, most: int) -> list[Component]:
    """Further tiles of the images that pass the filters, from place `start` on."""
    return _tiles(index, _filters(index, asked.split(",")), start, most)[1]


def _code(property_: str, value: str) -> str:
    """A filter as one word of the address, whose words are divided by commas."""
    return f"{property_}{SEPARATOR}{value}".replace(",", "")


def _filters(index: ImageIndex, asked: list[str]) -> Filters:
    """The filters that the codes stand for; those that stand for nothing here are left out."""
    known = {
        _code(one, value): (one, value)
        for one, values in data.sample_properties(index).items()
        for value in values
    }
    return tuple(known[code] for code in asked if code in known)


def _options(index: ImageIndex) -> list[dict[str, Any]]:
    return [
        {
            "group": property_words(one).capitalize(),
            "items": [
                {
                    "value": _code(one, value),
                    "label": f"{property_words(one)}: {value_shown(one, value)}",
                }
                for value in values
            ],
        }
        for one, values in data.sample_properties(index).items()
    ]


def _found(index: ImageIndex, filters: Filters, first: str | None = None) -> Component:
    count, _ = data.samples(index, filters, 0, 0)
    if not count:
        return html.P("No image has all of these properties. Remove one above.", className="note")
    number, start = first_shown(first, count)
    _, tiles = _tiles(index, filters, start, 2 * AT_FIRST if start else AT_FIRST)
    total = len(index.rows)
    of = f"of {total:,} indexed" if filters else "indexed"
    return html.Div(
        [
            html.P(
                f"{counted(count, 'image')} {of}.",
                className="note",
                **aria(live="polite"),
                **no_interval(_ALL_COUNTED),
            ),
            pictures_missing(),
            scroller(
                tiles,
                count=count,
                number=number,
                start=start,
                more=f"{MORE}?{urlencode({'only': ','.join(_code(*one) for one in filters)})}",
                label="Indexed images",
            ),
        ]
    )


def _tiles(
    index: ImageIndex, filters: Filters, start: int, most: int
) -> tuple[int, list[Component]]:
    """How many images pass the filters, and the tiles of some of them."""
    count, shown = data.samples(index, filters, start, most)
    return count, [_tile(one, (i, count)) for i, one in enumerate(shown, start + 1)]


def _tile(one: Sample, place: tuple[int, int]) -> Component:
    split = f", {SPLIT_WORDS.get(one.split, one.split)}" if one.split else ""
    width, height = one.size_px
    return picture_tile(
        one.path,
        html.Span([html.Strong(one.label), split]),
        html.Span(
            [
                html.Span(f"{width:,} × {height:,} px", **name("size")),
                html.Span(f", brightness {one.brightness:.2f}", **no_interval(_ONE_IMAGE)),
            ]
        ),
        alt=f"{one.label} image",
        opens=f"browse-{place[0] - 1}",
        place=place,
    )
