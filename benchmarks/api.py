"""`POST /api/predict` beside the same weights behind Gradio with eager torch, asked in turns."""

from __future__ import annotations

import base64
import io
import json
import os
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.commands import MODELS, served, verdict
from benchmarks.gradio_server import RUN
from brainmri import phantom
from tests.dashboard.serving import serving

PYTHON = "BRAINMRI_GRADIO_PYTHON"
"""The Python of an environment with benchmarks/requirements-gradio.txt and requirements.txt."""
REQUESTS, _WARM = 40, 3
"""The first ones load models."""
LEAST_RATIO = 3.0


def run(repeats: int) -> None:
    """Ask in turns, and print the ratios of the medians, file in to probabilities out."""
    python = os.environ.get(PYTHON)
    if not python:
        print(f"api: skipped; {PYTHON} names no Python that has Gradio")
        return
    requests = max(REQUESTS, 8 * repeats)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder, "site"), models=MODELS) as site,
        served(
            [python, "-m", "benchmarks.gradio_server"], {"GRADIO_ANALYTICS_ENABLED": "False"}
        ) as gradio,
    ):
        asks: dict[str, Callable[[bytes], object]] = {
            "ours": lambda picture: _post(
                f"{site.url}api/predict?run={RUN}", picture, "application/octet-stream"
            ),
            "Gradio, as its documentation asks": lambda picture: _queued(gradio, picture),
            "Gradio, past its queue": lambda picture: _post(
                gradio + "gradio_api/run/predict", _as_gradio(picture), "application/json"
            ),
        }
        times: dict[str, list[float]] = {what: [] for what in asks}
        for i in range(requests + _WARM):
            picture = _jpeg(i)
            for what, ask in asks.items():
                start = time.perf_counter()
                ask(picture)
                times[what].append(time.perf_counter() - start)
    print(f"api: {requests} phantoms as JPEG, {RUN}, in turns")
    medians = {what: float(np.median(each[_WARM:])) for what, each in times.items()}
    for what, seconds in medians.items():
        print(f"  {what:34} {1000 * seconds:4.0f} ms")
    ours = medians.pop("ours")
    for what, seconds in medians.items():
        ratio = seconds / ours
        verdict(f"{what} / ours", f"{ratio:.1f}", ratio >= LEAST_RATIO, f"at least {LEAST_RATIO}")


def _jpeg(seed: int) -> bytes:
    pixels = phantom.draw(phantom.CLASSES[seed % len(phantom.CLASSES)], seed)
    kept = io.BytesIO()
    Image.fromarray(pixels).save(kept, "JPEG", quality=90)
    return kept.getvalue()


def _queued(gradio: str, picture: bytes) -> bytes:
    """A request that queues the work, and one that waits for its result."""
    url = gradio + "gradio_api/call/predict"
    event = json.loads(_post(url, _as_gradio(picture), "application/json"))["event_id"]
    with urllib.request.urlopen(f"{url}/{event}", timeout=60) as answer:
        found: bytes = answer.read()
    if b"event: complete" not in found:
        raise RuntimeError(f"Gradio answered {found[:200]!r}")
    return found


def _as_gradio(picture: bytes) -> bytes:
    """With the picture inside: uploading it first would take one more request."""
    url = "data:image/jpeg;base64," + base64.b64encode(picture).decode()
    return json.dumps({"data": [{"url": url, "meta": {"_type": "gradio.FileData"}}]}).encode()


def _post(url: str, body: bytes, kind: str) -> bytes:
    request = urllib.request.Request(url, data=body, headers={"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: bytes = answer.read()
    return found
