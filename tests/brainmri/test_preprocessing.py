"""`brainmri.preprocessing`: the same square in training, scoring and the dashboard."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from brainmri import phantom
from brainmri.errors import InputError
from brainmri.preprocessing import Preprocessing, network_input
from tests.brainmri.files_to_read import gradient


def test_both_sides_are_stretched_to_the_square() -> None:
    wide = gradient(60, 20)
    square = Preprocessing(size_px=32).square(wide)
    assert square.shape == (32, 32)
    assert square.dtype == np.uint8
    expected = Image.fromarray(wide).resize((32, 32), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(square, np.asarray(expected))


def test_the_reference_size_is_the_default() -> None:
    assert Preprocessing().square(gradient()).shape == (256, 256)


def test_network_input_is_float_between_0_and_1_with_a_channel() -> None:
    squares = np.array([[[0, 255], [51, 102]]], dtype=np.uint8)
    fed = network_input(squares)
    assert fed.dtype == np.float32
    assert fed.shape == (1, 1, 2, 2)
    np.testing.assert_allclose(fed[0, 0], np.array([[0.0, 1.0], [0.2, 0.4]]), rtol=1e-6)


def test_json_comes_back_as_it_was_written() -> None:
    for one in (Preprocessing(), Preprocessing(size_px=96), Preprocessing(160, "head")):
        assert Preprocessing.from_json(one.to_json()) == one


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"size_px": 256},
        {"size_px": 256, "fit": "pad"},
        {"size_px": "256", "fit": "stretch"},
        {"size_px": 256, "fit": "stretch", "crop": 1},
    ],
)
def test_a_step_that_this_version_does_not_know_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(InputError, match="not known to this version"):
        Preprocessing.from_json(values)


# --- the canonical form ------------------------------------------------------------------------


CANONICAL = Preprocessing(96, "head")


def assert_alike(left: NDArray[np.uint8], right: NDArray[np.uint8], *, most: float) -> None:
    """Mean difference in grey levels."""
    assert np.abs(left.astype(float) - right).mean() < most


def slice_with_ground() -> NDArray[np.uint8]:
    return np.pad(phantom.draw("glioma", 3), 40)


def test_size_border_brightness_and_contrast_carry_nothing() -> None:
    plain = slice_with_ground()
    form = CANONICAL.square(plain)
    wider = np.pad(plain, ((0, 10), (60, 200)))
    larger = np.asarray(Image.fromarray(plain).resize((700, 760), Image.Resampling.BICUBIC))
    square = np.asarray(Image.fromarray(plain).resize(plain.shape[::-1]))
    dimmer = (20 + 0.4 * plain).astype(np.uint8)
    assert_alike(CANONICAL.square(wider), form, most=4)
    assert_alike(CANONICAL.square(dimmer), form, most=4)
    assert_alike(CANONICAL.square(square), form, most=1)
    assert CANONICAL.square(larger).shape == form.shape


def test_the_shape_of_the_head_stays() -> None:
    y, x = np.mgrid[:200, :300]
    oval = (200 * (np.hypot((y - 100) / 90, (x - 150) / 60) < 1)).astype(np.uint8)
    rows, columns = (np.flatnonzero(CANONICAL.square(oval).max(axis=a) > 100) for a in (1, 0))
    assert len(rows) == pytest.approx(0.94 * 96, abs=3)  # the margin on both sides is left black
    assert len(columns) / len(rows) == pytest.approx(60 / 90, abs=0.05)


def test_the_head_runs_from_black_to_white_on_black_ground() -> None:
    form = CANONICAL.square((60 + 0.2 * slice_with_ground()).astype(np.uint8))
    assert (form.min(), form.max()) == (0, 255)
    assert not form[:2].any()
    assert not form[:, :2].any()


def test_every_picture_has_a_canonical_form() -> None:
    for pixels in (np.zeros((9, 300)), np.full((300, 9), 255), np.ones((1, 1)), np.eye(40) * 255):
        form = CANONICAL.square(pixels.astype(np.uint8))
        assert form.shape == (96, 96)
        assert form.dtype == np.uint8
