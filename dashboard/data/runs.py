"""Runs, and every figure of theirs that can be counted in one pass over the predictions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainmri import choice, corrections, evaluation, promotion, results, runs
from brainmri.batches import SPLITS
from brainmri.calibration import apply_temperature
from brainmri.choice import merit
from brainmri.errors import InputError
from brainmri.evaluation import ClassCurves, Report
from brainmri.manifests import Relabelling
from brainmri.predictions import Predictions
from brainmri.runs import BrokenRun, Run
from brainmri.tally import Tallies
from dashboard.data.dataset import usable_index
from dashboard.data.files import Stamp, below, cached, models_folder, run_stamp, stamp

MOST_IN_MEMORY = 500_000
"""Rows of a predictions table up to which they are held, for slices, calibration and comparison."""


@dataclass(frozen=True, eq=False)
class RunView:
    """A run that can be shown: what its predictions come to, and run.json where there is one.

    There is one object for each state of the run's files, so whatever comes from it may be cached by
    it.

    Attributes:
        name: of the run.
        run: what run.json says; None for a table of another tool.
        classes: class names.
        tallies: counts of its checked predictions, per split.
        negative_class: the class that means "no tumour".
        has_model: its model file is here and whole, so it can answer for a new image.
        model_fault: why it cannot, though its model file is here.
        table_path: where its predictions are.
        rows: how many predictions there are.
        labels: put the labels that two readers corrected into its rows, and counted those.
    """

    name: str
    run: Run | None
    classes: list[str]
    tallies: Tallies
    negative_class: str
    has_model: bool
    table_path: Path
    rows: int
    labels: Relabelling
    model_fault: str | None = None

    @property
    def splits(self) -> list[str]:
        """Splits that it has predictions for, test first."""
        return [split for split in SPLITS if split in self.tallies.named]

    @property
    def in_memory(self) -> bool:
        """Whether the table is small enough to be held as rows."""
        return self.rows <= MOST_IN_MEMORY

    @property
    def predictions(self) -> Predictions:
        """All rows in memory; only for what cannot be counted, since a table may be very large."""
        models = models_folder()
        files = stamp(self.table_path, models / corrections.FOLDER)
        return _predictions(str(models), str(self.table_path), tuple(self.classes), files)

    @property
    def architecture(self) -> str:
        """As `choice.architecture`."""
        return choice.architecture(self)

    @property
    def is_official(self) -> bool:
        """As `choice.is_official`."""
        return choice.is_official(self)

    @property
    def temperature(self) -> float | None:
        """What its logits are divided by before a clinician sees probabilities; None for nothing."""
        return None if self.run is None else self.run.temperature

    def calibrated(self, y_prob: NDArray[np.floating]) -> NDArray[np.float32]:
        """Stored probabilities (n, k) as the live predictor would tell them.

        A temperature keeps the order of the classes of an image, and with it every answer; it can
        change which of two images is the surer one.
        """
        return apply_temperature(y_prob, self.temperature)


@dataclass(frozen=True)
class ThreeFigures:
    """The flattering figure of a model and the true ones beside it; None where it was not measured.

    Attributes:
        architecture: the model's; the run's name for a table of another tool.
        official: official test, as everyone reports it.
        table: a table of another tool, which does not say what its images are; there is no
            `official` then.
        has_parts: such a table names parts, so `table` is its test part alone.
        unseen: the same images without a near-copy among those that shaped the model.
        grouped: test images of another split, which keeps copies together or nearly so.
        protocol: name of that split.
    """

    architecture: str
    official: Report | None
    unseen: Report | None
    grouped: Report | None
    protocol: str | None = None
    table: Report | None = None
    has_parts: bool = False


@dataclass(frozen=True)
class Scored:
    """One image of a run: what it is, what the model said, and how sure it was.

    `probabilities` are after the temperature where the run has one, as the live predictor's are.
    """

    path: str
    label: str
    answer: str
    probabilities: dict[str, float]
    seen: bool | None


def list_runs() -> tuple[list[RunView], list[BrokenRun]]:
    """Every run that can be shown, and every run folder that cannot, with its fault."""
    folder = models_folder()
    found = [
        _run(str(folder), path.name, run_stamp(folder, path.name)) for path in runs.folders(folder)
    ]
    listed = _promoted(str(folder), stamp(folder / promotion.FILE))
    return (
        [run for run in found if isinstance(run, RunView)],
        [one for one in (*found, listed) if isinstance(one, BrokenRun)],
    )


def named_run(name: str) -> RunView | None:
    """The run of that name; None where there is none that can be shown. The others are not looked at."""
    folder = models_folder()
    if name not in (path.name for path in runs.folders(folder)):
        return None
    found = _run(str(folder), name, run_stamp(folder, name))
    return found if isinstance(found, RunView) else None


def find_run(name: str | None) -> RunView | None:
    """The run of that name; the best one when `name` is None or unknown; None without any."""
    named = None if name is None else named_run(name)
    return best_run(list_runs()[0]) if named is None else named


def fault_of(name: str | None) -> str | None:
    """Why the run of that name cannot be shown; None for one that can, or that does not exist."""
    _, broken = list_runs()
    return next((one.fault for one in broken if one.name == name), None)


def best_run(shown: list[RunView]) -> RunView | None:
    """The run to show first of these, as `choice.best` chooses it."""
    return choice.best(shown, list_runs()[0], promoted_run())


def answering_run() -> RunView | None:
    """The run that answers for a new image where none is named; None where none can."""
    return choice.answering(list_runs()[0], promoted_run())


def passed_over_runs() -> list[RunView]:
    """The runs that would answer before it, were their model files not damaged."""
    return choice.passed_over(list_runs()[0], promoted_run())


def passed_over_words() -> tuple[str, ...]:
    """The same in sentences."""
    return tuple(
        choice.passed_over_words(view.name, view.model_fault) for view in passed_over_runs()
    )


def promoted_run() -> str | None:
    """Name of the promoted run; None without one, or where the list cannot be read."""
    folder = models_folder()
    found = _promoted(str(folder), stamp(folder / promotion.FILE))
    return None if isinstance(found, BrokenRun) else found


def best_by_architecture() -> list[RunView]:
    """The best run of each architecture, best first; official runs stand for those with both."""
    shown, _ = list_runs()
    ranked = sorted(shown, key=merit, reverse=True)
    ranked.sort(key=lambda view: not view.is_official)
    found = {view.architecture: view for view in ranked[::-1]}
    return sorted(found.values(), key=lambda view: choice.promise(view, shown), reverse=True)


def latest_pair() -> tuple[RunView, RunView] | None:
    """The run that was trained last and the one before it on the same split; None without both."""
    shown, _ = list_runs()
    dated = sorted(
        ((view.run.created, view.name, view) for view in shown if view.run is not None),
        key=lambda entry: entry[:2],
        reverse=True,
    )
    for place, (_, _, latest) in enumerate(dated):
        for _, _, before in dated[place + 1 :]:
            if latest.run and before.run and latest.run.protocol == before.run.protocol:
                return latest, before
    return None


@cached(256)
def report(view: RunView, split: str, *, unseen: bool = False) -> Report:
    """Figures of a run on one split, or on its images that the model has seen no near-copy of."""
    return evaluation.shown(
        evaluation.report_of(
            view.tallies.of[split], negative=view.negative_class, run=view.name, unseen=unseen
        )
    )


@cached(64)
def curves(view: RunView, split: str) -> list[ClassCurves]:
    """One-vs-rest curves of a run on one split."""
    return evaluation.shown_curves(evaluation.curves_of(view.tallies.of[split]))


def three_figures(view: RunView) -> ThreeFigures:
    """What a run's model reaches on the official test, on its unseen images, and on a grouped split.

    The other protocol's figures come from the best run of the same architecture.
    """
    if view.run is None:
        whole = report(view, view.splits[0])
        return ThreeFigures(
            architecture=view.architecture,
            official=None,
            table=whole,
            has_parts=len(view.tallies.named) > 1,
            unseen=None if whole.seen is None else report(view, whole.split, unseen=True),
            grouped=None,
        )
    shown, _ = list_runs()
    official = choice.counterpart(view, shown, official=True)
    grouped = choice.counterpart(view, shown, official=False)
    tested = official if official is not None and "test" in official.splits else None
    records = tested is not None and report(tested, "test").seen is not None
    return ThreeFigures(
        official=None if tested is None else report(tested, "test"),
        unseen=report(tested, "test", unseen=True) if tested is not None and records else None,
        grouped=None if grouped is None else report(grouped, "test"),
        protocol=None if grouped is None or grouped.run is None else grouped.run.protocol,
        architecture=view.architecture,
    )


def cell_images(
    view: RunView, split: str, truth: str, answer: str, limit: int
) -> tuple[int, list[Scored]]:
    """How many images of class `truth` were called `answer`, and the surest `limit` of them.

    At most `surest.MOST` of them are known: those that were surest before the temperature. They are
    told with their probabilities after it, and in that order.
    """
    counted = view.tallies.of[split]
    if truth not in view.classes or answer not in view.classes:
        return 0, []
    cell = view.classes.index(truth), view.classes.index(answer)
    known = counted.surest.get(cell, [])
    if not known:
        return int(counted.matrix[cell]), []
    y_prob = view.calibrated(np.array([image.y_prob for image in known]))
    order = np.argsort(-y_prob[:, cell[1]], kind="stable")[:limit]
    return int(counted.matrix[cell]), [
        Scored(
            path=known[i].path,
            label=truth,
            answer=answer,
            probabilities=dict(zip(view.classes, y_prob[i].tolist(), strict=True)),
            seen=known[i].seen,
        )
        for i in order.tolist()
    ]


@cached(256)
def _run(models: str, name: str, stamp: Stamp) -> RunView | BrokenRun:
    """A run, or its fault: a broken table is not read again either until it changes."""
    try:
        return _view(Path(models), name)
    except InputError as error:
        return BrokenRun(name, below(str(error), models))


def _view(models: Path, name: str) -> RunView:
    found = results.opened(models, name)
    return RunView(
        name=name,
        run=found.run,
        classes=found.table.classes,
        tallies=found.counted(results.groups_of(usable_index())),
        negative_class=found.negative_class,
        has_model=found.has_model,
        model_fault=found.model_fault,
        table_path=found.path,
        rows=found.table.rows,
        labels=found.labels,
    )


@cached(2)
def _promoted(models: str, stamp: Stamp) -> str | BrokenRun | None:
    try:
        return promotion.current(Path(models))
    except InputError as error:
        return BrokenRun(promotion.FILE, below(str(error), models))


@cached(8)
def _predictions(models: str, path: str, classes: tuple[str, ...], stamp: Stamp) -> Predictions:
    return results.read_rows(Path(models), Path(path), list(classes))
