"""A disk without space and a folder without permission: real ones."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SPARE_BYTES = 64 * 1024


class SmallDisk:
    """A folder on which, inside `with disk.full():`, no file can grow past a few bytes."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder = folder
        self._kind = kind

    @contextmanager
    def full(self, spare_bytes: int = SPARE_BYTES) -> Iterator[None]:
        with self._filled(spare_bytes) if self._kind == "full disk" else self._limited(spare_bytes):
            yield

    @contextmanager
    def _filled(self, spare_bytes: int) -> Iterator[None]:
        filler = self.folder / "filler"
        written = 0
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    written += file.write(bytes(4096))
            except OSError:
                file.truncate(written - spare_bytes)
        try:
            yield
        finally:
            filler.unlink()

    @contextmanager
    def _limited(self, spare_bytes: int) -> Iterator[None]:
        # Python ignores SIGXFSZ, so writing past the limit is an OSError like a full disk.
        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (spare_bytes, old[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)


@pytest.fixture(params=["full disk", "file size limit"])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    """A real full disk where the test may mount one, and a limit on file sizes everywhere."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "file size limit":
        yield SmallDisk(folder, request.param)
        return
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield SmallDisk(folder, request.param)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def unwritable(tmp_path: Path) -> Iterator[Path]:
    """A folder in which nobody can create anything, root included."""
    if os.geteuid() == 0:
        yield Path("/sys/kernel")  # sysfs makes no files for anyone
        return
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    yield folder
    folder.chmod(0o700)
