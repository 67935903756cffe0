"""Predictions of another tool, Parquet or CSV, made into the table of a run.

Read, checked (`foreign_rows`) and written in batches, so that memory does not grow with the file.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from brainmri.batches import SCHEMA_VERSION
from brainmri.classes import negative_class
from brainmri.errors import InputError
from brainmri.files import not_written
from brainmri.foreign_rows import Rows
from brainmri.index import ImageIndex

_BATCH_ROWS = 1 << 16
_NOT_UTF8 = "not UTF-8 text; save the table as UTF-8 (or UTF-16)."
_MOST_COLUMNS, _MOST_GROUP_BYTES = 10_000, 500_000_000


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
        looked_up: rows without a label of their own that have the one of the index.
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
    looked_up: int
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
    rows = Rows(known)
    writer: pq.ParquetWriter | None = None
    try:
        for columns in _columns(source, rows):
            table = pa.table(columns)
            if writer is None:
                table = table.replace_schema_metadata(_metadata(rows.classes))
                writer = pq.ParquetWriter(
                    to, table.schema, compression="zstd", write_page_checksum=True
                )
            writer.write_table(table.cast(writer.schema))
    except OSError as error:
        raise not_written(to, error) from error
    finally:
        if writer is not None:
            writer.close()
    rows.finish()
    return Checked(
        rows=rows.per_split.total(),
        classes=rows.classes,
        negative=_negative(rows.classes, known),
        per_split=dict(rows.per_split),
        left_out=rows.counts["left_out"],
        labels_from_index=not rows.has_label,
        relabelled=rows.counts["relabelled"],
        looked_up=rows.counts["looked_up"],
        rescaled=rows.counts["rescaled"],
        without_index=rows.counts["without_index"],
    )


def with_negative(table: Path, negative: str, to: Path) -> None:
    """Copy a table that `convert` wrote and say in it which class means "no tumour"."""
    with pq.ParquetFile(table) as opened:
        schema = opened.schema_arrow
        about = {**(schema.metadata or {}), b"brainmri.negative_class": negative.encode()}
        schema = schema.with_metadata(about)
        with pq.ParquetWriter(to, schema, compression="zstd", write_page_checksum=True) as writer:
            for batch in opened.iter_batches(_BATCH_ROWS):
                writer.write_batch(batch.replace_schema_metadata(about))


def _columns(source: Path, rows: Rows) -> Iterator[dict[str, pa.Array]]:
    """The columns of the table to be written, a batch at a time."""
    with _reading(), _opened(source) as (names, batches):
        rows.begin(names)
        for batch in batches:
            if batch.num_rows:
                columns = rows.check(batch)
                if len(columns["path"]):
                    yield columns


def _negative(classes: list[str], known: ImageIndex | None) -> str | None:
    """The class that means "no tumour": that of the index, or the one whose name says so."""
    if known is not None and known.negative_class in classes:
        return known.negative_class
    try:
        return negative_class(classes)
    except InputError:
        return None


def _metadata(classes: list[str]) -> dict[str, str]:
    return {
        "brainmri.predictions_schema": str(SCHEMA_VERSION),
        "brainmri.classes": "\n".join(classes),
    }


@contextlib.contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except pa.ArrowMemoryError:
        raise MemoryError from None
    except (pa.ArrowException, UnicodeError) as error:
        what = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        # The parser counts the line of the names as a row.
        what = re.sub(r"Row #(\d+)", lambda found: f"row {int(found[1]) - 1}", what)
        raise InputError(
            f"The file cannot be read as a table ({what}); export it again as CSV or Parquet."
        ) from None


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[tuple[list[str], Iterator[pa.RecordBatch]]]:
    """Names of the columns, and the rows in batches."""
    with source.open("rb") as file:
        start = file.read(1 << 16)
    if start.startswith(b"PAR1"):
        with pq.ParquetFile(source) as parquet:
            _refuse_large(parquet.metadata)
            names = list(parquet.schema_arrow.names)
            yield names, parquet.iter_batches(_BATCH_ROWS, use_threads=False)
        return
    encoding = "utf-16" if start.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    text = codecs.getincrementaldecoder(encoding)("replace").decode(start)
    if "\0" in text:
        raise InputError("The file is neither Parquet nor CSV; export the table as one of them.")
    first = (text.splitlines() or [""])[0]
    if "\ufffd" in first:
        raise InputError(f"The names of the columns are {_NOT_UTF8}")
    delimiter = max((",", ";", "\t"), key=first.count)
    names = next(csv.reader([first], delimiter=delimiter), [])
    try:
        with pacsv.open_csv(
            source,
            read_options=pacsv.ReadOptions(
                block_size=1 << 22,
                use_threads=False,
                encoding="utf-16" if encoding == "utf-16" else "utf-8",
            ),
            parse_options=pacsv.ParseOptions(delimiter=delimiter),
            convert_options=pacsv.ConvertOptions(
                column_types={name: pa.string() for name in names}, strings_can_be_null=True
            ),
        ) as rows:
            yield list(rows.schema.names), iter(rows)
    except pa.ArrowInvalid as error:
        found = re.match(r"In CSV column #(\d+): Row #(\d+): .*invalid UTF8", str(error))
        if found is None or int(found[1]) >= len(names):
            raise
        column, row = int(found[1]), int(found[2]) - 1  # The line of the names counts as a row.
        raise InputError(f'Row {row:,}, column "{names[column]}" is {_NOT_UTF8}') from None


def _refuse_large(about: pq.FileMetaData) -> None:
    """Refuse what unpacks to more than is read at a time; what the file does not admit meets other limits."""
    if about.num_columns > _MOST_COLUMNS:
        raise InputError(
            f"The table has {about.num_columns:,} columns; at most {_MOST_COLUMNS:,} are read: keep only "
            "those that are needed."
        )
    largest = max(
        (about.row_group(i).total_byte_size for i in range(about.num_row_groups)), default=0
    )
    if largest > _MOST_GROUP_BYTES:
        raise InputError(
            f"A row group of the table unpacks to {largest / 1e6:,.0f} MB, and at most "
            f"{_MOST_GROUP_BYTES / 1e6:,.0f} MB are read at a time; keep only the columns that are needed, "
            "and write smaller row groups."
        )
