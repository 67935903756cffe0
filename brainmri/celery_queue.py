"""Jobs for several machines: Celery carries their numbers through Redis. Imported only where asked for.

Who can write to that Redis can have a queued job begun, and nothing else: messages are JSON and hold one
number, the only task is `do`, and workers take no remote commands.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery import Celery, bootsteps
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from brainmri.database import first_line
from brainmri.errors import InputError
from brainmri.job_queue import Queue
from brainmri.jobs import QUEUE, Job, without_password

LOOK_SECONDS = 30
_NAME, _TASK = "brainmri", "brainmri.do"
_PATIENCE_SECONDS = 3


def send(broker: str, new: list[int], late: list[int]) -> list[int]:
    """Send numbers of jobs to the workers; which were sent.

    Args:
        broker: address of the Redis.
        new: numbers that were not sent yet.
        late: numbers that were, some time ago; sent again where none wait in Redis, so that they are lost.

    Raises:
        InputError: the Redis cannot be reached, or does not take them.
    """
    app = _application(broker)
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
            waiting = connection.default_channel.client.llen(_NAME)
            numbers = sorted({*new, *(late if waiting == 0 else [])})
            for number in numbers:
                app.send_task(_TASK, [number], connection=connection, retry=False)
    except (KombuError, RedisError, OSError) as error:
        cause = first_line(error).rstrip(".")
        raise InputError(
            f"The queue of the workers, {without_password(broker)}, does not answer ({cause}). What "
            f"waits begins when it does; check {QUEUE} and Redis."
        ) from None
    return numbers


def serve(broker: str, work: Callable[[Queue, Job], None]) -> None:
    """Do jobs, one at a time, until the process is told to end.

    Raises:
        InputError: Redis or the database cannot be reached now, at the start.
    """
    queue = Queue(Path())
    queue.latest()
    send(broker, [], [])

    def do(number: int) -> None:
        job = queue.take(number)
        if job is not None:  # Else it was done, is being done, or was cancelled.
            work(queue, job)

    def look() -> None:
        try:
            queue.wake()
        except InputError as error:
            print(error, file=sys.stderr, flush=True)

    app = _application(broker)
    app.task(do, name=_TASK)
    app.steps["worker"].add(_looking(look))
    print(f"Waiting for evaluations from {without_password(broker)} (Ctrl-C stops)", flush=True)
    alone = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    app.worker_main(["--quiet", "worker", "--concurrency", "1", "--loglevel", "WARNING", *alone])


def _application(broker: str) -> Any:
    app = Celery(_NAME, broker=broker, set_as_current=False)
    app.conf.update(
        task_default_queue=_NAME,
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        # A number stays in Redis until its job has ended.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        # Nor is it taken from its worker when Redis goes away: the row says who has it.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=_PATIENCE_SECONDS,
        broker_transport_options={
            "socket_connect_timeout": _PATIENCE_SECONDS,
            "socket_timeout": _PATIENCE_SECONDS,
        },
    )
    return app


def _looking(look: Callable[[], None]) -> type:
    """A step of Celery's worker that looks now and then for jobs that were lost on the way."""

    class Looking(bootsteps.StartStopStep):  # type: ignore[misc]
        requires = ("celery.worker.components:Timer",)

        def start(self, worker: Any) -> None:
            self.entry = worker.timer.call_repeatedly(LOOK_SECONDS, look)

        def stop(self, _worker: Any) -> None:
            self.entry.cancel()

    return Looking
