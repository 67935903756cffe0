"""A folder of images (and a metadata CSV) to the image index: one row per image."""

from __future__ import annotations

import csv
import os
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from brainmri import reading
from brainmri.classes import negative_class
from brainmri.errors import InputError
from brainmri.files import not_read, read_parquet, write_atomically
from brainmri.formats import SUFFIXES
from brainmri.index_cache import Row
from brainmri.reading import ImageFile
from brainmri.wording import counted

# numpy, pandas and pyarrow take as long to import as a thousand images to read. They are
# imported in the functions that need them, so that `build` can start its worker processes first.
if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray
    from tqdm import tqdm

    from brainmri import averages

SCHEMA_VERSION = 1
SPLITS = ("official", "auto")
"""Splits that need no column; a metadata column of such a name could never be chosen as one."""
MAX_LEVELS = 100
"""A metadata column with more values than this names or numbers things; it is no property."""
SPLIT_FOLDERS = {"training": "train", "train": "train", "testing": "test", "test": "test"}
_COLUMNS = {
    "path": "string",
    "split": "string",
    "label": "string",
    "file_sha256": "string",
    "pixel_sha256": "string",
    "phash": "hash",
    "phash_mirrored": "hash",
    "cluster": "int64",
    "width_px": "int32",
    "height_px": "int32",
    "mode": "string",
    "bytes": "int64",
    "mean_intensity": "float64",
    "std_intensity": "float64",
}


@dataclass(frozen=True, eq=False)
class ImageIndex:
    """The index and what it is about; two are equal when they are one, so that results can be cached.

    Attributes:
        rows: one row per image, columns as in `_COLUMNS` and then the metadata's.
        classes: class names, sorted.
        negative_class: the class that means "no tumour".
    """

    rows: pd.DataFrame
    classes: list[str]
    negative_class: str


@dataclass(frozen=True)
class IndexReport:
    """What `build` did: `unreadable` holds (path, reason), `ignored` files without an image suffix.

    Attributes:
        table: the index as it was written.
        read_again, unchanged: images.
        without_metadata: images that the metadata says nothing of.
    """

    table: pa.Table
    read_again: int
    unchanged: int
    unreadable: list[tuple[str, str]]
    ignored: list[str]
    without_metadata: int

    @property
    def index(self) -> ImageIndex:
        """The index as `read` gives it."""
        return _index(self.table)


def build(
    data: Path,
    models: Path,
    *,
    metadata: Path | None = None,
    negative: str | None = None,
    processes: int | None = None,
    quiet: bool = False,
) -> IndexReport:
    """Index every image under `data` into `models/dataset/`.

    Writes index.parquet, averages.npz and unreadable.csv. A cache beside them (not meant to be
    shared) lets the next call read only the files whose size or modification time changed.

    Args:
        data: holds Training/<class>/ and Testing/<class>/, or <class>/ alone.
        models: results go to `models/dataset/`.
        metadata: CSV with a `path` column relative to `data`; its other columns join the index.
        negative: the class that means "no tumour"; guessed from its name when not given.
        processes: worker processes (default: one per core).
        quiet: no progress bar.

    Raises:
        InputError: nothing usable in `data`, or metadata that does not fit it.
        OutputError: a result could not be written.
    """
    found, ignored = find_images(data)
    classes = sorted({file.label for file in found})
    if len(classes) < 2:
        raise InputError(
            f"{data} holds one class only ({classes[0]}); a classifier needs images of at least two, "
            "each in a folder of its own."
        )
    negative_name = negative_class(classes, negative)
    if metadata is not None and not metadata.is_file():
        raise InputError(f"There is no metadata file {metadata}.")

    folder = path(models).parent
    with reading.started(data, found, folder / ".cache", processes=processes) as images:
        # The processes are busy from here on: time for what is slow to import.
        import pyarrow.parquet as pq

        from brainmri import averages

        table = None if metadata is None else _read_metadata(metadata)
        rows: dict[str, Row] = {}
        reasons: dict[str, str] = {}
        stream = averages.AverageStream()
        with nullcontext() if quiet else _progress_bar(len(found)) as bar:
            for piece, unreadable, thumbnails in images.pieces:
                rows |= {row["path"]: row for row in piece}
                reasons |= dict(unreadable)
                _add(stream, piece, thumbnails)
                if bar is not None:
                    bar.update(len(piece) + len(unreadable))
    left_out = [(file.path, reasons[file.path]) for file in found if file.path in reasons]
    if len({row["label"] for row in rows.values()}) < 2:
        raise InputError(
            f"Fewer than two classes of {data} have a readable image; "
            f"{counted(len(left_out), 'file')} could not be read, the first is "
            f"{left_out[0][0]}: {left_out[0][1]}"
        )

    ordered = [rows[file.path] for file in found if file.path in rows]
    described, without = _table(ordered, metadata, table)
    described = described.replace_schema_metadata(
        {
            "brainmri.index_schema": str(SCHEMA_VERSION),
            "brainmri.classes": "\n".join(classes),
            "brainmri.negative_class": negative_name,
        }
    )
    write_atomically(
        path(models),
        lambda file: pq.write_table(described, file, compression="zstd", write_page_checksum=True),
    )
    averages.write(folder / "averages.npz", stream.result())
    write_atomically(folder / "unreadable.csv", partial(_write_unreadable, left_out))
    return IndexReport(
        described, len(rows) - images.unchanged, images.unchanged, left_out, ignored, without
    )


def path(models: Path) -> Path:
    """Where the index of a folder of results is."""
    return models / "dataset" / "index.parquet"


def find_images(data: Path) -> tuple[list[ImageFile], list[str]]:
    """Image files below class folders, sorted by path, and the other files that were passed over.

    Raises:
        InputError: no such folder, or no image in a class folder of it.
    """
    if not data.exists():
        raise InputError(
            f"There is no folder {data}; give the folder that holds the class folders."
        )
    if not data.is_dir():
        raise InputError(f"{data} is a file; give the folder that holds the class folders.")
    found: list[ImageFile] = []
    ignored: list[str] = []
    for folder, folders, names in os.walk(data, followlinks=True):
        inside = PurePath(folder).relative_to(data)
        back = {name for name in folders if leads_back(folder, name)}
        ignored += [(inside / name).as_posix() for name in back]
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in back
        )
        split = SPLIT_FOLDERS.get(inside.parts[0].lower()) if inside.parts else None
        classes = inside.parts if split is None else inside.parts[1:]
        prefix = f"{inside.as_posix()}/" if inside.parts else ""
        for name in names:
            dot = name.rfind(".")
            if not classes or dot < 1 or name[dot:].lower() not in SUFFIXES:
                ignored.append(prefix + name)
                continue
            try:
                status = os.stat(f"{folder}/{name}")  # noqa: PTH116 (a Path each takes longer)
                size_bytes, mtime_ns = status.st_size, status.st_mtime_ns
            except OSError:  # A link that leads nowhere; reading it will say so.
                size_bytes, mtime_ns = 0, 0
            found.append(ImageFile(prefix + name, split, classes[0], size_bytes, mtime_ns))
    if not found:
        raise InputError(
            f"{data} holds no images in class folders; expected Training/<class>/*.jpg and "
            "Testing/<class>/*.jpg, or <class>/*.jpg (JPEG, PNG, BMP or TIFF)."
        )
    found.sort(key=lambda file: file.path)
    return found, sorted(ignored)


def leads_back(folder: str, name: str) -> bool:
    """Whether a sub-folder is a link to a folder that it lies in: following it would never end."""
    path = f"{folder}/{name}"
    if not os.path.islink(path):  # noqa: PTH114 (as above)
        return False
    return Path(folder).resolve().is_relative_to(Path(path).resolve())


def read(source: Path) -> ImageIndex:
    """Read what `write` wrote.

    Raises:
        InputError: the file is missing, damaged or of another version.
    """
    import pyarrow as pa

    again = "run `python -m brainmri index DATA` first"
    if not source.is_file():
        raise InputError(f"There is no image index {source}; {again}.")
    try:
        table = read_parquet(source)
        metadata = table.schema.metadata or {}
        about = {key.decode(): value.decode() for key, value in metadata.items()}
        names = set(table.column_names)
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        raise not_read(source, error, again.replace("first", "again")) from None
    version = about.get("brainmri.index_schema")
    if version != str(SCHEMA_VERSION):
        raise InputError(
            f"{source} is not an index of this version (schema {version}, expected {SCHEMA_VERSION}); "
            f"{again}."
        )
    missing = sorted({*_COLUMNS, "brainmri.classes", "brainmri.negative_class"} - {*names, *about})
    if missing:
        raise InputError(f"{source} lacks {', '.join(missing)}; {again}.")
    return _index(table)


def _index(table: pa.Table) -> ImageIndex:
    about = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    return ImageIndex(
        table.to_pandas(types_mapper=_nullable_type),
        about["brainmri.classes"].split("\n"),
        about["brainmri.negative_class"],
    )


def metadata_columns(index: ImageIndex) -> list[str]:
    """The columns that came with the metadata."""
    return [name for name in index.rows.columns if name not in _COLUMNS]


def identifiers(index: ImageIndex) -> list[str]:
    """Metadata columns that only number things, such as patients or clusters: whole numbers of many."""
    import pandas as pd

    def is_identifier(values: pd.Series[Any]) -> bool:
        present = values.dropna()
        if not pd.api.types.is_numeric_dtype(present) or pd.api.types.is_bool_dtype(present):
            return False
        numbers = present.to_numpy("float64")
        return bool((numbers == numbers.round()).all()) and present.nunique() > MAX_LEVELS

    return [name for name in metadata_columns(index) if is_identifier(index.rows[name])]


def _table(rows: list[Row], metadata: Path | None, about: pa.Table | None) -> tuple[pa.Table, int]:
    """The rows with their clusters and what the metadata says, and of how many it says nothing."""
    import pyarrow as pa

    from brainmri import duplicates
    from brainmri.columns import column

    columns: dict[str, list[Any]] = {name: [row.get(name) for row in rows] for name in _COLUMNS}
    columns["cluster"] = duplicates.clusters(
        duplicates.stack(columns["phash"]), duplicates.stack(columns["phash_mirrored"])
    ).tolist()
    table = pa.table(
        {name: column(columns[name], _arrow_type(kind)) for name, kind in _COLUMNS.items()}
    )
    if about is None:
        return table, 0
    place = {path: i for i, path in enumerate(about["path"].to_pylist())}
    where = [place.get(path) for path in columns["path"]]
    without = where.count(None)
    if without == len(rows):
        raise InputError(
            f"No path in {metadata} matches an image; paths are relative to the data folder, such "
            f"as {columns['path'][0]}."
        )
    extra = about.drop_columns(["path"]).take(column(where, pa.int64())).combine_chunks()
    for field in extra.schema:
        values = extra.column(field.name)
        # Texts as pandas would write them, so that an index does not depend on who made it.
        kind = pa.large_string() if pa.types.is_string(field.type) else field.type
        table = table.append_column(field.name, values.cast(kind))
    return table, without


def _progress_bar(total: int) -> tqdm[Any]:
    from tqdm import tqdm

    return tqdm(total=total, unit="image", desc="Indexing")


def _write_unreadable(left_out: list[tuple[str, str]], to: Path) -> None:
    with to.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("path", "reason"), *left_out])


def _arrow_type(name: str) -> pa.DataType:
    import pyarrow as pa

    from brainmri.features import HASH_BITS

    return pa.binary(HASH_BITS // 8) if name == "hash" else pa.type_for_alias(name)


def _nullable_type(kind: pa.DataType) -> pd.api.extensions.ExtensionDtype | None:
    """Whole-number metadata with gaps stays whole numbers."""
    import pandas as pd
    import pyarrow as pa

    return pd.Int64Dtype() if kind == pa.int64() else None


def _read_metadata(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv

    try:
        table = pyarrow.csv.read_csv(
            path,
            convert_options=pyarrow.csv.ConvertOptions(
                strings_can_be_null=True, null_values=["", "NA", "NaN", "nan", "null"]
            ),
        )
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read as a CSV table ({error}).") from None
    if "path" not in table.column_names:
        raise InputError(
            f'{path} has no column "path"; its columns are {", ".join(table.column_names)}.'
        )
    clash = sorted((set(table.column_names) & set(_COLUMNS)) - {"path"})
    if clash:
        raise InputError(
            f"{path} has columns that the index computes itself ({', '.join(clash)}); rename them."
        )
    hidden = [name for name in table.column_names if name.partition(":")[0] in SPLITS]
    if hidden:
        raise InputError(
            f"{path} has columns whose names mean something else to --split ({', '.join(hidden)}); "
            "rename them."
        )
    paths = table["path"].to_pylist()
    if len(set(paths)) < len(paths):
        twice = next(p for p in paths if paths.count(p) > 1)
        raise InputError(f"{path} names {twice} more than once; each image needs one row.")
    return table


def _add(stream: averages.AverageStream, rows: list[Row], thumbnails: NDArray[np.uint8]) -> None:
    groups = [(row["split"] or "all", row["label"]) for row in rows]
    for group in set(groups):
        stream.add(group, thumbnails[[other == group for other in groups]])
