"""What `index` is compared with: decode every image below a folder with Pillow, and nothing else."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from PIL import Image

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"}


def decode(path: str) -> None:
    with Image.open(path) as image:
        image.load()


def main(folder: Path, processes: int) -> None:
    files = [str(file) for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES]
    with ProcessPoolExecutor(processes) as pool:
        for _ in pool.map(decode, files, chunksize=32):
            pass


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
