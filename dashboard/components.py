"""What two pages share: words for figures, cards, tables, the frame of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any
from urllib.parse import quote

import dash_mantine_components as dmc
import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from brainmri.evaluation import Report
from brainmri.metrics import Estimate
from dashboard import data
from dashboard.theme import GRAPH_CONFIG, class_colours

Children = Any

SPLIT_WORDS = {"train": "training", "val": "validation", "test": "test", "all": "all"}


def aria(**names: str) -> dict[str, Any]:
    """`aria(label="x")` as the keyword argument aria-label="x", which is no Python name."""
    return {f"aria-{name}": text for name, text in names.items()}


def percent(value: float | None, digits: int = 1) -> str:
    """0.951 as "95.1 %", with a space that does not break."""
    return "–" if value is None else f"{100 * value:.{digits}f}\u00a0%"


def interval(estimate: Estimate) -> str:
    """The 95 % interval as "93.8–96.1 %", or why there is none."""
    if estimate.low is None or estimate.high is None:
        return estimate.reason or "no interval"
    return f"{100 * estimate.low:.1f}–{100 * estimate.high:.1f}\u00a0%"


def points(value: float | None) -> str:
    """A difference of shares, 0.012, as "+1.2 points" (percentage points)."""
    return "–" if value is None else f"{_signed(value, 1)}\u00a0points"


def points_interval(estimate: Estimate) -> str:
    """The 95 % interval of a difference as "−0.4 to +2.1", or why there is none."""
    if estimate.low is None or estimate.high is None:
        return estimate.reason or "no interval"
    digits = 1 if estimate.high - estimate.low >= 0.01 else 2
    return f"{_signed(estimate.low, digits)} to {_signed(estimate.high, digits)}"


def _signed(value: float, digits: int) -> str:
    text = f"{100 * value:+.{digits}f}"
    return text[1:] if not float(text) else text.replace("-", "−")


def counted(estimate: Estimate, what: str = "") -> str:
    """A proportion as "3 of 906 tumours (0.1–1.0 %)"."""
    if estimate.value is None:
        return estimate.reason or "none"
    return f"{k_of_n(estimate)}{' ' + what if what else ''} ({interval(estimate)})"


def k_of_n(estimate: Estimate) -> str:
    """A proportion as "3 of 906"."""
    return "–" if estimate.value is None else f"{estimate.k:,} of {estimate.n:,}"


def state_id(page: str, key: str) -> dict[str, str]:
    """Id of a control whose `value` is kept in the page's URL under `key`."""
    return {"page": page, "state": key}


def page(title: str, lead: Children, *children: Children) -> Component:
    """The frame of every page: title, one leading sentence, content."""
    return html.Div(
        [
            html.Header(
                [dmc.Title(title, order=1), dmc.Text(lead, className="lead")], className="page-head"
            ),
            missed_line(),
            *children,
        ],
        className="page",
    )


def missed_line() -> Component:
    """What the best run misses, said on every page."""
    shown, _ = data.list_runs()
    best = data.best_run(shown)
    if best is None or not best.splits:
        return html.Div()
    report = data.report(best, best.splits[0])
    words = SPLIT_WORDS[report.split]
    judged = (
        f"The best run, {best.name}, has no {words} images with a tumour: what it misses is not known."
        if report.missed.value is None
        else f"The best run, {best.name}, misses {counted(report.missed, 'tumours')} among its "
        f"{words} images."
    )
    return html.P(
        [html.Strong("This assists; it does not diagnose. "), judged],
        className="missed-line",
        role="note",
    )


def section(title: str, *children: Children, note: Children = None) -> Component:
    """A part of a page, with the finding as its heading and a note in small print."""
    head: list[Component] = [dmc.Title(title, order=2)]
    if note is not None:
        head.append(dmc.Text(note, className="note"))
    return html.Section([html.Div(head, className="section-head"), *children], className="section")


def card(*children: Children, title: str | None = None) -> Component:
    """A bordered surface."""
    head = [dmc.Title(title, order=3, className="card-title")] if title else []
    return dmc.Paper([*head, *children], className="card", withBorder=True)


def statistic(title: str, big: str, estimate: Estimate, meaning: str) -> Component:
    """One headline figure with its interval, number of images, and meaning in plain words."""
    if estimate.value is None:
        detail = estimate.reason or ""
    else:
        detail = f"95 % interval {interval(estimate)}, n = {estimate.n:,}"
    return card(
        html.Div(title, className="statistic-title"),
        html.Div(big, className="statistic-value"),
        html.Div(detail, className="statistic-detail"),
        html.P(meaning, className="statistic-meaning"),
    )


def three_figures(figures: data.ThreeFigures) -> Component:
    """The flattering figure of a model, the two true ones beside it, and why they differ."""
    kinds = (
        (
            "Official test, as everyone reports it",
            figures.official,
            "No run of this model on the official split yet.",
        ),
        (
            "Official test, unseen images only",
            figures.unseen,
            "Which images were seen in training is not recorded for this model.",
        ),
        (
            "Grouped split",
            figures.grouped,
            "No run of this model on a split that keeps copies together yet; train one with "
            "--split auto.",
        ),
    )
    return html.Div(
        [
            html.Div([_truth(title, report, absent) for title, report, absent in kinds],
                     className="truths"),
            html.P(why_they_differ(figures), className="caution", role="note"),
        ]
    )  # fmt: skip


def _truth(title: str, report: Report | None, absent: str) -> Component:
    if report is None or not report.n:
        return card(html.Div(title, className="statistic-title"), html.P(absent, className="note"))
    return card(
        html.Div(title, className="statistic-title"),
        html.Div(percent(report.accuracy.value), className="statistic-value"),
        html.Div(
            f"right answers, 95 % interval {interval(report.accuracy)}, "
            f"n\u00a0=\u00a0{report.accuracy.n:,}",
            className="statistic-detail",
        ),
        html.Ul(
            [
                html.Li([html.Strong("Missed tumours: "), counted(report.missed)]),
                html.Li([html.Strong("False alarms: "), counted(report.false_alarms)]),
            ],
            className="plain-list statistic-meaning",
        ),
    )


def why_they_differ(figures: data.ThreeFigures) -> str:
    """One sentence on what stands between the flattering figure and the true ones."""
    sentences = []
    official, grouped = figures.official, figures.grouped
    if official is not None and official.seen:
        sentences.append(
            f"{official.seen:,} of the {official.n:,} official test images "
            f"({percent(official.seen / official.n, 0)}) have a near-copy, mirrored ones included, among "
            "the images that shaped the model, so the first figure rewards memory"
        )
    elif official is not None and official.seen is None:
        sentences.append("this table does not say which of its images were seen in training")
    if grouped is not None and grouped.n:
        kept = (
            "near-copies together"
            if str(figures.protocol).startswith("auto")
            else "together what its column names as one group"
        )
        left = (
            ""
            if not grouped.seen
            else f", yet {grouped.seen:,} of its {grouped.n:,} test images have a near-copy too"
        )
        sentences.append(f"the grouped split ({figures.protocol}) keeps {kept}{left}")
    if not sentences:
        return "No near-copy of a test image shaped the model."
    text = "; ".join(sentences)
    return f"{text[0].upper()}{text[1:]}."


def graph(figure: go.Figure, *, says: str) -> Component:
    """A figure; `says` is its text for screen readers."""
    height = figure.layout.height
    return html.Div(
        dcc.Graph(figure=figure, config=GRAPH_CONFIG, style={"height": height}),
        className="figure",
        role="img",
        **aria(label=says),
    )


def legend(colours: Mapping[str, str]) -> Component:
    """Class names beside their colours."""
    return html.Ul(
        [
            html.Li([html.Span(className="swatch", style={"background": colour}), name])
            for name, colour in colours.items()
        ],
        className="legend",
        **aria(label="Colours of the classes"),
    )


def table(head: Sequence[str], rows: Sequence[Sequence[Children]], *, caption: str) -> Component:
    """A plain table; the first column names the row, the others are aligned as numbers."""
    return dmc.TableScrollContainer(
        html.Table(
            [
                html.Caption(caption, className="visually-hidden"),
                html.Thead(html.Tr([html.Th(name, scope="col") for name in head])),
                html.Tbody(
                    [
                        html.Tr(
                            [html.Th(row[0], scope="row"), *(html.Td(cell) for cell in row[1:])]
                        )
                        for row in rows
                    ]
                ),
            ],
            className="table",
        ),
        minWidth=0,
        scrollAreaProps={"viewportProps": {"tabIndex": 0, "aria-label": caption}},
    )


def estimate_cell(estimate: Estimate) -> Component:
    """A figure with its interval underneath."""
    return html.Span(
        [percent(estimate.value), html.Small(interval(estimate), className="interval")],
        className="estimate",
    )


def counted_cell(estimate: Estimate) -> Component:
    """A count with its share and interval underneath."""
    if estimate.value is None:
        return estimate_cell(estimate)
    return html.Span(
        [
            f"{estimate.k:,}",
            html.Small(percent(estimate.value), className="interval"),
            html.Small(interval(estimate), className="interval"),
        ],
        className="estimate counted",
    )


def probability_bars(probabilities: Mapping[str, float], colours: Mapping[str, str]) -> Component:
    """Class probabilities as labelled bars, most probable first."""
    ordered = sorted(probabilities.items(), key=lambda entry: -entry[1])
    return html.Ul(
        [
            html.Li(
                [
                    html.Span(name, className="bar-name"),
                    html.Span(
                        html.Span(
                            className="bar-fill",
                            style={"width": f"{100 * p:.2f}%", "background": colours[name]},
                        ),
                        className="bar-track",
                    ),
                    html.Span(percent(p), className="bar-value"),
                ]
            )
            for name, p in ordered
        ],
        className="bars",
        **aria(label="Class probabilities"),
    )


def image_tiles(
    view: data.RunView, shown: Sequence[data.Scored], remarks: Sequence[str] = ()
) -> Component:
    """Images of a run with what it said of each; without the images, how to get them.

    `remarks` are a line for each, or none.
    """
    here, colours = data.images_folder() is not None, colours_of(view)
    note = html.P("Start the dashboard with --data FOLDER to see the pictures.", className="note")
    return html.Div(
        [
            None if here else note,
            html.Div(
                [
                    _tile(scored, here, colours, remark)
                    for scored, remark in zip_longest(shown, remarks)
                ],
                className="tiles",
            ),
        ]
    )


def _tile(
    scored: data.Scored, here: bool, colours: dict[str, str], remark: str | None
) -> Component:
    picture = (
        html.Img(src=f"/image/{quote(scored.path)}", alt=f"{scored.label} image")
        if here
        else html.Div("no picture here", className="no-picture")
    )
    seen = html.Small("has a near-copy in training", className="seen") if scored.seen else None
    return html.Figure(
        [
            picture,
            html.Figcaption(
                [
                    html.Span(scored.path or "unnamed", className="path"),
                    seen,
                    html.Div(remark) if remark else None,
                    probability_bars(scored.probabilities, colours),
                ]
            ),
        ],
        className="tile",
    )


def picture_tile(path: str, *lines: Children) -> Component:
    """An indexed image with some lines underneath; without the images here, its path alone."""
    picture = (
        html.Img(src=f"/image/{quote(path)}", alt=path)
        if data.images_folder() is not None
        else html.Div("no picture here", className="no-picture")
    )
    caption: list[Component] = [html.Span(path, className="path")]
    caption += [html.Div(line) for line in lines if line is not None]
    return html.Figure([picture, html.Figcaption(caption)], className="tile")


def pictures_missing() -> Component | None:
    """How to see the pictures, where the images are not here."""
    if data.images_folder() is not None:
        return None
    return html.P("Start the dashboard with --data FOLDER to see the pictures.", className="note")


def downloads(**lists: str) -> Component:
    """Links to lists of the audit as CSV files, by name (`leaked_pairs` is leaked-pairs.csv)."""
    return html.P(
        [
            html.A(text, href=f"/download/{name.replace('_', '-')}.csv", className="download")
            for name, text in lists.items()
        ],
        className="downloads",
    )


def page_turner(page_name: str, key: str, pages: int, value: int, label: str) -> Component:
    """Numbers of the pages of a list, kept in the URL under `key`."""
    return dmc.Pagination(
        id=state_id(page_name, key),
        total=pages,
        value=value,
        siblings=1,
        size="sm",
        className="pages",
        withControls=False,  # Its arrows have no name that a screen reader could say.
        **aria(label=label),
    )


def page_number(given: str | None, pages: int) -> int:
    """The page that the URL asks for, or the nearest that there is."""
    number = int(given) if given and given.isascii() and given.isdigit() else 1
    return max(1, min(number, pages))


def empty(title: str, *children: Children) -> Component:
    """What to do when there is nothing to show yet."""
    return dmc.Alert(list(children), title=title, color="gray", variant="light", className="empty")


def command(text: str) -> Component:
    """A command line to copy."""
    return html.Pre(html.Code(text), className="command")


def faults(title: str, found: Sequence[tuple[str, str]], most: int = 20) -> Component:
    """Named faults, none hidden: what could not be shown and why."""
    if not found:
        return html.Div()
    rest = len(found) - most
    return dmc.Alert(
        html.Ul(
            [html.Li([html.Strong(name), ": ", fault]) for name, fault in found[:most]]
            + ([html.Li(f"and {rest:,} more")] if rest > 0 else [])
        ),
        title=title,
        color="orange",
        variant="light",
        className="faults",
    )


def no_runs() -> Component:
    """The empty state of every page about runs."""
    return empty(
        "There is nothing to show yet",
        html.P("Train a model and score the test images, then reload this page:"),
        command(
            "python -m brainmri index DATA\n"
            "python -m brainmri train DATA --model cnn --run my-first-run --split auto\n"
            "python -m brainmri predict DATA --run my-first-run"
        ),
        html.P("Or try everything on synthetic images, in about three minutes:"),
        command("python -m brainmri demo"),
    )


def run_picker(
    page_name: str,
    shown: Sequence[data.RunView],
    chosen: str,
    *,
    key: str = "run",
    label: str = "Run",
) -> Component:
    """Choice of a run, kept in the URL under `key`."""
    return dmc.Select(
        id=state_id(page_name, key),
        label=label,
        data=[view.name for view in shown],
        value=chosen,
        allowDeselect=False,
        searchable=len(shown) > 8,
        className="picker",
        comboboxProps={"shadow": "md"},
    )


def choice(
    page_name: str, key: str, label: str, options: Mapping[str, str], value: str
) -> Component:
    """A choice between a few options, kept in the URL under `key`."""
    return html.Div(
        [
            html.Div(label, className="picker-label", id=f"{page_name}-{key}-label"),
            dmc.SegmentedControl(
                id=state_id(page_name, key),
                data=[{"value": v, "label": text} for v, text in options.items()],
                value=value if value in options else next(iter(options)),
                **aria(label=label),
            ),
        ],
        className="picker",
    )


def controls(*children: Children) -> Component:
    """A row of pickers."""
    return html.Div(list(children), className="controls")


def colours_of(view: data.RunView) -> dict[str, str]:
    """Class colours of a run."""
    return {
        name: colour
        for name, colour in class_colours(view.classes, view.negative_class).items()
        if name in view.classes
    }
