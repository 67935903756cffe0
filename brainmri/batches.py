"""A predictions table read in batches, each checked, so that its size does not matter.

One Parquet file, a folder of part files or a table in memory; `predictions` puts the batches
together, `tally` counts them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from brainmri.errors import InputError
from brainmri.files import not_read
from brainmri.wording import counted

SCHEMA_VERSION = 1
SUM_TOLERANCE = 1e-4
PREFIX = "prob_"
BATCH_ROWS = 1 << 18
"""Rows that are worked on at a time: each batch costs about a millisecond, whatever its size, and memory
that is asked for anew grows with it."""
SPLITS = ("test", "val")
"""Splits that a model is judged by, in the order in which they are shown."""
UNJUDGED = ("train", "guard")
"""Other splits that rows may name: no figure counts them."""
_PIECE_ROWS = 1 << 20
_COMPARED_PATHS = 1 << 20
"""Rows up to which the paths of a table are kept until its end, to find an image that it names twice."""


@dataclass(frozen=True)
class Batch:
    """Neighbouring rows of a table, checked.

    Attributes:
        first_row: number in the table of the first row.
        paths: as they are stored, or None where the table names none or they were not asked for.
        split: number in `split_names` per row, int32 (n,): half the memory to go through.
        y_true: class number per row, -1 where the label is not known; int32 (n,).
        y_prob: float32 (n,) of each of the k classes.
        seen: bool (n,); None when not recorded.
        ood_score: float32 (n,); None when not recorded or not asked for.
    """

    first_row: int
    paths: pa.Array | NDArray[np.object_] | None
    split: NDArray[np.int32]
    split_names: list[str]
    y_true: NDArray[np.int32]
    y_prob: list[NDArray[np.float32]]
    seen: NDArray[np.bool_] | None
    ood_score: NDArray[np.float32] | None


@dataclass(frozen=True)
class Table:
    """A predictions table whose columns are known and whose rows are still to be read.

    Attributes:
        name: for messages.
        rows: number of rows.
        classes, negative_class, model_sha256, run: as in `Predictions`.
        pieces: each reads some neighbouring rows; pieces may be read at the same time. All of them,
            and then `finish`, must be called for the table to count as checked.
        faults: what the pieces that were read break.
    """

    name: str
    rows: int
    classes: list[str]
    negative_class: str | None
    model_sha256: str
    run: str
    pieces: list[Callable[[], Iterator[Batch]]]
    faults: Faults

    def finish(self) -> None:
        """Refuse the table when a row of the batches that were read breaks a rule.

        Raises:
            InputError: the first rule that is broken, and in which row.
        """
        self.faults.refuse(self.name)


def open_table(path: Path, *, classes: list[str] | None = None, details: bool = True) -> Table:
    """A predictions table to be read in batches: one Parquet file, or a folder of part files.

    Args:
        path: the file or folder.
        classes: the classes the table must have, in this order; taken from it when not given.
        details: read the out-of-distribution scores too, which no metric needs.

    Raises:
        InputError: missing, cut off, or without the columns of the schema.
    """
    if not path.exists():
        raise InputError(
            f"There are no predictions {path}; run `python -m brainmri predict` first."
        )
    with reading(str(path)):
        parts = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        if not parts:
            raise InputError(f"{path} holds no Parquet part files; write the predictions again.")
        metadata = [pq.read_metadata(part) for part in parts]
        schemas = [about.schema.to_arrow_schema() for about in metadata]
        opened = described(schemas, str(path), sum(about.num_rows for about in metadata), classes)
        columns = Columns(opened.classes, opened.faults, details=details)
        chosen: list[tuple[Path, pq.FileMetaData, int, int]] = []
        at = 0
        for part, about in zip(parts, metadata, strict=True):
            for group in range(about.num_row_groups):
                # Small row groups and part files are read together.
                if chosen and at - chosen[0][-1] >= _PIECE_ROWS:
                    opened.pieces.append(partial(_read_piece, chosen, columns))
                    chosen = []
                chosen.append((part, about, group, at))
                at += about.row_group(group).num_rows
        opened.pieces.append(partial(_read_piece, chosen, columns))
        return opened


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Say in one sentence that a file is damaged when reading it fails.

    Raises:
        InputError: reading failed.
    """
    try:
        yield
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        raise not_read(name, error, "write the predictions again") from None


def described(schemas: list[pa.Schema], name: str, rows: int, classes: list[str] | None) -> Table:
    """A table without pieces yet, when its columns are those of the schema."""
    about = {key.decode(): value.decode() for key, value in (schemas[0].metadata or {}).items()}
    version = about.get("brainmri.predictions_schema", str(SCHEMA_VERSION))
    if version != str(SCHEMA_VERSION):
        raise InputError(
            f"{name} was written by another version of brainmri (schema {version}, expected "
            f"{SCHEMA_VERSION}); write the predictions again."
        )
    present = [c.removeprefix(PREFIX) for c in schemas[0].names if c.startswith(PREFIX)]
    wanted = classes or (
        about["brainmri.classes"].split("\n") if "brainmri.classes" in about else present
    )
    for schema in schemas:
        missing = [c for c in ["label", *(PREFIX + k for k in wanted)] if c not in schema.names]
        if missing:
            columns = "column" if len(missing) == 1 else "columns"
            raise InputError(f"{name} lacks the {columns} {', '.join(missing)}; a predictions table has "
                             "label and one prob_<class> per class.")  # fmt: skip
        if len(wanted) < 2:
            found = f"only the column {PREFIX}{wanted[0]}" if wanted else "no column prob_<class>"
            raise InputError(f"{name} has {found}; a predictions table has label and at least two "
                             "prob_<class> columns.")  # fmt: skip
        for column in (PREFIX + k for k in wanted):
            kind = schema.field(column).type
            if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
                raise InputError(f"{name} has the column {column} of type {kind}; probabilities are "
                                 "numbers.")  # fmt: skip
        if pa.types.is_nested(schema.field("label").type):
            raise InputError(f"{name} has the column label of type {schema.field('label').type}; "
                             "labels are text.")  # fmt: skip
    if rows == 0:
        raise InputError(f"{name} has no rows; score some images first.")
    return Table(
        name=name,
        rows=rows,
        classes=wanted,
        negative_class=about.get("brainmri.negative_class"),
        model_sha256=about.get("brainmri.model_sha256", ""),
        run=about.get("brainmri.run", ""),
        pieces=[],
        faults=Faults(compare_paths=rows <= _COMPARED_PATHS),
    )


def _read_piece(
    chosen: list[tuple[Path, pq.FileMetaData, int, int]], columns: Columns
) -> Iterator[Batch]:
    """The batches of some row groups (part, its metadata, number, first row)."""
    for part, about, group, first_row in chosen:
        schema = about.schema.to_arrow_schema()
        texts = [c for c in ("label", "split") if c in schema.names and _is_text(schema, c)]
        with pq.ParquetFile(
            part, metadata=about, read_dictionary=texts, page_checksum_verification=True
        ) as opened:
            wanted = [c for c in columns.names if c in schema.names]
            rows = opened.iter_batches(
                BATCH_ROWS, row_groups=[group], columns=wanted, use_threads=False
            )
            yield from columns.batches(rows, first_row)


def _is_text(schema: pa.Schema, column: str) -> bool:
    kind = schema.field(column).type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


class Faults:
    """Broken rules and the rows that break them, collected over batches and threads."""

    _RULES = ("number", "range", "sum", "label", "split")

    def __init__(self, *, compare_paths: bool = False) -> None:
        self._found: dict[str, tuple[int, int, str]] = {}  # rule: first row, rows, what is there
        self._lock = threading.Lock()
        self._paths: dict[int, pa.Array] | None = {} if compare_paths else None

    def named(self, paths: pa.Array, first_row: int) -> None:
        """The paths of a batch that begins at `first_row`; the same batch may come again."""
        with self._lock:
            if self._paths is not None:
                self._paths[first_row] = paths

    def add(self, rule: str, rows: NDArray[np.bool_], first_row: int, what: str = "") -> None:
        """`rows` (n,) of a batch that begins at `first_row` break a rule."""
        first, count = first_row + int(np.argmax(rows)), int(rows.sum())
        with self._lock:
            old_first, old_count, old_what = self._found.get(rule, (first, 0, what))
            if old_first < first:
                first, what = old_first, old_what
            self._found[rule] = (first, old_count + count, what)

    def __bool__(self) -> bool:
        return bool(self._found)

    def refuse(self, name: str) -> None:
        """Raises InputError when a rule was broken."""
        for rule in self._RULES:
            if rule not in self._found:
                continue
            first, count, what = self._found[rule]
            row = f"row {first + 1:,}"
            affected = f"{counted(count, 'row is', 'rows are')} affected."
            raise InputError(
                f"{name} has "
                + {
                    "number": f"a probability that is missing or not a number in {row}; {affected}",
                    "range": f"a probability outside 0 to 1 in {row}; {affected}",
                    "sum": f"probabilities that do not sum to 1 in {row} (they sum to {what}); "
                    + affected,
                    "label": what,
                    "split": f'the split "{what}" in {row}; {affected} Use test or val '
                    f"({' and '.join(UNJUDGED)} are allowed, and no figure counts them).",
                }[rule]
            )
        with self._lock:
            kept, self._paths = self._paths, None
        if kept:
            refuse_copies(
                pa.chunked_array([column.cast(pa.string()) for column in kept.values()]), name
            )


def refuse_copies(paths: pa.ChunkedArray, name: str) -> None:
    """Refuse the table `name` where two of its rows name the same image.

    Raises:
        InputError: the image that is named most often.
    """
    counts = paths.filter(pc.not_equal(paths, "")).value_counts()
    times = counts.field("counts").to_numpy(zero_copy_only=False)
    if again := int((times > 1).sum()):
        most = int(times.argmax())
        path = counts.field("values")[most]
        others = f" ({again:,} images are named more than once)" if again > 1 else ""
        raise InputError(
            f"{name} has {times[most]:,} answers for {path}{others}; keep one per image."
        )


class Columns:
    """Turns record batches of one table into checked ones."""

    def __init__(self, classes: list[str], faults: Faults, *, details: bool) -> None:
        self.classes, self.faults = classes, faults
        self.names = ["path", "split", "label", *(PREFIX + c for c in classes), "seen"]
        self.names += ["ood_score"] if details else []

    def batches(self, rows: Iterable[pa.RecordBatch], first_row: int = 0) -> Iterator[Batch]:
        """Record batches that follow each other, checked."""
        for some in rows:
            yield self._batch(some, first_row)
            first_row += some.num_rows

    def _batch(self, rows: pa.RecordBatch, first_row: int) -> Batch:
        """One record batch, checked; what is wrong with it goes to the faults."""
        n, there = rows.num_rows, rows.schema.names

        def optional(column: str, absent: int | None) -> NDArray[Any] | None:
            if column not in there or rows[column].null_count == n:
                return None
            return _numbers(rows[column], absent)

        if "path" in there:
            self.faults.named(rows["path"], first_row)
        split, split_names = np.zeros(n, dtype=np.int32), ["test"]
        if "split" in there:
            split, split_names = _codes(rows["split"], "test")
            for number, name in enumerate(split_names):
                if name not in (*SPLITS, *UNJUDGED) and (here := split == number).any():
                    self.faults.add("split", here, first_row, name[:40])
        return Batch(
            first_row=first_row,
            paths=rows["path"] if "path" in there else None,
            split=split,
            split_names=split_names,
            y_true=self._labels(rows["label"], first_row),
            y_prob=self._probabilities(rows, first_row),
            seen=optional("seen", False),
            ood_score=optional("ood_score", None) if "ood_score" in self.names else None,
        )

    def _labels(self, column: pa.Array, first_row: int) -> NDArray[np.int32]:
        codes, names = _codes(column, None)
        known = {name: number for number, name in enumerate(self.classes)}
        # A number per name, and -1 at the end for "no label".
        number = np.array([known.get(name, -2) for name in names] + [-1], dtype=np.int32)
        y_true = number.take(codes)
        strange = y_true == -2
        if strange.any():
            label = min(names[code] for code in np.unique(codes[strange]))
            self.faults.add("label", strange, first_row,
                            f'the label "{label}", which is none of its classes '
                            f"({', '.join(self.classes)}).")  # fmt: skip
            y_true[strange] = -1
        return y_true

    def _probabilities(self, rows: pa.RecordBatch, first_row: int) -> list[NDArray[np.float32]]:
        y_prob = [_numbers(rows[PREFIX + c]).astype(np.float32, copy=False) for c in self.classes]
        # One look at the extremes clears all rows of every fault; nan is not at most anything. Each
        # class rounds the sums in float32 by 2**-24 at most (here twice that, to be sure), so only
        # where they come that close to the tolerance does it take float64.
        rough = y_prob[0] + y_prob[1]
        for column in y_prob[2:]:
            rough += column
        clear = SUM_TOLERANCE - len(y_prob) * 2.0**-23
        if all(column.min() >= 0 and column.max() <= 1 for column in y_prob) and (
            max(rough.max() - 1, 1 - rough.min()) <= clear
        ):
            return y_prob
        values = np.stack(y_prob)
        sums = values.sum(axis=0, dtype=np.float64)
        off = np.abs(sums - 1)
        for rule, rows_of in (
            ("number", ~np.isfinite(values).all(axis=0)),
            ("range", ((values < 0) | (values > 1)).any(axis=0)),
            ("sum", off > SUM_TOLERANCE),
        ):
            bad = np.asarray(rows_of)
            if bad.any():
                self.faults.add(rule, bad, first_row, f"{sums[np.argmax(bad)]:.4g}")
        return y_prob


def _codes(column: pa.Array, absent: str | None) -> tuple[NDArray[np.int32], list[str]]:
    """Number of each value (n,) in the list of values; a gap is `absent`, or -1 for None.

    Whole numbers become text too: a tool that numbers its classes has prob_0, prob_1, ...
    """
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    names = column.dictionary.cast(pa.string()).to_pylist()
    gaps = column.indices.null_count > 0
    codes: NDArray[np.int32] = _numbers(column.indices, -1).astype(np.int32, copy=False)
    if None in names:
        codes = np.where(codes == names.index(None), np.int32(-1), codes)
        names = ["" if name is None else name for name in names]
        gaps = True
    if absent is not None and gaps and (codes == -1).any():
        # The value that gaps stand for has one number, also where other rows name it.
        names = names if absent in names else [*names, absent]
        codes = np.where(codes == -1, np.int32(names.index(absent)), codes)
    return codes, names


def _numbers(column: pa.Array, absent: int | None = None) -> NDArray[Any]:
    """Numbers or truth values (n,), as they lie in memory where they can; a gap is `absent` or nan."""
    if column.null_count:
        filled = column if absent is None else column.fill_null(absent)
        return filled.to_numpy(zero_copy_only=False)
    # Not `to_numpy`, which imports pandas: a quarter of a second.
    if pa.types.is_boolean(column.type):
        return np.from_dlpack(column.cast(pa.uint8())).view(np.bool_)
    return np.from_dlpack(column)
