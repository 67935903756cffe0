"""Jobs on several machines: Celery's workers, a real Redis and a real PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from brainmri import job_queue, jobs, phantom, predictions, runs, worker
from brainmri.errors import InputError, OutputError
from brainmri.foreign_readings import Reading
from brainmri.job_queue import Queue
from tests.brainmri import foreign
from tests.brainmri.postgres import cluster
from tests.brainmri.redis import Redis, redis

PATIENCE_SECONDS = 240
SILENT_SECONDS = 10
ROOT = Path(__file__).parent.parent.parent
AWAY = "redis://:secret@127.0.0.1:1/0"
"""Where no Redis is."""

pytestmark = [pytest.mark.redis, pytest.mark.postgres]


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with cluster() as url:
        yield url


@pytest.fixture
def rows(postgres: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database of a team, and a queue that no Redis answers for."""
    import sqlalchemy as sa

    engine = sa.create_engine(postgres)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS brainmri_jobs"))
    engine.dispose()
    monkeypatch.setenv("BRAINMRI_DATABASE", postgres)
    monkeypatch.setenv("BRAINMRI_QUEUE", AWAY)
    return postgres


@dataclass
class Team:
    """A dashboard's queue, the Redis between, and workers as on other machines."""

    folder: Path
    models: Path
    images: Path
    server: Redis
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def hold(self) -> Path:
        return self.folder / "hold"

    @property
    def queue(self) -> Queue:
        return Queue(self.folder)

    def add(self, name: str) -> int:
        return self.queue.add(name, self.work(name))

    def work(self, name: str) -> dict[str, Any]:
        """An evaluation of a model of its own."""
        model = self.folder / f"{name}.model"
        model.write_bytes(foreign.torch().SerializeToString())
        reading = Reading(24, 1, "nchw", "unit", 0, "logits", list(phantom.CLASSES))
        return {"model": str(model), "models": str(self.models), "images": str(self.images),
                "reading": reading.to_json(), "part": "split", "file": "theirs.onnx"}  # fmt: skip

    def start_worker(
        self, *, silent_seconds: int = job_queue.SILENT_SECONDS
    ) -> subprocess.Popen[bytes]:
        with (self.folder / "workers.log").open("ab") as log:
            started = subprocess.Popen(
                [sys.executable, "-m", "tests.brainmri.held_worker", str(self.hold),
                 str(self.folder / "begun"), str(silent_seconds)],
                cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.workers.append(started)
        return started

    def begun(self) -> list[tuple[int, int]]:
        """Number and worker of every job that was begun."""
        text = (self.folder / "begun").read_text()
        return [(int(a), int(b)) for a, b in (line.split() for line in text.splitlines())]

    def until(self, reached: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not reached():
            if time.monotonic() > end:
                log = (self.folder / "workers.log").read_text()
                raise AssertionError(f"not {what}: {self.queue.latest()}\n{log}")
            time.sleep(0.1)

    def job(self, number: int) -> jobs.Job:
        found = self.queue.find(number)
        assert found is not None
        return found

    def ended(self, number: int) -> jobs.Job:
        self.until(lambda: self.job(number).state not in jobs.UNFINISHED, f"{number} ended")
        return self.job(number)

    def held(self, number: int) -> None:
        """Wait until a worker is in the middle of the job and held there."""
        self.until(lambda: self.job(number).total > 0, f"{number} begun")


@pytest.fixture
def team(
    tmp_path: Path,
    rows: str,  # noqa: ARG001 (it has to be there)
    indexed_models: Path,
    phantom_data: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Team]:
    models = Path(shutil.copytree(indexed_models, tmp_path / "models"))
    with redis(tmp_path) as server:
        monkeypatch.setenv("BRAINMRI_QUEUE", server.url)
        team = Team(tmp_path, models, phantom_data, server)
        try:
            yield team
        finally:
            for started in team.workers:
                kill(started)


def kill(started: subprocess.Popen[bytes]) -> None:
    """End a worker with all its processes at once, as when its machine goes."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)
    started.wait()


def test_a_job_is_done_although_the_process_that_queued_it_has_ended(team: Team) -> None:
    queued = subprocess.run(
        [sys.executable, "-c",
         "import json, sys; from pathlib import Path; from brainmri.job_queue import Queue; "
         "print(Queue(Path()).add('theirs', json.load(sys.stdin)))"],
        cwd=ROOT, input=json.dumps(team.work("theirs")), check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    number = int(queued.stdout)
    team.hold.touch()
    team.start_worker()
    team.held(number)
    assert (team.job(number).state, team.job(number).done) == (jobs.RUNNING, 0)
    team.hold.unlink()
    job = team.ended(number)
    assert (job.state, job.done, job.told) == (jobs.DONE, 20, "20 test images were answered.")
    made = predictions.read(team.models / "theirs" / runs.PREDICTIONS_FILE)
    assert len(made.paths) == 20
    team.until(lambda: not Path(job.work["model"]).exists(), "the upload gone")


def test_a_running_job_is_cancelled_from_another_machine_and_tried_again(team: Team) -> None:
    number = team.add("theirs")
    team.hold.touch()
    team.start_worker()
    team.held(number)
    team.queue.cancel(number)
    job = team.ended(number)
    assert (job.state, job.told) == (jobs.CANCELLED, "Cancelled; no run was made.")
    assert not (team.models / "theirs").exists()
    team.hold.unlink()
    team.queue.retry(number)
    assert team.ended(number).state == jobs.DONE


def test_a_job_whose_machine_is_lost_is_done_by_another(team: Team) -> None:
    number = team.add("theirs")
    team.hold.touch()
    first = team.start_worker(silent_seconds=SILENT_SECONDS)
    team.held(number)
    team.start_worker(silent_seconds=SILENT_SECONDS)
    kill(first)
    team.hold.unlink()
    job = team.ended(number)
    assert job.state == jobs.DONE
    assert job.attempts > 1
    assert len({by for _, by in team.begun()}) == 2


def test_a_job_whose_process_is_killed_is_done_by_the_one_that_follows(team: Team) -> None:
    number = team.add("theirs")
    team.hold.touch()
    parent = team.start_worker(silent_seconds=SILENT_SECONDS)
    team.held(number)
    children = subprocess.run(
        ["pgrep", "--parent", str(parent.pid)], check=True, capture_output=True, text=True
    )
    for child in children.stdout.split():
        os.kill(int(child), signal.SIGKILL)
    team.hold.unlink()
    job = team.ended(number)
    assert job.state == jobs.DONE
    assert job.attempts > 1
    assert {by for _, by in team.begun()} == {parent.pid}


def test_two_workers_do_ten_jobs_once_each_even_if_each_is_sent_three_times(team: Team) -> None:
    from brainmri import celery_queue

    numbers = [team.add(f"run-{k}") for k in range(10)]
    for _ in range(2):
        celery_queue.send(team.server.url, numbers, [])
    team.hold.touch()
    for _ in range(2):
        team.start_worker()
    # Both are in the middle of a job of their own, and hold it while copies of its number come.
    team.until(
        lambda: sum(job.state == jobs.RUNNING for job in team.queue.latest()) == 2, "both at work"
    )
    team.hold.unlink()
    ended = [team.ended(number) for number in numbers]
    assert [(job.state, job.attempts) for job in ended] == [(jobs.DONE, 1)] * 10
    assert sorted(begun for begun, _ in team.begun()) == numbers
    assert len({by for _, by in team.begun()}) == 2


def test_what_redis_forgot_is_sent_again_and_workers_come_back_to_it(team: Team) -> None:
    forgotten = team.add("forgotten")
    team.server.kill()
    team.server.start()
    team.start_worker()
    assert team.ended(forgotten).state == jobs.DONE
    team.server.kill()
    waits = team.add("waits")  # Nothing is refused: the job is in the rows.
    with pytest.raises(InputError, match="does not answer"):
        team.queue.wake()
    team.server.start()
    assert team.ended(waits).state == jobs.DONE


@pytest.mark.usefixtures("rows")
def test_a_redis_that_does_not_answer_is_one_sentence_without_its_password(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    queue = Queue(tmp_path)
    number = queue.add("theirs", {})
    with pytest.raises(InputError) as fault:
        queue.wake()
    sentence = str(fault.value)
    assert sentence.startswith("The queue of the workers, redis://127.0.0.1:1/0, does not answer")
    assert "secret" not in sentence
    waiting = queue.find(number)
    assert waiting is not None
    assert waiting.state == jobs.QUEUED
    assert worker.serve() == 2
    assert capfd.readouterr().err.startswith("error: The queue of the workers")


@pytest.mark.usefixtures("rows")
def test_only_a_worker_of_which_nothing_was_heard_for_long_loses_its_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = Queue(tmp_path)
    number = queue.add("theirs", {})
    job = queue.take(number)
    assert job is not None
    assert queue.take(number) is None
    queue.take_back()
    assert queue.progress(job, 1, 10)
    monkeypatch.setattr(job_queue, "SILENT_SECONDS", -1)  # As if two minutes had passed.
    queue.take_back()
    with pytest.raises(jobs.LostError):
        queue.progress(job, 2, 10)
    again = queue.take(number)
    assert again is not None
    assert again.attempts == 2


def test_a_database_that_goes_away_leaves_the_job_to_be_taken_back(
    rows: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = Queue(tmp_path).add("theirs", {})
    job = Queue(tmp_path).take(number)
    assert job is not None
    monkeypatch.setenv("BRAINMRI_DATABASE", rows + "/nothing")
    away = Queue(tmp_path)
    with pytest.raises(OutputError, match="the database says"):
        away.latest()
    worker.work(away, job)
    monkeypatch.setenv("BRAINMRI_DATABASE", rows)
    kept = Queue(tmp_path).find(number)
    assert kept is not None
    assert kept.state == jobs.RUNNING
