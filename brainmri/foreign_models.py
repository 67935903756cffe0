"""An ONNX model of anybody: what it wants to see, what its outputs mean, and what it says of the test rows.

The model itself runs in `sandbox`; here are only numbers that go in and come out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brainmri import predictions, runs
from brainmri.errors import ImageError, InputError
from brainmri.files import sha256
from brainmri.images import decode, resize
from brainmri.index import ImageIndex
from brainmri.inference import softmax
from brainmri.predictions import Predictions
from brainmri.sandbox import Limits, Loaded, Port, Sandbox
from brainmri.sandbox_child import TYPES

if TYPE_CHECKING:
    import pandas as pd

LAYOUTS = {
    "nchw": "channels first (PyTorch)",
    "nhwc": "channels last (Keras)",
    "flat": "one row of numbers (scikit-learn)",
}
SCALINGS = {
    "unit": "0 to 1",
    "signed": "−1 to 1",
    "raw": "0 to 255",
    "imagenet": "ImageNet mean and deviation",
    "caffe": "BGR minus the ImageNet mean (Keras VGG, ResNet50)",
}
MEANINGS = {"probabilities": "probabilities", "logits": "logits (softmax is applied)"}
MOST_BYTES = 500_000_000
MOST_SIZE_PX = 1_024
MOST_MINUTES = 30
MOST_SECONDS_PER_IMAGE = 1.0
"""Of processor time; a network of 300 MB needs about half of it."""
_JUDGED_SECONDS = 8.0
"""Processor time over which the speed of a model is judged, again and again."""
_BATCH = 8
_QUICK_SECONDS = 0.5
_MOST_NUMBERS = 1 << 25
"""Of a batch whose size the model fixes, since they are put together outside of its locked process."""
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
_CAFFE_MEAN = np.array([103.939, 116.779, 123.68], np.float32)
_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Reading:
    """How a model is read: what it sees of an image and what its outputs mean.

    Attributes:
        size_px: side of the square that every image is scaled to.
        channels: 1, or 3 with the same grey in each.
        layout: of `LAYOUTS`.
        scaling: of `SCALINGS`.
        output: number of the output that is read.
        meaning: of `MEANINGS`.
        classes: of each column of the output. One column is the probability of the second of two.
    """

    size_px: int
    channels: int
    layout: str
    scaling: str
    output: int
    meaning: str
    classes: list[str]

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a job."""
        return asdict(self)


@dataclass(frozen=True)
class Preview:
    """What a model sees of one image, uint8 (size, size), and says: numbers per column, as told."""

    square: NDArray[np.uint8]
    told: NDArray[np.float32]
    keys: list[str] | None
    loaded: Loaded


def guess(loaded: Loaded, classes: Sequence[str]) -> Reading:
    """What the shape of a model's input suggests; everything else as is most usual.

    Raises:
        InputError: no image can be given to such an input.
    """
    port = _image_input(loaded)
    layout, channels, size_px = _shape(port.shape)
    return Reading(
        size_px=size_px,
        channels=channels,
        layout=layout,
        scaling="raw" if port.type == "tensor(uint8)" else "unit",
        output=_likely_output(loaded),
        meaning="probabilities",
        classes=list(classes),
    )


def preview(model: Path, reading: Reading | None, pixels: NDArray[np.uint8], *,
            classes: Sequence[str], limits: Limits | None = None) -> tuple[Reading, Preview]:  # fmt: skip
    """Let a model look at one image.

    Args:
        model: the ONNX file.
        reading: how; guessed, with what the outputs look like, when None.
        pixels: greyscale uint8 (h, w).
        classes: of the data.
        limits: of the sandbox.

    Returns:
        The reading, and what the model saw and said.

    Raises:
        InputError: it may not be run, or cannot look at such an image.
    """
    with Sandbox(model, limits) as box:
        loaded = box.load()
        guessed = reading or guess(loaded, classes)
        check(guessed, loaded)
        square = resize(pixels, (guessed.size_px, guessed.size_px))
        batch = prepare(square[None], guessed, loaded)
        rows, keys = box.answer(batch, output=guessed.output)
    if reading is None:
        meaning = "probabilities" if _are_probabilities(rows[:1]) else "logits"
        named = list(keys) if keys is not None and sorted(keys) == sorted(classes) else None
        guessed = replace(guessed, meaning=meaning, classes=named or guessed.classes)
    return guessed, Preview(square, rows[0], keys, loaded)


def check(reading: Reading, loaded: Loaded) -> None:
    """Refuse a reading that does not fit the model's input.

    Raises:
        InputError: which part does not fit, and what would.
    """
    shape = _image_input(loaded).shape
    if reading.channels not in (1, 3):
        raise InputError(f"There are {reading.channels} colour channels; use 1 or 3.")
    if not 1 <= reading.size_px <= MOST_SIZE_PX:
        raise InputError(f"The size is {reading.size_px} pixels; use 1 to {MOST_SIZE_PX:,}.")
    if not 0 <= reading.output < len(loaded.outputs):
        raise InputError(f"The model has {len(loaded.outputs)} outputs; choose one of them.")
    wanted = _sizes(reading)
    fits = len(shape) == len(wanted) + 1 and all(
        fixed is None or fixed == size for fixed, size in zip(shape[1:], wanted, strict=True)
    )
    if shape and not fits:
        raise InputError(
            f"The model wants {_told(shape)} and would be given {_told([shape[0], *wanted])}; change "
            "the size, the colours or the order."
        )
    if loaded.batch is not None and not 0 < loaded.batch * math.prod(wanted) <= _MOST_NUMBERS:
        raise InputError(
            f"The model wants {loaded.batch:,} images at a time, which is too many; export it for one at a "
            "time, or for any number."
        )


def prepare(squares: NDArray[np.uint8], reading: Reading, loaded: Loaded) -> NDArray[Any]:
    """Squares uint8 (n, size, size) to what the model's input takes; shape as its layout says."""
    values: NDArray[Any] = np.repeat(squares[..., None], reading.channels, axis=3)
    values = values.astype(np.float32)
    if reading.scaling == "unit":
        values /= 255
    elif reading.scaling == "signed":
        values = values / np.float32(127.5) - 1
    elif reading.scaling == "imagenet":
        values = (values / 255 - _MEAN[: reading.channels]) / _DEVIATION[: reading.channels]
    elif reading.scaling == "caffe":
        values -= _CAFFE_MEAN[: reading.channels]
    if reading.layout == "nchw":
        values = values.transpose(0, 3, 1, 2)
    elif reading.layout == "flat":
        values = values.reshape(len(values), -1)
    if loaded.batch is not None and loaded.batch > len(values):
        # Rows of nothing; their answers are dropped.
        filler = np.zeros((loaded.batch - len(values), *values.shape[1:]), np.float32)
        values = np.concatenate([values, filler])
    return np.ascontiguousarray(values.astype(TYPES[loaded.inputs[0].type]))


def probabilities(told: NDArray[np.floating], reading: Reading) -> NDArray[np.float32]:
    """What a model told of n images, (n, columns), as probabilities float32 (n, k).

    Raises:
        InputError: the columns are not one per class, or are no probabilities.
    """
    rows: NDArray[Any] = np.asarray(told, dtype=np.float64)
    if not np.isfinite(rows).all():
        raise InputError(
            "The model answers with values that are not numbers; check the scaling of its input."
        )
    if rows.shape[1] == 1 and len(reading.classes) == 2:
        second = rows[:, 0]
        if reading.meaning == "logits":
            second = 0.5 * (1 + np.tanh(second / 2))
        rows = np.stack([1 - second, second], axis=1)
    elif rows.shape[1] != len(reading.classes):
        raise InputError(
            f"The model answers with {rows.shape[1]} numbers per image and the data has "
            f"{len(reading.classes)} classes ({', '.join(reading.classes)}); it must have one number "
            "per class. Choose another output, or index data of the model's own classes."
        )
    elif reading.meaning == "logits":
        return softmax(rows)
    if not _are_probabilities(rows):
        raise InputError(
            "The model's answers are no probabilities (between 0 and 1, together 1); choose logits."
        )
    return (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)


def evaluate(
    model: Path,
    reading: Reading,
    table: ImageIndex,
    images: Path,
    models: Path,
    name: str,
    *,
    part: str = "split",
    progress: Callable[[int, int], None] = lambda *_: None,
) -> str:
    """Let a model answer for every test image and add what it says as the run `name`.

    Args:
        model: the ONNX file.
        reading: how it is read.
        table: the image index.
        images: the data folder.
        models: folder of the runs.
        name: of the run to be.
        part: column of the index that says "test" of the rows to be judged by.
        progress: told (done, of how many) after each batch; what it raises ends the work.

    Returns:
        A sentence about what was done.

    Raises:
        InputError: the model or the reading cannot be used, or takes too long; no run is made.
    """
    if sorted(reading.classes) != sorted(table.classes):
        raise InputError(
            f"The data has the classes {', '.join(table.classes)}; give each of them one output."
        )
    chosen = test_rows(table, part)
    if chosen.empty:
        raise InputError(f'The split "{part}" has no test images; choose another.')
    paths: list[str] = []
    rows: list[NDArray[np.float32]] = []
    unread: list[str] = []
    with Sandbox(model) as box:
        loaded = box.load()
        check(reading, loaded)
        todo = chosen["path"].tolist()
        progress(0, len(todo))
        pace = _Pace(box, len(todo))
        # One image first: a batch of a large network may not end in time on a busy machine.
        at, batch_size = 0, loaded.batch or 1
        while at < len(todo):
            here, squares = [], []
            for path in todo[at : at + batch_size]:
                try:
                    squares.append(
                        resize(decode(images / path).pixels, (reading.size_px, reading.size_px))
                    )
                    here.append(path)
                except ImageError:
                    unread.append(path)
            if here:
                batch = prepare(np.stack(squares), reading, loaded)
                told, _ = box.answer(batch, output=reading.output)
                if len(told) < len(here):
                    raise InputError(
                        f"The model gave {len(told)} answers for {len(here)} images; export it so "
                        "that it answers per image."
                    )
                rows.append(probabilities(told[: len(here)], reading))
                paths += here
            at = min(at + batch_size, len(todo))
            progress(at, len(todo))
            seconds = pace.judge(at)
            if loaded.batch is None:
                batch_size = _BATCH if seconds < _QUICK_SECONDS else 1
    if not paths:
        raise InputError(f"None of the {len(todo):,} test images can be read; check --data.")
    label = chosen.set_index("path")["label"].loc[paths].tolist()
    number = {known: k for k, known in enumerate(reading.classes)}
    made = Predictions(
        paths=np.array(paths, dtype=object),
        splits=np.full(len(paths), "test", dtype=object),
        y_true=np.array([number[of] for of in label], dtype=np.int64),
        y_prob=np.concatenate(rows),
        classes=reading.classes,
        negative_class=table.negative_class,
        model_sha256=sha256(model),
    )
    runs.add(models, name, lambda to: predictions.write(to, made))
    done = f"{len(paths):,} test images were answered."
    return done + (
        f" {len(unread):,} could not be read and are left out, such as {unread[0]}."
        if unread
        else ""
    )


class _Pace:
    """Ends the work of a model that is too slow, as soon as it can be told."""

    def __init__(self, box: Sandbox, total: int) -> None:
        self._box, self._total = box, total
        self._done, self._used = 0, box.used_seconds

    def judge(self, done: int) -> float:
        """Seconds of processor time per image, lately.

        Raises:
            InputError: it is too slow.
        """
        used = self._box.used_seconds - self._used
        per_image = used / (done - self._done)
        if used >= _JUDGED_SECONDS:
            if per_image > MOST_SECONDS_PER_IMAGE:
                raise InputError(
                    f"The model needs {per_image:.1f} seconds of processor time per image, and at most "
                    f"{MOST_SECONDS_PER_IMAGE:g} is given; it was stopped after {done:,} of "
                    f"{self._total:,} images. A smaller one may do."
                )
            self._done, self._used = done, self._used + used
        return per_image


def test_rows(table: ImageIndex, part: str) -> pd.DataFrame:
    """The rows of the index that `part`, one of its columns, says "test" of.

    Raises:
        InputError: there is no such column.
    """
    if part not in table.rows.columns:
        raise InputError(f'The image index has no column "{part}"; choose another split.')
    return table.rows[table.rows[part].astype("string").str.lower() == "test"]


def _image_input(loaded: Loaded) -> Port:
    if len(loaded.inputs) != 1:
        raise InputError(f"The model has {len(loaded.inputs)} inputs; it must have one, the image.")
    (port,) = loaded.inputs
    if port.type not in TYPES:
        raise InputError(
            f"The input {port.name} is of type {port.type}; an image is given as float or uint8."
        )
    return port


def _shape(shape: list[int | None]) -> tuple[str, int, int]:
    """Layout, channels and size that an input suggests."""
    if len(shape) == 4:
        nhwc = shape[3] in (1, 3) and shape[1] not in (1, 3)
        channels = shape[3] if nhwc else shape[1]
        sides = [side for side in (shape[1:3] if nhwc else shape[2:4]) if side]
        if len(set(sides)) > 1:
            raise InputError(
                f"The model wants images of {sides[1]} × {sides[0]} pixels; only square ones are "
                "given."
            )
        if channels not in (None, 1, 3):
            raise InputError(f"The model wants {channels} colour channels; 1 or 3 are given.")
        return "nhwc" if nhwc else "nchw", channels or 3, sides[0] if sides else 224
    if len(shape) == 2:
        for channels in (1, 3):
            side = math.isqrt((shape[1] or 4096) // channels)
            if side * side * channels == (shape[1] or 4096):
                return "flat", channels, side
        raise InputError(
            f"The model wants rows of {shape[1]} numbers, which is no square image in grey or colour."
        )
    raise InputError(
        f"The input has {len(shape)} dimensions ({_told(shape)}); a model of images has 4, or 2 for "
        "rows of pixels."
    )


def _sizes(reading: Reading) -> list[int]:
    size, channels = reading.size_px, reading.channels
    if reading.layout == "flat":
        return [size * size * channels]
    return [channels, size, size] if reading.layout == "nchw" else [size, size, channels]


def _likely_output(loaded: Loaded) -> int:
    """The first output that is no list of answered classes, as scikit-learn's first one is."""
    for number, port in enumerate(loaded.outputs):
        if "int" not in port.type.partition(",")[0] and "string" not in port.type.partition(",")[0]:
            return number
        if port.type.startswith("seq(map"):
            return number
    return 0


def _are_probabilities(rows: NDArray[np.floating]) -> bool:
    inside = bool((rows >= -1e-6).all() and (rows <= 1 + 1e-6).all())
    return inside and (
        rows.shape[1] == 1 or bool((np.abs(rows.sum(axis=1) - 1) <= _SUM_TOLERANCE).all())
    )


def _told(shape: Sequence[int | None]) -> str:
    return " × ".join("n" if size is None else str(size) for size in shape)
