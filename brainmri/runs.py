"""The run folder: `models/<run>/` with run.json, model.onnx, predictions.parquet, embedding.npz, look.npz."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brainmri.conformal import Conformal
from brainmri.decisions import NEVER, OperatingPoint
from brainmri.errors import InputError
from brainmri.files import not_written, sha256_once, write_atomically
from brainmri.novelty import Limits

SCHEMA_VERSION = 1
RUN_FILE = "run.json"
OFFICIAL = "official"
"""The split protocol of the Training and Testing folders."""
MODEL_FILE = "model.onnx"
PREDICTIONS_FILE = "predictions.parquet"
EMBEDDING_FILE = "embedding.npz"
LOOK_FILE = "look.npz"
CHECKPOINT_FILE = "checkpoint.pt"
BEST_FILE = "best.pt"
_KINDS: dict[str, type] = {
    "architecture": str,
    "classes": list,
    "negative_class": str,
    "protocol": str,
    "index_sha256": str,
    "seed": int,
    "configuration": dict,
    "preprocessing": dict,
    "history": list,
    "images": dict,
    "model_sha256": str,
    "versions": dict,
    "created": str,
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RESERVED = {"dataset", "corrections"}


@dataclass(frozen=True)
class Run:
    """What run.json holds. No metric is among it: metrics are computed from the predictions.

    Attributes:
        name: folder name.
        architecture: what `train --model` was given.
        classes: in the order of the model's outputs.
        negative_class: the class that means "no tumour".
        protocol: split protocol, as `splits.assign` takes it.
        index_sha256: of the image index it was trained with.
        seed: of every random choice.
        configuration: the training options.
        preprocessing: `Preprocessing.to_json`.
        history: one entry per epoch: loss and accuracy, training and validation, seconds. Where several
            networks answer together (`train --members`), that of the first.
        further_histories: those of the others.
        images: how many images were in each part of the split.
        model_sha256: of model.onnx.
        versions: of Python and the libraries that shape the result.
        created: UTC, ISO 8601.
        temperature: divides the logits before the softmax; None until fitted. predictions.parquet
            holds the probabilities before that, so that fitting again gives the same.
        operating_point: tumour probability, after the temperature, from which the answer is
            "tumour", and how it was set; None until fitted.
        conformal: per-class thresholds, after the temperature; None until fitted.
        novelty: distances to the training pictures (`look`) from which an image is warned about and
            refused; None until fitted.
    """

    name: str
    architecture: str
    classes: list[str]
    negative_class: str
    protocol: str
    index_sha256: str
    seed: int
    configuration: dict[str, Any]
    preprocessing: dict[str, Any]
    history: list[dict[str, float]]
    images: dict[str, int]
    model_sha256: str
    versions: dict[str, str]
    created: str
    temperature: float | None = None
    operating_point: OperatingPoint | None = None
    conformal: Conformal | None = None
    novelty: Limits | None = None
    further_histories: list[list[dict[str, float]]] = field(default_factory=list)

    @property
    def members(self) -> int:
        """How many networks answer together."""
        return len(self.histories)

    @property
    def histories(self) -> list[list[dict[str, float]]]:
        """The history of each network."""
        return [self.history, *self.further_histories]

    @property
    def best_epochs(self) -> list[dict[str, float]]:
        """The entry that each network is from; none for a model without epochs."""
        return [history[best_epoch(history)] for history in self.histories if history]

    @property
    def kept(self) -> list[str]:
        """For each network, in words, the epoch that it is from."""
        return [
            f"{f'Network {number} of {self.members}: epoch' if self.members > 1 else 'Epoch'} "
            f"{best['epoch']:.0f} of {len(history)} was kept, validation loss {best['val_loss']:.3f}."
            for number, (best, history) in enumerate(
                zip(self.best_epochs, self.histories, strict=False), start=1
            )
        ]

    @property
    def best_epoch(self) -> dict[str, float] | None:
        """That of the first network; None for a model without epochs."""
        return next(iter(self.best_epochs), None)


@dataclass(frozen=True)
class BrokenRun:
    """A folder under `models/` that should be a run and is not, and why, in one sentence."""

    name: str
    fault: str


def best_epoch(history: list[dict[str, float]]) -> int:
    """Place of the epoch that is kept: the first with the lowest validation loss; nan is none."""
    losses = [entry["val_loss"] for entry in history]
    return min(range(len(losses)), key=lambda i: math.inf if math.isnan(losses[i]) else losses[i])


def check_name(name: str) -> str:
    """`name` itself, when it can be a run folder.

    Raises:
        InputError: it cannot.
    """
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise InputError(
            f'"{name}" cannot be the name of a run; use letters, digits, dot, dash and underscore, '
            "64 at most, and not the word dataset."
        )
    return name


def add(models: Path, name: str, write: Callable[[Path], object]) -> None:
    """Make the run folder `name` of a table alone, whole or not at all: `write` fills its predictions file.

    Raises:
        InputError: the name cannot be one, or there is such a run.
        OutputError: it could not be written.
    """
    check_name(name)
    if (models / name).exists():
        raise taken(name)
    temporary: Path | None = None
    try:
        models.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".adding-", dir=models))
        temporary.chmod(0o755)
        write(temporary / PREDICTIONS_FILE)
        # A folder takes the place of an empty one only, so that two at once cannot both win.
        temporary.rename(models / name)
    except OSError as error:
        if (models / name).exists():
            raise taken(name) from None
        raise not_written(models / name, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def taken(name: str) -> InputError:
    """The refusal of a name that another run has."""
    return InputError(f'There is a run "{name}" already; choose another name.')


def save(models: Path, run: Run) -> None:
    """Write run.json; call it last, since its presence says that the run is whole."""
    text = json.dumps({"schema": SCHEMA_VERSION, **dataclasses.asdict(run)}, indent=1)
    write_atomically(models / run.name / RUN_FILE, lambda to: to.write_text(text + "\n"))


def load(models: Path, name: str) -> Run:
    """Read one run.

    Raises:
        InputError: there is no such run, it is not whole, or run.json is not of this version.
    """
    folder = models / check_name(name)
    path = folder / RUN_FILE
    if not folder.is_dir():
        there = ", ".join(sorted(p.name for p in folders(models))) or "none"
        raise InputError(f'There is no run "{name}" in {models}; the runs there are: {there}.')
    if not path.is_file():
        if (folder / CHECKPOINT_FILE).is_file():
            raise InputError(
                f'The run "{name}" was interrupted; go on with `python -m brainmri train ... --run '
                f"{name} --resume`."
            )
        raise InputError(
            f'The run "{name}" has no run.json, so its training never finished; train it again.'
        )
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}); train the run again.") from None
    version = values.pop("schema", None) if isinstance(values, dict) else None
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{path} is of schema version {version}, this software reads version {SCHEMA_VERSION}; "
            "train the run again."
        )
    fields = {f.name for f in dataclasses.fields(Run)}
    required = {
        f.name
        for f in dataclasses.fields(Run)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    missing, strange = sorted(required - set(values)), sorted(set(values) - fields)
    if missing or strange:
        raise InputError(f"{path} {'lacks' if missing else 'has the unknown field'} "
                         f"{', '.join(missing or strange)}; train the run again.")  # fmt: skip
    wrong = sorted(name for name, kind in _KINDS.items() if not isinstance(values[name], kind))
    if "history" not in wrong and not all(_is_epoch(entry) for entry in values["history"]):
        wrong.append("history")
    others = values.get("further_histories", [])
    if not isinstance(others, list) or not all(
        isinstance(one, list) and one and all(_is_epoch(entry) for entry in one) for one in others
    ):
        wrong.append("further_histories")
    if "images" not in wrong and not all(isinstance(n, int) for n in values["images"].values()):
        wrong.append("images")
    if wrong:
        raise InputError(f"{path} has no usable value for {', '.join(wrong)}; train the run again.")
    if values["negative_class"] not in values["classes"]:
        raise InputError(f"{path} names a negative class that is none of its classes.")
    return Run(**{**values, **_fitted(values, path), "name": name})


def _fitted(values: dict[str, Any], path: Path) -> dict[str, Any]:
    """The fitted parts as their types; None stays None, and so does a field that is not there."""
    temperature, point, sets, limits = (
        values.get(field) for field in ("temperature", "operating_point", "conformal", "novelty")
    )
    wrong = [
        field
        for field, usable in (
            ("temperature", temperature is None or _is_number(temperature, 1e-6, 1e6)),
            ("operating_point", point is None or _is_operating_point(point)),
            ("conformal", sets is None or _is_conformal(sets, values["classes"])),
            ("novelty", limits is None or _is_limits(limits)),
        )
        if not usable
    ]
    if wrong:
        raise InputError(
            f"{path} has no usable value for {', '.join(wrong)}; put null there, and `predict` will "
            "fit it again."
        )
    return {
        "operating_point": None if point is None else OperatingPoint(**point),
        "conformal": None if sets is None else Conformal(**sets),
        "novelty": None if limits is None else Limits(**limits),
    }


def _is_operating_point(value: object) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {f.name for f in dataclasses.fields(OperatingPoint)}
        and _is_number(value["threshold"], 0, NEVER)
        and value["rule"] in ("sensitivity", "cost")
        and _is_number(value["target"], 0, 1 if value["rule"] == "sensitivity" else 1e9)
        and all(_is_count(value[field]) for field in ("n", "tumours"))
    )


def _is_conformal(value: object, classes: list[str]) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {f.name for f in dataclasses.fields(Conformal)}
        and _is_number(value["alpha"], 1e-6, 1 - 1e-6)
        and all(
            isinstance(value[field], dict)
            and sorted(value[field]) == sorted(str(name) for name in classes)
            and all(usable(entry) for entry in value[field].values())
            for field, usable in (
                ("thresholds", lambda entry: _is_number(entry, 0, 1)),
                ("images", _is_count),
            )
        )
    )


def _is_limits(value: object) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {f.name for f in dataclasses.fields(Limits)}
        and _is_number(value["warn_from"], 0, 1e9)
        and _is_number(value["refuse_from"], value["warn_from"], 1e9)
        and _is_count(value["n"])
    )


def _is_number(value: object, low: float, high: float) -> bool:
    """A number from `low` to `high`; nan, which JSON of Python can hold, is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_epoch(entry: object) -> bool:
    needed = {"epoch", "train_loss", "val_loss", "val_accuracy"}
    return (
        isinstance(entry, dict)
        and needed <= set(entry)
        and all(isinstance(value, int | float) for value in entry.values())
    )


def model_fault(models: Path, run: Run) -> str | None:
    """Why the model file that is here is not the run's own, in a sentence; None for a whole or no file."""
    path = models / run.name / MODEL_FILE
    try:
        if not path.is_file() or sha256_once(path) == run.model_sha256:
            return None
    except OSError as error:
        return f"Its model file cannot be read ({error.strerror or error}); its results stand."
    return (
        "Its model file is damaged: it is not the file that run.json describes (its SHA-256 differs). "
        "Its results stand; train it again, or bring model.onnx back from a copy, to let it answer."
    )


def list_runs(models: Path) -> tuple[list[Run], list[BrokenRun]]:
    """Every run under `models`, and the folders that are not whole with their fault."""
    whole: list[Run] = []
    broken: list[BrokenRun] = []
    for folder in folders(models):
        try:
            whole.append(load(models, folder.name))
        except InputError as error:
            broken.append(BrokenRun(folder.name, str(error)))
    return whole, broken


def folders(models: Path) -> list[Path]:
    """Folders under `models` that are runs, whole or not, by name."""
    if not models.is_dir():
        return []
    return sorted(
        path
        for path in models.iterdir()
        if path.is_dir() and not path.name.startswith(".") and path.name not in _RESERVED
    )
