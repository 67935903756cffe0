"""Which run is shown first, why, and which could take its place: `brainmri.promotion` for pages."""

from __future__ import annotations

from dataclasses import dataclass

from brainmri import choice, comparison, promotion
from brainmri.comparison import Comparison, Difference
from brainmri.errors import InputError
from brainmri.promotion import Promotion, Proposal
from dashboard.data.files import models_folder, without_folder
from dashboard.data.runs import MOST_IN_MEMORY, RunView, list_runs, named_run


@dataclass(frozen=True)
class First:
    """The run that is shown first.

    Attributes:
        run: its name.
        last: the promotion that a click takes back; None where none stands.
        after: the run that is shown first then.
    """

    run: str
    last: Promotion | None
    after: str

    @property
    def is_promoted(self) -> bool:
        """Whether it is first by a promotion; a promoted run that cannot be shown is not."""
        return self.last is not None and self.last.run == self.run


@dataclass(frozen=True)
class Candidates:
    """The runs beside the first: those that could take its place, and of the others why they cannot.

    Attributes:
        able: names, the one that was trained last first.
        others: names, by why they cannot.
    """

    able: list[str]
    others: dict[str, list[str]]


@dataclass(frozen=True)
class Weighed:
    """One metric that a candidate is judged by.

    Attributes:
        words: what it counts.
        difference: both figures and the candidate's minus the other's, as they may be shown.
        margin: how far below zero the lower end of the difference may be.
        short: by how much that end misses it; None: it holds.
    """

    words: str
    difference: Difference
    margin: float
    short: float | None


@dataclass(frozen=True)
class Candidacy:
    """A candidate beside the run that is shown first.

    Attributes:
        run, shown: their names.
        holds: the candidate may take its place.
        unfit: why it cannot answer for a new image, a sentence; None: it can.
        by_readers: what two readers changed of the images, a sentence; empty for nothing.
        compared: the paired comparison, as it may be shown.
        weighed: by each metric that counts.
    """

    run: str
    shown: str
    holds: bool
    unfit: str | None
    by_readers: str
    compared: Comparison
    weighed: list[Weighed]


def promotions() -> list[Promotion]:
    """What was promoted and taken back, the last first; empty where the list cannot be read."""
    try:
        return promotion.history(models_folder())[::-1]
    except InputError:
        return []  # It is among the runs that cannot be shown.


def first_run() -> First | None:
    """The run that is shown first; None where no run can be shown.

    Raises:
        InputError: the list of promotions is damaged.
    """
    models = models_folder()
    with without_folder(str(models)):
        left = promotion.standing(promotion.history(models))
    shown, _ = list_runs()
    last, before = (left[-at] if len(left) >= at else None for at in (1, 2))
    first, after = (choice.best(shown, shown, None if one is None else one.run)
                    for one in (last, before))  # fmt: skip
    if first is None or after is None:
        return None
    return First(first.name, last, (after if last is not None else first).name)


def candidates(first: str) -> Candidates:
    """The runs beside the one that is shown first; nothing is compared yet."""
    shown, broken = list_runs()
    incumbent = next((one for one in shown if one.name == first), None)
    able: list[RunView] = []
    others: dict[str, list[str]] = {}
    for view in shown:
        if incumbent is None or view is incumbent:
            continue
        why = promotion.unlike(view, incumbent) or _too_large(view, incumbent)
        if why is None:
            able.append(view)
        else:
            others.setdefault(why, []).append(view.name)
    for one in broken:
        others.setdefault(one.fault, []).append(one.name)
    able.sort(key=lambda one: ("" if one.run is None else one.run.created, one.name), reverse=True)
    return Candidates([one.name for one in able], others)


def may_be_promoted(view: RunView) -> bool:
    """Whether a run could take the place of the one that is shown first."""
    try:
        first = first_run()
    except InputError:
        return False
    return first is not None and view.name in candidates(first.run).able


def propose(name: str) -> Candidacy:
    """A candidate beside the run that is shown first now.

    Raises:
        InputError: they cannot be compared, and why.
    """
    models = models_folder()
    _refuse_large(name)
    with without_folder(str(models)):
        return _shown(promotion.propose(models, name))


def promote(name: str, *, shown: str, who: str) -> Candidacy:
    """Show a run first from now on, in the place of `shown`, if it `holds` when it is judged now.

    Raises:
        InputError: it cannot be judged; another run than `shown` is shown first now; or `who` is no name.
        OutputError: the list could not be written.
    """
    models = models_folder()
    _refuse_large(name)
    with without_folder(str(models)):
        return _shown(promotion.promote(models, name, who=who, shown=shown))


def take_back(run: str, *, who: str) -> str:
    """Take the last promotion back, that of `run`; returns the name of the run that is shown first now.

    Raises:
        InputError: another run was promoted last meanwhile, or none; or `who` is no name.
        OutputError: the list could not be written.
    """
    models = models_folder()
    with without_folder(str(models)):
        promotion.roll_back(models, who=who, run=run)
    first = first_run()
    return "no run" if first is None else first.run


def _too_large(*views: RunView) -> str | None:
    large = [one.name for one in views if not one.in_memory]
    if not large:
        return None
    return (
        f"Runs are compared here up to {MOST_IN_MEMORY:,} images. Larger: {' and '.join(large)}. Use "
        f"`python -m brainmri promote {views[0].name}`."
    )


def _refuse_large(name: str) -> None:
    view, first = named_run(name), first_run()
    if view is None or first is None:
        raise InputError(f"There is no run “{name[:64]}” here that can be shown; reload this page.")
    incumbent = named_run(first.run)
    why = None if incumbent is None else _too_large(view, incumbent)
    if why is not None:
        raise InputError(why)


def _shown(found: Proposal) -> Candidacy:
    (judged,) = found.judged
    compared = comparison.shown(judged.compared)
    return Candidacy(
        run=found.run,
        shown=found.shown,
        holds=found.holds,
        unfit=found.unfit,
        by_readers=judged.by_readers,
        compared=compared,
        weighed=[
            Weighed(
                promotion.WORDS[metric],
                compared.difference(metric),
                margin,
                judged.worse.get(metric),
            )
            for metric, margin in promotion.MARGINS.items()
        ],
    )
