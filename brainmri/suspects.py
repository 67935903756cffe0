"""Which indexed images most likely carry a wrong label, by the runs of a folder of results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from brainmri import embedding, label_errors, results, runs
from brainmri.batches import SPLITS, reading
from brainmri.calibration import apply_temperature
from brainmri.classes import counted_as
from brainmri.errors import InputError
from brainmri.index import ImageIndex
from brainmri.label_errors import Suspicion, Voice
from brainmri.results import Opened
from brainmri.runs import Run


@dataclass(frozen=True)
class Suspects:
    """The images of an index by how likely their label is wrong.

    Attributes:
        suspicion: in the order of the index.
        voices: who spoke.
        lacking: (run, why) of those that could not be heard.
    """

    suspicion: Suspicion
    voices: list[Voice]
    lacking: list[tuple[str, str]]


def find(models: Path, table: ImageIndex) -> Suspects:
    """Hear every run about the labels of the index, brought tables and models among them.

    Of its validation and test images a run says what it predicted; of its training images, whose
    labels it was taught, only what the images that look most alike to it are labelled.
    """
    import pandas as pd

    rows = table.rows
    labels = pd.Categorical(rows["label"], categories=table.classes).codes.astype(np.int64)
    clusters = rows["cluster"].to_numpy(dtype=np.int64)
    voices = [label_errors.cluster_votes(labels, len(table.classes), clusters)]
    lacking: list[tuple[str, str]] = []
    for name in (folder.name for folder in runs.folders(models)):
        try:
            voices += _told(models, name, table, labels, clusters)
        except InputError as error:
            lacking.append((name, str(error)))
    spoken = [voice for voice in voices if len(voice.rows)]
    return Suspects(label_errors.rank(labels, len(table.classes), spoken), spoken, lacking)


def _told(
    models: Path,
    name: str,
    table: ImageIndex,
    labels: label_errors.Ints,
    clusters: label_errors.Ints,
) -> list[Voice]:
    """What one run says.

    Raises:
        InputError: it is not whole, or has other classes.
    """
    voices: list[Voice] = []
    run: Run | None
    if (models / name / runs.PREDICTIONS_FILE).exists():
        found = results.opened(models, name)
        run = found.run
        _check_classes(found.table.classes, table)
        voices.append(_predicted(name, found, table, labels))
    else:
        run = runs.load(models, name)
        _check_classes(run.classes, table)
    if run is not None:
        voices += _neighbours(models, run, table, labels, clusters)
    return voices


def _check_classes(classes: list[str], table: ImageIndex) -> None:
    if {counted_as(label, classes) for label in table.classes} != set(classes):
        raise InputError("Its classes are not those of the image index.")


def _predicted(name: str, found: Opened, table: ImageIndex, labels: label_errors.Ints) -> Voice:
    """What it says of indexed validation and test images; memory grows with the index alone.

    Of two classes, tumour and none, the first speaks for every tumour that the label may name, and says
    nothing for another one in its place.
    """
    known = pa.array(table.rows["path"].tolist(), pa.string())
    rows: list[label_errors.Ints] = [np.zeros(0, dtype=np.int64)]
    classes = found.table.classes
    y_prob = [np.zeros((0, len(classes)), dtype=np.float32)]
    with reading(found.table.name):
        for batch in (batch for piece in found.table.pieces for batch in piece()):
            if batch.paths is None:
                continue
            judged = np.isin(batch.split_names, SPLITS)[batch.split]
            place = pc.index_in(pa.array(batch.paths, pa.string()), value_set=known).fill_null(-1)
            at = place.to_numpy(zero_copy_only=False).astype(np.int64)
            here = np.flatnonzero((at >= 0) & judged)
            rows.append(at[here])
            y_prob.append(np.stack([column[here] for column in batch.y_prob], axis=1))
    found.table.finish()
    once, first = np.unique(np.concatenate(rows), return_index=True)
    columns = np.array([classes.index(counted_as(label, classes)) for label in table.classes])
    temperature = None if found.run is None else found.run.temperature
    told = apply_temperature(np.concatenate(y_prob)[first], temperature)[:, columns]
    instead = columns[None] == columns[labels[once]][:, None]
    instead[np.arange(len(once)), labels[once]] = False
    return Voice(name, once, np.where(instead, 0.0, told.astype(np.float64)))


def _neighbours(
    models: Path,
    run: Run,
    table: ImageIndex,
    labels: label_errors.Ints,
    clusters: label_errors.Ints,
) -> list[Voice]:
    import pandas as pd

    space = embedding.read(models, run)
    if space is None:
        return []
    at = pd.Index(table.rows["path"]).get_indexer(pd.Index(space.paths))
    here = np.flatnonzero(at >= 0)
    rows = at[here].astype(np.int64)
    votes = label_errors.neighbour_votes(
        space.training[here], labels[rows], len(table.classes), clusters[rows]
    )
    return [Voice(f"{run.name}, nearest training images", rows, votes)]
