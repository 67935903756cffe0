"""Evaluate: one run on one split, down to the images behind each mistake."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from dash import Input, Output, State, callback, ctx, dcc, html, no_update
from dash.development.base_component import Component

from brainmri.evaluation import ClassCurves
from dashboard import confusions, data, figures
from dashboard.components import (
    SPLIT_WORDS,
    aria,
    card,
    choice,
    colours_of,
    controls,
    empty,
    estimate_cell,
    faults,
    graph,
    legend,
    measured,
    name,
    no_runs,
    not_shown,
    page,
    report_link,
    run_picker,
    section,
    state_id,
    table,
    three_figures,
)
from dashboard.pages import confusion, trust, weak_spots

PAGE = "evaluate"
confusion.register(PAGE)
trust.register(PAGE)
weak_spots.register(PAGE)
_CURVES = "A curve has no interval of its own; the areas under it have one, below it."
_BEFORE = (
    "They rank images by what the model said before the temperature; so do the probabilities that "
    "show under the pointer."
)
_LOSSES = "A loss is one number per epoch of this one training, so it has no interval."


def layout(
    run: str | None = None,
    split: str | None = None,
    show: str | None = None,
    cell: str | None = None,
    by: str | None = None,
    rank: str | None = None,
    find: str | None = None,
    worth: str | None = None,
    slice: str | None = None,  # noqa: A002 (a key of the address)
    **_query: str,
) -> Component:
    """The page in the state that the URL gives."""
    shown, broken = data.list_runs()
    problems = faults("These runs cannot be shown", [(b.name, b.fault) for b in broken])
    view = data.find_run(run)
    if view is None:
        return page("Evaluate", "One run in depth.", no_runs(), problems)
    split, show = _usable(view, split, show)
    return page(
        "Evaluate",
        "One run in depth: what it confuses, how sure it is, and the images behind each mistake.",
        not_shown(run, view.name, f"Showing {view.name} instead."),
        controls(
            run_picker(PAGE, shown, view.name),
            choice(PAGE, "split", "Images", {"test": "Test", "val": "Validation"}, split),
            choice(PAGE, "show", "Matrix shows", {"counts": "Counts", "share": "Row share"}, show),
        ),
        dcc.Store(id={"page": PAGE, "kept": "cell"}, data=cell),
        html.Div(_truths(view), id="evaluate-truths"),
        html.Div(_content(view, split, show), id="evaluate-content"),
        html.Div(confusion.images(view, split, cell), id="evaluate-images", **aria(live="polite")),
        *(
            [
                trust.part(PAGE, view, split, find, worth),
                weak_spots.part(PAGE, view, split, by, rank, slice),
            ]
            if view.in_memory
            else [_too_many()]
        ),
        html.Div(_below(view, split), id="evaluate-below"),
        problems,
    )


@callback(
    Output("evaluate-truths", "children"),
    Output("evaluate-content", "children"),
    Output("evaluate-below", "children"),
    Output("evaluate-images", "children", allow_duplicate=True),
    Input(state_id(PAGE, "run"), "value"),
    Input(state_id(PAGE, "split"), "value"),
    Input(state_id(PAGE, "show"), "value"),
    State({"page": PAGE, "kept": "cell"}, "data"),
    prevent_initial_call=True,
)
def show_run(run: str, split: str, show: str, cell: str | None) -> tuple[Any, ...]:
    """Another run, split or matrix was chosen."""
    view = data.find_run(run)
    if view is None:
        return html.Div(), no_runs(), html.Div(), html.Div()
    if ctx.triggered_id == state_id(PAGE, "show"):  # The rest stays as it is.
        return no_update, _content(view, split, show), no_update, no_update
    return (
        _truths(view),
        _content(view, split, show),
        _below(view, split),
        confusion.images(view, split, cell),
    )


def _truths(view: data.RunView) -> list[Component]:
    return [report_link(view), three_figures(data.three_figures(view))]


def _too_many() -> Component:
    return section(
        "Calibration and weak spots",
        empty(
            "This table has very many labelled images",
            "Its counts and curves are above and below; calibration, thresholds and slices need the "
            "single rows, so they are shown for smaller tables.",
        ),
    )


def _usable(view: data.RunView, split: str | None, show: str | None) -> tuple[str, str]:
    usable_split = split if split in ("test", "val") else next(iter(view.splits), "test")
    return usable_split, show if show in ("counts", "share") else "counts"


def _content(view: data.RunView, split: str, show: str) -> Component:
    report = data.report(view, split)
    if not report.n:
        return empty(
            f"{view.name} has no labelled {SPLIT_WORDS[split]} images",
            "Choose other images above, or score labelled ones with `python -m brainmri predict`.",
        )
    return html.Div(
        [
            confusion.part(report, confusions.shares(view.tallies.of[split].per_group), show),
            section(
                "Per class",
                table(
                    ["Class", "Precision (right when said)", "Recall (found)", "F1", "Images (n)"],
                    [
                        [
                            c.name,
                            estimate_cell(c.precision),
                            estimate_cell(c.recall),
                            estimate_cell(c.f1),
                            f"{c.support:,}",
                        ]
                        for c in report.per_class
                    ]
                    + [
                        [
                            "weighted",
                            estimate_cell(report.precision),
                            estimate_cell(report.recall),
                            estimate_cell(report.f1),
                            f"{report.n:,}",
                        ]
                    ],
                    caption=f"Precision, recall and F1 per class of {report.run}",
                ),
                note="Under each figure its 95 % interval.",
            ),
        ]
    )


@lru_cache(maxsize=8)  # Figures take longer to build than all else.
def _below(view: data.RunView, split: str) -> Component:
    report = data.report(view, split)
    if not report.n:
        return html.Div()
    curves = data.curves(view, split)
    colours = colours_of(view)
    areas = "; ".join(f"{c.name} {measured(c.area)}" for c in curves if c.area.value is not None)
    return html.Div(
        [
            section(
                _curves_title(curves),
                legend(colours),
                html.Div(
                    [
                        card(
                            graph(
                                figures.roc(curves, colours),
                                says=f"ROC curves. Areas: {areas}",
                                why=_CURVES,
                            ),
                            title="ROC, one class against the rest",
                        ),
                        card(
                            graph(
                                figures.precision_recall(curves, colours),
                                says="Precision-recall curves, one class against the rest",
                                why=_CURVES,
                            ),
                            title="Precision and recall, one class against the rest",
                        ),
                    ],
                    className="columns",
                ),
                table(
                    ["Class", "Area under ROC", "Average precision", "Images (n)"],
                    [
                        [
                            c.name,
                            estimate_cell(c.area),
                            estimate_cell(c.average_precision),
                            f"{report.n:,}",
                        ]
                        for c in curves
                    ],
                    caption="Areas under the curves",
                ),
                note=_CURVES if view.temperature is None else f"{_CURVES} {_BEFORE}",
            ),
            _history(view),
        ]
    )


def _curves_title(curves: list[ClassCurves]) -> str:
    areas = {c.name: c.area.value for c in curves if c.area.value is not None}
    if not areas:
        return "How well the probabilities separate each class from the rest"
    worst = min(areas, key=areas.__getitem__)
    area = next(c.area for c in curves if c.name == worst)
    return f"{worst.capitalize()} is hardest to tell from the rest: area {measured(area)}"


def _history(view: data.RunView) -> Component:
    if view.run is None:
        return section("Training", html.P("This run's predictions come from another tool."))
    run = view.run
    facts = html.Span(
        f"{run.architecture}, split {run.protocol}, seed {run.seed}, "
        f"{run.images.get('train', 0):,} training and {run.images.get('val', 0):,} validation images, "
        f"made {run.created.replace('T', ' ')[:16]} UTC, model {run.model_sha256[:12]}.",
        **name("version"),
    )
    best = run.best_epoch
    if best is None:
        return section(
            "Training", html.P("This model has no epochs: it is fitted in one step."), note=facts
        )
    return section(
        f"Epoch {best['epoch']:.0f} of {len(run.history)} was kept: it has the lowest validation loss",
        card(
            graph(
                figures.history(run.history, best),
                says="Loss by epoch: "
                + "; ".join(
                    f"epoch {e['epoch']:.0f} training {e['train_loss']:.3f}, validation {e['val_loss']:.3f}"
                    for e in run.history
                ),
                why=_LOSSES,
            )
        ),
        why=_LOSSES,
        note=facts,
    )
