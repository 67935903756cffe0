"""What needs every row of a predictions table in memory: comparison and slices.

Only for runs whose `RunView.in_memory` holds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brainmri import beside, comparison, index, parts, results, slices, trust
from brainmri.beside import Cell, Setting, Side
from brainmri.comparison import Change, Comparison, Pairs
from brainmri.errors import InputError
from brainmri.metrics import Ints
from brainmri.trust import AtOperatingPoint
from dashboard.data import runs
from dashboard.data.dataset import usable_index
from dashboard.data.files import cached
from dashboard.data.runs import RunView, Scored

if TYPE_CHECKING:
    import pandas as pd


def compare(view: RunView, other: RunView, split: str) -> Comparison:
    """A run (B) beside another (A) on the images of a split that both answered.

    Raises:
        InputError: they cannot be compared.
    """
    large = [one.name for one in (view, other) if not one.in_memory]
    if large:
        most = f"{runs.MOST_IN_MEMORY:,} images"
        raise InputError(f"Runs are compared up to {most}. Larger: {' and '.join(large)}.")
    if view.negative_class != other.negative_class:
        raise InputError(
            f"“No tumour” is {view.negative_class} in {view.name} and {other.negative_class} in "
            f"{other.name}: what one run misses the other does not look for; compare other runs."
        )
    return _compared(view, other, split)


@cached(64)
def compare_cells(view: RunView, other: RunView, split: str) -> list[list[Cell]]:
    """Confusion matrix of a run minus that of another, on the images that both answered.

    Raises:
        InputError: they cannot be compared.
    """
    pairs, groups = _pairs(view, other, split)
    return beside.shown(beside.cells(pairs, groups))


@cached(64)
def compare_sides(view: RunView, other: RunView, split: str) -> tuple[Side, Side]:
    """Calibration and tumour curves of the other run (A) and of a run (B) on the same images.

    Raises:
        InputError: they cannot be compared.
    """
    pairs, groups = _pairs(view, other, split)
    return beside.sides(
        pairs, groups, temperature_a=other.temperature, temperature_b=view.temperature
    )


def compare_settings(a: RunView, b: RunView) -> list[Setting]:
    """Every setting of two runs, those that differ first; none for a table of another tool."""
    return [] if a.run is None or b.run is None else beside.settings(a.run, b.run)


def changed_images(
    view: RunView, changes: list[Change], most: int, *, start: int = 0
) -> list[tuple[Change, Scored]]:
    """Images that a run (B of a comparison) answered differently, the surest first, from place `start`."""
    at = np.array([change.row_b for change in changes], dtype=np.int64)
    order = _surest_first(view, at.tobytes())[start : start + most]
    return [
        # The class as the comparison knows it: this table need not have labels of its own.
        (changes[i], replace(one, label=view.classes[changes[i].truth]))
        for i, one in zip(order.tolist(), scored(view, at[order]), strict=True)
    ]


@cached(64)
def sliceable(view: RunView, split: str) -> tuple[NDArray[np.int64], dict[str, pd.Series[str]]]:
    """Row numbers of a split's labelled images that the index knows, and their properties."""
    import pandas as pd

    table, known = view.predictions, usable_index()
    if known is None:
        return np.empty(0, dtype=np.int64), {}
    position = pd.Index(known.rows["path"]).get_indexer(pd.Index(table.paths.tolist()))
    here = np.flatnonzero((table.splits == split) & (table.y_true >= 0) & (position >= 0))
    rows = known.rows.drop(columns=index.identifiers(known)).iloc[position[here]]
    found = slices.properties(rows.reset_index(drop=True))
    if table.seen is not None:
        seen = np.where(table.seen[here], parts.SEEN, parts.UNSEEN)
        found["seen"] = pd.Series(seen, dtype=str)
    return here, found


@cached(64)
def unsliced(view: RunView, split: str) -> tuple[list[str], list[str]]:
    """Columns of the index that are no property: those that name single images, and those of one value."""
    here, found = sliceable(view, split)
    known = usable_index()
    if known is None:
        return [], []
    left = [name for name in known.rows.columns if name not in found and name not in slices.KEYS]
    table = known.rows.set_index("path", drop=False).loc[
        view.predictions.paths[here].tolist(), left
    ]
    alike = [name for name in left if table[name].astype("string").fillna("").nunique() <= 1]
    return [name for name in left if name not in alike], alike


@cached(64)
def clusters(view: RunView) -> NDArray[np.int64]:
    """Near-duplicate cluster of each row (n,)."""
    return results.groups(view.predictions, usable_index())


@cached(64)
def at_operating_point(view: RunView, split: str) -> AtOperatingPoint | None:
    """What a run misses of a split by the rule of its verdicts; None where it stores no such rule."""
    return trust.at_operating_point(
        view.predictions,
        None if view.run is None else trust.stored(view.run),
        split=split,
        negative=view.negative_class,
        groups=clusters(view),
    )


def scored(view: RunView, at: NDArray[np.int64]) -> list[Scored]:
    """The images of these row numbers, with probabilities as the live predictor would tell them."""
    table = view.predictions
    y_prob = view.calibrated(table.y_prob[at])
    return [
        Scored(
            path=str(table.paths[row]),
            label=table.classes[table.y_true[row]] if table.y_true[row] >= 0 else "",
            answer=table.classes[int(np.argmax(table.y_prob[row]))],
            probabilities=dict(zip(table.classes, each.tolist(), strict=True)),
            seen=None if table.seen is None else bool(table.seen[row]),
        )
        for row, each in zip(at.tolist(), y_prob, strict=True)
    ]


@cached(64)
def _compared(view: RunView, other: RunView, split: str) -> Comparison:
    pairs, groups = _pairs(view, other, split)
    return comparison.shown(
        comparison.compare(pairs, split=split, groups=groups, run_a=other.name, run_b=view.name)
    )


@cached(8)
def _pairs(view: RunView, other: RunView, split: str) -> tuple[Pairs, Ints]:
    """The images of a split that a run (B) and another (A) answered, and their clusters."""
    a, b = other.predictions, view.predictions
    pairs = comparison.join(a, b, split=split, negative=other.negative_class)
    return pairs, clusters(other)[pairs.rows_a]


@cached(8)
def _surest_first(view: RunView, rows: bytes) -> NDArray[np.int64]:
    """Order of rows (int64, as bytes, so that a list is sorted once), the surest answers first."""
    y_prob = view.calibrated(view.predictions.y_prob[np.frombuffer(rows, dtype=np.int64)])
    return np.argsort(-y_prob.max(axis=1), kind="stable")
