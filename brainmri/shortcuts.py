"""What can be predicted without looking at the brain: small models on size, border, brightness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from brainmri import metrics
from brainmri.features import THUMBNAIL_PX
from brainmri.forests import forest
from brainmri.metrics import Estimate

CLASS, TUMOUR = "class", "tumour"
TASKS = (CLASS, TUMOUR)
"""All classes, or the negative class against all others; each has models of its own."""

TEST, UNSEEN_TEST = "test", "unseen test"
SMALL_PX = 16
THUMBNAIL = f"{SMALL_PX} x {SMALL_PX} thumbnail"
_TREE_DEPTHS = (3, 6, 12, 24)
_FOREST_DEPTHS = (6, 12)
"""Simplest first; the validation part chooses."""
_FEW_FEATURES = 32
"""Up to here one tree, which can be read; a forest for more."""

Features = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Shortcut:
    """What one kind of feature gives away.

    Attributes:
        features: name of the features.
        task: one of `TASKS`.
        model: what the validation part chose, such as "tree of depth 6".
        training_images: images that it was fitted to, those of the validation part included.
        val_k, val_n: right answers on the validation part, of how many.
        answers: the class answered for each test row, in their order; for `TUMOUR` the negative
            class or an empty string for any other. object (test rows,).
        truth: what it should have been, likewise.
    """

    features: str
    task: str
    model: str
    training_images: int
    val_k: int
    val_n: int
    answers: NDArray[np.object_]
    truth: NDArray[np.object_]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each answer is right; bool (test rows,)."""
        return (self.answers == self.truth).astype(bool)


def features(
    rows: pd.DataFrame, borders: NDArray[np.uint8], small: NDArray[np.uint8]
) -> dict[str, NDArray[np.generic]]:
    """The features of every image (n, f), by name; "nothing" is what the class sizes give away.

    Args:
        rows: index rows.
        borders: outermost pixels of the thumbnails, uint8 (n, ring), as `quality.border` gives them.
        small: uint8 (n, SMALL_PX, SMALL_PX), as `shrink` gives them.
    """
    size = rows[["width_px", "height_px"]].to_numpy(np.float64)
    modes = sorted(rows["mode"].unique())
    of_mode = rows["mode"].to_numpy()[:, np.newaxis] == np.array(modes, dtype=object)
    size_and_mode = np.column_stack([size, size[:, 0] / size[:, 1], of_mode])
    length = rows["bytes"].to_numpy(np.float64)
    return {
        "nothing": np.zeros((len(rows), 1)),
        "size and mode": size_and_mode,
        "size, mode and file length": np.column_stack(
            [size_and_mode, length, length / size.prod(axis=1)]
        ),
        "brightness": rows[["mean_intensity", "std_intensity"]].to_numpy(np.float64),
        "border pixels": borders,
        THUMBNAIL: small.reshape(len(rows), -1),
    }


def shrink(thumbnails: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mean grey levels of blocks, uint8 (n, SMALL_PX, SMALL_PX)."""
    block = THUMBNAIL_PX // SMALL_PX
    blocks = thumbnails.reshape(-1, SMALL_PX, block, SMALL_PX, block)
    return np.rint(blocks.mean(axis=(2, 4))).astype(np.uint8)


def fit(
    features: Features,
    label: NDArray[np.object_],
    part: NDArray[np.object_],
    *,
    negative: str,
    seed: int,
) -> Iterator[Shortcut]:
    """Fit to the training part, choose on the validation part, answer the test part once.

    A tree for few features, a forest for pixels. What was chosen is fitted again to training and
    validation images together: both are images that a network has seen too.

    Args:
        features: arrays (n, f) by name.
        label: (n,) class names.
        part: (n,) "train", "val", "test" or anything else for rows that are not used.
        negative: the class that means "no tumour".
        seed: of the forests.

    Yields:
        One shortcut per kind of features and task.
    """
    for task in TASKS:
        truth = label if task == CLASS else np.where(label == negative, negative, "")
        truth = truth.astype(object)
        for name, x in features.items():
            yield _fit(name, task, x, truth, part, seed)


def accuracy_table(
    found: list[Shortcut], seen: NDArray[np.bool_], *, protocol: str, negative: str
) -> pd.DataFrame:
    """Right answers as k of n, on all test images and on those without a near-duplicate in training.

    The unseen test images can be nearly all of one kind, and then accuracy says little; so the table
    also counts missed tumours (tumour images answered negative) and false alarms (the reverse).

    Args:
        found: shortcuts of one protocol.
        seen: bool (test rows,), whether a near-duplicate shaped the model.

    Returns:
        `protocol`, `features`, `task`, `rows` ("test" or "unseen test"), `k`, `n`, `missed`,
        `tumours`, `false_alarms`, `negatives`, `model`, `training_images`, `val_k`, `val_n`.
    """
    rows = []
    for one in found:
        for name, chosen in ((TEST, np.ones_like(seen)), (UNSEEN_TEST, ~seen)):
            is_negative = (one.truth == negative) & chosen
            called_negative = one.answers == negative
            is_tumour = chosen & ~is_negative
            rows.append(
                {
                    "protocol": protocol,
                    "features": one.features,
                    "task": one.task,
                    "rows": name,
                    "k": int(one.right[chosen].sum()),
                    "n": int(chosen.sum()),
                    "missed": int((is_tumour & called_negative).sum()),
                    "tumours": int(is_tumour.sum()),
                    "false_alarms": int((is_negative & ~called_negative).sum()),
                    "negatives": int(is_negative.sum()),
                    "model": one.model,
                    "training_images": one.training_images,
                    "val_k": one.val_k,
                    "val_n": one.val_n,
                }
            )
    return pd.DataFrame(rows)


def answer_table(
    found: list[Shortcut], paths: NDArray[np.object_], *, protocol: str
) -> pd.DataFrame:
    """Every answer, for intervals that resample clusters: `protocol`, `features`, `task`, `path`,
    `answer`, `right`.
    """
    tables = [
        pd.DataFrame(
            {
                "protocol": protocol,
                "features": one.features,
                "task": one.task,
                "path": paths,
                "answer": one.answers,
                "right": one.right,
            }
        )
        for one in found
    ]
    return pd.concat(tables, ignore_index=True)


def shares_right(answers: pd.DataFrame, rows: pd.DataFrame) -> dict[tuple[str, str, str], Estimate]:
    """Share of right answers by protocol, features and task; intervals know the clusters.

    Args:
        answers: of `answer_table`.
        rows: of the index, which say the near-duplicate cluster of each path.
    """
    cluster = rows.set_index("path")["cluster"]
    found = {}
    for (protocol, name, task), some in answers.groupby(["protocol", "features", "task"]):
        of_answers = cluster.loc[some["path"]].to_numpy(np.int64)
        right = metrics.share(some["right"].to_numpy(bool), of_answers)
        found[str(protocol), str(name), str(task)] = right
    return found


def _fit(
    name: str,
    task: str,
    x: NDArray[np.generic],
    truth: NDArray[np.object_],
    part: NDArray[np.object_],
    seed: int,
) -> Shortcut:
    train, val, test = (part == which for which in ("train", "val", "test"))
    candidates = _candidates(len(x), x.shape[1], seed)
    right = [
        int((model.fit(x[train], truth[train]).predict(x[val]) == truth[val]).sum())
        for _, model in candidates
    ]
    best = int(np.argmax(right))  # A tie goes to the simpler model.
    chosen, model = candidates[best]
    answers = model.fit(x[train | val], truth[train | val]).predict(x[test]).astype(object)
    return Shortcut(
        features=name,
        task=task,
        model=chosen,
        training_images=int((train | val).sum()),
        val_k=right[best],
        val_n=int(val.sum()),
        answers=answers,
        truth=truth[test],
    )


def _candidates(
    images: int, features: int, seed: int
) -> list[tuple[str, DecisionTreeClassifier | RandomForestClassifier]]:
    if features <= _FEW_FEATURES:
        return [
            (f"tree of depth {depth}", DecisionTreeClassifier(max_depth=depth, random_state=seed))
            for depth in _TREE_DEPTHS
        ]
    return [
        (
            f"forest of depth {depth}",
            forest(images * features, depth=depth, seed=seed),
        )
        for depth in _FOREST_DEPTHS
    ]
