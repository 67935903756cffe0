"""Names drawn into slices, as scanners and viewers burn them in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

NAME = "DOE^JANE 1962-03-04\nID 4711\nKLINIKUM XY"


def lettered(
    pixels: NDArray[np.uint8],
    *,
    text: str = NAME,
    size_px: int = 12,
    corner: str = "top left",
    grey: int = 255,
) -> NDArray[np.uint8]:
    """The picture with text in a corner of it."""
    picture = Image.fromarray(pixels)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size_px)
    _, _, width, height = draw.multiline_textbbox((0, 0), text, font=font)
    left = 3 if "left" in corner else max(3, picture.width - width - 3)
    top = 3 if "top" in corner else picture.height - height - 3
    draw.multiline_text((left, top), text, font=font, fill=grey)
    return np.asarray(picture)
