"""What tests of the audit on the Data page share: its parts, what it says, and how to change it."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from brainmri import audit_tables
from dashboard import data, findings
from tests.dashboard.visit import Visitor

CLASSES = ["glioma", "meningioma", "notumor", "pituitary"]
PARTS = {
    "images": 6,
    "browse": 0,
    "copies": 0,
    "labels": 0,
    "shortcuts": 2,
    "drift": 0,
    "quality": 0,
}
"""Parts of the page with their number of figures."""


def found() -> findings.Findings:
    shown = data.audit_findings()
    assert shown is not None
    return shown


def download(visitor: Visitor, name: str) -> list[dict[str, str]]:
    response = visitor.client.get(f"/download/{name}.csv")
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(response.data.decode("utf-8"), newline="")))


def change(models: Path, *, of_index: str | None = None, **changed: Any) -> None:
    """Write the audit again with some tables changed, or as if of another index."""
    tables = audit_tables.read(models / "dataset")
    new = {name: getattr(tables, name) for name in audit_tables.TABLES}
    new |= {name: edit(new[name]) for name, edit in changed.items()}
    audit_tables.write(
        models / "dataset", audit_tables.AuditTables(of_index or tables.index_sha256, **new)
    )
