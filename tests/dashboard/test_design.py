"""docs/design-language.md in figures: contrasts, and colours that colour-blind people can tell."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from brainmri.decisions import DecisionCurve
from dashboard.theme import ACCENT, CLASS_COLOURS, MUTED, NEGATIVE_COLOUR, class_colours
from dashboard.trust_figures import decision_curve
from tests.conftest import ROOT

STYLE = (ROOT / "assets" / "style.css").read_text(encoding="utf-8")
DESIGN = (ROOT / "docs" / "design-language.md").read_text(encoding="utf-8")
TEXT, CONTROL = 4.5, 3.0
"""WCAG 2.2: 1.4.3 for text, 1.4.11 for what has to be seen to use a page or understand a figure."""
SCHEMES = {"light": ":root {", "dark": ':root[data-mantine-color-scheme="dark"] {'}
READ = [
    (ink, ground)
    for ink in ("ink", "ink-soft", "accent")
    for ground in ("ground", "surface", "sunk")
] + [("warn-ink", "warn-ground"), ("ink", "accent-soft")]
# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
SEEN_BY = {
    "everybody": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                            [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                              [-0.011820, 0.042940, 0.968881]]),
}  # fmt: skip
APART = 15.0
"""Distance in CIELAB (CIE 1976) at which two colours of a figure are told apart without effort."""


def tokens(scheme: str) -> dict[str, str]:
    start = STYLE.index(SCHEMES[scheme])
    block = STYLE[start : STYLE.index("}", start)]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))


def linear(colour: str) -> NDArray[np.float64]:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """Ratio of the relative luminances, as WCAG 2.2 defines it."""
    light, dark = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other))[::-1]
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear sRGB as CIELAB under D65."""
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    x, y, z = to_xyz @ np.clip(rgb, 0, 1) / np.array([0.9505, 1.0, 1.089])
    f = [v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_black_on_white_has_the_largest_contrast() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("ink", "ground"), READ)
def test_what_is_read_has_the_contrast_of_text(scheme: str, ink: str, ground: str) -> None:
    of = tokens(scheme)
    assert contrast(of[ink], of[ground]) >= TEXT


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_looked_at_can_be_seen(scheme: str) -> None:
    of = tokens(scheme)
    for colour in (*CLASS_COLOURS, NEGATIVE_COLOUR, ACCENT, of["edge-control"]):
        for ground in ("ground", "surface"):
            assert contrast(colour, of[ground]) >= CONTROL, (colour, ground)


@pytest.mark.parametrize("who", SEEN_BY)
def test_the_colours_of_four_classes_are_told_apart(who: str) -> None:
    colours = class_colours(["glioma", "meningioma", "notumor", "pituitary"], "notumor")
    seen = {name: lab(SEEN_BY[who] @ linear(colour)) for name, colour in colours.items()}
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) >= APART, (one, other)


@pytest.mark.parametrize("who", SEEN_BY)
def test_the_accent_is_the_colour_of_no_class(who: str) -> None:
    assert tokens("light")["accent"] == ACCENT
    for accent in (ACCENT, tokens("dark")["accent"]):
        seen = lab(SEEN_BY[who] @ linear(accent))
        for colour in (*CLASS_COLOURS, NEGATIVE_COLOUR):
            assert np.linalg.norm(seen - lab(SEEN_BY[who] @ linear(colour))) >= APART, colour


def test_what_is_compared_with_the_model_has_no_colour_of_a_class() -> None:
    shares = np.linspace(0, 1, 11)
    curve = DecisionCurve(thresholds=shares, model=1 - shares, call_all=1 - shares, tumours=5, n=10)
    drawn = {trace.line.color for trace in decision_curve(curve).data}
    assert drawn == {ACCENT, MUTED}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_document_names_the_colours_that_are_used(scheme: str) -> None:
    of = tokens(scheme)
    for name in ("ink", "ink-soft", "ground", "surface", "sunk", "accent"):
        (row,) = [line for line in DESIGN.splitlines() if line.startswith(f"| `--{name}` ")]
        assert of[name] in row
    for colour in (*CLASS_COLOURS, NEGATIVE_COLOUR):
        assert colour in DESIGN


def test_every_size_of_type_is_one_of_the_scale() -> None:
    sizes = set(re.findall(r"font-size: ([^;}]+?) *[;}]", STYLE))
    scale = dict(re.findall(r"--(text[\w-]*): ([\d.]+rem)", STYLE))
    assert sizes <= {"inherit", *scale.values(), *(f"var(--{name})" for name in scale)}
