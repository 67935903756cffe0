"""What a picture looks like, whatever the model: 243 numbers, and how far they are from those of training.

A network's last features tell a photograph from a slice less well (docs/experiments.md): training keeps
of them what tells its classes apart. So the picture itself is described: its shape, shades and texture in
the canonical form, how much of the frame the head leaves dark, and its grain, that is, what tissue is like
close up (`grain.py`). Pure, but for `write` and `read`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainmri import arrays, grain, head, images
from brainmri.arrays import Arrays
from brainmri.preprocessing import Preprocessing
from brainmri.runs import LOOK_FILE, Run

Floats = NDArray[np.float64]

SCHEMA_VERSION = 2
MIN_IMAGES = 20
"""Training images below which nothing is fitted."""

_CANONICAL = Preprocessing(96, "head")
_THUMBNAIL_PX, _LEVELS, _CELLS, _SHADES, _FRAME_PX = 10, 4, 5, 16, 64
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_FAINT = 0.01
"""Added to mean differences of grey levels (0-1) before their logarithm: less is noise."""
PARTS = (224, grain.NUMBERS)
"""How many numbers are of the whole picture, and of its grain, whose few would drown in those."""
_REACH, _REACHED_BY = 10.0, 0.95
"""Each part is scaled so that this share of the training pictures lies within this distance in it."""
_ARRAYS = ("mean", "scale", "whitening", "validation")


@dataclass(frozen=True)
class Looks:
    """What d numbers of the training pictures are like.

    Attributes:
        fingerprint: of the training images, see `fingerprint`.
        mean, scale: mean and standard deviation of each number, float32 (d,).
        whitening: float32 (d, d), a block for each part; the length of a standardised vector after it is
            its distance.
        validation: distances of the run's validation images, float32 (v,): limits are set on them.
    """

    fingerprint: str
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    whitening: NDArray[np.float32]
    validation: NDArray[np.float32]

    def distance(self, looks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Distance of each picture to the mean of the training pictures, (m,).

        The root of the sum of squares of one Mahalanobis distance a part, of which each is 10 for a
        picture that is farther away than 95 % of the training pictures.

        Args:
            looks: (m, d), a row of `describe` each.
        """
        away: NDArray[np.float32] = np.linalg.norm(
            ((looks - self.mean) / self.scale) @ self.whitening, axis=1
        )
        return away.astype(np.float32)

    def with_validation(self, distances: NDArray[np.float32]) -> Looks:
        """The same, with these distances of the validation images."""
        return replace(self, validation=np.asarray(distances, dtype=np.float32))


def describe(pixels: NDArray[np.uint8], found: head.Head | None = None) -> NDArray[np.float32]:
    """What a greyscale picture (h, w) looks like, float32 (243,).

    Of its canonical form, so that size and brightness do not matter: a 10 x 10 thumbnail; the texture,
    which is the logarithm of the mean difference between neighbouring pixels in 5 x 5 cells, at four
    scales; how common 16 shades are within the head (Hellinger, that is, square roots of shares). Of
    the picture as it is: how full the head's box is, how much of the frame it takes, its proportions;
    and how bright the outermost pixels of the frame are. Then its grain, see `grain.describe`.

    Args:
        pixels: greyscale (h, w).
        found: the head in it, where that is known already.
    """
    found, (height, width) = found or head.find(pixels), pixels.shape
    square, _ = _CANONICAL.placed(pixels, found)
    left, top, right, bottom = found.box
    shape = np.array(
        [
            found.mask.mean(),
            (right - left) * (bottom - top) / (height * width),
            np.log((right - left) / (bottom - top)),
        ]
    )
    parts = [
        _thumbnail(square),
        *_textures(square),
        _shades(square),
        shape,
        _frame(pixels),
        grain.describe(pixels, found),
    ]
    return np.concatenate(parts).astype(np.float32)


def _thumbnail(square: NDArray[np.uint8]) -> Floats:
    return images.shrunk(square, _THUMBNAIL_PX).ravel() / 255


def _textures(square: NDArray[np.uint8]) -> list[Floats]:
    told: list[Floats] = []
    picture = square.astype(np.float64) / 255
    for _ in range(_LEVELS):
        rough = np.abs(np.diff(picture, axis=1))[:-1] + np.abs(np.diff(picture, axis=0))[:, :-1]
        n = len(rough) // _CELLS
        cells = rough[: n * _CELLS, : n * _CELLS].reshape(_CELLS, n, _CELLS, n).mean(axis=(1, 3))
        told.append(np.log(cells.ravel() + _FAINT))
        picture = images.halved(picture)
    return told


def _shades(square: NDArray[np.uint8]) -> Floats:
    inside = square[square > 0]
    counts = np.bincount(inside >> 4, minlength=_SHADES)
    return np.sqrt(counts / max(len(inside), 1))


def _frame(pixels: NDArray[np.uint8]) -> Floats:
    small = images.shrunk(pixels, _FRAME_PX)
    edges = (small[:2], small[-2:], small[:, :2], small[:, -2:])
    return np.quantile(np.concatenate([edge.ravel() for edge in edges]) / 255, _QUANTILES)


def fit(looks: NDArray[np.float32], *, of: str, parts: tuple[int, ...] = PARTS) -> Looks | None:
    """Mean and shrunk covariance of training pictures; None with fewer than MIN_IMAGES.

    Numbers are standardised and the covariance of each part mixed with the identity, d / (n + d) of it,
    which makes it invertible whatever n is (shrinkage as in Ledoit and Wolf 2004, with a weight that needs no
    estimate).

    Args:
        looks: (n, d), a row of `describe` each.
        of: `fingerprint` of the run.
        parts: how many numbers each part has.
    """
    n, d = looks.shape
    if n < MIN_IMAGES:
        return None
    mean = looks.mean(axis=0, dtype=np.float64)
    scale = looks.std(axis=0, dtype=np.float64) + 1e-6
    standard = (looks - mean) / scale
    whitening, first = np.zeros((d, d)), 0
    for size in parts:
        part = slice(first, first + size)
        whitening[part, part] = _whitening(standard[:, part])
        first += size
    return Looks(
        of,
        mean.astype(np.float32),
        scale.astype(np.float32),
        np.ascontiguousarray(whitening, dtype=np.float32),
        np.zeros(0, dtype=np.float32),
    )


def _whitening(standard: Floats) -> Floats:
    n, d = standard.shape
    share = d / (n + d)
    covariance = (1 - share) * (standard.T @ standard / n) + share * np.eye(d)
    whitening: Floats = np.linalg.inv(np.linalg.cholesky(covariance)).T
    away = np.linalg.norm(standard @ whitening, axis=1)
    return whitening * (_REACH / max(float(np.quantile(away, _REACHED_BY)), 1e-6))


def fingerprint(run: Run) -> str:
    """What decides which training pictures a run has; with another one they are described anew."""
    return json.dumps([SCHEMA_VERSION, run.index_sha256, run.protocol, run.seed])


def write(models: Path, name: str, fitted: Looks) -> None:
    """Write look.npz of the run `name`: plain arrays, the same bytes for the same content.

    Raises:
        OutputError: it could not be written.
    """
    content = {name: getattr(fitted, name) for name in _ARRAYS}
    arrays.write(models / name / LOOK_FILE, fitted.fingerprint, content)


def read(models: Path, run: Run) -> Looks | None:
    """What `write` wrote for this run; None where that was never done, or for other training images.

    Raises:
        InputError: the file is damaged.
    """
    of = fingerprint(run)

    def build(stored: Arrays) -> Looks:
        found = Looks(of, **{name: stored[name] for name in _ARRAYS})
        d = len(found.mean)
        if (found.scale.shape, found.whitening.shape) != ((d,), (d, d)):
            raise ValueError("arrays of different shapes")
        return found

    return arrays.read(models / run.name / LOOK_FILE, of, build)
