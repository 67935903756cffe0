"""Peak memory of training a network for one epoch, on phantoms: it does not grow with the set."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.commands import ROOT, peak_memory_mb, verdict
from brainmri import phantom

MOST_MEMORY_MB = 1500.0
SIZES_PX = {"cnn-augmented": 256, "efficientnet-lite0": None}
"""Models that are trained, with the side of their input; None is the model's own."""


def run() -> None:
    """Train each model once, as the command line does, and print the most memory that it took."""
    command = [sys.executable, "-m", "brainmri"]
    with tempfile.TemporaryDirectory() as name:
        data, models = Path(name, "phantoms"), Path(name, "models")
        images = phantom.write_dataset(data, train_per_class=60, test_per_class=15)
        to = ["--models", str(models), "--quiet"]
        index = [*command, "index", str(data), *to]
        subprocess.run(index, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        print(f"memory: one epoch of each model, {images} phantoms")
        for model, size_px in SIZES_PX.items():
            size = [] if size_px is None else ["--size-px", str(size_px)]
            options = ["--model", model, "--run", model, "--epochs", "1", *size]
            memory = peak_memory_mb([*command, "train", str(data), *options, *to])
            if memory is None:
                print("  skipped, there is no /proc to read it from")
                return
            if not (models / model / "run.json").is_file():
                print(f"  {model:24} could not be trained here")
                continue
            wanted = f"{MOST_MEMORY_MB:,.0f} MB"
            verdict(model, f"{memory:,.0f} MB", memory <= MOST_MEMORY_MB, wanted)
