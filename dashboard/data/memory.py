"""Memory that a server does not need goes back to the system."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

import pyarrow as pa


def spare() -> None:
    """Let Arrow take its memory where everything else does: its own pool keeps some 35 MB for itself."""
    pa.set_memory_pool(pa.system_memory_pool())


def give_back() -> None:
    """After something large was read or loaded: glibc keeps what was freed, 30 MB after a model was."""
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):  # Another C library has no such function.
        ctypes.CDLL(None).malloc_trim(0)
