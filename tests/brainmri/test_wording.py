"""`brainmri.wording`: one file, two files; probabilities; intervals."""

from __future__ import annotations

import re

import pytest

from brainmri import wording
from brainmri.wording import counted, probability


@pytest.mark.parametrize(
    ("n", "said"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (12_345, "12,345 files")]
)
def test_a_count_and_its_word_agree(n: int, said: str) -> None:
    assert counted(n, "file") == said


def test_words_that_take_more_than_an_s_are_given() -> None:
    assert counted(1, "row is", "rows are") == "1 row is"
    assert counted(2, "row is", "rows are") == "2 rows are"


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.999779, "> 99.9 %"), (1.0, "> 99.9 %"), (0.9994, "99.9 %"), (0.5, "50.0 %"), (0.0004, "< 0.1 %"),
     (0.0, "< 0.1 %"), (0.0006, "0.1 %")],
)  # fmt: skip
def test_a_probability_is_never_told_as_sure(value: float, said: str) -> None:
    assert probability(value) == said.replace(" %", "\u00a0%")


@pytest.mark.parametrize(
    ("low", "high", "seen"),
    [("93.8", "96.1", "93.8–96.1"), ("1", "1,311", "1–1,311"), ("−0.4", "+2.1", "−0.4 to +2.1"),
     ("0.0", "+2.1", "0.0 to +2.1")],
)  # fmt: skip
def test_no_line_breaks_between_the_ends_of_an_interval(low: str, high: str, seen: str) -> None:
    told = wording.interval_ends(low, high)
    assert wording.plain(told) == seen
    # Spaces that break, and dashes without a joiner behind, are where browsers begin a line.
    assert not re.search(r" |–(?!\u2060)", told)


def test_the_interval_of_a_share_is_in_percent() -> None:
    assert wording.share_ends(0.938, 0.9612) == "93.8–\u206096.1\u00a0%"
