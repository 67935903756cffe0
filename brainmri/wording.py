"""Words that several parts say alike: counts in messages, and what stands beside intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brainmri.metrics import Estimate

INDEPENDENT = (
    "There is no image index here, so it is not known which images are near-copies of each other: every "
    "image counts as independent, and intervals are narrower than they should be where some are."
)
"""What stands beside intervals that were made without `results.known_images`."""


_JOINER = "\u2060"
"""Of no width: no line breaks there."""


def interval_ends(low: str, high: str) -> str:
    """Both ends of an interval, "93.8–96.1" or with signs "−0.4 to +2.1"; no line breaks within.

    Browsers break lines behind a dash, and no style forbids it.
    """
    if {low[0], high[0]} & set("+-−"):
        return f"{low}\u00a0to\u00a0{high}"
    return f"{low}–{_JOINER}{high}"


def share_ends(low: float, high: float) -> str:
    """Both ends of the interval of a share (0-1) as "93.8–96.1 %"; no line breaks within."""
    return f"{interval_ends(f'{100 * low:.1f}', f'{100 * high:.1f}')}\u00a0%"


def plain(text: str) -> str:
    """Words for a terminal or a text file, which need nothing that holds lines together."""
    return text.replace(_JOINER, "").replace("\u00a0", " ")


def counted(n: int, one: str, many: str | None = None) -> str:
    """The number with its words: "1 file", "2,000 files", "1 row is", "2 rows are".

    Args:
        n: how many.
        one: what to say of one.
        many: what to say of none or several; `one` with an s when not given.
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def probability(value: float, digits: int = 1, unit: str = "\u00a0%") -> str:
    """A probability in percent; one that rounds to 0 or 100 is not told as sure: "< 0.1 %", "> 99.9 %"."""
    told = 100 * value
    least = 10.0**-digits
    side = ""
    if round(told, digits) <= 0:
        side, told = "< ", least
    elif round(told, digits) >= 100:
        side, told = "> ", 100 - least
    return f"{side}{told:.{digits}f}{unit}"


def by_readers(corrected: int, left_out: int, number: int, *, among: str) -> str:
    """What two readers changed of some images, a sentence; empty where they changed nothing.

    Args:
        corrected: labels that count as another one now.
        left_out: images without a label from now on.
        number: of the corrections that say so.
        among: which images, such as "its test images".
    """
    did = [
        f"corrected {counted(corrected, 'label')}" if corrected else "",
        f"left {counted(left_out, 'image')} out" if left_out else "",
    ]
    said = " and ".join(filter(None, did))
    return f"Among {among} two readers {said} (corrections {number})." if said else ""


def but_meets(lowest: Estimate, others: Sequence[Estimate]) -> str:
    """That a lowest figure is not shown to be below others, where its interval meets one of theirs."""
    ends = [(lowest.high, other.low) for other in others]
    met = any(high is None or low is None or high >= low for high, low in ends)
    return ", but its interval meets that of another class" if met else ""
