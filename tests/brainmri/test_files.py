"""`brainmri.files`: a file is written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest

from brainmri.errors import InputError, OutputError
from brainmri.files import check_writable, not_written, sha256, write_atomically
from tests.brainmri.conftest import SPARE_BYTES, SmallDisk


def test_a_new_file_appears_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.txt"
    write_atomically(path, lambda to: to.write_text("new"))
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o644


def test_readers_see_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write(to: Path) -> None:
        to.write_text("half")
        assert path.read_text() == "old"
        assert to.parent == path.parent  # or the rename would not be atomic
        to.write_text("whole")

    write_atomically(path, write)
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("linked", [False, True], ids=["itself", "by a link"])
def test_what_is_no_file_is_never_replaced_by_one(linked: bool, tmp_path: Path) -> None:
    pipe, path = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    if linked:
        path.symlink_to(pipe)
    else:
        path = pipe
    before = sorted(tmp_path.iterdir())
    for refused in (check_writable, lambda to: write_atomically(to, lambda t: t.write_text("x"))):
        with pytest.raises(OutputError, match="is a device or a pipe, not a file"):
            refused(path)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("fault", [ValueError("no"), KeyboardInterrupt(), MemoryError()])
def test_whatever_goes_wrong_the_old_file_stays_and_no_temporary_one(
    fault: BaseException, tmp_path: Path
) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write(to: Path) -> None:
        to.write_text("half")
        raise fault

    with pytest.raises(type(fault)):
        write_atomically(path, write)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_no_temporary_one(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "file.bin"
    path.write_bytes(b"old")
    with small_disk.full():
        before = sorted(small_disk.folder.iterdir())
        with pytest.raises(OutputError, match=r"No space left on device|File too large") as caught:
            write_atomically(path, lambda to: to.write_bytes(bytes(2 * SPARE_BYTES)))
        assert sorted(small_disk.folder.iterdir()) == before
    assert path.read_bytes() == b"old"
    assert str(caught.value).startswith(f"Could not write {path}: ")
    assert "unchanged" in str(caught.value)


def test_a_disk_without_a_single_byte_leaves_no_empty_file(small_disk: SmallDisk) -> None:
    with small_disk.full(spare_bytes=0):
        before = sorted(small_disk.folder.iterdir())
        with pytest.raises(OutputError, match="Could not write"):
            write_atomically(small_disk.folder / "file.bin", lambda to: to.write_bytes(b"x"))
        assert sorted(small_disk.folder.iterdir()) == before


def test_what_fits_on_a_nearly_full_disk_is_written(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "file.bin"
    with small_disk.full():
        write_atomically(path, lambda to: to.write_bytes(bytes(SPARE_BYTES // 4)))
    assert path.stat().st_size == SPARE_BYTES // 4


def test_a_folder_without_permission_is_refused(unwritable: Path) -> None:
    with pytest.raises(OutputError, match="Could not write"):
        write_atomically(unwritable / "new" / "file.txt", lambda to: to.write_text("x"))


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("in the way")
    with pytest.raises(OutputError, match="Could not write"):
        write_atomically(tmp_path / "models" / "file.txt", lambda to: to.write_text("x"))
    assert (tmp_path / "models").read_text() == "in the way"


def test_a_folder_in_place_of_the_file_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "file.txt").mkdir()
    with pytest.raises(OutputError, match="Is a directory"):
        write_atomically(tmp_path / "file.txt", lambda to: to.write_text("x"))
    assert list(tmp_path.iterdir()) == [tmp_path / "file.txt"]


# --- asked before the work starts ------------------------------------------------------------


def test_a_place_that_can_be_written_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("old")
    check_writable(tmp_path / "old.txt")
    check_writable(tmp_path / "new" / "folders" / "file.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["old.txt"]
    assert (tmp_path / "old.txt").read_text() == "old"


def test_a_relative_place_is_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check_writable(Path("file.txt"))
    check_writable(Path("new/file.txt"))
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_known_before(tmp_path: Path, unwritable: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for path, says in (
        (unwritable / "file.txt", "may write to"),
        (unwritable / "new" / "file.txt", "may write to"),
        (tmp_path / "file" / "file.txt", "a file is in its place"),
        (tmp_path, "Name a file, not a folder"),
        (tmp_path / ("x" * 300), "Choose a shorter name"),
    ):
        with pytest.raises(OutputError) as before:
            check_writable(path)
        assert says in str(before.value)
        with pytest.raises(OutputError):
            write_atomically(path, lambda to: to.write_text("x"))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")
def test_a_folder_in_which_nothing_can_be_made_is_known_before() -> None:
    with pytest.raises(
        OutputError, match=r"Could not write /proc/x: .*nothing can be made"
    ) as before:
        check_writable(Path("/proc/x"))
    assert "space" not in str(before.value)


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Free some space or choose another folder"),
        (errno.EACCES, "Choose a folder that you may write to"),
        (errno.EROFS, "Choose a folder that you may write to"),
        (errno.ENOENT, "Choose another folder, since nothing can be made in this one"),
        (errno.EIO, "Choose another folder"),
    ],
)
def test_the_advice_fits_the_fault(number: int, advice: str) -> None:
    error = not_written(Path("out/file.txt"), OSError(number, os.strerror(number)))
    assert str(error) == (
        f"Could not write out/file.txt: {os.strerror(number)}. {advice}; what was there before is "
        "unchanged."
    )


# --- its kind, and fingerprints --------------------------------------------------------------


def test_an_output_error_is_an_input_error_so_commands_treat_them_alike() -> None:
    assert issubclass(OutputError, InputError)


@pytest.mark.parametrize("size", [0, 1, 1_000_003])
def test_sha256_agrees_with_hashlib(size: int, tmp_path: Path) -> None:
    data = bytes(i % 251 for i in range(size))
    (tmp_path / "f").write_bytes(data)
    assert sha256(tmp_path / "f") == hashlib.sha256(data).hexdigest()
