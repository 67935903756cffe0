"""`brainmri.phantom`: synthetic slices that are the same everywhere and differ by class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brainmri import phantom
from brainmri.errors import OutputError
from brainmri.images import decode
from tests.brainmri.files_to_read import snapshot


@pytest.mark.parametrize("label", phantom.CLASSES)
def test_the_same_seed_draws_the_same_pixels(label: str) -> None:
    np.testing.assert_array_equal(phantom.draw(label, 7), phantom.draw(label, 7))


def test_another_seed_or_class_draws_other_pixels() -> None:
    slices = [phantom.draw("glioma", 1), phantom.draw("glioma", 2), phantom.draw("notumor", 1)]
    assert len({one.tobytes() for one in slices}) == 3


@pytest.mark.parametrize("label", phantom.CLASSES)
def test_a_slice_is_a_bright_head_on_a_dark_ground(label: str) -> None:
    for seed in range(5):
        pixels = phantom.draw(label, seed)
        height, width = pixels.shape
        assert pixels.dtype == np.uint8
        assert 160 <= height <= 320
        assert 0.84 * height <= width <= height
        middle = pixels[height // 4 : -height // 4, width // 4 : -width // 4]
        corners = [pixels[:8, :8], pixels[:8, -8:], pixels[-8:, :8], pixels[-8:, -8:]]
        assert middle.mean() > 2 * np.mean(corners)


def test_sizes_and_brightness_vary() -> None:
    slices = [phantom.draw("notumor", seed) for seed in range(8)]
    assert len({one.shape for one in slices}) > 4
    assert np.ptp([one.mean() for one in slices]) > 10


def test_a_class_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="there are glioma, meningioma, notumor, pituitary"):
        phantom.draw("fracture", 0)


def test_a_data_set_has_the_folders_and_counts_asked_for(tmp_path: Path) -> None:
    assert phantom.write_dataset(tmp_path, train_per_class=3, test_per_class=1) == 16
    counts = {
        (split, label): len(list((tmp_path / split / label).glob("*.png")))
        for split in ("Training", "Testing")
        for label in phantom.CLASSES
    }
    expected = {("Training", k): 3 for k in phantom.CLASSES}
    assert counts == expected | {("Testing", k): 1 for k in phantom.CLASSES}


def test_a_data_set_is_the_same_each_time_and_differs_by_seed(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        phantom.write_dataset(tmp_path / name, train_per_class=2, test_per_class=1, seed=seed)
    assert snapshot(tmp_path / "a") == snapshot(tmp_path / "b")
    shared = set(snapshot(tmp_path / "a").values()) & set(snapshot(tmp_path / "c").values())
    assert shared == set()


def test_no_test_slice_is_a_training_slice(phantom_data: Path) -> None:
    train = {decode(p).pixels.tobytes() for p in (phantom_data / "Training").rglob("*.png")}
    test = {decode(p).pixels.tobytes() for p in (phantom_data / "Testing").rglob("*.png")}
    assert train
    assert test
    assert not train & test


def test_a_folder_that_cannot_be_written_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"^Could not write to .*\.$"):
        phantom.write_dataset(tmp_path / "file" / "data", train_per_class=1, test_per_class=1)
