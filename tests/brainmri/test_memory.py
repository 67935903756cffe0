"""What one thread has freed is there for the others."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_FOUR_THREADS = """
import ctypes, threading
import pyarrow
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
print(len(heaps), pyarrow.default_memory_pool().backend_name)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_threads_share_what_they_free() -> None:
    def heaps(before: str) -> tuple[int, str]:
        code = _FOUR_THREADS.format(before=before)
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
        count, pool = told.decode().split()
        return int(count), pool

    assert heaps("")[0] >= 4
    count, pool = heaps("memory.share_between_threads()")
    assert count <= 2  # One that lies across such a multiple.
    assert pool == "system"
