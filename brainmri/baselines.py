"""Models without a network, exported to ONNX like the others."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from brainmri.inference import INPUT_NAME, LOGITS_NAME


def mean_brightness(
    squares_mean: NDArray[np.float64], y_true: NDArray[np.int64], k: int
) -> onnx.ModelProto:
    """The reference project's baseline: the class whose average brightness is nearest.

    The probabilities are those of a Gaussian per class around its average brightness with the
    pooled variance and equal priors, so the most probable class is the nearest one.

    Args:
        squares_mean: (n,) mean grey level of each training image, 0-1.
        y_true: (n,) class numbers.
        k: number of classes; each needs at least one image.

    Returns:
        A model with input `image` float32 (n, 1, s, s) and output `logits` float32 (n, k).
    """
    centres = np.array([squares_mean[y_true == c].mean() for c in range(k)])
    variance = max(float(np.mean((squares_mean - centres[y_true]) ** 2)), 1e-6)
    nodes = [
        helper.make_node("ReduceMean", [INPUT_NAME, "axes"], ["mean4"], keepdims=0),
        helper.make_node("Unsqueeze", ["mean4", "last"], ["mean"]),
        helper.make_node("Sub", ["mean", "centres"], ["difference"]),
        helper.make_node("Mul", ["difference", "difference"], ["square"]),
        helper.make_node("Mul", ["square", "scale"], [LOGITS_NAME]),
    ]
    constants = [
        numpy_helper.from_array(np.array([1, 2, 3], dtype=np.int64), "axes"),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "last"),
        numpy_helper.from_array(centres.astype(np.float32)[None], "centres"),
        numpy_helper.from_array(np.array(-0.5 / variance, dtype=np.float32), "scale"),
    ]
    graph = helper.make_graph(
        nodes,
        "mean-brightness",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, ["n", 1, "height", "width"])],
        [helper.make_tensor_value_info(LOGITS_NAME, TensorProto.FLOAT, ["n", k])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model
