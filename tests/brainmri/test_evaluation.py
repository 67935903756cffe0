"""`brainmri.evaluation`: predictions of one split to the figures that the pages show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainmri import evaluation, ranking
from brainmri.predictions import Predictions

CLASSES = ["glioma", "healthy", "pituitary"]
# (split, truth, answer): 6 labelled test images, one unlabelled, 2 validation images
ROWS = [("test", 0, 0), ("test", 0, 1), ("test", 0, 1), ("test", 1, 1), ("test", 1, 2),
        ("test", 2, 2), ("test", -1, 0), ("val", 0, 0), ("val", 1, 1)]  # fmt: skip


def table(seen: list[bool] | None = None) -> Predictions:
    n = len(ROWS)
    y_prob = np.full((n, 3), 0.1, dtype=np.float32)
    y_prob[range(n), [answer for _, _, answer in ROWS]] = 0.8
    return Predictions(
        paths=np.array([f"{i}.png" for i in range(n)], dtype=object),
        splits=np.array([split for split, _, _ in ROWS], dtype=object),
        y_true=np.array([truth for _, truth, _ in ROWS]),
        y_prob=y_prob,
        classes=CLASSES,
        seen=None if seen is None else np.array(seen),
    )


def report(predictions: Predictions, split: str = "test") -> evaluation.Report:
    groups = np.arange(len(ROWS))
    return evaluation.report(predictions, split=split, negative="healthy", groups=groups, run="cnn")


def test_a_report_counts_the_labelled_rows_of_its_split_only() -> None:
    found = report(table())
    assert (found.run, found.split, found.n, found.unlabelled) == ("cnn", "test", 6, 1)
    assert found.matrix.tolist() == [[1, 2, 0], [0, 1, 1], [0, 0, 1]]
    assert found.negative == 1
    assert report(table(), "val").matrix.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_the_headline_figures_by_hand() -> None:
    found = report(table())
    assert found.accuracy.value == 3 / 6
    assert (found.missed.k, found.missed.n) == (2, 4)
    assert (found.false_alarms.k, found.false_alarms.n) == (1, 2)
    assert found.sensitivity.value == 2 / 4
    assert found.specificity.value == 1 / 2
    assert found.negative_precision.value == 1 / 3
    assert found.recall.value == pytest.approx(3 / 6)
    glioma = found.per_class[0]
    assert (glioma.name, glioma.support) == ("glioma", 3)
    assert (glioma.precision.value, glioma.recall.value, glioma.f1.value) == (1, 1 / 3, 1 / 2)


def test_confusions_come_most_frequent_first() -> None:
    found = [(c.truth, c.answer, c.count, c.support) for c in report(table()).confusions]
    assert found == [("glioma", "healthy", 2, 3), ("healthy", "pituitary", 1, 2)]


def test_seen_counts_labelled_rows_and_is_none_when_not_recorded() -> None:
    assert report(table()).seen is None
    seen = [True, False, True, False, False, False, True, True, True]
    assert report(table(seen)).seen == 2


def test_a_split_without_rows_has_figures_of_none() -> None:
    found = report(table(), "elsewhere")
    assert (found.n, found.confusions) == (0, [])
    for estimate in (found.accuracy, found.precision, found.f1, found.missed):
        assert estimate.value is None
        assert estimate.reason


def test_curves_are_one_versus_rest_and_none_where_a_class_is_absent() -> None:
    test = evaluation.curves(table(), split="test", groups=np.arange(len(ROWS)))
    assert [c.name for c in test] == CLASSES
    area, _ = ranking.areas(
        np.array([1, 1, 1, 0, 0, 0], dtype=bool),
        np.array([0.8, 0.1, 0.1, 0.1, 0.1, 0.1]),
        np.arange(6),
    )
    assert test[0].area.value == area.value == pytest.approx(4 / 6)
    assert test[0].roc is not None
    val = evaluation.curves(table(), split="val", groups=np.arange(len(ROWS)))
    assert val[2].roc is None
    assert val[2].precision_recall is None
    assert val[2].area.reason == "no images of this class"


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 4)), min_size=1),
    st.integers(0, 3),
)
def test_tumour_or_no_tumour_is_right_when_both_or_neither_is_negative(
    rows: list[tuple[int, int, int]], negative: int
) -> None:
    per_group = np.zeros((5, 4, 4), dtype=np.int64)
    for truth, answer, group in rows:
        per_group[group, truth, answer] += 1
    right = sum((truth == negative) == (answer == negative) for truth, answer, _ in rows)
    estimate = evaluation.tumour_accuracy(per_group, negative)
    assert (estimate.k, estimate.n) == (right, len(rows))
