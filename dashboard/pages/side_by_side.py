"""The parts of Compare that lay two runs over or beside each other: curves, training, settings."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from brainmri.beside import Setting, Side
from brainmri.comparison import Comparison
from brainmri.runs import Run
from dashboard import data, evaluation_figures, trust_figures
from dashboard.components import (
    LOSSES,
    card,
    graph,
    loss_history,
    measured,
    name,
    no_interval,
    points,
    points_interval,
    section,
    table,
)
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
                        says="Right answers by how sure the model was. Calibration error: "
                        + "; ".join(errors),
                    ),
                    html.P(f"Calibration error: {'; '.join(errors)}.", className="note"),
                    title="Calibration: right answers by how sure the model was",
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
    return "The probabilities of both can be taken at their word about equally"


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
        f"ROC: {said}, area {points(area.value)} ({points_interval(area)} points, n = {area.n:,}) for "
        f"{found.run_b}"
    )


def _training_title(runs: list[Run]) -> str:
    kept = [(run, run.best_epoch) for run in runs]
    losses = [f"{best['val_loss']:.3f} ({run.name})" for run, best in kept if best is not None]
    if not losses:
        return "How they were trained: loss by epoch"
    return f"The validation loss of what was kept is {' and '.join(losses)}"


def training(view: data.RunView, beside: data.RunView) -> Component:
    """The losses of both trainings, in two figures with the same scale."""
    runs = [one.run for one in (view, beside) if one.run is not None and one.run.history]
    if not runs:
        return section("Neither run has a training history")
    top = max(max(e["train_loss"], e["val_loss"]) for run in runs for e in run.history)
    return section(
        _training_title(runs),
        html.Div([_history(one, top) for one in (view, beside)], className="columns"),
        why=LOSSES,
        note="Both with the same scale; the ring is the epoch that was kept.",
    )


def _history(view: data.RunView, top: float) -> Component:
    run = view.run
    best = None if run is None else run.best_epoch
    if run is None or best is None:
        what = (
            "Its predictions come from another tool."
            if run is None
            else "It has no epochs: it is fitted in one step."
        )
        return card(html.P(what), title=view.name)
    said = (
        f"Epoch {best['epoch']:.0f} of {len(run.history)} was kept, "
        f"validation loss {best['val_loss']:.3f}."
    )
    return card(
        loss_history(run, best, top=top),
        html.P(said, className="note", **no_interval(LOSSES)),
        title=view.name,
    )


def configuration(view: data.RunView, beside: data.RunView) -> Component:
    """What was set differently; all that was set alike behind a click."""
    if view.run is None or beside.run is None:
        foreign = " and ".join(one.name for one in (view, beside) if one.run is None)
        return section(f"How {foreign} was made is not recorded: it comes from another tool")
    settings = data.compare_settings(beside, view)
    differ = [one for one in settings if one.differs]
    alike = [one for one in settings if not one.differs]
    title = (
        ["They differ in ", html.Span(f"{len(differ)} settings", **name("setting"))]
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
