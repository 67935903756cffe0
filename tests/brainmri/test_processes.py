"""`brainmri.processes`: Ctrl-C is answered once, by the process that was started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from brainmri.processes import spawned
from tests.brainmri.files_to_read import snapshot
from tests.conftest import ROOT

# Reports when its workers are busy, then waits for them.
WAITING = """
import sys, time
from brainmri.cli import main
from brainmri import processes

def work():
    with processes.spawned(2) as pool:
        jobs = [pool.submit(time.sleep, 0.2) for _ in range(1000)]
        print("busy", flush=True)
        jobs[-1].result()

if __name__ == "__main__":
    try:
        work()
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.parametrize("moment", ["while workers start", "while workers work"])
def test_ctrl_c_ends_every_process_without_a_traceback(moment: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(WAITING)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, tmp_path / "script.py"],
        start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "busy\n"
        if moment == "while workers work":
            time.sleep(1)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, shown = process.communicate(timeout=60)  # ends when no worker holds the pipe any more
        assert (process.returncode, shown) == (130, "")


def test_work_is_done_in_other_processes_and_in_order() -> None:
    with spawned(2) as pool:
        assert list(pool.map(abs, [-3, 2, -1])) == [3, 2, 1]
        assert pool.submit(os.getpid).result() != os.getpid()


def test_ctrl_c_works_again_once_the_processes_have_started() -> None:
    before = signal.getsignal(signal.SIGINT)
    with spawned(1):
        assert signal.getsignal(signal.SIGINT) is before


def test_a_fault_drops_the_work_that_has_not_begun(tmp_path: Path) -> None:
    def fail() -> None:
        with spawned(1) as pool:
            for i in range(200):
                pool.submit(Path.touch, tmp_path / f"{i}")
                pool.submit(time.sleep, 0.05)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert len(snapshot(tmp_path)) < 200
