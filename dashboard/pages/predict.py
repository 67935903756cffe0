"""Predict: one image in, probabilities out. Nothing is stored."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, callback, clientside_callback, ctx, dcc, html, no_update
from dash.development.base_component import Component

from brainmri.errors import InputError
from dashboard import data, figures
from dashboard.components import (
    SPLIT_WORDS,
    aria,
    card,
    counted,
    empty,
    name,
    no_interval,
    no_runs,
    not_shown,
    page,
    percent,
    probability_bars,
    run_picker,
    state_id,
    whose_probabilities,
)
from dashboard.theme import class_colours

PAGE = "predict"
_ONE_IMAGE = "It is about one image, not a share of many, so it has no interval."
MAX_BYTES = 20_000_000
"""Largest upload; the server's own limit leaves room for the base64 around it."""


def layout(run: str | None = None, **_query: str) -> Component:
    """The page in the state that the URL gives."""
    shown, _ = data.list_runs()
    able = [view for view in shown if view.has_model]
    best = data.best_run(able)
    chosen = next((view for view in able if view.name == run), best)
    fallback = _cannot_answer(run, chosen)
    lead = "Drop one slice and see what the model makes of it. Nothing is stored."
    if not able:
        return page(
            "Predict",
            lead,
            fallback,
            empty("No run here has its model file", "Train one; its model then answers here.")
            if shown
            else no_runs(),
        )
    assert chosen is not None
    data.warm_up(chosen.name)
    return page(
        "Predict",
        lead,
        fallback,
        html.Div(
            [
                html.Div(
                    [
                        run_picker(PAGE, able, chosen.name),
                        html.Div(
                            dcc.Upload(
                                html.Div(
                                    [
                                        html.Strong("Drop an image here"),
                                        html.Span("or click to choose one"),
                                        html.Small(
                                            "JPEG, PNG, BMP or TIFF, up to 20 MB", **name("setting")
                                        ),
                                    ],
                                    className="drop-text",
                                ),
                                id="upload",
                                className="drop",
                                className_active="drop drop-active",
                            ),
                            className="drop-place",
                        ),
                        html.Div("Or try a synthetic slice", className="picker-label"),
                        html.Div(
                            [
                                html.Button(
                                    [
                                        html.Img(
                                            src=f"/example/{i}.png", alt="", width=88, height=88
                                        ),
                                        html.Span(label),
                                    ],
                                    id={"example": i},
                                    className="example",
                                    **aria(label=f"Try a synthetic {label} slice"),
                                )
                                for i, (label, _) in enumerate(data.EXAMPLES)
                            ],
                            className="examples",
                        ),
                        html.P(
                            "Synthetic slices show how this page works. The model was not trained on "
                            "them, so its answers about them mean nothing.",
                            className="note",
                        ),
                    ],
                    className="predict-in",
                ),
                html.Div(
                    empty("No image yet", "The answer appears here."),
                    id="predict-answer",
                    className="predict-out",
                    **aria(live="polite"),
                ),
            ],
            className="predict",
        ),
        dcc.Store(id="uploaded"),
        dcc.Store(id="refused"),
    )


def _cannot_answer(run: str | None, chosen: data.RunView | None) -> Component:
    """Why the run that was asked for does not answer; nothing where it does."""
    instead = "" if chosen is None else f"{chosen.name} answers instead."
    there = data.find_run(run)
    if run is None or there is None or there.name != run:
        return not_shown(run, None if chosen is None else chosen.name, instead)
    if there.has_model:
        return html.Div()
    why = (
        "It is a table of another tool, which came without a model."
        if there.run is None
        else "Its model file is not here, only its predictions are."
    )
    return empty(f"The run “{run}” cannot answer", f"{why} {instead}")


# The browser looks at the size first: a larger request would be cut off without a word.
clientside_callback(
    f"""(contents) => {{
        if (!contents) return [dash_clientside.no_update, dash_clientside.no_update];
        const bytes = (contents.length - contents.indexOf(",")) * 3 / 4;
        // The time makes the same file dropped twice two questions.
        const at = Date.now();
        if (bytes > {MAX_BYTES}) return [null, {{megabytes: Math.round(bytes / 1e6), at}}];
        return [{{contents, at}}, null];
    }}""",
    Output("uploaded", "data"),
    Output("refused", "data"),
    Input("upload", "contents"),
    prevent_initial_call=True,
)


@callback(
    Output("predict-answer", "children"),
    # Cleared, so that the same file dropped again is looked at again.
    Output("upload", "contents"),
    Input("uploaded", "data"),
    Input("refused", "data"),
    Input({"example": ALL}, "n_clicks"),
    State(state_id(PAGE, "run"), "value"),
    prevent_initial_call=True,
)
def show_answer(
    uploaded: dict[str, Any] | None,
    refused: dict[str, Any] | None,
    clicks: list[int | None],
    run: str,
) -> tuple[Any, Any]:
    """An image was dropped, or an example chosen."""
    cause = ctx.triggered_id
    if isinstance(cause, dict):
        if not any(clicks):
            return no_update, no_update
        label, png = data.example(int(cause["example"]))
        return _answer(run, png, f"synthetic {label} slice"), no_update
    # The browser fills one of the two and empties the other.
    if refused:
        return _refusal(
            f"The file has {refused['megabytes']} MB; at most 20 MB are read. Scale it down first."
        ), None
    if uploaded:
        try:
            upload = base64.b64decode(uploaded["contents"].partition(",")[2], validate=True)
        except binascii.Error:
            return _refusal("The upload arrived damaged; drop the file again."), None
        return _answer(run, upload, "your image"), None
    return no_update, no_update


def _answer(run: str, upload: bytes, what: str) -> Component:
    try:
        answer = data.answer(run, upload)
    except InputError as error:
        return _refusal(str(error))
    colours = class_colours(answer.run.classes, answer.run.negative_class)
    top = max(answer.probabilities, key=lambda name: answer.probabilities[name])
    verdict = (
        f"Most probable: {top}, {percent(answer.probabilities[top])}"
        if top != answer.run.negative_class
        else f"Most probable: no tumour, {percent(answer.probabilities[top])}"
    )
    width, height = answer.size_px
    view = data.find_run(run)
    record: Any = None
    if view is not None and view.splits:
        report = data.report(view, view.splits[0])
        record = (
            f"On {report.n:,} {SPLIT_WORDS[report.split]} images of known class this model missed "
            f"{counted(report.missed, 'tumours')} and raised false alarms on "
            f"{counted(report.false_alarms, 'images without one')}."
        )
    return card(
        html.Div(
            [
                html.Img(
                    src=figures.png_uri(answer.picture_png),
                    alt=f"{what}, as the model sees it: grey, upright",
                    className="picture",
                ),
                html.Div(
                    [
                        html.Div(
                            dmc.Title(verdict, order=2, className="verdict"),
                            **no_interval(_ONE_IMAGE),
                        ),
                        html.Div(
                            [
                                html.Span("Tumour probability", className="statistic-title"),
                                html.Span(
                                    percent(answer.tumour_probability), className="statistic-value"
                                ),
                            ],
                            className="tumour-probability",
                            **no_interval(_ONE_IMAGE),
                        ),
                        probability_bars(answer.probabilities, colours),
                        html.P(
                            whose_probabilities(answer.run.temperature, is_run=True),
                            className="note",
                        ),
                        html.P(record, className="note") if record else None,
                        html.P(
                            "A probability is the model's opinion, not a finding. A radiologist decides. "
                            f"{_ONE_IMAGE}",
                            className="note",
                        ),
                        html.Dl(
                            [
                                html.Dt("Image"),
                                html.Dd(
                                    f"{what}, {width} × {height} pixels, {answer.mode}",
                                    **name("size"),
                                ),
                                html.Dt("Answered by"),
                                html.Dd(f"{answer.run.name} ({answer.run.architecture})"),
                                html.Dt("Model version"),
                                html.Dd(
                                    f"{answer.run.model_sha256[:12]}, trained "
                                    f"{answer.run.created[:10]}, split {answer.run.protocol}",
                                    **name("version"),
                                ),
                            ],
                            className="facts",
                        ),
                    ],
                    className="answer-words",
                ),
            ],
            className="answer",
        )
    )


def _refusal(sentence: str) -> Component:
    return dmc.Alert(
        sentence,
        title="No answer for this file",
        color="orange",
        variant="light",
        className="refusal",
    )
