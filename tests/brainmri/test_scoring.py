"""`brainmri.scoring`: which images are scored, with which label, and whether they were seen."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brainmri import (
    calibration,
    images,
    index,
    inference,
    phantom,
    predictions,
    runs,
    scoring,
    splits,
    trust,
)
from brainmri.calibration import apply_temperature
from brainmri.errors import InputError, OutputError
from brainmri.files import sha256
from brainmri.images import decode
from brainmri.scoring import Scored
from tests.brainmri.files_to_read import BAD, png, snapshot
from tests.conftest import TEST_PER_CLASS


def score(images: Path, models: Path, name: str = "cnn", out: Path | None = None) -> Scored:
    return scoring.score(images, models, name, out=out, quiet=True)


def put(file: Path, label: str, seed: int) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(png(phantom.draw(label, seed)))
    return file


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.parquet"


# --- the run's own evaluation ----------------------------------------------------------------


def test_the_own_predictions_cover_validation_and_test_rows_once(trained_models: Path) -> None:
    table = predictions.read(trained_models / "cnn" / "predictions.parquet")
    rows = index.read(trained_models / "dataset" / "index.parquet")
    part = splits.assign(rows, splits.OFFICIAL, seed=0)
    chosen = rows.rows[part.isin(["val", "test"])]
    assert table.paths.tolist() == chosen["path"].tolist()
    assert table.splits.tolist() == part[chosen.index].tolist()
    assert [table.classes[i] for i in table.y_true] == chosen["label"].tolist()
    assert (table.splits == "test").sum() == 4 * TEST_PER_CLASS
    run = runs.load(trained_models, "cnn")
    assert (table.run, table.negative_class) == ("cnn", "notumor")
    model = trained_models / "cnn" / "model.onnx"
    assert table.model_sha256 == run.model_sha256 == sha256(model)


def test_the_probabilities_are_those_of_the_exported_model(
    phantom_data: Path, trained_models: Path
) -> None:
    # 24 images and more: one whole batch of 32 is not needed for the last, partial one to count.
    table = predictions.read(trained_models / "cnn" / "predictions.parquet")
    classifier = inference.load(trained_models, "cnn")
    expected = classifier.classify([decode(phantom_data / str(p)).pixels for p in table.paths])
    np.testing.assert_allclose(table.y_prob, expected, atol=1e-6)


def test_scoring_again_changes_no_byte(phantom_data: Path, own_models: Path) -> None:
    path = own_models / "cnn" / "predictions.parquet"
    before = path.read_bytes()
    path.unlink()
    assert score(phantom_data, own_models).out == path
    assert path.read_bytes() == before


def test_the_own_predictions_need_the_index_that_the_run_was_trained_with(
    own_data: Path, own_models: Path
) -> None:
    put(own_data / "Testing" / "glioma" / "new.png", "glioma", 77)
    index.build(own_data, own_models, quiet=True)
    before = snapshot(own_models)
    with pytest.raises(InputError, match=r"not the one that cnn was trained with; .*--out"):
        score(own_data, own_models)
    (own_models / "dataset" / "index.parquet").unlink()
    with pytest.raises(InputError, match="not the one that cnn was trained with"):
        score(own_data, own_models)
    del before["dataset/index.parquet"]
    assert snapshot(own_models) == before


def test_a_folder_without_any_image_is_told_so(tmp_path: Path, own_models: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "read me.txt").write_text("x")
    with pytest.raises(InputError, match=r"notes holds no images \(JPEG, PNG, BMP or TIFF\)"):
        score(tmp_path / "notes", own_models)
    put(tmp_path / "notes" / "other.png", "glioma", 1)
    with pytest.raises(InputError, match=r"lacks (\d+) of the \1 images"):
        score(tmp_path / "notes", own_models)


def test_the_own_predictions_need_every_image(own_data: Path, own_models: Path) -> None:
    gone = sorted((own_data / "Testing" / "glioma").iterdir())[:2]
    before = snapshot(own_models)
    gone[0].unlink()
    with pytest.raises(InputError, match=r"lacks 1 of the 2\d images .*, such as Testing/glioma/"):
        score(own_data, own_models)
    gone[0].write_bytes(b"")
    with pytest.raises(
        InputError, match=r"1 of 2\d images could not be read, Testing/.*0 bytes.*every row"
    ):
        score(own_data, own_models)
    assert snapshot(own_models) == before


# --- what is fitted on the way ---------------------------------------------------------------


@pytest.fixture
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the handful of validation phantoms be enough for a temperature and a threshold."""
    monkeypatch.setattr(calibration, "MIN_IMAGES", 2)
    monkeypatch.setattr(trust, "MIN_TUMOURS", 2)


@pytest.mark.usefixtures("few_are_enough")
def test_scoring_the_own_rows_stores_what_it_fitted_on_the_validation_ones(
    phantom_data: Path, own_models: Path
) -> None:
    before = runs.load(own_models, "brightness")
    assert (before.temperature, before.operating_point, before.conformal) == (None, None, None)
    scored = score(phantom_data, own_models, "brightness")
    stored = predictions.read(own_models / "brightness" / "predictions.parquet")
    fit = trust.fit(stored, negative="notumor")
    assert fit is not None
    assert fit.temperature is not None
    assert fit.operating_point is not None
    assert scored.own
    assert scored.fit == fit
    after = runs.load(own_models, "brightness")
    assert scored.run == after
    assert after == replace(
        before, temperature=fit.temperature, operating_point=fit.operating_point, conformal=None
    )


@pytest.mark.usefixtures("few_are_enough")
def test_a_fitted_run_scored_again_changes_no_byte(phantom_data: Path, own_models: Path) -> None:
    score(phantom_data, own_models, "brightness")
    before = snapshot(own_models)
    assert runs.load(own_models, "brightness").temperature is not None
    changed = (own_models / "brightness" / "run.json").stat().st_mtime_ns
    score(phantom_data, own_models, "brightness")
    assert snapshot(own_models) == before
    assert (own_models / "brightness" / "run.json").stat().st_mtime_ns == changed


def test_tables_hold_the_probabilities_before_the_temperature(
    phantom_data: Path, own_models: Path, out: Path
) -> None:
    cold = score(phantom_data / "Testing", own_models, out=out).predictions.y_prob
    runs.save(own_models, replace(runs.load(own_models, "cnn"), temperature=4.0))
    scored = score(phantom_data / "Testing", own_models, out=out)
    np.testing.assert_array_equal(predictions.read(out).y_prob, cold)
    np.testing.assert_array_equal(scored.y_prob, apply_temperature(cold, 4.0))
    files = [phantom_data / "Testing" / str(path) for path in scored.predictions.paths]
    live = inference.load(own_models, "cnn").classify([decode(file).pixels for file in files])
    np.testing.assert_allclose(scored.y_prob, live, atol=1e-6)
    assert runs.load(own_models, "cnn").temperature == 4.0  # foreign images fit nothing
    assert (scored.own, scored.fit) == (False, None)


def test_a_fit_that_no_longer_holds_is_taken_back(phantom_data: Path, own_models: Path) -> None:
    runs.save(own_models, replace(runs.load(own_models, "cnn"), temperature=4.0))
    score(phantom_data, own_models)  # too few validation images for a temperature
    assert runs.load(own_models, "cnn").temperature is None


# --- any images ------------------------------------------------------------------------------


def test_more_than_a_batch_is_scored_in_order_with_the_last_partial_batch(
    trained_models: Path, tmp_path: Path, out: Path
) -> None:
    files = [put(tmp_path / "d" / f"{i:02}.png", "glioma", i) for i in range(35)]
    table = score(tmp_path / "d", trained_models, out=out).predictions
    assert table.paths.tolist() == [f.name for f in files]
    expected = inference.load(trained_models, "cnn").classify([decode(f).pixels for f in files])
    np.testing.assert_allclose(table.y_prob, expected, atol=1e-6)
    assert len(predictions.read(out).paths) == 35


def test_a_labelled_folder_gives_labels_and_an_unlabelled_one_none(
    trained_models: Path, tmp_path: Path, out: Path
) -> None:
    put(tmp_path / "d" / "glioma" / "a.png", "glioma", 1)
    put(tmp_path / "d" / "deep" / "notumor" / "b.png", "notumor", 1)
    put(tmp_path / "d" / "strange" / "c.png", "glioma", 2)
    put(tmp_path / "d" / "d.png", "glioma", 3)
    put(tmp_path / "d" / ".hidden" / "e.png", "glioma", 4)
    (tmp_path / "d" / "notes.txt").write_text("x")
    score(tmp_path / "d", trained_models, out=out)
    table = predictions.read(out)
    labels = [None if i < 0 else table.classes[i] for i in table.y_true]
    assert dict(zip(table.paths, labels, strict=True)) == {
        "glioma/a.png": "glioma",
        "deep/notumor/b.png": "notumor",
        "strange/c.png": None,
        "d.png": None,
    }
    assert set(table.splits) == {"test"}


def test_a_single_file_is_scored_and_nothing_is_written(
    trained_models: Path, phantom_data: Path
) -> None:
    before = snapshot(trained_models), snapshot(phantom_data)
    file = phantom_data / "Testing" / "pituitary" / "pituitary-0000.png"
    scored = score(file, trained_models)
    assert scored.out is None
    assert scored.predictions.paths.tolist() == ["pituitary-0000.png"]
    assert scored.predictions.y_true.tolist() == [3]
    assert (snapshot(trained_models), snapshot(phantom_data)) == before


def test_a_single_file_with_out_is_written(trained_models: Path, tmp_path: Path, out: Path) -> None:
    file = put(tmp_path / "slice.png", "glioma", 5)
    score(file, trained_models, out=out)
    assert predictions.read(out).y_true.tolist() == [-1]


def test_unreadable_files_of_a_foreign_folder_are_listed_and_the_rest_scored(
    trained_models: Path, tmp_path: Path, out: Path
) -> None:
    put(tmp_path / "d" / "good.png", "glioma", 1)
    for case in BAD.values():
        (tmp_path / "d" / case.name).write_bytes(case.data)
    scored = score(tmp_path / "d", trained_models, out=out)
    assert predictions.read(out).paths.tolist() == ["good.png"]
    reasons = dict(scored.unreadable)
    assert set(reasons) == {case.name for case in BAD.values()}
    for case in BAD.values():
        assert case.says in reasons[case.name]


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_a_single_bad_file_is_refused(
    case: object, trained_models: Path, tmp_path: Path, out: Path
) -> None:
    from tests.brainmri.files_to_read import Bad

    assert isinstance(case, Bad)
    (tmp_path / case.name).write_bytes(case.data)
    with pytest.raises(InputError, match=f"^{re.escape(case.name)} could not be read: ") as caught:
        score(tmp_path / case.name, trained_models, out=out)
    assert case.says in str(caught.value)
    assert not out.exists()


def test_nothing_to_score_is_refused(trained_models: Path, tmp_path: Path, out: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="There is no file or folder"):
        score(tmp_path / "gone", trained_models)
    with pytest.raises(InputError, match="holds no images"):
        score(tmp_path / "empty", trained_models, out=out)


def test_a_folder_of_bad_files_alone_is_refused(
    trained_models: Path, tmp_path: Path, out: Path
) -> None:
    (tmp_path / "d").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "d" / name).write_bytes(b"")
    with pytest.raises(
        InputError, match=r"^2 of 2 images could not be read, the first is a\.png: "
    ):
        score(tmp_path / "d", trained_models, out=out)


def test_a_link_that_leads_back_is_passed_over_and_not_followed(
    trained_models: Path, tmp_path: Path, out: Path
) -> None:
    put(tmp_path / "d" / "sub" / "a.png", "glioma", 1)
    (tmp_path / "d" / "sub" / "back").symlink_to(tmp_path / "d", target_is_directory=True)
    scored = score(tmp_path / "d", trained_models, out=out)
    assert scored.predictions.paths.tolist() == ["sub/a.png"]
    assert scored.passed_over == ["sub/back"]


def test_predictions_that_cannot_be_written_are_refused_before_an_image_is_read(
    trained_models: Path, phantom_data: Path, unwritable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_: object) -> None:
        pytest.fail("an image was read")

    monkeypatch.setattr(images, "decode", read)
    with pytest.raises(OutputError, match="Could not write"):
        score(phantom_data / "Testing", trained_models, out=unwritable / "new" / "p.parquet")


# --- seen ------------------------------------------------------------------------------------


def test_seen_marks_copies_and_mirrored_copies_of_what_shaped_the_model(
    own_models: Path, phantom_data: Path, tmp_path: Path, out: Path
) -> None:
    table = index.read(own_models / "dataset" / "index.parquet")
    part = splits.assign(table, splits.OFFICIAL, seed=0)
    paths = {p: phantom_data / table.rows.loc[part == p, "path"].iloc[0] for p in set(part)}
    folder = tmp_path / "d"
    folder.mkdir()
    shutil.copy(paths["train"], folder / "train-copy.png")
    shutil.copy(paths["val"], folder / "val-copy.png")
    shutil.copy(paths["test"], folder / "test-copy.png")
    pixels = decode(paths["train"]).pixels
    Image.fromarray(np.ascontiguousarray(pixels[:, ::-1])).save(folder / "train-mirrored.jpg")
    put(folder / "new.png", "glioma", 12_345)
    scored = score(folder, own_models, out=out).predictions
    assert scored.seen is not None
    assert dict(zip(scored.paths, scored.seen.tolist(), strict=True)) == {
        "new.png": False,
        "test-copy.png": False,
        "train-copy.png": True,
        "train-mirrored.jpg": True,
        "val-copy.png": True,  # it chose the epoch
    }


def test_a_validation_image_is_not_seen_because_of_itself(trained_models: Path) -> None:
    table = predictions.read(trained_models / "cnn" / "predictions.parquet")
    assert table.seen is not None
    assert not table.seen[table.splits == "val"].any()


def test_a_test_image_with_a_copy_in_training_is_seen(own_data: Path, tmp_path: Path) -> None:
    from brainmri.training import train

    shutil.copy(
        sorted((own_data / "Training" / "glioma").iterdir())[3],
        own_data / "Testing" / "glioma" / "leak.png",
    )
    index.build(own_data, tmp_path / "m", quiet=True)
    train.train(
        own_data, tmp_path / "m", model="mean-brightness", name="b", size_px=32, quiet=True,
        allow_leaks=True,
    )  # fmt: skip
    table = score(own_data, tmp_path / "m", "b").predictions
    assert table.seen is not None
    assert table.paths[table.seen].tolist() == ["Testing/glioma/leak.png"]


def test_seen_is_not_recorded_when_the_training_index_is_gone(
    own_models: Path, phantom_data: Path, out: Path
) -> None:
    run = runs.load(own_models, "cnn")
    runs.save(own_models, replace(run, index_sha256="0" * 64))
    assert score(phantom_data / "Testing", own_models, out=out).predictions.seen is None
    assert predictions.read(out).seen is None
