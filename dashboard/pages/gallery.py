"""The chosen images in one list that scrolls, as a part of Evaluate."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any
from urllib.parse import urlencode

from dash import html
from dash.development.base_component import Component

from dashboard import data
from dashboard.chosen import SEPARATOR, Chosen, cell_of
from dashboard.components import (
    AT_FIRST,
    SPLIT_WORDS,
    aria,
    controls,
    first_shown,
    image_tile_list,
    name,
    no_interval,
    picker,
    pictures_missing,
    reasons,
    scroller,
    section,
    told_script,
    whose_note,
)
from dashboard.pages.choosing import among_words

MORE = "/pieces/gallery"
"""Address of further tiles, with what is chosen as its query."""
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
    about_now: str,
    sort: str | None,
    first: str | None,
    like: str | None,
) -> Component:
    """The chosen images in an order that can be picked, number `first` of them at the top."""
    asked, sort = sort, sort if sort in _SORTS else next(iter(_SORTS))
    head, tiles = content(view, split, chosen, sort, like, first)
    return html.Div(
        [
            # Who asks for images like one goes on from here: assets/image_panel.js.
            html.Div(
                head,
                id="gallery-head",
                tabIndex="-1",
                **aria(live="polite"),
                **told_script(shown=about_now),
            ),
            controls(picker(page, "sort", "Order", _SORTS, sort, asked=asked)),
            html.Div(tiles, id="gallery-tiles", **told_script(shown=about_now)),
        ],
        className="section gallery",
    )


def content(
    view: data.RunView,
    split: str,
    chosen: Chosen,
    sort: str,
    like: str | None,
    first: str | None = None,
) -> tuple[Component, Component]:
    """Head of the images, and the box that they scroll in."""
    found = data.gallery(view, split, chosen, sort=sort, like=like, start=0, most=AT_FIRST)
    number, start = first_shown(first, found.known)
    if start:
        found = data.gallery(
            view, split, chosen, sort=sort, like=like, start=start, most=2 * AT_FIRST
        )
    head = _head(view, split, chosen, sort, found, like)
    if not found.known:
        return head, html.Div()
    query = {
        "run": view.name,
        "split": split,
        "sort": sort,
        "cell": cell_of(chosen.truth, chosen.answer, wrong=chosen.wrong) if chosen.has_cell else "",
        "slice": SEPARATOR.join(chosen.slice or ()),
        "above": "" if chosen.above is None else f"{chosen.above[0]}{SEPARATOR}{chosen.above[1]!r}",
        "sure": SEPARATOR.join(repr(end) for end in chosen.sure or ()),
        "like": (like or "") if sort == "like" else "",
    }
    note, tiles = whose_note(view), _tiles(view, found, start)
    return head, html.Div(
        [
            note,
            pictures_missing(),
            scroller(
                tiles,
                count=found.known,
                number=number,
                start=start,
                more=f"{MORE}?{urlencode(query)}",
                label="Chosen images",
            ),
            reasons(note, tiles),
        ]
    )


def more(
    view: data.RunView,
    split: str,
    chosen: Chosen,
    sort: str,
    like: str | None,
    start: int,
    most: int,
) -> list[Component]:
    """Further tiles of the same list, from place `start` on."""
    found = data.gallery(view, split, chosen, sort=sort, like=like, start=start, most=most)
    return _tiles(view, found, start)


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
        wrong = sum(one.count for one in data.report(view, split).confusions)
        what = f"All {found.n:,} {SPLIT_WORDS[split]} images, {wrong:,} of them named wrong"
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


def _tiles(view: data.RunView, found: data.Gallery, start: int) -> list[Component]:
    remarks = [_remark(one, bits) for one, bits in zip_longest(found.shown, found.bits)]
    return image_tile_list(
        view, found.shown, remarks, opens="gallery", start=start, count=found.known
    )


def _remark(one: data.Scored, bits: int | None) -> Component:
    words = [one.label if one.answer == one.label else f"{one.label}, called {one.answer}"]
    if bits is None:
        return html.Span(words)
    return html.Span(
        [*words, html.Small(f" · {bits} bits differ", className="bits")],
        **no_interval("Bits in which two hashes differ, not an estimate."),
    )
