"""Synthetic MRI-like slices for the demo, the tests and the dashboard's examples.

They look like anatomy only as far as software needs: a head on a dark ground, scalp, skull, brain
with grey and white matter and ventricles, and a lesion that differs by class. They carry no medical
meaning, and a figure measured on them says nothing about patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainmri.errors import OutputError
from brainmri.files import advice

CLASSES = ("glioma", "meningioma", "notumor", "pituitary")
NEGATIVE_CLASS = "notumor"
_WORK_PX = 192

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class _Contrast:
    """Grey levels (0-1) of one pulse sequence."""

    white: float
    grey: float
    fluid: float
    fat: float
    lesion: float
    oedema: float


_CONTRASTS = (
    _Contrast(white=0.62, grey=0.48, fluid=0.12, fat=0.90, lesion=0.88, oedema=0.38),  # T1 + agent
    _Contrast(white=0.38, grey=0.52, fluid=0.95, fat=0.70, lesion=0.80, oedema=0.72),  # T2
    _Contrast(white=0.45, grey=0.55, fluid=0.10, fat=0.60, lesion=0.86, oedema=0.75),  # FLAIR
)


def draw(label: str, seed: int) -> NDArray[np.uint8]:
    """One slice of a class, uint8 (h, w) with 160 to 320 pixels a side; equal seeds draw equal slices.

    Raises:
        ValueError: `label` is none of `CLASSES`.
    """
    if label not in CLASSES:
        raise ValueError(f"no phantom class {label!r}; there are {', '.join(CLASSES)}")
    rng = np.random.default_rng([seed, CLASSES.index(label)])
    contrast = _CONTRASTS[rng.integers(len(_CONTRASTS))]
    y, x = np.mgrid[-1 : 1 : _WORK_PX * 1j, -1 : 1 : _WORK_PX * 1j].astype(np.float32)
    tilt = rng.uniform(-0.25, 0.25)
    x, y = x * np.cos(tilt) - y * np.sin(tilt), x * np.sin(tilt) + y * np.cos(tilt)
    x, y = x - rng.uniform(-0.05, 0.05), y - rng.uniform(-0.05, 0.05)
    x, y = x / rng.uniform(0.66, 0.76), y / rng.uniform(0.80, 0.92)
    radius = np.hypot(x, y) + 0.02 * _smooth(rng, 5)

    image = np.zeros_like(x)
    image = _paint(image, radius, 1.0, contrast.fat)
    image = _paint(image, radius, 0.93, 0.06)
    image = _paint(image, radius, 0.86, contrast.fluid)
    brain = radius + 0.05 * np.abs(_smooth(rng, 18))
    image = _paint(image, brain, 0.83, contrast.grey)
    image = _paint(image, brain + 0.10 * _smooth(rng, 12), 0.70, contrast.white)
    for side in (-1, 1):
        ventricle = np.hypot((x - side * 0.14) / 0.10, (y + 0.02) / 0.30) + 0.15 * _smooth(rng, 8)
        image = _paint(image, ventricle, 1.0, contrast.fluid)
    image = _lesion(image, label, x, y, contrast, rng)

    image *= 1 + 0.25 * _smooth(rng, 2)  # bias field of the receiving coil
    image = image * rng.uniform(0.75, 1.1)
    noise = rng.uniform(0.01, 0.04)
    image = np.hypot(
        image + noise * rng.standard_normal(image.shape), noise * rng.standard_normal(image.shape)
    )  # Rician, as in magnitude images
    picture = Image.fromarray((255 * np.clip(image, 0, 1)).astype(np.uint8))
    height = int(rng.integers(160, 321))
    width = int(height * rng.uniform(0.85, 1.0))
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))  # fmt: skip


def write_dataset(
    folder: Path, *, train_per_class: int = 60, test_per_class: int = 20, seed: int = 0
) -> int:
    """Write Training/<class>/ and Testing/<class>/ folders of PNG slices; returns their number.

    Raises:
        OutputError: the folder cannot be written.
    """
    written = 0
    try:
        for split, count in (("Training", train_per_class), ("Testing", test_per_class)):
            for label in CLASSES:
                place = folder / split / label
                place.mkdir(parents=True, exist_ok=True)
                for i in range(count):
                    slice_seed = 2 * (seed * 100_000 + i) + (split == "Testing")
                    Image.fromarray(draw(label, slice_seed)).save(place / f"{label}-{i:04}.png")
                    written += 1
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"Could not write to {folder}: {reason}. {advice(error)}.") from None
    return written


def _lesion(
    image: Plane,
    label: str,
    x: Plane,
    y: Plane,
    contrast: _Contrast,
    rng: np.random.Generator,
) -> Plane:
    side = rng.choice([-1.0, 1.0])
    edge = _smooth(rng, 9)
    if label == "glioma":  # inside the white matter, irregular, dark core, wide oedema
        distance = np.hypot(x - side * rng.uniform(0.28, 0.42), y - rng.uniform(-0.3, 0.3))
        distance = distance / rng.uniform(0.18, 0.26) + 0.35 * edge
        image = _paint(image, distance * 0.6, 1.0, contrast.oedema)
        image = _paint(image, distance, 1.0, contrast.lesion)
        return _paint(image, distance, 0.5, 0.6 * contrast.oedema)
    if label == "meningioma":  # on the surface, round, even, bright
        angle = rng.uniform(-1.2, 1.2) + (np.pi if side < 0 else 0)
        distance = np.hypot(x - 0.62 * np.cos(angle), y - 0.62 * np.sin(angle))
        return _paint(image, distance / rng.uniform(0.16, 0.22) + 0.06 * edge, 1.0, contrast.lesion)
    if label == "pituitary":  # small, in the midline, low
        distance = np.hypot(x - rng.uniform(-0.02, 0.02), (y - rng.uniform(0.42, 0.5)) * 0.9)
        return _paint(image, distance / rng.uniform(0.10, 0.14) + 0.10 * edge, 1.0, contrast.lesion)
    return image


def _paint(image: Plane, distance: Plane, limit: float, level: float) -> Plane:
    """Set `level` where `distance` < `limit`, with an edge about two pixels soft."""
    cover = np.clip((limit - distance) / 0.03 + 0.5, 0, 1)
    return (image * (1 - cover) + level * cover).astype(np.float32)


def _smooth(rng: np.random.Generator, detail: int) -> Plane:
    """Noise in about -1 to 1 with `detail` bumps across the picture."""
    coarse = rng.uniform(-1, 1, (detail + 2, detail + 2)).astype(np.float32)
    picture = Image.fromarray(coarse).resize((_WORK_PX, _WORK_PX), Image.Resampling.BICUBIC)
    return np.asarray(picture)
