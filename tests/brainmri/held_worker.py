"""`python -m tests.brainmri.held_worker HOLD BEGUN SILENT`: a worker of several machines that can be held.

It looks more often for what was lost, and takes others for dead after SILENT seconds. While the file HOLD
exists it stays where it is in a job and goes on telling so. Jobs that it begins are lines of BEGUN: number
and process.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from brainmri import celery_queue, job_queue, jobs, worker

HOLD, BEGUN, SILENT = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
_real_progress, _real_take = job_queue.Queue.progress, job_queue.Queue.take


def progress(queue: job_queue.Queue, job: jobs.Job, done: int, total: int) -> bool:
    goes_on = _real_progress(queue, job, done, total)
    while goes_on and HOLD.exists():
        time.sleep(0.1)
        goes_on = _real_progress(queue, job, done, total)
    return goes_on


def take(queue: job_queue.Queue, *given: Any) -> jobs.Job | None:
    job = _real_take(queue, *given)
    if job is not None:
        with BEGUN.open("a") as file:
            file.write(f"{job.id} {os.getppid()}\n")
    return job


if __name__ == "__main__":
    job_queue.Queue.progress = progress  # type: ignore[method-assign, assignment]
    job_queue.Queue.take = take  # type: ignore[method-assign, assignment]
    job_queue.SILENT_SECONDS, job_queue.AGAIN_SECONDS, celery_queue.LOOK_SECONDS = SILENT, 2, 1
    sys.exit(worker.serve())
