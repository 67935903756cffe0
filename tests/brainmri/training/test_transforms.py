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


def centres(images: torch.Tensor) -> torch.Tensor:
    """Centre of light (n, 2) of each image, row and column in pixels."""
    light = images[:, 0].float()
    total = light.sum(dim=(1, 2))
    place = torch.arange(48.0)
    return torch.stack(
        [(light.sum(dim=2) * place).sum(1) / total, (light.sum(dim=1) * place).sum(1) / total],
        dim=1,
    )


def test_about_half_are_mirrored_and_all_move_a_little() -> None:
    torch.manual_seed(0)
    moved = centres(augmentation()(blobs(200)))
    row, column = centres(blobs(1))[0]
    mirrored = moved[:, 1] > 24
    assert 70 < int(mirrored.sum()) < 130
    column_now = torch.where(mirrored, 47 - moved[:, 1], moved[:, 1])
    # 3 % of 48 pixels, 5 degrees at some 12 pixels from the middle, 5 % of those 12 pixels
    reach = 1.44 + 12.5 * 0.0873 + 0.6 + 0.6
    for now, before in ((moved[:, 0], row), (column_now, column)):
        assert (now - before).abs().max() < reach
        assert (now - before).std() > 0.3


def test_exposure_varies_by_a_tenth_or_two_and_no_more() -> None:
    torch.manual_seed(0)
    brightest = augmentation()(blobs(200)).flatten(1).max(dim=1).values.float()
    assert brightest.std() > 2
    assert brightest.min() > 180 * 0.75
    assert brightest.max() < 180 * 1.25
