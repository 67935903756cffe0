"""The part of Evaluate about how well probabilities rank images: curves whose points can be chosen."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from dash import Input, Output, State, callback, html
from dash.development.base_component import Component

from brainmri.evaluation import ClassCurves
from brainmri.wording import but_meets
from dashboard import data, evaluation_figures
from dashboard.chosen import Chosen, read
from dashboard.components import (
    card,
    colours_of,
    estimate_cell,
    graph,
    kept,
    measured,
    nothing_drawn,
    section,
    state_id,
    table,
    told_script,
)
from dashboard.pages.choosing import KEYS, PAINTED, about, among_n, by_probability, shown
from dashboard.pages.undrawn import of_curves

_CURVES = "A curve has no interval of its own; the areas under it have one, below it."
_BEFORE = (
    "They rank images by what the model said before the temperature; so do the probabilities that "
    "show under the pointer."
)
_TITLE = "How well the probabilities separate each class from the rest"
_TYPE = "A class and a probability choose the images with at least that probability."
_CHOOSE = (
    "Choose a point, or a class and a probability below, and the page is about the images with at "
    "least that probability; the curves keep the others, with the threshold marked."
)


def part(view: data.RunView, split: str, chosen: Chosen, about_now: str) -> Component:
    """ROC and precision-recall curves of the chosen images, the chosen threshold marked on them."""
    return html.Div(
        _content(view, split, data.within_curves(view, chosen), chosen.above),
        id="curves-content",
        **told_script(shown=about_now),
    )


def register(page: str) -> None:
    """The callback of the part, on the page that shows it."""

    @callback(
        Output("curves-content", "children"),
        Output("curves-content", "data-shown"),
        Input(*PAINTED),
        State(state_id(page, "run"), "value"),
        State(state_id(page, "split"), "value"),
        *(State(kept(page, key), "data") for key in KEYS),
        prevent_initial_call=True,
    )
    def draw_again(_painted: str, run: str, split: str, *keys: str | None) -> tuple[Any, str]:
        """Other images were chosen, and stand on the page: the curves of them."""
        view = data.find_run(run)
        if view is None:
            return html.Div(), shown(run, split, *keys)
        chosen = data.usable(view, split, read(view.classes, *keys))
        content = _content(view, split, data.within_curves(view, chosen), chosen.above)
        return content, shown(run, split, *keys)


@lru_cache(maxsize=16)  # Figures take longer to build than all else.
def _content(
    view: data.RunView, split: str, among: Chosen, above: tuple[str, float] | None
) -> Component:
    if not data.report(view, split).n:
        return html.Div()
    n = data.chosen_n(view, split, among)
    curves = data.chosen_curves(view, split, among)
    if why := of_curves(curves, among, n):
        # Calibration stands above and says the same of what decides which answers are right.
        said = view.in_memory and among.decides
        return section(
            _TITLE,
            None if said else nothing_drawn(why),
            by_probability(view, above),
            note=[_TYPE, *among_n(among, n)],
        )
    colours = colours_of(view)
    areas = "; ".join(f"{c.name} {measured(c.area)}" for c in curves if c.area.value is not None)
    note: list[Any] = [
        _CURVES,
        f" {_BEFORE}" if view.temperature is not None else "",
        f" {_CHOOSE}",
        *among_n(among, n),
    ]
    return section(
        _title(curves),
        html.Div(
            [
                card(
                    graph(
                        evaluation_figures.roc(curves, colours, above),
                        says=f"ROC curves. Areas: {areas}",
                        why=_CURVES,
                        chooses="roc",
                    ),
                    title=_roc_title(curves),
                ),
                card(
                    graph(
                        evaluation_figures.precision_recall(curves, colours, above),
                        says="Precision-recall curves, one class against the rest. Average precision: "
                        + "; ".join(
                            f"{c.name} {measured(c.average_precision)}"
                            for c in curves
                            if c.average_precision.value is not None
                        ),
                        why=_CURVES,
                        chooses="precision-recall",
                    ),
                    title=_precision_title(curves),
                ),
            ],
            className="columns",
            **about(view, split, among, n),
        ),
        by_probability(view, above),
        table(
            ["Class", "Area under ROC", "Average precision", "Images (n)"],
            [
                [c.name, estimate_cell(c.area), estimate_cell(c.average_precision), f"{n:,}"]
                for c in curves
            ],
            caption="Areas under the curves",
        ),
        note=note,
    )


def _title(curves: list[ClassCurves]) -> str:
    areas = {c.name: c.area.value for c in curves if c.area.value is not None}
    if not areas:
        return _TITLE
    worst = min(areas, key=areas.__getitem__)
    area = next(c.area for c in curves if c.name == worst)
    others = [c.area for c in curves if c.name != worst and c.area.value is not None]
    return (
        f"{worst.capitalize()} is hardest to tell from the rest: area {measured(area)}"
        + but_meets(area, others)
    )


def _roc_title(curves: list[ClassCurves]) -> str:
    areas = [c for c in curves if c.area.value is not None]
    if not areas:
        return "ROC, one class against the rest"
    best = max(areas, key=lambda c: c.area.value or 0.0)
    return f"ROC: {best.name} is easiest to tell from the rest, area {measured(best.area)}"


def _precision_title(curves: list[ClassCurves]) -> str:
    known = [c for c in curves if c.average_precision.value is not None]
    if not known:
        return "Precision and recall, one class against the rest"
    worst = min(known, key=lambda c: c.average_precision.value or 0.0)
    return (
        f"Finding all of {worst.name} costs the most precision: average precision "
        f"{measured(worst.average_precision)}"
    )
