"""Which run is shown first: another in its place, or the last promotion taken back, as a part of Review."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import dash_mantine_components as dmc
from dash import Input, Output, State, callback, ctx, dcc, html, no_update
from dash.development.base_component import Component

from brainmri.errors import InputError
from brainmri.wording import counted
from dashboard import asker, data
from dashboard.components import (
    Children,
    aria,
    card,
    controls,
    estimate_cell,
    faults,
    missed_words,
    name,
    no_interval,
    picker,
    points,
    points_cell,
    points_interval,
    reasons,
    section,
    state_id,
    table,
)
from dashboard.pages import correct, review_said

_PAGE = "review"
_CANDIDATE = "candidate"
_MOST_PROMOTIONS = 24
_RUNS = "Runs are counted, and nothing is estimated."
_FAULT = "It says what is wrong; nothing is estimated."
_COUNTS = "These are counts, not estimates."
_SHORT = (
    "How far the lower end of the interval lies below what it may be; the interval beside it says how "
    "sure the difference is."
)


def part(candidate: str | None = None) -> Component:
    """The run that is shown first and why, what could take its place, and every promotion."""
    try:
        first = data.first_run()
    except InputError as error:
        return faults("Which run is shown first cannot be changed", [("Fault", str(error))])
    if first is None:
        return html.Div()
    return section(
        _heading(first),
        html.P(_why(first)),
        *_choice(first, candidate),
        html.Div(id="review-compared", **aria(live="polite")),
        _back(first),
        _promotions(),
        note=[
            "Pages, API and commands show and ask it where no run is named. Another takes its place only if "
            "it is shown to be no worse on the same test images: the lower end of the 95 % interval of the "
            "difference has to be ",
            html.Span("−0.5 points or more for tumours found and −1.0 points or more for right answers",
                      **name("setting")),
            ".",
        ],
    )  # fmt: skip


@callback(
    Output("review-compared", "children"),
    Input("review-compare", "n_clicks"),
    Input(state_id(_PAGE, _CANDIDATE), "value"),
    running=[(Output("review-compare", "loading"), True, False)],
    prevent_initial_call=True,
)
def compare(clicks: int | None, candidate: str | None) -> Any:
    """The candidate is compared with the run that is shown first; another choice takes that away."""
    if ctx.triggered_id != "review-compare" or not clicks:
        return None
    if not isinstance(candidate, str) or not candidate:
        return _refused("Choose a run first.", title="Nothing to compare")
    try:
        return _comparison(data.propose(candidate))
    except InputError as error:
        return _refused(str(error), title="They cannot be compared")


@callback(
    Output("review-first", "children"),
    Output("review-told", "children", allow_duplicate=True),
    Output("missed-line", "children", allow_duplicate=True),
    Input("review-promote", "n_clicks"),
    State("review-judged", "data"),
    State(review_said.reader(_PAGE), "value"),
    running=[(Output("review-promote", "disabled"), True, False)],
    prevent_initial_call=True,
)
def promote(clicks: int | None, judged: Any, who: str | None) -> tuple[Any, Any, Any]:
    """The candidate is to be shown first: it is judged once more, whatever the page showed."""
    if not clicks:
        return no_update, no_update, no_update
    run, shown = _texts(judged, "run", "shown")
    try:
        found = data.promote(run, shown=shown, who=asker.name(who))
    except InputError as error:
        return (
            _if_changed(run, shown=shown),
            _refused(_said(error, who), title="Not promoted"),
            no_update,
        )
    if not found.holds:
        return no_update, correct.answer(_verdict(found), "orange", title="Not promoted"), no_update
    told = [html.Strong(run), " is shown first from now on."]
    return part(), correct.answer(told, "green"), missed_words()


@callback(
    Output("review-first", "children", allow_duplicate=True),
    Output("review-told", "children", allow_duplicate=True),
    Output("missed-line", "children", allow_duplicate=True),
    Input("review-back", "n_clicks"),
    State("review-last", "data"),
    State(review_said.reader(_PAGE), "value"),
    running=[(Output("review-back", "disabled"), True, False)],
    prevent_initial_call=True,
)
def take_back(clicks: int | None, last: Any, who: str | None) -> tuple[Any, Any, Any]:
    """The last promotion is to be taken back."""
    if not clicks:
        return no_update, no_update, no_update
    (run,) = _texts({"run": last}, "run")
    try:
        now = data.take_back(run, who=asker.name(who))
    except InputError as error:
        return _if_changed(last=run), _refused(_said(error, who), title="Not taken back"), no_update
    told = [html.Strong(run), " is no longer shown first; ", html.Strong(now), " is."]
    return part(), correct.answer(told, "green"), missed_words()


def _if_changed(
    candidate: str | None = None, *, shown: str | None = None, last: str | None = None
) -> Any:
    """The part anew where another run is shown first, or was promoted last, than when it was drawn."""
    try:
        first = data.first_run()
    except InputError:
        return part()  # It says why.
    if first is None or shown not in (None, first.run):
        return part(candidate)
    if last is not None and (first.last is None or first.last.run != last):
        return part(candidate)
    return no_update


def _texts(sent: Any, *keys: str) -> list[str]:
    """What the page itself holds; a forged request may hold anything."""
    found = [sent.get(key) if isinstance(sent, dict) else None for key in keys]
    return [one if isinstance(one, str) else "" for one in found]


def _said(error: InputError, who: str | None) -> str:
    """The fault, and where a name is typed where there is none: the field may be out of sight."""
    return str(error) if asker.name(who) else f"{error} Type your name at the top of this page."


def _refused(sentence: str, *, title: str) -> Component:
    why = html.Span(sentence, **no_interval(_FAULT))
    return correct.answer(why, "orange", title=title)


def _heading(first: data.First) -> Children:
    if first.is_promoted and first.last is not None:
        return f"{first.run} is shown first: promoted by {first.last.who or 'somebody'}"
    return f"{first.run} is shown first: the best by its figures"


def _why(first: data.First) -> Children:
    if first.last is None:
        return "No promotion stands, so it is the one with the best figures."
    if not first.is_promoted:
        return f"{first.last.run}, which was promoted, cannot be shown any more."
    return [f"It took the place of {first.last.over} on ", _when(first.last.at), "."]


def _when(at: str) -> Component:
    return html.Span(f"{at[:16].replace('T', ' ')} UTC", **name("version"))


def _choice(first: data.First, candidate: str | None) -> list[Component | None]:
    """A choice of the runs that could take its place, and why the others cannot."""
    found = data.candidates(first.run)
    return [
        _not_offered(found, first, candidate),
        controls(
            picker(
                _PAGE,
                _CANDIDATE,
                "In its place",
                {one: one for one in found.able},
                candidate if candidate in found.able else None,
                placeholder="Choose a run",
            ),
            dmc.Button("Compare", id="review-compare", variant="default"),
        )
        if found.able
        else html.P("No other run could take its place."),
        _others(found.others),
    ]


def _not_offered(
    found: data.Candidates, first: data.First, candidate: str | None
) -> Component | None:
    """Why the run that the address names is not among those to choose from."""
    if not candidate or candidate in found.able:
        return None
    why = next((why for why, names in found.others.items() if candidate in names), None)
    if candidate == first.run:
        why = f"{candidate} is the run that is shown first already."
    return _refused(why or "There is no such run.", title=f"“{candidate}” cannot take its place")


def _others(found: Mapping[str, list[str]]) -> Component | None:
    """Why the others cannot, those with the same reason together."""
    count = sum(len(names) for names in found.values())
    if not count:
        return None
    lines = [html.Li([html.Strong(", ".join(names)), ": ", why]) for why, names in found.items()]
    return html.Div(
        html.Details(
            [
                html.Summary(f"{counted(count, 'other run')} cannot take its place"),
                html.Ul(lines),
                html.P(_RUNS, className="note"),
            ],
            className="more",
        ),
        **no_interval(_RUNS),
    )


def _comparison(found: data.Candidacy) -> Component:
    """What was found, line by line, and the button where it holds."""
    rows = [
        [
            one.words.capitalize(),
            estimate_cell(one.difference.b),
            estimate_cell(one.difference.a),
            points_cell(one.difference.difference),
            html.Span(f"{points(-one.margin)} or more", **name("setting")),
            "holds"
            if one.short is None
            else html.Span(f"falls short by {_shortfall(one)}", **no_interval(_SHORT)),
            f"{one.difference.difference.n:,}",
        ]
        for one in found.weighed
    ]
    href = f"/compare?run={quote(found.run)}&other={quote(found.shown)}&split=test"
    shown = [
        table(
            ["What", found.run, found.shown, "Difference", "Its lower end has to be", "Verdict",
             "Images (n)"],
            rows,
            caption=f"{found.run} beside {found.shown} on their test images",
        ),
        html.P(
            "Under each figure its 95 % interval. That of the difference draws the same images for both "
            "runs, near-copies together.",
            className="note",
        ),
        html.P(f"{found.by_readers} {_COUNTS}", className="note", **no_interval(_COUNTS))
        if found.by_readers
        else None,
        _verdict(found),
        html.Div(
            [
                dmc.Button(f"Show {found.run} first", id="review-promote") if found.holds else None,
                dcc.Link(f"Compare {found.run} and {found.shown} in full", href=href, className="look"),
            ],
            className="controls",
        ),
        dcc.Store(id="review-judged", data={"run": found.run, "shown": found.shown}),
    ]  # fmt: skip
    return card(*shown, reasons(shown), title=_finding(found))


def _finding(found: data.Candidacy) -> str:
    """The comparison in one sentence; what does not hold has the word where anything does not."""
    lacking = [one for one in found.weighed if one.short is not None]
    words = "not shown to be no worse than" if lacking else "shown to be no worse than"
    said = [
        _lower_end(one, "may be" if lacking else "are at worst") for one in lacking or found.weighed
    ]
    return f"{found.run} is {words} {found.shown}: {'; '.join(said)}"


def _lower_end(one: data.Weighed, may_be: str) -> str:
    """Words such as "tumours found may be 1.2 points fewer (−1.2 to +0.3 points, n = 906)"."""
    end = one.difference.difference
    if end.low is None:
        return f"{one.words}: {end.reason or 'no interval'}"
    size = points(abs(end.low)).removeprefix("+")
    words = f"{may_be} {size} fewer" if end.low < 0 else f"are at least {size} more"
    return f"{one.words} {words} ({points_interval(end)}\u00a0points, n\u00a0=\u00a0{end.n:,})"


def _verdict(found: data.Candidacy) -> Component:
    """Whether it may be shown first; if not, by how much it falls short, or why it cannot answer."""
    short = [
        f"by {_shortfall(one)} in {one.words}" for one in found.weighed if one.short is not None
    ]
    said = [f"It falls short {' and '.join(short)}, so it is not shown first."] if short else []
    if found.unfit is not None:
        said.append(f"It cannot be shown first: {found.unfit[0].lower()}{found.unfit[1:]}")
    if not said:
        return html.P(f"{found.run} may be shown first.")
    return html.P(" ".join(said), **no_interval(_SHORT if short else _FAULT))


def _shortfall(one: data.Weighed) -> str:
    return f"{100 * (one.short or 0):.2f}\u00a0points"


def _back(first: data.First) -> Component | None:
    """Two clicks: what taking the last promotion back would do unfolds with the button that does it."""
    if first.last is None:
        return None
    gone = first.last.run
    return html.Details(
        [
            html.Summary("Take the last promotion back"),
            html.Div(
                [
                    html.P(
                        f"{gone} and its results stay. {first.after} is shown first then"
                        f"{', as it is now' if first.after == first.run else ''}."
                    ),
                    dmc.Button(
                        f"Take back the promotion of {gone}", id="review-back", variant="outline",
                        className="send",
                    ),
                    dcc.Store(id="review-last", data=gone),
                ],
                className="correct",
            ),
        ],
        className="correct-part",
    )  # fmt: skip


def _promotions() -> Component | None:
    """Who made which run the one that is shown first, and took that back."""
    found = data.promotions()
    if not found:
        return None
    rows = [
        [
            html.Span(one.run, **name("version")),
            html.Span(one.done, **name("version")),
            html.Span(one.who or "not noted", **name("version")),
            _when(one.at),
        ]
        for one in found[:_MOST_PROMOTIONS]
    ]
    return html.Div(
        [
            dmc.Title("Who made which run the first one", order=3, className="card-title"),
            table(["Run", "What", "Who", "When"], rows, caption="Promotions, the last first"),
            review_said.cut_words(_MOST_PROMOTIONS, len(found)),
        ],
        className="promotions",
    )
