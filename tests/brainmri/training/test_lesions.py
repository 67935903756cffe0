"""`brainmri.training.lesions`: what is painted is inside the head, is visible, and varies."""

from __future__ import annotations

import numpy as np
import torch

from brainmri import phantom
from brainmri.preprocessing import Preprocessing
from brainmri.training import lesions

SIZE_PX = 96


def slices(n: int) -> torch.Tensor:
    square = Preprocessing(SIZE_PX, "head").square
    squares = [square(phantom.draw("notumor", seed)) for seed in range(n)]
    return torch.from_numpy(np.stack(squares))[:, None].float() / 255


def test_shape_and_range_stay_and_the_input_is_left_alone() -> None:
    torch.manual_seed(0)
    images = slices(12)
    before = images.clone()
    painted = lesions.paint(images)
    assert painted.shape == images.shape
    assert painted.min() >= 0
    assert painted.max() <= 1
    assert torch.isfinite(painted).all()
    assert torch.equal(images, before)


def test_every_image_gets_a_lesion_that_can_be_seen() -> None:
    torch.manual_seed(0)
    images = slices(40)
    change = (lesions.paint(images) - images).abs()
    strongly = (change > 0.1).flatten(1).float().mean(dim=1)
    assert (strongly > 0.002).float().mean() > 0.95  # of the picture: about 20 pixels
    assert strongly.median() < 0.25  # a lesion, not another picture


def test_the_ground_around_the_head_stays_black() -> None:
    torch.manual_seed(0)
    y, x = torch.meshgrid(
        torch.arange(float(SIZE_PX)) - 48, torch.arange(float(SIZE_PX)) - 48, indexing="ij"
    )
    radius = torch.hypot(y, x)
    disc = (0.4 * (radius < 40)).float()[None, None].repeat(30, 1, 1, 1)
    painted = lesions.paint(disc)
    assert painted[..., radius > 42].max() == 0


def test_lesions_are_bright_and_dark_small_and_large_left_and_right() -> None:
    torch.manual_seed(0)
    disc = torch.zeros(200, 1, SIZE_PX, SIZE_PX)
    y, x = torch.meshgrid(
        torch.arange(float(SIZE_PX)) - 48, torch.arange(float(SIZE_PX)) - 48, indexing="ij"
    )
    disc[..., torch.hypot(y, x) < 40] = 0.4
    change = lesions.paint(disc) - disc
    strong = change.abs() > 0.08
    area = strong.flatten(1).sum(dim=1)
    assert area.float().quantile(0.9) > 4 * area.float().quantile(0.1)
    sign = torch.where(strong, change, torch.zeros(())).flatten(1).sum(dim=1)
    assert 0.55 < (sign > 0).float().mean() < 0.98
    middle = (strong[:, 0].float() * x).sum(dim=(1, 2)) / area.clamp(min=1)
    assert 0.3 < (middle > 0).float().mean() < 0.7


def test_the_seed_repeats_a_painting_and_another_seed_does_not() -> None:
    images = slices(3)
    torch.manual_seed(1)
    first = lesions.paint(images)
    torch.manual_seed(1)
    assert torch.equal(lesions.paint(images), first)
    assert not torch.equal(lesions.paint(images), first)


def test_an_empty_slice_is_painted_without_a_fault() -> None:
    torch.manual_seed(0)
    assert torch.isfinite(lesions.paint(torch.zeros(2, 1, SIZE_PX, SIZE_PX))).all()
