"""Training-time augmentation, some images at a time: nothing is ever stored augmented."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.transforms import v2

from brainmri.training import appearance, lesions
from brainmri.training.fit import Augment


def named(name: str, *, negative: int, painted: float) -> Augment | None:
    """The augmentation of a recipe.

    Args:
        name: "none", "mild" or "strong".
        negative: number of the class without a tumour.
        painted: see `Strong`.
    """
    if name == "strong":
        return Strong(negative, painted)
    return mild() if name == "mild" else None


def mild() -> Augment:
    """Small changes that leave the diagnosis as it is.

    Half of the images are mirrored left to right; all are turned by up to 5 degrees, shifted by up to
    3 %, zoomed by up to 5 %, and brightness and contrast vary by up to 10 %. More of it, and a network
    that flattens its feature maps needs far more epochs (docs/experiments.md).
    """
    one = v2.Compose(
        [
            v2.RandomHorizontalFlip(0.5),
            v2.RandomAffine(
                degrees=5,
                translate=(0.03, 0.03),
                scale=(0.95, 1.05),
                interpolation=v2.InterpolationMode.BILINEAR,
            ),
            v2.ColorJitter(brightness=0.1, contrast=0.1),
        ]
    )

    def every(images: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
        return torch.stack([one(image) for image in images]), allowed

    return every


class Strong:
    """Against the shortcut: lesions painted into slices without one, and every kind of appearance.

    Args:
        negative: number of the class without a tumour.
        painted: share of its images that get a lesion, and are then of any of the other classes.
        varied: share of all images whose appearance changes; the others are only turned and moved.
    """

    def __init__(self, negative: int, painted: float, *, varied: float = 0.5) -> None:
        self.negative, self.painted, self.varied = negative, painted, varied

    def __call__(self, images: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
        grey = images.float() / 255
        chosen = allowed[:, self.negative] & (torch.rand(len(grey)) < self.painted)
        if chosen.any():
            grey[chosen] = lesions.paint(grey[chosen])
            allowed = allowed ^ chosen[:, None]  # From "none" to "any tumour".
        grey = appearance.pose(grey)
        varied = torch.rand(len(grey)) < self.varied
        if varied.any():
            grey[varied] = appearance.vary(grey[varied])
        return (grey * 255).round().to(torch.uint8), allowed
