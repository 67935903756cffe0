"""The promise of conformal sets, measured on images that are parted anew many times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainmri import conformal
from brainmri.metrics import Floats, Ints

RESPLITS = 200


@dataclass(frozen=True)
class Resplits:
    """Coverage when validation and test images are mixed and parted anew many times.

    Attributes:
        nominal: 1 - alpha.
        coverage: share of held-out images whose set held their class, per re-split, (r,).
        per_class: the same by class, (r, k); nan where none was held out.
        n: images that were mixed.
        always: numbers of the classes with too few images in some re-split; they were in every set.
    """

    nominal: float
    coverage: Floats
    per_class: Floats
    n: int
    always: list[int]

    @property
    def mean(self) -> float:
        """Mean coverage over all re-splits."""
        return float(self.coverage.mean())


def resplit_coverage(
    y_true: Ints,
    y_prob: NDArray[np.floating],
    groups: Ints,
    *,
    alpha: float,
    share: float,
    resplits: int = RESPLITS,
    seed: int = 0,
) -> Resplits:
    """Coverage over random partings of the same images into those that set thresholds and the rest.

    Whole clusters go to one side; a cluster counts as the class of most of its images, and of each
    class about `share` of the images set the thresholds. Where the promise fails here, the method is
    at fault; where it fails only for test images, they are unlike the validation ones.

    Args:
        y_true: (n,).
        y_prob: (n, k).
        groups: (n,).
        alpha: 1 - alpha is promised.
        share: of the images that set thresholds, between 0 and 1.
        resplits: how many.
        seed: draws them.

    Raises:
        ValueError: fewer than two clusters, or a share that leaves one side empty.
    """
    n, k = y_prob.shape
    _, cluster = np.unique(groups, return_inverse=True)
    sizes = np.bincount(cluster)
    votes = np.zeros((len(sizes), k), dtype=np.int64)
    np.add.at(votes, (cluster, y_true), 1)
    kind = votes.argmax(axis=1)
    generator = np.random.default_rng(seed)
    total, per_class = np.empty(resplits), np.full((resplits, k), np.nan)
    always: set[int] = set()
    for r in range(resplits):
        sets_thresholds = np.zeros(len(sizes), dtype=bool)
        for c in range(k):
            order = generator.permutation(np.flatnonzero(kind == c))
            until = np.cumsum(sizes[order])
            # A cluster goes where more than half of it would lie.
            sets_thresholds[order] = until - sizes[order] / 2 <= share * sizes[order].sum()
        fitting = sets_thresholds[cluster]
        if fitting.all() or not fitting.any():
            raise ValueError(f"a share of {share} leaves one side of the re-split empty")
        thresholds, images = conformal.fit_conformal(y_true[fitting], y_prob[fitting], alpha)
        always |= set(np.flatnonzero(images < conformal.images_needed(alpha)).tolist())
        truth = y_true[~fitting]
        covered = conformal.conformal_sets(y_prob[~fitting], thresholds)[
            np.arange(len(truth)), truth
        ]
        total[r] = covered.mean()
        held_out = np.bincount(truth, minlength=k)
        hits = np.bincount(truth, covered, minlength=k)
        np.divide(hits, held_out, out=per_class[r], where=held_out > 0)
    return Resplits(1 - alpha, total, per_class, n, sorted(always))
