"""A panel at the side with all that is known of one image, for every page that lists images.

A page calls `register` once, puts `panel` into its layout, and makes its tiles open it
(`image_tiles(..., opens="...")`). The image that is open is kept in the address as `image`. On a page
without a run of its own the panel is about the run that is shown first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import dash_mantine_components as dmc
from dash import (
    ALL,
    ClientsideFunction,
    Input,
    Output,
    State,
    callback,
    clientside_callback,
    dcc,
    html,
    no_update,
)
from dash.development.base_component import Component

from brainmri.accounts import CLINICIAN
from brainmri.errors import InputError
from dashboard import asker, data, map_figures
from dashboard.components import (
    SPLIT_WORDS,
    Children,
    aria,
    colours_of,
    empty,
    explained,
    kept,
    name,
    no_interval,
    paths_or_tiles,
    percent,
    picture_tile,
    pictures_missing,
    probability_bars,
    reasons,
    state_id,
    table,
    whose_probabilities,
)
from dashboard.pages import correct
from dashboard.words import fact_words

if TYPE_CHECKING:
    Said = tuple[data.RunView, str, data.Scored]

_BITS = "Bits in which two hashes differ, read off these very images."
_ONE_IMAGE = "What each run says of this one image, not a share of many, so it has no interval."
_RECORDED = "What is recorded of this one image; nothing is estimated."
_RUNS = "Runs are counted here; nothing is estimated."
_FORM = "panel"
correct.register(_FORM)


def panel(page: str, view: data.RunView | None, image: str | None) -> Component:
    """The panel, open when the address names an image."""
    return dmc.Drawer(
        [
            _steps(),
            html.Div(
                _content(view, image) if image else None, id={"page": page, "panel": "content"}
            ),
        ],
        id={"page": page, "panel": "image"},
        opened=bool(image),
        title=_title(image) if image else "",
        position="right",
        size="min(46rem, 100vw)",
        padding="lg",
        closeButtonProps=aria(label="Close the image"),
        # Inside main its header is no second banner of the page, as it would be at the end of the body.
        portalProps={"target": "#content"},
        className="image-panel",
    )


def _steps() -> Component:
    """The way through the list that is shown, image by image; assets/image_panel.js walks it."""
    return html.Div(
        [
            html.Button(
                "Previous",
                id="panel-previous",
                type="button",
                className="button",
                disable_n_clicks=True,
            ),
            html.Button(
                "Next", id="panel-next", type="button", className="button", disable_n_clicks=True
            ),
            html.Span(id="panel-at", className="note", **name("place"), **aria(live="polite")),
        ],
        id="panel-steps",
        className="panel-steps",
        role="group",
        hidden=True,
        **aria(label="Images of the list"),
    )


def register(page: str, *, has_run: bool = True) -> None:
    """The callbacks of the panel, on the page that has it; assets/image_panel.js opens it.

    Args:
        page: its name.
        has_run: whether that page lets a run be chosen.
    """
    drawer = {"page": page, "panel": "image"}

    @callback(
        Output(drawer, "opened"),
        Output(drawer, "title"),
        Output({"page": page, "panel": "content"}, "children"),
        Input(kept(page, "image"), "data"),
        *([State(state_id(page, "run"), "value")] if has_run else []),
        prevent_initial_call=True,
    )
    def open_image(image: str | None, run: str | None = None) -> tuple[Any, ...]:
        """Another image was chosen, by a tile or the way through the list; or none, and the panel closes."""
        if not image:
            return no_update, no_update, no_update
        image = str(image)  # A forged request may hold anything.
        return True, _title(image), _content(data.find_run(run), image)

    clientside_callback(
        ClientsideFunction("image_panel", "closed"),
        Output(kept(page, "image"), "data", allow_duplicate=True),
        Input(drawer, "opened"),
        prevent_initial_call=True,
    )


clientside_callback(
    ClientsideFunction("image_panel", "steps"),
    Output("panel-previous", "aria-disabled"),
    Output("panel-next", "aria-disabled"),
    Output("panel-at", "children"),
    Output("panel-steps", "hidden"),
    Input({"page": ALL, "panel": "content"}, "children"),
    State({"page": ALL, "kept": "image"}, "data"),
)


@callback(Output("panel-map", "children"), Input("panel-wanted", "data"))
def show_map(wanted: dict[str, str]) -> Any:
    """The panel stands; where the model looked takes longer, and comes now."""
    view = data.find_run(wanted["run"])
    if view is None:
        return html.Div()
    return _map(view, wanted["image"], wanted["answer"])


def _title(image: str) -> Component:
    return html.Span(image, className="path", **name("path"))


def _content(view: data.RunView | None, image: str) -> Component:
    found = data.pictured(image)
    if found is None:
        return empty(
            "This image is not known here",
            "No run has answered it, and the image index does not know it; close this panel and choose "
            "another one.",
        )
    own = next((one for one in found.answers if view and one[0].name == view.name), None)
    parts = [
        _picture(found, own),
        _said(view, own),
        _changed(image),
        _correct(view, found, own),
        _others(view, found),
        _near(found),
        _facts(found),
    ]
    return html.Div(
        [
            *parts,
            reasons(parts),
            html.P(
                dcc.Link(
                    "Images like this one",
                    href="/evaluate?"
                    + urlencode({"run": view.name, "sort": "like", "like": image}),
                    # On Evaluate itself assets/image_panel.js keeps what is chosen.
                    id="panel-alike",
                )
            )
            if view
            else None,
        ],
        className="panel-body",
    )


def _correct(view: data.RunView | None, found: data.Pictured, own: Said | None) -> Component:
    """What a person who may can say of the label, for an image that the index knows."""
    known = data.label_of(found.path)
    if known is None or not asker.may(CLINICIAN):
        return html.Div()
    return correct.form(
        _FORM,
        data.class_names(),
        path=found.path,
        label=known[0],
        run=None if view is None else view.name,
        answer=None if own is None else own[2].answer,
    )


def _picture(found: data.Pictured, own: Said | None) -> Component:
    if data.images_folder() is None:
        return html.Div(pictures_missing(), className="panel-pictures")
    pictures: list[Any] = []
    if found.split:
        alt = f"{found.label} image"
        pictures.append(
            html.Figure(
                [
                    html.Img(src=f"/image/{quote(found.path)}", alt=alt, className="picture"),
                    html.Figcaption("As it is in the folder", className="note"),
                ],
                className="panel-figure",
            )
        )
    if own is not None and found.split:
        wanted = {"run": own[0].name, "image": found.path, "answer": own[2].answer}
        pictures += [
            dcc.Store(id="panel-wanted", data=wanted),
            html.Div(
                _map_figure(html.Div(className="skeleton"), _map_words(own[2].answer)),
                id="panel-map",
                className="panel-figure",
            ),
        ]
    return html.Div(pictures, className="panel-pictures")


def _map(view: data.RunView, image: str, answer: str) -> Component:
    try:
        told = data.activation_map(view, image, answer)
    except InputError as error:
        why = html.Span(f"There is no activation map. {error}", **no_interval(_RECORDED))
        return _map_figure(html.Div(className="no-map"), why)
    if told is None:
        words = "The model of this run gives no activation map."
        return _map_figure(html.Div(className="no-map"), words)
    return _map_figure(
        html.Img(
            src=map_figures.lit(told.square, told.heat),
            alt=f"Where {view.name} found what speaks for {answer}: the brighter, the more",
            className="picture",
        ),
        _map_words(answer),
    )


def _map_words(answer: str) -> str:
    return (
        f"What the model is given, and where it found what speaks for {answer}: the brighter, the more. It "
        "is no outline of a tumour."
    )


def _map_figure(square: Component, words: Children) -> Component:
    """The map, what stands in its place until it comes, or why there is none: always of one size."""
    return html.Figure([square, html.Figcaption(words, className="note")])


def _said(view: data.RunView | None, own: Said | None) -> Component | None:
    if view is None:
        return None
    if own is None:
        return html.P(f"{view.name} has not answered this image.", **name("version"))
    _, split, scored = own
    verdict = (
        f"{view.name} says {scored.answer}. That is right."
        if scored.answer == scored.label
        else f"{view.name} says {scored.answer}. It is labelled {scored.label or 'not at all'}."
    )
    return html.Div(
        [
            html.P(verdict, className="verdict", **name("version")),
            probability_bars(scored.probabilities, colours_of(view)),
            html.P(
                [
                    whose_probabilities(view.temperature, is_run=view.run is not None),
                    f" It is one of the {SPLIT_WORDS.get(split, split)} images of this run",
                    ", and a near-copy of it shaped the model." if scored.seen else ".",
                ],
                className="note",
            ),
        ]
    )


def _changed(image: str) -> Component | None:
    """That two readers changed what is reported of it."""
    changed = data.reported_label(image)
    if changed is None:
        return None
    return html.P(f"{changed[0].upper()}{changed[1:]}.", className="caution", role="note")


def _others(view: data.RunView | None, found: data.Pictured) -> Component:
    rows = [
        [
            other.name,
            scored.answer if scored.answer == scored.label else html.Strong(scored.answer),
            html.Span(percent(scored.probabilities[scored.answer]), **no_interval(_ONE_IMAGE)),
            SPLIT_WORDS.get(split, split),
        ]
        for other, split, scored in found.answers
        if view is None or other.name != view.name
    ]
    missing = [
        f"Not among the images of {', '.join(found.silent)}." if found.silent else "",
        f"Too large to look one image up: {', '.join(found.too_large)}." if found.too_large else "",
    ]
    wrong = sum(scored.answer != scored.label for _, _, scored in found.answers)
    title = (
        "No run has answered it"
        if not found.answers
        else "Every run that has answered it is right"
        if not wrong
        else f"{wrong} of {len(found.answers)} runs that have answered it are wrong"
    )
    return html.Section(
        [
            html.Div(dmc.Title(title, order=3), **no_interval(_RUNS)),
            table(
                ["Other run", "Says", "Probability", "Part"],
                rows,
                caption="What every other run says of this image",
            )
            if rows
            else None,
            html.P(" ".join(filter(None, missing)), className="note", **name("version")),
        ]
    )


def _near(found: data.Pictured) -> Component:
    if not found.near:
        return html.Section(
            [dmc.Title("No other image is a near-copy of it", order=3)] if found.split else []
        )
    others = {near.label for near in found.near} - {found.label}
    title = f"{found.copies} near-{'copy' if found.copies == 1 else 'copies'}"
    if found.copies > len(found.near):
        title += f"; the {len(found.near)} most alike"
    if others:
        title += f", not all of them labelled {found.label}"
    tiles = [
        picture_tile(
            near.path,
            f"{near.label}, {SPLIT_WORDS.get(near.split, near.split)} image",
            html.Strong("Another label!") if near.label != found.label else None,
            html.Span(f"{near.bits} of 256 bits differ", **no_interval(_BITS)),
            opens=f"near-{i}",
        )
        for i, near in enumerate(found.near)
    ]
    return html.Section(
        [html.Div(dmc.Title(title, order=3), **no_interval(_BITS)), paths_or_tiles(tiles)]
    )


def _facts(found: data.Pictured) -> Component:
    if not found.facts:
        return html.P("The image index does not know this image.", className="note")
    entries: list[Component] = []
    split = SPLIT_WORDS.get(found.split, found.split)
    for key, value in [("label", found.label), ("split", split), *found.facts]:
        words, said = fact_words(key, value)
        entries += [html.Dt(explained(words)), html.Dd(said)]
    return html.Section(
        [
            dmc.Title("What the index knows of it", order=3),
            html.Dl(entries, className="facts", **no_interval(_RECORDED)),
        ]
    )
