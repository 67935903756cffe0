"""Ways in which a run folder can be broken, and what its fault must say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from brainmri import runs


def change_run(folder: Path, **changed: Any) -> None:
    """Other values in run.json."""
    path = folder / runs.RUN_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))


def change_table(folder: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Another predictions table."""
    path = folder / runs.PREDICTIONS_FILE
    pq.write_table(change(pq.read_table(path)), path)


def replace_column(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, name, pa.array(values, table.schema.field(name).type))


def _filled(name: str, first: Any) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        return replace_column(table, name, [first, *table[name].to_pylist()[1:]])

    return change


def _cut(folder: Path) -> None:
    path = folder / runs.PREDICTIONS_FILE
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


BREAKAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "run.json of another schema version": (
        lambda folder: change_run(folder, schema=2),
        "is of schema version 2, this software reads version 1",
    ),
    "run.json that is no JSON": (
        lambda folder: (folder / runs.RUN_FILE).write_text("{"),
        "is damaged",
    ),
    "run.json cut to nothing": (
        lambda folder: (folder / runs.RUN_FILE).write_text(""),
        "is damaged",
    ),
    "run.json of another shape": (
        lambda folder: (folder / runs.RUN_FILE).write_text("[]"),
        "is of schema version None",
    ),
    "run.json without its classes": (
        lambda folder: change_run(folder, classes=None),
        "has no usable value for classes",
    ),
    "run.json absent": (
        lambda folder: (folder / runs.RUN_FILE).unlink(),
        "has no run.json",
    ),
    "predictions absent": (
        lambda folder: (folder / runs.PREDICTIONS_FILE).unlink(),
        "has no predictions yet",
    ),
    "predictions cut off in the middle": (_cut, "is damaged or cut off"),
    "predictions of 0 bytes": (
        lambda folder: (folder / runs.PREDICTIONS_FILE).write_bytes(b""),
        "is damaged or cut off",
    ),
    "predictions with a NaN": (
        lambda folder: change_table(folder, _filled("prob_glioma", float("nan"))),
        "not a number in row 1",
    ),
    "predictions with a missing value": (
        lambda folder: change_table(folder, _filled("prob_glioma", None)),
        "not a number in row 1",
    ),
    "predictions that do not sum to 1": (
        lambda folder: change_table(folder, _filled("prob_glioma", 0.55)),
        "do not sum to 1 in row 1",
    ),
    "predictions of an unknown class": (
        lambda folder: change_table(folder, _filled("label", "abscess")),
        'has the label "abscess", which is none of its classes',
    ),
    "predictions without a column": (
        lambda folder: change_table(folder, lambda table: table.drop_columns(["prob_notumor"])),
        "lacks the column prob_notumor",
    ),
    "predictions without rows": (
        lambda folder: change_table(folder, lambda table: table.slice(0, 0)),
        "has no rows",
    ),
    "predictions of another model file": (
        lambda folder: change_run(folder, model_sha256="00" * 32),
        "were made by another model file",
    ),
}
"""What is wrong to (how to make it so in a run folder, a part of the sentence that names it)."""
