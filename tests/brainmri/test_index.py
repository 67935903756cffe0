"""`brainmri.index`: a folder to one row per image; re-reading only what changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from brainmri import averages, index, phantom
from brainmri.errors import InputError, OutputError
from brainmri.features import ImageFeatures, read_features
from brainmri.files import sha256
from brainmri.images import decode
from tests.brainmri.conftest import SmallDisk
from tests.brainmri.files_to_read import BAD, gradient, png, snapshot
from tests.conftest import TEST_PER_CLASS, TRAIN_PER_CLASS

# As in the design: the contract between `index` and everything that reads it.
CONTRACT = ["path", "split", "label", "file_sha256", "pixel_sha256", "phash", "cluster",
            "width_px", "height_px", "mode", "bytes", "mean_intensity", "std_intensity"]  # fmt: skip


def put(folder: Path, *names: str) -> None:
    """Write a different small picture under each name."""
    for i, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(i).integers(0, 256, (12, 10), dtype=np.uint8)
        Image.fromarray(noise).save(path)


def build(data: Path, models: Path, **options: Any) -> index.IndexReport:
    return index.build(data, models, quiet=True, **options)


# --- what is found ---------------------------------------------------------------------------


def test_training_and_testing_folders_become_train_and_test(tmp_path: Path) -> None:
    names = ["Training/no/a.png", "training/yes/a.png", "TEST/no/b.png", "Testing/yes/c.png"]
    put(tmp_path / "d", *names)
    rows = build(tmp_path / "d", tmp_path / "m").index.rows
    found = set(zip(rows["path"], rows["split"], rows["label"], strict=True))
    assert found == {
        ("Training/no/a.png", "train", "no"),
        ("training/yes/a.png", "train", "yes"),
        ("TEST/no/b.png", "test", "no"),
        ("Testing/yes/c.png", "test", "yes"),
    }
    assert rows["path"].is_monotonic_increasing


def test_class_folders_alone_have_no_split_and_average_as_one_group(tmp_path: Path) -> None:
    put(tmp_path / "d", "no/a.png", "yes/a.png", "yes/deeper/b.png")
    rows = build(tmp_path / "d", tmp_path / "m").index.rows
    assert rows["path"].tolist() == ["no/a.png", "yes/a.png", "yes/deeper/b.png"]
    assert rows["label"].tolist() == ["no", "yes", "yes"]
    assert rows["split"].isna().all()
    read = index.read(tmp_path / "m" / "dataset" / "index.parquet").rows
    assert read["split"].isna().all()
    groups = averages.read(tmp_path / "m" / "dataset" / "averages.npz").groups
    assert groups == [("all", "no"), ("all", "yes")]


def test_files_that_are_no_images_of_a_class_are_passed_over_and_named(tmp_path: Path) -> None:
    data = tmp_path / "d"
    put(data, "no/a.png", "yes/a.PNG", "loose.png", "Training/loose.png", ".hidden/yes/a.png")
    (data / "no" / "notes.txt").write_text("x")
    report = build(data, tmp_path / "m")
    assert report.index.rows["path"].tolist() == ["no/a.png", "yes/a.PNG"]
    assert report.ignored == ["Training/loose.png", "loose.png", "no/notes.txt"]


def test_every_format_suffix_counts(tmp_path: Path) -> None:
    put(tmp_path / "d", "no/a.png", *(f"yes/a.{s}" for s in ("jpg", "JPEG", "bmp", "tif", "TIFF")))
    assert len(build(tmp_path / "d", tmp_path / "m").index.rows) == 6


def test_a_link_that_leads_back_is_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "d", "no/a.png", "yes/a.png")
    (tmp_path / "d" / "yes" / "again").symlink_to(tmp_path / "d", target_is_directory=True)
    report = build(tmp_path / "d", tmp_path / "m")
    assert len(report.index.rows) == 2
    assert report.ignored == ["yes/again"]


def test_a_link_that_leads_nowhere_is_not_a_crash(tmp_path: Path) -> None:
    put(tmp_path / "d", "no/a.png", "yes/a.png")
    (tmp_path / "d" / "yes" / "b.png").symlink_to(tmp_path / "gone.png")
    report = build(tmp_path / "d", tmp_path / "m")
    assert len(report.index.rows) == 2
    left_out = [path for path, _ in report.unreadable] + report.ignored
    assert left_out == ["yes/b.png"]


# --- what a row holds ------------------------------------------------------------------------


def test_the_index_has_the_columns_of_the_contract(indexed_models: Path) -> None:
    rows = index.read(indexed_models / "dataset" / "index.parquet").rows
    assert set(CONTRACT) <= set(rows.columns)
    assert len(rows) == 4 * (TRAIN_PER_CLASS + TEST_PER_CLASS)
    assert not rows[CONTRACT].isna().any().any()
    assert rows["path"].is_unique
    assert rows["mean_intensity"].between(0, 1).all()
    assert (rows["phash"].map(len) == 32).all()


def test_each_row_holds_the_features_of_its_file(phantom_data: Path, indexed_models: Path) -> None:
    rows = index.read(indexed_models / "dataset" / "index.parquet").rows
    for row in rows.iloc[::9].itertuples():
        features = read_features(phantom_data / str(row.path))
        assert isinstance(features, ImageFeatures)
        for name in ("file_sha256", "pixel_sha256", "phash", "phash_mirrored", "width_px",
                     "height_px", "mode", "mean_intensity", "std_intensity"):  # fmt: skip
            assert getattr(row, name) == getattr(features, name), name
        assert row.bytes == (phantom_data / str(row.path)).stat().st_size


def test_copies_and_mirrored_copies_share_a_cluster(tmp_path: Path) -> None:
    pixels = phantom.draw("glioma", 1)
    for path, image in {
        "Training/yes/original.png": pixels,
        "Testing/yes/copy.bmp": pixels,
        "Testing/yes/mirrored.png": pixels[:, ::-1],
        "Training/no/other.png": phantom.draw("notumor", 1),
    }.items():
        (tmp_path / "d" / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ascontiguousarray(image)).save(tmp_path / "d" / path)
    rows = build(tmp_path / "d", tmp_path / "m").index.rows.set_index("path")
    cluster, pixel = rows["cluster"], rows["pixel_sha256"]
    assert cluster["Training/yes/original.png"] == cluster["Testing/yes/copy.bmp"]
    assert cluster["Training/yes/original.png"] == cluster["Testing/yes/mirrored.png"]
    assert cluster["Training/yes/original.png"] != cluster["Training/no/other.png"]
    assert pixel["Training/yes/original.png"] == pixel["Testing/yes/copy.bmp"]
    assert pixel["Training/yes/original.png"] != pixel["Testing/yes/mirrored.png"]


def test_averages_are_those_of_every_image_of_the_folder(
    phantom_data: Path, indexed_models: Path
) -> None:
    read = averages.read(indexed_models / "dataset" / "averages.npz")
    assert len(read.groups) == 8
    for i, (split, label) in enumerate(read.groups):
        folder = phantom_data / {"train": "Training", "test": "Testing"}[split] / label
        thumbnails = []
        for file in folder.iterdir():
            features = read_features(file)
            assert isinstance(features, ImageFeatures)
            thumbnails.append(features.thumbnail)
        assert read.counts[i] == len(thumbnails)
        np.testing.assert_allclose(read.means[i], np.mean(thumbnails, axis=0) / 255, atol=1e-6)


def test_several_processes_write_the_same_index_as_one(tmp_path: Path) -> None:
    put(tmp_path / "d", *(f"{'no' if i % 3 else 'yes'}/{i:03}.png" for i in range(130)))
    (tmp_path / "d" / "yes" / "077.png").write_bytes(b"damaged")
    one = build(tmp_path / "d", tmp_path / "one", processes=1)
    two = build(tmp_path / "d", tmp_path / "two", processes=2)
    assert one.unreadable == two.unreadable
    assert len(one.index.rows) == 130  # 130 names, and one damaged file beside them
    for name in ("index.parquet", "averages.npz"):
        first, second = tmp_path / "one" / "dataset" / name, tmp_path / "two" / "dataset" / name
        assert first.read_bytes() == second.read_bytes()


# --- classes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["notumor", "No_Tumour", "healthy", "NORMAL", "no tumor"])
def test_the_negative_class_is_guessed_from_its_name(name: str, tmp_path: Path) -> None:
    put(tmp_path / "d", f"{name}/a.png", "glioma/a.png")
    assert build(tmp_path / "d", tmp_path / "m").index.negative_class == name


def test_classes_are_data_any_number_and_any_names(tmp_path: Path) -> None:
    put(tmp_path / "d", *(f"Klasse {i} ä/a.png" for i in range(7)))
    built = build(tmp_path / "d", tmp_path / "m", negative="Klasse 3 ä").index
    read = index.read(tmp_path / "m" / "dataset" / "index.parquet")
    assert read.classes == built.classes == [f"Klasse {i} ä" for i in range(7)]
    assert read.negative_class == "Klasse 3 ä"


@pytest.mark.parametrize("names", [("a", "b"), ("normal", "healthy")])
def test_a_negative_class_that_is_not_plain_must_be_said(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    put(tmp_path / "d", *(f"{name}/a.png" for name in names))
    with pytest.raises(InputError, match="--negative; the classes are"):
        build(tmp_path / "d", tmp_path / "m")
    assert build(tmp_path / "d", tmp_path / "m", negative=names[0]).index.negative_class == names[0]


def test_a_negative_class_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "d", "no/a.png", "yes/a.png")
    with pytest.raises(InputError, match='no class "none" in the data; the classes are no, yes'):
        build(tmp_path / "d", tmp_path / "m", negative="none")


def test_one_class_only_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    put(tmp_path / "d", "Training/glioma/a.png", "Testing/glioma/a.png")
    with pytest.raises(InputError, match=r"holds one class only \(glioma\)"):
        build(tmp_path / "d", tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_one_readable_class_only_is_refused_with_the_first_reason(tmp_path: Path) -> None:
    put(tmp_path / "d", "no/a.png", "yes/a.png")
    (tmp_path / "d" / "yes" / "a.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"1 files could not be read.* yes/a\.png: .*0 bytes"):
        build(tmp_path / "d", tmp_path / "m")
    assert not (tmp_path / "m" / "dataset" / "index.parquet").exists()


def test_a_missing_folder_an_empty_one_and_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty" / "glioma").mkdir(parents=True)
    (tmp_path / "file").write_bytes(png())
    with pytest.raises(InputError, match="There is no folder"):
        build(tmp_path / "gone", tmp_path / "m")
    with pytest.raises(InputError, match="holds no images in class folders"):
        build(tmp_path / "empty", tmp_path / "m")
    with pytest.raises(InputError, match="is a file"):
        build(tmp_path / "file", tmp_path / "m")


# --- unreadable files ------------------------------------------------------------------------


def test_bad_files_are_listed_with_their_reason_and_the_rest_is_indexed(
    own_data: Path, tmp_path: Path
) -> None:
    good = len(list(own_data.rglob("*.png")))
    for case in BAD.values():
        (own_data / "Training" / "glioma" / case.name).write_bytes(case.data)
    report = build(own_data, tmp_path / "m")
    assert len(report.index.rows) == good
    reasons = dict(report.unreadable)
    for case in BAD.values():
        assert case.says in reasons.pop(f"Training/glioma/{case.name}")
    assert reasons == {}
    assert report.read_again == good
    listed = pd.read_csv(tmp_path / "m" / "dataset" / "unreadable.csv")
    assert [tuple(row) for row in listed.to_numpy()] == report.unreadable


def test_a_repaired_file_is_read_at_the_next_call(tmp_path: Path) -> None:
    put(tmp_path / "d", "no/a.png", "no/b.png", "yes/a.png")
    (tmp_path / "d" / "no" / "b.png").write_bytes(b"damaged")
    assert len(build(tmp_path / "d", tmp_path / "m").unreadable) == 1
    (tmp_path / "d" / "no" / "b.png").write_bytes(png())
    report = build(tmp_path / "d", tmp_path / "m")
    assert (report.read_again, report.unchanged, report.unreadable) == (1, 2, [])
    listed = pd.read_csv(tmp_path / "m" / "dataset" / "unreadable.csv")
    assert len(listed) == 0


# --- running it again ------------------------------------------------------------------------


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


# --- metadata --------------------------------------------------------------------------------


def test_metadata_columns_join_and_whole_numbers_with_gaps_stay_whole(tmp_path: Path) -> None:
    put(tmp_path / "d", "no/a.png", "no/b.png", "yes/a.png")
    csv = tmp_path / "m.csv"
    csv.write_text("path,patient,site\nyes/a.png,7,north\nno/b.png,,NA\nelsewhere.png,1,south\n")
    report = build(tmp_path / "d", tmp_path / "m", metadata=csv)
    assert report.without_metadata == 1
    rows = index.read(tmp_path / "m" / "dataset" / "index.parquet").rows.set_index("path")
    assert rows["patient"].dtype == pd.Int64Dtype()
    assert rows.loc["yes/a.png", "patient"] == 7
    assert rows["patient"].isna().sum() == 2
    assert rows["site"].dropna().tolist() == ["north"]
    assert len(rows) == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,x\nno/a.png,1\n", 'no column "path"; its columns are file, x'),
        ("path,label\nno/a.png,1\n", r"computes itself \(label\)"),
        ("path,x\nno/a.png,1\nno/a.png,2\n", r"names no/a\.png more than once"),
        ("path,x\nNo/A.png,1\n", "No path in .* matches an image"),
        ("path,x\nno/a.png\n", "cannot be read as a CSV table"),
        ("", "cannot be read as a CSV table"),
    ],
)
def test_metadata_that_does_not_fit_is_refused(text: str, says: str, tmp_path: Path) -> None:
    put(tmp_path / "d", "no/a.png", "yes/a.png")
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        build(tmp_path / "d", tmp_path / "m", metadata=tmp_path / "m.csv")
    assert not (tmp_path / "m" / "dataset" / "index.parquet").exists()


def test_a_missing_metadata_file_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "d", "no/a.png", "yes/a.png")
    with pytest.raises(InputError, match="There is no metadata file"):
        build(tmp_path / "d", tmp_path / "m", metadata=tmp_path / "gone.csv")


# --- reading and writing ---------------------------------------------------------------------


@pytest.fixture
def index_file(indexed_models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(indexed_models / "dataset" / "index.parquet", tmp_path))


def test_the_index_comes_back_as_it_was_written(index_file: Path, tmp_path: Path) -> None:
    read = index.read(index_file)
    index.write(tmp_path / "again.parquet", read)
    again = index.read(tmp_path / "again.parquet")
    pd.testing.assert_frame_equal(read.rows, again.rows)
    assert (read.classes, read.negative_class) == (again.classes, again.negative_class)


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
    with pytest.raises(InputError, match=r"is damaged.*run `python -m brainmri index DATA` first"):
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
