"""`brainmri.preprocessing`: the same square in training, scoring and the dashboard."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

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
    for one in (Preprocessing(), Preprocessing(size_px=96)):
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
