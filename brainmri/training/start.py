"""The weights of a run's model.onnx brought back into a network, so that its training can go on.

The exporter folds batch normalisation into the convolution before it. So does this: the normalisation that
follows a convolution gets the folded bias and leaves its scale alone, and its statistics stay as they are
from then on.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from brainmri.errors import InputError
from brainmri.inference import INPUT_NAME
from brainmri.training.networks import Network

_TOLERANCE = 1e-3
"""Largest difference from the file's own logits, absolute below 1 and relative above."""


def load(network: Network, model: Path, size_px: int) -> None:
    """Give a network the weights of an exported one.

    Args:
        network: of the same architecture; changed.
        model: model.onnx of a run.
        size_px: side of the square input.

    Raises:
        InputError: it is no export of such a network, or does not answer like it.
    """
    other = InputError(
        f"{model} does not hold the weights of this kind of network; train without --from."
    )
    try:
        graph = onnx.load(model).graph
    except Exception as error:  # protobuf raises types of its own on a damaged file.
        raise InputError(f"{model} is damaged ({error}); train without --from.") from None
    weights = _weights(graph)
    example = torch.rand(2, 1, size_px, size_px, generator=torch.Generator().manual_seed(0))
    network.to("cpu").eval()
    follows = _normalisation_after(network, example[:1])
    parameters = dict(network.named_parameters())
    biases = {
        node.input[1]: node.input[2]
        for node in graph.node
        if node.op_type == "Conv" and len(node.input) > 2
    }
    try:
        with torch.no_grad():
            for name, parameter in parameters.items():
                if name in weights:
                    parameter.copy_(torch.from_numpy(weights[name].copy()))
            for weight, bias in biases.items():
                normalisation = follows.get(weight)
                if normalisation is not None and bias in weights:
                    _stand_still(normalisation, torch.from_numpy(weights[bias].copy()))
    except RuntimeError:  # Shapes that differ.
        raise other from None
    network.keep_statistics = True
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    want = np.asarray(session.run(None, {INPUT_NAME: example.numpy()})[0])
    with torch.no_grad():
        got = network(example)[0].numpy()
    if want.shape != got.shape or not np.allclose(got, want, rtol=_TOLERANCE, atol=_TOLERANCE):
        raise other


def _weights(graph: onnx.GraphProto) -> dict[str, NDArray[np.float32]]:
    """Constants of a graph by name, those that are stored as integers or in half the size included."""
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "DequantizeLinear":
            levels, scale = found[node.input[0]], found[node.input[1]]
            axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
            shape = [-1 if place == axis else 1 for place in range(levels.ndim)]
            found[node.output[0]] = levels.astype(np.float32) * scale.reshape(shape)
        elif node.op_type == "Cast" and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]].astype(np.float32)
    return found


def _normalisation_after(network: nn.Module, example: torch.Tensor) -> dict[str, nn.BatchNorm2d]:
    """The batch normalisation that follows each convolution, by the name of its weight."""
    order: list[tuple[str, nn.Module]] = []
    hooks = [
        module.register_forward_hook(lambda m, _i, _o, name=name: order.append((name, m)))
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d)
    ]
    try:
        with torch.no_grad():
            network(example)
    finally:
        for hook in hooks:
            hook.remove()
    return {
        f"{name}.weight": after
        for (name, module), (_, after) in pairwise(order)
        if isinstance(module, nn.Conv2d) and isinstance(after, nn.BatchNorm2d)
    }


def _stand_still(normalisation: nn.BatchNorm2d, bias: torch.Tensor) -> None:
    """Make a normalisation add a bias and nothing else."""
    assert normalisation.running_mean is not None
    assert normalisation.running_var is not None
    normalisation.running_mean.zero_()
    normalisation.running_var.fill_(1.0)
    normalisation.weight.fill_((1.0 + normalisation.eps) ** 0.5)
    normalisation.bias.copy_(bias)
