"""`brainmri.tally`: the same counts however a table is cut, and figures that stay right when it is large."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from brainmri import batches, evaluation, metrics, ranking, surest, tally
from brainmri.batches import Batch
from brainmri.errors import InputError
from brainmri.metrics import Estimate
from brainmri.predictions import Predictions
from brainmri.tally import Tally

CLASSES = ["glioma", "healthy", "pituitary"]
SPLITS = ("test", "val")


def alone(batch: Batch) -> NDArray[np.int64]:
    return batch.first_row + np.arange(len(batch.y_true))


def made(n: int, seed: int = 0, sharpness: float = 2.0, copies: int = 1) -> Predictions:
    """Answers of a model that is often right; every image comes `copies` times, slightly changed."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(-(-n // copies)), copies)[:n]
    y_true = rng.integers(0, 3, of.max() + 1)[of]
    logits = rng.normal(size=(of.max() + 1, 3))[of] + 0.05 * rng.normal(size=(n, 3))
    logits[np.arange(n), y_true] += 1
    raw = np.exp(sharpness * logits)
    return Predictions(
        paths=np.array([f"x/{i}.jpg" for i in range(n)], dtype=object),
        splits=np.array(["val" if i % 10 == 0 else "test" for i in range(n)], dtype=object),
        y_true=np.where(rng.random(n) < 0.02, -1, y_true),
        y_prob=(raw / raw.sum(axis=1, keepdims=True)).astype(np.float32),
        classes=CLASSES,
        seen=rng.random(n) < 0.3,
    )


def as_arrow(table: Predictions) -> pa.Table:
    label = np.array([*CLASSES, None], dtype=object)[table.y_true]
    columns = {"path": table.paths, "split": table.splits, "label": label, "seen": table.seen}
    columns |= {f"prob_{c}": table.y_prob[:, i] for i, c in enumerate(CLASSES)}
    return pa.table(columns)


def count(table: Predictions, groups: NDArray[np.int64] | None = None) -> Tally:
    of = alone if groups is None else (lambda _: groups)
    return tally.count(table.as_table(), of, splits=SPLITS).of["test"]


@pytest.fixture
def as_if_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "EXACT_ROWS", 0)


def width(estimate: Estimate) -> float:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.high - estimate.low


def value(estimate: Estimate) -> float:
    assert estimate.value is not None
    return estimate.value


def assert_same(one: Tally, other: Tally) -> None:
    np.testing.assert_array_equal(one.matrix, other.matrix)
    assert (one.unlabelled, one.seen, one.surest) == (other.unlabelled, other.seen, other.surest)
    for a, b in zip(one.rankings, other.rankings, strict=True):
        np.testing.assert_array_equal(a.thresholds, b.thresholds)
        np.testing.assert_array_equal(a.tp, b.tp)
        np.testing.assert_array_equal(a.fp, b.fp)
    curves = zip(evaluation.curves_of(one), evaluation.curves_of(other), strict=True)
    for mine, theirs in curves:
        assert (mine.area, mine.average_precision) == (theirs.area, theirs.average_precision)
    report_a, report_b = (
        evaluation.report_of(each, negative="healthy", run="r") for each in (one, other)
    )
    assert (report_a.f1, report_a.per_class) == (report_b.f1, report_b.per_class)


# --- one pass, however the table is cut ----------------------------------------------------------


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(("batch", "row_group", "piece"), [(700, 900, 1), (64, 5000, 2000)])
def test_counts_do_not_depend_on_how_a_table_is_cut(
    batch: int, row_group: int, piece: int, large: bool, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if large:
        monkeypatch.setattr(tally, "EXACT_ROWS", 0)
    table = made(5000)
    whole = tally.count(table.as_table(), alone, splits=SPLITS)
    monkeypatch.setattr(batches, "BATCH_ROWS", batch)
    monkeypatch.setattr(batches, "_PIECE_ROWS", piece)
    arrow = as_arrow(table)
    (tmp_path / "parts").mkdir()
    pq.write_table(arrow, tmp_path / "one.parquet", row_group_size=row_group)
    pq.write_table(arrow.slice(0, 1), tmp_path / "parts" / "part-0.parquet")
    pq.write_table(arrow.slice(1), tmp_path / "parts" / "part-1.parquet", row_group_size=row_group)
    for path in (tmp_path / "one.parquet", tmp_path / "parts"):
        cut = tally.count(batches.open_table(path), alone, splits=SPLITS)
        assert cut.named == {"test", "val"}
        for split in SPLITS:
            assert_same(cut.of[split], whole.of[split])


def test_broken_rows_are_counted_over_all_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_ROWS", 100)
    monkeypatch.setattr(batches, "_PIECE_ROWS", 200)
    monkeypatch.setattr(tally, "EXACT_ROWS", 0)
    table = made(1000)
    table.y_prob[[350, 720, 721], 1] = np.nan
    table.y_prob[5] *= 1.01
    path = tmp_path / "p.parquet"
    pq.write_table(as_arrow(table), path, row_group_size=250)
    with pytest.raises(InputError, match=r"not a number in row 351; 3 rows are affected\.$"):
        tally.count(batches.open_table(path), alone, splits=SPLITS)
    table.y_prob[[350, 720, 721], 1] = 2.0
    pq.write_table(as_arrow(table), path, row_group_size=250)
    with pytest.raises(InputError, match=r"outside 0 to 1 in row 351; 3 rows are affected\.$"):
        tally.count(batches.open_table(path), alone, splits=SPLITS)


def test_splits_are_counted_apart_and_every_name_of_one_is_told() -> None:
    table = made(3000)
    table.splits[::7] = "guard"
    counted = tally.count(table.as_table(), alone, splits=SPLITS)
    assert counted.named == {"test", "val", "guard"}
    for split in SPLITS:
        rows = (table.splits == split) & (table.y_true >= 0)
        expected = sk.confusion_matrix(table.y_true[rows], table.y_pred[rows])
        np.testing.assert_array_equal(counted.of[split].matrix, expected)
        assert (
            counted.of[split].unlabelled
            == ((table.splits == split) & ~rows).sum()
            + ((table.splits == split) & (table.y_true < 0) & rows).sum()
        )
        assert table.seen is not None
        assert counted.of[split].seen == table.seen[rows].sum()


def test_rows_without_a_split_are_counted_with_those_that_name_the_same(tmp_path: Path) -> None:
    table = as_arrow(made(300))
    split = pa.array([None, "test", "val"] * 100, pa.string())
    pq.write_table(table.set_column(1, "split", split), tmp_path / "p.parquet")
    counted = tally.count(batches.open_table(tmp_path / "p.parquet"), alone, splits=SPLITS)
    images = {name: int(one.matrix.sum()) + one.unlabelled for name, one in counted.of.items()}
    assert images == {"test": 200, "val": 100}


@given(st.integers(1, 4000), st.integers(0, 1000), st.sampled_from([0, 1, 8]))
def test_the_surest_images_of_a_cell_are_those_that_sorting_finds(
    n: int, seed: int, digits: int
) -> None:
    table = made(n, seed)
    if digits:  # Rounded, so that many are as sure as each other.
        table = Predictions(**{**vars(table), "y_prob": np.round(table.y_prob, digits)})
    found = count(table).surest
    for i in range(3):
        for j in range(3):
            here = (table.splits == "test") & (table.y_true == i) & (table.y_pred == j)
            rows = np.flatnonzero(here)
            expected = rows[np.argsort(-table.y_prob[rows, j], kind="stable")][: surest.MOST]
            images = found.get((i, j), [])
            assert [image.row for image in images] == expected.tolist()
            assert [image.path for image in images] == table.paths[expected].tolist()
            for image in images:
                assert image.y_prob == tuple(table.y_prob[image.row].tolist())


# --- large tables ----------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=50))
def test_a_higher_score_is_never_in_a_lower_bin(scores: list[float]) -> None:
    score = np.sort(np.array(scores, dtype=np.float32))
    number = tally.bins(score)
    assert (np.diff(number) >= 0).all()
    assert number.min() >= 0
    assert number.max() < tally.BINS
    assert (tally.lowest_score(number) <= score).all()


def test_bins_are_as_narrow_near_one_as_near_zero() -> None:
    score = np.linspace(0, 1, 100_001, dtype=np.float32)
    number = np.arange(tally.BINS)
    edges = tally.lowest_score(number)
    assert (np.diff(edges) >= 0).all()
    assert (edges[0], tally.bins(np.array([0, 1], dtype=np.float32)).tolist()) == (
        0.0,
        [0, tally.BINS - 1],
    )
    wide = np.diff(edges)[tally.bins(score[1:-1])]
    assert (wide <= np.minimum(score[1:-1], 1 - score[1:-1]) / 1024).all()


@pytest.mark.usefixtures("as_if_large")
@pytest.mark.parametrize("sharpness", [0.01, 1.0, 4.0, 30.0])
def test_areas_of_a_large_table_agree_with_scikit_learn_within_their_stated_error(
    sharpness: float,
) -> None:
    table = made(40_000, sharpness=sharpness)
    rows = (table.splits == "test") & (table.y_true >= 0)
    found = count(table)
    for i, ranked in enumerate(found.rankings):
        area, average = ranking.ranked_areas(ranked, metrics.drawn_counts(tally.BUCKETS))
        positive, score = table.y_true[rows] == i, table.y_prob[rows, i]
        exact_area = sk.roc_auc_score(positive, score)
        exact_average = sk.average_precision_score(positive, score)
        assert abs(value(area) - exact_area) <= ranked.area_error + 1e-12
        assert abs(value(average) - exact_average) <= ranked.precision_error + 1e-12
        if sharpness in (1, 4):  # As models are: neither all alike nor all but certain.
            assert ranked.area_error < 1e-4
            assert abs(value(area) - exact_area) < 1e-5
            assert abs(value(average) - exact_average) < 1e-4


@pytest.mark.usefixtures("as_if_large")
def test_scores_that_the_grid_cannot_tell_apart_widen_the_interval_over_the_truth() -> None:
    table = made(4000)
    y_prob = np.empty((4000, 3), dtype=np.float32)
    right = table.y_true == 0
    y_prob[:, 0] = np.where(right, 0.40001, 0.4)  # One bin, yet perfectly told apart.
    y_prob[:, 1] = 0.3
    y_prob[:, 2] = 1 - y_prob[:, 0] - y_prob[:, 1]
    table = Predictions(**{**vars(table), "y_prob": y_prob})
    area, average = ranking.ranked_areas(count(table).rankings[0], metrics.drawn_counts(128))
    assert (area.value, area.low, area.high) == (0.5, 0.0, 1.0)
    assert average.high == 1.0


@pytest.mark.usefixtures("as_if_large")
def test_a_class_alone_in_a_large_table_has_no_area_and_says_why() -> None:
    table = made(2000)
    table.y_true[:] = 0
    curves = evaluation.curves_of(count(table))
    assert [c.area.reason for c in curves] == [
        "only images of this class", "no images of this class", "no images of this class"
    ]  # fmt: skip
    assert all(c.roc is None for c in curves)


@pytest.mark.parametrize("copies", [1, 10])
def test_intervals_from_buckets_are_about_those_of_the_cluster_bootstrap(
    copies: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ten near-copies of each image: intervals that drew single rows would be a third as wide.
    table = made(20_000, copies=copies)
    groups = np.arange(20_000) // copies
    exact = count(table, groups)
    monkeypatch.setattr(tally, "EXACT_ROWS", 0)
    hashed = count(table, groups)
    assert len(hashed.per_group) == tally.BUCKETS < len(exact.per_group)
    pairs: list[tuple[Estimate, Estimate]] = []
    reports = [evaluation.report_of(t, negative="healthy", run="r") for t in (exact, hashed)]
    pairs += [(reports[0].f1, reports[1].f1), (reports[0].precision, reports[1].precision)]
    curves = [evaluation.curves_of(t) for t in (exact, hashed)]
    for a, b in zip(*curves, strict=True):
        pairs += [(a.area, b.area), (a.average_precision, b.average_precision)]
    for a, b in pairs:
        assert value(b) == pytest.approx(value(a), abs=1e-4)
    ratios = [width(b) / width(a) for a, b in pairs]
    # Four standard deviations of a width from 128 buckets (6 % each) and from 1000 draws.
    assert all(0.74 < ratio < 1.3 for ratio in ratios), ratios
    assert 0.88 < np.mean(ratios) < 1.12


def test_buckets_keep_clusters_together_and_are_about_equal() -> None:
    cluster = np.random.default_rng(0).integers(0, 50_000, 100_000)
    number = tally.bucket(cluster)
    assert (
        tally.bucket(np.unique(cluster))[np.unique(cluster, return_inverse=True)[1]] == number
    ).all()
    sizes = np.bincount(tally.bucket(np.arange(128_000)), minlength=tally.BUCKETS)
    assert len(sizes) == tally.BUCKETS
    assert sizes.min() > 850
    assert sizes.max() < 1150
    # Neighbours and every fourth row are spread, so no order of the table makes a bucket special.
    assert len(np.unique(tally.bucket(np.arange(0, 4000, 4)))) == tally.BUCKETS
