"""What `brainmri audit` found: its tables, written and read; no image and no thumbnail is in them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from brainmri.errors import InputError
from brainmri.files import not_read, read_parquet, write_atomically

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
FOLDER = "audit"
"""Inside `models/dataset/`; one Parquet file per table."""

NEAR_DUPLICATES = "near-duplicates"
"""Kind of a label conflict inside a cluster of copies."""
KS, SMD, JS, AUC = "ks", "smd", "js", "auc"
"""Statistics of drift: Kolmogorov-Smirnov distance, standardised mean difference, Jensen-Shannon
distance, and how well a classifier tells the parts apart."""


@dataclass(frozen=True)
class AuditTables:
    """The audit of one image index.

    Attributes:
        index_sha256: of the index.parquet that was audited; with another one, audit again.
        shortcuts: accuracies as k of n, columns as in `shortcuts.accuracy_table`.
        shortcut_answers: every answer on test images, as in `shortcuts.answer_table`.
        drift: `protocol`, then as in `drift.table`; statistic `AUC` for the classifier's.
        quality: `path`, measurements and flags of every image, as in `quality.flagged`.
        quality_thresholds: where the flags begin, as in `quality.flagged`.
        leakage: `protocol`, then as in `leakage.Leakage.counts`.
        leaked_pairs: `protocol`, then as in `leakage.Leakage.pairs`.
        label_conflicts: `kind` (`NEAR_DUPLICATES` or the metadata column), `cluster`, `path`,
            `split`, `label`, `says` (the other label).
    """

    index_sha256: str
    shortcuts: pd.DataFrame
    shortcut_answers: pd.DataFrame
    drift: pd.DataFrame
    quality: pd.DataFrame
    quality_thresholds: pd.DataFrame
    leakage: pd.DataFrame
    leaked_pairs: pd.DataFrame
    label_conflicts: pd.DataFrame


TABLES = tuple(field.name for field in fields(AuditTables) if field.name != "index_sha256")


def write(dataset: Path, tables: AuditTables) -> None:
    """Write every table to `dataset / FOLDER`, each whole or not at all.

    Raises:
        OutputError: one could not be written.
    """
    for name in TABLES:
        table = pa.Table.from_pandas(getattr(tables, name), preserve_index=False)
        table = table.replace_schema_metadata(
            {
                "brainmri.audit_schema": str(SCHEMA_VERSION),
                "brainmri.index_sha256": tables.index_sha256,
            }
        )
        write_atomically(dataset / FOLDER / f"{name}.parquet", partial(_save, table))


def read(dataset: Path) -> AuditTables:
    """Read what `write` wrote.

    Raises:
        InputError: a table is missing, damaged, of another version or of another index than the rest.
    """
    found: dict[str, pd.DataFrame] = {}
    of_index: set[str] = set()
    for name in TABLES:
        path = dataset / FOLDER / f"{name}.parquet"
        again = "run `python -m brainmri audit DATA`"
        if not path.is_file():
            raise InputError(f"There is no audit table {path}; {again}.")
        try:
            table = read_parquet(path)
        except (OSError, pa.ArrowException) as error:
            raise not_read(path, error, f"{again} again") from None
        about = table.schema.metadata or {}
        version = about.get(b"brainmri.audit_schema", b"none").decode()
        if version != str(SCHEMA_VERSION):
            raise InputError(
                f"{path} is not an audit table of this version (schema {version}, expected "
                f"{SCHEMA_VERSION}); {again} again."
            )
        of_index.add(about.get(b"brainmri.index_sha256", b"").decode())
        found[name] = table.to_pandas()
    if len(of_index) > 1:
        raise InputError(
            f"The audit tables in {dataset / FOLDER} are about different indexes; "
            "run `python -m brainmri audit DATA` again."
        )
    return AuditTables(index_sha256=of_index.pop(), **found)


def _save(table: pa.Table, to: Path) -> None:
    pq.write_table(table, to, compression="zstd", write_page_checksum=True)
