"""Counts of every slice and above every threshold of a split, from one pass over a large table.

So choosing some of ten million images costs as little as choosing some of a thousand: their confusion
matrices are there already. Clusters are hashed into buckets as in `tally`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from brainmri.batches import Batch, Table, reading
from brainmri.index import ImageIndex, identifiers
from brainmri.metrics import Ints
from brainmri.slices import properties
from brainmri.tally import BUCKETS, GroupsOf, answers, bucket

THRESHOLDS: NDArray[np.float32] = np.unique(
    np.concatenate(
        [[0.0, 1e-4, 1e-3, 5e-3], np.arange(1, 100) / 100, [0.995, 0.999, 0.9999]]
    ).astype(np.float32)
)
"""Probabilities, rising, from which images are counted; steps of a hundredth, finer near 0 and 1."""
_MOST_CLASSES = 8
"""The counts above thresholds grow with the cube of the number of classes; above it there are none."""
_WORKERS = 4
SEEN, UNSEEN = "near-copy in training", "unseen"


@dataclass(frozen=True)
class Properties:
    """What images can be sliced by.

    Attributes:
        values: by property, the words for its values.
        codes_of: of a batch, the number of the value of each row (n,) by property; -1 where it is not
            known.
    """

    values: dict[str, list[str]]
    codes_of: Callable[[Batch], dict[str, Ints]]


@dataclass(frozen=True)
class Parts:
    """Confusion matrices by bucket of clusters, int64 (BUCKETS, k, k), of parts of a split.

    Attributes:
        slices: by property and value.
        above: per class int64 (len(THRESHOLDS), BUCKETS, k, k): the images that were given at least
            that probability of it; None for too many classes.
    """

    slices: dict[str, dict[str, Ints]]
    above: list[Ints] | None


def known_properties(known: ImageIndex | None) -> Properties:
    """Those of all images of the index, as `slices.properties` tells them, and "seen"."""
    import pandas as pd

    if known is None:
        return Properties({}, lambda _: {})
    rows = known.rows.drop(columns=identifiers(known)).reset_index(drop=True)
    paths = pa.array(known.rows["path"].tolist(), pa.string())
    values, codes = {}, {}
    for name, words in properties(rows).items():
        numbers, found = pd.factorize(words)
        values[name] = [str(value) for value in found]
        # One more at the end, for an image that is not in the index.
        codes[name] = np.append(numbers, -1).astype(np.int64)

    def of(batch: Batch) -> dict[str, Ints]:
        nowhere = np.full(len(batch.y_true), -1, dtype=np.int64)
        place = nowhere
        if batch.paths is not None:
            looked_up = pc.index_in(pa.array(batch.paths, pa.string()), value_set=paths)
            place = looked_up.fill_null(-1).to_numpy(zero_copy_only=False)
        seen = nowhere if batch.seen is None else np.where(batch.seen, 0, 1).astype(np.int64)
        return {**{name: each[place] for name, each in codes.items()}, "seen": seen}

    return Properties({**values, "seen": [SEEN, UNSEEN]}, of)


def count(table: Table, groups_of: GroupsOf, known: Properties, *, split: str) -> Parts:
    """Read a table once and count the parts of a split.

    Raises:
        InputError: the table is damaged, or a row breaks a rule of the schema.
    """
    k = len(table.classes)
    k2 = k * k
    with_thresholds = k <= _MOST_CLASSES

    def counted(share: int) -> tuple[dict[str, Ints], list[Ints]]:
        by_slice = {
            name: np.zeros((len(values) + 1) * BUCKETS * k2, dtype=np.int64)
            for name, values in known.values.items()
        }
        size = (len(THRESHOLDS) + 1) * BUCKETS * k2
        by_score = [np.zeros(size, dtype=np.int64) for _ in range(k if with_thresholds else 0)]
        for piece in table.pieces[share::workers]:
            for batch in piece():
                if table.faults or split not in batch.split_names:
                    continue
                here = batch.split == batch.split_names.index(split)
                rows = np.flatnonzero(here & (batch.y_true >= 0))
                y_prob = [column[rows] for column in batch.y_prob]
                place = bucket(groups_of(batch)[rows]) * np.int64(k2)
                place += batch.y_true[rows] * k + answers(y_prob)[0]
                for name, codes in known.codes_of(batch).items():
                    code = codes[rows] + 1
                    code *= BUCKETS * k2
                    code += place
                    by_slice[name] += np.bincount(code, minlength=len(by_slice[name]))
                for c in range(len(by_score)):
                    level = np.searchsorted(THRESHOLDS, y_prob[c], side="right")
                    level *= BUCKETS * k2
                    level += place
                    by_score[c] += np.bincount(level, minlength=size)
        return by_slice, by_score

    workers = max(1, min(_WORKERS, os.cpu_count() or 1, len(table.pieces)))
    with reading(table.name), ThreadPoolExecutor(workers) as pool:
        shares = list(pool.map(counted, range(workers)))
        table.finish()
    slices: dict[str, dict[str, Ints]] = {}
    for name, values in known.values.items():
        total = np.asarray(sum(share[0][name] for share in shares))
        every = total.reshape(len(values) + 1, BUCKETS, k, k)[1:]
        present = {value: part for value, part in zip(values, every, strict=True) if part.any()}
        if len(present) > 1:
            slices[name] = present
    above = []
    for c in range(k if with_thresholds else 0):
        levels = np.asarray(sum(share[1][c] for share in shares))
        levels = levels.reshape(len(THRESHOLDS) + 1, BUCKETS, k, k)[1:]
        # From the highest threshold down: all that lies above it.
        above.append(np.cumsum(levels[::-1], axis=0)[::-1])
    return Parts(slices, above or None)


def threshold_at(least: float) -> int:
    """Number of the highest of the `THRESHOLDS` that is at most `least`."""
    return max(int(np.searchsorted(THRESHOLDS, np.float32(least), side="right")) - 1, 0)
