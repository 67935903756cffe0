"""The locked process: what it cannot do, and hostile models in it (all: benchmarks/hostile_models.py)."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from brainmri import foreign_formats, foreign_models, onnx_check, phantom
from brainmri.errors import InputError
from brainmri.sandbox import Limits, Sandbox
from tests.brainmri import foreign, hostile
from tests.conftest import ROOT

QUICK = Limits(memory_bytes=3 << 30, load_seconds=25, answer_seconds=10, cpu_seconds=30)
CHOSEN = (
    "pickle of protocol 4", "pickle of protocol 0", "program", "zip bomb", "PyTorch archive",
    "tar with a way out",
    "weights in /etc/passwd", "a constant in another file", "a sparse tensor in another file",
    "endless Loop", "Scan", "If", "SequenceMap", "a graph in another operator",
    "functions that double 40 times", "the operator Gelu of com.microsoft", "the operator Run of mine",
    "an operator that does not exist", "a hidden endless Loop",
    "hidden weights in /etc/passwd", "zeros of 1099511627776", "an image doubled 45 times",
    "2,000 products of 4,000 x 4,000", "more operators than are read", "the first 50 %", "noise",
    "a length of 2^63", "a name that is a script", "a name that leads out",
)  # fmt: skip

_TRIES = """
import ctypes, json, os, socket, subprocess, sys
from brainmri import confine
def tries():
    libc = ctypes.CDLL(None, use_errno=True)
    yield "read a file", lambda: open("/etc/passwd").read()
    yield "write a file", lambda: open(os.environ["PLACE"], "w")
    yield "make a folder", lambda: os.mkdir(os.environ["PLACE"])
    yield "remove a file", lambda: os.unlink(os.environ["THERE"])
    yield "list a folder", lambda: os.listdir("/")
    yield "connect", lambda: socket.socket().connect(("127.0.0.1", 9))
    yield "send a datagram", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    yield "a local socket", lambda: socket.socket(socket.AF_UNIX)
    yield "run a program", lambda: os.execv("/bin/true", ["true"])
    yield "fork", lambda: os.fork()
    yield "kill its parent", lambda: os.kill(os.getppid(), 9)
    yield "raise a limit", lambda: __import__("resource").setrlimit(7, (100, 100))
    yield "make a pipe", lambda: os.pipe()
    def traced():
        if libc.ptrace(16, os.getppid(), 0, 0) < 0:
            raise OSError(ctypes.get_errno(), "ptrace")
    yield "trace its parent", traced
chosen = list(tries())
import resource
confine.limit(memory_bytes=2 << 30, cpu_seconds=20)
locks = confine.lock()
done = []
for name, attempt in chosen:
    try:
        attempt()
        done.append(name)
    except (OSError, ValueError):
        pass
os.write(1, json.dumps({"locks": locks, "done": done}).encode())
os._exit(0)
"""


def test_a_locked_process_can_do_nothing_but_calculate(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("still here")
    ran = subprocess.run(
        [sys.executable, "-c", _TRIES],
        env={"PYTHONPATH": str(ROOT), "PLACE": str(tmp_path / "new"), "THERE": str(there)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert ran.stdout, ran.stderr.decode()
    assert b'"done": []' in ran.stdout
    assert b"no new descriptor" in ran.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_a_model_learns_nothing_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINMRI_SECRET_OF_THE_TEST", "secret")
    path = tmp_path / "model"
    path.write_bytes(foreign.torch().SerializeToString())
    with Sandbox(path) as box:
        box.load()
        environment = Path(f"/proc/{box.pid}/environ")
        if not environment.exists():
            pytest.skip("this system does not show the environment of a process")
        assert b"secret" not in environment.read_bytes()
        assert Path(f"/proc/{box.pid}/cwd").resolve() not in (Path.cwd(), tmp_path)


def test_the_process_and_its_folder_are_gone_after_the_block(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(foreign.torch().SerializeToString())
    with Sandbox(path) as box:
        box.load()
        pid = box.pid
        rows, _ = box.answer(np.zeros((2, 1, 24, 24), np.float32))
        assert rows.shape == (2, 4)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_folders_that_a_killed_worker_left_are_removed_after_a_day_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("brainmri-sandbox-old", "brainmri-sandbox-new", "brainmri-sandbox-held", "other"):
        (tmp_path / name).mkdir()
        if not name.endswith("new"):
            os.utime(tmp_path / name, (0, 0))
    path = tmp_path / "model"
    path.write_bytes(foreign.torch().SerializeToString())
    held = os.open(tmp_path / "brainmri-sandbox-held", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with Sandbox(path):
        pass
    os.close(held)
    left = sorted(entry.name for entry in tmp_path.iterdir() if entry.is_dir())
    assert left == ["brainmri-sandbox-held", "brainmri-sandbox-new", "other"]


def test_a_fault_in_one_batch_leaves_the_process_for_the_next(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(foreign.torch().SerializeToString())
    with Sandbox(path) as box:
        box.load()
        with pytest.raises(InputError, match="ONNX Runtime cannot use the model"):
            box.answer(np.zeros((1, 7), np.float32))
        assert box.answer(np.zeros((1, 1, 24, 24), np.float32))[0].shape == (1, 4)


def test_too_much_processor_time_is_told_apart_from_too_much_memory(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(foreign.torch().SerializeToString())
    images = np.zeros((20_000, 1, 24, 24), np.float32)

    def work(box: Sandbox) -> None:
        box.load()  # On a slow machine it takes as long already.
        while True:
            box.answer(images)

    with (
        Sandbox(path, Limits(cpu_seconds=1)) as box,
        pytest.raises(InputError, match="more than 1 second of processor time"),
    ):
        work(box)


def test_what_is_checked_is_what_was_asked_for() -> None:
    contents = onnx_check.check(foreign.keras().SerializeToString())
    assert contents.nodes == 6
    assert contents.domains == ["ai.onnx"]
    with_map = onnx_check.check(foreign.scikit_learn().SerializeToString())
    assert with_map.domains == ["ai.onnx.ml"]


@pytest.mark.parametrize("bad", [pytest.param(one, id=one.name) for one in hostile.hidden()])
def test_a_number_that_can_be_read_in_two_ways_is_refused(bad: hostile.Hostile) -> None:
    """ONNX Runtime takes the low 32 bits of a tag: the first five of these are what it would have run."""
    with pytest.raises(InputError, match="a number in it can be read in two ways"):
        onnx_check.check(bad.content())


@pytest.fixture(scope="module")
def danger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("danger")


@pytest.mark.parametrize("name", CHOSEN)
def test_a_hostile_file_is_refused_and_does_nothing(
    name: str, danger: Path, tmp_path: Path
) -> None:
    (bad,) = [one for one in hostile.every(danger) if one.name == name]
    content = bad.content()
    path = tmp_path / "uploaded"
    path.write_bytes(content)
    begun = time.monotonic()
    refused = foreign_formats.refusal(content[:4096], bad.file)
    if refused is None:
        try:
            foreign_models.preview(path, None, phantom.draw("glioma", 1),
                                   classes=list(phantom.CLASSES),
                                   negative=phantom.NEGATIVE_CLASS, limits=QUICK)  # fmt: skip
        except InputError as error:
            refused = str(error)
    assert time.monotonic() - begun < 60
    assert bad.may_answer or refused is not None
    assert not (danger / hostile.MARK).exists()
    assert refused is None or "root:" not in refused


def test_every_hostile_file_is_another() -> None:
    names = [one.name for one in hostile.every(Path("/nowhere"))]
    assert len(names) == len(set(names)) >= 100
