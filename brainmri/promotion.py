"""Which run is shown first, changed only for one that is shown to be no worse; `models/promoted.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from brainmri import choice, comparison, corrections, results, runs
from brainmri.choice import Candidate
from brainmri.comparison import Comparison
from brainmri.errors import InputError
from brainmri.files import turn, write_atomically
from brainmri.metrics import RESAMPLES, Estimate
from brainmri.results import Results
from brainmri.runs import Run

FILE = "promoted.json"
SCHEMA_VERSION = 2
"""Version 1 was without `who` and `back`, and forgot what was taken back."""
MARGINS = {"sensitivity": 0.005, "accuracy": 0.01}
"""How much worse the candidate may be at the worse end of the 95 % interval of the difference."""
WORDS = {"sensitivity": "tumours found", "accuracy": "right answers"}
_LOCK = "promoted.lock"
_NO_RUN = "A table of another tool does not say what trained its model, so it cannot be promoted."
_COULD_HAVE_TRAINED = (
    "test images of one could have trained the other; train the candidate --from it, or on the same "
    "split."
)
_SCORE_BOTH = "run `python -m brainmri predict DATA --run` for both."


@dataclass(frozen=True)
class Promotion:
    """One entry of the list, which only grows.

    Attributes:
        run: that took the place of `over`, or that was taken back.
        over: the run that was shown first before it.
        at: when, UTC.
        who: name of the person; empty where an earlier version wrote the entry.
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


@dataclass(frozen=True)
class Proposal:
    """A candidate for the first place, and how it stands beside those that it has to be no worse than.

    Attributes:
        run: the candidate.
        shown: the run that is shown first now, in the place of which it would come.
        judged: beside `shown`, then beside another run where one was named.
        unfit: why it cannot answer for a new image, in a sentence; None: it can.
    """

    run: str
    shown: str
    judged: list[Judged]
    unfit: str | None

    @property
    def holds(self) -> bool:
        """Whether the candidate may be shown first."""
        return self.unfit is None and all(one.holds for one in self.judged)


def current(models: Path) -> str | None:
    """The promoted run; None where none was promoted.

    Raises:
        InputError: the list is damaged.
    """
    entries = standing(history(models))
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
        standing(entries)
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise InputError(
            f"{path} is damaged ({error}); delete it, and the best run is shown first again."
        ) from None
    return entries


def standing(entries: Sequence[Promotion]) -> list[Promotion]:
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


def propose(models: Path, name: str, over: str | None = None) -> Proposal:
    """How a candidate stands beside the run that is shown first now, and beside `over`; changes nothing.

    Raises:
        InputError: the candidate is shown first already, there is no other run, or it cannot be judged.
    """
    return _proposed(models, name, _shown_first(models, name), over)


def promote(
    models: Path, name: str, *, who: str, over: str | None = None, shown: str | None = None
) -> Proposal:
    """Show a run first from now on, where it `holds`; it is judged now, whatever was judged before.

    Args:
        models: folder of the runs.
        name: the candidate.
        who: name of the person who promotes it.
        over: a run that it must not be worse than either.
        shown: the run that was shown first when this was decided; None for whichever is now.

    Raises:
        InputError: as `propose`; another run than `shown` is shown first now; or the name is none.
        OutputError: the list could not be written.
    """
    corrections.check_name(who, nameless="a name stands beside every promotion")
    with turn(models / _LOCK):
        entries, first = history(models), _shown_first(models, name)
        if shown not in (None, first):
            raise InputError(
                f"Meanwhile {first} is shown first, not {shown}; compare {name} with it, then decide."
            )
        proposal = _proposed(models, name, first, over)
        if proposal.holds:
            _write(models, [*entries, Promotion(name, first, _now(), who)])
    return proposal


def roll_back(models: Path, *, who: str, run: str | None = None) -> tuple[str, str | None]:
    """Take the last promotion back; returns its run and the one that is promoted now.

    Args:
        models: folder of the runs.
        who: name of the person who takes it back.
        run: that was promoted last when this was decided; None for whichever is now.

    Raises:
        InputError: nothing was promoted; another run than `run` was promoted last; or the name is none.
        OutputError: the list could not be written.
    """
    corrections.check_name(who, nameless="a name stands beside every promotion")
    with turn(models / _LOCK):
        entries = history(models)
        left = standing(entries)
        if not left:
            raise InputError("Nothing was promoted, so there is nothing to roll back.")
        last = left.pop()
        if run not in (None, last.run):
            raise InputError(
                f"Meanwhile the last promotion is that of {last.run}, not of {run}; look at it, then decide."
            )
        _write(models, [*entries, replace(last, at=_now(), who=who, back=True)])
    return last.run, (left[-1].run if left else None)


def unlike(candidate: Candidate, shown: Candidate) -> str | None:
    """Why a run cannot be compared with the one that is shown first; None where nothing speaks against it.

    A sentence that does not name the candidate, since it may hold of many. As far as run.json and counts
    tell, so that many can be asked; `judge` knows each image.
    """
    if candidate.run is None or shown.run is None:
        return _NO_RUN
    other = _differs(candidate.run, shown.run)
    if other is not None:
        return f"With another {other} than {shown.name}, {_COULD_HAVE_TRAINED}"
    counted = [
        int(one.tallies.of["test"].matrix.sum()) if "test" in one.tallies.named else 0
        for one in (candidate, shown)
    ]
    if counted[0] != counted[1] or not counted[0]:
        return f"Not tested on the same images as {shown.name}; {_SCORE_BOTH}"
    return None


def _shown_first(models: Path, but: str) -> str:
    """The run that is shown first now, where `but` is a candidate for its place."""
    promoted = current(models)
    if promoted is not None and choice.counted_run(models, promoted) is not None:
        shown: str | None = promoted  # The others need not be counted.
    else:
        every = choice.counted(models)
        first = choice.best(every, every, promoted)
        shown = None if first is None else first.name
    if but == shown:
        raise InputError(f"{but} is the run that is shown first already.")
    if shown is None:
        raise InputError("No run can be shown, so there is none to compare with.")
    return shown


def _proposed(models: Path, name: str, shown: str, over: str | None) -> Proposal:
    beside = [shown] if over in (None, shown) else [shown, str(over)]
    judged = [judge(models, name, one) for one in beside]
    return Proposal(name, shown, judged, _unfit(models, name))


def _unfit(models: Path, name: str) -> str | None:
    """Why a run cannot answer for a new image: another one would, and the pages would show this one."""
    found = results.opened(models, name)
    if found.has_model:
        return None
    return found.model_fault or (
        "It has no model file, so another run would answer for new images; train it again, or bring "
        "model.onnx back from a copy."
    )


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
    _check_same_test(candidate, incumbent, name, over)
    a, b = incumbent.predictions, candidate.predictions
    pairs = comparison.join(a, b, split="test", negative=incumbent.negative_class)
    if pairs.only_a or pairs.only_b or not len(pairs.y_true):
        raise InputError(f"{name} and {over} were not tested on the same images; {_SCORE_BOTH}")
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


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def in_words(judged: Judged) -> list[str]:
    """A line per metric: both figures, the difference with its interval, and what it has to be.

    Before them what two readers changed of the labels, where they did.
    """
    lines = [judged.by_readers] if judged.by_readers else []
    for metric, margin in MARGINS.items():
        found = judged.compared.difference(metric)
        verdict = (
            f"falls short by {100 * judged.worse[metric]:.2f} points"
            if metric in judged.worse
            else "holds"
        )
        lines.append(
            f"{WORDS[metric]}: {_share(found.a)} -> {_share(found.b)} of {found.b.n:,}, difference "
            f"{_points(found.difference)}; its lower end has to be {-100 * margin:+.1f} points or more: "
            f"{verdict}"
        )
    return lines


def _check_same_test(candidate: Results, incumbent: Results, name: str, over: str) -> None:
    if name == over:
        raise InputError(f"{name} cannot be compared with itself; name another run with --over.")
    if candidate.run is None or incumbent.run is None:
        raise InputError(_NO_RUN)
    other = _differs(candidate.run, incumbent.run)
    if other is not None:
        raise InputError(f"{name} and {over} have another {other}, so {_COULD_HAVE_TRAINED}")


def _differs(one: Run, other: Run) -> str | None:
    """What makes the test images of two runs others, in a word; None: they are the same."""
    words = {"protocol": "split", "index_sha256": "image index", "seed": "seed"}
    return next((words[key] for key in words if getattr(one, key) != getattr(other, key)), None)


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
