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
_OURS = {
    "labels and probabilities": ("bare", "pyarrow, labels and probabilities"),
    "and paths": ("alone", "pyarrow, and paths"),
    "and image index": ("known", "pyarrow, and paths"),
}
"""What our side reads: its folder, and the side that reads the same columns and nothing else."""


def run(repeats: int, *, quick: bool = False) -> None:
    """Generate the tables, measure in turns, print ratios.

    Three tables: one with labels and probabilities only, as of another tool; one with the path of
    every image too; and that one beside the shipped image index, so that every path is looked up to
    keep near-duplicates together. `quick` lets scikit-learn work on a tenth of the rows and counts
    its time ten times.
    """
    with tempfile.TemporaryDirectory() as name:
        alone, known, tenth, bare = (
            Path(name, folder) for folder in ("alone", "known", "tenth", "bare")
        )
        _side("generate", alone, ROWS)
        _side("bare", alone, ROWS)
        (known / "large").mkdir(parents=True)
        (known / "large" / "predictions.parquet").hardlink_to(alone / "large/predictions.parquet")
        index = ROOT / "models" / "dataset"
        if index.is_dir():
            shutil.copytree(index, known / "dataset")
        print(f"metrics: {ROWS:,} predictions, {repeats} runs of each")
        sides = [
            ("pyarrow, labels and probabilities", "pyarrow", bare),
            *((what, "ours", Path(name, folder)) for what, (folder, _) in _OURS.items()),
            ("pyarrow, and paths", "pyarrow", alone),
        ]
        costs: dict[str, list[dict[str, Any]]] = {what: [] for what, _, _ in sides}
        for i in range(repeats + 1):
            for what, side, models in sides:
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
        print(f"  {what:34} {wall:6.2f} s, {cpu:6.2f} s of processor time")
    note = " (ten times a tenth of the rows)" if quick else ""
    print(
        f"  {'scikit-learn':34} {slow['wall']:6.2f} s, {slow['cpu']:6.2f} s of processor time{note}"
    )
    for what, (_, reading) in _OURS.items():
        pairs = list(zip(costs[what], costs[reading], strict=True))
        print(f"  {what}:")
        longer = {
            kind: statistics.median(ours[kind] / theirs[kind] for ours, theirs in pairs)
            for kind in ("wall", "cpu")
        }
        faster = {
            kind: slow[kind] / statistics.median(ours[kind] for ours in costs[what])
            for kind in ("wall", "cpu")
        }
        _verdict("/ reading", longer["wall"], "x", longer["wall"] <= MOST_TIMES_READING,
                 f"at most {MOST_TIMES_READING:.0f} x")  # fmt: skip
        _verdict("scikit-learn /", faster["wall"], "x", faster["wall"] >= LEAST_TIMES_FASTER,
                 f"at least {LEAST_TIMES_FASTER:.0f} x")  # fmt: skip
        print(f"    {'both, processor time':30} {longer['cpu']:8.1f} x  and {faster['cpu']:.1f} x")
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
