"""Training-time augmentation, one image at a time: nothing is ever stored augmented."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms import v2


def augmentation() -> Callable[[Tensor], Tensor]:
    """Small changes of pose and exposure that leave the diagnosis as it is.

    Mirroring (the data holds mirrored copies of its own images), rotation by up to 10 degrees,
    shift by up to 5 % and zoom by up to 10 %, brightness and contrast by up to 15 %.

    Returns:
        A function from uint8 (n, 1, s, s) to the same, drawing anew for every image.
    """
    one = v2.Compose(
        [
            v2.RandomHorizontalFlip(0.5),
            v2.RandomAffine(
                degrees=10,
                translate=(0.05, 0.05),
                scale=(0.9, 1.1),
                interpolation=v2.InterpolationMode.BILINEAR,
            ),
            v2.ColorJitter(brightness=0.15, contrast=0.15),
        ]
    )

    def every(images: Tensor) -> Tensor:
        return torch.stack([one(image) for image in images])

    return every
