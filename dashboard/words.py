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
    "source_label": "label at the source",
}
_KNOWN = {
    "mirrored": "whether an image is mirrored",
    "source_label": "the label that the source gave",
}


def property_words(name: str) -> str:
    """A column of the image index or of an audit in words; columns of the metadata keep their names."""
    return _PROPERTIES.get(name, name.replace("_", " "))


def known_words(name: str) -> str:
    """What somebody knows who knows a property of an image: "the brightness"."""
    return _KNOWN.get(name, f"the {property_words(name)}")


_FACTS = {
    "label": "label",
    "split": "part",
    "cluster": "near-copies as counted here",
    "dup_cluster": "near-copies by the metadata",
    "width_px": "width",
    "height_px": "height",
    "bytes": "file size",
    "figshare_index": "number in the figshare set",
}
_VALUES = {
    "mirrored": {"0": "no", "1": "yes"},
    "mode": {
        "1": "black and white (1)",
        "L": "grey (L)",
        "LA": "grey with transparency (LA)",
        "I;16": "grey, 16 bits (I;16)",
        "P": "colours from a table (P)",
        "RGB": "colour (RGB)",
        "RGBA": "colour with transparency (RGBA)",
    },
    "grouped_split": {
        "train": "training",
        "val": "validation",
        "guard": "guard (kept apart, used for nothing)",
    },
}
_UNITS = {
    "cluster": "group number {}",
    "dup_cluster": "group number {}",
    "width_px": "{} pixels",
    "height_px": "{} pixels",
    "bytes": "{} bytes",
    "mean_intensity": "{} (0 is black, 1 is white)",
    "std_intensity": "{} (standard deviation of the brightness)",
}
NOT_RECORDED = "not recorded"


def value_words(name: str, value: str) -> str:
    """A value of a property in words: "yes" of an image that is mirrored, "grey (L)" of a pixel format."""
    return _VALUES.get(name, {}).get(value, value)


def fact_words(name: str, value: str) -> tuple[str, str]:
    """What one column of the image index is called and says of one image, with its unit."""
    said = value_words(name, value)
    if name in _UNITS and value != NOT_RECORDED:
        said = _UNITS[name].format(value)
    return _FACTS.get(name) or property_words(name), said
