"""An ONNX model of anybody: what it says of one image, and of the test rows, as a run.

The model itself runs in `sandbox`, and `foreign_readings` says what goes in and what comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brainmri import predictions, runs
from brainmri.errors import ImageError, InputError
from brainmri.files import sha256
from brainmri.foreign_readings import (
    Reading,
    are_probabilities,
    assign,
    check,
    fault_of_classes,
    guess,
    label_in,
    prepare,
    probabilities,
)
from brainmri.images import decode, resize
from brainmri.index import ImageIndex
from brainmri.predictions import Predictions
from brainmri.sandbox import Limits, Loaded, Sandbox

if TYPE_CHECKING:
    import pandas as pd

MOST_BYTES = 500_000_000
MOST_MINUTES = 30
"""Of processor time, and of waiting, for all images."""
MOST_SECONDS_PER_IMAGE = 1.0
"""Of processor time; a network of 300 MB needs about half of it."""
_JUDGED_SECONDS = 8.0
"""Processor time over which the speed of a model is judged, again and again."""
_BATCH = 8
_QUICK_SECONDS = 0.5


@dataclass(frozen=True)
class Preview:
    """What a model sees of one image, uint8 (height, width), and says: numbers per column, as told."""

    seen: NDArray[np.uint8]
    told: NDArray[np.float32]
    keys: list[str] | None
    loaded: Loaded


def preview(model: Path, reading: Reading | None, pixels: NDArray[np.uint8], *,
            classes: Sequence[str], negative: str, assigned: int | None = None,
            limits: Limits | None = None) -> tuple[Reading, Preview]:  # fmt: skip
    """Let a model look at one image.

    Args:
        model: the ONNX file.
        reading: how; guessed, with what the outputs look like, when None.
        pixels: greyscale uint8 (h, w).
        classes: of the data.
        negative: of them.
        assigned: columns of the output that the classes of `reading` were assigned to; where it has
            another number, they are assigned anew. None: they stay.
        limits: of the sandbox.

    Returns:
        The reading, and what the model saw and said.

    Raises:
        InputError: it may not be run, or cannot look at such an image.
    """
    with Sandbox(model, limits) as box:
        loaded = box.load()
        told = reading or guess(loaded, classes)
        check(told, loaded)
        seen = resize(pixels, told.shape_px)
        rows, keys = box.answer(prepare(seen[None], told, loaded), output=told.output)
    if reading is None:
        told = replace(told, meaning="probabilities" if are_probabilities(rows[:1]) else "logits")
    if reading is None or assigned not in (None, rows.shape[1]):
        told = assign(told, rows.shape[1], classes, negative, keys)
    return told, Preview(seen, rows[0], keys, loaded)


def evaluate(
    model: Path,
    reading: Reading,
    table: ImageIndex,
    images: Path,
    models: Path,
    name: str,
    *,
    part: str = "split",
    progress: Callable[[int, int], None] = lambda *_: None,
) -> str:
    """Let a model answer for every test image and add what it says as the run `name`.

    Args:
        model: the ONNX file.
        reading: how it is read.
        table: the image index.
        images: the data folder.
        models: folder of the runs.
        name: of the run to be.
        part: column of the index that says "test" of the rows to be judged by.
        progress: told (done, of how many) after each batch; what it raises ends the work.

    Returns:
        A sentence about what was done.

    Raises:
        InputError: the model or the reading cannot be used, or takes too long; no run is made.
    """
    fault = fault_of_classes(reading, table.classes, table.negative_class)
    if fault is not None:
        raise InputError(fault)
    chosen = test_rows(table, part)
    if chosen.empty:
        raise InputError(f'The split "{part}" has no test images; choose another.')
    paths: list[str] = []
    rows: list[NDArray[np.float32]] = []
    unread: list[str] = []
    with Sandbox(model, Limits(cpu_seconds=60 * MOST_MINUTES)) as box:
        loaded = box.load()
        check(reading, loaded)
        todo = chosen["path"].tolist()
        progress(0, len(todo))
        pace = _Pace(box, len(todo))
        # One image first: a batch of a large network may not end in time on a busy machine.
        at, batch_size = 0, loaded.batch or 1
        while at < len(todo):
            here, shown = [], []
            for path in todo[at : at + batch_size]:
                try:
                    shown.append(resize(decode(images / path).pixels, reading.shape_px))
                    here.append(path)
                except ImageError:
                    unread.append(path)
            if here:
                batch = prepare(np.stack(shown), reading, loaded)
                told, _ = box.answer(batch, output=reading.output)
                if len(told) < len(here):
                    raise InputError(
                        f"The model gave {len(told)} answers for {len(here)} images; export it so "
                        "that it answers per image."
                    )
                rows.append(probabilities(told[: len(here)], reading))
                paths += here
            at = min(at + batch_size, len(todo))
            progress(at, len(todo))
            seconds = pace.judge(at)
            if loaded.batch is None:
                batch_size = _BATCH if seconds < _QUICK_SECONDS else 1
    if not paths:
        raise InputError(f"None of the {len(todo):,} test images can be read; check --data.")
    label = chosen.set_index("path")["label"].loc[paths].tolist()
    made = Predictions(
        paths=np.array(paths, dtype=object),
        splits=np.full(len(paths), "test", dtype=object),
        y_true=np.array([label_in(reading, of) for of in label], dtype=np.int64),
        y_prob=np.concatenate(rows),
        classes=reading.classes,
        negative_class=table.negative_class,
        model_sha256=sha256(model),
    )
    runs.add(models, name, lambda to: predictions.write(to, made))
    done = f"{len(paths):,} test images were answered."
    return done + (
        f" {len(unread):,} could not be read and are left out, such as {unread[0]}."
        if unread
        else ""
    )


class _Pace:
    """Ends the work of a model that is too slow, as soon as it can be told."""

    def __init__(self, box: Sandbox, total: int) -> None:
        self._box, self._total = box, total
        self._done, self._used = 0, box.used_seconds

    def judge(self, done: int) -> float:
        """Seconds of processor time per image, lately.

        Raises:
            InputError: it is too slow.
        """
        used = self._box.used_seconds - self._used
        per_image = used / (done - self._done)
        if used >= _JUDGED_SECONDS:
            if per_image > MOST_SECONDS_PER_IMAGE:
                raise InputError(
                    f"The model needs {per_image:.1f} seconds of processor time per image, and at most "
                    f"{MOST_SECONDS_PER_IMAGE:g} is given; it was stopped after {done:,} of "
                    f"{self._total:,} images. A smaller one may do."
                )
            self._done, self._used = done, self._used + used
        return per_image


def test_rows(table: ImageIndex, part: str) -> pd.DataFrame:
    """The rows of the index that `part`, one of its columns, says "test" of.

    Raises:
        InputError: there is no such column.
    """
    if part not in table.rows.columns:
        raise InputError(f'The image index has no column "{part}"; choose another split.')
    return table.rows[table.rows[part].astype("string").str.lower() == "test"]
