"""What the Predict page asks while it stands: files come as they are, without names, and are not stored.

assets/predict.js posts them; a body needs no form, which would write large files to a temporary folder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component
from flask import Blueprint, Response, request
from plotly.io.json import to_json_plotly
from werkzeug.exceptions import RequestEntityTooLarge

from brainmri.errors import ImageError, InputError
from dashboard import data, figures
from dashboard.pages import (
    predict_answer,
    predict_occlusion,
    predict_pair,
    predict_reading,
    predict_report,
    predict_slices,
    predict_words,
)

routes = Blueprint("predict", __name__, url_prefix="/predict")
_PAIRS = f"{routes.url_prefix}/pair"
_CANNOT_ANSWER, _NEEDS_SLICE = "run_cannot_answer", "needs_slice"
Reply = dict[str, Any]
"""`answer`: components; `said`: a sentence for screen readers; `row`: cells of a table of images."""


@routes.before_request
def _limit() -> None:
    """One file, or the two of a pair."""
    files = 2 if request.path.startswith(_PAIRS) else 1
    request.max_content_length = files * data.MAX_BYTES


@routes.errorhandler(RequestEntityTooLarge)
def _too_large(_: RequestEntityTooLarge) -> Response:
    """Said as of any file: to send the same again would not help."""
    two = request.path.startswith(_PAIRS)
    error = data.over_limit(None if two else request.content_length, each=two)
    return _as_json(_refused(error, error.code))


@routes.post("/answer")
def answer() -> Response:
    """What the run says of the image in the body."""

    def reply() -> Reply:
        upload, what = _image()
        answered = data.answer(_run(), upload, number=_slice())
        committed = predict_reading.impression(request.args.get("impression"), answered.run)
        return {
            "outcome": answered.answer.outcome,
            "answer": predict_answer.answer_card(answered, what, committed),
            "said": predict_words.said(answered),
            "row": predict_words.row(answered),
            "text_seen": predict_words.text_seen(answered, by_header=False),
            "kept": predict_words.kept(answered),
            "own": "example" not in request.args,
            "model_sha256": answered.run.model_sha256,
        }

    return _told(reply)


@routes.post("/picture")
def picture() -> Response:
    """The picture in the body and what a reader can commit to, before any model has seen it."""

    def reply() -> Reply:
        upload, what = _image()
        return {
            "outcome": "not read yet",
            "answer": predict_reading.read_first(data.look(upload, number=_slice()), what, _run()),
            "said": "Commit to an impression; then the model's answer shows.",
            "row": ["not read yet", "–", "–"],
        }

    return _told(reply)


@routes.post("/slice")
def one_slice() -> Response:
    """The picture of one slice of the volume in the body."""
    return _told(
        lambda: {
            "picture": figures.png_uri(data.look(_image()[0], number=_slice()).picture_png),
            "said": "",
        }
    )


@routes.post("/occlusion")
def occlusion() -> Response:
    """Whether hiding what the map marks in the image of the body changes the answer."""

    def reply() -> Reply:
        checked = data.check_occlusion(_run(), _image()[0], number=_slice())
        return {
            "answer": predict_occlusion.told(checked),
            "said": predict_occlusion.said(checked),
        }

    return _told(reply)


@routes.post("/pair")
def pair() -> Response:
    """Two scans: the body holds both, the first one `earlier_bytes` long."""

    def reply() -> Reply:
        both, length = request.get_data(cache=False), request.args.get("earlier_bytes", 0, type=int)
        try:
            earlier, later = (data.answer(_run(), one) for one in (both[:length], both[length:]))
        except ImageError as error:
            if error.code != _NEEDS_SLICE:
                raise
            several = "A scan holds several slices; save one slice of each to compare them."
            return _refused(InputError(several), _NEEDS_SLICE)
        return {
            "answer": predict_pair.pair(earlier, later, data.marked_change(earlier, later)),
            "said": predict_pair.said(earlier, later),
        }

    return _told(reply)


@routes.post("/report")
def report() -> Response:
    """The answer about the image in the body as one page to keep, while the `model` is still the same."""

    def reply() -> Reply:
        upload, what = _image()
        answered = data.answer(_run(), upload, number=_slice())
        if answered.run.model_sha256 != request.args.get("model"):
            raise InputError(
                "The model of this run has changed since this answer; drop the image again."
            )
        return {"report": predict_report.page(answered, what)}

    return _told(reply)


def refusal(sentence: str, code: str) -> Component:
    """Why there is no answer, in one sentence, and the code that the API gives for it."""
    return dmc.Alert(
        [sentence, html.Span(f"Error code: {code}", className="refusal-code")],
        title="No answer for this file",
        color="orange",
        variant="light",
        className="refusal",
    )


def _run() -> str:
    return request.args.get("run", "")


def _slice() -> int | None:
    return request.args.get("slice", type=int)


def _image() -> tuple[bytes, str]:
    """The upload, or the example that is asked for, and what it is."""
    number = request.args.get("example", type=int)
    if number is None:
        return request.get_data(), "your image"
    if not 0 <= number < len(data.EXAMPLES):
        raise ImageError("no_file", "There is no such example; choose one of those on the page.")
    label, png = data.example(number)
    return png, f"synthetic {label} slice"


def _told(reply: Callable[[], Reply]) -> Response:
    """The reply as JSON; a file that cannot be used is a reply too, in one sentence."""
    try:
        told = reply()
    except ImageError as error:
        told = _choose_slice(error) if error.code == _NEEDS_SLICE else _refused(error, error.code)
    except InputError as error:
        told = _refused(error, _CANNOT_ANSWER)
    return _as_json(told)


def _as_json(told: Reply) -> Response:
    return Response(
        to_json_plotly(told), mimetype="application/json", headers={"Cache-Control": "no-store"}
    )


def _choose_slice(error: ImageError) -> Reply:
    """The middle slice of a volume and a slider to the others."""
    try:
        looked = data.look(_image()[0], number=error.proposed)
    except ImageError as fault:
        return _refused(fault, fault.code)
    return {
        "outcome": "choose a slice",
        "answer": predict_slices.chooser(looked),
        "said": str(error),
        "row": ["choose a slice", "–", "–"],
        "slice": looked.file.number,
        "slices": looked.file.slices,
    }


def _refused(error: InputError, code: str) -> Reply:
    return {
        "outcome": "no answer",
        "code": code,
        "answer": refusal(str(error), code),
        "said": str(error),
        "row": ["no answer", "–", "–"],
        "kept": {"outcome": "no answer"},
    }
