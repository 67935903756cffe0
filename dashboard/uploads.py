"""The route that large files take: the browser sends the bytes, and they go to disk as they come.

Few at a time, and none slower than a limit, since each holds a thread of the server that pages need.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import ClientDisconnected

from brainmri.errors import InputError
from dashboard import data

routes = Blueprint("uploads", __name__)
LEAST_BYTES_PER_SECOND = 50_000
_PATIENCE_SECONDS = 10.0
_LOOK_SECONDS = 1.0
_MOST_AT_A_TIME = 2
_few = threading.BoundedSemaphore(_MOST_AT_A_TIME)
_SLOW = (
    f"The upload was slower than {LEAST_BYTES_PER_SECOND // 1000} kB a second and was stopped; try again "
    "over a faster connection."
)


@routes.post("/bring/upload")
def upload() -> tuple[Response, int]:
    """Take one file as the body of the request; its name is in the query."""
    # Dash's requests stay small; this one is read in pieces and may be large. One that is too large is
    # refused by `receive`, which says why, and not by the stream, which does not.
    request.max_content_length = 1 + max(data.MOST_UPLOAD_BYTES, request.content_length or 0)
    with ExitStack() as held:
        for few in (_few, data.LONG_WORK):
            if not few.acquire(blocking=False):
                answer = jsonify(fault=data.BUSY)
                answer.headers["Retry-After"] = "30"
                return answer, 429
            held.callback(few.release)
        stream = held.enter_context(_watched(request.stream))
        try:
            taken = data.receive(stream, request.args.get("name", "file"), request.content_length)
        except (InputError, ClientDisconnected) as error:
            if stream.is_late:
                return jsonify(fault=_SLOW), 408
            return jsonify(fault=str(error) if isinstance(error, InputError) else data.CUT_OFF), 400
    return jsonify(token=taken.token), 200


class _Paced:
    """A stream that counts what is read, and ends when that comes too slowly."""

    def __init__(self, stream: data.Readable) -> None:
        self._stream = stream
        self._begun = time.monotonic()
        self._got = 0
        self.is_late = False

    def read(self, size: int = -1, /) -> bytes:
        """As of any stream.

        Raises:
            InputError: it is too slow.
        """
        piece = self._stream.read(size)
        self._got += len(piece)
        if self.look():
            raise InputError(_SLOW)
        return piece

    def look(self) -> bool:
        """Whether it is too slow by now."""
        waited = time.monotonic() - self._begun - _PATIENCE_SECONDS
        self.is_late |= self._got < LEAST_BYTES_PER_SECOND * waited
        return self.is_late


@contextmanager
def _watched(stream: data.Readable) -> Iterator[_Paced]:
    """A stream that is also ended while nothing comes of it at all."""
    paced, over = _Paced(stream), threading.Event()
    # gunicorn waits for the bytes of a body as long as the connection is open.
    connection: socket.socket | None = request.environ.get("gunicorn.socket")

    def watch() -> None:
        while not over.wait(_LOOK_SECONDS):
            if paced.look():
                if connection is not None:
                    with suppress(OSError):
                        connection.shutdown(socket.SHUT_RD)
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield paced
    finally:
        over.set()
        thread.join()
