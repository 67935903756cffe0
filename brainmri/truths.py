"""The three figures of a model: official test, its unseen images, a split that keeps copies together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from brainmri import evaluation, results, runs, tally
from brainmri.errors import InputError
from brainmri.evaluation import Report
from brainmri.metrics import Ints
from brainmri.runs import Run
from brainmri.tally import GroupsOf

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
    """What stands between the three figures of a model, in words that their order bears out.

    Two figures are told to differ clearly where their 95 % intervals do not meet.

    Args:
        first, unseen, grouped: the figures, None where they were not measured.
        protocol: of the grouped split.
        images: what the first figure is of.
    """
    if first is not None and not first.n:
        return f"There are no labelled {images}, so there is nothing to compare."
    sentences = [] if first is None else [*_memory(first, unseen, images), *_mix(first, unseen)]
    if grouped is not None and grouped.n:
        sentences.append(_together(first, grouped, str(protocol)))
    return " ".join(sentences) or "No figure of this model was measured."


def _memory(first: Report, unseen: Report | None, images: str) -> list[str]:
    """How many images the model was shaped by near-copies of, and whether its figure shows that."""
    if first.seen is None:
        return [f"It is not recorded which of the {images} were seen in training."]
    if not first.seen:
        return [f"No near-copy of the {first.n:,} {images} shaped the model."]
    said = (
        f"{first.seen:,} of the {first.n:,} {images} ({first.seen / first.n:.0%}) have a near-copy, "
        "mirrored ones included, among the images that shaped the model"
    ).replace("%", "\u00a0%")
    if unseen is None or not unseen.n:
        return [f"{said}, so the first figure can reward memory."]
    higher, clearly = _order(first, unseen)
    if higher and clearly:
        return [
            f"{said}, and the first figure is clearly higher than that of the others: it rewards memory."
        ]
    if higher:
        return [
            f"{said}, which can reward memory; the first figure is higher than that of the others, but "
            "their intervals meet."
        ]
    but = "even clearly lower" if clearly else "not higher"
    return [
        f"{said}, yet the first figure is {but} than that of the others: it shows no reward of memory."
    ]


def _mix(first: Report, unseen: Report | None) -> list[str]:
    """The classes of the unseen images, where they are another mix than all of them."""
    if unseen is None or not unseen.n or unseen.n == first.n:
        return []
    every, some = first.matrix.sum(axis=1), unseen.matrix.sum(axis=1)
    if abs(every / first.n - some / unseen.n).max() <= _MIX_APART:
        return []

    def told(counts: Ints) -> str:
        return ", ".join(f"{n:,} {name}" for name, n in zip(first.classes, counts, strict=True))

    return [
        f"The unseen ones are also another mix of classes ({told(some)}; of all {told(every)}), and some "
        "classes are harder than others."
    ]


def _together(first: Report | None, grouped: Report, protocol: str) -> str:
    """What the grouped split keeps on one side, and whether its figure is another one."""
    kept = (
        "keeps near-copies, and what else its column names as one group, together"
        if protocol.startswith("auto:")
        else "keeps near-copies together"
        if protocol == "auto"
        else "is meant to keep neighbouring slices of a patient, and copies, together"
    )
    said = (
        f"The grouped split ({protocol}) {kept}, so that no test image should have them in training"
    )
    if grouped.seen:
        said += f", yet {grouped.seen:,} of its {grouped.n:,} test images have a near-copy too"
    if first is None:
        return f"{said}."
    higher, clearly = _order(first, grouped)
    if higher and clearly:
        return f"{said}; without them its figure, of other images, is clearly lower than the first."
    if higher:
        return f"{said}; its figure, of other images, is lower than the first, but their intervals meet."
    clear = "clearly higher than" if clearly else "not lower than"
    return f"{said}; its figure, of other images, is {clear} the first."


def _order(first: Report, other: Report) -> tuple[bool, bool]:
    """Whether the first accuracy is the higher one, and whether their intervals do not meet."""
    a, b = first.accuracy, other.accuracy
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
