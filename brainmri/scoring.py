"""`predict`: score a folder, a file or the run's own evaluation images with its ONNX model."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from brainmri import (
    duplicates,
    embedding,
    index,
    inference,
    look,
    manifests,
    novelty,
    predictions,
    runs,
    splits,
    training_images,
    trust,
)
from brainmri.calibration import apply_temperature
from brainmri.embedding import TrainingEmbeddings
from brainmri.errors import InputError
from brainmri.features import perceptual_hashes
from brainmri.files import check_writable, sha256
from brainmri.images import SUFFIXES, decode_batches
from brainmri.inference import Classifier
from brainmri.training_images import TrainingImages


@dataclass(frozen=True)
class Scored:
    """What scoring made.

    Attributes:
        predictions: with probabilities before the temperature.
        out: where they were written.
        unreadable: (path, reason) of every file that was left out.
        passed_over: files of the folder that are not images by their suffix; none are looked for when
            the run's own images are scored.
        run: as it is now.
        fit: what was fitted on the validation rows; None without any, and for other images.
        own: these are the run's own predictions.
        space: what the images were compared with for their `ood_score`; None with a reason.
        lacking: why there is no `space`.
    """

    predictions: predictions.Predictions
    out: Path | None
    unreadable: list[tuple[str, str]]
    run: runs.Run
    fit: trust.Fit | None = None
    own: bool = False
    space: TrainingEmbeddings | None = None
    lacking: str | None = None
    passed_over: list[str] = field(default_factory=list)

    @property
    def y_prob(self) -> NDArray[np.float32]:
        """Probabilities after the temperature, as the live predictor answers; float32 (n, k)."""
        return apply_temperature(self.predictions.y_prob, self.run.temperature)

    @property
    def strange_folders(self) -> dict[str, int]:
        """Sub-folders that are no class of the run, with their images, which have no label."""
        table = self.predictions
        folders = (PurePosixPath(path).parent for path in table.paths[table.y_true < 0])
        return dict(sorted(Counter(str(one) for one in folders if one.name).items()))


class _Split(NamedTuple):
    """The index that a run was trained with, and the part of each image."""

    table: index.ImageIndex
    part: pd.Series[str]


@dataclass(frozen=True)
class _Image:
    path: str
    file: Path
    label: str | None
    split: str


@dataclass(frozen=True)
class _Seen:
    """The images that can be read, what the model says of them, and what else is needed of them.

    Attributes:
        rows: the images.
        unreadable: the others.
        hashes: perceptual ones.
        y_prob: by batch, before the temperature.
        distances: by batch; empty without training embeddings.
        described: of validation images, as `look.describe`; empty without training pictures.
    """

    rows: list[_Image] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    y_prob: list[NDArray[np.float32]] = field(default_factory=list)
    distances: list[NDArray[np.float32]] = field(default_factory=list)
    described: list[NDArray[np.float32]] = field(default_factory=list)


def score(
    images: Path, models: Path, name: str, *, out: Path | None = None, quiet: bool = False
) -> Scored:
    """Score images with the model of a run.

    Without `out`, `images` is the data folder that was indexed, and the validation and test rows of
    the run's split are written to the run's own predictions.parquet, what the training rows look
    like to the model to embedding.npz and as pictures to look.npz (once: later calls find them
    there), and run.json once more with what was fitted on the validation rows. With `out`, every image of
    the folder, or the one file, is scored; an image in a folder named like a class has that label.
    A single file without `out` is scored and nothing is written.

    Raises:
        InputError: no such run, model or images, or images that cannot be the run's own.
        OutputError: the table could not be written; where that is known before, nothing is scored.
    """
    classifier = inference.load(models, name)
    run = classifier.run
    known = _training_split(models, run)
    own = out is None and images.is_dir()
    passed_over: list[str] = []
    if own:
        todo = _own_images(images, models, run, known)
        out = models / name / runs.PREDICTIONS_FILE
    else:
        todo, passed_over = _any_images(images, run.classes)
    if out is not None:
        check_writable(out)
    if own and known is not None:
        trained = training_images.known(classifier, images, models, *known, quiet=quiet)
    else:
        trained = TrainingImages(*embedding.stored(classifier, models), looks=None)
    seen = _seen_by(classifier, todo, trained, quiet=quiet)
    rows, unreadable = seen.rows, seen.unreadable
    if unreadable and (own or not rows):
        advice = " The run's own predictions must cover every row; index the folder again."
        raise InputError(_not_read(unreadable, len(todo)) + (advice if own else ""))
    space, looks = trained.space, trained.looks
    scored = predictions.Predictions(
        paths=np.array([row.path for row in rows], dtype=object),
        splits=np.array([row.split for row in rows], dtype=object),
        y_true=pd.Categorical([row.label for row in rows], categories=run.classes).codes.astype(
            np.int64
        ),
        y_prob=np.concatenate(seen.y_prob),
        classes=run.classes,
        seen=None if known is None else _copied(seen, known),
        negative_class=run.negative_class,
        model_sha256=run.model_sha256,
        run=run.name,
        ood_score=None if space is None else np.concatenate(seen.distances),
    )
    if own and space is not None and scored.ood_score is not None:
        space = space.with_validation(scored.ood_score[scored.splits == "val"])
        embedding.write(models, name, space)
    if out is not None:
        predictions.write(out, scored)
    if not own:
        return Scored(
            scored, out, unreadable, run,
            space=space, lacking=trained.lacking, passed_over=passed_over,
        )  # fmt: skip
    limits: novelty.Limits | None = None
    if looks is not None and seen.described:
        looks = looks.with_validation(looks.distance(np.stack(seen.described)))
        look.write(models, name, looks)
        limits = novelty.fit(looks.validation)
    run, fit = calibrate(models, run, scored, limits)
    return Scored(scored, out, unreadable, run, fit, own, space, trained.lacking)


def _seen_by(
    classifier: Classifier, todo: list[_Image], trained: TrainingImages, *, quiet: bool
) -> _Seen:
    seen = _Seen()
    files = [(image.path, image.file) for image in todo]
    with tqdm(total=len(todo), unit="image", desc="Scoring", disable=quiet) as bar:
        for places, pixels in decode_batches(files, seen.unreadable, bar.update):
            some = [todo[place] for place in places]
            seen.rows.extend(some)
            seen.hashes.extend(perceptual_hashes(each)[0] for each in pixels)
            if trained.looks is not None:
                seen.described.extend(
                    look.describe(each)
                    for row, each in zip(some, pixels, strict=True)
                    if row.split == "val"
                )
            squares = np.stack([classifier.preprocessing.square(each) for each in pixels])
            if trained.space is None:
                seen.y_prob.append(classifier.uncalibrated(squares))
            else:
                y_prob, embedded = classifier.embedded(squares)
                seen.y_prob.append(y_prob)
                seen.distances.append(trained.space.distance(embedded))
    return seen


def calibrate(
    models: Path,
    run: runs.Run,
    own: predictions.Predictions,
    limits: novelty.Limits | None,
) -> tuple[runs.Run, trust.Fit | None]:
    """Fit a run on its own predictions and write run.json again, unless that changes nothing.

    A run that learned corrected labels is fitted by those too.

    Raises:
        InputError: the corrections that it learned are gone or damaged.
        OutputError: run.json could not be written.
    """
    right = manifests.Relabelling(manifests.learned(models, run), own.classes).rows(own)
    fit = trust.fit(right, negative=run.negative_class)
    fitted = replace(
        run,
        temperature=fit.temperature if fit else None,
        operating_point=fit.operating_point if fit else None,
        conformal=fit.conformal if fit else None,
        novelty=limits,
    )
    if fitted != run:
        runs.save(models, fitted)
    return fitted, fit


def _training_split(models: Path, run: runs.Run) -> _Split | None:
    """The index that the run was trained with, when it is still the one in `models`."""
    path = index.path(models)
    if not path.is_file() or sha256(path) != run.index_sha256:
        return None
    table = index.read(path)
    return _Split(table, splits.assign(table, run.protocol, seed=run.seed))


def _own_images(images: Path, models: Path, run: runs.Run, known: _Split | None) -> list[_Image]:
    if known is None:
        raise InputError(
            f"The image index in {models} is not the one that {run.name} was trained with; say where "
            "the predictions should go with --out, or train the run again."
        )
    table, part = known
    chosen = table.rows[part.isin(["val", "test"])]
    missing = [path for path in chosen["path"] if not (images / path).is_file()]
    if missing:
        if len(missing) == len(chosen):
            _any_images(images, run.classes)  # Says where there is no image at all.
        raise InputError(
            f"{images} lacks {len(missing):,} of the {len(chosen):,} images that {run.name} is evaluated "
            f"on, such as {missing[0]}; give the indexed folder, or use --out for other images."
        )
    return [
        _Image(path, images / path, label, split)
        for path, label, split in zip(
            chosen["path"], chosen["label"], part[chosen.index], strict=True
        )
    ]


def _not_read(unreadable: list[tuple[str, str]], of: int) -> str:
    path, reason = unreadable[0]
    if of == 1:
        return f"{path} could not be read: {reason}"
    first = "" if len(unreadable) == 1 else "the first is "
    return f"{len(unreadable):,} of {of:,} images could not be read, {first}{path}: {reason}"


def _any_images(images: Path, classes: list[str]) -> tuple[list[_Image], list[str]]:
    """The images of a folder, or the one file, and the other files of the folder."""
    if images.is_file():
        label = images.parent.name if images.parent.name in classes else None
        return [_Image(images.name, images, label, "test")], []
    if not images.is_dir():
        raise InputError(f"There is no file or folder {images}.")
    found: list[_Image] = []
    passed_over: list[str] = []
    for folder, folders, names in os.walk(images, followlinks=True):
        back = {name for name in folders if index.leads_back(folder, name)}
        passed_over += [Path(folder, name).relative_to(images).as_posix() for name in back]
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in back
        )
        for name in sorted(names):
            file = Path(folder, name)
            path = file.relative_to(images).as_posix()
            if file.suffix.lower() in SUFFIXES:
                label = file.parent.name if file.parent.name in classes else None
                found.append(_Image(path, file, label, "test"))
            else:
                passed_over.append(path)
    if not found:
        raise InputError(f"{images} holds no images (JPEG, PNG, BMP or TIFF).")
    return found, sorted(passed_over)


def _copied(seen: _Seen, known: _Split) -> NDArray[np.bool_]:
    """Whether each image has a near-duplicate among the rows that shaped the model.

    For a test image those are the rows that trained it and the validation rows that chose its
    epoch; for a validation image only the former.
    """
    table, part = known
    queries = duplicates.stack(seen.hashes)
    is_val = np.array([row.split for row in seen.rows]) == "val"
    copied = np.zeros(len(queries), dtype=bool)
    for chosen, shaping in ((is_val, ["train"]), (~is_val, ["train", "val"])):
        rows = table.rows[part.isin(shaping)]
        copied[chosen] = duplicates.has_near_duplicate(
            queries[chosen],
            duplicates.stack(rows["phash"].tolist()),
            duplicates.stack(rows["phash_mirrored"].tolist()),
        )
    return copied
