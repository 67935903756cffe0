"""The picture of an answer, with a map of the evidence for each class over it."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import (
    ALL,
    MATCH,
    ClientsideFunction,
    Input,
    Output,
    clientside_callback,
    dcc,
    html,
)
from dash.development.base_component import Component

from brainmri.answer import Maps
from dashboard import data, figures, map_figures
from dashboard.components import aria, drawn_frame
from dashboard.pages import predict_occlusion
from dashboard.pages.predict_words import OUTCOMES, verdict_words, who_answered

_OPACITY = 60


def stage(
    looked: data.Looked, what: str, over: Component | None = None, **identity: Any
) -> Component:
    """The picture in its own shape, with an `id` where it has one, and what lies over it."""
    height, width = looked.shape_px
    picture = html.Img(
        src=figures.png_uri(looked.picture_png),
        alt=f"{what}: grey, upright",
        className="picture",
        **identity,
    )
    return html.Div(
        [picture, over],
        className="stage",
        style={"aspectRatio": f"{width} / {height}", "--ratio": f"{width / height:.4f}"},
    )


def viewer(answered: data.Answered, key: str, what: str) -> Component:
    """The picture, a map of the evidence for each class over it, and what changes the two."""
    finding = answered.answer.finding
    maps = None if finding is None else finding.maps
    if maps is None or finding is None:
        why = (
            None
            if finding is None
            else "This model gives no map of where it looked: it has no class-activation maps."
        )
        return html.Div(
            [_drawn(answered, what, stage(answered.looked, what)), html.P(why, className="note")],
            className="viewer",
        )
    told = {
        "answer": finding.answer,
        "unchecked": predict_occlusion.unchecked(maps.by_class, finding.answer),
        "doubt": predict_occlusion.NOT_YET,
    }
    return html.Div(
        [
            _drawn(
                answered,
                what,
                stage(answered.looked, what, _overlay(maps, answered.looked.shape_px, key)),
                html.Div(predict_occlusion.place(key), id={"answer": key, "part": "check"}),
                html.P(
                    id={"answer": key, "part": "unchecked"},
                    className="caution map-unchecked",
                    hidden=True,
                    **aria(live="polite"),
                ),
            ),
            dcc.Store(id={"answer": key, "part": "told"}, data=told),
            html.Div(
                [
                    dmc.Checkbox(
                        id={"answer": key, "part": "drawn"},
                        label="Draw the map over the picture",
                        checked=False,
                        size="sm",
                    ),
                    html.Div("Evidence for", className="picker-label"),
                    dmc.SegmentedControl(
                        id={"answer": key, "part": "class"},
                        data=[{"value": one, "label": one} for one in maps.by_class],
                        value=finding.answer,
                        size="xs",
                        fullWidth=True,
                        **aria(label="Class whose evidence is shown"),
                    ),
                    html.Div("Opacity of the map", className="picker-label"),
                    dmc.Slider(
                        id={"answer": key, "part": "opacity"},
                        min=0,
                        max=100,
                        step=5,
                        value=_OPACITY,
                        label=None,
                        updatemode="drag",
                        thumbLabel="Opacity of the map",
                        size="sm",
                    ),
                    html.Div(
                        [
                            html.Span("weak"),
                            html.Span(className="ramp evidence"),
                            html.Span("strong evidence"),
                        ],
                        className="scale-bar",
                    ),
                    html.P(
                        id={"answer": key, "part": "doubt"},
                        className="caution map-doubt",
                        hidden=True,
                    ),
                    html.P(
                        "Where the model found evidence for the class, on one scale for all classes. "
                        "It is coarse, and no outline of a tumour.",
                        className="note",
                    ),
                ],
                className="viewer-controls",
            ),
        ],
        className="viewer",
    )


def _drawn(answered: data.Answered, what: str, *shown: Component) -> Component:
    """The picture with what is said of its map, which can be downloaded as it stands."""
    finding, run = answered.answer.finding, answered.run
    said = OUTCOMES["refused"] if finding is None else verdict_words(finding, run.negative_class)
    return drawn_frame(
        *shown,
        about=f"Picture of {what}. {who_answered(answered)}",
        what="this picture with its map",
        finding=said,
    )


def _overlay(maps: Maps, shape_px: tuple[int, int], key: str) -> Component:
    """A map for each class, none of them drawn: assets/predict.js draws what is checked or asked for."""
    drawn = [
        html.Img(
            src=source,
            alt="",
            id={"answer": key, "map": one},
            className="map",
            style={"opacity": 0},
        )
        for one, source in map_figures.overlays(maps.by_class).items()
    ]
    place = html.Div(drawn, className="map-place", style=map_figures.place(maps.box, shape_px))
    over = html.Span(
        id={"answer": key, "part": "over"},
        className="stage-doubt",
        hidden=True,
        **aria(hidden="true"),
    )
    return html.Div([place, over])


# In the browser, so that the map moves with the slider and without a request.
clientside_callback(
    ClientsideFunction("predict", "overlay"),
    Output({"answer": MATCH, "map": ALL}, "style"),
    Output({"answer": MATCH, "part": "check"}, "hidden"),
    Output({"answer": MATCH, "part": "unchecked"}, "hidden"),
    Output({"answer": MATCH, "part": "unchecked"}, "children"),
    *(
        Output({"answer": MATCH, "part": one}, prop)
        for one in ("doubt", "over")
        for prop in ("hidden", "children")
    ),
    Input({"answer": MATCH, "part": "class"}, "value"),
    Input({"answer": MATCH, "part": "opacity"}, "value"),
    Input({"answer": MATCH, "part": "drawn"}, "checked"),
    Input({"answer": MATCH, "part": "told"}, "data"),
)
