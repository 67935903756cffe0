"""`brainmri.head`: the head is found whatever is drawn around it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from brainmri import head, phantom


def disc(
    height: int, width: int, row: float, column: float, radius: float, level: int = 150
) -> NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width]
    image = np.zeros((height, width), dtype=np.uint8)
    image[np.hypot(y - row, x - column) < radius] = level
    return image


def assert_box(found: head.Head, expected: tuple[float, ...], tolerance_px: float) -> None:
    assert np.abs(np.array(found.box) - expected).max() <= tolerance_px, found.box


@pytest.mark.parametrize("level", [20, 150, 255])
def test_the_box_of_a_disc_whatever_its_brightness(level: int) -> None:
    found = head.find(disc(256, 256, 100, 140, 60, level))
    assert_box(found, (80, 40, 200, 160), 8)  # two coarse pixels
    assert found.mask.mean() == pytest.approx(np.pi / 4, abs=0.05)


def test_the_slice_may_be_wide_tall_large_or_small() -> None:
    assert_box(head.find(disc(120, 480, 60, 240, 50)), (190, 10, 290, 110), 16)
    assert_box(head.find(disc(480, 120, 240, 60, 50)), (10, 190, 110, 290), 16)
    assert_box(head.find(disc(40, 40, 20, 20, 12)), (8, 8, 32, 32), 2)


@pytest.mark.parametrize("background", [0, 40])
def test_a_drawn_frame_and_text_in_a_corner_are_left_out(background: int) -> None:
    plain = np.maximum(disc(256, 256, 128, 128, 80), background).astype(np.uint8)
    drawn = plain.copy()
    drawn[3:8], drawn[-8:-3], drawn[:, 3:8], drawn[:, -8:-3] = 255, 255, 255, 255
    drawn[20:32, 20:60] = 255
    assert_box(head.find(drawn), head.find(plain).box, 5)


def test_scalp_and_brain_are_one_head_although_the_skull_is_dark() -> None:
    y, x = np.mgrid[:256, :256]
    radius = np.hypot(y - 128, x - 128)
    image = np.zeros((256, 256), dtype=np.uint8)
    image[radius < 80] = 120
    image[(radius > 88) & (radius < 95)] = 220
    found = head.find(image)
    assert_box(found, (33, 33, 223, 223), 8)
    assert found.mask[found.mask.shape[0] // 2].all()  # the dark ring is filled


def test_noise_in_the_ground_is_not_head() -> None:
    rng = np.random.default_rng(0)
    noisy = np.clip(disc(256, 256, 128, 128, 70) + rng.normal(8, 5, (256, 256)), 0, 255)
    assert_box(head.find(noisy.astype(np.uint8)), (58, 58, 198, 198), 8)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_without_a_head_is_taken_whole(level: int) -> None:
    found = head.find(np.full((50, 80), level, dtype=np.uint8))
    assert found.box == (0.0, 0.0, 80.0, 50.0)
    assert found.mask.all()


@pytest.mark.parametrize("label", phantom.CLASSES)
def test_a_mirrored_slice_has_the_mirrored_head(label: str) -> None:
    for seed in range(5):
        image = phantom.draw(label, seed)
        left, top, right, bottom = head.find(image).box
        width = image.shape[1]
        coarse = width / 64 * 3
        assert_box(head.find(image[:, ::-1]), (width - right, top, width - left, bottom), coarse)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1), st.booleans())
def test_every_picture_has_a_box_inside_it_and_a_mask(
    height: int, width: int, seed: int, sparse: bool
) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width), dtype=np.uint8)
    if sparse:
        image[rng.random((height, width)) < 0.8] = 0
    (left, top, right, bottom), mask = head.find(image)
    assert 0 <= left < right <= width + 1e-9
    assert 0 <= top < bottom <= height + 1e-9
    assert mask.any()


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.05, 0.95), st.integers(0, 2**32 - 1))
def test_the_largest_region_is_that_of_scipy(
    height: int, width: int, share: float, seed: int
) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < share
    numbers, count = ndimage.label(mask)
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)[1:]
    found = head.largest(mask)
    assert (found <= mask).all()
    assert found.sum() == sizes.max(initial=0)
    assert len(np.unique(numbers[found])) == min(count, 1)  # of one region, and all of it
