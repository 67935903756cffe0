"""An image index with the labels that two readers corrected, and what may train of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from brainmri import duplicates, kept_pictures
from brainmri.errors import InputError
from brainmri.features import perceptual_hashes
from brainmri.images import decode
from brainmri.index import ImageIndex
from brainmri.manifests import Manifest


@dataclass(frozen=True)
class Corrected:
    """What to train on.

    Attributes:
        index: with right labels, and kept uploads as further rows at the end.
        part: of each row; images that were left out are "unused".
        relabelled: training rows whose label changed.
        left_out: training rows that do not train any more.
        added: kept uploads that train.
        too_close: kept uploads that do not, since they are near-copies of evaluation images.
    """

    index: ImageIndex
    part: pd.Series[str]
    relabelled: int
    left_out: int
    added: int
    too_close: int

    @property
    def counts(self) -> dict[str, int]:
        """For run.json."""
        return {
            "corrected_labels": self.relabelled,
            "left_out": self.left_out,
            "added_uploads": self.added,
            "uploads_too_close_to_evaluation": self.too_close,
        }


def apply(models: Path, index: ImageIndex, part: pd.Series[str], manifest: Manifest) -> Corrected:
    """Put a manifest into an index that was split by the labels it had before.

    Rows keep their part, so evaluation rows never train: a corrected one is judged by its right label,
    and one without a right label chooses and tests nothing.

    Raises:
        InputError: a kept upload is gone, or a right label is no class of the index.
    """
    was_training = (part == "train").to_numpy(bool)
    old = index.rows["label"]
    index, part = put_right(index, part, manifest)
    rows = index.rows
    given = (rows["label"] != old).to_numpy(bool)
    out = was_training & (part == "unused").to_numpy(bool)
    kept, close = _kept(models, index, part, manifest)
    if kept:
        rows = pd.concat([rows, pd.DataFrame(kept)], ignore_index=True)
        part = pd.concat([part, pd.Series(["train"] * len(kept))], ignore_index=True)
    return Corrected(
        replace(index, rows=rows),
        part,
        relabelled=int((given & was_training).sum()),
        left_out=int(out.sum()),
        added=len(kept),
        too_close=close,
    )


def put_right(
    index: ImageIndex, part: pd.Series[str], manifest: Manifest
) -> tuple[ImageIndex, pd.Series[str]]:
    """The index with right labels, and the part of each row, without any kept upload.

    Raises:
        InputError: a right label is no class of the index.
    """
    rows, part = index.rows.copy(), part.copy()
    changes = manifest.changes
    old = rows["path"].map({path: was for path, (was, _) in changes.items()})
    right = rows["path"].map({path: now for path, (_, now) in changes.items()})
    hit = (old == rows["label"]).to_numpy(bool)  # Others are of other data, or right already.
    _check_classes(right[hit].dropna(), index, manifest)
    given = hit & right.notna().to_numpy(bool)
    rows.loc[given, "label"] = right[given]
    part[hit & ~given] = "unused"
    return replace(index, rows=rows), part


def _kept(
    models: Path, index: ImageIndex, part: pd.Series[str], manifest: Manifest
) -> tuple[list[dict[str, object]], int]:
    """Rows of the kept uploads that may train, and how many may not."""
    judged = index.rows[part.isin(["val", "test"])]
    plain = duplicates.stack(judged["phash"].tolist())
    mirrored = duplicates.stack(judged["phash_mirrored"].tolist())
    cluster = int(index.rows["cluster"].max()) + 1
    found: list[dict[str, object]] = []
    close = 0
    _check_classes((label for _, label in manifest.kept), index, manifest)
    for name, label in manifest.kept:
        file = (kept_pictures.folder(models) / name).absolute()
        if not file.is_file():
            raise InputError(
                f"{file}, a picture that was kept for training and is in corrections {manifest.number}, is "
                "gone; bring it back from a copy. To train without it, let its correction be taken back on "
                "Review if it stands, write numbered corrections again (`python -m brainmri corrections`) "
                "and train with the new number (--corrections)."
            )
        hashes = perceptual_hashes(decode(file).pixels)
        query = duplicates.stack([hashes[0]])
        if bool(np.any(duplicates.has_near_duplicate(query, plain, mirrored))):
            close += 1
            continue
        found.append(
            {
                "path": str(file),  # Absolute, so that the data folder before it does not count.
                "label": label,
                "pixel_sha256": file.stem,
                "phash": hashes[0],
                "phash_mirrored": hashes[1],
                "cluster": cluster + len(found),
                "bytes": file.stat().st_size,
            }
        )
    return found, close


def _check_classes(labels: Iterable[str], index: ImageIndex, manifest: Manifest) -> None:
    strange = sorted(set(labels) - set(index.classes))
    if strange:
        raise InputError(
            f"Corrections {manifest.number} name the class {strange[0]}, which is none of the data "
            f"({', '.join(index.classes)})."
        )
