"""Where results and images are, and what says that a file has changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

from brainmri import corrections, index, runs
from brainmri.errors import InputError

P = ParamSpec("P")
T = TypeVar("T")

Stamp = tuple[tuple[str, int, int, int], ...]
"""(path, modification time, change time, size) per file: changes whenever a file does."""


def cached(most: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """`lru_cache` for the last `most` calls, with argument types that mypy still sees.

    A function that reads a file takes its `Stamp` as an argument, only to be asked anew when the file
    has changed. What is computed from a `RunView` needs none, since there is one for each state of
    its files.
    """

    def keep(function: Callable[P, T]) -> Callable[P, T]:
        return cast("Callable[P, T]", lru_cache(maxsize=most)(function))

    return keep


@contextmanager
def without_folder(models: str) -> Iterator[None]:
    """Where the server keeps its results is nothing to a reader of a page: faults name files below it."""
    try:
        yield
    except InputError as error:
        raise InputError(below(str(error), models)) from None


def below(text: str, models: str) -> str:
    """A sentence with paths below the folder of results only."""
    return text.replace(f"{models}{os.sep}", "")


def models_folder() -> Path:
    """Folder with the results: the environment variable BRAINMRI_MODELS, or `models`."""
    return Path(os.environ.get("BRAINMRI_MODELS", "models"))


def images_folder() -> Path | None:
    """The indexed images, when they are here: the environment variable BRAINMRI_DATA."""
    given = os.environ.get("BRAINMRI_DATA")
    return Path(given) if given and Path(given).is_dir() else None


@cached(1)
def api_description() -> bytes:
    """The OpenAPI description of the API, JSON."""
    return (Path(__file__).parent.parent / "openapi.json").read_bytes()


def stamp(*paths: Path) -> Stamp:
    """The state of files; of a folder, that of every part file in it."""
    found: list[tuple[str, int, int, int]] = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            found.append((str(path), 0, 0, -1))
            continue
        found.append((str(path), status.st_mtime_ns, status.st_ctime_ns, status.st_size))
        if path.is_dir():
            found += stamp(*sorted(path.glob("*.parquet")))
    return tuple(found)


def run_stamp(models: Path, name: str) -> Stamp:
    """The state of all files that the figures of a run come from."""
    folder = models / name
    return stamp(
        folder / runs.RUN_FILE,
        folder / runs.PREDICTIONS_FILE,
        folder / runs.MODEL_FILE,
        index.path(models),
        models / corrections.FOLDER,
    )
