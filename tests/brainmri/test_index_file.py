"""The index file: written whole or not at all, and refused when it is damaged."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from brainmri import averages, index
from brainmri.errors import InputError, OutputError
from brainmri.images import decode
from tests.brainmri.conftest import SmallDisk
from tests.brainmri.files_to_read import gradient, png, snapshot
from tests.brainmri.indexing import CONTRACT, build
from tests.conftest import TEST_PER_CLASS, TRAIN_PER_CLASS


@pytest.fixture
def index_file(indexed_models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(indexed_models / "dataset" / "index.parquet", tmp_path))


def test_the_index_comes_back_as_it_was_written(phantom_data: Path, tmp_path: Path) -> None:
    made = build(phantom_data, tmp_path).index
    read = index.read(index.path(tmp_path))
    pd.testing.assert_frame_equal(made.rows, read.rows)
    assert (made.classes, made.negative_class) == (read.classes, read.negative_class)


def test_a_missing_index_says_which_command_makes_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run `python -m brainmri index DATA` first"):
        index.read(tmp_path / "index.parquet")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_an_index_cut_off_in_the_middle_is_refused(share: float, index_file: Path) -> None:
    whole = index_file.read_bytes()
    index_file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match="is damaged"):
        index.read(index_file)


def test_a_flipped_bit_in_a_page_is_found_by_its_checksum(index_file: Path) -> None:
    column = pq.ParquetFile(index_file).metadata.row_group(0).column(3)
    damaged = bytearray(index_file.read_bytes())
    damaged[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    index_file.write_bytes(damaged)
    with pytest.raises(
        InputError, match=r"is damaged or cut off; run `python -m brainmri index DATA` again"
    ):
        index.read(index_file)


def test_a_flipped_bit_in_the_footer_is_never_a_crash(index_file: Path) -> None:
    whole = index_file.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    refused = 0
    for at in range(footer, len(whole), 5):
        damaged = bytearray(whole)
        damaged[at] ^= 0b1000_0000 if at % 2 else 0b1
        index_file.write_bytes(damaged)
        try:
            read = index.read(index_file)
        except InputError:
            refused += 1
        else:
            assert set(CONTRACT) <= set(read.rows.columns)
    assert refused > 20


def test_an_index_of_another_version_is_refused(index_file: Path) -> None:
    table = pq.read_table(index_file)
    about = {**table.schema.metadata, b"brainmri.index_schema": b"99"}
    pq.write_table(table.replace_schema_metadata(about), index_file)
    with pytest.raises(InputError, match="schema 99, expected 1"):
        index.read(index_file)


def test_a_parquet_file_of_something_else_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), tmp_path / "x.parquet")
    with pytest.raises(InputError, match="not an index of this version"):
        index.read(tmp_path / "x.parquet")


def test_a_full_disk_leaves_the_old_index_and_no_temporary_file(
    own_data: Path, small_disk: SmallDisk
) -> None:
    models = small_disk.folder / "models"
    build(own_data, models)
    for file in own_data.rglob("*.png"):
        os.utime(file)
    (own_data / "Training" / "glioma" / "new.png").write_bytes(png(gradient(300, 300)))
    before = snapshot(models)
    with small_disk.full(), pytest.raises(OutputError, match=r"No space left|File too large"):
        build(own_data, models)
    assert snapshot(models) == before
    assert len(build(own_data, models).index.rows) == 4 * (TRAIN_PER_CLASS + TEST_PER_CLASS) + 1


def test_a_disk_without_a_single_byte_is_refused_too(own_data: Path, small_disk: SmallDisk) -> None:
    models = small_disk.folder / "models"
    with small_disk.full(spare_bytes=0):
        before = snapshot(small_disk.folder)
        with pytest.raises(OutputError, match=r"No space left|File too large"):
            build(own_data, models)
        assert snapshot(small_disk.folder) == before


def test_results_that_cannot_be_written_are_refused(own_data: Path, unwritable: Path) -> None:
    with pytest.raises(OutputError, match="Could not write"):
        build(own_data, unwritable / "models")


def test_an_interrupted_index_leaves_no_temporary_file(
    own_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "m"
    build(own_data, models)
    before = snapshot(models)
    (own_data / "Training" / "glioma" / "new.png").write_bytes(png())

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(averages.AverageStream, "add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build(own_data, models)
    assert snapshot(models) == before


def test_the_index_holds_no_pixels(own_data: Path, tmp_path: Path) -> None:
    # What ships is what was computed from the images, never an image.
    build(own_data, tmp_path / "m")
    shipped = [p for p in (tmp_path / "m" / "dataset").iterdir() if p.is_file()]
    assert {p.name for p in shipped} == {"index.parquet", "averages.npz", "unreadable.csv"}
    pixels = decode(next((own_data / "Training" / "glioma").iterdir())).pixels
    for file in shipped:
        assert pixels.tobytes()[:4096] not in file.read_bytes()
