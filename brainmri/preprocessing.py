"""A decoded image to what the network sees: the same code in training, scoring and the dashboard."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from brainmri.errors import InputError
from brainmri.images import resize


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes network input.

    Attributes:
        size_px: side of the square input.
        fit: "stretch": both sides are scaled to `size_px`, as the reference project did.
    """

    size_px: int = 256
    fit: str = "stretch"

    def square(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Greyscale uint8 (h, w) to uint8 (size_px, size_px)."""
        return resize(pixels, (self.size_px, self.size_px))

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
        if set(values) != {"size_px", "fit"} or not isinstance(size_px, int) or fit != "stretch":
            raise InputError(
                f"The preprocessing {values} is not known to this version of brainmri."
            )
        return cls(size_px, fit)


def network_input(squares: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n, size, size) to float32 (n, 1, size, size), 0-1."""
    return (squares[:, None] / np.float32(255)).astype(np.float32)
