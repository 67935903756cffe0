"""The part of Add a run about a model of another tool: how it is read, what it sees, and its evaluation."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, callback, html, no_update
from dash.development.base_component import Component

from brainmri import foreign_models
from brainmri.errors import InputError
from brainmri.foreign_models import Reading
from dashboard import data, figures
from dashboard.components import (
    aria,
    empty,
    name,
    no_interval,
    percent,
    probability_bars,
    section,
)
from dashboard.pages.bring_parts import GONE, name_input, refused
from dashboard.theme import class_colours


def form(upload: data.Upload) -> Component:
    """How a model is read, as it was guessed, what it sees then, and what starts its evaluation.

    Raises:
        InputError: it may not be run, or cannot look at an image.
    """
    seen = data.preview_model(upload, None)
    reading, loaded = seen.reading, seen.loaded
    splits = data.test_splits()
    (port,) = loaded.inputs
    shape = " × ".join("n" if size is None else str(size) for size in port.shape)
    columns = max(seen.columns, 2)
    return section(
        f"{upload.name}: how is it read?",
        html.Div(
            [
                html.Div(
                    [
                        html.P(
                            f"Input {port.name}: {shape}. Everything below was guessed from it; the preview "
                            "shows whether it fits.",
                            **name("size"),
                        ),
                        html.H3("What it sees"),
                        html.Div(
                            [
                                dmc.NumberInput(
                                    id={"bring": "size_px"},
                                    label="Side in pixels",
                                    value=reading.size_px,
                                    min=1,
                                    max=foreign_models.MOST_SIZE_PX,
                                    allowDecimal=False,
                                ),
                                _select("channels", "Colours", {"1": "grey", "3": "three times grey"},
                                        str(reading.channels)),
                                _select("layout", "Order", foreign_models.LAYOUTS, reading.layout),
                                _select("scaling", "Grey levels", foreign_models.SCALINGS,
                                        reading.scaling),
                            ],
                            className="bring-form",
                        ),
                        html.H3("What it answers"),
                        html.Div(
                            [
                                _select("output", "Output",
                                        {str(i): p.name for i, p in enumerate(loaded.outputs)},
                                        str(reading.output)),
                                _select("meaning", "It holds", foreign_models.MEANINGS,
                                        reading.meaning),
                                *(
                                    dmc.Select(
                                        id={"bring-class": i},
                                        label=f"Column {i + 1} of {columns} is" if seen.columns != 1
                                        else ("Near zero means" if i == 0 else "Near one means"),
                                        data=sorted(reading.classes),
                                        value=reading.classes[i] if i < len(reading.classes) else None,
                                        allowDeselect=False,
                                    )
                                    for i in range(min(columns, 50))
                                ),
                            ],
                            className="bring-form",
                            **name("setting"),
                        ),
                        html.Div(
                            [
                                name_input(upload.name),
                                dmc.Select(
                                    id="bring-part",
                                    label="Evaluate on",
                                    data=[
                                        {"value": column, "label": f"{n:,} test images of {_split(column)}"}
                                        for column, n in splits.items()
                                    ],
                                    value=next(iter(splits), None),
                                    allowDeselect=False,
                                    className="picker",
                                ),
                                html.Div(dmc.Button("Evaluate", id="bring-evaluate")),
                            ],
                            className="bring-actions",
                        ),
                        html.Div(id="bring-queued", **aria(live="polite")),
                    ]
                ),
                html.Div(
                    [
                        html.Div(_preview(seen), id="bring-preview", **aria(live="polite")),
                        html.Div(
                            dmc.Button("Another image", id="bring-another", variant="default"),
                            className="bring-actions",
                        ),
                    ]
                ),
            ],
            className="bring-model",
        ),
    )  # fmt: skip


@callback(
    Output("bring-preview", "children"),
    Input({"bring": ALL}, "value"),
    Input({"bring-class": ALL}, "value"),
    Input("bring-another", "n_clicks"),
    State("bring-upload", "data"),
    prevent_initial_call=True,
)
def show_preview(
    values: list[Any], classes: list[str | None], clicks: int | None, token: str
) -> Any:
    """The form changed: look at the image again."""
    upload = data.find_upload(token)
    if upload is None:
        return no_update
    try:
        return _preview(data.preview_model(upload, _reading(values, classes), clicks or 0))
    except InputError as error:
        return refused(str(error))


@callback(
    Output("bring-queued", "children"),
    Output("bring-clock", "disabled"),
    Input("bring-evaluate", "n_clicks"),
    State({"bring": ALL}, "value"),
    State({"bring-class": ALL}, "value"),
    State("bring-upload", "data"),
    State("bring-name", "value"),
    State("bring-part", "value"),
    prevent_initial_call=True,
)
def start(
    clicks: int | None,
    values: list[Any],
    classes: list[str | None],
    token: str,
    run: str | None,
    part: str | None,
) -> Any:
    """Queue the evaluation."""
    if not clicks:
        return no_update, no_update
    upload = data.find_upload(token)
    if upload is None:
        return refused(GONE), no_update
    try:
        reading = _reading(values, classes)
        data.start_evaluation(upload, reading, (run or "").strip(), part or "split")
    except InputError as error:
        return refused(str(error)), no_update
    return empty("It is being evaluated", "Its progress is below; you may leave this page."), False


def _reading(values: list[Any], classes: list[str | None]) -> Reading:
    """The form as it stands; its controls in the order of the page.

    Raises:
        InputError: something is not chosen.
    """
    size, channels, order, scaling, output, meaning = values
    if not isinstance(size, int) or None in (channels, order, scaling, output, meaning):
        raise InputError("Fill in how the model is read: the side in pixels is a whole number.")
    chosen = [one for one in classes if one]
    if len(chosen) < len(classes) or len(set(chosen)) < len(chosen):
        raise InputError("Give each output a class of its own.")
    return Reading(size, int(channels), order, scaling, int(output), meaning, chosen)


def _preview(seen: data.ModelPreview) -> Component:
    what = "A test image" if seen.is_test_image else "A synthetic slice"
    if seen.probabilities is None:
        answer: Component = refused(seen.fault or "It gave no answer.")
    else:
        classes = sorted(seen.probabilities)
        top = max(seen.probabilities, key=lambda known: (seen.probabilities or {})[known])
        answer = html.Div(
            [
                html.P(f"It says {top}, {percent(seen.probabilities[top])}."),
                probability_bars(seen.probabilities, class_colours(classes, classes[0])),
            ],
            **no_interval("It is about one image, so it has no interval."),
        )
    side = seen.reading.size_px
    return html.Div(
        [
            html.Img(
                src=figures.png_uri(seen.square_png), alt=f"{what}, as the model gets it", width=360
            ),
            html.P(
                f"{what}, as the model gets it: {side} × {side} pixels.",
                className="note",
                **name("size"),
            ),
            answer,
        ],
        className="bring-seen",
    )


def _select(key: str, label: str, options: dict[str, str], value: str) -> Component:
    return dmc.Select(
        id={"bring": key},
        label=label,
        data=[{"value": v, "label": text} for v, text in options.items()],
        value=value,
        allowDeselect=False,
    )


def _split(column: str) -> str:
    return "the official split" if column == "split" else column
