"""Files that people upload, on their way to be a run: received in pieces, found again, forgotten."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from brainmri import foreign_formats, foreign_models, state
from brainmri.errors import InputError
from brainmri.files import not_written
from dashboard.data.files import models_folder

MOST_UPLOAD_BYTES = 1_000_000_000
_PIECE_BYTES = 1 << 16
_KEPT_SECONDS = 24 * 3600
LONG_WORK = threading.BoundedSemaphore(3)
"""Requests, of the four that are worked on at a time, that uploads and strangers' models of Add may be."""
BUSY = "The server is busy with other files; try again in half a minute."
CUT_OFF = "The upload was cut off; drop the file again."
_TOKEN = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Upload:
    """A file that was dropped; `is_model` or else a table."""

    token: str
    name: str
    is_model: bool
    path: Path
    bytes: int


class Readable(Protocol):
    """The body of a request."""

    def read(self, size: int = ..., /) -> bytes:
        """At most so many bytes; none at the end."""


def receive(stream: Readable, name: str, length: int | None) -> Upload:
    """Write an upload to disk piece by piece; what is not whole does not stay.

    Args:
        stream: the body of the request.
        name: of the file on the user's machine; only for its suffix and for messages.
        length: bytes that the browser announced; None when it did not.

    Raises:
        InputError: a kind of file that is not taken, too large, or cut off.
        OutputError: it could not be written.
    """
    folder = _uploads()
    _forget_old(folder)
    token = secrets.token_hex(16)
    part, path = folder / f".{token}.part", folder / f"{token}.upload"
    is_model = Path(name).suffix.lower() not in (".csv", ".tsv", ".txt", ".parquet", ".pq")
    most = foreign_models.MOST_BYTES if is_model else MOST_UPLOAD_BYTES
    got = 0
    try:
        if length is not None and length > most:
            raise _too_large(length, most)
        with part.open("xb") as file:
            while piece := stream.read(_PIECE_BYTES):
                if not got:
                    refused = foreign_formats.refusal(piece[: foreign_formats.FIRST_BYTES], name)
                    if refused is not None:
                        raise InputError(refused)
                got += len(piece)
                if got > most:
                    raise _too_large(got, most)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if length is not None and got < length:
            raise InputError(CUT_OFF)
        if not got:
            raise InputError("The file is empty (0 bytes); export it again.")
        with part.open("rb") as file:
            start = file.read(foreign_formats.FIRST_BYTES)
            file.seek(max(0, got - foreign_formats.LAST_BYTES))
            refused = foreign_formats.refusal(start, name, file.read()) if is_model else None
            if refused is not None:
                raise InputError(refused)
            named = Path(name).suffix.lower() == ".onnx"
            if start.startswith(b"PAR1") or (not named and foreign_formats.is_text(start)):
                is_model = False
        about = {"name": Path(name).name[:200], "is_model": is_model}
        (folder / f"{token}.json").write_text(json.dumps(about))
        part.rename(path)
    except OSError as error:
        if error.errno is None or error.errno in (errno.ECONNRESET, errno.EPIPE):
            raise InputError(CUT_OFF) from None
        raise not_written(path, error) from error
    finally:
        part.unlink(missing_ok=True)
    return Upload(token, str(about["name"]), is_model, path, got)


def find_upload(token: str | None) -> Upload | None:
    """An upload that is still here."""
    if token is None or not _TOKEN.fullmatch(token):
        return None
    path = _uploads() / f"{token}.upload"
    try:
        about = json.loads(path.with_suffix(".json").read_text())
        return Upload(token, str(about["name"]), bool(about["is_model"]), path, path.stat().st_size)
    except (OSError, ValueError, KeyError):
        return None


def forget_upload(upload: Upload) -> None:
    """Remove an upload and what was made of it."""
    for path in (upload.path, upload.path.with_suffix(".json"), upload.path.with_suffix(".table")):
        path.unlink(missing_ok=True)


def _uploads() -> Path:
    folder = state.folder(models_folder()) / "uploads"
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder


def _forget_old(folder: Path) -> None:
    """Remove what nobody made a run of within a day, but for the models of jobs that wait or run."""
    old = []
    for path in folder.iterdir():
        with suppress(OSError):  # Somebody else was faster.
            if time.time() - path.stat().st_mtime > _KEPT_SECONDS:
                old.append(path)
    if not old:
        return
    from brainmri.job_queue import Queue

    try:
        needed = {
            Path(job.work["model"]).name
            for job in Queue(state.folder(models_folder())).unfinished()
        }
    except InputError:
        return  # Nobody can say what is needed.
    for path in old:
        if path.name not in needed:
            with suppress(OSError):
                path.unlink()


def _too_large(size: int, most: int) -> InputError:
    return InputError(f"The file has {size / 1e6:,.0f} MB; at most {most / 1e6:,.0f} MB are taken.")
