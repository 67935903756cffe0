"""The frame of a page: title, sections, cards, what to do when there is nothing to show."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from brainmri.errors import InputError
from dashboard import data
from dashboard.components.reasons import every_reason
from dashboard.components.terms import explained
from dashboard.components.words import (
    SPLIT_WORDS,
    Children,
    aria,
    counted,
    no_interval,
    told_script,
)


def page(title: str, lead: Children, *children: Children, about: str | None = None) -> Component:
    """The frame of every page: title, one leading sentence, content.

    `about` is what its figures say, downloaded, that they are about; where none of their parts says more.
    """
    return html.Div(
        [
            html.Header(
                [dmc.Title(title, order=1), dmc.Text(lead, className="lead")], className="page-head"
            ),
            missed_line(),
            *children,
            every_reason(lead, *children),
        ],
        id="page",
        className="page",
        # assets/address.js tells by it whether the page of an address is there already.
        **told_script(built=str(time.monotonic_ns())),
        **({} if about is None else told_script(about=about)),
    )


_COUNTS = "These are counts, not estimates."


def missed_line() -> Component:
    """What the best run misses, said on every page."""
    words = missed_words()
    if not words:
        return html.Div()
    return html.P(words, id="missed-line", className="missed-line", role="note")


def missed_words() -> list[Children]:
    """The words of that line, for a page that changes which run is shown first; none without a run."""
    shown, _ = data.list_runs()
    best = data.best_run(shown)
    if best is None or not best.splits:
        return []
    report = data.report(best, best.splits[0])
    words = SPLIT_WORDS[report.split]
    judged = (
        f"The best run, {best.name}, has no {words} images with a tumour: what it misses is not known."
        if report.missed.value is None
        else f"The best run, {best.name}, misses {counted(report.missed, 'tumours')} among its "
        f"{words} images."
    )
    by_readers = best.labels.in_words(report.split, among=f"its {words} images")
    return [
        html.Strong("This assists; it does not diagnose. "),
        judged,
        html.Span(
            f" {by_readers} {_COUNTS}",
            **no_interval(_COUNTS),
        )
        if by_readers
        else None,
    ]


def report_link(view: data.RunView) -> Component:
    """The report of a run as a file to keep; how to write it where it cannot be made here."""
    if view.run is None:
        return html.Div()
    if not data.has_report(view):
        return html.P(
            [
                "Its report is written with ",
                html.Code(f"python -m brainmri report --run {view.name} --out report.html"),
            ],
            className="note",
        )
    kinds = {"html": "one file that opens without a network"}
    if data.can_print():
        kinds["pdf"] = "a PDF to print or send"
    return html.P(
        [
            html.A(
                f"Report ({kind.upper()})",
                href=f"/report/{quote(view.name)}.{kind}",
                className="download",
                download="",
                title=f"Everything about {view.name} in {words}",
            )
            for kind, words in kinds.items()
        ],
        className="downloads report",
    )


def section(
    title: Children, *children: Children, note: Children = None, why: str | None = None
) -> Component:
    """A part of a page, with the finding as its heading and a note in small print.

    `why` says, below the heading, why the numbers of the heading have no interval. Why others have
    none unfolds at the end of the page.
    """
    heading = dmc.Title(title, order=2)
    head: list[Component] = [heading if why is None else html.Div(heading, **no_interval(why))]
    if why is not None:
        note = why if note is None else [why, " ", *(note if isinstance(note, list) else [note])]
    if note is not None:
        head.append(dmc.Text(explained(note), className="note"))
    return html.Section([html.Div(head, className="section-head"), *children], className="section")


def contents(parts: Mapping[str, str], chosen: str) -> Component:
    """The parts of a long page, by their address, in a list that stays in sight."""
    return html.Nav(
        [
            dcc.Link(words, href=href, className="part chosen" if href == chosen else "part")
            for href, words in parts.items()
        ],
        className="contents",
        **aria(label="Parts of this page"),
    )


def card(*children: Children, title: Children = None) -> Component:
    """A bordered surface."""
    head = [dmc.Title(explained(title), order=3, className="card-title")] if title else []
    return dmc.Paper([*head, *children], className="card", withBorder=True)


def empty(title: str, *children: Children) -> Component:
    """What to do when there is nothing to show yet."""
    return dmc.Alert(list(children), title=title, color="gray", variant="light", className="empty")


def command(text: str) -> Component:
    """A command line to copy."""
    return html.Pre(html.Code(text), className="command", tabIndex=0)


_FAULTS_AT_ONCE, _MOST_FAULTS = 20, 1000


def faults(title: str, found: Sequence[tuple[str, str]]) -> Component:
    """Named faults: what could not be shown and why. Many unfold, more than a thousand are counted."""
    if not found:
        return html.Div()

    def listed(some: Sequence[tuple[str, str]]) -> Component:
        return html.Ul([html.Li([html.Strong(name), ": ", fault]) for name, fault in some])

    folded, rest = found[_FAULTS_AT_ONCE:_MOST_FAULTS], len(found) - _MOST_FAULTS
    return dmc.Alert(
        html.Div(
            [listed(found[:_FAULTS_AT_ONCE])]
            + (
                [
                    html.Details(
                        [html.Summary(f"{len(folded):,} more"), listed(folded)], className="more"
                    )
                ]
                if folded
                else []
            )
            + ([html.P(f"and {rest:,} that are not listed")] if rest > 0 else []),
            **no_interval("A list of faults, in which nothing is estimated."),
        ),
        title=title,
        color="orange",
        variant="light",
        className="faults",
    )


def not_shown(asked: str | None, shown: str | None, instead: str) -> Component:
    """Why the run that was asked for is not the one that is shown; nothing where it is."""
    if asked is None or asked == shown:
        return html.Div()
    fault = data.fault_of(asked)
    if fault is None:
        return empty(f"There is no run “{asked}”", instead)
    why = html.Span(fault, **no_interval("It says what is broken; nothing is estimated."))
    return empty(f"The run “{asked}” cannot be shown", why, " ", instead)


def no_index() -> Component | None:
    """Why no image index can be shown, and what to run; None where one can."""
    try:
        if data.image_index() is not None:
            return None
    except InputError as error:
        return faults("The image index cannot be shown", [("Fault", str(error))])
    return empty(
        "There is no image index yet",
        "Index a folder of images, then reload this page:",
        command("python -m brainmri index DATA"),
    )


def no_runs() -> Component:
    """The empty state of every page about runs."""
    return empty(
        "There is nothing to show yet",
        html.P(
            "Train a model and score the test images; a run is announced here as soon as it is there:"
        ),
        command(
            "python -m brainmri index DATA\n"
            "python -m brainmri train DATA --model cnn --run my-first-run --split auto\n"
            "python -m brainmri predict DATA --run my-first-run"
        ),
        html.P("Or try everything on synthetic images, in about three minutes:"),
        command("python -m brainmri demo"),
    )
