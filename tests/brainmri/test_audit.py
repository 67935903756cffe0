"""`brainmri.audit`: from a folder and its index to tables, and what it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from brainmri import audit, audit_tables, index, phantom
from brainmri.audit_tables import TABLES, AuditTables
from brainmri.cli import main
from brainmri.errors import InputError
from brainmri.files import sha256

PER_CLASS = {"train": 12, "test": 5}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder with planted faults and a models folder with its index: every `notumor` image has 96
    pixels a side, one test image copies a training image, one training image also lies in another
    class, one is blurred and one black; a metadata column holds a split and another a second label.
    """
    data = tmp_path_factory.mktemp("planted") / "data"
    phantom.write_dataset(
        data, train_per_class=PER_CLASS["train"], test_per_class=PER_CLASS["test"]
    )
    for i, path in enumerate(sorted(data.rglob("*.png"))):
        side = 96 if path.parent.name == phantom.NEGATIVE_CLASS else 200 + i % 7
        Image.open(path).resize((side, side)).save(path)
    training = data / "Training"
    shutil.copy(training / "glioma/glioma-0000.png", data / "Testing/glioma/glioma-0000.png")
    shutil.copy(training / "glioma/glioma-0001.png", training / "pituitary/pituitary-0001.png")
    blurred = training / "meningioma/meningioma-0004.png"
    Image.open(blurred).filter(ImageFilter.GaussianBlur(6)).save(blurred)
    Image.new("L", (200, 200), 1).save(training / "meningioma/meningioma-0005.png")
    rows = []
    for path in sorted(data.rglob("*.png")):
        number = int(path.stem[-4:])
        part = {3: "val", 4: "test"}.get(number, "train")
        says = "glioma" if path == training / "pituitary/pituitary-0001.png" else path.parent.name
        rows.append((path.relative_to(data).as_posix(), part, says))
    metadata = pd.DataFrame(rows, columns=["path", "own_split", "second_reader"])
    metadata.to_csv(data / "metadata.csv", index=False)
    models = data.parent / "models"
    index.build(data, models, metadata=data / "metadata.csv", quiet=True)
    return data, models


@pytest.fixture(scope="module")
def before(planted: tuple[Path, Path]) -> str:
    return sha256(planted[1] / "dataset" / "index.parquet")


@pytest.fixture(scope="module")
def tables(planted: tuple[Path, Path], before: str) -> AuditTables:
    assert before
    return audit.run(*planted, quiet=True)


def test_the_index_stays_byte_for_byte_what_it_is(
    planted: tuple[Path, Path], before: str, tables: AuditTables
) -> None:
    assert sha256(planted[1] / "dataset" / "index.parquet") == before
    assert tables.index_sha256 == before


def test_every_split_that_the_index_knows_is_audited(tables: AuditTables) -> None:
    for name in ("shortcuts", "shortcut_answers", "drift", "leakage"):
        assert set(getattr(tables, name)["protocol"]) == {"official", "own_split"}


def test_the_planted_size_tells_a_tumour(tables: AuditTables) -> None:
    of_size = tables.shortcuts.query(
        "features == 'size and mode' and task == 'tumour' and rows == 'test'"
    )
    assert (of_size["k"] == of_size["n"]).all()


def test_the_planted_faults_are_found(tables: AuditTables) -> None:
    flags = tables.quality.set_index("path")
    assert flags.loc["Training/meningioma/meningioma-0004.png", "blurred"]
    assert flags.loc["Training/meningioma/meningioma-0005.png", "dark"]
    assert flags.loc["Training/meningioma/meningioma-0005.png", "low_information"]
    leaked = tables.leaked_pairs.query("protocol == 'official' and kind == 'exact'")
    assert leaked[["path", "training_path"]].to_numpy().tolist() == [
        ["Testing/glioma/glioma-0000.png", "Training/glioma/glioma-0000.png"]
    ]
    conflicts = tables.label_conflicts[["kind", "path", "label", "says"]].to_numpy().tolist()
    there, here = "Training/glioma/glioma-0001.png", "Training/pituitary/pituitary-0001.png"
    assert conflicts == [
        ["near-duplicates", there, "glioma", "glioma, pituitary"],
        ["near-duplicates", here, "pituitary", "glioma, pituitary"],
        ["second_reader", here, "pituitary", "glioma"],
    ]


def test_unseen_test_images_are_those_without_a_copy(tables: AuditTables) -> None:
    counts = tables.shortcuts.query("protocol == 'official'").groupby("rows")["n"].first()
    leaked = tables.leakage.query("protocol == 'official' and part == 'test'")
    copies = leaked[["exact", "near", "mirrored"]].to_numpy().sum()
    assert copies >= 1
    assert counts["unseen test"] == counts["test"] - copies


def test_what_was_written_reads_back_and_holds_no_picture(
    planted: tuple[Path, Path], tables: AuditTables
) -> None:
    read = audit_tables.read(planted[1] / "dataset")
    assert read.index_sha256 == tables.index_sha256
    for name in TABLES:
        written: pd.DataFrame = getattr(tables, name)
        again: pd.DataFrame = getattr(read, name)
        assert again.columns.tolist() == written.columns.tolist()
        assert len(again) == len(written)
        cells = again.to_numpy(dtype=object).ravel()
        assert not any(isinstance(cell, bytes | list | np.ndarray) for cell in cells)


def test_without_the_cache_the_images_are_read_and_say_the_same(
    planted: tuple[Path, Path], tables: AuditTables, tmp_path: Path
) -> None:
    data, models = planted
    dataset = tmp_path / "models" / "dataset"
    dataset.mkdir(parents=True)
    shutil.copy(models / "dataset" / "index.parquet", dataset)
    again = audit.run(data, tmp_path / "models", quiet=True)
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(again, name), getattr(tables, name))


def test_the_command_says_what_it_found(
    planted: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    data, models = planted
    assert main(["audit", str(data), "--models", str(models)]) == 0
    shown = capsys.readouterr()
    assert "right on test images of the official split:" in shown.out
    assert "size and mode" in shown.out
    assert "contradicts 2 labels." in shown.out
    assert "Reading: 100%" in shown.err
    assert "Auditing: 100%" in shown.err


def test_without_an_index_it_says_which_command_makes_it(
    phantom_data: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"There is no image index .* first"):
        audit.run(phantom_data, tmp_path / "models", quiet=True)
    assert not (tmp_path / "models").exists()


def test_a_folder_that_was_not_indexed_is_refused(
    own_data: Path, indexed_models: Path, tmp_path: Path
) -> None:
    models = Path(shutil.copytree(indexed_models, tmp_path / "models"))
    (own_data / "Testing/glioma/glioma-0002.png").unlink()
    with pytest.raises(InputError, match=r"lacks 1 of the 68 images .*glioma-0002.png"):
        audit.run(own_data, models, quiet=True)
    assert not (models / "dataset" / "audit").exists()


@pytest.mark.parametrize("content", ["another image", "no image"])
def test_an_image_that_changed_since_is_refused(
    own_data: Path, indexed_models: Path, tmp_path: Path, content: str
) -> None:
    models = Path(shutil.copytree(indexed_models, tmp_path / "models"))
    changed = own_data / "Testing/glioma/glioma-0002.png"
    if content == "no image":
        changed.write_bytes(b"nothing")
    else:
        shutil.copy(own_data / "Testing/glioma/glioma-0003.png", changed)
    with pytest.raises(InputError, match=r"glioma-0002.png has changed since .* index the folder"):
        audit.run(own_data, models, quiet=True)


def test_without_any_split_quality_and_conflicts_are_still_told(
    phantom_data: Path, tmp_path: Path
) -> None:
    index.build(phantom_data / "Training", tmp_path, quiet=True)
    found = audit.run(phantom_data / "Training", tmp_path, quiet=True)
    assert len(found.quality) == 48
    assert found.shortcuts.empty
    assert audit_tables.read(tmp_path / "dataset").leaked_pairs.empty


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("missing", "There is no audit table"),
        ("damaged", "is damaged"),
        ("another schema", "not an audit table of this version"),
        ("another index", "about different indexes"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(
    planted: tuple[Path, Path], tables: AuditTables, tmp_path: Path, fault: str, says: str
) -> None:
    dataset = Path(shutil.copytree(planted[1] / "dataset", tmp_path / "dataset"))
    one = dataset / "audit" / "drift.parquet"
    if fault == "missing":
        one.unlink()
    elif fault == "damaged":
        one.write_bytes(one.read_bytes()[:100])
    elif fault == "another schema":
        tables.drift.to_parquet(one)
    else:
        other = AuditTables("another", *(getattr(tables, name) for name in TABLES))
        audit_tables.write(tmp_path / "other", other)
        shutil.copy(tmp_path / "other" / "audit" / "drift.parquet", one)
    with pytest.raises(InputError, match=says):
        audit_tables.read(dataset)
