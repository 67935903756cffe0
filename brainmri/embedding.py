"""What a model's training images look like to it: how far a new one is from them, and which are nearest.

The last features before the output (the embedding) of all training images are kept on a few principal
components in `models/<run>/embedding.npz`. Pure on arrays, but for `write` and `read`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainmri import arrays
from brainmri.arrays import Arrays
from brainmri.inference import Classifier
from brainmri.runs import EMBEDDING_FILE, Run

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SCHEMA_VERSION = 1
MOST_COMPONENTS = 64
IMAGES_PER_COMPONENT = 10
"""Training images for each component, at least: a covariance of fewer is noise."""
NOT_YET = (
    "No embedding statistics are stored for this run; where its model gives an embedding, they are "
    "fitted at the next `predict`."
)

_FLAT = 1e-9
"""Components with less than this share of the largest variance are rounding errors."""
_RIDGE = 1e-6
"""Added to the covariance, of its mean variance: classes may be points on some component."""
_ROWS = 4096
_ARRAYS = ("mean", "projection", "class_means", "covariance", "training", "labels", "validation")


@dataclass(frozen=True)
class Nearest:
    """The n nearest training images of each of m images, nearest first.

    Attributes:
        paths: in the data folder (m, n).
        labels: class numbers (m, n).
        distances: Euclidean on the components, in standard deviations of the first one; (m, n).
    """

    paths: NDArray[np.object_]
    labels: Ints
    distances: NDArray[np.float32]


@dataclass(frozen=True)
class TrainingEmbeddings:
    """The embeddings of n training images on p principal components.

    Attributes:
        fingerprint: of the run that they belong to, see `fingerprint`.
        mean: of the training embeddings, float32 (d,).
        projection: principal components over the standard deviation of the first, float32 (d, p).
        class_means: of each class that has training images, on the components; float64 (c, p).
        covariance: within classes, shared by all, on the components; float64 (p, p).
        training: training embeddings on the components, float16 (n, p).
        labels: their class numbers, int64 (n,).
        paths: their paths in the data folder.
        validation: distances of the run's validation images, float32 (v,); a threshold for images
            unlike all of training can be set on them.
    """

    fingerprint: str
    mean: NDArray[np.float32]
    projection: NDArray[np.float32]
    class_means: Floats
    covariance: Floats
    training: NDArray[np.float16]
    labels: Ints
    paths: list[str]
    validation: NDArray[np.float32]

    def distance(self, embedding: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mahalanobis distance of each image to the nearest class mean (Lee et al. 2018), (m,).

        The covariance is the one that all classes share, and both are taken on the components. For
        an image like the training ones the squared distance is around p.

        Args:
            embedding: (m, d), as `inference` gives it.
        """
        white = self._projected(embedding) @ self._whitening
        means = self.class_means @ self._whitening
        away = np.linalg.norm(white[:, None] - means[None], axis=2)
        return away.min(axis=1).astype(np.float32)

    def nearest(self, embedding: NDArray[np.float32], n: int) -> Nearest:
        """The `n` training images (all, where there are fewer) that look most alike to the model.

        Args:
            embedding: (m, d).
            n: how many.
        """
        n = min(n, len(self.paths))
        order = np.zeros((len(embedding), n), dtype=np.int64)
        distances = np.zeros((len(embedding), n), dtype=np.float32)
        for i, point in enumerate(self._projected(embedding).astype(np.float32)):
            away = np.linalg.norm(self._points - point, axis=1)
            order[i] = np.argsort(away, kind="stable")[:n]
            distances[i] = away[order[i]]
        return Nearest(self._paths[order], self.labels[order], distances)

    def with_validation(self, distances: NDArray[np.float32]) -> TrainingEmbeddings:
        """The same, with these distances of the validation images."""
        return replace(self, validation=np.asarray(distances, dtype=np.float32))

    def _projected(self, embedding: NDArray[np.float32]) -> Floats:
        if embedding.ndim != 2 or embedding.shape[1] != len(self.mean):
            raise ValueError(
                f"embeddings of shape (m, {len(self.mean)}) are wanted, not {embedding.shape}"
            )
        return _project(embedding, self.mean, self.projection)

    @cached_property
    def _whitening(self) -> Floats:
        """W (p, p) with W W' = inverse covariance: distances after it are Mahalanobis ones."""
        return np.ascontiguousarray(np.linalg.inv(np.linalg.cholesky(self.covariance)).T)

    @cached_property
    def _points(self) -> NDArray[np.float32]:
        return self.training.astype(np.float32)

    @cached_property
    def _paths(self) -> NDArray[np.object_]:
        return np.array(self.paths, dtype=object)


def fingerprint(run: Run) -> str:
    """What decides the training embeddings of a run; with another one they are fitted anew."""
    parts = (run.model_sha256, run.index_sha256, run.protocol, run.seed, run.preprocessing)
    return json.dumps([SCHEMA_VERSION, *parts], sort_keys=True)


def fit(
    embedding: NDArray[np.float32], labels: Ints, paths: list[str], *, of: str
) -> TrainingEmbeddings | None:
    """Principal components, class means and shared covariance of training embeddings.

    Args:
        embedding: (n, d).
        labels: class numbers (n,).
        paths: n of them.
        of: `fingerprint` of the run.

    Returns:
        None where there are too few images for one component, or all look alike to the model.
    """
    n, d = embedding.shape
    classes, code = np.unique(labels, return_inverse=True)
    most = min(MOST_COMPONENTS, d, (n - len(classes)) // IMAGES_PER_COMPONENT)
    if most < 1:
        return None
    mean = embedding.mean(axis=0, dtype=np.float64)
    scatter = np.zeros((d, d))
    for start in range(0, n, _ROWS):  # Memory in float64 for some of the rows at a time.
        centred = embedding[start : start + _ROWS] - mean
        scatter += centred.T @ centred
    variance, components = np.linalg.eigh(scatter / (n - 1))
    variance, components = variance[::-1][:most], components[:, ::-1][:, :most]
    kept = variance > max(_FLAT * variance[0], np.finfo(np.float64).tiny)
    if not kept.any():
        return None
    components = components[:, kept]
    # The sign of a component is arbitrary; this makes it the same everywhere.
    largest = components[np.abs(components).argmax(axis=0), np.arange(components.shape[1])]
    components = components * np.sign(largest) / np.sqrt(variance[0])
    mean32, projection = mean.astype(np.float32), np.ascontiguousarray(components, dtype=np.float32)
    points = np.concatenate(
        [_project(embedding[s : s + _ROWS], mean32, projection) for s in range(0, n, _ROWS)]
    )
    means = np.stack([points[code == c].mean(axis=0) for c in range(len(classes))])
    within = points - means[code]
    covariance = within.T @ within / (n - len(classes))
    p = len(covariance)
    covariance += np.eye(p) * max(_RIDGE * np.trace(covariance) / p, np.finfo(np.float32).tiny)
    return TrainingEmbeddings(
        fingerprint=of,
        mean=mean32,
        projection=projection,
        class_means=means,
        covariance=covariance,
        training=points.astype(np.float16),
        labels=labels.astype(np.int64),
        paths=list(paths),
        validation=np.zeros(0, dtype=np.float32),
    )


def write(models: Path, name: str, fitted: TrainingEmbeddings) -> None:
    """Write embedding.npz of the run `name`: plain arrays, no pickle, the same bytes for the same content.

    Raises:
        OutputError: it could not be written.
    """
    # No file name holds a zero byte.
    names = np.frombuffer("\0".join(fitted.paths).encode(), dtype=np.uint8)
    content = {"paths": names, **{array: getattr(fitted, array) for array in _ARRAYS}}
    arrays.write(models / name / EMBEDDING_FILE, fitted.fingerprint, content)


def read(models: Path, run: Run) -> TrainingEmbeddings | None:
    """What `write` wrote for this run; None where that was never done, or for another model of it.

    Raises:
        InputError: the file is damaged.
    """
    of = fingerprint(run)

    def build(stored: Arrays) -> TrainingEmbeddings:
        found = TrainingEmbeddings(
            fingerprint=of,
            paths=stored["paths"].tobytes().decode().split("\0"),
            **{name: stored[name] for name in _ARRAYS},
        )
        _check(found)
        return found

    return arrays.read(models / run.name / EMBEDDING_FILE, of, build)


def stored(classifier: Classifier, models: Path) -> tuple[TrainingEmbeddings | None, str | None]:
    """What `read` finds for the run of a model, or the reason why there is nothing.

    Raises:
        InputError: the file is damaged.
    """
    if not classifier.embeds:
        return None, "The model gives no embedding, so no distances to training images are known."
    found = read(models, classifier.run)
    return found, None if found else NOT_YET


def describe(fitted: TrainingEmbeddings) -> str:
    """One line: how many images, on how many components, how far validation images are."""
    n, p = fitted.training.shape
    said = f"Embedding statistics of {n:,} training images on {p} components"
    if not len(fitted.validation):
        return f"{said}."
    middle, most = np.quantile(fitted.validation, [0.5, 0.95])
    return (
        f"{said}; {len(fitted.validation):,} validation images are {middle:.1f} from the nearest class "
        f"(median), 95 % of them at most {most:.1f}."
    )


def _project(
    embedding: NDArray[np.float32], mean: NDArray[np.float32], projection: NDArray[np.float32]
) -> Floats:
    return (embedding.astype(np.float64) - mean) @ projection.astype(np.float64)


def _check(found: TrainingEmbeddings) -> None:
    d, p = found.projection.shape
    n, c = len(found.paths), len(found.class_means)
    wanted = {
        "mean": (d,),
        "class_means": (c, p),
        "covariance": (p, p),
        "training": (n, p),
        "labels": (n,),
        "validation": (len(found.validation),),
    }
    for name, shape in wanted.items():
        if getattr(found, name).shape != shape:
            raise ValueError(f"{name} is not of shape {shape}")
