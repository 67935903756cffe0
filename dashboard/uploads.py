"""The route that large files take: the browser sends the bytes, and they go to disk as they come.

Few at a time, since each keeps the disk busy and may take long.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack

from flask import Blueprint, Response, jsonify, request

from brainmri.errors import InputError
from dashboard import bodies, data

routes = Blueprint("uploads", __name__)
_MOST_AT_A_TIME = 2
_few = threading.BoundedSemaphore(_MOST_AT_A_TIME)


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
        bodies.not_held(request.environ)
        try:
            taken = data.receive(
                request.stream, request.args.get("name", "file"), request.content_length
            )
        except InputError as error:
            return jsonify(fault=str(error)), 400
        except bodies.BodyError as error:
            return jsonify(fault=error.sentence), error.status
    return jsonify(token=taken.token), 200
