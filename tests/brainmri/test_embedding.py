"""`brainmri.embedding`: distances and neighbours, against scipy, scikit-learn and by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import EmpiricalCovariance
from sklearn.decomposition import PCA

from brainmri import embedding, images, inference, predictions, runs, scoring, splits
from brainmri import index as image_index
from brainmri.embedding import TrainingEmbeddings
from brainmri.errors import InputError
from brainmri.images import GreyImage, decode
from tests.brainmri.files_to_read import snapshot

N, D, K = 300, 40, 3


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float32]:
    """300 embeddings of three classes; ten directions vary, and each class has its own place."""
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(10, D))
    place = rng.normal(size=(K, 10)) * 3
    return ((place[np.arange(N) % K] + rng.normal(size=(N, 10))) @ mixing + 5).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(vectors: NDArray[np.float32]) -> TrainingEmbeddings:
    found = embedding.fit(
        vectors, np.arange(N) % K, [f"Training/é {i}.png" for i in range(N)], of="x"
    )
    assert found is not None
    return found


def score(data: Path, models: Path, name: str = "cnn", out: Path | None = None) -> scoring.Scored:
    return scoring.score(data, models, name, out=out, quiet=True)


# --- the pure part ---------------------------------------------------------------------------


def test_the_components_are_those_of_scikit_learn(
    vectors: NDArray[np.float32], fitted: TrainingEmbeddings
) -> None:
    assert fitted.projection.shape == (D, 10)  # the other thirty have no variance
    pca = PCA(10).fit(vectors.astype(np.float64))
    ours = (vectors - fitted.mean) @ fitted.projection * np.sqrt(pca.explained_variance_[0])
    theirs = pca.transform(vectors.astype(np.float64))
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-3)
    np.testing.assert_allclose(fitted.training[:, 0].astype(np.float64).std(), 1, atol=0.01)


def test_the_distance_is_mahalanobis_to_the_nearest_class(
    vectors: NDArray[np.float32], fitted: TrainingEmbeddings
) -> None:
    new = np.random.default_rng(1).normal(size=(7, D)).astype(np.float32) * 4
    point = (np.float64(vectors) - fitted.mean) @ np.float64(fitted.projection)
    label = np.arange(N) % K
    means = [point[label == c].mean(axis=0) for c in range(K)]
    shared = EmpiricalCovariance(assume_centered=True).fit(
        np.concatenate([point[label == c] - means[c] for c in range(K)])
    )
    inverse = np.linalg.inv(shared.covariance_ * N / (N - K))
    expected = [
        min(mahalanobis(one, mean, inverse) for mean in means)
        for one in (np.float64(new) - fitted.mean) @ np.float64(fitted.projection)
    ]
    np.testing.assert_allclose(fitted.distance(new), expected, rtol=1e-4)


def test_a_class_mean_is_at_distance_nought_and_strange_images_are_far(
    vectors: NDArray[np.float32], fitted: TrainingEmbeddings
) -> None:
    mean = vectors[np.arange(N) % K == 1].mean(axis=0, keepdims=True)
    assert fitted.distance(mean)[0] < 0.01
    usual = fitted.distance(vectors)
    assert np.mean(usual**2) == pytest.approx(10, rel=0.05)  # chi-squared with ten degrees
    assert fitted.distance(vectors[:5] + 50).min() > usual.max()


def test_the_distance_does_not_depend_on_the_units_of_the_embedding(
    vectors: NDArray[np.float32], fitted: TrainingEmbeddings
) -> None:
    large = embedding.fit(vectors * 1e5, fitted.labels, fitted.paths, of="x")
    assert large is not None
    np.testing.assert_allclose(
        large.distance(vectors * 1e5), fitted.distance(vectors), rtol=1e-3, atol=1e-3
    )
    assert np.isfinite(large.training).all()  # float16 ends at 65,504


def test_the_nearest_image_of_a_training_image_is_itself(
    vectors: NDArray[np.float32], fitted: TrainingEmbeddings
) -> None:
    found = fitted.nearest(vectors[[4, 17]], 3)
    assert found.paths.shape == found.labels.shape == found.distances.shape == (2, 3)
    assert found.paths[:, 0].tolist() == ["Training/é 4.png", "Training/é 17.png"]
    assert found.labels[:, 0].tolist() == [1, 2]
    assert (found.distances[:, 0] < 0.01).all()
    assert (np.diff(found.distances, axis=1) >= 0).all()
    point = fitted.training.astype(np.float64)
    away = np.sort(np.linalg.norm(point - point[4], axis=1))[:3]
    np.testing.assert_allclose(found.distances[0], away, atol=0.01)


def test_no_more_neighbours_than_training_images(
    vectors: NDArray[np.float32], fitted: TrainingEmbeddings
) -> None:
    assert fitted.nearest(vectors[:1], 1000).paths.shape == (1, N)
    assert fitted.nearest(vectors[:0], 5).paths.shape == (0, 5)
    assert fitted.distance(vectors[:0]).shape == (0,)


def test_an_embedding_of_another_model_is_refused(fitted: TrainingEmbeddings) -> None:
    with pytest.raises(ValueError, match=r"\(m, 40\) are wanted, not \(1, 41\)"):
        fitted.distance(np.zeros((1, D + 1), dtype=np.float32))


def test_there_are_ten_images_for_each_component_and_64_components_at_most() -> None:
    rng = np.random.default_rng(0)
    for n, components in ((2, None), (11, None), (12, 1), (52, 5), (642, 64), (1000, 64)):
        found = embedding.fit(
            rng.normal(size=(n, 80)).astype(np.float32), np.arange(n) % 2, [""] * n, of=""
        )
        assert (None if found is None else found.training.shape[1]) == components


def test_embeddings_that_are_all_alike_have_no_statistics() -> None:
    assert (
        embedding.fit(np.ones((90, 6), dtype=np.float32), np.arange(90) % 2, [""] * 90, of="")
        is None
    )


def test_classes_that_are_single_points_still_have_distances() -> None:
    corners = np.eye(3, dtype=np.float32)[np.arange(90) % 3]
    found = embedding.fit(corners, np.arange(90) % 3, [""] * 90, of="")
    assert found is not None
    assert np.isfinite(found.distance(corners)).all()


def test_a_class_without_training_images_is_no_nearest_class(vectors: NDArray[np.float32]) -> None:
    found = embedding.fit(vectors, np.where(np.arange(N) % 2, 3, 0), [""] * N, of="")
    assert found is not None
    assert found.class_means.shape[0] == 2
    assert np.isfinite(found.distance(vectors)).all()


# --- the file --------------------------------------------------------------------------------


def test_a_written_file_reads_back_the_same_and_is_small(
    own_models: Path,
) -> None:
    run = runs.load(own_models, "cnn")
    rng, n, d = np.random.default_rng(0), 5000, 1280
    paths = [f"Training/meningioma/Tr-me_{i:04}.jpg" for i in range(n)]
    big = embedding.fit(
        rng.normal(size=(n, d)).astype(np.float32), np.arange(n) % 4, paths,
        of=embedding.fingerprint(run),
    )  # fmt: skip
    assert big is not None
    big = big.with_validation(np.arange(500, dtype=np.float32))
    embedding.write(own_models, "cnn", big)
    path = own_models / "cnn" / "embedding.npz"
    assert path.stat().st_size < 1.5e6
    first = path.read_bytes()
    embedding.write(own_models, "cnn", big)
    assert path.read_bytes() == first
    again = embedding.read(own_models, run)
    assert again is not None
    assert again.paths == paths
    new = rng.normal(size=(3, d)).astype(np.float32)
    np.testing.assert_array_equal(again.distance(new), big.distance(new))
    np.testing.assert_array_equal(again.validation, np.arange(500))


def test_the_file_of_another_model_counts_as_none(own_models: Path) -> None:
    run = runs.load(own_models, "cnn")
    assert embedding.read(own_models, run) is not None
    assert embedding.read(own_models, replace(run, model_sha256="0" * 64)) is None
    assert embedding.read(own_models, replace(run, seed=7)) is None
    (own_models / "cnn" / "embedding.npz").unlink()
    assert embedding.read(own_models, run) is None


@pytest.mark.parametrize("damage", ["cut off", "empty", "not a zip", "an array is missing", "nan"])
def test_a_damaged_file_is_refused(own_models: Path, damage: str) -> None:
    run = runs.load(own_models, "cnn")
    path = own_models / "cnn" / "embedding.npz"
    good = embedding.read(own_models, run)
    assert good is not None
    if damage == "an array is missing":
        np.savez(path, fingerprint=np.array(embedding.fingerprint(run)))
    elif damage == "nan":
        embedding.write(own_models, "cnn", replace(good, mean=good.mean * np.float32(np.nan)))
    else:
        data = path.read_bytes()
        path.write_bytes({"cut off": data[: len(data) // 2], "empty": b""}.get(damage, b"x" * 99))
    with pytest.raises(InputError, match=r"embedding\.npz is damaged .*delete it, and `predict`"):
        embedding.read(own_models, run)


# --- scoring ---------------------------------------------------------------------------------


def test_predict_keeps_the_training_images_and_the_distances_of_validation_ones(
    trained_models: Path, phantom_data: Path
) -> None:
    run = runs.load(trained_models, "cnn")
    found = embedding.read(trained_models, run)
    assert found is not None
    rows = image_index.read(trained_models / "dataset" / "index.parquet")
    part = splits.assign(rows, run.protocol, seed=run.seed)
    trained = rows.rows[part == "train"]
    assert found.paths == trained["path"].tolist()
    assert [run.classes[i] for i in found.labels] == trained["label"].tolist()
    table = predictions.read(trained_models / "cnn" / "predictions.parquet")
    assert table.ood_score is not None
    np.testing.assert_array_equal(found.validation, table.ood_score[table.splits == "val"])
    classifier = inference.load(trained_models, "cnn")
    squares = [
        classifier.preprocessing.square(decode(phantom_data / str(p)).pixels) for p in table.paths
    ]
    embedded = classifier.explain(np.stack(squares)).embedding
    assert embedded is not None
    np.testing.assert_allclose(table.ood_score, found.distance(embedded), rtol=1e-3)


def test_training_images_are_embedded_once(
    own_data: Path, own_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(own_models)
    found = embedding.read(own_models, runs.load(own_models, "cnn"))
    assert found is not None
    for path in found.paths:  # Later calls do not look for them.
        (own_data / path).unlink()
    monkeypatch.setattr(embedding, "fit", lambda *_, **__: pytest.fail("fitted again"))
    assert score(own_data, own_models).space is not None
    assert snapshot(own_models) == before


def test_training_images_are_read_once_for_all_that_is_fitted_on_them(
    own_data: Path, own_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(own_models)
    for name in ("embedding.npz", "look.npz"):
        (own_models / "cnn" / name).unlink()
    read: list[Path] = []

    def noted(file: Path) -> GreyImage:
        read.append(file)
        return decode(file)

    monkeypatch.setattr(images, "decode", noted)
    score(own_data, own_models)
    assert len(read) == len(set(read))
    assert snapshot(own_models) == before


def test_a_model_without_an_embedding_has_no_distances(
    phantom_data: Path, own_models: Path
) -> None:
    assert not (own_models / "brightness" / "embedding.npz").exists()
    scored = score(phantom_data, own_models, "brightness")
    assert scored.space is None
    assert str(scored.lacking).startswith("The model gives no embedding")
    assert scored.predictions.ood_score is None


def test_foreign_images_are_compared_where_statistics_are_stored_and_scored_where_not(
    phantom_data: Path, own_models: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.parquet"
    score(phantom_data / "Testing", own_models, out=out)
    found = predictions.read(out).ood_score
    assert found is not None
    assert (found > 0).all()
    (own_models / "cnn" / "embedding.npz").unlink()
    scored = score(phantom_data / "Testing", own_models, out=out)
    assert predictions.read(out).ood_score is None
    assert "fitted at the next `predict`" in str(scored.lacking)
    assert not (own_models / "cnn" / "embedding.npz").exists()


def test_a_run_is_scored_without_its_training_images(own_data: Path, own_models: Path) -> None:
    found = embedding.read(own_models, runs.load(own_models, "cnn"))
    assert found is not None
    (own_models / "cnn" / "embedding.npz").unlink()
    (own_data / found.paths[0]).write_bytes(b"")
    scored = score(own_data, own_models)
    assert scored.space is None
    assert (
        f"1 of {len(found.paths)} training images cannot be read, such as {found.paths[0]}"
        in str(scored.lacking)
    )
    (own_data / found.paths[0]).unlink()
    assert "there is no such file" in str(score(own_data, own_models).lacking)
    assert scored.predictions.ood_score is None
    assert not (own_models / "cnn" / "embedding.npz").exists()
