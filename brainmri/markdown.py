"""Figures and tables as Markdown."""

from __future__ import annotations

from brainmri.calibration import CalibrationError
from brainmri.metrics import Estimate
from brainmri.wording import interval_ends, share_ends


def share(estimate: Estimate) -> str:
    """A share with its count or number of images and its interval: "6 of 906: 0.7 % (0.3–1.4 %)"."""
    if estimate.value is None:
        return f"none: {estimate.reason} (n = {estimate.n:,})"
    counted = "" if estimate.k is None else f"{estimate.k:,} of {estimate.n:,}: "
    of = f", n\u00a0=\u00a0{estimate.n:,}" if estimate.k is None else ""
    if estimate.low is None or estimate.high is None:
        return f"{counted}{100 * estimate.value:.1f}\u00a0% (no interval: {estimate.reason}{of})"
    interval = share_ends(estimate.low, estimate.high)
    return f"{counted}{100 * estimate.value:.1f}\u00a0% ({interval}{of})"


def number(estimate: Estimate) -> str:
    """A figure that is no share, with its interval: "1.43 (1.39–1.47, n = 780)"."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return f"none: {estimate.reason} (n = {estimate.n:,})"
    interval = interval_ends(f"{estimate.low:.2f}", f"{estimate.high:.2f}")
    return f"{estimate.value:.2f} ({interval}, n = {estimate.n:,})"


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


def _is_figure(cell: str) -> bool:
    """Whether a cell holds a figure, or why there is none (`share`)."""
    return cell[0].isdigit() or cell.startswith("none: ")


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Lines of a table; columns of figures, but for the first one, are set to the right.

    What is in a cell must not hold a bare |.
    """
    columns = [[row[i] for row in rows if row[i]] for i in range(1, len(head))]
    rules = ["---"] + ["---:" if all(map(_is_figure, column)) else "---" for column in columns]
    lines = [head, rules, *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
