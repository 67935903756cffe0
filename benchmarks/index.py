"""`index` against only decoding the same files with Pillow in as many processes."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.commands import ROOT, Cost, peak_memory_mb, timed, verdict
from brainmri import phantom

MOST_RATIO, MOST_MEMORY_MB = 2.0, 500.0
PROCESSES = os.cpu_count() or 1


def run(repeats: int) -> None:
    """Measure on the real data (BRAINMRI_DATA or ../shared), or on phantoms where there are none."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = Path(os.environ.get("BRAINMRI_DATA", ROOT.parent / "shared/data/brain-tumor-mri"))
        if not data.is_dir():
            data = folder / "phantoms"
            phantom.write_dataset(data, train_per_class=400, test_per_class=100)
        _compare(data, folder, repeats)


def _compare(data: Path, folder: Path, repeats: int) -> None:
    count = sum(file.is_file() and file.name != "metadata.csv" for file in data.rglob("*"))
    print(f"index: {count:,} files of {data.name}, {PROCESSES} processes, {repeats} runs of each")
    metadata = data / "metadata.csv"
    extra = ["--metadata", str(metadata)] if metadata.is_file() else []
    fresh = 0

    def index(models: Path) -> list[str]:
        command = [sys.executable, "-m", "brainmri", "index", str(data), "--quiet"]
        return [*command, "--models", str(models), "--processes", str(PROCESSES), *extra]

    def new_index() -> list[str]:
        nonlocal fresh
        fresh += 1
        return index(folder / f"models-{fresh}")

    decode = [sys.executable, "-m", "benchmarks.decode_only", str(data), str(PROCESSES)]
    kinds: dict[str, Callable[[], list[str]]] = {
        "decode only": lambda: decode,
        "index": new_index,
        "index, nothing changed": lambda: index(folder / "models-1"),
    }
    costs: dict[str, list[Cost]] = {name: [] for name in kinds}
    for i in range(repeats + 1):
        for name, command in kinds.items():
            cost = timed(command())
            if i > 0:  # The first round only brings files and libraries into memory.
                costs[name].append(cost)

    for name, measured in costs.items():
        wall = statistics.median(cost.wall_seconds for cost in measured)
        least = min(cost.wall_seconds for cost in measured)
        cpu = statistics.median(cost.cpu_seconds for cost in measured)
        print(f"  {name:24} {wall:6.2f} s (least {least:.2f}), {cpu:6.2f} s of processor time")
    pairs = list(zip(costs["index"], costs["decode only"], strict=True))
    ratio = statistics.median(a.wall_seconds / b.wall_seconds for a, b in pairs)
    cpu_ratio = statistics.median(a.cpu_seconds / b.cpu_seconds for a, b in pairs)
    verdict("index / decode only", f"{ratio:.2f} x", ratio <= MOST_RATIO, f"{MOST_RATIO:.1f} x")
    print(f"  {'the same, processor time':24} {cpu_ratio:.2f} x")
    memory = peak_memory_mb(new_index())
    if memory is not None:
        wanted = f"{MOST_MEMORY_MB:.0f} MB"
        verdict("peak memory of index", f"{memory:.0f} MB", memory < MOST_MEMORY_MB, wanted)
