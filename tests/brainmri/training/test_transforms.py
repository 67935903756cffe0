"""`brainmri.training.transforms`: small changes, drawn anew for every image."""

from __future__ import annotations

import torch

from brainmri.training.transforms import Strong, mild, named


def blobs(n: int) -> torch.Tensor:
    image = torch.zeros(1, 1, 48, 48, dtype=torch.uint8)
    image[..., 20:30, 8:16] = 180  # left of the middle
    return image.repeat(n, 1, 1, 1)


ONE_OF_FOUR = torch.tensor([[False, False, True, False]])


def milder(images: torch.Tensor) -> torch.Tensor:
    allowed = ONE_OF_FOUR.repeat(len(images), 1)
    out, still_allowed = mild()(images, allowed)
    assert torch.equal(still_allowed, allowed)
    return out


def test_shape_and_type_stay_and_the_input_is_left_alone() -> None:
    images = blobs(3)
    out = milder(images)
    assert out.shape == images.shape
    assert out.dtype == torch.uint8
    assert torch.equal(images, blobs(3))


def test_every_image_of_a_batch_is_drawn_anew_and_the_seed_repeats_it() -> None:
    torch.manual_seed(1)
    first = milder(blobs(8))
    torch.manual_seed(1)
    again = milder(blobs(8))
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
    moved = centres(milder(blobs(200)))
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
    brightest = milder(blobs(200)).flatten(1).max(dim=1).values.float()
    assert brightest.std() > 2
    assert brightest.min() > 180 * 0.75
    assert brightest.max() < 180 * 1.25


# --- strong ----------------------------------------------------------------------------------


def heads(n: int) -> torch.Tensor:
    """Even discs on black, as heads in canonical form."""
    y, x = torch.meshgrid(torch.arange(64.0) - 32, torch.arange(64.0) - 32, indexing="ij")
    disc = (110 * (torch.hypot(y, x) < 28)).to(torch.uint8)
    return disc.repeat(n, 1, 1, 1)


def allowed(classes: list[int], k: int = 4) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.tensor(classes), k).bool()


def test_a_slice_with_a_painted_lesion_may_be_any_tumour_and_the_others_stay_what_they_are() -> (
    None
):
    torch.manual_seed(0)
    classes = [2, 0, 2, 3] * 50
    given = allowed(classes)
    images, now = Strong(negative=2, painted=0.4)(heads(200), given)
    assert (images.dtype, images.shape) == (torch.uint8, (200, 1, 64, 64))
    changed = (now != given).any(dim=1)
    assert not changed[[i for i, c in enumerate(classes) if c != 2]].any()
    assert 25 < int(changed.sum()) < 55  # 40 % of 100
    assert (now[changed] == torch.tensor([True, True, False, True])).all()
    assert torch.equal(given, allowed(classes))  # the input is left alone


def test_without_painting_no_label_changes() -> None:
    torch.manual_seed(0)
    _, now = Strong(negative=0, painted=0.0)(heads(20), allowed([0] * 20))
    assert torch.equal(now, allowed([0] * 20))


def test_painted_lesions_stand_out_in_the_images_that_say_so() -> None:
    torch.manual_seed(0)
    strong = Strong(negative=1, painted=0.5, varied=0.0)
    images, now = strong(heads(100), allowed([1] * 100))
    # Away from its edge an even disc has one grey level, wherever it was moved.
    inside = images[:, 0, 20:44, 20:44].float().flatten(1)
    uneven = inside.std(dim=1) > 3
    painted = now[:, 0]
    assert not uneven[~painted].any()
    assert uneven[painted].float().mean() > 0.6  # the others lie further out


def test_recipes_name_their_augmentation() -> None:
    assert named("none", negative=0, painted=0.0) is None
    strong = named("strong", negative=2, painted=0.3)
    assert isinstance(strong, Strong)
    assert (strong.negative, strong.painted) == (2, 0.3)
    assert callable(named("mild", negative=0, painted=0.0))
