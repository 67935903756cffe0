"""File to probabilities, embedding and maps with ONNX Runtime, against its bare forward and eager torch.

EfficientNet-lite0 with the weights of the requirements and a random output layer, exported to a temporary
run, so that both sides have the same weights; phantoms as images.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.commands import verdict
from brainmri import images, inference, phantom, runs
from brainmri.files import sha256
from brainmri.inference import Classifier
from brainmri.preprocessing import Preprocessing, network_input
from brainmri.training import export, networks

IMAGES, BLOCK = 130, 10
SIZES_PX = (160, 200, 256, 320, 384, 512)
PREPROCESSING = Preprocessing(160, "head")
MOST_OF_FORWARD, MOST_OF_EAGER = 2.0, 0.5
_RUN = "explain"


def run(repeats: int) -> None:
    """Measure with one thread and with the default number; `repeats` are not needed for a median."""
    del repeats
    files = _files()
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder)
        network = _exported(models)
        print(f"explain: {len(files)} PNG files of {SIZES_PX[0]} to {SIZES_PX[-1]} px, EfficientNet-lite0 at "
              f"{PREPROCESSING.size_px} px, medians in ms")  # fmt: skip
        usual = torch.get_num_threads()
        for threads, words in ((1, "one thread"), (0, "default threads")):
            torch.set_num_threads(threads or usual)
            _compare(inference.load(models, _RUN, threads=threads), network, files, words)
        torch.set_num_threads(usual)


def _compare(classifier: Classifier, network: nn.Module, files: list[bytes], words: str) -> None:
    ready = [network_input(_square(data)[None]) for data in files]
    shares: dict[str, list[float]] = {}

    def noted(name: str, begun: float) -> float:
        now = time.perf_counter()
        shares.setdefault(name, []).append(1000 * (now - begun))
        return now

    def explained(i: int) -> None:
        now = time.perf_counter()
        pixels = images.decode(files[i]).pixels
        now = noted("of it decoding", now)
        square = classifier.preprocessing.square(pixels)
        now = noted("of it canonical form", now)
        classifier.explain(square[None])
        noted("of it the model", now)

    def forward(i: int) -> None:
        classifier.session.run(None, {inference.INPUT_NAME: ready[i]})

    def eager(i: int) -> None:
        with torch.inference_mode():
            logits, embedding, maps = network(
                torch.from_numpy(network_input(_square(files[i])[None]))
            )
            logits.softmax(dim=1).numpy(), embedding.numpy(), maps.numpy()

    sides: dict[str, Callable[[int], None]] = {
        "file to answer": explained,
        "bare forward": forward,
        "eager torch, file to answer": eager,
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for start in range(0, len(files), BLOCK):
        # In blocks, not image by image: a side's threads spin for a while after it is done.
        for name, side in sides.items():
            for i in range(start, start + BLOCK):
                begun = time.perf_counter()
                side(i)
                if start and i > start:  # The first block, and the first of each, warm up.
                    times[name].append(1000 * (time.perf_counter() - begun))
    print(f"  {words}")
    for name, measured in (times | shares).items():
        print(f"    {name:28} {statistics.median(measured):7.2f}")
    whole, bare, torch_ms = (statistics.median(times[name]) for name in sides)
    for other, ms, most in (
        ("bare forward", bare, MOST_OF_FORWARD),
        ("eager torch", torch_ms, MOST_OF_EAGER),
    ):
        verdict(
            f"  file to answer / {other}",
            f"{whole / ms:.2f} x",
            whole <= most * ms,
            f"{most:.1f} x",
        )


def _square(data: bytes) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return PREPROCESSING.square(images.decode(data).pixels)


def _files() -> list[bytes]:
    """PNG files of phantoms, all sizes in every block."""
    found = []
    for i in range(IMAGES):
        size_px = SIZES_PX[i % len(SIZES_PX)]
        pixels = phantom.draw(phantom.CLASSES[i % 4], i)
        found.append(images.encode_png(images.resize(pixels, (size_px, size_px))))
    return found


def _exported(models: Path) -> nn.Module:
    """Write the run and return the network that it was made from, in evaluation mode."""
    torch.manual_seed(0)
    network = networks.efficientnet_lite0(len(phantom.CLASSES), frozen=0, dropout=0.0)
    nn.init.normal_(network.output.weight, std=0.05)
    path = models / _RUN / runs.MODEL_FILE
    path.parent.mkdir()
    path.write_bytes(export.to_onnx(network, PREPROCESSING.size_px).SerializeToString())
    runs.save(
        models,
        runs.Run(
            name=_RUN,
            architecture="efficientnet-lite0",
            classes=list(phantom.CLASSES),
            negative_class=phantom.NEGATIVE_CLASS,
            protocol=runs.OFFICIAL,
            index_sha256="",
            seed=0,
            configuration={},
            preprocessing=PREPROCESSING.to_json(),
            history=[],
            images={},
            model_sha256=sha256(path),
            versions={},
            created="",
            temperature=1.5,
        ),
    )
    return network.eval()
