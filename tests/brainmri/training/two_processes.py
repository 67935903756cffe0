"""Small trainings that one process runs inside the tests and two run when started by themselves.

RANK=0 WORLD_SIZE=2 LOCAL_RANK=0 ... python -m tests.brainmri.training.two_processes STORE FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from brainmri.errors import Interrupted
from brainmri.training import distributed, fit
from brainmri.training.distributed import World
from brainmri.training.fit import Augment, FitOptions, Rows
from brainmri.training.networks import Network, ReferenceCNN, Transfer
from brainmri.training.pixels import PixelStore

SIZE_PX = 32
Y_TRUE = np.arange(52) % 2
PLAIN = FitOptions(epochs=1, patience=3, batch=32, learning_rate=1e-3, l2=0.01, precision="float32")
NORMALISED = FitOptions(
    epochs=1, patience=3, batch=32, learning_rate=1e-3, l2=0.01, precision="float32",
    micro_batch=16, warm_up=0.3, averaging=0.9,
)  # fmt: skip
LONGER = FitOptions(epochs=3, patience=3, batch=32, learning_rate=1e-3, l2=0.0, precision="float32")
CALLS_OF_TWO = 5
"""How often each of two processes augments in an epoch: 40 images, 4 at a time."""


def reference(dropout: float) -> ReferenceCNN:
    torch.manual_seed(0)
    return ReferenceCNN(2, SIZE_PX, (dropout, dropout, dropout))


def normalised() -> Transfer:
    """As the pretrained networks: batch normalisation, a frozen first stage, maps as third output."""
    torch.manual_seed(0)
    stages: list[nn.Module] = [
        nn.Sequential(nn.Conv2d(a, b, 3, 2, bias=False), nn.BatchNorm2d(b), nn.ReLU())
        for a, b in ((1, 4), (4, 8), (8, 16))
    ]
    return Transfer(stages, 16, 2, ground=(0.5, 0.5), frozen=1, dropout=0.0)


class Noisy:
    """An augmentation that draws random numbers, and can be interrupted at its n-th call."""

    def __init__(self, stop_at: int = 0) -> None:
        self.calls, self.stop_at, self.drawn = 0, stop_at, list[float]()

    def __call__(self, images: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
        self.calls += 1
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        noise = torch.rand(images.shape)
        self.drawn.append(float(noise[0, 0, 0, 0]))
        return (images.float() + 20 * noise).to(torch.uint8), allowed


@contextmanager
def gradients() -> Iterator[list[list[Tensor]]]:
    """Gradients at each step of Adam inside the block."""
    seen: list[list[Tensor]] = []
    real = torch.optim.Adam.step

    def step(self: torch.optim.Adam, *args: Any) -> Any:
        params = [p for group in self.param_groups for p in group["params"]]
        seen.append([p.grad.clone() for p in params if p.grad is not None])
        return real(self, *args)

    torch.optim.Adam.step = step  # type: ignore[assignment, method-assign]
    try:
        yield seen
    finally:
        torch.optim.Adam.step = real  # type: ignore[method-assign]


def outcomes(store: PixelStore, folder: Path, world: World) -> dict[str, dict[str, Any]]:
    """History, gradients of each step, and weights of each training, by its name."""

    def one(
        name: str, net: Network, n: int, options: FitOptions,
        augment: Augment | None = None, *, resume: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        with gradients() as seen:
            fitted = fit.fit(
                net, store, Rows(np.arange(n), Y_TRUE[:n]), Rows(np.arange(40, 52), Y_TRUE[40:]),
                options, seed=0, augment=augment, checkpoint=folder / name / "checkpoint.pt",
                fingerprint={}, resume=resume, quiet=True, world=world,
            )  # fmt: skip
        return {
            "history": [{k: v for k, v in e.items() if k != "seconds"} for e in fitted.history],
            "gradients": seen,
            "parameters": {k: v.detach() for k, v in fitted.network.named_parameters()},
        }

    noisy = Noisy()
    found = {
        "plain": one("plain", reference(0.0), 40, PLAIN),
        "normalised": one("normalised", normalised(), 33, NORMALISED),  # Then a batch of one image.
        "noisy": one("noisy", reference(0.25), 40, LONGER, noisy),
    }
    found["noisy"]["drawn"] = noisy.drawn
    if world.size > 1:
        try:
            one("cut", reference(0.25), 40, LONGER, Noisy(CALLS_OF_TWO + 2))
        except Interrupted as stopped:
            said = str(stopped)
        found["resumed"] = one("cut", reference(0.25), 40, LONGER, Noisy(), resume=True)
        found["resumed"]["said"] = said
    return found


@distributed.joined()
def _main(store: Path, folder: Path) -> None:
    world = distributed.world()
    found = outcomes(PixelStore(store, SIZE_PX), folder, world)
    torch.save(found, folder / f"{world.rank}.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    _main(Path(sys.argv[1]), Path(sys.argv[2]))
