"""Which slice of a volume is meant: a slider through its slices, before any model is asked."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, clientside_callback, html
from dash.development.base_component import Component

from dashboard import data
from dashboard.components import card, name, told_script
from dashboard.pages.predict_viewer import stage

_IDS = {"": "slice", "earlier": "slice-earlier", "later": "slice-later"}
"""Ids of the sliders: of a volume that stands alone, and of two that are compared."""


def chooser(looked: data.Looked) -> Component:
    """One slice of a volume, and a slider to the others."""
    return card(
        html.Article(
            html.Div(
                [
                    html.Div(_picture(looked), className="viewer"),
                    html.Div(
                        [
                            html.H2("Which slice?", className="verdict"),
                            *_slider(looked),
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


def pair_chooser(looks: dict[str, data.Looked]) -> Component:
    """Two scans, "earlier" and "later", with a slider for each that holds several slices."""
    return html.Div(
        [
            html.Div(
                [
                    card(
                        html.Article(
                            [
                                html.Div(_picture(looked, place), className="viewer"),
                                *(
                                    _slider(looked, place)
                                    if looked.file.slices > 1
                                    else [html.P("The file holds one picture.", className="note")]
                                ),
                            ]
                        ),
                        title=f"{place.capitalize()} scan",
                    )
                    for place, looked in looks.items()
                ],
                className="columns scans",
            ),
            card(
                html.H2("Which slices?", className="verdict"),
                html.P(
                    "Choose the same level of the head in both scans. Nothing here can tell whether you "
                    "did, and slices of different levels cannot be compared.",
                    className="caution",
                ),
                html.Button(
                    "Compare these slices",
                    type="button",
                    className="button ask-slice",
                    **told_script(do="ask-slice"),
                ),
            ),
        ]
    )


def _picture(looked: data.Looked, place: str = "") -> Component:
    what = f"The chosen slice of the {place} scan" if place else "The chosen slice"
    return stage(looked, what, id=f"{_IDS[place]}-picture")


def _slider(looked: data.Looked, place: str = "") -> list[Component]:
    file = looked.file
    plane = "" if file.plane is None else f" ({file.plane})"
    holds = f"{file.slices // file.volumes:,} slices"
    if file.volumes > 1:
        holds += f" in each of {file.volumes:,} volumes"
    return [
        html.P(
            f"The file holds {holds}{plane}. The model answers about one at a time, and "
            "knows nothing of the others.",
            **name("setting"),
        ),
        html.P(
            file.place.capitalize(),
            id=f"{_IDS[place]}-number",
            className="slice-number",
            **name("setting"),
            **told_script(volumes=str(file.volumes)),
        ),
        dmc.Slider(
            id=_IDS[place],
            min=1,
            max=file.slices,
            step=1,
            value=file.number,
            label=None,
            updatemode="drag",
            thumbLabel=f"Slice of the {place} scan" if place else "Slice",
        ),
    ]


for _id in _IDS.values():
    clientside_callback(
        ClientsideFunction("predict", "slice"),
        Output(f"{_id}-number", "children"),
        Input(_id, "value"),
        prevent_initial_call=True,
    )
