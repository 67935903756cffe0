"""`train`: from an indexed data folder to a run folder with model.onnx and run.json."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import brainmri
from brainmri import index, leakage, runs, splits
from brainmri.errors import InputError
from brainmri.files import sha256, write_atomically
from brainmri.preprocessing import Preprocessing
from brainmri.training.pixels import PixelStore, open_store

MEAN_BRIGHTNESS = "mean-brightness"


@dataclass(frozen=True)
class Recipe:
    """How one of the reference project's networks is trained."""

    epochs: int
    l2: float = 0.0
    dropout: tuple[float, float, float] = (0.0, 0.0, 0.0)
    augmented: bool = False


RECIPES = {
    "cnn": Recipe(epochs=8),
    "cnn-regularised": Recipe(epochs=14, l2=0.01, dropout=(0.25, 0.25, 0.5)),
    "cnn-augmented": Recipe(epochs=20, augmented=True),
}
MODELS = (MEAN_BRIGHTNESS, *RECIPES)
_PATIENCE, _BATCH, _LEARNING_RATE = 3, 32, 5e-4


def train(
    data: Path,
    models: Path,
    *,
    model: str,
    name: str,
    protocol: str = splits.OFFICIAL,
    allow_leaks: bool = False,
    epochs: int | None = None,
    size_px: int = 256,
    seed: int = 0,
    resume: bool = False,
    quiet: bool = False,
) -> runs.Run:
    """Train `model` on the training rows of a split and write the run folder `models/<name>`.

    A run that is there already is replaced only when the new one is whole.

    Args:
        data: the indexed data folder.
        models: folder of results, with `dataset/index.parquet`.
        model: one of `MODELS`.
        name: of the run.
        protocol: see `splits.assign`.
        allow_leaks: train although an evaluation image has a copy among those that shape the model;
            a warning on stderr says how many.
        epochs: at most; the model's own default when not given.
        size_px: side of the network's square input.
        seed: of every random choice.
        resume: go on after an interruption.
        quiet: no progress bar.

    Raises:
        InputError: options or data that cannot be used, or a split that leaks.
        OutputError: a result could not be written.
        Interrupted: Ctrl-C.
    """
    runs.check_name(name)
    if model not in MODELS:
        raise InputError(f'There is no model "{model}"; choose one of {", ".join(MODELS)}.')
    if epochs is not None and epochs < 1:
        raise InputError("Training needs at least one epoch; give --epochs 1 or more.")
    if size_px < 32:
        raise InputError(
            "The network needs an input of at least 32 pixels; give --size-px 32 or more."
        )
    if resume and model == MEAN_BRIGHTNESS:
        raise InputError("mean-brightness trains in seconds; there is nothing to resume.")
    index_path = index.path(models)
    table = index.read(index_path)
    if not data.is_dir():
        raise InputError(f"There is no folder {data}; give the data folder that was indexed.")
    part = splits.assign(table, protocol, seed=seed)
    if leak := splits.leak_sentence(protocol, leakage.leaks(table, part)):
        if not allow_leaks:
            raise InputError(f"{leak}; --allow-leaks trains on it all the same.")
        print(f"warning: {leak}.", file=sys.stderr)
    preprocessing = Preprocessing(size_px=size_px)
    store = open_store(data, table, preprocessing, models / ".cache", quiet=quiet)
    y_true = pd.Categorical(table.rows["label"], categories=table.classes).codes.astype(np.int64)
    rows = {p: np.flatnonzero(part == p) for p in ("train", "val", "test")}
    job = _fit_brightness if model == MEAN_BRIGHTNESS else _fit_network
    exported, history, configuration, libraries = job(
        _Job(model, models / name, store, rows, y_true, len(table.classes), epochs, seed, resume,
             quiet, {"protocol": protocol, "model": model, "size_px": size_px,
                     "index_sha256": sha256(index_path)})
    )  # fmt: skip
    folder = models / name
    staged = folder / f".{runs.MODEL_FILE}.new"
    write_atomically(staged, lambda to: to.write_bytes(exported))
    run = runs.Run(
        name=name,
        architecture=model,
        classes=table.classes,
        negative_class=table.negative_class,
        protocol=protocol,
        index_sha256=sha256(index_path),
        seed=seed,
        configuration=configuration,
        preprocessing=preprocessing.to_json(),
        history=history,
        images={p: len(r) for p, r in rows.items()},
        model_sha256=sha256(staged),
        versions=_versions(libraries),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    # From here on the folder is being replaced; without run.json it does not count as a run.
    (folder / runs.RUN_FILE).unlink(missing_ok=True)
    old_predictions = folder / runs.PREDICTIONS_FILE
    if old_predictions.is_dir():  # Part files, written by a cluster.
        shutil.rmtree(old_predictions)
    old_predictions.unlink(missing_ok=True)
    staged.replace(folder / runs.MODEL_FILE)
    runs.save(models, run)
    for leftover in (runs.CHECKPOINT_FILE, runs.BEST_FILE):
        (folder / leftover).unlink(missing_ok=True)
    return run


@dataclass(frozen=True)
class _Job:
    model: str
    folder: Path
    store: PixelStore
    rows: dict[str, NDArray[np.int64]]
    y_true: NDArray[np.int64]
    k: int
    epochs: int | None
    seed: int
    resume: bool
    quiet: bool
    fingerprint: dict[str, Any]


_Result = tuple[bytes, list[dict[str, float]], dict[str, Any], list[str]]


def _fit_brightness(job: _Job) -> _Result:
    from brainmri import baselines

    rows = job.rows["train"]
    # In pieces, so that memory does not grow with the set.
    means = [job.store.read(piece.tolist()).mean(axis=(1, 2)) / 255
             for piece in np.array_split(rows, len(rows) // 256 + 1) if len(piece)]  # fmt: skip
    exported = baselines.mean_brightness(np.concatenate(means), job.y_true[rows], job.k)
    return exported.SerializeToString(), [], {}, ["numpy", "onnx", "pillow"]


def _fit_network(job: _Job) -> _Result:
    # Imported here: the baseline above runs without torch.
    import torch

    from brainmri.training import fit, networks

    recipe = RECIPES[job.model]
    options = fit.FitOptions(
        epochs=job.epochs or recipe.epochs,
        patience=_PATIENCE,
        batch=_BATCH,
        learning_rate=_LEARNING_RATE,
        l2=recipe.l2,
        precision=_precision(torch.cuda.is_available()),
    )
    torch.manual_seed(job.seed)
    network = networks.ReferenceCNN(job.k, job.store.size_px, recipe.dropout)
    augment: Callable[[torch.Tensor], torch.Tensor] | None = None
    if recipe.augmented:
        from brainmri.training import transforms

        augment = transforms.augmentation()
    fitted = fit.fit(
        network,
        job.store,
        fit.Rows(job.rows["train"], job.y_true[job.rows["train"]]),
        fit.Rows(job.rows["val"], job.y_true[job.rows["val"]]),
        options,
        seed=job.seed,
        augment=augment,
        checkpoint=job.folder / runs.CHECKPOINT_FILE,
        fingerprint=job.fingerprint,
        resume=job.resume,
        quiet=job.quiet,
    )
    # Only now: the exporter and what it imports take 200 MB, which training needs before.
    from brainmri.training import export

    exported = export.to_onnx(fitted.network, job.store.size_px)
    configuration = {
        **asdict(options),
        "dropout": list(recipe.dropout),
        "augmented": recipe.augmented,
    }
    return (
        exported.SerializeToString(),
        fitted.history,
        configuration,
        ["torch", "torchvision", "numpy", "onnx", "pillow"],
    )


def _precision(cuda: bool) -> str:
    """bfloat16 where the processor multiplies it natively, else float32."""
    import torch

    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bfloat16" if cuda or native else "float32"


def _versions(libraries: list[str]) -> dict[str, str]:
    about = {"brainmri": brainmri.__version__, "python": platform.python_version()}
    return about | {name: version(name) for name in libraries}
