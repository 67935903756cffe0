"""A pixel store made by hand: two classes one of them with a dark left half."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from brainmri.training.fit import Rows
from brainmri.training.pixels import PixelStore

SIZE_PX = 32


@dataclass(frozen=True)
class Task:
    store: PixelStore
    train: Rows
    val: Rows


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """Networks this small only wait for each other's threads, for minutes on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    """40 training and 12 validation squares of 32 pixels, noisy enough not to be trivial."""
    rng = np.random.default_rng(0)
    y_true = np.arange(52) % 2
    squares = rng.integers(0, 200, (52, SIZE_PX, SIZE_PX))
    squares[y_true == 1, :, :16] //= 3
    path = tmp_path_factory.mktemp("store") / "pixels.bin"
    path.write_bytes(squares.astype(np.uint8).tobytes())
    rows = np.arange(52)
    return Task(
        PixelStore(path, SIZE_PX), Rows(rows[:40], y_true[:40]), Rows(rows[40:], y_true[40:])
    )
