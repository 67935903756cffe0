"""The body of every request on its way in: what is damaged, cut off or too slow is refused in one sentence.

Here and not in the routes: whoever reads a body, our routes, Dash's, or a form that werkzeug parses, reads it
from `wsgi.input`. And who waits for bytes does no work: few requests are worked on at a time, but many bodies
may be waited for (docs/decisions/0016-bodies.md).
"""

from __future__ import annotations

import io
import json
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException

from brainmri import intake
from brainmri.asked import refusal_to_json
from dashboard import data

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

THREADS = 32
"""Of a server: most of them only wait for bytes."""
MOST_AT_WORK = 4
"""Requests that are worked on at a time."""
LEAST_BYTES_PER_SECOND = 50_000
PATIENCE_SECONDS = 10.0
"""Without a piece of a body, or slower than the least speed."""
_SHORT_PATIENCE_SECONDS, _MANY = 1.0, THREADS // 2
"""While more than so many bodies are waited for."""
MOST_HELD_BYTES = 140_000_000
"""Of all bodies in memory, beside a first part of each: two of the largest files."""
_FREE_BYTES = 1_000_000
"""Of each body, so that pages answer however much is uploaded."""
_PIECE_BYTES = 1 << 16
_LOOK_SECONDS = 0.25
_BODY = "brainmri.body"
RETRY_SECONDS = 5
_DAMAGED = "The request is damaged on its way here (its pieces do not fit together); send it again."
CUT_OFF = "The request was cut off; send it again."
TOO_SLOW = (
    f"The upload was slower than {LEAST_BYTES_PER_SECOND // 1000} kB a second and was stopped; try again "
    "over a faster connection."
)


class BodyError(HTTPException):
    """A body that cannot be read; `refusal` is its stable code. Answers as JSON wherever it is not caught."""

    def __init__(self, status: int, refusal: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = self.status = status
        self.refusal, self.sentence = refusal, sentence

    def get_body(self, *_: object) -> str:
        """The refusal as everywhere in the API."""
        return json.dumps(refusal_to_json(self.refusal, self.sentence))

    def get_headers(self, *_: object) -> list[tuple[str, str]]:
        """That it is JSON, and when to come again where that helps."""
        again = [("Retry-After", str(RETRY_SECONDS))] if self.refusal == intake.BUSY else []
        return [("Content-Type", "application/json"), *again]


class Bodies:
    """A WSGI application whose bodies are watched; `app` is the one behind it."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self._work = threading.BoundedSemaphore(MOST_AT_WORK)
        self._watch = _Watch()
        self._held = _Held()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """As of any application."""
        body = _Body(environ, self._work, self._watch, self._held)
        environ["wsgi.input"] = environ[_BODY] = body
        with self._work:
            try:
                return self._app(environ, start_response)
            finally:
                body.let_go()


def not_held(environ: dict[str, Any]) -> None:
    """Say that a body goes to disk as it comes, and does not count as memory."""
    environ[_BODY].is_held = False


def whole(stream: IO[bytes], most: int | None = None) -> bytes:
    """All of a stream, or its first so many bytes; held once, where `stream.read()` holds it twice."""
    held = io.BytesIO()
    left = sys.maxsize if most is None else most
    # Asked for nothing, werkzeug's stream takes it that the browser has gone.
    while left and (piece := stream.read(min(left, _PIECE_BYTES))):
        held.write(piece)
        left -= len(piece)
    return held.getvalue()


class _Held:
    """How much memory the bodies of all requests take."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes = 0

    def add(self, size_bytes: int, *, expected: int = 0) -> None:
        """Count bytes, or fewer of them, and refuse where these or those `expected` find no room."""
        with self._lock:
            most = self._bytes + max(size_bytes, expected)
            if (size_bytes > 0 or expected > 0) and most > MOST_HELD_BYTES:
                raise BodyError(503, intake.BUSY, data.BUSY)
            self._bytes += size_bytes


class _Body(io.RawIOBase):
    """What is read as `wsgi.input`, a piece at a time."""

    def __init__(
        self,
        environ: WSGIEnvironment,
        work: threading.BoundedSemaphore,
        watch: _Watch,
        held: _Held,
    ) -> None:
        super().__init__()
        self.is_held = True
        self._stream, self._work, self._watch, self._held = environ["wsgi.input"], work, watch, held
        # gunicorn waits for the bytes of a body as long as the connection is open.
        self._connection: socket.socket | None = environ.get("gunicorn.socket")
        told = str(environ.get("CONTENT_LENGTH") or "")
        self._length = int(told) if told.isascii() and told.isdigit() else None
        self._got = self._held_bytes = 0
        self._waited, self._since = 0.0, time.monotonic()
        self._is_late = False

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """As of any stream.

        Raises:
            BodyError: it is damaged, cut off or too slow, or there is no room for it.
        """
        into = memoryview(buffer).cast("B")
        piece = self._piece(min(len(into), _PIECE_BYTES))
        into[: len(piece)] = piece
        return len(piece)

    def is_too_slow(self, patience_seconds: float) -> bool:
        """Whether it is, at this moment; what the server itself takes between two pieces does not count."""
        waits = time.monotonic() - self._since
        least = LEAST_BYTES_PER_SECOND * (self._waited + waits - patience_seconds)
        return waits > patience_seconds or self._got < least

    def stop(self) -> None:
        """End the wait for the next piece."""
        self._is_late = True
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RD)

    def let_go(self) -> None:
        """The request has been answered, and its body is no more."""
        self._held.add(-self._held_bytes)
        self._held_bytes = 0

    def _piece(self, size: int) -> bytes:
        if not self._got and self._length is not None:
            # What will find no room is not sent for nothing. Nor is room kept for what may never come.
            self._hold(0, expected=self._length - _FREE_BYTES)
        self._since = time.monotonic()
        self._work.release()
        try:
            with self._watch.of(self):
                piece: bytes = self._stream.read(size)
        except Exception as error:
            # gunicorn's and the socket's: of many kinds, and none of them is for people.
            if self._is_late:
                raise BodyError(408, "too_slow", TOO_SLOW) from None
            sentence = CUT_OFF if isinstance(error, OSError) else _DAMAGED
            raise BodyError(400, "bad_request", sentence) from None
        finally:
            self._work.acquire()
        self._got += len(piece)
        late = self._is_late or self.is_too_slow(PATIENCE_SECONDS)
        self._waited += time.monotonic() - self._since
        if late:
            raise BodyError(408, "too_slow", TOO_SLOW)
        if not piece and size and self._length is not None and self._got < self._length:
            raise BodyError(400, "bad_request", CUT_OFF)
        self._hold(self._got - _FREE_BYTES - self._held_bytes)
        return piece

    def _hold(self, size_bytes: int, *, expected: int = 0) -> None:
        if self.is_held and (size_bytes > 0 or expected > 0):
            try:
                self._held.add(size_bytes, expected=expected)
            except BodyError:
                self._pour_away()
                raise
            self._held_bytes += size_bytes

    def _pour_away(self) -> None:
        """Read the rest for nothing: who is still sending would see a broken connection, and no refusal."""
        self.is_held = False
        self.let_go()
        with suppress(BodyError):
            while self._got < MOST_HELD_BYTES and self._piece(_PIECE_BYTES):
                pass


class _Watch:
    """Ends waits that take too long, in a thread that lives while there are any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[_Body] = set()
        self._looks = False

    @contextmanager
    def of(self, body: _Body) -> Iterator[None]:
        self._begin(body)
        try:
            yield
        finally:
            with self._lock:
                self._waiting.discard(body)

    def _begin(self, body: _Body) -> None:
        with self._lock:
            self._waiting.add(body)
            if not self._looks:
                self._looks = True
                threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            time.sleep(_LOOK_SECONDS)
            with self._lock:
                waiting = list(self._waiting)
                self._looks = bool(waiting)
                if not waiting:
                    return
            crowded = len(waiting) > _MANY
            patience = _SHORT_PATIENCE_SECONDS if crowded else PATIENCE_SECONDS
            for body in waiting:
                if body.is_too_slow(patience):
                    body.stop()
