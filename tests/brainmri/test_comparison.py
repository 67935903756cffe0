"""`brainmri.comparison`: two runs on the same images, by hand and against scipy and scikit-learn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from brainmri import beside, comparison, intervals, metrics
from brainmri.comparison import Comparison
from brainmri.errors import InputError
from brainmri.metrics import Estimate
from brainmri.predictions import Predictions
from brainmri.wording import plain

CLASSES = ["glioma", "healthy", "pituitary"]
G, H, P = 0, 1, 2
NAMES = ["accuracy", "sensitivity", "specificity", "f1", "auroc"]
# (path, truth, A's answer, B's answer)
IMAGES = [("1", G, G, G), ("2", G, G, H), ("3", G, P, H), ("4", G, H, G), ("5", H, H, G),
          ("6", H, G, H), ("7", P, G, P), ("8", P, P, P), ("9", P, H, H)]  # fmt: skip


def table(
    rows: list[tuple[str, int, int]], *, classes: list[str] | None = None, split: str = "test"
) -> Predictions:
    """Predictions of (path, truth, answer) rows, in the class numbers of CLASSES."""
    classes = classes or CLASSES
    number = [classes.index(name) for name in CLASSES]
    n = len(rows)
    y_prob = np.full((n, 3), 0.1, dtype=np.float32)
    # The later in the table, the surer.
    for i, (_, _, answer) in enumerate(rows):
        y_prob[i, number[answer]] = 0.6 + 0.01 * i
    y_prob /= y_prob.sum(axis=1, keepdims=True)
    return Predictions(
        paths=np.array([path for path, _, _ in rows], dtype=object),
        splits=np.full(n, split, dtype=object),
        y_true=np.array([number[t] if t >= 0 else -1 for _, t, _ in rows], dtype=np.int64),
        y_prob=y_prob,
        classes=classes,
        run="a run",
    )


def run_a() -> Predictions:
    return table([(path, truth, a) for path, truth, a, _ in IMAGES])


def run_b() -> Predictions:
    """The same images in another order and with other class numbers."""
    rows = [(path, truth, b) for path, truth, _, b in reversed(IMAGES)]
    return table(rows, classes=["healthy", "pituitary", "glioma"])


def join(a: Predictions, b: Predictions, split: str = "test") -> comparison.Pairs:
    return comparison.join(a, b, split=split, negative="healthy")


def compare(
    a: Predictions, b: Predictions, groups: NDArray[np.int64] | None = None, resamples: int = 200
) -> Comparison:
    pairs = join(a, b)
    if groups is None:
        groups = np.arange(len(pairs.y_true))
    return comparison.compare(
        pairs, split="test", groups=groups, run_a="old", run_b="new", resamples=resamples
    )


def random_runs(n: int, seed: int, right: tuple[float, float]) -> tuple[Predictions, Predictions]:
    """Two runs on the same n images, right with the given probabilities, often on the same ones."""
    rng = np.random.default_rng(seed)
    truth, hard = rng.integers(0, 3, n), rng.random(n)
    made = []
    for share in right:
        wrong = (hard + rng.normal(0, 0.1, n)) > share
        answer = np.where(wrong, (truth + rng.integers(1, 3, n)) % 3, truth)
        rows = [
            (str(i), int(t), int(a)) for i, (t, a) in enumerate(zip(truth, answer, strict=True))
        ]
        made.append(table(rows))
    return made[0], made[1]


# --- joining ---------------------------------------------------------------------------------


def test_images_are_matched_by_path_whatever_the_order_of_rows_and_classes() -> None:
    pairs = join(run_a(), run_b())
    assert pairs.rows_a.tolist() == list(range(9))
    assert pairs.rows_b.tolist() == list(reversed(range(9)))
    assert pairs.y_true.tolist() == [truth for _, truth, _, _ in IMAGES]
    assert pairs.pred_a.tolist() == [a for _, _, a, _ in IMAGES]
    assert pairs.pred_b.tolist() == [b for _, _, _, b in IMAGES]
    assert (pairs.classes, pairs.negative) == (CLASSES, H)
    assert (pairs.only_a, pairs.only_b, pairs.unlabelled) == (0, 0, 0)


def test_images_of_one_run_alone_are_counted_and_left_out() -> None:
    a = table([("1", G, G), ("2", G, G), ("", G, G)])
    b = table([("2", G, H), ("3", G, G), ("4", G, G), ("5", G, G)])
    pairs = join(a, b)
    assert (pairs.rows_a.tolist(), pairs.rows_b.tolist()) == ([1], [0])
    # An image without a name cannot be matched.
    assert (pairs.only_a, pairs.only_b) == (2, 3)


def test_only_images_of_the_split_are_compared() -> None:
    pairs = join(run_a(), table([("1", G, G)], split="val"))
    assert (len(pairs.y_true), pairs.only_a, pairs.only_b) == (0, 9, 0)


def test_a_label_that_one_run_alone_knows_counts_for_both() -> None:
    a = table([("1", -1, G), ("2", H, G), ("3", -1, G)])
    b = table([("1", P, G), ("2", -1, G), ("3", -1, G)])
    pairs = join(a, b)
    assert (pairs.y_true.tolist(), pairs.unlabelled) == ([P, H], 1)


@pytest.mark.parametrize(
    ("b", "says"),
    [
        (table([("1", H, G), ("2", G, G), ("4", P, G)]),
         "disagree on the label of 2 images, the first being 1 (glioma, healthy)"),
        (table([("1", G, G), ("1", G, H)]), "has 2 answers for 1; keep one per image"),
        (dataclasses.replace(run_a(), classes=["a", "healthy", "c"]), "have different classes"),
    ],
    ids=["labels", "twice", "classes"],
)  # fmt: skip
def test_runs_that_cannot_be_compared_are_refused_in_one_sentence(
    b: Predictions, says: str
) -> None:
    with pytest.raises(InputError) as refused:
        join(run_a(), b)
    assert says in str(refused.value)


# --- differences -----------------------------------------------------------------------------


def test_differences_are_those_of_both_runs_figures_by_hand() -> None:
    found = compare(run_a(), run_b())
    assert [d.name for d in found.differences] == NAMES
    by_hand = {"accuracy": (4, 5, 9), "sensitivity": (5, 4, 7), "specificity": (1, 1, 2)}
    for name, (a, b, n) in by_hand.items():
        one = found.difference(name)
        assert (one.a.k, one.a.n, one.b.k, one.b.n) == (a, n, b, n)
        assert one.difference.value == pytest.approx((b - a) / n)
        assert one.difference.n == n


@given(st.integers(0, 10_000))
def test_every_interval_holds_its_difference_and_mirrors_when_the_runs_change_places(
    seed: int,
) -> None:
    a, b = random_runs(60, seed, (0.9, 0.8))
    there, back = compare(a, b, np.arange(60) // 2), compare(b, a, np.arange(60) // 2)
    for name in NAMES:
        one, other = there.difference(name).difference, back.difference(name).difference
        assert one.low is not None
        assert one.high is not None
        assert one.value is not None
        assert -1 <= one.low <= one.value <= one.high <= 1
        assert one.value == pytest.approx((there.difference(name).b.value or 0)
                                          - (there.difference(name).a.value or 0))  # fmt: skip
        if one.value:  # Two that are level have no side to mirror.
            assert other.low == pytest.approx(-one.high)
            assert other.high == pytest.approx(-one.low)


def test_both_runs_are_drawn_together_in_whole_clusters() -> None:
    a, b = random_runs(80, 3, (0.9, 0.8))
    groups = np.random.default_rng(1).integers(0, 30, 80)
    names = np.unique(groups)
    draws = metrics.drawn_counts(len(names), 0, 50).astype(np.int64)
    f1: list[list[float]] = []
    area: list[list[float]] = []
    tumour = a.y_true != H
    for times in draws:
        rows = np.repeat(np.arange(80), times[np.searchsorted(names, groups)])
        f1.append([
            sk.f1_score(a.y_true[rows], p[rows], average="weighted", zero_division=0)
            for p in (a.y_pred, b.y_pred)
        ])  # fmt: skip
        area.append([sk.roc_auc_score(tumour[rows], -p.y_prob[rows, H]) for p in (a, b)])
    found = compare(a, b, groups, resamples=50)
    for name, drawn in (("f1", f1), ("auroc", area)):
        one = found.difference(name)
        # Rounded, since ranks tell apart what only the order of a sum makes different.
        together = float(scipy.stats.spearmanr(*np.round(drawn, 12).T).statistic)
        assert together > 0.3
        low, high = intervals.of_difference(ends(one.a), ends(one.b), together)
        assert one.difference.low == pytest.approx(low, abs=1e-3)
        assert one.difference.high == pytest.approx(high, abs=1e-3)


def ends(estimate: Estimate) -> tuple[float, float, float]:
    assert estimate.value is not None
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.value, estimate.low, estimate.high


def test_two_runs_that_agree_on_every_image_are_not_certainly_equal() -> None:
    a, _ = random_runs(400, 5, (0.8, 0.78))
    found = compare(a, a)
    for name in ("accuracy", "sensitivity", "specificity", "f1"):
        one = found.difference(name).difference
        assert one.value == 0
        assert one.low is not None
        assert one.high is not None
        # At least two of the images may still come to differ, at most as many as of none of n.
        most = metrics.proportion(0, one.n).high
        assert most is not None
        assert 1.5 / one.n < one.high < 1.6 * most
        assert -1.6 * most < one.low < -1.5 / one.n


@pytest.mark.parametrize("name", NAMES)
def test_copies_do_not_narrow_the_interval_of_a_difference(name: str) -> None:
    a, b = random_runs(200, 5, (0.9, 0.75))
    four_a, four_b = (
        dataclasses.replace(
            run,
            paths=np.array([f"{p} {i}" for p in run.paths for i in range(4)], dtype=object),
            splits=np.repeat(run.splits, 4),
            y_true=np.repeat(run.y_true, 4),
            y_prob=np.repeat(run.y_prob, 4, axis=0),
        )
        for run in (a, b)
    )
    one = compare(a, b).difference(name).difference
    four = compare(four_a, four_b, np.repeat(np.arange(200), 4)).difference(name).difference
    assert one.low is not None
    assert one.high is not None
    assert four.low is not None
    assert four.high is not None
    assert four.high - four.low == pytest.approx(one.high - one.low, rel=0.15)


def test_a_paired_interval_is_shorter_than_one_that_takes_the_runs_for_strangers() -> None:
    a, b = random_runs(400, 5, (0.8, 0.78))
    found = compare(a, b).difference("accuracy")
    widths = [(e.high or 0) - (e.low or 0) for e in (found.a, found.b, found.difference)]
    assert widths[2] < 0.8 * np.hypot(widths[0], widths[1])


@pytest.mark.parametrize(("won", "shown"), [(0, False), (4, False), (8, True)])
def test_a_handful_of_images_shows_no_difference(won: int, shown: bool) -> None:
    # Of 500 tumours the first finds all but `won`, the second finds all; 4 : 0 is p = 0.125.
    a = table([(str(i), G, H if i < won else G) for i in range(500)] + [("h", H, H)])
    b = table([(str(i), G, G) for i in range(500)] + [("h", H, H)])
    found = compare(a, b).difference("sensitivity").difference
    assert found.low is not None
    assert found.high is not None
    assert (found.low > 0) == shown
    assert found.high - found.low > 0.004


def test_without_common_images_every_figure_is_none_with_a_reason() -> None:
    found = compare(run_a(), table([("x", G, G)]))
    assert found.n == 0
    for name in NAMES:
        one = found.difference(name).difference
        assert (one.value, one.reason) == (None, "no images in common")
    assert beside.headline(found, []) == "These runs have no labelled image in common"


def test_where_no_image_has_a_tumour_what_is_missed_is_none_with_a_reason() -> None:
    found = compare(table([("1", H, H), ("2", H, G)]), table([("1", H, H), ("2", H, H)]))
    assert found.difference("sensitivity").difference.reason == "no tumour images"
    assert found.difference("auroc").difference.value is None
    assert found.difference("auroc").difference.reason
    assert found.difference("specificity").difference.value == 0.5


# --- McNemar ---------------------------------------------------------------------------------


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_agrees_with_scipy(only_a: int, only_b: int) -> None:
    found, n = comparison.mcnemar(only_a, only_b), only_a + only_b
    exact = scipy.stats.binomtest(only_a, n).pvalue if n else 1.0
    if n < 25:
        assert found.test == "exact binomial"
        assert found.p_value == pytest.approx(exact, rel=1e-9)
    else:
        assert found.test == "mid-p"
        # Half of the observed point, twice; where both are level that point was counted once only.
        at = scipy.stats.binom.pmf(only_a, n, 0.5) * (0.5 if only_a == only_b else 1)
        assert found.p_value == pytest.approx(exact - at, rel=1e-7)


def test_mcnemar_by_hand() -> None:
    # Bentur et al. as in Fagerland, Lydersen and Laake 2013: 1 and 7 discordant, exact p = 0.0703.
    assert comparison.mcnemar(1, 7).p_value == pytest.approx(18 / 256)
    assert comparison.mcnemar(0, 0).p_value == 1.0
    assert comparison.mcnemar(40_000, 1000).p_value == 0.0


def test_mcnemar_counts_images_that_one_run_alone_got_right() -> None:
    found = compare(run_a(), run_b())
    assert (found.right.only_a, found.right.only_b) == (2, 3)
    # As tumour / no tumour: A alone is right on 2, 3, 5, B alone on 4, 6.
    assert (found.tumour.only_a, found.tumour.only_b) == (3, 2)


# --- the images that changed -----------------------------------------------------------------


def test_changed_images_come_with_their_rows_and_both_answers_the_surest_first() -> None:
    found = compare(run_a(), run_b())
    by_path = {
        kind: sorted((IMAGES[c.row_a][0], c.truth, c.answer_a, c.answer_b) for c in changes)
        for kind, changes in vars(found).items()
        if kind in ("lost", "gained", "newly_missed", "newly_found", "otherwise")
    }
    assert {"3", "2", "4"} < {path for path, *_ in by_path["otherwise"]}
    assert all(before != after for _, _, before, after in by_path.pop("otherwise"))
    assert by_path == {
        "lost": [("2", G, G, H), ("5", H, H, G)],
        "gained": [("4", G, H, G), ("6", H, G, H), ("7", P, G, P)],
        # 3 was named a wrong tumour before, and is none now: missed, though never right.
        "newly_missed": [("2", G, G, H), ("3", G, P, H)],
        "newly_found": [("4", G, H, G)],
    }
    b = run_b()
    for changes in (found.lost, found.gained, found.newly_missed):
        sure = [b.y_prob[c.row_b].max() for c in changes]
        assert sure == sorted(sure, reverse=True)
        assert all(run_a().paths[c.row_a] == b.paths[c.row_b] for c in changes)


# --- in words --------------------------------------------------------------------------------


def test_the_headline_is_about_the_second_run_whether_it_is_better_or_worse() -> None:
    a = table([(str(i), G, H if i < 20 else G) for i in range(100)] + [("h", H, H)])
    b = table([(str(i), G, G) for i in range(100)] + [("h", H, H)])
    better, worse = (plain(beside.headline(found, [])) for found in (compare(a, b), compare(b, a)))
    assert better.startswith("new: 20 fewer missed tumours of 100 (")
    assert " fewer), 20 more right answers of 101 (" in better
    # Of the run that stands second, though the other one has the better figures.
    assert worse.startswith("new: 20 more missed tumours of 100 (")
    assert " more), 20 fewer right answers of 101 (" in worse


def test_the_headline_says_when_nothing_can_be_told() -> None:
    assert (
        beside.headline(compare(run_a(), run_b()), [])
        == "No difference in missed tumours, false alarms or right answers that these 9 images can show"
    )


def test_where_the_whole_shows_nothing_the_clearest_class_has_the_word() -> None:
    # 20 of P that A called G are right in B, and 20 of G that A had right are called P in B.
    rows = [(f"p{i}", P, i < 20) for i in range(60)] + [(f"g{i}", G, i < 20) for i in range(60)]
    rows += [(f"h{i}", H, False) for i in range(20)]
    a = table([(path, truth, G if truth == P and other else truth) for path, truth, other in rows])
    b = table([(path, truth, P if truth == G and other else truth) for path, truth, other in rows])
    pairs = comparison.join(a, b, split="test", negative="healthy")
    groups = np.arange(len(rows))
    found = comparison.compare(pairs, split="test", groups=groups, run_a="old", run_b="new")
    told = plain(beside.headline(found, beside.cells(pairs, groups)))
    assert told.startswith(
        "No difference in missed tumours, false alarms or right answers that these 140 images can show, "
        "but new calls 20 more of 60 images of glioma “pituitary” than old ("
    )
    assert told.endswith(" more)")


def test_seen_images_are_counted_among_those_that_both_answered() -> None:
    a, b = run_a(), run_b()
    a = dataclasses.replace(
        a, seen=np.arange(9) < 6
    )  # Of images 1 to 6, of which B answers 1 to 4.
    b = dataclasses.replace(b, seen=np.zeros(9, dtype=bool)).where(np.isin(b.paths, list("1234")))
    pairs = comparison.join(a, b, split="test", negative="healthy")
    assert (len(pairs.y_true), pairs.seen_a, pairs.seen_b) == (4, 4, 0)
    assert compare(run_a(), run_b()).seen_a is None
