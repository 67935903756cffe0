"""The chosen images, a page at a time, as a part of Evaluate."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from dash import Input, Output, clientside_callback, html
from dash.development.base_component import Component

from dashboard import data
from dashboard.chosen import Chosen
from dashboard.components import (
    SPLIT_WORDS,
    aria,
    controls,
    image_tiles,
    name,
    no_interval,
    page_count,
    page_number,
    page_turner,
    picker,
    section,
    state_id,
)
from dashboard.pages.choosing import among_words

AT_ONCE = 12
_SORTS = {
    "error": "Most wrong first",
    "unsure": "Least sure first",
    "sure": "Surest first",
    "like": "Alike to one image",
}
_COUNTED = "Counted here to be looked at; shares and intervals are in the matrix."
_HASH_BITS = 256


def part(
    page: str,
    view: data.RunView,
    split: str,
    chosen: Chosen,
    sort: str | None,
    leaf: str | None,
    like: str | None,
) -> Component:
    """The chosen images in an order that can be picked, `leaf` of them at a time."""
    sort = sort if sort in _SORTS else next(iter(_SORTS))
    found, pages, at = _found(view, split, chosen, sort, leaf, like)
    return html.Div(
        [
            html.Div(_head(view, split, chosen, sort, found, like), id="gallery-head"),
            controls(picker(page, "sort", "Order", _SORTS, sort)),
            html.Div(_tiles(view, found), id="gallery-tiles", **aria(live="polite")),
            page_turner(page, "leaf", pages, at, "Pages of images"),
        ],
        className="section gallery",
    )


def register(page: str) -> None:
    """The callback of the part, on the page that shows it and that answers with `content`."""
    # In the browser, as choosing is, so that the address need not wait for the server.
    clientside_callback(
        "() => 1",
        Output(state_id(page, "leaf"), "value", allow_duplicate=True),
        *(Input(state_id(page, key), "value") for key in ("run", "split", "sort")),
        prevent_initial_call=True,
    )


def content(
    view: data.RunView, split: str, chosen: Chosen, sort: str, leaf: int, like: str | None
) -> tuple[Component, Component, int]:
    """Head and tiles of the images of a page, and how many pages there are."""
    found, pages, _ = _found(view, split, chosen, sort, leaf, like)
    return _head(view, split, chosen, sort, found, like), _tiles(view, found), pages


def _found(
    view: data.RunView,
    split: str,
    chosen: Chosen,
    sort: str,
    leaf: str | int | None,
    like: str | None,
) -> tuple[data.Gallery, int, int]:
    """The images of a page, how many pages there are, and which one it is."""
    first = data.gallery(view, split, chosen, sort=sort, like=like, start=0, most=AT_ONCE)
    pages = page_count(first.known, AT_ONCE)
    at = page_number(leaf, pages)
    if at == 1:
        return first, pages, at
    start = (at - 1) * AT_ONCE
    turned = data.gallery(view, split, chosen, sort=sort, like=like, start=start, most=AT_ONCE)
    return turned, pages, at


def _head(
    view: data.RunView,
    split: str,
    chosen: Chosen,
    sort: str,
    found: data.Gallery,
    like: str | None,
) -> Component:
    if not found.n:
        title = "No image is chosen"
        if chosen.truth and chosen.answer:
            title = f"No {chosen.truth} was called {chosen.answer}"
        return section(
            title, html.P(f"{view.name} made no such answer on the {SPLIT_WORDS[split]} images.")
        )
    what = f"{found.n:,} {'image' if found.n == 1 else 'images'}"
    if not chosen:
        what = f"All {found.n:,} {SPLIT_WORDS[split]} images"
    if chosen.truth:
        what += f" of {chosen.truth}"
    if chosen.answer:
        what += f" called {chosen.answer}"
    if chosen.wrong:
        what += " with a wrong answer"
    if found.known < found.n:
        what += f"; the {found.known:,} surest"
    among = among_words(chosen.within)
    return section(what, why=_COUNTED, note=[*among, *_how(view, sort, like)])


def _how(view: data.RunView, sort: str, like: str | None) -> list[Any]:
    """What the order goes by."""
    if not view.in_memory:
        return [
            "Of so many images only the surest of each cell are kept by name, the surest first."
        ]
    if sort == "like" and not like:
        return ["Open an image and choose “Images like this one” to say which."]
    if sort == "like":
        return [
            "Those most alike to ",
            html.Span(like, **name("path")),
            " come first: as few as possible of the ",
            html.Span(_HASH_BITS, **name("setting")),
            " bits of their perceptual hashes differ, mirrored or not. They may look alike to a model and "
            "not to this measure.",
        ]
    words = {
        "error": "By the probability of the true class, the lowest first.",
        "unsure": "By the probability of the answer, the lowest first.",
        "sure": "By the probability of the answer, the highest first.",
    }
    return [words.get(sort, "")]


def _tiles(view: data.RunView, found: data.Gallery) -> Component:
    remarks = [_remark(one, bits) for one, bits in zip_longest(found.shown, found.bits)]
    return image_tiles(view, found.shown, remarks, opens="gallery")


def _remark(one: data.Scored, bits: int | None) -> Component:
    words = [one.label if one.answer == one.label else f"{one.label}, called {one.answer}"]
    if bits is None:
        return html.Span(words)
    return html.Span(
        [*words, html.Small(f"{bits} bits differ", className="bits")],
        **no_interval("Bits in which two hashes differ, not an estimate."),
    )
