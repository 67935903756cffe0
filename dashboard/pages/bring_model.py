"""The part of Add a run about a model of another tool: how it is read, what it sees, and its evaluation."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, callback, dcc, html, no_update
from dash.development.base_component import Component

from brainmri import foreign_readings
from brainmri.classes import TUMOUR
from brainmri.errors import InputError
from brainmri.foreign_readings import Reading
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

_MOST_LISTED = 20
"""Columns of an output that are chosen from a list; of more the number is given."""


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
                                *(
                                    _number({"bring": side}, f"{label} in pixels", value,
                                            foreign_readings.MOST_SIZE_PX)
                                    for side, label, value in zip(
                                        ("width_px", "height_px"), ("Width", "Height"),
                                        reading.shape_px, strict=True)
                                ),
                                _select("channels", "Colours", {"1": "grey", "3": "three times grey"},
                                        str(reading.channels)),
                                _select("layout", "Order", foreign_readings.LAYOUTS, reading.layout),
                                _select("scaling", "Grey levels", foreign_readings.SCALINGS,
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
                                _select("meaning", "It holds", foreign_readings.MEANINGS,
                                        reading.meaning),
                            ],
                            className="bring-form",
                        ),
                        html.Div(_columns(seen), id="bring-columns"),
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
    Output("bring-columns", "children"),
    Input({"bring": ALL}, "value"),
    Input({"bring-class": ALL}, "value"),
    Input("bring-another", "n_clicks"),
    State("bring-width", "data"),
    State("bring-upload", "data"),
    prevent_initial_call=True,
)
def show_preview(
    values: list[Any], columns: list[Any], clicks: int | None, width: int, token: str
) -> Any:
    """The form changed: look at the image again; another output has other columns to choose from."""
    upload = data.find_upload(token)
    if upload is None:
        return no_update, no_update
    try:
        seen = data.preview_model(
            upload, _reading(values, columns), clicks or 0, assigned=width or None
        )
    except InputError as error:
        return refused(str(error)), no_update
    return _preview(seen), no_update if seen.columns == width else _columns(seen)


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
    columns: list[Any],
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
        reading = _reading(values, columns)
        data.start_evaluation(upload, reading, (run or "").strip(), part or "split")
    except InputError as error:
        return refused(str(error)), no_update
    return empty("It is being evaluated", "Its progress is below; you may leave this page."), False


def _reading(values: list[Any], columns: list[Any]) -> Reading:
    """The form as it stands; its controls in the order of the page.

    Raises:
        InputError: something is not chosen.
    """
    width, height, channels, order, scaling, output, meaning = values
    if not (isinstance(width, int) and isinstance(height, int)) or None in (
        channels, order, scaling, output, meaning
    ):  # fmt: skip
        raise InputError("Fill in how the model is read: width and height are whole numbers.")
    chosen = [int(one) - 1 for one in columns if str(one or "").isdecimal()]
    if len(chosen) < len(columns) or len(set(chosen)) < len(chosen):
        raise InputError("Give each class a column of its own.")
    return Reading(
        width, int(channels), order, scaling, int(output), meaning,
        classes=data.model_classes(len(chosen)), columns=chosen or None, height_px=height,
    )  # fmt: skip


def _columns(seen: data.ModelPreview) -> list[Component]:
    """Which column of the output means which class, as it was guessed; how many there are."""
    reading, width = seen.reading, dcc.Store(id="bring-width", data=seen.columns)
    if reading.columns is None:
        return [width]  # The preview says why there is nothing to choose.
    if seen.columns == 1:
        named = ["near zero", "near one"]
    else:
        named = [f"column {i + 1}" for i in range(seen.columns)]
    if seen.keys is not None:
        named = [f"{one}, “{key}”" for one, key in zip(named, seen.keys, strict=True)]
    controls = [
        _number({"bring-class": i}, f"Column of {known}", column + 1, seen.columns)
        if len(named) > _MOST_LISTED
        else dmc.Select(
            id={"bring-class": i},
            label=f"{known} is",
            data=[{"value": str(at + 1), "label": one} for at, one in enumerate(named)],
            value=str(column + 1),
            allowDeselect=False,
        )
        for i, (known, column) in enumerate(zip(reading.classes, reading.columns, strict=True))
    ]
    unused = max(len(named), 2) - len(controls)
    notes = [
        f"Columns without a class: {unused:,}; they are left out, and the others scaled to sum to one."
    ]
    if TUMOUR in reading.classes and len(controls) == 2:
        notes = ["So few columns tell tumour from no tumour; the run is judged by that."]
    elif not unused:
        notes = []
    return [
        html.Div(controls, className="bring-form", **name("setting")),
        *(html.P(note, className="note", **name("setting")) for note in notes),
        width,
    ]


_ONE_IMAGE = "It is about one image, so it has no interval."


def _preview(seen: data.ModelPreview) -> Component:
    what = "A test image" if seen.is_test_image else "A synthetic slice"
    if seen.probabilities is None:
        answer: Component = refused(seen.fault or "It gave no answer.")
    else:
        classes = sorted(seen.probabilities)
        top = max(seen.probabilities, key=lambda known: (seen.probabilities or {})[known])
        answer = html.Div(
            [
                html.P(f"It says {top}, {percent(seen.probabilities[top])}. {_ONE_IMAGE}"),
                probability_bars(seen.probabilities, class_colours(classes, classes[0])),
            ],
            **no_interval(_ONE_IMAGE),
        )
    width, height = seen.reading.shape_px
    return html.Div(
        [
            html.Img(
                src=figures.png_uri(seen.seen_png), alt=f"{what}, as the model gets it", width=360
            ),
            html.P(
                f"{what}, as the model gets it: {width} × {height} pixels.",
                className="note",
                **name("size"),
            ),
            answer,
        ],
        className="bring-seen",
    )


def _number(key: dict[str, Any], label: str, value: int, most: int) -> Component:
    return dmc.NumberInput(
        id=key, label=label, value=value, min=1, max=most, allowDecimal=False, debounce=400
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
