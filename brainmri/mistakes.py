"""Kinds of mistake of a run: cells of its confusion matrix as shares of their row, and the most frequent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from brainmri import metrics
from brainmri.evaluation import Confusion, Report
from brainmri.metrics import Estimate, Ints
from brainmri.wording import counted

Shares = list[list[Estimate]]
"""By class and answer."""
_NAMED = {2: "Two", 3: "Three"}
"""So many kinds that tie are named each; more are counted."""


class Finding(NamedTuple):
    """What is said of the most frequent mistake; `counts` where some number in it has no interval."""

    words: str
    counts: bool


def shares(per_group: Ints) -> Shares:
    """How many images of each class (row) got each answer (column), of all images of the class.

    Args:
        per_group: int64 (g, k, k), confusion matrix of each near-duplicate cluster.
    """
    matrix, k = per_group.sum(axis=0), per_group.shape[1]
    return [
        [metrics.enough(metrics.called(matrix, truth, answer, per_group)) for answer in range(k)]
        for truth in range(k)
    ]


def share_of(mistake: Confusion, shares_: Shares, classes: list[str]) -> Estimate:
    """The cell of one kind of mistake."""
    return shares_[classes.index(mistake.truth)][classes.index(mistake.answer)]


def most_frequent(mistakes: Sequence[Confusion]) -> list[Confusion]:
    """Of mistakes in the order of `Report.confusions` those that come first; several where they tie."""
    return [one for one in mistakes if one.count == mistakes[0].count]


def finding(
    report: Report, shares_: Shares, told: Callable[[Estimate], str], *, among: str = ""
) -> Finding:
    """Which kind of mistake a run makes most often, or which ones tie.

    Args:
        report: with a mistake at least.
        shares_: of the same images.
        told: a share in words, with its interval.
        among: " among ...", which images.
    """
    tied = most_frequent(report.confusions)
    first, of = tied[0], [share_of(one, shares_, report.classes) for one in tied]
    few = any(share.value is None for share in of)
    if len(tied) > max(_NAMED):
        each = counted(first.count, "image")
        return Finding(
            f"{len(tied)} kinds of mistake are equally frequent{among}: {each} each", True
        )
    if len(tied) > 1:
        named = (
            f"{one.truth} called {one.answer} "
            + (f"{one.count:,} of {one.support:,}" if share.value is None else told(share))
            for one, share in zip(tied, of, strict=True)
        )
        kinds = f"{_NAMED[len(tied)]} kinds of mistake are equally frequent"
        return Finding(f"{kinds}{among}: {', '.join(named)}", few)
    truth = f"{first.truth[0].upper()}{first.truth[1:]}"
    if few:
        here = f"{first.count:,} of {counted(first.support, 'image')}{among}"
        return Finding(
            f"{truth} was called {first.answer} in {here}, too few for an interval", True
        )
    words = f"{truth} is most often mistaken for {first.answer}{among}: {told(of[0])}"
    return Finding(words + unless_shown(first, shares_, report.classes), False)


def unless_shown(first: Confusion, shares_: Shares, classes: list[str]) -> str:
    """That the most frequent mistake is not shown to be so, by the shares of their classes."""
    own = share_of(first, shares_, classes)
    others = [
        share
        for truth, row in zip(classes, shares_, strict=True)
        for answer, share in zip(classes, row, strict=True)
        if truth != answer and share.n and (truth, answer) != (first.truth, first.answer)
    ]
    if own.low is None or own.high is None:
        return ""
    ends = [(share.low, share.high) for share in others]
    known = [(low, high) for low, high in ends if low is not None and high is not None]
    if any(low <= own.high and high >= own.low for low, high in known):
        return ", but its interval meets that of another kind of mistake"
    if len(known) < len(ends) or any(low > own.high for low, _ in known):
        return ", but another kind of mistake is not shown to be rarer"
    return ""
