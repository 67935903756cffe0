"""A database that people or machines share, through SQLAlchemy: one SQLite file, or a server.

Imported where it is used only, because SQLAlchemy takes a quarter of a second to import.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from brainmri.corrections import DATABASE
from brainmri.errors import InputError

BUSY_SECONDS = 60


def connect(url: str | sa.URL) -> sa.Engine:
    """What talks to a database; nothing is opened or made yet.

    Args:
        url: as SQLAlchemy takes it.

    Raises:
        InputError: it is no such address, or its driver is not installed.
    """
    try:
        # No pool: a connection must not outlive a fork, and people correct at their own pace.
        engine = sa.create_engine(url, poolclass=NullPool)
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        raise InputError(
            f"{DATABASE} is no database address that can be used ({first_line(error)}); write it "
            "like postgresql+psycopg://user@host/name, with the driver installed."
        ) from None
    if file_of(engine) is not None:
        sa.event.listen(engine, "connect", _durable)
        sa.event.listen(engine, "begin", _begin)
    return engine


def file_of(engine: sa.Engine) -> Path | None:
    """The file of a SQLite database; None for a server.

    Raises:
        InputError: a SQLite database without a file.
    """
    if engine.dialect.name != "sqlite":
        return None
    name = engine.url.database
    if not name or name == ":memory:":
        raise InputError(
            f"{DATABASE} names no file, so corrections would be lost; write it like "
            "sqlite:////folder/corrections.db."
        )
    return Path(name)


def prepare(engine: sa.Engine, table: sa.Table) -> None:
    """Make file and table where there are none; several processes may do so at once."""
    for last in (False, True):
        try:
            with engine.begin() as connection:
                table.create(connection, checkfirst=True)
            return
        except DBAPIError:
            if last:
                raise


def first_line(error: object) -> str:
    """What a database complains about, without the statement and the links that follow."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _durable(connection: Any, _record: Any) -> None:
    """SQLite: one file; a commit is on the disk, its folder too, before it returns."""
    connection.isolation_level = None  # Transactions begin in `_begin`, not behind our back.
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS}")
    cursor.execute("PRAGMA journal_mode = DELETE")
    cursor.execute("PRAGMA synchronous = EXTRA")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    # A writer takes its turn at once: two readers that both go on to write would block each other.
    reads = connection.get_execution_options().get("brainmri_reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
