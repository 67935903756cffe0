"""Near-duplicate search on 256-bit perceptual hashes, mirror images included.

Two hashes that differ in at most d bits, cut into d + a pieces, agree on at least a whole pieces
(multi-index hashing: Norouzi, Punjani and Fleet 2012). Only hashes that agree so are compared, some
at a time: memory does not grow with the number of comparisons.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from brainmri.components import flatten, join, numbered, shorten
from brainmri.features import HASH_BITS

MAX_DISTANCE = 8
"""Hamming distance (of 256 bits) up to which two images count as near-duplicates."""

_PIECE_BITS = 32
_HALF, _LOW = np.uint64(32), np.uint64((1 << 32) - 1)
_ODD = np.uint64(0x9E3779B97F4A7C15)
_ODD_32 = np.uint32(0x9E3779B9)
"""2^64 and 2^32 over the golden ratio: a product with it mixes bits well (Knuth, vol. 3, section 6.4)."""

_PART = 1 << 15
"""Keys that are sorted and searched in one go, about, for the same reason as below."""
_AT_A_TIME = 1 << 15
"""Pairs that are compared in one go: their arrays stay in the processor's cache."""
_MANY_COMPARISONS = 200
"""Comparisons per hash and piece from which agreement on two pieces, five times the sorting, pays."""

_MOST_THREADS = 4
"""Each joins components of its own at first, and so compares some pairs that another one has joined."""

_SAMPLE = 1 << 15
"""Hashes that tell how much alike a set is."""

Hashes = NDArray[np.uint8]
_Words = NDArray[np.uint64]
_Keys = NDArray[np.uint32]
_Ints = NDArray[np.int64]


def stack(hashes: Sequence[bytes]) -> Hashes:
    """Hashes of 32 bytes each as one uint8 array (n, 32)."""
    width = HASH_BITS // 8
    return np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(len(hashes), width)


def near_pairs(left: Hashes, right: Hashes, *, max_distance: int = MAX_DISTANCE) -> _Ints:
    """Index pairs (i, j) with Hamming distance of `left[i]` and `right[j]` at most `max_distance`.

    Args:
        left: uint8 (n, 32).
        right: uint8 (m, 32).

    Returns:
        int64 (pairs, 2), each pair once, sorted.
    """
    if not len(left) or not len(right):
        return np.empty((0, 2), dtype=np.int64)
    # Equal hashes are compared once, then expanded: a set full of copies stays cheap.
    left_first, left_of = _distinct(_words(left))
    right_first, right_of = _distinct(_words(right))
    m = len(right_first)
    codes = np.empty(0, dtype=np.int64)
    for found in _near(left[left_first], right[right_first], max_distance):
        codes = np.union1d(codes, found[0] * m + found[1])
    unique = np.column_stack([codes // m, codes % m])
    return _expand(unique, left_of, right_of)


def clusters(hashes: Hashes, mirrored: Hashes, *, max_distance: int = MAX_DISTANCE) -> _Ints:
    """Cluster number of each image: chains of near-duplicates, mirrored ones included.

    Args:
        hashes: uint8 (n, 32), the images as they are.
        mirrored: uint8 (n, 32), the same images mirrored.

    Returns:
        int64 (n,), numbered from 0 in order of first appearance.
    """
    if not len(hashes):
        return np.empty(0, dtype=np.int64)
    words = np.concatenate([_words(hashes), _words(mirrored)])
    first, of = _distinct(words)
    plain, flipped = np.split(words[:, first], 2)
    del words
    keys = _keys(np.concatenate([hashes[first], mirrored[first]]), max_distance)
    taking = threading.Lock()

    def join_some(root: _Ints) -> _Ints:
        """Join by the keys that no other thread has taken; numpy lets threads work side by side."""
        while True:
            with taking:
                key = next(keys, None)
            if key is None:
                return root
            _join_by(key, root, plain, flipped, max_distance)

    everything = np.arange(len(first))
    threads = min(os.cpu_count() or 1, _MOST_THREADS)
    with ThreadPoolExecutor(threads) as pool:
        root, *others = pool.map(join_some, [everything.copy() for _ in range(threads)])
    for other in others:
        join(root, everything, other)
    flatten(root)
    return numbered(root)[of]


def _join_by(key: _Keys, root: _Ints, plain: _Words, flipped: _Words, max_distance: int) -> None:
    """Join the components of near images with equal keys.

    Args:
        key: (2 n,), of the images as they are and then of the mirrored ones.
        root: (n,), of `components.join`, changed in place.
        plain, flipped: (4, n), hashes of the images as they are and mirrored.
        max_distance: in bits.
    """
    for some in _parts(key):
        # Sorted by image, so that the plain ones come first.
        cut = np.searchsorted(some, len(root))
        order, keys = _by_key(key[some[:cut]])
        plain_keys = some[:cut][order], keys
        order, keys = _by_key(key[some[cut:]])
        flipped_keys = some[cut:][order] - len(root), keys
        _join_near(root, plain, plain, plain_keys, plain_keys, max_distance)
        _join_near(root, plain, flipped, plain_keys, flipped_keys, max_distance)


def has_near_duplicate(
    hashes: Hashes,
    reference: Hashes,
    reference_mirrored: Hashes,
    *,
    max_distance: int = MAX_DISTANCE,
) -> NDArray[np.bool_]:
    """Whether each image has a near-duplicate, plain or mirrored, among the reference images."""
    seen = np.zeros(len(hashes), dtype=bool)
    if len(hashes) and len(reference):
        for other in (reference, reference_mirrored):
            for found in _near(hashes, other, max_distance):
                seen[found[0]] = True
    return seen


def _near(left: Hashes, right: Hashes, max_distance: int) -> Iterator[tuple[_Ints, _Ints]]:
    """Pairs (i, j) within `max_distance`, some at a time; a pair may come again."""
    left_words, right_words = _words(left), _words(right)
    for key in _keys(np.concatenate([left, right]), max_distance):
        # Sorted on both sides: searching then walks through memory instead of jumping about.
        left_order, wanted = _by_key(key[: len(left)])
        right_order, ordered = _by_key(key[len(left) :])
        start = np.searchsorted(ordered, wanted, side="left")
        end = np.searchsorted(ordered, wanted, side="right")
        for row, place in _spread(start, end):
            i, j = left_order[row], right_order[place]
            close = _is_near(left_words, right_words, i, j, max_distance)
            yield i[close], j[close]


def _join_near(
    root: _Ints,
    left: _Words,
    right: _Words,
    left_keys: tuple[_Ints, _Keys],
    right_keys: tuple[_Ints, _Keys],
    max_distance: int,
) -> None:
    """Join the components of near hashes whose keys agree; hashes of one component are not compared.

    Args:
        root: (n,), of `components.join`, changed in place. What points to one node is of one component; what
            points to different nodes need not be of different ones, and is compared in vain.
        left, right: (4, n), two hashes of each image, or twice the same.
        left_keys, right_keys: of `_by_key`.
    """
    same = right is left
    i, left_key = left_keys
    j, right_key = right_keys
    if not len(i) or not len(j):  # A part may hold no hash of one side.
        return
    if same:  # A hash has its own key; another one must have it too.
        again = np.zeros(len(i) + 1, dtype=bool)
        again[1:-1] = left_key[1:] == left_key[:-1]
        start = np.maximum.accumulate(np.where(again[:-1], 0, np.arange(len(i))))
        shared = again[:-1] | again[1:]
    else:
        start = np.minimum(np.searchsorted(right_key, left_key), len(right_key) - 1)
        shared = right_key[start] == left_key
    i, left_key, start = i[shared], left_key[shared], start[shared]
    if not len(i):
        return
    # First compare with one hash of each key. Groups of many copies become one component, and then
    # need no comparing of each with each.
    one = j[start]
    apart = root[i] != root[one]
    close = _is_near(left, right, i[apart], one[apart], max_distance)
    join(root, i[apart][close], one[apart][close])
    shorten(root, i)

    # Keys whose hashes are all of one component are done with.
    mixed = np.zeros(len(right_key), dtype=bool)
    mixed[start[root[i] != root[one]]] = True
    if not same:
        place = np.minimum(np.searchsorted(left_key, right_key), len(left_key) - 1)
        shared = left_key[place] == right_key
        j, right_key, place = j[shared], right_key[shared], start[place[shared]]
        shorten(root, j)
        mixed[place[root[j] != root[right_keys[0][place]]]] = True
        j, ordered = _by_component(root, j[mixed[place]], right_key[mixed[place]])
    # Within a key the others lie by component, so that those of one's own can be passed over.
    i, wanted = _by_component(root, i[mixed[start]], left_key[mixed[start]])
    if same:
        j, ordered = i, wanted
    after = np.searchsorted(ordered, wanted, side="right")
    ranges = [(after, np.searchsorted(ordered, wanted | _LOW, side="right"))]
    if not same:
        before = np.searchsorted(ordered, wanted, side="left")
        ranges.append((np.searchsorted(ordered, wanted & ~_LOW, side="left"), before))
    # Most differ too much in the first quarter already, which lies here in the order of use.
    quarter, other_quarter = left[0][i], right[0][j]
    for start, end in ranges:
        for row, place in _spread(start, end):
            maybe = np.bitwise_count(quarter[row] ^ other_quarter[place]) <= max_distance
            some, other = i[row[maybe]], j[place[maybe]]
            close = _is_near(left, right, some, other, max_distance)
            join(root, some[close], other[close])


def _parts(key: _Keys) -> Iterator[_Ints]:
    """All places of `key` in parts, ascending in each; equal keys share a part.

    What is done with a part then stays in the processor's cache.
    """
    bits = (len(key) // _PART).bit_length()
    if not bits:
        yield np.arange(len(key))
        return
    part = (key * _ODD_32 >> np.uint32(32 - bits)).astype(np.uint16)
    order = np.argsort(part, kind="stable")
    yield from np.split(order, np.cumsum(np.bincount(part, minlength=1 << bits))[:-1])


def _by_key(key: _Keys) -> tuple[_Ints, _Keys]:
    """The order that sorts keys, and the sorted keys.

    numpy sorts 16 bits by counting: twice, first by the lower half, is several times faster than argsort.
    """
    order = np.argsort(key.astype(np.uint16), kind="stable")
    upper = (key >> np.uint32(16)).astype(np.uint16)
    order = order[np.argsort(upper[order], kind="stable")]
    return order, key[order]


def _by_component(root: _Ints, nodes: _Ints, key: _Keys) -> tuple[_Ints, _Words]:
    """`nodes` sorted by key and component, and both of these as one number each."""
    both = key.astype(np.uint64) << _HALF | root[nodes].view(np.uint64)
    order = np.argsort(both)
    return nodes[order], both[order]


def _distinct(words: _Words) -> tuple[_Ints, _Ints]:
    """Where each distinct row of `_words` appears first, ascending, and which of them each row is.

    Sorts one number mixed from each row. Should different rows mix alike, a row may be listed twice,
    which costs its users a comparison and changes no result.
    """
    n = words.shape[1]
    mixed = np.zeros(n, dtype=np.uint64)
    for word in words:
        mixed = (mixed ^ word ^ word >> _HALF) * _ODD
    order, _ = _by_key((mixed >> _HALF).astype(np.uint32))
    same = np.concatenate([[False], np.ones(n - 1, dtype=bool)])
    for word in words:
        ordered = word[order]
        same[1:] &= ordered[1:] == ordered[:-1]
    leader = np.empty(n, dtype=np.int64)
    leader[order] = order[np.maximum.accumulate(np.where(same, 0, np.arange(n)))]
    return np.flatnonzero(leader == np.arange(n)), numbered(leader)


def _words(rows: Hashes) -> _Words:
    """(n, 8 k) bytes as (k, n) numbers of 64 bits."""
    return np.ascontiguousarray(np.ascontiguousarray(rows).view(np.uint64).T)


def _keys(hashes: Hashes, max_distance: int) -> Iterator[_Keys]:
    """Keys of the hashes, (n,), several times: near ones have an equal key at least once."""
    least = max(max_distance + 1, HASH_BITS // _PIECE_BITS)
    pieces = _pieces(hashes, least)
    if _comparisons(pieces) < _MANY_COMPARISONS * least * len(hashes):
        yield from pieces
        return
    # Hashes much alike. They agree on two of one more piece as well, and fewer of them do.
    pieces = _pieces(hashes, least + 1)
    for one, other in combinations(pieces, 2):
        both = one.astype(np.uint64) << _HALF | other
        yield np.unique(both, return_inverse=True)[1].astype(np.uint32)


def _pieces(hashes: Hashes, count: int) -> NDArray[np.uint32]:
    """Each hash in `count` pieces of at most 32 bits, (count, n).

    A piece takes every `count`-th bit. Neighbouring frequencies depend on each other; in one piece
    they would make many hashes agree.
    """
    pieces = np.empty((count, len(hashes)), dtype=np.uint32)
    for start in range(0, len(hashes), 1 << 14):
        bits = np.unpackbits(hashes[start : start + (1 << 14)], axis=1)
        padded = np.zeros((len(bits), _PIECE_BITS * count), dtype=np.uint8)
        padded[:, :HASH_BITS] = bits
        by_piece = padded.reshape(len(bits), _PIECE_BITS, count).transpose(2, 0, 1)
        packed = np.packbits(by_piece.reshape(-1)).view(np.uint32)
        pieces[:, start : start + len(bits)] = packed.reshape(count, len(bits))
    return pieces


def _comparisons(pieces: NDArray[np.uint32]) -> int:
    """How many pairs agree on each piece, summed; estimated from a part of a large set."""
    step = max(1, pieces.shape[1] // _SAMPLE)
    counts = (np.unique(piece, return_counts=True)[1] for piece in pieces[:, ::step])
    return step**2 * sum(int((count**2).sum()) for count in counts)


def _spread(start: _Ints, end: _Ints) -> Iterator[tuple[_Ints, _Ints]]:
    """Every (row, place) with start[row] <= place < end[row], about `_AT_A_TIME` of them at a time."""
    rows = np.flatnonzero(end > start)
    count = (end - start)[rows]
    ends = np.cumsum(count)
    if not len(rows):
        return
    cuts = np.searchsorted(ends, np.arange(_AT_A_TIME, ends[-1], _AT_A_TIME)) + 1
    for first, last in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        some, many = rows[first:last], count[first:last]
        row = np.repeat(some, many)
        skipped = np.repeat(np.cumsum(many) - many - start[some], many)
        yield row, np.arange(len(row)) - skipped


def _is_near(
    left: _Words, right: _Words, i: _Ints, j: _Ints, max_distance: int
) -> NDArray[np.bool_]:
    """Whether left[:, i] and right[:, j] differ in at most `max_distance` bits."""
    distance = np.bitwise_count(left[0][i] ^ right[0][j])  # Faster than left[0, i].
    # Most differ too much in the first quarter already.
    close = np.flatnonzero(distance <= max_distance)
    total = distance[close].astype(np.uint16)
    for a, b in zip(left[1:], right[1:], strict=True):
        total += np.bitwise_count(a[i[close]] ^ b[j[close]])
    near = np.zeros(len(i), dtype=bool)
    near[close] = total <= max_distance
    return near


def _expand(unique: _Ints, left_of: _Ints, right_of: _Ints) -> _Ints:
    """Pairs of distinct hashes to pairs of images that carry them."""
    by_left = _each(unique[:, 0], left_of)
    halfway = np.column_stack([by_left[:, 1], unique[by_left[:, 0], 1]])
    by_right = _each(halfway[:, 1], right_of)
    pairs = np.column_stack([halfway[by_right[:, 0], 0], by_right[:, 1]])
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _each(wanted: _Ints, values: _Ints) -> _Ints:
    """All (i, j) with wanted[i] == values[j]."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    start = np.searchsorted(ordered, wanted, side="left")
    count = np.searchsorted(ordered, wanted, side="right") - start
    i = np.repeat(np.arange(len(wanted)), count)
    within = np.arange(len(i)) - np.repeat(np.cumsum(count) - count, count)
    return np.column_stack([i, order[np.repeat(start, count) + within]])
