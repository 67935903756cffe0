"""The training loop: epochs, validation, early stopping, checkpoints."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from brainmri import memory
from brainmri.errors import InputError, Interrupted
from brainmri.files import write_atomically
from brainmri.runs import BEST_FILE, best_epoch
from brainmri.training import distributed
from brainmri.training.averaging import Average
from brainmri.training.distributed import World
from brainmri.training.networks import Network
from brainmri.training.pixels import PixelStore


@dataclass(frozen=True)
class FitOptions:
    """Attributes are stored in run.json as they are.

    Attributes:
        epochs: at most.
        patience: stop after this many epochs without a lower validation loss.
        batch: images per step.
        learning_rate: peak of Adam's step size; it falls to zero along a half cosine.
        l2: penalty on weights; see `Network.parameter_groups`.
        precision: "bfloat16" (activations only, weights stay float32) or "float32".
        micro_batch: images that pass through the network at once; gradients add up to the full
            batch. 4 keep the activations of a 256-pixel batch below a quarter of a gigabyte.
        warm_up: share of all steps in which the step size rises to its peak.
        averaging: weights that are judged and kept are a running mean over the steps in which each
            step counts 1 - `averaging`; 0 keeps the last ones.
    """

    epochs: int
    patience: int
    batch: int
    learning_rate: float
    l2: float
    precision: str
    micro_batch: int = 4
    warm_up: float = 0.0
    averaging: float = 0.0


@dataclass(frozen=True)
class Rows:
    """Index rows and class numbers of one part of the split.

    Attributes:
        rows: index rows (n,).
        y_true: class numbers (n,).
        weight: how often each is drawn, relative to the others, (n,); None: each once an epoch.
    """

    rows: NDArray[np.int64]
    y_true: NDArray[np.int64]
    weight: NDArray[np.float64] | None = None

    def order(self, seed: int) -> NDArray[np.int64]:
        """Positions in the order of one epoch, (n,)."""
        rng, n = np.random.default_rng(seed), len(self.rows)
        if self.weight is None:
            return rng.permutation(n)
        return rng.choice(n, n, p=self.weight / self.weight.sum())


Augment = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""uint8 images (n, 1, s, s) and bool (n, k), which classes each may be, to the same, changed."""


_ALONE = World()


@dataclass(frozen=True)
class Fitted:
    """The network with the weights of the best epoch, and one history entry per epoch.

    Of several processes only the first has the best epoch; the others are left with the last one.
    """

    network: Network
    history: list[dict[str, float]]


def fit(
    network: Network,
    store: PixelStore,
    train: Rows,
    val: Rows,
    options: FitOptions,
    *,
    seed: int,
    augment: Augment | None,
    checkpoint: Path,
    fingerprint: dict[str, Any],
    resume: bool,
    quiet: bool,
    world: World = _ALONE,
    what: str = "Epoch",
) -> Fitted:
    """Train until the validation loss has stopped falling, and keep the best epoch.

    Every epoch seeds its own random numbers, so a run that was interrupted and resumed equals one
    that was not. After each epoch the whole state goes to `checkpoint`, and the weights of the best
    epoch to a file beside it.

    Args:
        network: maps float32 (n, 1, s, s) to (logits (n, k), embedding, ...).
        store: pixels by index row.
        train, val: rows of the two parts.
        options: see `FitOptions`.
        seed: of shuffling, dropout and augmentation.
        augment: for training images only. An image that may be of several classes is right when the
            answer is any of them.
        checkpoint: file to write after every epoch.
        fingerprint: what must be equal for a checkpoint to be resumed.
        resume: go on from `checkpoint`.
        quiet: no progress bar.
        world: processes that call this together and divide each batch; all need to read `store` and,
            to resume, `checkpoint`, which the first one writes.
        what: is counted beside the progress bar.

    Raises:
        Interrupted: Ctrl-C.
        InputError: nothing to resume, or the checkpoint is of another configuration.
    """
    memory.keep_freed()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device).to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(
        network.parameter_groups(options.learning_rate, options.l2), fused=True
    )
    schedule = _schedule(optimiser, options, options.epochs * -(-len(train.rows) // options.batch))
    judged = Average(network, options.averaging if world.leads else 0.0)
    best = checkpoint.with_name(BEST_FILE)
    identity = {**fingerprint, "options": asdict(options), "seed": seed}
    history: list[dict[str, float]] = []
    if resume:
        history = _restore(checkpoint, identity, network, judged, optimiser, schedule)
        if len(history) != world.share(len(history)):
            raise InputError(
                f"{checkpoint} is not the same on every machine; share the models folder."
            )
    replica = distributed.replica(network, world)
    bar = tqdm(
        total=options.epochs * len(train.rows),
        initial=len(history) * len(train.rows),
        unit="image",
        desc="Training",
        disable=quiet or not world.leads,
    )
    try:
        while len(history) < options.epochs and not _out_of_patience(history, options.patience):
            start = time.perf_counter()
            epoch = len(history)
            bar.set_description(f"{what} {epoch + 1} of {options.epochs}")
            train_loss, train_accuracy = _train_epoch(
                network,
                replica,
                world,
                judged,
                store,
                train,
                options,
                seed + epoch,
                augment,
                optimiser,
                schedule,
                bar,
            )
            entry = {"epoch": epoch + 1, "train_loss": train_loss, "train_accuracy": train_accuracy}
            if world.leads:
                val_loss, val_accuracy = evaluate(judged.network, store, val, options)
                memory.return_freed()  # What is kept over many epochs falls to pieces and grows.
                entry |= {
                    "val_loss": val_loss,
                    "val_accuracy": val_accuracy,
                    "seconds": round(time.perf_counter() - start, 1),
                }
                bar.set_postfix(loss=f"{val_loss:.3f}", accuracy=f"{val_accuracy:.1%}")
                if best_epoch([*history, entry]) == epoch:
                    _save(best, judged.network.state_dict())
                state = {
                    "identity": identity,
                    "history": [*history, entry],
                    "network": network.state_dict(),
                    "judged": judged.state(),
                    "optimiser": optimiser.state_dict(),
                    "schedule": schedule.state_dict(),
                }
                _save(checkpoint, state)
            entry = world.share(entry)  # All of them stop after the same epoch.
            history.append(entry)  # Only now is the epoch kept.
    except KeyboardInterrupt:
        if not history:
            raise Interrupted("Stopped in the first epoch; nothing was kept.") from None
        raise Interrupted(
            f"Stopped after epoch {len(history)} of {options.epochs}, which is kept; add --resume to "
            "the same command to go on."
        ) from None
    finally:
        bar.close()
    if world.leads:
        network.load_state_dict(torch.load(best, weights_only=True, map_location=device))
    network.zero_grad(set_to_none=True)  # As large as the weights, and of no use any more.
    del replica, optimiser, schedule, judged
    gc.collect()  # They refer to each other; twice the weights would stay until after the export.
    memory.keep_no_more()
    network.to("cpu").eval()
    return Fitted(network, history)


@torch.inference_mode()
def evaluate(
    network: nn.Module, store: PixelStore, part: Rows, options: FitOptions
) -> tuple[float, float]:
    """Mean cross-entropy (nats) and accuracy of a part."""
    network.eval()
    loss, right = 0.0, 0
    for chunk in _chunks(np.arange(len(part.rows)), 2 * options.micro_batch):
        target = torch.from_numpy(part.y_true[chunk])
        logits = _forward(network, _images(store, part.rows[chunk]), options.precision).cpu()
        loss += float(nn.functional.cross_entropy(logits, target, reduction="sum"))
        right += int((logits.argmax(1) == target).sum())
    return loss / len(part.rows), right / len(part.rows)


def _train_epoch(
    network: Network,
    replica: nn.Module,
    world: World,
    judged: Average,
    store: PixelStore,
    part: Rows,
    options: FitOptions,
    seed: int,
    augment: Augment | None,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    bar: tqdm[Any],
) -> tuple[float, float]:
    network.train()
    # Every process draws the same order, but dropout and augmentation of its own.
    torch.manual_seed(seed + _SEEDS_APART * world.rank)
    order = part.order(seed)
    loss_sum, right = 0.0, 0
    at_once = min(options.micro_batch, -(-options.batch // world.size))
    for batch in _chunks(order, options.batch):
        optimiser.zero_grad(set_to_none=True)
        mine = _chunks(batch, at_once)[world.rank :: world.size]
        for i, chunk in enumerate(mine):
            images = _images(store, part.rows[chunk])
            target = torch.from_numpy(part.y_true[chunk])
            allowed = nn.functional.one_hot(target, network.k).bool()
            if augment is not None:
                images, allowed = augment(images, allowed)
            with distributed.gathering(replica, world, last=i == len(mine) - 1):
                logits = _forward(replica, images, options.precision)
                allowed = allowed.to(logits.device)
                loss = partial_label_loss(logits, allowed)
                # A sum over processes: their gradients are averaged.
                (loss / (len(batch) / world.size)).backward()  # type: ignore[no-untyped-call]
            loss_sum += float(loss.detach())
            right += int(allowed.gather(1, logits.argmax(1, keepdim=True)).sum())
        if not mine:
            distributed.stand_by(replica, _prepared(network, _images(store, part.rows[batch[:1]])))
        optimiser.step()
        schedule.step()
        judged.follow(network)
        bar.update(len(batch))
    loss_sum, all_right = world.total(loss_sum, right)
    return loss_sum / len(order), all_right / len(order)


_SEEDS_APART = 1_000_003
"""More than any training has epochs, each of which has its own seed."""


def partial_label_loss(logits: Tensor, allowed: Tensor) -> Tensor:
    """Sum of -log of the probability that the class is one of the allowed ones (nats).

    With one allowed class each, this is the cross-entropy (Feng et al. 2020, the naive loss).

    Args:
        logits: float (n, k).
        allowed: bool (n, k), at least one in each row.
    """
    log_prob = nn.functional.log_softmax(logits, dim=1)
    return -log_prob.masked_fill(~allowed, -torch.inf).logsumexp(dim=1).sum()


def _forward(network: nn.Module, images: Tensor, precision: str) -> Tensor:
    x = _prepared(network, images)
    with torch.autocast(x.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        logits = network(x)[0]
    result: Tensor = logits.float()
    return result


def _prepared(network: nn.Module, images: Tensor) -> Tensor:
    device = next(network.parameters()).device
    return (images.to(device).float() / 255).contiguous(memory_format=torch.channels_last)


def _images(store: PixelStore, rows: NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(store.read(rows.tolist()))[:, None]


def _chunks(order: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [order[i : i + size] for i in range(0, len(order), size)]


def _save(path: Path, state: dict[str, Any]) -> None:
    def write(to: Path) -> None:
        with to.open("wb") as file:
            try:
                torch.save(state, file)
            except RuntimeError as error:
                # torch hides what the file said (no space left, say) behind an error of its own.
                if isinstance(error.__context__, OSError):
                    raise error.__context__ from None
                raise

    write_atomically(path, write)


def _schedule(
    optimiser: torch.optim.Optimizer, options: FitOptions, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    if not options.warm_up:
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    return torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        [group["lr"] for group in optimiser.param_groups],
        total_steps=steps,
        pct_start=options.warm_up,
        cycle_momentum=False,
    )


def _out_of_patience(history: list[dict[str, float]], patience: int) -> bool:
    return bool(history) and len(history) - 1 - best_epoch(history) >= patience


def _restore(
    checkpoint: Path,
    identity: dict[str, Any],
    network: nn.Module,
    judged: Average,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> list[dict[str, float]]:
    if not checkpoint.is_file():
        raise InputError(
            f"There is nothing to resume: {checkpoint} does not exist; leave --resume out."
        )
    # From here on there are epochs, which a training without either option refuses to lose.
    again = "start again with --replace instead of --resume"
    best = checkpoint.with_name(BEST_FILE)
    if not best.is_file():
        raise InputError(f"There is nothing to resume: {best} does not exist; {again}.")
    try:
        state = torch.load(checkpoint, weights_only=True, map_location="cpu")
        made_with: dict[str, Any] = state["identity"]
    except Exception as error:  # torch raises many types on a damaged file.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{checkpoint} is damaged ({reason}); {again}.") from None
    different = sorted(k for k in identity if made_with.get(k) != identity[k])
    if different:
        raise InputError(
            f"{checkpoint} was made with another {', '.join(different)}; give the same options as "
            f"before, or {again}."
        )
    network.load_state_dict(state["network"])
    judged.restore(state["judged"])
    optimiser.load_state_dict(state["optimiser"])
    schedule.load_state_dict(state["schedule"])
    history: list[dict[str, float]] = state["history"]
    return history
