"""The command line: one sentence for every fault, and nothing half-written."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.brainmri.command_line import (
    DONE,
    Capture,
    command,
    refusal,
)
from tests.brainmri.conftest import SmallDisk
from tests.brainmri.files_to_read import BAD, Bad, png, snapshot
from tests.conftest import SIZE_PX


def a_bad_folder(kind: str, folder: Path) -> Path:
    data = folder / "data"
    if kind == "an empty folder":
        data.mkdir()
    elif kind == "folders without images":
        (data / "Training" / "glioma").mkdir(parents=True)
        (data / "Training" / "glioma" / "notes.txt").write_text("x")
    elif kind == "one class only":
        for split in ("Training", "Testing"):
            (data / split / "glioma").mkdir(parents=True)
            (data / split / "glioma" / "a.png").write_bytes(png())
    elif kind == "a file":
        data.write_bytes(png())
    return data


# --- refused: the data -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("nothing", "There is no folder"),
        ("an empty folder", "holds no images in class folders"),
        ("folders without images", "holds no images in class folders"),
        ("one class only", "holds one class only (glioma)"),
        ("a file", "is a file"),
    ],
)
def test_a_folder_that_cannot_be_indexed_is_refused(
    kind: str, says: str, tmp_path: Path, capsys: Capture
) -> None:
    data = a_bad_folder(kind, tmp_path)
    before = snapshot(tmp_path)
    assert says in refusal(capsys, "index", data, "--models", tmp_path / "models")
    assert snapshot(tmp_path) == before
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_a_class_of_bad_files_alone_is_refused(case: Bad, tmp_path: Path, capsys: Capture) -> None:
    for label, name, data in (("no", "a.png", png()), ("yes", case.name, case.data)):
        (tmp_path / "data" / label).mkdir(parents=True)
        (tmp_path / "data" / label / name).write_bytes(data)
    says = refusal(capsys, "index", tmp_path / "data", "--models", tmp_path / "models")
    assert f"the first is yes/{case.name}: " in says
    assert case.says in says
    results = [path for path in snapshot(tmp_path / "models") if ".cache" not in path]
    assert results == []


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_predicting_a_single_bad_file_is_refused(
    case: Bad, trained_models: Path, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / case.name).write_bytes(case.data)
    says = refusal(
        capsys, "predict", tmp_path / case.name, "--models", trained_models, "--run", "cnn"
    )
    # One image comes in by the intake, which knows more formats by name, and asks for a page.
    others = {"picture.png": "The file is a GIF", "stack.tif": "The file holds 2 slices"}
    assert others.get(case.name, case.says) in says


def test_predicting_nothing_is_refused(
    trained_models: Path, tmp_path: Path, capsys: Capture
) -> None:
    arguments = ("--models", trained_models, "--run", "cnn")
    assert "no file or folder" in refusal(capsys, "predict", tmp_path / "gone", *arguments)
    (tmp_path / "empty").mkdir()
    out = tmp_path / "out.parquet"
    says = refusal(capsys, "predict", tmp_path / "empty", *arguments, "--out", out)
    assert "holds no images" in says
    assert not out.exists()


def test_metadata_that_does_not_fit_is_refused(
    phantom_data: Path, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "m.csv").write_text("file\nx\n")
    says = refusal(capsys, "index", phantom_data, "--models", tmp_path / "models",
                   "--metadata", tmp_path / "m.csv")  # fmt: skip
    assert 'no column "path"' in says


# --- refused: the run ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("no such run", 'There is no run "cnn"'),
        ("run.json absent", "has no run.json, so its training never finished"),
        ("checkpoint only", "was interrupted; go on with"),
        ("another schema", "is of schema version 7, this software reads version 1"),
        ("not json", "run.json is damaged"),
        ("no model", "comes without its model file"),
        ("another model", "SHA-256 differs"),
    ],
)
def test_a_run_that_is_not_whole_is_refused(
    fault: str, says: str, own_models: Path, phantom_data: Path, capsys: Capture
) -> None:
    folder = own_models / "cnn"
    description = folder / "run.json"
    if fault == "no such run":
        shutil.rmtree(folder)
    elif fault in ("run.json absent", "checkpoint only"):
        description.unlink()
        if fault == "checkpoint only":
            (folder / "checkpoint.pt").write_bytes(b"x")
    elif fault == "another schema":
        description.write_text(description.read_text().replace('"schema": 1', '"schema": 7'))
    elif fault == "not json":
        description.write_text(description.read_text()[:-20])
    elif fault == "no model":
        (folder / "model.onnx").unlink()
    else:
        (folder / "model.onnx").write_bytes(b"x")
    before = snapshot(own_models)
    arguments = ("predict", phantom_data, "--models", own_models, "--run", "cnn")
    assert says in refusal(capsys, *arguments)
    assert snapshot(own_models) == before


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--model", "resnet"), 'no model "resnet"'),
        (("--model", "cnn", "--epochs", "0"), "at least one epoch"),
        (("--model", "cnn", "--size-px", "16"), "at least 32 pixels"),
        (("--model", "cnn", "--split", "grouped"), 'no split "grouped"'),
        (("--model", "cnn", "--split", "auto:patient"), 'no column "patient" to group by'),
        (("--model", "cnn", "--resume", "--size-px", str(SIZE_PX)), "nothing to resume"),
    ],
)
def test_training_options_that_cannot_be_used_are_refused(
    options: tuple[str, ...], says: str, own_models: Path, phantom_data: Path, capsys: Capture
) -> None:
    before = snapshot(own_models)
    arguments = ("train", phantom_data, "--models", own_models, "--run", "new", *options)
    assert says in refusal(capsys, *arguments)
    assert snapshot(own_models) == before


def test_training_without_an_index_says_which_command_makes_it(
    phantom_data: Path, tmp_path: Path, capsys: Capture
) -> None:
    says = refusal(capsys, "train", phantom_data, "--models", tmp_path / "models",
                   "--model", "cnn", "--run", "new")  # fmt: skip
    assert "run `python -m brainmri index DATA` first" in says
    assert not (tmp_path / "models").exists()


def test_a_name_that_promises_another_kind_of_table_is_refused(
    phantom_data: Path, trained_models: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "table.csv"
    arguments = ("predict", phantom_data / "Testing", "--models", trained_models, "--run", "cnn")
    says = refusal(capsys, *arguments, "--out", out)
    assert f"{out} does not end in .parquet; name a file that does." in says
    assert not out.exists()
    out = tmp_path / "split.parquet"
    says = refusal(capsys, "split", "--models", trained_models, "--out", out)
    assert f"{out} does not end in .csv" in says
    assert not out.exists()


# --- refused: the disk -----------------------------------------------------------------------


def test_output_that_cannot_be_written_is_refused(
    phantom_data: Path, trained_models: Path, unwritable: Path, capsys: Capture
) -> None:
    says = refusal(capsys, "index", phantom_data, "--models", unwritable / "models")
    assert "Could not write" in says
    says = refusal(capsys, "predict", phantom_data / "Testing", "--models", trained_models,
                   "--run", "cnn", "--out", unwritable / "new" / "p.parquet")  # fmt: skip
    assert "Could not write" in says
    assert "Could not write" in refusal(capsys, "demo", "--folder", unwritable / "demo")


def test_a_full_disk_is_refused_and_every_old_file_survives(
    phantom_data: Path, trained_models: Path, small_disk: SmallDisk, capsys: Capture
) -> None:
    models = Path(shutil.copytree(trained_models, small_disk.folder / "models"))
    (models / "cnn" / "predictions.parquet").write_bytes(b"old")
    before = snapshot(models)
    commands = [
        ("index", phantom_data),
        ("train", phantom_data, "--model", "cnn", "--run", "cnn", "--epochs", 1, "--size-px", 36,
         "--replace"),
        ("train", phantom_data, "--model", "cnn", "--run", "new", "--epochs", 1, "--size-px",
         SIZE_PX),
    ]  # fmt: skip
    with small_disk.full():
        for arguments in commands:
            says = refusal(capsys, *arguments, "--models", models)
            assert re.search("No space left on device|File too large", says), says
            assert snapshot(models) == before
    assert command("predict", phantom_data, "--models", models, "--run", "cnn") == DONE
