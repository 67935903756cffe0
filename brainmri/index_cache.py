"""What `brainmri.index` keeps between calls: the row and the thumbnail of every image.

A folder with rows.parquet and thumbnails.bin, which holds one thumbnail after another; `place` in a
row counts them. Both carry the same stamp, so a crash between the two renames only means that
everything is read again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainmri.files import not_written, read_parquet, write_atomically

# As in brainmri.index, what is slow to import is imported where it is needed.
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Row = dict[str, Any]
_COPIED_TOGETHER = 128
_STAMP_BYTES = 32


class IndexCache:
    """What the last index left here; empty when it cannot be used.

    Attributes:
        rows: the row of each image by its path, in order of place.
        thumbnails: the file for `read_thumbnails`.
    """

    def __init__(self, folder: Path) -> None:
        self.rows: dict[str, Row] = {}
        self.thumbnails = folder / "thumbnails.bin"
        if (folder / "rows.parquet").is_file():
            self._load(folder / "rows.parquet")

    def _load(self, path: Path) -> None:
        import pyarrow as pa

        try:
            table = read_parquet(path)
            with self.thumbnails.open("rb") as file:
                stamp = file.read(_STAMP_BYTES)
            size_bytes = self.thumbnails.stat().st_size
        except (OSError, pa.ArrowException):
            return
        if stamp != (table.schema.metadata or {}).get(b"stamp") or stamp[:16] != _stamp_start():
            return
        rows = table.to_pylist()
        if rows and size_bytes >= _offset(rows[-1]["place"] + 1):
            self.rows = {row["path"]: row for row in rows}

    def holds(self, path: str, size_bytes: int, mtime_ns: int) -> bool:
        """Whether the file is here with the size and modification time that it has now."""
        row = self.rows.get(path)
        return row is not None and (row["bytes"], row["mtime_ns"]) == (size_bytes, mtime_ns)

    def pieces(self, paths: Collection[str], into: Path | None = None) -> Iterator[list[Row]]:
        """The rows of `paths`, some at a time; with their thumbnails copied to `into`, if given."""
        rows = [row for path, row in self.rows.items() if path in paths]
        for start in range(0, len(rows), _COPIED_TOGETHER):
            piece = rows[start : start + _COPIED_TOGETHER]
            if into is not None:
                copied = read_thumbnails(self.thumbnails, [row["place"] for row in piece])
                write_thumbnails(into, start, copied)
                piece = [{**row, "place": place} for place, row in enumerate(piece, start)]
            yield piece


class NextCache:
    """A new cache beside the old one, which it replaces when everything went well.

    Attributes:
        thumbnails: the file for `write_thumbnails`, which worker processes call themselves.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp = b""
        self.thumbnails = folder / f".thumbnails.{os.getpid()}.tmp"

    def __enter__(self) -> NextCache:
        self._stamp = _stamp_start() + os.urandom(8).hex().encode()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self.thumbnails.write_bytes(self._stamp)
        except OSError as error:
            self.__exit__()  # An empty file can be made on a disk that takes no byte.
            raise not_written(self._folder.parent, error) from None
        return self

    def replace(self, rows: list[Row]) -> None:
        """Put the new thumbnails and `rows`, in order of place, where the old ones are."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        from brainmri.columns import column

        # A split may be missing from the first row, and then be a text in another.
        kinds = {int: pa.int64(), float: pa.float64(), bytes: pa.binary()}
        table = pa.table(
            {
                name: column([row[name] for row in rows], kinds.get(type(value), pa.string()))
                for name, value in rows[0].items()
            }
        )
        table = table.replace_schema_metadata({"stamp": self._stamp})
        self.thumbnails.replace(self._folder / "thumbnails.bin")
        write_atomically(self._folder / "rows.parquet", lambda to: pq.write_table(table, to))

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError):  # No such folder, or none that may be written.
            self.thumbnails.unlink(missing_ok=True)


def read_thumbnails(path: Path, places: list[int]) -> NDArray[np.uint8]:
    """Thumbnails at `places`, uint8 (n, THUMBNAIL_PX, THUMBNAIL_PX)."""
    import numpy as np

    from brainmri.features import THUMBNAIL_PX

    thumbnails = np.empty((len(places), THUMBNAIL_PX, THUMBNAIL_PX), dtype=np.uint8)
    with path.open("rb", buffering=0) as file:
        start = 0
        while start < len(places):  # Neighbours, as they nearly always are, in one go.
            end = start + 1
            while end < len(places) and places[end] == places[end - 1] + 1:
                end += 1
            file.seek(_offset(places[start]))
            file.readinto(thumbnails[start:end].reshape(-1).data)
            start = end
    return thumbnails


def write_thumbnails(path: Path, place: int, thumbnails: NDArray[np.uint8]) -> None:
    """Write thumbnails (n, THUMBNAIL_PX, THUMBNAIL_PX) from `place` on.

    Raises:
        OutputError: no space left; the temporary file is of no use then.
    """
    left = thumbnails.reshape(-1).data
    try:
        with path.open("r+b", buffering=0) as file:
            file.seek(_offset(place))
            while left:  # A nearly full disk takes a part, then none.
                left = left[file.write(left) :]
    except OSError as error:
        raise not_written(path.parent.parent, error) from None


def _offset(place: int) -> int:
    from brainmri.features import THUMBNAIL_PX

    return _STAMP_BYTES + place * THUMBNAIL_PX**2


def _stamp_start() -> bytes:
    from brainmri.features import FEATURES_VERSION

    return f"cache-2-{FEATURES_VERSION:07d}-".encode()
