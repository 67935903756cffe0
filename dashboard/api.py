"""The predictor for programs: a file in, JSON out. What it takes and answers is in openapi.json."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import IO

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.wsgi import LimitedStream

from brainmri import asked, intake
from brainmri.errors import ImageError, InputError
from dashboard import bodies, data

blueprint = Blueprint("api", __name__, url_prefix="/api")

_AROUND_FILE_BYTES = 65_536
_MOST_HELD_BYTES = 1_000_000
"""Of a form while it is read: a field, or a piece of the file (64 KB) with the end of the piece before."""
_MOST_PARTS = 16
_DESCRIBED = f"{blueprint.url_prefix}/openapi.json"
_FORM = (
    f"The form has more than {_MOST_PARTS} parts, or a text field with more than "
    f"{_MOST_HELD_BYTES // 1_000_000} MB; send the file as the part named file, with a file name, and "
    "beside it run, slice and maps at most."
)
_STATUS = {
    "too_large": 413,
    "not_an_image": 415,
    "archive": 415,
    "unsupported": 415,
    "no_such_run": 404,
    "no_such_address": 404,
    "bad_method": 405,
    "run_cannot_answer": 409,
    "bad_request": 400,
    "no_file": 400,
    intake.BUSY: 503,
}
_OTHERWISE = 422
_YES_NO = {"yes": True, "no": False}


class _RequestError(InputError):
    """Something about the request, not the file, is wrong."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@blueprint.get("/openapi.json")
def description() -> Response:
    """What there is to ask, and how."""
    return Response(data.api_description(), mimetype="application/json")


@blueprint.get("/predict")
def only_post() -> Response:
    """Dash would answer with a page to whoever asks for anything with GET."""
    raise MethodNotAllowed(["POST"])


@blueprint.get("/")
@blueprint.get("/<path:_rest>")
def nothing(_rest: str = "") -> Response:
    """As above."""
    raise NotFound


@blueprint.app_errorhandler(404)
@blueprint.app_errorhandler(405)
def not_here(error: HTTPException) -> HTTPException | tuple[Response, int]:
    """For programs in JSON: no address of the API, or not with this method."""
    if not request.path.startswith(f"{blueprint.url_prefix}/"):
        return error
    if not isinstance(error, MethodNotAllowed):
        return _refused("no_such_address", f"There is nothing here; see {_DESCRIBED}.")
    allowed = ", ".join(sorted(error.valid_methods or []))
    response, status = _refused(
        "bad_method", f"This address takes {allowed} only; see {_DESCRIBED}."
    )
    response.headers["Allow"] = allowed
    return response, status


@blueprint.post("/predict")
def predict() -> tuple[Response, int]:
    """What a run says of one file. Nothing is stored, no name is looked at."""
    try:
        fields, upload = _sent()
        fields = {**request.args.to_dict(), **fields}
        number = _slice(fields.get("slice"))
        maps = _maps(fields.get("maps", "no"))
        run = fields.get("run")
        told = _ask(_run(run), upload, number)
        if run is None:
            told = replace(told, passed_over=data.passed_over_words())
    except _RequestError as error:
        return _refused(error.code, str(error))
    except ImageError as error:
        return _refused(error.code, str(error), error)
    return jsonify(told.to_json(maps=maps)), 200


def _sent() -> tuple[dict[str, str], bytes]:
    """Form fields and the file: the body itself, or the part `file` of a form.

    Read here, since Flask would put the file into the temporary folder.
    """
    request.max_content_length = intake.MAX_BYTES + _AROUND_FILE_BYTES
    try:
        if request.mimetype != "multipart/form-data":
            return {}, bodies.whole(request.stream)
        parser = FormDataParser(
            stream_factory=_in_memory,
            max_form_memory_size=_MOST_HELD_BYTES,
            max_content_length=request.max_content_length,
            max_form_parts=_MOST_PARTS,
            silent=False,
        )
        _, fields, files = parser.parse(
            request.stream, request.mimetype, request.content_length, request.mimetype_params
        )
    except RequestEntityTooLarge:
        # Of the whole body, as its length says or once so much has come; else of the form's parts.
        told = request.content_length
        if _has_come() if told is None else told > request.max_content_length:
            raise intake.over_limit() from None
        raise _RequestError("bad_request", _FORM) from None
    except ValueError:
        raise _RequestError("bad_request", "The form cannot be read; send it again.") from None
    sent = files.getlist("file")
    if len(sent) != 1:
        raise _RequestError("no_file", "Send exactly one file, as the form's part named file.")
    return fields.to_dict(), bodies.whole(sent[0].stream)


def _has_come() -> bool:
    """Whether so much of a body without a length has come as may."""
    return isinstance(request.stream, LimitedStream) and request.stream.is_exhausted


def _in_memory(
    total_content_length: int | None,
    content_type: str | None,
    filename: str | None,
    content_length: int | None = None,
) -> IO[bytes]:
    del total_content_length, content_type, filename, content_length
    return io.BytesIO()


def _slice(told: str | None) -> int | None:
    if told is None:
        return None
    if not told.isascii() or not told.isdigit() or len(told) > 9:
        raise _RequestError("bad_request", "slice is a whole number, from 1.")
    return int(told)


def _maps(told: str) -> bool:
    if told not in _YES_NO:
        raise _RequestError("bad_request", "maps is yes or no.")
    return _YES_NO[told]


def _run(name: str | None) -> str:
    """The run that was asked for, or the one that the Predict page would show."""
    if name is not None:
        named = data.named_run(name)
        if named is not None and named.has_model:
            return named.name
        if named is not None and named.model_fault is not None:
            raise _RequestError("run_cannot_answer", f"{name} cannot answer. {named.model_fault}")
    able = [view for view in data.list_runs()[0] if view.has_model]
    best = data.answering_run() if name is None else None
    if best is not None:
        return best.name
    if name is None and (why := data.passed_over_words()):
        raise _RequestError("run_cannot_answer", " ".join(why))
    there = ", ".join(view.name for view in able) or "none"
    raise _RequestError(
        "no_such_run", f"There is no such run with a model; the runs that can answer are: {there}."
    )


def _ask(name: str, upload: bytes, number: int | None) -> asked.Asked:
    try:
        return data.ask(name, upload, number=number)
    except ImageError:
        raise
    except InputError as error:
        raise _RequestError("run_cannot_answer", str(error)) from None


def _refused(code: str, message: str, error: ImageError | None = None) -> tuple[Response, int]:
    response = jsonify(asked.refusal_to_json(code, message, error))
    if code == intake.BUSY:
        response.headers["Retry-After"] = str(bodies.RETRY_SECONDS)
    return response, _STATUS.get(code, _OTHERWISE)
