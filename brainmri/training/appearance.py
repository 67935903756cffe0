"""Changes of a slice's pose and appearance that leave its diagnosis as it is."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

_GROUND = 0.02
"""Grey level (0-1) below which a pixel is background; it stays black."""


def vary(images: Tensor) -> Tensor:
    """Each image as another scanner, sequence, reader or file might show it.

    Args:
        images: float (n, 1, s, s), 0-1.

    Returns:
        The same shape and range. Random numbers come from torch's global generator.
    """
    head = (images > _GROUND).float()
    images = _some(images, 0.25, _styled)
    images = _some(images, 0.8, _toned)
    images = _some(images, 0.4, _shaded)
    images = _some(images, 0.5, _resampled)
    images = _some(images, 0.2, _sharpened)
    images = _some(images, 0.4, _noisy)
    images = (images * head).clamp(0, 1)
    return _some(images, 0.25, _filed)


def _some(images: Tensor, p: float, change: Callable[[Tensor], Tensor]) -> Tensor:
    chosen = torch.rand(len(images)) < p
    if not chosen.any():
        return images
    changed = images.clone()
    changed[chosen] = change(images[chosen])
    return changed


def pose(images: Tensor) -> Tensor:
    """Mirrored in half of the images, turned, shifted, scaled and stretched a little."""
    n = len(images)
    angle = torch.empty(n).normal_(0, 0.17).clamp(-0.5, 0.5)
    scale, stretch = _draw(n, 0.9, 1.18), _draw(n, 0.92, 1.08)
    mirror = 1 - 2 * (torch.rand(n) < 0.5).float()
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    theta = torch.stack(
        [
            torch.stack([mirror * cosine * stretch, -sine * stretch, _draw(n, -0.07, 0.07)], 1),
            torch.stack([mirror * sine / stretch, cosine / stretch, _draw(n, -0.07, 0.07)], 1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def _styled(images: Tensor) -> Tensor:
    """Each image with the low spatial frequencies' strength of another (Yang & Soatto 2020)."""
    spectrum = torch.fft.rfft2(images)
    strength, phase = spectrum.abs(), spectrum.angle()
    other = strength[torch.randperm(len(images))]
    reach = int(torch.randint(1, 5, ()))
    share = _draw(len(images), 0.3, 1.0)[:, None, None, None]
    for rows in (slice(0, reach), slice(-reach, None)):
        part = strength[:, :, rows, :reach]
        strength[:, :, rows, :reach] = part + share * (other[:, :, rows, :reach] - part)
    return torch.fft.irfft2(torch.polar(strength, phase), s=images.shape[-2:]).clamp(0, 1)


def _toned(images: Tensor) -> Tensor:
    """Another tone curve: gamma and contrast for most, a bent curve as of another sequence for some."""
    n = len(images)
    gamma = torch.exp(_draw(n, -0.6, 0.6))[:, None]
    grey = torch.linspace(0, 1, 256)[None].expand(n, -1)
    curve = grey**gamma
    knots = torch.cumsum(torch.rand(n, 1, 6), dim=2)
    knots = (knots - knots[..., :1]) / (knots[..., -1:] - knots[..., :1]).clamp(min=1e-3)
    wild = (torch.rand(n, 1, 1) < 0.4).float()
    knots = knots + wild * 0.15 * torch.randn(n, 1, 6)
    bent = functional.interpolate(knots, 256, mode="linear", align_corners=True)[:, 0]
    bent = bent * (grey * 12).clamp(max=1)  # Background stays black.
    curve = torch.where(torch.rand(n, 1) < 0.35, bent, curve)
    gain, lift = _draw(n, 0.75, 1.5)[:, None], _draw(n, -0.1, 0.15)[:, None]
    curve = ((curve - 0.5 + lift) * gain + 0.5).clamp(0, 1)
    levels = (images * 255).round().long().flatten(1)
    return torch.gather(curve, 1, levels).view_as(images)


def _shaded(images: Tensor) -> Tensor:
    """The uneven field of a receiving coil."""
    coarse = torch.randn(len(images), 1, 4, 4) * _draw(len(images), 0.05, 0.3)[:, None, None, None]
    side = images.shape[-1]
    field = functional.interpolate(coarse, (side, side), mode="bicubic", align_corners=False)
    return (images * torch.exp(field)).clamp(0, 1)


def _resampled(images: Tensor) -> Tensor:
    """Down to a coarser grid and up again."""
    side = images.shape[-1]
    coarse = int(side * float(torch.empty(()).uniform_(0.45, 0.95)))
    small = functional.interpolate(images, (coarse, coarse), mode="bilinear", antialias=True)
    return functional.interpolate(small, (side, side), mode="bicubic", align_corners=False).clamp(
        0, 1
    )


def _sharpened(images: Tensor) -> Tensor:
    smooth = functional.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
    return (images + _draw(len(images), 0.5, 2.5)[:, None, None, None] * (images - smooth)).clamp(
        0, 1
    )


def _noisy(images: Tensor) -> Tensor:
    """Rician noise, as in magnitude images."""
    strength = _draw(len(images), 0.005, 0.07)[:, None, None, None]
    return torch.hypot(
        images + strength * torch.randn_like(images), strength * torch.randn_like(images)
    )


def _filed(images: Tensor) -> Tensor:
    """Through a JPEG file of low to good quality."""
    quality = torch.randint(25, 90, (len(images),)).tolist()
    squares = (images[:, 0] * 255).round().to(torch.uint8).numpy()
    filed = [_through_jpeg(square, q) for square, q in zip(squares, quality, strict=True)]
    return torch.from_numpy(np.stack(filed))[:, None].float() / 255


def _through_jpeg(square: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    file = BytesIO()
    Image.fromarray(square).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file, formats=["JPEG"]))


def _draw(n: int, low: float, high: float) -> Tensor:
    return torch.empty(n).uniform_(low, high)
