"""`brainmri.kept_pictures`: a correction that was acknowledged has its picture, whatever others undo."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from brainmri import correction_store, corrections, kept_pictures
from brainmri.correction_store import Store
from brainmri.corrections import CLASS, CONFIRM, CORRECTION, UNDO, Record, new_id
from brainmri.errors import InputError, OutputError

PICTURE = b"the same picture for all"


def keep(models: Path, who: str = "Ada", **changed: str) -> Record:
    values = {"id": new_id(), "kind": CORRECTION, "who": who, "reason": "why", "verdict": CLASS,
              "right_label": "glioma", "answer": "notumor", **changed}  # fmt: skip
    return kept_pictures.say(models, store(models), Record(**values), PICTURE)


def undo(models: Path, of: Record) -> None:
    kept_pictures.say(models, store(models), Record(f"undo-{of.id}", UNDO, of.who, about=of.id))


def store(models: Path) -> Store:
    return Store(corrections.url_of(models))


def kept(models: Path) -> list[Path]:
    return list(kept_pictures.folder(models).glob("*"))


def keep_and_undo(models: Path, who: str, rounds: int) -> int:
    """How often the picture was gone while a correction of it stood."""
    lost = 0
    for _ in range(rounds):
        record = keep(models, who)
        for _ in range(5):
            lost += not kept(models)
        undo(models, record)
    return lost


@pytest.mark.parametrize(
    ("pool", "workers", "rounds"),
    [
        (ThreadPoolExecutor, 4, 15),
        (
            partial(ProcessPoolExecutor, mp_context=multiprocessing.get_context("spawn")),
            2,
            25,
        ),
    ],
    ids=["threads", "processes"],
)
def test_who_undoes_takes_no_picture_from_who_keeps_the_same(
    pool: type[Executor] | partial[Executor], workers: int, rounds: int, tmp_path: Path
) -> None:
    with pool(workers) as people:  # type: ignore[call-arg]
        lost = [
            people.submit(keep_and_undo, tmp_path, f"Reader {i}", rounds) for i in range(workers)
        ]
        assert [one.result() for one in lost] == [0] * workers
    assert kept(tmp_path) == []  # All was undone.


def test_what_is_refused_leaves_no_picture_and_takes_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Say why"):
        keep(tmp_path, reason="")
    assert kept(tmp_path) == []
    record = keep(tmp_path)
    with pytest.raises(InputError, match="Something else was stored under the same id"):
        keep(tmp_path, id=record.id, reason="another")
    assert len(kept(tmp_path)) == 1


def test_a_record_that_was_stored_though_an_error_came_keeps_its_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a server does that is lost after it has written and before it has answered."""
    add = correction_store.Store.add

    def written_and_lost(self: Store, record: Record) -> Record:
        add(self, record)
        raise OutputError("Not saved")

    monkeypatch.setattr(correction_store.Store, "add", written_and_lost)
    with pytest.raises(OutputError):
        keep(tmp_path)
    assert len(kept(tmp_path)) == 1


def keep_and_be_killed(models: Path) -> None:
    """As by `kill -9`, after the picture was written and before its correction was."""
    correction_store.Store.add = lambda *_: os._exit(9)  # type: ignore[method-assign]
    keep(models)


def test_a_picture_whose_correction_was_never_taken_goes_with_the_next_turn(
    tmp_path: Path,
) -> None:
    killed = multiprocessing.get_context("spawn").Process(
        target=keep_and_be_killed, args=(tmp_path,)
    )
    killed.start()
    killed.join()
    assert killed.exitcode == 9
    assert len(kept(tmp_path)) == 1
    kept_pictures.write_manifest(tmp_path, store(tmp_path))
    assert kept(tmp_path) == []


def test_a_picture_stays_whose_process_was_killed_after_its_correction_was_taken(
    tmp_path: Path,
) -> None:
    keep(tmp_path)
    (left,) = kept(tmp_path)
    (left.parent.parent / "picture-being-written").write_text(f"{corrections.KEPT}{left.name}")
    kept_pictures.write_manifest(tmp_path, store(tmp_path))
    assert kept(tmp_path) == [left]


def test_where_nothing_can_be_locked_nothing_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    undo(tmp_path, keep(tmp_path))
    assert len(kept(tmp_path)) == 1


def test_a_picture_that_numbered_corrections_name_stays(tmp_path: Path) -> None:
    record = keep(tmp_path)
    store(tmp_path).add(Record(new_id(), CONFIRM, "Grace", about=record.id))
    made = kept_pictures.write_manifest(tmp_path, store(tmp_path))
    assert made is not None
    undo(tmp_path, record)
    assert [path.name for path in kept(tmp_path)] == [name for name, _ in made.kept]
    after = kept_pictures.write_manifest(tmp_path, store(tmp_path))
    assert after is not None
    assert (after.number, after.kept) == (2, [])
