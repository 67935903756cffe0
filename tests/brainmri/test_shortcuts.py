"""`brainmri.shortcuts`: a planted shortcut is found, and where there is none, nothing is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from brainmri import shortcuts
from brainmri.features import THUMBNAIL_PX

CLASSES = np.array(["glioma", "no", "pituitary"], dtype=object)
N = 450


def an_image_set(seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Rows whose size, mode, brightness and length say nothing; their labels, parts and borders."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "width_px": rng.integers(200, 600, N),
            "height_px": rng.integers(200, 600, N),
            "mode": rng.choice(["L", "RGB"], N),
            "bytes": rng.integers(5000, 50000, N),
            "mean_intensity": rng.uniform(0.1, 0.4, N),
            "std_intensity": rng.uniform(0.1, 0.4, N),
        }
    )
    part = np.array(["train", "val", "test"], dtype=object)[np.arange(N) // 3 % 3]
    borders = rng.integers(0, 255, (N, 60), dtype=np.uint8)
    return rows, CLASSES[np.arange(N) % 3], part, borders


def found_by(
    rows: pd.DataFrame, label: np.ndarray, part: np.ndarray, borders: np.ndarray
) -> Any:  # a DataFrame; its stubs do not know what `.loc` of two levels gives
    small = np.random.default_rng(9).integers(0, 255, (N, 16, 16), dtype=np.uint8)
    x = shortcuts.features(rows, borders, small)
    found = list(shortcuts.fit(x, label, part, negative="no", seed=0))
    table = shortcuts.accuracy_table(
        found, np.zeros((part == "test").sum(), dtype=bool), protocol="official", negative="no"
    )
    table["share"] = table["k"] / table["n"]
    return table[table["rows"] == "test"].set_index(["features", "task"])


def test_without_a_shortcut_every_model_is_near_chance() -> None:
    table = found_by(*an_image_set())
    assert (table["n"] == 150).all()
    of_class = table.xs("class", level="task")["share"]
    assert of_class.between(0.2, 0.47).all()  # a third, give or take 3.5 standard errors
    assert (table.xs("tumour", level="task")["share"] < 0.78).all()  # two thirds have a tumour
    assert table.loc[("nothing", "tumour"), "k"] == 100
    assert table.loc[("nothing", "tumour"), "false_alarms"] == 50
    assert table.loc[("nothing", "tumour"), "missed"] == 0


def test_a_size_that_tells_the_class_is_found_by_size_and_by_nothing_else() -> None:
    rows, label, part, borders = an_image_set()
    rows["width_px"] = np.select([label == "no", label == "glioma"], [225, 512], 300)
    table = found_by(rows, label, part, borders)
    for task in shortcuts.TASKS:
        assert table.loc[("size and mode", task), "k"] == 150
        assert table.loc[("size, mode and file length", task), "k"] == 150
    others = table.drop(index=["size and mode", "size, mode and file length"], level="features")
    assert (others.xs("class", level="task")["share"] < 0.5).all()


@pytest.mark.parametrize("planted", ["mode", "border pixels", "brightness"])
def test_every_other_planted_shortcut_is_found_by_its_own_model(planted: str) -> None:
    rows, label, part, borders = an_image_set()
    if planted == "mode":
        rows["mode"] = np.where(label == "no", "L", "RGB")
        name = "size and mode"
    elif planted == "brightness":
        rows["mean_intensity"] += 0.5 * (label == "no")
        name = "brightness"
    else:
        borders[label == "no", 7] = 250
        borders[label != "no", 7] = 2
        borders[label == "no", 8:40] = 250
        name = "border pixels"
    table = found_by(rows, label, part, borders)
    assert table.loc[(name, "tumour"), "share"] > 0.97


def test_equal_seeds_answer_alike_and_test_labels_play_no_part() -> None:
    rows, label, part, borders = an_image_set()
    first = found_by(rows, label, part, borders)
    assert first.equals(found_by(rows, label, part, borders))
    other = label.copy()
    other[part == "test"] = "no"
    changed = found_by(rows, other, part, borders)
    assert (changed["model"] == first["model"]).all()
    assert (changed["val_k"] == first["val_k"]).all()


def test_rows_of_no_part_are_neither_fitted_to_nor_answered() -> None:
    rows, label, part, borders = an_image_set()
    part[part == "test"] = np.where(np.arange(150) < 60, "test", "guard")
    table = found_by(rows, label, part, borders)
    assert (table["n"] == 60).all()
    assert (table["training_images"] == 300).all()


def test_unseen_images_are_counted_apart_with_their_missed_tumours_and_false_alarms() -> None:
    one = shortcuts.Shortcut(
        features="x",
        task="class",
        model="tree of depth 3",
        training_images=5,
        val_k=1,
        val_n=2,
        answers=np.array(["no", "yes", "yes", "no"], dtype=object),
        truth=np.array(["yes", "yes", "no", "no"], dtype=object),
    )
    seen = np.array([True, False, False, False])
    every, unseen = shortcuts.accuracy_table([one], seen, protocol="p", negative="no").to_dict(
        "records"
    )
    names = ["k", "n", "missed", "tumours", "false_alarms", "negatives"]
    assert [every[name] for name in names] == [2, 4, 1, 2, 1, 2]
    assert [unseen[name] for name in names] == [2, 3, 0, 1, 1, 2]


def test_answers_are_kept_by_path() -> None:
    _, label, part, borders = an_image_set()
    x = {"border pixels": borders}
    [of_class, of_tumour] = shortcuts.fit(x, label, part, negative="no", seed=0)
    paths = np.array([f"{i}.png" for i in range(150)], dtype=object)
    table = shortcuts.answer_table([of_class, of_tumour], paths, protocol="official")
    assert len(table) == 300
    assert set(table.loc[table["task"] == "tumour", "answer"]) <= {"no", ""}
    assert table.loc[table["task"] == "class", "right"].sum() == of_class.right.sum()


def test_the_small_image_holds_the_mean_of_each_block() -> None:
    image = np.zeros((1, THUMBNAIL_PX, THUMBNAIL_PX), dtype=np.uint8)
    image[0, :8, :4] = 200
    small = shortcuts.shrink(image)
    assert small.shape == (1, 16, 16)
    assert small[0, 0, 0] == 100
    assert small.sum() == 100
