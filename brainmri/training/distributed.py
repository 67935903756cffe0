"""Several processes train one network, started by torch's own launcher, `torchrun`.

Each imports torch only once it is one of several, so that what needs no torch runs without.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from brainmri.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch._C._distributed_c10d import Store

_T = TypeVar("_T")

_TIMEOUT = timedelta(hours=12)
"""The first process may decode a large set for hours while the others wait."""
_ENDED = "brainmri/ended"
_GRACE_SECONDS = 5.0
"""The process that says what went wrong has this long before the others end.

When any process ends, torchrun stops the rest at once.
"""


@dataclass(frozen=True)
class World:
    """The processes that train together.

    Attributes:
        rank: number of this one; process 0 decodes, validates, writes and speaks.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    def share(self, value: _T) -> _T:
        """What process 0 passed, in all of them; nobody goes on before it has."""
        if self.size == 1:
            return value
        import torch
        from torch import distributed

        values = [value]
        distributed.broadcast_object_list(
            values, src=0, device=torch.device("cpu"), weights_only=True
        )
        return values[0]

    def total(self, *values: float) -> list[float]:
        """Sums over the processes."""
        if self.size == 1:
            return list(values)
        import torch
        from torch import distributed

        sums = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(sums)
        return sums.tolist()

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """Process 0 runs the block, then all others, which find what it has left on disk."""
        if not self.leads:
            self.share(None)
        yield
        if self.leads:
            self.share(None)


def launched() -> bool:
    """Whether torchrun started this process."""
    return {"RANK", "WORLD_SIZE", "LOCAL_RANK"} <= os.environ.keys()


def world() -> World:
    """The place of this process; alone without torchrun."""
    return World(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])) if launched() else World()


@contextmanager
def joined() -> Iterator[None]:
    """The processes that torchrun started are a group inside the block; alone, nothing happens.

    With CUDA each has the GPU of its LOCAL_RANK and gradients go through NCCL; else through gloo.
    When one process fails, it alone says why, and the others end. Ctrl-C is the first one's matter.

    Raises:
        InputError: more processes than GPUs, or another process was lost.
    """
    if not launched():
        yield
        return
    import torch
    from torch import distributed
    from torch.distributed.rendezvous import rendezvous

    me = world()
    interrupt = signal.getsignal(signal.SIGINT)
    if not me.leads:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    store, _, _ = next(rendezvous("env://"))
    cuda = torch.cuda.is_available()
    distributed.init_process_group(
        # What is not a gradient is small and on the CPU.
        "cpu:gloo,cuda:nccl" if cuda else "gloo",
        store=store,
        rank=me.rank,
        world_size=me.size,
        timeout=_TIMEOUT,
    )
    done = threading.Event()
    threading.Thread(target=_end_with_the_others, args=(store, done), daemon=True).start()
    try:
        if cuda:
            _take_gpu()
        yield
    except BaseException as error:
        done.set()
        # Not now: NCCL may wait here for a process that is gone, and the reason would stay unsaid.
        atexit.register(distributed.destroy_process_group)
        if not _first(store):
            time.sleep(_GRACE_SECONDS)
            raise SystemExit(1) from None
        if _lost(error):
            raise InputError(
                "The connection to another training process was lost; see what it said or whether "
                "its machine ran out of memory. --resume goes on after the last whole epoch."
            ) from None
        raise
    else:
        done.set()
        distributed.destroy_process_group()
    finally:
        signal.signal(signal.SIGINT, interrupt)


def replica(network: nn.Module, world: World) -> nn.Module:
    """The network as this process trains it: gradients are means over all processes.

    Weights are made equal to those of process 0 here. Running statistics of batch normalisation
    stay each process's own; those of process 0, over its share of the images, are judged and kept.
    """
    if world.size == 1:
        return network
    from torch.nn.parallel import DistributedDataParallel

    # Processes may see different numbers of micro-batches, so none may wait for buffers in each.
    return DistributedDataParallel(network, forward_sync_buffers=False)


def gathering(replica: nn.Module, world: World, *, last: bool) -> AbstractContextManager[None]:
    """Around a micro-batch: gradients meet those of other processes after the last of a step."""
    if last or world.size == 1:
        return nullcontext()
    from torch.nn.parallel import DistributedDataParallel

    assert isinstance(replica, DistributedDataParallel)
    return replica.no_sync()


def stand_by(replica: nn.Module, example: Tensor) -> None:
    """A step for which this process has no image: a gradient of zero, which the others wait for.

    Args:
        replica: in training mode, before and after; statistics do not change.
        example: any input.
    """
    replica.eval()
    (replica(example)[0].sum() * 0).backward()
    replica.train()


def _take_gpu() -> None:
    import torch

    here, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if here >= gpus:
        raise InputError(
            f"This machine has {gpus} GPUs and more processes; give torchrun --nproc-per-node {gpus}."
        )
    torch.cuda.set_device(here)


def _first(store: Store) -> bool:
    """Whether nothing has gone wrong in another process before."""
    try:
        return store.add(_ENDED, 1) == 1
    except RuntimeError:  # Its keeper is gone, which the first process can say best.
        return world().leads


def _lost(error: BaseException) -> bool:
    from torch import distributed

    # gloo has no type of its own.
    return isinstance(error, distributed.DistError) or (
        isinstance(error, RuntimeError) and "gloo" in str(error)
    )


def _end_with_the_others(store: Store, done: threading.Event) -> None:
    """A process that waits for one that has failed cannot notice by itself, with NCCL for hours."""
    failed = False
    while not failed and not done.wait(0.5):
        try:
            failed = store.check([_ENDED])
        except RuntimeError:  # The machine that kept the store is gone.
            failed = True
    if failed and not done.wait(_GRACE_SECONDS):
        os._exit(1)
