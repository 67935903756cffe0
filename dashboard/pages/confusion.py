"""The confusion matrix of a run and the images behind its cells, as a part of Evaluate."""

from __future__ import annotations

from typing import Any

from dash import ALL, Input, Output, State, callback, ctx, html, no_update
from dash.development.base_component import Component

from brainmri.evaluation import Report
from dashboard import confusions, data
from dashboard.components import (
    SPLIT_WORDS,
    aria,
    card,
    counted,
    image_tiles,
    interval,
    no_interval,
    section,
    state_id,
)
from dashboard.confusions import Shares

_MOST_IMAGES = 24
_SEPARATOR = "~"


def part(report: Report, shares: Shares, show: str) -> Component:
    """The matrix as counts or shares of its rows (`show`), and in words."""
    return section(
        _confusion_title(report, shares),
        html.Div(
            [
                card(_matrix(report, shares, show)),
                card(_in_words(report, shares), title="In words"),
            ],
            className="columns matrix-columns",
        ),
        note="Rows are what the image shows, columns what the model said. Choose a cell to see "
        "its images. In small print the 95 % interval of its share of the row.",
    )


def images(view: data.RunView, split: str, cell: str | None) -> Component:
    """The images of one cell, `cell` as in the address; nothing for one that does not exist."""
    truth, _, said = (cell or "").partition(_SEPARATOR)
    classes = view.classes
    if truth not in classes or said not in classes:
        return html.Div()
    count, shown = data.cell_images(view, split, truth, said, _MOST_IMAGES)
    if not count:
        return section(
            f"No {truth} was called {said}",
            html.P(f"{view.name} made no such answer on the {SPLIT_WORDS[split]} images."),
        )
    surest = "surest" if view.temperature is None else "surest before the temperature"
    return section(
        f"{count:,} {'image' if count == 1 else 'images'} of {truth} called {said}"
        + (f"; the {len(shown)} {surest}" if count > len(shown) else ""),
        image_tiles(view, shown),
        why="Counted here; their share and its interval are in the matrix.",
        note="The surest answers first." if count > 1 else None,
    )


def register(page: str) -> None:
    """The callback of the part, on the page that shows it."""

    @callback(
        Output("evaluate-images", "children"),
        Output({"page": page, "kept": "cell"}, "data"),
        Input({"cell": ALL}, "n_clicks"),
        State(state_id(page, "run"), "value"),
        State(state_id(page, "split"), "value"),
        prevent_initial_call=True,
    )
    def show_cell(clicks: list[int | None], run: str, split: str) -> tuple[Any, Any]:
        """A cell of the matrix was clicked."""
        view = data.find_run(run)
        if view is None or not any(clicks) or not isinstance(ctx.triggered_id, dict):
            return no_update, no_update
        cell = str(ctx.triggered_id["cell"])
        return images(view, split, cell), cell


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
            text: list[Any] = [f"{count:,}"]
            if show == "share":  # On a phone there is room for the number alone.
                unit = html.Span("\u00a0%", className="unit")
                text = [f"{100 * share:.1f}", unit] if total else ["–"]
            estimate = shares[i][j]
            cells.append(
                html.Td(
                    html.Button(
                        [*text, html.Small(interval(estimate), className="matrix-interval")]
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
            html.Tr(
                [
                    html.Th(html.Span(truth, className="class"), scope="row", title=truth),
                    *cells,
                    html.Td(f"{total:,}", className="total"),
                ]
            )
        )
    return html.Div(
        html.Table(
            [
                html.Caption("Confusion matrix", className="visually-hidden"),
                html.Thead(
                    [
                        html.Tr(
                            [
                                html.Td("", className="corner"),
                                html.Th("the model said", colSpan=len(report.classes)),
                                html.Td("", className="totals"),
                            ]
                        ),
                        html.Tr(
                            [
                                html.Th(
                                    "shows, % of row" if show == "share" else "shows", scope="col"
                                ),
                                *(
                                    html.Th(html.Span(c, className="class"), scope="col", title=c)
                                    for c in report.classes
                                ),
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
        role="region",
        tabIndex=0,
        **aria(label="Confusion matrix"),
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
