"""`brainmri.leakage`: copies between parts and labels that contradict each other, planted by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from brainmri import leakage, metrics
from brainmri.index import ImageIndex


def a_hash(seed: int, *, flip_bits: int = 0) -> bytes:
    """A random hash; with `flip_bits`, the same with that many bits changed."""
    bits = np.random.default_rng(seed).integers(0, 2, 256, dtype=np.uint8)
    bits[:flip_bits] ^= 1
    return np.packbits(bits).tobytes()


def an_index(images: Sequence[dict[str, object]]) -> tuple[ImageIndex, pd.Series[str]]:
    """An index and the part of each row; what an image does not say is unlike any other image."""
    rows = pd.DataFrame(
        [
            {
                "path": f"{i}.png",
                "split": "train",
                "label": "no",
                "pixel_sha256": f"pixels {i}",
                "phash": a_hash(1000 + i),
                "phash_mirrored": a_hash(2000 + i),
                "cluster": i,
                **image,
            }
            for i, image in enumerate(images)
        ]
    )
    return ImageIndex(rows, ["no", "yes"], "no"), rows.pop("part").astype(str)


def test_an_exact_copy_a_near_one_and_a_mirrored_one_are_told_apart() -> None:
    found = leakage.leaks(
        *an_index(
            [
                {"part": "train", "phash": a_hash(0), "pixel_sha256": "a"},
                {"part": "train", "phash": a_hash(1)},
                {"part": "train", "phash_mirrored": a_hash(2)},
                {"part": "test", "phash": a_hash(0), "pixel_sha256": "a"},
                {"part": "test", "phash": a_hash(1, flip_bits=8), "label": "yes"},
                {"part": "test", "phash": a_hash(2, flip_bits=3), "label": "yes"},
                {"part": "test", "phash": a_hash(1, flip_bits=9), "label": "yes"},
            ]
        )
    )
    columns = ["path", "label", "training_path", "training_label", "kind", "distance_bits"]
    assert found.pairs[columns].to_numpy().tolist() == [
        ["3.png", "no", "0.png", "no", "exact", 0],
        ["4.png", "yes", "1.png", "no", "near", 8],
        ["5.png", "yes", "2.png", "no", "mirrored", 3],
    ]
    assert found.shares["test"] == metrics.proportion(3, 4)
    of_yes = found.counts.query("part == 'test' and label == 'yes'").iloc[0]
    assert of_yes[["images", "exact", "near", "mirrored"]].tolist() == [3, 0, 1, 1]


def test_every_near_duplicate_is_listed_and_an_image_counts_once_under_its_closest() -> None:
    found = leakage.leaks(
        *an_index(
            [
                {"part": "train", "phash_mirrored": a_hash(0)},
                {"part": "train", "phash": a_hash(0, flip_bits=4)},
                {"part": "train", "phash": a_hash(0, flip_bits=2)},
                {"part": "test", "phash": a_hash(0)},
            ]
        )
    )
    assert found.pairs["training_path"].tolist() == ["2.png", "1.png", "0.png"]
    row = found.counts.query("part == 'test' and label == 'no'").iloc[0]
    assert row[["images", "exact", "near", "mirrored"]].tolist() == [1, 0, 1, 0]


def test_an_image_that_looks_like_its_own_mirror_image_is_near_not_mirrored() -> None:
    found = leakage.leaks(
        *an_index(
            [
                {"part": "train", "phash": a_hash(0), "phash_mirrored": a_hash(0)},
                {"part": "test", "phash": a_hash(0)},
            ]
        )
    )
    assert found.pairs["kind"].tolist() == ["near"]


def test_a_validation_copy_leaks_into_the_test_part_but_not_the_other_way_round() -> None:
    found = leakage.leaks(
        *an_index(
            [
                {"part": "train"},
                {"part": "val", "phash": a_hash(0)},
                {"part": "test", "phash": a_hash(0)},
            ]
        )
    )
    assert found.pairs[["part", "training_part"]].to_numpy().tolist() == [["test", "val"]]
    assert found.shares["val"].k == 0


def test_rows_of_no_part_leak_nowhere() -> None:
    found = leakage.leaks(
        *an_index(
            [
                {"part": "unused", "phash": a_hash(0)},
                {"part": "train"},
                {"part": "test", "phash": a_hash(0)},
            ]
        )
    )
    assert found.pairs.empty
    assert found.shares["test"].k == 0


@pytest.mark.parametrize("parts", [["train", "train"], ["test", "test"]])
def test_a_part_without_images_has_no_share_and_says_why(parts: list[str]) -> None:
    found = leakage.leaks(*an_index([{"part": part, "phash": a_hash(0)} for part in parts]))
    assert found.shares["val"].reason == "no images"
    assert found.pairs.empty


def test_near_duplicates_within_the_part_are_worth_one_image_to_the_interval_of_its_share() -> None:
    def of(copies: int) -> metrics.Estimate:
        images: list[dict[str, object]] = [{"part": "train", "phash": a_hash(0), "cluster": 0}]
        for cluster in range(8):
            alike: dict[str, object] = {"part": "test", "phash": a_hash(cluster % 2 and cluster)}
            images += [{**alike, "cluster": cluster}] * copies
        return leakage.leaks(*an_index(images)).shares["test"]

    once, five = of(1), of(5)
    assert (once.k, once.n, five.k, five.n) == (4, 8, 20, 40)
    assert (five.low, five.high) == pytest.approx((once.low, once.high), abs=0.03)


def test_copies_with_different_labels_are_a_conflict_and_all_members_are_listed() -> None:
    table, _ = an_index(
        [
            {"part": "train", "cluster": 7, "label": "no"},
            {"part": "train", "cluster": 3, "label": "yes"},
            {"part": "train", "cluster": 7, "label": "yes"},
            {"part": "train", "cluster": 3, "label": "yes"},
            {"part": "train", "cluster": 7, "label": "no"},
        ]
    )
    conflicts = leakage.cluster_conflicts(table)
    assert conflicts["path"].tolist() == ["0.png", "2.png", "4.png"]
    assert set(conflicts["cluster"]) == {7}


def test_a_column_of_class_names_is_a_second_label_and_others_are_not() -> None:
    table, _ = an_index(
        [
            {"part": "train", "other": "Yes", "site": "a", "age": 3, "one": "yes", "none": None},
            {"part": "train", "other": "no ", "site": "b", "age": 4, "one": "yes", "none": None},
            {"part": "train", "other": None, "site": "no", "age": 5, "one": None, "none": None},
        ]
    )
    columns = ["other", "site", "age", "one", "none"]
    assert leakage.second_labels(table, columns) == ["other"]


def test_rows_where_the_second_label_disagrees_are_listed_and_missing_ones_are_not() -> None:
    table, _ = an_index(
        [
            {"part": "train", "label": "no", "other": "NO"},
            {"part": "train", "label": "no", "other": "yes"},
            {"part": "train", "label": "yes", "other": None},
        ]
    )
    found = leakage.label_disagreements(table, ["other"])
    assert found[["path", "label", "column", "value"]].to_numpy().tolist() == [
        ["1.png", "no", "other", "yes"]
    ]
    assert leakage.label_disagreements(table, []).empty
