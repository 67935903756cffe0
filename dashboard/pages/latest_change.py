"""What the run that was trained last changed, as a part of Overview."""

from __future__ import annotations

from urllib.parse import urlencode

from dash import dcc, html
from dash.development.base_component import Component

from brainmri.beside import headline
from brainmri.comparison import Comparison
from brainmri.errors import InputError
from dashboard import data
from dashboard.components import (
    SPLIT_WORDS,
    Children,
    comparison_table,
    name,
    no_interval,
    section,
)

_MEASURES = ("sensitivity", "specificity", "accuracy")


def part() -> Component:
    """The latest run beside the one before it on the same split."""
    pair = data.latest_pair()
    title = "What changed since the last run"
    if pair is None:
        return section(
            title, html.P("There are no two runs on the same split yet.", className="note")
        )
    latest, before = pair
    assert latest.run is not None
    assert before.run is not None
    when: Children = [
        "The latest run, ",
        html.Strong(latest.name),
        " (trained ",
        html.Span(_day(latest.run.created), **name("setting")),
        "), beside the one before it on the ",
        html.Span(_split(latest.run.protocol), **name("setting")),
        ", ",
        html.Strong(before.name),
        " (",
        html.Span(_day(before.run.created), **name("setting")),
        ").",
    ]
    found = _compared(latest, before)
    if isinstance(found, str):
        why = html.P(found, **no_interval("It says why; nothing is estimated."))
        return section(title, html.P(when, className="note"), why)
    address = urlencode({"run": latest.name, "other": before.name, "split": found.split})
    finding = headline(found, data.compare_cells(latest, before, found.split))
    return section(
        f"{title}: {finding}",
        html.P(when, className="note"),
        comparison_table(found, _MEASURES),
        html.P(
            dcc.Link("Compare them image by image", href=f"/compare?{address}"),
            className="on-screen below",
        ),
        note=f"Judged on the {found.n:,} labelled {SPLIT_WORDS[found.split]} images that both answered. "
        "The interval of a difference draws the same images for both runs, near-copies together.",
    )


def _compared(latest: data.RunView, before: data.RunView) -> Comparison | str:
    """The comparison, or why there is none."""
    split = next(iter(latest.splits), "test")
    try:
        found = data.compare(latest, before, split)
    except InputError as error:
        return f"They cannot be compared: {error}"
    if not found.n:
        return f"They have no labelled {SPLIT_WORDS[split]} image in common."
    return found


def _split(protocol: str) -> str:
    """A split protocol in words: "grouped split", "official split"."""
    words = protocol.replace("_", " ")
    return words if words.endswith("split") else f"{words} split"


def _day(created: str) -> str:
    return created[:10]
