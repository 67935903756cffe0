"""A stranger's model at arm's length: the side that starts the locked process and never trusts it.

Only numbers go in and come out. The process has an empty environment and an empty folder, limits on memory,
processor time and file size, and no way to a file, a socket or another process (`confine`). What does not
answer in time is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainmri.errors import InputError
from brainmri.processes import bare_environment
from brainmri.sandbox_child import MODEL_DESCRIPTOR
from brainmri.wording import counted

_PREFIX, _LEFT_SECONDS = "brainmri-sandbox-", 24 * 3600
_MOST_HEADER_BYTES, _MOST_REPLY_BYTES = 1 << 20, 1 << 26


@dataclass(frozen=True)
class Limits:
    """What a model may use.

    Attributes:
        memory_bytes: of address space, which the model's own weights count towards three times or so.
        load_seconds: to be checked and loaded, starting the process included.
        answer_seconds: for one batch of images.
        cpu_seconds: of processor time, over all images.
    """

    memory_bytes: int = 4 << 30
    load_seconds: float = 30
    answer_seconds: float = 20
    cpu_seconds: int = 60


@dataclass(frozen=True)
class Port:
    """An input or output of a model; a size is None where it is not fixed."""

    name: str
    type: str
    shape: list[int | None]


@dataclass(frozen=True)
class Loaded:
    """What a model says of itself, and `locks`, the names of those that hold it."""

    inputs: list[Port]
    outputs: list[Port]
    locks: list[str]

    @property
    def batch(self) -> int | None:
        """How many images it takes at a time; None for any number."""
        shape = self.inputs[0].shape
        return shape[0] if shape else None


class Sandbox:
    """A model in a locked process, from `with` until the end of its block."""

    def __init__(self, model: Path, limits: Limits | None = None) -> None:
        """`model` is an ONNX file; nothing happens until `with`."""
        self._model, self._limits = model, limits or Limits()

    def __enter__(self) -> Sandbox:
        _remove_left_behind()
        self._folder = tempfile.TemporaryDirectory(prefix=_PREFIX)
        self._held = _locked(Path(self._folder.name))
        self._waited = 0.0
        command = [
            sys.executable,
            "-s",
            "-m",
            "brainmri.sandbox_child",
            str(self._limits.memory_bytes),
            str(self._limits.cpu_seconds),
        ]
        try:
            with self._model.open("rb") as file:
                # Descriptor 3 in the child, whatever it is here: the shell's way, without a shell.
                self._process = subprocess.Popen(
                    [sys.executable, "-s", "-c", _AT_DESCRIPTOR, str(file.fileno()), *command],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[file.fileno()],
                    cwd=self._folder.name,
                    env=bare_environment(HOME=self._folder.name),
                    start_new_session=True,
                )
        except OSError as error:
            self._clean()
            raise InputError(
                f"The model cannot be started ({error.strerror or error}); drop it again."
            ) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):  # What was still to be sent finds nobody.
                stream.close()
        self._process.wait()
        self._clean()

    def _clean(self) -> None:
        if self._held is not None:
            os.close(self._held)
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        """Of the process that the model runs in."""
        return self._process.pid

    @property
    def used_seconds(self) -> float:
        """Processor time that it used so far; where no system tells, the time spent waiting for it."""
        try:
            # The clock of another process, as clock_getcpuclockid(3) names it on Linux.
            return time.clock_gettime((~self._process.pid << 3) | 2)
        except OSError:
            return self._waited

    def load(self) -> Loaded:
        """Check the model and load it; once, and first.

        Raises:
            InputError: it is none, or may not be run, or took too much time or memory.
        """
        told, _ = self._ask({"do": "load"}, b"", self._limits.load_seconds, "be loaded")
        try:
            return Loaded(
                [Port(str(p["name"]), str(p["type"]), list(p["shape"])) for p in told["inputs"]],
                [Port(str(p["name"]), str(p["type"]), list(p["shape"])) for p in told["outputs"]],
                [str(lock) for lock in told["locks"]],
            )
        except (KeyError, TypeError, ValueError):
            raise _not_understood() from None

    def answer(
        self, batch: NDArray[Any], *, output: int = 0
    ) -> tuple[NDArray[np.float32], list[str] | None]:
        """One output for a batch (n, ...) of images, float32 (n, k), and the names of its columns.

        The names are None where the model tells none.

        Raises:
            InputError: it failed, or took too much time or memory.
        """
        sent = np.ascontiguousarray(batch)
        request = {"do": "run", "type": str(sent.dtype), "shape": sent.shape, "output": output}
        told, numbers = self._ask(
            request, sent.tobytes(), self._limits.answer_seconds, "answer for a few images"
        )
        try:
            rows = np.frombuffer(numbers, np.float32).reshape(_two(told["shape"]))
            keys = told["keys"]
        except (KeyError, TypeError, ValueError):
            raise _not_understood() from None
        named = isinstance(keys, list) and len(keys) == rows.shape[1]
        return rows, [str(key) for key in keys] if named else None

    def _ask(
        self, request: dict[str, Any], numbers: bytes, seconds: float, what: str
    ) -> tuple[dict[str, Any], bytes]:
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        clock = threading.Timer(seconds, stop)
        clock.daemon = True
        clock.start()
        begun = time.monotonic()
        try:
            return self._exchange({**request, "bytes": len(numbers)}, numbers)
        except (OSError, EOFError):
            self._process.kill()
            code = self._process.wait()
            if -code == signal.SIGXCPU:
                raise InputError(
                    f"The model took more than {counted(self._limits.cpu_seconds, 'second')} of processor "
                    "time and was stopped; a smaller one may do."
                ) from None
            if late.is_set():
                raise InputError(
                    f"The model took longer than {seconds:g} seconds to {what} and was stopped; "
                    "a smaller one may do."
                ) from None
            raise InputError(
                f"The model's process ended while it had to {what}: it used more memory than "
                f"{self._limits.memory_bytes / 2**30:g} GB, or something that it may not."
            ) from None
        finally:
            clock.cancel()
            self._waited += time.monotonic() - begun

    def _exchange(self, request: dict[str, Any], numbers: bytes) -> tuple[dict[str, Any], bytes]:
        text = json.dumps(request).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(struct.pack("<Q", len(text)) + text)
        self._process.stdin.write(numbers)
        self._process.stdin.flush()
        (length,) = struct.unpack("<Q", self._exactly(8, 8))
        try:
            told = json.loads(self._exactly(length, _MOST_HEADER_BYTES))
            count = int(told["bytes"])
            fault = told.get("fault")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise _not_understood() from None
        if fault is not None:
            raise InputError(str(fault)[:600])
        return told, self._exactly(count, _MOST_REPLY_BYTES)

    def _exactly(self, count: int, most: int) -> bytes:
        assert self._process.stdout is not None
        if not 0 <= count <= most:
            raise EOFError
        got = self._process.stdout.read(count)
        if len(got) != count:
            raise EOFError
        return got


# Moves the descriptor that is its first argument to number 3 and becomes the rest of them.
_AT_DESCRIPTOR = f"""
import os, sys
given = int(sys.argv[1])
if given != {MODEL_DESCRIPTOR}:
    os.dup2(given, {MODEL_DESCRIPTOR})
    os.close(given)
os.set_inheritable({MODEL_DESCRIPTOR}, True)
os.execv(sys.argv[2], sys.argv[2:])
"""


def _locked(folder: Path) -> int | None:
    """A descriptor that holds a folder until it is closed or its process ends; None where another does."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        return None
    return held


def _remove_left_behind() -> None:
    """Remove folders of processes that were killed before they could: own, a day old, held by nobody."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # Somebody else was faster, or it may not be opened.
            about = folder.lstat()
            own = stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid()
            if not own or time.time() - about.st_mtime < _LEFT_SECONDS:
                continue
            held = _locked(folder)
            if held is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(held)


def _two(shape: Sequence[Any]) -> tuple[int, int]:
    rows, columns = (int(size) for size in shape)
    if rows < 0 or columns < 0:
        raise ValueError(shape)
    return rows, columns


def _not_understood() -> InputError:
    return InputError("The model's process answered something that is no answer; it was stopped.")
