"""`brainmri.conformal`: thresholds by hand, and the promise kept on simulated images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from brainmri import conformal, metrics
from brainmri.conformal import Conformal, conformal_sets, fit_conformal, images_needed
from tests.brainmri.resplits import RESPLITS, resplit_coverage

Ints = NDArray[np.int64]
Probabilities = NDArray[np.float32]


def images(n: int, *, k: int = 4, seed: int = 0) -> tuple[Ints, Probabilities]:
    """Classes of unequal difficulty and size; the model is too sure, which must not matter."""
    rng = np.random.default_rng(seed)
    y_true = rng.choice(k, n, p=np.arange(k, 0, -1) / (k * (k + 1) / 2))
    logits = rng.normal(size=(n, k)) * 2
    logits[np.arange(n), y_true] += 1 + y_true
    raised = np.exp(3 * (logits - logits.max(axis=1, keepdims=True)))
    return y_true, (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)


# --- thresholds ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alpha", "needed"), [(0.1, 9), (0.05, 19), (0.2, 4), (0.5, 1), (0.01, 99)]
)
def test_how_many_images_a_promise_needs(alpha: float, needed: int) -> None:
    assert images_needed(alpha) == needed


def test_thresholds_by_hand() -> None:
    # Class 0: scores 0.1 ... 0.9, so the ceil(10 * 0.8) = 8th smallest at alpha 0.2. Class 1: three
    # images, one fewer than alpha 0.2 needs. Class 2: none.
    p = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.9, 0.9, 0.9])
    y_true = np.array([0] * 9 + [1] * 3)
    y_prob = np.zeros((12, 3))
    y_prob[np.arange(12), y_true] = p
    thresholds, counted = fit_conformal(y_true, y_prob, 0.2)
    assert thresholds.tolist() == [pytest.approx(0.8), 1.0, 1.0]
    assert counted.tolist() == [9, 3, 0]


@given(st.integers(1, 80), st.sampled_from([0.05, 0.1, 0.2, 0.3, 0.5]), st.integers(0, 300))
def test_at_least_the_promised_share_of_the_images_that_set_it_is_covered(
    n: int, alpha: float, seed: int
) -> None:
    y_true, y_prob = images(n, seed=seed)
    thresholds, counted = fit_conformal(y_true, y_prob, alpha)
    sets = conformal_sets(y_prob, thresholds)
    for c in range(4):
        own = sets[y_true == c, c]
        if counted[c] < images_needed(alpha):
            assert thresholds[c] == 1
            assert sets[:, c].all()
        else:
            rank = int(np.ceil((counted[c] + 1) * (1 - alpha) - 1e-9))
            assert own.sum() >= rank  # more where scores are equal


def test_a_class_is_in_the_set_when_its_score_is_at_most_its_threshold() -> None:
    y_prob = np.array([[0.5, 0.5], [0.75, 0.25], [0.0, 1.0]], dtype=np.float32)
    sets = conformal_sets(y_prob, np.array([0.5, 0.0]))
    assert sets.tolist() == [[True, False], [True, False], [False, True]]
    assert conformal_sets(y_prob, np.ones(2)).all()


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1])
def test_a_promise_of_all_or_nothing_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        fit_conformal(*images(20), alpha)


# --- measured coverage -----------------------------------------------------------------------


def test_coverage_by_hand() -> None:
    stored = Conformal(0.1, {"a": 0.4, "b": 0.5, "c": 1.0}, {"a": 20, "b": 9, "c": 8})
    y_prob = np.array(
        [[0.7, 0.2, 0.1], [0.5, 0.5, 0.0], [0.1, 0.6, 0.3], [0.2, 0.3, 0.5], [0.6, 0.4, 0.0]]
    )
    # sets: ac, bc, bc, c, ac
    found = conformal.coverage(
        np.tile([0, 0, 1, 1, 1], 10),
        np.tile(y_prob, (10, 1)),
        stored,
        ["a", "b", "c"],
        np.arange(50),
    )
    a, b, c = found.per_class
    assert (a.coverage, b.coverage) == (metrics.proportion(10, 20), metrics.proportion(10, 30))
    assert (c.coverage.value, c.coverage.reason) == (None, "no images of this class")
    assert [entry.always for entry in found.per_class] == [False, False, True]
    assert [entry.fitted_on for entry in found.per_class] == [20, 9, 8]
    assert found.overall == metrics.proportion(20, 50)
    assert found.lowest == "b"
    assert found.mean_size.value == pytest.approx(9 / 5)
    assert found.mean_size.n == 50
    assert (found.empty.k, found.single.k) == (0, 10)


def test_coverage_of_too_few_images_of_a_class_is_not_told() -> None:
    stored = Conformal(0.1, {"a": 0.4, "b": 0.5}, {"a": 20, "b": 9})
    y_true = np.array([0] * 6 + [1] * 30)
    found = conformal.coverage(y_true, np.eye(2)[y_true], stored, ["a", "b"], np.arange(36))
    a, b = found.per_class
    assert a.coverage.reason == "too few images (6; a figure needs 10)"
    assert (b.coverage.n, found.lowest, found.overall.n) == (30, "b", 36)


def test_every_share_of_sets_has_the_interval_of_as_many_clusters() -> None:
    y_true, y_prob = images(120, k=3)
    stored = Conformal(0.1, dict.fromkeys("abc", 0.7), dict.fromkeys("abc", 50))
    once = conformal.coverage(y_true, y_prob, stored, list("abc"), np.arange(120))
    copied = conformal.coverage(
        np.repeat(y_true, 4), np.repeat(y_prob, 4, axis=0), stored, list("abc"),
        np.repeat(np.arange(120), 4),
    )  # fmt: skip
    shares = [
        [one.overall, one.empty, one.single, *(c.coverage for c in one.per_class)]
        for one in (once, copied)
    ]
    for one, four in zip(*shares, strict=True):
        assert four.n == 4 * one.n
        assert (four.low, four.high) == pytest.approx((one.low, one.high), abs=0.02)


def test_no_images_have_no_coverage() -> None:
    stored = Conformal(0.1, {"a": 0.4, "b": 0.5}, {"a": 20, "b": 9})
    nothing = np.zeros(0, dtype=np.int64)
    found = conformal.coverage(nothing, np.zeros((0, 2)), stored, ["a", "b"], nothing)
    assert found.lowest is None
    assert (found.mean_size.value, found.mean_size.reason) == (None, "no images")
    assert found.overall.value is None


def test_the_size_interval_draws_whole_groups() -> None:
    y_true, y_prob = images(200)
    thresholds, counted = fit_conformal(y_true, y_prob, 0.1)
    names = ["a", "b", "c", "d"]
    stored = Conformal(
        0.1,
        dict(zip(names, thresholds.tolist(), strict=True)),
        dict(zip(names, counted.tolist(), strict=True)),
    )
    once = conformal.coverage(y_true, y_prob, stored, names, np.arange(200)).mean_size
    copied = conformal.coverage(
        np.tile(y_true, 4), np.tile(y_prob, (4, 1)), stored, names, np.tile(np.arange(200), 4)
    ).mean_size
    assert (copied.value, copied.low, copied.high) == pytest.approx(
        (once.value, once.low, once.high)
    )


# --- re-splits -------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.2])
def test_mean_coverage_over_200_re_splits_is_within_a_point_of_what_is_promised(
    alpha: float,
) -> None:
    y_true, y_prob = images(1800, seed=3)
    found = resplit_coverage(y_true, y_prob, np.arange(1800), alpha=alpha, share=0.4)
    assert len(found.coverage) == RESPLITS == 200
    assert (found.nominal, found.n, found.always) == (1 - alpha, 1800, [])
    assert found.mean == pytest.approx(1 - alpha, abs=0.01)
    assert found.mean == pytest.approx(found.coverage.mean())
    # Of each class too; whole images make it a little more than promised, by 1 / (n + 1) at most.
    over = found.per_class.mean(axis=0) - (1 - alpha)
    assert (over > -0.01).all()
    assert (over < 0.01 + 1 / (0.4 * np.bincount(y_true) + 1)).all()


def test_the_promise_is_kept_with_clusters_of_copies() -> None:
    y_true, y_prob = images(900, seed=5)
    times = np.random.default_rng(0).integers(1, 5, 900)
    found = resplit_coverage(
        np.repeat(y_true, times),
        np.repeat(y_prob, times, axis=0),
        np.repeat(np.arange(900), times),
        alpha=0.1,
        share=0.3,
    )
    assert found.mean == pytest.approx(0.9, abs=0.01)


def test_no_cluster_lies_on_both_sides() -> None:
    # Each image has a copy with the opposite scores: were pairs parted, the thresholds would know
    # of both. Whole pairs on one side give the very coverage of the pairs.
    rng = np.random.default_rng(0)
    seen: list[tuple[set[int], set[int]]] = []
    groups = rng.integers(0, 60, 300)
    y_true, y_prob = images(300)
    original = conformal.fit_conformal

    def spy(truth: Ints, probabilities: Probabilities, alpha: float) -> tuple[object, Ints]:
        rows = {tuple(row) for row in probabilities.tolist()}
        here = np.array([tuple(row) in rows for row in y_prob.tolist()])
        seen.append((set(groups[here]), set(groups[~here])))
        return original(truth, probabilities, alpha)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conformal, "fit_conformal", spy)
        resplit_coverage(y_true, y_prob, groups, alpha=0.1, share=0.5, resplits=20)
    assert len(seen) == 20
    assert all(left and right and not left & right for left, right in seen)
    assert len({frozenset(left) for left, _ in seen}) > 10


def test_each_class_gives_its_share_to_the_thresholds() -> None:
    y_true, y_prob = images(400)
    counts: list[Ints] = []
    original = conformal.fit_conformal

    def spy(truth: Ints, probabilities: Probabilities, alpha: float) -> tuple[object, Ints]:
        counts.append(np.bincount(truth, minlength=4))
        return original(truth, probabilities, alpha)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conformal, "fit_conformal", spy)
        resplit_coverage(y_true, y_prob, np.arange(400), alpha=0.1, share=0.25, resplits=5)
    for given_to in counts:
        np.testing.assert_allclose(given_to, np.bincount(y_true) / 4, atol=1)


def test_a_class_with_too_few_images_is_named() -> None:
    y_true, y_prob = images(200)
    rare = (y_true == 3) & (np.cumsum(y_true == 3) > 6)
    found = resplit_coverage(
        y_true[~rare], y_prob[~rare], np.arange(200)[~rare], alpha=0.1, share=0.5, resplits=10
    )
    assert found.always == [3]
    np.testing.assert_allclose(found.per_class[:, 3], 1)


def test_re_splits_are_the_same_every_time_and_need_two_sides() -> None:
    y_true, y_prob = images(100)
    groups = np.arange(100)
    first, second = (
        resplit_coverage(y_true, y_prob, groups, alpha=0.2, share=0.5, resplits=5) for _ in range(2)
    )
    np.testing.assert_array_equal(first.coverage, second.coverage)
    for share in (0.0, 1.0):
        with pytest.raises(ValueError, match="leaves one side"):
            resplit_coverage(y_true, y_prob, groups, alpha=0.2, share=share)
