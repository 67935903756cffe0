"""Child processes: what is in their environment, and workers that leave Ctrl-C to who started them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

PYTHONPATH = {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
"""In the environment of a child process: this very package, wherever the child starts."""


def bare_environment(**more: str) -> dict[str, str]:
    """All that a process gets to read what a stranger sent: this package, one thread, nothing of ours."""
    return {
        **PYTHONPATH,
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PATH": "",
        **more,
    }


@contextmanager
def spawned(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of fresh processes; when the block is left early, work that has not begun is dropped.

    A terminal sends Ctrl-C to the whole process group. A worker that it hits while it starts prints
    a traceback, and one that it hits while it holds the queue hangs the pool, so workers ignore it.
    """
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        in_main = threading.current_thread() is threading.main_thread()
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main else None
        try:
            for _ in range(workers):
                pool.submit(int)  # Starts one process; it inherits what is ignored.
        finally:
            if handler is not None:
                signal.signal(signal.SIGINT, handler)
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
