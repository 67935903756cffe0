"""A trained network to an ONNX file, checked against torch."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import nn

from brainmri.inference import EMBEDDING_NAME, INPUT_NAME, LOGITS_NAME, MAPS_NAME
from brainmri.training.networks import Ensemble

TOLERANCE = 1e-4
"""Largest difference from torch, absolute for outputs below 1 and relative for larger ones."""
_OPSET = 18
_LARGE_WEIGHT = 1_000_000
"""Dense layers with more weights than this are stored as 8-bit integers."""


def to_onnx(network: nn.Module, size_px: int) -> onnx.ModelProto:
    """Export a network in evaluation mode; outputs are logits, embedding and, where it has them, maps.

    The weights of large dense layers are stored as 8-bit integers, which makes the file a quarter of
    the size. They are rounded in the network first, so the file and torch agree, and predictions
    come from this file, so whatever the rounding costs is in every reported figure. Where networks answer
    together all other weights are stored as 16-bit floats, after the graph has been checked.

    Args:
        network: changed: moved to the CPU and, in large dense layers, rounded.
        size_px: side of the square input.

    Raises:
        RuntimeError: the exported graph disagrees with torch by more than `TOLERANCE`.
    """
    network = network.to("cpu").to(memory_format=torch.contiguous_format).eval()
    _round_dense(network)
    example = torch.rand(2, 1, size_px, size_px, generator=torch.Generator().manual_seed(0))
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
        # The exporter warns about its own internals; nothing in them is ours to mend.
        warnings.simplefilter("ignore")
        expected = [output.numpy() for output in network(example)]
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            opset_version=_OPSET,
            input_names=[INPUT_NAME],
            output_names=[LOGITS_NAME, EMBEDDING_NAME, MAPS_NAME][: len(expected)],
            dynamic_shapes={"image": {0: torch.export.Dim("n")}},
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    del program
    _forget_sources(model)
    _store_as_int8(model)
    for got, want in zip(_run(model, example.numpy()), expected, strict=True):
        if not np.allclose(got, want, rtol=TOLERANCE, atol=TOLERANCE):
            difference = float(np.abs(got - want).max())
            raise RuntimeError(f"the exported model differs from torch by {difference:.2g}")
    if isinstance(network, Ensemble):
        _store_as_float16(model)
    return model


@torch.no_grad()
def _round_dense(network: nn.Module) -> None:
    """Symmetric rounding of large dense weights to 255 levels per output."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear) and layer.weight.numel() > _LARGE_WEIGHT:
            scale = layer.weight.abs().amax(dim=1, keepdim=True) / 127
            scale[scale == 0] = 1
            layer.weight.div_(scale).round_().mul_(scale)


def _store_as_int8(model: onnx.ModelProto) -> None:
    """Replace large dense weights, which `_round_dense` has rounded, by integers and their scale."""
    graph = model.graph
    dense = {
        node.input[1]: (0 if _transposed(node) else 1)
        for node in graph.node
        if node.op_type in ("Gemm", "MatMul")
    }
    nodes: list[onnx.NodeProto] = []
    for tensor in list(graph.initializer):
        if tensor.name not in dense or np.prod(tensor.dims) <= _LARGE_WEIGHT:
            continue
        weights, axis = numpy_helper.to_array(tensor), dense[tensor.name]
        scale = np.maximum(
            weights.max(1 - axis, keepdims=True), -weights.min(1 - axis, keepdims=True)
        )
        scale = np.where(scale == 0, 1, scale / 127).astype(np.float32)
        levels = np.empty(weights.shape, dtype=np.int8)
        for i, level in enumerate(levels):  # Row by row: the whole as floats would be there thrice.
            level[:] = np.rint(weights[i] / (scale[i] if axis == 0 else scale[0]))
        names = [f"{tensor.name}.int8", f"{tensor.name}.scale"]
        nodes.append(helper.make_node("DequantizeLinear", names, [tensor.name], axis=axis))
        graph.initializer.remove(tensor)
        graph.initializer.extend(
            [
                numpy_helper.from_array(levels, names[0]),
                numpy_helper.from_array(scale.ravel(), names[1]),
            ]
        )
    _put_first(model, nodes)


def _store_as_float16(model: onnx.ModelProto) -> None:
    """Replace the weights of convolutions and small dense layers by numbers of half the size."""
    graph = model.graph
    kernels = {node.input[1] for node in graph.node if node.op_type in ("Conv", "Gemm", "MatMul")}
    nodes: list[onnx.NodeProto] = []
    for tensor in list(graph.initializer):
        if tensor.name in kernels and tensor.data_type == onnx.TensorProto.FLOAT:
            half = f"{tensor.name}.float16"
            nodes.append(helper.make_node("Cast", [half], [tensor.name], to=onnx.TensorProto.FLOAT))
            weights = numpy_helper.to_array(tensor).astype(np.float16)
            graph.initializer.remove(tensor)
            graph.initializer.append(numpy_helper.from_array(weights, half))
    _put_first(model, nodes)


def _put_first(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> None:
    everything = [*nodes, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(everything)
    onnx.checker.check_model(model)


def _forget_sources(model: onnx.ModelProto) -> None:
    """Drop the source lines and folders of this machine that the exporter notes."""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        del value.metadata_props[:]


def _transposed(node: onnx.NodeProto) -> bool:
    return any(a.name == "transB" and a.i == 1 for a in node.attribute)


def _run(model: onnx.ModelProto, example: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return [np.asarray(output) for output in session.run(None, {INPUT_NAME: example})]
