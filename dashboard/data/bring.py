"""What is made of uploads, which are in received.py: tables checked, models tried, evaluations queued."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from brainmri import (
    foreign_models,
    foreign_readings,
    foreign_tables,
    images,
    jobs,
    phantom,
    runs,
    state,
    table_child,
)
from brainmri.classes import TUMOUR
from brainmri.errors import InputError
from brainmri.files import sha256, write_atomically
from brainmri.foreign_readings import Reading
from brainmri.foreign_tables import Checked
from brainmri.jobs import Job
from brainmri.sandbox import Limits, Loaded
from dashboard.data import received
from dashboard.data.dataset import usable_index
from dashboard.data.files import Stamp, cached, images_folder, models_folder, stamp
from dashboard.data.received import Upload, forget_upload
from dashboard.data.runs import list_runs

if TYPE_CHECKING:
    from brainmri.job_queue import Queue

_PREVIEW_LIMITS = Limits(load_seconds=30, answer_seconds=15, cpu_seconds=45)
_BUSY_SECONDS = 5
# A page that waits for a stranger's model holds a thread of the server; two of four may.
_previews = threading.BoundedSemaphore(2)
_LOOK_SECONDS = 15
_looking, _looked = threading.Lock(), dict[Path, float]()


class BusyError(InputError):
    """Nothing is wrong with the file; it can be looked at later."""


@dataclass(frozen=True)
class ModelPreview:
    """What an uploaded model sees of one image and says.

    Attributes:
        reading: how it is read; guessed where it was not told.
        loaded: what the model says of itself.
        seen_png: the image as the model gets it.
        columns: numbers that it answers with.
        keys: their names, where the model tells any.
        probabilities: per class; None with a `fault`.
        is_test_image: whether the image is one of the data, or synthetic.
    """

    reading: Reading
    loaded: Loaded
    seen_png: bytes
    columns: int
    keys: list[str] | None
    probabilities: dict[str, float] | None
    fault: str | None
    is_test_image: bool


def check_table(upload: Upload) -> Checked:
    """Check an uploaded table; what was found is kept until the file changes.

    Raises:
        InputError: row and column of what is wrong with it.
    """
    return _checked(str(upload.path), stamp(upload.path))


def add_table(upload: Upload, name: str, negative: str) -> None:
    """Make a run of a checked table.

    Raises:
        InputError: the name cannot be one, or there is such a run, or it cannot be written.
    """
    checked = check_table(upload)
    if negative not in checked.classes:
        raise InputError('Choose the class that means "no tumour".')
    made = upload.path.with_suffix(".table")
    runs.add(models_folder(), name, lambda to: foreign_tables.with_negative(made, negative, to))
    forget_upload(upload)


def model_classes(number: int) -> list[str]:
    """The classes that so many columns can mean: those of the data, or tumour and no tumour."""
    classes, negative = _classes()
    return [negative, TUMOUR] if number == 2 < len(classes) else classes


def _classes() -> tuple[list[str], str]:
    """The classes of the data, or of the synthetic slices where there are none, and which is no tumour."""
    known = usable_index()
    if known is None:
        return list(phantom.CLASSES), phantom.NEGATIVE_CLASS
    return known.classes, known.negative_class


def preview_model(
    upload: Upload, reading: Reading | None, number: int = 0, *, assigned: int | None = None
) -> ModelPreview:
    """Let an uploaded model look at one test image, or at a synthetic slice without any here.

    Args:
        upload: an ONNX file.
        reading: how it is read; guessed when None.
        number: which test image.
        assigned: columns that the classes of `reading` were assigned to.

    Raises:
        InputError: it may not be run, cannot look at an image, or is the model of a run that is here.
    """
    if reading is None:
        _refuse_known(upload)
    known, folder = usable_index(), images_folder()
    classes, negative = _classes()
    pixels, is_test = phantom.draw(phantom.CLASSES[number % len(phantom.CLASSES)], 3), False
    if known is not None and folder is not None:
        test = known.rows[known.rows["split"] == "test"]["path"].tolist()
        if test:
            # A step that shares no factor with most counts, so that the classes take turns.
            path = test[(number * 337) % len(test)]
            pixels, is_test = images.decode(folder / path).pixels, True
    with _one_of_few():
        told, seen = foreign_models.preview(
            upload.path,
            reading,
            pixels,
            classes=classes,
            negative=negative,
            assigned=assigned,
            limits=_PREVIEW_LIMITS,
        )
    probabilities, fault = None, None
    try:
        (row,) = foreign_readings.probabilities(seen.told[None], told)
        probabilities = dict(zip(told.classes, row.tolist(), strict=True))
    except InputError as error:
        fault = str(error)
    return ModelPreview(
        told,
        seen.loaded,
        images.encode_png(seen.seen),
        len(seen.told),
        seen.keys,
        probabilities,
        fault,
        is_test,
    )


def _refuse_known(upload: Upload) -> None:
    """A model that was trained here would be read in another way than it learned, and look worse than it is.

    One that was brought may be brought again, to be read in another way.
    """
    digest = sha256(upload.path)
    for view in list_runs()[0]:
        if view.run is not None and view.run.history and view.run.model_sha256 == digest:
            raise InputError(
                f"{upload.name} is the model of the run {view.name}, whose results are on every page "
                "already; nothing has to be added."
            )


def test_splits() -> dict[str, int]:
    """Columns of the index that say which images test, with how many; the official one first."""
    known = usable_index()
    if known is None:
        return {}
    found = {}
    for column in known.rows.columns:
        if column == "split" or column.endswith("split"):
            count = len(foreign_models.test_rows(known, column))
            if count:
                found[column] = count
    return found


def start_evaluation(upload: Upload, reading: Reading, name: str, part: str) -> None:
    """Queue the evaluation of an uploaded model on the test images.

    Raises:
        InputError: the name cannot be one or is taken, or there are no images here.
    """
    folder, known = images_folder(), usable_index()
    if folder is None or known is None:
        raise InputError(
            "The test images are not here: start the dashboard with --data FOLDER, the folder that "
            "was indexed."
        )
    fault = foreign_readings.fault_of_classes(reading, known.classes, known.negative_class)
    if fault is not None:
        raise InputError(fault)
    runs.check_name(name)
    if (models_folder() / name).exists() or any(
        job.name == name and job.state in jobs.UNFINISHED for job in latest_jobs()
    ):
        raise runs.taken(name)
    kept = upload.path.with_suffix(".model")
    upload.path.rename(kept)
    os.utime(kept)  # It may be a day old, and is no job yet.
    work = {
        "model": str(kept.absolute()),
        "models": str(models_folder().absolute()),
        "images": str(folder.absolute()),
        "reading": reading.to_json(),
        "part": part,
        "file": upload.name,
    }
    try:
        _queue().add(name, work)
    except InputError:
        kept.rename(upload.path)
        raise
    forget_upload(upload)


def latest_jobs() -> list[Job]:
    """The latest evaluations, newest first.

    Raises:
        InputError: they cannot be read.
    """
    # Without one, SQLAlchemy (11 MB) is not imported.
    return _queue().latest() if jobs.may_be_some(state.place(models_folder())) else []


def jobs_fault() -> str | None:
    """See that somebody works on the evaluations; in a sentence, why nobody can."""
    try:
        _queue().wake()
    except InputError as error:
        return str(error)
    return None


def keep_jobs_going() -> None:
    """See now and then, without waiting for it, that somebody works on what a restart interrupted."""
    place = state.place(models_folder()).absolute()
    now = time.monotonic()
    with _looking:
        if now - _looked.get(place, -math.inf) < _LOOK_SECONDS:
            return
        _looked[place] = now
    if jobs.may_be_some(place):
        threading.Thread(target=_wake, args=(place,), daemon=True).start()


def _wake(place: Path) -> None:
    from brainmri.job_queue import Queue

    with suppress(InputError, OSError):  # Who opens Add is told why.
        Queue(place).wake()


def cancel_job(number: int) -> None:
    """Stop an evaluation.

    Raises:
        InputError: it cannot be noted.
    """
    _queue().cancel(number)


def retry_job(number: int) -> None:
    """Begin an evaluation again.

    Raises:
        InputError: it cannot be noted.
    """
    _queue().retry(number)


def _queue() -> Queue:
    from brainmri.job_queue import Queue

    return Queue(state.folder(models_folder()))


@contextmanager
def _one_of_few() -> Iterator[None]:
    with ExitStack() as held:
        for few in (_previews, received.LONG_WORK):
            if not few.acquire(timeout=_BUSY_SECONDS):
                raise BusyError(received.BUSY)
            held.callback(few.release)
        yield


@cached(8)
def _checked(path: str, stamp: Stamp) -> Checked:
    source = Path(path)
    with _one_of_few():
        # Two pages may ask at once, so each writes a file of its own.
        return write_atomically(
            source.with_suffix(".table"),
            lambda to: table_child.convert(source, to, models=models_folder()),
        )
