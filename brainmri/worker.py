"""Does queued jobs.

`python -m brainmri.worker STATE`: those of a state folder, one after the other, and ends.
`python -m brainmri.worker`: those that Celery brings from the Redis BRAINMRI_QUEUE, until told to end.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from brainmri import foreign_models, index, jobs, predictions, runs
from brainmri.errors import InputError
from brainmri.files import sha256
from brainmri.foreign_readings import Reading
from brainmri.job_queue import Queue

_LOOKS, _PAUSE_SECONDS = 3, 0.2
_TELL_SECONDS = 0.5
"""Telling takes longer than a batch of a small model. The last batch is always told: then the run is made."""


class _CancelledError(Exception):
    """Somebody asked for the end of the job."""


def main(state: Path) -> int:
    """Work until nothing is queued; 0, also when another worker does it."""
    os.nice(10)  # The pages come first.
    queue = Queue(state)
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


def serve() -> int:
    """Work on what Celery brings until told to end; 2 when that cannot be."""
    try:
        broker = jobs.broker()
        if broker is None:
            raise InputError(
                f"Set {jobs.QUEUE} to the Redis of the dashboard, like redis://host:6379/0; without it the "
                "dashboard starts its worker itself."
            )
        from brainmri import celery_queue

        celery_queue.serve(broker, work)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def work(queue: Queue, job: jobs.Job) -> None:
    """Do one job and note how it ended."""
    begun, told_at = time.monotonic(), 0.0

    def progress(done: int, total: int) -> None:
        nonlocal told_at
        if done in (0, total) or time.monotonic() - told_at > _TELL_SECONDS:
            if not queue.progress(job, done, total):
                raise _CancelledError
            told_at = time.monotonic()
        if time.monotonic() - begun > 60 * foreign_models.MOST_MINUTES:
            raise InputError(
                f"The model took longer than {foreign_models.MOST_MINUTES} minutes; a smaller one may "
                "do."
            )

    with contextlib.suppress(jobs.LostError):  # Whoever has it now says how it ended.
        try:
            told = _evaluate(job, progress)
        except _CancelledError:
            queue.finish(job, jobs.CANCELLED, "Cancelled; no run was made.")
        except jobs.LostError:
            raise
        except InputError as error:
            queue.finish(job, jobs.FAILED, str(error))
        except Exception as error:  # A job that fails in any way must not take the queue with it.
            queue.finish(
                job, jobs.FAILED, f"It failed ({type(error).__name__}: {str(error)[:200]})."
            )
        else:
            queue.finish(job, jobs.DONE, told)
            # Nothing that was uploaded stays; its SHA-256 is in the table.
            Path(job.work["model"]).unlink(missing_ok=True)


def _evaluate(job: jobs.Job, progress: Any) -> str:
    models, model, images = (Path(job.work[name]) for name in ("models", "model", "images"))
    for folder in (models, images):
        if not folder.is_dir():
            raise InputError(
                f"There is no folder {folder} on {socket.gethostname()}; every machine that works needs it "
                "under the same path."
            )
    if not model.is_file():
        raise InputError("The uploaded model is gone; drop it again.")
    made = models / job.name / runs.PREDICTIONS_FILE
    if job.attempts > 1 and made.is_file():  # A worker that died may have come that far.
        kept = predictions.read(made)
        if kept.model_sha256 == sha256(model):
            return f"{len(kept.paths):,} test images were answered."
    return foreign_models.evaluate(
        model,
        Reading(**job.work["reading"]),
        index.read(index.path(models)),
        images,
        models,
        job.name,
        part=job.work["part"],
        progress=progress,
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])) if sys.argv[1:] else serve())
