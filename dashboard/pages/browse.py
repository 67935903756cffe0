"""The part of Data that shows single images: chosen by any property, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dash_mantine_components as dmc
from dash import Input, Output, callback, html
from dash.development.base_component import Component

from brainmri.index import ImageIndex
from brainmri.wording import counted
from dashboard import data
from dashboard.chosen import SEPARATOR
from dashboard.components import (
    SPLIT_WORDS,
    aria,
    controls,
    name,
    no_interval,
    page_count,
    page_heading,
    page_number,
    page_turned,
    page_turner,
    paths_or_tiles,
    picture_tile,
    section,
    state_id,
)
from dashboard.words import property_words

if TYPE_CHECKING:
    from dashboard.data import Filters, Sample

_IMAGES_AT_ONCE = 24
_ONE_IMAGE = "Measured of this one image, not estimated from several."
_ALL_COUNTED = "All indexed images are counted, none is a sample of others."


def part(page: str, index: ImageIndex, asked: str | None, at: str | None) -> Component:
    """The images that pass the filters that the address names, `asked` as the picker writes it."""
    filters = _filters(index, (asked or "").split(","))
    count, _ = data.samples(index, filters, 0, 0)
    number = page_number(at, page_count(count, _IMAGES_AT_ONCE))
    return section(
        "Look at single images",
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
                comboboxProps={"shadow": "md"},
            )
        ),
        html.Div(_found(index, filters, number), id="sample-images", **aria(live="polite")),
        page_turner(page, "images", page_count(count, _IMAGES_AT_ONCE), number, "Pages of images"),
    )


def register(page: str) -> None:
    """The callback of the part, on the page that shows it."""

    @callback(
        Output("sample-images", "children"),
        Output(state_id(page, "images"), "total"),
        Output(state_id(page, "images"), "value"),
        Input(state_id(page, "only"), "value"),
        Input(state_id(page, "images"), "value"),
        prevent_initial_call=True,
    )
    def show_samples(asked: list[str] | None, number: int) -> tuple[Any, ...]:
        """Other filters or another page were chosen; new filters start at the first page."""
        index = data.usable_index()
        if index is None:
            return html.Div(), 1, 1
        filters = _filters(index, asked or [])
        count, _ = data.samples(index, filters, 0, 0)
        pages = page_count(count, _IMAGES_AT_ONCE)
        number = page_turned(page, "images", number, pages)
        return _found(index, filters, number), pages, number


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
                {"value": _code(one, value), "label": f"{property_words(one)}: {_words(value)}"}
                for value in values
            ],
        }
        for one, values in data.sample_properties(index).items()
    ]


def _words(value: str) -> str:
    return SPLIT_WORDS.get(value, value)


def _found(index: ImageIndex, filters: Filters, number: int) -> Component:
    start = (number - 1) * _IMAGES_AT_ONCE
    count, shown = data.samples(index, filters, start, _IMAGES_AT_ONCE)
    if not count:
        return html.P("No image has all of these properties. Remove one above.", className="note")
    total = len(index.rows)
    of = f"of {total:,} indexed" if filters else "indexed"
    return html.Div(
        [
            page_heading("Images", start, len(shown), count),
            html.P(
                f"{counted(count, 'image')} {of}.", className="note", **no_interval(_ALL_COUNTED)
            ),
            paths_or_tiles([_tile(one) for one in shown]),
        ]
    )


def _tile(one: Sample) -> Component:
    split = f", {SPLIT_WORDS.get(one.split, one.split)}" if one.split else ""
    width, height = one.size_px
    return picture_tile(
        one.path,
        html.Span([html.Strong(one.label), split]),
        html.Span(f"{width} × {height} px", **name("size")),
        html.Span(f"brightness {one.brightness:.2f}", **no_interval(_ONE_IMAGE)),
        alt=f"{one.label} image",
        opens="browse",
    )
