"""A folder of images (and a metadata CSV) to the image index: one row per image."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from brainmri import averages, duplicates
from brainmri.errors import InputError, OutputError
from brainmri.features import FEATURES_VERSION, THUMBNAIL_PX, ImageFeatures, read_features
from brainmri.files import write_atomically
from brainmri.images import SUFFIXES

SCHEMA_VERSION = 1
SPLIT_FOLDERS = {"training": "train", "train": "train", "testing": "test", "test": "test"}
NEGATIVE_NAMES = frozenset({"notumor", "notumour", "healthy", "normal", "negative", "none", "no"})
"""Folder names (letters only, lower case) that are taken to mean "no tumour"."""

_COLUMNS: dict[str, pa.DataType] = {
    "path": pa.string(),
    "split": pa.string(),
    "label": pa.string(),
    "file_sha256": pa.string(),
    "pixel_sha256": pa.string(),
    "phash": pa.binary(32),
    "phash_mirrored": pa.binary(32),
    "cluster": pa.int64(),
    "width_px": pa.int32(),
    "height_px": pa.int32(),
    "mode": pa.string(),
    "bytes": pa.int64(),
    "mean_intensity": pa.float64(),
    "std_intensity": pa.float64(),
}
_THUMBNAIL_BYTES = THUMBNAIL_PX**2


@dataclass(frozen=True)
class ImageIndex:
    """The index and what it is about.

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
    """What `build` did: `unreadable` holds (path, reason), `ignored` files without an image suffix."""

    index: ImageIndex
    read_again: int
    unchanged: int
    unreadable: list[tuple[str, str]]
    ignored: list[str]
    without_metadata: int


@dataclass(frozen=True)
class _Found:
    path: str
    split: str | None
    label: str
    size_bytes: int
    mtime_ns: int


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
    negative_class = _negative(classes, negative)
    table = None if metadata is None else _read_metadata(metadata)

    folder = models / "dataset"
    cache = _Cache(folder / ".cache")
    rows: list[dict[str, object]] = []
    unreadable: list[tuple[str, str]] = []
    stream = averages.AverageStream()
    with cache.rewritten() as fresh:
        for file, features in _features(data, found, cache, processes, quiet):
            if isinstance(features, str):
                unreadable.append((file.path, features))
                continue
            row, thumbnail = features
            rows.append({"path": file.path, "split": file.split, "label": file.label, **row})
            stream.add((file.split or "all", file.label), thumbnail)
            fresh.add(file, row, thumbnail)
    if len({row["label"] for row in rows}) < 2:
        raise InputError(
            f"Fewer than two classes of {data} have a readable image; {len(unreadable)} files could "
            f"not be read, the first is {unreadable[0][0]}: {unreadable[0][1]}"
        )

    index = _assemble(rows, classes, negative_class, table, metadata)
    without = 0
    if table is not None:
        without = int((~index.rows["path"].isin(table["path"].to_pylist())).sum())
    write(folder / "index.parquet", index)
    averages.write(folder / "averages.npz", stream.result())
    report = pd.DataFrame(unreadable, columns=["path", "reason"])
    write_atomically(folder / "unreadable.csv", lambda to: report.to_csv(to, index=False))
    return IndexReport(
        index, len(found) - cache.hits - len(unreadable), cache.hits, unreadable, ignored, without
    )


def find_images(data: Path) -> tuple[list[_Found], list[str]]:
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
    found: list[_Found] = []
    ignored: list[str] = []
    for folder, folders, names in os.walk(data, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            relative = path.relative_to(data)
            if path.suffix.lower() not in SUFFIXES or len(relative.parts) < 2:
                ignored.append(relative.as_posix())
                continue
            split = SPLIT_FOLDERS.get(relative.parts[0].lower())
            if split is not None and len(relative.parts) < 3:
                ignored.append(relative.as_posix())
                continue
            label = relative.parts[1] if split is not None else relative.parts[0]
            status = path.stat()
            found.append(
                _Found(relative.as_posix(), split, label, status.st_size, status.st_mtime_ns)
            )
    if not found:
        raise InputError(
            f"{data} holds no images in class folders; expected Training/<class>/*.jpg and "
            "Testing/<class>/*.jpg, or <class>/*.jpg (JPEG, PNG, BMP or TIFF)."
        )
    found.sort(key=lambda file: file.path)
    return found, sorted(ignored)


def write(path: Path, index: ImageIndex) -> None:
    """Write the index as Parquet; classes and negative class go into its file metadata."""
    table = pa.Table.from_pandas(index.rows, preserve_index=False)
    for name, kind in _COLUMNS.items():
        position = table.schema.get_field_index(name)
        table = table.set_column(position, name, table.column(name).cast(kind))
    table = table.replace_schema_metadata(
        {
            "brainmri.index_schema": str(SCHEMA_VERSION),
            "brainmri.classes": "\n".join(index.classes),
            "brainmri.negative_class": index.negative_class,
        }
    )
    write_atomically(
        path,
        lambda to: pq.write_table(table, to, compression="zstd", write_page_checksum=True),
    )


def read(path: Path) -> ImageIndex:
    """Read what `write` wrote.

    Raises:
        InputError: the file is missing, damaged or of another version.
    """
    again = "run `python -m brainmri index DATA` first"
    if not path.is_file():
        raise InputError(f"There is no image index {path}; {again}.")
    try:
        table = pq.read_table(path, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} is damaged ({error}); {again}.") from None
    about = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    version = about.get("brainmri.index_schema")
    if version != str(SCHEMA_VERSION):
        raise InputError(
            f"{path} is not an index of this version (schema {version}, expected {SCHEMA_VERSION}); "
            f"{again}."
        )
    rows = table.to_pandas(types_mapper=_nullable_type)
    classes = about["brainmri.classes"].split("\n")
    return ImageIndex(rows, classes, about["brainmri.negative_class"])


def _nullable_type(kind: pa.DataType) -> pd.api.extensions.ExtensionDtype | None:
    """Whole-number metadata with gaps stays whole numbers."""
    return pd.Int64Dtype() if kind == pa.int64() else None


def _negative(classes: list[str], given: str | None) -> str:
    if given is not None:
        if given not in classes:
            raise InputError(
                f'There is no class "{given}" in the data; the classes are {", ".join(classes)}.'
            )
        return given
    likely = [
        name
        for name in classes
        if "".join(letter for letter in name.lower() if letter.isalpha()) in NEGATIVE_NAMES
    ]
    if len(likely) != 1:
        raise InputError(
            f'Which class means "no tumour"? Say it with --negative; the classes are '
            f"{', '.join(classes)}."
        )
    return likely[0]


def _read_metadata(path: Path) -> pa.Table:
    if not path.is_file():
        raise InputError(f"There is no metadata file {path}.")
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
    paths = table["path"].to_pylist()
    if len(set(paths)) < len(paths):
        twice = next(p for p in paths if paths.count(p) > 1)
        raise InputError(f"{path} names {twice} more than once; each image needs one row.")
    return table


def _assemble(
    rows: list[dict[str, object]],
    classes: list[str],
    negative_class: str,
    metadata: pa.Table | None,
    metadata_path: Path | None,
) -> ImageIndex:
    frame = pd.DataFrame(rows)
    frame["cluster"] = duplicates.clusters(
        duplicates.stack(frame["phash"].tolist()),
        duplicates.stack(frame["phash_mirrored"].tolist()),
    )
    frame = frame[list(_COLUMNS)]
    if metadata is not None:
        extra = metadata.to_pandas(types_mapper=_nullable_type)
        if not frame["path"].isin(extra["path"]).any():
            raise InputError(
                f"No path in {metadata_path} matches an image; paths are relative to the data folder, "
                f"such as {frame['path'].iloc[0]}."
            )
        frame = frame.merge(extra, on="path", how="left", validate="one_to_one")
    return ImageIndex(frame, classes, negative_class)


_Row = dict[str, object]


def _features(
    data: Path,
    found: list[_Found],
    cache: _Cache,
    processes: int | None,
    quiet: bool,
) -> Iterator[tuple[_Found, tuple[_Row, NDArray[np.uint8]] | str]]:
    """Features of every file, in order: from the cache where it did not change, else computed."""
    changed = [file for file in found if not cache.holds(file)]
    workers = min(processes or os.cpu_count() or 1, max(1, len(changed) // 64))
    bar = tqdm(total=len(found), unit="image", desc="Indexing", disable=quiet)
    with bar, _Computed([data / file.path for file in changed], workers) as computed:
        for file in found:
            if cache.holds(file):
                yield file, cache.take(file)
            else:
                features = next(computed)
                yield file, features if isinstance(features, str) else _as_row(features)
            bar.update()


class _Computed:
    """Features of `paths` in order, from a pool of processes when there are enough of them."""

    def __init__(self, paths: list[Path], workers: int) -> None:
        self._paths = paths
        self._pool = (
            ProcessPoolExecutor(workers, mp_context=get_context("spawn")) if workers > 1 else None
        )

    def __enter__(self) -> Iterator[ImageFeatures | str]:
        if self._pool is None:
            return map(read_features, self._paths)
        return self._pool.map(read_features, self._paths, chunksize=32)

    def __exit__(self, *exc: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _as_row(features: ImageFeatures) -> tuple[_Row, NDArray[np.uint8]]:
    row = {
        "file_sha256": features.file_sha256,
        "pixel_sha256": features.pixel_sha256,
        "phash": features.phash,
        "phash_mirrored": features.phash_mirrored,
        "width_px": features.width_px,
        "height_px": features.height_px,
        "mode": features.mode,
        "bytes": features.size_bytes,
        "mean_intensity": features.mean_intensity,
        "std_intensity": features.std_intensity,
    }
    return row, features.thumbnail


class _Cache:
    """Rows and thumbnails of the last index, keyed by path, size and modification time.

    thumbnails.bin holds one thumbnail after another in the order of rows.parquet. Both carry the
    same stamp, so a crash between the two renames only means that everything is read again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.hits = 0
        self._places: dict[str, int] = {}
        self._rows: list[_Row] = []
        rows, thumbnails = folder / "rows.parquet", folder / "thumbnails.bin"
        try:
            table = pq.read_table(rows)
            stamp = (table.schema.metadata or {}).get(b"stamp", b"")
            self._file = thumbnails.open("rb")
            if stamp != self._file.read(32) or not stamp.startswith(_stamp_prefix()):
                return
        except (OSError, pa.ArrowException):
            return
        self._rows = table.to_pylist()
        self._places = {str(row["path"]): i for i, row in enumerate(self._rows)}

    def holds(self, file: _Found) -> bool:
        place = self._places.get(file.path)
        if place is None:
            return False
        row = self._rows[place]
        return (row["bytes"], row["mtime_ns"]) == (file.size_bytes, file.mtime_ns)

    def take(self, file: _Found) -> tuple[_Row, NDArray[np.uint8]]:
        self.hits += 1
        place = self._places[file.path]
        self._file.seek(32 + place * _THUMBNAIL_BYTES)
        thumbnail = np.frombuffer(self._file.read(_THUMBNAIL_BYTES), dtype=np.uint8)
        row = {k: v for k, v in self._rows[place].items() if k not in ("path", "mtime_ns")}
        return row, thumbnail.reshape(THUMBNAIL_PX, THUMBNAIL_PX)

    def rewritten(self) -> _CacheWriter:
        return _CacheWriter(self._folder)


def _stamp_prefix() -> bytes:
    return f"features-{FEATURES_VERSION:03d}-".encode()


class _CacheWriter:
    """Collects the next cache beside the old one; replaces it only when everything went well."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: list[_Row] = []
        self._stamp = (_stamp_prefix() + os.urandom(16).hex().encode())[:32]
        self._temporary = folder / f".thumbnails.{os.getpid()}.tmp"

    def __enter__(self) -> _CacheWriter:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = self._temporary.open("wb")
            self._file.write(self._stamp)
        except OSError as error:
            raise OutputError(
                f"Could not write to {self._folder.parent}: {error.strerror}. Choose another folder "
                "with --models."
            ) from None
        return self

    def add(self, file: _Found, row: _Row, thumbnail: NDArray[np.uint8]) -> None:
        try:
            self._file.write(thumbnail.tobytes())
        except OSError as error:
            raise OutputError(
                f"Could not write to {self._folder.parent}: {error.strerror}. Free some space; what "
                "was there before is unchanged."
            ) from None
        self._rows.append({"path": file.path, "mtime_ns": file.mtime_ns, **row})

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        try:
            self._file.close()
            if kind is None and self._rows:
                table = pa.Table.from_pylist(self._rows).replace_schema_metadata(
                    {"stamp": self._stamp}
                )
                self._temporary.replace(self._folder / "thumbnails.bin")
                write_atomically(
                    self._folder / "rows.parquet", lambda to: pq.write_table(table, to)
                )
        except OSError as error:
            raise OutputError(
                f"Could not write to {self._folder.parent}: {error.strerror}. Free some space; what "
                "was there before is unchanged."
            ) from None
        finally:
            self._temporary.unlink(missing_ok=True)
