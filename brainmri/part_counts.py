"""Images of each class in each part of a split: what was drawn is read, so no scikit-learn is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brainmri import corrected, manifests, runs
from brainmri.errors import InputError
from brainmri.index import ImageIndex
from brainmri.manifests import Manifest
from brainmri.runs import Run
from brainmri.wording import counted

if TYPE_CHECKING:
    from brainmri.predictions import Predictions

PARTS = ("train", "val", "test")
UNUSED = "unused"
"""Part of the images that are used for nothing."""

_NAMES = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
          "test": "test", "testing": "test", "guard": UNUSED, "unused": UNUSED}  # fmt: skip
_SHOWN_VALUES = 5


def counts(index: ImageIndex, part: pd.Series[str]) -> pd.DataFrame:
    """Images of each class, and of all, in each part; "unused" only where there are some."""
    table = pd.crosstab(index.rows["label"], part).reindex(index.classes, fill_value=0)
    names = [*PARTS, *([UNUSED] if UNUSED in table else [])]
    table = table.reindex(columns=names, fill_value=0)
    table.loc["all"] = table.sum()
    return table


def of_run(models: Path, known: ImageIndex, run: Run, scored: Predictions) -> pd.DataFrame | None:
    """Images of each class in each part of the split that a run was trained on.

    Training and validation images by the labels that it was trained with, test images by those that
    its figures are by: with the last corrections.

    Args:
        models: folder with the results.
        known: the index that the run was trained with.
        run: whose split.
        scored: its own predictions, which name all its validation and test images.

    Returns:
        As `counts`; None where `scored` does not name them all.

    Raises:
        InputError: the corrections cannot be used.
    """
    part = _read_off(known, run, scored)
    if part is None:
        return None

    def by(manifest: Manifest | None) -> pd.DataFrame:
        right = (known, part) if manifest is None else corrected.put_right(known, part, manifest)
        return counts(*right)

    trained, reported = by(manifests.learned(models, run)), by(manifests.latest(models))
    return trained.assign(test=reported["test"])


def _read_off(known: ImageIndex, run: Run, scored: Predictions) -> pd.Series[str] | None:
    """The part of each index row: evaluated as the predictions say; the rest trained, or was unused."""
    rows = known.rows
    judged = np.isin(scored.splits, ["val", "test"])
    named = rows["path"].map(dict(zip(scored.paths[judged], scored.splits[judged], strict=True)))
    # A run that learned corrections may have used fewer than were scored, never more.
    short = any((named == name).sum() < run.images.get(name, 0) for name in ("val", "test"))
    if short or named.notna().sum() != judged.sum():
        return None
    in_column = run.protocol != runs.OFFICIAL and run.protocol in rows.columns
    rest = by_column(rows[run.protocol]) if in_column else pd.Series("train", index=rows.index)
    return named.fillna(rest).astype(str)


def by_column(column: pd.Series[Any]) -> pd.Series[str]:
    """The parts that a metadata column names.

    Raises:
        InputError: a value names no part.
    """
    values = folded(column)
    unknown = column[(values != "") & ~values.isin(list(_NAMES))]
    if len(unknown):
        found = unknown.astype("string").value_counts()
        said = [f'"{value}" ({counted(n, "image")})' for value, n in found.items()]
        more = len(said) - _SHOWN_VALUES
        said = [*said[:_SHOWN_VALUES], *([f"{more:,} more"] if more > 0 else [])]
        raise InputError(
            f'The column "{column.name}" holds values that name no part: {", ".join(said)}; write '
            "train, val or test, or guard, unused or nothing to leave an image out, and index again."
        )
    return values.map(_NAMES).fillna(UNUSED).astype(str)


def folded(column: pd.Series[Any]) -> pd.Series[str]:
    """Its values in small letters without space around; empty for none."""
    return column.astype("string").fillna("").str.strip().str.casefold().astype(str)
