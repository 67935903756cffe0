"""Counts from which every figure of a split is made, gathered in one pass over a predictions table.

Small tables keep their rows: scores are exact and intervals resample near-duplicate clusters. Above
`EXACT_ROWS` rows memory and time would grow with the table, so there

- clusters are hashed into `BUCKETS` buckets, which are resampled whole in their place. Clusters
  stay together, so the buckets are as independent as the clusters are (random groups: Wolter 2007,
  "Introduction to Variance Estimation", chapter 2). The price is that the width of an interval is
  itself uncertain by about 1 / sqrt(2 * BUCKETS), which is 6 %.
- scores are counted on a fixed grid (`bins`), and images in one bin count as tied. The areas are
  therefore off by at most what `binned` works out from the counts; on smooth scores the bound is
  below 1e-4 and the error itself far smaller, since it is the ties' order that is not known.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from brainmri import memory, metrics, ranking
from brainmri.batches import Batch, Table, reading
from brainmri.metrics import Floats, Ints
from brainmri.ranking import Ranking
from brainmri.surest import Sure, Surest

EXACT_ROWS = 20_000
BUCKETS = 128  # A power of two.
GroupsOf = Callable[[Batch], Ints]
"""Near-duplicate cluster (n,) of the rows of a batch."""

# A float32 has 23 bits after its leading one; 11 of them make 2,048 bins between p and 2 p.
_DROPPED_BITS = 12


def _leading_bits(p: float) -> int:
    return int(np.float32(p).view(np.int32) >> _DROPPED_BITS)


_BASE = _leading_bits(2.0**-64) - 1
_HALF = _leading_bits(0.5) - _BASE
BINS = 2 * _HALF + 1
_COARSE_BITS = 8
_COARSE = (BINS >> _COARSE_BITS) + 1
_POSITIVE = _COARSE << _COARSE_BITS
"""Where the bins of the images of the class begin, behind those of the rest."""
_WORKERS = 4


@dataclass(frozen=True)
class Tally:
    """What is known of the images of one split.

    Attributes:
        split: its name.
        classes: class names.
        per_group: int64 (g, k, k), confusion matrix of each group that intervals draw.
        unseen_per_group: the same of the images without a near-duplicate in training, groups
            without such an image left out; None when that is not recorded.
        seen_per_group: likewise of the images that have one.
        unlabelled: images without a label, counted nowhere else.
        seen: labelled images with a near-duplicate in training; None when not recorded.
        rankings: one class against the rest, per class; labelled images.
        surest: per (truth, answer) the `surest.MOST` images with the most probable answer.
    """

    split: str
    classes: list[str]
    per_group: Ints
    unseen_per_group: Ints | None
    seen_per_group: Ints | None
    unlabelled: int
    seen: int | None
    rankings: list[Ranking]
    surest: dict[tuple[int, int], list[Sure]]

    @property
    def matrix(self) -> Ints:
        """Confusion matrix, int64 (k, k)."""
        total: Ints = self.per_group.sum(axis=0)
        return total


@dataclass(frozen=True)
class Tallies:
    """`of` the splits that were asked for, and every name of a split that the table has."""

    of: dict[str, Tally]
    named: set[str]


def count(table: Table, groups_of: GroupsOf, *, splits: tuple[str, ...]) -> Tallies:
    """Read a table once and count all that the figures of these splits need.

    Raises:
        InputError: the table is damaged, or a row breaks a rule of the schema.
    """
    k = len(table.classes)
    exact = table.rows <= EXACT_ROWS
    if not exact:
        memory.expect_large()

    named: set[str] = set()

    def counted(pieces: list[Callable[[], Iterator[Batch]]]) -> dict[str, _Counts]:
        found = {split: _Counts(k, exact) for split in splits}
        for piece in pieces:
            for batch in piece():
                named.update(batch.split_names)
                if table.faults:  # Only the checks go on, to say how many rows are affected.
                    continue
                groups = groups_of(batch)
                for split in splits:
                    if split in batch.split_names:
                        found[split].add(batch, batch.split_names.index(split), groups)
        return found

    workers = min(_WORKERS, os.cpu_count() or 1, len(table.pieces))
    with reading(table.name), ThreadPoolExecutor(workers) as pool:
        shares = [table.pieces[i::workers] for i in range(workers)]
        total, *others = pool.map(counted, shares)
        for other in others:
            for split in splits:
                total[split].merge(other[split])
        table.finish()
        return Tallies({s: total[s].tally(s, table.classes) for s in splits}, named)


def bins(score: NDArray[np.float32]) -> NDArray[np.int32]:
    """Number of the bin, 0 to BINS - 1, that each score between 0 and 1 is counted in.

    The distance to 0 or 1, whichever is nearer, sets the width of a bin: 1/2,048 of it at most. So
    the grid is as fine near 1, where sure answers crowd, as near 0. Scores below 2**-64 count as 0.
    """
    distance = np.float32(1) - score  # Exact above one half, where it is used (Sterbenz).
    # All bits where the score is above one half, where that is negative; else none.
    turned: NDArray[np.int32] = (distance - score).view(np.int32)
    turned >>= 31
    np.minimum(score, distance, out=distance)
    number = distance.view(np.int32)
    number >>= _DROPPED_BITS
    number -= _BASE
    if number.min(initial=0) < 0:  # A look is six times as fast as the maximum, and mostly enough.
        np.maximum(number, 0, out=number)
    # BINS - 1 - number near one, as all bits turned over: many times as fast as np.where.
    number ^= turned
    turned &= BINS
    number += turned
    return number


def lowest_score(number: NDArray[np.integer]) -> Floats:
    """The lowest score of each bin (above one half, the score that its own lie just above)."""
    near_one = number > _HALF
    leading = np.where(near_one, BINS - number, number) + _BASE
    edge = (leading.astype(np.int32) << _DROPPED_BITS).view(np.float32).astype(np.float64)
    edge[number == 0] = 0.0
    return np.where(near_one, 1 - edge, edge)


def binned(fine: NDArray[np.int32], coarse: NDArray[np.int32]) -> Ranking:
    """A ranking from counts per bin.

    Args:
        fine: (2, m'), images of the rest and of the class.
        coarse: (2, m, g), the same on a coarser grid for every group, for intervals.
    """
    there = np.flatnonzero(fine.sum(axis=0))[::-1]
    negative, positive = fine[:, there].astype(np.float64)
    tp, fp = np.cumsum(positive), np.cumsum(negative)
    used = np.flatnonzero(coarse.sum(axis=(0, 2)))[::-1]
    # Running sums before the product, not of it: whole numbers, so the same, and an eighth as many.
    drawn_fp, drawn_tp = np.cumsum(coarse[:, used], axis=1, dtype=np.float64)

    def resampled(times: Floats) -> tuple[Floats, Floats]:
        return drawn_tp @ times, drawn_fp @ times

    area_error = precision_error = 0.0
    if tp[-1:].any() and fp[-1:].any():
        # Ties count one half; in truth each pair within a bin is in order or not. (Sums: for a
        # product of vectors as long as these the linear algebra library would start its threads.)
        area_error = float((positive * negative).sum() / (2 * tp[-1] * fp[-1]))
        # All positives of a bin before its negatives, or all after them.
        before_tp, before_fp = tp - positive, fp - negative
        best = np.divide(tp, tp + before_fp, out=np.zeros_like(tp), where=tp + before_fp > 0)
        worst = np.divide(
            before_tp, before_tp + fp, out=np.zeros_like(tp), where=before_tp + fp > 0
        )
        precision_error = float((positive * (best - np.minimum(worst, best))).sum() / tp[-1])
    return Ranking(
        thresholds=lowest_score(there),
        tp=tp,
        fp=fp,
        groups=coarse.shape[2],
        block=metrics.RESAMPLES,  # A matrix product with each class: threads start for it just twice.
        resampled=resampled,
        area_error=area_error,
        precision_error=precision_error,
    )


def bucket(groups: Ints) -> NDArray[np.int32]:
    """Bucket 0 to BUCKETS - 1 of each group number, as if drawn (the finalizer of MurmurHash3)."""
    h = groups.astype(np.uint32)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return (h & np.uint32(BUCKETS - 1)).astype(np.int32)


def answers(
    y_prob: list[NDArray[np.float32]],
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The most probable class (n,), the first of equals, and its probability."""
    best, y_pred = y_prob[0].copy(), np.zeros(len(y_prob[0]), dtype=np.int16)
    for c, column in enumerate(y_prob[1:], start=1):
        # A later class is a higher number: the highest of those that were better is the answer.
        better = (column > best).astype(np.int16)
        better *= c
        np.maximum(y_pred, better, out=y_pred)
        np.maximum(best, column, out=best)
    return y_pred.astype(np.int32), best


@dataclass
class _Kept:
    """Rows of a small table: truth, answers, probabilities and groups, batch by batch."""

    y_true: list[NDArray[np.int32]] = field(default_factory=list)
    y_pred: list[NDArray[np.int32]] = field(default_factory=list)
    y_prob: list[NDArray[np.float32]] = field(default_factory=list)
    groups: list[Ints] = field(default_factory=list)
    seen: list[NDArray[np.bool_]] = field(default_factory=list)


class _Counts:
    """Counts of one split that grow batch by batch."""

    def __init__(self, k: int, exact: bool) -> None:
        self.k = k
        self.unlabelled = self.seen = 0
        self.seen_known = False
        self.surest = Surest(k)
        self.kept = _Kept() if exact else None
        if not exact:
            self.matrices = np.zeros(BUCKETS * k * k, dtype=np.int64)
            self.unseen = np.zeros(BUCKETS * k * k, dtype=np.int64)
            self.fine = np.zeros((k, 2 * _POSITIVE), dtype=np.int32)
            self.coarse = np.zeros((k, 2 * _COARSE * BUCKETS), dtype=np.int32)

    def add(self, batch: Batch, split: int, groups: Ints) -> None:
        """Count the rows of `batch` whose split has the number `split`."""
        here = batch.split == split
        labelled = here & (batch.y_true >= 0)
        rows = np.flatnonzero(labelled)
        self.unlabelled += int(np.count_nonzero(here)) - len(rows)
        # `take` is a third faster than brackets.
        y_true, groups = batch.y_true.take(rows), groups.take(rows)
        y_prob = [column.take(rows) for column in batch.y_prob]
        seen = np.zeros(len(rows), dtype=bool) if batch.seen is None else batch.seen.take(rows)
        self.seen_known |= batch.seen is not None
        self.seen += int(np.count_nonzero(seen))
        y_pred, best = answers(y_prob)
        cell = y_true * np.int32(self.k) + y_pred
        self.surest.add(batch, rows, cell, best)
        if self.kept is not None:
            self.kept.y_true.append(y_true)
            self.kept.y_pred.append(y_pred)
            self.kept.y_prob.append(np.stack(y_prob))
            self.kept.groups.append(groups)
            self.kept.seen.append(seen)
            return
        drawn = bucket(groups)
        k2 = self.k * self.k
        place = drawn * np.int32(k2) + cell
        self.matrices += np.bincount(place, minlength=BUCKETS * k2)
        if batch.seen is not None:
            self.unseen += np.bincount(place[~seen], minlength=BUCKETS * k2)
        # add.at is as fast as bincount, which makes and adds an array of all bins for each batch; it
        # is fastest with indices as wide as addresses.
        for c, column in enumerate(y_prob):
            number = bins(column.astype(np.float32, copy=False))
            number += np.int32(_POSITIVE) * (y_true == c)
            np.add.at(self.fine[c], number.astype(np.intp), np.int32(1))
            number >>= _COARSE_BITS
            number *= BUCKETS
            number += drawn
            np.add.at(self.coarse[c], number.astype(np.intp), np.int32(1))

    def merge(self, other: _Counts) -> None:
        """Take in the counts of other rows."""
        self.unlabelled += other.unlabelled
        self.seen += other.seen
        self.seen_known |= other.seen_known
        self.surest.merge(other.surest)
        if self.kept is not None and other.kept is not None:
            self.kept.y_true += other.kept.y_true
            self.kept.y_pred += other.kept.y_pred
            self.kept.y_prob += other.kept.y_prob
            self.kept.groups += other.kept.groups
            self.kept.seen += other.kept.seen
        else:
            self.matrices += other.matrices
            self.unseen += other.unseen
            self.fine += other.fine
            self.coarse += other.coarse

    def tally(self, split: str, classes: list[str]) -> Tally:
        per_group, unseen, rankings = self._counted()
        apart = [part[part.any(axis=(1, 2))] for part in (unseen, per_group - unseen)]
        new, seen = apart if self.seen_known else (None, None)
        return Tally(
            split,
            classes,
            per_group,
            new,
            seen,
            self.unlabelled,
            self.seen if self.seen_known else None,
            rankings,
            self.surest.by_cell(),
        )

    def _counted(self) -> tuple[Ints, Ints, list[Ranking]]:
        k = self.k
        if self.kept is None:
            every = self.matrices.reshape(BUCKETS, k, k), self.unseen.reshape(BUCKETS, k, k)
            return *every, [
                binned(
                    self.fine[c].reshape(2, _POSITIVE), self.coarse[c].reshape(2, _COARSE, BUCKETS)
                )
                for c in range(k)
            ]
        empty = np.zeros(0, dtype=np.int64)
        y_true = np.concatenate([empty, *self.kept.y_true])
        y_pred = np.concatenate([empty, *self.kept.y_pred])
        y_prob = np.concatenate([np.zeros((k, 0), dtype=np.float32), *self.kept.y_prob], axis=1)
        names, group = np.unique(np.concatenate([empty, *self.kept.groups]), return_inverse=True)
        new = ~np.concatenate([np.zeros(0, dtype=bool), *self.kept.seen])
        every = (
            metrics.group_matrices(y_true, y_pred, k, group, len(names)),
            metrics.group_matrices(y_true[new], y_pred[new], k, group[new], len(names)),
        )
        return *every, [ranking.by_score(y_true == c, y_prob[c], group) for c in range(k)]
