"""Small folders to index, and what an index of them holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from brainmri import index

# As in the design: the contract between `index` and everything that reads it.
CONTRACT = ["path", "split", "label", "file_sha256", "pixel_sha256", "phash", "cluster",
            "width_px", "height_px", "mode", "bytes", "mean_intensity", "std_intensity"]  # fmt: skip


def put(folder: Path, *names: str) -> None:
    """Write a different small picture under each name."""
    for i, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(i).integers(0, 256, (12, 10), dtype=np.uint8)
        Image.fromarray(noise).save(path)


def build(data: Path, models: Path, **options: Any) -> index.IndexReport:
    return index.build(data, models, quiet=True, **options)
