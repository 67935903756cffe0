"""Sign-in: every route and every callback by every role, and nothing for those who are nobody."""

from __future__ import annotations

import importlib
import itertools
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from brainmri import accounts
from dashboard import __main__, attempts, reach, roles, sign_in
from dashboard.app import _PAGES, app, server
from tests.brainmri.conftest import SmallDisk
from tests.dashboard.visit import Visitor, find, visible

PASSWORD = "correct horse battery"
NAMES = {role: f"a-{role}" for role in accounts.ROLES}
HASH = accounts.hashed(PASSWORD)
PAGES = [path for _, path, _ in _PAGES]
HTML = {"Accept": "text/html"}
HERE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def users(own: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One user of each role, all with the same password."""
    path = own.parent / "users.txt"
    path.write_text("".join(f"{name}:{role}:{HASH}\n" for role, name in NAMES.items()))
    monkeypatch.setenv(accounts.USERS, str(path))
    monkeypatch.setattr(server, "secret_key", None)
    yield path
    server.secret_key = None


def entered(client: FlaskClient, name: str, password: str = PASSWORD, **form: str) -> TestResponse:
    return client.post("/sign-in", data={"name": name, "password": password, **form}, headers=HERE)


def client_of(role: str | None) -> FlaskClient:
    client = server.test_client()
    if role is not None:
        assert entered(client, NAMES[role]).status_code == 302
    return client


def routes() -> list[tuple[str, str]]:
    """A method and an address of every route that there is."""
    found = [("GET", path) for path in PAGES]
    for rule in server.url_map.iter_rules():
        address = re.sub(r"<int:\w+>", "1", rule.rule)
        address = re.sub(r"<[^>]+>", "x", address)
        found += [(method, address) for method in sorted(rule.methods or set())]
    return found


DOOR = {("GET", "/sign-in"), ("HEAD", "/sign-in"), ("POST", "/sign-in"), ("POST", "/sign-out")}
"""What answers those who are nobody."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "X")


def callbacks() -> list[str]:
    return [name for name, known in app.callback_map.items() if known.get("callback") is not None]


# The table says something of everything


def test_every_route_has_a_role() -> None:
    unnamed = [
        rule.rule
        for rule in server.url_map.iter_rules()
        if rule.rule not in ("/", "/<path:path>", sign_in.PATH, "/sign-out")
        and not any(rule.rule.startswith(start) for start, _ in roles.PATHS)
    ]
    assert unnamed == []


def test_every_callback_has_a_role() -> None:
    modules = {app.callback_map[name]["callback"].__module__ for name in callbacks()}
    unnamed = [
        module
        for module in sorted(modules)
        if not any(module == known or module.startswith(f"{known}.") for known in roles.MODULES)
    ]
    assert unnamed == []


def test_the_table_names_nothing_that_is_not_there() -> None:
    for module in roles.MODULES:
        importlib.import_module(module)


def test_what_is_in_no_table_is_for_maintainers() -> None:
    assert roles.of_path("/new/thing", frozenset()) == accounts.MAINTAINER
    assert roles.of_module("dashboard.pages.new") == accounts.MAINTAINER


@pytest.mark.parametrize(
    ("path", "role"),
    [("/", "viewer"), ("/data", "viewer"), ("/evaluate", "viewer"), ("/compare", "viewer"),
     ("/predict", "clinician"), ("/bring", "maintainer"), ("/bring/upload", "maintainer"),
     ("/review", "clinician"), ("/kept/x", "clinician"), ("/predict/answer", "clinician"),
     ("/api/predict", "clinician"), ("/report/x.html", "viewer"), ("/state", "viewer"),
     ("/image/x", "viewer"), ("/download/x.csv", "viewer")],
)  # fmt: skip
def test_the_roles_are_those_that_were_asked_for(path: str, role: str) -> None:
    assert roles.of_path(path, frozenset(PAGES)) == role


# Every route by every role


@pytest.mark.usefixtures("users")
def test_nobody_gets_anything_but_the_sign_in_page() -> None:
    client = client_of(None)
    asked = set(
        itertools.product(METHODS, [address for _, address in routes()] + ["/sign-in/", "/no"])
    )
    for method, address in sorted(asked - DOOR):
        answer = client.open(address, method=method, headers=HERE)
        assert (method, address, answer.status_code) == (method, address, 401)
        assert answer.get_data(as_text=True) in ("Sign in first.\n", "")
    for name in callbacks():
        answer = client.post("/_dash-update-component", json={"output": name}, headers=HERE)
        assert (name, answer.status_code) == (name, 401)
    for path in PAGES:
        answer = client.get(path, headers=HTML)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/sign-in?next=")
    out = client.post("/sign-out", headers=HERE)
    assert (out.status_code, out.headers["Location"]) == (302, "/sign-in")
    door = client.get("/sign-in")
    assert door.status_code == 200
    assert "careful" not in door.get_data(as_text=True)
    assert not re.search(r"(?:src|href)=.(?!data:)", door.get_data(as_text=True))


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("role", accounts.ROLES)
def test_every_route_answers_the_roles_that_it_is_for(role: str) -> None:
    client = client_of(role)
    for method, address in routes():
        if address == "/_dash-update-component":
            continue  # It depends on the callback: the next test.
        if (method, address) in DOOR:
            continue  # Tested below, one by one.
        needed = roles.of_path(address, frozenset(PAGES))
        answer = client.open(address, method=method, headers=HERE)
        allowed = accounts.may(role, needed)
        assert (method, address, answer.status_code == 403) == (method, address, not allowed)
        assert answer.status_code != 401


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("role", accounts.ROLES)
def test_a_page_with_a_slash_behind_its_address_is_the_same_page(role: str) -> None:
    client = client_of(role)
    for path in set(PAGES) - {"/"}:
        plain, slashed = (client.get(f"{path}{end}", headers=HTML) for end in ("", "/"))
        assert (path, slashed.status_code) == (path, plain.status_code)
        assert (path, slashed.mimetype) == (path, "text/html")
    # Nothing but pages.
    for path in ("/sign-in/x/", "/no/", "/bring/upload/"):
        refused = client.get(path).status_code == 403
        assert (path, refused) == (path, role != accounts.MAINTAINER)


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("role", accounts.ROLES)
def test_every_callback_is_reached_by_the_roles_that_its_page_is_for_and_by_no_other(
    role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(role)
    seen: list[str] = []
    for name in callbacks():
        known = app.callback_map[name]
        # In its place, since what it answers is tested page by page.
        monkeypatch.setitem(known, "callback", stand_in(known["callback"].__module__, name, seen))
        needed = roles.of_module(known["callback"].__module__)
        body = {"output": name, "outputs": [], "inputs": [], "state": [], "changedPropIds": []}
        answer = client.post("/_dash-update-component", json=body, headers=HERE)
        allowed = accounts.may(role, needed)
        assert (name, answer.status_code) == (name, 200 if allowed else 403)
        assert (name, seen == [name]) == (name, allowed)
        seen.clear()
    unknown = client.post("/_dash-update-component", json={"output": "x.y"}, headers=HERE)
    assert (unknown.status_code == 403) == (role != accounts.MAINTAINER)


def stand_in(module: str, name: str, seen: list[str]) -> Callable[..., str]:
    """A callback of the same module that notes that it was reached."""

    def reached(*_args: Any, **_more: Any) -> str:
        seen.append(name)
        return "{}"

    reached.__module__ = module
    return reached


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize(
    ("role", "path"),
    [("viewer", "/predict"), ("viewer", "/review"), ("viewer", "/bring"), ("clinician", "/bring")],
)
def test_a_page_that_is_for_another_role_comes_in_its_frame_and_says_so(
    role: str, path: str
) -> None:
    client = client_of(role)
    answer = client.get(path, headers=HTML)
    assert (answer.status_code, answer.mimetype) == (403, "text/html")
    assert "_dash-config" in answer.get_data(as_text=True)
    assert "This page is for the role" in visible(Visitor(client).open(path))
    told = client.get(path)
    assert (told.status_code, told.mimetype) == (403, "text/plain")


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize(
    ("role", "path"), list(itertools.product(accounts.ROLES, ["/predict", "/bring", "/evaluate"]))
)
def test_a_page_that_is_reached_by_a_link_says_who_it_is_for(role: str, path: str) -> None:
    page = Visitor(client_of(role)).open(path)
    allowed = accounts.may(role, roles.of_path(path, frozenset(PAGES)))
    assert ("Not for your role" in visible(page)) == (not allowed)


@pytest.mark.usefixtures("users")
def test_the_bar_leads_to_what_the_role_may_see_and_out() -> None:
    frame = client_of("viewer").get("/_dash-layout").get_json()
    assert [link["props"]["label"] for link in find(frame, "NavLink")] == [
        title for title, path, _ in _PAGES if roles.of_path(path, frozenset(PAGES)) == "viewer"
    ]
    assert "Sign out a-viewer" in visible(frame)


# Coming and going


@pytest.mark.usefixtures("users")
def test_a_wrong_name_and_a_wrong_password_are_told_alike() -> None:
    client = client_of(None)
    wrong = [entered(client, name, word) for name, word in (("a-viewer", "x"), ("none", PASSWORD))]
    assert [answer.status_code for answer in wrong] == [401, 401]
    texts = [answer.get_data(as_text=True) for answer in wrong]
    assert texts[0] == texts[1]
    assert "The name or the password is wrong." in texts[0]
    assert client.get("/_dash-layout").status_code == 401


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are compared as they are, since a hash is slow on purpose."""
    monkeypatch.setattr(accounts, "fits", lambda word, of: (word, of) == (PASSWORD, HASH))


@pytest.mark.usefixtures("users", "quick")
def test_guessing_a_name_is_stopped_even_for_the_right_password() -> None:
    client = client_of(None)
    for _ in range(5):
        assert entered(client, "a-viewer", "guess").status_code == 401
    stopped = entered(client, "a-viewer")
    assert stopped.status_code == 429
    assert "Too many wrong passwords for this name" in stopped.get_data(as_text=True)
    assert entered(client, "a-maintainer").status_code == 302


@pytest.mark.usefixtures("users", "quick")
def test_a_name_that_there_is_not_is_stopped_just_the_same() -> None:
    client = client_of(None)
    told = [entered(client, "nobody", "guess").status_code for _ in range(6)]
    assert told == [401] * 5 + [429]


@pytest.mark.usefixtures("users", "quick")
def test_nobody_keeps_others_out_by_guessing_many_names() -> None:
    client = client_of(None)
    for i in range(100):
        assert entered(client, f"nobody-{i}", "guess").status_code == 401
    assert entered(client, "a-viewer").status_code == 302


@pytest.mark.usefixtures("users", "quick")
def test_behind_a_proxy_each_address_that_it_tells_is_counted_by_itself() -> None:
    client = client_of(None)

    def told(forwarded: str, password: str = PASSWORD, address: str = "127.0.0.1") -> int:
        return client.post(
            "/sign-in", data={"name": "a-viewer", "password": password},
            headers={**HERE, "X-Forwarded-For": forwarded}, environ_base={"REMOTE_ADDR": address},
        ).status_code  # fmt: skip

    for i in range(5):
        # Only what the proxy itself added counts.
        assert told(f"198.51.100.{i}, 203.0.113.9", "guess") == 401
    assert told("203.0.113.9") == 429
    assert told("192.0.2.1, 203.0.113.9, 127.0.0.1") == 429
    assert told("203.0.113.10") == 302
    assert told("203.0.113.9", address="198.51.100.7") == 302
    for i in range(5):
        assert told(f"2001:db8:0:1::{i}", "guess") == 401  # One network, one guesser.
    assert told("2001:db8:0:1::77") == 429
    assert told("2001:db8:0:2::77") == 302


@pytest.mark.usefixtures("own")
def test_guesses_from_many_addresses_are_counted_together_and_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begun(i: int) -> bool:
        return attempts.begin(tmp_path, "anna", f"203.0.113.{i}")

    assert [begun(i) for i in range(attempts.MOST_ANYWHERE + 1)].count(
        True
    ) == attempts.MOST_ANYWHERE
    assert attempts.begin(tmp_path, "bert", "203.0.113.1")
    attempts.succeeded(tmp_path, "anna", "203.0.113.1")
    assert [begun(1), begun(1)] == [True, False]
    monkeypatch.setattr(attempts, "_MOST_ROWS", 10)
    for i in range(20):
        attempts.begin(tmp_path, f"name-{i}", "203.0.113.1")
    with closing(sqlite3.connect(tmp_path / "sign-in.sqlite")) as file:
        assert file.execute("SELECT count(*) FROM attempts").fetchone()[0] <= 12
        assert b"anna" not in (tmp_path / "sign-in.sqlite").read_bytes()
    monkeypatch.setattr(attempts, "WITHIN_SECONDS", 0)
    assert begun(0)


def test_on_a_full_disk_nobody_signs_in_and_is_told_so(
    users: Path, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert users.is_file()
    monkeypatch.setenv("BRAINMRI_STATE", str(small_disk.folder))
    client = server.test_client()
    with small_disk.full(spare_bytes=0):
        for answer in (client.get("/sign-in"), entered(client, "a-viewer"), client.get("/")):
            assert answer.status_code == 503
            text = answer.get_data(as_text=True)
            assert text.startswith("Nobody can sign in: the dashboard cannot write to its folder (")
            assert str(small_disk.folder) not in text
    assert [path.name for path in small_disk.folder.glob(".secret-*")] == []
    assert entered(client, "a-viewer").status_code == 302
    with small_disk.full(spare_bytes=0):
        # Signed in before, one stays so.
        assert client.get("/_dash-layout").status_code == 200
        again = entered(server.test_client(), "a-viewer")
        assert (again.status_code, "Nobody can sign in" in again.get_data(as_text=True)) == (
            503,
            True,
        )


@pytest.mark.usefixtures("users")
def test_the_cookie_is_for_this_site_only_and_out_of_reach_of_scripts() -> None:
    client = client_of(None)
    cookie = entered(client, "a-viewer").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    behind = client.post("/sign-in", data={"name": "a-viewer", "password": PASSWORD},
                         headers={**HERE, "X-Forwarded-Proto": "https"})  # fmt: skip
    assert "Secure" in behind.headers["Set-Cookie"]


@pytest.mark.usefixtures("users")
def test_a_forged_cookie_is_nobody() -> None:
    import flask

    other = flask.Flask("other")
    other.secret_key = "guessed"
    interface = flask.sessions.SecureCookieSessionInterface()
    signer = interface.get_signing_serializer(other)
    assert signer is not None
    client = server.test_client()
    client.set_cookie("brainmri", str(signer.dumps({"name": "a-maintainer", "at": 0})))
    assert client.get("/_dash-layout").status_code == 401


def test_signing_out_a_new_password_and_time_end_a_session(
    users: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of("viewer")
    assert client.get("/_dash-layout").status_code == 200
    client.post("/sign-out", headers=HERE)
    assert client.get("/_dash-layout").status_code == 401
    client = client_of("viewer")
    with monkeypatch.context() as later:
        later.setattr(sign_in, "_LASTS_SECONDS", 0)
        assert client.get("/_dash-layout").status_code == 401
    users.write_text(accounts.line("a-viewer", "viewer", "another password") + "\n")
    assert client.get("/_dash-layout").status_code == 401


def test_a_session_lasts_over_a_restart(users: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of("viewer")
    monkeypatch.setattr(server, "secret_key", None)
    assert client.get("/_dash-layout").status_code == 200
    secret = users.parent / "models" / ".state" / "secret"
    assert secret.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize(
    ("target", "leads"),
    [("/evaluate?run=x", "/evaluate?run=x"), ("https://evil.example/", "/"), ("//evil.example", "/"),
     ("/\\evil.example", "/"), ("javascript:alert(1)", "/"), ("", "/")],
)  # fmt: skip
def test_after_signing_in_one_is_led_to_this_site_only(target: str, leads: str) -> None:
    assert entered(client_of(None), "a-viewer", next=target).headers["Location"] == leads


@pytest.mark.usefixtures("users")
def test_what_is_typed_cannot_become_part_of_the_page() -> None:
    text = client_of(None).get('/sign-in?next=/"><script>x</script>').get_data(as_text=True)
    assert "<script>" not in text


def test_a_users_list_that_cannot_be_read_lets_nobody_in(users: Path) -> None:
    client = client_of("maintainer")
    users.write_text("broken\n")
    assert client.get("/_dash-layout").status_code == 503


@pytest.mark.usefixtures("users")
def test_programs_sign_in_with_each_request() -> None:
    client = client_of(None)
    assert client.get("/_dash-layout", auth=("a-viewer", PASSWORD)).status_code == 200
    assert client.get("/_dash-layout", auth=("a-viewer", "guess")).status_code == 401
    assert client.get("/bring", auth=("a-viewer", PASSWORD)).status_code == 403


# A proxy in front


def asked(headers: dict[str, str], address: str = "127.0.0.1", path: str = "/_dash-layout") -> int:
    client = server.test_client()
    return client.get(path, headers=headers, environ_base={"REMOTE_ADDR": address}).status_code


def test_a_proxy_names_the_user(users: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked({"X-User": "a-viewer"}) == 401
    monkeypatch.setenv(reach.PROXY_HEADER, "X-User")
    assert asked({}) == 401
    assert asked({"X-User": "a-viewer"}) == 200
    assert asked({"X-User": "a-viewer"}, path="/bring") == 403
    assert asked({"X-User": "a-maintainer"}, path="/bring") == 200
    assert asked({"X-User": "somebody-new"}) == 200
    assert asked({"X-User": "somebody-new"}, path="/predict") == 403
    assert asked({"X-User": "a-maintainer"}, address="192.0.2.7") == 401
    monkeypatch.setenv(reach.PROXY_ADDRESSES, "192.0.2.7")
    assert asked({"X-User": "a-maintainer"}, address="192.0.2.7") == 200
    monkeypatch.delenv(accounts.USERS)
    assert users.exists()
    assert asked({"X-User": "a-maintainer"}, address="192.0.2.7", path="/bring") == 403


# Also without sign-in


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://localhost"}, True),
        (HERE, True),
        ({}, True),
    ],
)
def test_another_site_cannot_change_anything(headers: dict[str, Any], taken: bool) -> None:
    body = b"label,prob_a,prob_b\na,1,0\n"
    answer = server.test_client().post("/bring/upload?name=x.csv", data=body, headers=headers)
    assert answer.status_code == (200 if taken else 403)


@pytest.mark.usefixtures("own")
def test_where_nobody_has_to_sign_in_there_is_no_door_and_no_cookie() -> None:
    client = server.test_client()
    assert client.get("/sign-in").headers["Location"] == "/"
    answer = client.get("/")
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("address", "headers", "here"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {"Host": "[::1]:8050"}, True),
        ("::ffff:127.0.0.1", {"Host": "127.0.0.1:8050"}, True),
        ("127.0.0.1", {"Host": "localhost:8050", "Origin": "http://localhost:8050"}, True),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, True),
        ("192.0.2.7", {}, False),
        ("192.0.2.7", {"X-Forwarded-For": "127.0.0.1"}, False),
        ("", {}, False),  # A proxy on a Unix socket.
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, False),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9, 127.0.0.1"}, False),
        ("127.0.0.1", {"X-Real-IP": "203.0.113.9"}, False),
        ("127.0.0.1", {"Forwarded": 'for="[2001:db8::1]";proto=https'}, False),
        ("127.0.0.1", {"Forwarded": "for=_hidden"}, False),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1;by=127.0.0.1"}, True),
        ("127.0.0.1", {"X-Forwarded-Host": "mri.example.org"}, False),
        ("127.0.0.1", {"Host": "mri.example.org"}, False),
        (
            "127.0.0.1",
            {"Origin": "https://mri.example.org", "Sec-Fetch-Site": "same-origin"},
            False,
        ),
    ],
)
def test_without_sign_in_another_machine_is_answered_on_purpose_only(
    address: str, headers: dict[str, str], here: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked(headers, address) == (200 if here else 403)
    monkeypatch.setenv(reach.OPEN, "1")
    assert asked(headers, address) == 200


@pytest.mark.usefixtures("own")
def test_who_is_refused_is_told_what_to_set() -> None:
    client = server.test_client()
    for path in ("/", "/assets/style.css", "/_dash-layout", "/sign-in", "/nowhere"):
        answer = client.get(path, headers=HTML, environ_base={"REMOTE_ADDR": "192.0.2.7"})
        assert (answer.status_code, answer.get_data(as_text=True)) == (403, reach.REFUSED)
    assert accounts.USERS in reach.REFUSED
    assert f"{reach.OPEN}=1" in reach.REFUSED


# The command that serves


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    hosts: list[str] = []
    monkeypatch.setattr(__main__, "_serve", lambda host, _port, _workers: hosts.append(host))
    monkeypatch.setattr(__main__, "_port_fault", lambda _host, _port: None)
    monkeypatch.delenv(accounts.USERS, raising=False)
    monkeypatch.delenv(reach.PROXY_HEADER, raising=False)
    monkeypatch.setenv(reach.OPEN, "")
    return hosts


def test_other_machines_are_served_with_sign_in_or_on_purpose_only(
    served: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for host in ("0.0.0.0", "192.0.2.1", "::", "example.org"):
        assert __main__.main(["--host", host]) == 2
        assert "nobody has to sign in" in capsys.readouterr().err
    assert served == []
    for host in ("127.0.0.1", "::1", "localhost"):
        assert __main__.main(["--host", host]) == 0
    assert os.environ[reach.OPEN] == ""
    assert __main__.main(["--host", "0.0.0.0", "--open-to-network"]) == 0
    assert os.environ[reach.OPEN] == "1"
    monkeypatch.setenv(accounts.USERS, f"anna:viewer:{HASH}")
    assert __main__.main(["--host", "0.0.0.0"]) == 0
    assert served == ["127.0.0.1", "::1", "localhost", "0.0.0.0", "0.0.0.0"]


@pytest.mark.usefixtures("served")
def test_a_broken_users_list_is_told_before_anything_is_served(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(accounts.USERS, "/nowhere/users.txt")
    assert __main__.main([]) == 2
    assert "cannot be read" in capsys.readouterr().err
