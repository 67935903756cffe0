"""What people say is wrong with a label: records, and what they come to; `correction_store` keeps them.

Nothing is ever changed or deleted: a correction, the second reader's word on it and an undo are records
of their own. A record that was acknowledged is on the disk, and one that is sent again is known by the
id that its sender made, so that a retry doubles nothing.
"""

from __future__ import annotations

import os
import re
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path

from brainmri.errors import InputError
from brainmri.wording import counted

CORRECTION, CONFIRM, DISPUTE, UNDO = "correction", "confirm", "dispute", "undo"
CLASS, UNSURE, BAD_IMAGE = "class", "not sure", "bad image"
VERDICTS = (CLASS, UNSURE, BAD_IMAGE)
OPEN, CONFIRMED, DISPUTED, UNDONE = "open", "confirmed", "disputed", "undone"
STATES = (OPEN, CONFIRMED, DISPUTED, UNDONE)

DATABASE = "BRAINMRI_DATABASE"
"""Environment variable with the address of a database that a team shares."""
FOLDER = "corrections"
KEPT = "kept:"
"""Paths of kept uploads begin with this; others are those of the image index."""
MOST_CHARACTERS = 2000
_MOST_NAME = 100
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"
"""Letters by their class that nobody can see."""
_HALVES = re.compile("[\ud800-\udfff]")
_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


@dataclass(frozen=True)
class Record:
    """One thing that somebody said.

    Attributes:
        id: made by the sender; the same for the same record sent again.
        kind: `CORRECTION`, or `CONFIRM`, `DISPUTE` or `UNDO` of another record.
        who: name of the person.
        reason: in their words; may be empty except for a correction or a dispute.
        about: id of the record that a review or an undo is about.
        path: of the image in the data folder, or `KEPT` and a file name for a kept upload; None for
            an upload that was not kept.
        label: what the data set says it shows; None for an upload.
        verdict: of a correction, one of `VERDICTS`.
        right_label: the right class, for the verdict `CLASS`. It may be `label`: then that is right.
        run, answer: whose answer was looked at, and what it was; None where none was.
        made: UTC, ISO 8601; when the store took it.
    """

    id: str
    kind: str
    who: str
    reason: str = ""
    about: str | None = None
    path: str | None = None
    label: str | None = None
    verdict: str | None = None
    right_label: str | None = None
    run: str | None = None
    answer: str | None = None
    made: str = field(default="", compare=False)


@dataclass(frozen=True)
class Correction:
    """A correction and what became of it; `reviews` are those that were not undone."""

    record: Record
    state: str
    reviews: tuple[Record, ...] = ()

    @property
    def says(self) -> tuple[str, str | None]:
        """Verdict and right class."""
        return str(self.record.verdict), self.record.right_label


def url_of(models: Path) -> str:
    """Where corrections are kept: `DATABASE`, or one SQLite file in the folder of results."""
    return os.environ.get(DATABASE) or f"sqlite:///{_file(models).absolute()}"


def may_be_kept(models: Path) -> bool:
    """Whether there is anything to read at `url_of`; a database of one's own may hold some."""
    return bool(os.environ.get(DATABASE)) or _file(models).is_file()


def _file(models: Path) -> Path:
    return models / FOLDER / "corrections.db"


def states(records: Sequence[Record]) -> list[Correction]:
    """What became of every correction, in the order in which they were made.

    A correction is disputed when a second reader disputes it, whatever others say; confirmed when one
    confirms it and none disputes it; open until then.
    """
    undone = {record.about for record in records if record.kind == UNDO}
    reviews: dict[str, list[Record]] = {}
    for record in records:
        if record.kind in (CONFIRM, DISPUTE) and record.id not in undone:
            reviews.setdefault(str(record.about), []).append(record)
    found = []
    for record in records:
        if record.kind != CORRECTION:
            continue
        of = tuple(reviews.get(record.id, ()))
        kinds = {review.kind for review in of}
        state = (
            UNDONE
            if record.id in undone
            else DISPUTED
            if DISPUTE in kinds
            else CONFIRMED
            if CONFIRM in kinds
            else OPEN
        )
        found.append(Correction(record, state, of))
    return found


def same_person(one: str, other: str) -> bool:
    """Whether two names are one person's, whatever their spaces, capitals and invisible signs."""
    return _folded(one) == _folded(other)


@lru_cache(4096)
def _folded(name: str) -> str:
    return " ".join(_seen(name).split()).casefold()


def _is_text(value: object) -> bool:
    """Whether every database takes it: no half of a sign, and no NUL."""
    return isinstance(value, str) and "\0" not in value and not _HALVES.search(value)


def _seen(name: str) -> str:
    """A name as people see it: in one form, without what is invisible."""
    shown = (one for one in unicodedata.normalize("NFKC", name) if one not in _BLANK_LETTERS)
    return "".join(one for one in shown if unicodedata.category(one) != "Cf")


def check(record: Record) -> None:
    """Refuse a record that is not whole.

    Raises:
        InputError: what is missing.
    """
    if not _ID.fullmatch(record.id):
        raise InputError("A correction needs an id of 8 to 64 letters, digits and dashes.")
    if record.kind not in (CORRECTION, CONFIRM, DISPUTE, UNDO):
        raise InputError(f'There is no kind of record "{record.kind}".')
    for text in asdict(record).values():
        if text is not None and not _is_text(text):
            raise InputError("It holds signs that are no text; type it again.")
    check_name(record.who, nameless="a correction without a name cannot be reviewed")
    if record.kind in (CORRECTION, DISPUTE) and not record.reason.strip():
        raise InputError("Say why, in a few words: the other reader has to understand it.")
    if len(record.reason) > MOST_CHARACTERS:
        raise InputError(
            f"The reason is too long; use {counted(MOST_CHARACTERS, 'character')} at most."
        )
    if record.kind == CORRECTION:
        if record.verdict not in VERDICTS:
            raise InputError("Choose the right class, “not sure” or “bad image”.")
        if (record.verdict == CLASS) != bool(record.right_label):
            raise InputError("Choose the right class, “not sure” or “bad image”.")
    elif record.about is None:
        raise InputError("A review or an undo has to say which record it is about.")


def check_name(who: str, *, nameless: str) -> None:
    """Refuse a name that is too long, or that nobody can see; `nameless` says what a name is needed for.

    Raises:
        InputError: what is wrong with it.
    """
    if not _is_text(who):
        raise InputError("The name holds signs that are no text; type it again.")
    if not any(one.isalnum() and one not in _BLANK_LETTERS for one in who):
        raise InputError(f"Say who you are: {nameless}.")
    if len(who) > _MOST_NAME:
        raise InputError(f"The name is too long; use {counted(_MOST_NAME, 'character')} at most.")


def new_id() -> str:
    """An id for a record: its time, so that ids sort, and chance."""
    return f"{time.time_ns():x}-{os.urandom(8).hex()}"
