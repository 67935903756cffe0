"""What was said of labels lately: who said it takes it back, and what is confirmed can be disputed.

Review shows it to maintainers below the queue, and to others what they said themselves.
"""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import (
    ALL,
    Input,
    Output,
    State,
    callback,
    clientside_callback,
    ctx,
    dcc,
    html,
    no_update,
)
from dash.development.base_component import Component

from brainmri.accounts import MAINTAINER
from brainmri.corrections import (
    BAD_IMAGE,
    CLASS,
    CONFIRM,
    CONFIRMED,
    DISPUTE,
    DISPUTED,
    KEPT,
    OPEN,
    UNDONE,
    UNSURE,
    Correction,
    Record,
    same_person,
)
from brainmri.errors import InputError
from dashboard import asker, data
from dashboard.components import (
    SPLIT_WORDS,
    aria,
    faults,
    name,
    no_interval,
    page_count,
    page_number,
    page_turner,
    paths_or_tiles,
    picture_tile,
    section,
    state_id,
)
from dashboard.pages import correct

COUNTED = (
    "A count of what people said here, not an estimate of anything else, so it has no interval."
)
_AT_ONCE = 8
_STILL_IN = "It stays in the numbers until numbered corrections are written again."
MOST_PAGES = 100_000
"""Until they have been counted."""


def head(page: str, image: str | None) -> Component:
    """What the last click came to, and whose name stands under the next."""
    return html.Div(
        [
            dcc.Store(id=f"{page}-changed"),
            dcc.Store(id={"page": page, "kept": "image"}, data=image),
            html.Div(id=f"{page}-told", className="said-told", **aria(live="polite")),
            html.Div(correct.name_input(reader(page)), className="controls"),
        ],
        className="said-head",
    )


def part(page: str, at: str | None) -> Component:
    """The list, which comes once the page stands."""
    number = page_number(at, MOST_PAGES)
    return html.Div(
        [
            html.Div(id=f"{page}-said"),
            page_turner(page, "said", number, number, "Pages of what was said"),
        ]
    )


def reader(page: str) -> dict[str, str]:
    """Id of the name of who reads."""
    return {"correct": page, "part": "reader"}


def register(page: str) -> None:
    """The callbacks of the list, on the page that shows it."""
    turner = state_id(page, "said")

    @callback(
        Output(f"{page}-said", "children"),
        Output(turner, "total"),
        Output(turner, "value"),
        Input(turner, "value"),
        Input(f"{page}-changed", "data"),
        Input(reader(page), "value"),
        State({"page": page, "kept": "image"}, "data"),
    )
    def show(
        at: int | str | None, _changed: Any, who: str | None, image: str | None
    ) -> tuple[Any, Any, Any]:
        """The page stands, somebody said something, or the name is another."""
        mine = asker.name(who)
        try:
            found = _sorted(data.corrections_made(), mine, image)
        except InputError as error:
            return faults("What was said cannot be shown", [("Fault", str(error))]), 1, 1
        pages = page_count(len(found), _AT_ONCE)
        number = page_number(at, pages)
        start = (number - 1) * _AT_ONCE
        shown = found[start : start + _AT_ONCE]
        return _section(page, len(found), shown, mine), pages, number

    @callback(
        Output(f"{page}-told", "children", allow_duplicate=True),
        Output(f"{page}-changed", "data", allow_duplicate=True),
        Input({"said": page, "undo": ALL, "at": ALL}, "n_clicks"),
        State(reader(page), "value"),
        prevent_initial_call=True,
    )
    def undo(_clicks: list[int | None], who: str | None) -> tuple[Any, Any]:
        """What somebody said was a slip."""
        cause = clicked()
        if cause is None:
            return no_update, no_update
        about = str(cause.get("undo"))
        try:
            of = next((one for one in data.corrections_made() if _is_about(one, about)), None)
            correct.take_back({"id": about, "who": who or ""})
        except InputError as error:
            return correct.problem(str(error)), no_update
        stays = [] if of is None else _stays(of, about)
        return correct.answer(" ".join([correct.TAKEN_BACK, *stays])), f"undo-{about}"

    # What the form of an image that is open here took or undid is shown at once.
    clientside_callback(
        """(taken) => (taken ? JSON.stringify(taken) : dash_clientside.no_update)""",
        Output(f"{page}-changed", "data", allow_duplicate=True),
        Input(correct.taken(page), "data"),
        prevent_initial_call=True,
    )


def clicked() -> dict[str, Any] | None:
    """Id of the button that was pressed; None where buttons were only drawn anew."""
    for one in ctx.triggered:
        if one["value"]:
            cause = ctx.triggered_prop_ids.get(one["prop_id"])
            return cause if isinstance(cause, dict) else None
    return None


def undo_button(page: str, about: str, at: str, *, what: str) -> Component:
    """Takes a record back; `at` names the place, since one record may stand in several."""
    return dmc.Button(
        "Undo",
        id={"said": page, "undo": about, "at": at},
        size="compact-sm",
        variant="outline",
        **aria(label=f"Undo: {what}"),
    )


def entry(one: Correction, *, at: str, does: Component | None = None) -> Component:
    """A correction beside its picture, what became of it, and what can be done about it."""
    record = one.record
    said = html.Div(
        [
            html.Strong(says(record)),
            html.Div(["“", html.Span(record.reason, **name("setting")), "”"]),
            html.Small(_when(record), **name("version")),
        ]
    )
    lines = [said, *([] if at == "waiting" else [_became(one)]), *([does] if does else [])]
    path = record.path
    if path is not None and not (path.startswith(KEPT) and one.state == UNDONE):
        split = "" if path.startswith(KEPT) else (data.label_of(path) or ("", ""))[1]
        return picture_tile(path, split_words(split), *lines, alt="The image that was corrected")
    gone = (
        "an upload whose picture is not kept" if path is None else "an upload that was taken back"
    )
    lines.insert(0, html.Span(gone, className="path"))
    if data.images_folder() is None:
        return html.Li([html.Span(line) for line in lines], className="tile path-line")
    return html.Figure(html.Figcaption(lines), className="tile")


def review_controls(one: Correction, *, at: str, kinds: tuple[str, ...]) -> Component:
    """A reason and a button for each of `kinds`; `review` answers them."""
    record = one.record
    words = {CONFIRM: "Confirm", DISPUTE: "Dispute"}
    about = f"{record.path} is {says(record)}"
    return html.Div(
        [
            dmc.Textarea(
                id={"review": record.id, "does": "reason", "at": at},
                placeholder="Why? (needed to dispute)",
                autosize=True,
                minRows=1,
                **aria(label=f"Why, about {record.path}"),
            ),
            html.Div(
                [
                    dmc.Button(
                        words[kind],
                        id={"review": record.id, "does": kind, "at": at},
                        size="compact-sm",
                        variant="filled" if kind == CONFIRM else "outline",
                        **aria(label=f"{words[kind]}: {about}"),
                    )
                    for kind in kinds
                ],
                className="review-buttons",
            ),
        ],
        className="review-does",
    )


def says(record: Record) -> str:
    """What a correction says, in words."""
    if record.verdict == BAD_IMAGE:
        return "bad image"
    if record.verdict == UNSURE:
        return "not sure"
    assert record.verdict == CLASS
    if record.right_label == record.label:
        return f"{record.label} is right"
    instead = record.label or record.answer
    return f"{record.right_label}, not {instead}" if instead else str(record.right_label)


def cut_words(shown: int, count: int) -> Component | None:
    """That only the first of a list are shown, where not all of it is."""
    if shown >= count:
        return None
    words = f"Of these {count:,} the first {shown:,} are shown."
    return html.P(words, className="note", **no_interval(COUNTED))


def split_words(split: str) -> str | None:
    """Which images it is one of; None where that is not known."""
    return f"{SPLIT_WORDS.get(split, split)} image" if split else None


def _section(page: str, count: int, shown: list[Correction], mine: str) -> Component:
    """One page of the list, and how many corrections there are in all."""
    theirs_alone = not asker.may(MAINTAINER)
    if not shown:
        return section(
            "Nothing was said yet" if not theirs_alone else "You have said nothing yet",
            note="Say what is wrong beside an image of Evaluate, or of an answer on Predict.",
        )
    entries = [entry(one, at="said", does=_does(page, one, mine)) for one in shown]
    many = "correction" if count == 1 else "corrections"
    if theirs_alone:
        return section(
            f"You made {count:,} {many}",
            paths_or_tiles(entries),
            why=COUNTED,
            note="What you take back stays in the record and changes nothing.",
        )
    yours = "Yours come first. " if mine else "Type your name above, and yours come first. "
    return section(
        f"{count:,} {many} so far",
        paths_or_tiles(entries),
        why=COUNTED,
        note=f"{yours}What you said you can take back, and what is confirmed you can dispute; all of it "
        "stays in the record.",
    )


def _does(page: str, one: Correction, mine: str) -> Component | None:
    """What the person named `mine` can do here: take their word back, or dispute what is confirmed."""
    if one.state == UNDONE:
        return None
    for record in (one.record, *one.reviews):
        if same_person(record.who, mine):
            what = says(one.record) if record is one.record else f"your word on {one.record.path}"
            button = undo_button(page, record.id, "said", what=what)
            return html.Div(html.Div(button, className="review-buttons"), className="review-does")
    if one.state == CONFIRMED and asker.may(MAINTAINER):
        return review_controls(one, at="said", kinds=(DISPUTE,))
    return None


def _became(one: Correction) -> Component:
    """The state of a correction, and who made it so."""
    still = one.state != CONFIRMED and data.is_written(one.record.id)
    lines: list[Any] = [html.Div(_STILL_IN)] if still else []
    if one.state == UNDONE:
        return html.Div(["Taken back.", *lines], className="became")
    if one.state == OPEN:
        return html.Div(["Waits for a second reader.", *lines], className="became")
    for review in one.reviews:
        word = "Disputed" if review.kind == DISPUTE else "Confirmed"
        why: list[Any] = (
            [": “", html.Span(review.reason, **name("setting")), "”"] if review.reason else []
        )
        lines.append(html.Div([f"{word} by ", html.Span(review.who, **name("version")), *why]))
    return html.Div(lines, className="became disputed" if one.state == DISPUTED else "became")


def _is_about(one: Correction, record: str) -> bool:
    return record in (one.record.id, *(review.id for review in one.reviews))


def _stays(one: Correction, undone: str) -> list[str]:
    """In words, what is still there of a correction after a record of it was undone."""
    left = [_STILL_IN] if data.is_written(one.record.id) else []
    path = one.record.path or ""
    was_kept = undone == one.record.id and path.startswith(KEPT)
    if was_kept and data.kept_upload(path.removeprefix(KEPT)) is not None:
        left.append("Its picture stays: another correction or numbered corrections need it.")
    return left


def _when(record: Record) -> str:
    return f"{record.who}, {record.made[:16].replace('T', ' ')} UTC"


def _sorted(made: list[Correction], mine: str, image: str | None) -> list[Correction]:
    """Those that who asks may see: of the open image first, then their own, the last ones first."""
    own = {id(one) for one in made if _is_of(one, mine)}
    found = made if asker.may(MAINTAINER) else [one for one in made if id(one) in own]
    found = sorted(found, key=_last_word, reverse=True)
    return sorted(
        found, key=lambda one: (not image or one.record.path != image, id(one) not in own)
    )


def _is_of(one: Correction, who: str) -> bool:
    return any(same_person(record.who, who) for record in (one.record, *one.reviews))


def _last_word(one: Correction) -> str:
    return max(record.made for record in (one.record, *one.reviews))
