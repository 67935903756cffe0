"""What ships, against the real data set; skipped where the data are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brainmri import (
    audit_tables,
    averages,
    duplicates,
    index,
    inference,
    leakage,
    metrics,
    predictions,
    runs,
    splits,
    trust,
)
from brainmri.audit_tables import AuditTables
from brainmri.calibration import apply_temperature
from brainmri.files import sha256
from brainmri.images import SUFFIXES, decode
from brainmri.index import ImageIndex
from brainmri.predictions import Predictions
from tests.brainmri.one_file import ImageFeatures, read_features
from tests.brainmri.resplits import resplit_coverage
from tests.conftest import ROOT, SHIPPED

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("real_data")]

COUNTS = {
    ("train", "glioma"): 1321,
    ("train", "meningioma"): 1339,
    ("train", "notumor"): 1595,
    ("train", "pituitary"): 1457,
    ("test", "glioma"): 300,
    ("test", "meningioma"): 306,
    ("test", "notumor"): 405,
    ("test", "pituitary"): 300,
}
# Weighted accuracy, precision and F1 on the official test that each model must reach.
TARGETS = {
    "mean-brightness": (0.460, 0.0, 0.0),
    "cnn": (0.887, 0.887, 0.882),
    "cnn-regularised": (0.857, 0.0, 0.0),
    "cnn-augmented": (0.887, 0.0, 0.0),
    "efficientnet-lite0": (0.98, 0.98, 0.98),
}
MODEL_LIMIT_BYTES = 16_000_000
SHIPPED_RUNS = sorted(path.parent.name for path in SHIPPED.glob("*-official/run.json"))


@pytest.fixture(scope="module")
def table() -> ImageIndex:
    return index.read(SHIPPED / "dataset" / "index.parquet")


@pytest.fixture
def scored(run_name: str) -> Predictions:
    path = SHIPPED / run_name / "predictions.parquet"
    if not path.exists():
        pytest.skip("this run has no predictions yet")
    return predictions.read(path)


def of_test(table: Predictions) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    rows = table.splits == "test"
    return metrics.confusion_matrix(table.y_true[rows], table.y_pred[rows], len(table.classes))


def accuracy(table: Predictions) -> float:
    value = metrics.accuracy(of_test(table)).value
    assert value is not None
    return value


# --- the data --------------------------------------------------------------------------------


def test_the_shipped_index_has_every_image_of_the_set(table: ImageIndex, real_data: Path) -> None:
    rows = table.rows
    assert len(rows) == 7023
    assert rows.groupby(["split", "label"]).size().to_dict() == COUNTS
    files = {
        path.relative_to(real_data).as_posix()
        for path in real_data.rglob("*")
        if path.suffix.lower() in SUFFIXES
    }
    assert set(rows["path"]) == files
    assert (table.classes, table.negative_class) == (
        ["glioma", "meningioma", "notumor", "pituitary"], "notumor",
    )  # fmt: skip


def test_the_shipped_averages_count_every_image() -> None:
    read = averages.read(SHIPPED / "dataset" / "averages.npz")
    assert dict(zip(read.groups, read.counts.tolist(), strict=True)) == COUNTS


def test_a_sample_of_rows_reads_the_same_again(table: ImageIndex, real_data: Path) -> None:
    for row in table.rows.sample(100, random_state=0).itertuples():
        features = read_features(real_data / str(row.path))
        assert isinstance(features, ImageFeatures), row.path
        for name in ("file_sha256", "pixel_sha256", "phash", "phash_mirrored", "width_px",
                     "height_px", "mode"):  # fmt: skip
            assert getattr(row, name) == getattr(features, name), (row.path, name)
        assert row.mean_intensity == pytest.approx(features.mean_intensity, abs=1e-12)


def test_most_test_images_have_a_near_duplicate_in_training(table: ImageIndex) -> None:
    train, test = (table.rows[table.rows["split"] == part] for part in ("train", "test"))
    seen = duplicates.has_near_duplicate(
        duplicates.stack(test["phash"].tolist()),
        duplicates.stack(train["phash"].tolist()),
        duplicates.stack(train["phash_mirrored"].tolist()),
    )
    assert len(seen) == 1311
    assert seen.sum() == pytest.approx(980, rel=0.03)
    exact = test["pixel_sha256"].isin(train["pixel_sha256"])
    assert exact.sum() == pytest.approx(216, rel=0.03)
    assert seen[exact.to_numpy()].all()


def test_the_set_has_about_3821_clusters(table: ImageIndex) -> None:
    assert table.rows["cluster"].nunique() == pytest.approx(3821, rel=0.03)
    copies = table.rows.groupby("pixel_sha256")["cluster"].nunique()
    assert (copies == 1).all()


def test_the_official_split_holds_out_validation_clusters(table: ImageIndex) -> None:
    part = splits.assign(table, splits.OFFICIAL, seed=0)
    assert part.value_counts()["test"] == 1311
    assert part.value_counts()["val"] == pytest.approx(571, rel=0.05)
    by_part = table.rows.groupby(part)["cluster"].agg(set)
    assert not by_part["val"] & by_part["train"]


@pytest.mark.parametrize(
    ("protocol", "leaking"),
    [
        ("official", {"val": 0, "test": 980}),
        ("grouped_split", {"val": 1, "test": 2}),
        ("auto", {"val": 0, "test": 0}),
        ("auto:figshare_index", {"val": 0, "test": 0}),
    ],
)
def test_how_many_images_of_each_split_leak(
    protocol: str, leaking: dict[str, int], table: ImageIndex
) -> None:
    part = splits.assign(table, protocol, seed=0)
    found = leakage.leaks(table, part)
    assert {name: found.shares[name].k for name in ("val", "test")} == leaking
    assert (splits.leak_sentence(protocol, found) is None) == (not any(leaking.values()))


def test_clustering_the_shipped_hashes_gives_the_shipped_clusters(table: ImageIndex) -> None:
    found = duplicates.clusters(
        duplicates.stack(table.rows["phash"].tolist()),
        duplicates.stack(table.rows["phash_mirrored"].tolist()),
    )
    assert found.tolist() == table.rows["cluster"].tolist()


def test_no_image_of_the_set_is_in_the_project(table: ImageIndex) -> None:
    known = set(table.rows["file_sha256"])
    sizes = set(table.rows["bytes"])
    ours = [
        path
        for folder in ("models", "docs", "assets", "tests")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.stat().st_size in sizes
    ]
    assert [path for path in ours if sha256(path) in known] == []


# --- the runs --------------------------------------------------------------------------------


def test_at_least_the_baseline_is_shipped() -> None:
    assert "mean-brightness-official" in SHIPPED_RUNS


@pytest.mark.parametrize("run_name", SHIPPED_RUNS)
class TestShippedRun:
    def test_it_was_trained_on_the_shipped_index(self, run_name: str) -> None:
        run = runs.load(SHIPPED, run_name)
        assert run.index_sha256 == sha256(SHIPPED / "dataset" / "index.parquet")
        assert run.protocol == "official"
        assert run.images["test"] == 1311
        named = "champion" if run.architecture == "efficientnet-lite0" else run.architecture
        assert f"{named}-official" == run_name

    def test_it_is_evaluated_on_every_test_image_once(
        self, run_name: str, scored: Predictions, table: ImageIndex
    ) -> None:
        rows = scored.splits == "test"
        expected = table.rows[table.rows["split"] == "test"]
        assert scored.paths[rows].tolist() == expected["path"].tolist()
        labels = [scored.classes[i] for i in scored.y_true[rows]]
        assert labels == expected["label"].tolist()
        run = runs.load(SHIPPED, run_name)
        assert (scored.run, scored.model_sha256) == (run.name, run.model_sha256)
        assert (~rows).sum() == run.images["val"]

    def test_seen_marks_at_least_the_duplicates_of_the_training_folder(
        self, run_name: str, scored: Predictions
    ) -> None:
        assert runs.load(SHIPPED, run_name).name == run_name
        assert scored.seen is not None
        assert scored.seen[scored.splits == "test"].sum() == pytest.approx(980, rel=0.03)
        assert not scored.seen[scored.splits == "val"].any()

    def test_it_reaches_what_the_reference_reported(
        self, run_name: str, scored: Predictions
    ) -> None:
        architecture = runs.load(SHIPPED, run_name).architecture
        precision, _, f1 = metrics.weighted_averages(of_test(scored))
        wanted = TARGETS[architecture]
        assert accuracy(scored) >= wanted[0]
        assert precision >= wanted[1]
        assert f1 >= wanted[2]
        if architecture == "mean-brightness":
            assert accuracy(scored) == pytest.approx(0.470, abs=0.01)

    def test_its_model_file_is_small_and_gives_the_shipped_probabilities(
        self, run_name: str, scored: Predictions, real_data: Path
    ) -> None:
        path = SHIPPED / run_name / "model.onnx"
        if not path.is_file():
            pytest.skip("this run ships its predictions only")
        assert path.stat().st_size <= MODEL_LIMIT_BYTES
        data = path.read_bytes()
        for trace in (str(ROOT), str(real_data), str(Path.home()), "site-packages", ".py"):
            assert trace.encode() not in data
        rows = np.random.default_rng(0).choice(len(scored.paths), 24, replace=False)
        images = [decode(real_data / str(scored.paths[row])).pixels for row in rows]
        classifier = inference.load(SHIPPED, run_name)
        expected = apply_temperature(scored.y_prob[rows], classifier.run.temperature)
        np.testing.assert_allclose(classifier.classify(images), expected, atol=1e-3)

    def test_it_holds_what_fitting_its_predictions_again_gives(
        self, run_name: str, scored: Predictions
    ) -> None:
        run = runs.load(SHIPPED, run_name)
        fit = trust.fit(scored, negative=run.negative_class)
        assert fit is not None
        assert run.temperature == pytest.approx(fit.temperature, rel=1e-9)
        assert run.operating_point is not None
        assert fit.operating_point is not None
        assert run.operating_point.threshold == pytest.approx(
            fit.operating_point.threshold, rel=1e-6
        )
        assert run.conformal is not None
        assert fit.conformal is not None
        assert run.conformal.thresholds == pytest.approx(fit.conformal.thresholds, rel=1e-6)

    def test_its_sets_keep_their_promise_over_200_re_splits(
        self, run_name: str, scored: Predictions, table: ImageIndex
    ) -> None:
        # Validation and test rows mixed: parted at random they are alike, as the promise supposes.
        cluster = table.rows.set_index("path")["cluster"].loc[scored.paths.tolist()]
        found = resplit_coverage(
            scored.y_true,
            apply_temperature(scored.y_prob, runs.load(SHIPPED, run_name).temperature),
            cluster.to_numpy(dtype=np.int64),
            alpha=trust.ALPHA,
            share=float((scored.splits == "val").mean()),
        )
        assert len(found.coverage) == 200
        assert found.always == []
        assert found.mean == pytest.approx(1 - trust.ALPHA, abs=0.01)


def test_augmentation_beats_the_plain_network() -> None:
    both = [
        SHIPPED / name / "predictions.parquet"
        for name in ("cnn-augmented-official", "cnn-official")
    ]
    if not all(path.exists() for path in both):
        pytest.skip("the two runs are not there yet")
    augmented, plain = (accuracy(predictions.read(path)) for path in both)
    assert augmented > plain


def test_one_network_is_small_enough_to_predict_in_a_fresh_clone() -> None:
    networks = [name for name in SHIPPED_RUNS if name.startswith("cnn")]
    if not networks:
        pytest.skip("no network is shipped yet")
    assert any((SHIPPED / name / "model.onnx").is_file() for name in networks)


@pytest.fixture(scope="module")
def audited() -> AuditTables:
    return audit_tables.read(SHIPPED / "dataset")


def test_the_shipped_audit_is_about_the_shipped_index(audited: AuditTables) -> None:
    assert audited.index_sha256 == sha256(SHIPPED / "dataset" / "index.parquet")
    assert len(audited.quality) == sum(COUNTS.values())


def test_size_and_mode_alone_tell_a_tumour_in_about_98_percent(audited: AuditTables) -> None:
    [row] = audited.shortcuts.query(
        "protocol == 'official' and features == 'size and mode' and task == 'tumour' "
        "and rows == 'test'"
    ).to_dict("records")
    assert row["n"] == 1311
    assert row["k"] / row["n"] == pytest.approx(0.98, abs=0.005)


def test_three_quarters_of_the_official_test_images_have_a_copy_in_training(
    table: ImageIndex,
) -> None:
    found = leakage.leaks(table, splits.assign(table, splits.OFFICIAL, seed=0))
    assert found.shares["val"].k == 0
    assert found.shares["test"].k == pytest.approx(980, rel=0.03)
    kinds = found.counts.query("part == 'test'")[list(leakage.KINDS)].sum()
    assert kinds["exact"] == 216
    assert kinds["exact"] + kinds["near"] == pytest.approx(474, rel=0.03)


def test_the_pituitary_files_that_are_meningiomas_are_conflicts_of_both_kinds(
    audited: AuditTables,
) -> None:
    wrong = {
        "Testing/pituitary/Te-piTr_0002.jpg",
        "Training/pituitary/Tr-pi_0043.jpg",
        "Training/pituitary/Tr-pi_0515.jpg",
        "Training/pituitary/Tr-pi_0520.jpg",
    }
    conflicts = audited.label_conflicts
    assert set(conflicts.loc[conflicts["kind"] == "source_label", "path"]) == wrong
    assert wrong < set(conflicts.loc[conflicts["kind"] == "near-duplicates", "path"])
