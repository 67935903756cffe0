"""Long work that outlives the web process: what a job is, and whether several machines share them.

`job_queue` keeps the jobs, `worker` does them; `celery_queue` hands them to other machines.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from brainmri.corrections import DATABASE
from brainmri.errors import InputError

QUEUED, RUNNING, DONE, FAILED, CANCELLED, INTERRUPTED = (
    "queued", "running", "done", "failed", "cancelled", "interrupted",
)  # fmt: skip
UNFINISHED = (QUEUED, RUNNING)
FILE = "jobs.sqlite"
"""In the state folder, where jobs stay on this machine."""
MOST_ATTEMPTS = 3
"""Times that a job is begun again by itself after an interruption."""
QUEUE = "BRAINMRI_QUEUE"
"""Environment variable with the address of a Redis that hands jobs to several machines."""


class LostError(Exception):
    """The job is no longer this worker's, or nobody can be told about it: leave it as it is."""


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
        claim: of the worker that took it last; another each time.
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
    claim: str


def is_shared() -> bool:
    """Whether the jobs are those of several machines."""
    return bool(os.environ.get(QUEUE))


def may_be_some(state: Path) -> bool:
    """Whether anything may have been queued; `state` is the folder of jobs, and may be missing."""
    return is_shared() or (state / FILE).is_file()


def broker() -> str | None:
    """The Redis that BRAINMRI_QUEUE names; None where jobs stay on this machine.

    Raises:
        InputError: it is no such address, or what else several machines need is missing.
    """
    given = os.environ.get(QUEUE)
    if not given:
        return None
    try:
        url = urlsplit(given)
        right = url.scheme in ("redis", "rediss") and bool(url.hostname) and url.port != 0
        right = right and (url.path.strip("/") or "0").isdigit()
    except ValueError:
        right = False
    if not right:
        raise InputError(
            f"{QUEUE} is no address of a Redis; write it like redis://host:6379/0, or rediss:// for TLS."
        )
    kept = os.environ.get(DATABASE, "")
    if not kept or kept.startswith("sqlite"):
        raise InputError(
            f"{QUEUE} needs {DATABASE} too: several machines cannot share jobs in a SQLite file. Name a "
            "database server, like postgresql+psycopg://user@host/name."
        )
    if importlib.util.find_spec("celery") is None:
        raise InputError(
            f"{QUEUE} needs Celery, which is not installed: `pip install -r requirements-team.txt`."
        )
    return given


def without_password(url: str) -> str:
    """An address as it may be shown."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
