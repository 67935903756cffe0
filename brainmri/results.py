"""A run's predictions, ready to be judged: whose they are, which class is negative, which rows belong
together.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from brainmri import batches, index, manifests, predictions, runs, tally
from brainmri.batches import SPLITS, Batch, Table
from brainmri.classes import negative_class
from brainmri.errors import InputError
from brainmri.index import ImageIndex
from brainmri.manifests import Relabelling
from brainmri.metrics import Ints
from brainmri.predictions import Predictions
from brainmri.runs import Run
from brainmri.tally import GroupsOf, Tallies


@dataclass(frozen=True)
class Results:
    """A run's predictions; `run` is None for a table of another tool.

    `labels` put the corrected labels into them, and counted those.
    """

    run: Run | None
    predictions: Predictions
    negative_class: str
    labels: Relabelling


@dataclass(frozen=True)
class Opened:
    """A run and its predictions table `path`, whose columns are checked and whose rows are not yet.

    `labels` puts the corrected labels into the rows as they are read, and counts them.
    """

    run: Run | None
    table: Table
    negative_class: str
    path: Path
    labels: Relabelling

    @property
    def has_model(self) -> bool:
        """Whether its model file is here and whole, so that it can answer for a new image."""
        return (
            self.run is not None
            and (self.path.parent / runs.MODEL_FILE).is_file()
            and self.model_fault is None
        )

    @property
    def model_fault(self) -> str | None:
        """As `runs.model_fault`; None for a table of another tool."""
        return None if self.run is None else runs.model_fault(self.path.parent.parent, self.run)

    def counted(self, groups: GroupsOf) -> Tallies:
        """Counts of its images, per split.

        Raises:
            InputError: a row breaks a rule of the schema, or no split can be shown.
        """
        tallies = tally.count(self.table, groups, splits=SPLITS)
        if not tallies.named.intersection(SPLITS):
            named = ", ".join(sorted(tallies.named)[:3])
            raise InputError(
                f'The predictions of "{self.path.parent.name}" name no split that can be shown ({named}); '
                "use test or val."
            )
        return tallies


def opened(models: Path, name: str) -> Opened:
    """A run with its predictions table, to be read in batches.

    Raises:
        InputError: there is no such run, or it is not whole, or its table cannot be used.
    """
    path = models / name / runs.PREDICTIONS_FILE
    inside = Path(name).name == name  # Another tool may use any name, but no way out of `models`.
    if inside and not (models / name / runs.RUN_FILE).is_file() and path.exists():
        table = batches.open_table(path, details=False)
        if not table.run:  # Of another tool, so nobody promised a run.json.
            negative = negative_class(table.classes, table.negative_class)
            return _corrected(models, None, table, negative, path)
    run = runs.load(models, name)
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
    return _corrected(models, run, table, run.negative_class, path)


def load(models: Path, name: str) -> Results:
    """The predictions of a run, all rows in memory.

    Raises:
        InputError: as `opened`, or a row breaks a rule of the schema.
    """
    found = opened(models, name)
    table = predictions.read(found.path, classes=found.table.classes)
    return Results(found.run, found.labels.rows(table), found.negative_class, found.labels)


def read_rows(models: Path, path: Path, classes: list[str]) -> Predictions:
    """A predictions table in memory, with the labels that the last manifest of corrections sets right.

    Raises:
        InputError: the table or the manifest cannot be used.
    """
    table = predictions.read(path, classes=classes)
    return Relabelling(manifests.latest(models), classes).rows(table)


def _corrected(models: Path, run: Run | None, table: Table, negative: str, path: Path) -> Opened:
    labels = Relabelling(manifests.latest(models), table.classes)
    return Opened(run, labels.table(table), negative, path, labels)


def known_images(models: Path) -> ImageIndex | None:
    """The image index, or None when there is none.

    Raises:
        InputError: there is one and it is damaged.
    """
    path = index.path(models)
    return index.read(path) if path.is_file() else None


def groups_of(known: ImageIndex | None) -> GroupsOf:
    """Says the near-duplicate cluster of each row; images that the index does not know stand alone."""
    if known is None:
        return lambda batch: np.arange(batch.first_row, batch.first_row + len(batch.y_true))
    paths = pa.array(known.rows["path"].tolist(), pa.string())
    # One more at the end, for an image that is not among them.
    clusters = np.append(known.rows["cluster"].to_numpy(dtype=np.int64), -1)
    most = int(clusters.max()) + 1

    def of(batch: Batch) -> Ints:
        start = most + batch.first_row
        alone = np.arange(start, start + len(batch.y_true))
        if batch.paths is None:
            return alone
        place = pc.index_in(pa.array(batch.paths, pa.string()), value_set=paths)
        cluster = clusters[place.fill_null(-1).to_numpy(zero_copy_only=False)]
        return np.where(cluster < 0, alone, cluster)

    return of


def groups(table: Predictions, known: ImageIndex | None) -> Ints:
    """Near-duplicate cluster of each row in memory (n,)."""
    (batch,) = table.as_table().pieces[0]()
    return groups_of(known)(batch)
