"""The live predictor: a run's model and one uploaded image. Nothing is stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from brainmri import answer as answers
from brainmri import asked, images, phantom, runs
from brainmri.answer import Predictor
from brainmri.asked import Asked
from brainmri.errors import InputError
from brainmri.runs import Run
from dashboard.data.files import Stamp, cached, models_folder, run_stamp, stamp

EXAMPLES = tuple((label, 3) for label in phantom.CLASSES)


@dataclass(frozen=True)
class Answer:
    """What the live predictor says of one image."""

    run: Run
    probabilities: dict[str, float]
    tumour_probability: float
    picture_png: bytes
    size_px: tuple[int, int]
    mode: str


def example(number: int) -> tuple[str, bytes]:
    """(class, PNG) of a synthetic example slice."""
    label, seed = EXAMPLES[number]
    return label, images.encode_png(phantom.draw(label, seed))


def answer(name: str, upload: bytes) -> Answer:
    """Let a run's model look at one uploaded file. Nothing is stored.

    Raises:
        InputError: the file is no usable image, or the run no usable model.
    """
    classifier = _loaded(name).classifier
    image = images.decode(upload)
    (row,) = classifier.classify([image.pixels])
    run = classifier.run
    probabilities = dict(zip(run.classes, row.tolist(), strict=True))
    return Answer(
        run=run,
        probabilities=probabilities,
        tumour_probability=1 - probabilities[run.negative_class],
        picture_png=images.encode_png(image.pixels),
        size_px=image.stored_size_px,
        mode=image.mode,
    )


def ask(name: str, upload: bytes, *, number: int | None = None) -> Asked:
    """Everything that a run says of one uploaded file. Nothing is stored.

    Args:
        name: of the run.
        upload: content of the file.
        number: of the slice, from 1; needed where the file holds several.

    Raises:
        ImageError: the file cannot be looked at.
        InputError: the run has no usable model.
    """
    return asked.ask(_loaded(name), upload, number=number)


def warm_up(name: str) -> None:
    """Load a model before it is needed, so that the first answer is as fast as the next."""
    try:
        _loaded(name)
    except InputError:
        return  # The page says so itself when somebody asks.


def _loaded(name: str) -> Predictor:
    models = models_folder()
    embedding = stamp(models / name / runs.EMBEDDING_FILE)
    return _predictor(str(models), name, run_stamp(models, name) + embedding)


@cached(4)
def _predictor(models: str, name: str, stamp: Stamp) -> Predictor:
    return answers.load(Path(models), name)
