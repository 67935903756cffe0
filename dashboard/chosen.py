"""Which images of a split are chosen, as the address says it. No file access."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from brainmri.calibration import BINS

SEPARATOR = "~"
_ROUNDED = 1e-6
"""What a number loses at most in the address."""
ANY_TUMOUR = "any tumour"
"""In the key `above` in the place of a class: all classes but the negative one, after the temperature."""
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
        above: a class and the least probability that the model gave it, before the temperature; or
            `ANY_TUMOUR` and the least tumour probability, after it.
        sure: the least and the highest probability of the answer, after the temperature.
    """

    truth: str | None = None
    answer: str | None = None
    wrong: bool = False
    slice: tuple[str, str] | None = None
    above: tuple[str, float] | None = None
    sure: tuple[float, float] | None = None

    def __bool__(self) -> bool:
        return self != Chosen()

    @property
    def within(self) -> Chosen:
        """The same without the cell of the matrix: what the matrix itself is counted in."""
        return replace(self, truth=None, answer=None, wrong=False)

    @property
    def without_threshold(self) -> Chosen:
        """The same without the threshold: what the curves are of, whose points are thresholds."""
        return replace(self, above=None)

    @property
    def without_tumour_threshold(self) -> Chosen:
        """The same without a threshold of the tumour probability: what the decision curve is of."""
        return self.without_threshold if self.above and self.above[0] == ANY_TUMOUR else self

    @property
    def without_sureness(self) -> Chosen:
        """The same without the sureness: what calibration is of, whose points are how sure answers are."""
        return replace(self, sure=None)

    @property
    def decides(self) -> bool:
        """Whether it decides which answers are right: that is no result then, but what was chosen."""
        return self.wrong or (self.truth is not None and self.answer is not None)

    @property
    def by_truth(self) -> bool:
        """Whether the class that the images show is among what chose them."""
        return self.truth is not None or (self.slice is not None and self.slice[0] == "label")

    def without_slice_by(self, name: str) -> Chosen:
        """The same without a slice by that property: what slices by it are counted in."""
        return replace(self, slice=None) if self.slice and self.slice[0] == name else self

    @property
    def has_cell(self) -> bool:
        """Whether it says anything of classes and answers."""
        return self != self.within


def read(
    classes: Sequence[str],
    cell: str | None,
    slice_: str | None,
    above: str | None,
    sure: str | None = None,
) -> Chosen:
    """What these keys of the address choose; what they misspell, nothing."""
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
        sure=_sureness(sure),
    )


def _threshold(classes: Sequence[str], above: str | None) -> tuple[str, float] | None:
    name, _, number = (above or "").rpartition(SEPARATOR)
    least = _probability(number)
    return None if least is None or name not in (*classes, ANY_TUMOUR) else (name, least)


def _sureness(sure: str | None) -> tuple[float, float] | None:
    low, high = (_probability(end) for end in (sure or "").partition(SEPARATOR)[::2])
    return None if low is None or high is None or low > high else (_edge(low), _edge(high))


def _probability(number: str) -> float | None:
    try:
        found = float(number)
    except ValueError:
        return None
    return found if math.isfinite(found) and 0 <= found <= 1 else None


def _edge(end: float) -> float:
    """The edge of a bin of the calibration figure that has few digits in the address, as it is."""
    edge = round(end * BINS) / BINS
    return edge if abs(edge - end) < _ROUNDED else end


def cell_of(truth: str | None, answer: str | None, *, wrong: bool = False) -> str:
    """The value of the key `cell`."""
    if wrong and truth is None and answer is None:
        return WRONG
    cell = f"{truth or ''}{SEPARATOR}{answer or ''}"
    return f"{WRONG}{SEPARATOR}{cell}" if wrong else cell
