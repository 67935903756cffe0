"""The lists of an audit as CSV files. No file access."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from brainmri.audit_tables import AuditTables
from brainmri.quality import FLAGS

if TYPE_CHECKING:
    import pandas as pd

_LISTS: dict[str, Callable[[AuditTables], pd.DataFrame]] = {
    "leakage": lambda tables: tables.leakage,
    "leaked-pairs": lambda tables: tables.leaked_pairs,
    "label-conflicts": lambda tables: tables.label_conflicts,
    "shortcuts": lambda tables: tables.shortcuts,
    "shortcut-answers": lambda tables: tables.shortcut_answers,
    "drift": lambda tables: tables.drift,
    "quality": lambda tables: tables.quality,
    "quality-thresholds": lambda tables: tables.quality_thresholds,
}


def csv(tables: AuditTables, name: str) -> str | None:
    """One list of the audit as CSV, or None for an unknown name; `quality-dark` and so on have only
    the images with that flag.

    Text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, CSV injection).
    """
    import pandas as pd

    flag = name.removeprefix("quality-").replace("-", "_")
    if name.startswith("quality-") and flag in FLAGS:
        quality_table = tables.quality
        table = quality_table[quality_table[flag]]
    elif name in _LISTS:
        table = _LISTS[name](tables)
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
