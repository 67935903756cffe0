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


def seen_and_all(right_of_seen: int, right_of_others: int) -> Report:
    """750 seen images and 250 others, so many of each right."""
    whole = figure(right_of_seen + right_of_others, 1000, seen=750)
    return replace(whole, seen_accuracy=figure(right_of_seen, 750).accuracy)


def test_seen_images_are_held_against_unseen_ones_which_are_no_part_of_them() -> None:
    first = figure(950, 1000, seen=750)
    assert said(replace(first, seen_accuracy=None), None) == (
        "750 of the 1,000 official test images (75\u00a0%) have a near-copy among the images that shaped "
        "the model, which can reward memory."
    )
    for of_seen, of_others, words in (
        (745, 200, "it is right about clearly more of these (99.3\u00a0%, 98.4–99.7\u00a0%) than of the "
                   "unseen ones."),
        (722, 238, "it is right about more of these (96.3\u00a0%, 94.7–97.4\u00a0%) than of the unseen "
                   "ones, though the two intervals meet."),
        (715, 242, "yet it is right about no more of these (95.3\u00a0%, 93.6–96.6\u00a0%) than of the "
                   "unseen ones."),
        (600, 249, "yet it is right about clearly fewer of these (80.0\u00a0%, 77.0–82.7\u00a0%) than of "
                   "the unseen ones."),
    ):  # fmt: skip
        told = said(seen_and_all(of_seen, of_others), figure(of_others, 250))
        assert told.replace("\u2060", "").endswith(words), told


def test_a_table_counts_how_often_it_is_right_about_the_images_it_has_seen() -> None:
    y_true = np.zeros(40, dtype=np.int64)
    rows = Predictions(
        paths=np.array([str(i) for i in range(40)], dtype=object),
        splits=np.full(40, "test", dtype=object),
        y_true=y_true,
        y_prob=np.eye(2, dtype=np.float32)[(np.arange(40) % 20 < 3).astype(int)],
        classes=CLASSES,
        seen=np.arange(40) < 20,
    )
    counted = tally.count(rows.as_table(), lambda _: np.arange(40) // 2, splits=("test",))
    found = evaluation.report_of(counted.of["test"], negative="notumor", run="one")
    assert found.seen_accuracy is not None
    assert (found.seen_accuracy.k, found.seen_accuracy.n) == (17, 20)
    only = evaluation.report_of(counted.of["test"], negative="notumor", run="one", unseen=True)
    assert only.seen_accuracy is None


def test_another_mix_of_classes_is_named_by_the_class_that_there_is_most_more_of() -> None:
    first = figure(950, 1000, seen=750)
    told = said(first, figure(200, 250, gliomas=0.9))
    assert "another mix of classes: 90\u00a0% glioma, of all 50\u00a0%." in told
    assert "mix of classes" not in said(first, figure(200, 250))


def test_the_grouped_figure_is_told_in_the_direction_that_it_has() -> None:
    first = figure(950, 1000)
    assert "to keep copies and neighbouring slices on one side" in said(first, None, first)
    for right, words in (
        (800, "is clearly less often right than on the official test images."),
        (
            940,
            "is less often right than on the official test images, though the two intervals meet.",
        ),
        (950, "is no less often right than on the official test images."),
        (999, "is clearly more often right than on the official test images."),
    ):
        assert said(first, None, figure(right, 1000)).endswith(words)
    left = said(first, None, figure(800, 1000, seen=12))
    assert "though 12 of its 1,000 test images have a near-copy too" in left


def test_it_is_one_sentence_or_two() -> None:
    grouped = figure(800, 1000, seen=12)
    for gliomas, most in ((0.5, 1), (0.9, 2)):
        told = said(seen_and_all(745, 200), figure(200, 250, gliomas=gliomas), grouped)
        assert told.count(". ") + 1 == most
        assert len(told.split(" ")) <= 90


def test_what_is_not_known_is_not_told_as_none() -> None:
    first = figure(950, 1000)
    assert said(first, first) == "No near-copy of the 1,000 official test images shaped the model."
    assert said(replace(first, seen=None), None).startswith("It is not recorded which")
    assert said(replace(first, n=0, seen=0), None) == (
        "There are no labelled official test images, so there is nothing to compare."
    )
    assert said(None, None) == "No figure of this model was measured."
