"""What is chosen on Evaluate: a bar of chips that stays in sight, and the clicks that choose.

A cell of the matrix, a bar, a point of a curve, a slice and how sure an answer is are the same to the rest
of the page: keys of the address (`KEYS`). assets/chosen.js turns clicks into them without a request, and
covers the parts of the page that are about something else until they have followed.
"""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Input, State, clientside_callback, dcc, html
from dash.development.base_component import Component

from dashboard import data
from dashboard.chosen import ANY_TUMOUR, SEPARATOR, Chosen
from dashboard.components import (
    SPLIT_WORDS,
    Children,
    aria,
    counted,
    kept,
    name,
    no_interval,
    percent,
    told_script,
)
from dashboard.words import property_words

KEYS = ("cell", "slice", "above", "sure")
PAINTED = ("evaluate-chosen", "data-painted")
"""Changes when what a click is about stands on the page. What every click changes and is less urgent waits
for it; the matrix, in which a cell is only marked, does not."""
_CHOSEN = "A threshold that was chosen, not a measurement."


def stores(page: str, **values: str | None) -> Component:
    """The keys of the address that no control holds; "" is nothing chosen.

    (A store that is made with None sets its data once more, and every callback of it runs twice.)
    """
    return html.Div(
        [dcc.Store(id=kept(page, key), data=chosen or "") for key, chosen in values.items()]
    )


def register() -> None:
    """The callback of a click on a point of a figure, which writes as buttons do, without Dash."""
    clientside_callback(
        ClientsideFunction("chosen", "point"),
        Input({"figure": ALL}, "clickData"),
        State({"figure": ALL}, "figure"),
        prevent_initial_call=True,
    )


def shown(
    run: str, split: str, cell: str | None, slice_: str | None, above: str | None, sure: str | None
) -> str:
    """What a part of the page is about, as assets/chosen.js says it of the page; the cell stands last, since
    the matrix is the same with any.
    """
    return "|".join([run, split, slice_ or "", above or "", sure or "", cell or ""])


def shown_but_cell(run: str, split: str, *keys: str | None) -> str:
    """The same of a part in which the cell is only marked."""
    return shown(run, split, *keys).rpartition("|")[0]


def chooses(**key: str) -> dict[str, Any]:
    """What makes a button choose: its id, to which assets/chosen.js listens without Dash."""
    return {"id": key, "disable_n_clicks": True}


def by_probability(view: data.RunView, above: tuple[str, float] | None) -> Component:
    """What a click on a point of a curve chooses, for those who do not use a pointer."""
    called, least = above or (view.classes[0], 0.5)
    offered = [*view.classes, ANY_TUMOUR] if view.in_memory else view.classes
    return html.Div(
        [
            dmc.Select(
                id={"asked": "class"},
                label="Probability of",
                data=list(dict.fromkeys(offered)),
                value=called,
                allowDeselect=False,
                className="picker",
            ),
            dmc.NumberInput(
                id={"asked": "least"},
                label="at least",
                value=round(100 * least, 4),
                min=0,
                max=100,
                suffix=" %",
                className="picker",
                # Two names for the same steps; the arrow keys do the same.
                hideControls=True,
            ),
            dmc.Button("Choose these images", id={"least": "choose"}, variant="default"),
        ],
        className="controls",
        role="group",
        **aria(label="Choose images by probability"),
        **no_interval(_CHOSEN),
    )


def by_sureness(sure: tuple[float, float] | None) -> Component:
    """What a click on a point of the calibration figure chooses, for those who do not use a pointer."""
    low, high = sure or (0.5, 1.0)
    ends = (("from", "Probability of the answer from", low), ("to", "to", high))
    return html.Div(
        [
            *(
                dmc.NumberInput(
                    id={"asked": asked},
                    label=label,
                    value=round(100 * end, 4),
                    min=0,
                    max=100,
                    suffix=" %",
                    className="picker",
                    hideControls=True,
                )
                for asked, label, end in ends
            ),
            dmc.Button("Choose these images", id={"sure": "choose"}, variant="default"),
        ],
        className="controls",
        role="group",
        **aria(label="Choose images by how sure the model was"),
        **no_interval(_CHOSEN),
    )


def bar(view: data.RunView, split: str, chosen: Chosen, *keys: str | None) -> Component:
    """How many images are chosen and by what, each of which can be taken away.

    What the `keys` of the address, in the order of `KEYS`, ask for and is not `chosen` is said to choose
    nothing, and why.
    """
    cell, slice_, above, sure = keys
    by, _, value = (slice_ or "").partition(SEPARATOR)
    which = f"of the {SPLIT_WORDS[split]} images"
    alone, large = (
        ("", "")
        if view.in_memory
        else (", of so many images not beside a slice", " of so many images")
    )
    named = [
        ("cell", cell, chosen.has_cell, "There is no cell", "of the matrix"),
        (
            "slice",
            f"{property_words(by)}: {value}" if value else by,
            chosen.slice,
            "There is no slice",
            which,
        ),
        (
            "above",
            above,
            chosen.above,
            "There is no class and probability (0 to 1)",
            f"to choose{alone}",
        ),
        (
            "sure",
            sure,
            chosen.sure,
            "There are no two rising probabilities (0 to 1)",
            f"to choose{large}",
        ),
    ]
    missing = [
        unknown(key, asked, there, where)
        for key, asked, is_chosen, there, where in named
        if asked and not is_chosen
    ]
    shown = _bar(view, split, chosen)
    return html.Div([*missing, shown]) if missing else shown


def unknown(key: str, asked: str, there: str, where: str) -> Component:
    """That a key of the address asks for what there is not, and what takes it away."""
    words: list[Children] = [
        f"{there} “",
        html.Span(asked, **name("slice")),
        f"” {where}; it chooses nothing. ",
        html.Button("Remove it", className="link-button", **chooses(chip=key)),
    ]
    return html.P(words, className="caution", role="note")


def chip(key: str, text: str, why: dict[str, Any]) -> Component:
    """What is chosen by a key of the address, as a button that takes it away."""
    return html.Button(
        [html.Span(text), html.Span("×", className="chip-x", **aria(hidden="true"))],
        className="chip",
        **chooses(chip=key),
        **why,
        **aria(label=f"Remove {text}"),
    )


def _bar(view: data.RunView, split: str, chosen: Chosen) -> Component:
    if not chosen:
        n = data.report(view, split).n
        return html.Div(
            html.Span(
                f"All {n:,} {SPLIT_WORDS[split]} images. Choose a cell, a bar, a point of a curve or a "
                "slice, and everything below is about its images.",
            ),
            className="chosen-line",
        )
    chips = [chip(*one) for one in _chips(chosen)]
    share = data.chosen_share(view, split, chosen)
    return html.Div(
        [
            html.Span(counted(share, f"{SPLIT_WORDS[split]} images"), className="chosen-count"),
            *chips,
            html.Button("Remove all", className="link-button", **chooses(chip="all")),
        ],
        className="chosen-line",
    )


def about(view: data.RunView, split: str, chosen: Chosen, n: int) -> dict[str, Any]:
    """What a downloaded picture says that it is about: run, images, what is chosen of them."""
    among = "".join(f", {text}" for _, text, _ in _chips(chosen))
    return told_script(about=f"{view.name}, n = {n:,} {SPLIT_WORDS[split]} images{among}")


def among_words(chosen: Chosen) -> list[Children]:
    """The end of a note on what was counted: among which images, where some are chosen."""
    if not chosen:
        return []
    words = [
        html.Span(f"{', ' if i else ''}{text}", **why)
        for i, (_, text, why) in enumerate(_chips(chosen))
    ]
    return [" Among images with ", *words, "."]


def among_n(chosen: Chosen, n: int) -> list[Children]:
    """The end of a note on what a figure is of: which images, and how many."""
    words = among_words(chosen)[:-1] if chosen else [" Of all images"]
    return [*words, f" (n = {n:,})."]


def _chips(chosen: Chosen) -> list[tuple[str, str, dict[str, Any]]]:
    """Key of each thing that is chosen, what its chip says, and why its numbers have no interval."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    if chosen.truth is not None:
        found.append(("truth", f"truth: {chosen.truth}", {}))
    if chosen.answer is not None:
        found.append(("answer", f"answer: {chosen.answer}", {}))
    if chosen.wrong:
        found.append(("wrong", "wrong answers", {}))
    if chosen.slice is not None:
        by, value = chosen.slice
        found.append(("slice", f"{property_words(by)}: {value}", name("slice")))
    if chosen.above is not None:
        called, least = chosen.above
        what = "tumour probability" if called == ANY_TUMOUR else f"probability of {called}"
        text = f"{what} ≥ {percent(least, _digits(least))}"
        found.append(("above", text, no_interval(_CHOSEN)))
    if chosen.sure is not None:
        high = chosen.sure[1]
        first, last = (percent(end, _digits(end)) for end in chosen.sure)
        ends = f"≥ {first}" if high == 1 else f"{first} to {last}"
        found.append(("sure", f"probability of the answer {ends}", no_interval(_CHOSEN)))
    return found


def _digits(least: float) -> int:
    """Digits that a threshold is told with: more of them near 0 and 1, where sure answers crowd."""
    return 1 if 0.01 <= least <= 0.99 else 2 if 0.001 <= least <= 0.999 else 4
