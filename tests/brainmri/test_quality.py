"""`brainmri.quality`: measurements by hand, and planted bad images that are found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter
from scipy import ndimage, stats

from brainmri import phantom, quality
from brainmri.features import THUMBNAIL_PX

N = 60


def thumbnail(pixels: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> Image.Image:
    return Image.fromarray(pixels).resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BILINEAR)


@pytest.fixture(scope="module")
def slices() -> list[Image.Image]:
    return [thumbnail(phantom.draw(phantom.CLASSES[i % 4], i)) for i in range(N)]


def measured(slices: list[Image.Image]) -> pd.DataFrame:
    """The table that `flagged` takes, every image of 512 x 512 pixels."""
    thumbnails = np.stack([np.asarray(one) for one in slices])
    table = pd.DataFrame(quality.measure(thumbnails))
    table["brightness"] = thumbnails.mean(axis=(1, 2)) / 255
    return table.assign(width_px=512, height_px=512)


def test_an_even_image_has_no_sharpness_no_entropy_and_a_border_as_light_as_itself() -> None:
    even = np.stack([np.full((8, 8), 200), np.full((8, 8), 10)]).astype(np.uint8)
    found = quality.measure(even)
    assert found["sharpness"].tolist() == [0, 0]
    assert found["fineness"].tolist() == [0, 0]
    assert found["entropy_bits"].tolist() == [0, 0]
    assert found["border_share"].tolist() == [1, 0]


def test_four_grey_levels_in_equal_shares_are_two_bits() -> None:
    image = np.repeat([0, 80, 160, 240], 16).reshape(1, 8, 8).astype(np.uint8)
    assert quality.measure(image)["entropy_bits"][0] == pytest.approx(2)


def test_the_border_is_the_outermost_ring_with_each_corner_once() -> None:
    image = np.zeros((1, 5, 5), dtype=np.uint8)
    image[0, 1:-1, 1:-1] = 99
    image[0, 0, 0] = image[0, -1, -1] = 50
    ring = quality.border(image)
    assert ring.shape == (1, 16)
    assert sorted(ring[0].tolist())[-3:] == [0, 50, 50]
    assert quality.measure(image)["border_share"][0] == pytest.approx(2 / 16)


def test_sharpness_and_entropy_agree_with_scipy(slices: list[Image.Image]) -> None:
    thumbnails = np.stack([np.asarray(one) for one in slices[:5]])
    found = quality.measure(thumbnails)
    for i, image in enumerate(thumbnails):
        laplacian = ndimage.laplace(image.astype(float))[1:-1, 1:-1]
        assert found["sharpness"][i] == pytest.approx(laplacian.var(), rel=1e-5)
        counts = np.bincount(image.ravel(), minlength=256)
        assert found["entropy_bits"][i] == pytest.approx(stats.entropy(counts, base=2))


def test_fineness_falls_with_blur_and_not_with_contrast(slices: list[Image.Image]) -> None:
    blurred = slices[0].filter(ImageFilter.GaussianBlur(2))
    dim = slices[0].point(lambda level: level // 2)
    plain, soft, faint = quality.measure(
        np.stack([np.asarray(one) for one in (slices[0], blurred, dim)])
    )["fineness"]
    assert soft < plain / 3
    assert faint == pytest.approx(plain, rel=0.1)


def test_images_that_are_alike_have_no_flag() -> None:
    table = pd.DataFrame({"brightness": [0.2] * 9, "fineness": 3.0, "entropy_bits": 6.0})
    found, thresholds = quality.flagged(table.assign(width_px=64, height_px=64))
    assert not found[list(quality.FLAGS)].to_numpy().any()
    assert thresholds["images"].sum() == 0


def test_a_planted_dark_bright_blurred_and_empty_image_are_each_found(
    slices: list[Image.Image],
) -> None:
    planted = slices.copy()
    planted[3] = slices[3].point(lambda level: level // 8)
    planted[10] = slices[10].point(lambda level: min(255, 190 + level // 4))
    planted[20] = slices[20].filter(ImageFilter.GaussianBlur(3))
    planted[30] = Image.new("L", (THUMBNAIL_PX, THUMBNAIL_PX), 40)
    found, thresholds = quality.flagged(measured(planted))
    assert found.index[found["dark"]].tolist() == [3]
    assert found.index[found["bright"]].tolist() == [10]
    assert {20, 30} <= set(found.index[found["blurred"]])
    assert found["blurred"].sum() <= 4
    assert found["low_information"][30]
    assert not found["odd_size"].any()
    assert set(thresholds["flag"]) == set(quality.FLAGS)


def test_a_size_far_from_the_common_ones_and_an_extreme_shape_are_odd() -> None:
    width, height = [512] * 60 + [225] * 30 + [240] * 6, [512] * 60 + [225] * 30 + [240] * 6
    table = pd.DataFrame({"width_px": [*width, 2000, 600], "height_px": [*height, 2000, 200]})
    found, _ = quality.flagged(table.assign(brightness=0.2, fineness=3.0, entropy_bits=6.0))
    assert found.index[found["odd_size"]].tolist() == [96, 97]
    assert found["size_distance_log2"].iloc[[0, 60, 96]].tolist() == pytest.approx(
        [0, 0, np.log2(2000 / 512)]
    )


def test_the_threshold_is_the_median_and_a_number_of_robust_deviations() -> None:
    entropy = np.array([5.0, 5.5, 6.0, 6.5, 7.0, 1.0])
    table = pd.DataFrame({"entropy_bits": entropy, "brightness": 0.2, "fineness": 3.0})
    found, thresholds = quality.flagged(table.assign(width_px=64, height_px=64))
    [row] = thresholds.query("flag == 'low_information'").to_dict("records")
    median = 5.75  # and the absolute deviations are 0.25, 0.25, 0.75, 0.75, 1.25 and 4.75
    assert row["median"] == median
    assert row["low"] == pytest.approx(median - 3 * 1.4826 * 0.75)
    assert found["low_information"].tolist() == [False] * 5 + [True]
