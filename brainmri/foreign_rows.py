"""The rows of a predictions table of another tool, checked; row and column of what is wrong.

Rows are counted from 1, without the line of the names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from brainmri.batches import PREFIX, SPLITS, SUM_TOLERANCE
from brainmri.classes import counted_as
from brainmri.errors import InputError
from brainmri.index import ImageIndex
from brainmri.wording import counted

ROUNDING = 0.02
"""How far from 1 the probabilities of a row may sum: as rounding to two digits leaves them."""
_PREFIXES = (PREFIX, "proba_", "probability_", "p_")
_PER_CENT = re.compile(r"[\s_]*(percent|pct|\(?%\)?)$", re.IGNORECASE)
"""The end of the name of a column whose numbers are per cent."""
_MOST_CLASSES = 1_000
_LONGEST_NAME, _LONGEST_PATH = 200, 2_000
_SPLITS = {"test": "test", "testing": "test", "val": "val", "valid": "val", "validation": "val",
           "train": "train", "training": "train"}  # fmt: skip


class Rows:
    """A table on its way: first `begin`, then `check` for each batch of its rows, then `finish`.

    Attributes:
        classes: in the order of the columns.
        has_label: whether the table has labels; those of the image index are taken otherwise.
        per_split: rows so far per split that is shown.
        counts: rows so far that were "left_out", "relabelled", "looked_up" or "rescaled", or are
            "without_index"; those that are shown and have a label are "labelled".
    """

    def __init__(self, known: ImageIndex | None) -> None:
        """`known` is the image index; gives the labels and splits that the table lacks, by path."""
        self.classes: list[str] = []
        self.has_label = False
        self.per_split: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self._known = known
        self._names: dict[str, str] = {}
        self._hashes: list[NDArray[np.uint64]] = []
        self._first_row = 0
        self._per_cent: set[str] = set()

    def begin(self, names: list[str]) -> None:
        """Find the columns of a table by their names, all of which are given.

        Raises:
            InputError: columns are missing, or there are two of a name.
        """
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
                self.classes = [_PER_CENT.sub("", name.strip()[len(prefix) :]) for name in columns]
                break
        else:
            wanted_classes = [] if self._known is None else self._known.classes
            plain = {_PER_CENT.sub("", name): given for name, given in lower.items()}
            columns = [plain[c.lower()] for c in wanted_classes if c.lower() in plain]
            self.classes = [c for c in wanted_classes if c.lower() in plain]
        shown = ", ".join(names[:12])
        if len(self.classes) < 2:
            raise InputError(
                f"The table has the columns {shown}; it needs at least two with probabilities, named "
                "prob_ and then the class, such as prob_glioma and prob_notumor."
            )
        if len(self.classes) > _MOST_CLASSES:
            raise InputError(
                f"The table has {len(self.classes):,} classes; at most {_MOST_CLASSES:,} are read: keep only "
                "the columns of the classes that images may be of."
            )
        self._names.update(
            {PREFIX + c: column for c, column in zip(self.classes, columns, strict=True)}
        )
        self._per_cent = {
            PREFIX + c for c, column in zip(self.classes, columns, strict=True)
            if _PER_CENT.search(column.strip())
        }  # fmt: skip
        if len(set(self.classes)) < len(self.classes):
            twice = next(c for c in self.classes if self.classes.count(c) > 1)
            raise InputError(f'The table has two columns of the class "{twice}"; keep one.')
        long = next((c for c in self.classes if len(c) > _LONGEST_NAME), None)
        if long is not None:
            raise InputError(f'The class "{long[:40]}…" has too long a name; shorten it.')
        self.has_label = "label" in self._names
        if not self.has_label and "path" not in self._names:
            raise InputError(
                f"The table has the columns {shown}; it needs one called label (what each image is) "
                "or one called path (which image it is)."
            )
        if not self.has_label and self._known is None:
            raise InputError(
                "The table has no column label, and there is no image index to look the images up "
                "in; add the labels, or run `python -m brainmri index DATA` first."
            )

    def check(self, rows: pa.RecordBatch) -> dict[str, pa.Array]:
        """The columns of a predictions table from the next rows, without those of training images.

        Raises:
            InputError: a row breaks a rule.
        """
        import pandas as pd

        y_prob = self._probabilities(rows)
        path, label, split = (self._texts(rows, name) for name in ("path", "label", "split"))
        place = np.full(rows.num_rows, -1)
        if path is not None:
            self._refuse("path", path == "", lambda _: "is empty")
            lengths = np.array([len(one) for one in path])
            self._refuse(
                "path", lengths > _LONGEST_PATH, lambda row: f"has {lengths[row]:,} letters"
            )
            if self._known is not None:
                path, place = self._in_index(path)
                self.counts["without_index"] += int((place < 0).sum())
            self._hashes.append(pd.util.hash_array(path, categorize=False))
        label = self._labels(label, path, place)
        split = self._splits(split, place)
        kept = np.isin(split, SPLITS)
        self.counts["labelled"] += int((label[kept] != "").sum())
        self.counts["left_out"] += int((~kept).sum())
        for name in SPLITS:
            if here := int((split == name).sum()):
                self.per_split[name] += here
        self._first_row += rows.num_rows
        paths = np.full(rows.num_rows, "", dtype=object) if path is None else path
        return {
            "path": pa.array(paths[kept].tolist(), pa.string()),
            "split": pa.array(split[kept].tolist(), pa.string()),
            "label": pa.array([value or None for value in label[kept]], pa.string()),
            **{
                PREFIX + name: pa.array(y_prob[kept, k], pa.float32())
                for k, name in enumerate(self.classes)
            },
        }

    def finish(self) -> None:
        """Refuse a table without rows to show, or with an image that is named twice.

        Raises:
            InputError: it is such a table.
        """
        if not self._first_row:
            raise InputError("The table has no rows; score some images first.")
        if not self.per_split:
            raise InputError(
                "All rows of the table are of training images, which no page judges a model by; score "
                "test images."
            )
        if not self.counts["labelled"]:
            raise InputError(
                f'No row of the table has a label: the column "{self._names.get("label", "label")}" is '
                "empty, and the image index knows none of the images. Fill it in: a model is judged by it."
            )
        if not self._hashes:
            return
        hashes = np.concatenate(self._hashes)
        order = np.argsort(hashes, kind="stable")
        twice = order[1:][hashes[order[1:]] == hashes[order[:-1]]]
        if len(twice):
            raise InputError(
                f'Row {int(twice.min()) + 1:,}, column "{self._names["path"]}": this image was '
                f"named in an earlier row; {counted(len(twice), 'row repeats', 'rows repeat')} "
                "an image. Keep one row per image."
            )

    def _probabilities(self, rows: pa.RecordBatch) -> NDArray[np.float64]:
        y_prob = np.empty((rows.num_rows, len(self.classes)))
        for k, name in enumerate(self.classes):
            y_prob[:, k] = self._numbers(rows, PREFIX + name)
        outside = (y_prob < 0) | (y_prob > 1)
        if outside.any():
            row, k = (int(at[0]) for at in np.nonzero(outside))
            raise self._fault(
                PREFIX + self.classes[k],
                row,
                f"is {y_prob[row, k]:g}; probabilities lie between 0 and 1. Of per cent, call the column "
                f"{PREFIX}{self.classes[k]}_percent",
                int(outside.any(axis=1).sum()),
            )
        sums = y_prob.sum(axis=1)
        off = np.abs(sums - 1)
        if off.max() > ROUNDING:
            row = int(np.argmax(off > ROUNDING))
            raise InputError(
                f"Row {self._first_row + row + 1:,}, columns {self._names[PREFIX + self.classes[0]]} to "
                f"{self._names[PREFIX + self.classes[-1]]}: the probabilities sum to {sums[row]:.4g} "
                "and not to 1."
            )
        self.counts["rescaled"] += int((off > SUM_TOLERANCE / 2).sum())
        return y_prob / sums[:, None]

    def _numbers(self, rows: pa.RecordBatch, name: str) -> NDArray[np.float64]:
        column = rows.column(self._names[name])
        scale: float | NDArray[np.float64] = 0.01 if name in self._per_cent else 1.0
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            # A comma can only be that of a fraction: nothing here is as large as a thousand.
            column = pc.utf8_trim_whitespace(pc.replace_substring(column, ",", "."))
            signed = pc.ends_with(column, "%").fill_null(False)
            if pc.any(signed).as_py():
                column = pc.utf8_rtrim(column, "% ")
                scale = np.where(signed.to_numpy(zero_copy_only=False), 0.01, scale)
            try:
                column = column.cast(pa.float64())
            except pa.ArrowException:
                for row, text in enumerate(column.to_pylist()):
                    try:
                        float(text or "nan")
                    except ValueError:
                        raise self._fault(
                            name, row, f'is "{text[:40]}", which is no number'
                        ) from None
                raise self._fault(name, 0, "holds no numbers") from None
        elif not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
            raise InputError(
                f'The column "{self._names[name]}" is of type {column.type}; probabilities are '
                "numbers."
            )
        values = scale * column.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
        self._refuse(name, ~np.isfinite(values), lambda _: "is empty or not a number")
        return values

    def _texts(self, rows: pa.RecordBatch, name: str) -> NDArray[Any] | None:
        if name not in self._names:
            return None
        column = rows.column(self._names[name])
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        try:
            column = column.cast(pa.string())
        except pa.ArrowException:
            raise self._fault(name, 0, f"is of type {column.type} and not text") from None
        return np.array([(value or "").strip() for value in column.to_pylist()], dtype=object)

    @cached_property
    def _places(self) -> dict[str, int]:
        """Row in the index of each of its paths."""
        paths = [] if self._known is None else self._known.rows["path"].tolist()
        return {path: row for row, path in enumerate(paths)}

    @cached_property
    def _depths(self) -> list[int]:
        """How many parts paths of the index have, the most first."""
        return sorted({path.count("/") + 1 for path in self._places}, reverse=True)

    def _of_index(self, column: str, otherwise: str) -> NDArray[Any]:
        """A column of the index, and one more value at the end, for an image that is not in it."""
        known = [] if self._known is None else self._known.rows[column].fillna(otherwise).tolist()
        return np.array([*known, otherwise], dtype=object)

    @cached_property
    def _index_labels(self) -> NDArray[Any]:
        return self._counted(self._of_index("label", ""))

    def _counted(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Labels as the classes of the table call them."""
        called = {label: counted_as(label, self.classes) for label in set(labels.tolist())}
        return np.array([called[label] for label in labels.tolist()], dtype=object)

    @cached_property
    def _index_splits(self) -> NDArray[Any]:
        return self._of_index("split", "test")

    def _in_index(self, path: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Paths as the index has them, and their row there; -1 for an image that it does not know.

        A tool writes the path as it saw it: with folders in front, with backslashes, or only the end of it,
        such as the file name, which counts where one image alone ends so.
        """
        named, found = [], []
        for given in path:
            parts = given.replace("\\", "/").split("/")
            ends = ("/".join(parts[-depth:]) for depth in self._depths)
            match = next((end for end in ends if end in self._places), None)
            match = match or self._ends.get("/".join(parts))
            named.append(match or given)
            found.append(self._places[match] if match else -1)
        return np.array(named, dtype=object), np.array(found, dtype=np.int64)

    @cached_property
    def _ends(self) -> dict[str, str | None]:
        """The path that ends so, for each shorter end of a path of the index; None where several do."""
        known: dict[str, str | None] = {}
        for path in self._places:
            parts = path.split("/")
            for first in range(1, len(parts)):
                end = "/".join(parts[first:])
                known[end] = None if end in known else path
        return known

    def _labels(
        self, label: NDArray[Any] | None, path: NDArray[Any] | None, place: NDArray[np.int64]
    ) -> NDArray[Any]:
        truth = self._index_labels[place]
        if label is None:
            assert path is not None
            self._refuse(
                "path",
                place < 0,
                lambda row: (
                    f'is "{path[row][:80]}", which is no image of the index, so its label is '
                    "not known; add a column label"
                ),
            )
            label = truth
        else:
            label = self._counted(label)
            empty = (label == "") & (truth != "")
            self.counts["looked_up"] += int(empty.sum())
            label = np.where(empty, truth, label)
            differs = (truth != "") & (label != "") & (truth != label)
            self.counts["relabelled"] += int(differs.sum())
        self._refuse(
            "label" if self.has_label else "path",
            ~np.isin(label, ["", *self.classes]),
            lambda row: (
                f'has the label "{label[row][:40]}", which is none of the classes '
                f"({', '.join(self.classes[:12])})"
            ),
        )
        return label

    def _splits(self, split: NDArray[Any] | None, place: NDArray[np.int64]) -> NDArray[Any]:
        if split is None:
            return self._index_splits[place]
        named = np.array([_SPLITS.get(value.lower(), "") for value in split], dtype=object)
        self._refuse(
            "split", named == "", lambda row: f'is "{split[row][:40]}"; use train, val or test'
        )
        return named

    def _refuse(self, name: str, wrong: NDArray[np.bool_], what: Callable[[int], str]) -> None:
        """Refuse the batch by its first row that is wrong; `what` says how."""
        if wrong.any():
            row = int(np.argmax(wrong))
            raise self._fault(name, row, what(row), int(wrong.sum()))

    def _fault(self, name: str, row: int, what: str, rows: int = 1) -> InputError:
        """What is wrong in a row (from 0) of the batch in one of our columns; `rows` of it have it."""
        more = f" ({counted(rows, 'row')} nearby)" if rows > 1 else ""
        return InputError(
            f'Row {self._first_row + row + 1:,}, column "{self._names[name]}" {what}{more}.'
        )
