"""A dashboard process of its own, in a folder of its own, as a user would start it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 400
"""Long, since the machine may be busy; a process that dies is noticed at once."""


@dataclass(frozen=True)
class Site:
    """A running dashboard.

    Attributes:
        url: of its first page, ending in a slash.
        log: what it printed, both streams.
        folder: its working, home and temporary folders are below.
    """

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    folder: Path


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def own_environment(home: Path, temporary: Path) -> dict[str, str]:
    """The variables of a user who set none of ours, with folders of their own.

    Libraries that keep quiet in continuous integration or when told to must not learn of it here.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BRAINMRI_", "ARROW_", "ORT_", "XDG_", "GITHUB_")) and name != "CI"
    }
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(home),
        "TMPDIR": str(temporary),
    }


@contextmanager
def serving(
    folder: Path,
    *,
    models: Path | None = None,
    data: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Site]:
    """`python -m dashboard` in `folder`, from its first answer until the end of the block."""
    places = {name: folder / name for name in ("work", "home", "tmp")}
    for place in places.values():
        place.mkdir(parents=True)
    port = free_port()
    command = [sys.executable, "-m", "dashboard", "--port", str(port)]
    for option, given in (("--models", models), ("--data", data)):
        if given is not None:
            command += [option, str(given)]
    environment = own_environment(places["home"], places["tmp"]) | dict(variables or {})
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=places["work"], env=environment, stdout=output, stderr=output
        )
        try:
            site = Site(f"http://127.0.0.1:{port}/", process, log, folder)
            _wait(site)
            yield site
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(site: Site) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if site.process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(site.url, timeout=5):
                return
        except urllib.error.HTTPError as answer:
            answer.close()
            return  # It answers: sign in first.
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
    raise RuntimeError(f"the dashboard did not start:\n{site.log.read_text()}")
