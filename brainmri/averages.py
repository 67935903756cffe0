"""Per-class average and contrast images and pixel densities, streamed over every image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainmri.features import THUMBNAIL_PX
from brainmri.files import not_read, write_atomically
from brainmri.images import grey_histogram

Group = tuple[str, str]
"""(split, label)."""

_SUMMED_TOGETHER = 257
"""Grey levels up to 255 of so many images add up to what 16 bits hold: a quarter of the time."""


@dataclass(frozen=True)
class Averages:
    """One entry per (split, label), in sorted order.

    Attributes:
        groups: the (split, label) pairs.
        counts: int64 (g,), images in each group: all of them, the last partial batch included.
        means: float32 (g, THUMBNAIL_PX, THUMBNAIL_PX), grey level 0-1.
        densities: float32 (g, 256), share of the group's pixels at each grey level; rows sum to 1.
    """

    groups: list[Group]
    counts: NDArray[np.int64]
    means: NDArray[np.float32]
    densities: NDArray[np.float32]

    def contrast(self, split: str, label: str, negative: str) -> NDArray[np.float32]:
        """Average image of `label` minus that of the negative class, -1 to 1."""
        mean = {group: self.means[i] for i, group in enumerate(self.groups)}
        return mean[split, label] - mean[split, negative]

    def density(self, label: str) -> NDArray[np.float32] | None:
        """Density of a class, float32 (256,), its splits weighted by their images; None without any."""
        rows = [i for i, (_, of) in enumerate(self.groups) if of == label]
        if not rows:
            return None
        mean = np.average(self.densities[rows], axis=0, weights=self.counts[rows])
        return np.asarray(mean, dtype=np.float32)


class AverageStream:
    """Sums that images are added to piece by piece; memory does not grow with their number."""

    def __init__(self) -> None:
        self._sums: dict[Group, NDArray[np.uint64]] = {}
        self._histograms: dict[Group, NDArray[np.int64]] = {}
        self._counts: dict[Group, int] = {}

    def add(self, group: Group, thumbnails: NDArray[np.uint8]) -> None:
        """Add one uint8 (THUMBNAIL_PX, THUMBNAIL_PX) image to its group, or (n, ...) of them."""
        images = np.ascontiguousarray(thumbnails).reshape(-1, THUMBNAIL_PX, THUMBNAIL_PX)
        if group not in self._sums:
            self._sums[group] = np.zeros((THUMBNAIL_PX, THUMBNAIL_PX), dtype=np.uint64)
            self._histograms[group] = np.zeros(256, dtype=np.int64)
            self._counts[group] = 0
        for start in range(0, len(images), _SUMMED_TOGETHER):
            some = images[start : start + _SUMMED_TOGETHER]
            self._sums[group] += some.sum(axis=0, dtype=np.uint16)
        self._histograms[group] += grey_histogram(images)
        self._counts[group] += len(images)

    def result(self) -> Averages:
        """The averages of everything added so far."""
        groups = sorted(self._sums)
        counts = np.array([self._counts[g] for g in groups], dtype=np.int64)
        shape = (len(groups), THUMBNAIL_PX, THUMBNAIL_PX)
        means = np.zeros(shape, dtype=np.float32)
        densities = np.zeros((len(groups), 256), dtype=np.float32)
        for i, group in enumerate(groups):
            means[i] = self._sums[group] / (255 * self._counts[group])
            densities[i] = self._histograms[group] / (THUMBNAIL_PX**2 * self._counts[group])
        return Averages(groups, counts, means, densities)


def write(path: Path, averages: Averages) -> None:
    """Write `averages` as an .npz of plain arrays (no pickle)."""

    def save(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez_compressed(
                file,
                splits=np.array([split for split, _ in averages.groups], dtype=np.str_),
                labels=np.array([label for _, label in averages.groups], dtype=np.str_),
                counts=averages.counts,
                means=averages.means,
                densities=averages.densities,
            )

    write_atomically(path, save)


def read(path: Path) -> Averages:
    """Read what `write` wrote.

    Raises:
        InputError: the file is missing, damaged or not of this kind.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            groups = [
                (str(s), str(k)) for s, k in zip(arrays["splits"], arrays["labels"], strict=True)
            ]
            return Averages(groups, arrays["counts"], arrays["means"], arrays["densities"])
    except Exception as error:  # zipfile and numpy raise many types on a damaged file.
        raise not_read(path, error, "run `python -m brainmri index DATA` again") from None
