"""All figures of the Evaluate page for ten million predictions, against pyarrow and scikit-learn."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.commands import ROOT

ROWS = 10_000_000
MOST_TIMES_READING, LEAST_TIMES_FASTER, MOST_MB, MOST_CLICK_MS = 4.0, 50.0, 1000.0, 50.0
_ALONE, _KNOWN = "no image index", "with the image index"


def run(repeats: int, *, quick: bool = False) -> None:
    """Generate the table, measure in turns, print ratios.

    With the shipped image index beside it, the path of every row is looked up there too, to keep
    near-duplicates together. `quick` lets scikit-learn work on a tenth of the rows and counts its time ten
    times.
    """
    with tempfile.TemporaryDirectory() as name:
        alone, known, tenth = (Path(name, folder) for folder in ("alone", "known", "tenth"))
        _side("generate", alone, ROWS)
        (known / "large").mkdir(parents=True)
        (known / "large" / "predictions.parquet").hardlink_to(alone / "large/predictions.parquet")
        index = ROOT / "models" / "dataset"
        if index.is_dir():
            shutil.copytree(index, known / "dataset")
        print(f"metrics: {ROWS:,} predictions, {repeats} runs of each")
        costs: dict[str, list[dict[str, Any]]] = {"pyarrow": [], _ALONE: [], _KNOWN: []}
        for i in range(repeats + 1):
            for what, side, models in (
                ("pyarrow", "pyarrow", alone),
                (_ALONE, "ours", alone),
                (_KNOWN, "ours", known),
            ):
                cost = _side(side, models, ROWS)
                if i > 0:  # The first round only brings files and libraries into memory.
                    costs[what].append(cost)
        times = 1
        if quick:
            times = 10
            _side("generate", tenth, ROWS // times)
        slow = _side("scikit-learn", tenth if quick else alone, ROWS // times)
        slow = {kind: times * seconds for kind, seconds in slow.items()}
    _print(costs, slow, quick)


def _print(costs: dict[str, list[dict[str, Any]]], slow: dict[str, Any], quick: bool) -> None:
    for what, measured in costs.items():
        wall, cpu = (statistics.median(c[kind] for c in measured) for kind in ("wall", "cpu"))
        print(f"  {what:24} {wall:6.2f} s, {cpu:6.2f} s of processor time")
    note = " (ten times a tenth of the rows)" if quick else ""
    print(
        f"  {'scikit-learn':24} {slow['wall']:6.2f} s, {slow['cpu']:6.2f} s of processor time{note}"
    )
    for what in (_ALONE, _KNOWN):
        pairs = list(zip(costs[what], costs["pyarrow"], strict=True))
        print(f"  {what}:")
        for kind, words in (("wall", "wall time"), ("cpu", "processor time")):
            ratio = statistics.median(a[kind] / b[kind] for a, b in pairs)
            faster = slow[kind] / statistics.median(a[kind] for a in costs[what])
            _verdict(f"/ reading, {words}", ratio, "x", ratio <= MOST_TIMES_READING,
                     f"at most {MOST_TIMES_READING:.0f} x")  # fmt: skip
            _verdict(f"scikit-learn /, {words}", faster, "x", faster >= LEAST_TIMES_FASTER,
                     f"at least {LEAST_TIMES_FASTER:.0f} x")  # fmt: skip
        for key, words, unit, most in (
            ("peak_mb", "peak memory", "MB", MOST_MB),
            ("matrix_wall", "counts or shares", "ms", MOST_CLICK_MS),
            ("matrix_cpu", "counts or shares, processor", "ms", MOST_CLICK_MS),
            ("page_wall", "all of it again", "ms", MOST_CLICK_MS),
            ("page_cpu", "all of it again, processor", "ms", MOST_CLICK_MS),
            ("cell_wall", "images of a cell", "ms", MOST_CLICK_MS),
            ("cell_cpu", "images of a cell, processor", "ms", MOST_CLICK_MS),
        ):
            value = statistics.median(c[key] for c in costs[what])
            _verdict(words, value, unit, value < most, f"below {most:.0f} {unit}")


def _verdict(what: str, measured: float, unit: str, met: bool, wanted: str) -> None:
    print(f"    {what:30} {measured:8.1f} {unit:2}  {'meets' if met else 'misses'} {wanted}")


def _side(side: str, models: Path, rows: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.metrics_sides", side, str(models), str(rows)]
    answer = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(answer.stdout) if answer.stdout else {}
    return found
