"""The three figures of a model: official test, its unseen images, a split that keeps copies together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from brainmri import evaluation, results, runs, tally
from brainmri.errors import InputError
from brainmri.evaluation import Report
from brainmri.metrics import Estimate
from brainmri.runs import Run
from brainmri.tally import GroupsOf
from brainmri.wording import share_ends

_TEST, _VAL = "test", "val"
_MIX_APART = 0.05
"""Shares of a class that differ by more than this make the unseen images another mix of classes."""


@dataclass(frozen=True)
class Truth:
    """One of the three: `report` is None where it was not measured, `absent` then says why.

    Attributes:
        title: what the images are.
        run: whose figures they are.
        protocol: of the grouped split; None for the others.
    """

    title: str
    run: str | None
    report: Report | None
    absent: str = ""
    protocol: str | None = None


def three(models: Path, run: Run, groups_of: GroupsOf) -> list[Truth]:
    """What the model of a run reaches: official, unseen, grouped.

    The figures of the other protocol are those of the run of the same architecture that has most
    validation images right.

    Args:
        models: folder with the results.
        run: whose figures of its own protocol count.
        groups_of: near-duplicate clusters, from `results.groups_of`.

    Raises:
        InputError: the predictions of the run itself cannot be used.
    """
    own = _judged(models, run.name, groups_of)
    other = _counterpart(models, run, groups_of)
    official, grouped = (own, other) if run.protocol == runs.OFFICIAL else (other, own)
    none = "No run of this model on {} yet."
    found = [
        Truth("Official test, as everyone reports it", *_whole(official),
              none.format("the official split")),
        Truth("Official test, unseen images only", *_unseen(official),
              "Which images were seen in training is not recorded."
              if official and official.test else none.format("the official split")),
    ]  # fmt: skip
    split = f"Grouped split ({grouped.run.protocol})" if grouped else "Grouped split"
    protocol = grouped.run.protocol if grouped else None
    absent = none.format("a split that keeps copies together")
    return [*found, Truth(split, *_whole(grouped), absent, protocol)]


def why_they_differ(
    first: Report | None,
    unseen: Report | None,
    grouped: Report | None,
    *,
    protocol: str | None,
    images: str = "official test images",
) -> str:
    """What stands between the three figures of a model, in a sentence that their order bears out, or two.

    Two figures are told to differ clearly where their 95 % intervals do not meet.

    Args:
        first, unseen, grouped: the figures, None where they were not measured.
        protocol: of the grouped split.
        images: what the first figure is of.
    """
    if first is not None and not first.n:
        return f"There are no labelled {images}, so there is nothing to compare."
    parts = [] if first is None else [_memory(first, unseen, images)]
    if grouped is not None and grouped.n:
        parts.append(_together(first, grouped, str(protocol), images))
    if not parts:
        return "No figure of this model was measured."
    said = "; ".join(parts)
    mix = "" if first is None else _mix(first, unseen)
    return f"{said[0].upper()}{said[1:]}.{mix}"


def _memory(first: Report, unseen: Report | None, images: str) -> str:
    """How many images the model was shaped by near-copies of, and whether it is righter about those.

    They are held against the others: two sets that share no image.
    """
    if first.seen is None:
        return f"it is not recorded which of the {images} were seen in training"
    if not first.seen:
        return f"no near-copy of the {first.n:,} {images} shaped the model"
    said = (
        f"{first.seen:,} of the {first.n:,} {images} ({_percent(first.seen / first.n, 0)}) have a "
        "near-copy among the images that shaped the model"
    )
    seen = first.seen_accuracy
    if seen is None or unseen is None or seen.value is None or unseen.accuracy.value is None:
        return f"{said}, which can reward memory"
    share = _percent(seen.value)
    if seen.low is not None and seen.high is not None:
        share += f", {share_ends(seen.low, seen.high)}"
    higher, clearly = _order(seen, unseen.accuracy)
    if not higher:
        fewer = "clearly fewer" if clearly else "no more"
        return f"{said}, yet it is right about {fewer} of these ({share}) than of the unseen ones"
    more = "clearly more" if clearly else "more"
    but = "" if clearly else ", though the two intervals meet"
    return f"{said}, and it is right about {more} of these ({share}) than of the unseen ones{but}"


def _together(first: Report | None, grouped: Report, protocol: str, images: str) -> str:
    """What the grouped split keeps on one side, and whether its figure is another one."""
    kept = (
        "copies, and what else its column names as one group,"
        if protocol.startswith("auto:")
        else "copies"
        if protocol == "auto"
        else "copies and neighbouring slices"
    )
    though = (
        f" (though {grouped.seen:,} of its {grouped.n:,} test images have a near-copy too)"
        if grouped.seen
        else ""
    )
    if first is None or first.accuracy.value is None or grouped.accuracy.value is None:
        return f"the grouped split is meant to keep {kept} on one side{though}"
    higher, clearly = _order(first.accuracy, grouped.accuracy)
    often = "less often" if higher else "more often" if clearly else "no less often"
    often = f"clearly {often}" if clearly else often
    but = ", though the two intervals meet" if higher and not clearly else ""
    return (
        f"on the grouped split, meant to keep {kept} on one side{though}, the model is {often} right than "
        f"on the {images}{but}"
    )


def _mix(first: Report, unseen: Report | None) -> str:
    """The class that the unseen images hold most more of, where they are another mix than all."""
    if unseen is None or not unseen.n or unseen.n == first.n:
        return ""
    every = first.matrix.sum(axis=1) / first.n
    some = unseen.matrix.sum(axis=1) / unseen.n
    if abs(every - some).max() <= _MIX_APART:
        return ""
    c = int((some - every).argmax())
    return (
        f" The unseen ones are also another mix of classes: {_percent(some[c], 0)} {first.classes[c]}, "
        f"of all {_percent(every[c], 0)}."
    )


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}\u00a0%"


def _order(a: Estimate, b: Estimate) -> tuple[bool, bool]:
    """Whether the first share is the higher one, and whether their intervals do not meet."""
    higher = (a.value or 0.0) > (b.value or 0.0)
    low, high = (b, a) if higher else (a, b)
    return higher, low.high is not None and high.low is not None and low.high < high.low


@dataclass(frozen=True)
class _Judged:
    run: Run
    test: Report | None
    unseen: Report | None
    merit: tuple[float, str]


def _whole(found: _Judged | None) -> tuple[str | None, Report | None]:
    return (None, None) if found is None else (found.run.name, found.test)


def _unseen(found: _Judged | None) -> tuple[str | None, Report | None]:
    return (None, None) if found is None else (found.run.name, found.unseen)


def _counterpart(models: Path, run: Run, groups_of: GroupsOf) -> _Judged | None:
    candidates = []
    for folder in runs.folders(models):
        try:
            other = runs.load(models, folder.name)
            if other.architecture != run.architecture or (
                (other.protocol == runs.OFFICIAL) == (run.protocol == runs.OFFICIAL)
            ):
                continue
            candidates.append(_judged(models, folder.name, groups_of))
        except InputError:
            continue  # A run that cannot be shown has no figures to stand beside these.
    return max((c for c in candidates if c.test), key=lambda c: c.merit, default=None)


def _judged(models: Path, name: str, groups_of: GroupsOf) -> _Judged:
    found = results.opened(models, name)
    run = found.run or runs.load(models, name)
    counted = tally.count(found.table, groups_of, splits=(_TEST, _VAL))
    negative = found.negative_class
    reports = {
        split: evaluation.shown(
            evaluation.report_of(counted.of[split], negative=negative, run=name)
        )
        for split in counted.named & {_TEST, _VAL}
    }
    test = reports.get(_TEST)
    unseen = None
    if test is not None and test.seen is not None:
        unseen = evaluation.shown(
            evaluation.report_of(counted.of[_TEST], negative=negative, run=name, unseen=True)
        )
    ranked = reports.get(_VAL) or test
    merit = 0.0 if ranked is None else ranked.accuracy.value or 0.0
    return _Judged(run, test, unseen, (merit, name))
