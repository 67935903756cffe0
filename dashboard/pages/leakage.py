"""The parts of Data about copies between training and test images, and about contradicting labels."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, callback, ctx, html
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
    k_of_n,
    page_number,
    page_turner,
    percent,
    picture_tile,
    pictures_missing,
    section,
    state_id,
    table,
)
from dashboard.findings import ANY_KIND, KINDS, NEAR_DUPLICATES, Conflict, Findings, Pair

_KIND_WORDS = {
    ANY_KIND: "any kind",
    "exact": "equal pixels",
    "near": "near-copy",
    "mirrored": "mirrored copy",
}
_PAIRS_AT_ONCE = 12
_MOST_CONFLICTS = 24
_HASH_BITS = 256


def part(
    page: str, found: Findings, protocol: str | None, kind: str | None, at: str | None
) -> Component:
    """How much of the test was seen in training: counts by class and kind, and the pairs."""
    if not found.protocols:
        return html.Div()
    protocol = protocol if protocol in found.protocols else found.protocols[0]
    kind = kind if kind in _KIND_WORDS else ANY_KIND
    count, _ = found.pairs(protocol, kind, 0, 0)
    number = page_number(at, _pages(count))
    return html.Section(
        [
            html.Div(_head(found, protocol), id="leak-head", **aria(live="polite")),
            controls(
                choice(page, "protocol", "Split", _names(found.protocols), protocol),
                dmc.Select(
                    id=state_id(page, "kind"),
                    label="Pairs to show",
                    data=[{"value": v, "label": w.capitalize()} for v, w in _KIND_WORDS.items()],
                    value=kind,
                    allowDeselect=False,
                    className="picker",
                    comboboxProps={"shadow": "md"},
                ),
            ),
            html.Div(_pairs(found, protocol, kind, number), id="leak-pairs"),
            page_turner(page, "pairs", _pages(count), number, "Pages of pairs"),
            downloads(leaked_pairs="All pairs (CSV)", leakage="Counts (CSV)"),
        ],
        className="section",
    )


def register(page: str) -> None:
    """The callbacks of the part, on the page that shows it."""

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
        turned = ctx.triggered_id == state_id(page, "pairs")
        count, _ = found.pairs(protocol, kind, 0, 0)
        number = max(1, min(number or 1, _pages(count))) if turned else 1
        return (
            _head(found, protocol),
            _pairs(found, protocol, kind, number),
            _pages(count),
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
    columns = ", ".join(dict.fromkeys(one.kind for one in others))
    title = (
        f"{len(clusters):,} {_plural('group', clusters)} of near-copies "
        f"{'carries' if len(clusters) == 1 else 'carry'} different labels"
        if clusters
        else f"{rows:,} images have another label in {columns}"
    )
    contradicted = [(one.kind, image) for one in others for image in one.images]
    rest = max(len(clusters) - _MOST_CONFLICTS, 0) + max(rows - _MOST_CONFLICTS, 0)
    return section(
        title,
        pictures_missing(),
        html.Div([_cluster(one) for one in clusters[:_MOST_CONFLICTS]], className="conflicts"),
        dmc.Title(
            f"{rows:,} images have another label in {columns}",
            order=3,
            className="card-title below",
        )
        if others and clusters
        else None,
        html.Div(
            [
                picture_tile(path, _labelled(label, split), f"{column} says {says}")
                for column, (path, split, label, says) in contradicted[:_MOST_CONFLICTS]
            ],
            className="tiles",
        )
        if others
        else None,
        html.P(f"{rest:,} more are in the list.", className="note") if rest else None,
        downloads(label_conflicts="All contradictions (CSV)"),
        note=f"Of {len(found.index.rows):,} images. These are counts of what contradicts itself, not "
        "estimates, so they have no interval; which label is right only a radiologist can say.",
    )


def _plural(word: str, things: list[Conflict]) -> str:
    return word if len(things) == 1 else f"{word}s"


def _cluster(one: Conflict) -> Component:
    return html.Div(
        [picture_tile(path, _labelled(label, split)) for path, split, label, _ in one.images[:6]],
        className="pair",
    )


def _labelled(label: str, split: str) -> Any:
    return [html.Strong(label), f", {SPLIT_WORDS.get(split, split)} image" if split else ""]


def _names(protocols: list[str]) -> dict[str, str]:
    return {name: name.replace("_", " ").capitalize() for name in protocols}


def _pages(count: int) -> int:
    return max(1, -(-count // _PAIRS_AT_ONCE))


def _head(found: Findings, protocol: str) -> Component:
    rows = found.leaks(protocol)
    every = rows[0].of[ANY_KIND]
    name = protocol.replace("_", " ")
    return html.Div(
        [
            html.Div(
                [
                    dmc.Title(
                        f"{k_of_n(every)} {name} test images have a near-copy in training", order=2
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


def _pairs(found: Findings, protocol: str, kind: str, number: int) -> Component:
    start = (number - 1) * _PAIRS_AT_ONCE
    count, pairs = found.pairs(protocol, kind, start, _PAIRS_AT_ONCE)
    if not pairs:
        return html.P("There is no such pair.", className="note")
    shown = percent(count / found.leaks(protocol)[0].images)
    return html.Div(
        [
            dmc.Title(
                f"Pairs {start + 1:,} to {start + len(pairs):,} of {count:,}: "
                "test image left, its closest copy right",
                order=3,
                className="card-title",
            ),
            html.P(
                f"These are {shown} of the test images. Distance: how many of the {_HASH_BITS} bits "
                "of the images' hashes differ.",
                className="note",
            ),
            pictures_missing(),
            html.Div([_pair(pair) for pair in pairs], className="pairs"),
        ]
    )


def _pair(pair: Pair) -> Component:
    other = pair.copy_label != pair.label
    return html.Div(
        [
            picture_tile(pair.path, f"{pair.label}, test image"),
            picture_tile(
                pair.copy_path,
                f"{pair.copy_label}, {SPLIT_WORDS[pair.copy_part]} image",
                html.Strong("Another label!") if other else None,
                f"{_KIND_WORDS[pair.kind]}, {pair.distance_bits} of {_HASH_BITS} bits differ",
            ),
        ],
        className="pair",
    )
