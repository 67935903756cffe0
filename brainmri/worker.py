"""`python -m brainmri.worker STATE`: does the queued jobs of a state folder one after the other, and ends."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from brainmri import foreign_models, index, jobs
from brainmri.errors import InputError
from brainmri.foreign_models import Reading

_LOOKS, _PAUSE_SECONDS = 3, 0.2


class _CancelledError(Exception):
    """Somebody asked for the end of the job."""


def main(state: Path) -> int:
    """Work until nothing is queued; 0, also when another worker does it."""
    os.nice(10)  # The pages come first.
    queue = jobs.Queue(state)
    lock = queue.lock()
    if lock is None:
        return 0
    with lock:
        queue.take_back()
        looks = 0
        while looks < _LOOKS:
            job = queue.take()
            if job is None:
                # Who queues something now sees the lock and counts on this worker.
                looks += 1
                time.sleep(_PAUSE_SECONDS)
                continue
            looks = 0
            work(queue, job)
    queue.wake()
    return 0


def work(queue: jobs.Queue, job: jobs.Job) -> None:
    """Do one job and note how it ended."""
    begun = time.monotonic()

    def progress(done: int, total: int) -> None:
        if not queue.progress(job.id, done, total):
            raise _CancelledError
        if time.monotonic() - begun > 60 * foreign_models.MOST_MINUTES:
            raise InputError(
                f"The model took longer than {foreign_models.MOST_MINUTES} minutes; a smaller one may "
                "do."
            )

    try:
        queue.finish(job.id, jobs.DONE, _evaluate(job.name, job.work, progress))
    except _CancelledError:
        queue.finish(job.id, jobs.CANCELLED, "Cancelled; no run was made.")
    except InputError as error:
        queue.finish(job.id, jobs.FAILED, str(error))
    except Exception as error:  # A job that fails in any way must not take the queue with it.
        queue.finish(
            job.id, jobs.FAILED, f"It failed ({type(error).__name__}: {str(error)[:200]})."
        )


def _evaluate(name: str, work: dict[str, Any], progress: Any) -> str:
    models, model = Path(work["models"]), Path(work["model"])
    if not model.is_file():
        raise InputError("The uploaded model is gone; drop it again.")
    told = foreign_models.evaluate(
        model,
        Reading(**work["reading"]),
        index.read(index.path(models)),
        Path(work["images"]),
        models,
        name,
        part=work["part"],
        progress=progress,
    )
    model.unlink(missing_ok=True)  # Nothing that was uploaded stays; its SHA-256 is in the table.
    return told


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
