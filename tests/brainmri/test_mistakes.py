"""`brainmri.mistakes`: which kind of mistake comes most often, in words, and where nothing shows it."""

from __future__ import annotations

import numpy as np
import pytest

from brainmri import evaluation, mistakes
from brainmri.metrics import Estimate, Ints
from brainmri.predictions import Predictions

CLASSES = ["glioma", "meningioma", "pituitary"]


def answered(matrix: list[list[int]]) -> Predictions:
    """One row per image of a confusion matrix."""
    counts = np.array(matrix)
    truth, answer = (np.repeat(at.ravel(), counts.ravel()) for at in np.indices(counts.shape))
    y_prob = np.full((len(truth), len(matrix)), 0.1, dtype=np.float32)
    y_prob[range(len(truth)), answer] = 0.8
    return Predictions(
        paths=np.array([f"{i}.png" for i in range(len(truth))], dtype=object),
        splits=np.array(["test"] * len(truth), dtype=object),
        y_true=truth,
        y_prob=y_prob,
        classes=CLASSES[: len(matrix)],
    )


def per_image(table: Predictions) -> Ints:
    k = len(table.classes)
    one = np.zeros((len(table.y_true), k, k), dtype=np.int64)
    one[range(len(one)), table.y_true, table.y_prob.argmax(axis=1)] = 1
    return one


def said(matrix: list[list[int]]) -> mistakes.Finding:
    table = answered(matrix)
    report = evaluation.report(
        table, split="test", negative="meningioma", groups=np.arange(len(table.y_true)), run="cnn"
    )

    def told(share: Estimate) -> str:
        assert share.value is not None
        return f"{share.k} of {share.n}"

    return mistakes.finding(report, mistakes.shares(per_image(table)), told, among=" among them")


def test_of_equally_frequent_mistakes_the_larger_share_of_its_class_comes_first() -> None:
    table = answered([[216, 3, 0], [0, 14, 3], [0, 0, 100]])
    report = evaluation.report(
        table, split="test", negative="meningioma", groups=np.arange(len(table.y_true)), run="cnn"
    )
    found = [(one.truth, one.count, one.support) for one in report.confusions]
    assert found == [("meningioma", 3, 17), ("glioma", 3, 219)]


@pytest.mark.parametrize(
    ("matrix", "words", "counts"),
    [
        ([[60, 40, 0], [1, 99, 0], [0, 0, 100]],
         "Glioma is most often mistaken for meningioma among them: 40 of 100", False),
        ([[96, 4, 0], [3, 97, 0], [0, 0, 100]],
         "Glioma is most often mistaken for meningioma among them: 4 of 100, "
         "but its interval meets that of another kind of mistake", False),
        # More images, but a smaller share of their class.
        ([[960, 40, 0], [0, 500, 0], [18, 18, 14]],
         "Glioma is most often mistaken for meningioma among them: 40 of 1000, "
         "but another kind of mistake is not shown to be rarer", False),
        ([[97, 3, 0], [0, 97, 3], [0, 0, 100]],
         "Two kinds of mistake are equally frequent among them: glioma called meningioma 3 of 100, "
         "meningioma called pituitary 3 of 100", False),
        ([[1, 1, 0], [0, 1, 1], [0, 1, 99]],
         "Three kinds of mistake are equally frequent among them: glioma called meningioma 1 of 2, "
         "meningioma called pituitary 1 of 2, pituitary called meningioma 1 of 100", True),
        ([[8, 1, 1], [1, 9, 0], [1, 0, 9]],
         "4 kinds of mistake are equally frequent among them: 1 image each", True),
        ([[5, 3, 0], [0, 300, 2], [0, 0, 3]],
         "Glioma was called meningioma in 3 of 8 images among them, too few for an interval", True),
    ],
)  # fmt: skip
def test_the_most_frequent_mistake_is_said_to_be_that_only_where_it_is(
    matrix: list[list[int]], words: str, counts: bool
) -> None:
    assert said(matrix) == (words, counts)
