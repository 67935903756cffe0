"""A disk cache of decoded images in network size; workers that fill it do not import torch."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from brainmri.errors import ImageError, InputError
from brainmri.files import write_atomically
from brainmri.images import decode
from brainmri.index import ImageIndex
from brainmri.preprocessing import Preprocessing
from brainmri.processes import spawned


@dataclass(frozen=True)
class PixelStore:
    """Squares of the images of an index, in its row order, read from disk on demand.

    Reading with `pread` rather than through a memory map keeps resident memory flat, however large
    the set is.
    """

    path: Path
    size_px: int

    def read(self, rows: Sequence[int]) -> NDArray[np.uint8]:
        """Images of the given index rows, uint8 (n, size_px, size_px)."""
        length = self.size_px**2
        out = np.empty((len(rows), self.size_px, self.size_px), dtype=np.uint8)
        with self.path.open("rb", buffering=0) as file:
            for i, row in enumerate(rows):
                file.seek(int(row) * length)
                if file.readinto(memoryview(out[i]).cast("B")) != length:
                    raise InputError(f"The pixel cache {self.path} is cut off; delete it.")
        return out


def open_store(
    data: Path, index: ImageIndex, preprocessing: Preprocessing, folder: Path, *, quiet: bool
) -> PixelStore:
    """The store for this index and preprocessing, filled now if it is not there yet.

    Raises:
        InputError: an image is gone or has changed since it was indexed.
        OutputError: the cache cannot be written.
    """
    key = hashlib.sha256(json.dumps(preprocessing.to_json()).encode())
    for digest in index.rows["pixel_sha256"]:
        key.update(digest.encode())
    path = folder / f"pixels-{key.hexdigest()[:16]}.bin"
    size_px = preprocessing.size_px
    if not path.is_file() or path.stat().st_size != len(index.rows) * size_px**2:
        jobs = list(zip(index.rows["path"], index.rows["bytes"], strict=True))
        write_atomically(path, partial(_fill, data, jobs, preprocessing, quiet))
    return PixelStore(path, size_px)


def _fill(
    data: Path, jobs: list[tuple[str, int]], preprocessing: Preprocessing, quiet: bool, to: Path
) -> None:
    work = partial(_square, data, preprocessing)
    workers = min(os.cpu_count() or 1, max(1, len(jobs) // 64))
    with (
        to.open("wb") as file,
        spawned(workers) as pool,
        tqdm(total=len(jobs), unit="image", desc="Decoding", disable=quiet) as bar,
    ):
        for square in pool.map(work, jobs, chunksize=32):
            file.write(square.tobytes())
            bar.update()


def _square(data: Path, preprocessing: Preprocessing, job: tuple[str, int]) -> NDArray[np.uint8]:
    path, size_bytes = job
    file = data / path
    if not file.is_file() or file.stat().st_size != size_bytes:
        raise InputError(
            f"{file} is gone or has changed since it was indexed; run `python -m brainmri index` again."
        )
    try:
        return preprocessing.square(decode(file).pixels)
    except ImageError as error:
        # Named here, and as a type that comes back whole from a worker process.
        raise InputError(f"{file} cannot be read any more: {error}") from None
