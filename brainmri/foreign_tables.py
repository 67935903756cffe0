"""Predictions of another tool, Parquet or CSV, made into the table of a run; row and column of what is wrong.

Read, checked and written in batches, so that memory does not grow with the file.
"""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from brainmri.batches import PREFIX, SCHEMA_VERSION, SUM_TOLERANCE
from brainmri.classes import negative_class
from brainmri.errors import InputError
from brainmri.files import not_written
from brainmri.index import ImageIndex
from brainmri.wording import counted

if TYPE_CHECKING:
    pass

ROUNDING = 0.02
"""How far from 1 the probabilities of a row may sum: as rounding to two digits leaves them."""
_PREFIXES = (PREFIX, "proba_", "probability_", "p_")
_BATCH_ROWS = 1 << 16
_MOST_CLASSES = 1_000
_KEPT = ("test", "val")
_SPLITS = {"test": "test", "testing": "test", "val": "val", "valid": "val", "validation": "val",
           "train": "train", "training": "train"}  # fmt: skip


@dataclass(frozen=True)
class Checked:
    """What a table holds, and what was made of it.

    Attributes:
        rows: that become predictions.
        classes: in the order of the columns.
        negative: the class that means "no tumour", where its name says so.
        per_split: rows per split that is shown.
        left_out: rows of training images, which no page shows.
        labels_from_index: the table has no labels; those of the image index are taken.
        relabelled: rows whose label differs from the index.
        rescaled: rows whose probabilities were rounded and were scaled to sum to 1.
        without_index: rows whose image the index does not know.
    """

    rows: int
    classes: list[str]
    negative: str | None
    per_split: dict[str, int]
    left_out: int
    labels_from_index: bool
    relabelled: int
    rescaled: int
    without_index: int


def convert(source: Path, to: Path, *, known: ImageIndex | None) -> Checked:
    """Check a table and write it as the predictions of a run.

    Args:
        source: Parquet, or CSV with commas, semicolons or tabs. Its columns: `path` or `label` or
            both, `split` if it likes, and one probability per class: `prob_<class>`, or the name of a
            class that the index knows.
        to: Parquet file to write.
        known: the image index; gives the labels and splits that the table lacks, by path.

    Raises:
        InputError: not such a table, or a row breaks a rule; the message names row and column.
        OutputError: the result could not be written.
    """
    stream = _Stream(source, known)
    writer: pq.ParquetWriter | None = None
    try:
        for columns in stream.batches():
            table = pa.table(columns)
            if writer is None:
                table = table.replace_schema_metadata(_metadata(stream.classes))
                writer = pq.ParquetWriter(
                    to, table.schema, compression="zstd", write_page_checksum=True
                )
            writer.write_table(table.cast(writer.schema))
    except OSError as error:
        raise not_written(to, error) from error
    finally:
        if writer is not None:
            writer.close()
    return stream.finish()


def with_negative(table: Path, negative: str, to: Path) -> None:
    """Copy a table that `convert` wrote and say in it which class means "no tumour"."""
    with pq.ParquetFile(table) as opened:
        schema = opened.schema_arrow
        about = {**(schema.metadata or {}), b"brainmri.negative_class": negative.encode()}
        schema = schema.with_metadata(about)
        with pq.ParquetWriter(to, schema, compression="zstd", write_page_checksum=True) as writer:
            for batch in opened.iter_batches(_BATCH_ROWS):
                writer.write_batch(batch.replace_schema_metadata(about))


def _metadata(classes: list[str]) -> dict[str, str]:
    return {
        "brainmri.predictions_schema": str(SCHEMA_VERSION),
        "brainmri.classes": "\n".join(classes),
    }


@dataclass
class _Stream:
    """A table on its way; the counts grow with every batch."""

    source: Path
    known: ImageIndex | None
    classes: list[str] = field(default_factory=list)
    _counts: dict[str, int] = field(default_factory=dict)
    _per_split: dict[str, int] = field(default_factory=dict)
    _hashes: list[NDArray[np.uint64]] = field(default_factory=list)
    _names: dict[str, str] = field(default_factory=dict)
    _has_label: bool = False

    def batches(self) -> Iterator[dict[str, pa.Array]]:
        """The columns of the table to be written, a batch at a time."""
        first_row, comma = 0, False
        with _reading(self.source), _opened(self.source) as (names, rows, decimal_comma):
            comma = decimal_comma
            self._find_columns(names)
            for batch in rows:
                if batch.num_rows:
                    columns = self._batch(batch, first_row, comma=comma)
                    first_row += batch.num_rows
                    if len(columns["path"]):
                        yield columns
        if not first_row:
            raise InputError("The table has no rows; score some images first.")
        if not self._per_split:
            raise InputError(
                "All rows of the table are of training images, which no page judges a model by; score "
                "test images."
            )

    def finish(self) -> Checked:
        """Look for images that are named twice, and say what was found."""
        if self._hashes:
            hashes = np.concatenate(self._hashes)
            order = np.argsort(hashes, kind="stable")
            twice = order[1:][hashes[order[1:]] == hashes[order[:-1]]]
            if len(twice):
                raise InputError(
                    f'Row {int(twice.min()) + 1:,}, column "{self._names["path"]}": this image was '
                    f"named in an earlier row; {counted(len(twice), 'row repeats', 'rows repeat')} "
                    "an image. Keep one row per image."
                )
        try:
            negative = negative_class(self.classes)
        except InputError:
            negative = None
        if self.known is not None and self.known.negative_class in self.classes:
            negative = self.known.negative_class
        return Checked(
            rows=sum(self._per_split.values()),
            classes=self.classes,
            negative=negative,
            per_split=dict(self._per_split),
            left_out=self._counts.get("left_out", 0),
            labels_from_index=not self._has_label,
            relabelled=self._counts.get("relabelled", 0),
            rescaled=self._counts.get("rescaled", 0),
            without_index=self._counts.get("without_index", 0),
        )

    def _find_columns(self, names: list[str]) -> None:
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f'The table has two columns "{twice}"; name each differently.')
        lower = {name.strip().lower(): name for name in names}
        for wanted, others in (
            ("path", ("path", "file", "filename", "image", "image_path")),
            ("label", ("label", "y_true", "true_label", "truth", "class")),
            ("split", ("split",)),
        ):
            found = next((lower[other] for other in others if other in lower), None)
            if found is not None:
                self._names[wanted] = found
        for prefix in _PREFIXES:
            columns = [name for name in names if name.strip().lower().startswith(prefix)]
            if len(columns) >= 2:
                self.classes = [name.strip()[len(prefix) :] for name in columns]
                break
        else:
            wanted_classes = [] if self.known is None else self.known.classes
            columns = [lower[c.lower()] for c in wanted_classes if c.lower() in lower]
            self.classes = [c for c in wanted_classes if c.lower() in lower]
        shown = ", ".join(names[:12])
        if len(self.classes) < 2:
            raise InputError(
                f"The table has the columns {shown}; it needs at least two with probabilities, named "
                "prob_ and then the class, such as prob_glioma and prob_notumor."
            )
        if len(self.classes) > _MOST_CLASSES:
            raise InputError(
                f"The table has {len(self.classes):,} classes; at most 1,000 are read."
            )
        self._names.update(
            {PREFIX + c: column for c, column in zip(self.classes, columns, strict=True)}
        )
        self._has_label = "label" in self._names
        if not self._has_label and "path" not in self._names:
            raise InputError(
                f"The table has the columns {shown}; it needs one called label (what each image is) "
                "or one called path (which image it is)."
            )
        if not self._has_label and self.known is None:
            raise InputError(
                "The table has no column label, and there is no image index to look the images up "
                "in; add the labels, or run `python -m brainmri index DATA` first."
            )

    def _batch(self, rows: pa.RecordBatch, first_row: int, *, comma: bool) -> dict[str, pa.Array]:
        import pandas as pd

        n = rows.num_rows
        y_prob = self._probabilities(rows, first_row, comma=comma)
        path = self._texts(rows, "path", first_row)
        label = self._texts(rows, "label", first_row)
        split = self._texts(rows, "split", first_row)
        place = np.full(n, -1)
        if path is not None:
            blank = np.array([value == "" for value in path])
            if blank.any():
                raise self._fault(
                    "path", int(np.argmax(blank)) + first_row, "is empty", int(blank.sum())
                )
            if self.known is not None:
                path, place = self._in_index(path)
                self._count("without_index", int((place < 0).sum()))
            self._hashes.append(pd.util.hash_array(path.astype(object), categorize=False))
        label = self._labels(label, path, place, first_row)
        split = self._splits(split, place, first_row)
        kept = np.isin(split, _KEPT)
        self._count("left_out", int((~kept).sum()))
        for name in _KEPT:
            here = int((split == name).sum())
            if here:
                self._per_split[name] = self._per_split.get(name, 0) + here
        paths = np.full(n, "", dtype=object) if path is None else path
        return {
            "path": pa.array(paths[kept].tolist(), pa.string()),
            "split": pa.array(split[kept].tolist(), pa.string()),
            "label": pa.array([value or None for value in label[kept]], pa.string()),
            **{
                PREFIX + name: pa.array(y_prob[kept, k], pa.float32())
                for k, name in enumerate(self.classes)
            },
        }

    def _probabilities(
        self, rows: pa.RecordBatch, first_row: int, *, comma: bool
    ) -> NDArray[np.float64]:
        y_prob = np.empty((rows.num_rows, len(self.classes)))
        for k, name in enumerate(self.classes):
            column = rows.column(self._names[PREFIX + name])
            y_prob[:, k] = self._numbers(column, PREFIX + name, first_row, comma=comma)
        outside = (y_prob < 0) | (y_prob > 1)
        if outside.any():
            row, k = (int(at[0]) for at in np.nonzero(outside))
            raise self._fault(
                PREFIX + self.classes[k],
                first_row + row,
                f"is {y_prob[row, k]:g}; probabilities lie between 0 and 1",
                int(outside.any(axis=1).sum()),
            )
        sums = y_prob.sum(axis=1)
        off = np.abs(sums - 1)
        if off.max() > ROUNDING:
            row = int(np.argmax(off > ROUNDING))
            raise InputError(
                f"Row {first_row + row + 1:,}, columns {self._names[PREFIX + self.classes[0]]} to "
                f"{self._names[PREFIX + self.classes[-1]]}: the probabilities sum to {sums[row]:.4g} "
                "and not to 1."
            )
        rounded = off > SUM_TOLERANCE / 2
        self._count("rescaled", int(rounded.sum()))
        return y_prob / sums[:, None]

    def _numbers(
        self, column: pa.Array, name: str, first_row: int, *, comma: bool
    ) -> NDArray[np.float64]:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            if comma:
                column = pc.replace_substring(column, ",", ".")
            column = pc.utf8_trim_whitespace(column)
            try:
                column = column.cast(pa.float64())
            except pa.ArrowException:
                for row, text in enumerate(column.to_pylist()):
                    try:
                        float(text or "nan")
                    except ValueError:
                        raise self._fault(
                            name, first_row + row, f'is "{text[:40]}", which is no number'
                        ) from None
                raise self._fault(name, first_row, "holds no numbers") from None
        elif not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
            raise InputError(
                f'The column "{self._names[name]}" is of type {column.type}; probabilities are '
                "numbers."
            )
        values = column.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
        bad = ~np.isfinite(values)
        if bad.any():
            raise self._fault(
                name, first_row + int(np.argmax(bad)), "is empty or not a number", int(bad.sum())
            )
        return values

    def _texts(self, rows: pa.RecordBatch, name: str, first_row: int) -> NDArray[Any] | None:
        if name not in self._names:
            return None
        column = rows.column(self._names[name])
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        try:
            column = column.cast(pa.string())
        except pa.ArrowException:
            raise self._fault(name, first_row, f"is of type {column.type} and not text") from None
        return np.array([(value or "").strip() for value in column.to_pylist()], dtype=object)

    def _in_index(self, path: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Paths as the index has them, and their row there; -1 for an image that it does not know.

        A tool writes the path as it saw it: with folders in front, or with backslashes.
        """
        assert self.known is not None
        if "places" not in self.__dict__:
            here = self.known.rows["path"].tolist()
            self.__dict__["places"] = {p: i for i, p in enumerate(here)}
            self.__dict__["depths"] = sorted({p.count("/") + 1 for p in here}, reverse=True)
        places: dict[str, int] = self.__dict__["places"]
        named, found = [], []
        for given in path:
            parts = given.replace("\\", "/").split("/")
            ends = ("/".join(parts[-depth:]) for depth in self.__dict__["depths"])
            match = next((end for end in ends if end in places), None)
            named.append(given if match is None else match)
            found.append(-1 if match is None else places[match])
        return np.array(named, dtype=object), np.array(found, dtype=np.int64)

    def _labels(
        self,
        label: NDArray[Any] | None,
        path: NDArray[Any] | None,
        place: NDArray[np.int64],
        first_row: int,
    ) -> NDArray[Any]:
        truth = np.full(len(place), "", dtype=object)
        if self.known is not None and len(self.known.rows):
            truth = np.where(place < 0, "", self.known.rows["label"].to_numpy(dtype=object)[place])
        if label is None:
            assert path is not None
            unknown = place < 0
            if unknown.any():
                row = int(np.argmax(unknown))
                raise self._fault(
                    "path",
                    first_row + row,
                    f'is "{path[row][:80]}", which is no image of the index, so its label is not '
                    "known; add a column label",
                    int(unknown.sum()),
                )
            label = truth
        else:
            self._count("relabelled", int(((truth != "") & (label != "") & (truth != label)).sum()))
        strange = ~np.isin(label, ["", *self.classes])
        if strange.any():
            row = int(np.argmax(strange))
            raise self._fault(
                "label" if self._has_label else "path",
                first_row + row,
                f'has the label "{label[row][:40]}", which is none of the classes '
                f"({', '.join(self.classes[:12])})",
                int(strange.sum()),
            )
        return label

    def _splits(
        self, split: NDArray[Any] | None, place: NDArray[np.int64], first_row: int
    ) -> NDArray[Any]:
        if split is None:
            if self.known is None:
                return np.full(len(place), "test", dtype=object)
            of = self.known.rows["split"].fillna("test").to_numpy(dtype=object)
            return np.where(place < 0, "test", of[place])
        named = np.array([_SPLITS.get(value.lower(), "") for value in split], dtype=object)
        strange = named == ""
        if strange.any():
            row = int(np.argmax(strange))
            raise self._fault(
                "split", first_row + row, f'is "{split[row][:40]}"; use train, val or test',
                int(strange.sum()),
            )  # fmt: skip
        return named

    def _fault(self, name: str, row: int, what: str, rows: int = 1) -> InputError:
        """What is wrong in a row (from 0) of one of our columns; `rows` of its batch have it."""
        more = f" ({counted(rows, 'row')} nearby)" if rows > 1 else ""
        return InputError(f'Row {row + 1:,}, column "{self._names[name]}" {what}{more}.')

    def _count(self, what: str, rows: int) -> None:
        self._counts[what] = self._counts.get(what, 0) + rows


@contextlib.contextmanager
def _reading(source: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError) as error:
        what = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(
            f"{source.suffix[1:].upper() or 'The table'}: the file cannot be read as a table ({what}); "
            "export it again as CSV or Parquet."
        ) from None


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[tuple[list[str], Iterator[pa.RecordBatch], bool]]:
    """Names of the columns, the rows in batches, and whether numbers are written with a comma."""
    with source.open("rb") as file:
        start = file.read(1 << 16)
    if start.startswith(b"PAR1"):
        with pq.ParquetFile(source) as parquet:
            names = list(parquet.schema_arrow.names)
            yield names, parquet.iter_batches(_BATCH_ROWS, use_threads=False), False
        return
    if b"\0" in start:
        raise InputError("The file is neither Parquet nor CSV; export the table as one of them.")
    first = start.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0]
    delimiter = max((",", ";", "\t"), key=lambda sign: first.count(sign.encode()))
    text = first.decode("utf-8", "replace")
    names = next(csv.reader([text], delimiter=delimiter), [])
    with pacsv.open_csv(
        source,
        read_options=pacsv.ReadOptions(block_size=1 << 22, use_threads=False),
        parse_options=pacsv.ParseOptions(delimiter=delimiter),
        convert_options=pacsv.ConvertOptions(
            column_types={name: pa.string() for name in names}, strings_can_be_null=True
        ),
    ) as rows:
        yield list(rows.schema.names), iter(rows), delimiter == ";"
