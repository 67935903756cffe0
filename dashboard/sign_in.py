"""Sign-in: off until BRAINMRI_USERS or BRAINMRI_PROXY_HEADER is set; then on every route, with three roles.

A request that changes something has to come from this site, signed in or not.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlsplit

from dash import Dash, html
from dash.development.base_component import Component
from flask import (
    Flask,
    Response,
    abort,
    g,
    has_request_context,
    redirect,
    render_template_string,
    request,
    session,
)
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer
from werkzeug.wrappers import Response as AnyResponse

from brainmri import accounts, state
from brainmri.accounts import Account
from brainmri.errors import InputError
from dashboard import asker, attempts, data, reach, roles
from dashboard.components import empty, page

CALLBACKS = "/_dash-update-component"
"""Where Dash's pages ask for callbacks."""
PATH = "/sign-in"
ITSELF = "brainmri.itself"
"""In the environment of a request that the process makes of itself; no header can set it."""
_OUT = "/sign-out"
_TOO_MANY = "Too many wrong passwords for this name. Wait a quarter of an hour, then try again."
_SAFE = ("GET", "HEAD", "OPTIONS")
_LASTS_SECONDS = 12 * 3600
_FREE = {("GET", PATH), ("HEAD", PATH), ("POST", PATH), ("POST", _OUT)}
"""All that is answered to those who are nobody."""


def is_on() -> bool:
    """Whether anybody has to sign in."""
    return bool(os.environ.get(accounts.USERS) or os.environ.get(reach.PROXY_HEADER))


def install(app: Dash, pages: frozenset[str]) -> None:
    """Put the door before every route of the app; `pages` are the addresses of its pages."""
    server: Flask = app.server
    server.session_interface = _Session()
    server.config.update(
        SESSION_COOKIE_NAME="brainmri", SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax"
    )

    @server.before_request
    def guard() -> AnyResponse | str | tuple[str, int] | None:
        if request.environ.get(ITSELF):
            return None
        if request.method not in _SAFE and not _same_site():
            abort(
                Response("This request does not come from this site.\n", 403, mimetype="text/plain")
            )
        return _barred(app, pages) if is_on() else _barred_without_sign_in()

    @server.after_request
    def refused(response: Response) -> Response:
        if g.get("not_for_role"):
            response.status_code = 403
        return response

    @server.get(PATH)
    def door() -> AnyResponse:
        if not is_on():
            return redirect("/")
        return _door("", request.args.get("next", "/"), 200)

    @server.post(PATH)
    def enter() -> AnyResponse:
        if not is_on():
            return redirect("/")
        name, target = request.form.get("name", "").strip(), request.form.get("next", "/")
        found = _checked(name, request.form.get("password", ""))
        if isinstance(found, str):
            return _door(found, target, 429 if found == _TOO_MANY else 401)
        session.clear()
        session.update(name=found.name, key=_fingerprint(found), at=int(time.time()))
        return redirect(_local(target))

    @server.post(_OUT)
    def leave() -> AnyResponse:
        session.clear()
        return redirect(PATH if is_on() else "/")


def may_see(path: str) -> bool:
    """Whether who asks may see the page at this address."""
    if not is_on() or not has_request_context():
        return True
    user = asker.signed_in()
    return user is not None and accounts.may(user.role, roles.of_path(path, frozenset({path})))


def guarded(path: str, layout: Callable[..., Component]) -> Callable[..., Component]:
    """A page that says who it is for to those that may not see it."""

    def build(**query: str | list[str]) -> Component:
        if may_see(path):
            return layout(**query)
        needed = roles.of_path(path, frozenset({path}))
        return page(
            "Not for your role",
            f"This page is for the role {needed}.",
            empty("What to do", "Ask who runs this dashboard for another role."),
        )

    return build


def badge() -> Component:
    """Who is signed in, and the way out; nothing where nobody has to."""
    user = asker.signed_in()
    if user is None:
        return html.Div()
    return html.Form(
        html.Button(f"Sign out {user.name}", type="submit", className="sign-out"),
        action=_OUT,
        method="post",
        title=f"{user.name}, {user.role}",
    )


def _barred(app: Dash, pages: frozenset[str]) -> AnyResponse | None:
    """What to answer instead to those who may not have what they ask for; None for those who may."""
    if not app.server.secret_key:
        return _not_written("there is nothing to sign cookies with")
    if (request.method, request.path) in _FREE:
        return None
    user = g.user = _user()
    if user is None:
        return _to_the_door()
    if accounts.may(user.role, _needed(app, pages)):
        return None
    if _page() in pages and _wants_page():
        g.not_for_role = True  # The page itself says who it is for: `guarded`.
        return None
    return _not_allowed(user)


def _barred_without_sign_in() -> AnyResponse | None:
    if reach.is_open() or reach.is_from_here(request):
        return None
    return Response(reach.REFUSED, 403, mimetype="text/plain")


def _needed(app: Dash, pages: frozenset[str]) -> str:
    """The role that this request is for."""
    if request.path != CALLBACKS:
        return roles.of_path(_page() if _page() in pages else request.path, pages)
    module = asked_module(app)
    return accounts.MAINTAINER if module is None else roles.of_module(module)


def asked_module(app: Dash) -> str | None:
    """The module of the callback that this request to `CALLBACKS` asks for; None for none of the server."""
    asked = request.get_json(silent=True)
    name = asked.get("output") if isinstance(asked, dict) else None
    known = app.callback_map.get(name) if isinstance(name, str) else None
    callback = None if known is None else known.get("callback")
    return None if callback is None else str(callback.__module__)


def _user() -> Account | None:
    """Who asks: by the proxy's header, by name and password in the request, or by the cookie."""
    known = _known()
    header = os.environ.get(reach.PROXY_HEADER)
    if header:
        name = request.headers.get(header, "").strip()
        if name and request.remote_addr in reach.proxies():
            return known.get(name) or Account(name[:64], accounts.VIEWER, accounts.NO_PASSWORD)
    given = request.authorization
    if given is not None and given.type == "basic":
        found = _checked(given.username or "", given.password or "")
        return found if isinstance(found, Account) else None
    user = known.get(str(session.get("name", "")))
    if user is None or session.get("key") != _fingerprint(user):
        return None
    at = session.get("at")
    return user if isinstance(at, int) and 0 <= time.time() - at < _LASTS_SECONDS else None


def _known() -> dict[str, Account]:
    try:
        return accounts.from_environment() or {}
    except InputError as error:
        # Nobody comes in by a list that cannot be read.
        abort(Response(f"{error}\n", 503, mimetype="text/plain"))


def _checked(name: str, password: str) -> Account | str:
    """The account whose password this is, or what to say."""
    address = reach.whose(request)
    try:
        folder = _state()
        if not attempts.begin(folder, name, address):
            return _TOO_MANY
        account = _known().get(name)
        good = accounts.fits(
            password[:1024], _hash_of_nobody() if account is None else account.password_hash
        )
        if account is None or not good:
            return "The name or the password is wrong."
        attempts.succeeded(folder, name, address)
    except (OSError, sqlite3.Error) as error:
        abort(_not_written(error))
    return account


@cache
def _hash_of_nobody() -> str:
    """What an unknown name's password is checked against, so that it takes as long as a known one's."""
    return accounts.hashed(secrets.token_hex(16))


def _secret() -> bytes:
    """What cookies are signed with: the same for all processes and after a restart.

    Raises:
        OSError: it can neither be read nor made.
    """
    path = _state() / "secret"
    if not path.is_file():
        draft = path.with_name(f".secret-{secrets.token_hex(8)}")
        try:
            draft.touch(mode=0o600)
            with draft.open("wb") as file:
                file.write(secrets.token_bytes(32))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(draft, path)  # Whole, and only where no other process was faster.
        finally:
            draft.unlink(missing_ok=True)
    return path.read_bytes()


def _state() -> Path:
    return state.folder(data.models_folder())


def _not_written(why: object) -> Response:
    """That nobody can sign in; what the folder is called is told to nobody."""
    cause = getattr(why, "strerror", None) or why
    return Response(
        f"Nobody can sign in: the dashboard cannot write to its folder ({cause}). Whoever runs it has to "
        f"free some space, allow it to write there, or name another folder in {state.STATE}.\n",
        503,
        mimetype="text/plain",
    )


def _fingerprint(user: Account) -> str:
    """Changes with the password, so that a new one ends all sessions of the old."""
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:16]


def _same_site() -> bool:
    """Whether a request that changes something was sent by a page of this site, or by no page at all."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


def _to_the_door() -> AnyResponse:
    if _wants_page():
        target = request.full_path.rstrip("?")
        return redirect(f"{PATH}?next={quote(target, safe='')}")
    return Response("Sign in first.\n", 401, mimetype="text/plain")


def _page() -> str:
    """The address that is asked for as a page's is written; Dash answers it with a slash behind too."""
    return request.path.rstrip("/") or "/"


def _wants_page() -> bool:
    return request.method == "GET" and "text/html" in request.headers.get("Accept", "")


def _not_allowed(user: Account) -> AnyResponse:
    return Response(f"The role {user.role} may not do this.\n", 403, mimetype="text/plain")


def _local(target: str) -> str:
    """An address of this site and no other."""
    safe = target.startswith("/") and not target.startswith(("//", "/\\")) and "\n" not in target
    return target if safe and target.isprintable() else "/"


def _door(said: str, target: str, status: int) -> AnyResponse:
    text = render_template_string(_PAGE, said=said, target=_local(target), path=PATH)
    return Response(text, status, mimetype="text/html", headers={"Cache-Control": "no-store"})


class _Session(SecureCookieSessionInterface):
    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Signs with our own secret, read when the first cookie is; none where nobody signs in."""
        if is_on() and not app.secret_key:
            with suppress(OSError):  # `guard` says so; a session is opened before it.
                app.secret_key = _secret()
        return super().get_signing_serializer(app)

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 (Flask's signature)
        """Over HTTPS only, where the sign-in was over HTTPS, also before a proxy."""
        return request.is_secure or request.headers.get("X-Forwarded-Proto") == "https"


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · Brain MRI</title><link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; --ink: #1d2430; --soft: #545d6b; --ground: #fff; --line: #8a93a0;
  --accent: #6156e0; --on: #fff; --bad: #a33018; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf0; --soft: #a8b0bd; --ground: #14171c;
  --line: #6b7482; --accent: #aca2f8; --on: #10151c; --bad: #f0977f; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px;
  background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 360px; }
h1 { font-size: 1.625rem; line-height: 1.2; margin: 0 0 8px; }
p { margin: 0 0 16px; color: var(--soft); }
p.said { color: var(--bad); font-weight: 600; }
label { display: block; font-weight: 600; font-size: 0.9375rem; margin-bottom: 16px; }
input { display: block; width: 100%; margin-top: 4px; padding: 10px 12px; font: inherit; color: inherit;
  background: transparent; border: 1px solid var(--line); border-radius: 8px; }
button { width: 100%; padding: 12px; font: inherit; font-weight: 600; border: 0; border-radius: 8px;
  background: var(--accent); color: var(--on); cursor: pointer; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
</style>
</head>
<body>
<main>
<h1>Brain MRI</h1>
<p>Sign in to see the results. It assists; it does not diagnose.</p>
{% if said %}<p class="said" role="alert">{{ said }}</p>{% endif %}
<form method="post" action="{{ path }}">
<input type="hidden" name="next" value="{{ target }}">
<label>Name<input name="name" autocomplete="username" required autofocus></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button>
</form>
</main>
</body>
</html>
"""
