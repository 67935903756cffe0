"""`brainmri.truths`: what is said of why the three figures of a model differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from brainmri import evaluation, tally
from brainmri.evaluation import Report
from brainmri.predictions import Predictions
from brainmri.truths import why_they_differ

CLASSES = ["glioma", "notumor"]


def figure(right: int, n: int, *, gliomas: float = 0.5, seen: int | None = 0) -> Report:
    """`right` of `n` images right, `gliomas` of them gliomas, no two alike."""
    y_true = np.where(np.arange(n) % 10 < 10 * gliomas, 0, 1).astype(np.int64)
    y_pred = np.where(np.arange(n) < right, y_true, 1 - y_true)
    rows = Predictions(
        paths=np.array([str(i) for i in range(n)], dtype=object),
        splits=np.full(n, "test", dtype=object),
        y_true=y_true,
        y_prob=np.eye(2, dtype=np.float32)[y_pred],
        classes=CLASSES,
    )
    counted = tally.count(rows.as_table(), lambda _: np.arange(n), splits=("test",)).of["test"]
    report = evaluation.report_of(counted, negative="notumor", run="one")
    return replace(report, seen=seen)


def said(first: Report | None, unseen: Report | None, grouped: Report | None = None) -> str:
    return why_they_differ(first, unseen, grouped, protocol="grouped_split")


def test_memory_is_rewarded_only_where_the_first_figure_is_clearly_the_higher_one() -> None:
    first = figure(950, 1000, seen=750)
    assert "750 of the 1,000 official test images (75\u00a0%) have a near-copy" in said(first, None)
    assert "clearly higher than that of the others: it rewards memory." in said(
        first, figure(200, 250)
    )
    assert (
        "which can reward memory; the first figure is higher than that of the others, but their"
        in (said(first, figure(235, 250)))
    )
    for right, words in ((240, "not higher"), (250, "even clearly lower")):
        told = said(first, figure(right, 250))
        assert f"yet the first figure is {words} than that of the others" in told
        assert "it rewards memory" not in told


def test_another_mix_of_classes_is_named() -> None:
    first = figure(950, 1000, seen=750)
    told = said(first, figure(200, 250, gliomas=0.9))
    assert "another mix of classes (225 glioma, 25 notumor; of all 500 glioma, 500 notumor)" in told
    assert "mix of classes" not in said(first, figure(200, 250))


def test_the_grouped_figure_is_told_in_the_direction_that_it_has() -> None:
    first = figure(950, 1000)
    assert "neighbouring slices of a patient, and copies, together" in said(first, None, first)
    for right, words in (
        (800, "is clearly lower than the first."),
        (940, "is lower than the first, but their intervals meet."),
        (950, "is not lower than the first."),
        (999, "is clearly higher than the first."),
    ):
        assert said(first, None, figure(right, 1000)).endswith(words)
    left = said(first, None, figure(800, 1000, seen=12))
    assert "yet 12 of its 1,000 test images have a near-copy too" in left


def test_what_is_not_known_is_not_told_as_none() -> None:
    first = figure(950, 1000)
    assert said(first, first) == "No near-copy of the 1,000 official test images shaped the model."
    assert said(replace(first, seen=None), None).startswith("It is not recorded which")
    assert said(replace(first, n=0, seen=0), None) == (
        "There are no labelled official test images, so there is nothing to compare."
    )
    assert said(None, None) == "No figure of this model was measured."
