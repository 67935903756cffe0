"""`brainmri.burned_in`: whether there seems to be text in a picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from brainmri import burned_in, images, intake, phantom
from tests.brainmri import volumes
from tests.brainmri.lettering import NAME, lettered


@pytest.mark.parametrize("size_px", [9, 12, 17, 24])
@pytest.mark.parametrize("corner", ["top left", "top right", "bottom left", "bottom right"])
@pytest.mark.parametrize("grey", [150, 255])
def test_a_name_in_a_corner_is_seen(size_px: int, corner: str, grey: int) -> None:
    pixels = lettered(phantom.draw("notumor", 3), size_px=size_px, corner=corner, grey=grey)
    assert burned_in.seen(pixels)


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_one_line_is_enough(lines: int) -> None:
    text = "\n".join(NAME.split("\n")[:lines])
    assert burned_in.seen(lettered(phantom.draw("glioma", 4), text=text))


def test_letters_over_tissue_are_seen_where_they_stand_out() -> None:
    pixels = np.full((256, 256), 90, dtype=np.uint8)
    pixels += np.random.default_rng(0).integers(0, 12, pixels.shape, dtype=np.uint8)
    assert burned_in.seen(lettered(pixels))


def test_a_larger_picture_with_larger_letters_is_no_other() -> None:
    pixels = lettered(phantom.draw("glioma", 1))
    size = (8 * pixels.shape[1], 8 * pixels.shape[0])
    assert burned_in.seen(np.asarray(Image.fromarray(pixels).resize(size)))


def test_slices_without_text_are_not_flagged() -> None:
    flagged = [
        burned_in.seen(phantom.draw(label, seed)) for seed in range(25) for label in phantom.CLASSES
    ]
    assert sum(flagged) <= 2


@pytest.mark.parametrize("mark", ["R", "L", "A"])
def test_a_single_letter_names_nobody(mark: str) -> None:
    assert not burned_in.seen(lettered(phantom.draw("glioma", 1), text=mark, size_px=14))


def test_noise_and_flat_pictures_hold_no_text() -> None:
    noise = np.random.default_rng(0).normal(20, 8, (300, 300)).clip(0, 255).astype(np.uint8)
    assert not burned_in.seen(noise)
    assert burned_in.level(np.zeros((200, 100), dtype=np.uint8)) == 0


@settings(deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1))
def test_every_picture_has_a_level(height: int, width: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    assert 0 <= burned_in.level(pixels) <= 36


# --- the file --------------------------------------------------------------------------------


def test_the_notice_of_a_file_says_to_look_for_a_name() -> None:
    slice_ = phantom.draw("glioma", 1)
    (notice,) = intake.read(images.encode_png(lettered(slice_))).notices
    assert notice.code == intake.TEXT_SEEN
    assert "Look whether it names a person" in notice.message
    assert intake.read(images.encode_png(slice_)).notices == ()


def test_what_the_header_says_is_not_said_twice() -> None:
    frame = lettered(phantom.draw("glioma", 1))[None]
    for said, code in (("YES", intake.BURNED_IN), ("NO", intake.TEXT_SEEN)):
        data = volumes.dicom(frame, BurnedInAnnotation=said)
        assert [notice.code for notice in intake.read(data).notices] == [code]


def test_text_in_a_slice_of_a_volume_is_seen_too() -> None:
    plain = phantom.draw("glioma", 1)
    data = volumes.dicom(np.stack([plain, lettered(plain)]))
    assert intake.read(data, number=1).notices == ()
    assert [notice.code for notice in intake.read(data, number=2).notices] == [intake.TEXT_SEEN]
