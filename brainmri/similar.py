"""The training images that look most alike to the model: pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainmri.embedding import TrainingEmbeddings

MOST = 8


@dataclass(frozen=True)
class Similar:
    """One training image.

    Attributes:
        path: in the data folder.
        label: its class.
        distance: to the image asked about, Euclidean on the components of the embedding, in standard
            deviations of the first one; 0 for the same picture.
    """

    path: str
    label: str
    distance: float


def most_similar(
    space: TrainingEmbeddings, embedding: NDArray[np.float32], classes: list[str], n: int = MOST
) -> tuple[Similar, ...]:
    """The `n` training images nearest to one embedding (d,), nearest first.

    Args:
        space: the run's training embeddings.
        embedding: of one image, as `inference` gives it.
        classes: names, in the order of the class numbers.
        n: how many.
    """
    found = space.nearest(embedding[None], n)
    return tuple(
        Similar(str(path), classes[label], float(distance))
        for path, label, distance in zip(
            found.paths[0], found.labels[0], found.distances[0], strict=True
        )
    )
