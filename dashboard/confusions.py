"""Cells of a confusion matrix as shares of their row with 95 % intervals. No file access."""

from __future__ import annotations

from brainmri import metrics
from brainmri.evaluation import Confusion
from brainmri.metrics import Estimate, Ints

Shares = list[list[Estimate]]
"""By class and answer."""


def shares(per_group: Ints) -> Shares:
    """How many images of each class (row) got each answer (column), of all images of the class.

    Args:
        per_group: int64 (g, k, k), confusion matrix of each near-duplicate cluster.
    """
    matrix, k = per_group.sum(axis=0), per_group.shape[1]
    return [
        [metrics.enough(metrics.called(matrix, truth, answer, per_group)) for answer in range(k)]
        for truth in range(k)
    ]


def share_of(mistake: Confusion, shares_: Shares, classes: list[str]) -> Estimate:
    """The cell of one kind of mistake."""
    return shares_[classes.index(mistake.truth)][classes.index(mistake.answer)]
