"""`brainmri.training.pixels`: decoded squares on disk, read in any order."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from brainmri import index
from brainmri.errors import InputError, OutputError
from brainmri.images import decode
from brainmri.index import ImageIndex
from brainmri.preprocessing import Preprocessing
from brainmri.training import pixels
from brainmri.training.pixels import PixelStore, open_store
from tests.brainmri.conftest import SmallDisk
from tests.brainmri.files_to_read import snapshot

SQUARES = Preprocessing(size_px=33)


@pytest.fixture(scope="module")
def table(indexed_models: Path) -> ImageIndex:
    return index.read(indexed_models / "dataset" / "index.parquet")


@pytest.fixture(scope="module")
def filled(phantom_data: Path, table: ImageIndex, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    open_store(phantom_data, table, SQUARES, folder, quiet=True)
    return folder


def test_rows_come_back_in_the_order_asked_for(tmp_path: Path) -> None:
    squares = np.random.default_rng(0).integers(0, 256, (9, 5, 5), dtype=np.uint8)
    (tmp_path / "p.bin").write_bytes(squares.tobytes())
    store = PixelStore(tmp_path / "p.bin", 5)
    for rows in ([8, 0, 3], [4, 4], []):
        np.testing.assert_array_equal(store.read(rows), squares[rows])


def test_a_cache_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.bin").write_bytes(bytes(5 * 5 * 3 - 1))
    store = PixelStore(tmp_path / "p.bin", 5)
    store.read([1])
    with pytest.raises(InputError, match=r"pixel cache .*p\.bin is cut off; delete it"):
        store.read([2])


def test_every_row_is_the_square_of_its_image(
    filled: Path, phantom_data: Path, table: ImageIndex
) -> None:
    store = open_store(phantom_data, table, SQUARES, filled, quiet=True)
    rows = [0, 17, len(table.rows) - 1]
    for row, square in zip(rows, store.read(rows), strict=True):
        path = phantom_data / table.rows["path"].iloc[row]
        np.testing.assert_array_equal(square, SQUARES.square(decode(path).pixels))
    assert store.path.stat().st_size == len(table.rows) * 33 * 33


def test_a_full_cache_is_used_without_the_images(
    filled: Path, table: ImageIndex, tmp_path: Path
) -> None:
    before = snapshot(filled)
    store = open_store(tmp_path / "gone", table, SQUARES, filled, quiet=True)
    assert store.read([3]).any()
    assert snapshot(filled) == before


def test_another_size_or_other_pixels_have_a_cache_of_their_own(
    filled: Path, phantom_data: Path, table: ImageIndex
) -> None:
    names = {
        store.path.name
        for store in (
            open_store(phantom_data, table, SQUARES, filled, quiet=True),
            open_store(phantom_data, table, Preprocessing(size_px=32), filled, quiet=True),
            open_store(
                phantom_data,
                ImageIndex(table.rows.iloc[::-1], table.classes, table.negative_class),
                SQUARES,
                filled,
                quiet=True,
            ),
        )
    }
    assert len(names) == 3


def test_a_cache_of_the_wrong_length_is_made_again(
    phantom_data: Path, table: ImageIndex, tmp_path: Path
) -> None:
    few = ImageIndex(table.rows.iloc[:3], table.classes, table.negative_class)
    store = open_store(phantom_data, few, SQUARES, tmp_path, quiet=True)
    whole = store.path.read_bytes()
    store.path.write_bytes(whole[:-1])
    open_store(phantom_data, few, SQUARES, tmp_path, quiet=True)
    assert store.path.read_bytes() == whole


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda file: file.unlink(), "is gone or has changed since it was indexed"),
        (lambda file: file.write_bytes(b"short"), "is gone or has changed since it was indexed"),
        (
            lambda file: file.write_bytes(os.urandom(file.stat().st_size)),
            "cannot be read any more: The file is not a JPEG",
        ),
    ],
    ids=["gone", "of another size", "damaged"],
)
def test_an_image_that_changed_is_named_and_nothing_is_kept(
    change: object, says: str, own_data: Path, table: ImageIndex, tmp_path: Path
) -> None:
    assert callable(change)
    path = table.rows["path"].iloc[5]
    change(own_data / path)
    with pytest.raises(InputError, match=f"{path} {says}"):
        open_store(own_data, table, SQUARES, tmp_path / "cache", quiet=True)
    assert snapshot(tmp_path / "cache") == {}


def test_a_full_disk_leaves_no_part_of_a_cache(
    phantom_data: Path, table: ImageIndex, small_disk: SmallDisk
) -> None:
    with small_disk.full():
        before = snapshot(small_disk.folder)
        with pytest.raises(OutputError, match="Could not write"):
            open_store(phantom_data, table, SQUARES, small_disk.folder, quiet=True)
        assert snapshot(small_disk.folder) == before


def test_filling_does_not_import_torch() -> None:
    # Worker processes import this module; 0.5 GB of torch in each would be the end of 1.5 GB.
    import subprocess
    import sys

    code = f"import sys, {pixels.__name__}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
