"""The only module of the dashboard that reads files; everything it returns is cached by file state."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from brainmri import (
    averages,
    batches,
    evaluation,
    images,
    index,
    inference,
    phantom,
    predictions,
    runs,
    tally,
)
from brainmri.averages import Averages
from brainmri.batches import Batch, Table
from brainmri.classes import negative_class
from brainmri.errors import InputError
from brainmri.evaluation import ClassCurves, Report
from brainmri.index import ImageIndex
from brainmri.predictions import Predictions
from brainmri.runs import BrokenRun, Run
from brainmri.tally import Tallies

THUMBNAIL_PX = 160
SPLITS = ("test", "val")
EXAMPLES = tuple((label, 3) for label in phantom.CLASSES)

_Stamp = tuple[tuple[str, int, int], ...]
"""(path, modification time, size) per file: changes whenever a file does."""


@dataclass(frozen=True, eq=False)
class RunView:
    """A run that can be shown: what its predictions come to, and run.json where there is one.

    There is one object for each state of the run's files, so pages may cache by it.

    Attributes:
        name: of the run.
        run: what run.json says; None for a table of another tool.
        classes: class names.
        tallies: counts of its checked predictions, per split.
        negative_class: the class that means "no tumour".
        has_model: its model file is here, so it can answer for a new image.
        table_path: where its predictions are.
    """

    name: str
    run: Run | None
    classes: list[str]
    tallies: Tallies
    negative_class: str
    has_model: bool
    table_path: Path

    @property
    def splits(self) -> list[str]:
        """Splits that it has predictions for, test first."""
        return [split for split in SPLITS if split in self.tallies.named]

    @property
    def predictions(self) -> Predictions:
        """All rows in memory; only for what cannot be counted, since a table may be very large."""
        return _predictions(str(self.table_path), tuple(self.classes), _stamp(self.table_path))


@dataclass(frozen=True)
class Scored:
    """One image of a run: what it is, what the model said, and how sure it was."""

    path: str
    label: str
    answer: str
    probabilities: dict[str, float]
    seen: bool | None


@dataclass(frozen=True)
class ClassBalance:
    """Images per split and class; `ratio` is largest to smallest class within a split."""

    counts: dict[str, dict[str, int]]
    ratio: dict[str, float]
    total: int


@dataclass(frozen=True)
class Answer:
    """What the live predictor says of one image."""

    run: Run
    probabilities: dict[str, float]
    tumour_probability: float
    picture_png: bytes
    size_px: tuple[int, int]
    mode: str


def models_folder() -> Path:
    """Folder with the results: the environment variable BRAINMRI_MODELS, or `models`."""
    return Path(os.environ.get("BRAINMRI_MODELS", "models"))


def images_folder() -> Path | None:
    """The indexed images, when they are here: the environment variable BRAINMRI_DATA."""
    given = os.environ.get("BRAINMRI_DATA")
    return Path(given) if given and Path(given).is_dir() else None


def list_runs() -> tuple[list[RunView], list[BrokenRun]]:
    """Every run that can be shown, and every run folder that cannot, with its fault."""
    folder = models_folder()
    names = [path.name for path in runs.folders(folder)]
    shown: list[RunView] = []
    broken: list[BrokenRun] = []
    for name in names:
        try:
            shown.append(_run(str(folder), name, _run_stamp(folder, name)))
        except InputError as error:
            broken.append(BrokenRun(name, str(error)))
    return shown, broken


def find_run(name: str | None) -> RunView | None:
    """The run of that name; the best one when `name` is None or unknown; None without any."""
    shown, _ = list_runs()
    for view in shown:
        if view.name == name:
            return view
    return best_run(shown)


def best_run(shown: list[RunView]) -> RunView | None:
    """The run with the highest accuracy on its validation images (on test images without any)."""

    def merit(view: RunView) -> tuple[float, str]:
        split = "val" if "val" in view.splits else "test"
        return (report(view, split).accuracy.value or 0.0, view.name)

    return max(shown, key=merit, default=None)


def report(view: RunView, split: str) -> Report:
    """Figures of a run on one split."""
    folder = models_folder()
    return _report(str(folder), view.name, split, _run_stamp(folder, view.name))


def curves(view: RunView, split: str) -> list[ClassCurves]:
    """One-vs-rest curves of a run on one split."""
    folder = models_folder()
    return _curves(str(folder), view.name, split, _run_stamp(folder, view.name))


def cell_images(
    view: RunView, split: str, truth: str, answer: str, limit: int
) -> tuple[int, list[Scored]]:
    """How many images of class `truth` were called `answer`, and the surest `limit` of them.

    At most `surest.MOST` of them are known.
    """
    counted = view.tallies.of[split]
    if truth not in view.classes or answer not in view.classes:
        return 0, []
    cell = view.classes.index(truth), view.classes.index(answer)
    return int(counted.matrix[cell]), [
        Scored(
            path=image.path,
            label=truth,
            answer=answer,
            probabilities=dict(zip(view.classes, image.y_prob, strict=True)),
            seen=image.seen,
        )
        for image in counted.surest.get(cell, [])[:limit]
    ]


def image_index() -> ImageIndex | None:
    """The image index, or None when there is none yet.

    Raises:
        InputError: there is one and it is damaged.
    """
    path = models_folder() / "dataset" / "index.parquet"
    return _index(str(path), _stamp(path)) if path.is_file() else None


def average_images() -> Averages | None:
    """Average images per class and split, or None when there are none yet.

    Raises:
        InputError: the file is there and damaged.
    """
    path = models_folder() / "dataset" / "averages.npz"
    return _averages(str(path), _stamp(path)) if path.is_file() else None


def unreadable_files() -> list[tuple[str, str]]:
    """(path, reason) of the files that indexing had to leave out."""
    path = models_folder() / "dataset" / "unreadable.csv"
    if not path.is_file():
        return []
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        return list(zip(table["path"], table["reason"], strict=True))
    except (OSError, ValueError, KeyError):
        return [(path.name, "This list itself is damaged; run `python -m brainmri index` again.")]


def class_balance(table: ImageIndex) -> ClassBalance:
    """Images per split and class."""
    rows = table.rows.assign(split=table.rows["split"].fillna("all"))
    grouped = rows.groupby(["split", "label"]).size()
    counts = {
        str(split): {name: int(grouped.get((split, name), 0)) for name in table.classes}
        for split in sorted(rows["split"].unique(), key=_split_order)
    }
    ratio = {
        split: max(of.values()) / min(of.values())
        for split, of in counts.items()
        if min(of.values())
    }
    return ClassBalance(counts, ratio, len(rows))


def image_sizes(table: ImageIndex, most: int = 8) -> list[tuple[str, dict[str, int]]]:
    """The most frequent sizes ("512 x 512") and the rest, with their images per class."""
    size = table.rows["width_px"].astype(str) + " × " + table.rows["height_px"].astype(str)
    common = [name for name, _ in Counter(size).most_common(most)]
    kept = size.where(size.isin(common), "other sizes")
    return _by_class(table, kept, [*common, "other sizes"])


def image_modes(table: ImageIndex) -> list[tuple[str, dict[str, int]]]:
    """Stored pixel formats with their images per class, most frequent first."""
    mode = table.rows["mode"].astype(str)
    return _by_class(table, mode, [name for name, _ in Counter(mode).most_common()])


def brightness(table: ImageIndex) -> dict[str, NDArray[np.float64]]:
    """Mean grey level (0-1) of every image, by class."""
    value, label = table.rows["mean_intensity"], table.rows["label"]
    return {name: value[label == name].to_numpy() for name in table.classes}


def thumbnail(path: str) -> bytes | None:
    """PNG of an indexed image, or None when there is no such image here."""
    folder, known = images_folder(), models_folder() / "dataset" / "index.parquet"
    if folder is None or not known.is_file():
        return None
    try:
        if path not in _paths(str(known), _stamp(known)):
            return None  # Only what was indexed is ever served.
        pixels = images.decode(folder / path).pixels
    except InputError:
        return None
    height, width = pixels.shape
    scale = THUMBNAIL_PX * 2 / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return images.encode_png(images.resize(pixels, size) if scale < 1 else pixels)


def example(number: int) -> tuple[str, bytes]:
    """(class, PNG) of a synthetic example slice."""
    label, seed = EXAMPLES[number]
    return label, images.encode_png(phantom.draw(label, seed))


def answer(name: str, upload: bytes) -> Answer:
    """Let a run's model look at one uploaded file. Nothing is stored.

    Raises:
        InputError: the file is no usable image, or the run no usable model.
    """
    classifier = _classifier(str(models_folder()), name, _run_stamp(models_folder(), name))
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


def warm_up(name: str) -> None:
    """Load a model before it is needed, so that the first answer is as fast as the next."""
    try:
        _classifier(str(models_folder()), name, _run_stamp(models_folder(), name))
    except InputError:
        return  # The page says so itself when somebody asks.


def _split_order(split: str) -> int:
    return {"train": 0, "val": 1, "test": 2}.get(split, 3)


def _by_class(
    table: ImageIndex, value: pd.Series[str], order: list[str]
) -> list[tuple[str, dict[str, int]]]:
    counts = Counter(zip(value, table.rows["label"], strict=True))
    return [
        (name, {label: counts[name, label] for label in table.classes})
        for name in dict.fromkeys(order)
        if any(counts[name, label] for label in table.classes)
    ]


def _stamp(*paths: Path) -> _Stamp:
    found: list[tuple[str, int, int]] = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            found.append((str(path), 0, -1))
        else:
            found.append((str(path), status.st_mtime_ns, status.st_size))
    return tuple(found)


def _run_stamp(models: Path, name: str) -> _Stamp:
    folder = models / name
    return _stamp(
        folder / runs.RUN_FILE,
        folder / runs.PREDICTIONS_FILE,
        folder / runs.MODEL_FILE,
        models / "dataset" / "index.parquet",
    )


@lru_cache(maxsize=64)
def _run(models: str, name: str, stamp: _Stamp) -> RunView:
    folder = Path(models) / name
    path = folder / runs.PREDICTIONS_FILE
    if not (folder / runs.RUN_FILE).is_file() and path.exists():
        table = batches.open_table(path, details=False)
        if not table.run:  # Of another tool, so nobody promised a run.json.
            return _counted(name, None, table, path)
    run = runs.load(Path(models), name)
    if not path.exists():
        raise InputError(
            f'The run "{name}" has no predictions yet; run `python -m brainmri predict DATA --run '
            f"{name}`."
        )
    table = batches.open_table(path, classes=run.classes, details=False)
    if table.model_sha256 and table.model_sha256 != run.model_sha256:
        raise InputError(
            f'The predictions of "{name}" were made by another model file than run.json names; run '
            f"`python -m brainmri predict DATA --run {name}` again."
        )
    return _counted(name, run, table, path)


def _counted(name: str, run: Run | None, table: Table, path: Path) -> RunView:
    tallies = tally.count(table, _cluster_of_each(), splits=SPLITS)
    if not tallies.named.intersection(SPLITS):
        named = ", ".join(sorted(tallies.named)[:3])
        raise InputError(
            f'The predictions of "{name}" name no split that can be shown ({named}); use test or '
            "val."
        )
    negative = run.negative_class if run else negative_class(table.classes, table.negative_class)
    has_model = run is not None and (path.parent / runs.MODEL_FILE).is_file()
    return RunView(name, run, table.classes, tallies, negative, has_model, path)


@lru_cache(maxsize=8)
def _predictions(path: str, classes: tuple[str, ...], stamp: _Stamp) -> Predictions:
    return predictions.read(Path(path), classes=list(classes))


@lru_cache(maxsize=256)
def _report(models: str, name: str, split: str, stamp: _Stamp) -> Report:
    view = _run(models, name, stamp)
    return evaluation.report_of(view.tallies.of[split], negative=view.negative_class, run=name)


@lru_cache(maxsize=64)
def _curves(models: str, name: str, split: str, stamp: _Stamp) -> list[ClassCurves]:
    return evaluation.curves_of(_run(models, name, stamp).tallies.of[split])


def _cluster_of_each() -> tally.GroupsOf:
    """Says the near-duplicate cluster of each row; images that the index does not know stand alone."""
    try:
        known = image_index()
    except InputError:
        known = None
    if known is None:
        return lambda batch: batch.first_row + np.arange(len(batch.y_true))
    paths = pa.array(known.rows["path"].tolist(), pa.string())
    # One more at the end, for an image that is not among them.
    clusters = np.append(known.rows["cluster"].to_numpy(dtype=np.int64), -1)
    most = int(clusters.max()) + 1

    def of(batch: Batch) -> NDArray[np.int64]:
        alone = most + batch.first_row + np.arange(len(batch.y_true))
        if batch.paths is None:
            return alone
        place = pc.index_in(pa.array(batch.paths, pa.string()), value_set=paths)
        cluster = clusters[place.fill_null(-1).to_numpy(zero_copy_only=False)]
        return np.where(cluster < 0, alone, cluster)

    return of


def _groups(table: Predictions) -> NDArray[np.int64]:
    """Near-duplicate cluster of each row in memory."""
    (batch,) = table.as_table().pieces[0]()
    return _cluster_of_each()(batch)


@lru_cache(maxsize=2)
def _index(path: str, stamp: _Stamp) -> ImageIndex:
    return index.read(Path(path))


@lru_cache(maxsize=2)
def _averages(path: str, stamp: _Stamp) -> Averages:
    return averages.read(Path(path))


@lru_cache(maxsize=4)
def _classifier(models: str, name: str, stamp: _Stamp) -> inference.Classifier:
    return inference.load(Path(models), name)


@lru_cache(maxsize=2)
def _paths(path: str, stamp: _Stamp) -> frozenset[str]:
    return frozenset(_index(path, stamp).rows["path"])
