"""Words that several parts say alike: counts in messages, and what stands beside intervals."""

from __future__ import annotations

INDEPENDENT = (
    "There is no image index here, so it is not known which images are near-copies of each other: every "
    "image counts as independent, and intervals are narrower than they should be where some are."
)
"""What stands beside intervals that were made without `results.known_images`."""


def counted(n: int, one: str, many: str | None = None) -> str:
    """The number with its words: "1 file", "2,000 files", "1 row is", "2 rows are".

    Args:
        n: how many.
        one: what to say of one.
        many: what to say of none or several; `one` with an s when not given.
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"
