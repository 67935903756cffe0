"""Small folders to index, and what an index of them holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from brainmri import index
from brainmri.index import ImageIndex

# As in the design: the contract between `index` and everything that reads it.
CONTRACT = ["path", "split", "label", "file_sha256", "pixel_sha256", "phash", "cluster",
            "width_px", "height_px", "mode", "bytes", "mean_intensity", "std_intensity"]  # fmt: skip


def put(folder: Path, *names: str) -> None:
    """Write a different small picture under each name."""
    for i, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(i).integers(0, 256, (12, 10), dtype=np.uint8)
        Image.fromarray(noise).save(path)


def build(data: Path, models: Path, **options: Any) -> index.IndexReport:
    return index.build(data, models, quiet=True, **options)


def write(to: Path, changed: ImageIndex) -> None:
    """Write an index whose rows a test has changed over the one that it was read from."""
    types = pq.read_schema(to)
    table = pa.Table.from_pandas(changed.rows, preserve_index=False)
    known = [(name, types.field(name).type if name in types.names else table.schema.field(name).type)
             for name in table.column_names]  # fmt: skip
    table = table.cast(pa.schema(known)).replace_schema_metadata(types.metadata)
    pq.write_table(table, to, write_page_checksum=True)
