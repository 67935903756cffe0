"""Decoders of compressed DICOM pixels at arm's length: damage may crash or stall them, but not us.

One process (`python -m brainmri.decoder`) waits with everything imported and forks for each picture, so a
picture costs a fork and not the start of Python. It never looks into a file itself; what a fork does to
itself is gone with it.
"""

from __future__ import annotations

import atexit
import io
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import threading
import time

import numpy as np
from numpy.typing import NDArray

from brainmri.processes import PYTHONPATH

SECONDS = 1.5
"""Wall time that one picture may take."""
_GRACE_SECONDS, _START_SECONDS = 0.3, 20.0
_MOST_BYTES = 1_500_000_000
"""Of address space, for a fork."""
_MOST_REPLY_BYTES = 400_000_000
_REQUEST, _REPLY = struct.Struct("<QQd"), struct.Struct("<BQ")
_DONE, _FAILED, _LATE = 0, 1, 2


class DecoderError(Exception):
    """There is no picture; `late` says that it was given up for time."""

    def __init__(self, *, late: bool) -> None:
        super().__init__()
        self.late = late


class Decoder:
    """The process that waits. It is started by the first picture, and again when it has died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def frame(self, data: bytes, index: int) -> NDArray[np.generic]:
        """One frame of a DICOM file, from 0: (rows, columns) or (rows, columns, 3) as it is stored.

        Raises:
            DecoderError: it is damaged, takes too long, or more memory than there is for it.
        """
        with self._lock:
            try:
                status, reply = self._asked(data, index)
            except (OSError, EOFError, TimeoutError) as error:
                self.stop()
                raise DecoderError(late=isinstance(error, TimeoutError)) from None
        if status != _DONE:
            raise DecoderError(late=status == _LATE)
        try:
            return np.load(io.BytesIO(reply), allow_pickle=False)
        except (ValueError, EOFError, OSError):
            raise DecoderError(late=False) from None

    def stop(self) -> None:
        """End the process; the next picture starts another one."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()
        process.wait()

    def _asked(self, data: bytes, index: int) -> tuple[int, bytes]:
        # A worker that was forked after the process was started must not share it.
        if self._process is None or self._process.poll() is not None or self._owner != os.getpid():
            self.stop()
            if self._owner != os.getpid():
                self._owner = os.getpid()
                atexit.register(self.stop)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "brainmri.decoder"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env={**os.environ, **PYTHONPATH},
            )
            _exactly(self._process, 1, time.monotonic() + _START_SECONDS)
        until = time.monotonic() + SECONDS + _GRACE_SECONDS
        assert self._process.stdin is not None
        todo = memoryview(_REQUEST.pack(len(data), index, SECONDS) + data)
        while todo:
            todo = todo[self._process.stdin.write(todo) :]
        status, length = _REPLY.unpack(_exactly(self._process, _REPLY.size, until))
        if length > _MOST_REPLY_BYTES:
            raise EOFError
        return status, _exactly(self._process, length, until)


WAITING = Decoder()
"""The one of this process."""


def _exactly(process: subprocess.Popen[bytes], count: int, until: float) -> bytes:
    """That many bytes of its answer; TimeoutError when they are not there in time."""
    assert process.stdout is not None
    descriptor, got = process.stdout.fileno(), bytearray()
    while len(got) < count:
        if not select.select([descriptor], [], [], max(0.0, until - time.monotonic()))[0]:
            raise TimeoutError
        some = os.read(descriptor, min(count - len(got), 1 << 20))
        if not some:
            raise EOFError
        got += some
    return bytes(got)


def _serve() -> None:
    """The other end: a DICOM file in, a status and a frame as .npy out, until there are no more."""
    from brainmri import dicom

    assert dicom  # Imported once, before any fork.
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sink.write(b"+")
    sink.flush()
    while len(head := source.read(_REQUEST.size)) == _REQUEST.size:
        length, index, seconds = _REQUEST.unpack(head)
        status, frame = _forked(source.read(length), index, seconds)
        sink.write(_REPLY.pack(status, len(frame)) + frame)
        sink.flush()


def _forked(data: bytes, index: int, seconds: float) -> tuple[int, bytes]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # The clock ends it wherever it is, in native code, too.
        signal.setitimer(signal.ITIMER_REAL, seconds)
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        code = _FAILED
        try:
            _decode(data, index, writing)
            code = _DONE
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        frame = pipe.read()
    _, ended = os.waitpid(child, 0)
    if os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGALRM:
        return _LATE, b""
    return (_DONE, frame) if ended == 0 else (_FAILED, b"")


def _decode(data: bytes, index: int, descriptor: int) -> None:
    from brainmri import dicom

    buffer = io.BytesIO()
    np.save(buffer, dicom.compressed_frame(data, index))
    todo = buffer.getbuffer()
    while todo:
        todo = todo[os.write(descriptor, todo) :]


if __name__ == "__main__":
    _serve()
