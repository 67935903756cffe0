"""Run a command and say what it took: wall time, processor time and peak memory."""

from __future__ import annotations

import os
import resource
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.dashboard.serving import free_port

ROOT = Path(__file__).parent.parent
MODELS = ROOT / "models"
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Cost:
    """`cpu_seconds` sums over all processes; on a busy machine it disturbs a ratio less than wall."""

    wall_seconds: float
    cpu_seconds: float


@contextmanager
def served(command: Sequence[str], variables: Mapping[str, str] | None = None) -> Iterator[str]:
    """A server that takes its port as the last argument, from its first answer on; its address."""
    port = free_port()
    with subprocess.Popen(
        [*command, str(port)], cwd=ROOT, env={**os.environ, **(variables or {})}
    ) as process:
        url = f"http://127.0.0.1:{port}/"
        try:
            for _ in range(1200):
                try:
                    urllib.request.urlopen(url, timeout=5).close()
                    break
                except (urllib.error.URLError, ConnectionError):
                    time.sleep(0.1)
            yield url
        finally:
            process.terminate()


def timed(command: Sequence[str]) -> Cost:
    """Run `command` in the project folder; raises CalledProcessError when it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu)


def peak_memory_mb(command: Sequence[str]) -> float | None:
    """Most resident memory of `command` and its processes together; None where there is no /proc.

    Sampled every 10 ms, in a run of its own. A page that processes share counts for each of them, so
    this is the upper bound.
    """
    if not Path("/proc/self/statm").exists():
        return None
    peak = 0
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, sum(resident_bytes(pid) for pid in family(process.pid)))
            time.sleep(0.01)
    return peak / 1e6


def resident_mb(pid: int) -> float | None:
    """Resident memory of the largest process among `pid` and its children; None without /proc."""
    if not Path("/proc/self/statm").exists():
        return None
    return max(resident_bytes(each) for each in family(pid)) / 1e6


def verdict(what: str, measured: str, met: bool, wanted: str) -> None:
    """Print a measured figure and whether it keeps to its limit."""
    print(f"  {what:24} {measured:>9}  {'meets' if met else 'misses'} at most {wanted}")


def family(pid: int) -> list[int]:
    """A process, its children and theirs."""
    found = [pid]
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += family(int(child))
    except OSError:  # It ended meanwhile.
        pass
    return found


def resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0
