"""A process that gives up, for good, everything but arithmetic: no file, no network, no process.

Three locks, each of which alone keeps files and sockets closed; a kernel that lacks one leaves the others:

- no descriptor beyond those that are open (`RLIMIT_NOFILE` 0), on every Unix: a file and a socket are both
  descriptors;
- Landlock with no rule at all (Linux 5.13): no path can be opened, made, renamed or run;
- a seccomp filter (Linux): only the system calls below, all others answer "not permitted".

https://docs.kernel.org/userspace-api/landlock.html, https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

from __future__ import annotations

import ctypes
import platform
import resource
import struct
import sys

_SET_DEATH_SIGNAL, _NO_NEW_PRIVILEGES, _SECCOMP = 1, 38, 22
_FILTER_MODE, _SIGKILL = 2, 9
_ALLOW, _ERRNO_EPERM, _KILL = 0x7FFF0000, 0x00050001, 0x80000000
_LOAD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446
_FILE_RIGHTS = (13, 14, 15, 15, 16, 16, 16)
"""How many rights on files each version of Landlock knows, from version 1."""

_CALLS = {
    # read write close fstat lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn
    # sched_yield mremap madvise getpid exit gettid futex sched_getaffinity clock_gettime
    # clock_nanosleep exit_group tgkill getrandom membarrier gettimeofday
    "x86_64": (
        0xC000003E,
        (0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 28, 39, 60, 186, 202, 204, 228, 230, 231,
         234, 318, 324, 96),
    ),
    "aarch64": (
        0xC00000B7,
        (63, 64, 57, 80, 62, 222, 226, 215, 214, 134, 135, 139, 124, 216, 233, 172, 93, 178, 98, 123,
         113, 115, 94, 131, 278, 283, 169),
    ),
}  # fmt: skip
"""Per machine: its number for the audit and the system calls that arithmetic needs."""


def limit(*, memory_bytes: int, cpu_seconds: int, writes: bool = False) -> None:
    """Limits that hold from the start: memory, processor time, and no file may grow unless it `writes`."""
    _lower(resource.RLIMIT_AS, memory_bytes)
    # At the lower limit the process is told that time is up, which its parent can tell from being killed.
    _lower(resource.RLIMIT_CPU, cpu_seconds, spare=1)
    if not writes:
        _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_CORE, 0)
    if sys.platform == "linux":
        # Nobody reads the answers of a process whose parent died.
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, _SIGKILL, 0, 0, 0)


def lock() -> list[str]:
    """Close everything; the names of the locks that hold. There is no way back."""
    held = []
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        if _landlock(libc):
            held.append("landlock")
    _lower(resource.RLIMIT_NOFILE, 0)
    held.append("no new descriptor")
    if sys.platform == "linux" and _seccomp(libc):
        held.append("seccomp")
    return held


def _lower(which: int, most: int, *, spare: int = 0) -> None:
    """Set a limit, and the one that it may be raised to `spare` above it."""
    hard = resource.getrlimit(which)[1]
    at_most = most + spare if hard == resource.RLIM_INFINITY else min(most + spare, hard)
    resource.setrlimit(which, (min(most, at_most), at_most))


def _landlock(libc: ctypes.CDLL) -> bool:
    version = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(1))
    if version < 1:
        return False
    rights = (1 << _FILE_RIGHTS[min(version, len(_FILE_RIGHTS)) - 1]) - 1
    network = 3 if version >= 4 else 0  # bind and connect, TCP
    wanted = struct.pack("=QQ", rights, network)[: 16 if network else 8]
    rules = libc.syscall(
        _LANDLOCK_CREATE, ctypes.c_char_p(wanted), ctypes.c_size_t(len(wanted)), ctypes.c_uint(0)
    )
    return rules >= 0 and libc.syscall(_LANDLOCK_RESTRICT, rules, ctypes.c_uint(0)) == 0


def _seccomp(libc: ctypes.CDLL) -> bool:
    if platform.machine() not in _CALLS:
        return False
    machine, calls = _CALLS[platform.machine()]
    steps = [
        (_LOAD, 0, 0, 4),  # the machine that the call is for
        (_JUMP_EQUAL, 1, 0, machine),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),  # the number of the call
    ]
    for number in calls:
        steps += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    steps.append((_RETURN, 0, 0, _ERRNO_EPERM))
    program = b"".join(struct.pack("=HBBI", *step) for step in steps)
    kept = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("steps", ctypes.c_ushort), ("program", ctypes.c_void_p))

    described = Program(len(steps), ctypes.addressof(kept))
    answer: int = libc.prctl(_SECCOMP, _FILTER_MODE, ctypes.byref(described), 0, 0)
    return answer == 0
