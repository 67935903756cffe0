"""Which images train, which choose the model, which test it; and whether copies lie across."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from brainmri import runs
from brainmri.components import components
from brainmri.errors import InputError
from brainmri.files import write_atomically
from brainmri.index import ImageIndex
from brainmri.leakage import EXACT, MIRRORED, NEAR, Leakage
from brainmri.part_counts import UNUSED, by_column, folded
from brainmri.wording import counted

OFFICIAL = runs.OFFICIAL
AUTO = "auto"
SHARES = {"train": 0.70, "val": 0.15, "test": 0.15}
"""Of every class, as near as whole groups allow, in the automatic split."""

PART = "part"
"""Column of the table that `write` writes."""

_LARGEST_SEED = 2**32 - 1
"""What scikit-learn takes."""
_COPY = {EXACT: "copy", NEAR: "near-copy", MIRRORED: "mirrored copy"}
_VALIDATION_FOLDS = 10
"""One fold in ten of the training rows becomes the validation part."""


def assign(index: ImageIndex, protocol: str, *, seed: int) -> pd.Series[str]:
    """The part that each index row plays: "train", "val", "test" or "unused".

    Args:
        index: the image index.
        protocol: "official" (the Training and Testing folders); the name of a metadata column that
            holds train, val and test, and guard, unused or nothing for images to leave out, in
            any case; or "auto" or
            "auto:COLUMN,COLUMN": drawn anew, stratified by class, in `SHARES`, and no near-duplicate
            cluster and no value of these columns (patient, scanner) lies in two parts.
        seed: draws the automatic split. Where another protocol has no validation part, draws that:
            a tenth of the training rows, stratified by class, whole near-duplicate clusters at a
            time, so that no validation image has a copy among the rows that train.

    Returns:
        Series of str with the index of `index.rows`.

    Raises:
        InputError: no such protocol or column, a value in it that names no part, a part or class
            without images, too few groups, a seed that is no whole number from 0 to 2^32 - 1.
    """
    if not 0 <= seed <= _LARGEST_SEED:
        raise InputError(
            f"The seed {seed} cannot be used; give a whole number from 0 to {_LARGEST_SEED:,}."
        )
    rows = index.rows
    columns = grouped_by(protocol)
    if protocol == OFFICIAL:
        if rows["split"].isna().any():
            raise InputError(
                "The data has no Training and Testing folders, so there is no official split; choose "
                "auto or a metadata column with --split."
            )
        part = rows["split"].astype(str)
    elif columns is not None:
        part = _drawn(index, columns, seed)
    elif protocol in rows.columns:
        part = by_column(rows[protocol])
    else:
        raise InputError(
            f'There is no split "{protocol}"; use official, auto, auto:COLUMN, or a column of the '
            "metadata given to `index --metadata`."
        )
    if columns is None and not (part == "val").any() and (part == "train").any():
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


def left_out(index: ImageIndex, protocol: str) -> str | None:
    """How many images a metadata column leaves out, by what it says of them; None where none is."""
    if protocol == OFFICIAL or grouped_by(protocol) is not None:
        return None
    values = folded(index.rows[protocol])
    found = {value: int((values == value).sum()) for value in ("guard", UNUSED, "")}
    if not (total := sum(found.values())):
        return None
    said = [f"{n:,} {value or 'without a value'}" for value, n in found.items() if n]
    return f'The column "{protocol}" leaves {counted(total, "image")} out: {", ".join(said)}'


def grouped_by(protocol: str) -> list[str] | None:
    """The columns that an automatic split keeps whole, besides clusters; None for other protocols."""
    name, colon, columns = protocol.partition(":")
    if name != AUTO:
        return None
    return [column.strip() for column in columns.split(",")] if colon else []


def groups(rows: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.int64]:
    """Group number of each row: rows that share a cluster or a value of a column, and chains of those.

    An unknown value is shared with nobody.
    """
    pairs = [np.empty((0, 2), dtype=np.int64)]
    for column in ("cluster", *columns):
        codes = pd.factorize(rows[column])[0]
        known = np.flatnonzero(codes >= 0)
        _, first, of = np.unique(codes[known], return_index=True, return_inverse=True)
        pairs.append(np.column_stack([known, known[first[of]]]))
    return components(len(rows), np.concatenate(pairs))


def write(path: Path, index: ImageIndex, part: pd.Series[str]) -> None:
    """Write `path` and `PART` of every image as CSV, which is metadata for `index.build`.

    Raises:
        OutputError: the file cannot be written.
    """
    table = pd.DataFrame({"path": index.rows["path"], PART: part})
    write_atomically(path, lambda to: table.to_csv(to, index=False))


def leak_sentence(protocol: str, found: Leakage) -> str | None:
    """How many evaluation images leak, of how many, and three of them; None where none does."""
    if found.pairs.empty:
        return None
    shares = [(name, found.shares[name]) for name in ("test", "val")]
    counts = [f"{share.k:,} of {share.n:,} {name}" for name, share in shares if share.k]
    # Three different images with their closest copy, test images before validation images.
    first = found.pairs.sort_values("part", kind="stable").drop_duplicates("path").head(3)
    examples = [
        f"{path} (a {_COPY[kind]} of {copied})"
        for path, kind, copied in zip(
            first["path"], first["kind"], first["training_path"], strict=True
        )
    ]
    return (
        f'The split "{protocol}" leaks: {" and ".join(counts)} images have a near-duplicate, mirrored '
        f"ones counted, among the images that shape the model, such as {', '.join(examples)}"
    )


def _drawn(index: ImageIndex, columns: Sequence[str], seed: int) -> pd.Series[str]:
    """The automatic split: group by group, the largest first, to the part that lacks its classes most."""
    rows = index.rows
    unknown = [column for column in columns if column not in rows.columns]
    if unknown:
        for name in rows.columns:
            if "," in name and {piece.strip() for piece in name.split(",")} <= set(columns):
                raise InputError(
                    f'The column "{name}" has a comma in its name, which separates columns here; rename '
                    "it in the metadata and index again."
                )
        raise InputError(
            f'There is no column "{unknown[0]}" to group by; the index has {", ".join(rows.columns)}.'
        )
    group = groups(rows, columns)
    label = pd.Categorical(rows["label"], categories=index.classes).codes
    counts = np.zeros((group.max() + 1, len(index.classes)), dtype=np.int64)
    np.add.at(counts, (group, label), 1)
    with_class = (counts > 0).sum(axis=0)
    if with_class.min() < len(SHARES):
        few = int(with_class.argmin())
        by = " and ".join(["near-duplicate cluster", *columns])
        raise InputError(
            f"Grouped by {by}, the images of {index.classes[few]} fall into too few groups "
            f"({with_class[few]}): train, val and test need one each; group by a column with more values "
            "or add images."
        )
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    names = np.array(list(SHARES), dtype=object)
    wanted = np.array(list(SHARES.values()))[:, None] * counts.sum(axis=0)
    placed = np.zeros_like(wanted)
    left = with_class.copy()
    chosen = np.empty(len(counts), dtype=np.int64)
    for g in order:
        size = counts[g]
        # A class that has only as many groups left as there are parts without it must go to those.
        absent = placed == 0
        urgent = (size > 0) & (left <= absent.sum(axis=0))
        helped = (absent & urgent).sum(axis=1)
        # Growth of the sum of (placed - wanted)^2 / wanted over parts and classes.
        growth = ((2 * (placed - wanted) + size) * size / wanted).sum(axis=1)
        best = int(np.where(helped == helped.max(), growth, np.inf).argmin())
        chosen[g] = best
        placed[best] += size
        left -= size > 0
    return pd.Series(names[chosen[group]], index=rows.index)


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
