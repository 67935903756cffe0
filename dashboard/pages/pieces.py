"""Further tiles of the lists that scroll (`components.scroller`); assets/scroller.js asks for them."""

from __future__ import annotations

from collections.abc import Sequence

from dash.development.base_component import Component
from flask import Blueprint, Response, abort, request
from plotly.io.json import to_json_plotly

from brainmri.errors import InputError
from dashboard import data
from dashboard.chosen import read
from dashboard.components import MOST_AT_ONCE
from dashboard.pages import browse, changed, gallery

routes = Blueprint("pieces", __name__, url_prefix="/pieces")


@routes.get("/gallery")
def of_gallery() -> Response:
    """Of the chosen images of a run, in the order that the query names."""
    asked = request.args.get
    view = data.named_run(asked("run", ""))
    split = asked("split", "")
    if view is None or split not in view.splits:
        abort(404)
    chosen = read(view.classes, asked("cell"), asked("slice"), asked("above"), asked("sure"))
    usable = data.usable(view, split, chosen)
    start, most = _range()
    sort, like = asked("sort", ""), asked("like")
    return _answer(gallery.more(view, split, usable, sort, like, start, most))


@routes.get("/browse")
def of_browse() -> Response:
    """Of the indexed images that pass the filters that the query names."""
    index = data.usable_index()
    if index is None:
        abort(404)
    start, most = _range()
    return _answer(browse.more(index, request.args.get("only", ""), start, most))


@routes.get("/changed")
def of_changed() -> Response:
    """Of the images that one run of two answered otherwise than the other."""
    asked = request.args.get
    view, beside = (data.named_run(asked(key, "")) for key in ("run", "other"))
    split = asked("split", "")
    if view is None or beside is None or split not in view.splits:
        abort(404)
    try:
        found = data.compare(view, beside, split)
    except InputError:
        abort(404)
    return _answer(changed.more(view, found, asked("now", ""), asked("cell", ""), *_range()))


def _range() -> tuple[int, int]:
    """Place of the first image that is asked for, and how many are answered at most."""
    start = request.args.get("start", 0, type=int)
    most = request.args.get("most", MOST_AT_ONCE, type=int)
    return max(0, start), max(0, min(most, MOST_AT_ONCE))


def _answer(tiles: Sequence[Component]) -> Response:
    answer = Response(to_json_plotly(list(tiles)), mimetype="application/json")
    answer.headers["Cache-Control"] = "no-store"
    return answer
