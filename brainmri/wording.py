"""Words for counts in messages."""

from __future__ import annotations


def counted(n: int, one: str, many: str | None = None) -> str:
    """The number with its words: "1 file", "2,000 files", "1 row is", "2 rows are".

    Args:
        n: how many.
        one: what to say of one.
        many: what to say of none or several; `one` with an s when not given.
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"
