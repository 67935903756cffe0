"""What the C library does with memory that has been freed."""

from __future__ import annotations

import contextlib
import ctypes
from itertools import chain
from types import FunctionType, ModuleType

import numpy as np

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Names of settings in malloc.h."""
_LARGE_BYTES = 1 << 16
"""From here on, arrays of a process with threads are given back when they are freed."""


def keep_freed() -> None:
    """Let glibc reuse large buffers instead of giving each back to the system and asking anew.

    Every batch allocates the same large activations. Handing their pages back and forth took as long
    as the arithmetic: a step of 32 images went from 1.0 to 0.55 s.
    """
    # One arena, or the thread of the backward pass would keep buffers of its own.
    _set({_MMAP_THRESHOLD: 2**30, _TRIM_THRESHOLD: 2**31 - 1, _ARENA_MAX: 1})


def expect_large() -> None:
    """Let glibc reuse arrays of up to 30 MB, as it does once it has seen one freed.

    Until then it hands each freed one back to the system, to ask for the same memory again in the next
    batch. Unlike with `keep_freed`, each thread has buffers of its own, and none are kept that are larger.
    """
    np.empty(30 << 20, dtype=np.uint8)


def share_between_threads() -> None:
    """For a process with threads that take turns: let them reuse what any of them has freed, and keep little.

    By default glibc gives each thread buffers of its own, and each keeps its largest. With what Arrow kept
    beside them that was a quarter of a dashboard's memory after a walk through all pages. And once glibc has
    seen a large array freed, it puts the next ones of that size between small things that stay, where what
    they leave is given back to nobody.
    """
    _set({_ARENA_MAX: 1, _MMAP_THRESHOLD: _LARGE_BYTES, _TRIM_THRESHOLD: _LARGE_BYTES})


def forget_descriptions(*packages: ModuleType) -> None:
    """Let go of what only a programmer asks the classes of packages: their docstrings and signatures.

    Of Dash's and Mantine's components, which describe each of their parameters, that is 8 MB.
    """
    for each in chain.from_iterable(vars(package).values() for package in packages):
        if isinstance(each, type):
            each.__doc__ = None
            begin = vars(each).get("__init__")
            if isinstance(begin, FunctionType):
                begin.__dict__.pop("__signature__", None)


def keep_no_more() -> None:
    """Give back what has been kept for reuse, and from here on whatever large is freed, at once."""
    _set({_MMAP_THRESHOLD: 2**20, _TRIM_THRESHOLD: 2**20})
    return_freed()


def return_freed() -> None:
    """Give back what has been kept for reuse."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _set(settings: dict[int, int]) -> None:
    with contextlib.suppress(OSError, AttributeError):  # Not glibc: nothing to set.
        libc = ctypes.CDLL("libc.so.6")
        for name, value in settings.items():
            libc.mallopt(name, value)
