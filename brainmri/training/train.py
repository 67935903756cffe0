"""`train`: from an indexed data folder to a run folder with model.onnx and run.json."""

from __future__ import annotations

import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import brainmri
from brainmri import corrected, index, leakage, manifests, runs, splits
from brainmri.errors import InputError
from brainmri.files import sha256, write_atomically
from brainmri.preprocessing import Preprocessing
from brainmri.training import distributed
from brainmri.training.distributed import World
from brainmri.training.orders import settle
from brainmri.training.pixels import PixelStore, open_store
from brainmri.training.recipes import MEAN_BRIGHTNESS, MODELS, RECIPES, Recipe, gentler

_BRIGHTNESS = Recipe(epochs=0)
_BATCH = 32


@distributed.joined()
def train(
    data: Path,
    models: Path,
    *,
    name: str,
    model: str | None = None,
    start: str | None = None,
    corrections: int | None = None,
    protocol: str | None = None,
    allow_leaks: bool = False,
    epochs: int | None = None,
    size_px: int | None = None,
    seed: int | None = None,
    members: int | None = None,
    resume: bool = False,
    replace_run: bool = False,
    quiet: bool = False,
) -> runs.Run:
    """Train `model` on the training rows of a split and write the run folder `models/<name>`.

    A run that is there already is replaced only on demand, and when the new one is whole. Processes
    that torchrun has started train it together; the first one writes it (docs/distributed-training.md).

    Args:
        data: the indexed data folder.
        models: folder of results, with `dataset/index.parquet`.
        name: of the run.
        model: one of `recipes.MODELS`; that of `start` when not given.
        start: run whose weights, split and preprocessing to go on from, with smaller steps.
        corrections: number of the manifest whose labels to train by (`manifests`); evaluation images
            that it names never train.
        protocol: see `splits.assign`; official, or that of `start`, when not given.
        allow_leaks: train although an evaluation image has a copy among those that shape the model;
            a warning on stderr says how many.
        epochs: at most; the model's own default when not given.
        size_px: side of the network's square input; the model's own default when not given.
        seed: of every random choice; 0, or that of `start`, when not given.
        members: networks that are trained one after the other, each by the next seed, and answer
            together; 1, or as many as `start` has, when not given.
        resume: go on after an interruption.
        replace_run: train from the start though the run, or epochs of it, are there already; not with
            `resume`.
        quiet: no progress bar.

    Raises:
        InputError: options or data that cannot be used, a split that leaks, or a run that is there.
        OutputError: a result could not be written.
        Interrupted: Ctrl-C.
    """
    world = distributed.world()
    runs.check_name(name)
    orders = settle(
        models,
        name,
        model=model,
        start=start,
        protocol=protocol,
        seed=seed,
        size_px=size_px,
        members=members,
    )
    _refuse_to_lose(models / name, resume=resume, replace_run=replace_run)
    model, protocol, seed = orders.model, orders.protocol, orders.seed
    if model not in MODELS:
        raise InputError(f'There is no model "{model}"; choose one of {", ".join(MODELS)}.')
    if epochs is not None and epochs < 1:
        raise InputError("Training needs at least one epoch; give --epochs 1 or more.")
    recipe = RECIPES.get(model, _BRIGHTNESS)
    size_px = recipe.size_px if orders.size_px is None else orders.size_px
    if size_px < 32:
        raise InputError(
            "The network needs an input of at least 32 pixels; give --size-px 32 or more."
        )
    if resume and model == MEAN_BRIGHTNESS:
        raise InputError("mean-brightness trains in seconds; there is nothing to resume.")
    index_path = index.path(models)
    table, index_sha256 = index.read(index_path), sha256(index_path)
    if world.leads and not data.is_dir():
        raise InputError(f"There is no folder {data}; give the data folder that was indexed.")
    part = splits.assign(table, protocol, seed=seed)
    if world.leads and (leak := splits.leak_sentence(protocol, leakage.leaks(table, part))):
        if not allow_leaks and orders.start is None:  # What was accepted stays accepted.
            raise InputError(f"{leak}; --allow-leaks trains on it all the same.")
        print(f"warning: {leak}.", file=sys.stderr)
    if world.leads and not quiet and (left_out := splits.left_out(table, protocol)):
        print(f"{left_out}.", file=sys.stderr)
    about: dict[str, Any] = dict(orders.about)
    if corrections is not None:
        put_right = corrected.apply(models, table, part, manifests.read(models, corrections))
        table, part = put_right.index, put_right.part
        about |= {"corrections": corrections, **put_right.counts}
    preprocessing = Preprocessing(size_px, orders.fit or recipe.fit)
    with world.leader_first():
        store = open_store(data, table, preprocessing, models / ".cache", quiet=quiet)
    y_true = pd.Categorical(table.rows["label"], categories=table.classes).codes.astype(np.int64)
    rows = {p: np.flatnonzero(part == p) for p in ("train", "val", "test")}
    job = _fit_brightness if model == MEAN_BRIGHTNESS else _fit_network
    exported, histories, configuration, libraries = job(
        _Job(model, models / name, store, rows, y_true, table, epochs, seed, resume,
             quiet, {"protocol": protocol, "model": model, "size_px": size_px,
                     "index_sha256": index_sha256, **about}, world,
             orders.start, orders.members)
    )  # fmt: skip
    if not world.leads:
        world.share(None)  # Until the first process has written the run.
        return runs.load(models, name)
    folder = models / name
    staged = folder / f".{runs.MODEL_FILE}.new"
    write_atomically(staged, lambda to: to.write_bytes(exported))
    run = runs.Run(
        name=name,
        architecture=model,
        classes=table.classes,
        negative_class=table.negative_class,
        protocol=protocol,
        index_sha256=index_sha256,
        seed=seed,
        configuration=configuration | about,
        preprocessing=preprocessing.to_json(),
        history=histories[0],
        further_histories=histories[1:],
        images={p: len(r) for p, r in rows.items()},
        model_sha256=sha256(staged),
        versions=_versions(libraries),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    _clear(folder)
    staged.replace(folder / runs.MODEL_FILE)
    runs.save(models, run)
    _forget_epochs(folder)
    world.share(None)
    return run


def _refuse_to_lose(folder: Path, *, resume: bool, replace_run: bool) -> None:
    """Raises InputError where a run or the epochs of one would be written over unasked."""
    if resume and replace_run:
        raise InputError("--resume goes on and --replace starts again; give one of the two.")
    if resume or replace_run:
        return
    if (folder / runs.CHECKPOINT_FILE).is_file():
        raise InputError(
            f"{folder} holds the epochs of a training that was stopped; go on from them with --resume, "
            "or lose them and start again with --replace."
        )
    # A table of another tool is a run without run.json.
    if (folder / runs.RUN_FILE).is_file() or (folder / runs.PREDICTIONS_FILE).exists():
        raise InputError(
            f"There is a run {folder.name} already; give the new one another name with --run, or train "
            "in its place, which loses its predictions, with --replace."
        )


def _clear(folder: Path) -> None:
    """Take away an old run; from here on, without run.json, the folder does not count as one."""
    (folder / runs.RUN_FILE).unlink(missing_ok=True)
    old_predictions = folder / runs.PREDICTIONS_FILE
    if old_predictions.is_dir():  # Part files, written by a cluster.
        shutil.rmtree(old_predictions)
    old_predictions.unlink(missing_ok=True)
    for fitted in (runs.EMBEDDING_FILE, runs.LOOK_FILE):  # Of the old model.
        (folder / fitted).unlink(missing_ok=True)


def _member(folder: Path, number: int) -> Path:
    """Where the epochs of a network are kept, by its number from 0; those of the first in the run folder."""
    return folder / f"member-{number + 1}" if number else folder


def _forget_epochs(folder: Path) -> None:
    for leftover in (runs.CHECKPOINT_FILE, runs.BEST_FILE):
        (folder / leftover).unlink(missing_ok=True)
    _forget_members(folder)


def _forget_members(folder: Path) -> None:
    for left in folder.glob("member-*"):
        shutil.rmtree(left)


@dataclass(frozen=True)
class _Job:
    model: str
    folder: Path
    store: PixelStore
    rows: dict[str, NDArray[np.int64]]
    y_true: NDArray[np.int64]
    table: index.ImageIndex
    epochs: int | None
    seed: int
    resume: bool
    quiet: bool
    fingerprint: dict[str, Any]
    world: World
    start: Path | None
    members: int


_Result = tuple[bytes, list[list[dict[str, float]]], dict[str, Any], list[str]]
"""Model file, one history for each network, configuration, and libraries that shape the result."""


def _fit_brightness(job: _Job) -> _Result:
    from brainmri import baselines

    rows = job.rows["train"]
    # In pieces, so that memory does not grow with the set.
    means = [job.store.read(piece.tolist()).mean(axis=(1, 2)) / 255
             for piece in np.array_split(rows, len(rows) // 256 + 1) if len(piece)]  # fmt: skip
    exported = baselines.mean_brightness(
        np.concatenate(means), job.y_true[rows], len(job.table.classes)
    )
    return exported.SerializeToString(), [[]], {}, ["numpy", "onnx", "pillow"]


def _fit_network(job: _Job) -> _Result:
    # Imported here: the baseline above runs without torch.
    import torch

    from brainmri.training import fit, networks, transforms

    recipe = RECIPES[job.model] if job.start is None else gentler(RECIPES[job.model])
    options = fit.FitOptions(
        epochs=job.epochs or recipe.epochs,
        patience=recipe.patience,
        batch=_BATCH,
        learning_rate=recipe.learning_rate,
        l2=recipe.l2,
        precision=_precision(torch.cuda.is_available()),
        micro_batch=recipe.micro_batch,
        warm_up=recipe.warm_up,
        averaging=recipe.averaging,
    )
    table, train_rows = job.table, job.rows["train"]
    members = []
    for number in range(job.members):
        torch.manual_seed(job.seed + number)
        members.append(
            networks.build(
                job.model,
                len(table.classes),
                size_px=job.store.size_px,
                frozen=recipe.frozen,
                dropout=recipe.dropout,
            )
        )
    network = networks.together(members)
    if job.start is not None:
        from brainmri.training import start

        start.load(network, job.start, job.store.size_px)
    if not job.resume:
        _forget_members(job.folder)
    histories = []
    for number, member in enumerate(members):
        kept = _member(job.folder, number) / runs.CHECKPOINT_FILE
        fitted = fit.fit(
            member,
            job.store,
            fit.Rows(
                train_rows,
                job.y_true[train_rows],
                balanced_weight(table.rows.iloc[train_rows]) if recipe.balanced else None,
            ),
            fit.Rows(job.rows["val"], job.y_true[job.rows["val"]]),
            options,
            seed=job.seed + number,
            augment=transforms.named(
                recipe.augmentation,
                negative=table.classes.index(table.negative_class),
                painted=recipe.painted,
            ),
            checkpoint=kept,
            fingerprint=job.fingerprint,
            # Of the networks after the first there may be nothing yet.
            resume=job.resume and (number == 0 or kept.is_file()),
            quiet=job.quiet,
            world=job.world,
            what=f"Network {number + 1} of {job.members}, epoch" if job.members > 1 else "Epoch",
        )
        histories.append(fitted.history)
    if not job.world.leads:
        return b"", [[]], {}, []
    # Only now: the exporter and what it imports take 200 MB, which training needs before.
    from brainmri.training import export

    exported = export.to_onnx(network, job.store.size_px)
    configuration = {
        **asdict(options),
        "dropout": list(recipe.dropout),
        "augmentation": recipe.augmentation,
        "painted": recipe.painted,
        "balanced": recipe.balanced,
        "frozen": recipe.frozen,
        "processes": job.world.size,
        **({"members": job.members} if job.members > 1 else {}),
    }
    return (
        exported.SerializeToString(),
        histories,
        configuration,
        ["torch", "torchvision", "timm", "numpy", "onnx", "pillow"],
    )


def balanced_weight(rows: pd.DataFrame) -> NDArray[np.float64]:
    """How often to draw each image: rare groups and images without near-duplicates more often.

    A group is a class, or a class of one source where the index has that column. A group of n images
    is drawn as if it had the square root of n, a cluster likewise.

    Args:
        rows: of the image index.

    Returns:
        Weights (n,), relative to each other.
    """
    group = rows["label"].astype(str)
    if "source" in rows:
        group = group + "/" + rows["source"].astype(str)
    weight = np.ones(len(rows))
    for column in (group, rows["cluster"]):
        weight /= np.sqrt(column.map(column.value_counts()).to_numpy(dtype=np.float64))
    return weight


def _precision(cuda: bool) -> str:
    """bfloat16 where the processor multiplies it natively, else float32."""
    import torch

    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bfloat16" if cuda or native else "float32"


def _versions(libraries: list[str]) -> dict[str, str]:
    about = {"brainmri": brainmri.__version__, "python": platform.python_version()}
    return about | {name: version(name) for name in libraries}
