"""Which slice of a volume is meant: a slider through its slices, before any model is asked."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, clientside_callback, html
from dash.development.base_component import Component

from dashboard import data
from dashboard.components import card, name, told_script
from dashboard.pages.predict_viewer import stage


def chooser(looked: data.Looked) -> Component:
    """One slice of a volume, and a slider to the others."""
    file = looked.file
    plane = "" if file.plane is None else f" ({file.plane})"
    holds = f"{file.slices // file.volumes:,} slices"
    if file.volumes > 1:
        holds += f" in each of {file.volumes:,} volumes"
    return card(
        html.Article(
            html.Div(
                [
                    html.Div(
                        stage(looked, "The chosen slice", id="slice-picture"), className="viewer"
                    ),
                    html.Div(
                        [
                            html.H2("Which slice?", className="verdict"),
                            html.P(
                                f"The file holds {holds}{plane}. The model answers about "
                                "one at a time, and knows nothing of the others.",
                                **name("setting"),
                            ),
                            html.P(
                                file.place.capitalize(),
                                id="slice-number",
                                className="slice-number",
                                **name("setting"),
                                **told_script(volumes=str(file.volumes)),
                            ),
                            dmc.Slider(
                                id="slice",
                                min=1,
                                max=file.slices,
                                step=1,
                                value=file.number,
                                label=None,
                                updatemode="drag",
                                thumbLabel="Slice",
                            ),
                            html.Button(
                                "Ask about this slice",
                                type="button",
                                className="button ask-slice",
                                **told_script(do="ask-slice"),
                            ),
                        ],
                        className="answer-words",
                    ),
                ],
                className="answer",
            )
        )
    )


clientside_callback(
    ClientsideFunction("predict", "slice"),
    Output("slice-number", "children"),
    Input("slice", "value"),
    prevent_initial_call=True,
)
