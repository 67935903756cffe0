"""`brainmri.part_counts`: what is read off a run's predictions is the split that was drawn for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from brainmri import part_counts, results, runs, splits
from brainmri.index import ImageIndex
from brainmri.predictions import Predictions
from brainmri.runs import Run


def drawn(models: Path, protocol: str) -> tuple[ImageIndex, Run, Predictions]:
    """An index, a run on one of its splits, and its predictions."""
    known = results.known_images(models)
    assert known is not None
    folds = np.array(["Training", "train", "val", "testing", "guard", None], dtype=object)
    rows = known.rows.assign(
        fold=folds[np.arange(len(known.rows)) % 6], half=folds[np.arange(len(known.rows)) % 2 * 3]
    )
    known = replace(known, rows=rows)
    part = splits.assign(known, protocol, seed=5)
    n = len(rows)
    scored = Predictions(
        paths=rows["path"].to_numpy(object),
        splits=part.to_numpy(object),
        y_true=np.zeros(n, dtype=np.int64),
        y_prob=np.tile(np.array([1, 0, 0, 0], dtype=np.float32), (n, 1)),
        classes=known.classes,
        seen=None,
        negative_class=known.negative_class,
    )
    judged = scored.where(np.isin(scored.splits, ["val", "test"]))
    images = {str(name): int(count) for name, count in part.value_counts().items()}
    run = replace(runs.load(models, "cnn"), protocol=protocol, seed=5, images=images)
    return known, run, judged


@pytest.mark.parametrize("protocol", ["official", "auto", "fold", "half"])
def test_the_parts_read_off_the_predictions_are_those_that_were_drawn(
    trained_models: Path, protocol: str
) -> None:
    known, run, judged = drawn(trained_models, protocol)
    wanted = part_counts.counts(known, splits.assign(known, protocol, seed=5))
    found = part_counts.of_run(trained_models, known, run, judged)
    assert found is not None
    assert found.to_dict() == wanted.to_dict()
    assert ("unused" in found) == (protocol == "fold")


def test_predictions_that_do_not_name_every_image_give_no_counts(trained_models: Path) -> None:
    known, run, judged = drawn(trained_models, "official")
    for name in ("val", "test"):
        lacking = np.ones(len(judged.paths), dtype=bool)
        lacking[np.flatnonzero(judged.splits == name)[0]] = False
        assert part_counts.of_run(trained_models, known, run, judged.where(lacking)) is None
    paths = judged.paths.copy()
    paths[0] = "of/another/folder.png"
    assert part_counts.of_run(trained_models, known, run, replace(judged, paths=paths)) is None
