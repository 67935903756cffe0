"""Images ranked by how likely their label is wrong; pure functions on arrays.

Several voices are heard: what runs say of images that did not train them, what the nearest training
images of a run are labelled, and what near-duplicates are labelled. An image is suspicious when they
are sure of another class than its label; when they are sure of its label, it is not. That is the
normalised margin of confident learning (Northcutt, Jiang and Chuang 2021, Journal of Artificial
Intelligence Research 70:1373), averaged over the voices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEIGHBOURS = 20
MOST_COMPARED = 50_000
"""Images among which neighbours are looked for; of a larger set a part, drawn by chance."""
_AT_ONCE = 512


@dataclass(frozen=True)
class Voice:
    """What one source says of some of n images.

    Attributes:
        name: of the run, or what else speaks.
        rows: places among the n images (m,), each at most once.
        y_prob: how probable it holds each class (m, k).
    """

    name: str
    rows: Ints
    y_prob: Floats


@dataclass(frozen=True)
class Suspicion:
    """How likely each of n labels is wrong.

    Attributes:
        score: mean over the voices of the probability of the most probable other class minus that
            of the label, -1 to 1 (n,); nan where nobody spoke.
        suggestion: the class that the voices hold most probable together (n,).
        against: voices that hold another class most probable than the label (n,).
        asked: voices that spoke (n,).
        order: images of which somebody spoke, the most suspicious first.
    """

    score: Floats
    suggestion: Ints
    against: Ints
    asked: Ints
    order: Ints


def rank(y_true: Ints, k: int, voices: Sequence[Voice]) -> Suspicion:
    """How likely each label is wrong by what the voices say.

    Args:
        y_true: class numbers (n,).
        k: number of classes, at least 2.
        voices: any number of them.
    """
    n = len(y_true)
    margin, total = np.zeros(n), np.zeros((n, k))
    against, asked = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    for voice in voices:
        rows, m = voice.rows, np.arange(len(voice.rows))
        label = y_true[rows]
        others = voice.y_prob.astype(np.float64, copy=True)
        own = others[m, label]
        others[m, label] = -np.inf
        margin[rows] += others.max(axis=1) - own
        against[rows] += others.max(axis=1) > own
        total[rows] += voice.y_prob
        asked[rows] += 1
    score = np.divide(margin, asked, out=np.full(n, np.nan), where=asked > 0)
    heard = np.flatnonzero(asked > 0)
    order = heard[np.argsort(-score[heard], kind="stable")]
    return Suspicion(score, total.argmax(axis=1).astype(np.int64), against, asked, order)


def neighbour_votes(
    points: NDArray[np.floating], labels: Ints, k: int, clusters: Ints, *, seed: int = 0
) -> Floats:
    """Share of each class among the `NEIGHBOURS` nearest other images (n, k).

    Near-duplicates of an image do not count: they are a voice of their own. An image that has no other
    image beside it has equal shares.

    Args:
        points: embeddings (n, p).
        labels: class numbers (n,).
        k: number of classes.
        clusters: of near-duplicates (n,).
        seed: draws the images that are compared with, where there are more than `MOST_COMPARED`.
    """
    n = len(points)
    among = np.arange(n)
    if n > MOST_COMPARED:
        among = np.sort(np.random.default_rng(seed).choice(n, MOST_COMPARED, replace=False))
    here = points.astype(np.float32)
    others, of, cluster = here[among], labels[among], clusters[among]
    length = (others**2).sum(axis=1)
    votes = np.zeros((n, k))
    wanted = min(NEIGHBOURS, len(among))
    for start in range(0, n, _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        away = length - 2 * here[some] @ others.T
        away[clusters[some][:, None] == cluster[None]] = np.inf
        nearest = np.argpartition(away, wanted - 1, axis=1)[:, :wanted]
        counts = np.isfinite(np.take_along_axis(away, nearest, axis=1))
        rows = np.repeat(np.arange(len(away)), wanted)
        np.add.at(votes[some], (rows, of[nearest].ravel()), counts.ravel())
    total = votes.sum(axis=1, keepdims=True)
    return np.divide(votes, total, out=np.full((n, k), 1 / k), where=total > 0)


def cluster_votes(labels: Ints, k: int, clusters: Ints) -> Voice:
    """What the near-duplicates of an image are labelled, for images of clusters that disagree.

    Copies that agree say nothing: a wrong label is copied with its image.

    Args:
        labels: class numbers (n,).
        k: number of classes.
        clusters: of near-duplicates (n,).
    """
    _, cluster = np.unique(clusters, return_inverse=True)
    counts = np.zeros((cluster.max(initial=-1) + 1, k))
    np.add.at(counts, (cluster, labels), 1)
    rows = np.flatnonzero(((counts > 0).sum(axis=1) > 1)[cluster])
    others = counts[cluster[rows]]
    others[np.arange(len(rows)), labels[rows]] -= 1
    return Voice("near-duplicates", rows, others / np.maximum(others.sum(axis=1, keepdims=True), 1))
