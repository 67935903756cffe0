"""Data: what the images are, what gives their class away, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dash.development.base_component import Component

from brainmri.errors import InputError
from dashboard import data
from dashboard.components import (
    command,
    contents,
    empty,
    faults,
    no_index,
    page,
    section,
)
from dashboard.findings import Findings
from dashboard.pages import (
    balance,
    browse,
    choosing,
    image_panel,
    images,
    leakage,
    quality,
    shortcuts,
)

PAGE = "data"
_LEAD = (
    "What the images are, what would give their class away without looking at the brain, and what is "
    "wrong with them."
)
PARTS = {
    "images": "The images",
    "browse": "Browse",
    "copies": "Copies",
    "labels": "Labels",
    "shortcuts": "Shortcuts",
    "drift": "Training and test",
    "quality": "Quality",
}
"""Parts of the page by the value of `part` in the address."""
_CHOICES = {
    "browse": {"only", "first"},
    "copies": {"protocol", "kind", "pairs"},
    "drift": {"drift"},
    "quality": {"flag", "flagged"},
}
"""Choices that only one part has, so that an address without `part` leads there."""


def layout(**query: str) -> Component:
    """The page in the state that the URL gives."""
    if (missing := no_index()) is not None:
        return page("Data", _LEAD, missing)
    index = data.image_index()
    assert index is not None
    chosen = _part(query)
    if chosen == "images":
        shown = images.part(PAGE, index, query)
    elif chosen == "browse":
        shown = [browse.part(PAGE, index, query.get("only"), query.get("first"))]
    else:
        shown = _audit(chosen, query)
    return page(
        "Data",
        _LEAD,
        contents({_address(part): words for part, words in PARTS.items()}, _address(chosen)),
        *shown,
        choosing.stores(PAGE, image=query.get("image"), first=query.get("first")),
        image_panel.panel(PAGE, data.find_run(None), query.get("image")),
        faults("These files could not be read and are left out", data.unreadable_files()),
        about=f"The data set, n = {len(index.rows):,} images",
    )


def _part(query: Mapping[str, str]) -> str:
    """The part that an address names, or else the one that its other choices belong to."""
    named = query.get("part")
    if named in PARTS:
        return str(named)
    return next((part for part, keys in _CHOICES.items() if keys & query.keys()), "images")


def _address(part: str) -> str:
    return f"/data?part={part}"


def _audit(part: str, query: Mapping[str, str]) -> list[Component]:
    """What the last audit found; how to make one where there is none."""
    try:
        found: Findings | None = data.audit_findings()
    except InputError as error:
        return [faults("The audit of these images cannot be shown", [("Fault", str(error))])]
    if found is None:
        return [
            section(
                "What is wrong with these images is not known yet",
                empty(
                    "There is no audit yet",
                    "Look for copies between training and test images, contradicting labels, shortcuts, "
                    "drift and images of poor quality, then reload this page:",
                    command("python -m brainmri audit DATA"),
                ),
            )
        ]
    chosen = query.get
    build: dict[str, Callable[[], Component]] = {
        "copies": lambda: leakage.part(
            PAGE, found, chosen("protocol"), chosen("kind"), chosen("pairs")
        ),
        "labels": lambda: leakage.conflicts(found),
        "shortcuts": lambda: shortcuts.part(found),
        "drift": lambda: shortcuts.drift(PAGE, found, chosen("drift")),
        "quality": lambda: quality.part(PAGE, found, chosen("flag"), chosen("flagged")),
    }
    return [build[part]()]


balance.register(PAGE)
browse.register(PAGE)
images.register(PAGE)
leakage.register(PAGE)
shortcuts.register(PAGE)
quality.register(PAGE)
image_panel.register(PAGE, has_run=False)
