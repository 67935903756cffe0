"""`brainmri.label_errors`: what voices say against a label puts an image first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainmri import index, label_errors, predictions, runs, suspects
from brainmri.label_errors import Voice, cluster_votes, neighbour_votes, rank


def voice(rows: list[int], y_prob: list[list[float]]) -> Voice:
    return Voice("a run", np.array(rows), np.array(y_prob))


def test_a_sure_voice_against_the_label_comes_before_a_doubtful_one_and_that_before_agreement() -> (
    None
):
    y_true = np.array([0, 0, 0])
    found = rank(y_true, 2, [voice([0, 1, 2], [[0.9, 0.1], [0.4, 0.6], [0.01, 0.99]])])
    assert found.order.tolist() == [2, 1, 0]
    assert found.score == pytest.approx([-0.8, 0.2, 0.98])
    assert found.suggestion.tolist() == [0, 1, 1]
    assert (found.against.tolist(), found.asked.tolist()) == ([0, 1, 1], [1, 1, 1])


def test_several_voices_outweigh_one() -> None:
    y_true = np.array([0, 0])
    one, other = [[0.1, 0.9], [0.1, 0.9]], [[0.2, 0.8], [0.9, 0.1]]
    found = rank(y_true, 2, [voice([0, 1], one), voice([0, 1], other)])
    assert found.score == pytest.approx([(0.8 + 0.6) / 2, (0.8 - 0.8) / 2])
    assert found.against.tolist() == [2, 1]


def test_an_image_of_which_nobody_speaks_is_not_in_the_queue() -> None:
    found = rank(np.array([0, 1, 1]), 2, [voice([2], [[0.3, 0.7]])])
    assert found.order.tolist() == [2]
    assert np.isnan(found.score[:2]).all()


@given(st.integers(0, 10_000))
def test_the_order_of_the_voices_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y_true = rng.integers(0, 3, 20)
    said = [Voice(str(i), np.sort(rng.choice(20, 15, replace=False)), rng.dirichlet(np.ones(3), 15))
            for i in range(3)]  # fmt: skip
    one, other = rank(y_true, 3, said), rank(y_true, 3, said[::-1])
    assert one.score == pytest.approx(other.score, nan_ok=True)
    assert one.against.tolist() == other.against.tolist()


def test_of_copies_that_disagree_each_hears_the_others() -> None:
    #                     a cluster of three, one that agrees, one alone
    labels, clusters = np.array([0, 0, 1, 2, 2, 1]), np.array([5, 5, 5, 7, 7, 9])
    said = cluster_votes(labels, 3, clusters)
    assert said.rows.tolist() == [0, 1, 2]
    assert said.y_prob.tolist() == [[0.5, 0.5, 0], [0.5, 0.5, 0], [1, 0, 0]]
    assert rank(labels, 3, [said]).order[0] == 2


def test_neighbours_vote_but_neither_the_image_nor_its_copies() -> None:
    points = np.array([[0.0], [0.0], [0.1], [0.2], [9.0], [9.1], [9.2]])
    labels, clusters = np.array([1, 1, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 2, 3, 4, 5])
    votes = neighbour_votes(points, labels, 2, clusters)
    assert votes.sum(axis=1) == pytest.approx(np.ones(7))
    assert votes[0].tolist() == [2 / 5, 3 / 5]  # All five that are no copy of it.


def test_of_many_images_the_nearest_twenty_vote(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 60)
    points = labels[:, None] * 8 + rng.normal(size=(120, 4))
    labels[7] = 1
    votes = neighbour_votes(points, labels, 2, np.arange(120))
    assert votes[7].tolist() == [1.0, 0.0]
    monkeypatch.setattr(label_errors, "MOST_COMPARED", 50)
    assert neighbour_votes(points, labels, 2, np.arange(120))[7, 0] > 0.9


def test_an_image_alone_has_equal_shares() -> None:
    assert neighbour_votes(np.ones((1, 2)), np.array([0]), 4, np.array([0])).tolist() == [
        [0.25] * 4
    ]


def test_every_image_of_an_index_is_ranked_by_the_runs_that_know_it(trained_models: Path) -> None:
    table = index.read(index.path(trained_models))
    found = suspects.find(trained_models, table)
    names = {one.name for one in found.voices}
    assert {"cnn", "brightness"} <= names
    assert found.lacking == []
    assert len(found.suspicion.order) > 0
    assert (found.suspicion.asked > 0).sum() == len(found.suspicion.order)


def test_a_brought_table_is_heard_about_what_it_was_judged_by_and_only_a_fault_is_told(
    own_models: Path,
) -> None:
    """A table that was brought has no run.json, and needs none."""
    found = predictions.read(own_models / "cnn" / runs.PREDICTIONS_FILE)
    splits = found.splits.copy()
    taught = np.flatnonzero(splits == "test")[0]
    splits[taught] = "train"
    (own_models / "brought").mkdir()
    predictions.write(
        own_models / "brought" / runs.PREDICTIONS_FILE,
        replace(found, run="", model_sha256="", splits=splits),
    )
    (own_models / "cut off").mkdir()
    (own_models / "cut off" / runs.PREDICTIONS_FILE).write_bytes(b"PAR1")
    (own_models / "unfinished").mkdir()
    table = index.read(index.path(own_models))
    heard = suspects.find(own_models, table)
    (brought,) = [one for one in heard.voices if one.name == "brought"]
    (own,) = [one for one in heard.voices if one.name == "cnn"]
    left = [table.rows["path"].iloc[row] for row in sorted({*own.rows} - {*brought.rows})]
    assert left == [found.paths[taught]]
    assert [name for name, _ in heard.lacking] == ["cut off", "unfinished"]


def test_a_run_of_two_classes_is_heard_about_tumour_or_none(own_models: Path) -> None:
    found = predictions.read(own_models / "cnn" / runs.PREDICTIONS_FILE)
    none = found.y_prob[:, found.classes.index("notumor")]
    (own_models / "two").mkdir()
    predictions.write(
        own_models / "two" / runs.PREDICTIONS_FILE,
        replace(
            found,
            run="",
            model_sha256="",
            classes=["notumor", "tumor"],
            y_true=np.where(found.y_true < 0, -1, found.y_true != found.classes.index("notumor")),
            y_prob=np.stack([none, 1 - none], axis=1),
        ),
    )
    table = index.read(index.path(own_models))
    heard = suspects.find(own_models, table)
    assert heard.lacking == []
    (two,) = [one for one in heard.voices if one.name == "two"]
    at = {path: row for row, path in enumerate(found.paths)}
    negative = table.classes.index("notumor")
    for row, y_prob in zip(two.rows, two.y_prob, strict=True):
        known, label = none[at[table.rows["path"].iloc[row]]], table.rows["label"].iloc[row]
        wanted = dict.fromkeys(table.classes, 0.0) | {label: 1 - known, "notumor": known}
        if label == "notumor":  # Whichever tumour it may be.
            wanted |= {name: 1 - known for name in table.classes if name != "notumor"}
        assert y_prob == pytest.approx([wanted[name] for name in table.classes], abs=1e-5)
    assert {table.rows["label"].iloc[row] for row in two.rows} == set(table.classes)
    assert (two.y_prob[:, negative] > 0).any()


@pytest.mark.parametrize("seed", range(5))
def test_one_wrong_label_in_ten_is_found_among_the_first_of_the_queue(seed: int) -> None:
    """Classes that lie apart in an embedding, as far as 5 % of their images are beyond the middle.

    benchmarks/label_noise.py plants wrong labels in phantoms and trains on them.
    """
    rng = np.random.default_rng(seed)
    n, k = 600, 4
    truth = rng.integers(0, k, n)
    points = 3.3 * np.eye(k)[truth] + rng.normal(size=(n, k))
    labels = truth.copy()
    planted = rng.choice(n, n // 10, replace=False)
    labels[planted] = (truth[planted] + rng.integers(1, k, len(planted))) % k
    votes = neighbour_votes(points, labels, k, np.arange(n))
    found = rank(labels, k, [Voice("neighbours", np.arange(n), votes)])
    first = set(found.order[: round(0.15 * n)].tolist())
    assert len(first & set(planted.tolist())) >= 0.8 * len(planted)
    suggested = found.suggestion[planted] == truth[planted]
    assert suggested.mean() > 0.7
