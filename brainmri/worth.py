"""What an answer is worth: the classes that it leaves possible, and how often answers like it were right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainmri import metrics
from brainmri.calibration import apply_temperature
from brainmri.conformal import Bools, conformal_sets, set_in_words, with_answer
from brainmri.metrics import Estimate, Floats, Ints
from brainmri.predictions import Predictions
from brainmri.runs import Run
from brainmri.wording import share_ends

COMPARED = 100
"""Test images, at most, that say how often answers like one are right."""
_AROUND = 0.1
"""How far their confidence may be from that of the answer."""
_EXPECT_LESS = " But most of those images are unlike this one, so expect less."


@dataclass(frozen=True)
class Measured:
    """The test images that say what a run's answers are worth, (n,) each.

    Attributes:
        y_true: class numbers.
        y_prob: calibrated probabilities, (n, k).
        groups: near-duplicate clusters.
        unseen: only images without a near-copy among those that shaped the model are among them.
    """

    y_true: Ints
    y_prob: NDArray[np.float32]
    groups: Ints
    unseen: bool


@dataclass(frozen=True)
class ConformalSet:
    """The classes that the answer leaves possible, that of the answer always among them.

    Attributes:
        classes: most probable first.
        answer_added: whether the class of the answer is there only because it is the answer.
        promised: the share of images of each class, like the validation images, whose set holds it.
        measured: how many test images with this very set are of a class in it, with a reason where
            too few have it; None where there are no test images, or nothing to miss in a set of all.
        words: the set with its promise, in sentences.
        measured_words: what was measured, in sentences; empty where nothing was.
    """

    classes: tuple[str, ...]
    answer_added: bool
    promised: float
    measured: Estimate | None
    words: str
    measured_words: str


@dataclass(frozen=True)
class AnswersLikeThis:
    """How often the run was right where it gave the same answer about as surely, on its test images.

    Attributes:
        accuracy: with a reason where there were too few.
        low, high: confidence of those test images, from the least to the surest; None without any.
        words: a sentence.
    """

    accuracy: Estimate
    low: float | None
    high: float | None
    words: str


def measured_on(table: Predictions, groups: Ints, temperature: float | None) -> Measured | None:
    """The labelled test rows, without those that have a near-copy in training, where that is known.

    Nobody's image is among the training images, so answers about those say nothing of it.

    Args:
        table: predictions of the run, before the temperature.
        groups: near-duplicate cluster of each row, (n,).
        temperature: of the run.
    """
    rows = (table.splits == "test") & (table.y_true >= 0)
    if table.seen is not None:
        rows &= ~table.seen
    if not rows.any():
        return None
    return Measured(
        table.y_true[rows],
        apply_temperature(table.y_prob[rows], temperature),
        groups[rows],
        table.seen is not None,
    )


def possible_classes(
    run: Run, measured: Measured | None, y_prob: NDArray[np.float32], *, warned: bool
) -> ConformalSet | None:
    """The classes that an answer with probabilities (k,) leaves possible.

    Args:
        run: whose answer it is.
        measured: its test images, if it has any.
        y_prob: calibrated, (k,).
        warned: whether the image is unlike the training images.
    """
    if run.conformal is None:
        return None
    thresholds: Floats = np.array([run.conformal.thresholds[name] for name in run.classes])
    alone = conformal_sets(y_prob[None], thresholds)
    (shown,) = with_answer(alone, y_prob[None])
    inside = [run.classes[c] for c in np.argsort(-y_prob, kind="stable") if shown[c]]
    added, alpha = bool((shown != alone[0]).any()), run.conformal.alpha
    held, words = None, ""
    if measured is not None and not shown.all():
        held, words = _measured_set(measured, thresholds, shown, 1 - alpha, warned=warned)
    return ConformalSet(
        tuple(inside),
        added,
        1 - alpha,
        held,
        set_in_words(inside, run.classes, alpha, added=added),
        words,
    )


def _measured_set(
    measured: Measured, thresholds: Floats, shown: Bools, promised: float, *, warned: bool
) -> tuple[Estimate, str]:
    """How often the test images that were given the set `shown` (k,) are of a class in it."""
    theirs = with_answer(conformal_sets(measured.y_prob, thresholds), measured.y_prob)
    same = (theirs == shown).all(axis=1)
    of = _test_images(measured)
    held = metrics.enough(
        metrics.share(shown[measured.y_true[same]], measured.groups[same], nothing="there are none")
    )
    if held.value is None:
        return held, (
            f"Among the {of} with this very set, how often it is right is not known: {held.reason}."
        )
    words = f"Measured: {held.k} of {held.n} {of} with this very set were of a class in it"
    words += _interval(held)
    if held.high is not None and held.high < promised:
        words += ", less often than is promised of all sets together, so do not rely on this one"
    return held, f"{words}.{_EXPECT_LESS if warned else ''}"


def answers_like_this(
    measured: Measured, y_prob: NDArray[np.float32], classes: list[str], *, warned: bool
) -> AnswersLikeThis:
    """Of the test images with the same answer, those nearest in confidence."""
    c, confidence = int(y_prob.argmax()), float(y_prob.max())
    theirs = measured.y_prob.max(axis=1).astype(np.float64)
    away = np.abs(theirs - confidence)
    same = np.flatnonzero((measured.y_prob.argmax(axis=1) == c) & (away <= _AROUND))
    rows = same[np.argsort(away[same], kind="stable")[:COMPARED]]
    of = _test_images(measured)
    accuracy = metrics.enough(
        metrics.share(
            measured.y_true[rows] == c,
            measured.groups[rows],
            nothing=f"no {of} were called {classes[c]} about as surely",
        )
    )
    if accuracy.value is None:
        words = f"How often answers like this are right is not known: {accuracy.reason}."
        return AnswersLikeThis(accuracy, None, None, words)
    low, high = float(theirs[rows].min()), float(theirs[rows].max())
    words = (
        f"Of {accuracy.n} {of} that were called {classes[c]} with a confidence of {100 * low:.1f} to "
        f"{100 * high:.1f} %, {accuracy.k} were{_interval(accuracy)}."
    )
    if warned:
        words += _EXPECT_LESS
    return AnswersLikeThis(accuracy, low, high, words)


def _interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f" ({share_ends(estimate.low, estimate.high)})"


def _test_images(measured: Measured) -> str:
    return "test images without a near-copy in training" if measured.unseen else "test images"
