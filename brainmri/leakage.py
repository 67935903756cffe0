"""Copies between the parts of a split, and labels that contradict each other; from the index alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brainmri import duplicates, metrics
from brainmri.index import ImageIndex
from brainmri.metrics import Estimate

if TYPE_CHECKING:
    import pandas as pd

EXACT, NEAR, MIRRORED = "exact", "near", "mirrored"
KINDS = (EXACT, NEAR, MIRRORED)
"""Equal pixels; near as it is; near only after mirroring. The first that fits is meant."""

SHAPING = {"val": ("train",), "test": ("train", "val")}
"""The parts whose images shape the model that an evaluation part judges."""

_CLASS_NAME_SHARE = 0.9
"""A metadata column is a second label when this share of its values are class names."""


@dataclass(frozen=True)
class Leakage:
    """Evaluation images that have a near-duplicate among the images that shape the model.

    Attributes:
        pairs: one row per evaluation image and near-duplicate of it, closest first: `part`, `path`,
            `label`, `training_part`, `training_path`, `training_label`, `kind` (one of `KINDS`),
            `distance_bits` (Hamming, of 256).
        counts: one row per evaluation part and class: `part`, `label`, `images`, and the number of
            them whose closest near-duplicate is of each kind, one column per kind.
        shares: share of each evaluation part with a near-duplicate, by name of the part.
    """

    pairs: pd.DataFrame
    counts: pd.DataFrame
    shares: dict[str, Estimate]


def leaks(index: ImageIndex, part: pd.Series[str]) -> Leakage:
    """Near-duplicates of evaluation images among the images that shape the model.

    A validation image is compared with the training part, a test image with the training and
    validation parts: both shape the model that is tested.

    Args:
        index: the image index.
        part: the part of each row, as `splits.assign` returns it.
    """
    import pandas as pd

    found = [_pairs(index.rows, part, name) for name in SHAPING]
    pairs = pd.concat(found, ignore_index=True)
    closest = pairs.drop_duplicates("path").groupby(["part", "label", "kind"]).size()
    counts, shares = [], {}
    for name, of_part in zip(SHAPING, found, strict=True):
        rows = index.rows[part == name]
        shares[name] = metrics.share(
            rows["path"].isin(of_part["path"]).to_numpy(bool), rows["cluster"].to_numpy(np.int64)
        )
        images = rows["label"].value_counts()
        for label in index.classes:
            kinds = {kind: int(closest.get((name, label, kind), 0)) for kind in KINDS}
            total = int(images.get(label, 0))
            counts.append({"part": name, "label": label, "images": total, **kinds})
    return Leakage(pairs, pd.DataFrame(counts), shares)


def cluster_conflicts(index: ImageIndex) -> pd.DataFrame:
    """Images of near-duplicate clusters whose members carry different labels.

    Returns:
        `cluster`, `path`, `split`, `label` of every member, clusters together; empty when all agree.
    """
    labels = index.rows.groupby("cluster")["label"].transform("nunique")
    members = index.rows.loc[labels > 1, ["cluster", "path", "split", "label"]]
    return members.sort_values(["cluster", "path"], ignore_index=True)


def second_labels(index: ImageIndex, columns: list[str]) -> list[str]:
    """Those of the metadata `columns` whose values are the names of classes, at least two of them."""
    classes = {name.casefold() for name in index.classes}
    found = []
    for column in columns:
        values = index.rows[column].dropna()
        if not len(values) or not values.map(lambda value: isinstance(value, str)).all():
            continue
        named = _folded(values).isin(classes)
        if named.mean() >= _CLASS_NAME_SHARE and _folded(values)[named].nunique() > 1:
            found.append(column)
    return found


def label_disagreements(index: ImageIndex, columns: list[str]) -> pd.DataFrame:
    """Images whose folder says another class than one of the second labels in `columns`.

    Returns:
        `path`, `split`, `label`, `column`, `value`; a missing second label disagrees with nothing.
    """
    import pandas as pd

    rows = index.rows
    found = []
    for column in columns:
        other = rows[column].notna() & (
            _folded(rows[column].fillna("")) != _folded(rows["label"]).to_numpy()
        )
        table = rows.loc[other, ["path", "split", "label"]].copy()
        table["column"], table["value"] = column, rows.loc[other, column]
        found.append(table)
    empty = pd.DataFrame(columns=["path", "split", "label", "column", "value"], dtype=object)
    return pd.concat(found, ignore_index=True) if found else empty


def _folded(values: pd.Series[str]) -> pd.Series[str]:
    return values.astype(str).str.strip().str.casefold()


def _pairs(rows: pd.DataFrame, part: pd.Series[str], name: str) -> pd.DataFrame:
    import pandas as pd

    evaluated = rows[part == name]
    training = rows[part.isin(SHAPING[name])]
    hashes = duplicates.stack(evaluated["phash"].tolist())
    plain = duplicates.stack(training["phash"].tolist())
    mirrored = duplicates.stack(training["phash_mirrored"].tolist())
    as_is, flipped = duplicates.near_pairs(hashes, plain), duplicates.near_pairs(hashes, mirrored)
    m = max(len(training), 1)
    only_flipped = flipped[~np.isin(flipped @ [m, 1], as_is @ [m, 1])]
    i, j = np.concatenate([as_is, only_flipped]).T
    pixels = evaluated["pixel_sha256"].to_numpy(), training["pixel_sha256"].to_numpy()
    is_flipped = np.arange(len(i)) >= len(as_is)
    kind = np.where(is_flipped, MIRRORED, np.where(pixels[0][i] == pixels[1][j], EXACT, NEAR))
    distance = np.concatenate(
        [_distances(hashes, plain, as_is), _distances(hashes, mirrored, only_flipped)]
    )
    table = pd.DataFrame(
        {
            "part": name,
            "path": evaluated["path"].to_numpy()[i],
            "label": evaluated["label"].to_numpy()[i],
            "training_part": part.loc[training.index].to_numpy()[j],
            "training_path": training["path"].to_numpy()[j],
            "training_label": training["label"].to_numpy()[j],
            "kind": kind.astype(object),
            "distance_bits": distance,
        }
    )
    rank = table["kind"].map({kind: place for place, kind in enumerate(KINDS)})
    order = np.lexsort((table["training_path"], table["distance_bits"], rank, table["path"]))
    return table.iloc[order].reset_index(drop=True)


def _distances(
    left: NDArray[np.uint8], right: NDArray[np.uint8], pairs: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Hamming distance of each pair, int64 (pairs,)."""
    different = np.bitwise_count(left[pairs[:, 0]] ^ right[pairs[:, 1]])
    return different.sum(axis=1, dtype=np.int64)
