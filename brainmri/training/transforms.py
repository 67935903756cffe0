"""Training-time augmentation, one image at a time: nothing is ever stored augmented."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms import v2


def augmentation() -> Callable[[Tensor], Tensor]:
    """Small changes that leave the diagnosis as it is.

    Half of the images are mirrored left to right; all are turned by up to 5 degrees, shifted by up to
    3 %, zoomed by up to 5 %, and brightness and contrast vary by up to 10 %. More of it, and a network
    that flattens its feature maps needs far more epochs (docs/experiments.md).

    Returns:
        A function from uint8 (n, 1, s, s) to the same, drawing anew for every image.
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

    def every(images: Tensor) -> Tensor:
        return torch.stack([one(image) for image in images])

    return every
