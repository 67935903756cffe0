"""What the Predict page asks while it stands: files come as they are, without names, and are not stored.

assets/predict.js posts them; a body needs no form, which would write large files to a temporary folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component
from flask import Blueprint, Response, g, request
from plotly.io.json import to_json_plotly
from werkzeug.exceptions import RequestEntityTooLarge

from brainmri.errors import ImageError, InputError
from brainmri.runs import Run
from dashboard import bodies, data, figures
from dashboard.pages import (
    correct,
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
_OTHER_MODEL = "The model of this run has changed since this answer; drop the image again."
_SCANS = ("earlier", "later")
Reply = dict[str, Any]
"""`answer`: components; `said`: a sentence for screen readers; `row`: cells of a table of images; `about`:
what tells the image apart without a name. Of two scans `about` and what else is of one are by scan."""


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
        committed, seen = _impression(answered.run)
        return {
            "outcome": answered.answer.outcome,
            "answer": predict_answer.answer_card(answered, what, committed, seen=seen),
            "said": predict_words.said(answered),
            "row": predict_words.row(answered),
            "text_seen": predict_words.text_seen(answered, by_header=False),
            "kept": predict_words.kept(answered),
            "about": _about(upload, answered.looked),
            "square": _square(answered),
            "own": "example" not in request.args,
            "choices": correct.choices(data.right_classes(answered.run.classes)),
            "model_sha256": answered.run.model_sha256,
        }

    return _told(reply)


@routes.post("/picture")
def picture() -> Response:
    """The picture in the body and what a reader can commit to, before any model has seen it."""

    def reply() -> Reply:
        upload, what = _image()
        looked = data.look(upload, number=_slice())
        return {
            "outcome": "not read yet",
            "answer": predict_reading.read_first(looked, what, _run()),
            "said": "Commit to an impression; then the model's answer shows.",
            "row": ["not read yet", "–", "–"],
            "about": _about(upload, looked),
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
    """Whether hiding what the map marks changes the answer about the `square` in the body."""

    def reply() -> Reply:
        checked = data.check_occlusion(_run(), request.get_data())
        return {
            "verdict": predict_occlusion.verdict(checked),
            "drawn": predict_occlusion.is_a_reason(checked),
            "doubt": predict_occlusion.doubt(checked),
            "answer": predict_occlusion.told(checked),
            "said": predict_occlusion.said(checked),
        }

    return _told(reply)


@routes.post("/pair-pictures")
def pair_pictures() -> Response:
    """Both pictures and what a reader can commit to, before any model has seen them."""

    def reply() -> Reply:
        scans, looks = _two_scans(), {}
        try:
            for place, (upload, number) in scans.items():
                looks[place] = data.look(upload, number=number)
        except ImageError as error:
            return _choose_slices(scans, error)
        return {
            "answer": predict_reading.read_both_first(looks, _run()),
            "said": "Commit to an impression of each scan; then the model's answers show.",
            "about": {place: _about(scans[place][0], one) for place, one in looks.items()},
        }

    return _told(reply)


@routes.post("/pair")
def pair() -> Response:
    """Two scans: the body holds both, the first one `earlier_bytes` long."""

    def reply() -> Reply:
        scans = _two_scans()
        try:
            both = _both(scans)
        except ImageError as error:
            return _choose_slices(scans, error)
        change = data.marked_change(both["earlier"], both["later"])
        committed = {place: _impression(one.run, f"{place}_") for place, one in both.items()}
        return {
            "answer": predict_pair.pair(both, change, committed),
            "said": predict_pair.said(both["earlier"], both["later"]),
            "kept": {place: predict_words.kept(one) for place, one in both.items()},
            "about": {place: _about(scans[place][0], one.looked) for place, one in both.items()},
            "square": {place: _square(one) for place, one in both.items()},
            "model_sha256": both["later"].run.model_sha256,
        }

    return _told(reply)


@routes.post("/report")
def report() -> Response:
    """The answer about the image in the body as one page to keep, while the `model` is still the same."""

    def reply() -> Reply:
        upload, what = _image()
        answered = data.answer(_run(), upload, number=_slice())
        if answered.run.model_sha256 != request.args.get("model"):
            raise InputError(_OTHER_MODEL)
        return {"report": predict_report.page(answered, what)}

    return _told(reply)


@routes.post("/pair-report")
def pair_report() -> Response:
    """The answers about the two scans in the body as one page to keep, as `report`."""

    def reply() -> Reply:
        both = _both(_two_scans())
        if any(one.run.model_sha256 != request.args.get("model") for one in both.values()):
            raise InputError(_OTHER_MODEL)
        change = data.marked_change(both["earlier"], both["later"])
        return {"report": predict_report.pair_page(both, change)}

    return _told(reply)


def refusal(sentence: str, code: str, scan: str | None = None) -> Component:
    """Why there is no answer, in one sentence, and the code that the API gives for it.

    Args:
        sentence: why.
        code: as the API gives it.
        scan: which of two it is about, if any; the script writes the name of its file there.
    """
    which = [] if scan is None else [html.Em(id=f"refused-{scan}", className="refused-name")]
    return dmc.Alert(
        [*which, sentence, html.Span(f"Error code: {code}", className="refusal-code")],
        title=f"No answer for {'this file' if scan is None else f'the {scan} scan'}",
        color="orange",
        variant="light",
        className="refusal",
    )


def _run() -> str:
    return request.args.get("run", "")


def _slice() -> int | None:
    return request.args.get("slice", type=int)


def _impression(run: Run, prefix: str = "") -> tuple[str | None, bool]:
    """What the reader committed to, and whether an answer was seen before."""
    given = predict_reading.impression(request.args.get(f"{prefix}impression"), run)
    return given, request.args.get(f"{prefix}seen") == "yes"


def _about(upload: bytes, looked: data.Looked) -> Reply:
    """What tells file and slice apart without a name; short, since it only tells apart."""
    return {
        "slice": looked.file.number,
        "slices": looked.file.slices,
        "pixels": looked.pixels,
        "content": hashlib.sha256(upload).hexdigest()[:12],
    }


def _square(answered: data.Answered) -> str | None:
    png = data.square_png(answered)
    return None if png is None else figures.png_uri(png)


def _two_scans() -> dict[str, tuple[bytes, int | None]]:
    """Both uploads of the body, and the slice of each that is asked for."""
    length = max(0, request.args.get("earlier_bytes", 0, type=int))
    return {
        place: (
            bodies.whole(request.stream, most),
            request.args.get(f"{place}_slice", type=int),
        )
        for place, most in zip(_SCANS, (length, None), strict=True)
    }


def _both(scans: dict[str, tuple[bytes, int | None]]) -> dict[str, data.Answered]:
    return {
        place: data.answer(_run(), upload, number=number)
        for place, (upload, number) in scans.items()
    }


def _choose_slices(scans: dict[str, tuple[bytes, int | None]], error: ImageError) -> Reply:
    """Both scans, with a slider for each that holds several slices; or which of them cannot be used.

    Raises:
        ImageError: it is not about one of the two.
    """
    looks: dict[str, data.Looked] = {}
    faults: dict[str, ImageError] = {}
    for place, (upload, number) in scans.items():
        try:
            looks[place] = _looked_or_proposed(upload, number)
        except ImageError as fault:
            faults[place] = fault
    if faults:
        return _scans_refused(faults)
    if error.code != _NEEDS_SLICE:
        raise error
    return {
        "outcome": "choose a slice",
        "answer": predict_slices.pair_chooser(looks),
        "said": "A scan holds several slices; choose one of each.",
        "choose": {
            place: {"number": one.file.number, "slices": one.file.slices}
            for place, one in looks.items()
            if one.file.slices > 1
        },
    }


def _looked_or_proposed(upload: bytes, number: int | None) -> data.Looked:
    """The slice that is asked for, or the one that is proposed where none is."""
    try:
        return data.look(upload, number=number)
    except ImageError as fault:
        if fault.code != _NEEDS_SLICE:
            raise
        return data.look(upload, number=fault.proposed)


def _scans_refused(faults: dict[str, ImageError]) -> Reply:
    """Which of two scans cannot be used, and why; the script adds its file name."""
    said = " ".join(f"The {place} scan: {error}" for place, error in faults.items())
    return {
        "outcome": "no answer",
        "answer": html.Div(
            [refusal(str(error), error.code, place) for place, error in faults.items()]
        ),
        "said": said,
    }


def _image() -> tuple[bytes, str]:
    """The upload, or the example that is asked for, and what it is."""
    number = request.args.get("example", type=int)
    if number is None:
        if "upload" not in g:
            g.upload = bodies.whole(request.stream)
        return g.upload, "your image"
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
