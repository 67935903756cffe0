"""Two runs beside each other: hand-computed cells, the same curves as elsewhere, settings in order."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from brainmri import beside, calibration, comparison, metrics
from brainmri.comparison import Pairs
from brainmri.predictions import Predictions
from brainmri.runs import Run

CLASSES = ["glioma", "normal"]
N = 60
Y_TRUE = np.arange(N) % 2
GROUPS = np.arange(N)


def table(wrong: set[int]) -> Predictions:
    """Sure and right answers but for the images in `wrong`."""
    right = np.array([0.2 if i in wrong else 0.9 for i in range(N)])
    y_prob = np.stack([right, 1 - right], axis=1)
    y_prob[Y_TRUE == 1] = y_prob[Y_TRUE == 1][:, ::-1]
    return Predictions(
        paths=np.array([f"{i}.png" for i in range(N)], dtype=object),
        splits=np.array(["test"] * N, dtype=object),
        y_true=Y_TRUE.astype(np.int64),
        y_prob=y_prob.astype(np.float32),
        classes=CLASSES,
        negative_class="normal",
    )


def pairs(wrong_a: set[int], wrong_b: set[int]) -> Pairs:
    return comparison.join(table(wrong_a), table(wrong_b), split="test", negative="normal")


def test_cells_are_b_minus_a_with_the_images_of_the_class_as_n() -> None:
    # A misses gliomas 0, 2 and 4, and B only 0; B calls the normal image 1 a glioma.
    cells = beside.cells(pairs({0, 2, 4}, {0, 1}), GROUPS)
    assert [[cell.change for cell in row] for row in cells] == [[2, -2], [1, -1]]
    missed = cells[0][1]
    assert (missed.truth, missed.answer) == ("glioma", "normal")
    assert missed.share.difference.value == pytest.approx(-2 / 30)
    assert missed.share.difference.n == 30
    assert not missed.certain


def test_a_clear_change_is_certain_and_no_change_never_is() -> None:
    cells = beside.cells(pairs(set(range(0, 40, 2)), set()), GROUPS)
    assert cells[0][1].change == -20
    assert cells[0][1].certain
    assert cells[1][0].change == 0
    assert not cells[1][0].certain


def test_changes_of_a_row_cancel_out() -> None:
    rng = np.random.default_rng(3)
    draw = [set(rng.choice(N, 15, replace=False).tolist()) for _ in range(2)]
    for row in beside.cells(pairs(draw[0], draw[1]), GROUPS):
        assert sum(cell.change for cell in row) == 0


def test_without_images_in_common_there_are_no_cells() -> None:
    none = comparison.join(table(set()), table(set()), split="val", negative="normal")
    assert beside.cells(none, np.empty(0, dtype=np.int64)) == []


def test_each_side_is_judged_after_its_own_temperature() -> None:
    both = pairs({0, 1}, {0, 1})
    a, b = beside.sides(both, GROUPS, temperature_a=None, temperature_b=3.0)
    y_prob = calibration.apply_temperature(both.prob_b, 3.0)
    assert a.reliability == calibration.reliability(both.y_true, both.prob_a, GROUPS)
    assert b.reliability == calibration.reliability(both.y_true, y_prob, GROUPS)
    assert a.area == b.area  # A temperature keeps the order of two classes.


def test_the_thresholds_of_the_curve_are_tumour_probabilities() -> None:
    a, _ = beside.sides(pairs({0}, set()), GROUPS, temperature_a=None, temperature_b=None)
    assert a.roc is not None
    assert a.roc.thresholds[1:].tolist() == pytest.approx([0.9, 0.2, 0.1])


def test_images_of_one_kind_have_no_curve() -> None:
    both = pairs(set(), set())
    keep = both.y_true == 0
    only = dataclasses.replace(
        both, y_true=both.y_true[keep], prob_a=both.prob_a[keep], prob_b=both.prob_b[keep]
    )
    a, b = beside.sides(only, GROUPS[keep], temperature_a=None, temperature_b=None)
    assert a.roc is None
    assert b.roc is None
    assert a.area.value is None


def run(**changed: Any) -> Run:
    whole: dict[str, Any] = {
        "name": "a", "architecture": "cnn", "classes": CLASSES, "negative_class": "normal",
        "protocol": "official", "index_sha256": "ab" * 32, "seed": 0,
        "configuration": {"batch": 32, "augmented": False}, "preprocessing": {"size_px": 64},
        "history": [], "images": {"train": 10}, "model_sha256": "cd" * 32,
        "versions": {"python": "3.11"}, "created": "2026-01-02T03:04:05+00:00",
    }  # fmt: skip
    return Run(**{**whole, **changed})


def test_settings_that_differ_come_first_and_absent_ones_are_none() -> None:
    a, b = run(), run(seed=1, configuration={"batch": 32, "augmented": True, "frozen": 3})
    differ = [one for one in beside.settings(a, b) if one.differs]
    assert [(one.name, one.a, one.b) for one in differ] == [
        ("seed", "0", "1"),
        ("training: augmented", "no", "yes"),
        ("training: frozen", None, "3"),
    ]
    assert beside.settings(a, b)[: len(differ)] == differ
    assert not any(one.differs for one in beside.settings(a, a))


def test_what_came_of_a_training_is_no_setting() -> None:
    a, b = run(temperature=1.2), run(temperature=1.4, created="2026-02-02T03:04:05+00:00")
    differ = [one for one in beside.settings(a, b) if one.differs]
    assert {one.name: one.is_result for one in differ} == {
        "temperature": True,
        "created (UTC)": True,
    }
    assert not any(one.is_result for one in beside.settings(a, b) if one.name == "seed")


def test_fewer_resamples_give_the_same_counts() -> None:
    few = beside.cells(pairs({0}, {2, 4}), GROUPS, resamples=20)
    many = beside.cells(pairs({0}, {2, 4}), GROUPS, resamples=metrics.RESAMPLES)
    assert [[c.change for c in row] for row in few] == [[c.change for c in row] for row in many]
