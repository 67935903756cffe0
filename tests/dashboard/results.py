"""Results to show: an indexed phantom data set and runs whose every answer is known beforehand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from brainmri import baselines, images, index, phantom, predictions, promotion, runs
from brainmri.index import ImageIndex
from brainmri.predictions import Predictions
from brainmri.runs import Run
from dashboard import data

CLASSES = list(phantom.CLASSES)
NEGATIVE = phantom.NEGATIVE_CLASS
VAL_PER_CLASS = 3
CAREFUL, HASTY = "careful", "hasty"

Mistakes = Mapping[tuple[str, str, int], str]
"""(split, true class, place among its images) to the class that was answered instead."""

CAREFUL_MISTAKES: Mistakes = {
    ("test", "glioma", 0): "notumor",
    ("test", "meningioma", 1): "pituitary",
}
HASTY_MISTAKES: Mistakes = {
    ("test", "glioma", 0): "notumor",
    ("test", "glioma", 1): "notumor",
    ("test", "glioma", 2): "notumor",
    ("test", "notumor", 0): "meningioma",
    ("test", "notumor", 1): "meningioma",
    ("test", "pituitary", 4): "glioma",
    ("val", "glioma", 0): "meningioma",
    ("val", "meningioma", 0): "notumor",
    ("val", "meningioma", 1): "notumor",
}
HISTORY = [
    {"epoch": 1, "train_loss": 1.2, "train_accuracy": 0.5, "val_loss": 1.1, "val_accuracy": 0.6},
    {"epoch": 2, "train_loss": 0.7, "train_accuracy": 0.7, "val_loss": 0.8, "val_accuracy": 0.7},
    {"epoch": 3, "train_loss": 0.4, "train_accuracy": 0.9, "val_loss": 0.9, "val_accuracy": 0.7},
]


def write_runs(models: Path) -> None:
    """Two runs on the data set that `models` has the index of.

    "careful" has predictions and a training history, "hasty" has predictions and a model file.
    """
    table = index.read(models / "dataset" / "index.parquet")
    write_run(models, CAREFUL, answers(table, CAREFUL_MISTAKES), history=HISTORY)
    model = brightness_model()
    write_run(
        models,
        HASTY,
        answers(table, HASTY_MISTAKES),
        model=model,
        architecture="mean-brightness",
    )


def answers(table: ImageIndex, mistakes: Mistakes) -> Predictions:
    """Predictions for every test image and the first training images, right but for `mistakes`.

    The image at place i of its class gets its answer with probability 0.70 + 0.02 i; every third
    image of a class counts as seen in training.
    """
    rows = table.rows.sort_values("path")
    paths: list[str] = []
    splits: list[str] = []
    truths: list[int] = []
    seen: list[bool] = []
    said: list[tuple[int, float]] = []
    for split, source in (("test", "test"), ("val", "train")):
        for truth in CLASSES:
            here = rows[(rows["split"] == source) & (rows["label"] == truth)]["path"].tolist()
            for place, path in enumerate(here[: VAL_PER_CLASS if split == "val" else None]):
                paths.append(path)
                splits.append(split)
                truths.append(CLASSES.index(truth))
                seen.append(place % 3 == 2)
                answer = mistakes.get((split, truth, place), truth)
                said.append((CLASSES.index(answer), 0.70 + 0.02 * place))
    y_prob = np.array([[(1 - p) / 3] * 4 for _, p in said])
    y_prob[range(len(said)), [answer for answer, _ in said]] = [p for _, p in said]
    return Predictions(
        paths=np.array(paths, dtype=object),
        splits=np.array(splits, dtype=object),
        y_true=np.array(truths, dtype=np.int64),
        y_prob=y_prob.astype(np.float32),
        classes=CLASSES,
        seen=np.array(seen),
        negative_class=NEGATIVE,
    )


def write_run(
    models: Path,
    name: str,
    table: Predictions,
    *,
    model: bytes | None = None,
    history: Sequence[dict[str, float]] = (),
    architecture: str = "cnn",
    protocol: str = "official",
) -> None:
    """A whole run folder with `table` as its predictions, and `model` as its model file."""
    sha256 = hashlib.sha256(model or name.encode()).hexdigest()
    folder = models / name
    folder.mkdir(parents=True)
    if model is not None:
        (folder / runs.MODEL_FILE).write_bytes(model)
    predictions.write(
        folder / runs.PREDICTIONS_FILE,
        Predictions(**{**vars(table), "run": name, "model_sha256": sha256}),
    )
    run = Run(
        name=name,
        architecture=architecture,
        classes=table.classes,
        negative_class=NEGATIVE,
        protocol=protocol,
        index_sha256="ab" * 32,
        seed=7,
        configuration={},
        preprocessing={"size_px": 64, "fit": "stretch"},
        history=list(history),
        images={"train": 36, "val": 12, "test": 20},
        model_sha256=sha256,
        versions={"python": "3.11"},
        created="2026-01-02T03:04:05+00:00",
    )
    runs.save(models, run)


def write_promoted(models: Path, run: str, over: str, *, who: str = "ada") -> None:
    """As if the run had been promoted lately, whether or not it is shown to be no worse."""
    entries = [asdict(entry) for entry in promotion.history(models)]
    entry = promotion.Promotion(run, over, "2026-01-02T03:04:05+00:00", who)
    told = {"schema": promotion.SCHEMA_VERSION, "promoted": [*entries, asdict(entry)]}
    (models / promotion.FILE).write_text(json.dumps(told))


def png(label: str = "glioma", seed: int = 1) -> bytes:
    """A synthetic slice as a file."""
    return images.encode_png(phantom.draw(label, seed))


def brightness_model() -> bytes:
    """A real ONNX model that answers by mean brightness: dark is glioma, bright is pituitary."""
    model = baselines.mean_brightness(np.array([0.05, 0.15, 0.25, 0.35]), np.arange(4), 4)
    return bytes(model.SerializeToString())


def write_table(models: Path, name: str, columns: Mapping[str, Any]) -> Path:
    """A run folder that holds only a Parquet table, as another tool would leave it."""
    path = models / name / runs.PREDICTIONS_FILE
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table(dict(columns)), path)
    return path


def view_of(name: str) -> data.RunView:
    """The run of that name, as the dashboard shows it."""
    found = data.find_run(name)
    assert found is not None
    assert found.name == name
    return found
