"""A hundred hostile models are dropped on a dashboard, which goes on answering; nothing may come of them."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tests.brainmri.hostile import MARK, every
from tests.dashboard.serving import ROOT, Site, serving

MOST_SECONDS = 60
_PATIENCE_SECONDS = 120


def run() -> None:
    """Drop each, and print what happened at worst."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        danger = place / "danger"
        danger.mkdir()
        (danger / "secret").write_text("root: a secret\n")
        models = place / "models"
        shutil.copytree(ROOT / "models" / "dataset", models / "dataset")
        shutil.copytree(ROOT / "models" / "mean-brightness-official", models / "shown")
        with _listener() as called, serving(place / "site", models=models) as site:
            before = _files(place, models)
            watch = _Watch(site)
            took: dict[str, float] = {}
            answered, spoke = [], []
            for one in every(danger):
                begun = time.monotonic()
                said = _drop(site, one.file, one.content())
                took[one.name] = time.monotonic() - begun
                if "bring-name" in said:
                    answered.append(one)
                elif "cannot be used" not in said and "fault" not in said:
                    spoke.append(f"{one.name}: {said[:200]}")
            watch.end()
            left = _files(place, models) - before
            uploads = {path for path in left if "/.state" in path}
            code = (danger / MARK).exists() or any(MARK in path for path in left)
            connections = len(called)
    slowest = max(took, key=lambda name: took[name])
    wrongly = [one.name for one in answered if not one.may_answer]
    print(f"hostile-models: {len(took)} files, one after the other")
    _say(
        "refused",
        f"{len(took) - len(answered)}, the others are harmless once locked in",
        not wrongly,
    )
    _say("slowest", f"{took[slowest]:.1f} s ({slowest})", took[slowest] <= MOST_SECONDS)
    _say("ran code", "yes" if code else "no", not code)
    _say("files outside the uploads", str(len(left - uploads)), not left - uploads)
    _say("connections", str(connections), not connections)
    _say("not understood", "; ".join(spoke) or "none", not spoke)
    pages = sorted(watch.seconds)
    _say(
        "pages meanwhile",
        f"{len(pages)} answers, median {pages[len(pages) // 2]:.2f} s, slowest {pages[-1]:.2f} s, "
        f"{watch.failed} failed",
        not watch.failed,
    )


def _say(what: str, found: str, good: bool) -> None:
    print(f"  {what:26} {'meets ' if good else 'MISSES'} {found}")


def _drop(site: Site, name: str, content: bytes) -> str:
    """What the dashboard says of a file: the answer to the upload, or what the page shows then."""
    address = f"{site.url}bring/upload?name={urllib.parse.quote(name)}"
    told = _sent(address, content, "application/octet-stream")
    token = json.loads(told).get("token")
    if token is None:
        return told
    asked = {
        "output": "bring-next.children",
        "outputs": {"id": "bring-next", "property": "children"},
        "inputs": [
            {"id": "bring-upload", "property": "data", "value": token},
            {"id": "bring-fault", "property": "data", "value": None},
        ],
        "changedPropIds": ["bring-upload.data"],
        "state": [],
    }
    return _sent(
        f"{site.url}_dash-update-component", json.dumps(asked).encode(), "application/json"
    )


def _sent(address: str, body: bytes, kind: str) -> str:
    request = urllib.request.Request(address, body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return error.read().decode()


class _Watch:
    """Asks for a page over and over."""

    def __init__(self, site: Site) -> None:
        self.seconds: list[float] = []
        self.failed = 0
        self._site, self._over = site, threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        asked = {
            "output": ".._pages_content.children..._pages_store.data..",
            "outputs": [
                {"id": "_pages_content", "property": "children"},
                {"id": "_pages_store", "property": "data"},
            ],
            "inputs": [
                {"id": "_pages_location", "property": "pathname", "value": "/evaluate"},
                {"id": "_pages_location", "property": "search", "value": ""},
            ],
            "changedPropIds": ["_pages_location.pathname"],
            "state": [],
        }
        while not self._over.wait(0.5):
            begun = time.monotonic()
            said = _sent(
                f"{self._site.url}_dash-update-component",
                json.dumps(asked).encode(),
                "application/json",
            )
            self.seconds.append(time.monotonic() - begun)
            self.failed += "Evaluate" not in said


class _listener:  # noqa: N801 (reads as a word of the `with` statement)
    """A port that the hostile models name, and who called it."""

    def __enter__(self) -> list[str]:
        self._called: list[str] = []
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind(("127.0.0.1", 9))
            self._socket.listen()
        except OSError:
            print("hostile-models: port 9 cannot be listened on here, so calls are not counted")
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self._called

    def _listen(self) -> None:
        try:
            while True:
                caller, address = self._socket.accept()
                with closing(caller):
                    self._called.append(str(address))
        except OSError:
            return  # It was closed.

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def _files(*folders: Path) -> set[str]:
    def inside(folder: Path) -> Iterator[str]:
        return (str(path) for path in folder.rglob("*"))

    return {path for folder in folders for path in inside(folder)}
