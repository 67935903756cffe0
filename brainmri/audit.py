"""`audit`: what can be predicted without looking at the brain, and what is wrong with the data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from brainmri import audit_tables, drift, index, leakage, quality, reading, shortcuts, splits
from brainmri.audit_tables import NEAR_DUPLICATES, AuditTables
from brainmri.errors import InputError
from brainmri.features import THUMBNAIL_PX
from brainmri.files import sha256
from brainmri.index import ImageIndex

SEED = 0
"""Of every random choice; the official split gets the validation part that runs of seed 0 have."""

ALL_PROPERTIES = "all image properties"


@dataclass(frozen=True)
class _Thumbnails:
    """What is kept of the thumbnails: `quality.measure`, `quality.border` and `shortcuts.shrink`."""

    measured: dict[str, NDArray[np.float64]]
    borders: NDArray[np.uint8]
    small: NDArray[np.uint8]


def run(
    data: Path, models: Path, *, processes: int | None = None, quiet: bool = False
) -> AuditTables:
    """Audit the indexed images in `data` into `models/dataset/audit/`; the index stays as it is.

    Thumbnails come from the cache of the last `index`; where there is none, the images are read.

    Raises:
        InputError: no index, or `data` is not the folder that was indexed.
        OutputError: a table could not be written.
    """
    dataset = models / "dataset"
    path = index.path(models)
    table = index.read(path)
    thumbnails = _look(data, dataset, table, processes=processes, quiet=quiet)
    rows = table.rows
    measured = pd.DataFrame(
        {
            **rows[["width_px", "height_px", "mode", "bytes"]],
            "brightness": rows["mean_intensity"],
            "contrast": rows["std_intensity"],
            **thumbnails.measured,
        }
    )
    flagged, thresholds = quality.flagged(measured)
    parts = protocols(table)
    columns = [c for c in index.metadata_columns(table) if c not in parts]
    properties = pd.concat([measured, rows[[c for c in columns if _varies(rows[c])]]], axis=1)
    given_away = shortcuts.features(rows, thumbnails.borders, thumbnails.small)
    leaked = {protocol: leakage.leaks(table, part) for protocol, part in parts.items()}
    accuracies, answers, drifts = [], [], []
    steps = len(given_away) * len(shortcuts.TASKS) + 1
    with tqdm(total=steps * len(parts), unit="step", desc="Auditing", disable=quiet) as bar:
        for protocol, part in parts.items():
            part_of, label = part.to_numpy(object), rows["label"].to_numpy(object)
            found = []
            for one in shortcuts.fit(
                given_away, label, part_of, negative=table.negative_class, seed=SEED
            ):
                found.append(one)
                bar.update()
            paths = rows.loc[part == "test", "path"]
            seen = paths.isin(leaked[protocol].pairs["path"]).to_numpy()
            accuracies.append(
                shortcuts.accuracy_table(
                    found, seen, protocol=protocol, negative=table.negative_class
                )
            )
            answers.append(shortcuts.answer_table(found, paths.to_numpy(object), protocol=protocol))
            drifts.append(
                _drift(table, part_of, properties, measured, given_away).assign(protocol=protocol)
            )
            bar.update()
    tables = AuditTables(
        index_sha256=sha256(path),
        shortcuts=_joined(accuracies),
        shortcut_answers=_joined(answers),
        drift=_joined(drifts),
        quality=_compact(pd.concat([rows["path"], flagged], axis=1)),
        quality_thresholds=thresholds,
        leakage=_joined([one.counts.assign(protocol=name) for name, one in leaked.items()]),
        leaked_pairs=_joined([one.pairs.assign(protocol=name) for name, one in leaked.items()]),
        label_conflicts=label_conflicts(table, columns),
    )
    audit_tables.write(dataset, tables)
    return tables


def protocols(table: ImageIndex) -> dict[str, pd.Series[str]]:
    """The part of each row in every split that the index knows: official and metadata columns."""
    found = {}
    for name in [splits.OFFICIAL, *index.metadata_columns(table)]:
        try:
            found[name] = splits.assign(table, name, seed=SEED)
        except InputError:  # No folders for it, or a column that is no split.
            continue
    return found


def label_conflicts(table: ImageIndex, columns: list[str]) -> pd.DataFrame:
    """Images whose label another image or a metadata column contradicts.

    Returns:
        `kind` (NEAR_DUPLICATES or the column), `cluster`, `path`, `split`, `label`, `says`: the
        label in that column, or those of the whole cluster.
    """
    near = leakage.cluster_conflicts(table)
    says = near.groupby("cluster")["label"].transform(lambda labels: ", ".join(sorted(set(labels))))
    near = near.assign(kind=NEAR_DUPLICATES, says=says)
    other = leakage.label_disagreements(table, leakage.second_labels(table, columns))
    other = other.rename(columns={"column": "kind", "value": "says"})
    other = other.merge(table.rows[["path", "cluster"]], on="path")
    order = ["kind", "cluster", "path", "split", "label", "says"]
    return _joined([near[order].astype(object), other[order].astype(object)]).astype(
        {"cluster": "int64"}
    )


def _look(
    data: Path, dataset: Path, table: ImageIndex, *, processes: int | None, quiet: bool
) -> _Thumbnails:
    rows = table.rows
    files = _indexed_files(data, table)
    place = {path: i for i, path in enumerate(rows["path"])}
    digest = rows["file_sha256"].to_numpy(object)
    n = len(rows)
    measured = {name: np.zeros(n) for name in quality.measure(_no_thumbnails())}
    borders = np.zeros((n, quality.border(_no_thumbnails()).shape[1]), dtype=np.uint8)
    small = np.zeros((n, shortcuts.SMALL_PX, shortcuts.SMALL_PX), dtype=np.uint8)
    with (
        reading.started(data, files, dataset / ".cache", processes=processes) as images,
        tqdm(total=n, unit="image", desc="Reading", disable=quiet) as bar,
    ):
        for piece, unreadable, thumbnails in images.pieces:
            changed = [path for path, _ in unreadable]
            changed += [
                row["path"] for row in piece if row["file_sha256"] != digest[place[row["path"]]]
            ]
            if changed:
                raise InputError(
                    f"{changed[0]} has changed since {data} was indexed; index the folder again."
                )
            at = [place[row["path"]] for row in piece]
            for name, values in quality.measure(thumbnails).items():
                measured[name][at] = values
            borders[at], small[at] = quality.border(thumbnails), shortcuts.shrink(thumbnails)
            bar.update(len(piece))
    return _Thumbnails(measured, borders, small)


def _no_thumbnails() -> NDArray[np.uint8]:
    return np.zeros((0, THUMBNAIL_PX, THUMBNAIL_PX), dtype=np.uint8)


def _indexed_files(data: Path, table: ImageIndex) -> list[reading.ImageFile]:
    """The files of the index, found in `data`; files that are not in the index are left alone."""
    files = {file.path: file for file in index.find_images(data)[0]}
    missing = [path for path in table.rows["path"] if path not in files]
    if missing:
        raise InputError(
            f"{data} lacks {len(missing):,} of the {len(table.rows):,} images in the index, such as "
            f"{missing[0]}; give the folder that was indexed, or index this one first."
        )
    return [files[path] for path in table.rows["path"]]


def _varies(values: pd.Series[Any]) -> bool:
    """Whether a metadata column is a property: it has values, and does not name every image."""
    return values.nunique() > 1 and (
        drift.is_number(values) or values.nunique() <= index.MAX_LEVELS
    )


def _drift(
    table: ImageIndex,
    part: NDArray[np.object_],
    properties: pd.DataFrame,
    measured: pd.DataFrame,
    given_away: dict[str, NDArray[np.generic]],
) -> pd.DataFrame:
    """Property by property; then how well a classifier tells the parts apart, by what it sees."""
    label = table.rows["label"].to_numpy(object)
    cluster = table.rows["cluster"].to_numpy(np.int64)
    found = list(drift.table(properties, label, part, cluster, seed=SEED))
    used, is_test = np.isin(part, ["train", "val", "test"]), part == "test"
    everyone = np.full(len(label), table.negative_class, dtype=object)
    mixture = drift.table(table.rows[["label"]], everyone, part, cluster, seed=SEED)
    found += [one for one in mixture if one["label"] is None]
    numbers = measured.drop(columns="mode").to_numpy(np.float64)
    modes = pd.get_dummies(measured["mode"]).to_numpy(np.float64)
    small = next(x for name, x in given_away.items() if name == shortcuts.THUMBNAIL)
    for name in [None, *table.classes]:
        rows = used if name is None else used & (label == name)
        for seen, x in {
            ALL_PROPERTIES: np.hstack([numbers, modes]),
            shortcuts.THUMBNAIL: small,
        }.items():
            area = drift.told_apart(x[rows], is_test[rows], cluster[rows], seed=SEED)
            found.append(
                {
                    "label": name,
                    "property": seen,
                    "statistic": audit_tables.AUC,
                    "value": area.value,
                    "low": area.low,
                    "high": area.high,
                    "chance": 0.5,
                    "training_images": int((rows & ~is_test).sum()),
                    "test_images": int((rows & is_test).sum()),
                    "training_median": None,
                    "test_median": None,
                    "reason": area.reason,
                }
            )
    frame = pd.DataFrame(found)
    numeric = ["value", "low", "high", "chance", "training_median", "test_median"]
    frame["reason"] = frame["reason"].astype(object).where(frame["reason"].notna(), None)
    return frame.astype(dict.fromkeys(numeric, "float64"))


def _compact(table: pd.DataFrame) -> pd.DataFrame:
    """Without what the index says of every image, and in half the space."""
    table = table.drop(columns=["width_px", "height_px", "mode", "bytes"])
    return table.astype(dict.fromkeys(table.select_dtypes("float64").columns, "float32"))


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """One table after another, `protocol` first; columns that are all empty do not matter."""
    if not tables:
        return pd.DataFrame({"protocol": pd.Series(dtype=object)})
    table = pd.concat(tables, ignore_index=True)
    first = [c for c in table.columns if c == "protocol"]
    return table[first + [c for c in table.columns if c not in first]]
