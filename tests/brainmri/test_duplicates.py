"""`brainmri.duplicates`: agreement with brute force, chains, mirror images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from brainmri import duplicates
from brainmri.components import components
from brainmri.duplicates import clusters, has_near_duplicate, near_pairs, stack

Hashes = NDArray[np.uint8]


def brute_distances(left: Hashes, right: Hashes) -> NDArray[np.int64]:
    return np.array(
        [[np.unpackbits(a ^ b).sum() for b in right] for a in left], dtype=np.int64
    ).reshape(len(left), len(right))


def brute_distances_fast(hashes: Hashes) -> NDArray[np.int64]:
    bits = np.unpackbits(hashes, axis=1).astype(np.int64)
    return bits @ (1 - bits).T + (1 - bits) @ bits.T


def flipped(one: Hashes, bits: list[int]) -> Hashes:
    unpacked = np.unpackbits(one)
    unpacked[bits] ^= 1
    return np.packbits(unpacked)


def noise(n: int, seed: int) -> Hashes:
    return np.random.default_rng(seed).integers(0, 256, (n, 32), dtype=np.uint8)


def families(seed: int, n: int) -> Hashes:
    """Hashes that lie 0 to about 14 bits from one of three centres, some of them equal."""
    rng = np.random.default_rng(seed)
    centres = noise(3, seed)
    members = [
        flipped(centres[rng.integers(3)], rng.integers(0, 256, rng.integers(0, 8)).tolist())
        for _ in range(n)
    ]
    return np.stack(members)


@pytest.fixture(params=["agreement on one piece", "on two", "a few comparisons at a time"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way of searching, also those that only large or much alike sets take."""
    if request.param != "agreement on one piece":
        monkeypatch.setattr(duplicates, "_MANY_COMPARISONS", 0)
    if request.param == "a few comparisons at a time":
        monkeypatch.setattr(duplicates, "_AT_A_TIME", 3)
        monkeypatch.setattr(duplicates, "_PART", 4)


any_way = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@any_way
@pytest.mark.usefixtures("way")
@given(st.integers(0, 10_000), st.sampled_from([0, 1, 3, 8, 12]))
def test_near_pairs_agrees_with_comparing_everything(seed: int, limit: int) -> None:
    left, right = families(seed, 20), np.concatenate([families(seed, 12), noise(5, seed + 1)])
    expected = np.argwhere(brute_distances(left, right) <= limit)
    np.testing.assert_array_equal(near_pairs(left, right, max_distance=limit), expected)


def test_hashes_that_agree_on_most_bits_are_told_apart_all_the_same() -> None:
    # Seven eighths of the bits are equal in all: every piece alone is shared by many.
    rng = np.random.default_rng(0)
    many = np.zeros((600, 32), dtype=np.uint8)
    many[:, ::8] = rng.integers(0, 256, (600, 4))
    near = brute_distances_fast(many) <= 8
    np.testing.assert_array_equal(near_pairs(many, many), np.argwhere(near))
    _, expected = connected_components(coo_array(near), directed=False)
    np.testing.assert_array_equal(clusters(many, noise(600, 1)), expected)


def test_a_large_group_of_copies_is_one_cluster_without_comparing_each_with_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    centre = noise(1, 0)[0]
    copies = np.stack([flipped(centre, rng.integers(0, 256, 4).tolist()) for _ in range(2000)])
    compared = 0
    real = duplicates._is_near

    def counting(*arguments: Any) -> NDArray[np.bool_]:
        nonlocal compared
        compared += len(arguments[2])
        return real(*arguments)

    monkeypatch.setattr(duplicates, "_is_near", counting)
    assert not clusters(np.concatenate([copies, centre[None]]), noise(2001, 1)).any()
    assert compared < 20 * len(copies)


@pytest.mark.parametrize(("bits", "near"), [(8, True), (9, False)])
def test_the_limit_is_inclusive(bits: int, near: bool) -> None:
    one = noise(1, 0)
    # A piece is every ninth bit; these hit every piece but one.
    other = flipped(one[0], [i * 28 for i in range(bits)])[None]
    assert brute_distances(one, other)[0, 0] == bits
    assert (len(near_pairs(one, other)) == 1) is near


def test_equal_hashes_pair_with_each_other_every_way() -> None:
    copies = np.repeat(noise(1, 0), 3, axis=0)
    expected = [[i, j] for i in range(3) for j in range(3)]
    assert near_pairs(copies, copies).tolist() == expected


@pytest.mark.parametrize(("n", "m"), [(0, 3), (3, 0), (0, 0)])
def test_nothing_has_no_pairs(n: int, m: int) -> None:
    assert near_pairs(noise(n, 0), noise(m, 1)).shape == (0, 2)


def test_a_chain_of_near_duplicates_is_one_cluster() -> None:
    first = noise(1, 0)[0]
    second = flipped(first, list(range(8)))
    third = flipped(second, list(range(100, 108)))
    assert brute_distances(first[None], third[None])[0, 0] == 16
    hashes = np.stack([first, noise(1, 9)[0], third, second])
    far = noise(4, 20)
    assert clusters(hashes, far).tolist() == [0, 1, 0, 0]


@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(0, 80))
def test_components_agree_with_scipy(seed: int, n: int, m: int) -> None:
    pairs = np.random.default_rng(seed).integers(0, n, size=(m, 2))
    graph = coo_array((np.ones(m), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    found = components(n, pairs)
    theirs = connected_components(graph, directed=False)[1]
    assert ((found[:, None] == found) == (theirs[:, None] == theirs)).all()
    assert list(dict.fromkeys(found.tolist())) == list(range(found.max() + 1))


def test_a_long_chain_in_random_order_is_one_component() -> None:
    order = np.random.default_rng(0).permutation(100_000)
    assert not components(len(order), np.column_stack([order[:-1], order[1:]])).any()


def test_a_mirror_image_belongs_to_the_cluster_of_its_original() -> None:
    hashes, mirrored = noise(3, 0), noise(3, 1)
    hashes[2] = flipped(mirrored[0], [3, 77])
    assert clusters(hashes, mirrored).tolist() == [0, 1, 0]
    assert clusters(hashes, noise(3, 2)).tolist() == [0, 1, 2]


def test_clusters_are_numbered_in_order_of_first_appearance() -> None:
    a, b, c = noise(3, 4)
    hashes = np.stack([c, a, c, b, a])
    assert clusters(hashes, noise(5, 7)).tolist() == [0, 1, 0, 2, 1]


def test_no_images_have_no_clusters() -> None:
    assert clusters(noise(0, 0), noise(0, 0)).tolist() == []


@any_way
@pytest.mark.usefixtures("way")
@given(st.integers(0, 10_000))
def test_clusters_agree_with_a_flood_fill(seed: int) -> None:
    hashes, mirrored = families(seed, 18), families(seed + 1, 18)
    mirrored[:4] = hashes[6:10]
    near = (brute_distances(hashes, hashes) <= 8) | (brute_distances(hashes, mirrored) <= 8)
    near |= near.T
    expected = np.full(18, -1)
    for start in range(18):
        reached, fresh = {start}, [start]
        while fresh:
            fresh = [j for j in range(18) if j not in reached and near[fresh, j].any()]
            reached.update(fresh)
        if expected[start] < 0:
            expected[list(reached)] = expected.max() + 1
    np.testing.assert_array_equal(clusters(hashes, mirrored), expected)


@any_way
@pytest.mark.usefixtures("way")
@given(st.integers(0, 10_000))
def test_has_near_duplicate_agrees_with_comparing_everything(seed: int) -> None:
    queries, reference = families(seed, 10), families(seed, 8)[4:]
    mirrored = np.concatenate([noise(3, seed + 2), queries[:1]])
    closest = [brute_distances(queries, other).min(axis=1) for other in (reference, mirrored)]
    expected = np.minimum(*closest) <= 8
    np.testing.assert_array_equal(has_near_duplicate(queries, reference, mirrored), expected)
    assert expected[0]  # found through its mirror image alone, whatever the draw


def test_nothing_is_a_duplicate_of_an_empty_reference() -> None:
    empty = stack([])
    assert has_near_duplicate(noise(4, 0), empty, empty).tolist() == [False] * 4


def test_stack_keeps_bytes_and_order() -> None:
    hashes = noise(3, 0)
    np.testing.assert_array_equal(stack([row.tobytes() for row in hashes]), hashes)
    assert stack([]).shape == (0, 32)
