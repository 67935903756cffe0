"""What one thread has freed is there for the others."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_FOUR_THREADS = """
import ctypes, threading
from brainmri import memory

{before}
libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype = ctypes.c_void_p
together, heaps = threading.Barrier(4), set()

def work():
    together.wait()
    heaps.add(libc.malloc(5000) // 2**26)  # Heaps of threads begin at multiples of 64 MB.
    together.wait()

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(heaps))
"""


# 64 arrays of half a megabyte, each followed by something small that stays, after one of 16 MB was freed.
_AFTER_LARGE_ONE = """
import ctypes
from pathlib import Path
import pyarrow
from brainmri import memory

{before}
libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

libc.free(libc.malloc(16 << 20))
begin = resident()
arrays = []
for _ in range(64):
    arrays.append(libc.malloc(1 << 19))
    libc.memset(arrays[-1], 1, 1 << 19)
    libc.malloc(5000)
for array in arrays: libc.free(array)
print((resident() - begin) >> 20)
"""
_GLIBC = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")


@_GLIBC
def test_what_was_large_is_given_back_when_it_is_freed() -> None:
    def kept_mb(before: str) -> int:
        code = _AFTER_LARGE_ONE.format(before=before)
        return int(
            subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
        )

    assert kept_mb("") >= 24
    assert kept_mb("memory.share_between_threads()") <= 4


@_GLIBC
def test_threads_share_what_they_free() -> None:
    def heaps(before: str) -> int:
        code = _FOUR_THREADS.format(before=before)
        return int(
            subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
        )

    assert heaps("") >= 4
    # One that lies across such a multiple.
    assert heaps("memory.share_between_threads()") <= 2


def test_descriptions_of_classes_are_let_go_of() -> None:
    code = """if True:
        import inspect, dash_mantine_components as dmc
        from brainmri import memory
        memory.forget_descriptions(dmc)
        print(dmc.Button.__doc__, len(inspect.signature(dmc.Button).parameters), dmc.Button('A', color='red'))
    """
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert told.decode().strip() == "None 2 Button(children='A', color='red')"
