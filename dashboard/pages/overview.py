"""Overview, a story from top to bottom: what it is for, whether to trust it, what it misses, what is new."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from brainmri import mistakes
from brainmri.evaluation import Report
from dashboard import data, figures
from dashboard.chosen import Chosen
from dashboard.components import (
    GROUPED_WORDS,
    OFFICIAL_WORDS,
    SPLIT_WORDS,
    UNSEEN_WORDS,
    Children,
    counted,
    csv_columns,
    faults,
    graph,
    images_of,
    interval,
    k_of_n,
    measured,
    no_interval,
    no_runs,
    page,
    percent,
    report_link,
    section,
    statistic,
    table,
    three_figures,
    told_script,
)
from dashboard.glossary import MEANINGS
from dashboard.pages import latest_change, leaderboard

RADIOLOGISTS = 0.87
RADIOLOGISTS_TEXT = "radiologists 87 %<br>(N = 154, no interval published;<br>Munir et al. 2021)"

_ABOUT = "Right answers (accuracy) of every run, on its test images where it has any"
_RUNS_ON_PAPER, _MODELS_ON_PAPER = 10, 6
"""The page prints on two sheets, however many runs there are; the style sheet for paper knows both."""

_MODELS_COUNTED = "Models are counted; each figure below has its interval."

_TERMS = {
    "Missed tumours": "missed tumours",
    "False alarms": "false alarms",
    "Accuracy": "accuracy",
    "Precision": "precision",
    "Recall": "recall",
    "F1": "F1",
    "Weighted": "weighted",
    "Tumour sensitivity": "sensitivity",
    "Specificity": "specificity",
    "95 % interval": "95 % interval",
    "Seen in training": "seen in training",
}
"""What the heads of the tables leave no room to explain, and how the glossary calls it."""


leaderboard.register()


def layout(sort: str | None = None, **_query: str) -> Component:
    """The page.

    Args:
        sort: order of the table of runs, as in `leaderboard.part`.
    """
    shown, broken = data.list_runs()
    problems = faults("These runs cannot be shown", [(run.name, run.fault) for run in broken])
    damaged = faults(
        "These runs cannot answer for a new image",
        [(view.name, view.model_fault) for view in shown if view.model_fault is not None],
    )
    best = data.best_run(shown)
    if best is None:
        return page(
            "Overview", "How good are the models, and can you believe it?", no_runs(), problems
        )
    reports = leaderboard.reports_of(shown)
    report = next(r for r in reports if r.run == best.name)
    more_runs = _on_paper(
        len(reports) - _RUNS_ON_PAPER, "N more run is on the page.", "N more runs are on the page."
    )
    return page(
        "Overview",
        _purpose(best),
        report_link(best),
        _trust(best, _chosen(report, on_validation=best.splits == ["test", "val"])),
        _misses(best, report),
        _every_model(data.best_by_architecture()),
        section(
            _comparison_title(reports),
            html.Div(
                graph(
                    figures.intervals(
                        [(r.run, r.accuracy) for r in _ranked(reports)],
                        reference=RADIOLOGISTS,
                        reference_text=RADIOLOGISTS_TEXT,
                        most_on_paper=_RUNS_ON_PAPER,
                    ),
                    says="Accuracy of each run with its 95 % interval: "
                    + "; ".join(f"{r.run} {measured(r.accuracy)}" for r in _ranked(reports)),
                ),
                **told_script(about=_ABOUT),
            ),
            more_runs,
            html.Div(
                [
                    leaderboard.part(reports, sort),
                    more_runs,
                    html.P(
                        "Sensitivity, weighted precision, recall and F1 are on the page.",
                        className="on-paper note",
                    ),
                ],
                className="runs-on-paper",
            ),
            why="Runs are counted here; each has its interval and n in the figure and below.",
            note="The line is the accuracy of radiologists in a published study of other images: "
            "something to compare with, not a match won or lost.",
        ),
        html.Div([problems, damaged], className="on-screen"),
        _on_paper(
            len(broken),
            "N run cannot be shown; the page says why.",
            "N runs cannot be shown; the page says why.",
        ),
        latest_change.part(),
        html.Details(
            [
                html.Summary("What each figure means"),
                html.Dl(
                    [
                        part
                        for words, term in _TERMS.items()
                        for part in (html.Dt(words), html.Dd(MEANINGS[term]))
                    ],
                    className="glossary",
                ),
            ],
            className="fold on-screen",
        ),
    )


def _purpose(best: data.RunView) -> str:
    tumours = [name for name in best.classes if name != best.negative_class]
    return (
        f"Given one slice of a brain MRI, a model says how probable {', '.join(tumours)} and "
        f"{best.negative_class} (no tumour) are. For research and teaching on public images; it has not "
        "been tested on patients of a hospital."
    )


def _trust(best: data.RunView, chosen: str) -> Component:
    """The three figures under what they come to; `chosen` says whose they are."""
    found = data.three_figures(best)
    strict = [
        (words, one)
        for words, one in (
            ("images it has seen no near-copy of", found.unseen),
            ("images of the grouped split", found.grouped),
        )
        if one is not None and one.accuracy.value is not None
    ]
    if not strict:
        title = "Whether it can be trusted on new images was not measured"
    else:
        words, hardest = min(strict, key=lambda entry: entry[1].accuracy.value or 0.0)
        title = f"Can I trust it? On {words}, right answers are {measured(hardest.accuracy)}"
    return section(title, three_figures(found), note=chosen)


def _misses(best: data.RunView, report: Report) -> Component:
    """What the best run misses, counted, under the kind of mistake that it makes most often."""
    missed = counted(report.missed, "tumours")
    title = (
        f"What it misses: {missed}"
        if report.missed.value is not None
        else f"What it misses is not known: {report.missed.reason}"
    )
    grouped = data.three_figures(best).grouped
    if grouped is not None and grouped.run != report.run and grouped.missed.value is not None:
        title += f"; of the grouped split {counted(grouped.missed)}"
    first: list[Component] = []
    if report.confusions:
        first.append(_most_frequent(best, report))
    return section(
        title,
        html.Div(
            [
                *first,
                statistic(
                    "False alarms",
                    k_of_n(report.false_alarms),
                    report.false_alarms,
                    "Images without a tumour that were called a tumour.",
                ),
                statistic(
                    "“No tumour” answers that are right",
                    percent(report.negative_precision.value),
                    report.negative_precision,
                    "How far a “no tumour” answer can be trusted.",
                ),
            ],
            className="statistics",
        ),
    )


def _most_frequent(best: data.RunView, report: Report) -> Component:
    """The mistake that is made most often; where several are, the one of which it is the largest share."""
    shares = mistakes.shares(data.chosen_groups(best, report.split, Chosen()))
    most, *alike = mistakes.most_frequent(report.confusions)
    cell = mistakes.share_of(most, shares, report.classes)
    meaning = (
        f"{most.truth.capitalize()} called {most.answer}, of the {SPLIT_WORDS[report.split]} "
        f"images of {most.truth}"
    )
    if not alike:
        meaning += mistakes.unless_shown(most, shares, report.classes)
        return statistic("Most frequent mistake", k_of_n(cell), cell, f"{meaning}.")
    others = ", ".join(
        f"{one.truth} called {one.answer} {counted(mistakes.share_of(one, shares, report.classes))}"
        for one in alike
    )
    return statistic(
        "Most frequent mistakes", k_of_n(cell), cell, f"{meaning}. Equally frequent: {others}."
    )


def _chosen(report: Report, *, on_validation: bool) -> str:
    """Which run the figures are of, and how it was chosen."""
    if not report.n:
        return f"{report.run} has no labelled images to judge it by."
    how = ", chosen on validation images" if on_validation else ""
    return f"These are the figures of {report.run}, the best run{how}."


def _every_model(views: list[data.RunView]) -> Component:
    """The three figures of every model, so that none can be quoted without the others."""

    def cell(report: Report | None) -> Component | str:
        if report is None or not report.n:
            return "not measured"
        return html.Span(
            [
                percent(report.accuracy.value),
                html.Small(f"{interval(report.accuracy)}, n\u00a0=\u00a0{report.n:,}"),
                html.Small(f"missed {counted(report.missed)}"),
            ],
            className="stacked",
            **csv_columns(report.accuracy),
        )

    def first(each: data.ThreeFigures) -> Component | str:
        shown = cell(each.table or each.official)
        if each.table is None:
            return shown
        return html.Span(
            [html.Small(f"{images_of(each)}, not known to be the official test"), shown],
            className="stacked",
        )

    figures_of = [data.three_figures(view) for view in views]
    return section(
        _models_title(figures_of),
        html.Div(
            table(
                [
                    "Model",
                    OFFICIAL_WORDS,
                    UNSEEN_WORDS,
                    GROUPED_WORDS,
                ],
                [
                    [each.architecture, first(each), cell(each.unseen), cell(each.grouped)]
                    for each in figures_of
                ],
                caption="Right answers of every model: official test, unseen images of it, grouped split",
            ),
            className="models-on-paper",
        ),
        _on_paper(
            len(figures_of) - _MODELS_ON_PAPER,
            "N more model is on the page.",
            "N more are on the page.",
        ),
        note="Right answers with their 95 % interval, and missed tumours. A model is shown to be less often "
        "right where its interval there lies below the one of the official test; the others cannot be "
        "told apart, or are more often right.",
    )


def _models_title(models: list[data.ThreeFigures]) -> Children:
    """How many models are shown to be less often right where nothing was seen in training.

    Shown to be: the two intervals do not meet.
    """
    told = []
    for where in ("grouped", "unseen"):
        pairs = [
            (first.accuracy.low, strict.accuracy.high)
            for each in models
            if (first := each.table or each.official) is not None
            and (strict := getattr(each, where)) is not None
        ]
        known = [(low, high) for low, high in pairs if low is not None and high is not None]
        if known:
            less = sum(high < low for low, high in known)
            told.append((less, len(known), where))
    if not told:
        return "The same three figures for every model"
    places = {"grouped": "on the grouped split", "unseen": "on unseen images"}
    (less, of, where), *rest = told
    said = f"{less} of {of} models are shown to be less often right {places[where]}"
    said += "".join(f", {less} of {of} {places[where]}" for less, of, where in rest)
    return html.Span(said, **no_interval(_MODELS_COUNTED))


def _on_paper(count: int, one: str, many: str) -> Component:
    """What the paper leaves out, counted: `one` or `many` of them, with the count in the place of "N"."""
    if count < 1:
        return html.Div()
    return html.P(
        (one if count == 1 else many).replace("N", f"{count:,}"),
        className="on-paper note",
        **no_interval("It counts what is on the page; nothing is estimated."),
    )


def _ranked(reports: list[Report]) -> list[Report]:
    return sorted(reports, key=lambda report: -(report.accuracy.value or 0))


def _comparison_title(reports: list[Report]) -> str:
    judged = [r for r in reports if r.accuracy.low is not None]
    above = [r.run for r in judged if (r.accuracy.low or 0) > RADIOLOGISTS]
    if not above:
        return "No run's accuracy is clearly above 87 %"
    if len(above) == 1:
        return f"{above[0]} is clearly above 87 % accuracy"
    return f"{len(above)} of {len(judged)} runs are clearly above 87 % accuracy"
