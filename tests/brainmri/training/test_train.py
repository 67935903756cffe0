"""`brainmri.training.train`: a run folder is whole, repeatable, and replaced only by a whole one."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from brainmri import index, inference, phantom, predictions, runs, splits
from brainmri.errors import InputError, Interrupted, OutputError
from brainmri.files import sha256
from brainmri.images import decode
from brainmri.preprocessing import Preprocessing
from brainmri.runs import Run
from brainmri.training import fit, recipes, train, transforms
from tests.brainmri.conftest import SmallDisk
from tests.brainmri.files_to_read import snapshot
from tests.conftest import ROOT, SIZE_PX


def run_train(data: Path, models: Path, name: str = "new", **options: Any) -> Run:
    given: dict[str, Any] = {
        "model": "cnn",
        "epochs": 2,
        "size_px": SIZE_PX,
        "quiet": True,
        **options,
    }
    return train.train(data, models, name=name, **given)


# --- what a run is ---------------------------------------------------------------------------


def test_a_run_folder_holds_the_model_its_description_and_nothing_left_over(
    own_models: Path, phantom_data: Path
) -> None:
    run = run_train(phantom_data, own_models)
    assert set(snapshot(own_models / "new")) == {"model.onnx", "run.json"}
    assert run == runs.load(own_models, "new")
    assert run.model_sha256 == sha256(own_models / "new" / "model.onnx")
    assert run.index_sha256 == sha256(own_models / "dataset" / "index.parquet")


def test_run_json_says_how_it_was_made(trained_models: Path) -> None:
    run = runs.load(trained_models, "cnn")
    assert (run.name, run.architecture, run.protocol, run.seed) == ("cnn", "cnn", "official", 0)
    assert run.classes == ["glioma", "meningioma", "notumor", "pituitary"]
    assert run.negative_class == "notumor"
    assert run.preprocessing == {"size_px": SIZE_PX, "fit": "stretch"}
    assert run.configuration["epochs"] == 2
    assert (run.configuration["l2"], run.configuration["dropout"]) == (0.0, [0.0, 0.0, 0.0])
    assert len(run.history) == 2
    part = splits.assign(
        index.read(trained_models / "dataset" / "index.parquet"), "official", seed=0
    )
    assert run.images == part.value_counts().to_dict()
    assert run.versions["torch"] == torch.__version__.partition("+")[0]
    assert run.created.endswith("+00:00")


def test_run_json_holds_no_path_of_the_machine(trained_models: Path, phantom_data: Path) -> None:
    for name in ("cnn", "brightness"):
        for file in (trained_models / name).iterdir():
            data = file.read_bytes()
            for trace in (ROOT, Path.home(), phantom_data, trained_models):
                assert str(trace).encode() not in data, file


@pytest.mark.parametrize(
    ("model", "l2", "dropout", "augmentation"),
    [
        ("cnn-regularised", 0.01, [0.25, 0.25, 0.5], "none"),
        ("cnn-augmented", 0.0, [0.0, 0.0, 0.0], "mild"),
    ],
)
def test_each_recipe_is_what_the_reference_did(
    model: str, l2: float, dropout: list[float], augmentation: str,
    own_models: Path, phantom_data: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    given: dict[str, object] = {}
    real = fit.fit

    def spy(network: torch.nn.Module, *args: object, **options: object) -> fit.Fitted:
        given.update(options, dropouts=[m.p for m in network.modules() if hasattr(m, "p")])
        return real(network, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(fit, "fit", spy)
    run = run_train(phantom_data, own_models, model=model, epochs=1)
    assert run.architecture == model
    assert (run.configuration["l2"], run.configuration["augmentation"]) == (l2, augmentation)
    assert run.configuration["dropout"] == given["dropouts"] == dropout
    assert (given["augment"] is not None) is (augmentation != "none")


def test_training_twice_with_a_seed_writes_the_same_model(
    own_models: Path, phantom_data: Path
) -> None:
    first = run_train(phantom_data, own_models, "a", epochs=1, seed=3)
    again = run_train(phantom_data, own_models, "b", epochs=1, seed=3)
    other = run_train(phantom_data, own_models, "c", epochs=1, seed=4)
    assert first.model_sha256 == again.model_sha256
    assert first.model_sha256 != other.model_sha256


def test_the_model_is_trained_on_training_rows_only(
    own_models: Path, phantom_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[fit.Rows] = []
    real = fit.fit

    def spy(*args: object, **options: object) -> fit.Fitted:
        parts.extend(part for part in args if isinstance(part, fit.Rows))
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(fit, "fit", spy)
    run_train(phantom_data, own_models, epochs=1)
    table = index.read(own_models / "dataset" / "index.parquet")
    assigned = splits.assign(table, "official", seed=0).to_numpy()
    for part, name in zip(parts, ("train", "val"), strict=True):
        assert set(assigned[part.rows]) == {name}
        assert len(part.rows) == (assigned == name).sum()
        assert [table.classes[i] for i in part.y_true] == table.rows["label"].iloc[
            part.rows
        ].tolist()


def with_folds(data: Path, models: Path) -> list[str]:
    """Index a folder with a column "fold" that is a split; returns its lines."""
    paths = sorted(p.relative_to(data).as_posix() for p in data.rglob("*.png"))
    parts = ["train", "train", "val", "test", "guard"]
    lines = [f"{path},{parts[i % 5]}" for i, path in enumerate(paths)]
    models.mkdir(exist_ok=True)
    metadata = models.parent / f"{models.name}.csv"
    metadata.write_text("\n".join(["path,fold", *lines]) + "\n")
    index.build(data, models, metadata=metadata, quiet=True)
    return lines


def test_a_metadata_column_can_be_the_split_and_unused_rows_stay_unused(
    own_data: Path, tmp_path: Path
) -> None:
    lines = with_folds(own_data, tmp_path / "m")
    run = run_train(own_data, tmp_path / "m", model="mean-brightness", protocol="fold")
    expected = {p: sum(line.endswith("," + p) for line in lines) for p in ("train", "val", "test")}
    assert run.images == expected
    assert run.protocol == "fold"


# --- the baseline ----------------------------------------------------------------------------


def test_mean_brightness_answers_with_the_class_of_nearest_average_brightness(
    trained_models: Path, phantom_data: Path
) -> None:
    table = index.read(trained_models / "dataset" / "index.parquet")
    part = splits.assign(table, "official", seed=0).to_numpy()
    square = Preprocessing(size_px=SIZE_PX).square
    brightness = np.array(
        [square(decode(phantom_data / path).pixels).mean() / 255 for path in table.rows["path"]]
    )
    labels = table.rows["label"].to_numpy()
    centres = [brightness[(labels == c) & (part == "train")].mean() for c in table.classes]
    chosen = np.isin(part, ["val", "test"])
    expected = np.abs(brightness[chosen, None] - centres).argmin(axis=1)
    scored = predictions.read(trained_models / "brightness" / "predictions.parquet")
    np.testing.assert_array_equal(scored.y_pred, expected)
    assert len(set(expected)) > 1


def test_mean_brightness_needs_no_torch(own_models: Path, phantom_data: Path) -> None:
    code = (
        "import sys; from brainmri.cli import main; code = main(sys.argv[1:]); "
        "sys.exit('torch was imported' if 'torch' in sys.modules else code)"
    )
    arguments = ["train", phantom_data, "--models", own_models, "--model", "mean-brightness",
                 "--run", "new", "--size-px", str(SIZE_PX), "--quiet"]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    model = own_models / "new" / "model.onnx"
    assert sha256(model) == sha256(own_models / "brightness" / "model.onnx")


# --- options that cannot be used -------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"model": "resnet"}, 'no model "resnet"; choose one of mean-brightness, cnn,'),
        ({"epochs": 0}, "at least one epoch"),
        ({"size_px": 31}, "at least 32 pixels"),
        ({"size_px": 0}, "at least 32 pixels"),
        ({"model": "mean-brightness", "resume": True}, "nothing to resume"),
        ({"model": "mean-brightness", "members": 2}, "no chance in it"),
        ({"members": 0}, "0 networks cannot answer together; give --members 1 to 8"),
        ({"members": 9}, "give --members 1 to 8"),
        ({"protocol": "grouped"}, 'no split "grouped"'),
        ({"resume": True}, "nothing to resume"),
        ({"resume": True, "replace_run": True}, "one of the two"),
        ({"name": "../up"}, "cannot be the name of a run"),
    ],
)
def test_options_that_cannot_be_used_are_refused_and_write_nothing(
    options: dict[str, Any], says: str, own_models: Path, phantom_data: Path
) -> None:
    before = snapshot(own_models)
    with pytest.raises(InputError, match=says):
        run_train(phantom_data, own_models, **options)
    assert snapshot(own_models) == before


def test_training_needs_an_index_and_its_folder(
    own_models: Path, phantom_data: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="There is no image index"):
        run_train(phantom_data, tmp_path / "empty")
    with pytest.raises(InputError, match="There is no folder"):
        run_train(tmp_path / "gone", own_models)
    assert not (tmp_path / "empty").exists()


# --- replacing, interrupting, resuming -------------------------------------------------------


def test_a_new_run_takes_the_place_of_the_old_one_and_its_predictions(
    own_models: Path, phantom_data: Path
) -> None:
    old = snapshot(own_models / "cnn")
    assert "predictions.parquet" in old
    run_train(phantom_data, own_models, "cnn", epochs=1, seed=9, replace_run=True)
    new = snapshot(own_models / "cnn")
    assert set(new) == {"model.onnx", "run.json"}
    assert new["model.onnx"] != old["model.onnx"]


def test_a_run_is_not_trained_over_by_mistake(own_models: Path, phantom_data: Path) -> None:
    old = snapshot(own_models)
    with pytest.raises(InputError, match=r"There is a run cnn already; .* with --replace"):
        run_train(phantom_data, own_models, "cnn", seed=9)
    assert snapshot(own_models) == old


@pytest.mark.parametrize("in_parts", [False, True])
def test_a_table_of_another_tool_is_not_trained_over_by_mistake(
    in_parts: bool, own_models: Path, phantom_data: Path
) -> None:
    table = own_models / "theirs" / "predictions.parquet"
    table.parent.mkdir()
    if in_parts:
        table.mkdir()
        table /= "part-0.parquet"
    table.write_bytes((own_models / "cnn" / "predictions.parquet").read_bytes())
    before = snapshot(own_models)
    with pytest.raises(InputError, match=r"There is a run theirs already; .* with --replace"):
        run_train(phantom_data, own_models, "theirs")
    assert snapshot(own_models) == before


def test_predictions_in_part_files_are_replaced_too(own_models: Path, phantom_data: Path) -> None:
    path = own_models / "brightness" / "predictions.parquet"
    path.unlink()
    path.mkdir()
    (path / "part-0.parquet").write_bytes(b"old")
    run_train(phantom_data, own_models, "brightness", model="mean-brightness", replace_run=True)
    assert set(snapshot(own_models / "brightness")) == {"model.onnx", "run.json"}


MICRO_BATCH = recipes.RECIPES["cnn-augmented"].micro_batch
REAL_AUGMENTATION = transforms.mild


def interrupted_at(call: int) -> Callable[[], fit.Augment]:
    """The real augmentation, stopped as by Ctrl-C at its n-th batch."""

    def augmentation() -> fit.Augment:
        real, batches = REAL_AUGMENTATION(), itertools.count(1)

        def every(images: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
            if next(batches) == call:
                raise KeyboardInterrupt
            return real(images, allowed)

        return every

    return augmentation


@pytest.fixture
def interrupted(own_models: Path, phantom_data: Path) -> Path:
    """A models folder with the run "cut", stopped in its second epoch."""
    n = runs.load(own_models, "cnn").images["train"]
    an_epoch = -(-min(n, 32) // MICRO_BATCH) + -(-max(n - 32, 0) // MICRO_BATCH)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transforms, "mild", interrupted_at(an_epoch + 2))
        with pytest.raises(Interrupted, match=r"Stopped after epoch 1 of 2"):
            run_train(phantom_data, own_models, "cut", model="cnn-augmented")
    return own_models


def test_an_interrupted_run_is_not_a_run_yet_and_says_how_to_go_on(interrupted: Path) -> None:
    assert set(snapshot(interrupted / "cut")) == {"best.pt", "checkpoint.pt"}
    with pytest.raises(InputError, match=r'"cut" was interrupted; .*--run cut --resume'):
        inference.load(interrupted, "cut")


def test_a_resumed_run_is_the_same_file_as_one_that_was_never_interrupted(
    interrupted: Path, phantom_data: Path
) -> None:
    whole = run_train(phantom_data, interrupted, "whole", model="cnn-augmented")
    resumed = run_train(phantom_data, interrupted, "cut", model="cnn-augmented", resume=True)
    assert resumed.model_sha256 == whole.model_sha256
    assert set(snapshot(interrupted / "cut")) == {"model.onnx", "run.json"}


def test_epochs_that_were_kept_are_not_trained_over_by_mistake(
    interrupted: Path, phantom_data: Path
) -> None:
    kept = snapshot(interrupted)
    with pytest.raises(InputError, match="go on from them with --resume, or lose them"):
        run_train(phantom_data, interrupted, "cut", model="cnn-augmented")
    assert snapshot(interrupted) == kept
    run_train(phantom_data, interrupted, "cut", model="cnn-augmented", epochs=1, replace_run=True)
    assert set(snapshot(interrupted / "cut")) == {"model.onnx", "run.json"}


@pytest.mark.parametrize("changed", ["model", "size_px", "index"])
def test_a_checkpoint_of_other_options_or_data_is_refused(
    changed: str, interrupted: Path, own_data: Path
) -> None:
    options: dict[str, Any] = {"model": "cnn-augmented", "resume": True}
    if changed == "index":
        shutil.copy(
            own_data / "Testing" / "glioma" / "glioma-0000.png",
            own_data / "Testing" / "glioma" / "new.png",
        )
        index.build(own_data, interrupted, quiet=True)
    else:
        options[changed] = {"model": "cnn", "size_px": SIZE_PX + 4}[changed]
    with pytest.raises(InputError, match=f"was made with another .*{changed}"):
        run_train(own_data, interrupted, "cut", **options)
    assert set(snapshot(interrupted / "cut")) == {"best.pt", "checkpoint.pt"}


def test_an_interruption_leaves_the_old_run_usable(own_models: Path, phantom_data: Path) -> None:
    before = snapshot(own_models / "cnn")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transforms, "mild", interrupted_at(1))
        with pytest.raises(Interrupted):
            run_train(phantom_data, own_models, "cnn", model="cnn-augmented", replace_run=True)
    assert snapshot(own_models / "cnn") == before
    inference.load(own_models, "cnn")


def test_a_full_disk_leaves_the_old_run_whole(
    trained_models: Path, phantom_data: Path, small_disk: SmallDisk
) -> None:
    models = small_disk.folder / "models"
    for part in ("dataset", "cnn", ".cache"):
        shutil.copytree(trained_models / part, models / part)
    before = snapshot(models)
    with small_disk.full(), pytest.raises(OutputError, match="Could not write"):
        run_train(phantom_data, models, "cnn", epochs=1, seed=5, replace_run=True)
    assert snapshot(models) == before
    inference.load(models, "cnn")


def test_a_full_disk_at_the_very_end_leaves_the_old_run_whole(
    own_models: Path, phantom_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, _: object) -> None:
        raise OutputError(f"Could not write {path}: No space left on device.")

    before = snapshot(own_models / "cnn")
    monkeypatch.setattr(train, "write_atomically", full)
    with pytest.raises(OutputError):
        run_train(phantom_data, own_models, "cnn", epochs=1, replace_run=True)
    after = snapshot(own_models / "cnn")
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"best.pt", "checkpoint.pt"}  # --resume finishes it


def test_a_run_that_cannot_be_written_is_refused(
    own_models: Path, phantom_data: Path, tmp_path: Path
) -> None:
    (own_models / "new").write_text("a file in the way")
    with pytest.raises(OutputError, match="Could not write"):
        run_train(phantom_data, own_models, epochs=1)
    assert (own_models / "new").read_text() == "a file in the way"
    assert os.listdir(tmp_path) == ["models"]  # noqa: PTH208 (hidden files too)


def test_history_is_plain_json(trained_models: Path) -> None:
    text = (trained_models / "cnn" / "run.json").read_text()
    values = json.loads(text, parse_constant=pytest.fail)  # NaN and Infinity are not JSON
    assert [entry["epoch"] for entry in values["history"]] == [1, 2]


# --- pretrained networks ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def transferred(
    trained_models: Path, phantom_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A models folder with the run "lite0", fine-tuned for one epoch on phantoms."""
    models = tmp_path_factory.mktemp("transferred")
    shutil.copytree(trained_models / "dataset", models / "dataset")
    run_train(phantom_data, models, "lite0", model="efficientnet-lite0", epochs=1, size_px=64)
    return models


def test_a_pretrained_network_sees_the_canonical_form_and_says_how_it_was_taught(
    transferred: Path,
) -> None:
    run = runs.load(transferred, "lite0")
    assert run.preprocessing == {"size_px": 64, "fit": "head"}
    assert run.configuration["augmentation"] == "strong"
    assert run.configuration["painted"] > 0
    assert run.configuration["frozen"] > 0
    assert run.versions["timm"]


def test_its_file_gives_probabilities_embedding_and_maps(transferred: Path) -> None:
    classifier = inference.load(transferred, "lite0")
    square = classifier.preprocessing.square(phantom.draw("glioma", 1))[None]
    answers = classifier.explain(square)
    assert answers.embedding is not None
    assert answers.maps is not None
    assert answers.embedding.shape == (1, 1280)
    assert answers.maps.shape == (1, 4, 2, 2)
    np.testing.assert_allclose(answers.y_prob, classifier.classify_squares(square), atol=1e-6)
    from_maps = inference.softmax(answers.maps.mean(axis=(2, 3)))
    np.testing.assert_allclose(from_maps, classifier.uncalibrated(square), atol=1e-5)


def test_its_file_is_small_enough_to_ship(transferred: Path) -> None:
    assert (transferred / "lite0" / "model.onnx").stat().st_size <= 16e6


# --- networks that answer together --------------------------------------------------------------


def in_single(models: Path, name: str, squares: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.log(inference.load(models, name).uncalibrated(squares).astype(np.float64))


@pytest.fixture(scope="module")
def squares() -> NDArray[np.uint8]:
    square = Preprocessing(SIZE_PX).square
    return np.stack([square(phantom.draw("glioma", i)) for i in range(8)])


@pytest.fixture(scope="module")
def several(phantom_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with a run of two networks and each of the two alone.

    The split is a column, since a seed draws the validation images of the others, too.
    """
    models = tmp_path_factory.mktemp("several")
    with_folds(phantom_data, models)
    split = {"protocol": "fold", "allow_leaks": True}
    run_train(phantom_data, models, "both", members=2, **split)
    run_train(phantom_data, models, "first", **split)
    run_train(phantom_data, models, "second", seed=1, **split)
    return models


def test_networks_that_answer_together_are_those_of_the_next_seeds(several: Path) -> None:
    both, *alone = (runs.load(several, name) for name in ("both", "first", "second"))
    assert both.members == 2
    assert both.configuration["members"] == 2
    assert "members" not in alone[0].configuration
    for history, single in zip([both.history, *both.further_histories], alone, strict=True):
        assert [e["val_loss"] for e in history] == [e["val_loss"] for e in single.history]


def test_their_logits_are_averaged_and_their_embeddings_side_by_side(
    several: Path, squares: NDArray[np.uint8]
) -> None:
    mean = (in_single(several, "first", squares) + in_single(several, "second", squares)) / 2
    wanted = inference.softmax(mean)
    got = inference.load(several, "both").uncalibrated(squares)
    np.testing.assert_allclose(got, wanted, atol=2e-3)  # Weights of 16 bits.
    both, one = (inference.load(several, name).embedded(squares)[1] for name in ("both", "first"))
    assert both.shape == (8, 2 * one.shape[1])
    np.testing.assert_allclose(both[:, : one.shape[1]], one, rtol=2e-2, atol=2e-2)


def test_two_pretrained_networks_are_small_enough_to_ship_and_keep_their_maps(
    trained_models: Path, phantom_data: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained_models / "dataset", tmp_path / "dataset")
    options = {"model": "efficientnet-lite0", "epochs": 1, "size_px": 64}
    run_train(phantom_data, tmp_path, "two", members=2, **options)
    assert (tmp_path / "two" / "model.onnx").stat().st_size <= 16e6
    classifier = inference.load(tmp_path, "two")
    square = classifier.preprocessing.square(phantom.draw("glioma", 1))[None]
    answers = classifier.explain(square)
    assert answers.embedding is not None
    assert answers.embedding.shape == (1, 2 * 1280)
    assert answers.maps is not None
    from_maps = inference.softmax(answers.maps.mean(axis=(2, 3)))
    np.testing.assert_allclose(from_maps, classifier.uncalibrated(square), atol=1e-5)


def test_an_interrupted_second_network_is_gone_on_with(
    own_models: Path, phantom_data: Path
) -> None:
    n = runs.load(own_models, "cnn").images["train"]
    micro = recipes.RECIPES["cnn-augmented"].micro_batch
    an_epoch = -(-min(n, 32) // micro) + -(-max(n - 32, 0) // micro)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transforms, "mild", interrupted_in_the_second(an_epoch + 2))
        with pytest.raises(Interrupted, match=r"Stopped after epoch 1 of 2"):
            run_train(phantom_data, own_models, "cut", model="cnn-augmented", members=2)
    assert set(snapshot(own_models / "cut")) == {
        "best.pt", "checkpoint.pt", "member-2/best.pt", "member-2/checkpoint.pt"
    }  # fmt: skip
    whole = run_train(phantom_data, own_models, "whole", model="cnn-augmented", members=2)
    resumed = run_train(
        phantom_data, own_models, "cut", model="cnn-augmented", members=2, resume=True
    )
    assert resumed.model_sha256 == whole.model_sha256
    assert [
        [e["val_loss"] for e in history]
        for history in (resumed.history, *resumed.further_histories)
    ] == [[e["val_loss"] for e in history] for history in (whole.history, *whole.further_histories)]
    assert set(snapshot(own_models / "cut")) == {"model.onnx", "run.json"}


def interrupted_in_the_second(call: int) -> Callable[[], fit.Augment]:
    """As `interrupted_at`, of the second network: the first is made its own augmentation undisturbed."""
    made = itertools.count(1)

    def augmentation() -> fit.Augment:
        return REAL_AUGMENTATION() if next(made) == 1 else interrupted_at(call)()

    return augmentation


def test_what_goes_on_from_several_networks_goes_on_with_each(
    several: Path, phantom_data: Path
) -> None:
    further = run_train(phantom_data, several, "further", model=None, start="both", epochs=1)
    assert further.members == 2
    assert further.configuration["members"] == 2
    assert [len(h) for h in (further.history, *further.further_histories)] == [1, 1]
    with pytest.raises(InputError, match="both has --members 2"):
        run_train(phantom_data, several, "other", model=None, start="both", members=3)


@pytest.mark.parametrize(
    "value", ["many", [[]], [[{"epoch": 1}]], [5]], ids=["word", "empty", "not whole", "number"]
)
def test_a_damaged_further_history_is_named(value: object, several: Path) -> None:
    shutil.copytree(several / "both", several / "damaged", dirs_exist_ok=True)
    path = several / "damaged" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "further_histories": value}))
    with pytest.raises(InputError, match="no usable value for further_histories"):
        runs.load(several, "damaged")


def test_rare_groups_and_images_without_copies_are_drawn_more_often() -> None:
    rows = pd.DataFrame(
        {
            "label": ["a"] * 8 + ["b"] * 2,
            "source": ["x"] * 4 + ["y"] * 4 + ["x"] * 2,
            "cluster": [0, 0, 1, 2, 3, 4, 5, 6, 7, 8],
        }
    )
    weight = train.balanced_weight(rows)
    assert weight[0] == pytest.approx(1 / np.sqrt(4) / np.sqrt(2))  # 4 of a/x, 2 copies
    assert weight[2] == pytest.approx(1 / np.sqrt(4))
    assert weight[8] == pytest.approx(1 / np.sqrt(2))
    without_source = train.balanced_weight(rows.drop(columns="source"))
    assert without_source[2] == pytest.approx(1 / np.sqrt(8))
