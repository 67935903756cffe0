"""The surest images of each cell of the confusion matrix, kept while a table is counted.

So a click on a cell shows images without a look at the table, however many it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
        kinds: list[tuple[Any, ...]] = [
            ("cell", np.int32), ("best", np.float32), ("row", np.int64), ("path", object),
            ("y_prob", np.float32, (k,)), ("seen", np.int8),
        ]  # fmt: skip
        self.kept = np.zeros(0, dtype=kinds)
        """By cell, the surest first; `seen` is -1 where that is not recorded."""
        self.least = np.full(k * k, -1, dtype=np.float32)
        """A row of the cell has to be above this to be kept."""

    def add(
        self, batch: Batch, rows: Ints, cell: NDArray[np.int32], best: NDArray[np.float32]
    ) -> None:
        """`rows` (n,) of the batch, with their cell and the probability of their answer."""
        # Few rows at first: they tell which of the many that follow need to be looked at.
        start, stop = 0, len(rows) if len(self.kept) else 32 * MOST
        while start < len(rows):
            new = start + np.flatnonzero(best[start:stop] > self.least.take(cell[start:stop]))
            if len(new):
                found = np.empty(len(new), dtype=self.kept.dtype)
                found["cell"], found["best"] = cell[new], best[new]
                _describe(batch, rows[new], found)
                self._keep(found)
            start, stop = stop, 4 * stop

    def merge(self, other: Surest) -> None:
        self._keep(other.kept)

    def by_cell(self) -> dict[tuple[int, int], list[Sure]]:
        """Per (truth, answer) its images, the surest first."""
        found: dict[tuple[int, int], list[Sure]] = {}
        for cell, _, row, path, y_prob, seen in self.kept.tolist():
            image = Sure(row, path, tuple(y_prob.tolist()), None if seen < 0 else bool(seen))
            found.setdefault(divmod(cell, self.k), []).append(image)
        return found

    def _keep(self, new: NDArray[np.void]) -> None:
        """Choose among the rows that are kept and new ones."""
        every = np.concatenate([self.kept, new])
        every = every[np.lexsort((every["row"], -every["best"], every["cell"]))]
        cell = every["cell"]
        first = np.searchsorted(cell, cell, side="left")
        place = np.arange(len(cell)) - first
        last = place == MOST - 1  # Of a cell that is full.
        self.least[cell[last]] = every["best"][last]
        self.kept = every[place < MOST]


def _describe(batch: Batch, rows: Ints, found: NDArray[np.void]) -> None:
    """Fill in what is known of these rows (m,) of a batch besides their cell."""
    found["row"] = batch.first_row + rows
    found["seen"] = -1 if batch.seen is None else batch.seen[rows]
    for c, column in enumerate(batch.y_prob):
        found["y_prob"][:, c] = column[rows]
    if batch.paths is None:
        found["path"] = ""
    elif isinstance(batch.paths, np.ndarray):
        found["path"] = batch.paths[rows]
    else:  # A buffer of row numbers: `pyarrow.array` would import pandas.
        where = pa.Array.from_buffers(pa.int64(), len(rows), [None, pa.py_buffer(rows)])
        found["path"] = [path or "" for path in batch.paths.take(where).to_pylist()]
