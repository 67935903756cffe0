"""Lesions painted into slices without a tumour, so that a network cannot answer by the kind of scan.

On public data the sources give the classes away: a network that has only seen tumours in one kind of
scan calls those in another "no tumour" (docs/experiments.md). A painted lesion makes a slice of the
other kind a tumour slice, of no particular type.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_HEAD = 0.04
"""Grey level (0-1) above which a pixel of the canonical form belongs to the head."""
_SCALP = 0.75
"""Share of head around a pixel below which it is scalp or skull rather than brain."""
_LEAST_CONTRAST = 0.14
"""Between lesion and surroundings, as a share of the grey scale: fainter ones would be label noise."""


def paint(images: Tensor) -> Tensor:
    """One lesion in every image: any size, place, edge and contrast that tumours show.

    A lesion has an irregular outline, an even, patchy or ring-shaped inside that is brighter or
    darker than the tissue around it, with or without oedema, and pushes its surroundings away.

    Args:
        images: float (n, 1, s, s), 0-1, in canonical form.

    Returns:
        The same shape and range. Random numbers come from torch's global generator.
    """
    n, side = len(images), images.shape[-1]
    head = (images > _HEAD).float()
    depth = _depth(head)
    row, column = _places(depth)
    brain = ((depth - _SCALP) / 0.1).clamp(0, 1)
    radius = side * 0.045 * torch.exp(_between(n, 0, 1.5))
    distance = _distance(n, side, row, column, radius)

    push = _between(n, 0, 0.35) * torch.exp(-2 * (distance - 1).clamp(min=0)) * brain
    images = _pushed(images, row, column, push)

    edge = _between(n, 1, 4)
    lesion = ((1 - distance) * radius / edge + 0.5).clamp(0, 1) * brain
    reach = distance / _between(n, 1.3, 2.4) + 0.35 * _clouds(n, side, 5)
    oedema = ((1 - reach) * radius / _between(n, 3, 9) + 0.5).clamp(0, 1) * brain

    around = _mean(images, (oedema - lesion).clamp(min=0) + 0.01 * head)
    centre, spread = _mean(images, head), _spread(images, head)
    sign = _sign(n, 0.8)
    swelling = _chance(n, 0.65) * _sign(n, 0.6) * _between(n, 0.1, 0.8) * spread
    images = images + swelling * oedema * (0.6 + 0.4 * _clouds(n, side, 8)) * head

    level = centre + sign * _between(n, 0.6, 2.6) * spread
    level = around + sign * (sign * (level - around)).clamp(min=_LEAST_CONTRAST)
    patchy = _chance(n, 0.6) * _between(n, 0.2, 1.0) * (level - around).abs()
    inside = level + patchy * (0.6 * _clouds(n, side, 14) + 0.4 * _clouds(n, side, 30))
    rim = _between(n, 0.12, 0.4)
    core = ((1 - rim - distance + 0.1 * _clouds(n, side, 9)) * radius / edge + 0.5).clamp(0, 1)
    hollow = _chance(n, 0.35) * core * _between(n, 0.6, 1.0)
    floor = around - _between(n, -0.05, 0.25)
    inside = inside * (1 - hollow) + floor * hollow
    inside = inside + _between(n, 0, 0.5) * (images - _mean(images, lesion + 1e-4 * head))
    return (images * (1 - lesion) + inside * lesion).clamp(0, 1)


def _depth(head: Tensor) -> Tensor:
    """Share of head around each pixel, (n, 1, s, s): about half at its surface, 1 deep inside."""
    side = head.shape[-1]
    small = functional.avg_pool2d(head, 4, ceil_mode=True)
    reach = max(1, side // 40)
    small = functional.avg_pool2d(small, 2 * reach + 1, 1, reach)
    return functional.interpolate(small, (side, side), mode="bilinear", align_corners=False)


def _places(depth: Tensor) -> tuple[Tensor, Tensor]:
    """A row and a column inside each head, (n, 1, 1, 1) each; seldom near its surface."""
    n, _, _, side = depth.shape
    weight = (depth.flatten(1) - _SCALP).clamp(min=0) ** 2 + 1e-9
    index = torch.multinomial(weight, 1)[:, 0]
    shape = (n, 1, 1, 1)
    return (index // side).float().view(shape), (index % side).float().view(shape)


def _distance(n: int, side: int, row: Tensor, column: Tensor, radius: Tensor) -> Tensor:
    """0 at the centre of a lesion, 1 on its outline: a turned ellipse with bumps."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    dy, dx = y - row, x - column
    angle, squeeze = _between(n, 0, torch.pi), _between(n, 0.55, 1.0)
    u = dx * torch.cos(angle) + dy * torch.sin(angle)
    v = dy * torch.cos(angle) - dx * torch.sin(angle)
    ellipse = torch.hypot(u * squeeze**0.5, v / squeeze**0.5) / radius
    bumps = _between(n, 0.0, 0.45) * _clouds(n, side, 8) + _between(n, 0.0, 0.2) * _clouds(
        n, side, 20
    )
    return (ellipse + bumps * ellipse.clamp(max=1.0)).clamp(min=0)


def _pushed(images: Tensor, row: Tensor, column: Tensor, push: Tensor) -> Tensor:
    """Tissue moved away from the centre by `push` (n, 1, s, s) of its distance from it."""
    side = images.shape[-1]
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    from_y, from_x = y - push * (y - row), x - push * (x - column)
    grid = torch.stack([from_x, from_y], dim=-1)[:, 0] * (2 / side) + (1 / side - 1)
    return functional.grid_sample(images, grid, align_corners=False)


def _clouds(n: int, side: int, detail: int) -> Tensor:
    """Smooth noise in about -1 to 1 with `detail` bumps across the picture, (n, 1, side, side)."""
    coarse = 2 * torch.rand(n, 1, detail, detail) - 1
    return functional.interpolate(coarse, (side, side), mode="bicubic", align_corners=False)


def _mean(images: Tensor, weight: Tensor) -> Tensor:
    total = weight.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1e-3)
    return (images * weight).sum(dim=(1, 2, 3), keepdim=True) / total


def _spread(images: Tensor, weight: Tensor) -> Tensor:
    return _mean((images - _mean(images, weight)) ** 2, weight).sqrt().clamp(min=0.05)


def _between(n: int, low: float, high: float) -> Tensor:
    return low + (high - low) * torch.rand(n, 1, 1, 1)


def _chance(n: int, p: float) -> Tensor:
    return (torch.rand(n, 1, 1, 1) < p).float()


def _sign(n: int, p: float) -> Tensor:
    """1 with probability `p`, else -1."""
    return 2 * _chance(n, p) - 1
