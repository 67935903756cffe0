"""`brainmri.splits`: who trains, who chooses the epoch, who tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainmri import index, leakage, part_counts, phantom, splits
from brainmri.errors import InputError
from brainmri.features import perceptual_hashes
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


def test_a_metadata_column_names_the_parts_and_what_is_left_out() -> None:
    fold = [
        "Training",
        " TRAIN",
        "val",
        "validation",
        "test ",
        "Testing",
        "Guard",
        None,
        "unused",
        " ",
    ]
    table = an_index([None] * 10, ["no", "yes"] * 5, fold=fold)
    part = splits.assign(table, "fold", seed=0)
    expected = ["train", "train", "val", "val", "test", "test", *["unused"] * 4]
    assert part.tolist() == expected
    says = splits.left_out(table, "fold")
    assert says == 'The column "fold" leaves 4 images out: 1 guard, 1 unused, 2 without a value'


def test_nothing_is_said_where_no_image_is_left_out() -> None:
    table = an_index([None] * 6, ["no", "yes"] * 3, fold=["train"] * 2 + ["val"] * 2 + ["test"] * 2)
    for protocol in ("fold", splits.OFFICIAL, splits.AUTO, "auto:fold"):
        assert splits.left_out(table, protocol) is None


def test_values_that_name_no_part_are_refused_with_their_counts() -> None:
    table = an_index([None] * 8, ["no", "yes"] * 4, fold=["train", "train", "val", "val", "test", "test",
                     "tset", "tset"])  # fmt: skip
    says = r'column "fold" holds values that name no part: "tset" \(2 images\); write train, val or test'
    with pytest.raises(InputError, match=says):
        splits.assign(table, "fold", seed=0)


def test_of_many_values_that_name_no_part_a_few_are_shown() -> None:
    table = an_index([None] * 40, ["no", "yes"] * 20, patient=[f"p{i}" for i in range(40)])
    with pytest.raises(InputError, match=r'"p4" \(1 image\), 35 more; write'):
        splits.assign(table, "patient", seed=0)


@pytest.mark.parametrize("protocol", [splits.OFFICIAL, splits.AUTO, "fold"])
@pytest.mark.parametrize("seed", [-1, 2**32, 99_999_999_999])
def test_a_seed_that_cannot_be_used_is_refused(protocol: str, seed: int) -> None:
    table = balanced(40)
    table.rows["fold"] = table.rows["split"]
    with pytest.raises(InputError, match=f"seed {seed} cannot be used; give a whole number from 0"):
        splits.assign(table, protocol, seed=seed)


@pytest.mark.parametrize("protocol", [splits.OFFICIAL, splits.AUTO])
def test_the_largest_seed_can_be_used(protocol: str) -> None:
    assert (splits.assign(balanced(40), protocol, seed=2**32 - 1) == "train").any()


def test_a_column_with_a_comma_in_its_name_cannot_be_grouped_by() -> None:
    table = an_index(["train"] * 4, ["no", "yes"] * 2)
    table.rows["site, scanner"] = ["a", "b", "c", "d"]
    says = 'column "site, scanner" has a comma in its name, which separates columns here'
    with pytest.raises(InputError, match=says):
        splits.assign(table, "auto:site, scanner", seed=0)


def test_the_index_refuses_columns_with_the_names_of_other_splits() -> None:
    assert index.SPLITS == (splits.OFFICIAL, splits.AUTO)


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
    with pytest.raises(InputError, match=r"no Training and Testing folders.*choose auto or"):
        splits.assign(table, splits.OFFICIAL, seed=0)


def test_a_protocol_that_does_not_exist_is_refused() -> None:
    with pytest.raises(
        InputError, match='no split "grouped"; use official, auto, auto:COLUMN, or a'
    ):
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


# --- the automatic split ---------------------------------------------------------------------


def grouped(seed: int, n: int = 300) -> ImageIndex:
    """Images of two classes with clusters within, and patients across, each other; some unknown."""
    rng = np.random.default_rng(seed)
    patient = [None if p < 4 else f"p{p}" for p in rng.integers(0, 90, n)]
    scanner = [None if s < 30 else f"s{s}" for s in rng.integers(0, 2000, n)]
    labels = rng.choice(["no", "yes"], n, p=[0.7, 0.3]).tolist()
    cluster = rng.integers(0, 6 * n, n).tolist()
    return an_index([None] * n, labels, cluster, patient=patient, scanner=scanner)


def parts_of_each(table: ImageIndex, part: pd.Series[str], column: str) -> int:
    """The most parts that one known value of a column lies in."""
    return int(part.groupby(table.rows[column].dropna()).nunique().max())


@given(st.integers(0, 1000))
def test_no_cluster_and_no_group_straddles_two_parts(seed: int) -> None:
    table = grouped(seed)
    part = splits.assign(table, "auto:patient,scanner", seed=seed)
    assert set(part) == {"train", "val", "test"}
    for column in ("cluster", "patient", "scanner"):
        assert parts_of_each(table, part, column) == 1


@given(st.integers(0, 1000))
def test_without_columns_only_clusters_are_kept_whole(seed: int) -> None:
    table = grouped(seed)
    part = splits.assign(table, splits.AUTO, seed=seed)
    assert parts_of_each(table, part, "cluster") == 1
    assert parts_of_each(table, part, "patient") > 1


@given(st.integers(0, 1000))
def test_the_automatic_split_is_stratified_in_the_shares_it_promises(seed: int) -> None:
    table = grouped(seed)
    part = splits.assign(table, "auto:patient", seed=seed)
    label = table.rows["label"]
    largest = label.groupby(splits.groups(table.rows, ["patient"])).value_counts().max()
    for name, share in splits.SHARES.items():
        off = (label[part == name].value_counts() - share * label.value_counts()).abs()
        assert off.max() <= largest / 2


def test_images_without_copies_are_split_exactly() -> None:
    table = an_index([None] * 400, ["no"] * 300 + ["yes"] * 100)
    counts = part_counts.counts(table, splits.assign(table, splits.AUTO, seed=0))
    assert counts.to_dict("index") == {
        "no": {"train": 210, "val": 45, "test": 45},
        "yes": {"train": 70, "val": 15, "test": 15},
        "all": {"train": 280, "val": 60, "test": 60},
    }


def test_groups_are_chains_over_clusters_and_columns_and_unknown_values_join_nothing() -> None:
    rows = pd.DataFrame(
        {
            "cluster": [0, 0, 1, 2, 3, 4, 5],
            "patient": ["a", "b", "b", None, None, "c", "d"],
            "scanner": pd.array([1, 2, 3, 4, 5, pd.NA, pd.NA], dtype="Int64"),
        }
    )
    assert splits.groups(rows, []).tolist() == [0, 0, 1, 2, 3, 4, 5]
    assert splits.groups(rows, ["patient"]).tolist() == [0, 0, 0, 1, 2, 3, 4]
    rows["scanner"] = pd.array([1, 2, 3, 4, 4, 1, pd.NA], dtype="Int64")
    assert splits.groups(rows, ["patient", "scanner"]).tolist() == [0, 0, 0, 1, 1, 0, 2]


def test_the_seed_decides_the_automatic_split() -> None:
    table = grouped(0)
    first = splits.assign(table, "auto:patient", seed=0)
    assert first.equals(splits.assign(table, "auto: patient", seed=0))
    assert not first.equals(splits.assign(table, "auto:patient", seed=1))


@given(st.integers(0, 1000))
def test_three_groups_of_a_class_are_enough_however_unequal(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 40, 6)
    labels = ["no"] * int(sizes[:3].sum()) + ["yes"] * int(sizes[3:].sum())
    patient = np.repeat(list("abcdef"), sizes).tolist()
    table = an_index([None] * len(labels), labels, patient=patient)
    part = splits.assign(table, "auto:patient", seed=seed)
    assert parts_of_each(table, part, "patient") == 1
    assert (part_counts.counts(table, part) > 0).all(axis=None)


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        (["a", "b"] * 10, r"cluster and patient, the images of no fall into too few groups \(1\)"),
        (["a", "b", "c", "b"] * 5, r"the images of yes fall into too few groups \(1\)"),
    ],
)
def test_too_few_groups_are_refused_with_a_sentence(patient: list[str], says: str) -> None:
    table = an_index([None] * 20, ["no", "yes"] * 10, patient=patient)
    with pytest.raises(InputError, match=says):
        splits.assign(table, "auto:patient", seed=0)


@pytest.mark.parametrize("protocol", ["auto:site", "auto:", "auto:patient,,"])
def test_a_column_to_group_by_that_does_not_exist_is_refused(protocol: str) -> None:
    with pytest.raises(InputError, match="There is no column"):
        splits.assign(grouped(0), protocol, seed=0)


# --- leaks -----------------------------------------------------------------------------------


def slices_and_copies() -> ImageIndex:
    """Forty phantom slices with a copy each, every second mirrored; slices train, copies test."""
    rows = []
    for i in range(40):
        pixels = phantom.draw(phantom.CLASSES[i % 4], i)
        copy = pixels[:, ::-1] if i % 2 else pixels
        for name, split, image in (("a", "train", pixels), ("b", "test", copy)):
            phash, phash_mirrored = perceptual_hashes(np.ascontiguousarray(image))
            rows.append(
                {
                    "path": f"{i}{name}.png",
                    "split": split,
                    "cluster": i,
                    "label": phantom.CLASSES[i % 4],
                    "phash": phash,
                    "phash_mirrored": phash_mirrored,
                    "pixel_sha256": f"{i}{name if i % 2 else ''}",
                }
            )
    return ImageIndex(pd.DataFrame(rows), list(phantom.CLASSES), "notumor")


def test_a_leaking_split_says_how_many_images_leak_and_shows_three() -> None:
    table = slices_and_copies()
    part = splits.assign(table, splits.OFFICIAL, seed=0)
    says = splits.leak_sentence(splits.OFFICIAL, leakage.leaks(table, part))
    assert says is not None
    assert 'The split "official" leaks: 40 of 40 test images have a near-duplicate' in says
    assert says.count(" (a copy of ") + says.count(" (a mirrored copy of ") == 3
    assert "such as 0b.png (a copy of 0a.png)" in says
    assert "\n" not in says


def test_the_automatic_split_of_the_same_images_leaks_nothing() -> None:
    table = slices_and_copies()
    part = splits.assign(table, splits.AUTO, seed=0)
    found = leakage.leaks(table, part)
    assert splits.leak_sentence(splits.AUTO, found) is None
    assert found.shares["test"].k == 0


# --- the table -------------------------------------------------------------------------------


def test_unused_rows_are_counted_where_there_are_some() -> None:
    table = an_index([None] * 8, ["no", "yes"] * 4, fold=["train", "train", "val", "val", "test",
                     "test", "guard", None])  # fmt: skip
    counts = part_counts.counts(table, splits.assign(table, "fold", seed=0))
    assert counts.columns.tolist() == ["train", "val", "test", "unused"]
    assert counts.to_dict("index")["all"] == {"train": 2, "val": 2, "test": 2, "unused": 2}


def test_a_written_split_is_metadata_that_gives_the_same_parts(
    phantom_data: Path, indexed_models: Path, tmp_path: Path
) -> None:
    table = index.read(indexed_models / "dataset" / "index.parquet")
    part = splits.assign(table, splits.AUTO, seed=4)
    splits.write(tmp_path / "new" / "split.csv", table, part)
    again = index.build(
        phantom_data, tmp_path / "models", metadata=tmp_path / "new" / "split.csv", quiet=True
    ).index
    assert splits.assign(again, splits.PART, seed=0).tolist() == part.tolist()
