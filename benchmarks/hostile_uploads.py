"""Mutated uploads and damaged requests to a real server: no worker dies, nothing fails, memory stays."""

from __future__ import annotations

import http.client
import json
import select
import socket
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.commands import MODELS, family, resident_bytes, verdict
from brainmri import intake
from tests.dashboard.damaged import CHUNKS, LENGTHS, answered, head, line
from tests.dashboard.serving import Site, serving
from tests.mutations import sound, uploads

UPLOADS = 10_000
_EACH, _STALLED = 20, 8
"""After so many uploads a request is damaged; so many connections stall, all the time."""
MOST_MEMORY_MB = 512.0
MOST_SECONDS = 2.0
_BOUNDARY = "brainmri-limit"


def run(count: int = UPLOADS, seed: int = 0, most_seconds: float = 3600) -> None:
    """Send `count` mutated uploads to a server of its own, one after the other, and print what came of it.

    Every twentieth request is damaged itself, and eight connections stall meanwhile. After `most_seconds`
    it ends where it is.
    """
    with tempfile.TemporaryDirectory() as folder, serving(
        Path(folder) / "site", models=MODELS
    ) as site:  # fmt: skip
        for data in sound():  # Readers and models are loaded once, which is no matter of uploads.
            send(site, data, "warm.bin", 1)
        workers = family(site.process.pid)
        before = _memory(site, workers)
        peak, stop = [before], threading.Event()
        watch = threading.Thread(target=_watch, args=(site, workers, peak, stop))
        watch.start()
        statuses: Counter[str] = Counter()
        codes: Counter[str] = Counter()
        refusals: list[tuple[float, str]] = []
        damaged, stalled = _damaged(), _Stalled(site)
        begun, sent = time.perf_counter(), 0
        for kind, data, name, number in uploads(
            count, seed, crowd_bytes=intake.MAX_BYTES - 100_000
        ):
            if time.perf_counter() - begun > most_seconds:
                break
            sent += 1
            if sent % _EACH == 0:
                stalled.look()
                what, request = next(damaged)
                start = time.perf_counter()
                status, code = _raw(site, request)
                statuses[f"{status // 100}xx"] += 1
                codes[code] += 1
                refusals.append((time.perf_counter() - start, f"{what}: {code}"))
                continue
            start = time.perf_counter()
            status, answer = send(site, data, name, number)
            seconds = time.perf_counter() - start
            statuses[f"{status // 100}xx"] += 1
            if status == 200:
                codes["(answered)"] += 1
            else:
                code = answer["error"]["code"]
                codes[code] += 1
                refusals.append((seconds, f"{kind}: {code}"))
        sending_seconds = time.perf_counter() - begun
        stop.set()
        watch.join()
        stalled.end()
        alive = set(workers) <= set(family(site.process.pid))
        log = site.log.read_text()
    print(f"hostile-uploads: {sent:,} requests in {sending_seconds:,.0f} s, seed {seed}")
    print(f"  {', '.join(f'{n:,} {code}' for code, n in codes.most_common())}")
    print(f"  {'workers':24} {'all alive' if alive else 'DIED':>9}")
    verdict("5xx", str(statuses["5xx"]), statuses["5xx"] == 0, "0")
    verdict(
        "stalled, refused with 408",
        f"{stalled.refused} of {stalled.ended}",
        stalled.refused == stalled.ended > 0,
        "all",
    )
    verdict("tracebacks in the log", str(log.count("Traceback")), "Traceback" not in log, "0")
    more = (max(peak) - before) / 1e6
    verdict("more memory", f"{more:,.0f} MB", more <= MOST_MEMORY_MB, f"{MOST_MEMORY_MB:.0f} MB")
    _tell_times(refusals)


def _tell_times(refusals: list[tuple[float, str]]) -> None:
    times = [seconds for seconds, _ in refusals]
    refusals.sort(reverse=True)
    slowest = refusals[0]
    middle = f"{1e3 * statistics.median(times):,.0f} ms"
    print(f"  {'refusal, median':24} {middle:>9}")
    verdict(
        "refusal, slowest",
        f"{slowest[0]:.2f} s",
        slowest[0] <= MOST_SECONDS,
        f"{MOST_SECONDS:.0f} s ({slowest[1]})",
    )
    print(
        "  the next: " + ", ".join(f"{seconds:.2f} s ({what})" for seconds, what in refusals[1:6])
    )


def send(
    site: Site, data: bytes, name: str, number: int | None
) -> tuple[int, dict[str, dict[str, Any]]]:
    """POST one file as a form; the status and the answer."""
    disposition = f"--{_BOUNDARY}\r\nContent-Disposition: form-data; name="
    body = b""
    if number is not None:
        body += f'{disposition}"slice"\r\n\r\n{number}\r\n'.encode()
    head = f'{disposition}"file"; filename="{name}"\r\n\r\n'
    body += head.encode() + data + f"\r\n--{_BOUNDARY}--\r\n".encode()
    address = urlsplit(site.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    try:
        connection.request(
            "POST",
            "/api/predict",
            body,
            {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"},
        )
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def _damaged() -> Iterator[tuple[str, bytes]]:
    """What is wrong with a request, and its bytes."""
    kinds = [
        *(
            (f"chunks, {what}", ["Transfer-Encoding: chunked"], body)
            for what, body in CHUNKS.items()
        ),
        *((f"length, {what}", fields, body) for what, (fields, body) in LENGTHS.items()),
    ]
    for route in cycle(("/api/predict", "/predict/answer?run=x", "/predict/picture")):
        for what, fields, body in kinds:
            yield what, head(route, *fields) + body


def _raw(site: Site, request: bytes) -> tuple[int, str]:
    """Send bytes and no more; the status of the answer, and its code where it is ours."""
    with line(site) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        status, (kind, body) = answered(connection)
    if not kind.startswith("application/json"):
        return status, "(refused by gunicorn)"
    told = json.loads(body)
    return status, str(told["error"]["code"] if "error" in told else told.get("code"))


class _Stalled:
    """Connections that send a part of a body and then nothing; each that is refused is begun anew."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lines = [self._new() for _ in range(_STALLED)]
        self.ended = self.refused = 0

    def look(self) -> None:
        """Read the refusals that have come."""
        for one in select.select(self._lines, [], [], 0)[0]:
            self._count(one)
            self._lines[self._lines.index(one)] = self._new()

    def end(self) -> None:
        """Wait for the last refusals."""
        for one in self._lines:
            self._count(one)

    def _new(self) -> socket.socket:
        one = line(self._site)
        one.sendall(head("/api/predict", "Content-Length: 900000") + bytes(1000))
        return one

    def _count(self, one: socket.socket) -> None:
        with one:
            self.ended += 1
            self.refused += answered(one)[0] == 408


def _memory(site: Site, workers: list[int]) -> float:
    """Of the workers and the decoders that they started.

    A process that is just being started still shows all the memory of the worker as its own.
    """
    decoders = [pid for pid in family(site.process.pid) if pid not in workers and _is_decoder(pid)]
    return float(sum(resident_bytes(pid) for pid in (*workers, *decoders)))


def _is_decoder(pid: int) -> bool:
    try:
        return b"brainmri.decoder" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _watch(site: Site, workers: list[int], peak: list[float], stop: threading.Event) -> None:
    while not stop.wait(0.02):
        peak.append(max(peak.pop(), _memory(site, workers)))
