"""Models of other tools, as their exporters leave them: small, and answering by mean brightness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

CENTRES = np.array([0.05, 0.15, 0.25, 0.35])
_SHARPNESS = 40.0


def weights() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slope and intercept per class of a linear model of the mean brightness (0-1)."""
    return (
        (2 * _SHARPNESS * CENTRES).astype(np.float32),
        (-_SHARPNESS * CENTRES**2).astype(np.float32),
    )


def keras(size: int = 32, *, height: int | None = None) -> onnx.ModelProto:
    """Channels last, 0 to 1, three channels, softmax at the end, batch not fixed."""
    slope, intercept = weights()
    return _model(
        [
            helper.make_node("Transpose", ["input_1"], ["first"], perm=[0, 3, 1, 2]),
            helper.make_node("GlobalAveragePool", ["first"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("MatMul", ["flat", "kernel"], ["scaled"]),
            helper.make_node("Add", ["scaled", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["dense"]),
        ],
        "input_1",
        ["unk__1", height or size, size, 3],
        {"dense": ["unk__2", 4]},
        {"kernel": np.tile(slope / 3, (3, 1)).astype(np.float32), "bias": intercept},
    )


def scikit_learn(size: int = 16, *, zipmap: bool = True) -> onnx.ModelProto:
    """A logistic regression on a row of pixels, as skl2onnx writes it: label and probabilities."""
    slope, intercept = weights()
    pixels = size * size
    names = ["glioma", "meningioma", "notumor", "pituitary"]
    nodes = [
        helper.make_node(
            "LinearClassifier",
            ["X"],
            ["label", "scores"],
            domain="ai.onnx.ml",
            coefficients=np.repeat(slope / pixels, pixels).tolist(),
            intercepts=intercept.tolist(),
            classlabels_strings=names,
            multi_class=1,
            post_transform="SOFTMAX",
        )
    ]
    graph_outputs = [helper.make_tensor_value_info("label", TensorProto.STRING, [None])]
    if zipmap:
        nodes.append(
            helper.make_node(
                "ZipMap",
                ["scores"],
                ["probabilities"],
                domain="ai.onnx.ml",
                classlabels_strings=names,
            )
        )
        value = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
        kind = helper.make_sequence_type_proto(
            helper.make_map_type_proto(TensorProto.STRING, value)
        )
        graph_outputs.append(helper.make_value_info("probabilities", kind))
    else:
        graph_outputs.append(helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, 4]))
    graph = helper.make_graph(
        nodes,
        "sklearn",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, pixels])],
        graph_outputs,
    )
    return _finished(graph)


def torch(size: int = 24, channels: int = 1, *, batch: int | None = None,
          height: int | None = None) -> onnx.ModelProto:  # fmt: skip
    """Channels first, logits, as PyTorch's exporter writes it without an embedding."""
    slope, intercept = weights()
    return _model(
        [
            helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"], transB=1),
        ],
        "image",
        ["batch" if batch is None else batch, channels, height or size, size],
        {"logits": ["batch" if batch is None else batch, 4]},
        {"weight": np.tile(slope[:, None] / channels, (1, channels)), "bias": intercept},
    )


def with_features(size: int = 24) -> onnx.ModelProto:
    """Channels first; 128 features and then the logits."""
    slope, intercept = weights()
    return _model(
        [
            helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("Gemm", ["flat", "spread"], ["features"], transB=1),
            helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"], transB=1),
        ],
        "image",
        ["batch", 1, size, size],
        {"features": ["batch", 128], "logits": ["batch", 4]},
        {"spread": np.linspace(-1, 1, 128)[:, None], "weight": slope[:, None], "bias": intercept},
    )


def sigmoid(size: int = 24) -> onnx.ModelProto:
    """Channels last, one unit: near one for a tumour, as the usual model of two classes has it."""
    return _model(
        [
            helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Mul", ["mean", "sharp"], ["steep"]),
            helper.make_node("Sub", ["steep", "middle"], ["logit"]),
            helper.make_node("Sigmoid", ["logit"], ["flat"]),
            helper.make_node("Reshape", ["flat", "column"], ["tumor"]),
        ],
        "image",
        ["batch", size, size, 1],
        {"tumor": ["batch", 1]},
        {"sharp": np.array([20.0]), "middle": np.array([4.0])},
        [numpy_helper.from_array(np.array([-1, 1], np.int64), "column")],
    )


def expected(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What all of them answer for one square uint8 image."""
    slope, intercept = (w.astype(np.float64) for w in weights())
    logits = slope * (pixels.mean() / 255) + intercept
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def _model(
    nodes: list[onnx.NodeProto],
    name: str,
    shape: list[int | str],
    outputs: dict[str, list[int | str]],
    values: dict[str, NDArray[np.floating]],
    more: Sequence[onnx.TensorProto] = (),
) -> onnx.ModelProto:
    return _finished(
        helper.make_graph(
            nodes,
            "graph",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
            [*(numpy_helper.from_array(v.astype(np.float32), n) for n, v in values.items()), *more],
        )
    )


def _finished(graph: onnx.GraphProto) -> onnx.ModelProto:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)
