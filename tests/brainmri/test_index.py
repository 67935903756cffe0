"""`brainmri.index`: a folder to one row per image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from brainmri import averages, index, phantom
from brainmri.errors import InputError
from tests.brainmri.files_to_read import BAD, png
from tests.brainmri.indexing import CONTRACT, build, put
from tests.brainmri.one_file import ImageFeatures, read_features
from tests.conftest import TEST_PER_CLASS, TRAIN_PER_CLASS

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
    with pytest.raises(InputError, match=r"1 file could not be read.* yes/a\.png: .*0 bytes"):
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


def test_identifiers_are_whole_numbers_of_more_kinds_than_a_property_has() -> None:
    n = index.MAX_LEVELS + 1
    many = np.arange(n)
    rows = pd.DataFrame(
        {
            "path": [f"a/{i}.png" for i in many],
            "cluster": many,  # the index's own, so no metadata
            "patient": many,
            "block": many.astype(float),  # whole numbers with a gap, as CSV readers hand them on
            "case": pd.array([None, *range(1, n)], dtype="Int64"),
            "age": np.minimum(many, 99),  # few kinds: a property
            "dose": many + 0.5,
            "name": [f"p{i}" for i in many],
            "mirrored": many % 2 == 0,
            "empty": np.full(n, np.nan),
        }
    )
    rows.loc[0, "block"] = np.nan
    rows.loc[0, "case"] = n  # n kinds without the gap in their place
    rows.loc[1, "block"] = n
    rows.loc[2, "block"] = 0
    found = index.identifiers(index.ImageIndex(rows, ["a", "b"], "b"))
    assert found == ["patient", "case"]


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
