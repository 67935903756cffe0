"""The queue and its worker: what is asked for is done once, through restarts and interruptions."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainmri import jobs, phantom, runs, worker
from brainmri.errors import InputError
from brainmri.foreign_readings import Reading
from brainmri.job_queue import Queue
from tests.brainmri import foreign

PATIENCE_SECONDS = 120


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Queue:
    """A queue that nobody works on until the test does."""
    monkeypatch.setattr(Queue, "wake", lambda _self: None)
    return Queue(tmp_path)


@pytest.fixture
def work(tmp_path: Path, indexed_models: Path, phantom_data: Path) -> Callable[[], dict[str, Any]]:
    """Work that the worker can do: a whole evaluation."""
    models = Path(shutil.copytree(indexed_models, tmp_path / "models"))

    def make() -> dict[str, Any]:
        path = tmp_path / "uploaded.model"
        path.write_bytes(foreign.torch().SerializeToString())
        reading = Reading(24, 1, "nchw", "unit", 0, "logits", list(phantom.CLASSES))
        return {"model": str(path), "models": str(models), "images": str(phantom_data),
                "reading": reading.to_json(), "part": "split", "file": "theirs.onnx"}  # fmt: skip

    return make


def waited(queue: Queue, number: int, *states: str) -> jobs.Job:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        job = queue.find(number)
        assert job is not None
        if job.state in states:
            return job
        time.sleep(0.1)
    raise AssertionError(f"the job is still not {states}")


def test_jobs_are_taken_in_order_and_once(queue: Queue) -> None:
    first, second = queue.add("a", {}), queue.add("b", {})
    taken = [queue.take(), queue.take(), queue.take()]
    assert [None if job is None else job.id for job in taken] == [first, second, None]


def test_a_waiting_job_is_cancelled_at_once_and_can_be_tried_again(queue: Queue) -> None:
    number = queue.add("a", {})
    queue.cancel(number)
    cancelled = queue.find(number)
    assert cancelled is not None
    assert cancelled.state == jobs.CANCELLED
    assert queue.take() is None
    queue.retry(number)
    assert queue.take() is not None


def test_a_running_job_is_told_to_stop_when_it_tells_its_progress(queue: Queue) -> None:
    number = queue.add("a", {})
    job = queue.take()
    assert job is not None
    assert queue.progress(job, 1, 10)
    queue.cancel(number)
    assert not queue.progress(job, 2, 10)


def test_a_worker_that_was_thought_dead_learns_that_its_job_is_anothers(queue: Queue) -> None:
    queue.add("a", {})
    first = queue.take()
    queue.take_back()
    second = queue.take()
    assert first is not None
    assert second is not None
    with pytest.raises(jobs.LostError, match="Another worker has begun the job again"):
        queue.progress(first, 1, 10)
    with pytest.raises(jobs.LostError):
        queue.finish(first, jobs.FAILED, "it is late")
    assert queue.progress(second, 1, 10)
    queue.finish(second, jobs.DONE, "")
    ended = queue.find(second.id)
    assert ended is not None
    assert (ended.state, ended.told) == (jobs.DONE, "")


def test_a_run_that_was_made_before_its_worker_died_is_not_made_again(
    queue: Queue, work: Callable[[], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = work()
    number = queue.add("theirs", given)

    def dies(*_: object) -> None:
        raise jobs.LostError

    first = queue.take()
    assert first is not None
    with monkeypatch.context() as dying:
        dying.setattr(queue, "finish", dies)
        worker.work(queue, first)
    made = Path(given["models"]) / "theirs" / runs.PREDICTIONS_FILE
    before = made.stat()
    queue.take_back()
    second = queue.take()
    assert second is not None
    worker.work(queue, second)
    ended = queue.find(number)
    assert ended is not None
    assert (ended.state, ended.told) == (jobs.DONE, "20 test images were answered.")
    assert made.stat() == before
    assert not Path(given["model"]).exists()


def test_what_was_running_when_the_worker_died_is_begun_again_a_few_times(
    queue: Queue,
) -> None:
    number = queue.add("a", {})
    for _ in range(jobs.MOST_ATTEMPTS):
        assert queue.take() is not None
        queue.take_back()
    interrupted = queue.find(number)
    assert interrupted is not None
    assert interrupted.state == jobs.INTERRUPTED
    queue.retry(number)
    assert queue.take() is not None


def test_what_was_running_and_was_to_stop_is_not_begun_again(queue: Queue) -> None:
    number = queue.add("a", {})
    queue.take()
    queue.cancel(number)
    queue.take_back()
    stopped = queue.find(number)
    assert stopped is not None
    assert stopped.state == jobs.CANCELLED


def test_only_one_worker_works(queue: Queue, tmp_path: Path) -> None:
    lock = queue.lock()
    assert lock is not None
    with lock:
        number = queue.add("a", {})
        assert worker.main(tmp_path) == 0
        waiting = queue.find(number)
        assert waiting is not None
        assert waiting.state == jobs.QUEUED


def test_a_job_that_cannot_be_done_says_why_and_the_next_is_done(
    queue: Queue, work: Callable[[], dict[str, Any]]
) -> None:
    given = work()
    bad = queue.add("bad", {**given, "model": "/nowhere"})
    apart = queue.add("apart", {**given, "images": "/nowhere"})
    broken = queue.add("broken", {})
    good = queue.add("good", given)
    for _ in range(4):
        job = queue.take()
        assert job is not None
        worker.work(queue, job)
    ended = [queue.find(number) for number in (bad, apart, broken, good)]
    assert [job.state for job in ended if job] == [*[jobs.FAILED] * 3, jobs.DONE]
    gone, elsewhere = [job.told for job in ended if job][:2]
    assert gone == "The uploaded model is gone; drop it again."
    assert elsewhere.startswith("There is no folder /nowhere on ")
    assert (Path(given["models"]) / "good" / runs.PREDICTIONS_FILE).is_file()
    assert not Path(given["model"]).exists()


def test_a_killed_worker_is_followed_by_one_that_finishes_its_job(
    tmp_path: Path, work: Callable[[], dict[str, Any]]
) -> None:
    given = work()
    queue = Queue(tmp_path)
    number = queue.add("theirs", given)
    waited(queue, number, jobs.RUNNING, jobs.DONE)
    lines = subprocess.run(["ps", "-eo", "pid,args"], check=True, capture_output=True, text=True)
    for line in lines.stdout.splitlines():
        if f"brainmri.worker {tmp_path.absolute()}" in line:
            os.kill(int(line.split()[0]), signal.SIGKILL)
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and (lock := queue.lock()) is None:
        time.sleep(0.05)
    assert lock is not None
    lock.close()
    Queue(tmp_path).wake()  # As a web process does after its own restart.
    assert waited(queue, number, jobs.DONE, jobs.FAILED).state == jobs.DONE
    assert (Path(given["models"]) / "theirs" / runs.PREDICTIONS_FILE).is_file()


# Several machines: what is asked for and cannot be


@pytest.mark.parametrize(
    ("url", "database", "fault"),
    [
        ("rabbit", "postgresql://host/name", "is no address of a Redis"),
        ("redis://host:port/0", "postgresql://host/name", "is no address of a Redis"),
        ("redis:///0", "postgresql://host/name", "is no address of a Redis"),
        ("redis://host:6379/jobs", "postgresql://host/name", "is no address of a Redis"),
        ("redis://host:6379/0", "", "needs BRAINMRI_DATABASE too"),
        ("redis://host:6379/0", "sqlite:////shared/jobs.db", "needs BRAINMRI_DATABASE too"),
        ("redis://host:6379/0", "nothing://host/name", "no database address that can be used"),
    ],
)
def test_settings_for_several_machines_that_cannot_work_are_one_sentence(
    url: str, database: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("BRAINMRI_QUEUE", url)
    monkeypatch.setenv("BRAINMRI_DATABASE", database)
    with pytest.raises(InputError, match=fault):
        Queue(tmp_path)
    assert worker.serve() == 2
    assert fault in capsys.readouterr().err


def test_without_celery_the_sentence_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BRAINMRI_QUEUE", "rediss://host/0")
    monkeypatch.setenv("BRAINMRI_DATABASE", "postgresql://host/name")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(InputError, match=r"pip install -r requirements-team\.txt"):
        jobs.broker()


def test_a_worker_of_several_machines_without_a_queue_says_what_to_set(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert worker.serve() == 2
    assert capsys.readouterr().err.startswith("error: Set BRAINMRI_QUEUE to the Redis")
