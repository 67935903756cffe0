"""The only module of the dashboard that reads files; everything it returns is cached by file state."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainmri import (
    audit_tables,
    averages,
    comparison,
    evaluation,
    images,
    index,
    inference,
    phantom,
    predictions,
    results,
    runs,
    slices,
    tally,
    trust,
)
from brainmri.averages import Averages
from brainmri.comparison import Change, Comparison
from brainmri.errors import InputError
from brainmri.evaluation import ClassCurves, Report
from brainmri.files import sha256
from brainmri.index import ImageIndex
from brainmri.predictions import Predictions
from brainmri.runs import BrokenRun, Run
from brainmri.slices import Slice
from brainmri.tally import Tallies
from brainmri.trust import CalibrationReport
from dashboard import audit_lists, findings
from dashboard.findings import Findings, Told

THUMBNAIL_PX = 160
SPLITS = ("test", "val")
MOST_IN_MEMORY = 500_000
"""Rows of a predictions table up to which they are held, for slices, calibration and comparison."""
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
    rows: int

    @property
    def splits(self) -> list[str]:
        """Splits that it has predictions for, test first."""
        return [split for split in SPLITS if split in self.tallies.named]

    @property
    def in_memory(self) -> bool:
        """Whether the table is small enough to be held as rows."""
        return self.rows <= MOST_IN_MEMORY

    @property
    def predictions(self) -> Predictions:
        """All rows in memory; only for what cannot be counted, since a table may be very large."""
        return _predictions(str(self.table_path), tuple(self.classes), _stamp(self.table_path))


@dataclass(frozen=True)
class ThreeFigures:
    """The flattering figure of a model and the true ones beside it; None where it was not measured.

    Attributes:
        architecture: the model's; the run's name for a table of another tool.
        official: official test, as everyone reports it.
        unseen: the official test images without a near-copy among those that shaped the model.
        grouped: test images of another split, which keeps copies together or nearly so.
        protocol: name of that split.
    """

    architecture: str
    official: Report | None
    unseen: Report | None
    grouped: Report | None
    protocol: str | None = None


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
    """The run with the highest accuracy on its validation images (on test images without any).

    Validation images of different splits cannot be compared, so official runs are chosen from where
    there are any.
    """
    return max([v for v in shown if _is_official(v)] or shown, key=_merit, default=None)


def report(view: RunView, split: str, *, unseen: bool = False) -> Report:
    """Figures of a run on one split, or on its images that the model has seen no near-copy of."""
    folder = models_folder()
    return _report(str(folder), view.name, split, unseen, _run_stamp(folder, view.name))


def three_figures(view: RunView) -> ThreeFigures:
    """What a run's model reaches on the official test, on its unseen images, and on a grouped split.

    The other protocol's figures come from the best run of the same architecture.
    """
    official = _counterpart(view, official=True)
    grouped = _counterpart(view, official=False)
    tested = official if official is not None and "test" in official.splits else None
    records = tested is not None and report(tested, "test").seen is not None
    return ThreeFigures(
        official=None if tested is None else report(tested, "test"),
        unseen=report(tested, "test", unseen=True) if tested is not None and records else None,
        grouped=None if grouped is None else report(grouped, "test"),
        protocol=None if grouped is None or grouped.run is None else grouped.run.protocol,
        architecture=view.name if view.run is None else view.run.architecture,
    )


def best_by_architecture() -> list[RunView]:
    """The best run of each architecture, best first; official runs stand for those with both."""
    shown, _ = list_runs()
    ranked = sorted(shown, key=_merit, reverse=True)
    ranked.sort(key=lambda view: not _is_official(view))
    found = {
        view.name if view.run is None else view.run.architecture: view for view in ranked[::-1]
    }
    return sorted(found.values(), key=_merit, reverse=True)


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


def calibration(view: RunView, split: str) -> CalibrationReport:
    """How far a run's answers on a split can be trusted."""
    folder = models_folder()
    return _calibration(str(folder), view.name, split, _run_stamp(folder, view.name))


def compare(view: RunView, other: RunView, split: str) -> Comparison:
    """A run (B) beside another (A) on the images of a split that both answered.

    Raises:
        InputError: they cannot be compared.
    """
    folder = models_folder()
    stamp = _run_stamp(folder, view.name) + _run_stamp(folder, other.name)
    return _comparison(str(folder), view.name, other.name, split, stamp)


def changed_images(view: RunView, changes: list[Change], limit: int) -> list[Scored]:
    """The first `limit` of the images that a run (B of a comparison) answered differently."""
    table = view.predictions
    return [
        # The class as the comparison knows it: this table need not have labels of its own.
        replace(_scored(table, change.row_b), label=table.classes[change.truth])
        for change in changes[:limit]
    ]


def slice_choices(view: RunView, split: str) -> tuple[list[str], list[str]]:
    """Names of the properties that a run's images can be sliced by, and of the metrics to rank by."""
    _, properties = _properties(view, split)
    negative = view.classes.index(view.negative_class)
    return list(properties), list(slices.metrics_of(view.classes, negative))


def weak_spots(view: RunView, split: str, by: str, metric: str) -> list[Slice]:
    """A metric of a run for each value of a property, worst first; none for an unknown name."""
    folder = models_folder()
    return _weak_spots(str(folder), view.name, split, by, metric, _run_stamp(folder, view.name))


def slice_mistakes(
    view: RunView, split: str, by: str, value: str, limit: int
) -> tuple[int, list[Scored]]:
    """How many images with that value of a property got a wrong answer, and the surest of them."""
    table = view.predictions
    here, properties = _properties(view, split)
    if by not in properties:
        return 0, []
    rows = here[(properties[by] == value).to_numpy()]
    wrong = rows[table.y_pred[rows] != table.y_true[rows]]
    return len(wrong), _surest(table, wrong, limit)


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


def audit_findings() -> Findings | None:
    """What the last audit found, or None when there is no audit or no index yet.

    Raises:
        InputError: a table is damaged, or the audit is about another index than the one here.
    """
    dataset = models_folder() / "dataset"
    table = image_index()
    if table is None or not (dataset / audit_tables.FOLDER).is_dir():
        return None
    return _findings(str(dataset), _audit_stamp(dataset))


def usable_audit() -> Findings | None:
    """As `audit_findings`, but None for an audit that cannot be shown."""
    try:
        return audit_findings()
    except InputError:
        return None


def audit_csv(name: str) -> str | None:
    """One list of the audit as CSV; None without a usable audit, or for an unknown name."""
    found = usable_audit()
    return None if found is None else audit_lists.csv(found.tables, name)


def told_by_runs(protocol: str) -> list[Told]:
    """How often each run of a protocol is right on its test images, best first."""
    shown, _ = list_runs()
    views = [
        view
        for view in shown
        if view.run is not None and view.run.protocol == protocol and "test" in view.splits
    ]
    told = []
    for view in sorted(views, key=_merit, reverse=True):
        counted, negative = view.tallies.of["test"], view.classes.index(view.negative_class)
        unseen = counted.unseen_per_group
        told.append(
            Told(
                name=view.name,
                model="" if view.run is None else view.run.architecture,
                is_run=True,
                classes=report(view, "test").accuracy,
                tumour=findings.tumour_accuracy(counted.per_group, negative),
                unseen_classes=None
                if unseen is None
                else report(view, "test", unseen=True).accuracy,
                unseen_tumour=None
                if unseen is None
                else findings.tumour_accuracy(unseen, negative),
            )
        )
    return told


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


def _surest(table: Predictions, rows: NDArray[np.int64], limit: int) -> list[Scored]:
    """Those of `rows` with the most probable answers."""
    sure = table.y_prob[rows].max(axis=1)
    order = np.argsort(-sure, kind="stable")[:limit]
    return [_scored(table, int(row)) for row in rows[order]]


def _scored(table: Predictions, row: int) -> Scored:
    return Scored(
        path=str(table.paths[row]),
        label=table.classes[table.y_true[row]],
        answer=table.classes[int(np.argmax(table.y_prob[row]))],
        probabilities=dict(zip(table.classes, table.y_prob[row].tolist(), strict=True)),
        seen=None if table.seen is None else bool(table.seen[row]),
    )


def _properties(view: RunView, split: str) -> tuple[NDArray[np.int64], dict[str, pd.Series[str]]]:
    """Row numbers of a split's labelled images that the index knows, and their properties."""
    folder = models_folder()
    return _sliceable(str(folder), view.name, split, _run_stamp(folder, view.name))


def _merit(view: RunView) -> tuple[float, str]:
    split = "val" if "val" in view.splits else "test"
    return (report(view, split).accuracy.value or 0.0, view.name)


def _is_official(view: RunView) -> bool:
    # A table of another tool says nothing of its split; people report the official one.
    return view.run is None or view.run.protocol == runs.OFFICIAL


def _counterpart(view: RunView, *, official: bool) -> RunView | None:
    """The run itself if it has that kind of protocol, else the best of its architecture that has."""
    if _is_official(view) == official:
        return view
    if view.run is None:
        return None
    shown, _ = list_runs()
    others = [
        other
        for other in shown
        if other.run is not None
        and other.run.architecture == view.run.architecture
        and _is_official(other) == official
        and "test" in other.splits
    ]
    return max(others, key=_merit, default=None)


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
    found = results.opened(Path(models), name)
    has_model = found.run is not None and (Path(models) / name / runs.MODEL_FILE).is_file()
    tallies = tally.count(found.table, results.groups_of(_known()), splits=SPLITS)
    if not tallies.named.intersection(SPLITS):
        named = ", ".join(sorted(tallies.named)[:3])
        raise InputError(
            f'The predictions of "{name}" name no split that can be shown ({named}); use test or '
            "val."
        )
    negative = found.negative_class
    return RunView(
        name,
        found.run,
        found.table.classes,
        tallies,
        negative,
        has_model,
        found.path,
        found.table.rows,
    )


@lru_cache(maxsize=8)
def _predictions(path: str, classes: tuple[str, ...], stamp: _Stamp) -> Predictions:
    return predictions.read(Path(path), classes=list(classes))


@lru_cache(maxsize=256)
def _report(models: str, name: str, split: str, unseen: bool, stamp: _Stamp) -> Report:
    view = _run(models, name, stamp)
    counted = view.tallies.of[split]
    return evaluation.report_of(counted, negative=view.negative_class, run=name, unseen=unseen)


@lru_cache(maxsize=64)
def _curves(models: str, name: str, split: str, stamp: _Stamp) -> list[ClassCurves]:
    return evaluation.curves_of(_run(models, name, stamp).tallies.of[split])


@lru_cache(maxsize=64)
def _calibration(models: str, name: str, split: str, stamp: _Stamp) -> CalibrationReport:
    view = _run(models, name, stamp)
    table = view.predictions
    fitted = (
        trust.fit(table, negative=view.negative_class)
        if view.run is None
        else trust.stored(view.run)
    )
    return trust.calibration_report(
        table, fitted, split=split, negative=view.negative_class, groups=_groups(table)
    )


@lru_cache(maxsize=64)
def _comparison(models: str, name: str, other: str, split: str, stamp: _Stamp) -> Comparison:
    b, a = (_run(models, run, _run_stamp(Path(models), run)) for run in (name, other))
    pairs = comparison.join(a.predictions, b.predictions, split=split, negative=a.negative_class)
    return comparison.compare(
        pairs,
        split=split,
        groups=_groups(a.predictions)[pairs.rows_a],
        run_a=other,
        run_b=name,
    )


@lru_cache(maxsize=64)
def _sliceable(
    models: str, name: str, split: str, stamp: _Stamp
) -> tuple[NDArray[np.int64], dict[str, pd.Series[str]]]:
    table = _run(models, name, stamp).predictions
    known = _known()
    if known is None:
        return np.empty(0, dtype=np.int64), {}
    position = pd.Index(known.rows["path"]).get_indexer(pd.Index(table.paths.tolist()))
    here = np.flatnonzero((table.splits == split) & (table.y_true >= 0) & (position >= 0))
    found = slices.properties(known.rows.iloc[position[here]].reset_index(drop=True))
    if table.seen is not None:
        seen = np.where(table.seen[here], "near-copy in training", "unseen")
        found["seen"] = pd.Series(seen, dtype=str)
    return here, found


@lru_cache(maxsize=256)
def _weak_spots(
    models: str, name: str, split: str, by: str, metric: str, stamp: _Stamp
) -> list[Slice]:
    view = _run(models, name, stamp)
    table = view.predictions
    here, properties = _sliceable(models, name, split, stamp)
    figures = slices.metrics_of(table.classes, table.classes.index(view.negative_class))
    if by not in properties or metric not in figures:
        return []
    return slices.slices(
        properties[by],
        figures[metric],
        y_true=table.y_true[here],
        y_pred=table.y_pred[here],
        groups=_groups(table)[here],
    )


def _known() -> ImageIndex | None:
    """The image index; None where there is none that can be read."""
    try:
        return image_index()
    except InputError:
        return None


def _groups(table: Predictions) -> NDArray[np.int64]:
    """Near-duplicate cluster of each row in memory."""
    return results.groups(table, _known())


@lru_cache(maxsize=2)
def _index(path: str, stamp: _Stamp) -> ImageIndex:
    return index.read(Path(path))


def _audit_stamp(dataset: Path) -> _Stamp:
    tables = [dataset / audit_tables.FOLDER / f"{name}.parquet" for name in audit_tables.TABLES]
    return _stamp(dataset / "index.parquet", *tables)


@lru_cache(maxsize=2)
def _findings(dataset: str, stamp: _Stamp) -> Findings:
    path = Path(dataset) / "index.parquet"
    tables = audit_tables.read(Path(dataset))
    if tables.index_sha256 != sha256(path):
        raise InputError(
            "The audit here is about another index than index.parquet (their SHA-256 differ); run "
            "`python -m brainmri audit DATA` again."
        )
    return Findings(tables, _index(str(path), _stamp(path)))


@lru_cache(maxsize=2)
def _averages(path: str, stamp: _Stamp) -> Averages:
    return averages.read(Path(path))


@lru_cache(maxsize=4)
def _classifier(models: str, name: str, stamp: _Stamp) -> inference.Classifier:
    return inference.load(Path(models), name)


@lru_cache(maxsize=2)
def _paths(path: str, stamp: _Stamp) -> frozenset[str]:
    return frozenset(_index(path, stamp).rows["path"])
