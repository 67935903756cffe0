"""Pictures of uploads that people let us keep for training: files that corrections name and may share.

A picture is named by its content, so that two people who keep the same one share a file. Whether it is still
needed is looked up, and it is deleted, in one turn; so is it written and its correction taken: else one
person's undo could delete what another one's correction was just acknowledged with.

A note beside the lock names the picture that is being written. Who finds one comes after a process that was
killed before anybody was told that the picture is kept, and deletes it unless a correction speaks of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from brainmri import corrections, manifests
from brainmri.corrections import KEPT, UNDO, UNDONE, Record
from brainmri.errors import InputError
from brainmri.files import turn, write_atomically
from brainmri.manifests import Manifest

if TYPE_CHECKING:
    import pandas as pd

    from brainmri.correction_store import Store

_LOCK = "pictures.lock"
_WRITING = "picture-being-written"
_NAME = re.compile(rf"{re.escape(KEPT)}[0-9a-f]{{64}}\.png")


def folder(models: Path) -> Path:
    """Where kept pictures are."""
    return models / corrections.FOLDER / "images"


def say(models: Path, store: Store, record: Record, picture: bytes | None = None) -> Record:
    """Take a record; when this returns it is on the disk, with its picture.

    Args:
        models: folder of results.
        store: where records are kept.
        record: what was said; with a `picture`, its path is that of the picture.
        picture: a PNG to be kept for training.

    Raises:
        InputError: it cannot be taken, and why; no picture is kept for it then.
    """
    if picture is not None:
        kept = f"{KEPT}{hashlib.sha256(picture).hexdigest()}.png"
        with _turn(models, store, writes=kept) as alone:
            write_atomically(_file(models, kept), lambda to: to.write_bytes(picture))
            try:
                return store.add(replace(record, path=kept))
            finally:  # Refused, or sent once more after it was taken back.
                if alone:
                    _delete_unneeded(models, store, kept)
    taken = store.add(record)
    if taken.kind == UNDO:
        paths = [one.path for one in store.records() if one.id == taken.about]
        for path in paths:
            if path is not None and path.startswith(KEPT):
                with _turn(models, store) as alone:
                    if alone:
                        _delete_unneeded(models, store, path)
    return taken


def write_manifest(models: Path, store: Store) -> Manifest | None:
    """Write what two people agree on as the next manifest; None where the last one says the same.

    No picture that it names is deleted meanwhile.

    Raises:
        InputError: it cannot be made.
    """
    if not folder(models).is_dir():
        return manifests.write(models, _agreed(store))
    with _turn(models, store):
        return manifests.write(models, _agreed(store))


def _agreed(store: Store) -> pd.DataFrame:
    return manifests.confirmed(corrections.states(store.records())).rows


def _delete_unneeded(models: Path, store: Store, path: str) -> None:
    """Delete a picture of which no correction that stands speaks, and no manifest."""
    try:
        needed = any(
            one.record.path == path and one.state != UNDONE
            for one in corrections.states(store.records())
        ) or any(
            path == f"{KEPT}{name}"
            for number in manifests.numbers(models)
            for name, _ in manifests.read(models, number).kept
        )
    except InputError:
        return  # Who knows: then it stays.
    if not needed:
        _file(models, path).unlink(missing_ok=True)


def _file(models: Path, path: str) -> Path:
    return folder(models) / path.removeprefix(KEPT)


@contextmanager
def _turn(models: Path, store: Store, *, writes: str = "") -> Iterator[bool]:
    """One's turn with the pictures; false: nobody may delete one.

    Args:
        models: folder of results.
        store: where records are kept.
        writes: the picture that is to be written in this turn.
    """
    place = models / corrections.FOLDER
    note = place / _WRITING
    with turn(place / _LOCK) as alone:
        if alone and note.is_file():
            left = note.read_text(encoding="ascii", errors="replace")
            if _NAME.fullmatch(left):
                _delete_unneeded(models, store, left)
            note.unlink()
        if alone and writes:
            write_atomically(note, lambda to: to.write_text(writes, encoding="ascii"))
        yield alone
        if alone and writes:
            note.unlink(missing_ok=True)
