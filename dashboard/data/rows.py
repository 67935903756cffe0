"""What needs every row of a predictions table in memory: calibration, comparison and slices.

Only for runs whose `RunView.in_memory` holds.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainmri import beside, comparison, index, results, slices, trust
from brainmri.beside import Cell, Setting, Side
from brainmri.comparison import Change, Comparison, Pairs
from brainmri.metrics import Ints
from brainmri.predictions import Predictions
from brainmri.slices import Slice
from brainmri.trust import CalibrationReport
from dashboard.data.dataset import usable_index
from dashboard.data.files import cached
from dashboard.data.runs import RunView, Scored


@cached(64)
def calibration(view: RunView, split: str) -> CalibrationReport:
    """How far a run's answers on a split can be trusted."""
    table, negative = view.predictions, view.negative_class
    fitted = trust.fit(table, negative=negative) if view.run is None else trust.stored(view.run)
    return trust.calibration_report(
        table, fitted, split=split, negative=negative, groups=_groups(table)
    )


@cached(64)
def compare(view: RunView, other: RunView, split: str) -> Comparison:
    """A run (B) beside another (A) on the images of a split that both answered.

    Raises:
        InputError: they cannot be compared.
    """
    pairs, groups = _pairs(view, other, split)
    return comparison.compare(pairs, split=split, groups=groups, run_a=other.name, run_b=view.name)


@cached(64)
def compare_cells(view: RunView, other: RunView, split: str) -> list[list[Cell]]:
    """Confusion matrix of a run minus that of another, on the images that both answered.

    Raises:
        InputError: they cannot be compared.
    """
    pairs, groups = _pairs(view, other, split)
    return beside.cells(pairs, groups)


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


def changed_images(view: RunView, changes: list[Change], limit: int) -> list[tuple[Change, Scored]]:
    """The surest `limit` of the images that a run (B of a comparison) answered differently."""
    rows = np.array([change.row_b for change in changes], dtype=np.int64)
    order, scored = _surest(view, rows, limit)
    return [
        # The class as the comparison knows it: this table need not have labels of its own.
        (changes[i], replace(one, label=view.classes[changes[i].truth]))
        for i, one in zip(order.tolist(), scored, strict=True)
    ]


def slice_choices(view: RunView, split: str) -> tuple[list[str], list[str]]:
    """Names of the properties that a run's images can be sliced by, and of the metrics to rank by."""
    _, properties = _sliceable(view, split)
    negative = view.classes.index(view.negative_class)
    return list(properties), list(slices.metrics_of(view.classes, negative))


@cached(256)
def weak_spots(view: RunView, split: str, by: str, metric: str) -> list[Slice]:
    """A metric of a run for each value of a property, worst first; none for an unknown name."""
    table = view.predictions
    here, properties = _sliceable(view, split)
    figures = slices.metrics_of(table.classes, table.classes.index(view.negative_class))
    if by not in properties or metric not in figures:
        return []
    return slices.slices(
        properties[by],
        figures[metric],
        y_true=table.y_true[here],
        y_pred=table.y_pred[here],
        groups=_groups(table)[here],
    )


def slice_mistakes(
    view: RunView, split: str, by: str, value: str, limit: int
) -> tuple[int, list[Scored]]:
    """How many images with that value of a property got a wrong answer, and the surest of them."""
    table = view.predictions
    here, _ = _sliceable(view, split)
    # Every metric has the same slices; this one needs no bootstrap.
    found = [one for one in weak_spots(view, split, by, "accuracy") if one.value == value]
    if not found:
        return 0, []
    rows = here[found[0].rows]
    wrong = rows[table.y_pred[rows] != table.y_true[rows]]
    return len(wrong), _surest(view, wrong, limit)[1]


@cached(64)
def _sliceable(view: RunView, split: str) -> tuple[NDArray[np.int64], dict[str, pd.Series[str]]]:
    """Row numbers of a split's labelled images that the index knows, and their properties."""
    table, known = view.predictions, usable_index()
    if known is None:
        return np.empty(0, dtype=np.int64), {}
    position = pd.Index(known.rows["path"]).get_indexer(pd.Index(table.paths.tolist()))
    here = np.flatnonzero((table.splits == split) & (table.y_true >= 0) & (position >= 0))
    rows = known.rows.drop(columns=index.identifiers(known)).iloc[position[here]]
    found = slices.properties(rows.reset_index(drop=True))
    if table.seen is not None:
        seen = np.where(table.seen[here], "near-copy in training", "unseen")
        found["seen"] = pd.Series(seen, dtype=str)
    return here, found


@cached(8)
def _pairs(view: RunView, other: RunView, split: str) -> tuple[Pairs, Ints]:
    """The images of a split that a run (B) and another (A) answered, and their clusters."""
    a, b = other.predictions, view.predictions
    pairs = comparison.join(a, b, split=split, negative=other.negative_class)
    return pairs, _groups(a)[pairs.rows_a]


def _groups(table: Predictions) -> NDArray[np.int64]:
    """Near-duplicate cluster of each row in memory."""
    return results.groups(table, usable_index())


def _surest(
    view: RunView, rows: NDArray[np.int64], limit: int
) -> tuple[NDArray[np.int64], list[Scored]]:
    """Places in `rows` of the surest `limit` answers, the surest first, and those images."""
    table = view.predictions
    y_prob = view.calibrated(table.y_prob[rows])
    order = np.argsort(-y_prob.max(axis=1), kind="stable")[:limit]
    return order, [
        Scored(
            path=str(table.paths[row]),
            label=table.classes[table.y_true[row]],
            answer=table.classes[int(np.argmax(table.y_prob[row]))],
            probabilities=dict(zip(table.classes, each.tolist(), strict=True)),
            seen=None if table.seen is None else bool(table.seen[row]),
        )
        for row, each in zip(rows[order].tolist(), y_prob[order], strict=True)
    ]
