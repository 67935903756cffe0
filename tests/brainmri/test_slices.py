"""`brainmri.slices`: properties of images, and figures by their values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from brainmri.metrics import FEWEST, group_matrices
from brainmri.slices import (
    HIGH_IS_WORST,
    MISSED,
    Slice,
    metrics_of,
    mistakes_of,
    properties,
    ranked,
    scored_metrics_of,
    scored_slices,
    slices,
    stands_apart,
)

CLASSES = ["glioma", "notumor", "pituitary"]
NEGATIVE = 1


def rows(n: int, **columns: object) -> pd.DataFrame:
    index = {
        "path": [f"a/{i}.png" for i in range(n)],
        "phash": [bytes([i % 256]) for i in range(n)],
        "cluster": np.arange(n),
        "width_px": [512] * n,
        "height_px": [512] * n,
        "mode": ["L"] * n,
    }
    return pd.DataFrame({**index, **columns})


def test_a_column_with_a_few_values_is_a_property_and_keys_are_none() -> None:
    table = rows(4, source=["web", "web", "figshare", None], width_px=[512, 512, 300, 300])
    found = properties(table)
    assert list(found) == ["size", "width_px", "source"]
    assert found["source"].tolist() == ["web", "web", "figshare", "not recorded"]
    assert found["size"].tolist() == ["512 × 512"] * 2 + ["300 × 512"] * 2


def test_numbers_are_cut_into_fifths_and_missing_ones_named() -> None:
    table = rows(101, brightness=[*np.linspace(0, 1, 100), np.nan])
    fifths = properties(table)["brightness"]
    assert fifths.value_counts().tolist() == [20] * 5 + [1]
    assert fifths.iloc[0] == "0 to 0.192"
    assert fifths.iloc[-1] == "not recorded"


def test_a_column_that_names_single_images_is_no_property() -> None:
    assert properties(rows(30, scan_id=[f"scan {i}" for i in range(30)])) == {}


def test_rare_values_share_one_slice() -> None:
    names = [f"scanner {i // 3}" for i in range(90)]
    found = properties(rows(90, scanner=names))["scanner"]
    assert found.nunique() == 13
    assert (found == "others").sum() == 90 - 12 * 3


def test_slices_come_worst_first_with_their_support() -> None:
    y_true = np.array([0] * 20 + [1] * 20)
    y_pred = np.where(np.arange(40) % 20 < 5, 2, y_true)
    y_pred[:20] = 0  # all gliomas right, a quarter of the others wrong
    value = pd.Series(["web"] * 20 + ["figshare"] * 20)
    metric = metrics_of(CLASSES, NEGATIVE)["accuracy"]
    first, second = slices(value, metric, y_true=y_true, y_pred=y_pred, groups=np.arange(40), k=3)
    assert (first.value, first.n, first.estimate.value) == ("figshare", 20, 0.75)
    assert first.matrix.tolist() == [[0, 0, 0], [0, 15, 5], [0, 0, 0]]
    assert (first.wrong, second.wrong) == (5, 0)
    assert (second.value, second.n, second.estimate.k) == ("web", 20, 20)


def test_a_slice_with_too_few_images_has_a_reason_and_comes_last() -> None:
    y_true = np.zeros(30, dtype=np.int64)
    y_pred = np.r_[np.ones(FEWEST - 1, dtype=np.int64), np.zeros(21, dtype=np.int64)]
    value = pd.Series(["rare"] * (FEWEST - 1) + ["common"] * 21)
    metric = metrics_of(CLASSES, NEGATIVE)["tumours found"]
    common, rare = slices(value, metric, y_true=y_true, y_pred=y_pred, groups=np.arange(30), k=3)
    assert common.estimate.value == 1
    assert rare.estimate.value is None
    assert rare.estimate.reason == f"too few images ({FEWEST - 1}; a figure needs {FEWEST})"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("accuracy", 18 / 30), ("tumours found", 12 / 20), ("no tumour recognised", 10 / 10),
     ("missed tumours", 8 / 20), ("false alarms", 0 / 10),
     ("notumor right when said", 10 / 18), ("F1 of glioma", 2 * 8 / 28), ("F1 of notumor", 2 * 10 / 28),
     ("glioma found", 8 / 20), ("weighted F1", 2 / 3 * 2 * 8 / 28 + 1 / 3 * 2 * 10 / 28)],
)  # fmt: skip
def test_every_metric_is_that_of_the_slice(name: str, expected: float) -> None:
    y_true = np.array([0] * 20 + [1] * 10)
    y_pred = np.array([0] * 8 + [2] * 4 + [1] * 8 + [1] * 10)
    metric = metrics_of(CLASSES, NEGATIVE)[name]
    [only] = slices(
        pd.Series(["web"] * 30), metric, y_true=y_true, y_pred=y_pred, groups=np.arange(30), k=3
    )
    assert only.estimate.value == pytest.approx(expected)
    assert only.estimate.low is not None


@pytest.mark.parametrize("name", metrics_of(CLASSES, NEGATIVE))
def test_a_slice_of_copies_is_no_surer_than_one_of_as_many_single_images(name: str) -> None:
    y_true = np.array([0] * 20 + [1] * 20 + [2] * 20)
    y_pred = np.where(np.arange(60) % 4 == 0, (y_true + 1) % 3, y_true)
    metric = metrics_of(CLASSES, NEGATIVE)[name]
    once = metric(group_matrices(y_true, y_pred, 3, np.arange(60), 60))
    six = np.repeat(np.arange(60), 6)
    copied = metric(group_matrices(y_true[six], y_pred[six], 3, six, 60))
    assert copied.value == pytest.approx(once.value)
    assert copied.n == 6 * once.n
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), abs=0.02)


def ranked_by_accuracy(**right_of: tuple[int, int]) -> list[Slice]:
    """Slices by name, each with its right answers and its images, none a copy of another."""
    made = {}
    for name, (right, n) in right_of.items():
        y_true = np.zeros(n, dtype=np.int64)
        y_pred = np.where(np.arange(n) < right, 0, 2)
        made[name] = group_matrices(y_true, y_pred, 3, np.arange(n), n)
    return ranked(made, metrics_of(CLASSES, NEGATIVE)["accuracy"])


def test_a_slice_stands_apart_from_any_other_and_not_only_from_the_best_one() -> None:
    small_and_flawless = ranked_by_accuracy(worst=(36, 41), many=(851, 852), best=(13, 13))
    assert [one.value for one in small_and_flawless] == ["worst", "many", "best"]
    assert stands_apart(small_and_flawless)
    assert not stands_apart(ranked_by_accuracy(worst=(36, 41), best=(13, 13)))
    assert not stands_apart(ranked_by_accuracy(only=(36, 41)))
    assert not stands_apart([])


@pytest.mark.parametrize("name", metrics_of(CLASSES, NEGATIVE))
def test_every_metric_has_mistakes_that_lower_it_and_no_others_do(name: str) -> None:
    metric, (truth, answer) = (
        metrics_of(CLASSES, NEGATIVE)[name],
        mistakes_of(CLASSES, NEGATIVE)[name],
    )
    flawless = np.diag([10, 10, 10])[None]
    for i, j in ((0, 1), (0, 2), (1, 0), (2, 0), (2, 1)):
        mistaken = flawless.copy()
        mistaken[0, i, i], mistaken[0, i, j] = 9, 1
        counts = truth in (None, CLASSES[i]) and answer in (None, CLASSES[j])
        if name.startswith("F1 of"):  # Two cells lower it, which no single choice holds: all do.
            counts = name.endswith((f" {CLASSES[i]}", f" {CLASSES[j]}"))
            assert (truth, answer) == (None, None)
        assert (metric(mistaken).value != metric(flawless).value) == counts


def test_of_missed_tumours_the_slice_with_most_comes_first() -> None:
    made = {"few": np.diag([18, 0, 0])[None], "many": np.diag([12, 0, 0])[None]}
    for name, missed in (("few", 2), ("many", 38)):
        made[name] = made[name].copy()
        made[name][0, 0, NEGATIVE] = missed
    single = {  # Every image a cluster of its own.
        name: np.concatenate([np.eye(9, dtype=np.int64)[np.flatnonzero(part.ravel())].repeat(
            part.ravel()[part.ravel() > 0], axis=0)]).reshape(-1, 3, 3)
        for name, part in made.items()
    }  # fmt: skip
    assert MISSED in HIGH_IS_WORST
    worst, best = ranked(single, metrics_of(CLASSES, NEGATIVE)[MISSED], high_is_worst=True)
    assert (worst.value, worst.estimate.k, worst.estimate.n) == ("many", 38, 50)
    assert (best.value, best.estimate.k, best.estimate.n) == ("few", 2, 20)
    assert stands_apart([worst, best], high_is_worst=True)
    assert not stands_apart([best, worst], high_is_worst=True)


def test_slices_are_ranked_by_probabilities_too_where_there_are_images_enough() -> None:
    rng = np.random.default_rng(0)
    y_true = np.tile([0, 1], 60)
    sure = np.where(np.arange(120) < 60, 0.9, 0.4)
    noise = rng.uniform(0, 0.3, 120)
    tumour = np.where(y_true == 0, sure - noise, 0.3 + noise)
    y_prob = np.column_stack([tumour, 1 - tumour, np.zeros(120)])
    value = pd.Series(["clear"] * 60 + ["dim"] * 56 + ["rare"] * 4)
    found = scored_slices(
        value, scored_metrics_of(NEGATIVE)["tumour AUC"],
        y_true=y_true, y_prob=y_prob, groups=np.arange(120),
    )  # fmt: skip
    assert [one.value for one in found] == ["dim", "clear", "rare"]
    assert found[1].estimate.low is not None
    assert found[2].estimate.reason == f"too few images (2; a figure needs {FEWEST})"
    alone = scored_slices(
        pd.Series(["tumours"] * 120), scored_metrics_of(NEGATIVE)["tumour AUC"],
        y_true=np.zeros(120, dtype=np.int64), y_prob=y_prob, groups=np.arange(120),
    )  # fmt: skip
    assert alone[0].estimate.reason == "only tumour images"
    errors = scored_slices(
        value, scored_metrics_of(NEGATIVE)["calibration error"],
        y_true=y_true, y_prob=y_prob, groups=np.arange(120), high_is_worst=True,
    )  # fmt: skip
    assert errors[-1].estimate.value is None
    assert (errors[0].estimate.value or 0) >= (errors[1].estimate.value or 1)


def test_sizes_beyond_the_commonest_are_cut_into_ranges() -> None:
    width = [512] * 40 + [100 + i for i in range(60)]
    sizes = properties(rows(100, width_px=width, height_px=[1] * 100))["size"]
    assert (sizes == "512 × 1").sum() == 40
    assert "others" not in set(sizes)
    ranges = {one for one in sizes if one.startswith("another, longer side")}
    assert len(ranges) == 5
