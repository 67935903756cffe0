"""`brainmri.index` run again: only what changed is read, and the result is that of a fresh index."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from brainmri import phantom
from brainmri.files import sha256
from tests.brainmri.files_to_read import png
from tests.brainmri.indexing import build, put


def assert_equals_fresh_index(data: Path, models: Path, tmp_path: Path) -> None:
    build(data, tmp_path / "fresh")
    for name in ("index.parquet", "averages.npz"):
        again, fresh = models / "dataset" / name, tmp_path / "fresh" / "dataset" / name
        assert again.read_bytes() == fresh.read_bytes(), name


def test_running_it_again_reads_nothing_and_writes_the_same_bytes(
    own_data: Path, tmp_path: Path
) -> None:
    models = tmp_path / "m"
    first = build(own_data, models)
    written = sha256(models / "dataset" / "index.parquet")
    second = build(own_data, models)
    n = len(first.index.rows)
    assert (first.read_again, first.unchanged) == (n, 0)
    assert (second.read_again, second.unchanged) == (0, n)
    # Runs name their index by this hash, so it must not change for nothing.
    assert sha256(models / "dataset" / "index.parquet") == written


def test_only_what_changed_is_read_again_and_the_result_equals_a_fresh_index(
    own_data: Path, tmp_path: Path
) -> None:
    models = tmp_path / "m"
    n = len(build(own_data, models).index.rows)
    glioma = own_data / "Training" / "glioma"
    files = sorted(glioma.iterdir())
    files[0].unlink()
    files[1].write_bytes(png(phantom.draw("glioma", 998)))
    (glioma / "new.png").write_bytes(png(phantom.draw("glioma", 999)))
    files[2].rename(own_data / "Testing" / "pituitary" / "moved.png")
    report = build(own_data, models)
    assert (report.read_again, report.unchanged) == (3, n - 3)
    assert_equals_fresh_index(own_data, models, tmp_path)


def test_a_file_of_the_same_size_and_time_is_taken_as_unchanged(tmp_path: Path) -> None:
    # The proof that nothing is read: only then can a change without a trace go unnoticed.
    put(tmp_path / "d", "no/a.bmp", "yes/a.bmp")
    file = tmp_path / "d" / "no" / "a.bmp"
    before = build(tmp_path / "d", tmp_path / "m").index.rows
    status = file.stat()
    changed = bytearray(file.read_bytes())
    changed[-1] ^= 0xFF
    file.write_bytes(changed)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert build(tmp_path / "d", tmp_path / "m").index.rows.equals(before)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    report = build(tmp_path / "d", tmp_path / "m")
    assert report.read_again == 1
    assert not report.index.rows.equals(before)


@pytest.mark.parametrize("damage", ["remove", "empty", "cut", "overwrite"])
def test_a_damaged_cache_only_means_that_files_are_read_again(
    damage: str, own_data: Path, tmp_path: Path
) -> None:
    models = tmp_path / "m"
    build(own_data, models)
    cached = [path for path in (models / "dataset" / ".cache").rglob("*") if path.is_file()]
    assert cached
    for file in cached:
        kept = shutil.copy(file, tmp_path / "kept")
        if damage == "remove":
            file.unlink()
        else:
            whole = file.read_bytes()
            new = {"empty": b"", "cut": whole[: len(whole) // 2], "overwrite": b"x" * len(whole)}
            file.write_bytes(new[damage])
        build(own_data, models)
        assert_equals_fresh_index(own_data, models, tmp_path)
        shutil.copy(kept, file)


def test_another_folder_with_the_same_names_does_not_borrow_rows(
    own_data: Path, tmp_path: Path
) -> None:
    models = tmp_path / "m"
    build(own_data, models)
    other = tmp_path / "other"
    phantom.write_dataset(other, train_per_class=3, test_per_class=1, seed=5)
    build(other, models)
    assert_equals_fresh_index(other, models, tmp_path)
