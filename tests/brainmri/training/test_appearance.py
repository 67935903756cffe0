"""`brainmri.training.appearance`: another scanner, the same anatomy."""

from __future__ import annotations

import numpy as np
import torch

from brainmri import phantom
from brainmri.preprocessing import Preprocessing
from brainmri.training import appearance

SIZE_PX = 96


def slices(n: int) -> torch.Tensor:
    square = Preprocessing(SIZE_PX, "head").square
    squares = [square(phantom.draw("glioma", seed)) for seed in range(n)]
    return torch.from_numpy(np.stack(squares))[:, None].float() / 255


def test_shape_and_range_stay_and_the_input_is_left_alone() -> None:
    torch.manual_seed(0)
    images = slices(16)
    before = images.clone()
    for change in (appearance.pose, appearance.vary):
        out = change(images)
        assert out.shape == images.shape
        assert torch.isfinite(out).all()
        assert out.min() >= 0
        assert out.max() <= 1
    assert torch.equal(images, before)


def test_every_image_of_a_batch_is_drawn_anew_and_the_seed_repeats_it() -> None:
    image = slices(1).repeat(8, 1, 1, 1)
    torch.manual_seed(1)
    first = appearance.vary(appearance.pose(image))
    torch.manual_seed(1)
    assert torch.equal(appearance.vary(appearance.pose(image)), first)
    assert len({one.numpy().tobytes() for one in first}) == 8


def test_appearance_leaves_every_edge_where_it_was() -> None:
    torch.manual_seed(0)
    images = slices(30)
    changed = appearance.vary(images)
    ground = images < 0.01
    assert (changed[ground] < 0.12).float().mean() > 0.99  # JPEG rings a little
    # Where the anatomy has edges, so has the changed picture.
    left, right = (_edges(x).flatten(1) for x in (images, changed))
    together = [np.corrcoef(a, b)[0, 1] for a, b in zip(left, right, strict=True)]
    assert np.median(together) > 0.5


def _edges(images: torch.Tensor) -> torch.Tensor:
    smooth = torch.nn.functional.avg_pool2d(images, 5, 1, 2)
    return (smooth[..., 1:, 1:] - smooth[..., :-1, :-1]).abs()


def test_brightness_no_longer_tells_which_image_it_was() -> None:
    torch.manual_seed(0)
    dark, bright = slices(1) * 0.6, slices(1)
    dark_means, bright_means = (
        appearance.vary(x.repeat(200, 1, 1, 1)).mean(dim=(1, 2, 3)) for x in (dark, bright)
    )
    overlap = (dark_means[:, None] > bright_means[None]).float().mean()
    assert overlap > 0.15  # 0 without the change


def test_about_half_are_mirrored() -> None:
    torch.manual_seed(0)
    image = torch.zeros(200, 1, SIZE_PX, SIZE_PX)
    image[..., 30:60, 10:30] = 1
    posed = appearance.pose(image)
    column = (posed.sum(dim=(1, 2)) * torch.arange(SIZE_PX)).sum(dim=1) / posed.sum(dim=(1, 2, 3))
    assert 70 < int((column > SIZE_PX / 2).sum()) < 130
