"""`predict`: score a folder, a file or the run's own evaluation images with its ONNX model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from brainmri import (
    corrected,
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
    trust,
)
from brainmri.calibration import apply_temperature
from brainmri.embedding import TrainingEmbeddings
from brainmri.errors import ImageError, InputError
from brainmri.features import perceptual_hashes
from brainmri.files import check_writable, sha256
from brainmri.images import SUFFIXES, decode
from brainmri.inference import Classifier
from brainmri.look import Looks
from brainmri.manifests import Manifest

_BATCH = 32


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


@dataclass(frozen=True)
class _Image:
    path: str
    file: Path
    label: str | None
    split: str


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
    table = _training_index(models, run)
    passed_over: list[str] = []
    if out is None and images.is_dir():
        todo = _own_images(images, models, run, table)
        out = models / name / runs.PREDICTIONS_FILE
        own = True
    else:
        (todo, passed_over), own = _any_images(images, run.classes), False
    if out is not None:
        check_writable(out)
    space, lacking = _space(classifier, images if own else None, models, table, quiet=quiet)
    looks = _looks(images, models, run, table, quiet=quiet) if own else None
    rows: list[_Image] = []
    hashes: list[bytes] = []
    probabilities: list[NDArray[np.float32]] = []
    distances: list[NDArray[np.float32]] = []
    described: list[NDArray[np.float32]] = []
    unreadable: list[tuple[str, str]] = []
    with tqdm(total=len(todo), unit="image", desc="Scoring", disable=quiet) as bar:
        for some, pixels in _decoded(todo, unreadable, bar):
            rows += some
            hashes += [perceptual_hashes(each)[0] for each in pixels]
            if looks is not None:
                described += [
                    look.describe(each)
                    for row, each in zip(some, pixels, strict=True)
                    if row.split == "val"
                ]
            squares = np.stack([classifier.preprocessing.square(each) for each in pixels])
            if space is None:
                probabilities.append(classifier.uncalibrated(squares))
            else:
                y_prob, embedded = classifier.embedded(squares)
                probabilities.append(y_prob)
                distances.append(space.distance(embedded))
    if unreadable and (own or not rows):
        advice = " The run's own predictions must cover every row; index the folder again."
        raise InputError(_not_read(unreadable, len(todo)) + (advice if own else ""))
    scored = predictions.Predictions(
        paths=np.array([row.path for row in rows], dtype=object),
        splits=np.array([row.split for row in rows], dtype=object),
        y_true=pd.Categorical([row.label for row in rows], categories=run.classes).codes.astype(
            np.int64
        ),
        y_prob=np.concatenate(probabilities),
        classes=run.classes,
        seen=_seen(hashes, [row.split for row in rows], table, run),
        negative_class=run.negative_class,
        model_sha256=run.model_sha256,
        run=run.name,
        ood_score=None if space is None else np.concatenate(distances),
    )
    if own and space is not None and scored.ood_score is not None:
        space = space.with_validation(scored.ood_score[scored.splits == "val"])
        embedding.write(models, name, space)
    if out is not None:
        predictions.write(out, scored)
    if not own:
        return Scored(
            scored, out, unreadable, run, space=space, lacking=lacking, passed_over=passed_over
        )
    limits: novelty.Limits | None = None
    if looks is not None and described:
        looks = looks.with_validation(looks.distance(np.stack(described)))
        look.write(models, name, looks)
        limits = novelty.fit(looks.validation)
    run, fit = calibrate(models, run, scored, limits)
    return Scored(scored, out, unreadable, run, fit, own, space, lacking)


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
    right = manifests.Relabelling(_manifest(models, run), own.classes).rows(own)
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


def _training_index(models: Path, run: runs.Run) -> index.ImageIndex | None:
    """The index that the run was trained with, when it is still the one in `models`."""
    path = index.path(models)
    if not path.is_file() or sha256(path) != run.index_sha256:
        return None
    return index.read(path)


def _learned(models: Path, run: runs.Run, table: index.ImageIndex) -> pd.DataFrame:
    """The indexed images that trained a run, with the labels that it learned.

    Kept uploads are not among them: no page could show one beside an image like it.
    """
    part = splits.assign(table, run.protocol, seed=run.seed)
    manifest = _manifest(models, run)
    if manifest is not None:
        table, part = corrected.put_right(table, part, manifest)
    return table.rows[part == "train"]


def _manifest(models: Path, run: runs.Run) -> Manifest | None:
    """The corrections that a run was trained with; None for one without."""
    number = run.configuration.get("corrections")
    return None if number is None else manifests.read(models, int(number))


def _own_images(
    images: Path, models: Path, run: runs.Run, table: index.ImageIndex | None
) -> list[_Image]:
    if table is None:
        raise InputError(
            f"The image index in {models} is not the one that {run.name} was trained with; say where "
            "the predictions should go with --out, or train the run again."
        )
    part = splits.assign(table, run.protocol, seed=run.seed)
    chosen = table.rows[part.isin(["val", "test"])]
    missing = [path for path in chosen["path"] if not (images / path).is_file()]
    if missing:
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


def _space(
    classifier: Classifier,
    images: Path | None,
    models: Path,
    table: index.ImageIndex | None,
    *,
    quiet: bool,
) -> tuple[TrainingEmbeddings | None, str | None]:
    """The run's training embeddings, or the reason why there are none.

    They are fitted where they are not stored yet and `images`, the data folder, is given. Nobody has
    to keep the training images for a run to be scored, so that some are gone is no fault.
    """
    run = classifier.run
    if not classifier.embeds:
        return None, "The model gives no embedding, so no distances to training images are known."
    stored = embedding.read(models, run)
    if stored is not None or images is None or table is None:
        return stored, None if stored else embedding.NOT_YET
    chosen = _learned(models, run, table)
    todo = [
        _Image(path, images / path, label, "train")
        for path, label in zip(chosen["path"], chosen["label"], strict=True)
    ]
    gone = [(image.path, "there is no such file") for image in todo if not image.file.is_file()]
    vectors: list[NDArray[np.float32]] = []
    if not gone:
        with tqdm(
            total=len(todo), unit="image", desc="Embedding training images", disable=quiet
        ) as bar:
            for _, pixels in _decoded(todo, gone, bar):
                squares = np.stack([classifier.preprocessing.square(each) for each in pixels])
                vectors.append(classifier.embedded(squares)[1])
    if gone:
        path, reason = gone[0]
        return None, (
            f"No embedding statistics: {len(gone):,} of {len(todo):,} training images cannot be read, "
            f"such as {path} ({reason})."
        )
    labels = pd.Categorical(chosen["label"], categories=run.classes).codes.astype(np.int64)
    fitted = embedding.fit(
        np.concatenate(vectors), labels, chosen["path"].tolist(), of=embedding.fingerprint(run)
    )
    if fitted is None:
        return None, (
            f"No embedding statistics: {len(todo):,} training images are too few, or look all alike to "
            "the model."
        )
    return fitted, None


def _looks(
    images: Path, models: Path, run: runs.Run, table: index.ImageIndex | None, *, quiet: bool
) -> Looks | None:
    """What the run's training pictures look like, fitted where that is not stored yet.

    None where some of the training pictures are gone, or there are too few.
    """
    stored = look.read(models, run)
    if stored is not None or table is None:
        return stored
    chosen = _learned(models, run, table)
    todo = [_Image(path, images / path, None, "train") for path in chosen["path"]]
    gone = [(image.path, "") for image in todo if not image.file.is_file()]
    described: list[NDArray[np.float32]] = []
    if not gone:
        with tqdm(
            total=len(todo), unit="image", desc="Describing training images", disable=quiet
        ) as bar:
            for _, pixels in _decoded(todo, gone, bar):
                described += [look.describe(each) for each in pixels]
    return None if gone else look.fit(np.stack(described), of=look.fingerprint(run))


def _decoded(
    todo: list[_Image], unreadable: list[tuple[str, str]], bar: tqdm[Any]
) -> Iterator[tuple[list[_Image], list[NDArray[np.uint8]]]]:
    """Images and their pixels, a batch at a time, in order; decoded in threads.

    Those that cannot be read are left out and added, with the reason, to `unreadable`.
    """

    def work(image: _Image) -> NDArray[np.uint8] | str:
        try:
            return decode(image.file).pixels
        except ImageError as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(todo), _BATCH):
            batch = todo[start : start + _BATCH]
            images: list[_Image] = []
            decoded: list[NDArray[np.uint8]] = []
            for image, pixels in zip(batch, pool.map(work, batch), strict=True):
                bar.update()
                if isinstance(pixels, str):
                    unreadable.append((image.path, pixels))
                else:
                    images.append(image)
                    decoded.append(pixels)
            if images:
                yield images, decoded


def _seen(
    hashes: list[bytes], splits_of: list[str], table: index.ImageIndex | None, run: runs.Run
) -> NDArray[np.bool_] | None:
    """Whether each image has a near-duplicate among the rows that shaped the model.

    For a test image those are the rows that trained it and the validation rows that chose its
    epoch; for a validation image only the former.
    """
    if table is None:
        return None
    part = splits.assign(table, run.protocol, seed=run.seed)
    queries, is_val = duplicates.stack(hashes), np.array(splits_of) == "val"
    seen = np.zeros(len(hashes), dtype=bool)
    for chosen, shaping in ((is_val, ["train"]), (~is_val, ["train", "val"])):
        rows = table.rows[part.isin(shaping)]
        seen[chosen] = duplicates.has_near_duplicate(
            queries[chosen],
            duplicates.stack(rows["phash"].tolist()),
            duplicates.stack(rows["phash_mirrored"].tolist()),
        )
    return seen
