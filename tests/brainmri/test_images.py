"""`brainmri.images`: what is decoded, and what is refused in one sentence."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from brainmri import images
from brainmri.errors import ImageError
from brainmri.images import MAX_PIXELS, decode, encode_png, resize
from tests.brainmri.files_to_read import BAD, Bad, encode, gradient, png, png_header


def luma(red: float, green: float, blue: float) -> float:
    """ITU-R BT.601, as the docstring promises."""
    return 0.299 * red + 0.587 * green + 0.114 * blue


def flat(mode: str, colour: object) -> Image.Image:
    return Image.new(mode, (8, 6), colour)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_refused_in_one_sentence_with_a_stable_code(case: Bad) -> None:
    with pytest.raises(ImageError) as caught:
        decode(case.data)
    assert caught.value.code == case.code
    message = str(caught.value)
    assert case.says in message
    assert message.endswith(".")
    assert "\n" not in message
    assert "processed" not in message  # Nor anything else that only a library says.


@pytest.mark.parametrize("kept", [1, 8, 20, 40])
def test_a_file_cut_off_anywhere_is_refused(kept: int) -> None:
    with pytest.raises(ImageError):
        decode(png()[:kept])


@given(st.binary(min_size=1, max_size=200))
def test_bytes_of_any_kind_are_refused_and_never_crash(noise: bytes) -> None:
    with pytest.raises(ImageError):
        decode(noise)


@given(st.integers(8, 60), st.integers(0, 7))
def test_a_damaged_header_gives_an_image_or_a_refusal_and_nothing_else(at: int, bit: int) -> None:
    damaged = bytearray(png())
    damaged[at] ^= 1 << bit
    try:
        found = str(decode(bytes(damaged)).pixels.dtype)
    except ImageError as error:
        found = error.code
    assert found in {"uint8", "damaged", "truncated", "too_large", "not_an_image"}


def test_the_size_limit_counts_pixels_not_sides() -> None:
    assert MAX_PIXELS == 64_000_000
    with pytest.raises(ImageError) as caught:
        decode(png_header(64_000_001, 1))
    assert caught.value.code == "too_large"
    with pytest.raises(ImageError) as caught:
        decode(png_header(8_000, 8_000))  # allowed, and then found to hold no pixels
    assert caught.value.code == "truncated"


def test_a_missing_file_is_refused_with_the_reason_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="No such file") as caught:
        decode(tmp_path / "gone.png")
    assert caught.value.code == "unreadable"


def test_a_folder_is_not_an_image(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="directory") as caught:
        decode(tmp_path)
    assert caught.value.code == "unreadable"


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF"])
def test_lossless_grey_comes_back_pixel_for_pixel(file_format: str) -> None:
    image = decode(encode(Image.fromarray(gradient()), file_format))
    np.testing.assert_array_equal(image.pixels, gradient())
    assert image.mode == "L"
    assert image.stored_size_px == (24, 16)


def test_grey_jpeg_comes_back_nearly() -> None:
    smooth = np.tile(np.arange(0, 240, 10, dtype=np.uint8), (16, 1))
    pixels = decode(encode(Image.fromarray(smooth), "JPEG", quality=95)).pixels
    assert np.abs(pixels.astype(int) - smooth).max() <= 4


def test_bytes_and_path_decode_alike(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(png())
    np.testing.assert_array_equal(decode(file).pixels, decode(png()).pixels)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGB", (200, 100, 50), luma(200, 100, 50)),
        ("RGBA", (200, 100, 50, 255), luma(200, 100, 50)),
        ("RGBA", (200, 100, 50, 0), 0),  # laid over black
        ("RGBA", (200, 200, 200, 128), 200 * 128 / 255),
        ("LA", (180, 255), 180),
        ("LA", (180, 0), 0),
        ("LA", (180, 64), 180 * 64 / 255),
        ("1", 1, 255),
    ],
)
def test_colour_and_transparency_become_grey(mode: str, colour: object, expected: float) -> None:
    image = decode(encode(flat(mode, colour), "PNG"))
    assert image.mode == mode
    assert image.pixels.shape == (6, 8)
    np.testing.assert_allclose(image.pixels, expected, atol=1.5)


def test_a_palette_is_looked_up_rather_than_taken_for_grey() -> None:
    picture = Image.new("P", (8, 6), 1)
    picture.putpalette([0, 0, 0, 250, 240, 10] + [0] * 750)
    image = decode(encode(picture, "PNG"))
    assert image.mode == "P"
    np.testing.assert_allclose(image.pixels, luma(250, 240, 10), atol=1.5)


def test_the_transparent_level_of_a_grey_image_is_black() -> None:
    picture = Image.fromarray(np.array([[10, 200, 30]], dtype=np.uint8))
    assert decode(encode(picture, "PNG", transparency=200)).pixels.tolist() == [[10, 0, 30]]


def test_the_transparent_entry_of_a_palette_is_black() -> None:
    picture = Image.new("P", (8, 6), 1)
    picture.putpixel((0, 0), 0)
    picture.putpalette([30, 30, 30, 250, 250, 250] + [0] * 750)
    pixels = decode(encode(picture, "PNG", transparency=1)).pixels
    assert pixels[0, 0] == 30
    assert pixels[1, 1] == 0


@pytest.mark.parametrize("file_format", ["JPEG", "TIFF"])
def test_cmyk_is_not_inverted(file_format: str) -> None:
    # No ink but a little black: a light picture.
    image = decode(encode(flat("CMYK", (0, 0, 0, 40)), file_format))
    assert image.mode == "CMYK"
    np.testing.assert_allclose(image.pixels, 255 - 40, atol=3)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_sixteen_bit_is_scaled_from_its_own_range_and_does_not_saturate(file_format: str) -> None:
    deep = np.array([[1000, 3000], [5000, 2000]], dtype=np.uint16)
    pixels = decode(encode(Image.fromarray(deep), file_format)).pixels
    # (value - 1000) / 4000 * 255
    np.testing.assert_array_equal(pixels, [[0, 128], [255, 64]])


def test_a_flat_sixteen_bit_image_is_black_not_a_division_by_zero() -> None:
    deep = np.full((4, 4), 700, dtype=np.uint16)
    np.testing.assert_array_equal(decode(encode(Image.fromarray(deep), "PNG")).pixels, 0)


def test_a_float_tiff_is_scaled_and_one_with_nan_is_refused() -> None:
    values = np.array([[-1.0, 0.0], [0.5, 1.0]], dtype=np.float32)
    pixels = decode(encode(Image.fromarray(values), "TIFF")).pixels
    np.testing.assert_array_equal(pixels, np.rint([[0, 127.5], [191.25, 255]]))
    values[0, 0] = np.nan
    with pytest.raises(ImageError, match="not numbers"):
        decode(encode(Image.fromarray(values), "TIFF"))


# --- grey images that are stored as colour JPEGs: most of the real ones ----------------------


def as_jpeg(pixels: NDArray[np.uint8], **options: object) -> bytes:
    return encode(Image.fromarray(pixels), "JPEG", **options)


def luma_by_pillow(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("L"))


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"progressive": True}])
def test_a_grey_picture_stored_as_a_colour_jpeg_keeps_every_pixel(
    subsampling: int, options: dict[str, object]
) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (45, 37), dtype=np.uint8)
    for width in (37, 36, 8):
        stored = np.repeat(grey[:, :width, None], 3, axis=2)
        data = as_jpeg(stored, subsampling=subsampling, quality=90, **options)
        image = decode(data)
        assert image.mode == "RGB"
        np.testing.assert_array_equal(image.pixels, luma_by_pillow(data))


@given(st.integers(0, 10_000), st.integers(0, 60), st.booleans())
def test_a_colour_jpeg_is_never_taken_for_a_grey_one(
    seed: int, tint: int, one_corner: bool
) -> None:
    rng = np.random.default_rng(seed)
    pixels = np.repeat(rng.integers(0, 196, (24, 32, 1), dtype=np.uint8), 3, axis=2)
    where = np.s_[:8, :8, 0] if one_corner else np.s_[:, :, 0]
    pixels[where] += np.uint8(tint)
    data = as_jpeg(pixels, optimize=True, quality=95)
    np.testing.assert_array_equal(decode(data).pixels, luma_by_pillow(data))


def test_the_short_cut_for_grey_jpegs_is_taken_exactly_when_the_tables_allow_it() -> None:
    grey = np.repeat(gradient()[:, :, None], 3, axis=2)
    tinted = grey.copy()
    tinted[:, :, 2] = 0
    for pixels, options, taken in [
        (grey, {"optimize": True}, True),
        (grey, {}, False),  # the standard tables could say anything
        (tinted, {"optimize": True}, False),
    ]:
        data = as_jpeg(pixels, **options)
        with Image.open(io.BytesIO(data)) as image:
            assert images._is_grey_jpeg(image, data) is taken


@given(st.integers(0, 10_000))
def test_a_damaged_colour_jpeg_gives_an_image_or_a_refusal(seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(as_jpeg(np.repeat(gradient()[:, :, None], 3, axis=2), optimize=True))
    for at in rng.integers(2, len(data), 3):
        data[at] = rng.integers(256)
    try:
        found = str(decode(bytes(data)).pixels.dtype)
    except ImageError as error:
        found = error.code
    assert found in {"uint8", "damaged", "truncated", "not_an_image", "too_large"}


@given(st.integers(0, 300), st.integers(0, 10_000))
def test_the_histogram_agrees_with_counting(n: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, n, dtype=np.uint8)
    expected = np.bincount(pixels, minlength=256)
    np.testing.assert_array_equal(images.grey_histogram(pixels), expected)
    np.testing.assert_array_equal(images.grey_histogram(pixels.tobytes()), expected)


# EXIF orientation: how the stored rows and columns become the upright picture (Exif 2.3, 4.6.4).
UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).T,
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation_is_applied_and_the_stored_size_kept(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode(encode(Image.fromarray(gradient()), "PNG", exif=exif))
    np.testing.assert_array_equal(image.pixels, UPRIGHT[orientation](gradient()))
    assert image.stored_size_px == (24, 16)


def test_exif_orientation_of_a_jpeg_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    dark_left = np.zeros((16, 32), dtype=np.uint8)
    dark_left[:, 16:] = 255
    pixels = decode(encode(Image.fromarray(dark_left), "JPEG", exif=exif)).pixels
    assert pixels.shape == (32, 16)
    assert pixels[:12].max() < 20  # the left of the file is the top of the picture
    assert pixels[20:].min() > 235


def test_a_photograph_far_larger_than_slices_is_decoded_at_half_its_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And nothing else is: a scan keeps every pixel that it has."""
    picture = Image.linear_gradient("L").resize((301, 200))
    colour = Image.merge("RGB", [picture, picture.rotate(180), picture])
    exif = Image.Exif()
    exif[0x0112] = 6
    monkeypatch.setattr(images, "FAR_LARGER_PIXELS", 301 * 200)
    assert decode(encode(colour, "JPEG")).picture.size == (301, 200)
    monkeypatch.setattr(images, "FAR_LARGER_PIXELS", 301 * 200 - 1)
    for form in ({}, {"progressive": True}):
        half = decode(encode(colour, "JPEG", exif=exif, **form))
        assert half.picture.size == (100, 151), "upright, and rounded up"
        assert half.stored_size_px == (301, 200)
        expected = colour.convert("L").transpose(Image.Transpose.ROTATE_270).resize((100, 151))
        difference = np.abs(half.pixels.astype(int) - np.asarray(expected).astype(int))
        assert difference.mean() < 2
    assert decode(encode(colour, "PNG")).picture.size == (301, 200)
    assert decode(encode(picture, "JPEG")).picture.size == (151, 100)


def test_resize_takes_width_then_height_and_leaves_a_fitting_image_alone() -> None:
    pixels = gradient(24, 16)
    assert resize(pixels, (10, 5)).shape == (5, 10)
    assert resize(pixels, (24, 16)) is pixels


def test_resize_is_antialiased() -> None:
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (64, 32))
    shrunk = resize(stripes, (8, 8))  # nearest-neighbour would give 0 or 255
    np.testing.assert_allclose(shrunk, 127.5, atol=12)


def test_encode_png_is_lossless() -> None:
    with Image.open(io.BytesIO(encode_png(gradient()))) as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.asarray(image), gradient())


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_read_permission_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret.png"
    file.write_bytes(png())
    file.chmod(0)
    with pytest.raises(ImageError, match="Permission denied"):
        decode(file)
