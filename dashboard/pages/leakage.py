"""The parts of Data about copies between training and test images, and about contradicting labels."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import (
    MATCH,
    ClientsideFunction,
    Input,
    Output,
    State,
    callback,
    clientside_callback,
    html,
)
from dash.development.base_component import Component

from dashboard import data
from dashboard.components import (
    SPLIT_WORDS,
    aria,
    choice,
    controls,
    counted,
    counted_cell,
    downloads,
    measured,
    name,
    no_interval,
    page_count,
    page_heading,
    page_number,
    page_turned,
    page_turner,
    paths_or_tiles,
    picker,
    picture_tile,
    section,
    state_id,
    table,
)
from dashboard.findings import ANY_KIND, KINDS, MIRRORED, NEAR_DUPLICATES, Conflict, Findings, Pair
from dashboard.words import property_words

_KIND_WORDS = {
    ANY_KIND: "any kind",
    "exact": "equal pixels",
    "near": "near-copy",
    MIRRORED: "mirrored copy",
}
_PAIRS_AT_ONCE = 12
_MOST_CONFLICTS = 24
_HASH_BITS = 256
_CONTRADICTIONS = (
    "What contradicts itself is counted, not estimated from a sample, so there is no interval."
)


def part(
    page: str, found: Findings, protocol: str | None, kind: str | None, at: str | None
) -> Component:
    """How much of the test was seen in training: counts by class and kind, and the pairs."""
    if not found.protocols:
        return html.Div()
    asked, asked_kind = protocol, kind
    protocol = protocol if protocol in found.protocols else found.protocols[0]
    kind = kind if kind in _KIND_WORDS else ANY_KIND
    count, _ = found.pairs(protocol, kind, 0, 0)
    number = page_number(at, page_count(count, _PAIRS_AT_ONCE))
    return html.Section(
        [
            html.Div(_head(found, protocol), id="leak-head", **aria(live="polite")),
            controls(
                choice(page, "protocol", "Split", _names(found.protocols), protocol, asked=asked),
                picker(
                    page,
                    "kind",
                    "Pairs to show",
                    {kind: words.capitalize() for kind, words in _KIND_WORDS.items()},
                    kind,
                    asked=asked_kind,
                ),
            ),
            html.Div(_pairs(found, protocol, kind, number), id="leak-pairs"),
            page_turner(page, "pairs", page_count(count, _PAIRS_AT_ONCE), number, "Pages of pairs"),
            downloads(leaked_pairs="All pairs (CSV)", leakage="Counts (CSV)"),
        ],
        className="section",
    )


def register(page: str) -> None:
    """The callbacks of the part, on the page that shows it."""
    clientside_callback(
        ClientsideFunction("pairs", "blink"),
        Output({"part": "pair", "blink": MATCH}, "className"),
        Output({"part": "button", "blink": MATCH}, "children"),
        Input({"part": "button", "blink": MATCH}, "n_clicks"),
        State({"part": "pair", "blink": MATCH}, "className"),
        prevent_initial_call=True,
    )

    @callback(
        Output("leak-head", "children"),
        Output("leak-pairs", "children"),
        Output(state_id(page, "pairs"), "total"),
        Output(state_id(page, "pairs"), "value"),
        Input(state_id(page, "protocol"), "value"),
        Input(state_id(page, "kind"), "value"),
        Input(state_id(page, "pairs"), "value"),
        prevent_initial_call=True,
    )
    def show_pairs(protocol: str, kind: str, number: int) -> tuple[Any, ...]:
        """Another split, kind or page of pairs was chosen; a new choice starts at the first page."""
        found = data.usable_audit()
        if found is None or protocol not in found.protocols:
            return html.Div(), html.Div(), 1, 1
        count, _ = found.pairs(protocol, kind, 0, 0)
        pages = page_count(count, _PAIRS_AT_ONCE)
        number = page_turned(page, "pairs", number, pages)
        return (
            _head(found, protocol),
            _pairs(found, protocol, kind, number),
            pages,
            number,
        )


def conflicts(found: Findings) -> Component:
    """Clusters of copies with different labels, and images that a second label contradicts."""
    clusters = [one for one in found.conflicts if one.kind == NEAR_DUPLICATES]
    others = [one for one in found.conflicts if one.kind != NEAR_DUPLICATES]
    rows = sum(len(one.images) for one in others)
    if not clusters and not others:
        return section(
            "No two labels contradict each other",
            note=f"Neither inside a cluster of near-copies nor in another column of the metadata, "
            f"among {len(found.index.rows):,} images.",
        )
    columns = ", ".join(dict.fromkeys(property_words(one.kind) for one in others))
    title = (
        f"{len(clusters):,} {_plural('group', clusters)} of near-copies "
        f"{'carries' if len(clusters) == 1 else 'carry'} different labels"
        if clusters
        else f"{rows:,} images have another label elsewhere ({columns})"
    )
    contradicted = [(one.kind, image) for one in others for image in one.images]
    rest = max(len(clusters) - _MOST_CONFLICTS, 0) + max(rows - _MOST_CONFLICTS, 0)
    return section(
        title,
        paths_or_tiles(
            [_cluster(one, i) for i, one in enumerate(clusters[:_MOST_CONFLICTS])], "conflicts"
        )
        if clusters
        else None,
        html.Div(
            dmc.Title(
                f"{rows:,} images have another label elsewhere ({columns})",
                order=3,
                className="card-title below",
            ),
            **no_interval(_CONTRADICTIONS),
        )
        if others and clusters
        else None,
        paths_or_tiles(
            [
                picture_tile(
                    path,
                    _labelled(label, split),
                    f"{property_words(column)}: {says}",
                    opens=f"says-{column}",
                )
                for column, (path, split, label, says) in contradicted[:_MOST_CONFLICTS]
            ]
        )
        if others
        else None,
        html.P(f"{rest:,} more are in the list.", className="note", **no_interval(_CONTRADICTIONS))
        if rest
        else None,
        downloads(label_conflicts="All contradictions (CSV)"),
        why=_CONTRADICTIONS,
        note=[
            f"Of {len(found.index.rows):,} images. Which label is right only a radiologist can say: open an "
            "image to propose another label; proposals are decided on ",
            html.A("Review", href="/review"),
            ".",
        ],
    )


def _plural(word: str, things: list[Conflict]) -> str:
    return word if len(things) == 1 else f"{word}s"


def _cluster(one: Conflict, place: int) -> Component:
    tiles = [
        picture_tile(path, _labelled(label, split), opens="conflict")
        for path, split, label, _ in one.images[:6]
    ]
    return _blinking(tiles, place) if len(tiles) == 2 else _side_by_side(tiles)


def _labelled(label: str, split: str) -> Any:
    return [html.Strong(label), f", {SPLIT_WORDS.get(split, split)} image" if split else ""]


def _names(protocols: list[str]) -> dict[str, str]:
    return {name: name.replace("_", " ").capitalize() for name in protocols}


def _head(found: Findings, protocol: str) -> Component:
    rows = found.leaks(protocol)
    every = rows[0].of[ANY_KIND]
    words = protocol.replace("_", " ")
    return html.Div(
        [
            html.Div(
                [
                    dmc.Title(
                        f"{counted(every, f'{words} test images')} have a near-copy in training",
                        order=2,
                    ),
                    dmc.Text(
                        "A model that remembers those images answers them without having learnt "
                        "anything. By the closest copy of each test image among training and "
                        "validation images: equal pixels, else nearly equal, else nearly equal "
                        f"after mirroring. Intervals: 95 %. Of the validation images "
                        f"{counted(found.validation_leaks(protocol))} have one in training.",
                        className="note",
                    ),
                ],
                className="section-head",
            ),
            table(
                ["Class", "Any", *(_KIND_WORDS[kind].capitalize() for kind in KINDS), "n"],
                [
                    [
                        row.label,
                        *(counted_cell(row.of[kind]) for kind in (ANY_KIND, *KINDS)),
                        f"{row.images:,}",
                    ]
                    for row in rows
                ],
                caption="Test images with a near-copy in training, by class and kind",
            ),
        ]
    )


_ONE_PAIR = "It is read off each pair of images, not estimated."


def _pairs(found: Findings, protocol: str, kind: str, number: int) -> Component:
    start = (number - 1) * _PAIRS_AT_ONCE
    count, pairs = found.pairs(protocol, kind, start, _PAIRS_AT_ONCE)
    if not pairs:
        return html.P("There is no such pair.", className="note")
    shown = measured(found.leaks(protocol)[0].of[kind])
    return html.Div(
        [
            page_heading(
                "Pairs", start, len(pairs), count, ": test image first, then its closest copy"
            ),
            html.P(
                [
                    f"These are {shown} of the test images. Distance: how many of the ",
                    html.Span(_HASH_BITS, **name("setting")),
                    " bits of the images' hashes differ. ",
                    _ONE_PAIR,
                ],
                className="note",
            ),
            html.P(
                "Blink lays the copy over the test image and lets them take turns once a second, a mirrored "
                "one turned round; what moves is what differs. Where the system asks for less motion "
                "each press turns them.",
                className="note",
            )
            if data.images_folder() is not None
            else None,
            paths_or_tiles([_pair(pair, i) for i, pair in enumerate(pairs)], "pairs"),
        ]
    )


def _pair(pair: Pair, place: int) -> Component:
    """A test image beside its closest copy."""
    other = pair.copy_label != pair.label
    tiles = [
        picture_tile(pair.path, f"{pair.label}, test image", opens=f"pair-{place}"),
        picture_tile(
            pair.copy_path,
            f"{pair.copy_label}, {SPLIT_WORDS[pair.copy_part]} image",
            html.Strong("Another label!") if other else None,
            html.Span(
                f"{_KIND_WORDS[pair.kind]}, {pair.distance_bits} of {_HASH_BITS} bits differ",
                **no_interval(_ONE_PAIR),
            ),
            opens=f"pair-{place}",
        ),
    ]
    return _blinking(tiles, place, "pair mirrored" if pair.kind == MIRRORED else "pair")


def _blinking(tiles: list[Component], place: int, kind: str = "pair") -> Component:
    """Two images side by side; where they are here, with a button that lets them take turns."""
    if data.images_folder() is None:
        return _side_by_side(tiles)
    return html.Div(
        [
            html.Div(tiles, id={"part": "pair", "blink": place}, className=kind),
            html.Button(
                "Blink",
                id={"part": "button", "blink": place},
                className="link-button",
            ),
        ],
        className="blinking",
    )


def _side_by_side(tiles: list[Component]) -> Component:
    """Images that belong together; without the images here, an entry of a list."""
    if data.images_folder() is None:
        return html.Li(html.Ul(tiles, className="plain-list"), className="pair")
    return html.Div(tiles, className="pair")
