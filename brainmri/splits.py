"""Which images train, which choose the model, which test it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from brainmri import runs
from brainmri.errors import InputError
from brainmri.index import ImageIndex

OFFICIAL = runs.OFFICIAL
_NAMES = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
          "test": "test", "testing": "test"}  # fmt: skip
_VALIDATION_FOLDS = 10
"""One fold in ten of the training rows becomes the validation part."""


def assign(index: ImageIndex, protocol: str, *, seed: int) -> pd.Series[str]:
    """The part that each index row plays: "train", "val", "test" or "unused".

    Args:
        index: the image index.
        protocol: "official" (the Training and Testing folders) or the name of a metadata column
            that holds train, val and test; any other value in it is "unused".
        seed: draws the validation part where the protocol has none: a tenth of the training rows,
            stratified by class, whole near-duplicate clusters at a time, so that no validation
            image has a copy among the rows that train.

    Returns:
        Series of str with the index of `index.rows`.

    Raises:
        InputError: no such protocol, or a part or class without images.
    """
    rows = index.rows
    if protocol == OFFICIAL:
        if rows["split"].isna().any():
            raise InputError(
                "The data has no Training and Testing folders, so there is no official split; choose "
                "a metadata column with --split."
            )
        part = rows["split"].astype(str)
    elif protocol in rows.columns:
        part = rows[protocol].astype("string").str.lower().map(_NAMES).fillna("unused").astype(str)
    else:
        raise InputError(
            f'There is no split "{protocol}"; use official, or a column of the metadata given to '
            "`index --metadata`."
        )
    if not (part == "val").any() and (part == "train").any():
        part = part.copy()
        part[_validation_rows(rows[part == "train"], seed)] = "val"
    for name in ("train", "val", "test"):
        missing = sorted(set(index.classes) - set(rows.loc[part == name, "label"]))
        if missing:
            raise InputError(
                f'The split "{protocol}" has no {name} images of {", ".join(missing)}; every class '
                "needs some in each part."
            )
    return part


def _validation_rows(training: pd.DataFrame, seed: int) -> pd.Index[int]:
    folds = min(_VALIDATION_FOLDS, int(training.groupby("label")["cluster"].nunique().min()))
    if folds < 2:
        raise InputError(
            "Too few different training images to set a validation part aside: every class needs at "
            "least two that are not copies of each other."
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    labels, groups = training["label"].to_numpy(dtype=object), training["cluster"].to_numpy()
    _, chosen = next(splitter.split(np.zeros(len(training)), labels, groups))
    return training.index[chosen]
