"""Everything that is said of one image, the same for browser, API and command line.

`load` reads what a run needs to answer, `answer` asks it about one decoded image. A refused image has
no probabilities anywhere in its answer.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainmri import (
    __version__,
    embedding,
    head,
    inference,
    look,
    novelty,
    results,
    similar,
    worth,
)
from brainmri.decisions import OperatingPoint
from brainmri.embedding import TrainingEmbeddings
from brainmri.errors import InputError
from brainmri.images import GreyImage
from brainmri.inference import Classifier
from brainmri.look import Looks
from brainmri.novelty import Novelty, Outcome
from brainmri.preprocessing import Box
from brainmri.runs import Run
from brainmri.similar import Similar
from brainmri.worth import AnswersLikeThis, ConformalSet, Measured


@dataclass(frozen=True)
class Predictor:
    """A run with all that belongs to an answer.

    Attributes:
        classifier: the loaded model.
        space: its training images as the model sees them; None with a reason in `lacking`.
        looks: the same as pictures; None where they are not stored.
        measured: its test images; None where the run has no usable predictions.
        lacking: why a part is None, a sentence each.
    """

    classifier: Classifier
    space: TrainingEmbeddings | None
    looks: Looks | None
    measured: Measured | None
    lacking: tuple[str, ...]

    @property
    def run(self) -> Run:
        """What run.json says."""
        return self.classifier.run


@dataclass(frozen=True)
class Tumour:
    """The tumour probability against the operating point.

    Attributes:
        probability: 1 - that of the negative class, calibrated.
        operating_point: None where the run stores none.
        called: whether it is called a tumour; None without an operating point.
    """

    probability: float
    operating_point: OperatingPoint | None
    called: bool | None


@dataclass(frozen=True)
class Maps:
    """Where the evidence for each class is.

    Attributes:
        square: the picture as the network saw it, uint8 (s, s).
        box: the part of the uploaded picture that the square and the maps cover: left, top, right,
            bottom in its pixels; may reach beyond it.
        by_class: class-activation map of each class, float32 (h, w), coarser than the square: the
            mean over a map is the logit of its class, so negative values speak against it.
    """

    square: NDArray[np.uint8]
    box: Box
    by_class: dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Finding:
    """What the model says of an image that it does not refuse.

    Attributes:
        answer: the most probable class.
        probabilities: of every class, calibrated; they sum to 1.
        uncalibrated_probabilities: the same before the temperature, as predictions.parquet holds them.
        tumour: against the operating point.
        conformal: None where the run stores no thresholds.
        like_this: None where the run has no test images.
        maps: None where the model gives none.
        similar: the most similar training images, nearest first; empty where they are not stored.
    """

    answer: str
    probabilities: dict[str, float]
    uncalibrated_probabilities: dict[str, float]
    tumour: Tumour
    conformal: ConformalSet | None
    like_this: AnswersLikeThis | None
    maps: Maps | None
    similar: tuple[Similar, ...]


@dataclass(frozen=True)
class Trace:
    """What made the answer, so that it can be made again. Hashes are SHA-256.

    Attributes:
        run: its name.
        model_sha256: of model.onnx.
        preprocessing_sha256: of what turns a picture into network input.
        calibrator_sha256: of the temperature.
        thresholds_sha256: of operating point, conformal thresholds and novelty limits.
        software: name and version.
        answered_at: UTC, ISO 8601.
    """

    run: str
    model_sha256: str
    preprocessing_sha256: str
    calibrator_sha256: str
    thresholds_sha256: str
    software: str
    answered_at: str


@dataclass(frozen=True)
class Answer:
    """Everything about one image.

    Attributes:
        outcome: "answered", "warned" or "refused".
        reasons: why it is warned about or refused, and what could not be checked; a sentence each.
        novelty: how far the image is from the training images, and the limits.
        finding: what the model says; None for a refused image.
        trace: what made the answer.
    """

    outcome: Outcome
    reasons: tuple[str, ...]
    novelty: Novelty
    finding: Finding | None
    trace: Trace

    def to_json(self, *, maps: bool = True) -> dict[str, Any]:
        """Plain values, with everything but the picture; None for class-activation maps without `maps`."""
        bare = None if self.finding is None else replace(self.finding, maps=None)
        told = asdict(replace(self, finding=bare))
        found = None if self.finding is None else self.finding.maps
        if maps and found is not None:
            told["finding"]["maps"] = {
                "box": list(found.box),
                "by_class": {name: of.round(4).tolist() for name, of in found.by_class.items()},
            }
        return json.loads(json.dumps(told))


def load(models: Path, name: str, *, threads: int = 0) -> Predictor:
    """Load the model of a run, what its training images look like and what its test images came to.

    A run without the latter two answers all the same, with less to say.

    Args:
        models: folder of the runs.
        name: of the run.
        threads: of ONNX Runtime; 0 lets it choose.

    Raises:
        InputError: as `inference.load`, or a file that belongs to the run is damaged.
    """
    classifier = inference.load(models, name, threads=threads, sparing=True)
    space, why = embedding.stored(classifier, models)
    lacking = [] if why is None else [why]
    measured: Measured | None = None
    try:
        table = results.load(models, name).predictions
        groups = results.groups(table, results.known_images(models))
        measured = worth.measured_on(table, groups, classifier.run.temperature)
        if measured is None:
            lacking.append("No labelled test image is without a near-copy in training.")
    except InputError as error:
        lacking.append(str(error))
    return Predictor(classifier, space, look.read(models, classifier.run), measured, tuple(lacking))


def answer(
    predictor: Predictor,
    image: GreyImage,
    *,
    doubts: tuple[str, ...] = (),
    against: tuple[str, ...] = (),
) -> Answer:
    """What a run says of one image; nothing is stored.

    Args:
        predictor: as `load` gives it.
        image: decoded.
        doubts: reasons outside the picture, a sentence each, to answer with a warning at best.
        against: the same, to refuse it whatever it looks like.
    """
    classifier, run = predictor.classifier, predictor.run
    distance: float | None = None
    where = head.find(image.pixels)
    if predictor.looks is not None:
        distance = float(predictor.looks.distance(look.describe(image.pixels, where)[None])[0])
    found = Novelty(distance, run.novelty)
    outcome, reasons = novelty.judge(found)
    if against:
        # Alone, where the picture would have been answered: how near it is says nothing then.
        outcome, reasons = "refused", against + (reasons if outcome == "refused" else ())
    reasons += doubts
    if doubts and outcome == "answered":
        outcome = "warned"
    if outcome == "refused":
        return Answer(outcome, reasons, found, None, _trace(run))
    square, box = classifier.preprocessing.placed(image.pixels, where)
    seen = classifier.explain(square[None])
    y_prob = seen.y_prob[0]
    maps = None if seen.maps is None else Maps(
        square, box, dict(zip(run.classes, seen.maps[0], strict=True))
    )  # fmt: skip
    finding = Finding(
        answer=run.classes[int(y_prob.argmax())],
        probabilities=dict(zip(run.classes, y_prob.tolist(), strict=True)),
        uncalibrated_probabilities=dict(
            zip(run.classes, seen.uncalibrated[0].tolist(), strict=True)
        ),
        tumour=_tumour(run, y_prob),
        conformal=worth.possible_classes(run, predictor.measured, y_prob, warned=outcome == "warned"),
        like_this=None if predictor.measured is None else worth.answers_like_this(
            predictor.measured, y_prob, run.classes, warned=outcome == "warned"
        ),
        maps=maps,
        similar=()
        if predictor.space is None or seen.embedding is None
        else similar.most_similar(predictor.space, seen.embedding[0], run.classes),
    )  # fmt: skip
    return Answer(outcome, reasons, found, finding, _trace(run))


def _tumour(run: Run, y_prob: NDArray[np.float32]) -> Tumour:
    probability = 1 - float(y_prob[run.classes.index(run.negative_class)])
    point = run.operating_point
    return Tumour(probability, point, None if point is None else probability >= point.threshold)


def _trace(run: Run) -> Trace:
    return Trace(
        run=run.name,
        model_sha256=run.model_sha256,
        preprocessing_sha256=_hash(run.preprocessing),
        calibrator_sha256=_hash(run.temperature),
        thresholds_sha256=_hash(
            [part and asdict(part) for part in (run.operating_point, run.conformal, run.novelty)]
        ),
        software=f"brainmri {__version__}",
        answered_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _hash(values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
