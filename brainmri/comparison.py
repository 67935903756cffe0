"""Two runs on the same images: paired differences, McNemar's test, the images that changed. Pure.

Run A is there to be compared with; every difference is B minus A. Both runs are judged on the images
that both answered, and every bootstrap sample draws the same clusters of near-duplicates for both, so
that what is hard for either cancels out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from brainmri import batches, evaluation, intervals, metrics, ranking
from brainmri.errors import InputError
from brainmri.metrics import Estimate, Floats, Ints
from brainmri.predictions import Predictions
from brainmri.wording import counted

EXACT_BELOW = 25
"""Discordant images below which McNemar's test is the exact binomial one."""


@dataclass(frozen=True)
class Pairs:
    """The labelled images of one split that both runs answered, in the order of A's table.

    Attributes:
        rows_a, rows_b: row of each image in either table; (n,).
        y_true: class number; (n,).
        prob_a, prob_b: probabilities (n, k) in the order of `classes`.
        classes: class names, in A's order.
        negative: number of the class that means "no tumour".
        only_a, only_b: images of the split that one run alone answered.
        unlabelled: images that both answered and neither knows the label of.
        seen_a, seen_b: how many of the n images either model was shaped by near-copies of; None where
            that is not recorded.
    """

    rows_a: Ints
    rows_b: Ints
    y_true: Ints
    prob_a: NDArray[np.float32]
    prob_b: NDArray[np.float32]
    classes: list[str]
    negative: int
    only_a: int
    only_b: int
    unlabelled: int
    seen_a: int | None = None
    seen_b: int | None = None

    @property
    def pred_a(self) -> Ints:
        """A's answers; (n,)."""
        return np.argmax(self.prob_a, axis=1).astype(np.int64)

    @property
    def pred_b(self) -> Ints:
        """B's answers; (n,)."""
        return np.argmax(self.prob_b, axis=1).astype(np.int64)


@dataclass(frozen=True)
class Difference:
    """A metric of both runs; `difference` is B minus A, between -1 and 1, with its 95 % interval."""

    name: str
    a: Estimate
    b: Estimate
    difference: Estimate


@dataclass(frozen=True)
class McNemar:
    """Images on which one run alone was right, and how often chance alone would be as lopsided.

    Attributes:
        only_a, only_b: images that only this run got right.
        p_value: two-sided.
        test: "exact binomial" or "mid-p".
    """

    only_a: int
    only_b: int
    p_value: float
    test: str


@dataclass(frozen=True)
class Change:
    """An image that the runs answered differently: its rows, its class, both answers (class numbers)."""

    row_a: int
    row_b: int
    truth: int
    answer_a: int
    answer_b: int


@dataclass(frozen=True)
class Comparison:
    """Run B beside run A on the images of one split that both answered.

    Attributes:
        run_a, run_b: names shown with the figures.
        n: images compared.
        differences: accuracy, sensitivity, specificity, f1 (weighted), auroc (tumour / no tumour).
        right: McNemar's test of right and wrong answers.
        tumour: McNemar's test of right and wrong calls of tumour / no tumour.
        lost: A right, B wrong; the answers that B is surest of come first, as in the next three.
        gained: B right, A wrong.
        newly_missed: tumours that A called a tumour (of whatever class) and B did not.
        newly_found: tumours that B called a tumour and A did not.
        otherwise: every image that the runs answered differently, both wrong too.
        seen_a, seen_b: as in `Pairs`.
    """

    run_a: str
    run_b: str
    split: str
    n: int
    only_a: int
    only_b: int
    unlabelled: int
    classes: list[str]
    differences: list[Difference]
    right: McNemar
    tumour: McNemar
    lost: list[Change]
    gained: list[Change]
    newly_missed: list[Change]
    newly_found: list[Change]
    otherwise: list[Change]
    seen_a: int | None = None
    seen_b: int | None = None

    def difference(self, name: str) -> Difference:
        """The difference of that name."""
        return next(d for d in self.differences if d.name == name)

    def in_cell(self, truth: str, answer: str) -> list[Change]:
        """Images of class `truth` that one run alone called `answer`."""
        if truth not in self.classes or answer not in self.classes:
            return []
        of, said = self.classes.index(truth), self.classes.index(answer)
        return [c for c in self.otherwise if c.truth == of and said in (c.answer_a, c.answer_b)]


def join(a: Predictions, b: Predictions, *, split: str, negative: str) -> Pairs:
    """The labelled images of a split that both runs answered, joined on their path.

    Raises:
        InputError: the runs have different classes, disagree on a label, or name an image twice.
    """
    if sorted(a.classes) != sorted(b.classes):
        raise InputError(
            f"The runs have different classes ({', '.join(a.classes)}; {', '.join(b.classes)}); "
            "compare runs of the same data set."
        )
    here_a, here_b = _rows_by_path(a, split), _rows_by_path(b, split)
    common = [path for path in here_a if path in here_b]
    rows_a = np.array([here_a[path] for path in common], dtype=np.int64)
    rows_b = np.array([here_b[path] for path in common], dtype=np.int64)
    columns = np.array([b.classes.index(name) for name in a.classes])
    # B's class numbers as A's; the last entry keeps -1, no label.
    renamed = np.append(np.argsort(columns), -1)
    true_a, true_b = a.y_true[rows_a], renamed[b.y_true[rows_b]]
    differ = (true_a != true_b) & (true_a >= 0) & (true_b >= 0)
    if differ.any():
        first = int(np.argmax(differ))
        raise InputError(
            f"The runs disagree on the label of {counted(int(differ.sum()), 'image')}, the first being "
            f"{common[first]} ({a.classes[true_a[first]]}, {a.classes[true_b[first]]}); score both "
            "with the same labels."
        )
    y_true = np.maximum(true_a, true_b)
    kept = y_true >= 0
    return Pairs(
        rows_a=rows_a[kept],
        rows_b=rows_b[kept],
        y_true=y_true[kept],
        prob_a=a.y_prob[rows_a[kept]],
        prob_b=b.y_prob[rows_b[kept]][:, columns],
        classes=a.classes,
        negative=a.classes.index(negative),
        only_a=int((a.splits == split).sum()) - len(common),
        only_b=int((b.splits == split).sum()) - len(common),
        unlabelled=int((~kept).sum()),
        seen_a=None if a.seen is None else int(a.seen[rows_a[kept]].sum()),
        seen_b=None if b.seen is None else int(b.seen[rows_b[kept]].sum()),
    )


def compare(
    pairs: Pairs,
    *,
    split: str,
    groups: Ints,
    run_a: str,
    run_b: str,
    resamples: int = metrics.RESAMPLES,
) -> Comparison:
    """Run B beside run A.

    Args:
        pairs: from `join`.
        split: that they were joined on.
        groups: (n,) near-duplicate cluster of each pair.
        run_a, run_b: names shown with the figures.
        resamples: bootstrap samples per interval.
    """
    y_true, pred_a, pred_b = pairs.y_true, pairs.pred_a, pairs.pred_b
    right_a, right_b = pred_a == y_true, pred_b == y_true
    tumour = y_true != pairs.negative
    called_a, called_b = pred_a != pairs.negative, pred_b != pairs.negative
    return Comparison(
        run_a=run_a,
        run_b=run_b,
        split=split,
        n=len(y_true),
        only_a=pairs.only_a,
        only_b=pairs.only_b,
        unlabelled=pairs.unlabelled,
        classes=pairs.classes,
        differences=_differences(pairs, groups, resamples),
        right=mcnemar(int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())),
        tumour=mcnemar(
            int(((called_a == tumour) & (called_b != tumour)).sum()),
            int(((called_b == tumour) & (called_a != tumour)).sum()),
        ),
        lost=_changes(pairs, right_a & ~right_b),
        gained=_changes(pairs, right_b & ~right_a),
        newly_missed=_changes(pairs, tumour & called_a & ~called_b),
        newly_found=_changes(pairs, tumour & called_b & ~called_a),
        otherwise=_changes(pairs, pairs.pred_a != pairs.pred_b),
        seen_a=pairs.seen_a,
        seen_b=pairs.seen_b,
    )


def shown(found: Comparison) -> Comparison:
    """The comparison as it may be shown: figures of too few images give way to the reason."""
    of = {d.name: d.difference.n for d in found.differences}
    fewer = min(of["sensitivity"], of["specificity"])
    differences = [
        replace(
            d,
            a=metrics.enough(d.a, of=fewer if d.name == "auroc" else None),
            b=metrics.enough(d.b, of=fewer if d.name == "auroc" else None),
            difference=metrics.enough(d.difference, of=fewer if d.name == "auroc" else None),
        )
        for d in found.differences
    ]
    return replace(found, differences=differences)


def mcnemar(only_a: int, only_b: int) -> McNemar:
    """McNemar's test on the images that one run alone got right.

    Exact binomial below `EXACT_BELOW` such images, mid-p from there on (McNemar 1947; Fagerland,
    Lydersen and Laake 2013, BMC Medical Research Methodology 13:91). It takes images for independent;
    the intervals of the differences do not, so they have the last word where near-copies abound.
    """
    n, fewer = only_a + only_b, min(only_a, only_b)
    ways, below = 1, 0
    for i in range(fewer):
        below += ways
        ways = ways * (n - i) // (i + 1)
    whole = 1 << n
    exact = min(1.0, 2 * (below + ways) / whole)
    if n < EXACT_BELOW:
        return McNemar(only_a, only_b, exact, "exact binomial")
    at = ways / whole
    return McNemar(only_a, only_b, exact - (at / 2 if only_a == only_b else at), "mid-p")


def _rows_by_path(table: Predictions, split: str) -> dict[str, int]:
    """Row of every named image of a split."""
    rows = np.flatnonzero((table.splits == split) & (table.paths != ""))
    named = {str(table.paths[row]): int(row) for row in rows}
    if len(named) < len(rows):
        paths = pa.chunked_array([pa.array(table.paths[rows].tolist(), pa.string())])
        batches.refuse_copies(paths, table.run or "One of the runs")
    return named


def _differences(pairs: Pairs, groups: Ints, resamples: int) -> list[Difference]:
    y_true, c = pairs.y_true, pairs.negative
    if not len(y_true):
        none = Estimate(None, None, None, 0, reason="no images in common")
        names = ("accuracy", "sensitivity", "specificity", "f1", "auroc")
        return [Difference(name, none, none, none) for name in names]
    both = group_matrices(pairs, groups, resamples=resamples)
    per_group, drawn = [each for each, _ in both], [each for _, each in both]
    matrices = [each.sum(axis=0) for each in per_group]
    shares = (
        ("accuracy", metrics.accuracy, _accuracies),
        ("sensitivity", lambda m, g: metrics.sensitivity(m, c, g), lambda m: _called(m, c, True)),
        ("specificity", lambda m, g: metrics.specificity(m, c, g), lambda m: _called(m, c, False)),
    )
    found = []
    for name, metric, of_drawn in shares:
        a, b = (metric(m, g) for m, g in zip(matrices, per_group, strict=True))
        found.append(paired_difference(name, a, b, of_drawn(drawn[0]), of_drawn(drawn[1])))
    a, b = (metrics.weighted(m, d)["f1"] for m, d in zip(matrices, drawn, strict=True))
    f1_a, f1_b = (metrics.weighted_averages(d)[:, 2] for d in drawn)
    found.append(paired_difference("f1", a, b, f1_a, f1_b))
    tumour, score_a = evaluation.tumour_scores(y_true, pairs.prob_a, c)
    _, score_b = evaluation.tumour_scores(y_true, pairs.prob_b, c)
    scores = (score_a, score_b)
    a, b = (ranking.areas(tumour, score, groups, resamples=resamples)[0] for score in scores)
    of_a = of_b = np.zeros(0)
    if a.value is not None:
        of_a, of_b = (
            ranking.resampled_areas(tumour, s, groups, resamples=resamples)[:, 0] for s in scores
        )
    return [*found, paired_difference("auroc", a, b, of_a, of_b)]


def group_matrices(pairs: Pairs, groups: Ints, *, resamples: int) -> list[tuple[Ints, Floats]]:
    """Confusion matrices of A and of B: of each cluster (g, k, k), and resampled (resamples, k, k).

    Args:
        pairs: at least one.
        groups: (n,) near-duplicate cluster of each pair.
        resamples: bootstrap samples.
    """
    # The same clusters in every draw of both.
    counts, group = metrics.resampled_counts(groups, 0, resamples)
    k, g = len(pairs.classes), counts.shape[1]
    per_group = [
        metrics.group_matrices(pairs.y_true, y_pred, k, group, g)
        for y_pred in (pairs.pred_a, pairs.pred_b)
    ]
    return [(each, metrics.drawn_matrices(each, counts)) for each in per_group]


def _accuracies(matrices: Floats) -> Floats:
    """Share of right answers (resamples,) of resampled matrices."""
    return metrics.divide(np.trace(matrices, axis1=1, axis2=2), matrices.sum(axis=(1, 2)), np.nan)


def _called(matrices: Floats, c: int, tumour: bool) -> Floats:
    """Share of the images of one kind that were called so; (resamples,)."""
    rows = np.delete(matrices, c, axis=1) if tumour else matrices[:, c : c + 1]
    n, called = rows.sum(axis=(1, 2)), rows[:, :, c].sum(axis=1)
    return metrics.divide(n - called if tumour else called, n, np.nan)


def paired_difference(
    name: str, a: Estimate, b: Estimate, drawn_a: Floats, drawn_b: Floats
) -> Difference:
    """B minus A with the interval that their own intervals and their correlation make.

    The same clusters are drawn for both, so that the correlation is that of paired runs. It counts as
    no more than one discordant image leaves of it: that two runs agree on every image of this set does
    not make them equal.

    Args:
        name: of the metric.
        a, b: the metric of either run, with its interval.
        drawn_a, drawn_b: the metric of either run in the same bootstrap samples (r,).
    """
    if a.value is None or b.value is None:
        none = Estimate(None, None, None, a.n, reason=a.reason or b.reason)
        return Difference(name, a, b, none)
    value = b.value - a.value if a.k is None or b.k is None else (b.k - a.k) / a.n
    if a.low is None or a.high is None or b.low is None or b.high is None:
        none = Estimate(value, None, None, a.n, reason=a.reason or b.reason)
        return Difference(name, a, b, none)
    # Variance of a metric that changes on one image of n, 1 / n², over that of the two metrics.
    mistakes = a.n * np.sqrt(a.value * (1 - a.value) * b.value * (1 - b.value))
    most = 1 - 1 / (2 * max(mistakes, 0.5))
    low, high = intervals.of_difference(
        (a.value, a.low, a.high),
        (b.value, b.low, b.high),
        min(intervals.correlation(drawn_a, drawn_b), most),
    )
    return Difference(name, a, b, Estimate(value, min(low, value), max(high, value), a.n))


def _changes(pairs: Pairs, mask: NDArray[np.bool_]) -> list[Change]:
    rows, answer_a, answer_b = np.flatnonzero(mask), pairs.pred_a, pairs.pred_b
    sure = pairs.prob_b[rows, answer_b[rows]]
    return [
        Change(
            int(pairs.rows_a[row]),
            int(pairs.rows_b[row]),
            int(pairs.y_true[row]),
            int(answer_a[row]),
            int(answer_b[row]),
        )
        for row in rows[np.argsort(-sure, kind="stable")]
    ]
