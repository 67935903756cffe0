"""A run's predictions, ready to be judged: whose they are, which class is negative, which rows belong
together.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brainmri import index, predictions, runs
from brainmri.classes import negative_class
from brainmri.errors import InputError
from brainmri.index import ImageIndex
from brainmri.metrics import Ints
from brainmri.predictions import Predictions
from brainmri.runs import Run


@dataclass(frozen=True)
class Results:
    """A run's predictions; `run` is None for a table of another tool."""

    run: Run | None
    predictions: Predictions
    negative_class: str


def load(models: Path, name: str) -> Results:
    """The predictions of a run, checked against its run.json where there is one.

    Raises:
        InputError: there is no such run, or it is not whole, or its table cannot be used.
    """
    folder = models / name
    table_path = folder / runs.PREDICTIONS_FILE
    inside = Path(name).name == name  # Another tool may use any name, but no way out of `models`.
    if inside and not (folder / runs.RUN_FILE).is_file() and table_path.exists():
        table = predictions.read(table_path)
        if not table.run:  # Of another tool, so nobody promised a run.json.
            return Results(None, table, negative_class(table.classes, table.negative_class))
    run = runs.load(models, name)
    if not table_path.exists():
        raise InputError(
            f'The run "{name}" has no predictions yet; run `python -m brainmri predict DATA --run '
            f"{name}`."
        )
    table = predictions.read(table_path, classes=run.classes)
    if table.model_sha256 and table.model_sha256 != run.model_sha256:
        raise InputError(
            f'The predictions of "{name}" were made by another model file than run.json names; run '
            f"`python -m brainmri predict DATA --run {name}` again."
        )
    return Results(run, table, run.negative_class)


def known_images(models: Path) -> ImageIndex | None:
    """The image index, or None when there is none.

    Raises:
        InputError: there is one and it is damaged.
    """
    path = models / "dataset" / "index.parquet"
    return index.read(path) if path.is_file() else None


def groups(table: Predictions, known: ImageIndex | None) -> Ints:
    """Near-duplicate cluster of each row (n,); images that the index does not know stand alone."""
    n = len(table.paths)
    if known is None:
        return np.arange(n)
    cluster = known.rows.set_index("path")["cluster"].reindex(table.paths.tolist())
    alone = np.arange(n) + int(known.rows["cluster"].max()) + 1
    return np.where(cluster.isna(), alone, cluster.fillna(0)).astype(np.int64)
