"""What the pages say of an audit: its tables and the index to counts, shares and lists. No file access."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brainmri import audit_tables, index, intervals, leakage, metrics, quality
from brainmri.audit_tables import AuditTables
from brainmri.index import ImageIndex
from brainmri.metrics import Estimate

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

EVERY_CLASS = "all classes"
ANY_KIND, ANY_FLAG = "any", "any"
KINDS = leakage.KINDS
MIRRORED = leakage.MIRRORED
FLAGS = quality.FLAGS
NEAR_DUPLICATES = audit_tables.NEAR_DUPLICATES
_DISTANCES = (audit_tables.KS, audit_tables.JS)


@dataclass(frozen=True)
class Shares:
    """Some images of one class (or of all): how many there are, and what share is of which kind."""

    label: str
    images: int
    of: dict[str, Estimate]


@dataclass(frozen=True)
class Pair:
    """An evaluation image, its closest near-copy among those that shape the model, and how alike."""

    path: str
    label: str
    copy_path: str
    copy_label: str
    copy_part: str
    kind: str
    distance_bits: int


@dataclass(frozen=True)
class Conflict:
    """Images with contradicting labels: (path, split, label, what else is said) of each."""

    kind: str
    images: list[tuple[str, str, str, str]]


@dataclass(frozen=True)
class Told:
    """How often one model is right on the test images of a protocol.

    Attributes:
        name: what it sees, or of the run.
        model: kind of model.
        is_run: a run of this dashboard, not a shortcut.
        classes, tumour: right class; right in tumour or no tumour.
        unseen_classes, unseen_tumour: of test images without a near-copy in training; None when
            that is not recorded.
    """

    name: str
    model: str
    is_run: bool
    classes: Estimate
    tumour: Estimate
    unseen_classes: Estimate | None
    unseen_tumour: Estimate | None


@dataclass(frozen=True)
class Difference:
    """How far test images are from training images in one property; `chance` is what chance reaches."""

    estimate: Estimate
    chance: float | None
    training_images: int
    test_images: int

    @property
    def beyond_chance(self) -> bool:
        """Whether the whole interval lies above what chance reaches."""
        low = self.estimate.low
        return low is not None and self.chance is not None and low > self.chance


@dataclass(frozen=True)
class Drift:
    """Test against training of one protocol.

    Attributes:
        labels: what was compared: all classes first, then each.
        properties: names, the one with the largest distance in any class first.
        distances: by (property, label).
        told_apart: how well a classifier tells the parts apart, by (what it sees, label).
    """

    labels: list[str]
    properties: list[str]
    distances: dict[tuple[str, str], Difference]
    told_apart: dict[tuple[str, str], Difference]


@dataclass(frozen=True)
class Findings:
    """An audit beside the index that it is about."""

    tables: AuditTables
    index: ImageIndex

    @cached_property
    def protocols(self) -> list[str]:
        """Splits that were audited."""
        import pandas as pd

        return [str(name) for name in self.tables.leakage.get("protocol", pd.Series()).unique()]

    @cached_property
    def _of_path(self) -> pd.DataFrame:
        """Cluster and label of each image."""
        rows = self.index.rows
        return rows[["cluster", "label"]].set_axis(rows["path"].to_numpy(object))

    def leaks(self, protocol: str) -> list[Shares]:
        """Test images with a near-copy among those that shape the model, all classes first."""
        paths = self._test_paths(protocol)
        kind = self._closest(protocol).set_index("path")["kind"].reindex(paths)
        return self._by_class(
            paths,
            {
                ANY_KIND: kind.notna().to_numpy(),
                **{name: (kind == name).to_numpy(bool) for name in KINDS},
            },
        )

    def validation_leaks(self, protocol: str) -> Estimate:
        """The same of validation images.

        The audit does not name those without a near-copy, so for the interval clusters are taken to
        be as large as among all images that are not test, and all alike.
        """
        rows = self.tables.leakage
        rows = rows[(rows["protocol"] == protocol) & (rows["part"] == "val")]
        known = self.index.rows
        drawn_from = known.loc[~known["path"].isin(self._test_paths(protocol)), "cluster"]
        sizes: Ints = drawn_from.value_counts().to_numpy(np.int64).astype(np.int64)
        effect = intervals.design_effect(np.zeros_like(sizes), sizes) if len(sizes) else 1
        hits, images = int(rows[list(KINDS)].sum().sum()), int(rows["images"].sum())
        return metrics.enough(metrics.proportion(hits, images, design_effect=effect))

    def pairs(self, protocol: str, kind: str, start: int, most: int) -> tuple[int, list[Pair]]:
        """How many test images have a closest near-copy of a kind, and some of them."""
        found = self._closest(protocol)
        if kind != ANY_KIND:
            found = found[found["kind"] == kind]
        some = found.iloc[start : start + most]
        return len(found), [
            Pair(
                path=row["path"],
                label=row["label"],
                copy_path=row["training_path"],
                copy_label=row["training_label"],
                copy_part=row["training_part"],
                kind=row["kind"],
                distance_bits=int(row["distance_bits"]),
            )
            for row in some.to_dict("records")
        ]

    @cached_property
    def conflicts(self) -> list[Conflict]:
        """Clusters whose members disagree; then images that a second label contradicts, by column."""
        import pandas as pd

        rows = self.tables.label_conflicts
        return [
            Conflict(
                str(kind),
                [
                    (r["path"], "" if pd.isna(r["split"]) else r["split"], r["label"], r["says"])
                    for r in some.to_dict("records")
                ],
            )
            for (kind, _), some in rows.groupby(["kind", "cluster"], sort=False)
        ]

    def shortcuts(self, protocol: str) -> list[Told]:
        """What each kind of feature gives away, on the test images of a protocol."""
        return self._shortcuts.get(protocol, [])

    @cached_property
    def _shortcuts(self) -> dict[str, list[Told]]:
        return {protocol: self._shortcuts_of(protocol) for protocol in self.protocols}

    def _shortcuts_of(self, protocol: str) -> list[Told]:
        answers = self.tables.shortcut_answers
        answers = answers[answers["protocol"] == protocol]
        about = self.tables.shortcuts
        about = about[about["protocol"] == protocol]
        seen = set(self._closest(protocol)["path"])
        found = []
        for features in about["features"].unique():
            of: dict[tuple[str, bool], Estimate] = {}
            for task in ("class", "tumour"):
                some = answers[(answers["features"] == features) & (answers["task"] == task)]
                right = some["right"].to_numpy(bool)
                cluster = self._clusters(some["path"])
                unseen = ~some["path"].isin(seen).to_numpy()
                of[task, False] = metrics.enough(metrics.share(right, cluster))
                of[task, True] = metrics.enough(metrics.share(right[unseen], cluster[unseen]))
            models = about[(about["features"] == features)].drop_duplicates("task")["model"]
            found.append(
                Told(
                    name=str(features),
                    model=" / ".join(dict.fromkeys(models)),
                    is_run=False,
                    classes=of["class", False],
                    tumour=of["tumour", False],
                    unseen_classes=of["class", True],
                    unseen_tumour=of["tumour", True],
                )
            )
        return found

    def unseen_negatives(self, protocol: str) -> tuple[int, int]:
        """How many of the unseen test images are of the negative class, and of how many."""
        rows = self.tables.shortcuts
        rows = rows[(rows["protocol"] == protocol) & (rows["rows"] == "unseen test")]
        return int(rows["negatives"].iloc[0]), int(rows["n"].iloc[0])

    @cached_property
    def identifiers(self) -> list[str]:
        """Metadata columns that only number things, such as clusters or acquisitions."""
        return index.identifiers(self.index)

    def drift(self, protocol: str) -> Drift:
        """Test against training, identifiers left out."""
        rows = self.tables.drift
        rows = rows[(rows["protocol"] == protocol) & ~rows["property"].isin(self.identifiers)]
        distances = _differences(rows[rows["statistic"].isin(_DISTANCES)])
        largest: dict[str, float] = {}
        for (name, _), found in distances.items():
            largest[name] = max(largest.get(name, 0.0), found.estimate.value or 0.0)
        return Drift(
            labels=[EVERY_CLASS, *self.index.classes],
            properties=sorted(largest, key=lambda name: -largest[name]),
            distances=distances,
            told_apart=_differences(rows[rows["statistic"] == audit_tables.AUC]),
        )

    @cached_property
    def flags(self) -> list[Shares]:
        """Images with each quality flag, and with any, all classes first."""
        table = self.tables.quality
        flags: Bools = table[list(FLAGS)].to_numpy(bool)
        return self._by_class(
            table["path"],
            {
                ANY_FLAG: np.asarray(flags.any(axis=1)),
                **{name: flags[:, i] for i, name in enumerate(FLAGS)},
            },
        )

    def thresholds(self, flag: str) -> list[tuple[str, float | None, float | None]]:
        """(property, low, high) of a flag: an image below or above is flagged."""
        rows = self.tables.quality_thresholds
        return [
            (r["property"], _number(r["low"]), _number(r["high"]))
            for r in rows[rows["flag"] == flag].to_dict("records")
        ]

    def flagged(
        self, flag: str, start: int, most: int
    ) -> tuple[int, list[tuple[str, str, list[str]]]]:
        """How many images have a flag, and some: (path, class, every flag that it has)."""
        table = self.tables.quality
        chosen = table[FLAGS[0]] & False
        for name in FLAGS if flag == ANY_FLAG else (flag,):
            chosen |= table[name]
        found = table[chosen]
        some = found.iloc[start : start + most]
        return len(found), [
            (
                row["path"],
                str(self._of_path["label"].get(row["path"], "")),
                [name for name in FLAGS if row[name]],
            )
            for row in some.to_dict("records")
        ]

    def _test_paths(self, protocol: str) -> pd.Series[str]:
        """Test images of a protocol: those that the shortcuts answered."""
        answers = self.tables.shortcut_answers
        of_protocol: pd.Series[str] = answers.loc[answers["protocol"] == protocol, "path"]
        return of_protocol.drop_duplicates()

    def _closest(self, protocol: str) -> pd.DataFrame:
        """The closest near-copy of each test image, which comes first in the table."""
        pairs = self.tables.leaked_pairs
        here = pairs[(pairs["protocol"] == protocol) & (pairs["part"] == "test")]
        return here.drop_duplicates("path")

    def _clusters(self, paths: pd.Series[str]) -> Ints:
        return np.asarray(self._of_path["cluster"].reindex(paths.to_numpy(object)), dtype=np.int64)

    def _by_class(self, paths: pd.Series[str], kinds: dict[str, Bools]) -> list[Shares]:
        cluster = self._clusters(paths)
        label = self._of_path["label"].reindex(paths.to_numpy(object)).to_numpy(object)
        everyone = np.ones(len(label), dtype=bool)
        groups = [(EVERY_CLASS, everyone), *((c, label == c) for c in self.index.classes)]
        return [
            Shares(
                name,
                int(rows.sum()),
                {
                    kind: metrics.enough(metrics.share(hit[rows], cluster[rows]))
                    for kind, hit in kinds.items()
                },
            )
            for name, rows in groups
        ]


def _number(value: float) -> float | None:
    import pandas as pd

    return None if pd.isna(value) else float(value)


def _differences(rows: pd.DataFrame) -> dict[tuple[str, str], Difference]:
    import pandas as pd

    columns: Sequence[str] = ("value", "low", "high", "chance")
    found = {}
    for row in rows.to_dict("records"):
        value, low, high, chance = (_number(row[name]) for name in columns)
        train, test = int(row["training_images"]), int(row["test_images"])
        reason = None if pd.isna(row["reason"]) else str(row["reason"])
        label = EVERY_CLASS if pd.isna(row["label"]) else str(row["label"])
        estimate = Estimate(value, low, high, train + test, reason=reason)
        found[str(row["property"]), label] = Difference(
            metrics.enough(estimate, of=min(train, test)), chance, train, test
        )
    return found
