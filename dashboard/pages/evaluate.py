"""Evaluate: one run on one split, down to the images behind each mistake."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from dash import ALL, Input, Output, State, callback, ctx, dcc, html, no_update
from dash.development.base_component import Component

from brainmri.evaluation import ClassCurves, Report
from dashboard import confusions, data, figures
from dashboard.components import (
    SPLIT_WORDS,
    aria,
    card,
    choice,
    colours_of,
    controls,
    counted,
    empty,
    estimate_cell,
    faults,
    graph,
    image_tiles,
    interval,
    legend,
    measured,
    name,
    no_interval,
    no_runs,
    page,
    percent,
    run_picker,
    section,
    state_id,
    table,
    three_figures,
)
from dashboard.confusions import Shares
from dashboard.pages import trust, weak_spots

PAGE = "evaluate"
trust.register(PAGE)
weak_spots.register(PAGE)
MOST_IMAGES = 24
_SEPARATOR = "~"
_CURVES = "A curve has no interval of its own; the areas under it have one, below it."
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
    missing = (
        empty(f"There is no run “{run}”", f"Showing {view.name} instead.")
        if run is not None and run != view.name
        else html.Div()
    )
    split, show = _usable(view, split, show)
    return page(
        "Evaluate",
        "One run in depth: what it confuses, how sure it is, and the images behind each mistake.",
        missing,
        controls(
            run_picker(PAGE, shown, view.name),
            choice(PAGE, "split", "Images", {"test": "Test", "val": "Validation"}, split),
            choice(PAGE, "show", "Matrix shows", {"counts": "Counts", "share": "Row share"}, show),
        ),
        dcc.Store(id={"page": PAGE, "kept": "cell"}, data=cell),
        html.Div(three_figures(data.three_figures(view)), id="evaluate-truths"),
        html.Div(_content(view, split, show), id="evaluate-content"),
        html.Div(_images(view, split, cell), id="evaluate-images", **aria(live="polite")),
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
    truths = three_figures(data.three_figures(view))
    return truths, _content(view, split, show), _below(view, split), _images(view, split, cell)


@callback(
    Output("evaluate-images", "children"),
    Output({"page": PAGE, "kept": "cell"}, "data"),
    Input({"cell": ALL}, "n_clicks"),
    State(state_id(PAGE, "run"), "value"),
    State(state_id(PAGE, "split"), "value"),
    prevent_initial_call=True,
)
def show_cell(clicks: list[int | None], run: str, split: str) -> tuple[Any, Any]:
    """A cell of the matrix was clicked."""
    view = data.find_run(run)
    if view is None or not any(clicks) or not isinstance(ctx.triggered_id, dict):
        return no_update, no_update
    cell = str(ctx.triggered_id["cell"])
    return _images(view, split, cell), cell


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
    cells = confusions.shares(view.tallies.of[split].per_group)
    return html.Div(
        [
            section(
                _confusion_title(report, cells),
                html.Div(
                    [
                        card(_matrix(report, cells, show)),
                        card(_in_words(report, cells), title="In words"),
                    ],
                    className="columns matrix-columns",
                ),
                note="Rows are what the image shows, columns what the model said. Choose a cell to see "
                "its images. In small print the 95 % interval of its share of the row.",
            ),
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
                note=_CURVES,
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


def _matrix(report: Report, shares: Shares, show: str) -> Component:
    """The confusion matrix as a table of buttons, so that it works with keyboard and screen reader."""
    rows = []
    for i, truth in enumerate(report.classes):
        total = int(report.matrix[i].sum())
        cells = []
        for j, said in enumerate(report.classes):
            count = int(report.matrix[i, j])
            share = count / total if total else 0.0
            kind = "right" if i == j else "missed" if j == report.negative else "wrong"
            text = f"{count:,}" if show == "counts" else percent(share) if total else "–"
            estimate = shares[i][j]
            cells.append(
                html.Td(
                    html.Button(
                        [text, html.Small(interval(estimate), className="matrix-interval")]
                        if total
                        else text,
                        id={"cell": f"{truth}{_SEPARATOR}{said}"},
                        className=f"matrix-cell {kind}" + ("" if count else " none"),
                        style={"--share": f"{share:.3f}"},
                        disabled=count == 0,
                        title=counted(estimate, f"images of {truth} called {said}"),
                        **aria(
                            label=f"{counted(estimate, f'images of {truth} called {said}')}; show them"
                        ),
                    )
                )
            )
        rows.append(
            html.Tr([html.Th(truth, scope="row"), *cells, html.Td(f"{total:,}", className="total")])
        )
    return html.Div(
        html.Table(
            [
                html.Caption("Confusion matrix", className="visually-hidden"),
                html.Thead(
                    [
                        html.Tr(
                            [
                                html.Th("shows", className="corner"),
                                html.Th("the model said", colSpan=len(report.classes)),
                                html.Th("", className="totals"),
                            ]
                        ),
                        html.Tr(
                            [
                                html.Th(""),
                                *(html.Th(c, scope="col") for c in report.classes),
                                html.Th("n", className="totals"),
                            ]
                        ),
                    ]
                ),
                html.Tbody(rows),
            ],
            className="matrix",
        ),
        className="scroll",
    )


def _confusion_title(report: Report, shares: Shares) -> str:
    if not report.confusions:
        return f"All images were named right: {counted(report.accuracy)}"
    first = report.confusions[0]
    share = confusions.share_of(first, shares, report.classes)
    return f"{first.truth.capitalize()} is most often mistaken for {first.answer}: {counted(share)}"


def _in_words(report: Report, shares: Shares) -> Component:
    lines = [
        html.Li([html.Strong("Missed tumours: "), counted(report.missed)]),
        html.Li([html.Strong("False alarms: "), counted(report.false_alarms)]),
        html.Li([html.Strong("All right answers: "), counted(report.accuracy)]),
    ]
    lines += [
        html.Li(
            f"{c.truth} called {c.answer}: {counted(confusions.share_of(c, shares, report.classes))}"
        )
        for c in report.confusions[:5]
    ]
    if report.seen is not None:
        lines.append(
            html.Li(
                f"{report.seen:,} of {report.n:,} images have a near-copy in training.",
                **no_interval("A count of these very images, not an estimate of others."),
            )
        )
    if report.unlabelled:
        lines.append(
            html.Li(
                f"{report.unlabelled:,} images without a label are left out.",
                **no_interval("A count of these very images, not an estimate of others."),
            )
        )
    return html.Ul(lines, className="plain-list")


def _images(view: data.RunView, split: str, cell: str | None) -> Component:
    truth, _, said = (cell or "").partition(_SEPARATOR)
    classes = view.classes
    if truth not in classes or said not in classes:
        return html.Div()
    count, shown = data.cell_images(view, split, truth, said, MOST_IMAGES)
    if not count:
        return section(
            f"No {truth} was called {said}",
            html.P(f"{view.name} made no such answer on the {SPLIT_WORDS[split]} images."),
        )
    return section(
        f"{count:,} {'image' if count == 1 else 'images'} of {truth} called {said}"
        + (f"; the {len(shown)} surest" if count > len(shown) else ""),
        image_tiles(view, shown),
        why="Counted here; their share and its interval are in the matrix.",
        note="The surest answers first." if count > 1 else None,
    )
