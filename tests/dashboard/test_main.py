"""`python -m dashboard`: refuses what it cannot use in one sentence, serves otherwise."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Queue
from unittest.mock import Mock

import pytest

from dashboard.__main__ import _prepare_soon, main
from tests.conftest import ROOT
from tests.dashboard.serving import free_port, serving


@contextmanager
def taken_port() -> Iterator[int]:
    """A port of this machine that something else listens on."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that forgets to be refused fails instead of serving for ever."""
    monkeypatch.setattr("dashboard.__main__._serve", lambda *_: pytest.fail("it began to serve"))
    for name in ("BRAINMRI_MODELS", "BRAINMRI_DATA"):
        monkeypatch.setenv(name, "unset")  # main may change them; monkeypatch puts them back


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dashboard", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.usefixtures("no_server")
@pytest.mark.parametrize("option", ["--models", "--data"])
def test_a_missing_folder_is_refused_in_one_sentence(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "nowhere"
    assert main([option, str(missing), "--port", str(free_port())]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: There is no folder {missing}; ")
    assert told.count("\n") == 1


@pytest.mark.usefixtures("no_server")
@pytest.mark.parametrize("option", ["--models", "--data"])
def test_a_file_is_no_folder(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([option, __file__]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.usefixtures("no_server")
@pytest.mark.parametrize("port", ["0", "-1", "65536", "1000000"])
def test_a_number_that_is_no_port_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", port]) == 2
    told = capsys.readouterr().err
    assert told == f"error: {port} is not a port; choose one between 1 and 65535 with --port.\n"


@pytest.mark.usefixtures("no_server")
@pytest.mark.parametrize("arguments", [["--port", "http"], ["--port", "80.5"], ["--prot", "80"]])
def test_options_that_cannot_be_read_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert arguments[0] in capsys.readouterr().err


@pytest.mark.usefixtures("no_server")
def test_a_queue_that_cannot_be_one_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BRAINMRI_QUEUE", "rabbit")
    assert main(["--port", str(free_port())]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: BRAINMRI_QUEUE is no address of a Redis; ")
    assert told.count("\n") == 1


@pytest.mark.usefixtures("no_server")
def test_a_port_in_use_is_refused_and_another_is_suggested(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with taken_port() as port:
        assert main(["--port", str(port)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: Port {port} is in use; ")
    assert told.count("\n") == 1


@pytest.mark.usefixtures("no_server")
def test_the_port_that_is_suggested_instead_is_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    assert main(["--port", "65535"]) == 2
    assert "65536" not in capsys.readouterr().err


@pytest.mark.usefixtures("no_server")
def test_an_address_of_another_machine_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", "203.0.113.1", "--open-to-network", "--port", str(free_port())]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: Cannot listen on 203.0.113.1:")
    assert told.count("\n") == 1


@pytest.mark.usefixtures("no_server")
@pytest.mark.parametrize("workers", ["0", "-3"])
def test_a_number_of_processes_that_serves_nobody_is_refused(
    workers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--workers", workers, "--port", str(free_port())]) == 2
    assert "--workers" in capsys.readouterr().err


def test_a_refusal_is_one_sentence_and_no_traceback() -> None:
    with taken_port() as port:
        done = run("--port", str(port))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"error: Port {port} is in use; choose another with --port {port + 1}.\n"
    )


def test_help_shows_examples() -> None:
    done = run("--help")
    assert done.returncode == 0
    for text in ("--models", "--data", "--port", "examples:", "gunicorn dashboard.app:server"):
        assert text in done.stdout


def test_it_serves_until_it_is_stopped(made_models: Path, tmp_path: Path) -> None:
    with serving(tmp_path, models=made_models) as site:
        with urllib.request.urlopen(site.url, timeout=30) as answer:
            assert answer.status == 200
        os.kill(site.process.pid, signal.SIGINT)
        assert site.process.wait(timeout=30) == 0
    told = site.log.read_text()
    assert f"Brain MRI dashboard: {site.url}" in told
    assert "Traceback" not in told
    assert "Error" not in told


def test_the_end_waits_for_what_reads_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends under a reader took 30 s about once in thirty times."""
    read: Queue[threading.Thread] = Queue()
    monkeypatch.setattr("dashboard.__main__._PREPARE_AFTER_SECONDS", 0)
    monkeypatch.setattr("dashboard.data.keep_jobs_going", lambda: None)
    monkeypatch.setattr("dashboard.data.list_runs", lambda: read.put(threading.current_thread()))
    worker = Mock()
    with ThreadPoolExecutor(1, "waited for") as worker.tpool:
        _prepare_soon(worker)
        assert read.get(timeout=30).name.startswith("waited for")


def test_runs_are_not_read_once_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.__main__._PREPARE_AFTER_SECONDS", 0)
    worker = Mock()
    worker.tpool = ThreadPoolExecutor(1)
    worker.tpool.shutdown()
    before = set(threading.enumerate())
    _prepare_soon(worker)
    for started in set(threading.enumerate()) - before:
        started.join(timeout=30)  # pytest tells of an exception in it.


def test_it_starts_before_there_are_any_results(tmp_path: Path) -> None:
    with serving(tmp_path) as site, urllib.request.urlopen(site.url, timeout=30) as answer:
        assert answer.status == 200
