"""Which run is meant where none is named: the same for pages, API and command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from brainmri import metrics, results, runs
from brainmri.errors import InputError
from brainmri.runs import Run
from brainmri.tally import Tallies


class Candidate(Protocol):
    """A run, and what its predictions come to."""

    @property
    def name(self) -> str:
        """Of the run."""

    @property
    def run(self) -> Run | None:
        """What run.json says; None for a table of another tool."""

    @property
    def tallies(self) -> Tallies:
        """Counts of its checked predictions, per split."""

    @property
    def has_model(self) -> bool:
        """Whether it can answer for a new image."""

    @property
    def model_fault(self) -> str | None:
        """Why it cannot, though its model file is here."""


AnyCandidate = TypeVar("AnyCandidate", bound=Candidate)


@dataclass(frozen=True)
class Counted:
    """A `Candidate` whose images are counted one by one, since no interval is asked for."""

    name: str
    run: Run | None
    tallies: Tallies
    has_model: bool
    model_fault: str | None


def architecture(candidate: Candidate) -> str:
    """Kind of model; the name of the run for a table of another tool."""
    return candidate.name if candidate.run is None else candidate.run.architecture


def is_official(candidate: Candidate) -> bool:
    """Whether its test images are the official ones; a table of another tool does not say."""
    return candidate.run is not None and candidate.run.protocol == runs.OFFICIAL


def best(
    among: Sequence[AnyCandidate], every: Sequence[AnyCandidate], promoted: str | None
) -> AnyCandidate | None:
    """The run to show first: the promoted one, else an official one where there is any, of the best model.

    One that goes on from another takes its place only when it is promoted. The model is chosen by its
    validation images of a grouped split, where no neighbouring slice was trained on, if it has a run
    on one; then by those of the run itself.

    Args:
        among: runs to choose from.
        every: all runs, which may tell of a model on another split.
        promoted: name of the promoted run.
    """
    for candidate in among:
        if candidate.name == promoted:
            return candidate
    asked = [candidate for candidate in among if not _goes_on(candidate)] or among
    official = [candidate for candidate in asked if is_official(candidate)]
    return max(official or asked, key=lambda one: promise(one, every), default=None)


def answering(every: Sequence[AnyCandidate], promoted: str | None) -> AnyCandidate | None:
    """The run that answers for a new image where none is named: the `best` of those with a model."""
    return best([one for one in every if one.has_model], every, promoted)


def passed_over(every: Sequence[AnyCandidate], promoted: str | None) -> list[AnyCandidate]:
    """The runs that would answer before the `answering` one, were their model files not damaged."""
    found: list[AnyCandidate] = []
    able = [one for one in every if one.has_model or one.model_fault is not None]
    while (first := best(able, every, promoted)) is not None and not first.has_model:
        found.append(first)
        able = [one for one in able if one is not first]
    return found


def passed_over_words(name: str, fault: str | None) -> str:
    """Why the run of that name was passed over, in sentences."""
    return f"{name} was passed over. {fault}"


def _goes_on(candidate: Candidate) -> bool:
    return candidate.run is not None and bool(candidate.run.configuration.get("from"))


def merit(candidate: Candidate) -> tuple[float, str]:
    """What runs are ranked by: accuracy on validation images, then the name."""
    split = "val" if "val" in candidate.tallies.named else "test"
    right = metrics.enough(metrics.accuracy(candidate.tallies.of[split].matrix))
    return (right.value or 0.0, candidate.name)


def promise(candidate: AnyCandidate, every: Sequence[AnyCandidate]) -> tuple[float, float, str]:
    """What models are ranked by; those without a run on a grouped split come after the others."""
    grouped = None if candidate.run is None else counterpart(candidate, every, official=False)
    return (-1.0 if grouped is None else merit(grouped)[0], *merit(candidate))


def counterpart(
    candidate: AnyCandidate, every: Sequence[AnyCandidate], *, official: bool
) -> AnyCandidate | None:
    """The run itself if it has that kind of protocol, else the best of its architecture that has."""
    if is_official(candidate) == official:
        return candidate
    others = [
        other
        for other in every
        if other.run is not None
        and architecture(other) == architecture(candidate)
        and is_official(other) == official
        and "test" in other.tallies.named
    ]
    return max(others, key=merit, default=None)


def counted(models: Path) -> list[Counted]:
    """All runs, their images counted; those that cannot be shown are left out."""
    names = [path.name for path in runs.folders(models)]
    return [one for one in (counted_run(models, name) for name in names) if one is not None]


def counted_run(models: Path, name: str) -> Counted | None:
    """A run that can be shown; None for one that cannot."""
    try:
        found = results.opened(models, name)
        tallies = found.counted(results.groups_of(None))
    except InputError:
        return None
    return Counted(name, found.run, tallies, found.has_model, found.model_fault)
