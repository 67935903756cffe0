"""Corrections under stress: many writers, kill -9 in the middle of writing, a full disk.

Started as a program with the address of a database it is one writer, which says each record's id as
soon as it was acknowledged.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.commands import ROOT
from brainmri.correction_store import Store
from brainmri.corrections import CLASS, CORRECTION, Record, new_id
from brainmri.errors import OutputError

WRITERS, EACH, KILLS = 16, 1_000, 300
_COMMAND = [sys.executable, "-m", "benchmarks.corrections"]


def run() -> None:
    """All three, each with the numbers that are promised."""
    with tempfile.TemporaryDirectory() as folder:
        _many(f"sqlite:///{folder}/many.db")
        _killed(f"sqlite:///{folder}/killed.db")
        _full(Path(folder, "full.db"))


def write(url: str, most: int | None) -> None:
    """One writer: `most` records, or as many as it can until it is killed."""
    store, written = Store(url), 0
    while most is None or written < most:
        record = Record(
            id=new_id(),
            kind=CORRECTION,
            who=f"writer {os.getpid()}",
            reason="stress",
            path="Training/glioma/a.png",
            label="glioma",
            verdict=CLASS,
            right_label="meningioma",
        )
        store.add(record)
        print(record.id, flush=True)
        written += 1


def _many(url: str) -> None:
    print(f"corrections: {WRITERS} writers x {EACH:,}")
    start = time.perf_counter()
    writers = [
        subprocess.Popen([*_COMMAND, url, str(EACH)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(WRITERS)
    ]
    acknowledged = [line.strip() for writer in writers for line in writer.communicate()[0].split()]
    seconds = time.perf_counter() - start
    kept = [record.id for record in Store(url).records()]
    _told("acknowledged", len(acknowledged), WRITERS * EACH)
    _told("lost", len(set(acknowledged) - set(kept)), 0)
    _told("doubled", len(kept) - len(set(kept)), 0)
    print(f"  {len(kept) / seconds:,.0f} a second, all writers together")


def _killed(url: str) -> None:
    print(f"corrections: {KILLS} times kill -9 while writing")
    rng, acknowledged = random.Random(0), set[str]()
    for _ in range(KILLS):
        told, tells = os.pipe()
        child = os.fork()  # Much cheaper than a new Python, which has nothing else to show.
        if not child:
            os.dup2(tells, sys.stdout.fileno())
            write(url, None)
        os.close(tells)
        with os.fdopen(told) as lines:
            acknowledged.add(lines.readline().strip())
            time.sleep(rng.uniform(0, 0.05))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            # A line that the kill cut off was not acknowledged.
            acknowledged |= {line.strip() for line in lines if line.endswith("\n")}
    kept = [record.id for record in Store(url).records()]
    print(f"  {len(acknowledged):,} acknowledged, {len(kept):,} kept")
    _told("acknowledged, lost", len(acknowledged - set(kept)), 0)
    _told("doubled", len(kept) - len(set(kept)), 0)


def _full(path: Path) -> None:
    print("corrections: no room (a limit on the size of files)")
    old, taken, refusal = resource.getrlimit(resource.RLIMIT_FSIZE), 0, ""
    store = Store(f"sqlite:///{path}")
    resource.setrlimit(resource.RLIMIT_FSIZE, (256_000, old[1]))
    try:
        while not refusal:
            try:
                store.add(Record(new_id(), CORRECTION, "writer", "x" * 1500, None, "a.png", "glioma",
                                 CLASS, "meningioma"))  # fmt: skip
                taken += 1
            except OutputError as error:
                refusal = str(error)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    _told("kept of acknowledged", len(store.records()), taken)
    print(f"  refused: {refusal}")


def _told(what: str, measured: int, wanted: int) -> None:
    verdict = "meets" if measured == wanted else "misses"
    print(f"  {what:24} {measured:>9,}  {verdict} {wanted:,}")


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None)
