"""Is this a brain MRI like those of training? Distances to them, judged by two limits; pure.

The distance is that of `embedding.TrainingEmbeddings`. Both limits are set on validation images, whose
distances say how far an image of the same kind may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Outcome = Literal["answered", "warned", "refused"]

MIN_IMAGES = 100
"""Validation images below which no limit is set: the limit would be the distance of a single image."""
WARNED_SHARE = 0.03
"""Share of the validation images beyond the limit from which an image is answered with a warning."""
REFUSED_TIMES = 1.5
"""An image this many times as far as the warning limit is refused."""

UNLIKE = "unlike the training images (other scanner, sequence or plane)"


@dataclass(frozen=True)
class Limits:
    """Distances from which an image is warned about and refused, set on `n` validation images."""

    warn_from: float
    refuse_from: float
    n: int


@dataclass(frozen=True)
class Novelty:
    """How far an image is from the training images, and the limits that judge it.

    Attributes:
        distance: None where the run cannot tell.
        limits: None where none are stored.
    """

    distance: float | None
    limits: Limits | None


def fit(distances: NDArray[np.floating]) -> Limits | None:
    """Limits from the distances (n,) of validation images; None with fewer than MIN_IMAGES."""
    n = len(distances)
    if n < MIN_IMAGES:
        return None
    warn_from = float(np.quantile(distances.astype(np.float64), 1 - WARNED_SHARE))
    return Limits(warn_from, REFUSED_TIMES * warn_from, n)


def judge(novelty: Novelty) -> tuple[Outcome, tuple[str, ...]]:
    """What to do with an image so far away, and why, in sentences; nothing to say when answered."""
    distance, limits = novelty.distance, novelty.limits
    if distance is None or limits is None:
        return "answered", (
            "Whether this image is like the training images was not checked: this run stores no limits.",
        )
    if distance < limits.warn_from:
        return "answered", ()
    if distance < limits.refuse_from:
        return "warned", (
            f"The image is {UNLIKE}: its distance to them is {distance:.1f}, and a warning is given "
            f"from {limits.warn_from:.1f} (set on {limits.n:,} validation images).",
        )
    return "refused", (
        "This does not look like a brain MRI slice of the kind that the model was trained on: its "
        f"distance to the training images is {distance:.1f}, and nothing is answered from "
        f"{limits.refuse_from:.1f} (set on {limits.n:,} validation images).",
    )
