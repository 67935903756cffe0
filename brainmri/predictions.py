"""The predictions table: its schema, checks, atomic write and read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
from numpy.typing import NDArray

from brainmri.errors import InputError
from brainmri.files import write_atomically

SCHEMA_VERSION = 1
SUM_TOLERANCE = 1e-4
PREFIX = "prob_"


@dataclass(frozen=True)
class Predictions:
    """What one model said about a list of images.

    Attributes:
        paths: relative to the data folder; empty strings where the table names none.
        splits: "val" or "test" per row.
        y_true: class number per row, -1 where the label is not known; int64 (n,).
        y_prob: float32 (n, k), columns in the order of `classes`; what the model itself says, before
            the temperature in run.json.
        seen: a near-duplicate was in the run's training rows; bool (n,), or None when not recorded.
        classes: class names.
        negative_class: the class that means "no tumour"; None where the table does not say.
        model_sha256: of the ONNX file that made them; empty for a table of another tool.
        run: name of the run that made them; empty for a table of another tool.
    """

    paths: NDArray[np.object_]
    splits: NDArray[np.object_]
    y_true: NDArray[np.int64]
    y_prob: NDArray[np.float32]
    classes: list[str]
    seen: NDArray[np.bool_] | None = None
    negative_class: str | None = None
    model_sha256: str = ""
    run: str = ""
    ood_score: NDArray[np.float32] | None = field(default=None, repr=False)

    @property
    def y_pred(self) -> NDArray[np.int64]:
        """Most probable class per row; int64 (n,)."""
        return np.argmax(self.y_prob, axis=1).astype(np.int64)


def write(path: Path, predictions: Predictions) -> None:
    """Write a predictions table whole or not at all, with page checksums.

    Raises:
        InputError: the table breaks a rule of the schema.
        OutputError: it could not be written.
    """
    names = np.array([*predictions.classes, None], dtype=object)
    columns: dict[str, pa.Array] = {
        "path": pa.array(predictions.paths.tolist(), pa.string()),
        "split": pa.array(predictions.splits.tolist(), pa.string()),
        "label": pa.array(names[predictions.y_true].tolist(), pa.string()),
    }
    for k, name in enumerate(predictions.classes):
        columns[PREFIX + name] = pa.array(predictions.y_prob[:, k], pa.float32())
    columns["seen"] = (
        pa.nulls(len(predictions.paths), pa.bool_())
        if predictions.seen is None
        else pa.array(predictions.seen)
    )
    columns["ood_score"] = (
        pa.nulls(len(predictions.paths), pa.float32())
        if predictions.ood_score is None
        else pa.array(predictions.ood_score, pa.float32())
    )
    metadata = {
        "brainmri.predictions_schema": str(SCHEMA_VERSION),
        "brainmri.run": predictions.run,
        "brainmri.classes": "\n".join(predictions.classes),
        "brainmri.model_sha256": predictions.model_sha256,
    }
    if predictions.negative_class is not None:
        metadata["brainmri.negative_class"] = predictions.negative_class
    table = pa.table(columns).replace_schema_metadata(metadata)
    from_table(table, "The table to be written")
    write_atomically(
        path, lambda to: pq.write_table(table, to, compression="zstd", write_page_checksum=True)
    )


def read(path: Path, *, classes: list[str] | None = None) -> Predictions:
    """Read a predictions table: one Parquet file, or a folder of part files.

    Args:
        path: the file or folder.
        classes: the classes the table must have, in this order; taken from it when not given.

    Raises:
        InputError: missing, cut off, or breaking a rule of the schema; the message names the rule.
    """
    if not path.exists():
        raise InputError(
            f"There are no predictions {path}; run `python -m brainmri predict` first."
        )
    try:
        table = _read_parts(path) if path.is_dir() else _read_file(path)
        return from_table(table, str(path), classes=classes)
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        raise InputError(
            f"{path} is cut off or damaged ({_first_line(error)}); write the predictions again."
        ) from None


def from_table(table: pa.Table, name: str, *, classes: list[str] | None = None) -> Predictions:
    """Check a table against the schema; a table of another tool needs `label` and `prob_<class>`.

    Raises:
        InputError: the first rule it breaks, in one sentence that starts with `name`.
    """
    about = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    version = about.get("brainmri.predictions_schema", str(SCHEMA_VERSION))
    if version != str(SCHEMA_VERSION):
        raise InputError(
            f"{name} was written by another version of brainmri (schema {version}, expected "
            f"{SCHEMA_VERSION}); write the predictions again."
        )
    present = [c.removeprefix(PREFIX) for c in table.column_names if c.startswith(PREFIX)]
    wanted = classes or (
        about["brainmri.classes"].split("\n") if "brainmri.classes" in about else present
    )
    missing = [c for c in ["label", *(PREFIX + k for k in wanted)] if c not in table.column_names]
    if missing or len(wanted) < 2:
        lacking = ", ".join(missing) or "at least two prob_<class> columns"
        raise InputError(f"{name} lacks the column {lacking}; a predictions table has label and one "
                         "prob_<class> per class.")  # fmt: skip
    if table.num_rows == 0:
        raise InputError(f"{name} has no rows; score some images first.")
    y_prob = _probabilities(table, wanted, name)
    label = _labels(table, name)
    strange = sorted(set(label.dropna()) - set(wanted))
    if strange:
        raise InputError(
            f'{name} has the label "{strange[0]}", which is none of its classes '
            f"({', '.join(wanted)})."
        )
    codes = pd.Categorical(label, categories=wanted).codes.astype(np.int64)
    n = table.num_rows
    return Predictions(
        paths=_strings(table, "path", n, ""),
        splits=_strings(table, "split", n, "test"),
        y_true=codes,
        y_prob=y_prob,
        classes=wanted,
        seen=_optional(table, "seen", False),
        negative_class=about.get("brainmri.negative_class"),
        model_sha256=about.get("brainmri.model_sha256", ""),
        run=about.get("brainmri.run", ""),
        ood_score=_optional(table, "ood_score", np.nan),
    )


def _labels(table: pa.Table, name: str) -> pd.Series[str]:
    try:
        # Whole numbers too: a tool that numbers its classes has prob_0, prob_1, ...
        return table["label"].cast(pa.string()).to_pandas().astype(object)
    except pa.ArrowException:
        raise InputError(f"{name} has the column label of type {table['label'].type}; labels are "
                         "text.") from None  # fmt: skip


def _probabilities(table: pa.Table, classes: list[str], name: str) -> NDArray[np.float32]:
    y_prob = np.empty((table.num_rows, len(classes)), dtype=np.float32)
    for k, class_name in enumerate(classes):
        column = table[PREFIX + class_name]
        if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
            raise InputError(f"{name} has the column {PREFIX}{class_name} of type {column.type}; "
                             "probabilities are numbers.")  # fmt: skip
        y_prob[:, k] = column.to_numpy(zero_copy_only=False)
    bad = np.asarray(~np.isfinite(y_prob).all(axis=1))
    if bad.any():
        raise InputError(f"{name} has a probability that is missing or not a number in row "
                         f"{_row(bad)}; {bad.sum():,} rows are affected.")  # fmt: skip
    outside = np.asarray(((y_prob < 0) | (y_prob > 1)).any(axis=1))
    if outside.any():
        raise InputError(f"{name} has a probability outside 0 to 1 in row {_row(outside)}; "
                         f"{outside.sum():,} rows are affected.")  # fmt: skip
    sums = y_prob.sum(axis=1, dtype=np.float64)
    off = np.abs(sums - 1) > SUM_TOLERANCE
    if off.any():
        raise InputError(f"{name} has probabilities that do not sum to 1 in row {_row(off)} (they sum "
                         f"to {sums[off][0]:.4g}); {off.sum():,} rows are affected.")  # fmt: skip
    return y_prob


def _row(mask: NDArray[np.bool_]) -> str:
    return f"{int(np.argmax(mask)) + 1:,}"


def _strings(table: pa.Table, column: str, n: int, absent: str) -> NDArray[np.object_]:
    if column not in table.column_names:
        return np.full(n, absent, dtype=object)
    values = table[column].to_pandas().astype(object)
    return values.where(values.notna(), absent).to_numpy()


def _optional(table: pa.Table, column: str, absent: bool | float) -> NDArray[Any] | None:
    if column not in table.column_names or table[column].null_count == table.num_rows:
        return None
    return table[column].fill_null(absent).to_numpy(zero_copy_only=False)


def _read_file(path: Path) -> pa.Table:
    return pq.read_table(path, page_checksum_verification=True)


def _read_parts(folder: Path) -> pa.Table:
    parts = sorted(folder.glob("*.parquet"))
    if not parts:
        raise InputError(f"{folder} holds no Parquet part files; write the predictions again.")
    tables = [_read_file(part) for part in parts]
    about = tables[0].schema.metadata
    return pa.concat_tables(tables, promote_options="permissive").replace_schema_metadata(about)


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
