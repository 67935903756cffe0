"""A hundred hostile models are dropped on a dashboard, which goes on answering; nothing may come of them.

Evaluate is pressed for each that answers for one image.
"""

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
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from benchmarks.commands import MODELS
from brainmri import index, phantom
from brainmri.job_queue import Queue
from tests.brainmri.hostile import MARK, every
from tests.dashboard.serving import Site, serving

MOST_SECONDS = 60
_PATIENCE_SECONDS = 300
_TEST_PER_CLASS = 330


def run() -> None:
    """Drop each, and print what happened at worst."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        danger = place / "danger"
        danger.mkdir()
        (danger / "secret").write_text("root: a secret\n")
        models = place / "models"
        shutil.copytree(MODELS / "mean-brightness-official", models / "shown")
        pictures = place / "pictures"
        phantom.write_dataset(pictures, train_per_class=2, test_per_class=_TEST_PER_CLASS, seed=0)
        index.build(pictures, models, quiet=True)
        with _listener() as called, serving(place / "site", models=models, data=pictures) as site:
            before = _files(place, models)
            watch = _Watch(site)
            took: dict[str, float] = {}
            evaluated: dict[str, float] = {}
            answered, spoke, endless = [], [], []
            for one in every(danger):
                begun = time.monotonic()
                said, token = _drop(site, one.file, one.content())
                took[one.name] = time.monotonic() - begun
                if "bring-name" in said:
                    answered.append(one)
                    begun = time.monotonic()
                    if not _evaluate(site, models, token, said, f"hostile-{len(answered)}"):
                        endless.append(one.name)
                    evaluated[one.name] = time.monotonic() - begun
                elif "cannot be used" not in said and "fault" not in said:
                    spoke.append(f"{one.name}: {said[:200]}")
            watch.end()
            made = tuple(str(models / f"hostile-{i + 1}") for i in range(len(answered)))
            left = {
                path
                for path in _files(place, models) - before
                # A run is its folder with one table, and nothing else.
                if path not in made and path not in [f"{run}/predictions.parquet" for run in made]
            }
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
    last = max(evaluated, key=lambda name: evaluated[name])
    _say(
        "slowest evaluation",
        f"{evaluated[last]:.1f} s ({last}), of {len(evaluated)} on {4 * _TEST_PER_CLASS:,} images each",
        evaluated[last] <= MOST_SECONDS,
    )
    _say("jobs without an end", ", ".join(endless) or "none", not endless)
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


def _drop(site: Site, name: str, content: bytes) -> tuple[str, str]:
    """What the dashboard says of a file: the answer to the upload, or what the page shows then."""
    address = f"{site.url}bring/upload?name={urllib.parse.quote(name)}"
    told = _sent(address, content, "application/octet-stream")
    token = json.loads(told).get("token")
    if token is None:
        return told, ""
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
    return _asked(site, asked), token


def _evaluate(site: Site, models: Path, token: str, said: str, name: str) -> bool:
    """Press the button of the form that the page shows; whether the evaluation came to an end in time."""
    held: dict[str, list[dict[str, object]]] = {"bring": [], "bring-class": []}
    for node in _nodes(json.loads(said)):
        own = node.get("id")
        if isinstance(own, dict):
            for kind, values in held.items():
                if kind in own:
                    values.append({"id": own, "property": "value", "value": node.get("value")})
    asked = {
        "output": "..bring-queued.children...bring-clock.disabled..",
        "outputs": [
            {"id": "bring-queued", "property": "children"},
            {"id": "bring-clock", "property": "disabled"},
        ],
        "inputs": [{"id": "bring-evaluate", "property": "n_clicks", "value": 1}],
        "changedPropIds": ["bring-evaluate.n_clicks"],
        "state": [
            held["bring"],
            held["bring-class"],
            {"id": "bring-upload", "property": "data", "value": token},
            {"id": "bring-name", "property": "value", "value": name},
            {"id": "bring-part", "property": "value", "value": "split"},
        ],
    }
    told = _asked(site, asked)
    queue = Queue(models / ".state")
    end = time.monotonic() + _PATIENCE_SECONDS
    while queue.unfinished() and time.monotonic() < end:
        time.sleep(0.1)
    job = next(iter(queue.latest()), None)
    print(f"    {name}: {job.told if job and job.name == name else told[:300]}")
    return not queue.unfinished()


def _nodes(part: object) -> Iterator[dict[str, object]]:
    """The properties of every component of an answer."""
    if isinstance(part, dict):
        yield part
    for inner in (
        part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    ):
        yield from _nodes(inner)


def _asked(site: Site, question: Mapping[str, object]) -> str:
    return _sent(
        f"{site.url}_dash-update-component", json.dumps(question).encode(), "application/json"
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
            said = _asked(self._site, asked)
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
