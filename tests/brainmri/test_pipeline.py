"""Every step after the other, on phantoms; and what importing the package brings along."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import brainmri
from brainmri import index, phantom, predictions, runs, scoring
from brainmri.cli import main
from brainmri.training import networks, recipes, train
from tests.conftest import ROOT, SIZE_PX

# Those of torchvision download their weights; tests/brainmri/training/test_networks.py has them without.
OFFLINE = [model for model in recipes.MODELS if model not in networks.TORCHVISION]


@pytest.mark.parametrize("model", OFFLINE)
def test_each_model_goes_from_images_to_predictions(
    model: str, own_models: Path, phantom_data: Path
) -> None:
    common = ["--models", str(own_models), "--run", "new", "--quiet"]
    options = ["--model", model, "--epochs", "1", "--size-px", str(SIZE_PX)]
    assert main(["train", str(phantom_data), *options, *common]) == 0
    assert main(["predict", str(phantom_data), *common]) == 0
    table = predictions.read(own_models / "new" / "predictions.parquet")
    run = runs.load(own_models, "new")
    assert run.architecture == model
    assert len(table.paths) == run.images["val"] + run.images["test"]
    assert (table.y_true >= 0).all()
    assert table.model_sha256 == run.model_sha256


def test_training_separates_classes_that_can_be_separated(tmp_path: Path) -> None:
    # The one test in which a network must have learned something, from files to answers.
    rng = np.random.default_rng(0)
    for split, count in (("Training", 40), ("Testing", 10)):
        for label, level in (("bright", 190), ("no", 60)):
            folder = tmp_path / "data" / split / label
            folder.mkdir(parents=True)
            for i in range(count):
                noise = rng.normal(level, 30, (20, 20, 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(noise).save(folder / f"{i}.png")
    models = tmp_path / "models"
    index.build(tmp_path / "data", models, quiet=True)
    train.train(tmp_path / "data", models, model="cnn", name="r", epochs=8, size_px=32, quiet=True)
    table = scoring.score(tmp_path / "data", models, "r", quiet=True).predictions
    assert (table.y_pred == table.y_true).mean() > 0.95


def test_any_number_of_classes_with_any_names(tmp_path: Path) -> None:
    names = ["Astrozytom °II", "gesund & munter", "sonstige"]
    for split, count in (("train", 4), ("test", 2)):
        for c, name in enumerate(names):
            folder = tmp_path / "data" / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = phantom.draw(phantom.CLASSES[c], 100 * (split == "test") + i)
                Image.fromarray(pixels).save(folder / f"Schicht {i}.png")
    models = tmp_path / "models"
    where = ["--models", str(models), "--quiet"]
    assert main(["index", str(tmp_path / "data"), "--negative", names[1], *where]) == 0
    options = ["--model", "mean-brightness", "--run", "b", "--size-px", "32"]
    assert main(["train", str(tmp_path / "data"), *options, *where]) == 0
    assert main(["predict", str(tmp_path / "data"), "--run", "b", *where]) == 0
    table = predictions.read(models / "b" / "predictions.parquet")
    assert table.classes == names
    assert table.negative_class == names[1]


def test_predictions_written_in_parts_by_several_machines_read_like_one(
    trained_models: Path, phantom_data: Path, tmp_path: Path
) -> None:
    for label in phantom.CLASSES:
        out = tmp_path / "parts" / f"{label}.parquet"
        scoring.score(phantom_data / "Testing" / label, trained_models, "cnn", out=out, quiet=True)
    whole = scoring.score(
        phantom_data / "Testing", trained_models, "cnn", out=tmp_path / "w.parquet", quiet=True
    ).predictions
    parts = predictions.read(tmp_path / "parts")
    np.testing.assert_allclose(parts.y_prob, whole.y_prob, atol=1e-6)
    assert (parts.run, parts.classes) == ("cnn", whole.classes)


@pytest.mark.parametrize("results", ["demo/models", "elsewhere"])
def test_the_demo_goes_through_every_step(
    results: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real_write, real_train = phantom.write_dataset, train.train

    def few(folder: Path, **_: int) -> int:
        return real_write(folder, train_per_class=6, test_per_class=2)

    def short(data: Path, models: Path, *, model: str, name: str, **_: object) -> runs.Run:
        return real_train(data, models, model=model, name=name, epochs=1, size_px=32, quiet=True)

    monkeypatch.setattr(phantom, "write_dataset", few)
    monkeypatch.setattr(train, "train", short)
    models = tmp_path / results
    chosen = [] if results == "demo/models" else ["--models", str(models)]
    assert main(["demo", "--folder", str(tmp_path / "demo"), "--quiet", *chosen]) == 0
    assert (tmp_path / "demo" / "models").exists() == (not chosen)
    whole, broken = runs.list_runs(models)
    assert {run.architecture for run in whole} == {"mean-brightness", "cnn"}
    assert broken == []
    for run in whole:
        table = predictions.read(models / run.name / "predictions.parquet")
        assert (table.splits == "test").sum() == 8
    shown = capsys.readouterr().out
    assert f"python -m dashboard --models {models} --data {tmp_path / 'demo' / 'data'}" in shown


# --- what importing brings along -------------------------------------------------------------

MODULES = sorted(
    name
    for _, name, _ in pkgutil.walk_packages(brainmri.__path__, "brainmri.")
    if not name.startswith("brainmri.training") and name != "brainmri.__main__"
)


def modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_everything_but_training_imports_without_torch() -> None:
    assert "brainmri.inference" in MODULES
    loaded = modules_after(
        "\n".join(f"import {name}" for name in MODULES if name != "brainmri.demo")
    )
    assert "numpy" in loaded  # What is slow to import comes with the first use.
    assert not loaded & {"torch", "torchvision"}
    assert not loaded & {"dash", "plotly", "flask", "dashboard"}


def test_what_the_dashboard_imports_needs_neither_scikit_learn_nor_onnx() -> None:
    served = ["predictions", "runs", "metrics", "evaluation", "inference", "index", "averages",
              "images", "phantom"]  # fmt: skip
    loaded = modules_after("\n".join(f"import brainmri.{name}" for name in served))
    assert not loaded & {"torch", "onnx", "onnxscript"}


def test_importing_the_package_imports_nothing_else() -> None:
    assert not modules_after("import brainmri") & {"numpy", "pandas", "PIL", "pyarrow"}


def test_no_part_of_the_library_writes_metrics_into_a_run(trained_models: Path) -> None:
    stored = {field for run in runs.list_runs(trained_models)[0] for field in vars(run)}
    assert not stored & {"accuracy", "precision", "recall", "f1", "auc"}
    names = pq.read_schema(trained_models / "cnn" / "predictions.parquet").names
    assert all(name in {"path", "split", "label", "seen", "ood_score"} or name.startswith("prob_")
               for name in names)  # fmt: skip
