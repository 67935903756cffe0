"""A Redis of the tests' own, from Debian's packages; skipped where there is none."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

_START_SECONDS = 120


class Redis:
    """A server that only this machine can reach, keeps nothing on the disk, and can be killed."""

    def __init__(self, program: str, folder: Path) -> None:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._command = [program, "--port", str(self._port), "--bind", "127.0.0.1", "--save", "",
                         "--dir", str(folder)]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + _START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, "redis-server ended"
            assert time.monotonic() < end, "redis-server does not answer"
            time.sleep(0.05)

    def kill(self) -> None:
        """As a power cut does; what it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=5) as line:
                line.sendall(b"PING\r\n")
                return line.recv(16).startswith(b"+PONG")
        except OSError:
            return False


@contextmanager
def redis(folder: Path) -> Iterator[Redis]:
    program = shutil.which("redis-server")
    if program is None:
        if os.environ.get("BRAINMRI_REQUIRE_REDIS") == "1":
            pytest.fail("there is no Redis here and BRAINMRI_REQUIRE_REDIS=1 asks for one")
        pytest.skip("Redis is not installed (Debian: apt-get install redis-server)")
    server = Redis(program, folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
