"""Which run is shown first: the promoted one, else the best of those that do not go on from another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from brainmri import evaluation, results, runs, tally
from brainmri.errors import InputError
from brainmri.runs import Run

_TEST, _VAL = "test", "val"


@dataclass(frozen=True)
class Standing:
    """What one run is ranked by.

    Attributes:
        name: of the run.
        architecture: kind of model; None for a table of another tool.
        official: whether its test images are the official ones.
        goes_on: it was trained from the weights of another run, in whose place only a promotion puts it.
        tested: whether it has test images.
        merit: accuracy on validation images, or on test images where it has no others.
    """

    name: str
    architecture: str | None
    official: bool
    goes_on: bool
    tested: bool
    merit: float


def standing(name: str, run: Run | None, accuracies: dict[str, float | None]) -> Standing:
    """The standing of a run by its accuracy on each split that it has."""
    return Standing(
        name=name,
        architecture=None if run is None else run.architecture,
        official=run is not None and run.protocol == runs.OFFICIAL,
        goes_on=run is not None and bool(run.configuration.get("from")),
        tested=_TEST in accuracies,
        merit=accuracies.get(_VAL if _VAL in accuracies else _TEST) or 0.0,
    )


def first(standings: Sequence[Standing], promoted: str | None) -> str | None:
    """The run that is shown first; None without any.

    Without a promoted one it is an official one where there is any, of the model that is best on the
    validation images of a grouped split, where no neighbouring slice was trained on; then on its own.
    """
    if any(one.name == promoted for one in standings):
        return promoted
    asked = [one for one in standings if not one.goes_on] or list(standings)
    asked = [one for one in asked if one.official] or asked
    return max(asked, key=lambda one: promise(one, standings)).name if asked else None


def promise(one: Standing, among: Iterable[Standing]) -> tuple[float, float, str]:
    """What models are ranked by; those without a run on a grouped split come after the others."""
    grouped = [
        other.merit
        for other in among
        if one.architecture is not None
        and other.architecture == one.architecture
        and not other.official
        and other.tested
    ]
    if one.architecture is not None and not one.official:
        grouped = [one.merit]
    return (max(grouped, default=-1.0), one.merit, one.name)


def of_others(models: Path, name: str) -> list[Standing]:
    """The standings of all runs but one; those that cannot be shown stand nowhere."""
    alone = results.groups_of(None)
    found = []
    for folder in runs.folders(models):
        if folder.name == name:
            continue
        try:
            one = results.opened(models, folder.name)
            counted = tally.count(one.table, alone, splits=(_TEST, _VAL))
        except InputError:
            continue
        accuracies = {
            split: evaluation.shown(
                evaluation.report_of(
                    counted.of[split], negative=one.negative_class, run=folder.name
                )
            ).accuracy.value
            for split in counted.named & {_TEST, _VAL}
        }
        if accuracies:
            found.append(standing(folder.name, one.run, accuracies))
    return found
