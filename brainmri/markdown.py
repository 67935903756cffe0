"""Figures and tables as Markdown."""

from __future__ import annotations

from brainmri.calibration import CalibrationError
from brainmri.metrics import Estimate


def share(estimate: Estimate) -> str:
    """A share with its count or number of images and its interval: "6 of 906: 0.7 % (0.3 to 1.4)"."""
    if estimate.value is None:
        return f"none: {estimate.reason} (n = {estimate.n:,})"
    counted = "" if estimate.k is None else f"{estimate.k:,} of {estimate.n:,}: "
    of = f", n = {estimate.n:,}" if estimate.k is None else ""
    if estimate.low is None or estimate.high is None:
        return f"{counted}{100 * estimate.value:.1f} % (no interval: {estimate.reason}{of})"
    interval = f"{100 * estimate.low:.1f} to {100 * estimate.high:.1f}"
    return f"{counted}{100 * estimate.value:.1f} % ({interval}{of})"


def number(estimate: Estimate) -> str:
    """A figure that is no share, with its interval: "1.43 (1.39 to 1.47, n = 780)"."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return f"none: {estimate.reason} (n = {estimate.n:,})"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f}, n = {estimate.n:,})"


def calibration_error(error: CalibrationError | None) -> str:
    """With what chance alone would show; empty where it was not computed."""
    if error is None:
        return ""
    chance = "" if error.by_chance is None else f"; a flawless model: {100 * error.by_chance:.1f} %"
    return share(error.ece) + chance


def listed(words: list[str]) -> str:
    """With commas between."""
    return ", ".join(text(word) for word in words)


def text(words: object) -> str:
    """On one line, and no table cell and no tag for Markdown."""
    return " ".join(str(words).replace("|", "\\|").replace("<", "&lt;").splitlines())


def code(words: object) -> str:
    """Between backticks, on one line."""
    return "`" + " ".join(str(words).replace("|", "\\|").replace("`", "'").splitlines()) + "`"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Lines of a table; what is in a cell must not hold a bare |."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
