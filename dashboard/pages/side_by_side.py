"""The parts of Compare that lay two runs over or beside each other: curves, training, settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dash import html
from dash.development.base_component import Component

from brainmri.beside import Setting, Side
from brainmri.comparison import Comparison
from brainmri.runs import Run
from brainmri.wording import counted
from dashboard import data, evaluation_figures, figures, trust_figures
from dashboard.components import (
    LOSSES,
    card,
    graph,
    measured,
    name,
    no_interval,
    percent,
    points,
    points_interval,
    section,
    table,
    told_script,
)
from dashboard.pages import trust_titles
from dashboard.theme import ACCENT, OTHER_RUN

_CURVES = "A curve has no interval of its own; the area under it has one, in the line below it."


def curves(found: Comparison, sides: tuple[Side, Side]) -> Component:
    """Calibration and tumour curves of both runs, in the same figures."""
    runs = {found.run_a: (sides[0], OTHER_RUN), found.run_b: (sides[1], ACCENT)}
    errors = [f"{run} {measured(side.error)}" for run, (side, _) in runs.items()]
    areas = [f"{run} {measured(side.area)}" for run, (side, _) in runs.items()]
    drawn = {run: (side.roc, colour) for run, (side, colour) in runs.items() if side.roc}
    roc = (
        graph(
            evaluation_figures.tumour_roc(drawn),
            says=f"ROC curves, tumour against no tumour. Areas: {'; '.join(areas)}",
            why=_CURVES,
        )
        if drawn
        else html.P("These images are of one kind only, so there is no curve.")
    )
    return section(
        _curves_title(found, sides),
        html.Div(
            [
                card(
                    graph(
                        trust_figures.reliabilities(
                            [(run, side.reliability, c) for run, (side, c) in runs.items()]
                        ),
                        says="Reliability diagram of both. Calibration error: " + "; ".join(errors),
                    ),
                    html.P(f"Calibration error: {'; '.join(errors)}.", className="note"),
                    title=_calibration_title(found, sides),
                ),
                card(
                    roc,
                    html.P(f"Area under the curve: {'; '.join(areas)}.", className="note"),
                    title=_roc_title(found),
                ),
            ],
            className="columns",
        ),
        note=[
            "On the images that both answered, probabilities after each run's temperature where it has "
            f"one. {_CURVES}"
        ],
    )


def _curves_title(found: Comparison, sides: tuple[Side, Side]) -> str:
    a, b = sides[0].error, sides[1].error
    if a.value is None or b.value is None:
        return "Calibration and ROC, overlaid"
    (surer, low), (other, high) = sorted(
        [(found.run_a, a), (found.run_b, b)], key=lambda one: one[1].value or 0.0
    )
    if low.high is not None and high.low is not None and low.high < high.low:
        return (
            f"The probabilities of {surer} can be taken more at their word: they are off by "
            f"{measured(low)}, those of {other} by {measured(high)}"
        )
    return (
        f"Neither is shown to be better calibrated: the probabilities of {surer} are off by {measured(low)}, "
        f"those of {other} by {measured(high)}"
    )


def _calibration_title(found: Comparison, sides: tuple[Side, Side]) -> str:
    """What comes of answers given with about ninety percent, of both runs."""
    said = [
        f"{right} for {run}"
        for run, side in ((found.run_b, sides[1]), (found.run_a, sides[0]))
        if (right := trust_titles.of_ninety(side.reliability)) is not None
    ]
    if not said:
        return "Calibration: right answers by how sure the model was"
    return f"Of the answers given with about ninety percent, {' and '.join(said)} are right"


def _roc_title(found: Comparison) -> str:
    area = found.difference("auroc").difference
    if area.value is None or area.low is None or area.high is None:
        return "ROC: tumour against no tumour"
    better = found.run_b if area.low > 0 else found.run_a if area.high < 0 else None
    said = (
        "neither run clearly tells tumour from no tumour better"
        if better is None
        else f"{better} tells tumour from no tumour better"
    )
    return (
        f"ROC: {said}, area {points(area.value)} ({points_interval(area)}\u00a0points, n = {area.n:,}) for "
        f"{found.run_b}"
    )


def training(view: data.RunView, beside: data.RunView) -> Component:
    """How both were trained, in the same figures: loss, and right answers, by epoch."""
    trained = {
        one.name: (one.run, best, colour)
        for one, colour in ((view, ACCENT), (beside, OTHER_RUN))
        if one.run is not None and (best := one.run.best_epoch) is not None
    }
    if not trained:
        return section("Neither run has a training history")
    drawn = {name: (run.history, best, colour) for name, (run, best, colour) in trained.items()}
    measures = [
        measure
        for measure in _EPOCHS
        if all(f"{part}_{measure}" in epoch for run, _, _ in trained.values()
               for epoch in run.history for part in ("train", "val"))
    ]  # fmt: skip
    return section(
        _training_title({name: best for name, (_, best, _) in trained.items()}),
        html.Div(
            [_trained(drawn, measure) for measure in measures],
            className="columns",
            **told_script(about=f"Training of {' and '.join(drawn)}"),
        ),
        *(_kept(one) for one in (view, beside)),
        why=LOSSES,
        note="Solid on validation images, dotted on training images; the ring is the epoch that was kept.",
    )


_EPOCHS: dict[str, tuple[str, Callable[[float], str]]] = {
    "loss": ("Loss", "{:.3f}".format),
    "accuracy": ("Right answers", percent),
}
"""What is recorded by epoch, in words, and its form."""


def _trained(drawn: Mapping[str, figures.Trained], measure: str) -> Component:
    """One measure of the trainings by epoch, under what the kept epochs reached."""
    words, form = _EPOCHS[measure]
    reached = [
        f"{form(best[f'val_{measure}'])} in epoch {best['epoch']:.0f} ({name})"
        for name, (_, best, _) in drawn.items()
    ]
    said = f"{words} on validation images: {', '.join(reached)}"
    return card(
        graph(figures.histories(drawn, measure), says=said, why=LOSSES),
        title=html.Span(said, **no_interval(LOSSES)),
    )


def _training_title(kept: Mapping[str, Mapping[str, float]]) -> str:
    losses = {name: best["val_loss"] for name, best in kept.items()}
    lowest = min(losses, key=losses.__getitem__)
    said = f"The lowest validation loss of {lowest} is {losses[lowest]:.3f}"
    return said + "".join(f", that of {n} {loss:.3f}" for n, loss in losses.items() if n != lowest)


def _kept(view: data.RunView) -> Component:
    """Which epoch of a run was kept, or why it has none."""
    run = view.run
    if run is None:
        said = "Its predictions come from another tool."
    else:
        said = " ".join(run.kept) or "It has no epochs: it is fitted in one step."
    return html.P([html.Strong(f"{view.name}: "), said], className="note", **no_interval(LOSSES))


def configuration(view: data.RunView, beside: data.RunView) -> Component:
    """What was set differently; all that was set alike behind a click."""
    if view.run is None or beside.run is None:
        foreign = " and ".join(one.name for one in (view, beside) if one.run is None)
        return section(f"How {foreign} was made is not recorded: it comes from another tool")
    every = data.compare_settings(beside, view)
    results = [one for one in every if one.is_result]
    settings = [one for one in every if not one.is_result]
    differ = [one for one in settings if one.differs]
    alike = [one for one in settings if not one.differs]
    title = (
        ["They differ in ", html.Span(counted(len(differ), "setting"), **name("setting"))]
        if differ
        else "They were made with the same settings"
    )
    return section(
        title,
        _settings(differ, view.run, beside.run, "Settings that differ") if differ else None,
        html.Details(
            [
                html.Summary(html.Span(f"{len(alike)} settings are the same", **name("setting"))),
                _settings(alike, view.run, beside.run, "Settings that are the same"),
            ],
            className="more",
        ),
        html.Details(
            [
                html.Summary("What came of them: epochs, temperature, operating point, date"),
                _settings(results, view.run, beside.run, "What came of the settings"),
            ],
            className="more",
        ),
    )


def _settings(settings: list[Setting], b: Run, a: Run, caption: str) -> Component:
    return table(
        ["Setting", b.name, a.name],
        [
            [
                html.Span(one.name, **name("setting")),
                *(
                    html.Span("not set" if text is None else text, **name("setting"))
                    for text in (one.b, one.a)
                ),
            ]
            for one in settings
        ],
        caption=caption,
    )
