"""The predictions table in memory: written whole or not at all, read and checked by `batches`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from brainmri.batches import (
    PREFIX,
    SCHEMA_VERSION,
    Batch,
    Columns,
    Faults,
    Table,
    described,
    open_table,
    reading,
)
from brainmri.files import write_atomically


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
        ood_score: Mahalanobis distance to the nearest class of the training images, in the model's
            embedding (`embedding.TrainingEmbeddings`); float32 (n,), None where it was not measured.
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

    def where(self, rows: NDArray[np.bool_]) -> Predictions:
        """Some of the rows; `rows` is (n,)."""
        return replace(
            self,
            paths=self.paths[rows],
            splits=self.splits[rows],
            y_true=self.y_true[rows],
            y_prob=self.y_prob[rows],
            seen=None if self.seen is None else self.seen[rows],
            ood_score=None if self.ood_score is None else self.ood_score[rows],
        )

    def as_table(self) -> Table:
        """The same rows as a table of one batch, not checked again."""
        import pandas as pd

        split, names = pd.factorize(self.splits)
        batch = Batch(
            first_row=0,
            paths=self.paths,
            split=split.astype(np.int32),
            split_names=[str(name) for name in names],
            y_true=self.y_true.astype(np.int32),
            y_prob=list(self.y_prob.T),
            seen=self.seen,
            ood_score=self.ood_score,
        )
        return Table(
            name="The table in memory",
            rows=len(self.y_true),
            classes=self.classes,
            negative_class=self.negative_class,
            model_sha256=self.model_sha256,
            run=self.run,
            pieces=[lambda: iter([batch])],
            faults=Faults(),
        )


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
    """Read a predictions table into memory: one Parquet file, or a folder of part files.

    Args:
        path: the file or folder.
        classes: the classes the table must have, in this order; taken from it when not given.

    Raises:
        InputError: missing, cut off, or breaking a rule of the schema; the message names the rule.
    """
    return _together(open_table(path, classes=classes))


def from_table(table: pa.Table, name: str, *, classes: list[str] | None = None) -> Predictions:
    """Check a table against the schema; a table of another tool needs `label` and `prob_<class>`.

    Raises:
        InputError: the first rule it breaks, in one sentence that starts with `name`.
    """
    opened = described([table.schema], name, table.num_rows, classes)
    columns = Columns(opened.classes, opened.faults, details=True)
    opened.pieces.append(lambda: columns.batches(table.to_batches()))
    return _together(opened)


def _together(table: Table) -> Predictions:
    """All batches of a table as one."""
    with reading(table.name):
        batches = [batch for piece in table.pieces for batch in piece()]
        table.finish()

        def joined(values: list[Any], absent: Any) -> NDArray[Any] | None:
            """A column that some batches may lack; None when all do."""
            if all(value is None for value in values):
                return None
            return np.concatenate(
                [
                    np.full(len(batch.y_true), absent) if value is None else value
                    for batch, value in zip(batches, values, strict=True)
                ]
            )

        paths = [None if b.paths is None else strings(b.paths) for b in batches]
        none = np.full(table.rows, "", dtype=object)
        named = joined(paths, np.array("", dtype=object))
        return Predictions(
            paths=none if named is None else named,
            splits=np.concatenate(
                [np.array(b.split_names, dtype=object)[b.split] for b in batches]
            ),
            y_true=np.concatenate([b.y_true for b in batches]).astype(np.int64),
            y_prob=np.concatenate([np.stack(b.y_prob, axis=1) for b in batches]),
            classes=table.classes,
            seen=joined([b.seen for b in batches], False),
            negative_class=table.negative_class,
            model_sha256=table.model_sha256,
            run=table.run,
            ood_score=joined([b.ood_score for b in batches], np.float32(np.nan)),
        )


def strings(values: pa.Array | NDArray[np.object_]) -> NDArray[np.object_]:
    """Stored texts as Python's own; an empty one for a gap."""
    if isinstance(values, np.ndarray):
        return values
    return np.array([value or "" for value in values.to_pylist()], dtype=object)
