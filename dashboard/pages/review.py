"""Review: labels that are probably wrong, what two readers make of them, and which run is shown first."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, callback, dcc, html, no_update
from dash.development.base_component import Component

from brainmri.accounts import MAINTAINER
from brainmri.corrections import CONFIRM, DISPUTE, Record, new_id
from brainmri.errors import InputError
from dashboard import asker, data
from dashboard.components import (
    ONE_IMAGE,
    aria,
    card,
    empty,
    faults,
    no_index,
    no_interval,
    page,
    page_count,
    page_number,
    page_turner,
    paths_or_tiles,
    percent,
    picture_tile,
    section,
    state_id,
    table,
)
from dashboard.pages import correct, review_agreed, review_promoted, review_said

PAGE = "review"
_LEAD = (
    "Which labels are probably wrong, what two readers agree on, and which run is shown first. A label "
    "changes only when two people say so."
)
_OWN_LEAD = "What you said of labels. A second reader decides; you can always take it back."
_AT_ONCE = 12
_MOST_WAITING = 48
correct.register(PAGE)
review_said.register(PAGE)
correct.take_name(PAGE, review_said.reader(PAGE))


def layout(
    image: str | None = None,
    at: str | None = None,
    said: str | None = None,
    candidate: str | None = None,
    **_query: str,
) -> Component:
    """The page in the state that the URL gives; who may not review sees what they said themselves."""
    if not asker.may(MAINTAINER):
        return page(
            "Review",
            _OWN_LEAD,
            review_said.head(PAGE, image),
            review_said.part(PAGE, said),
        )
    if (missing := no_index()) is not None:
        return page("Review", _LEAD, missing)
    number = page_number(at, review_said.MOST_PAGES)
    first = html.Div(review_promoted.part(candidate), id="review-first")
    return page(
        "Review",
        _LEAD,
        _one(image),
        review_said.head(PAGE, image),
        # Who comes with a candidate comes for this.
        first if candidate else None,
        html.Div(review_agreed.unwritten(), id="review-unwritten", **aria(live="polite")),
        html.Div(_waiting(), id="review-waiting"),
        html.Div(
            [
                html.Div(
                    section(
                        "Labels that are probably wrong",
                        html.P("The runs are being asked …", className="note asked"),
                    ),
                    id="review-doubtful",
                    **aria(live="polite"),
                ),
                page_turner(PAGE, "at", number, number, "Pages of the queue"),
            ]
        ),
        review_said.part(PAGE, said),
        html.Div(review_agreed.part(), id="review-agreed"),
        None if candidate else first,
    )


@callback(
    Output("review-doubtful", "children"),
    Output(state_id(PAGE, "at"), "total"),
    Output(state_id(PAGE, "at"), "value"),
    Input(state_id(PAGE, "at"), "value"),
    Input("review-waiting", "children"),
)
def show_doubtful(at: int | str | None, _waiting: Any) -> tuple[Any, Any, Any]:
    """The page stands, or another page of the queue was chosen: ask the runs, which takes a moment."""
    try:
        number = page_number(at, review_said.MOST_PAGES)
        count, shown, lacking = data.doubtful((number - 1) * _AT_ONCE, _AT_ONCE)
        pages = page_count(count, _AT_ONCE)
        if number > pages:
            number = pages
            count, shown, lacking = data.doubtful((number - 1) * _AT_ONCE, _AT_ONCE)
    except InputError as error:
        return faults("The queue cannot be shown", [("Fault", str(error))]), 1, 1
    return _doubtful(count, shown, lacking, number), pages, number


@callback(
    Output("review-told", "children"),
    Output("review-changed", "data"),
    Input({"review": ALL, "does": CONFIRM, "at": ALL}, "n_clicks"),
    Input({"review": ALL, "does": DISPUTE, "at": ALL}, "n_clicks"),
    State({"review": ALL, "does": "reason", "at": ALL}, "value"),
    State({"review": ALL, "does": "reason", "at": ALL}, "id"),
    State(review_said.reader(PAGE), "value"),
    prevent_initial_call=True,
)
def review(
    _confirms: list[int | None],
    _disputes: list[int | None],
    reasons: list[str | None],
    places: list[dict[str, str]],
    who: str | None,
) -> tuple[Any, Any]:
    """The second reader confirmed or disputed a correction."""
    cause = review_said.clicked()
    if cause is None:
        return no_update, no_update
    about, kind, at = (str(cause.get(key)) for key in ("review", "does", "at"))
    reason = next(
        (
            str(text or "")
            for text, of in zip(reasons, places, strict=True)
            if (of["review"], of["at"]) == (about, at)
        ),
        "",
    )
    try:
        said = data.say(
            Record(
                # The store knows a second click: nobody reviews a correction twice.
                id=new_id(),
                kind=kind,
                who=asker.name(who),
                reason=reason.strip(),
                about=about,
            )
        )
    except InputError as error:
        return correct.problem(str(error)), no_update
    words = "Confirmed." if kind == CONFIRM else "Disputed."
    told = [
        f"{words} It is in the record. ",
        review_said.undo_button(PAGE, said.id, "told", what=words),
    ]
    return correct.answer(told, "green"), said.id


@callback(
    Output("review-waiting", "children"),
    Output("review-agreed", "children"),
    Output("review-unwritten", "children"),
    Input("review-changed", "data"),
    prevent_initial_call=True,
)
def refresh(_changed: str | None) -> tuple[Any, Any, Any]:
    """Something was said or taken back."""
    return _waiting(), review_agreed.part(), review_agreed.unwritten()


def _one(path: str | None) -> Component:
    """One image of the queue, large, with what each voice says and the form."""
    if not path:
        return html.Div()
    known = data.label_of(path)
    if known is None:
        return empty("There is no such image", "It is not in the image index.")
    label, split = known
    try:
        voices = data.voices_about(path)
    except InputError as error:
        return faults("The queue cannot be shown", [("Fault", str(error))])
    rows = []
    for voice, said in voices.items():
        top = max(said, key=lambda one: said[one])
        rows.append([voice, top, percent(said[top]), percent(said.get(label, 0.0))])
    return html.Div(
        card(
            html.Div(
                [
                    html.Div(
                        picture_tile(path, review_said.split_words(split), alt=f"{label} image")
                    ),
                    html.Div(
                        [
                            dmc.Title(f"Labelled {label}", order=2, className="verdict"),
                            html.Div(
                                [
                                    table(
                                        ["Who says", "what", "how sure", f"{label}"],
                                        rows,
                                        caption="What each voice says of this image",
                                    ),
                                    html.P(ONE_IMAGE, className="note"),
                                ],
                                **no_interval(ONE_IMAGE),
                            )
                            if rows
                            else html.P("No run says anything about this image.", className="note"),
                            correct.form(
                                PAGE, data.class_names(), path=path, label=label, is_open=True
                            ),
                        ],
                        className="answer-words",
                    ),
                ],
                className="answer",
            )
        ),
        className="review-one",
    )


def _waiting() -> Component:
    try:
        found = data.waiting()
    except InputError as error:
        return faults("The corrections cannot be shown", [("Fault", str(error))])
    if not found:
        return section(
            "No correction waits for a second reader",
            note="Those that are made here, on Predict or beside an image come here.",
        )
    shown = [one for one in found if one.record.path is not None]
    unseen = len(found) - len(shown)
    return section(
        f"{len(found):,} {'correction waits' if len(found) == 1 else 'corrections wait'} "
        "for a second reader",
        paths_or_tiles(
            [
                review_said.entry(
                    one,
                    at="waiting",
                    does=review_said.review_controls(one, at="waiting", kinds=(CONFIRM, DISPUTE)),
                )
                for one in shown[:_MOST_WAITING]
            ]
        ),
        review_said.cut_words(_MOST_WAITING, len(shown)),
        html.P(
            f"{unseen:,} more are about uploads that were not kept, so nobody can look at them.",
            className="note",
            **no_interval(review_said.COUNTED),
        )
        if unseen
        else None,
        why=review_said.COUNTED,
        note="Confirm what you see too; dispute what you do not, and say why. Nobody reviews what they "
        "said themselves.",
    )


def _doubtful(
    count: int, shown: list[data.Suspect], lacking: list[tuple[str, str]], number: int
) -> Component:
    if not shown:
        return section(
            "No label is in doubt",
            faults("These runs could not be asked", lacking),
            note="No run, no near-copy and no group of similar training images holds another class more "
            "probable than the label, or all such images were looked at.",
        )
    return section(
        "One label is in doubt"
        if count == 1
        else f"{count:,} labels are in doubt; the most doubtful first",
        paths_or_tiles([_suspect(one, number) for one in shown]),
        faults("These runs could not be asked", lacking),
        why="How many are wrong only readers can say, so there is no estimate and no interval.",
        note="Heard are runs about images that did not train them, the training images that look most "
        f"alike to a run, and near-copies with another label. {review_agreed.TESTS}",
    )


def _suspect(one: data.Suspect, number: int) -> Component:
    voices = "voice" if one.asked == 1 else "voices"
    says = html.Div(
        [
            html.Div([html.Strong(f"labelled {one.label}"), f"; more probably {one.suggestion}"]),
            html.Div(
                f"{one.against} of {one.asked} {voices} against the label, margin {one.score:+.2f}".replace(
                    "-", "−"
                ),
                **no_interval(ONE_IMAGE),
            ),
            dcc.Link(
                "Look at it",
                # The queue stays where it is.
                href=f"/review?image={quote(one.path)}" + (f"&at={number}" if number > 1 else ""),
                className="look",
            ),
        ]
    )
    return picture_tile(
        one.path, review_said.split_words(one.split), says, alt=f"{one.label} image"
    )
