"""`brainmri.parts`: what one pass counts of every slice and threshold is what its rows say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainmri import index, parts, slices
from brainmri.metrics import confusion_matrix
from brainmri.predictions import Predictions
from brainmri.tally import BUCKETS

CLASSES = ["glioma", "notumor", "pituitary"]


def table(paths: list[str], *, k: int = 3, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    n = len(paths)
    y_true = rng.integers(-1, k, n)
    return Predictions(
        paths=np.array(paths, dtype=object),
        splits=np.array(["test", "val"], dtype=object)[rng.integers(0, 2, n)],
        y_true=y_true,
        y_prob=rng.dirichlet(np.full(k, 0.3), n).astype(np.float32),
        classes=CLASSES if k == 3 else [f"c{c}" for c in range(k)],
        seen=rng.random(n) < 0.5,
    )


def counted(scored: Predictions, known: parts.Properties) -> parts.Parts:
    groups = np.arange(len(scored.paths))
    return parts.count(scored.as_table(), lambda _: groups, known, split="test")


def test_every_slice_holds_the_rows_with_its_value(indexed_models: Path) -> None:
    known = index.read(indexed_models / "dataset" / "index.parquet")
    scored = table(["elsewhere.png", *known.rows["path"], *known.rows["path"]])
    found = counted(scored, parts.known_properties(known))
    here = (scored.splits == "test") & (scored.y_true >= 0)
    rows = known.rows.drop(columns=index.identifiers(known)).reset_index(drop=True)
    place = pd.Index(known.rows["path"]).get_indexer(pd.Index(scored.paths.tolist()))
    for name, words in slices.properties(rows).items():
        for value, part in found.slices[name].items():
            at = here & (place >= 0) & (words.to_numpy()[place] == value)
            expected = confusion_matrix(scored.y_true[at], scored.y_pred[at], 3)
            assert part.shape == (BUCKETS, 3, 3)
            assert part.sum(axis=0).tolist() == expected.tolist()
    assert scored.seen is not None
    at = here & scored.seen
    expected = confusion_matrix(scored.y_true[at], scored.y_pred[at], 3)
    assert found.slices["seen"][parts.SEEN].sum(axis=0).tolist() == expected.tolist()


@pytest.mark.parametrize("least", [0.0, 0.01, 0.42, 0.5, 0.99, 0.9999])
def test_above_a_threshold_are_the_rows_with_at_least_that_probability(least: float) -> None:
    scored = table([f"{i}.png" for i in range(500)])
    scored.y_prob[:3, 0] = least
    found = counted(scored, parts.known_properties(None))
    assert found.slices == {}
    assert found.above is not None
    for c in range(3):
        at = (scored.splits == "test") & (scored.y_true >= 0)
        at &= scored.y_prob[:, c] >= np.float32(least)
        expected = confusion_matrix(scored.y_true[at], scored.y_pred[at], 3)
        assert found.above[c][parts.threshold_at(least)].sum(axis=0).tolist() == expected.tolist()


def test_a_threshold_between_two_is_the_lower_one() -> None:
    assert parts.THRESHOLDS[parts.threshold_at(0.4299)] == np.float32(0.42)
    assert parts.threshold_at(0) == 0


def test_of_many_classes_no_thresholds_are_counted() -> None:
    assert counted(table(["a.png"] * 40, k=9), parts.known_properties(None)).above is None
