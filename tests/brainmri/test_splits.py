"""`brainmri.splits`: who trains, who chooses the epoch, who tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainmri import index, splits
from brainmri.errors import InputError
from brainmri.index import ImageIndex


def an_index(
    split: Sequence[str | None],
    label: list[str],
    cluster: Sequence[int] | None = None,
    **extra: Sequence[str | None],
) -> ImageIndex:
    rows = pd.DataFrame({"split": list(split), "label": label, **extra})
    rows["cluster"] = range(len(rows)) if cluster is None else cluster
    return ImageIndex(rows, sorted(set(label)), "no")


def balanced(n: int) -> ImageIndex:
    """`n` training and 4 test images of two classes, every image its own cluster."""
    return an_index(["train"] * n + ["test"] * 4, ["no", "yes"] * (n // 2 + 2))


def test_the_official_split_keeps_the_folders_and_takes_a_tenth_for_validation() -> None:
    part = splits.assign(balanced(200), splits.OFFICIAL, seed=0)
    assert part.value_counts().to_dict() == {"train": 180, "val": 20, "test": 4}
    assert (part[200:] == "test").all()
    assert not (part[:200] == "test").any()


def test_the_validation_part_is_stratified_by_class() -> None:
    labels = ["no"] * 150 + ["yes"] * 50 + ["no", "yes"]
    table = an_index(["train"] * 200 + ["test"] * 2, labels)
    part = splits.assign(table, splits.OFFICIAL, seed=3)
    assert table.rows.loc[part == "val", "label"].value_counts().to_dict() == {"no": 15, "yes": 5}


def test_the_seed_decides_and_decides_alone() -> None:
    first = splits.assign(balanced(100), splits.OFFICIAL, seed=0)
    assert first.equals(splits.assign(balanced(100), splits.OFFICIAL, seed=0))
    assert not first.equals(splits.assign(balanced(100), splits.OFFICIAL, seed=1))


@given(st.integers(0, 1000), st.integers(12, 60))
def test_no_validation_row_shares_a_cluster_with_a_training_row(seed: int, clusters: int) -> None:
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, clusters, 120).tolist()
    labels = [["no", "yes"][c % 2] for c in cluster]
    table = an_index(
        ["train"] * 120 + ["test"] * 2, [*labels, "no", "yes"], [*cluster, *cluster[:2]]
    )
    part = splits.assign(table, splits.OFFICIAL, seed=seed)
    by_part = table.rows.groupby(part)["cluster"].agg(set)
    assert not by_part["val"] & by_part["train"]
    assert by_part["val"]


def test_phantom_validation_rows_share_no_cluster_with_training_rows(
    indexed_models: Path,
) -> None:
    table = index.read(indexed_models / "dataset" / "index.parquet")
    part = splits.assign(table, splits.OFFICIAL, seed=0)
    by_part = table.rows.groupby(part)["cluster"].agg(set)
    assert by_part["val"]
    assert not by_part["val"] & by_part["train"]


def test_a_metadata_column_names_the_parts_and_anything_else_is_unused() -> None:
    fold = ["Training", "TRAIN", "val", "validation", "test", "Testing", "guard", None]
    table = an_index([None] * 8, ["no", "yes"] * 4, fold=fold)
    part = splits.assign(table, "fold", seed=0)
    expected = ["train", "train", "val", "val", "test", "test", "unused", "unused"]
    assert part.tolist() == expected


def test_a_column_without_validation_rows_gets_them_from_its_training_rows() -> None:
    fold = ["train"] * 60 + ["test"] * 20 + ["guard"] * 20
    table = an_index([None] * 100, ["no", "yes"] * 50, fold=fold)
    part = splits.assign(table, "fold", seed=0)
    assert part.value_counts().to_dict() == {"train": 54, "val": 6, "test": 20, "unused": 20}
    assert set(part[60:80]) == {"test"}


def test_the_result_has_the_rows_of_the_index_whatever_their_labels() -> None:
    table = balanced(40)
    table.rows.index = pd.Index(range(1000, 1044))
    assert splits.assign(table, splits.OFFICIAL, seed=0).index.equals(table.rows.index)


def test_assigning_changes_nothing_in_the_index() -> None:
    table = balanced(40)
    before = table.rows.copy()
    splits.assign(table, splits.OFFICIAL, seed=0)
    pd.testing.assert_frame_equal(table.rows, before)


def test_without_split_folders_there_is_no_official_split() -> None:
    table = an_index([None, None], ["no", "yes"])
    with pytest.raises(InputError, match="no Training and Testing folders"):
        splits.assign(table, splits.OFFICIAL, seed=0)


def test_a_protocol_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match='no split "grouped"; use official, or a column'):
        splits.assign(balanced(40), "grouped", seed=0)


@pytest.mark.parametrize("absent", ["train", "val", "test"])
def test_a_class_missing_from_a_part_is_named(absent: str) -> None:
    fold = ["train", "train", "val", "val", "test", "test"]
    labels = ["no", "yes"] * 3
    labels[fold.index(absent) + 1] = "no"
    table = an_index([None] * 6, labels, fold=fold)
    with pytest.raises(InputError, match=f"has no {absent} images of yes"):
        splits.assign(table, "fold", seed=0)


def test_a_class_whose_training_images_are_all_copies_is_refused() -> None:
    table = an_index(
        ["train"] * 8 + ["test"] * 2, ["no", "yes"] * 5, [0, 9, 1, 9, 2, 9, 3, 9, 20, 21]
    )
    with pytest.raises(InputError, match="at least two that are not copies of each other"):
        splits.assign(table, splits.OFFICIAL, seed=0)
