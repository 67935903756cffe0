"""Indexed images by what is known of them: which have some properties, and how many of each class."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brainmri import index, slices
from brainmri.index import ImageIndex
from dashboard.data.files import cached
from dashboard.words import NOT_RECORDED

if TYPE_CHECKING:
    import pandas as pd

Filters = tuple[tuple[str, str], ...]
"""(property, value) of what is asked for; values of one property are alternatives."""


@dataclass(frozen=True)
class Sample:
    """One indexed image as the browser shows it; `split` is None where the folders name none."""

    path: str
    label: str
    split: str | None
    size_px: tuple[int, int]
    brightness: float


@dataclass(frozen=True)
class Balance:
    """Images per class for each value of a property.

    Attributes:
        counts: (value, images per class), in the order of `sample_properties`.
        ratio: largest to smallest class of each value; None where a class has no image.
        told: share of images whose class would be named right by whoever knows the value alone.
        told_without: the same for whoever knows nothing.
    """

    counts: list[tuple[str, dict[str, int]]]
    ratio: dict[str, float | None]
    told: float
    told_without: float


def sample_properties(known: ImageIndex) -> dict[str, list[str]]:
    """Properties that images can be chosen by, each with its values.

    Numbers and ranges stand in their order, names by their number of images, the most frequent first.
    """
    return {name: _in_order(words) for name, words in _properties(known).items()}


def _in_order(words: pd.Series[str]) -> list[str]:
    by_count = [str(value) for value in words.value_counts().index]
    starts = {value: _start(value) for value in by_count}
    if all(start is None for start in starts.values()):
        return by_count

    def place(value: str) -> tuple[bool, float]:
        """Names (of the commonest sizes) before the ranges, by count; what is not recorded after them."""
        start = starts[value]
        return value == NOT_RECORDED, -math.inf if start is None else start

    return sorted(by_count, key=place)


def _start(value: str) -> float | None:
    """The number that a value is or that its range begins with; None of a name."""
    found = _NUMBERS.fullmatch(value)
    return float(found[1].replace(",", "")) if found else None


def samples(known: ImageIndex, filters: Filters, start: int, most: int) -> tuple[int, list[Sample]]:
    """How many images pass the filters, and `most` of them from the place `start` on."""
    rows = _passing(known, filters)
    shown = known.rows.iloc[rows[start : start + most]]
    return len(rows), [
        Sample(path, label, split if isinstance(split, str) else None, (width, height), brightness)
        for path, label, split, width, height, brightness in zip(
            *(shown[name].tolist() for name in _SHOWN), strict=True
        )
    ]


@cached(64)
def balance_by(known: ImageIndex, name: str) -> Balance:
    """Images per class for each value of a property.

    Raises:
        KeyError: there is no such property.
    """
    import pandas as pd

    words, label = _properties(known)[name], known.rows["label"].astype(str)
    table = pd.crosstab(words, label).reindex(columns=known.classes, fill_value=0)
    table = table.loc[_in_order(words)]
    counts = [
        (str(value), {one: int(row[one]) for one in known.classes})
        for value, row in table.iterrows()
    ]
    return Balance(
        counts=counts,
        ratio={
            value: max(of.values()) / min(of.values()) if min(of.values()) else None
            for value, of in counts
        },
        told=_share(sum(max(of.values()) for _, of in counts), len(words)),
        told_without=_share(int(table.sum().max()), len(words)),
    )


def _share(k: int, n: int) -> float:
    return k / n if n else 0.0


@cached(32)
def _passing(known: ImageIndex, filters: Filters) -> NDArray[np.int64]:
    """Row numbers of the images that have one of the values asked for of every property."""
    found = _properties(known)
    passing = np.ones(len(known.rows), dtype=bool)
    for name in dict.fromkeys(name for name, _ in filters):
        wanted: Sequence[str] = [value for one, value in filters if one == name]
        passing &= found[name].isin(wanted).to_numpy()
    return np.flatnonzero(passing)


@cached(2)
def _properties(known: ImageIndex) -> dict[str, pd.Series[str]]:
    """Value of each property per image: split and label first, then what the index holds."""
    rows = known.rows.drop(columns=index.identifiers(known)).reset_index(drop=True)
    found = slices.properties(rows)
    split = rows["split"].astype("string").fillna(NOT_RECORDED).astype(str)
    if split.nunique() > 1:
        found = {"split": split, **found}
    return {name: found[name] for name in sorted(found, key=lambda one: one not in _FIRST)}


_NUMBER = r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?"
_NUMBERS = re.compile(rf"(?:another, longer side )?({_NUMBER})(?: to {_NUMBER})?")
"""A number, or a range as `slices.properties` writes it."""
_FIRST = ("split", "label", "source")
_SHOWN = ("path", "label", "split", "width_px", "height_px", "mean_intensity")
