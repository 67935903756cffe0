"""The indexed images: how many of which kind, their averages, and thumbnails of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brainmri import averages, images, index
from brainmri.averages import Averages
from brainmri.errors import InputError
from brainmri.index import ImageIndex
from dashboard.data.files import Stamp, cached, images_folder, models_folder, stamp, without_folder

if TYPE_CHECKING:
    import pandas as pd

THUMBNAIL_PX = 160


@dataclass(frozen=True)
class ClassBalance:
    """Images per split and class; `ratio` is largest to smallest class within a split."""

    counts: dict[str, dict[str, int]]
    ratio: dict[str, float]
    total: int


@dataclass(frozen=True)
class CommonSize:
    """The most frequent size, and what share of tumour images and of the others has it."""

    size: str
    of_tumours: float
    of_negatives: float

    @property
    def gives_away(self) -> bool:
        """Whether the size alone says much about the class."""
        return abs(self.of_tumours - self.of_negatives) > 0.3


def image_index() -> ImageIndex | None:
    """The image index, or None when there is none yet.

    Raises:
        InputError: there is one and it is damaged.
    """
    path = index.path(models_folder())
    return _index(str(path), stamp(path)) if path.is_file() else None


def usable_index() -> ImageIndex | None:
    """As `image_index`, but None for one that cannot be read."""
    try:
        return image_index()
    except InputError:
        return None


def average_images() -> Averages | None:
    """Average images per class and split, or None when there are none yet.

    Raises:
        InputError: the file is there and damaged.
    """
    path = models_folder() / "dataset" / "averages.npz"
    return _averages(str(path), stamp(path)) if path.is_file() else None


def unreadable_files() -> list[tuple[str, str]]:
    """(path, reason) of the files that indexing had to leave out."""
    import pandas as pd

    path = models_folder() / "dataset" / "unreadable.csv"
    if not path.is_file():
        return []
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        return list(zip(table["path"], table["reason"], strict=True))
    except (OSError, ValueError, KeyError):
        return [(path.name, "This list itself is damaged; run `python -m brainmri index` again.")]


def class_balance(table: ImageIndex) -> ClassBalance:
    """Images per split and class."""
    rows = table.rows.assign(split=table.rows["split"].fillna("all"))
    grouped = rows.groupby(["split", "label"]).size()
    counts = {
        str(split): {name: int(grouped.get((split, name), 0)) for name in table.classes}
        for split in sorted(rows["split"].unique(), key=_split_order)
    }
    ratio = {
        split: max(of.values()) / min(of.values())
        for split, of in counts.items()
        if min(of.values())
    }
    return ClassBalance(counts, ratio, len(rows))


def image_sizes(table: ImageIndex, most: int = 8) -> list[tuple[str, dict[str, int]]]:
    """The most frequent sizes ("512 x 512") and the rest, with their images per class."""
    size = table.rows["width_px"].astype(str) + " × " + table.rows["height_px"].astype(str)
    common = [name for name, _ in Counter(size).most_common(most)]
    kept = size.where(size.isin(common), "other sizes")
    return _by_class(table, kept, [*common, "other sizes"])


def commonest_size(table: ImageIndex) -> CommonSize:
    """The most frequent size; shares of an empty class count as 0, as if all were alike."""
    size, of = image_sizes(table)[0]
    negatives = int((table.rows["label"] == table.negative_class).sum())
    tumours = len(table.rows) - negatives
    negative = of[table.negative_class]
    if not negatives or not tumours:
        return CommonSize(size, 0.0, 0.0)
    return CommonSize(size, (sum(of.values()) - negative) / tumours, negative / negatives)


def image_modes(table: ImageIndex) -> list[tuple[str, dict[str, int]]]:
    """Stored pixel formats with their images per class, most frequent first."""
    mode = table.rows["mode"].astype(str)
    return _by_class(table, mode, [name for name, _ in Counter(mode).most_common()])


def brightness(table: ImageIndex) -> dict[str, NDArray[np.float64]]:
    """Mean grey level (0-1) of every image, by class."""
    value, label = table.rows["mean_intensity"], table.rows["label"]
    return {name: value[label == name].to_numpy() for name in table.classes}


def medians(values: dict[str, NDArray[np.float64]]) -> dict[str, float]:
    """The median of each class."""
    return {name: float(np.median(of)) for name, of in values.items()}


def place_of(path: str) -> int | None:
    """Number of the row of an image in the index; None where the index does not know it."""
    known = index.path(models_folder())
    if usable_index() is None:
        return None
    return _places(str(known), stamp(known)).get(path)


def bits_from(rows: pd.DataFrame, phash: bytes) -> NDArray[np.int64]:
    """Bits in which the hash of each row of the index (n,) differs from that of an image, mirrored or not."""
    one = np.frombuffer(phash, dtype=np.uint8)
    hashes = (
        np.frombuffer(b"".join(rows[name]), dtype=np.uint8).reshape(len(rows), len(one))
        for name in ("phash", "phash_mirrored")
    )
    return np.minimum(
        *(np.bitwise_count(each ^ one).sum(axis=1, dtype=np.int64) for each in hashes)
    )


def thumbnail(path: str) -> bytes | None:
    """PNG of an indexed image, or None when there is no such image here."""
    image = decoded(path)
    if image is None:
        return None
    pixels = image.pixels
    height, width = pixels.shape
    scale = THUMBNAIL_PX * 2 / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return images.encode_png(images.resize(pixels, size) if scale < 1 else pixels)


def decoded(path: str) -> images.GreyImage | None:
    """An indexed image, or None when there is no such image here."""
    folder, known = images_folder(), index.path(models_folder())
    if folder is None or not known.is_file():
        return None
    try:
        if path not in _places(str(known), stamp(known)):
            return None  # Only what was indexed is ever served.
        return images.decode(folder / path)
    except InputError:
        return None


def _split_order(split: str) -> int:
    return {"train": 0, "val": 1, "test": 2}.get(split, 3)


def _by_class(
    table: ImageIndex, value: pd.Series[str], order: list[str]
) -> list[tuple[str, dict[str, int]]]:
    counts = Counter(zip(value, table.rows["label"], strict=True))
    return [
        (name, {label: counts[name, label] for label in table.classes})
        for name in dict.fromkeys(order)
        if any(counts[name, label] for label in table.classes)
    ]


@cached(2)
def _index(path: str, stamp: Stamp) -> ImageIndex:
    with without_folder(str(models_folder())):
        return index.read(Path(path))


@cached(2)
def _averages(path: str, stamp: Stamp) -> Averages:
    with without_folder(str(models_folder())):
        return averages.read(Path(path))


@cached(2)
def _places(path: str, stamp: Stamp) -> dict[str, int]:
    return {str(one): place for place, one in enumerate(_index(path, stamp).rows["path"])}
