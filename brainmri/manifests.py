"""Confirmed corrections as numbered tables, `models/corrections/<n>.parquet`, and what they change.

A manifest is never changed once it is written: a run that was trained with number 3 says so for good.
What is undone or disputed later is missing from the next one.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from brainmri import wording
from brainmri.batches import Batch, Table
from brainmri.classes import counted_as
from brainmri.columns import column
from brainmri.corrections import CLASS, CONFIRMED, FOLDER, KEPT, Correction
from brainmri.errors import InputError
from brainmri.files import not_written, read_parquet, write_atomically
from brainmri.predictions import Predictions
from brainmri.runs import Run

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
_COLUMNS = ("path", "label", "verdict", "right_label", "reason", "corrected_by", "confirmed_by",
            "correction", "confirmation", "corrected", "confirmed")  # fmt: skip
_SCHEMA = pa.schema([(name, pa.string()) for name in _COLUMNS])


@dataclass(frozen=True)
class Manifest:
    """Corrections that two people agree on, one row per image.

    Attributes:
        number: of the manifest.
        rows: `path`, `label` (what the data set says), `verdict`, `right_label` (None: the image is
            bad or the readers are not sure, so it is used for nothing), who, why and when.
    """

    number: int
    rows: pd.DataFrame

    @cached_property
    def changes(self) -> dict[str, tuple[str, str | None]]:
        """By path: the label that the data set gives an image, and the right one."""
        indexed = self.rows[~self.rows["path"].str.startswith(KEPT)]
        return {
            path: (label, right)
            for path, label, right in indexed[["path", "label", "right_label"]].itertuples(
                index=False, name=None
            )
        }

    @property
    def kept(self) -> list[tuple[str, str]]:
        """(file name, right class) of kept uploads that may train."""
        rows = self.rows[self.rows["path"].str.startswith(KEPT) & self.rows["right_label"].notna()]
        return [
            (path.removeprefix(KEPT), right)
            for path, right in rows[["path", "right_label"]].itertuples(index=False, name=None)
        ]


@dataclass(frozen=True)
class Confirmed:
    """What two people agree on: rows of a manifest, and paths on which confirmed corrections differ."""

    rows: pd.DataFrame
    contradictions: list[str]


def confirmed(found: Sequence[Correction]) -> Confirmed:
    """The rows that a manifest of these corrections has; a label that was found right changes nothing."""
    import pandas as pd

    by_path: dict[str, list[Correction]] = {}
    for one in found:
        if one.state == CONFIRMED and one.record.path is not None:
            by_path.setdefault(one.record.path, []).append(one)
    rows, contradictions = [], []
    for path in sorted(by_path):
        ones = by_path[path]
        if len({one.says for one in ones}) > 1:
            contradictions.append(path)
            continue
        record, review = ones[-1].record, ones[-1].reviews[0]
        if record.verdict == CLASS and record.right_label == record.label:
            continue
        rows.append(
            (path, record.label, record.verdict, record.right_label, record.reason, record.who,
             review.who, record.id, review.id, record.made, review.made)
        )  # fmt: skip
    return Confirmed(pd.DataFrame(rows, columns=list(_COLUMNS), dtype=object), contradictions)


def write(models: Path, rows: pd.DataFrame) -> Manifest | None:
    """Write the next manifest; None when the last one says the same already.

    Raises:
        OutputError: it could not be written.
    """
    last = latest(models)
    if differences(last, rows) == (0, 0):
        return None
    folder = models / FOLDER
    table = pa.Table.from_pandas(rows, schema=_SCHEMA, preserve_index=False)
    table = table.replace_schema_metadata({"brainmri.corrections_schema": str(SCHEMA_VERSION)})
    staged = folder / f".{os.getpid()}-{threading.get_ident()}.new"
    write_atomically(staged, lambda to: pq.write_table(table, to, write_page_checksum=True))
    number = 1 if last is None else last.number + 1
    try:
        while True:
            try:
                (folder / f"{number}.parquet").hardlink_to(staged)
                break
            except FileExistsError:  # Somebody else was faster; no number is ever given twice.
                number += 1
    except OSError as error:
        raise not_written(folder / f"{number}.parquet", error) from error
    finally:
        staged.unlink(missing_ok=True)
    return read(models, number)


def differences(last: Manifest | None, rows: pd.DataFrame) -> tuple[int, int]:
    """How many rows the last manifest does not have, or not so, and how many of its images no row is of."""
    old = {} if last is None else _by_path(last.rows)
    new = _by_path(rows)
    return sum(old.get(path) != said for path, said in new.items()), len(old.keys() - new.keys())


def numbers(models: Path) -> list[int]:
    """Numbers of the manifests there are, in order."""
    folder = models / FOLDER
    return sorted(int(file.stem) for file in folder.glob("*.parquet") if file.stem.isdecimal())


def latest(models: Path) -> Manifest | None:
    """The last manifest, which says what the right labels are; None where there is none.

    Raises:
        InputError: it is damaged.
    """
    found = numbers(models)
    return read(models, found[-1]) if found else None


def read(models: Path, number: int) -> Manifest:
    """One manifest.

    Raises:
        InputError: there is none of this number, or it is damaged.
    """
    path = models / FOLDER / f"{number}.parquet"
    if not path.is_file():
        there = ", ".join(str(n) for n in numbers(models)) or "none"
        raise InputError(
            f"There are no corrections {number}; the numbers there are: {there}. Make the next with "
            "`python -m brainmri corrections`."
        )
    try:
        table = read_parquet(path)
        about = table.schema.metadata or {}
        version = about.get(b"brainmri.corrections_schema", b"none").decode()
        fault = None if version == str(SCHEMA_VERSION) else f"it is of schema version {version}"
        if not fault and table.column_names != list(_COLUMNS):
            fault = "its columns are others"
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        fault = str(error)
    if fault:
        raise InputError(f"{path} is damaged ({fault}); bring it back from a copy.")
    rows = table.to_pandas().astype(object)
    return Manifest(number, rows.where(rows.notna(), None))


def learned(models: Path, run: Run) -> Manifest | None:
    """The corrections that a run was trained with; None for one without.

    Raises:
        InputError: they are gone or damaged.
    """
    number = run.configuration.get("corrections")
    return None if number is None else read(models, int(number))


class Relabelling:
    """Puts the right labels into predictions tables, and counts the rows that it changed or left out.

    Only the reported label changes; what the model said stays. A row whose table gives the image
    another label than the corrected one is left alone: it is of other data, or right already. Where the
    classes are only tumour and no tumour, labels count as those.
    """

    def __init__(self, manifest: Manifest | None, classes: Sequence[str]) -> None:
        self._manifest = manifest
        known = {name: number for number, name in enumerate(classes)}
        usable = []
        for path, labels in (manifest.changes if manifest else {}).items():
            old, new = (
                -1 if label is None else known.get(counted_as(label, classes)) for label in labels
            )
            if old is not None and new is not None and old != new:
                usable.append((path, old, new))
        self._paths = column([path for path, _, _ in usable], pa.string())
        # One more at the end, for an image that is not among them.
        self._old = np.array([old for _, old, _ in usable] + [-2], dtype=np.int64)
        self._new = np.array([new for _, _, new in usable] + [-2], dtype=np.int64)
        self._lock = threading.Lock()
        self.changed: Counter[str] = Counter()
        """Rows with another label, by split."""
        self.left_out: Counter[str] = Counter()
        """Rows without a label from now on, by split: bad images, or nobody is sure."""

    @property
    def changes(self) -> dict[str, tuple[str, str | None]]:
        """As `Manifest.changes`; empty where there is no manifest."""
        return self._manifest.changes if self._manifest else {}

    def in_words(self, split: str, *, among: str) -> str:
        """What was changed of the rows of a split that were read, a sentence; empty for nothing."""
        number = self._manifest.number if self._manifest else 0
        return wording.by_readers(self.changed[split], self.left_out[split], number, among=among)

    def table(self, table: Table) -> Table:
        """The same table with right labels; each reading of a piece adds to `changed` and `left_out`."""
        if not len(self._paths):
            return table

        def corrected(piece: Callable[[], Iterator[Batch]]) -> Callable[[], Iterator[Batch]]:
            return lambda: (self._batch(batch) for batch in piece())

        return replace(table, pieces=[corrected(piece) for piece in table.pieces])

    def rows(self, table: Predictions) -> Predictions:
        """The same for a table in memory."""
        if not len(self._paths):
            return table
        y_true, hit = self._labels(pa.array(table.paths.tolist(), pa.string()), table.y_true)
        self._count(table.splits[hit].tolist(), y_true[hit])
        return replace(table, y_true=y_true)

    def _batch(self, batch: Batch) -> Batch:
        if batch.paths is None:
            return batch
        y_true, hit = self._labels(pa.array(batch.paths, pa.string()), batch.y_true)
        self._count([batch.split_names[number] for number in batch.split[hit]], y_true[hit])
        return replace(batch, y_true=y_true.astype(np.int32))

    def _count(self, splits: Sequence[str], right: NDArray[np.int64]) -> None:
        """Count rows that were hit, by their splits and right labels (n,)."""
        with self._lock:
            for split, label in zip(splits, right.tolist(), strict=True):
                (self.changed if label >= 0 else self.left_out)[str(split)] += 1

    def _labels(
        self, paths: pa.Array, y_true: NDArray[np.integer]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Right labels (n,), and which of them were changed."""
        place = pc.index_in(paths, value_set=self._paths).fill_null(-1)
        at = place.to_numpy(zero_copy_only=False)
        hit = self._old[at] == y_true
        return np.where(hit, self._new[at], y_true), np.asarray(hit)


def _by_path(rows: pd.DataFrame) -> dict[str, tuple[str | None, ...]]:
    """What is said of each image."""
    columns = ["path", "label", "verdict", "right_label"]
    return {path: tuple(said) for path, *said in rows[columns].values.tolist()}
