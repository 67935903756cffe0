"""`brainmri.drift`: agreement with scipy, planted differences, and none where there are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from brainmri import drift

N = 400


def parts(test: int = 100) -> np.ndarray[Any, np.dtype[np.object_]]:
    part = np.full(N, "train", dtype=object)
    part[:test] = "test"
    part[test : test + 50] = "val"
    return part


def compared(
    properties: dict[str, object],
    *,
    label: np.ndarray[Any, np.dtype[np.object_]] | None = None,
    cluster: np.ndarray[Any, np.dtype[np.int64]] | None = None,
    part: np.ndarray[Any, np.dtype[np.object_]] | None = None,
) -> Any:  # a DataFrame; its stubs do not know what `.loc` of two levels gives
    label = np.full(N, "no", dtype=object) if label is None else label
    cluster = np.arange(N) if cluster is None else cluster
    rows = drift.table(
        pd.DataFrame(properties), label, parts() if part is None else part, cluster, seed=0
    )
    return pd.DataFrame(list(rows)).set_index(["property", "statistic"])


def test_distances_agree_with_scipy() -> None:
    rng = np.random.default_rng(0)
    number, text = rng.normal(size=N), rng.choice(["L", "RGB", "P"], N)
    number[:100] += 0.4
    found = compared({"x": number, "mode": text})
    found = found[found["label"].isna()]
    train, test = number[100:], number[:100]
    assert found.loc[("x", "ks"), "value"] == pytest.approx(stats.ks_2samp(train, test).statistic)
    pooled = np.sqrt((train.var() + test.var()) / 2)
    assert found.loc[("x", "smd"), "value"] == pytest.approx((test.mean() - train.mean()) / pooled)
    shares = [
        [(some == mode).mean() for mode in ["L", "RGB", "P"]] for some in (text[100:], text[:100])
    ]
    assert found.loc[("mode", "js"), "value"] == pytest.approx(
        jensenshannon(np.array(shares[0]), np.array(shares[1]), base=2)
    )
    assert found.loc[("x", "ks"), ["training_images", "test_images"]].tolist() == [300, 100]
    assert found.loc[("x", "ks"), "test_median"] == pytest.approx(np.median(test))


def test_ties_do_not_count_as_steps() -> None:
    values = np.tile(np.arange(20.0), 20)
    found = compared({"x": values, "y": values // 10})
    assert found.loc[("x", "ks"), "value"].iloc[0] == pytest.approx(0)


def test_a_planted_difference_is_above_chance() -> None:
    rng = np.random.default_rng(1)
    moved = rng.normal(size=N)
    moved[:100] += 1
    mode = np.where(np.arange(N) < 100, "RGB", "L")
    found = compared({"moved": moved, "mode": mode})
    found = found[found["label"].isna()]
    for which in (("moved", "ks"), ("moved", "smd"), ("mode", "js")):
        assert found.loc[which, "low"] > found.loc[which, "chance"]
    assert found.loc[("mode", "js"), "value"] == pytest.approx(1)


def test_without_a_difference_about_one_set_in_twenty_is_above_chance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drift, "RESAMPLES", 2)  # The intervals do not matter here.
    sets = {f"{i}": np.random.default_rng(i).normal(size=N) for i in range(60)}
    found = compared(dict(sets))
    found = found[found["label"].isna()]
    for statistic in ("ks", "smd"):
        rows = found.xs(statistic, level="statistic")
        assert 0 < (rows["value"].abs() > rows["chance"]).mean() < 0.15


def test_a_distance_without_a_difference_has_an_interval_from_zero() -> None:
    rng = np.random.default_rng(4)
    found = compared({"x": rng.normal(size=N), "mode": rng.choice(["L", "RGB"], N)})
    found = found[found["label"].isna()]
    for which in (("x", "ks"), ("mode", "js")):
        assert found.loc[which, "low"] == 0 < found.loc[which, "value"] < found.loc[which, "high"]


def test_parts_that_share_no_value_or_a_single_one_still_have_an_interval() -> None:
    apart = np.where(np.arange(N) < 100, "RGB", "L")
    found = compared({"apart": apart, "same": np.full(N, "L")})
    found = found[found["label"].isna()]
    assert found.loc[("apart", "js"), "value"] == pytest.approx(1)
    assert 0.7 < found.loc[("apart", "js"), "low"] < 1
    assert found.loc[("apart", "js"), "high"] == 1
    assert found.loc[("same", "js"), ["value", "low"]].tolist() == [0, 0]
    assert 0 < found.loc[("same", "js"), "high"] < 0.3


def test_each_class_is_compared_on_its_own() -> None:
    label = np.array(["no", "yes"], dtype=object)[np.arange(N) % 2]
    values = np.random.default_rng(2).normal(size=N)
    values[(label == "yes") & (np.arange(N) < 100)] += 3
    found = compared({"x": values}, label=label).loc[("x", "smd")]
    by_label = found.set_index(found["label"].fillna("all"))
    assert by_label.loc["yes", "value"] > 2
    assert abs(by_label.loc["no", "value"]) < 0.4
    assert by_label.loc["yes", "test_images"] == 50


def test_intervals_resample_clusters_so_copies_do_not_make_them_shorter() -> None:
    once = np.random.default_rng(3).normal(size=N // 4)
    values, cluster = np.repeat(once, 4), np.repeat(np.arange(N // 4), 4)
    whole = compared({"x": values}, cluster=cluster).loc[("x", "smd")].iloc[0]
    alone = compared({"x": values}).loc[("x", "smd")].iloc[0]
    assert whole["high"] - whole["low"] > 1.5 * (alone["high"] - alone["low"])
    assert whole["chance"] > 1.5 * alone["chance"]


def test_rows_of_no_part_are_left_out() -> None:
    part = parts()
    part[200:] = "guard"
    values = np.where(np.arange(N) < 200, 1.5, 99) + np.arange(N) / 1e6
    found = compared({"x": values}, part=part)
    assert found.loc[("x", "ks"), "training_images"].iloc[0] == 100
    assert found.loc[("x", "ks"), "training_median"].iloc[0] < 2


def test_missing_numbers_are_left_out_and_missing_text_is_a_value() -> None:
    number = np.arange(N, dtype=float)
    number[50:150] = np.nan
    text = pd.Series(["a"] * N)
    text[:100] = None
    found = compared({"x": number, "t": text})
    assert found.loc[("x", "ks"), ["training_images", "test_images"]].iloc[0].tolist() == [250, 50]
    assert found.loc[("t", "js"), "value"].iloc[0] == pytest.approx(1)


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (slice(0, 100), "ks", "no test images with a value"),
        (slice(100, N), "smd", "no training images with a value"),
    ],
)
def test_a_part_without_values_gives_no_value_and_says_why(
    first: slice, second: str, reason: str
) -> None:
    number = np.random.default_rng(0).normal(size=N)
    number[first] = np.nan
    found = compared({"x": number, "y": np.arange(N)}).loc[("x", second)].iloc[0]
    assert pd.isna(found["value"])
    assert found["reason"] == reason


def test_numbers_that_are_all_equal_have_no_standardised_difference() -> None:
    label = np.array(["no", "yes"], dtype=object)[np.arange(N) % 2]
    values = np.where(label == "no", 512, np.arange(N))
    found = compared({"x": values}, label=label).loc[("x", "smd")]
    row = found[found["label"] == "no"].iloc[0]
    assert pd.isna(row["value"])
    assert row["reason"] == "all images have the same value"


def test_whole_numbers_of_few_values_are_kinds_and_others_are_numbers() -> None:
    assert not drift.is_number(pd.Series([0, 1, 1, None], dtype="Int64"))
    assert drift.is_number(pd.Series(range(20)))
    assert drift.is_number(pd.Series([0.0, 1.0]))
    assert not drift.is_number(pd.Series([True, False]))
    assert not drift.is_number(pd.Series(["1", "2"]))


def test_a_classifier_tells_different_parts_apart_and_cannot_tell_equal_ones() -> None:
    rng = np.random.default_rng(4)
    x, is_test, cluster = rng.normal(size=(N, 3)), parts() == "test", np.arange(N)
    same = drift.told_apart(x, is_test, cluster, seed=0)
    assert same.low is not None
    assert same.high is not None
    assert same.low < 0.5 < same.high
    x[is_test] += 2
    different = drift.told_apart(x, is_test, cluster, seed=0)
    assert different.low is not None
    assert different.low > 0.95


def test_a_classifier_that_could_only_remember_copies_stays_at_chance() -> None:
    """Each cluster has one vector and lies in one part: remembering would give an area of 1."""
    cluster = np.repeat(np.arange(N // 8), 8)
    x = np.random.default_rng(5).normal(size=(N // 8, 3))[cluster]
    area = drift.told_apart(x, cluster % 2 == 0, cluster, seed=0)
    assert area.value is not None
    assert area.value < 0.75


def test_too_few_clusters_to_tell_apart_is_said() -> None:
    area = drift.told_apart(np.zeros((4, 1)), np.arange(4) < 1, np.arange(4), seed=0)
    assert area.value is None
    assert area.reason == "too few different images"
