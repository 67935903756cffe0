"""Is this a brain MRI like those of training? Its distance to them, judged by two limits; pure.

The distance is that of `look.Looks`. Both limits are set on validation images, whose distances say how
far an image of the same kind may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Outcome = Literal["answered", "warned", "refused"]

MIN_IMAGES = 20
"""Validation images below which no limit is set: fewer than one of them would lie beyond it."""
WARNED_SHARE = 0.05
"""Share of the validation images beyond the limit from which an image is answered with a warning."""
REFUSED_TIMES = 1.5
"""An image this many times as far as the warning limit is refused."""

NOT_SET = (
    f"Novelty: no limits, for fewer than {MIN_IMAGES} validation images, or training images that are gone; "
    "images unlike the training images are not noticed."
)
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


def describe(limits: Limits) -> str:
    """One line: the limits and where they come from."""
    return (
        f"Novelty: an image is warned about from a distance of {limits.warn_from:.1f} to the training "
        f"pictures, which {100 * WARNED_SHARE:g} % of {limits.n:,} validation images reach, and refused "
        f"from {limits.refuse_from:.1f}."
    )


def near(novelty: Novelty) -> str | None:
    """Why an image is answered without a warning, with the limits; None where nothing was checked."""
    distance, limits = novelty.distance, novelty.limits
    if distance is None or limits is None:
        return None
    return (
        f"The image looks like the training images: its distance to them is {distance:.1f}; a warning is "
        f"given from {limits.warn_from:.1f} and nothing is answered from {limits.refuse_from:.1f} (set on "
        f"{limits.n:,} validation images)."
    )


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
