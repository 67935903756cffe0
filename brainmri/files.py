"""Write a file whole or not at all, and fingerprint files."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from brainmri.errors import InputError, OutputError

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")

_NO_SPACE = "Free some space or choose another folder"
_NOT_ALLOWED = "Choose a folder that you may write to"
_IN_THE_WAY = "Choose another folder, since a file is in its place"
_ADVICE = {
    errno.ENOSPC: _NO_SPACE,
    errno.EDQUOT: _NO_SPACE,
    errno.EFBIG: "Raise the limit on file sizes or choose another folder",
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.EROFS: _NOT_ALLOWED,
    errno.EISDIR: "Name a file, not a folder",
    errno.EEXIST: _IN_THE_WAY,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.ENOENT: "Choose another folder, since nothing can be made in this one",
    errno.ENAMETOOLONG: "Choose a shorter name",
}


def write_atomically(path: Path, write: Callable[[Path], T]) -> T:
    """Let `write` fill a temporary file beside `path`, sync it, then rename it over `path`.

    Returns what `write` returns.
    A reader sees the old file or the new one, never a part. When the disk is full or the folder is
    not writable, the old file stays and no temporary file is left.

    Raises:
        OutputError: the file could not be written.
    """
    temporary: Path | None = None
    try:
        _refuse_device(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        told = write(temporary)
        temporary.chmod(0o644)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        return told
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Refuse before long work what `write_atomically` would only refuse after it; changes nothing.

    A disk may still fill up meanwhile.

    Raises:
        OutputError: no file can be made there.
    """
    try:
        _refuse_device(path)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        with tempfile.NamedTemporaryFile(prefix=f".{path.name}.", suffix=".tmp", dir=folder):
            pass
    except OSError as error:
        raise not_written(path, error) from error


@contextmanager
def turn(path: Path) -> Iterator[bool]:
    """Wait until no other thread, process or machine has its turn with what the lock file `path` is for.

    A file and not the folder is locked, since network file systems lock only what can be written. False:
    this one locks nothing, so that nobody knows whether they are alone.

    Raises:
        OutputError: the lock file could not be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise not_written(path, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            alone = True
        except OSError:
            alone = False
        yield alone


def _refuse_device(path: Path) -> None:
    """Where anything but a file or folder is, a rename would put a file in its place: of /dev/null, say."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OutputError(
            f"Could not write {path}: it is a device or a pipe, not a file. Name a file; nothing was "
            "changed."
        )


def not_written(path: Path, error: OSError) -> OutputError:
    """What to raise when `path`, a file or folder, could not be written: the fault, and what helps."""
    return OutputError(
        f"Could not write {path}: {error.strerror or error}. {advice(error)}; what was there before "
        "is unchanged."
    )


def not_read(path: Path | str, error: BaseException, again: str) -> InputError:
    """What to raise when a stored file could not be read, and what to do `again`.

    What libraries say of a damaged file ("Either the file is corrupted or ...") helps nobody.
    """
    if isinstance(error, OSError) and error.strerror:
        return InputError(f"Could not read {path}: {error.strerror}; {again}.")
    return InputError(f"{path} is damaged or cut off; {again}.")


def read_parquet(path: Path) -> pa.Table:
    """A whole table and its metadata; every page that has a checksum is checked.

    (`pq.read_table` loads the machinery for data sets of many files: 4 MB that every worker would keep.)

    Raises:
        OSError, pa.ArrowException: the file could not be read, or is damaged.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, page_checksum_verification=True) as opened:
        return opened.read()


def advice(error: OSError) -> str:
    """What helps when writing failed so, without a full stop."""
    return _ADVICE.get(error.errno or 0, "Choose another folder")


def sha256_once(path: Path) -> str:
    """As `sha256`, but of a file that has not changed since the last time it is known."""
    state = path.stat()
    return _sha256_of(path, (state.st_mtime_ns, state.st_ctime_ns, state.st_ino, state.st_size))


@lru_cache(maxsize=256)
def _sha256_of(path: Path, state: tuple[int, ...]) -> str:
    del state  # It only says whether this is the same file still.
    return sha256(path)


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hex digits, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
