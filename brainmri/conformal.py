"""Sets of classes that hold the true one with a promised probability; pure functions on arrays.

Class-conditional (Mondrian) split conformal prediction: Vovk, Gammerman and Shafer 2005, chapter 4;
Sadinle, Lei and Wasserman 2019. A class is in the set of an image when its score 1 - p is at most
the threshold of that class, which is set on validation images of that class alone. The promise holds
for images like the validation ones; for others it has to be measured.

Shapes: `y_true` (n,) class numbers, `y_prob` (n, k), `groups` (n,) cluster numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainmri import metrics
from brainmri.metrics import RESAMPLES, Estimate, Floats, Ints

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Conformal:
    """Thresholds of a run.

    Attributes:
        alpha: the share of images whose true class may be missing from their set.
        thresholds: per class; 1, so that the class is in every set, where there were too few images.
        images: validation images per class that they were set on.
    """

    alpha: float
    thresholds: dict[str, float]
    images: dict[str, int]


@dataclass(frozen=True)
class ClassCoverage:
    """How often the set of an image of class `name` held that class.

    `fitted_on` validation images gave the `threshold`; `always` says that they were too few, so that
    the class is in every set.
    """

    name: str
    coverage: Estimate
    threshold: float
    fitted_on: int
    always: bool


@dataclass(frozen=True)
class Coverage:
    """What the sets of n images were like.

    Attributes:
        alpha: 1 - alpha is the promised coverage of every class.
        per_class: in the order of the classes.
        overall: share of all images whose set held their class.
        lowest: the class with the lowest coverage; None without images.
        mean_size: classes per set, with a cluster-bootstrap interval (not 0-1).
        empty, single: share of sets with no class and with one.
    """

    alpha: float
    per_class: list[ClassCoverage]
    overall: Estimate
    lowest: str | None
    mean_size: Estimate
    empty: Estimate
    single: Estimate


def images_needed(alpha: float) -> int:
    """The fewest images of a class for which a threshold below 1 keeps the promise."""
    return int(np.ceil((1 - alpha) / alpha - 1e-9))


def fit_conformal(y_true: Ints, y_prob: NDArray[np.floating], alpha: float) -> tuple[Floats, Ints]:
    """Thresholds (k,) that leave out the true class with probability at most `alpha`, and images (k,).

    The threshold of a class is the ceil((n + 1)(1 - alpha))-th smallest score of its n images, and 1
    where n is below `images_needed`.

    Raises:
        ValueError: alpha is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}, not between 0 and 1")
    scores, k = _true_scores(y_true, y_prob), y_prob.shape[1]
    thresholds, images = np.ones(k), np.bincount(y_true, minlength=k)
    for c, n in enumerate(images):
        rank = int(np.ceil((n + 1) * (1 - alpha) - 1e-9))
        if rank <= n:
            thresholds[c] = np.partition(scores[y_true == c], rank - 1)[rank - 1]
    return thresholds, images


def conformal_sets(y_prob: NDArray[np.floating], thresholds: Floats) -> Bools:
    """Which classes are in the set of each image, bool (n, k)."""
    inside: Bools = 1 - np.asarray(y_prob, dtype=np.float64) <= thresholds
    return inside


def coverage(
    y_true: Ints,
    y_prob: NDArray[np.floating],
    conformal: Conformal,
    classes: list[str],
    groups: Ints,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Coverage:
    """Measured coverage and size of the sets.

    Args:
        y_true: (n,).
        y_prob: (n, k), columns in the order of `classes`.
        conformal: the thresholds.
        classes: (k,) names.
        groups: (n,).
        seed: of the resamples.
        resamples: how many.
    """
    thresholds = np.array([conformal.thresholds[name] for name in classes])
    sets = conformal_sets(y_prob, thresholds)
    covered = sets[np.arange(len(y_true)), y_true]
    needed = images_needed(conformal.alpha)
    per_class = [
        ClassCoverage(
            name,
            metrics.enough(
                metrics.share(
                    covered[y_true == c], groups[y_true == c], nothing="no images of this class"
                )
            ),
            conformal.thresholds[name],
            conformal.images[name],
            always=conformal.images[name] < needed,
        )
        for c, name in enumerate(classes)
    ]
    measured = [c for c in per_class if c.coverage.value is not None]
    lowest = min(measured, key=lambda c: c.coverage.value or 0.0, default=None)
    sizes = sets.sum(axis=1)
    return Coverage(
        alpha=conformal.alpha,
        per_class=per_class,
        overall=metrics.enough(metrics.share(covered, groups)),
        lowest=None if lowest is None else lowest.name,
        mean_size=metrics.enough(_mean(sizes.astype(np.float64), groups, seed, resamples)),
        empty=metrics.enough(metrics.share(sizes == 0, groups)),
        single=metrics.enough(metrics.share(sizes == 1, groups)),
    )


def with_answer(sets: Bools, y_prob: NDArray[np.floating]) -> Bools:
    """The sets as they are shown beside an answer: each with its most probable class, bool (n, k).

    A set alone may be empty, or leave out the very class that is answered. A class more can only hold
    the truth more often, so the promise stands; `coverage` measures the sets alone, since adding the
    answer would hide thresholds that fail.
    """
    shown = sets.copy()
    shown[np.arange(len(shown)), y_prob.argmax(axis=1)] = True
    return shown


def set_in_words(inside: list[str], classes: list[str], alpha: float, *, added: bool) -> str:
    """A set and what is promised of all sets, never of this one: a few sentences.

    Args:
        inside: the classes of the set, that of the answer first.
        classes: all of them.
        alpha: the share of images of each class whose true class may be missing.
        added: whether the class of the answer is in the set only because it is the answer.
    """
    said = inside[0] if len(inside) == 1 else f"{', '.join(inside[:-1])} or {inside[-1]}"
    if len(inside) == len(classes):
        return f"{said}: every class is possible, so this answer rules nothing out."
    promised = f"{100 * (1 - alpha):g} of 100"
    unsure = (
        f" {inside[0]} is in it as the answer only: of {promised} validation images of that class the "
        "model was surer, so do not rely on it."
        if added
        else ""
    )
    return (
        f"{said}.{unsure} Sets are made to hold the true class for at least {promised} images of each "
        "class, as long as the images are like the validation images."
    )


def _true_scores(y_true: Ints, y_prob: NDArray[np.floating]) -> Floats:
    """1 - p of the true class, float64 (n,)."""
    return 1 - y_prob[np.arange(len(y_true)), y_true].astype(np.float64)


def _mean(values: Floats, groups: Ints, seed: int, resamples: int) -> Estimate:
    n = len(values)
    if n == 0:
        return Estimate(None, None, None, 0, reason="no images")
    counts, group = metrics.resampled_counts(groups, seed, resamples)
    drawn = (counts @ np.bincount(group, values)) / (counts @ np.bincount(group))
    return metrics.bootstrap_estimate(float(values.mean()), drawn, n)
