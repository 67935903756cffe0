"""Bodies of requests that are damaged, cut off, or never come: refused in one sentence, on every route."""

from __future__ import annotations

import io
import json
import re
import socket
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from brainmri import intake
from dashboard import bodies
from tests.dashboard.damaged import CHUNKS, LENGTHS, answered, head, line
from tests.dashboard.serving import Site, serving

ROUTES = (
    "/api/predict",
    "/predict/answer?run=x",
    "/predict/picture",
    "/predict/slice",
    "/predict/occlusion?run=x",
    "/predict/pair?run=x&earlier_bytes=2",
    "/bring/upload?name=a.csv",
    "/_dash-update-component",
)
FORM = "multipart/form-data; boundary=limit"


@pytest.fixture(scope="module")
def site(made_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("bodies") / "site", models=made_models) as running:
        yield running


def sentence(answer: tuple[str, bytes], code: str) -> str:
    """What is said, after a look whether it is said as everywhere."""
    kind, body = answer
    assert kind.startswith("application/json"), body[:200]
    told: dict[str, Any] = json.loads(body)
    if "fault" in told:  # The page Add shows this one.
        message: str = told["fault"]
    else:
        assert told["error"]["code"] == code
        message = told["error"]["message"]
    assert re.fullmatch(r"[^\n]+\.", message)
    assert "<" not in message
    return message


@pytest.mark.parametrize("route", ROUTES)
def test_damaged_chunks_are_refused_on_every_route_and_leave_no_traceback(
    site: Site, route: str
) -> None:
    for what, chunks in CHUNKS.items():
        kind = "application/json" if route.startswith("/_dash") else "application/octet-stream"
        asked = head(route, "Transfer-Encoding: chunked", content_type=kind)
        with line(site) as connection:
            connection.sendall(asked + chunks)
            status, answer = answered(connection)
        assert status == 400, what
        assert "damaged" in sentence(answer, code="bad_request"), what
    assert "Traceback" not in site.log.read_text()


@pytest.mark.parametrize("what", LENGTHS)
def test_lengths_that_are_wrong_are_refused(site: Site, what: str) -> None:
    """Most of them by gunicorn, before we hear of them."""
    fields, body = LENGTHS[what]
    with line(site) as connection:
        connection.sendall(head("/api/predict", *fields) + body)
        connection.shutdown(socket.SHUT_WR)
        status, _ = answered(connection)
    assert 400 <= status < 500
    assert "Traceback" not in site.log.read_text()


def test_damaged_chunks_of_a_form_are_refused(site: Site) -> None:
    part = b'--limit\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc\r\n'
    for chunks in (b"%x\r\n" % len(part) + part + b"\r\nzzz\r\n", b"zzz\r\n" + part):
        with line(site) as connection:
            connection.sendall(
                head("/api/predict", "Transfer-Encoding: chunked", content_type=FORM) + chunks
            )
            status, answer = answered(connection)
        assert status == 400
        assert "damaged" in sentence(answer, code="bad_request")
    assert "Traceback" not in site.log.read_text()


@pytest.mark.parametrize("route", ["/api/predict", "/predict/answer", "/bring/upload?name=a.csv"])
def test_a_body_that_is_cut_off_is_refused_and_not_read_as_a_shorter_one(
    site: Site, route: str
) -> None:
    for fields, body in (
        ("Content-Length: 1000", b"a,b\n1,2\n"),
        ("Transfer-Encoding: chunked", b"400\r\na,b"),
    ):
        with line(site) as connection:
            connection.sendall(head(route, fields) + body)
            connection.shutdown(socket.SHUT_WR)
            status, answer = answered(connection)
        assert status == 400
        assert "cut off" in sentence(answer, code="bad_request")
    assert "Traceback" not in site.log.read_text()


def test_a_whole_chunked_body_is_read(site: Site) -> None:
    with line(site) as connection:
        connection.sendall(
            head("/api/predict", "Transfer-Encoding: chunked") + b"4\r\nabcd\r\n0\r\n\r\n"
        )
        status, answer = answered(connection)
    assert status == 415
    sentence(answer, code="not_an_image")


def test_bodies_that_stall_leave_the_pages_answering_and_are_refused_at_last(site: Site) -> None:
    """Twice as many as requests are worked on at a time; some as chunks, one in a chunk's size."""
    with ExitStack() as held:
        lines = []
        for number in range(2 * bodies.MOST_AT_WORK):
            route = ROUTES[number % 7]
            connection = held.enter_context(line(site))
            stalled = (
                head(route, "Transfer-Encoding: chunked") + (b"400\r\nabc", b"40")[number % 4 // 2]
                if number % 2
                else head(route, "Content-Length: 900000") + bytes(1000)
            )
            connection.sendall(stalled)
            lines.append(connection)
        # Before any of them is refused.
        patience = bodies.PATIENCE_SECONDS - 1
        with urllib.request.urlopen(f"{site.url}state", timeout=patience) as page:
            assert page.status == 200
        for connection in lines:
            status, refused = answered(connection)
            assert status == 408
            assert "slower than 50 kB a second" in sentence(refused, code="too_slow")
    assert "Traceback" not in site.log.read_text()


def of_two_ends(ours: socket.socket, watched: bodies._Watch, length: int) -> bodies._Body:
    """A body as a server would read it from a connection."""
    work = threading.BoundedSemaphore(1)
    work.acquire()
    environ = {
        "wsgi.input": ours.makefile("rb"),
        "gunicorn.socket": ours,
        "CONTENT_LENGTH": str(length),
    }
    return bodies._Body(environ, work, watched, bodies._Held())


def test_many_bodies_that_wait_are_waited_for_less_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PATIENCE_SECONDS", 600.0)
    monkeypatch.setattr(bodies, "_SHORT_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(bodies, "_MANY", 2)
    watched = bodies._Watch()
    with ExitStack() as held:
        pairs = [[held.enter_context(end) for end in socket.socketpair()] for _ in range(3)]
        stalled = [of_two_ends(ours, watched, 10) for ours, _ in pairs]
        with ThreadPoolExecutor(3) as pool:
            faults = [one.exception() for one in [pool.submit(body.read, 10) for body in stalled]]
    assert [getattr(fault, "code", None) for fault in faults] == [408] * 3


def test_bodies_in_memory_are_limited_together_and_small_ones_are_always_taken(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MOST_HELD_BYTES", 1_000_000)
    upload = bytes(2_500_000)
    in_pieces: dict[str, Any] = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    for environ in ({}, in_pieces):
        stream = io.BytesIO(upload)
        refused = client.post(
            "/api/predict",
            input_stream=stream,
            environ_overrides={"CONTENT_LENGTH": str(len(upload)), **environ},
        )
        assert refused.status_code == 503
        assert refused.get_json()["error"]["code"] == intake.BUSY
        assert refused.headers["Retry-After"] == str(bodies.RETRY_SECONDS)
        # What was held has been let go of.
        assert client.post("/api/predict", data=bytes(1_900_000)).status_code == 415
