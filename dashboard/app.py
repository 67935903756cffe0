"""The one app object: `dashboard.app:app` for Dash, `dashboard.app:server` for gunicorn."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dash
import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Dash, Input, Output, clientside_callback, dcc, html
from dash.development.base_component import Component
from dash.exceptions import CallbackException, DependencyException
from flask import Flask, Response, abort, jsonify, request
from flask_compress import Compress
from werkzeug.exceptions import BadRequest, HTTPException, NotFound

from brainmri import memory
from brainmri.errors import InputError
from dashboard import api, bodies, data, sign_in, uploads
from dashboard.components import aria
from dashboard.pages import (
    bring,
    compare,
    dataset,
    evaluate,
    not_found_404,
    overview,
    pieces,
    predict,
    predict_routes,
    review,
)
from dashboard.theme import ACCENT, FONT

NAME = "Brain MRI"
_MAX_REQUEST_BYTES = 30_000_000
"""Of what pages send: an upload that is kept with a correction (`correct.MOST_KEPT_BYTES`) comes as text, a
third longer than it is."""
_PAGES = (
    ("Overview", "/", overview.layout),
    ("Data", "/data", dataset.layout),
    ("Evaluate", "/evaluate", evaluate.layout),
    ("Compare", "/compare", compare.layout),
    ("Predict", "/predict", predict.layout),
    ("Review", "/review", review.layout),
    ("Add", "/bring", bring.layout),
)
_WITH_FIGURES = frozenset(("/", "/data", "/evaluate", "/compare"))
_PLOTLY = "/_dash-component-suites/plotly/package_data/plotly.min.js"
_NO_CALLBACK = "This is no request of these pages; reload the page."
_ASSETS = Path(__file__).resolve().parent.parent / "assets"


class _App(Dash):
    """Pages with figures name plotly.js, to be asked for at once (assets/plotly_ahead.js)."""

    def interpolate_index(self, **parts: str) -> str:  # type: ignore[override]
        index: str = super().interpolate_index(**parts)  # type: ignore[no-untyped-call]
        if request.path not in _WITH_FIGURES:
            return index
        return index.replace("<body>", f'<body data-plotly="{_PLOTLY}">')


memory.share_between_threads()
memory.forget_descriptions(dmc, html, dcc)
app = _App(
    "dashboard",
    use_pages=True,
    pages_folder="",
    assets_folder=str(_ASSETS),
    title=NAME,
    update_title="",
    # Without this Dash embeds every page's layout in index.html.
    suppress_callback_exceptions=True,
    meta_tags=[
        {"name": "viewport", "content": "width=device-width, initial-scale=1"},
        {"name": "description", "content": "How good brain-MRI classifiers are. Not a diagnosis."},
    ],
    index_string="""<!DOCTYPE html>
<html lang="en">
<head>{%metas%}<title>{%title%}</title>{%favicon%}{%css%}</head>
<body>{%app_entry%}{%config%}{%scripts%}{%renderer%}</body>
</html>""",
)
server: Flask = app.server
server.wsgi_app = bodies.Bodies(server.wsgi_app)  # type: ignore[method-assign]
server.register_blueprint(predict_routes.routes)
server.register_blueprint(uploads.routes)
server.register_blueprint(pieces.routes)
sign_in.install(app, frozenset(path for _, path, _ in _PAGES))
dmc.pre_render_color_scheme()
Compress(server)
server.config["MAX_CONTENT_LENGTH"] = _MAX_REQUEST_BYTES
server.register_blueprint(api.blueprint)


@server.errorhandler(DependencyException)
def _no_such_file(_error: DependencyException) -> HTTPException:
    """A script that Dash does not have: it would answer as if the server had failed."""
    return NotFound()


@server.errorhandler(CallbackException)
def _no_such_callback(error: CallbackException) -> HTTPException:
    """A callback asked for with other inputs or outputs than it has, as no page of ours does."""
    server.logger.warning("Refused: %s", next(iter(str(error).strip().splitlines()), ""))
    return BadRequest(_NO_CALLBACK)


@server.before_request
def _refuse_unknown_callback() -> None:
    """Dash would answer as if the server had failed."""
    if request.path == sign_in.CALLBACKS and sign_in.asked_module(app) is None:
        raise BadRequest(_NO_CALLBACK)


def _with_single_values(layout: Callable[..., Component]) -> Callable[..., Component]:
    """The layout, called with the last value of a query key that the address names twice."""

    def build(**query: str | list[str]) -> Component:
        return layout(**{k: v[-1] if isinstance(v, list) else v for k, v in query.items()})

    return build


for _title, _path, _layout in _PAGES:
    dash.register_page(  # type: ignore[no-untyped-call]
        f"dashboard.pages.{_title.lower()}",
        path=_path,
        title=f"{_title} · {NAME}",
        name=_title,
        layout=_with_single_values(sign_in.guarded(_path, _layout)),
    )
dash.register_page(  # type: ignore[no-untyped-call]
    "dashboard.pages.not_found_404", title=f"Not found · {NAME}", layout=not_found_404.layout
)


dash.register_page(  # type: ignore[no-untyped-call]
    "dashboard.pages.no_report",
    path_template=not_found_404.REPORTS,
    title=f"No report · {NAME}",
    layout=not_found_404.no_report,
)


def _frame() -> dmc.MantineProvider:
    return dmc.MantineProvider(
        [
            html.A("Skip to content", href="#content", className="skip"),
            html.Header(
                html.Div(
                    [
                        dcc.Link(NAME, href="/", className="brand"),
                        html.Nav(
                            [
                                dmc.NavLink(
                                    label=title, href=path, active="exact", className="nav-link"
                                )
                                for title, path, _ in _PAGES
                                if sign_in.may_see(path)
                            ],
                            className="nav",
                            **aria(label="Pages"),
                        ),
                        sign_in.badge(),
                        dmc.ColorSchemeToggle(
                            id="colour-scheme",
                            lightIcon="☾ Dark",
                            darkIcon="☀ Light",
                            w="auto",
                            px="xs",
                            variant="subtle",
                            size="lg",
                            color="gray",
                            **aria(label="Switch between light and dark"),
                        ),
                    ],
                    className="bar-inner",
                ),
                className="bar",
            ),
            html.Main(dash.page_container, id="content", tabIndex="-1", disable_n_clicks=True),
            html.Footer(
                "A research assistant, not a medical device. It assists; it does not diagnose. Nothing "
                "you drop here is stored unless you ask for it.",
                className="foot",
            ),
            # What assets/live.js announces; its children are the script's alone.
            html.Div(id="live", role="status", **aria(live="polite")),
            dcc.Store(id="address"),
        ],
        theme={
            "primaryColor": "accent",
            "fontFamily": FONT,
            "headings": {"fontFamily": FONT, "fontWeight": "650"},
            "defaultRadius": "md",
            "colors": {"accent": _shades(ACCENT)},
            "primaryShade": 7,
            "components": {
                "Combobox": {"defaultProps": {"withinPortal": False, "shadow": "md"}},
                "ComboboxTarget": {"defaultProps": {"withExpandedAttribute": True}},
                "ComboboxEventsTarget": {"defaultProps": {"withExpandedAttribute": True}},
                "Select": _list_of("input"),
                "MultiSelect": _list_of("inputField"),
            },
        },
        defaultColorScheme="auto",
    )


def _list_of(field: str) -> dict[str, Any]:
    """Settings of pickers: the list that opens is itself what scrolls, and its field says what it is.

    As Mantine has it, a nameless part of the page scrolls, in a place beside the content, which belongs to no
    field that a screen reader knows.
    """
    return {"defaultProps": {"withScrollArea": False, "attributes": {field: {"role": "combobox"}}}}


def _shades(colour: str) -> list[str]:
    """Ten shades around one accent colour, light to dark, as Mantine wants them."""
    channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    shades = []
    for i in range(10):
        towards, amount = (255, (6 - i) / 6 * 0.92) if i < 6 else (0, (i - 6) * 0.14)
        shades.append("#" + "".join(f"{round(c + (towards - c) * amount):02x}" for c in channels))
    return shades


app.layout = _frame

# The address follows the choices: assets/address.js.
clientside_callback(
    ClientsideFunction("address", "follow"),
    # Without an output Dash would not ask for it when a page is new.
    Output("address", "data"),
    Input({"page": ALL, "state": ALL}, "value"),
    Input({"page": ALL, "kept": ALL}, "data"),
)


@server.get("/image/<path:path>")
def image(path: str) -> Response:
    """Thumbnail of an indexed image; anything that was not indexed does not exist."""
    return _file(data.thumbnail(path), "image/png", cached="private, max-age=3600")


@server.get("/kept/<name>")
def kept(name: str) -> Response:
    """A picture that somebody let be kept, for the second reader."""
    return _file(data.kept_upload(name), "image/png", cached="private, no-store")


@server.get("/download/<name>.csv")
def download(name: str) -> Response:
    """One list of the audit, as a file."""
    return _file(data.audit_csv(name), "text/csv", saved_as=f"{name}.csv")


@server.get("/report/<name>.<any(html, pdf):kind>")
def report(name: str, kind: str) -> Response:
    """The report of a run as one file, to be kept: it opens without this server."""
    try:
        page = data.report_html(name) if kind == "html" else data.report_pdf(name)
    except InputError as error:
        return Response(f"{error}\n", status=422, mimetype="text/plain")
    mimetype = "text/html" if kind == "html" else "application/pdf"
    return _file(page, mimetype, saved_as=f"{quote(name)}-report.{kind}")


def _file(
    content: bytes | str | None,
    mimetype: str,
    *,
    cached: str | None = None,
    saved_as: str | None = None,
) -> Response:
    """A file as the answer, or 404 where there is none."""
    if content is None:
        abort(404)
    answer = Response(content, mimetype=mimetype)
    if cached is not None:
        answer.headers["Cache-Control"] = cached
    if saved_as is not None:
        answer.headers["Content-Disposition"] = f'attachment; filename="{saved_as}"'
    return answer


@server.get("/state")
def state() -> Response:
    """What the runs are at the moment, for assets/live.js: nothing is counted for it.

    Every open page asks by itself, so this is where a server of any kind sees that jobs go on.
    """
    data.keep_jobs_going()
    answer = jsonify(data.run_states())
    answer.headers["Cache-Control"] = "no-store"
    return answer


@server.get("/example/<int:number>.png")
def example(number: int) -> Response:
    """A synthetic slice of the Predict page."""
    if number >= len(data.EXAMPLES):
        abort(404)
    return _file(data.example(number)[1], "image/png", cached="public, max-age=86400")


@server.after_request
def finish(response: Response) -> Response:
    """Unknown pages answer 404 (Dash says 200), and no page may load from or send to elsewhere."""
    if response.status_code in (404, 422) and _is_for_a_reader(response):
        shown = Response(_index(), response.status_code, mimetype="text/html")
        return _guarded(shown)
    known = {path.rstrip("/") for _, path, _ in _PAGES} | {sign_in.PATH}
    here = request.path.rstrip("/")
    if request.endpoint == "report":
        return _guarded(response)
    if response.mimetype == "text/html" and response.status_code == 200 and here not in known:
        response.status_code = 404
    return _guarded(response)


def _index() -> str:
    """The page in which Dash shows what belongs to the address."""
    index: str = app.index()  # type: ignore[no-untyped-call]
    return index


def _is_for_a_reader(response: Response) -> bool:
    """Whether somebody opened the address as a page, and would see no more than a line of text."""
    asked = {kind for kind, _ in request.accept_mimetypes}
    bare = response.mimetype in ("text/html", "text/plain")
    return request.method == "GET" and "text/html" in asked and bare


def _guarded(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _policy() -> str:
    """Nothing from elsewhere, and of inline scripts only those that the index page itself carries."""
    page = server.test_client().get("/", environ_overrides=_ITSELF).get_data(as_text=True)
    inline = re.findall(r"<script(?:\s+id=\"[^\"]*\")?>(.*?)</script>", page, flags=re.DOTALL)
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in inline
    ]
    scripts = " ".join([*hashes, *app.csp_hashes()])
    return (
        "default-src 'self'; "
        f"script-src 'self' {scripts}; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
    )


_POLICY = ""
_ITSELF = {sign_in.ITSELF: True}
# Asking for the list of callbacks builds it once; a fresh threaded worker could serve half of it.
server.test_client().get("/_dash-dependencies", environ_overrides=_ITSELF)
# After all inline callbacks, since their hashes are part of the policy.
_POLICY = _policy()
