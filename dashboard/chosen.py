"""Which images of a split are chosen, as the address says it. No file access."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

SEPARATOR = "~"
WRONG = "wrong"
"""Value of the key `cell` for all wrong answers; in front of a cell, for the wrong answers in it."""


@dataclass(frozen=True)
class Chosen:
    """Some of the images of a split; everything that is None lets all of them pass.

    Attributes:
        truth: the class that they show.
        answer: the class that the model said.
        wrong: only those with a wrong answer.
        slice: a property and the value that they share, as in `brainmri.slices`.
        above: a class and the least probability that the model gave it, before the temperature.
    """

    truth: str | None = None
    answer: str | None = None
    wrong: bool = False
    slice: tuple[str, str] | None = None
    above: tuple[str, float] | None = None

    def __bool__(self) -> bool:
        return self != Chosen()

    @property
    def within(self) -> Chosen:
        """The same without the cell of the matrix: what the matrix itself is counted in."""
        return replace(self, truth=None, answer=None, wrong=False)

    @property
    def slice_only(self) -> Chosen:
        """Its slice alone: what the curves are counted in, whose points are thresholds."""
        return replace(self.within, above=None)

    def without_slice_by(self, name: str) -> Chosen:
        """The same without a slice by that property: what slices by it are counted in."""
        return replace(self, slice=None) if self.slice and self.slice[0] == name else self

    @property
    def has_cell(self) -> bool:
        """Whether it says anything of classes and answers."""
        return self != self.within


def read(classes: Sequence[str], cell: str | None, slice_: str | None, above: str | None) -> Chosen:
    """What the keys `cell`, `slice` and `above` of the address choose; what they misspell, nothing."""
    asked = cell or ""
    only = asked.removeprefix(f"{WRONG}{SEPARATOR}")
    wrong = asked == WRONG or (only != asked and SEPARATOR in only)
    truth, found, answer = (only if wrong else asked).partition(SEPARATOR)
    name, named, value = (slice_ or "").partition(SEPARATOR)
    known = [one if one in classes else None for one in (truth, answer)] if found else [None, None]
    if found and any(one and one not in classes for one in (truth, answer)):
        known, wrong = [None, None], False
    return Chosen(
        truth=known[0],
        answer=known[1],
        wrong=wrong,
        slice=(name, value) if named and name else None,
        above=_threshold(classes, above),
    )


def _threshold(classes: Sequence[str], above: str | None) -> tuple[str, float] | None:
    name, _, number = (above or "").rpartition(SEPARATOR)
    try:
        least = float(number)
    except ValueError:
        return None
    return (name, least) if name in classes and math.isfinite(least) and 0 <= least <= 1 else None


def cell_of(truth: str | None, answer: str | None, *, wrong: bool = False) -> str:
    """The value of the key `cell`."""
    if wrong and truth is None and answer is None:
        return WRONG
    cell = f"{truth or ''}{SEPARATOR}{answer or ''}"
    return f"{WRONG}{SEPARATOR}{cell}" if wrong else cell
