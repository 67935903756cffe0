"""Which indexed images most likely carry a wrong label, by the runs of a folder of results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brainmri import embedding, label_errors, predictions, runs
from brainmri.calibration import apply_temperature
from brainmri.errors import InputError
from brainmri.index import ImageIndex
from brainmri.label_errors import Suspicion, Voice
from brainmri.runs import Run

if TYPE_CHECKING:
    import pandas as pd


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
    """Hear every run about the labels of the index.

    Of its validation and test images a run says what it predicted; of its training images, whose
    labels it was taught, only what the images that look most alike to it are labelled.
    """
    import pandas as pd

    rows = table.rows
    place = pd.Index(rows["path"])
    labels = pd.Categorical(rows["label"], categories=table.classes).codes.astype(np.int64)
    clusters = rows["cluster"].to_numpy(dtype=np.int64)
    voices = [label_errors.cluster_votes(labels, len(table.classes), clusters)]
    lacking: list[tuple[str, str]] = []
    whole, broken = runs.list_runs(models)
    lacking += [(run.name, run.fault) for run in broken]
    for run in whole:
        if sorted(run.classes) != sorted(table.classes):
            lacking.append((run.name, "Its classes are not those of the image index."))
            continue
        columns = [run.classes.index(name) for name in table.classes]
        try:
            told = [*_predicted(models, run, place, columns), *_neighbours(models, run, place,
                    labels, len(table.classes), clusters)]  # fmt: skip
        except InputError as error:
            lacking.append((run.name, str(error)))
            continue
        voices += told
    spoken = [voice for voice in voices if len(voice.rows)]
    return Suspects(label_errors.rank(labels, len(table.classes), spoken), spoken, lacking)


def _predicted(models: Path, run: Run, place: pd.Index[str], columns: list[int]) -> list[Voice]:
    import pandas as pd

    path = models / run.name / runs.PREDICTIONS_FILE
    if not path.exists():
        return []
    table = predictions.read(path, classes=run.classes)
    at = place.get_indexer(pd.Index(table.paths.tolist()))
    here = np.flatnonzero(at >= 0)
    _, once = np.unique(at[here], return_index=True)
    here = here[once]
    y_prob = apply_temperature(table.y_prob[here], run.temperature)[:, columns]
    return [Voice(run.name, at[here].astype(np.int64), y_prob.astype(np.float64))]


def _neighbours(
    models: Path,
    run: Run,
    place: pd.Index[str],
    labels: label_errors.Ints,
    k: int,
    clusters: label_errors.Ints,
) -> list[Voice]:
    import pandas as pd

    space = embedding.read(models, run)
    if space is None:
        return []
    at = place.get_indexer(pd.Index(space.paths))
    here = np.flatnonzero(at >= 0)
    rows = at[here].astype(np.int64)
    votes = label_errors.neighbour_votes(space.training[here], labels[rows], k, clusters[rows])
    return [Voice(f"{run.name}, nearest training images", rows, votes)]
