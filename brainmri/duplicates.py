"""Near-duplicate search on 256-bit perceptual hashes, mirror images included."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from brainmri.features import HASH_BITS

MAX_DISTANCE = 8
"""Hamming distance (of 256 bits) up to which two images count as near-duplicates."""


def stack(hashes: Sequence[bytes]) -> NDArray[np.uint8]:
    """Hashes of 32 bytes each as one uint8 array (n, 32)."""
    width = HASH_BITS // 8
    return np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(len(hashes), width)


def near_pairs(
    left: NDArray[np.uint8], right: NDArray[np.uint8], *, max_distance: int = MAX_DISTANCE
) -> NDArray[np.int64]:
    """Index pairs (i, j) with Hamming distance of `left[i]` and `right[j]` at most `max_distance`.

    Multi-index hashing (Norouzi, Punjani and Fleet 2012): cut each hash into `max_distance` + 1
    pieces; two hashes that differ in at most `max_distance` bits agree on at least one whole piece,
    so only hashes that share a piece are compared.

    Args:
        left: uint8 (n, 32).
        right: uint8 (m, 32).

    Returns:
        int64 (pairs, 2), each pair once, sorted.
    """
    if not len(left) or not len(right):
        return np.empty((0, 2), dtype=np.int64)
    # Equal hashes are compared once, then expanded: a set full of copies stays cheap.
    left_unique, left_of = np.unique(left, axis=0, return_inverse=True)
    right_unique, right_of = np.unique(right, axis=0, return_inverse=True)
    found: list[NDArray[np.int64]] = []
    for piece in np.array_split(np.arange(HASH_BITS), max_distance + 1):
        pairs = _equal_key_pairs(_keys(left_unique, piece), _keys(right_unique, piece))
        near = _distances(left_unique, right_unique, pairs) <= max_distance
        found.append(pairs[near])
    m = len(right_unique)
    codes = np.unique(np.concatenate([pairs[:, 0] * m + pairs[:, 1] for pairs in found]))
    unique = np.column_stack([codes // m, codes % m])
    return _expand(unique, left_of.ravel(), right_of.ravel())


def clusters(
    hashes: NDArray[np.uint8],
    mirrored: NDArray[np.uint8],
    *,
    max_distance: int = MAX_DISTANCE,
) -> NDArray[np.int64]:
    """Cluster number of each image: chains of near-duplicates, mirrored ones included.

    Args:
        hashes: uint8 (n, 32), the images as they are.
        mirrored: uint8 (n, 32), the same images mirrored.

    Returns:
        int64 (n,), numbered from 0 in order of first appearance.
    """
    n = len(hashes)
    if n == 0:
        return np.empty(0, dtype=np.int64)
    pairs = np.concatenate(
        [
            near_pairs(hashes, hashes, max_distance=max_distance),
            near_pairs(hashes, mirrored, max_distance=max_distance),
        ]
    )
    return _components(n, pairs)


def _components(n: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the connected component of each of `n` nodes, in order of first appearance.

    Every node points to a smaller node of its component or to itself. A round lets the two ends of
    every pair agree on the smaller one, then shortens all paths (Shiloach and Vishkin 1982). SciPy
    does the same, but importing it takes longer than this.
    """
    root = np.arange(n)
    left, right = pairs[:, 0], pairs[:, 1]
    while True:
        left, right = root[left], root[right]
        apart = left != right
        if not apart.any():
            return np.unique(root, return_inverse=True)[1]
        left, right = left[apart], right[apart]
        np.minimum.at(root, np.maximum(left, right), np.minimum(left, right))
        while not np.array_equal(shorter := root[root], root):
            root = shorter


def has_near_duplicate(
    hashes: NDArray[np.uint8],
    reference: NDArray[np.uint8],
    reference_mirrored: NDArray[np.uint8],
    *,
    max_distance: int = MAX_DISTANCE,
) -> NDArray[np.bool_]:
    """Whether each image has a near-duplicate, plain or mirrored, among the reference images."""
    seen = np.zeros(len(hashes), dtype=bool)
    for other in (reference, reference_mirrored):
        seen[near_pairs(hashes, other, max_distance=max_distance)[:, 0]] = True
    return seen


def _keys(hashes: NDArray[np.uint8], piece: NDArray[np.int64]) -> NDArray[np.uint64]:
    bits = np.unpackbits(hashes, axis=1)[:, piece].astype(np.uint64)
    places = np.left_shift(np.uint64(1), np.arange(len(piece), dtype=np.uint64))
    return bits @ places


def _equal_key_pairs(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> NDArray[np.int64]:
    """All (i, j) with left[i] == right[j], by sorting."""
    order = np.argsort(right)
    ordered = right[order]
    start = np.searchsorted(ordered, left, side="left")
    count = np.searchsorted(ordered, left, side="right") - start
    i = np.repeat(np.arange(len(left)), count)
    within = np.arange(len(i)) - np.repeat(np.cumsum(count) - count, count)
    return np.column_stack([i, order[np.repeat(start, count) + within]])


def _distances(
    left: NDArray[np.uint8], right: NDArray[np.uint8], pairs: NDArray[np.int64]
) -> NDArray[np.int64]:
    different = left.view(np.uint64)[pairs[:, 0]] ^ right.view(np.uint64)[pairs[:, 1]]
    return np.bitwise_count(different).sum(axis=1, dtype=np.int64)


def _expand(
    unique: NDArray[np.int64], left_of: NDArray[np.int64], right_of: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Pairs of unique hashes to pairs of images that carry them."""
    by_left = _equal_key_pairs(unique[:, 0].astype(np.uint64), left_of.astype(np.uint64))
    halfway = np.column_stack([by_left[:, 1], unique[by_left[:, 0], 1]])
    by_right = _equal_key_pairs(halfway[:, 1].astype(np.uint64), right_of.astype(np.uint64))
    pairs = np.column_stack([halfway[by_right[:, 0], 0], by_right[:, 1]])
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
