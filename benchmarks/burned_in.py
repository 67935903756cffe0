"""How many names drawn into slices are noticed, by size of letters, and how many slices without them.

BRAINMRI_DATA names the real data set, whose grouped validation slices are used; phantoms otherwise. Names
are made up and drawn with the DejaVu and Liberation fonts of the system (Pillow's own where there are
none), in white or grey, with a dark border or none, into each corner, in one to three lines; half of the
pictures are stored as JPEG afterwards.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.commands import MODELS
from brainmri import burned_in, index, phantom, splits
from brainmri.images import decode
from brainmri.markdown import share
from brainmri.metrics import proportion

FLAGGED_AT_MOST, FOUND_AT_LEAST = 0.02, 0.95
_PHANTOMS, _DRAWN = 25, 2
_SIZES = ((8, 9), (10, 12), (13, 16), (17, 20), (21, 24))
_GREYS = (255, 255, 220, 180, 150)
_FAMILIES = ("DejaVuSans", "DejaVuSerif", "Liberation")
_SURNAMES = ("DOE", "SMITH", "MUELLER", "GARCIA", "Rossi", "Andersson", "O'BRIEN", "IVANOVA", "LI")
_NAMES = ("JANE", "John", "Maria", "ANNA", "Wei", "Olga", "Fatima", "Mehmet", "Hans")
_PLACES = ("KLINIKUM XY", "ST. MARY HOSPITAL", "MRI CENTER 2", "Radiologie Nord", "CITY GENERAL")

Picture = NDArray[np.uint8]


def run() -> None:
    """Print the tables of docs/experiments.md, and whether the goals hold."""
    rng = np.random.default_rng(0)
    fonts = sorted(
        str(path)
        for path in Path("/usr/share/fonts/truetype").rglob("*.ttf")
        if path.name.startswith(_FAMILIES) and "ExtraLight" not in path.name
    )
    found: dict[tuple[int, int], list[bool]] = {size: [] for size in _SIZES}
    all_found: list[bool] = []
    all_flagged: list[bool] = []
    for source, slices in (("validation slices", _real()), ("phantoms", _phantoms())):
        flagged, here, seconds = [], [], 0.0
        for pixels in slices:
            began = time.process_time()
            flagged.append(burned_in.seen(pixels))
            seconds += time.process_time() - began
            for _ in range(_DRAWN):
                size = int(rng.integers(_SIZES[0][0], _SIZES[-1][1] + 1))
                seen = burned_in.seen(_stored(rng, _named(rng, pixels, size, fonts)))
                here.append(seen)
                found[next(span for span in _SIZES if size <= span[1])].append(seen)
        if flagged:
            all_found += here
            all_flagged += flagged
            print(f"burned_in: {source}: flagged as they are {_of(flagged)}, names found {_of(here)}, "
                  f"{1000 * seconds / len(flagged):.1f} ms each")  # fmt: skip
    for (least, most), those in found.items():
        print(f"  | {least} to {most} px | {_of(those)} |")
    met = "meets" if np.mean(all_found) >= FOUND_AT_LEAST else "misses"
    print(f"  found {_of(all_found)}: {met} at least {FOUND_AT_LEAST:.0%}")
    # Some slices have letters of their own, so that those that are flagged have to be looked at.
    met = "meets" if np.mean(all_flagged) <= FLAGGED_AT_MOST else "misses"
    print(f"  flagged as they are {_of(all_flagged)}: {met} at most {FLAGGED_AT_MOST:.0%}")


def _of(seen: list[bool]) -> str:
    return share(proportion(sum(seen), len(seen)))


def _real() -> Iterator[Picture]:
    data = os.environ.get("BRAINMRI_DATA")
    if not data or not Path(data).is_dir():
        return
    table = index.read(index.path(MODELS))
    part = splits.assign(table, "grouped_split", seed=0)
    for path in table.rows["path"][part == "val"]:
        yield decode(Path(data, path)).pixels


def _phantoms() -> Iterator[Picture]:
    for seed in range(1000, 1000 + _PHANTOMS):
        yield from (phantom.draw(label, seed) for label in phantom.CLASSES)


def _named(rng: np.random.Generator, pixels: Picture, size: int, fonts: list[str]) -> Picture:
    picture = Image.fromarray(pixels)
    font: Any = (
        ImageFont.truetype(str(rng.choice(fonts)), size) if fonts else ImageFont.load_default(size)
    )
    surname, name = rng.choice(_SURNAMES), rng.choice(_NAMES)
    day = f"{rng.integers(1930, 2020)}-{rng.integers(1, 13):02}-{rng.integers(1, 29):02}"
    lines = [
        (f"{surname}^{name}", f"{surname}, {name}", f"{name} {surname}")[rng.integers(3)],
        (f"{day} / ID {rng.integers(1000, 99999)}", f"DOB {day} F")[rng.integers(2)],
        str(rng.choice(_PLACES)),
    ]
    text = "\n".join(lines[: rng.integers(1, 4)])
    draw, border = ImageDraw.Draw(picture), 1 if rng.random() < 0.4 else 0
    left, top, right, bottom = draw.multiline_textbbox((0, 0), text, font=font, spacing=2)
    corner, margin = rng.integers(4), int(rng.integers(2, 10))
    x = margin if corner % 2 else max(1, picture.width - (right - left) - margin)
    y = margin if corner < 2 else picture.height - (bottom - top) - margin
    draw.multiline_text(
        (x - left, y - top), text, font=font, fill=int(rng.choice(_GREYS)),
        spacing=2, stroke_width=border, stroke_fill=0,
    )  # fmt: skip
    return np.asarray(picture)


def _stored(rng: np.random.Generator, pixels: Picture) -> Picture:
    if rng.random() < 0.5:
        return pixels
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=int(rng.integers(70, 95)))
    return np.asarray(Image.open(file))
