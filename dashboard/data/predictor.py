"""The live predictor: a run's model and one uploaded image. Nothing is stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock, Thread

import numpy as np
from numpy.typing import NDArray

from brainmri import answer as answers
from brainmri import asked, images, intake, memory, occlusion, phantom, runs
from brainmri.answer import Answer, Predictor
from brainmri.asked import Asked
from brainmri.errors import InputError
from brainmri.inference import Classifier
from brainmri.intake import Intake
from brainmri.occlusion import Occlusion
from brainmri.runs import Run
from dashboard.data.files import (
    Stamp,
    below,
    cached,
    models_folder,
    run_stamp,
    stamp,
    without_folder,
)

EXAMPLES = tuple((label, 3) for label in phantom.CLASSES)
MAX_BYTES = intake.MAX_BYTES
over_limit = intake.over_limit
_LOADING = Lock()
"""Held while a model is loaded, so that a question that comes meanwhile waits and loads none itself."""
_MOST_SHOWN_PX = 1024
"""Longer sides are scaled down before a picture is sent to the browser."""


@dataclass(frozen=True)
class Looked:
    """An uploaded image as it is shown: what the file is, and the picture, grey and upright, as PNG."""

    file: Intake
    picture_png: bytes

    @property
    def shape_px(self) -> tuple[int, int]:
        """(height, width) of the upright picture, which maps are placed on."""
        width, height = self.file.image.picture.size
        return height, width

    @property
    def pixels(self) -> str:
        """The start of the picture's `images.pixel_sha256`, which tells pictures apart without a name."""
        picture = self.file.image.picture
        return images.pixel_sha256(picture.size, picture.tobytes())[:12]


@dataclass(frozen=True)
class Answered:
    """What a run says of an image; `lacking` is what this run cannot say of any image, and why."""

    looked: Looked
    answer: Answer
    run: Run
    lacking: tuple[str, ...]


@dataclass(frozen=True)
class Checked:
    """Whether hiding the marked region changes an answer; `why_not` says why that was not asked."""

    occlusion: Occlusion | None
    hidden_png: bytes
    why_not: str


_NOTHING_MARKED = Checked(None, b"", "This model gives no map, so nothing is marked.")


@dataclass(frozen=True)
class MarkedChange:
    """Shares of the head (0-1) that the map for the class `of` marks in two scans, or why not."""

    of: str | None
    earlier: float | None
    later: float | None
    why_not: str = ""


def example(number: int) -> tuple[str, bytes]:
    """(class, PNG) of a synthetic example slice."""
    label, seed = EXAMPLES[number]
    return label, images.encode_png(phantom.draw(label, seed))


def look(upload: bytes, *, number: int | None = None) -> Looked:
    """The picture in one uploaded file, before any model has seen it.

    Args:
        upload: content of the file.
        number: of the slice, from 1; needed where the file holds several.

    Raises:
        ImageError: the file cannot be looked at.
    """
    return _shown(intake.read(upload, number=number))


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


def answer(name: str, upload: bytes, *, number: int | None = None) -> Answered:
    """The same as `ask`, with the picture to show.

    Raises:
        ImageError: the file cannot be looked at.
        InputError: the run has no usable model.
    """
    told = ask(name, upload, number=number)
    return Answered(_shown(told.file), told.answer, _loaded(name).run, told.lacking)


def square_png(answered: Answered) -> bytes | None:
    """The picture as the network saw it, for `check_occlusion`; None where there is nothing to check."""
    finding = answered.answer.finding
    return (
        None if finding is None or finding.maps is None else images.encode_png(finding.maps.square)
    )


def check_occlusion(name: str, square: bytes) -> Checked:
    """Hide what the map of an answer marks, and ask the run again.

    Args:
        name: of the run.
        square: as `square_png` gives it, so that the upload need not be read again.

    Raises:
        InputError: as `answer`, or that is no such picture.
    """
    model = _loaded(name).classifier
    pixels = images.decode(square, most_pixels=_MOST_SHOWN_PX**2).pixels
    size_px = model.preprocessing.size_px
    if pixels.shape != (size_px, size_px):
        raise InputError(f"A picture of {size_px} x {size_px} pixels is needed for the check.")
    seen = model.explain(pixels[None])
    if seen.maps is None:
        return _NOTHING_MARKED
    c = int(seen.y_prob[0].argmax())
    return _check(model, pixels, seen.maps[0, c], model.run.classes[c])


def check_answer(answered: Answered) -> Checked:
    """The same of an answer that is at hand.

    Raises:
        InputError: as `answer`.
    """
    finding = answered.answer.finding
    if finding is None or finding.maps is None:
        return _NOTHING_MARKED
    maps, of = finding.maps, finding.answer
    return _check(classifier(answered.run.name), maps.square, maps.by_class[of], of)


def _check(
    model: Classifier, square: NDArray[np.uint8], class_map: NDArray[np.float32], of: str
) -> Checked:
    found = occlusion.check(model, square, class_map, of)
    return Checked(found, images.encode_png(found.hidden), "")


def marked_change(earlier: Answered, later: Answered) -> MarkedChange:
    """How much of the head the map marks in an earlier and a later scan, for the class of both."""
    first, second = earlier.answer.finding, later.answer.finding
    if first is None or second is None:
        return MarkedChange(None, None, None, "A scan was refused, so no areas are compared.")
    planes = earlier.looked.file.plane, later.looked.file.plane
    if None not in planes and planes[0] != planes[1]:
        return MarkedChange(
            None,
            None,
            None,
            f"The scans are of different planes ({planes[0]}, then {planes[1]}), so they cannot be compared.",
        )
    if first.maps is None or second.maps is None:
        return MarkedChange(None, None, None, "This model gives no maps, so no areas are compared.")
    if first.answer != second.answer:
        return MarkedChange(
            None,
            None,
            None,
            f"The maps show evidence for different classes ({first.answer}, then {second.answer}), so "
            "their areas are not compared.",
        )
    if first.answer == earlier.run.negative_class:
        return MarkedChange(
            None, None, None, "Neither scan is most probably a tumour, so no areas are compared."
        )
    of = first.answer
    before, after = (
        occlusion.marked_share(maps.square, maps.by_class[of]) for maps in (first.maps, second.maps)
    )
    return MarkedChange(of, before, after)


def warm_up(name: str, show: Callable[[Answered], object]) -> Thread:
    """Load a model and let it answer an example in the background, so that no first answer takes longer.

    Once for each state of the run's files, however often it is asked for.

    Args:
        name: of the run.
        show: what is done with an answer then, which takes longer for the first time, too.

    Returns:
        The thread that does it, or did.
    """
    return _warmed(*_key(name), show)


@cached(4)
def _warmed(models: str, name: str, stamp: Stamp, show: Callable[[Answered], object]) -> Thread:
    del models, stamp  # They tell the states apart.
    # No daemon: the end of the process waits for it, so that no model runs while its library is taken down.
    thread = Thread(target=_warm, args=(name, show))
    thread.start()
    return thread


def _warm(name: str, show: Callable[[Answered], object]) -> None:
    try:
        for number in range(len(EXAMPLES)):
            answered = answer(name, example(number)[1])
            show(answered)
            if answered.answer.finding is not None:
                return  # What is refused is answered faster.
    except Exception:
        return  # The page says so itself when somebody asks.


def _shown(file: Intake) -> Looked:
    shown = file.image.pixels
    height, width = shown.shape
    scale = _MOST_SHOWN_PX / max(height, width)
    if scale < 1:
        shown = images.resize(shown, (max(1, round(width * scale)), max(1, round(height * scale))))
    return Looked(file, images.encode_png(shown))


def _loaded(name: str) -> Predictor:
    with _LOADING:
        return _predictor(*_key(name))


def _key(name: str) -> tuple[str, str, Stamp]:
    """What tells a loaded model from another: where it is, and the state of its files."""
    models = models_folder()
    training = stamp(models / name / runs.EMBEDDING_FILE, models / name / runs.LOOK_FILE)
    return str(models), name, run_stamp(models, name) + training


def classifier(name: str) -> Classifier:
    """The loaded model of a run.

    Raises:
        InputError: there is no usable one.
    """
    return _loaded(name).classifier


@cached(4)
def _predictor(models: str, name: str, stamp: Stamp) -> Predictor:
    with without_folder(models):
        predictor = answers.load(Path(models), name)
    predictor = replace(
        predictor, lacking=tuple(below(reason, models) for reason in predictor.lacking)
    )
    memory.return_freed()  # 30 MB, after a model was loaded.
    return predictor
