"""`brainmri.wording`: one file, two files."""

from __future__ import annotations

import pytest

from brainmri.wording import counted


@pytest.mark.parametrize(
    ("n", "said"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (12_345, "12,345 files")]
)
def test_a_count_and_its_word_agree(n: int, said: str) -> None:
    assert counted(n, "file") == said


def test_words_that_take_more_than_an_s_are_given() -> None:
    assert counted(1, "row is", "rows are") == "1 row is"
    assert counted(2, "row is", "rows are") == "2 rows are"
