"""Compare: two runs on the same images, down to the images that changed."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from dash import ALL, Input, Output, State, callback, ctx, dcc, html
from dash.development.base_component import Component

from brainmri.accounts import MAINTAINER
from brainmri.beside import Cell, headline
from brainmri.comparison import Comparison, McNemar
from brainmri.errors import InputError
from brainmri.runs import OFFICIAL
from brainmri.wording import counted
from dashboard import asker, data, figures
from dashboard.components import (
    MEASURES,
    SPLIT_WORDS,
    aria,
    card,
    choice,
    command,
    comparison_table,
    controls,
    empty,
    faults,
    graph,
    independent_note,
    kept,
    no_interval,
    no_runs,
    not_shown,
    page,
    points,
    points_interval,
    run_picker,
    section,
    state_id,
    table,
    told_script,
)
from dashboard.pages import changed, choosing, differences, image_panel, side_by_side

PAGE = "compare"
_SEEN_APART = 0.05
"""Shares of seen images that differ by more than this make one run's test the easier one."""
_LEAD = "Two runs on the same images: what changed, and whether it is more than chance."
changed.register(PAGE)
image_panel.register(PAGE)


def layout(
    run: str | None = None,
    other: str | None = None,
    split: str | None = None,
    now: str | None = None,
    cell: str | None = None,
    first: str | None = None,
    image: str | None = None,
    **_query: str,
) -> Component:
    """The page in the state that the URL gives."""
    shown, broken = data.list_runs()
    problems = faults("These runs cannot be shown", [(b.name, b.fault) for b in broken])
    view = data.find_run(run)
    if view is None:
        return page("Compare", _LEAD, no_runs(), problems)
    rest = [one for one in shown if one.name != view.name]
    beside = next((one for one in shown if one.name == other), data.best_run(rest))
    if beside is None:
        missing = [not_shown(one, view.name, "") for one in (run, other)]
        return page("Compare", _LEAD, *missing, _one_run(view), problems)
    instead = f"Showing {view.name} beside {beside.name}."
    missing = [not_shown(run, view.name, instead), not_shown(other, beside.name, instead)]
    asked = split
    split = split if split in ("test", "val") else next(iter(view.splits), "test")
    return page(
        "Compare",
        _LEAD,
        *missing,
        controls(
            run_picker(PAGE, shown, view.name),
            run_picker(PAGE, shown, beside.name, key="other", label="Beside"),
            choice(
                PAGE, "split", "Images", {"test": "Test", "val": "Validation"}, split, asked=asked
            ),
        ),
        html.Div(
            _content(view, beside, split, now, cell, first),
            id="compare-content",
            **aria(live="polite"),
        ),
        choosing.stores(PAGE, cell=cell, image=image, first=first),
        image_panel.panel(PAGE, view, image),
        problems,
    )


@callback(
    Output("compare-content", "children"),
    Input(state_id(PAGE, "run"), "value"),
    Input(state_id(PAGE, "other"), "value"),
    Input(state_id(PAGE, "split"), "value"),
    State({"page": PAGE, "state": ALL}, "value"),
    State(kept(PAGE, "cell"), "data"),
    prevent_initial_call=True,
)
def show_comparison(
    run: str, other: str, split: str, _choices: list[str | None], cell: str | None
) -> Any:
    """Other runs or another split were chosen; the list that is open stays open, the cell chosen."""
    view, beside = data.find_run(run), data.find_run(other)
    if view is None or beside is None:
        return no_runs()
    # All choices, since the lists are not there while the runs cannot be compared.
    chosen = {one["id"]["state"]: one.get("value") for one in ctx.states_list[0]}
    return _content(view, beside, split, chosen.get("now"), cell, None)


def _one_run(view: data.RunView) -> Component:
    split = "--allow-leaks"
    if view.run is not None and view.run.protocol != OFFICIAL:
        split = f"--split {view.run.protocol} --seed {view.run.seed} --allow-leaks"
    return empty(
        f"There is only one run, {view.name}",
        html.P("Train and score a second one; it is announced here as soon as it is there:"),
        command(
            "python -m brainmri train DATA --model cnn-regularised --run my-second-run "
            f"{split}\n"
            "python -m brainmri predict DATA --run my-second-run"
        ),
    )


def _content(
    view: data.RunView,
    beside: data.RunView,
    split: str,
    now: str | None,
    cell: str | None,
    first: str | None,
) -> Component:
    if view.name == beside.name:
        return empty("This is one run twice", "Choose another run above.")
    try:
        found = data.compare(view, beside, split)
    except InputError as error:
        why = html.Span(str(error), **no_interval("It says why; nothing is estimated."))
        return empty(f"{view.name} and {beside.name} cannot be compared", why)
    if not found.n:
        return empty(
            f"{view.name} and {beside.name} have no labelled {SPLIT_WORDS[split]} image in common",
            "Choose other images above, or let both score the same folder with "
            "`python -m brainmri predict`.",
        )
    cells = data.compare_cells(view, beside, split)
    return html.Div(
        [
            _figures(view, found, cells),
            differences.part(found, cells, view.negative_class, cell),
            changed.part(PAGE, view, found, now, cell, first),
            side_by_side.curves(found, data.compare_sides(view, beside, split)),
            side_by_side.training(view, beside),
            side_by_side.configuration(view, beside),
        ],
        **told_script(
            about=f"{found.run_b} beside {found.run_a}, n = {found.n:,} labelled {SPLIT_WORDS[split]} "
            "images that both answered"
        ),
    )


def _figures(view: data.RunView, found: Comparison, cells: list[list[Cell]]) -> Component:
    rows = [(words, found.difference(name)) for name, words in MEASURES.items()]
    said = "; ".join(
        f"{words} {points(d.difference.value)} ({points_interval(d.difference)}\u00a0points, "
        f"n = {d.difference.n:,})"
        for words, d in rows
    )
    return html.Div(
        [
            section(
                headline(found, cells),
                card(
                    graph(
                        figures.differences(
                            [(words, d.difference) for words, d in rows],
                            better=(f"{found.run_a} better", f"{found.run_b} better"),
                        ),
                        says=f"{found.run_b} minus {found.run_a} with 95 % intervals: {said}",
                    )
                ),
                note=_common(found),
            ),
            _seen(found),
            _promote(view, found),
            independent_note(),
            section(
                _measures_title(found),
                comparison_table(found, list(MEASURES)),
                note="Under each figure its 95 % interval. That of the difference draws the same images "
                "for both runs, near-copies together, so it can tell runs apart whose own intervals "
                "overlap.",
            ),
            section(
                f"{found.run_b} alone named {counted(found.right.only_b, 'image')} right, "
                f"{found.run_a} alone {found.right.only_a:,}",
                table(
                    ["Right about", found.run_b, found.run_a, "p (McNemar)"],
                    [
                        ["The class", *_alone(found.right)],
                        ["Tumour or no tumour", *_alone(found.tumour)],
                    ],
                    caption="Images that one run alone got right",
                ),
                why="Counts of images; p stands in the place of an interval.",
                note="p is how often chance alone would split them so unevenly, if the images were "
                "independent (McNemar's test, exact for few images, mid-p for many).",
            ),
        ]
    )


def _measures_title(found: Comparison) -> list[Any]:
    """In how many of the measures one run is clearly better."""
    ends = [found.difference(name).difference for name in MEASURES]
    known = sum(e.low is not None and e.high is not None for e in ends)
    if not known:
        return [f"In no measure can {found.run_b} be compared with {found.run_a}"]
    better = sum(e.low is not None and e.low > 0 for e in ends)
    worse = _clearly_worse(found)
    said = f"clearly better in {better} of {known} measures, clearly worse in {worse or 'none'}"
    if known < len(ends):
        said += f"; {len(ends) - known} could not be measured"
    why = no_interval("Measures are counted; each has its interval below.")
    return [f"{found.run_b} is ", html.Span(said, **why)]


def _clearly_worse(found: Comparison) -> int:
    """In how many of the measures the run is clearly worse."""
    ends = [found.difference(name).difference for name in MEASURES]
    return sum(e.high is not None and e.high < 0 for e in ends)


def _promote(view: data.RunView, found: Comparison) -> Component | None:
    """Where a maintainer makes the run the one that is shown first, if it could be and lost nothing here."""
    if not asker.may(MAINTAINER) or not data.may_be_promoted(view) or _clearly_worse(found):
        return None
    href = f"/review?candidate={quote(view.name)}"
    return html.P(dcc.Link(f"Promote {view.name}", href=href, className="look"))


_IMAGES = "These very images are counted, nothing is estimated."


def _seen(found: Comparison) -> Component:
    """How many of the images compared each run was shaped by near-copies of, since that flatters it."""
    told, shares = [], []
    for run, seen in ((found.run_b, found.seen_b), (found.run_a, found.seen_a)):
        if seen is None:
            told.append(f"which of these images {run} has seen is not recorded")
        else:
            told.append(f"{run} has seen a near-copy of {seen:,} of these {found.n:,} images")
            shares.append(seen / found.n)
    apart = len(shares) == 2 and abs(shares[0] - shares[1]) > _SEEN_APART
    unequal = " They did not sit the same test: seen images are easier." if apart else ""
    said = f"{told[0]}, {told[1]}." if len(shares) == 2 else f"{'; '.join(told)}."
    return html.P(
        [
            html.Strong("Seen in training: "),
            html.Span(f"{said} {_IMAGES}", **no_interval(_IMAGES)),
            unequal,
        ],
        className="caution",
        role="note",
    )


def _alone(test: McNemar) -> list[Component]:
    p = "below 0.001" if test.p_value < 0.001 else f"{test.p_value:.3f}"
    return [
        html.Span(text, **no_interval("Counts of images; p stands in the place of an interval."))
        for text in (f"{test.only_b:,}", f"{test.only_a:,}", p)
    ]


def _common(found: Comparison) -> Any:
    text = (
        f"Beside {found.run_a}, judged on the {found.n:,} labelled {SPLIT_WORDS[found.split]} images that "
        "both answered"
    )
    alone = [
        f"{count:,} that only {name} answered"
        for name, count in ((found.run_b, found.only_b), (found.run_a, found.only_a))
        if count
    ]
    if found.unlabelled:
        alone.append(f"{found.unlabelled:,} without a label")
    if not alone:
        return f"{text}."
    left_out = no_interval("Images that were left out are counted, not estimated.")
    return [f"{text}; ", html.Span(f"left out are {' and '.join(alone)}.", **left_out)]
