"""`brainmri.training.distributed`: two processes train as one does, and fail with one sentence."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from brainmri import runs, scoring
from brainmri.training.distributed import World
from brainmri.training.pixels import PixelStore
from tests.brainmri.files_to_read import snapshot
from tests.brainmri.training.conftest import Task
from tests.brainmri.training.two_processes import CALLS_OF_TWO, outcomes
from tests.conftest import ROOT, SIZE_PX

Outcomes = dict[str, dict[str, Any]]


def two(*arguments: object) -> list[subprocess.CompletedProcess[str]]:
    """`python ARGUMENTS` twice with the environment that torchrun gives, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = [
        subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=os.environ | {
                "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
            },
        )
        for rank in range(2)
    ]  # fmt: skip
    said = [process.communicate() for process in started]
    return [
        subprocess.CompletedProcess(process.args, process.returncode, *texts)
        for process, texts in zip(started, said, strict=True)
    ]


@pytest.fixture(scope="module")
def each_of_two(task: Task, tmp_path_factory: pytest.TempPathFactory) -> list[Outcomes]:
    """What each of two processes found."""
    folder = tmp_path_factory.mktemp("two")
    for done in two("-m", "tests.brainmri.training.two_processes", task.store.path, folder):
        assert (done.returncode, done.stderr) == (0, "")
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.fixture(scope="module")
def one(task: Task, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """What one process finds."""
    store = PixelStore(task.store.path, task.store.size_px)
    return outcomes(store, tmp_path_factory.mktemp("one"), World())


# --- the arithmetic --------------------------------------------------------------------------


@pytest.mark.parametrize("training", ["plain", "normalised"])
def test_gradients_of_every_step_are_those_of_one_process(
    training: str, each_of_two: list[Outcomes], one: Outcomes
) -> None:
    mine = each_of_two[0][training]["gradients"]
    assert len(mine) == 2  # A full batch, and a short one.
    # Only the first step starts from the same bits.
    for got, expected in zip(mine[0], one[training]["gradients"][0], strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-6)
    for got, expected in zip(mine[1], one[training]["gradients"][1], strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("training", ["plain", "normalised"])
def test_weights_after_an_epoch_agree_with_one_process(
    training: str, each_of_two: list[Outcomes], one: Outcomes
) -> None:
    for name, expected in one[training]["parameters"].items():
        difference = (each_of_two[0][training]["parameters"][name] - expected).abs()
        # Where a gradient is ~0 its sign is noise, and a step of Adam is nearly +-lr.
        assert (difference > 1e-5).float().mean() < 5e-3, name
    got, expected = (found[training]["history"][0] for found in (each_of_two[0], one))
    for key in ("train_loss", "train_accuracy"):
        assert got[key] == pytest.approx(expected[key], rel=1e-4)


def test_processes_hold_the_same_bits(each_of_two: list[Outcomes]) -> None:
    first, second = each_of_two
    for name, value in first["plain"]["parameters"].items():
        assert torch.equal(value, second["plain"]["parameters"][name]), name
    for training, found in first.items():
        assert found["history"] == second[training]["history"]


def test_random_changes_differ_by_process_and_metrics_agree_within_noise(
    each_of_two: list[Outcomes], one: Outcomes
) -> None:
    drawn = [found["noisy"]["drawn"] for found in each_of_two]
    assert [len(d) for d in drawn] == [3 * CALLS_OF_TWO] * 2
    assert not set(drawn[0]) & set(drawn[1])
    for got, expected in zip(
        each_of_two[0]["noisy"]["history"], one["noisy"]["history"], strict=True
    ):
        for key in ("train_loss", "val_loss"):
            assert got[key] == pytest.approx(expected[key], abs=0.05)


def test_interrupted_and_resumed_equals_uninterrupted(each_of_two: list[Outcomes]) -> None:
    for found in each_of_two:
        assert "Stopped after epoch 1 of 3, which is kept; add --resume" in found["resumed"]["said"]
        assert found["resumed"]["history"] == found["noisy"]["history"]
    whole, resumed = (each_of_two[0][name]["parameters"] for name in ("noisy", "resumed"))
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


# --- the command -----------------------------------------------------------------------------


def command(data: Path, models: Path, *more: str) -> list[str]:
    return ["train", str(data), "--models", str(models), "--model", "cnn", "--run", "two",
            "--epochs", "1", "--size-px", str(SIZE_PX), *more]  # fmt: skip


def test_torchrun_trains_a_run_that_can_be_scored(own_models: Path, phantom_data: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         "-m", "--", "brainmri", *command(phantom_data, own_models, "--allow-leaks")],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Trained two: ") == 1
    assert done.stderr.count("warning: ") <= 1
    assert set(snapshot(own_models / "two")) == {"model.onnx", "run.json"}
    run = runs.load(own_models, "two")
    assert run.configuration["processes"] == 2
    scored = scoring.score(phantom_data, own_models, "two", quiet=True)
    alone = runs.load(own_models, "cnn").history[0]
    assert run.history[0]["train_loss"] == pytest.approx(alone["train_loss"], rel=1e-4)
    assert len(scored.predictions.paths) == run.images["val"] + run.images["test"]


def test_an_error_in_one_process_ends_both_with_one_sentence(
    own_models: Path, phantom_data: Path
) -> None:
    # Nothing to resume: both notice, one says it.
    done = two("-m", "brainmri", *command(phantom_data, own_models, "--allow-leaks", "--resume"))
    assert all(process.returncode for process in done)
    said = [line for process in done for line in process.stderr.splitlines() if line]
    errors = [line for line in said if not line.startswith("warning: ")]
    assert len(errors) == 1
    assert errors[0].startswith("error: There is nothing to resume")
