"""The parts of Data about what gives a class away, and about how test and training images differ."""

from __future__ import annotations

from typing import Any

from dash import Input, Output, callback, html
from dash.development.base_component import Component

from brainmri.wording import interval_ends
from dashboard import audit_figures, data
from dashboard.components import (
    aria,
    card,
    choice,
    controls,
    downloads,
    estimate_cell,
    graph,
    interval,
    measured,
    name,
    no_interval,
    percent,
    section,
    state_id,
    table,
)
from dashboard.findings import EVERY_CLASS, Difference, Drift, Findings, Told
from dashboard.words import property_words

NOTHING, SIZE = "nothing", "size and mode"


def part(found: Findings) -> Component:
    """What small models predict without looking at the brain, beside the networks."""
    if not found.protocols:
        return html.Div()
    told = {
        protocol: [*found.shortcuts(protocol), *data.told_by_runs(protocol)]
        for protocol in found.protocols
    }
    return section(
        _title(found.protocols[0], told[found.protocols[0]]),
        *(_protocol(found, name, rows) for name, rows in told.items()),
        downloads(
            shortcuts="Shortcuts as counts (CSV)", shortcut_answers="Every answer of theirs (CSV)"
        ),
        note="A network can take the same shortcuts, and then it fails on images of another hospital, "
        "where size and border mean nothing. Small trees and forests, fitted to training and "
        "validation images, judged on test images once; “nothing” always gives the most frequent "
        "class. Unseen: test images without a near-copy in training.",
    )


def drift(page: str, found: Findings, protocol: str | None) -> Component:
    """How test images differ from training images, property by property and class by class."""
    if not found.protocols:
        return html.Div()
    asked, protocol = protocol, protocol if protocol in found.protocols else found.protocols[0]
    names = {name: name.replace("_", " ").capitalize() for name in found.protocols}
    return html.Div(
        [
            controls(
                choice(
                    page,
                    "drift",
                    "Compare test with training images of",
                    names,
                    protocol,
                    asked=asked,
                )
            ),
            html.Div(_drift(found, protocol), id="drift-found", **aria(live="polite")),
        ],
        className="drift",
    )


def register(page: str) -> None:
    """The callbacks of the part, on the page that shows it."""

    @callback(
        Output("drift-found", "children"),
        Input(state_id(page, "drift"), "value"),
        prevent_initial_call=True,
    )
    def show_drift(protocol: str) -> Any:
        """Another split was chosen."""
        found = data.usable_audit()
        if found is None or protocol not in found.protocols:
            return html.Div()
        return _drift(found, protocol)


def _title(protocol: str, told: list[Told]) -> str:
    size = next((one for one in told if one.name == SIZE), None)
    if size is None or size.tumour.value is None:
        return "What can be predicted without looking at the brain"
    return (
        "Image size and mode alone tell tumour from no tumour for "
        f"{measured(size.tumour)} in the {protocol.replace('_', ' ')} test"
    )


def _best_shortcut(words: str, rows: list[Told]) -> str:
    """What is told best of a protocol without seeing the brain."""
    known = [row for row in rows if not row.is_run and row.tumour.value is not None]
    if not known:
        return f"{words} test"
    best = max(known, key=lambda row: row.tumour.value or 0.0)
    return f"{words} test: {best.name} alone tell tumour from none for {measured(best.tumour)}"


def _protocol(found: Findings, name: str, rows: list[Told]) -> Component:
    negatives, unseen = found.unseen_negatives(name)
    words = name.replace("_", " ").capitalize()
    return card(
        html.Div(
            [
                graph(
                    audit_figures.shortcuts(rows),
                    says=f"{words} test, right in tumour or no tumour: "
                    + "; ".join(f"{r.name} {measured(r.tumour)}" for r in rows),
                ),
                table(
                    ["Sees only", "Tumour or not", "Unseen", "Right class", "Unseen", "n (unseen)"],
                    [_row(row) for row in rows],
                    caption=f"Right answers on the {words.lower()} test, by what the model sees",
                ),
            ],
            className="told-columns",
        ),
        html.P(
            f"{negatives:,} of the {unseen:,} unseen images are {found.index.negative_class}: of tumour "
            "or not, right answers on the unseen say little."
            if negatives < 30
            else f"{negatives:,} of the {unseen:,} unseen images are {found.index.negative_class}.",
            className="note",
            **no_interval("A count of these very images, not an estimate of others."),
        ),
        title=_best_shortcut(words, rows),
    )


def _row(row: Told) -> list[Any]:
    unseen = "unknown" if row.unseen_classes is None else f"{row.unseen_classes.n:,}"
    absent = html.Small("not recorded", className="interval")
    model = "always the most frequent class" if row.name == NOTHING else row.model
    return [
        html.Span(
            [row.name, html.Small(f"run, {model}" if row.is_run else model)],
            className="stacked",
            **name("setting"),
        ),
        estimate_cell(row.tumour),
        absent if row.unseen_tumour is None else estimate_cell(row.unseen_tumour),
        estimate_cell(row.classes),
        absent if row.unseen_classes is None else estimate_cell(row.unseen_classes),
        f"{row.classes.n:,} ({unseen})",
    ]


def _drift(found: Findings, protocol: str) -> Component:
    drift = found.drift(protocol)
    hidden = found.identifiers
    return section(
        _drift_title(drift),
        card(
            html.P(_told_apart(drift)),
            table(
                ["A forest that sees", *drift.labels],
                [
                    [
                        html.Span(seen, **name("setting")),
                        *(_area(drift.told_apart.get((seen, label))) for label in drift.labels),
                    ]
                    for seen in dict.fromkeys(seen for seen, _ in drift.told_apart)
                ],
                caption="How well a classifier tells test from training images",
            ),
            title="Can a classifier tell test from training images?",
        ),
        html.Div(
            card(
                table(
                    ["Property", *drift.labels],
                    [
                        [
                            "mix of classes" if name == "label" else property_words(name),
                            *(_distance(drift.distances.get((name, la))) for la in drift.labels),
                        ]
                        for name in drift.properties
                    ],
                    caption="Distance of test from training images, most different first",
                ),
                title="Property by property, the most different first",
            ),
            className="below",
        ),
        downloads(drift="Everything compared (CSV)"),
        note="Distance: zero is the same distribution, one shares nothing (Kolmogorov-Smirnov of numbers, "
        "Jensen-Shannon of kinds), with 95 % interval and n = training + test images. Bold: the "
        "whole interval lies above what chance reaches when groups of near-copies are divided at random."
        + (
            f" Left out, since they only number things: {', '.join(map(property_words, hidden))}."
            if hidden
            else ""
        ),
    )


def _drift_title(drift: Drift) -> str:
    apart = {
        label: max(
            (
                d
                for (_, la), d in drift.told_apart.items()
                if la == label and d.estimate.value is not None
            ),
            key=lambda d: d.estimate.value or 0.0,
            default=None,
        )
        for label in drift.labels
    }
    every = apart[EVERY_CLASS]
    if every is None:
        return "Test images beside training images"
    if every.estimate.low is not None and every.estimate.low > 0.5:
        return (
            "Test images are not like training images: a classifier tells them apart in "
            f"{measured(every.estimate)} of pairs"
        )
    return "A classifier cannot tell test from training images"


def _told_apart(drift: Drift) -> Any:
    known = [(seen, label, d) for (seen, label), d in drift.told_apart.items() if d.estimate.value]
    if not known:
        return "There are too few different images to say."
    seen, label, best = max(known, key=lambda entry: entry[2].estimate.value or 0.0)
    return [
        "Shown one test and one training image, it should pick the test image in half of the pairs if "
        f"they were alike. The largest: {measured(best.estimate)} for {label}, seeing ",
        html.Span(f"{seen}.", **name("setting")),
    ]


def _area(found: Difference | None) -> Component | str:
    if found is None:
        return "–"
    return _cell(found, percent(found.estimate.value), interval(found.estimate))


def _cell(found: Difference, value: str, ends: str) -> Component:
    by_chance = html.Span("not clearly beyond chance", className="visually-hidden")
    return html.Span(
        [
            value,
            html.Small(ends, className="interval"),
            html.Small(_n(found), className="interval"),
            None if found.beyond_chance else by_chance,
        ],
        className="estimate beyond-chance" if found.beyond_chance else "estimate by-chance",
    )


def _n(found: Difference) -> str:
    return f"n\u00a0=\u00a0{found.training_images:,}\u00a0+\u00a0{found.test_images:,}"


def _distance(found: Difference | None) -> Component | str:
    if found is None:
        return "–"
    estimate = found.estimate
    if estimate.value is None:
        return html.Small(estimate.reason or "no value", className="interval")
    ends = (
        estimate.reason or "no interval"
        if estimate.low is None or estimate.high is None
        else interval_ends(f"{estimate.low:.2f}", f"{estimate.high:.2f}")
    )
    return _cell(found, f"{estimate.value:.2f}", ends)
