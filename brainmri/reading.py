"""Image files to rows and thumbnails, in several processes, reading only what changed since last time."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, repeat
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from brainmri.index_cache import IndexCache, NextCache, Row, read_thumbnails, write_thumbnails

# As in brainmri.index, what is slow to import is imported where it is needed.
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BATCH = 32
"""Files that a process reads at a time: many enough to share one message, few enough to share it evenly."""


class ImageFile(NamedTuple):
    """An image below a class folder: `path` is relative to the data folder, `split` from its name."""

    path: str
    split: str | None
    label: str
    size_bytes: int
    mtime_ns: int


_Read = tuple[list[Row], list[tuple[str, str]]]
"""Rows of some files, and (path, reason) of those that cannot be read."""

if TYPE_CHECKING:
    Piece = tuple[list[Row], list[tuple[str, str]], NDArray[np.uint8]]


@dataclass(frozen=True)
class Reading:
    """Files that are being read.

    Attributes:
        pieces: some files at a time, in no order: the rows of those that can be read, (path, reason)
            of the others, and the thumbnails of the rows, uint8 (rows, THUMBNAIL_PX, THUMBNAIL_PX).
            When the last piece has been taken, the cache holds all of them for the next time.
        unchanged: files that come from the cache.
    """

    pieces: Iterator[Piece]
    unchanged: int


@contextmanager
def started(
    data: Path, files: list[ImageFile], cache_folder: Path, *, processes: int | None = None
) -> Iterator[Reading]:
    """Start to read `files`; those that the cache holds as they are now are not read again.

    Args:
        data: the folder that the paths are relative to.
        files: what `index.find_images` found in it.
        cache_folder: thumbnails and rows of the last time; the new ones replace them.
        processes: worker processes (default: one per core).

    Raises:
        OutputError: the cache could not be written.
    """
    cache = IndexCache(cache_folder)
    same = {file.path for file in files if cache.holds(file.path, file.size_bytes, file.mtime_ns)}
    changed = [file for file in files if file.path not in same]
    workers = min(processes or os.cpu_count() or 1, len(changed) // 64)
    with _pool(workers) as pool, NextCache(cache_folder) as fresh:
        computed = _computed(pool, data, changed, fresh.thumbnails, len(same))
        yield Reading(_pieces(cache, fresh, same, changed, computed), len(same))


def _pieces(
    cache: IndexCache,
    fresh: NextCache,
    same: set[str],
    changed: list[ImageFile],
    computed: Iterator[_Read],
) -> Iterator[Piece]:
    rewrite = bool(changed) or len(same) < len(cache.rows)
    kept = cache.pieces(same, fresh.thumbnails if rewrite else None)
    thumbnails = fresh.thumbnails if rewrite else cache.thumbnails
    rows: list[Row] = []
    for piece, unreadable in chain(zip(kept, repeat([])), computed):
        rows += piece
        yield piece, unreadable, read_thumbnails(thumbnails, [row["place"] for row in piece])
    if rewrite and rows:
        fresh.replace(rows)


@contextmanager
def _pool(workers: int) -> Iterator[Executor | None]:
    """A pool of processes, or None for fewer than two; inside, BLAS libraries load single-threaded.

    The matrices here are too small for BLAS threads, and starting those costs a tenth of a second in
    every process.
    """
    if workers < 2:
        yield None
        return
    threads = os.environ.get("OPENBLAS_NUM_THREADS")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import brainmri.features  # noqa: F401 (for the forks to share)

    pool = ProcessPoolExecutor(
        workers,
        mp_context=get_context("fork" if _has_one_thread() else "spawn"),
        initializer=signal.signal,  # Ctrl-C is the main process's business
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        yield pool
    finally:
        if threads is None:
            del os.environ["OPENBLAS_NUM_THREADS"]
        else:
            os.environ["OPENBLAS_NUM_THREADS"] = threads
        pool.shutdown(wait=False, cancel_futures=True)


def _has_one_thread() -> bool:
    """Whether forking is safe, as it is when the command line has just started this process.

    Forks start in no time and need not import anything again. With a second thread about, a fork may
    inherit a lock that nobody will release.
    """
    threads = Path("/proc/self/task")  # Linux only; elsewhere nothing is forked
    return threads.is_dir() and len(list(threads.iterdir())) == 1


def _computed(
    pool: Executor | None, data: Path, files: list[ImageFile], thumbnails: Path, place: int
) -> Iterator[_Read]:
    """Features of `files`; their thumbnails go to the file `thumbnails`, from `place` on."""
    # Largest first, so that no process is left alone with a large file at the end, and so that
    # copies of a file, being of one size, come to one process, which decodes them once.
    ordered = sorted(files, key=lambda file: (-file.size_bytes, file.path))
    starts = range(0, len(ordered), _BATCH)
    return (map if pool is None else pool.map)(
        _read_batch,
        repeat(data),
        [ordered[start : start + _BATCH] for start in starts],
        repeat(thumbnails),
        [place + start for start in starts],
    )


def _read_batch(data: Path, files: list[ImageFile], thumbnails: Path, place: int) -> _Read:
    from brainmri.features import read_batch

    outcomes, small = read_batch([data / file.path for file in files])
    rows: list[Row] = []
    unreadable: list[tuple[str, str]] = []
    for file, outcome in zip(files, outcomes, strict=True):
        if isinstance(outcome, str):
            unreadable.append((file.path, outcome))
        else:
            about = {"path": file.path, "split": file.split, "label": file.label}
            kept = {"mtime_ns": file.mtime_ns, "place": place + len(rows)}
            rows.append({**about, **kept, **outcome, "bytes": outcome["size_bytes"]})
    # Not sent with the rows: a pipe would copy them four times.
    write_thumbnails(thumbnails, place, small)
    return rows, unreadable
