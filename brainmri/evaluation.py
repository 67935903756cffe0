"""One run's predictions on one part of the data, turned into a report of figures.

`report` and `curves` take predictions in memory. A table of any size is counted once with `tally`,
and `report_of` and `curves_of` make the same figures from its counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from brainmri import metrics, ranking, tally
from brainmri.metrics import Estimate, enough
from brainmri.predictions import Predictions
from brainmri.ranking import Curve
from brainmri.tally import Tally


@dataclass(frozen=True)
class ClassReport:
    """Figures of one class; `support` is its number of images."""

    name: str
    support: int
    precision: Estimate
    recall: Estimate
    f1: Estimate


def by_recall(per_class: Sequence[ClassReport]) -> list[ClassReport]:
    """The classes whose recall is known, the one that is found least often first."""
    known = [one for one in per_class if one.recall.value is not None]
    return sorted(known, key=lambda one: one.recall.value or 0.0)


@dataclass(frozen=True)
class Confusion:
    """`count` images of class `truth`, out of `support`, were called `answer`."""

    truth: str
    answer: str
    count: int
    support: int


@dataclass(frozen=True)
class Report:
    """What a run did on the labelled images of one split.

    Attributes:
        n: labelled images.
        unlabelled: images without a label, left out.
        seen: labelled images with a near-duplicate among those that shaped the model, or None
            when that is not recorded.
        seen_accuracy: accuracy on those alone; None when that is not recorded.
        matrix: int64 (k, k), row = truth, column = answer.
        negative: number of the class that means "no tumour".
    """

    run: str
    split: str
    n: int
    unlabelled: int
    seen: int | None
    seen_accuracy: Estimate | None
    classes: list[str]
    negative: int
    matrix: NDArray[np.int64]
    accuracy: Estimate
    precision: Estimate
    recall: Estimate
    f1: Estimate
    sensitivity: Estimate
    specificity: Estimate
    missed: Estimate
    false_alarms: Estimate
    negative_precision: Estimate
    per_class: list[ClassReport]

    @property
    def confusions(self) -> list[Confusion]:
        """Every kind of mistake that was made, most frequent first; of those that tie the larger share."""
        k = len(self.classes)
        found = [
            Confusion(
                self.classes[i], self.classes[j], int(self.matrix[i, j]), int(self.matrix[i].sum())
            )
            for i in range(k)
            for j in range(k)
            if i != j and self.matrix[i, j]
        ]
        return sorted(found, key=lambda one: (-one.count, one.support, one.truth, one.answer))


@dataclass(frozen=True)
class ClassCurves:
    """One-vs-rest curves of a class; a curve is None where the class is absent or alone.

    `fewer` is the number of images of the class or of the rest, whichever are fewer; `positives` that of
    the class.
    """

    name: str
    roc: Curve | None
    precision_recall: Curve | None
    area: Estimate
    average_precision: Estimate
    fewer: int
    positives: int


def report(
    predictions: Predictions,
    *,
    split: str,
    negative: str,
    groups: NDArray[np.int64],
    run: str,
    unseen: bool = False,
) -> Report:
    """Figures of the labelled rows of a split.

    Args:
        predictions: all rows of a run.
        split: "val" or "test".
        negative: the class that means "no tumour".
        groups: (n,) near-duplicate cluster of every row of `predictions`, which all intervals
            take for one.
        run: name shown with the figures.
        unseen: only images without a near-duplicate among those that shaped the model.

    Raises:
        ValueError: `unseen` of a table that does not record it.
    """
    counted = _counted(predictions, split, groups)
    return report_of(counted, negative=negative, run=run, unseen=unseen)


def report_of(counted: Tally, *, negative: str, run: str, unseen: bool = False) -> Report:
    """As `report`, from counts."""
    per_group = counted.unseen_per_group if unseen else counted.per_group
    if per_group is None:
        raise ValueError("the table does not say which images were seen in training")
    seen = None if unseen or counted.seen is None else counted.seen_per_group
    matrix, classes = per_group.sum(axis=0), counted.classes
    k, c, n = len(classes), classes.index(negative), int(matrix.sum())
    drawn = np.zeros((0, k, k))
    if n:
        counts = metrics.drawn_counts(len(per_group))
        drawn = metrics.drawn_matrices(per_group, counts)
    average = metrics.weighted(matrix, drawn)
    return Report(
        run=run,
        split=counted.split,
        n=n,
        unlabelled=counted.unlabelled,
        seen=0 if unseen else counted.seen,
        seen_accuracy=None if seen is None else metrics.accuracy(seen.sum(axis=0), seen),
        classes=classes,
        negative=c,
        matrix=matrix,
        accuracy=metrics.accuracy(matrix, per_group),
        precision=average["precision"],
        recall=average["recall"],
        f1=average["f1"],
        sensitivity=metrics.sensitivity(matrix, c, per_group),
        specificity=metrics.specificity(matrix, c, per_group),
        missed=metrics.missed_tumours(matrix, c, per_group),
        false_alarms=metrics.false_alarms(matrix, c, per_group),
        negative_precision=metrics.precision(matrix, c, per_group),
        per_class=[
            ClassReport(
                name,
                int(matrix[i].sum()),
                metrics.precision(matrix, i, per_group),
                metrics.recall(matrix, i, per_group),
                metrics.f1(matrix, drawn, i),
            )
            for i, name in enumerate(classes)
        ],
    )


def shown(report: Report) -> Report:
    """The report as it may be shown: figures of too few images give way to the reason."""
    per_class = [
        replace(c, precision=enough(c.precision), recall=enough(c.recall), f1=enough(c.f1))
        for c in report.per_class
    ]
    return replace(
        report,
        accuracy=enough(report.accuracy),
        seen_accuracy=None if report.seen_accuracy is None else enough(report.seen_accuracy),
        precision=enough(report.precision),
        recall=enough(report.recall),
        f1=enough(report.f1),
        sensitivity=enough(report.sensitivity),
        specificity=enough(report.specificity),
        missed=enough(report.missed),
        false_alarms=enough(report.false_alarms),
        negative_precision=enough(report.negative_precision),
        per_class=per_class,
    )


def shown_curves(curves: list[ClassCurves]) -> list[ClassCurves]:
    """The curves with their areas as they may be shown."""
    return [
        replace(
            one,
            area=enough(one.area, of=one.fewer),
            average_precision=enough(one.average_precision, of=one.fewer),
        )
        for one in curves
    ]


def tumour_accuracy(per_group: NDArray[np.int64], negative: int) -> Estimate:
    """Share of images rightly called tumour or no tumour.

    Args:
        per_group: (g, k, k) confusion matrix of each near-duplicate cluster.
        negative: number of the class that means "no tumour".
    """
    both = per_group[:, negative, negative]
    tumours_called = np.delete(np.delete(per_group, negative, 1), negative, 2).sum(axis=(1, 2))
    two = np.zeros((len(per_group), 2, 2), dtype=np.int64)
    two[:, 0, 0], two[:, 1, 1] = both, tumours_called
    two[:, 0, 1] = per_group.sum(axis=(1, 2)) - both - tumours_called
    return metrics.accuracy(two.sum(axis=0), two)


def tumour_scores(
    y_true: NDArray[np.int64], y_prob: NDArray[np.floating], negative: int
) -> tuple[NDArray[np.bool_], NDArray[np.floating]]:
    """Which images have a tumour (n,), and what ranks them by it: for `ranking.areas`.

    The score is the falling probability of "no tumour": exact where that of a tumour rounds to 1.
    """
    return y_true != negative, -y_prob[:, negative]


def curves(predictions: Predictions, *, split: str, groups: NDArray[np.int64]) -> list[ClassCurves]:
    """One-vs-rest ROC and precision-recall curves of every class on the labelled rows of a split."""
    return curves_of(_counted(predictions, split, groups))


def curves_of(counted: Tally) -> list[ClassCurves]:
    """As `curves`, from counts."""
    counts = metrics.drawn_counts(len(counted.per_group))
    found: list[ClassCurves] = []
    for name, ranked in zip(counted.classes, counted.rankings, strict=True):
        area, average = ranking.ranked_areas(ranked, counts)
        both = area.value is not None
        found.append(
            ClassCurves(
                name,
                ranking.roc_curve(ranked) if both else None,
                ranking.precision_recall_curve(ranked) if both else None,
                area,
                average,
                min(int(ranked.tp[-1:].sum()), int(ranked.fp[-1:].sum())),
                int(ranked.tp[-1:].sum()),
            )
        )
    return found


def _counted(predictions: Predictions, split: str, groups: NDArray[np.int64]) -> Tally:
    table = predictions.as_table()
    return tally.count(table, lambda _: groups, splits=(split,)).of[split]
