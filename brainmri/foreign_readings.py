"""How an ONNX model of anybody is read: what it sees of an image, and what its answers mean.

Numbers in, numbers out; `foreign_models` lets the model itself answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainmri.classes import NEGATIVE_NAMES, TUMOUR, counted_as, plain
from brainmri.errors import InputError
from brainmri.inference import softmax
from brainmri.sandbox import Loaded, Port
from brainmri.sandbox_child import TYPES

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
MOST_SIZE_PX = 1_024
_MOST_NUMBERS = 1 << 25
"""Of a batch whose size the model fixes, since they are put together outside of its locked process."""
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
_CAFFE_MEAN = np.array([103.939, 116.779, 123.68], np.float32)
_SUM_TOLERANCE = 1e-3
_USUAL_PX = 224
_LEAST_USED = 1e-6
"""Share of an answer below which the columns that are used say nothing."""


@dataclass(frozen=True)
class Reading:
    """How a model is read: what it sees of an image and what its outputs mean.

    Attributes:
        size_px: width that every image is scaled to.
        channels: 1, or 3 with the same grey in each.
        layout: of `LAYOUTS`.
        scaling: of `SCALINGS`.
        output: number of the output that is read.
        meaning: of `MEANINGS`.
        classes: that it tells apart: those of the data, or the negative one and `TUMOUR`.
        columns: of the output, from 0, one for each of the classes; None: each in turn. One column alone
            stands for two, near zero (0) and near one (1).
        height_px: height that every image is scaled to; None: as the width.
    """

    size_px: int
    channels: int
    layout: str
    scaling: str
    output: int
    meaning: str
    classes: list[str]
    columns: list[int] | None = None
    height_px: int | None = None

    @property
    def shape_px(self) -> tuple[int, int]:
        """Width and height."""
        return self.size_px, self.height_px or self.size_px

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a job."""
        return asdict(self)


def guess(loaded: Loaded, classes: Sequence[str]) -> Reading:
    """What the shape of a model's input suggests; everything else as is most usual.

    Raises:
        InputError: no image can be given to such an input.
    """
    port = _image_input(loaded)
    layout, channels, (width_px, height_px) = _shape(port.shape)
    return Reading(
        size_px=width_px,
        height_px=height_px if height_px != width_px else None,
        channels=channels,
        layout=layout,
        scaling="raw" if port.type == "tensor(uint8)" else "unit",
        output=_likely_output(loaded, len(classes)),
        meaning="probabilities",
        classes=list(classes),
    )


def check(reading: Reading, loaded: Loaded) -> None:
    """Refuse a reading that does not fit the model's input.

    Raises:
        InputError: which part does not fit, and what would.
    """
    shape = _image_input(loaded).shape
    if reading.channels not in (1, 3):
        raise InputError(f"There are {reading.channels} colour channels; use 1 or 3.")
    for side in reading.shape_px:
        if not 1 <= side <= MOST_SIZE_PX:
            raise InputError(f"A side is {side} pixels long; use 1 to {MOST_SIZE_PX:,}.")
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


def prepare(images: NDArray[np.uint8], reading: Reading, loaded: Loaded) -> NDArray[Any]:
    """Images uint8 (n, height, width) to what the model's input takes; shape as its layout says."""
    values: NDArray[Any] = np.repeat(images[..., None], reading.channels, axis=3)
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
    meaning = reading.meaning
    if rows.shape[1] == 1 and len(reading.classes) == 2:
        one = rows[:, 0]
        if meaning == "logits":
            one, meaning = 0.5 * (1 + np.tanh(one / 2)), "probabilities"
        rows = np.stack([1 - one, one], axis=1)
    columns = reading.columns
    if columns is None:
        columns = list(range(rows.shape[1]))
    if len(columns) != len(reading.classes) or max(columns) >= rows.shape[1]:
        raise InputError(
            f"The model answers with {rows.shape[1]} numbers per image and there are "
            f"{len(reading.classes)} classes ({', '.join(reading.classes)}); it must have one number "
            "per class, or one or two for tumour and no tumour. Choose another output, or index data of "
            "the model's own classes."
        )
    chosen = rows[:, columns]
    if meaning == "logits":
        return softmax(chosen)
    if not (are_probabilities(rows) or are_probabilities(chosen)):
        raise InputError(
            "The model's answers are no probabilities (between 0 and 1, together 1); choose logits."
        )
    sums = chosen.sum(axis=1, keepdims=True)
    if (sums < _LEAST_USED).any():
        raise InputError(
            "The model gives next to nothing to the chosen columns of some images; choose the columns "
            "that mean the classes."
        )
    return (chosen / sums).astype(np.float32)


def assign(
    reading: Reading,
    columns: int,
    classes: Sequence[str],
    negative: str,
    keys: Sequence[str] | None = None,
) -> Reading:
    """The reading with a likely column for each class.

    Args:
        reading: what is known otherwise.
        columns: of the output.
        classes: of the data; fewer columns mean tumour and no tumour.
        negative: of them.
        keys: names of the columns, where the model tells any.
    """
    named = list(classes)
    if columns <= 2 < len(named):
        named = [negative, TUMOUR]
    first = list(range(len(named)))
    if keys is not None and set(named) <= set(keys):
        first = [list(keys).index(name) for name in named]
    elif keys is not None and columns == 2 == len(named):
        said = [plain(key) for key in keys]
        empty = [key in NEGATIVE_NAMES for key in said]
        if sum(empty) == 1:
            at = empty.index(True)
            first = [at if name == negative else 1 - at for name in named]
    possible = len(named) <= max(columns, 2 if columns == 1 else 0)
    return replace(reading, classes=named, columns=first if possible else None)


def fault_of_classes(reading: Reading, classes: Sequence[str], negative: str) -> str | None:
    """Why a run of such classes says nothing about the data, or None."""
    if sorted(reading.classes) in (sorted(classes), sorted([negative, TUMOUR])):
        return None
    return f"Give each class of the data ({', '.join(classes)}) one column of the output."


def label_in(reading: Reading, label: str) -> int:
    """Number of the class of a reading that an image of that label is of."""
    return reading.classes.index(counted_as(label, reading.classes))


def are_probabilities(rows: NDArray[np.floating]) -> bool:
    """Whether all values (n, k) lie between 0 and 1 and, of several columns, each row sums to 1."""
    inside = bool((rows >= -1e-6).all() and (rows <= 1 + 1e-6).all())
    return inside and (
        rows.shape[1] == 1 or bool((np.abs(rows.sum(axis=1) - 1) <= _SUM_TOLERANCE).all())
    )


def _image_input(loaded: Loaded) -> Port:
    if len(loaded.inputs) != 1:
        raise InputError(f"The model has {len(loaded.inputs)} inputs; it must have one, the image.")
    (port,) = loaded.inputs
    if port.type not in TYPES:
        raise InputError(
            f"The input {port.name} is of type {port.type}; an image is given as float or uint8."
        )
    return port


def _shape(shape: list[int | None]) -> tuple[str, int, tuple[int, int]]:
    """Layout, channels, and width and height that an input suggests."""
    if len(shape) == 4:
        nhwc = shape[3] in (1, 3) and shape[1] not in (1, 3)
        channels = shape[3] if nhwc else shape[1]
        height, width = shape[1:3] if nhwc else shape[2:4]
        if channels not in (None, 1, 3):
            raise InputError(f"The model wants {channels} colour channels; 1 or 3 are given.")
        sides = (width or height or _USUAL_PX, height or width or _USUAL_PX)
        return "nhwc" if nhwc else "nchw", channels or 3, sides
    if len(shape) == 2:
        for channels in (1, 3):
            side = math.isqrt((shape[1] or 4096) // channels)
            if side * side * channels == (shape[1] or 4096):
                return "flat", channels, (side, side)
        raise InputError(
            f"The model wants rows of {shape[1]} numbers, which is no square image in grey or colour."
        )
    raise InputError(
        f"The input has {len(shape)} dimensions ({_told(shape)}); a model of images has 4, or 2 for "
        "rows of pixels."
    )


def _sizes(reading: Reading) -> list[int]:
    (width, height), channels = reading.shape_px, reading.channels
    if reading.layout == "flat":
        return [width * height * channels]
    return [channels, height, width] if reading.layout == "nchw" else [height, width, channels]


def _likely_output(loaded: Loaded, classes: int) -> int:
    """The output that is as wide as there are classes, as networks have; else the first of numbers.

    scikit-learn's first output is the list of the classes that it answers.
    """
    numbers = [i for i, port in enumerate(loaded.outputs) if _is_numbers(port)]
    for i in numbers:
        shape = loaded.outputs[i].shape
        if (
            len(shape) >= 2
            and None not in shape[1:]
            and math.prod(s or 0 for s in shape[1:]) == classes
        ):
            return i
    return next(iter(numbers), 0)


def _is_numbers(port: Port) -> bool:
    kind = port.type.partition(",")[0]
    return port.type.startswith("seq(map") or ("int" not in kind and "string" not in kind)


def _told(shape: Sequence[int | None]) -> str:
    return " × ".join("n" if size is None else str(size) for size in shape)
