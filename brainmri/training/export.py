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

from brainmri.inference import INPUT_NAME, LOGITS_NAME

EMBEDDING_NAME = "embedding"
TOLERANCE = 1e-4
_OPSET = 18
_LARGE_WEIGHT = 1_000_000
"""Dense layers with more weights than this are stored as 8-bit integers."""


def to_onnx(network: nn.Module, size_px: int) -> onnx.ModelProto:
    """Export a network in evaluation mode; outputs are logits and embedding.

    Raises:
        RuntimeError: the exported graph disagrees with torch by more than `TOLERANCE`.
    """
    example = torch.rand(2, 1, size_px, size_px, generator=torch.Generator().manual_seed(0))
    network = network.to("cpu", memory_format=torch.contiguous_format).eval()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
        # The exporter warns about its own internals; nothing in them is ours to mend.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            opset_version=_OPSET,
            input_names=[INPUT_NAME],
            output_names=[LOGITS_NAME, EMBEDDING_NAME],
            dynamic_shapes={"image": {0: torch.export.Dim("n")}},
            verbose=False,
        )
        expected = [output.numpy() for output in network(example)]
    assert program is not None
    model = program.model_proto
    # The exporter notes source lines and this machine's folders; neither belongs in the file.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        del value.metadata_props[:]
    for got, want in zip(_run(model, example.numpy()), expected, strict=True):
        difference = float(np.abs(got - want).max())
        if difference > TOLERANCE:
            raise RuntimeError(f"the exported model differs from torch by {difference:.2g}")
    return model


def with_int8_dense(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store the weights of large dense layers as int8, one scale per output.

    Symmetric rounding to -127..127; ONNX Runtime turns them back into float32 when it runs, so the
    file is a quarter of the size and the arithmetic stays float32. Predictions come from this file,
    so whatever the rounding costs is in every reported figure.
    """
    small = onnx.ModelProto()
    small.CopyFrom(model)
    graph = small.graph
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
        scale = np.abs(weights).max(axis=1 - axis, keepdims=True) / 127
        scale = np.where(scale == 0, 1, scale).astype(np.float32)
        rounded = np.rint(weights / scale).astype(np.int8)
        names = [f"{tensor.name}.int8", f"{tensor.name}.scale"]
        graph.initializer.remove(tensor)
        graph.initializer.extend(
            [
                numpy_helper.from_array(rounded, names[0]),
                numpy_helper.from_array(scale.ravel(), names[1]),
            ]
        )
        nodes.append(helper.make_node("DequantizeLinear", names, [tensor.name], axis=axis))
    everything = [*nodes, *graph.node]
    del graph.node[:]
    graph.node.extend(everything)
    onnx.checker.check_model(small)
    return small


def _transposed(node: onnx.NodeProto) -> bool:
    return any(a.name == "transB" and a.i == 1 for a in node.attribute)


def _run(model: onnx.ModelProto, example: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return [np.asarray(output) for output in session.run(None, {INPUT_NAME: example})]
