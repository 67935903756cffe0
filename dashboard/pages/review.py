"""Review: labels that are probably wrong, corrections that wait for a second reader, and what they become."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, callback, ctx, dcc, html, no_update
from dash.development.base_component import Component

from brainmri.corrections import (
    BAD_IMAGE,
    CLASS,
    CONFIRM,
    DISPUTE,
    KEPT,
    UNSURE,
    Correction,
    Record,
    new_id,
)
from brainmri.errors import InputError
from dashboard import asker, data
from dashboard.components import (
    ONE_IMAGE,
    SPLIT_WORDS,
    aria,
    card,
    command,
    empty,
    faults,
    name,
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
from dashboard.pages import correct, review_agreed

PAGE = "review"
_LEAD = (
    "Which labels are probably wrong, and what two readers agree on. A label changes only when two "
    "people say so."
)
_AT_ONCE = 12
_MOST_PAGES = 100_000
"""Until the queue has been counted."""
_READER = {"correct": PAGE, "part": "reader"}
correct.register(PAGE)


def layout(image: str | None = None, at: str | None = None, **_query: str) -> Component:
    """The page in the state that the URL gives."""
    if not data.class_names():
        return page(
            "Review",
            _LEAD,
            empty(
                "There is no image index yet",
                "Index a folder of images, then reload this page:",
                command("python -m brainmri index DATA"),
            ),
        )
    number = page_number(at, _MOST_PAGES)
    return page(
        "Review",
        _LEAD,
        dcc.Store(id={"page": PAGE, "kept": "image"}, data=image),
        _one(image),
        html.Div(id="review-told", **aria(live="polite")),
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
        html.Div(review_agreed.part(), id="review-agreed"),
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
        number = page_number(at, _MOST_PAGES)
        count, shown, lacking = data.doubtful((number - 1) * _AT_ONCE, _AT_ONCE)
        pages = page_count(count, _AT_ONCE)
        if number > pages:
            number = pages
            count, shown, lacking = data.doubtful((number - 1) * _AT_ONCE, _AT_ONCE)
    except InputError as error:
        return faults("The queue cannot be shown", [("Fault", str(error))]), 1, 1
    return _doubtful(count, shown, lacking), pages, number


@callback(
    Output("review-waiting", "children"),
    Output("review-agreed", "children"),
    Output("review-told", "children"),
    Input({"review": ALL, "does": CONFIRM}, "n_clicks"),
    Input({"review": ALL, "does": DISPUTE}, "n_clicks"),
    State({"review": ALL, "does": "reason"}, "value"),
    State({"review": ALL, "does": "reason"}, "id"),
    State(_READER, "value"),
    prevent_initial_call=True,
)
def review(
    confirms: list[int | None],
    disputes: list[int | None],
    reasons: list[str | None],
    places: list[dict[str, str]],
    who: str | None,
) -> tuple[Any, Any, Any]:
    """The second reader confirmed or disputed a correction."""
    cause = ctx.triggered_id
    if not isinstance(cause, dict) or not (any(confirms) or any(disputes)):
        return no_update, no_update, no_update
    about, kind = str(cause["review"]), str(cause["does"])
    reason = next(
        (text or "" for text, of in zip(reasons, places, strict=True) if of["review"] == about), ""
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
        return no_update, no_update, correct.problem(str(error))
    words = "Confirmed." if kind == CONFIRM else "Disputed."
    told = [
        f"{words} It is in the record. ",
        dmc.Button("Undo", id="review-undo", variant="subtle", size="compact-sm"),
        dcc.Store(id="review-last", data={"id": said.id, "who": said.who}),
    ]
    return _waiting(), review_agreed.part(), dmc.Alert(told, color="green")


@callback(
    Output("review-waiting", "children", allow_duplicate=True),
    Output("review-agreed", "children", allow_duplicate=True),
    Output("review-told", "children", allow_duplicate=True),
    Input("review-undo", "n_clicks"),
    State("review-last", "data"),
    prevent_initial_call=True,
)
def undo(clicks: int | None, last: dict[str, str] | None) -> tuple[Any, Any, Any]:
    """The last review was a slip."""
    if not clicks or not last:
        return no_update, no_update, no_update
    try:
        correct.take_back(last)
    except InputError as error:
        return no_update, no_update, correct.problem(str(error))
    return (
        _waiting(),
        review_agreed.part(),
        dmc.Alert("Undone. Both stay in the record.", color="gray"),
    )


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
                    html.Div(picture_tile(path, _split_words(split), alt=f"{label} image")),
                    html.Div(
                        [
                            dmc.Title(f"Labelled {label}", order=2, className="verdict"),
                            html.Div(
                                table(
                                    ["Who says", "what", "how sure", f"{label}"],
                                    rows,
                                    caption="What each voice says of this image",
                                ),
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
        html.Div(correct.name_input(_READER), className="controls"),
        paths_or_tiles([_correction(one) for one in shown[: 4 * _AT_ONCE]]),
        html.P(
            f"{unseen:,} more are about uploads that were not kept, so nobody can look at them.",
            className="note",
            **no_interval(review_agreed.COUNTED),
        )
        if unseen
        else None,
        why=review_agreed.COUNTED,
        note="Confirm what you see too; dispute what you do not, and say why. Nobody reviews what they "
        "said themselves.",
    )


def _correction(one: Correction) -> Component:
    record = one.record
    path = str(record.path)
    split = "" if path.startswith(KEPT) else (data.label_of(path) or ("", ""))[1]
    said = html.Div(
        [
            html.Strong(_says(record)),
            html.Div(["“", html.Span(record.reason, **name("setting")), "”"]),
            html.Small(
                f"{record.who}, {record.made[:16].replace('T', ' ')} UTC", **name("version")
            ),
        ]
    )
    does = html.Div(
        [
            dmc.Textarea(
                id={"review": record.id, "does": "reason"},
                placeholder="Why? (needed to dispute)",
                autosize=True,
                minRows=1,
                **aria(label=f"Why, about {path}"),
            ),
            html.Div(
                [
                    dmc.Button(
                        "Confirm",
                        id={"review": record.id, "does": CONFIRM},
                        size="compact-sm",
                        **aria(label=f"Confirm: {path} is {_says(record)}"),
                    ),
                    dmc.Button(
                        "Dispute",
                        id={"review": record.id, "does": DISPUTE},
                        size="compact-sm",
                        variant="outline",
                        **aria(label=f"Dispute: {path} is {_says(record)}"),
                    ),
                ],
                className="review-buttons",
            ),
        ],
        className="review-does",
    )
    return picture_tile(path, _split_words(split), said, does, alt="The image that was corrected")


def _doubtful(count: int, shown: list[data.Suspect], lacking: list[tuple[str, str]]) -> Component:
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
        paths_or_tiles([_suspect(one) for one in shown]),
        faults("These runs could not be asked", lacking),
        why="How many are wrong only readers can say, so there is no estimate and no interval.",
        note="Heard are runs about images that did not train them, the training images that look most "
        f"alike to a run, and near-copies with another label. {review_agreed.TESTS}",
    )


def _suspect(one: data.Suspect) -> Component:
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
                href=f"/review?image={quote(one.path)}",
                className="look",
            ),
        ]
    )
    return picture_tile(one.path, _split_words(one.split), says, alt=f"{one.label} image")


def _says(record: Record) -> str:
    """What a correction says, in words."""
    if record.verdict == BAD_IMAGE:
        return "bad image"
    if record.verdict == UNSURE:
        return "not sure"
    assert record.verdict == CLASS
    if record.right_label == record.label:
        return f"{record.label} is right"
    return f"{record.right_label}, not {record.label or record.answer}"


def _split_words(split: str) -> str | None:
    return f"{SPLIT_WORDS.get(split, split)} image" if split else None
