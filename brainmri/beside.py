"""What two runs look like beside each other: matrices, calibration, curves, settings. Pure.

`comparison` says whether one run is better; this says in what. All of it is about the images that both
answered, and every difference is B minus A.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from brainmri import calibration, evaluation, metrics, ranking
from brainmri.calibration import ReliabilityBin
from brainmri.comparison import Comparison, Difference, Pairs, group_matrices, paired_difference
from brainmri.metrics import Estimate, Floats, Ints
from brainmri.ranking import Curve
from brainmri.runs import Run
from brainmri.wording import interval_ends

_RESULTS = frozenset({"epochs trained", "temperature", "operating point", "created (UTC)"})
"""Of the entries of run.json that `settings` compares, those that nobody chose."""


@dataclass(frozen=True)
class Cell:
    """Images of class `truth` that were called `answer`; the shares are of the images of the class."""

    truth: str
    answer: str
    share: Difference

    @property
    def change(self) -> int:
        """Images more (or fewer) that B called so."""
        return (self.share.b.k or 0) - (self.share.a.k or 0)

    @property
    def is_mistake(self) -> bool:
        """Whether the answer is not the class."""
        return self.truth != self.answer

    @property
    def certain(self) -> bool:
        """Whether the interval of the difference leaves out none."""
        low, high = self.share.difference.low, self.share.difference.high
        return low is not None and high is not None and (low > 0 or high < 0)


@dataclass(frozen=True)
class Side:
    """One run on the images that both answered, its probabilities after its temperature.

    Attributes:
        reliability: accuracy by confidence.
        error: expected calibration error.
        roc: tumour against no tumour; None where the images are of one kind only.
        area: under it.
    """

    reliability: list[ReliabilityBin]
    error: Estimate
    roc: Curve | None
    area: Estimate


@dataclass(frozen=True)
class Setting:
    """One entry of run.json in both runs, as text; None where a run has no such entry.

    `is_result`: it was not chosen, but came of the training.
    """

    name: str
    a: str | None
    b: str | None
    is_result: bool = False

    @property
    def differs(self) -> bool:
        """Whether the runs differ in it."""
        return self.a != self.b


def cells(pairs: Pairs, groups: Ints, *, resamples: int = metrics.RESAMPLES) -> list[list[Cell]]:
    """Difference of the confusion matrices, by class (rows) and answer (columns).

    Args:
        pairs: from `comparison.join`.
        groups: (n,) near-duplicate cluster of each pair.
        resamples: bootstrap samples per interval.
    """
    k, classes = len(pairs.classes), pairs.classes
    if not len(pairs.y_true):
        return []
    both = group_matrices(pairs, groups, resamples=resamples)
    matrices = [per_group.sum(axis=0) for per_group, _ in both]

    def cell(truth: int, answer: int) -> Cell:
        a, b = (
            metrics.called(matrix, truth, answer, per_group)
            for matrix, (per_group, _) in zip(matrices, both, strict=True)
        )
        of_a, of_b = (_shares(drawn, truth, answer) for _, drawn in both)
        return Cell(
            classes[truth],
            classes[answer],
            paired_difference(f"{classes[truth]} called {classes[answer]}", a, b, of_a, of_b),
        )

    return [[cell(truth, answer) for answer in range(k)] for truth in range(k)]


def shown(cells: list[list[Cell]]) -> list[list[Cell]]:
    """The cells as they may be shown: figures of too few images give way to the reason."""

    def few(cell: Cell) -> Cell:
        share = cell.share
        a, b, difference = (metrics.enough(e) for e in (share.a, share.b, share.difference))
        return replace(cell, share=replace(share, a=a, b=b, difference=difference))

    return [[few(cell) for cell in row] for row in cells]


def changed(cells: Sequence[Sequence[Cell]]) -> list[Cell]:
    """The cells that differ, those first that chance alone does not explain, then by images."""
    differ = (cell for row in cells for cell in row if cell.change)
    return sorted(differ, key=lambda cell: (not cell.certain, -abs(cell.change)))


def headline(comparison: Comparison, cells: Sequence[Sequence[Cell]]) -> str:
    """What B does better and worse than A, tumours first, with its name once; A stands beside it on the page.

    Where the comparison shows nothing in missed tumours, false alarms and right answers, the clearest
    difference between two classes has the word: of all kinds of mistake, the one that changed by most images.

    Args:
        comparison: of the two runs.
        cells: from `cells`, on the same images.
    """
    if not comparison.n:
        return "These runs have no labelled image in common"
    said = []
    for name, what, of, fewer in (
        ("sensitivity", "missed tumours", "of", True),
        ("specificity", "false alarms", "on", True),
        ("accuracy", "right answers", "of", False),
    ):
        shown = _shown(comparison, name)
        if shown is not None:
            count, least, most, n = map(abs, shown)
            more = "fewer" if (shown[0] > 0) == fewer else "more"
            said.append(f"{count:,} {more} {what} {of} {n:,} ({_ends(least, most, more)})")
    if said:
        return f"{comparison.run_b}: {', '.join(said)}"
    none = (
        "No difference in missed tumours, false alarms or right answers that these "
        f"{comparison.n:,} images can show"
    )
    clearest = next((cell for cell in changed(cells) if cell.is_mistake), None)
    if clearest is None or not clearest.certain:
        return none
    return f"{none}, but {_of_class(comparison, clearest)}"


def sides(
    pairs: Pairs,
    groups: Ints,
    *,
    temperature_a: float | None,
    temperature_b: float | None,
) -> tuple[Side, Side]:
    """Calibration and tumour curves of A and of B on the same images.

    Args:
        pairs: from `comparison.join`.
        groups: (n,) near-duplicate cluster of each pair.
        temperature_a, temperature_b: what each run's logits are divided by; None for nothing.
    """
    found = []
    for y_prob, temperature in ((pairs.prob_a, temperature_a), (pairs.prob_b, temperature_b)):
        after = calibration.apply_temperature(y_prob, temperature)
        tumour, score = evaluation.tumour_scores(pairs.y_true, after, pairs.negative)
        area, _ = ranking.areas(tumour, score, groups)
        both = bool(tumour.any()) and not tumour.all()
        # A score is that of "no tumour", falling; 1 + score is the tumour's.
        ranked = ranking.by_score(tumour, 1 + score, np.arange(len(score)))
        found.append(
            Side(
                reliability=calibration.reliability(pairs.y_true, after, groups),
                error=calibration.ece(pairs.y_true, after, groups).ece,
                roc=ranking.roc_curve(ranked) if both else None,
                area=metrics.enough(area, of=min(int(tumour.sum()), int((~tumour).sum()))),
            )
        )
    return found[0], found[1]


def settings(a: Run, b: Run) -> list[Setting]:
    """Every setting of two runs, and what came of them; those that differ first, each part in the order of
    run.json.
    """
    of_a, of_b = _flat(a), _flat(b)
    every = [
        Setting(name, of_a.get(name), of_b.get(name), name in _RESULTS) for name in {**of_a, **of_b}
    ]
    return sorted(every, key=lambda one: not one.differs)


def _shown(comparison: Comparison, name: str) -> tuple[int, int, int, int] | None:
    """How many images more B has right, the smaller and the larger end, and n; below 0 where A has.

    None where the interval holds zero, or there is none.
    """
    found = comparison.difference(name).difference
    if found.value is None or found.low is None or found.high is None:
        return None
    if found.low <= 0 <= found.high:
        return None
    ends = sorted((abs(found.low), abs(found.high)))
    sign = 1 if found.value > 0 else -1
    # Zero is outside, so the smaller end is at least one image.
    count, least, most = (
        sign * max(1, round(share * found.n)) for share in (abs(found.value), *ends)
    )
    return count, least, most, found.n


def _of_class(comparison: Comparison, cell: Cell) -> str:
    share = cell.share.difference
    least, most = sorted(round(abs(end) * share.n) for end in (share.low or 0.0, share.high or 0.0))
    more = "more" if cell.change > 0 else "fewer"
    return (
        f"{comparison.run_b} calls {abs(cell.change):,} {more} of {share.n:,} images of {cell.truth} "
        f"“{cell.answer}” than {comparison.run_a} ({_ends(least, most, more)})"
    )


def _ends(least: int, most: int, more: str) -> str:
    return f"{interval_ends(f'{least:,}', f'{most:,}')}\u00a0{more}"


def _flat(run: Run) -> dict[str, str]:
    """Entries of run.json that were chosen or that identify what it was made from."""
    parts: dict[str, Any] = {
        "architecture": run.architecture,
        "split protocol": run.protocol,
        "seed": run.seed,
        "training": run.configuration,
        "input": run.preprocessing,
        "images": run.images,
        "epochs trained": sum(map(len, run.histories)),
        "temperature": run.temperature,
        "operating point": None if run.operating_point is None else run.operating_point.threshold,
        "classes": run.classes,
        "negative class": run.negative_class,
        "image index": run.index_sha256[:12],
        "version": run.versions,
        "created (UTC)": run.created.replace("T", " ")[:16],
    }
    flat: dict[str, str] = {}
    for name, value in parts.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}: {key.replace('_', ' ')}": _text(v) for key, v in value.items()}
        elif value is not None:
            flat[name] = _text(value)
    return flat


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return str(value)


def _shares(matrices: Floats, truth: int, answer: int) -> Floats:
    """Share of one cell in its row (resamples,) of resampled matrices."""
    n = matrices[:, truth].sum(axis=1)
    return metrics.divide(matrices[:, truth, answer], n, np.nan)
