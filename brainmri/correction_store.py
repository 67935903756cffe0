"""Where corrections are kept: a database that takes records and gives them back.

Apart from `corrections`, because SQLAlchemy takes a quarter of a second to import.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from brainmri import database
from brainmri.corrections import CORRECTION, UNDO, Record, check, same_person
from brainmri.errors import InputError, OutputError
from brainmri.files import advice

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
        self._engine = database.connect(url)
        self._file = database.file_of(self._engine)

    def add(self, record: Record) -> Record:
        """Take a record; when this returns it is on the disk.

        A record whose id is known already is not taken twice: the first one is returned.

        Raises:
            InputError: something is missing or contradicts what is there.
            OutputError: it could not be stored, and is not.
        """
        check(record)
        with self._explained(), self._turn():
            database.prepare(self._engine, _TABLE)
            with self._engine.connect() as connection:
                if self._file is None:
                    # Who waits for a row sees afterwards what the other one wrote.
                    connection.execution_options(isolation_level="READ COMMITTED")
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
        return [_record(row) for row in self._read(sa.select(_TABLE).order_by(_TABLE.c.number))]

    def version(self) -> tuple[int, int]:
        """How many records there are and the highest number: the same as long as nothing was added.

        A server gives a number before the record that has it can be seen, so that a lower one may come
        after a higher one: the highest number alone would not tell.

        Raises:
            InputError: the database cannot be read.
        """
        number = _TABLE.c.number
        query = sa.select(
            sa.func.count().label("records"), sa.func.max(number).label("highest")
        ).select_from(_TABLE)
        (row,) = self._read(query) or [{"records": 0, "highest": None}]
        return int(row["records"]), int(row["highest"] or 0)

    def _read(self, query: sa.Select[*tuple[Any, ...]]) -> Sequence[Mapping[str, Any]]:
        if self._file is not None and not self._file.is_file():
            return []  # Looking makes no file.
        with self._explained(), self._engine.connect() as plain:
            connection = plain.execution_options(brainmri_reads=True)
            if self._file is None and not sa.inspect(connection).has_table(_TABLE.name):
                return []
            try:
                rows: Sequence[Any] = connection.execute(query).mappings().all()
            except DBAPIError as error:
                if "no such table" in str(error):  # A process ended between making file and table.
                    return []
                raise
            return rows

    def _find(self, connection: sa.Connection, key: str, *, alone: bool = False) -> Record | None:
        """The record of an id; `alone`: nobody else finds it so until this transaction has ended."""
        query = sa.select(_TABLE).where(_TABLE.c.id == key)
        # SQLite knows no such lock and needs none: `_begin` lets one write at a time.
        row = connection.execute(query.with_for_update() if alone else query).mappings().first()
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
        # Two words of one reader on one correction, sent at once, come after one another.
        of = self._find(connection, str(record.about), alone=True)
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
        return f"others were writing for more than {database.BUSY_SECONDS} seconds. Wait a moment"
    if "readonly" in said or "read-only" in said or "unable to open" in said:
        return f"the database of corrections cannot be written. {advice(OSError(errno.EACCES, ''))}"
    return f"the database says “{database.first_line(cause)}”. Look after it"
