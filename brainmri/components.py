"""Which nodes belong together, by pairs of them that do; pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def components(n: int, pairs: Ints) -> Ints:
    """Number of the connected component of each of `n` nodes, in order of first appearance.

    Args:
        n: number of nodes.
        pairs: int64 (m, 2), nodes that belong together.
    """
    root = np.arange(n)
    join(root, pairs[:, 0], pairs[:, 1])
    flatten(root)
    return numbered(root)


def join(root: Ints, left: Ints, right: Ints) -> None:
    """Let `left[k]` and `right[k]` be of one component, for every k, in place.

    Every node points to a smaller node of its component, the smallest to itself. The two ends of every
    pair agree on the smaller one until none is apart (Shiloach and Vishkin 1982). SciPy does the same,
    but importing it takes longer than this.
    """
    while True:
        left, right = _root_of(root, left), _root_of(root, right)
        apart = left != right
        if not apart.any():
            return
        left, right = left[apart], right[apart]
        np.minimum.at(root, np.maximum(left, right), np.minimum(left, right))


def _root_of(root: Ints, nodes: Ints) -> Ints:
    while not np.array_equal(above := root[nodes], nodes):
        nodes = above
    return nodes


def shorten(root: Ints, nodes: Ints) -> None:
    """Let `nodes` point to the smallest of their components, in place."""
    root[nodes] = _root_of(root, nodes)


def flatten(root: Ints) -> None:
    """Let every node point to the smallest of its component, in place."""
    while not np.array_equal(shorter := root[root], root):
        root[:] = shorter


def numbered(leader: Ints) -> Ints:
    """Number of each node's group, in order of first appearance; `leader` is the smallest of it."""
    return (np.cumsum(leader == np.arange(len(leader))) - 1)[leader]
