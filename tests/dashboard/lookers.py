"""A run with everything that an answer can show: maps, neighbours, a gate, a threshold and sets."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainmri import embedding, images, index, inference, look, phantom, runs
from brainmri.conformal import Conformal
from brainmri.decisions import OperatingPoint
from brainmri.novelty import Limits
from brainmri.predictions import Predictions
from tests.brainmri import lookers
from tests.brainmri.volumes import nifti
from tests.dashboard.results import write_run

LOOKER = "looker"
CLASSES = ["glioma", "notumor"]
_PICTURES, _TEST = 240, 40
_ENOUGH = 13.0


def with_lesion(row: int = 24, column: int = 40, grey: int = 100) -> bytes:
    """A slice in which the looker finds a tumour."""
    return images.encode_png(lookers.picture(lesion=(row, column), grey=grey))


def without_lesion() -> bytes:
    """A slice in which it finds none."""
    return images.encode_png(lookers.picture(lesion=None))


def no_slice() -> bytes:
    """Stripes, unlike any training image."""
    return images.encode_png(np.tile(np.repeat(np.array([0, 255], dtype=np.uint8), 8), (64, 4)))


def five_slices() -> bytes:
    """A NIfTI volume of five slices, none like another."""
    drawn = [phantom.draw("glioma", k)[:160:4, :144:4].astype(np.int16) for k in range(5)]
    return nifti(np.stack(drawn, axis=2))


def copy_with_looker(models: Path, to: Path) -> Path:
    """A models folder `to`, a copy of another one with the run."""
    shutil.copytree(models, to)
    _write_looker(to)
    return to


def _write_looker(models: Path) -> None:
    """The run; `models` has the index of the phantom data, whose paths its training images bear."""
    lookers.write(models, "made-of", lookers.inside(), enough=_ENOUGH)
    made = models / "made-of"
    model = (made / runs.MODEL_FILE).read_bytes()
    for path in made.iterdir():
        path.unlink()
    made.rmdir()
    write_run(models, LOOKER, _table(models), model=model)
    classifier = inference.load(models, LOOKER, threads=1)
    squares, labels = _pictures()
    _, points = classifier.embedded(squares)
    rows = index.read(models / "dataset" / "index.parquet").rows
    there = {
        c: cycle(rows[(rows["label"] == CLASSES[c]) & (rows["split"] == "train")]["path"])
        for c in range(2)
    }
    fitted = embedding.fit(
        points,
        labels,
        [str(next(there[int(c)])) for c in labels],
        of=embedding.fingerprint(classifier.run),
    )
    assert fitted is not None
    embedding.write(models, LOOKER, fitted)
    described = np.stack([look.describe(square) for square in squares])
    looks = look.fit(described, of=look.fingerprint(classifier.run))
    assert looks is not None
    far = looks.distance(described)
    look.write(models, LOOKER, looks.with_validation(far))
    most = float(far.max())
    runs.save(
        models,
        replace(
            classifier.run,
            temperature=1.5,
            operating_point=OperatingPoint(0.12, "sensitivity", 0.99, 120, 80),
            conformal=Conformal(0.1, dict.fromkeys(CLASSES, 0.5), dict.fromkeys(CLASSES, 60)),
            novelty=Limits(1.5 * most, 2.5 * most, 120),
        ),
    )


def _pictures() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    rng = np.random.default_rng(1)
    squares, labels = [], []
    for i in range(_PICTURES):
        label = i % 2
        where = (int(rng.integers(16, 48)), int(rng.integers(16, 48)))
        grey = int(rng.integers(80, 130))
        squares.append(lookers.picture(lesion=None if label else where, grey=grey))
        labels.append(label)
    return np.stack(squares), np.array(labels, dtype=np.int64)


def _table(models: Path) -> Predictions:
    """Test rows that were answered surely, one in twenty wrongly."""
    rows = index.read(models / "dataset" / "index.parquet").rows
    paths = [str(path) for path in rows[rows["label"].isin(CLASSES)]["path"]]
    y_true = np.arange(_TEST) % 2
    answer = np.where(np.arange(_TEST) % 20 == 0, 1 - y_true, y_true)
    y_prob = np.full((_TEST, 2), 1e-3)
    y_prob[np.arange(_TEST), answer] = 1 - 1e-3
    return Predictions(
        paths=np.array(
            [f"{i}/{path}" for i, path in zip(range(_TEST), cycle(paths), strict=False)],
            dtype=object,
        ),
        splits=np.array(["test"] * _TEST, dtype=object),
        y_true=y_true.astype(np.int64),
        y_prob=y_prob.astype(np.float32),
        classes=CLASSES,
        negative_class="notumor",
        seen=np.zeros(_TEST, dtype=bool),
    )
