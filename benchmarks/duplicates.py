"""Clustering 100,000 and 1,000,000 perceptual hashes, a fifth of them planted copies."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.commands import ROOT, verdict
from brainmri import duplicates, features, phantom

FEW, MANY = 100_000, 1_000_000
MOST_SECONDS, MOST_MEMORY_MB, MOST_RATIO = 30.0, 1000.0, 15.0
MOST_RUNS = 3
DRAWN = 2000
"""Phantoms that are drawn; the hashes are those of blends of two. A million would take a day to draw."""

_COPIES = 0.2
_AT_A_TIME = 8192
_THREADS = {"OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Cost:
    """What one run of `duplicates.clusters` took, loading the hashes left out but for the memory."""

    wall_seconds: float
    cpu_seconds: float
    peak_memory_mb: float
    clusters: int
    found: int
    planted: int


def run(repeats: int) -> None:
    """Measure each size `repeats` times, `MOST_RUNS` at most, in a process of its own each time."""
    repeats = min(repeats, MOST_RUNS)
    print(
        f"duplicates: hashes of blends of {DRAWN:,} phantoms, {_COPIES:.0%} planted copies (half of them "
        f"mirrored, up to {duplicates.MAX_DISTANCE} bits changed), {repeats} runs"
    )
    costs: dict[int, list[Cost]] = {FEW: [], MANY: []}
    with tempfile.TemporaryDirectory() as name:
        frequencies = phantom_frequencies(DRAWN)
        for n in costs:
            np.savez(Path(name, f"{n}.npz"), **hashes_with_copies(frequencies, n, seed=n))  # type: ignore[arg-type]
        for _ in range(repeats):
            for n, measured in costs.items():
                measured.append(_in_own_process(Path(name, f"{n}.npz")))
    for n, measured in costs.items():
        wall = statistics.median(cost.wall_seconds for cost in measured)
        cpu = statistics.median(cost.cpu_seconds for cost in measured)
        memory = max(cost.peak_memory_mb for cost in measured)
        found, planted = measured[0].found, measured[0].planted
        print(f"  {n:,} hashes, {measured[0].clusters:,} clusters, {cpu:.2f} s of processor time")
        if n == FEW:
            verdict("time", f"{wall:.2f} s", wall <= MOST_SECONDS, f"{MOST_SECONDS:.0f} s")
            wanted = f"{MOST_MEMORY_MB:,.0f} MB"
            verdict("peak memory", f"{memory:.0f} MB", memory <= MOST_MEMORY_MB, wanted)
        else:
            print(f"  {'time':24} {wall:7.2f} s\n  {'peak memory':24} {memory:6.0f} MB")
        print(f"  {'planted copies found':24} {found:>9,}  of {planted:,}")
    pairs = list(zip(costs[MANY], costs[FEW], strict=True))
    ratio = statistics.median(a.wall_seconds / b.wall_seconds for a, b in pairs)
    cpu_ratio = statistics.median(a.cpu_seconds / b.cpu_seconds for a, b in pairs)
    verdict("ratio of the times", f"{ratio:.1f} x", ratio <= MOST_RATIO, f"{MOST_RATIO:.0f} x")
    print(f"  {'the same, processor time':24} {cpu_ratio:7.1f} x")


def phantom_frequencies(n: int) -> NDArray[np.float32]:
    """The frequencies that are hashed, of `n` phantoms of all classes, float32 (n, 16, 16)."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return np.stack(list(pool.map(_frequencies_of_one, range(n), chunksize=16)))


def _frequencies_of_one(seed: int) -> NDArray[np.float32]:
    pixels = phantom.draw(phantom.CLASSES[seed % len(phantom.CLASSES)], seed)
    return features.low_frequencies(features.thumbnail(pixels)[np.newaxis])[0]


def hashes_with_copies(
    frequencies: NDArray[np.float32], n: int, *, seed: int
) -> dict[str, NDArray[np.generic]]:
    """`n` hashes, plain and mirrored, of which a fifth are copies of others.

    Frequencies of a blend of two pictures are the blend of their frequencies, so their bits depend on
    each other as those of pictures do.

    Args:
        frequencies: (m, 16, 16), of the pictures to blend.
        n: number of hashes.
        seed: of every random choice.

    Returns:
        "hashes" and "mirrored", uint8 (n, 32), and "copies" and "originals", rows of the planted pairs.
    """
    rng = np.random.default_rng(seed)
    both = np.empty((n, 2, features.HASH_BITS // 8), dtype=np.uint8)
    for start in range(0, n, _AT_A_TIME):
        size = min(_AT_A_TIME, n - start)
        one, other = frequencies[rng.integers(0, len(frequencies), (2, size))]
        weight = rng.uniform(0.3, 0.7, (size, 1, 1)).astype(np.float32)
        both[start : start + size] = features.hashes_of(weight * one + (1 - weight) * other)
    shuffled = rng.permutation(n)
    copies, others = np.split(shuffled, [round(_COPIES * n)])
    originals = rng.choice(others, len(copies))
    planted = both[originals]
    mirrored = rng.random(len(copies)) < 0.5
    planted[mirrored] = planted[mirrored, ::-1]
    # The places of the bits may coincide: 0 to 8 change, mostly 4 to 8.
    places = rng.integers(0, features.HASH_BITS, (len(copies), duplicates.MAX_DISTANCE))
    changed = np.arange(duplicates.MAX_DISTANCE) < rng.integers(0, 9, (len(copies), 1))
    rows = np.arange(len(copies))
    for place, change in zip(places.T, changed.T, strict=True):
        planted[rows, 0, place // 8] ^= np.where(change, 1 << place % 8, 0).astype(np.uint8)
    both[copies] = planted
    return {"hashes": both[:, 0], "mirrored": both[:, 1], "copies": copies, "originals": originals}


def _in_own_process(path: Path) -> Cost:
    command = [sys.executable, "-m", "benchmarks.duplicates", str(path)]
    environment = {**os.environ, **_THREADS}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return Cost(**json.loads(done.stdout))


def main(path: Path) -> None:
    """Cluster the hashes of one file and print what it took as JSON."""
    with np.load(path, allow_pickle=False) as file:
        hashes, mirrored = file["hashes"], file["mirrored"]
        copies, originals = file["copies"], file["originals"]
    wall, cpu = time.perf_counter(), time.process_time()
    cluster = duplicates.clusters(hashes, mirrored)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024
    found = int((cluster[copies] == cluster[originals]).sum())
    count = int(cluster.max()) + 1
    print(json.dumps(vars(Cost(wall, cpu, peak * unit / 1e6, count, found, len(copies)))))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
