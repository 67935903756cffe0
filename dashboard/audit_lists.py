"""The lists of an audit as CSV files. No file access."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from brainmri.leakage import KINDS
from brainmri.quality import FLAGS
from dashboard.findings import Findings

if TYPE_CHECKING:
    import pandas as pd


def _leakage(found: Findings) -> pd.DataFrame:
    """The counts, and the ends of each share of test images (the audit does not name the others)."""
    table = found.tables.leakage.copy()
    of = {
        (protocol, "test", shares.label): shares.of
        for protocol in found.protocols
        for shares in found.leaks(protocol)
    }
    rows = list(zip(table["protocol"], table["part"], table["label"], strict=True))
    for kind in KINDS:
        for end in ("low", "high"):
            table[f"{kind}_{end}"] = [
                getattr(of[row][kind], end) if row in of else None for row in rows
            ]
    return table


def _shortcuts(found: Findings) -> pd.DataFrame:
    """The counts, and the ends of the share k of n."""
    table = found.tables.shortcuts.copy()
    of = {
        (protocol, told.name, task, rows): estimate
        for protocol in found.protocols
        for told in found.shortcuts(protocol)
        for task, rows, estimate in (
            ("class", "test", told.classes),
            ("class", "unseen test", told.unseen_classes),
            ("tumour", "test", told.tumour),
            ("tumour", "unseen test", told.unseen_tumour),
        )
    }
    keys = list(zip(*(table[c] for c in ("protocol", "features", "task", "rows")), strict=True))
    for end in ("low", "high"):
        table[end] = [getattr(of.get(key), end, None) for key in keys]
    return table


_LISTS: dict[str, Callable[[Findings], pd.DataFrame]] = {
    "leakage": _leakage,
    "leaked-pairs": lambda found: found.tables.leaked_pairs,
    "label-conflicts": lambda found: found.tables.label_conflicts,
    "shortcuts": _shortcuts,
    "shortcut-answers": lambda found: found.tables.shortcut_answers,
    "drift": lambda found: found.tables.drift,
    "quality": lambda found: found.tables.quality,
    "quality-thresholds": lambda found: found.tables.quality_thresholds,
}


def csv(found: Findings, name: str) -> str | None:
    """One list of the audit as CSV, or None for an unknown name; `quality-dark` and so on have only
    the images with that flag.

    Text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, CSV injection).
    """
    import pandas as pd

    flag = name.removeprefix("quality-").replace("-", "_")
    if name.startswith("quality-") and flag in FLAGS:
        quality_table = found.tables.quality
        table = quality_table[quality_table[flag]]
    elif name in _LISTS:
        table = _LISTS[name](found)
    else:
        return None
    safe = table.copy()
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = safe[column].map(_not_a_formula, na_action="ignore")
    return str(safe.to_csv(index=False, lineterminator="\r\n"))


def _not_a_formula(value: object) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
