"""The queue of jobs: one SQLite file and one worker, or a database of a team and Celery's workers.

Embedded: the worker is a process of its own (`python -m brainmri.worker STATE`), started when there is
something to do and gone when there is not. It holds a lock while it lives, so there is one per state folder;
what the file says is running while nobody holds the lock was interrupted, and is begun again.

With BRAINMRI_QUEUE the rows are in the database of BRAINMRI_DATABASE, and Redis carries nothing but their
numbers. Rows decide: a number that comes twice is worked on once, and one that never comes is sent again.
Here nobody holds a lock, so that a running job of which nothing was heard for a while counts as
interrupted. Its worker, should it still live, learns so when it tells its progress.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from brainmri import database, jobs
from brainmri.corrections import DATABASE
from brainmri.errors import InputError, OutputError
from brainmri.jobs import (
    CANCELLED,
    FAILED,
    INTERRUPTED,
    MOST_ATTEMPTS,
    QUEUED,
    RUNNING,
    UNFINISHED,
    Job,
    LostError,
)
from brainmri.processes import PYTHONPATH

SILENT_SECONDS = 120
"""Twice what may lie between two words of a worker: 30 s to load a model and 20 s for a batch."""
AGAIN_SECONDS = 60
_SHOWN = 20
# Where Redis hangs, one thread of the server waits for it and not all of them.
_handing_out = threading.Lock()
_JOBS = sa.Table(
    "brainmri_jobs",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("work", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("done", sa.Integer, nullable=False, default=0),
    sa.Column("total", sa.Integer, nullable=False, default=0),
    sa.Column("told", sa.Text, nullable=False, default=""),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("stop", sa.Boolean, nullable=False, default=False),
    sa.Column("created", sa.String(32), nullable=False),
    sa.Column("claim", sa.String(32), nullable=False, default=""),
    # By the clock of the database: when its worker was last heard of, or it was last sent to one.
    sa.Column("heard", sa.DateTime(timezone=True)),
    sqlite_autoincrement=True,  # A number is never given twice.
)
_ROW = _JOBS.c


class Queue:
    """The jobs of a state folder or of a team; may be used from any process and thread."""

    def __init__(self, state: Path) -> None:
        """`state` is the folder of the embedded queue, with or without jobs in it.

        Raises:
            InputError: the jobs of a team are asked for, and cannot be had like this.
        """
        self._state = state
        self._broker = jobs.broker()
        self._engine = _engine(
            sa.URL.create("sqlite", database=str(state.absolute() / jobs.FILE))
            if self._broker is None
            else os.environ[DATABASE]
        )
        self._file = database.file_of(self._engine)
        self._prepared = False

    def add(self, name: str, work: dict[str, Any]) -> int:
        """Queue work and see that a worker is there; its number."""
        made = datetime.now(UTC).isoformat(timespec="seconds")
        with self._open() as rows:
            added = rows.execute(
                sa.insert(_JOBS).values(
                    name=name, work=json.dumps(work), state=QUEUED, created=made
                )
            )
            number = int((added.inserted_primary_key or (0,))[0])
        self._wake_or_wait()
        return number

    def latest(self) -> list[Job]:
        """The latest jobs, newest first."""
        return self._found(sa.select(_JOBS).order_by(_ROW.id.desc()).limit(_SHOWN))

    def unfinished(self) -> list[Job]:
        """All jobs that wait or run."""
        return self._found(sa.select(_JOBS).where(_ROW.state.in_(UNFINISHED)))

    def find(self, number: int) -> Job | None:
        """The job of that number."""
        found = self._found(sa.select(_JOBS).where(_ROW.id == number))
        return found[0] if found else None

    def cancel(self, number: int) -> None:
        """Stop a job: at once when it waits, within a batch or half a second when it runs."""
        one = sa.update(_JOBS).where(_ROW.id == number)
        with self._open() as rows:
            rows.execute(
                one.where(_ROW.state == QUEUED).values(
                    state=CANCELLED, told="Cancelled before it began."
                )
            )
            rows.execute(one.where(_ROW.state == RUNNING).values(stop=True))

    def retry(self, number: int) -> None:
        """Queue a job again that failed, was cancelled or was interrupted."""
        with self._open() as rows:
            rows.execute(
                sa.update(_JOBS)
                .where(_ROW.id == number, _ROW.state.in_((FAILED, CANCELLED, INTERRUPTED)))
                .values(state=QUEUED, told="", done=0, attempts=0, stop=False, heard=None)
            )
        self._wake_or_wait()

    def wake(self) -> None:
        """See that somebody works on what is queued.

        Raises:
            InputError: why nobody can be told of it.
        """
        if not self._found(sa.select(_JOBS).where(_ROW.state.in_(UNFINISHED)).limit(1)):
            return
        if self._broker is not None:
            if _handing_out.acquire(blocking=False):
                try:
                    self._hand_out(self._broker)
                finally:
                    _handing_out.release()
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
            env={**os.environ, **PYTHONPATH},
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

    # For workers

    def take(self, number: int | None = None) -> Job | None:
        """The next job or that one, now running; None when there is none or another has it."""
        with self._open() as rows:
            if number is None:
                number = rows.scalar(sa.select(sa.func.min(_ROW.id)).where(_ROW.state == QUEUED))
            taken = rows.execute(
                sa.update(_JOBS)
                .where(_ROW.id == number, _ROW.state == QUEUED)
                .values(
                    state=RUNNING,
                    attempts=_ROW.attempts + 1,
                    done=0,
                    claim=uuid.uuid4().hex,
                    heard=sa.func.now(),
                )
            )
        return self.find(number) if number is not None and taken.rowcount else None

    def take_back(self) -> None:
        """Queue again what was running when its worker died; give up after several times."""
        with self._open() as rows:
            lost = sa.update(_JOBS).where(_ROW.state == RUNNING)
            if self._broker is not None:  # Else the lock says that no worker lives.
                lost = lost.where(_ROW.heard < _ago(rows, SILENT_SECONDS))
            rows.execute(lost.where(_ROW.stop).values(state=CANCELLED, told="Cancelled."))
            rows.execute(
                lost.where(_ROW.attempts >= MOST_ATTEMPTS).values(
                    state=INTERRUPTED, told="It was interrupted several times."
                )
            )
            rows.execute(lost.values(state=QUEUED, heard=None))

    def progress(self, job: Job, done: int, total: int) -> bool:
        """Note how far a job is; whether it may go on.

        Raises:
            LostError: it is another's by now, or cannot be told about.
        """
        return not self._tell(job, done=done, total=total, heard=sa.func.now())

    def finish(self, job: Job, state: str, told: str) -> None:
        """Note how a job ended.

        Raises:
            LostError: it is another's by now, or cannot be told about.
        """
        self._tell(job, state=state, told=told)

    def _tell(self, job: Job, **values: Any) -> bool:
        """Note something of a job that is this worker's; whether somebody asked for its end."""
        mine = sa.and_(_ROW.id == job.id, _ROW.claim == job.claim, _ROW.state == RUNNING)
        try:
            with self._open() as rows:
                known = rows.execute(sa.update(_JOBS).where(mine).values(**values)).rowcount
                stop = bool(rows.scalar(sa.select(_ROW.stop).where(_ROW.id == job.id)))
        except OutputError as error:
            raise LostError(str(error)) from error
        if not known:
            raise LostError("Another worker has begun the job again.")
        return stop

    def _hand_out(self, broker: str) -> None:
        """Send what waits to the workers of all machines, and again what may have been lost."""
        from brainmri import celery_queue

        self.take_back()
        waits = sa.select(_ROW.id).where(_ROW.state == QUEUED).order_by(_ROW.id)
        with self._open() as rows:
            new = list(rows.scalars(waits.where(_ROW.heard.is_(None))))
            late = list(rows.scalars(waits.where(_ROW.heard < _ago(rows, AGAIN_SECONDS))))
        if not (new or late):
            return
        sent = celery_queue.send(broker, new, late)
        with self._open() as rows:
            rows.execute(
                sa.update(_JOBS)
                .where(_ROW.id.in_(sent), _ROW.state == QUEUED)
                .values(heard=sa.func.now())
            )

    def _wake_or_wait(self) -> None:
        # The job is in the rows and is sent later; who looks at the jobs learns what is wrong.
        with contextlib.suppress(InputError):
            self.wake()

    def _found(self, query: sa.Select[Any]) -> list[Job]:
        if self._file is not None and not self._file.is_file():
            return []  # Looking makes no file.
        with self._open(reads=True) as rows:
            found = rows.execute(query).mappings().all()
        return [
            Job(
                **{
                    **{name: row[name] for name in Job.__dataclass_fields__},
                    "work": json.loads(row["work"]),
                }
            )
            for row in found
        ]

    @contextlib.contextmanager
    def _open(self, *, reads: bool = False) -> Iterator[sa.Connection]:
        """A connection of this thread's own; what was done in the block is kept when it ends well."""
        try:
            if not self._prepared:
                database.prepare(self._engine, _JOBS)
                self._prepared = True
            with self._engine.connect() as plain:
                rows = plain.execution_options(brainmri_reads=reads)
                with rows.begin():
                    yield rows
        except SQLAlchemyError as error:
            cause = database.first_line(getattr(error, "orig", None) or error)
            raise OutputError(
                f"The evaluations cannot be read or noted: the database says “{cause}”. Look after it; "
                "what was queued is still there."
            ) from None


def _ago(rows: sa.Connection, seconds: float) -> datetime:
    """A moment that is past, by the clock of the database: those of machines may differ."""
    now: datetime = rows.execute(sa.select(sa.func.now())).scalar_one()
    return now - timedelta(seconds=seconds)


@functools.cache
def _engine(url: str | sa.URL) -> sa.Engine:
    return database.connect(url)
