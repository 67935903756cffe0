"""Overview: how good the best run is, what it misses, how the runs compare."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from brainmri.evaluation import Report
from dashboard import data, figures
from dashboard.components import (
    GROUPED_WORDS,
    OFFICIAL_WORDS,
    SPLIT_WORDS,
    UNSEEN_WORDS,
    counted,
    faults,
    graph,
    images_of,
    interval,
    k_of_n,
    measured,
    no_runs,
    page,
    percent,
    section,
    statistic,
    table,
    three_figures,
)
from dashboard.pages import leaderboard

RADIOLOGISTS = 0.87
RADIOLOGISTS_TEXT = "radiologists 87 %<br>(N = 154, no interval published;<br>Munir et al. 2021)"

_MEANINGS = {
    "Missed tumours": "Images with a tumour that the model called free of one. The costly mistake: "
    "nobody looks again. (One minus sensitivity.)",
    "False alarms": "Images without a tumour that the model called a tumour. A radiologist looks once "
    "more. (One minus specificity.)",
    "“No tumour” answers that are right": "When the model says there is no tumour, how often that is "
    "so: the precision of the no-tumour class, the reference project's headline.",
    "Accuracy": "All answers that name the right class, of all images.",
    "Weighted precision, recall, F1": "The same per class, then averaged with each class counting by "
    "its number of images, as the reference project reported them. F1 is the harmonic mean of "
    "precision (right when said) and recall (found when there).",
    "Tumour sensitivity": "Images with a tumour that were called any kind of tumour, of all with one.",
    "Specificity": "Images without a tumour that were called so, of all without one.",
    "95 % interval": "If the test were repeated on new images of the same kind, about nineteen of twenty "
    "such intervals would hold the true value. Short intervals need many images. Near-copies are drawn "
    "together, so they do not make an interval look shorter than it is.",
    "Seen in training": "Test images with a near-copy (mirrored ones included) among the images that "
    "shaped the model. Right answers on those show memory as much as skill.",
}


leaderboard.register()


def layout(**_query: str) -> Component:
    """The page; it has no state of its own."""
    shown, broken = data.list_runs()
    problems = faults("These runs cannot be shown", [(run.name, run.fault) for run in broken])
    best = data.best_run(shown)
    if best is None:
        return page(
            "Overview", "How good are the models, and can you believe it?", no_runs(), problems
        )
    reports = leaderboard.reports_of(shown)
    report = next(r for r in reports if r.run == best.name)
    return page(
        "Overview",
        _best_sentence(report, chosen_on_validation=best.splits == ["test", "val"]),
        three_figures(data.three_figures(best)),
        _every_model(data.best_by_architecture()),
        section(
            f"{best.name} on {report.n:,} {SPLIT_WORDS[report.split]} images, in counts",
            html.Div(
            [
                statistic(
                    "Missed tumours",
                    k_of_n(report.missed),
                    report.missed,
                    f"{measured(report.missed)} of the images with a tumour were called free of one.",
                ),
                statistic(
                    "False alarms",
                    k_of_n(report.false_alarms),
                    report.false_alarms,
                    f"{measured(report.false_alarms)} of the images without a tumour were called a "
                    "tumour.",
                ),
                statistic(
                    "“No tumour” answers that are right",
                    percent(report.negative_precision.value),
                    report.negative_precision,
                    "How far a “no tumour” answer can be trusted.",
                ),
                statistic(
                    "Accuracy",
                    percent(report.accuracy.value),
                    report.accuracy,
                    "Answers that name the right class.",
                ),
            ],
            className="statistics",
        )),
        section(
            _comparison_title(reports),
            graph(
                figures.intervals(
                    [(r.run, r.accuracy) for r in _ranked(reports)],
                    reference=RADIOLOGISTS,
                    reference_text=RADIOLOGISTS_TEXT,
                ),
                says="Accuracy of each run with its 95 % interval: "
                + "; ".join(
                    f"{r.run} {measured(r.accuracy)}"
                    for r in _ranked(reports)
                ),
            ),
            why="Runs are counted here; each has its interval and n in the figure and below.",
            note="The line is the accuracy of radiologists in a published study of other images: "
            "something to compare with, not a match won or lost.",
        ),
        leaderboard.part(reports),
        problems,
        section(
            "What each figure means",
            html.Dl(
                [part for term, meaning in _MEANINGS.items()
                 for part in (html.Dt(term), html.Dd(meaning))],
                className="glossary",
            ),
        ),
    )  # fmt: skip


def _best_sentence(report: Report, *, chosen_on_validation: bool) -> str:
    chosen = ", chosen on validation images," if chosen_on_validation else ""
    if not report.n:
        return f"{report.run} has no labelled images to judge it by."
    return (
        f"The best run{chosen} is {report.run}: it names the right class for "
        f"{percent(report.accuracy.value)} of {report.n:,} {SPLIT_WORDS[report.split]} images "
        f"({interval(report.accuracy)})."
    )


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
        "The same three figures for every model",
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
        note="Right answers with their 95 % interval, and missed tumours.",
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
