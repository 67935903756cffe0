"""Words for what is measured of an image, on every page the same."""

from __future__ import annotations

_PROPERTIES = {
    "seen": "seen in training or not",
    "size": "image size",
    "width_px": "width (pixels)",
    "height_px": "height (pixels)",
    "mode": "pixel format",
    "bytes": "file size (bytes)",
    "mean_intensity": "brightness",
    "brightness": "brightness",
    "std_intensity": "contrast",
    "contrast": "contrast",
    "fineness": "fineness of detail",
    "entropy_bits": "information (bits)",
    "border_share": "border that is not dark",
    "label": "class",
}


def property_words(name: str) -> str:
    """A column of the image index or of an audit in words; columns of the metadata keep their names."""
    return _PROPERTIES.get(name, name.replace("_", " "))
