"""`brainmri.training.transforms`: small changes, drawn anew for every image."""

from __future__ import annotations

import torch

from brainmri.training.transforms import augmentation


def blobs(n: int) -> torch.Tensor:
    image = torch.zeros(1, 1, 48, 48, dtype=torch.uint8)
    image[..., 20:30, 8:16] = 180  # left of the middle
    return image.repeat(n, 1, 1, 1)


def test_shape_and_type_stay_and_the_input_is_left_alone() -> None:
    images = blobs(3)
    out = augmentation()(images)
    assert out.shape == images.shape
    assert out.dtype == torch.uint8
    assert torch.equal(images, blobs(3))


def test_every_image_of_a_batch_is_drawn_anew_and_the_seed_repeats_it() -> None:
    augment = augmentation()
    torch.manual_seed(1)
    first = augment(blobs(8))
    torch.manual_seed(1)
    again = augment(blobs(8))
    assert torch.equal(first, again)
    assert len({image.numpy().tobytes() for image in first}) == 8


def test_about_half_are_mirrored_and_nothing_else_moves() -> None:
    torch.manual_seed(0)
    out = augmentation()(blobs(200))
    lit = out > 60
    plain = blobs(1) > 60
    mirrored = plain.flip(-1)
    flipped = (lit == mirrored).flatten(1).all(dim=1)
    kept = (lit == plain).flatten(1).all(dim=1)
    assert (flipped | kept).all()
    assert 70 < int(flipped.sum()) < 130


def test_exposure_varies_by_a_tenth_or_two_and_no_more() -> None:
    torch.manual_seed(0)
    brightest = augmentation()(blobs(200)).flatten(1).max(dim=1).values.float()
    assert brightest.std() > 2
    assert brightest.min() > 180 * 0.75
    assert brightest.max() < 180 * 1.25
