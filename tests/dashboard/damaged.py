"""Requests whose bodies are damaged, written byte by byte, since no library sends them."""

from __future__ import annotations

import socket
from http.client import HTTPResponse
from urllib.parse import urlsplit

from tests.dashboard.serving import Site

CHUNKS = {
    "a size that is none": b"zzz\r\nabcd\r\n0\r\n\r\n",
    "a negative size": b"-5\r\nabcd\r\n0\r\n\r\n",
    "no size": b"\r\nabcd\r\n0\r\n\r\n",
    "a size with a prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "no line end after a chunk": b"4\r\nabcdXX0\r\n\r\n",
    "a trailer that is none": b"4\r\nabcd\r\n0\r\nno trailer\r\n\r\n",
    "a second chunk without a size": b"4\r\nabcd\r\nq\r\n",
}
LENGTHS = {
    "longer than what comes": (["Content-Length: 1000"], b"abcd"),
    "shorter than what comes": (["Content-Length: 4"], b"abcd and more than that\r\n\r\n"),
    "no number": (["Content-Length: four"], b"abcd"),
    "negative": (["Content-Length: -4"], b"abcd"),
    "with a sign": (["Content-Length: +4"], b"abcd"),
    "empty": (["Content-Length: "], b"abcd"),
    "two of them": (["Content-Length: 4", "Content-Length: 5"], b"abcde"),
    "beside chunks": (["Content-Length: 4", "Transfer-Encoding: chunked"], b"0\r\n\r\n"),
    "far more than is taken": (["Content-Length: 99999999999999999999"], b"abcd"),
}


def line(site: Site) -> socket.socket:
    """A connection to the server."""
    port = urlsplit(site.url).port
    assert port is not None
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def head(route: str, *fields: str, content_type: str = "application/octet-stream") -> bytes:
    """The head of a POST to one of the server's addresses."""
    told = ["Host: 127.0.0.1", f"Content-Type: {content_type}", *fields]
    return "\r\n".join([f"POST {route} HTTP/1.1", *told, "", ""]).encode()


def answered(connection: socket.socket) -> tuple[int, tuple[str, bytes]]:
    """Status of the answer, and its content type and body."""
    response = HTTPResponse(connection)
    response.begin()
    return response.status, (response.getheader("Content-Type", ""), response.read())
