"""What people say is wrong with a label: an append-only store, and what its records come to.

Nothing is ever changed or deleted: a correction, the second reader's word on it and an undo are records
of their own. A record that was acknowledged is on the disk, and one that is sent again is known by the
id that its sender made, so that a retry doubles nothing.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    SQLAlchemyError,
)
from sqlalchemy.pool import NullPool

from brainmri.errors import InputError, OutputError
from brainmri.files import advice
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
_BUSY_SECONDS = 60
_ID = re.compile(r"[A-Za-z0-9-]{8,64}")

_TABLE = sa.Table(
    "brainmri_corrections",
    sa.MetaData(),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(64), nullable=False, unique=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("about", sa.String(64)),
    sa.Column("path", sa.Text),
    sa.Column("label", sa.Text),
    sa.Column("verdict", sa.String(16)),
    sa.Column("right_label", sa.Text),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("run", sa.Text),
    sa.Column("answer", sa.Text),
    sa.Column("made", sa.String(32), nullable=False),
    sqlite_autoincrement=True,  # A number is never given twice.
)


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
    given = os.environ.get(DATABASE)
    return given or f"sqlite:///{(models / FOLDER / 'corrections.db').absolute()}"


class Store:
    """Takes records and gives them back in the order in which they were taken.

    Safe to be used by many threads and processes: every call has a connection of its own.
    """

    def __init__(self, url: str) -> None:
        """Name the database; nothing is opened or made yet.

        Args:
            url: as SQLAlchemy takes it.

        Raises:
            InputError: it is no such address, or its driver is not installed.
        """
        try:
            # No pool: a connection must not outlive a fork, and people correct at their own pace.
            self._engine = sa.create_engine(url, poolclass=NullPool)
        except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
            raise InputError(
                f"{DATABASE} is no database address that can be used ({_first_line(error)}); write it "
                "like postgresql+psycopg://user@host/name, with the driver installed."
            ) from None
        self._file: Path | None = None
        if self._engine.dialect.name == "sqlite":
            name = self._engine.url.database
            if not name or name == ":memory:":
                raise InputError(
                    f"{DATABASE} names no file, so corrections would be lost; write it like "
                    "sqlite:////folder/corrections.db."
                )
            self._file = Path(name)
            sa.event.listen(self._engine, "connect", _durable)
            sa.event.listen(self._engine, "begin", _begin)

    def add(self, record: Record) -> Record:
        """Take a record; when this returns it is on the disk.

        A record whose id is known already is not taken twice: the first one is returned.

        Raises:
            InputError: something is missing or contradicts what is there.
            OutputError: it could not be stored, and is not.
        """
        check(record)
        with self._explained(), self._turn():
            self._prepare()
            with self._engine.connect() as connection:
                old = self._find(connection, record.id)
                if old is None:
                    self._check_against(connection, record)
                    taken = {**asdict(record), "made": _now()}
                    try:
                        connection.execute(sa.insert(_TABLE).values(taken))
                        connection.commit()
                    except IntegrityError:  # Another process took the same id meanwhile.
                        connection.rollback()
                        old = self._find(connection, record.id)
                        if old is None:
                            raise
                    else:
                        return Record(**taken)
        if old != record:
            raise InputError(
                "Something else was stored under the same id; reload the page and send it again."
            )
        return old

    def records(self) -> list[Record]:
        """Everything that was ever taken, in that order.

        Raises:
            InputError: the database cannot be read.
        """
        return [record for _, record in self._read(sa.select(_TABLE).order_by(_TABLE.c.number))]

    def version(self) -> int:
        """Number of the last record, 0 without any: the same as long as nothing was added.

        Raises:
            InputError: the database cannot be read.
        """
        last = self._read(sa.select(_TABLE).order_by(_TABLE.c.number.desc()).limit(1))
        return last[0][0] if last else 0

    def _read(self, query: sa.Select[Any]) -> list[tuple[int, Record]]:
        if self._file is not None and not self._file.is_file():
            return []  # Looking makes no file.
        with self._explained(), self._engine.connect() as plain:
            connection = plain.execution_options(brainmri_reads=True)
            if self._file is None and not sa.inspect(connection).has_table(_TABLE.name):
                return []
            try:
                rows = connection.execute(query).mappings().all()
            except DBAPIError as error:
                if "no such table" in str(error):  # A process ended between making file and table.
                    return []
                raise
            return [(int(row["number"]), _record(row)) for row in rows]

    def _find(self, connection: sa.Connection, key: str) -> Record | None:
        row = connection.execute(sa.select(_TABLE).where(_TABLE.c.id == key)).mappings().first()
        return None if row is None else _record(row)

    def _about(self, connection: sa.Connection, key: str) -> list[Record]:
        query = sa.select(_TABLE).where(_TABLE.c.about == key).order_by(_TABLE.c.number)
        return [_record(row) for row in connection.execute(query).mappings()]

    def _check_against(self, connection: sa.Connection, record: Record) -> None:
        """Refuse what contradicts the records that are there.

        Raises:
            InputError: what is wrong.
        """
        if record.kind == CORRECTION:
            return
        of = self._find(connection, str(record.about))
        if of is None:
            raise InputError("The record that this is about does not exist; reload the page.")
        later = self._about(connection, of.id)
        if any(other.kind == UNDO for other in later):
            raise InputError("That was undone already; reload the page.")
        if record.kind == UNDO:
            if of.kind == UNDO:
                raise InputError("An undo cannot be undone; say again what you meant.")
            if not same_person(of.who, record.who):
                raise InputError(f"Only {of.who}, who said it, can undo it; dispute it instead.")
            return
        if of.kind != CORRECTION:
            raise InputError("Only a correction can be confirmed or disputed.")
        if same_person(of.who, record.who):
            raise InputError(
                f"{of.who} made this correction; the second reader has to be somebody else."
            )
        for review in later:
            if same_person(review.who, record.who) and not self._about(connection, review.id):
                raise InputError(
                    f"{review.who} has reviewed this correction already; undo that review first."
                )

    def _prepare(self) -> None:
        """Make file and table where there are none; several processes may do so at once."""
        for last in (False, True):
            try:
                with self._engine.begin() as connection:
                    _TABLE.create(connection, checkfirst=True)
                return
            except DBAPIError:
                if last:
                    raise

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for one's turn to write to SQLite.

        SQLite itself lets those who wait try again now and then, so that of many some never come to
        write. A lock on the folder, which leaves no file behind, wakes them one after the other.
        """
        if self._file is None:
            yield
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._file.parent, os.O_RDONLY)
        try:
            with suppress(OSError):  # Some network file systems know no such lock.
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say in one sentence what a database said in its own words."""
        try:
            yield
        except OSError as error:
            raise OutputError(_not_saved(f"{error.strerror or error}. {advice(error)}")) from None
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error)
            raise OutputError(_not_saved(_cause_in_words(cause))) from None


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
    """Whether two names are one person's, whatever their spaces and capitals."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def check(record: Record) -> None:
    """Refuse a record that is not whole.

    Raises:
        InputError: what is missing.
    """
    if not _ID.fullmatch(record.id):
        raise InputError("A correction needs an id of 8 to 64 letters, digits and dashes.")
    if record.kind not in (CORRECTION, CONFIRM, DISPUTE, UNDO):
        raise InputError(f'There is no kind of record "{record.kind}".')
    if not record.who.strip():
        raise InputError("Say who you are: a correction without a name cannot be reviewed.")
    if len(record.who) > _MOST_NAME:
        raise InputError(f"The name is too long; use {counted(_MOST_NAME, 'character')} at most.")
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


def _durable(connection: Any, _record: Any) -> None:
    """SQLite: one file; a commit is on the disk, its folder too, before it returns."""
    connection.isolation_level = None  # Transactions begin in `_begin`, not behind our back.
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {1000 * _BUSY_SECONDS}")
    cursor.execute("PRAGMA journal_mode = DELETE")
    cursor.execute("PRAGMA synchronous = EXTRA")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    # A writer takes its turn at once: two readers that both go on to write would block each other.
    reads = connection.get_execution_options().get("brainmri_reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _record(row: Any) -> Record:
    return Record(**{f.name: row[f.name] for f in fields(Record)})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _not_saved(why: str) -> str:
    return f"Not saved: {why}. Nothing was stored; try again then."


def _cause_in_words(cause: str) -> str:
    """What a database complains about, and what helps, without a full stop."""
    said = cause.casefold()
    if "full" in said or "no space" in said or "disk i/o" in said or "too large" in said:
        return "the disk with the corrections is full or faulty. Free some space"
    if "locked" in said or "busy" in said:
        return f"others were writing for more than {_BUSY_SECONDS} seconds. Wait a moment"
    if "readonly" in said or "read-only" in said or "unable to open" in said:
        return f"the database of corrections cannot be written. {advice(OSError(errno.EACCES, ''))}"
    return f"the database says “{_first_line(cause)}”. Look after it"


def _first_line(error: object) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def new_id() -> str:
    """An id for a record: its time, so that ids sort, and chance."""
    return f"{time.time_ns():x}-{os.urandom(8).hex()}"
