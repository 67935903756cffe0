"""The surest images of each cell of the confusion matrix, kept while a table is counted.

So a click on a cell shows images without a look at the table, however many it has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from brainmri.batches import Batch
from brainmri.metrics import Ints

MOST = 24
"""Images of each cell of the matrix whose names are kept."""


@dataclass(frozen=True)
class Sure:
    """One image of a cell of the matrix: the row, its probabilities, its path."""

    row: int
    path: str
    y_prob: tuple[float, ...]
    seen: bool | None


class Surest:
    """The rows of each cell with the most probable answer; the earlier of equals."""

    def __init__(self, k: int) -> None:
        self.k = k
        self.row = np.zeros(0, dtype=np.int64)
        self.cell = np.zeros(0, dtype=np.int64)
        self.best = np.zeros(0, dtype=np.float32)
        self.images: list[Sure] = []
        self.least = np.full(k * k, -1, dtype=np.float32)
        """A row of the cell has to be above this to be kept."""

    def add(self, batch: Batch, rows: Ints, cell: Ints, best: NDArray[np.float32]) -> None:
        """`rows` (n,) of the batch, with their cell and the probability of their answer."""
        # Few rows at first: they tell which of the many that follow need to be looked at.
        start, stop = 0, len(rows) if len(self.images) else 32 * MOST
        while start < len(rows):
            new = start + np.flatnonzero(best[start:stop] > self.least[cell[start:stop]])
            if len(new):
                self._keep(
                    np.append(self.row, batch.first_row + rows[new]),
                    np.append(self.cell, cell[new]),
                    np.append(self.best, best[new]),
                    partial(_described, batch, rows[new]),
                )
            start, stop = stop, 4 * stop

    def merge(self, other: Surest) -> None:
        self._keep(
            np.append(self.row, other.row),
            np.append(self.cell, other.cell),
            np.append(self.best, other.best),
            lambda chosen: [other.images[i] for i in chosen],
        )

    def by_cell(self) -> dict[tuple[int, int], list[Sure]]:
        """Per (truth, answer) its images, the surest first."""
        found: dict[tuple[int, int], list[Sure]] = {}
        for cell, image in zip(self.cell.tolist(), self.images, strict=True):
            found.setdefault(divmod(cell, self.k), []).append(image)
        return found

    def _keep(
        self,
        row: Ints,
        cell: Ints,
        best: NDArray[np.float32],
        described: Callable[[Ints], list[Sure]],
    ) -> None:
        """Choose among the old rows and, behind them, new ones that `described` gives details of."""
        order = np.lexsort((row, -best, cell))
        ranked = cell[order]
        first = np.searchsorted(ranked, ranked, side="left")
        chosen = order[np.arange(len(order)) - first < MOST]
        old = len(self.images)
        new = chosen[chosen >= old] - old
        details = iter(described(new))
        self.images = [self.images[i] if i < old else next(details) for i in chosen]
        self.row, self.cell, self.best = row[chosen], cell[chosen], best[chosen]
        ends = np.flatnonzero(np.diff(self.cell, append=-1))
        full = ends[np.bincount(self.cell, minlength=self.k**2)[self.cell[ends]] == MOST]
        self.least[self.cell[full]] = self.best[full]


def _described(batch: Batch, some: Ints, chosen: Ints) -> list[Sure]:
    """Details of the `chosen` ones among `some` rows of a batch."""
    rows = some[chosen]
    y_prob = np.stack([column[rows] for column in batch.y_prob], axis=1).tolist()
    paths = [""] * len(rows)
    if isinstance(batch.paths, np.ndarray):
        paths = batch.paths[rows].tolist()
    elif batch.paths is not None:
        paths = [path or "" for path in batch.paths.take(pa.array(rows)).to_pylist()]
    return [
        Sure(
            batch.first_row + row,
            path,
            tuple(each),
            None if batch.seen is None else bool(batch.seen[row]),
        )
        for row, path, each in zip(rows.tolist(), paths, y_prob, strict=True)
    ]
