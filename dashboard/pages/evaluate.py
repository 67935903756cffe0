"""Evaluate: one run on one split, down to the images behind each mistake."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from dash import (
    ClientsideFunction,
    Input,
    Output,
    State,
    callback,
    clientside_callback,
    ctx,
    html,
    no_update,
)
from dash.development.base_component import Component

from brainmri.evaluation import Report, by_recall
from brainmri.slices import FEWEST
from brainmri.wording import but_meets
from dashboard import data, evaluation_figures
from dashboard.chosen import Chosen, read
from dashboard.components import (
    LOSSES,
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
    kept,
    loss_history,
    measured,
    name,
    no_interval,
    no_runs,
    not_shown,
    page,
    report_link,
    run_picker,
    section,
    state_id,
    table,
    three_figures,
    told_script,
)
from dashboard.pages import choosing, confusion, curves, gallery, image_panel, trust, weak_spots

PAGE = "evaluate"
_FITS_PICKER = 24
"""Letters of a run's name that its picker has room for."""
choosing.register()
trust.register(PAGE)
weak_spots.register(PAGE)
curves.register(PAGE)
image_panel.register(PAGE)


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
    above: str | None = None,
    sure: str | None = None,
    sort: str | None = None,
    first: str | None = None,
    like: str | None = None,
    image: str | None = None,
    **_query: str,
) -> Component:
    """The page in the state that the URL gives."""
    shown, broken = data.list_runs()
    problems = faults("These runs cannot be shown", [(b.name, b.fault) for b in broken])
    view = data.find_run(run)
    if view is None:
        return page("Evaluate", "One run in depth.", no_runs(), problems)
    asked, asked_show = split, show
    split, show = _usable(view, split, show)
    keys = cell, slice, above, sure
    chosen = data.usable(view, split, read(view.classes, *keys))
    now = choosing.shown(view.name, split, *keys)
    set_to = trust.settings(find=find, worth=worth) if view.in_memory else {}
    return page(
        "Evaluate",
        "One run in depth: what it confuses, how sure it is, and the images behind each mistake.",
        not_shown(run, view.name, f"Showing {view.name} instead."),
        controls(
            run_picker(PAGE, shown, view.name),
            choice(
                PAGE, "split", "Images", {"test": "Test", "val": "Validation"}, split, asked=asked
            ),
            choice(
                PAGE,
                "show",
                "Matrix shows",
                {"counts": "Counts", "share": "Row share"},
                show,
                asked=asked_show,
            ),
        ),
        choosing.stores(
            PAGE,
            cell=cell,
            slice=slice,
            above=above,
            sure=sure,
            like=like,
            image=image,
            first=first,
            **set_to,
        ),
        html.Div(_truths(view), id="evaluate-truths", **told_script(shown=view.name)),
        html.Div(
            choosing.bar(view, split, chosen, *keys),
            id="evaluate-chosen",
            className="chosen-bar",
            role="region",
            tabIndex="-1",  # Of the last chip the focus goes to it: assets/focus.js.
            disable_n_clicks=True,
            **told_script(shown=now),
            **aria(label="Chosen images", live="polite"),
        ),
        html.Div(
            _matrix(view, split, chosen),
            id="evaluate-content",
            disable_n_clicks=True,
            **told_script(show=show, shown=choosing.shown_but_cell(view.name, split, *keys)),
        ),
        html.Div(_per_class(view, split, chosen), id="evaluate-classes", **told_script(shown=now)),
        gallery.part(PAGE, view, split, chosen, now, sort, first, like),
        weak_spots.part(PAGE, view, split, by, rank, chosen, now),
        *(trust.not_offered(find=find, worth=worth) if view.in_memory else ()),
        trust.part(view, split, chosen, now, set_to) if view.in_memory else _too_many(),
        html.Div(curves.part(view, split, chosen, now)),
        html.Div(_history(view), id="evaluate-below", **told_script(shown=view.name)),
        image_panel.panel(PAGE, view, image),
        problems,
    )


@callback(
    Output("evaluate-truths", "children"),
    Output("evaluate-content", "children"),
    Output("evaluate-below", "children"),
    Output("evaluate-truths", "data-shown"),
    Output("evaluate-content", "data-shown"),
    Output("evaluate-below", "data-shown"),
    Input(state_id(PAGE, "run"), "value"),
    Input(state_id(PAGE, "split"), "value"),
    Input(kept(PAGE, "slice"), "data"),
    Input(kept(PAGE, "above"), "data"),
    Input(kept(PAGE, "sure"), "data"),
    State(kept(PAGE, "cell"), "data"),
    prevent_initial_call=True,
)
def show_run(run: str, split: str, *others: str | None) -> tuple[Any, ...]:
    """Another run or split was chosen, or what the matrix counts; a cell is only marked in it."""
    *rest, cell = others
    keys = cell, *rest
    view, now = data.find_run(run), choosing.shown_but_cell(run, split, *keys)
    if view is None:
        return html.Div(), _no_matrix(no_runs()), html.Div(), run, now, run
    matrix = _matrix(view, split, data.usable(view, split, read(view.classes, *keys)))
    if ctx.triggered_id not in (state_id(PAGE, "run"), state_id(PAGE, "split")):
        return no_update, matrix, no_update, no_update, now, no_update
    return _truths(view), matrix, _history(view), run, now, run


@callback(
    Output("evaluate-chosen", "children"),
    Output("evaluate-words", "children"),
    Output("evaluate-chosen", "data-shown"),
    Output("gallery-head", "children"),
    Output("gallery-tiles", "children"),
    Output("gallery-head", "data-shown"),
    Output("gallery-tiles", "data-shown"),
    Input(state_id(PAGE, "run"), "value"),
    Input(state_id(PAGE, "split"), "value"),
    *(Input(kept(PAGE, key), "data") for key in choosing.KEYS),
    Input(state_id(PAGE, "sort"), "value"),
    Input(kept(PAGE, "like"), "data"),
    State("evaluate-chosen", "data-shown"),
    prevent_initial_call=True,
)
def show_chosen(
    run: str,
    split: str,
    cell: str | None,
    slice_: str | None,
    above: str | None,
    sure: str | None,
    sort: str,
    like: str | None,
    shown: str,
) -> tuple[Any, ...]:
    """Other images were chosen, or another order of them: all that a click is about at once."""
    view, now = data.find_run(run), choosing.shown(run, split, cell, slice_, above, sure)
    if view is None:
        return html.Div(), no_update, now, html.Div(), html.Div(), now, now
    chosen = data.usable(view, split, read(view.classes, cell, slice_, above, sure))
    images = gallery.content(view, split, chosen, sort, like)
    if now == shown:
        return no_update, no_update, no_update, *images, no_update, no_update
    words = confusion.words(view, split, chosen) if data.report(view, split).n else no_update
    return (
        choosing.bar(view, split, chosen, cell, slice_, above, sure),
        words,
        now,
        *images,
        now,
        now,
    )


clientside_callback(
    ClientsideFunction("chosen", "painted"),
    Output(*choosing.PAINTED),
    Input("evaluate-chosen", "data-shown"),
    prevent_initial_call=True,
)
clientside_callback(
    ClientsideFunction("chosen", "mark"),
    Input("evaluate-content", "children"),
    State(kept(PAGE, "cell"), "data"),
    prevent_initial_call=True,
)
# Both are on the page, so it needs no server to show the other.
clientside_callback(
    "show => show",
    Output("evaluate-content", "data-show"),
    Input(state_id(PAGE, "show"), "value"),
    prevent_initial_call=True,
)
clientside_callback(
    ClientsideFunction("chosen", "cover"),
    Input(state_id(PAGE, "run"), "value"),
    Input(state_id(PAGE, "split"), "value"),
    prevent_initial_call=True,
)


@callback(
    Output("evaluate-classes", "children"),
    Output("evaluate-classes", "data-shown"),
    Input(*choosing.PAINTED),
    State(state_id(PAGE, "run"), "value"),
    State(state_id(PAGE, "split"), "value"),
    *(State(kept(PAGE, key), "data") for key in choosing.KEYS),
    prevent_initial_call=True,
)
def show_classes(_painted: str, run: str, split: str, *keys: str | None) -> tuple[Component, str]:
    """Other images were chosen, and stand on the page: the classes among them."""
    view, now = data.find_run(run), choosing.shown(run, split, *keys)
    if view is None:
        return html.Div(), now
    return _per_class(view, split, data.usable(view, split, read(view.classes, *keys))), now


def _truths(view: data.RunView) -> list[Component]:
    whole = html.P([html.Strong("Run: "), view.name], className="path", **name("version"))
    long = [whole] if len(view.name) > _FITS_PICKER else []
    return [*long, report_link(view), three_figures(data.three_figures(view))]


def _too_many() -> Component:
    return section(
        "Calibration",
        empty(
            "This table has very many labelled images",
            "Its counts, curves and slices are above; calibration and thresholds need the single rows, so "
            "they are shown for smaller tables.",
        ),
    )


def _usable(view: data.RunView, split: str | None, show: str | None) -> tuple[str, str]:
    usable_split = split if split in ("test", "val") else next(iter(view.splits), "test")
    return usable_split, show if show in ("counts", "share") else "counts"


def _matrix(view: data.RunView, split: str, chosen: Chosen) -> Component:
    if not data.report(view, split).n:
        return _no_matrix(
            empty(
                f"{view.name} has no labelled {SPLIT_WORDS[split]} images",
                "Choose other images above, or score labelled ones with `python -m brainmri predict`.",
            )
        )
    return confusion.part(view, split, chosen)


def _no_matrix(instead: Component) -> Component:
    """What stands instead, and the place of the words: Dash wants to know it."""
    return html.Div([instead, html.Div(id="evaluate-words")])


@lru_cache(maxsize=32)  # Figures take longer to build than all else.
def _per_class(view: data.RunView, split: str, chosen: Chosen) -> Component:
    """How each class fares among the chosen images; of a chosen cell, all classes of what else is chosen."""
    report = data.chosen_report(view, split, chosen.within)
    if not data.report(view, split).n:
        return html.Div()
    about = {chosen.truth, chosen.answer} - {None}
    shown = [c for c in report.per_class if not about or c.name in about]
    rows = [
        [
            c.name,
            estimate_cell(c.precision),
            estimate_cell(c.recall),
            estimate_cell(c.f1),
            f"{c.support:,}",
        ]
        for c in report.per_class
    ]
    rows.append(
        [
            "weighted",
            estimate_cell(report.precision),
            estimate_cell(report.recall),
            estimate_cell(report.f1),
            f"{report.n:,}",
        ]
    )
    note: list[Any] = [
        "Under each figure its 95 % interval. Choose a point, and the page is about the images of that "
        "class, or about those called so. Figure and table keep the images of all classes, so that others "
        f"can be chosen{'; the points of what is chosen are not pale' if about else ''}."
    ]
    note += choosing.among_n(chosen.within, report.n)
    return section(
        _classes_title(report),
        html.Div(
            [
                card(
                    graph(
                        evaluation_figures.per_class(
                            report.per_class, colours_of(view), shown=[c.name for c in shown]
                        ),
                        says="Found, and right when said, by class: "
                        + "; ".join(
                            f"{c.name} found {measured(c.recall)}, right when said "
                            f"{measured(c.precision)}"
                            for c in report.per_class
                        ),
                        chooses="bars",
                    )
                ),
                table(
                    ["Class", "Precision (right when said)", "Recall (found)", "F1", "Images (n)"],
                    rows,
                    caption=f"Precision, recall and F1 per class of {report.run}",
                ),
            ],
            className="columns",
            **choosing.about(view, split, chosen.within, report.n),
        ),
        note=note,
    )


def _classes_title(report: Report) -> str:
    if not (found := by_recall(report.per_class)):
        return "How each class fares"
    worst, *others = found
    if not others:
        return f"Only {worst.name} has images enough to judge: found in {counted(worst.recall)}"
    if all(c.recall.value == worst.recall.value for c in found):
        return f"Found equally often: {', '.join(f'{c.name} {counted(c.recall)}' for c in found)}"
    said = f"{worst.name} is found least often: {counted(worst.recall)}"
    if len(found) < len(report.per_class):
        said = f"leaving out classes with fewer than {FEWEST} images, {said}"
    return f"{said[0].upper()}{said[1:]}" + but_meets(worst.recall, [c.recall for c in others])


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
    of = f" of the first of {run.members} networks" if run.members > 1 else ""
    return section(
        f"Epoch {best['epoch']:.0f} of {len(run.history)}{of} was kept: it has the lowest validation loss",
        card(loss_history(run, best)),
        html.P(" ".join(run.kept), className="note", **no_interval(LOSSES))
        if run.members > 1
        else None,
        why=f"{LOSSES} It is about the training, not about images: what is chosen does not change it.",
        note=facts,
    )
