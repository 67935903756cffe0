"""Predict: images in, answers out. Nothing is stored.

What stands there before an image is in predict_before, the parts of an answer are in predict_answer, those of
reading first in predict_reading, what the page asks
while it stands in predict_routes, and what the browser does in assets/predict.js.
"""

from __future__ import annotations

import re

from dash import ClientsideFunction, Input, Output, State, clientside_callback, dcc, html
from dash.development.base_component import Component
from plotly.io.json import to_json_plotly

from dashboard import data
from dashboard.components import (
    aria,
    choice,
    empty,
    kept,
    name,
    no_interval,
    no_runs,
    not_shown,
    page,
    run_picker,
    state_id,
    table,
    told_script,
)
from dashboard.pages import correct, predict_answer, predict_before, predict_reading

PAGE = "predict"
_SHOW = {"once": "At once", "after": "After my reading"}
_SCANS = {"one": "Images", "two": "Two scans, compared"}


def _can_be_asked(about: str) -> bool:
    """Whether it is a synthetic slice, or files, by a word that the tab alone knows."""
    examples = {f"example-{number}" for number in range(len(data.EXAMPLES))}
    return about in examples or re.fullmatch(r"files-[a-z0-9]{1,16}", about) is not None


def layout(
    run: str | None = None,
    show: str | None = None,
    scans: str = "one",
    asked: str = "",
    **_query: str,
) -> Component:
    """The page in the state that the URL gives."""
    shown, _ = data.list_runs()
    able = [view for view in shown if view.has_model]
    chosen = next((view for view in able if view.name == run), data.answering_run())
    fallback = _passed_over(chosen) if run is None else _cannot_answer(run, chosen)
    lead = "Drop one slice and see what the model makes of it. Nothing is stored unless you ask for it."
    if not able:
        return page(
            "Predict",
            lead,
            fallback,
            empty(
                "No run here can answer",
                "It takes a run with both its model file and its predictions: train one, and score the "
                "images with it.",
            )
            if shown
            else no_runs(),
        )
    assert chosen is not None
    data.warm_up(chosen.name, _as_sent)
    if not _can_be_asked(asked):
        asked = ""
    return page(
        "Predict",
        lead,
        fallback,
        html.Div(
            [
                html.Div(
                    [
                        run_picker(PAGE, able, chosen.name),
                        choice(PAGE, "scans", "Ask about", _SCANS, scans),
                        html.Div(
                            [
                                _drop("Drop images here", "or click to choose one or several"),
                                html.Button(
                                    "Take a picture",
                                    type="button",
                                    className="button camera",
                                    **told_script(do="choose", camera="yes"),
                                ),
                                _examples(),
                            ],
                            id="predict-one",
                            hidden=scans == "two",
                        ),
                        html.Div(
                            [
                                _drop("Earlier scan", "drop it or click", "earlier"),
                                _drop("Later scan", "drop it or click", "later"),
                            ],
                            id="predict-two",
                            hidden=scans != "two",
                        ),
                        choice(PAGE, "show", "Show the answer", _SHOW, show or "once"),
                        predict_reading.readings(),
                    ],
                    className="predict-in",
                ),
                html.Div(
                    [
                        html.P("", id="predict-status", className="visually-hidden", role="status"),
                        _list(),
                        html.Div(
                            # The answer about a slice is asked for at once, and nothing else stands there.
                            None
                            if asked.startswith("example-") and scans != "two"
                            else predict_before.part(chosen),
                            id="predict-answer",
                        ),
                        html.Div(
                            correct.form(PAGE, data.right_classes(chosen.classes)),
                            id="predict-after",
                            hidden=True,
                        ),
                    ],
                    className="predict-out",
                ),
            ],
            className="predict",
            id="predict",
            **told_script(most_bytes=str(data.MAX_BYTES)),
        ),
        dcc.Store(id="predict-reply"),
        # What was asked about, in the address: assets/predict.js asks again when one comes back.
        dcc.Store(id=kept(PAGE, "asked"), data=asked),
        # Where the address does not say when the answer shows, the setting of this browser holds.
        dcc.Store(id="predict-show-said", data=show is not None),
    )


def _as_sent(answered: data.Answered) -> str:
    """An answer as it goes to the browser."""
    return str(to_json_plotly(predict_answer.answer_card(answered, "your image")))


def _drop(title: str, how: str, place: str | None = None) -> Component:
    """Where files are dropped, and which opens the dialogue to choose them."""
    which = told_script(do="choose") if place is None else told_script(do="choose", place=place)
    below: list[Component] = (
        [
            html.Small(
                f"JPEG, PNG, BMP, TIFF, DICOM or NIfTI, up to {data.MAX_BYTES // 1_000_000} MB",
                **name("setting"),
            ),
            html.Small("or paste one from the clipboard"),
        ]
        if place is None
        else [html.Em(id=f"predict-{place}-name")]
    )
    return html.Button(
        html.Span([html.Strong(title), html.Span(how), *below], className="drop-text"),
        type="button",
        className="drop",
        **which,
    )


def _examples() -> Component:
    return html.Div(
        [
            html.Div("Or try a synthetic slice", className="picker-label"),
            html.Div(
                [
                    html.Button(
                        [
                            html.Img(src=f"/example/{i}.png", alt="", width=88, height=88),
                            html.Span(label),
                        ],
                        type="button",
                        className="example",
                        **told_script(do="example", example=str(i)),
                        **aria(label=f"Try a synthetic {label} slice"),
                    )
                    for i, (label, _) in enumerate(data.EXAMPLES)
                ],
                className="examples",
            ),
            html.P(
                "Synthetic slices show how this page works. The model was not trained on them, so its "
                "answers about them mean nothing.",
                className="note",
            ),
        ]
    )


_ANSWERS = "These are answers about one image each, which have no intervals."


def _list() -> Component:
    """The table of several images; assets/predict.js fills it, since names stay in the browser."""
    return html.Div(
        [
            table(
                ["File", "Outcome", "Tumour probability", "Most probable"],
                [],
                caption="Images that were dropped, with an answer each",
                body="predict-rows",
            ),
            html.P(
                f"Choose a file to see its whole answer. File names do not leave this browser. {_ANSWERS}",
                className="note",
            ),
        ],
        id="predict-list",
        className="predict-list",
        hidden=True,
        **no_interval(_ANSWERS),
    )


def _passed_over(chosen: data.RunView | None) -> Component:
    """The runs that would answer where none is named, were their model files whole; nothing without."""
    instead = "No other run can answer." if chosen is None else f"{chosen.name} answers instead."
    return html.Div(
        [
            empty(f"The run “{view.name}” was passed over", _fault(view), " ", instead)
            for view in data.passed_over_runs()
        ]
    )


def _fault(view: data.RunView) -> Component:
    return html.Span(
        view.model_fault, **no_interval("It says what is broken; nothing is estimated.")
    )


def _cannot_answer(run: str | None, chosen: data.RunView | None) -> Component:
    """Why the run that was asked for does not answer; nothing where it does."""
    instead = "" if chosen is None else f"{chosen.name} answers instead."
    there = data.find_run(run)
    if run is None or there is None or there.name != run:
        return not_shown(run, None if chosen is None else chosen.name, instead)
    if there.has_model:
        return html.Div()
    if there.model_fault is not None:
        return empty(f"The run “{run}” cannot answer", _fault(there), " ", instead)
    why = (
        "It is a table of another tool, which came without a model."
        if there.run is None
        else "Its model file is not here, only its predictions are."
    )
    return empty(f"The run “{run}” cannot answer", f"{why} {instead}")


# What was chosen on the page, as it opens and whenever it changes.
clientside_callback(
    ClientsideFunction("predict", "choose"),
    Output("predict-one", "hidden"),
    Output("predict-two", "hidden"),
    Input(state_id(PAGE, "run"), "value"),
    Input(state_id(PAGE, "show"), "value"),
    Input(state_id(PAGE, "scans"), "value"),
    State("predict-show-said", "data"),
    State(kept(PAGE, "asked"), "data"),
)

correct.register(PAGE)
predict_before.register(PAGE)
correct.follow_answers(PAGE, "predict-after", "predict-reply")

clientside_callback(
    ClientsideFunction("predict", "show"),
    Output("predict-answer", "children"),
    Input("predict-reply", "data"),
    prevent_initial_call=True,
)
