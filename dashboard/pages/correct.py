"""What a person says of one image, as a part of the pages that show one."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, State, callback, clientside_callback, dcc, html, no_update
from dash.development.base_component import Component

from brainmri.accounts import MAINTAINER
from brainmri.corrections import BAD_IMAGE, CLASS, CORRECTION, UNDO, UNSURE, Record
from brainmri.errors import InputError
from dashboard import asker, data
from dashboard.components import aria

MOST_KEPT_BYTES = 20_000_000
TAKEN_BACK = "Undone. Both stay in the record."
_CLASS = f"{CLASS}:"
_KEEP = "Keep this image, without identifiers, for training"
_STORED = (
    "A file’s name, date and other data are never kept, only its pixels. Words that are burnt into the "
    "picture are pixels too: do not tick this where a name can be read. "
    f"Files of up to {MOST_KEPT_BYTES // 10**6} MB."
)
_LOOK = (
    "There seems to be text in the picture. Without this tick its pixels are not kept; a name, a date of "
    "birth or a number of a person must not be among them."
)


def form(
    page: str,
    classes: Sequence[str],
    *,
    path: str | None = None,
    label: str | None = None,
    run: str | None = None,
    answer: str | None = None,
    is_open: bool = False,
) -> Component:
    """What a person can say of one image; one form a page.

    Args:
        page: whose `register` was called.
        classes: that can be chosen.
        path: of an indexed image; None for an upload, whose pixels the page holds.
        label: what the data set says of it.
        run: whose answer is looked at.
        answer: what it was.
        is_open: show the form at once.
    """
    subject = {"path": path, "label": label, "run": run, "answer": answer}
    return html.Details(
        [
            html.Summary("This is wrong"),
            html.Div(
                [
                    dmc.RadioGroup(
                        dmc.Group(choices(classes), id=_id(page, "choices"), gap="md"),
                        id=_id(page, "verdict"),
                        label="What does it show?",
                        description=None
                        if label is None
                        else f"The data set says {label}; choose that if it is right.",
                    ),
                    dmc.Textarea(
                        id=_id(page, "reason"),
                        label="Why?",
                        description="A few words; a second reader has to understand it.",
                        autosize=True,
                        minRows=2,
                    ),
                    name_input(_id(page, "who")),
                    dmc.Checkbox(
                        id=_id(page, "keep"),
                        label=_KEEP,
                        description=_STORED,
                        checked=False,
                        display="none" if path is not None else None,
                    ),
                    dmc.Checkbox(
                        id=_id(page, "nobody"),
                        label=data.NAMES_NOBODY,
                        description=_LOOK,
                        checked=False,
                        display="none",
                    ),
                    dmc.Button("Send", id=_id(page, "send"), className="send"),
                    dcc.Store(id=_id(page, "subject"), data=subject),
                    dcc.Store(id=_id(page, "said")),
                    dcc.Store(id=_id(page, "taken")),
                    html.Div(id=_id(page, "told"), **aria(live="polite")),
                ],
                className="correct",
            ),
        ],
        className="correct-part",
        open=is_open,
    )


def choices(classes: Sequence[str]) -> list[Component]:
    """What can be said that an image shows: one of the `classes`, or that nobody can tell."""
    said = {f"{_CLASS}{name}": name for name in classes}
    said |= {UNSURE: "Not sure", BAD_IMAGE: "Bad image"}
    return [dmc.Radio(label=words, value=value) for value, words in said.items()]


def name_input(identity: Any) -> Component:
    """Whose name stands under what is said: of the account, or typed, and the browser remembers it."""
    user = asker.signed_in()
    if user is not None:
        return dmc.TextInput(
            id=identity,
            label="Your name",
            description="You are signed in with it; it stands under what you say.",
            value=user.name,
            readOnly=True,
            className="who",
        )
    return dmc.TextInput(
        id=identity,
        label="Your name",
        description="It stands under what you say.",
        persistence=True,
        persistence_type="local",
        className="who",
    )


def register(page: str) -> None:
    """The callbacks of the form, on the page that shows it."""
    # The browser makes the id, and makes the same one again as long as no answer came: a retry of what
    # was taken already doubles nothing. Pixels leave the browser again only with the tick.
    clientside_callback(
        """async (clicks, verdict, reason, who, keep, nobody, subject, last, taken) => {
            if (!clicks) return dash_clientside.no_update;
            const said = {verdict, reason, who, keep: !!keep, nobody: !!nobody, subject};
            const text = JSON.stringify(said);
            const again = last && last.text === text && last.id !== (taken || {}).id;
            const bytes = Array.from(crypto.getRandomValues(new Uint8Array(16)));
            const fresh = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
            const held = said.keep && dash_clientside.predict ? dash_clientside.predict.held() : {};
            if (held.file && held.file.size > MOST) said.large = true;
            const upload = held.file && !said.large && await new Promise((resolve) => {
                const reader = new FileReader();
                reader.onload = () => resolve(reader.result);
                reader.onerror = () => resolve(null);
                reader.readAsDataURL(held.file);
            });
            return {...said, text, upload, slice: held.slice, id: again ? last.id : fresh, at: Date.now()};
        }""".replace("MOST", str(MOST_KEPT_BYTES)),
        Output(_id(page, "said"), "data"),
        Input(_id(page, "send"), "n_clicks"),
        State(_id(page, "verdict"), "value"),
        State(_id(page, "reason"), "value"),
        State(_id(page, "who"), "value"),
        State(_id(page, "keep"), "checked"),
        State(_id(page, "nobody"), "checked"),
        State(_id(page, "subject"), "data"),
        State(_id(page, "said"), "data"),
        State(_id(page, "taken"), "data"),
        prevent_initial_call=True,
    )

    @callback(
        Output(_id(page, "told"), "children"),
        Output(_id(page, "taken"), "data"),
        Input(_id(page, "said"), "data"),
        prevent_initial_call=True,
    )
    def take(said: dict[str, Any] | None) -> tuple[Any, Any]:
        """Somebody sent the form."""
        if not isinstance(said, dict) or not said:
            return no_update, no_update
        try:
            record = data.say(*_record(said))
        except InputError as error:
            return problem(str(error)), no_update
        return _thanks(page, record), {"id": record.id, "who": record.who}

    @callback(
        Output(_id(page, "told"), "children", allow_duplicate=True),
        Output(_id(page, "taken"), "data", allow_duplicate=True),
        Input(_id(page, "undo"), "n_clicks"),
        State(_id(page, "taken"), "data"),
        prevent_initial_call=True,
    )
    def undo(clicks: int | None, taken: dict[str, str] | None) -> tuple[Any, Any]:
        """What was just said was a slip."""
        if not clicks or not taken:
            return no_update, no_update
        try:
            take_back(taken)
        except InputError as error:
            return problem(str(error)), no_update
        # The id stays: the browser must not use it again, though the same is said once more.
        return answer(TAKEN_BACK), {**taken, "undone": "yes"}


def follow_answers(page: str, container: str, reply: str) -> None:
    """Show the form, empty, below every answer about a picture of one's own, and only then.

    Args:
        page: whose `register` was called.
        container: id of what holds the form.
        reply: id of the store with the answer; its `choices` are those of the run that gave it.
    """
    clientside_callback(
        """(reply) => {
            const own = reply && reply.own;
            const subject = own && {
                path: null, label: null, run: reply.kept.run, answer: reply.kept.model_answer || null,
            };
            const look = own && reply.text_seen ? null : "none";
            const choices = own ? reply.choices : dash_clientside.no_update;
            return [!own, subject || null, choices, null, "", false, false, look, null];
        }""",
        Output(container, "hidden"),
        Output(_id(page, "subject"), "data"),
        Output(_id(page, "choices"), "children"),
        Output(_id(page, "verdict"), "value"),
        Output(_id(page, "reason"), "value"),
        Output(_id(page, "keep"), "checked"),
        Output(_id(page, "nobody"), "checked"),
        Output(_id(page, "nobody"), "display"),
        Output(_id(page, "told"), "children", allow_duplicate=True),
        Input(reply, "data"),
        prevent_initial_call=True,
    )


def take_name(page: str, reader: Any) -> None:
    """Take the name that was typed at `reader` over into the form, where that has none."""
    clientside_callback(
        "(name, given) => (name && !given ? name : dash_clientside.no_update)",
        Output(_id(page, "who"), "value"),
        Input(reader, "value"),
        State(_id(page, "who"), "value"),
    )


def take_back(said: Mapping[str, str]) -> None:
    """Undo what was said: its `id`, and `who` said it.

    Raises:
        InputError: it cannot be undone, and why.
    """
    who, about = asker.name(said["who"]), said["id"]
    data.say(Record(f"undo-{about}"[:64], UNDO, who, about=about))


def problem(sentence: str) -> Component:
    """Why something was not taken, until it is closed or the next answer comes."""
    return answer(sentence, "orange", title="Not saved")


def answer(words: Any, colour: str = "gray", *, title: str | None = None) -> Component:
    """What a click came to, until it is closed or the next one comes."""
    return dmc.Alert(
        words,
        title=title,
        color=colour,
        variant="light",
        withCloseButton=True,
        closeButtonLabel="Close the message",
    )


def taken(page: str) -> dict[str, str]:
    """Id of the store that changes when something was taken or undone by the form of a page."""
    return _id(page, "taken")


def _thanks(page: str, record: Record) -> Component:
    kept = " The picture is kept for training." if record.path and record.label is None else ""
    if record.path is None:
        words = "Saved. The picture itself is not kept, so nobody else can review it. "
    else:
        words = f"Saved. A second reader decides about it.{kept} "
    return answer(
        [
            words,
            dcc.Link(
                "Open the review queue" if asker.may(MAINTAINER) else "See what you said",
                href="/review",
            ),
            dmc.Button("Undo", id=_id(page, "undo"), variant="subtle", size="compact-sm"),
        ],
        "green",
    )


def _record(said: dict[str, Any]) -> tuple[Record, bytes | None]:
    """What the form says, as a record, and the picture of an upload that is to be kept with it.

    Raises:
        InputError: the form is not whole, names a class that there is not, or the image is no longer there.
    """
    subject = said.get("subject")
    if not isinstance(subject, dict):
        raise InputError("It is not said which image this is about; reload the page.")
    about: dict[str, Any] = {key: _text(subject, key) for key in ("path", "label", "run", "answer")}
    verdict, path = _text(said, "verdict") or "", about["path"]
    right = verdict.removeprefix(_CLASS) if verdict.startswith(_CLASS) else None
    record = Record(
        id=_text(said, "id") or "",
        kind=CORRECTION,
        who=asker.name(_text(said, "who")),
        reason=(_text(said, "reason") or "").strip(),
        verdict=verdict if right is None else CLASS,
        right_label=right,
        **about,
    )
    if path is not None:
        known = data.label_of(path)
        if known is None or known[0] != record.label:
            raise InputError("The data set has changed meanwhile; reload the page.")
    if right is not None:
        _check_class(right, of_index=path is not None, run=record.run)
    if path is None and said.get("keep"):
        if said.get("large"):
            raise InputError(
                f"A file of more than {MOST_KEPT_BYTES // 10**6} MB cannot be kept; send this without the "
                "tick, or save the slice as a picture, ask about that, and keep it."
            )
        number = said.get("slice")
        return record, data.picture_to_keep(
            record,
            _upload(said.get("upload")),
            number=number if isinstance(number, int) else None,
            names_nobody=said.get("nobody") is True,
        )
    return record, None


def _check_class(right: str, *, of_index: bool, run: str | None) -> None:
    """Refuse a class that no run could be trained with.

    Raises:
        InputError: which classes there are.
    """
    view = None if of_index else data.find_run(run)
    there = data.right_classes(None if view is None else view.classes)
    if right not in there:
        raise InputError(f"There is no class “{right[:64]}”; choose one of {', '.join(there)}.")


def _text(of: Mapping[str, Any], key: str) -> str | None:
    """A text that a form sent, or None; a forged request may hold anything.

    Raises:
        InputError: it is no text.
    """
    value = of.get(key)
    if value is not None and not isinstance(value, str):
        raise InputError("What arrived is not what the form sends; reload the page.")
    return value


def _upload(contents: object) -> bytes:
    try:
        return base64.b64decode(str(contents or "").partition(",")[2], validate=True)
    except binascii.Error:
        raise InputError("The upload arrived damaged; drop the file again.") from None


def _id(page: str, part: str) -> dict[str, str]:
    return {"correct": page, "part": part}
