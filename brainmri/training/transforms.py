"""Training-time augmentation, one image at a time: nothing is ever stored augmented."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms import v2


def augmentation() -> Callable[[Tensor], Tensor]:
    """Mirroring and small changes of exposure: both leave the diagnosis as it is.

    Half of the images are mirrored left to right (the data holds mirrored copies of its own images),
    brightness and contrast vary by up to 10 %. Rotation, shift and zoom were tried and left out: a
    network that flattens its feature maps needs far more epochs with them (docs/experiments.md).

    Returns:
        A function from uint8 (n, 1, s, s) to the same, drawing anew for every image.
    """
    one = v2.Compose(
        [
            v2.RandomHorizontalFlip(0.5),
            v2.ColorJitter(brightness=0.1, contrast=0.1),
        ]
    )

    def every(images: Tensor) -> Tensor:
        return torch.stack([one(image) for image in images])

    return every
