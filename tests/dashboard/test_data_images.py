"""`dashboard.data` of images: the index, thumbnails, and the answer for an uploaded one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainmri import images, inference, phantom
from brainmri.errors import InputError
from brainmri.index import ImageIndex
from dashboard import data
from tests.dashboard.results import (
    CAREFUL,
    CLASSES,
    HASTY,
)


def small_index(rows: Sequence[tuple[str | None, str, int, int, str, float]]) -> ImageIndex:
    """An index with the columns that the Data page counts."""
    names = ["split", "label", "width_px", "height_px", "mode", "mean_intensity"]
    return ImageIndex(pd.DataFrame(rows, columns=names), ["glioma", "notumor"], "notumor")


# The image index


def test_a_damaged_index_says_so(own: Path) -> None:
    (own / "dataset" / "index.parquet").write_bytes(b"no table")
    with pytest.raises(InputError, match="is damaged"):
        data.image_index()


def test_files_that_could_not_be_indexed_come_with_their_reason(own: Path) -> None:
    (own / "dataset" / "unreadable.csv").write_text('path,reason\na.jpg,"Empty, 0 bytes."\n')
    assert data.unreadable_files() == [("a.jpg", "Empty, 0 bytes.")]


def test_class_balance_by_hand() -> None:
    table = small_index(
        [("train", "glioma", 1, 1, "L", 0.1)] * 6
        + [("train", "notumor", 1, 1, "L", 0.1)] * 2
        + [("test", "glioma", 1, 1, "L", 0.1)]
    )
    balance = data.class_balance(table)
    assert list(balance.counts.items()) == [
        ("train", {"glioma": 6, "notumor": 2}),
        ("test", {"glioma": 1, "notumor": 0}),
    ]
    assert balance.ratio == {"train": 3.0}  # a class without images has no ratio
    assert balance.total == 9


def test_images_without_a_split_are_counted_together() -> None:
    table = small_index([(None, "glioma", 1, 1, "L", 0.1), (None, "notumor", 1, 1, "L", 0.2)])
    assert data.class_balance(table).counts == {"all": {"glioma": 1, "notumor": 1}}


def test_sizes_come_most_frequent_first_and_the_rest_together() -> None:
    rows = [("train", "glioma", 512, 512, "L", 0.1)] * 3
    rows += [("train", "notumor", 200, 210, "RGB", 0.1)] * 2
    rows += [("train", "notumor", 90, 80 + i, "RGB", 0.1) for i in range(4)]
    sizes = data.image_sizes(small_index(rows), most=2)
    assert sizes == [
        ("512 × 512", {"glioma": 3, "notumor": 0}),
        ("200 × 210", {"glioma": 0, "notumor": 2}),
        ("other sizes", {"glioma": 0, "notumor": 4}),
    ]
    assert data.image_modes(small_index(rows)) == [
        ("RGB", {"glioma": 0, "notumor": 6}),
        ("L", {"glioma": 3, "notumor": 0}),
    ]


def test_brightness_is_that_of_every_image_of_a_class() -> None:
    table = small_index(
        [("train", "glioma", 1, 1, "L", 0.1), ("test", "glioma", 1, 1, "L", 0.3),
         ("test", "notumor", 1, 1, "L", 0.2)]
    )  # fmt: skip
    assert {name: v.tolist() for name, v in data.brightness(table).items()} == {
        "glioma": [0.1, 0.3],
        "notumor": [0.2],
    }


def test_a_class_of_which_no_image_could_be_read_has_no_brightness() -> None:
    table = small_index([("train", "glioma", 1, 1, "L", 0.1)])
    assert [v.tolist() for v in data.brightness(table).values() if len(v)] == [[0.1]]


# Thumbnails


@pytest.mark.usefixtures("shown", "pictures")
def test_a_thumbnail_is_a_small_png_of_an_indexed_image() -> None:
    png = data.thumbnail("Testing/glioma/glioma-0000.png")
    assert png is not None
    pixels = images.decode(png).pixels
    assert max(pixels.shape) <= 2 * data.THUMBNAIL_PX


@pytest.mark.usefixtures("shown")
def test_a_large_image_is_scaled_down_and_keeps_its_shape(
    own_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = np.tile(np.arange(200, dtype=np.uint8), (900, 4))[:, :450]
    (own_data / "Testing/glioma/glioma-0000.png").write_bytes(images.encode_png(large))
    monkeypatch.setenv("BRAINMRI_DATA", str(own_data))
    png = data.thumbnail("Testing/glioma/glioma-0000.png")
    assert png is not None
    assert images.decode(png).pixels.shape == (320, 160)


@pytest.mark.usefixtures("shown")
def test_there_is_no_thumbnail_without_the_images() -> None:
    assert data.thumbnail("Testing/glioma/glioma-0000.png") is None


@pytest.mark.usefixtures("bare", "pictures")
def test_there_is_no_thumbnail_without_an_index() -> None:
    assert data.thumbnail("Testing/glioma/glioma-0000.png") is None


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"no image")])
def test_an_indexed_image_that_went_bad_has_no_thumbnail(
    own_data: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], object]
) -> None:
    monkeypatch.setenv("BRAINMRI_DATA", str(own_data))
    damage(own_data / "Testing/glioma/glioma-0000.png")
    assert data.thumbnail("Testing/glioma/glioma-0000.png") is None


# The live predictor


@pytest.mark.usefixtures("bare")
def test_the_examples_are_the_same_every_time() -> None:
    assert [data.example(i)[0] for i in range(len(data.EXAMPLES))] == list(phantom.CLASSES)
    assert data.example(1) == data.example(1)
    assert images.decode(data.example(1)[1]).pixels.ndim == 2


def test_the_live_answer_is_that_of_the_scorer(shown: Path) -> None:
    pixels = phantom.draw("meningioma", 5)
    answered = data.answer(HASTY, images.encode_png(pixels))
    finding = answered.answer.finding
    assert finding is not None
    (expected,) = inference.load(shown, HASTY).classify([pixels])
    assert list(finding.probabilities) == CLASSES
    assert list(finding.probabilities.values()) == pytest.approx(expected.tolist(), abs=1e-7)
    assert sum(finding.probabilities.values()) == pytest.approx(1, abs=1e-6)
    assert finding.tumour.probability == pytest.approx(1 - finding.probabilities["notumor"])
    assert answered.looked.file.image.stored_size_px == pixels.shape[::-1]
    assert answered.looked.shape_px == pixels.shape
    assert answered.looked.file.image.mode == "L"
    assert np.array_equal(images.decode(answered.looked.picture_png).pixels, pixels)


def test_a_large_picture_is_shown_smaller_in_its_own_shape() -> None:
    looked = data.look(images.encode_png(np.zeros((1000, 3000), dtype=np.uint8)))
    assert images.decode(looked.picture_png).pixels.shape == (341, 1024)
    assert looked.shape_px == (1000, 3000)


def test_an_answer_writes_nothing(shown: Path, tmp_path: Path) -> None:
    def state() -> dict[str, str]:
        return {
            str(path): hashlib.sha256(path.read_bytes()).hexdigest()
            for folder in (shown, tmp_path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    before = state()
    data.answer(HASTY, data.example(0)[1])
    assert state() == before


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    ("run", "upload", "sentence"),
    [
        (HASTY, b"", "empty"),
        (HASTY, b"some text", "not a JPEG, PNG, BMP, TIFF, DICOM or NIfTI"),
        (CAREFUL, images.encode_png(phantom.draw("glioma", 1)), "comes without its model file"),
        ("nobody", images.encode_png(phantom.draw("glioma", 1)), 'There is no run "nobody"'),
        ("../models", images.encode_png(phantom.draw("glioma", 1)), "cannot be the name of a run"),
    ],
)
def test_no_answer_without_an_image_and_a_model(run: str, upload: bytes, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        data.answer(run, upload)


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("name", [HASTY, CAREFUL, "nobody", "../../etc"])
def test_warming_up_never_fails(name: str) -> None:
    data.warm_up(name, lambda _: None).join()


@pytest.mark.usefixtures("shown")
def test_warming_up_answers_an_example_once_and_shows_it() -> None:
    shown: list[data.Answered] = []
    for _ in range(2):
        data.warm_up(HASTY, shown.append).join()
    assert [one.run.name for one in shown] == [HASTY]


@pytest.mark.usefixtures("shown")
def test_what_goes_wrong_while_warming_up_is_nobodys_concern() -> None:
    def fail(answered: data.Answered) -> None:
        raise ValueError(answered.run.name)

    data.warm_up(HASTY, fail).join()
    assert data.answer(HASTY, images.encode_png(phantom.draw("glioma", 1))).run.name == HASTY
