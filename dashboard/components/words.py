"""Words for figures: percentages, intervals, counts; why a number has no interval; names of controls."""

from __future__ import annotations

from typing import Any

from brainmri.metrics import Estimate
from brainmri.wording import interval_ends, share_ends

SPLIT_WORDS = {"train": "training", "val": "validation", "test": "test", "all": "all"}
"""Words for the parts that `brainmri` knows."""
Children = Any


def percent(value: float | None, digits: int = 1) -> str:
    """0.951 as "95.1 %", with a space that does not break."""
    return "–" if value is None else f"{100 * value:.{digits}f}\u00a0%"


def interval(estimate: Estimate) -> str:
    """The 95 % interval as "93.8–96.1 %", or why there is none."""
    if estimate.low is None or estimate.high is None:
        return estimate.reason or "no interval"
    return share_ends(estimate.low, estimate.high)


def measured(estimate: Estimate) -> str:
    """A share with all that belongs to it, "95.1 % (93.8–96.1 %, n = 1,311)", or why there is none."""
    if estimate.value is None:
        return estimate.reason or "no value"
    return f"{percent(estimate.value)} ({interval(estimate)}, n\u00a0=\u00a0{estimate.n:,})"


def points(value: float | None) -> str:
    """A difference of shares, 0.012, as "+1.2 points" (percentage points)."""
    return "–" if value is None else f"{_signed(value, 1)}\u00a0points"


def points_interval(estimate: Estimate) -> str:
    """The 95 % interval of a difference as "−0.4 to +2.1", or why there is none."""
    if estimate.low is None or estimate.high is None:
        return estimate.reason or "no interval"
    digits = 1 if estimate.high - estimate.low >= 0.01 else 2
    return interval_ends(_signed(estimate.low, digits), _signed(estimate.high, digits))


def _signed(value: float, digits: int) -> str:
    text = f"{100 * value:+.{digits}f}"
    return text[1:] if not float(text) else text.replace("-", "−")


def counted(estimate: Estimate, what: str = "") -> str:
    """A proportion as "3 of 906 tumours (0.1–1.0 %)"."""
    if estimate.value is None:
        return estimate.reason or "none"
    return f"{k_of_n(estimate)}{' ' + what if what else ''} ({interval(estimate)})"


def counted_or_why(estimate: Estimate, what: str) -> str:
    """A count, or that it is not known and why: "an unknown number of tumours (no tumour images)"."""
    if estimate.value is None:
        return f"an unknown number of {what} ({estimate.reason or 'no value'})"
    return counted(estimate, what)


def k_of_n(estimate: Estimate) -> str:
    """A proportion as "3 of 906"."""
    return "–" if estimate.value is None else f"{estimate.k:,} of {estimate.n:,}"


def aria(**names: str) -> dict[str, Any]:
    """`aria(label="x")` as the keyword argument aria-label="x", which is no Python name."""
    return {f"aria-{name}": text for name, text in names.items()}


def told_script(**values: str) -> dict[str, Any]:
    """`told_script(most_bytes="9")` as the attribute data-most-bytes, for the scripts in assets."""
    return {f"data-{name.replace('_', '-')}": text for name, text in values.items()}


def state_id(page: str, key: str) -> dict[str, str]:
    """Id of a control whose `value` is kept in the page's URL under `key`."""
    return {"page": page, "state": key}


def kept(page: str, key: str) -> dict[str, str]:
    """Id of the store whose `data` is kept in the page's URL under `key`."""
    return {"page": page, "kept": key}


def no_interval(reason: str) -> dict[str, Any]:
    """Attributes of an element whose numbers have no interval, with the reason for everybody to read.

    tests/dashboard/test_every_number.py fails for a number that has neither an interval nor this.
    """
    return {"data-no-interval": reason, "title": reason}


def name(kind: str) -> dict[str, Any]:
    """Attributes of an element whose digits measure nothing: a path, a size, a setting, a version."""
    return {"data-name": kind}
