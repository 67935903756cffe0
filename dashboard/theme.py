"""Colours of the classes and the look of every figure."""

from __future__ import annotations

from typing import Any

NEGATIVE_COLOUR = "#2f8f5b"
CLASS_COLOURS = ("#3f7fc1", "#d4622f", "#c2478f", "#b58a12", "#1496a0", "#8d63c9", "#6f7d3c")
"""The first three and the negative one are told apart with red-green blindness, and all have 3:1 or better on
white and on the dark grounds: tests/dashboard/test_design.py."""

ACCENT = "#6156e0"
"""No class has it, and it is told from the four of most data sets with red-green blindness too."""
MUTED = "#8a919c"
OTHER_RUN = "#b0722a"
"""The run that another one, in the accent, is compared with."""

CURVE_PX = 340
"""Height of a figure of curves, and of what stands in its place where there is nothing to draw."""
COLOUR_SCALES = ("viridis", "cividis", "magma")
"""Colour-blind-safe scales with even steps of lightness."""
DIFFERENCE_SCALE = "balance"
"""For differences, colour-blind-safe too: blue below zero, pale at zero, red above."""

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"

LAYOUT: dict[str, Any] = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    # Text and grid colours are set by the style sheet, so that switching to dark needs no redraw.
    "font": {"family": FONT, "size": 13, "color": MUTED},
    "margin": {"l": 56, "r": 16, "t": 12, "b": 48},
    "hoverlabel": {"font": {"family": FONT, "size": 13}},
    "showlegend": False,
    "dragmode": False,
    "barcornerradius": 3,
    "modebar": {"remove": ["select", "lasso"]},
}

GRAPH_CONFIG: Any = {
    "displaylogo": False,
    "showSendToCloud": False,
    "displayModeBar": False,
    "responsive": True,
}


def class_colours(classes: list[str], negative: str | None) -> dict[str, str]:
    """One colour per class name, the same on every page."""
    tumours = [name for name in classes if name != negative]
    colours = {name: CLASS_COLOURS[i % len(CLASS_COLOURS)] for i, name in enumerate(tumours)}
    if negative is not None:
        colours[negative] = NEGATIVE_COLOUR
    return colours
