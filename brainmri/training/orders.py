"""What `train` is asked for, with what it leaves open taken from the run that it goes on from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from brainmri import index, runs, splits
from brainmri.errors import InputError
from brainmri.files import sha256
from brainmri.preprocessing import Preprocessing
from brainmri.training.recipes import MEAN_BRIGHTNESS

MOST_MEMBERS = 8
"""Each adds as much to the time of training, of an answer, and to the model file."""


@dataclass(frozen=True)
class Orders:
    """What to train.

    Attributes:
        model: what kind.
        protocol: split protocol.
        seed: of every random choice.
        size_px: side of the network input; None for the model's own.
        fit: see `Preprocessing`; None for the model's own.
        members: networks that answer together.
        start: model file to go on from.
        about: for run.json.
    """

    model: str
    protocol: str
    seed: int
    size_px: int | None
    members: int = 1
    fit: str | None = None
    start: Path | None = None
    about: dict[str, str] = field(default_factory=dict)


def settle(
    models: Path,
    name: str,
    *,
    model: str | None,
    start: str | None,
    protocol: str | None,
    seed: int | None,
    size_px: int | None,
    members: int | None,
) -> Orders:
    """The orders for the run `name`; what goes on from a run has its model, split, seed and input.

    Raises:
        InputError: no model is named, or the run `start` cannot be gone on from.
    """
    if members is not None and not 1 <= members <= MOST_MEMBERS:
        raise InputError(
            f"{members} networks cannot answer together; give --members 1 to {MOST_MEMBERS}."
        )
    if start is None:
        if model is None:
            raise InputError("Say which --model to train, or which run to go on --from.")
        if model == MEAN_BRIGHTNESS and members not in (None, 1):
            raise InputError("mean-brightness has no chance in it; leave --members out.")
        return Orders(model, protocol or splits.OFFICIAL, seed or 0, size_px, members or 1)
    base = runs.load(models, start)
    if start == name:
        raise InputError(
            f"{name} would replace the run that it goes on from; give the new one another name."
        )
    preprocessing = Preprocessing.from_json(base.preprocessing)
    for option, given, has in (
        ("--model", model, base.architecture),
        ("--split", protocol, base.protocol),
        ("--seed", seed, base.seed),
        ("--size-px", size_px, preprocessing.size_px),
        ("--members", members, base.members),
    ):
        if given is not None and given != has:
            raise InputError(
                f"{start} has {option} {has}, and what goes on from it needs the same, so that its test "
                f"images stay test images; leave {option} out."
            )
    file = models / start / runs.MODEL_FILE
    if not base.history:
        raise InputError(
            f"{start} is a {base.architecture}, which has no weights to go on from; train it anew, with "
            "--corrections if you like."
        )
    if not file.is_file():
        raise InputError(f"The model file of {start} is not here, so nothing can go on from it.")
    known = index.path(models)
    if not known.is_file() or sha256(known) != base.index_sha256:
        raise InputError(
            f"{start} was trained with another image index, so images that it has learned could test "
            "what goes on from it; train anew instead."
        )
    return Orders(
        base.architecture,
        base.protocol,
        base.seed,
        preprocessing.size_px,
        base.members,
        preprocessing.fit,
        file,
        {"from": base.name, "from_model_sha256": base.model_sha256},
    )
