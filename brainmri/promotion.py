"""Which run is shown first, changed only for one that is shown to be no worse; `models/promoted.json`."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from brainmri import choice, comparison, results, runs
from brainmri.comparison import Comparison
from brainmri.errors import InputError
from brainmri.files import write_atomically
from brainmri.metrics import RESAMPLES, Estimate
from brainmri.results import Results

FILE = "promoted.json"
SCHEMA_VERSION = 2
"""Version 1 was without `who` and `back`, and forgot what was taken back."""
MARGINS = {"accuracy": 0.01, "sensitivity": 0.005}
"""How much worse the candidate may be at the worse end of the 95 % interval of the difference."""
_WORDS = {"accuracy": "right answers", "sensitivity": "tumours found"}


@dataclass(frozen=True)
class Promotion:
    """One entry of the list, which only grows.

    Attributes:
        run: that took the place of `over`, or that was taken back.
        over: the run that was shown first before it.
        at: when, UTC.
        who: name of the system's user; empty where an earlier version wrote the entry.
        back: the promotion was taken back.
    """

    run: str
    over: str
    at: str
    who: str = ""
    back: bool = False

    @property
    def done(self) -> str:
        """What was done with the run, such as "promoted in place of cnn"."""
        return "taken back" if self.back else f"promoted in place of {self.over}"


@dataclass(frozen=True)
class Judged:
    """A candidate (B) beside another run (A), on test images of the same split.

    Attributes:
        compared: the paired comparison, by the labels that are reported now.
        by_readers: what two readers changed of those images, a sentence; empty for nothing.
        worse: for each metric of `MARGINS` that does not hold, by how much its lower end falls short.
    """

    compared: Comparison
    by_readers: str
    worse: dict[str, float]

    @property
    def holds(self) -> bool:
        """Whether the candidate is shown to be no worse."""
        return not self.worse


def current(models: Path) -> str | None:
    """The promoted run; None where none was promoted.

    Raises:
        InputError: the list is damaged.
    """
    entries = _standing(history(models))
    return entries[-1].run if entries else None


def history(models: Path) -> list[Promotion]:
    """Everything that was promoted and taken back, in order.

    Raises:
        InputError: the list is damaged.
    """
    path = models / FILE
    if not path.is_file():
        return []
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["schema"] not in (1, SCHEMA_VERSION):
            raise ValueError(f"schema {told['schema']}")
        entries = [Promotion(**entry) for entry in told["promoted"]]
        _standing(entries)
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise InputError(
            f"{path} is damaged ({error}); delete it, and the best run is shown first again."
        ) from None
    return entries


def _standing(entries: list[Promotion]) -> list[Promotion]:
    """What was promoted and not taken back, in order.

    Raises:
        IndexError: more was taken back than promoted.
    """
    found: list[Promotion] = []
    for entry in entries:
        if entry.back:
            found.pop()
        else:
            found.append(entry)
    return found


def compared_with(models: Path, name: str, over: str | None) -> list[str]:
    """The runs that a candidate has to be no worse than: the one that is shown first now, and `over`.

    Raises:
        InputError: the candidate is shown first already, or there is no other run.
    """
    promoted = current(models)
    if name == promoted:
        raise InputError(f"{name} is the run that is shown first already.")
    others = choice.counted(models, but=name)
    shown = choice.best(others, others, promoted)
    if shown is None:
        raise InputError(
            f"There is no other run than {name}, so it is shown first without being promoted."
        )
    return [shown.name] if over in (None, shown.name) else [shown.name, str(over)]


def answering(models: Path, passed_over: list[str]) -> str:
    """Name of the run that answers for a new image where none is named, as `choice.answering` chooses it.

    Args:
        models: folder of the runs.
        passed_over: a run that would answer were its model file not damaged is told of here, in words.

    Raises:
        InputError: no run has both a model and predictions.
    """
    able = [path.name for path in runs.folders(models) if (path / runs.MODEL_FILE).is_file()]
    if not able:
        raise InputError(f"No run in {models} has a model file; train one first.")
    try:
        promoted = current(models)
    except InputError:
        promoted = None  # As the pages do, which say so.
    every: Sequence[choice.Counted] = []
    if promoted in able and (first := choice.counted_run(models, promoted)) is not None:
        every = [first] if first.has_model else []  # The others need not be counted.
    every = every or choice.counted(models)
    passed_over += [
        choice.passed_over_words(one.name, one.model_fault)
        for one in choice.passed_over(every, promoted)
    ]
    chosen = choice.answering(every, promoted)
    if chosen is None and passed_over:
        raise InputError(" ".join(["No run can answer.", *passed_over]))
    if chosen is None:
        raise InputError(
            f"No run in {models} has both a model and predictions to choose it by; say with --run whose "
            f"model answers: {', '.join(able)}."
        )
    return chosen.name


def judge(models: Path, name: str, over: str, *, resamples: int = RESAMPLES) -> Judged:
    """Compare a candidate with the run `over`, on the test images of both.

    Raises:
        InputError: their test images are not the same, or those of one could have trained the other.
    """
    candidate, incumbent = results.load(models, name), results.load(models, over)
    _same_test(candidate, incumbent, name, over)
    a, b = incumbent.predictions, candidate.predictions
    pairs = comparison.join(a, b, split="test", negative=incumbent.negative_class)
    if pairs.only_a or pairs.only_b or not len(pairs.y_true):
        raise InputError(
            f"{name} and {over} were not tested on the same images; run `python -m brainmri predict DATA "
            f"--run` for both."
        )
    groups = results.groups(a, results.known_images(models))[pairs.rows_a]
    compared = comparison.compare(
        pairs, split="test", groups=groups, run_a=over, run_b=name, resamples=resamples
    )
    worse = {}
    for metric, margin in MARGINS.items():
        difference = compared.difference(metric).difference
        if difference.low is None:
            raise InputError(
                f"Whether {name} is no worse cannot be said: {difference.reason or 'no interval'}."
            )
        if difference.low < -margin:
            worse[metric] = -margin - difference.low
    by_readers = candidate.labels.in_words("test", among="these images")
    return Judged(compared, by_readers, worse)


def promote(models: Path, name: str, over: str) -> None:
    """Show a run first from now on, in the place of `over`; noted with the name of the system's user.

    Raises:
        OutputError: the list could not be written.
    """
    _write(models, [*history(models), Promotion(name, over, _now(), _who())])


def roll_back(models: Path) -> tuple[str, str | None]:
    """Take the last promotion back; returns its run and the one that is promoted now.

    Raises:
        InputError: nothing was promoted.
    """
    entries = history(models)
    standing = _standing(entries)
    if not standing:
        raise InputError("Nothing was promoted, so there is nothing to roll back.")
    last = standing[-1]
    _write(models, [*entries, replace(last, at=_now(), who=_who(), back=True)])
    return last.run, (standing[-2].run if len(standing) > 1 else None)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _who() -> str:
    """The name of the system's user, or its number where it has no name, as in some containers."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # Which of them differs between versions of Python.
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def in_words(judged: Judged) -> list[str]:
    """A line per metric: both figures, the difference with its interval, and what it has to be.

    Before them what two readers changed of the labels, where they did.
    """
    lines = [judged.by_readers] if judged.by_readers else []
    for metric, margin in MARGINS.items():
        found = judged.compared.difference(metric)
        verdict = (
            f"falls short by {100 * judged.worse[metric]:.1f} points"
            if metric in judged.worse
            else "holds"
        )
        lines.append(
            f"{_WORDS[metric]}: {_share(found.a)} -> {_share(found.b)} of {found.b.n:,}, difference "
            f"{_points(found.difference)}; its lower end has to be {-100 * margin:+.1f} points or more: "
            f"{verdict}"
        )
    return lines


def _same_test(candidate: Results, incumbent: Results, name: str, over: str) -> None:
    if name == over:
        raise InputError(f"{name} cannot be compared with itself; name another run with --over.")
    if candidate.run is None or incumbent.run is None:
        raise InputError(
            "A table of another tool does not say what trained its model, so it cannot be promoted."
        )
    for what in ("protocol", "index_sha256", "seed"):
        if getattr(candidate.run, what) != getattr(incumbent.run, what):
            named = {"protocol": "split", "index_sha256": "image index", "seed": "seed"}[what]
            raise InputError(
                f"{name} and {over} have another {named}, so test images of one could have trained the "
                "other; train the candidate --from it, or on the same split."
            )


def _share(estimate: Estimate) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "-"
    return f"{estimate.value:.1%} ({estimate.low:.1%}-{estimate.high:.1%})"


def _points(estimate: Estimate) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return estimate.reason or "-"
    ends = f"{100 * estimate.low:+.1f} to {100 * estimate.high:+.1f}"
    return f"{100 * estimate.value:+.1f} points ({ends})"


def _write(models: Path, entries: list[Promotion]) -> None:
    told = {"schema": SCHEMA_VERSION, "promoted": [asdict(entry) for entry in entries]}
    write_atomically(
        models / FILE, lambda to: to.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    )
