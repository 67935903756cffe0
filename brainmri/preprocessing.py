"""A decoded image to what the network sees: the same code in training, scoring and the dashboard."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainmri import head
from brainmri.errors import InputError
from brainmri.head import Head
from brainmri.images import resize

FITS = ("stretch", "head")
Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of a picture."""
_MARGIN = 0.03
"""Of the side, left black on each side of a head."""
_DARKEST, _BRIGHTEST = 1, 99.5
"""Percentiles of the head's grey levels that become black and white."""
_HALF = 127
"""A pixel of which more than half is head (of 255) is shown whole."""


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes network input.

    Attributes:
        size_px: side of the square input.
        fit: "stretch": both sides are scaled to `size_px`, as the reference project did. "head": the
            canonical form (docs/decisions/0010): the head is found and cropped, everything around it
            is black, its shape is kept, and its grey levels run from black to white. Size, border,
            resolution and brightness, which give the source of an image away, are the same for all.
    """

    size_px: int = 256
    fit: str = "stretch"

    def square(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Greyscale uint8 (h, w) to uint8 (size_px, size_px)."""
        return self.placed(pixels)[0]

    def placed(
        self, pixels: NDArray[np.uint8], found: Head | None = None
    ) -> tuple[NDArray[np.uint8], Box]:
        """The same, and the part of the picture that the square covers, to lay a map over it.

        The box may reach beyond the picture.

        Args:
            pixels: greyscale uint8 (h, w).
            found: the head in it, where that is known already.
        """
        if self.fit == "stretch":
            height, width = pixels.shape
            square = resize(pixels, (self.size_px, self.size_px))
            return square, (0.0, 0.0, float(width), float(height))
        return _canonical(pixels, found or head.find(pixels), self.size_px)

    def to_json(self) -> dict[str, object]:
        """Plain values for run.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, object]) -> Preprocessing:
        """Read what `to_json` wrote.

        Raises:
            InputError: a step this version does not know.
        """
        size_px, fit = values.get("size_px"), values.get("fit")
        if set(values) != {"size_px", "fit"} or not isinstance(size_px, int) or fit not in FITS:
            raise InputError(
                f"The preprocessing {values} is not known to this version of brainmri."
            )
        return cls(size_px, str(fit))


def _canonical(
    pixels: NDArray[np.uint8], found: Head, size_px: int
) -> tuple[NDArray[np.uint8], Box]:
    (left, top, right, bottom), mask = found
    scale = size_px * (1 - 2 * _MARGIN) / max(right - left, bottom - top)
    width, height = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    picture = Image.fromarray(pixels).resize(
        (width, height), Image.Resampling.BILINEAR, box=(left, top, right, bottom)
    )
    content = np.asarray(picture)
    # Full inside, falling to nothing over the last coarse pixel outside.
    cover = np.asarray(
        Image.fromarray(255 * mask.astype(np.uint8)).resize(
            (width, height), Image.Resampling.BILINEAR
        )
    )
    most = Image.fromarray((cover > _HALF).view(np.uint8))
    inside = np.array(picture.histogram(most)).cumsum()
    dark, bright = np.searchsorted(inside, inside[-1] * np.array([_DARKEST, _BRIGHTEST]) / 100)
    levels = np.clip((np.arange(256, dtype=np.float32) - dark) / max(bright - dark, 1), 0, 1)
    y, x = (size_px - height) // 2, (size_px - width) // 2
    square = np.zeros((size_px, size_px), dtype=np.uint8)
    shown = square[y : y + height, x : x + width]
    # One table for the pixels that are covered whole, most of them.
    np.take(_grey(levels, np.full(256, _HALF, dtype=np.uint8)), content, out=shown)
    edge = cover < _HALF
    shown[edge] = _grey(levels[content[edge]], cover[edge])
    across, down = (right - left) / width, (bottom - top) / height
    begin, above = left - x * across, top - y * down
    return square, (begin, above, begin + size_px * across, above + size_px * down)


def _grey(level: NDArray[np.float32], cover: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Levels (0-1) under a cover of up to `_HALF`, which is whole, to 0-255."""
    return np.rint(level * cover * np.float32(255 / _HALF)).astype(np.uint8)


def network_input(squares: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n, size, size) to float32 (n, 1, size, size), 0-1."""
    return (squares[:, None] / np.float32(255)).astype(np.float32)
