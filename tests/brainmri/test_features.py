"""`brainmri.features`: what the index keeps of one image, against independent computations."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import scipy.fft
from numpy.typing import NDArray
from PIL import Image

from brainmri import phantom
from brainmri.duplicates import MAX_DISTANCE
from brainmri.features import (
    HASH_BITS,
    THUMBNAIL_PX,
    perceptual_hashes,
    read_batch,
)
from tests.brainmri.files_to_read import BAD, Bad, encode, gradient, png
from tests.brainmri.one_file import ImageFeatures, read_features


def features_of(data: bytes, folder: Path, name: str = "image.png") -> ImageFeatures:
    file = folder / name
    file.write_bytes(data)
    features = read_features(file)
    assert isinstance(features, ImageFeatures), features
    return features


def distance(left: bytes, right: bytes) -> int:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).bit_count()


def test_a_row_holds_size_mode_bytes_brightness_and_spread(tmp_path: Path) -> None:
    data = encode(Image.fromarray(gradient()), "BMP")
    row = features_of(data, tmp_path, "a.bmp")
    assert (row.width_px, row.height_px, row.mode, row.size_bytes) == (24, 16, "L", len(data))
    assert row.mean_intensity == pytest.approx(gradient().mean() / 255, abs=1e-12)
    assert row.std_intensity == pytest.approx(gradient().std() / 255, abs=1e-12)


@pytest.mark.parametrize("level", [0, 77, 255])
def test_a_flat_image_has_no_spread(level: int, tmp_path: Path) -> None:
    row = features_of(png(np.full((9, 9), level, dtype=np.uint8)), tmp_path)
    assert row.mean_intensity == pytest.approx(level / 255)
    assert row.std_intensity == pytest.approx(0, abs=1e-7)


def test_the_file_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    assert features_of(png(), tmp_path).file_sha256 == hashlib.sha256(png()).hexdigest()


def test_equal_pixels_in_different_containers_have_one_pixel_hash(tmp_path: Path) -> None:
    as_png = features_of(png(), tmp_path, "a.png")
    as_bmp = features_of(encode(Image.fromarray(gradient()), "BMP"), tmp_path, "a.bmp")
    assert as_png.pixel_sha256 == as_bmp.pixel_sha256
    assert as_png.file_sha256 != as_bmp.file_sha256


def test_the_pixel_hash_knows_the_shape_and_every_pixel(tmp_path: Path) -> None:
    wide = features_of(png(np.zeros((4, 8), dtype=np.uint8)), tmp_path)
    tall = features_of(png(np.zeros((8, 4), dtype=np.uint8)), tmp_path)
    touched = np.zeros((4, 8), dtype=np.uint8)
    touched[3, 7] = 1
    assert len({wide.pixel_sha256, tall.pixel_sha256}) == 2
    assert features_of(png(touched), tmp_path).pixel_sha256 != wide.pixel_sha256


def test_a_rotated_photo_and_its_upright_copy_have_one_pixel_hash(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = features_of(encode(Image.fromarray(gradient()), "PNG", exif=exif), tmp_path)
    upright = features_of(png(np.rot90(gradient(), -1)), tmp_path)
    assert turned.pixel_sha256 == upright.pixel_sha256
    assert (turned.width_px, turned.height_px) == (24, 16)
    assert (upright.width_px, upright.height_px) == (16, 24)


def test_the_thumbnail_is_a_square_that_keeps_the_brightness(tmp_path: Path) -> None:
    pixels = phantom.draw("glioma", 3)
    thumbnail = features_of(png(pixels), tmp_path).thumbnail
    assert thumbnail.shape == (THUMBNAIL_PX, THUMBNAIL_PX)
    assert thumbnail.dtype == np.uint8
    assert thumbnail.mean() == pytest.approx(pixels.mean(), abs=1)
    expected = Image.fromarray(pixels).resize((128, 128), Image.Resampling.BILINEAR)
    assert np.abs(np.asarray(expected, dtype=int) - thumbnail).mean() < 3


def phash_by_scipy(thumbnail: NDArray[np.uint8]) -> bytes:
    """Zauner 2010 with 64 x 64 pixels and 16 x 16 frequencies, on scipy's DCT in float64."""
    small = Image.fromarray(thumbnail).resize((64, 64), Image.Resampling.LANCZOS)
    low = scipy.fft.dctn(np.asarray(small, dtype=np.float64), type=2)[:16, :16]
    return np.packbits((low > np.median(low)).ravel()).tobytes()


@pytest.mark.parametrize("label", phantom.CLASSES)
@pytest.mark.parametrize("seed", range(3))
def test_the_perceptual_hash_agrees_with_scipys_dct(label: str, seed: int, tmp_path: Path) -> None:
    row = features_of(png(phantom.draw(label, seed)), tmp_path)
    expected = phash_by_scipy(row.thumbnail)
    assert len(row.phash) == len(expected) == HASH_BITS // 8
    assert distance(row.phash, expected) <= 2  # float32 may turn a bit that ties with the median


@pytest.mark.parametrize("seed", range(4))
def test_the_mirrored_hash_is_the_hash_of_the_mirror_image(seed: int) -> None:
    pixels = phantom.draw("meningioma", seed)
    plain, mirrored = perceptual_hashes(pixels)
    plain_of_mirror, mirrored_of_mirror = perceptual_hashes(np.ascontiguousarray(pixels[:, ::-1]))
    assert distance(mirrored, plain_of_mirror) <= 4
    assert distance(plain, mirrored_of_mirror) <= 4
    assert distance(plain, mirrored) > MAX_DISTANCE


def test_scoring_and_indexing_compute_the_same_hashes(tmp_path: Path) -> None:
    pixels = phantom.draw("pituitary", 1)
    row = features_of(png(pixels), tmp_path)
    assert perceptual_hashes(pixels) == (row.phash, row.phash_mirrored)


def test_a_rescaled_and_recompressed_copy_is_near_and_another_slice_is_far(tmp_path: Path) -> None:
    pixels = phantom.draw("glioma", 5)
    height, width = pixels.shape
    copy = Image.fromarray(pixels).resize((width * 2, height * 2), Image.Resampling.BICUBIC)
    original = features_of(png(pixels), tmp_path).phash
    copied = features_of(encode(copy, "JPEG", quality=80), tmp_path, "copy.jpg").phash
    other = features_of(png(phantom.draw("glioma", 6)), tmp_path).phash
    assert distance(original, copied) <= MAX_DISTANCE
    assert distance(original, other) > MAX_DISTANCE


def test_a_batch_gives_what_its_files_give_alone_in_order(tmp_path: Path) -> None:
    files = [tmp_path / f"{i}.png" for i in range(21)]
    for i, file in enumerate(files):
        file.write_bytes(png(phantom.draw("glioma", i // 2)))  # every second one a copy
    files[4].write_bytes(b"")
    files[7].unlink()
    rows, thumbnails = read_batch(files)
    assert len(rows) == 21
    assert len(thumbnails) == 19
    left = iter(thumbnails)
    for file, row in zip(files, rows, strict=True):
        alone = read_features(file)
        if isinstance(alone, str):
            assert row == alone
            continue
        assert isinstance(row, dict)
        for name, value in row.items():
            assert getattr(alone, name) == value, name
        np.testing.assert_array_equal(next(left), alone.thumbnail)


def test_an_empty_batch_has_no_rows() -> None:
    rows, thumbnails = read_batch([])
    assert rows == []
    assert thumbnails.shape == (0, THUMBNAIL_PX, THUMBNAIL_PX)


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_a_bad_file_gives_its_sentence_instead_of_a_row(case: Bad, tmp_path: Path) -> None:
    file = tmp_path / case.name
    file.write_bytes(case.data)
    reason = read_features(file)
    assert isinstance(reason, str)
    assert case.says in reason


def test_a_file_that_vanished_gives_its_sentence(tmp_path: Path) -> None:
    reason = read_features(tmp_path / "gone.png")
    assert isinstance(reason, str)
    assert "No such file" in reason
