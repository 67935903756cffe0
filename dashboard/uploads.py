"""The route that large files take: the browser sends the bytes, and they go to disk as they come."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from brainmri.errors import InputError
from dashboard import data

routes = Blueprint("uploads", __name__)


@routes.post("/bring/upload")
def upload() -> tuple[Response, int]:
    """Take one file as the body of the request; its name is in the query."""
    # Dash's requests stay small; this one is read in pieces and may be large.
    request.max_content_length = data.MOST_UPLOAD_BYTES
    try:
        taken = data.receive(
            request.stream, request.args.get("name", "file"), request.content_length
        )
    except InputError as error:
        return jsonify(fault=str(error)), 400
    return jsonify(token=taken.token), 200
