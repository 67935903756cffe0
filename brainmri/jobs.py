"""Long work that outlives the web process: a queue in one SQLite file, and one worker that empties it.

The worker is a process of its own (`python -m brainmri.worker`), started when there is something to do and
gone when there is not. It holds a lock while it lives, so there is one per state folder; what the file says
is running while nobody holds the lock was interrupted, and is begun again.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

QUEUED, RUNNING, DONE, FAILED, CANCELLED, INTERRUPTED = (
    "queued", "running", "done", "failed", "cancelled", "interrupted",
)  # fmt: skip
UNFINISHED = (QUEUED, RUNNING)
MOST_ATTEMPTS = 3
"""Times that a job is begun again by itself after an interruption."""
_SHOWN = 20
_TABLE = """CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, work TEXT NOT NULL, state TEXT NOT NULL,
    done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0, told TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0, stop INTEGER NOT NULL DEFAULT 0, created TEXT NOT NULL
)"""
_COLUMNS = "id, name, work, state, done, total, told, attempts, stop, created"


@dataclass(frozen=True)
class Job:
    """One piece of work.

    Attributes:
        name: of the run that comes of it.
        work: what to do, as plain values.
        state: one of the six above.
        done, total: images; total 0 until it is known.
        told: how it ended, in a sentence.
        attempts: how often it was begun.
        stop: somebody asked for its end.
        created: UTC, ISO 8601.
    """

    id: int
    name: str
    work: dict[str, Any]
    state: str
    done: int
    total: int
    told: str
    attempts: int
    stop: bool
    created: str


class Queue:
    """The jobs of a state folder; may be used from any process and thread."""

    def __init__(self, state: Path) -> None:
        """`state` is the folder; the file in it is made when missing."""
        self._state = state
        with self._open() as file:
            file.execute(_TABLE)

    def add(self, name: str, work: dict[str, Any]) -> int:
        """Queue work and see that a worker is there; its number."""
        with self._open() as file:
            made = file.execute(
                "INSERT INTO jobs (name, work, state, created) VALUES (?, ?, ?, ?)",
                (name, json.dumps(work), QUEUED, datetime.now(UTC).isoformat(timespec="seconds")),
            )
            number = int(made.lastrowid or 0)
        self.wake()
        return number

    def latest(self) -> list[Job]:
        """The latest jobs, newest first."""
        return self._found(f"SELECT {_COLUMNS} FROM jobs ORDER BY id DESC LIMIT {_SHOWN}", ())

    def find(self, number: int) -> Job | None:
        """The job of that number."""
        found = self._found(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (number,))
        return found[0] if found else None

    def cancel(self, number: int) -> None:
        """Stop a job: at once when it waits, within a batch when it runs."""
        with self._open() as file:
            file.execute(
                "UPDATE jobs SET state = ?, told = 'Cancelled before it began.' "
                "WHERE id = ? AND state = ?",
                (CANCELLED, number, QUEUED),
            )
            file.execute("UPDATE jobs SET stop = 1 WHERE id = ? AND state = ?", (number, RUNNING))

    def retry(self, number: int) -> None:
        """Queue a job again that failed, was cancelled or was interrupted."""
        with self._open() as file:
            file.execute(
                "UPDATE jobs SET state = ?, told = '', done = 0, attempts = 0, stop = 0 "
                "WHERE id = ? AND state IN (?, ?, ?)",
                (QUEUED, number, FAILED, CANCELLED, INTERRUPTED),
            )
        self.wake()

    def wake(self) -> None:
        """Start a worker when there is something to do and none lives."""
        waiting = "SELECT count(*) FROM jobs WHERE state IN (?, ?)"
        with self._open() as file:
            (count,) = file.execute(waiting, UNFINISHED).fetchone()
        if not count:
            return
        lock = self.lock()
        if lock is None:
            return  # One lives, and looks once more before it goes.
        lock.close()
        process = subprocess.Popen(
            [sys.executable, "-m", "brainmri.worker", str(self._state.absolute())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
            start_new_session=True,  # The end of the web process is not its end.
        )
        threading.Thread(target=process.wait, daemon=True).start()

    def lock(self) -> TextIO | None:
        """The right to work, held until the file that is returned is closed; None when taken."""
        file = (self._state / "worker.lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return None
        return file

    # For the worker, which holds the lock

    def take(self) -> Job | None:
        """The next job, now running; None when there is none."""
        with self._open() as file:
            row = file.execute(
                "UPDATE jobs SET state = ?, attempts = attempts + 1, done = 0 WHERE id = "
                "(SELECT min(id) FROM jobs WHERE state = ?) RETURNING id",
                (RUNNING, QUEUED),
            ).fetchone()
        return None if row is None else self.find(int(row[0]))

    def take_back(self) -> None:
        """Queue again what was running when the last worker died; give up after several times."""
        with self._open() as file:
            file.execute(
                "UPDATE jobs SET state = ?, told = 'Cancelled.' WHERE state = ? AND stop = 1",
                (CANCELLED, RUNNING),
            )
            file.execute(
                "UPDATE jobs SET state = ?, told = 'It was interrupted several times.' "
                "WHERE state = ? AND attempts >= ?",
                (INTERRUPTED, RUNNING, MOST_ATTEMPTS),
            )
            file.execute("UPDATE jobs SET state = ? WHERE state = ?", (QUEUED, RUNNING))

    def progress(self, number: int, done: int, total: int) -> bool:
        """Note how far a job is; whether it may go on."""
        with self._open() as file:
            file.execute("UPDATE jobs SET done = ?, total = ? WHERE id = ?", (done, total, number))
            row = file.execute("SELECT stop FROM jobs WHERE id = ?", (number,)).fetchone()
        return row is not None and not row[0]

    def finish(self, number: int, state: str, told: str) -> None:
        """Note how a job ended."""
        with self._open() as file:
            file.execute("UPDATE jobs SET state = ?, told = ? WHERE id = ?", (state, told, number))

    def _found(self, query: str, values: tuple[Any, ...]) -> list[Job]:
        with self._open() as file:
            return [
                Job(
                    id=row[0],
                    name=row[1],
                    work=json.loads(row[2]),
                    state=row[3],
                    done=row[4],
                    total=row[5],
                    told=row[6],
                    attempts=row[7],
                    stop=bool(row[8]),
                    created=row[9],
                )
                for row in file.execute(query, values).fetchall()
            ]

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection of this thread's own; what was done in the block is kept when it ends well."""
        file = sqlite3.connect(self._state / "jobs.sqlite", timeout=30)
        try:
            with file:
                yield file
        finally:
            file.close()
