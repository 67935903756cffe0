"""Figures with their text for screen readers, legends, bars of probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from brainmri.runs import Run
from brainmri.wording import probability
from dashboard import data, figures
from dashboard.components.exports import export_frame
from dashboard.components.values import drawn_values
from dashboard.components.words import aria, no_interval, told_script
from dashboard.theme import GRAPH_CONFIG, class_colours

HEIGHT_PX = 320
"""Of a figure that names no height."""
LOSSES = "A loss is one number per epoch of one training, so it has no interval."
ONE_IMAGE = "What the model says of one image, not a share of many, so it has no interval."


def graph(
    figure: go.Figure, *, says: str, why: str | None = None, chooses: str | None = None
) -> Component:
    """A figure; `says` is its text for screen readers, `why` why its numbers have no interval.

    All that is drawn, or even steps of it, unfolds below the figure as a table. A click on a point of a
    figure that `chooses` something is told as that of {"figure": chooses}.
    """
    height = figure.layout.height or HEIGHT_PX
    identity: dict[str, Any] = {} if chooses is None else {"id": {"figure": chooses}}
    shown = html.Div(
        dcc.Graph(figure=figure, config=GRAPH_CONFIG, style={"height": height}, **identity),
        className="figure" if chooses is None else "figure choosing",
        # The room is kept from the start, so that nothing moves when the figure is drawn.
        style={"minHeight": height},
        role="img",
        **aria(label=says),
        **({} if why is None else no_interval(why)),
    )
    told = drawn_values(figure, says=says, why=why)
    return export_frame(
        shown,
        told,
        **({} if told is None else {"csv": "Download the values of this figure as CSV"}),
        png="Download this figure as PNG",
        svg="Download this figure as SVG",
    )


def nothing_drawn(*why: str) -> Component:
    """What stands in the place of figures that have nothing to draw: why, a sentence each."""
    return html.Div([html.P(one) for one in why], className="nothing-drawn")


def loss_history(run: Run, best: Mapping[str, float]) -> Component:
    """The losses of a training by epoch, `best` marked."""
    told = "; ".join(
        f"epoch {e['epoch']:.0f} training {e['train_loss']:.3f}, validation {e['val_loss']:.3f}"
        for e in run.history
    )
    return html.Div(
        graph(
            figures.history(run.history, best),
            says=f"Loss of {run.name} by epoch: {told}",
            why=LOSSES,
        ),
        **told_script(
            about=f"{run.name}, n = {run.images.get('train', 0):,} training and "
            f"{run.images.get('val', 0):,} validation images"
        ),
    )


def legend(colours: Mapping[str, str]) -> Component:
    """Class names beside their colours."""
    return html.Ul(
        [
            html.Li([html.Span(className="swatch", style={"background": colour}), name])
            for name, colour in colours.items()
        ],
        className="legend",
        **aria(label="Colours of the classes"),
    )


def colours_of(view: data.RunView) -> dict[str, str]:
    """Class colours of a run."""
    return {
        name: colour
        for name, colour in class_colours(view.classes, view.negative_class).items()
        if name in view.classes
    }


def whose_probabilities(temperature: float | None, *, is_run: bool) -> str:
    """Which probabilities of single images are shown: the same on every page."""
    if not is_run:
        return "The probabilities are those that the table of another tool holds."
    if temperature is None:
        return (
            "The probabilities are what the model says, on Predict as everywhere: no temperature is "
            "fitted."
        )
    return (
        "The probabilities are calibrated (after the temperature of this run), on Predict as "
        "everywhere."
    )


def probability_bars(probabilities: Mapping[str, float], colours: Mapping[str, str]) -> Component:
    """Class probabilities as labelled bars, most probable first."""
    ordered = sorted(probabilities.items(), key=lambda entry: -entry[1])
    return html.Ul(
        [
            html.Li(
                [
                    html.Span(name, className="bar-name"),
                    html.Span(
                        html.Span(
                            className="bar-fill",
                            style={"width": f"{100 * p:.2f}%", "background": colours[name]},
                        ),
                        className="bar-track",
                    ),
                    # Whole, too, so that a page can be held against the API and the table.
                    html.Span(
                        probability(p), className="bar-value", **told_script(probability=f"{p:.7f}")
                    ),
                ]
            )
            for name, p in ordered
        ],
        className="bars",
        **aria(label="Class probabilities"),
        **no_interval(ONE_IMAGE),
    )
