"""Small ONNX models of which everybody knows where they look, and pictures for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from brainmri import inference, runs
from brainmri.files import sha256
from brainmri.inference import Classifier
from tests.brainmri.test_runs import A_RUN

SIZE_PX = 64
_CELL = 8
BRIGHT = 0.7
"""Grey level (0-1) from which a pixel is evidence."""

Weights = NDArray[np.float32]


def picture(
    *, lesion: tuple[int, int] | None = (24, 40), mark: bool = False, grey: int = 100
) -> NDArray[np.uint8]:
    """A grey disc on black with a lesion at (row, column), and a bright mark in the corner."""
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX]
    square = np.where(np.hypot(y - 31.5, x - 31.5) < 28, grey, 0)
    if lesion is not None:
        square[np.hypot(y - lesion[0], x - lesion[1]) < 6] = 240
    if mark:
        square[1:5, 1:5] = 240
    return square.astype(np.uint8)


def inside() -> Weights:
    """Looks everywhere but at the corner."""
    weights = np.ones((SIZE_PX, SIZE_PX), dtype=np.float32)
    weights[:6, :6] = 0
    return weights


def corner() -> Weights:
    """Looks at the corner alone."""
    return 1 - inside()


def write(
    models: Path, name: str, weights: Weights, *, enough: float, bright: float = BRIGHT
) -> None:
    """A run whose model calls a tumour when, where it looks, more than `enough` evidence is seen.

    Its maps always show what is bright inside, wherever the model looks, as the maps of a network may.
    Its embedding are the mean grey levels of cells of 8 x 8 pixels.

    Args:
        models: folder of the runs.
        name: of the run.
        weights: (SIZE_PX, SIZE_PX), how much each pixel counts.
        enough: sum of weighted (grey level - `bright`) from which the answer is glioma.
        bright: grey level from which a pixel is evidence.
    """
    pool: dict[str, Any] = {"kernel_shape": [_CELL, _CELL], "strides": [_CELL, _CELL]}
    make, const = helper.make_node, numpy_helper.from_array
    nodes = [
        make("Sub", [inference.INPUT_NAME, "bright"], ["above"]),
        make("Relu", ["above"], ["evidence"]),
        make("Mul", ["evidence", "weights"], ["seen"]),
        make("ReduceSum", ["seen", "all"], ["sum"], keepdims=0),
        make("Unsqueeze", ["sum", "last"], ["column"]),
        make("Sub", ["column", "enough"], ["glioma"]),
        make("Mul", ["glioma", "nought"], ["healthy"]),
        make("Concat", ["glioma", "healthy"], [inference.LOGITS_NAME], axis=1),
        make("Mul", ["evidence", "inside"], ["shown"]),
        make("AveragePool", ["shown"], ["map"], **pool),
        make("Mul", ["map", "nought"], ["empty"]),
        make("Concat", ["map", "empty"], [inference.MAPS_NAME], axis=1),
        make("AveragePool", [inference.INPUT_NAME], ["cells"], **pool),
        make("Flatten", ["cells"], [inference.EMBEDDING_NAME]),
    ]
    constants = [
        const(np.array(bright, dtype=np.float32), "bright"),
        const(weights.astype(np.float32)[None, None], "weights"),
        const(inside()[None, None], "inside"),
        const(np.array([1, 2, 3], dtype=np.int64), "all"),
        const(np.array([1], dtype=np.int64), "last"),
        const(np.array(enough, dtype=np.float32), "enough"),
        const(np.array(0, dtype=np.float32), "nought"),
    ]
    info, cells = helper.make_tensor_value_info, SIZE_PX // _CELL
    graph = helper.make_graph(
        nodes,
        name,
        [info(inference.INPUT_NAME, TensorProto.FLOAT, ["n", 1, SIZE_PX, SIZE_PX])],
        [
            info(inference.LOGITS_NAME, TensorProto.FLOAT, ["n", 2]),
            info(inference.EMBEDDING_NAME, TensorProto.FLOAT, ["n", cells * cells]),
            info(inference.MAPS_NAME, TensorProto.FLOAT, ["n", 2, cells, cells]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    path = models / name / runs.MODEL_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    preprocessing: dict[str, object] = {"size_px": SIZE_PX, "fit": "stretch"}
    run = replace(A_RUN, name=name, preprocessing=preprocessing, model_sha256=sha256(path))
    runs.save(models, run)


def looker(
    models: Path, name: str, weights: Weights, *, enough: float, bright: float = BRIGHT
) -> Classifier:
    """The same, loaded."""
    write(models, name, weights, enough=enough, bright=bright)
    return inference.load(models, name, threads=1)
