"""The three figures of a model: official test, its unseen images, a split that keeps copies together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from brainmri import evaluation, results, runs, tally
from brainmri.errors import InputError
from brainmri.evaluation import Report
from brainmri.runs import Run
from brainmri.tally import GroupsOf

_TEST, _VAL = "test", "val"


@dataclass(frozen=True)
class Truth:
    """One of the three: `report` is None where it was not measured, `absent` then says why.

    Attributes:
        title: what the images are.
        run: whose figures they are.
    """

    title: str
    run: str | None
    report: Report | None
    absent: str = ""


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
    found.append(Truth(split, *_whole(grouped), none.format("a split that keeps copies together")))
    return found


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
        split: evaluation.report_of(counted.of[split], negative=negative, run=name)
        for split in counted.named & {_TEST, _VAL}
    }
    test = reports.get(_TEST)
    unseen = None
    if test is not None and test.seen is not None:
        unseen = evaluation.report_of(counted.of[_TEST], negative=negative, run=name, unseen=True)
    ranked = reports.get(_VAL) or test
    merit = 0.0 if ranked is None else ranked.accuracy.value or 0.0
    return _Judged(run, test, unseen, (merit, name))
