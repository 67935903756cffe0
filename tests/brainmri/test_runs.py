"""`brainmri.runs`: a run is whole or its fault is named."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from brainmri import runs
from brainmri.conformal import Conformal
from brainmri.decisions import NEVER, OperatingPoint
from brainmri.errors import InputError, OutputError
from brainmri.runs import Run
from tests.brainmri.conftest import SmallDisk

AN_EPOCH: dict[str, float] = {
    "epoch": 1,
    "train_loss": 1.25,
    "train_accuracy": 0.5,
    "val_loss": 0.75,
    "val_accuracy": 0.625,
    "seconds": 3.5,
}
A_RUN = Run(
    name="cnn",
    architecture="cnn",
    classes=["glioma", "healthy"],
    negative_class="healthy",
    protocol="official",
    index_sha256="ab" * 32,
    seed=7,
    configuration={"epochs": 3, "dropout": [0.25, 0.5]},
    preprocessing={"size_px": 256, "fit": "stretch"},
    history=[AN_EPOCH],
    images={"train": 10, "val": 2, "test": 3},
    model_sha256="cd" * 32,
    versions={"python": "3.11"},
    created="2026-01-01T00:00:00+00:00",
)
A_POINT = OperatingPoint(threshold=0.2, rule="sensitivity", target=0.99, n=50, tumours=30)
SETS = Conformal(0.1, {"glioma": 0.9, "healthy": 1.0}, {"glioma": 30, "healthy": 5})


def rewrite(models: Path, **changed: Any) -> None:
    path = models / "cnn" / "run.json"
    values = {**json.loads(path.read_text()), **changed}
    path.write_text(json.dumps({k: v for k, v in values.items() if v is not ...}))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    runs.save(tmp_path, A_RUN)
    return tmp_path


def test_a_run_comes_back_as_it_was_saved(models: Path) -> None:
    assert runs.load(models, "cnn") == A_RUN


def test_fitted_thresholds_come_back_too(tmp_path: Path) -> None:
    fitted = replace(A_RUN, temperature=1.5, operating_point=A_POINT, conformal=SETS)
    runs.save(tmp_path, fitted)
    assert runs.load(tmp_path, "cnn") == fitted


def test_a_run_json_without_the_fitted_fields_still_loads(models: Path) -> None:
    rewrite(models, temperature=..., operating_point=..., conformal=...)
    assert runs.load(models, "cnn") == A_RUN


@pytest.mark.parametrize("threshold", [0.0, 1.0, NEVER])
def test_a_threshold_that_calls_everything_or_nothing_is_usable(
    threshold: float, tmp_path: Path
) -> None:
    fitted = replace(A_RUN, operating_point=replace(A_POINT, threshold=threshold))
    runs.save(tmp_path, fitted)
    assert runs.load(tmp_path, "cnn") == fitted


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 0),
        ("temperature", -1.5),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", "1.5"),
        ("temperature", True),
        ("operating_point", 0.2),
        ("operating_point", {"threshold": 0.2}),
        ("operating_point", {**asdict(A_POINT), "threshold": 1.2}),
        ("operating_point", {**asdict(A_POINT), "threshold": None}),
        ("operating_point", {**asdict(A_POINT), "rule": "taste"}),
        ("operating_point", {**asdict(A_POINT), "rule": ["cost"]}),
        ("operating_point", {**asdict(A_POINT), "target": 20}),
        ("operating_point", {**asdict(A_POINT), "tumours": -1}),
        ("operating_point", {**asdict(A_POINT), "accuracy": 0.9}),
        ("conformal", {"glioma": 0.9}),
        ("conformal", {**asdict(SETS), "alpha": 1.5}),
        ("conformal", {**asdict(SETS), "thresholds": {"glioma": 0.9}}),
        ("conformal", {**asdict(SETS), "thresholds": {"glioma": 0.9, "healthy": float("nan")}}),
        ("conformal", {**asdict(SETS), "thresholds": [0.9, 1.0]}),
        ("conformal", {**asdict(SETS), "images": {"glioma": 30, "healthy": 0.5}}),
    ],
)
def test_fitted_values_that_cannot_be_used_are_refused_in_one_sentence(
    field: str, value: object, models: Path
) -> None:
    rewrite(models, **{field: value})
    with pytest.raises(InputError, match=f"has no usable value for {field}; put null") as caught:
        runs.load(models, "cnn")
    assert str(caught.value).endswith("will fit it again.")


def test_classes_that_are_no_names_are_refused_beside_fitted_values(models: Path) -> None:
    rewrite(models, classes=["healthy", []], conformal=asdict(SETS))
    with pytest.raises(InputError, match="has no usable value for conformal"):
        runs.load(models, "cnn")


def test_run_json_states_its_schema_and_no_metric(models: Path) -> None:
    values = json.loads((models / "cnn" / "run.json").read_text())
    assert values.pop("schema") == 1
    assert values == asdict(A_RUN)


def test_a_renamed_folder_gives_the_run_its_new_name(models: Path) -> None:
    (models / "cnn").rename(models / "better")
    assert runs.load(models, "better").name == "better"


@pytest.mark.parametrize("name", ["cnn", "cnn-official", "A.1_b", "x" * 64])
def test_plain_names_are_accepted(name: str) -> None:
    assert runs.check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "a/b", "a b", "-a", ".hidden", "dataset", "x" * 65, "é", "a\n"]
)
def test_names_that_leave_the_folder_or_clash_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be the name of a run"):
        runs.check_name(name)
    with pytest.raises(InputError, match="cannot be the name of a run"):
        runs.load(tmp_path, name)


def test_a_run_that_does_not_exist_is_refused_with_those_that_do(models: Path) -> None:
    with pytest.raises(InputError, match=r'no run "resnet" in .*; the runs there are: cnn\.'):
        runs.load(models, "resnet")
    with pytest.raises(InputError, match=r"the runs there are: none\."):
        runs.load(models / "nowhere", "resnet")


def test_a_checkpoint_without_run_json_is_an_interrupted_run(models: Path) -> None:
    (models / "cnn" / "run.json").rename(models / "cnn" / "checkpoint.pt")
    with pytest.raises(InputError, match=r'"cnn" was interrupted; .*--run cnn --resume'):
        runs.load(models, "cnn")


def test_a_folder_without_run_json_is_an_unfinished_run(models: Path) -> None:
    (models / "cnn" / "run.json").unlink()
    with pytest.raises(InputError, match=r'"cnn" has no run\.json, so its training never finished'):
        runs.load(models, "cnn")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"schema": 2}, "is of schema version 2, this software reads version 1"),
        ({"schema": ...}, "is of schema version None"),
        ({"classes": ..., "seed": ...}, "lacks classes, seed"),
        ({"classes": None, "history": {}}, "has no usable value for classes, history"),
        ({"history": [{"epoch": 1}]}, "has no usable value for history"),
        ({"history": [{**AN_EPOCH, "val_loss": None}]}, "has no usable value for history"),
        ({"images": {"train": "many"}}, "has no usable value for images"),
        ({"accuracy": 0.9}, "has the unknown field accuracy"),
        ({"negative_class": "notumor"}, "negative class that is none of its classes"),
    ],
)
def test_a_run_json_that_does_not_fit_is_refused(
    changed: dict[str, Any], says: str, models: Path
) -> None:
    rewrite(models, **changed)
    with pytest.raises(InputError, match=says) as caught:
        runs.load(models, "cnn")
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("text", [b"", b"{", b"[1, 2]", b"null", b"\xff\xfe", b'"run"'])
def test_a_run_json_that_is_no_json_object_is_refused(text: bytes, models: Path) -> None:
    (models / "cnn" / "run.json").write_bytes(text)
    with pytest.raises(InputError, match=r"run\.json is (damaged|of schema version None)"):
        runs.load(models, "cnn")


def test_a_run_json_cut_off_at_any_byte_is_refused(models: Path) -> None:
    path = models / "cnn" / "run.json"
    whole = path.read_bytes()
    for kept in range(0, len(whole) - 2, 11):
        path.write_bytes(whole[:kept])
        with pytest.raises(InputError, match="damaged"):
            runs.load(models, "cnn")


def test_a_broken_run_is_listed_with_its_fault_and_hides_no_other(models: Path) -> None:
    runs.save(models, replace(A_RUN, name="second"))
    (models / "broken").mkdir()
    (models / "dataset").mkdir()
    (models / ".cache").mkdir()
    (models / "stray.txt").touch()
    (models / "bad name").mkdir()
    whole, broken = runs.list_runs(models)
    assert [run.name for run in whole] == ["cnn", "second"]
    assert [run.name for run in broken] == ["bad name", "broken"]
    assert "cannot be the name of a run" in broken[0].fault
    assert "never finished" in broken[1].fault


def test_a_folder_that_is_not_there_has_no_runs(tmp_path: Path) -> None:
    assert runs.list_runs(tmp_path / "nowhere") == ([], [])


def test_a_full_disk_leaves_the_old_run(small_disk: SmallDisk) -> None:
    runs.save(small_disk.folder, A_RUN)
    long = replace(A_RUN, history=[{**AN_EPOCH, "epoch": i} for i in range(10_000)])
    with small_disk.full():
        before = sorted(small_disk.folder.rglob("*"))
        with pytest.raises(OutputError, match=r"run\.json"):
            runs.save(small_disk.folder, long)
        assert sorted(small_disk.folder.rglob("*")) == before
    assert runs.load(small_disk.folder, "cnn") == A_RUN


# --- a run of a table alone -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "../up", "dataset", ".hidden", "a" * 65, "a/b"])
def test_a_name_that_cannot_be_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be the name of a run"):
        runs.add(tmp_path, name, lambda to: to.write_text(""))
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_stays_as_it_is(tmp_path: Path) -> None:
    runs.add(tmp_path, "theirs", lambda to: to.write_text("first"))
    with pytest.raises(InputError, match='There is a run "theirs" already'):
        runs.add(tmp_path, "theirs", lambda to: to.write_text("second"))
    assert (tmp_path / "theirs" / runs.PREDICTIONS_FILE).read_text() == "first"


def test_a_run_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    def full(to: Path) -> None:
        to.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="Free some space"):
        runs.add(tmp_path, "theirs", full)
    assert list(tmp_path.iterdir()) == []


# --- the epoch that is kept ------------------------------------------------------------------


def epochs(*losses: float) -> list[dict[str, float]]:
    return [{**AN_EPOCH, "epoch": i, "val_loss": loss} for i, loss in enumerate(losses, 1)]


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        ((0.7,), 1),
        ((0.7, 0.5, 0.6), 2),
        ((0.7, 0.5, 0.5), 2),  # the first of equals
        ((math.nan, 0.9, math.nan), 2),
        ((math.nan, math.nan), 1),
    ],
)
def test_the_best_epoch_is_the_first_with_the_lowest_validation_loss(
    losses: tuple[float, ...], best: int
) -> None:
    entry = replace(A_RUN, history=epochs(*losses)).best_epoch
    assert entry is not None
    assert entry["epoch"] == best
    assert runs.best_epoch(epochs(*losses)) == best - 1


def test_a_model_without_epochs_has_no_best_one() -> None:
    assert replace(A_RUN, history=[]).best_epoch is None
