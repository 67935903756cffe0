"""Models as PyTorch's and scikit-learn's own exporters write them, answering as those of `foreign` do.

Keras cannot be installed beside the versions that the checks need, so that its model is written by hand, with
channels last, as its exporter leaves them (`foreign.keras`).
"""

from __future__ import annotations

import functools
import logging
import tempfile
import warnings
from pathlib import Path

import numpy as np

from brainmri import phantom
from tests.brainmri import foreign


@functools.cache
def torch(size: int = 24) -> bytes:
    """Channels first, logits; by the very call that the page recommends."""
    import torch as pytorch
    from torch import nn

    slope, intercept = foreign.weights()
    dense = nn.Linear(3, 4)
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), dense)
    with pytorch.no_grad():
        dense.weight.copy_(pytorch.from_numpy(np.tile(slope[:, None] / 3, (1, 3))))
        dense.bias.copy_(pytorch.from_numpy(intercept))
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The exporter warns about its own internals.
        path = Path(folder) / "model.onnx"
        pytorch.onnx.export(network.eval(), (pytorch.zeros(1, 3, size, size),), path,
                            external_data=False, verbose=False)  # fmt: skip
        return path.read_bytes()


@functools.cache
def scikit_learn(size: int = 16) -> bytes:
    """A logistic regression on a row of pixels; by the very call that the page recommends."""
    import skl2onnx
    from sklearn.linear_model import LogisticRegression

    rows = np.zeros((8, size * size), np.float32)
    model = LogisticRegression().fit(rows, [*phantom.CLASSES, *phantom.CLASSES])
    slope, intercept = foreign.weights()
    model.coef_ = np.tile(slope[:, None] / (size * size), (1, size * size)).astype(float)
    model.intercept_ = intercept.astype(float)
    return bytes(skl2onnx.to_onnx(model, rows[:1].astype("float32")).SerializeToString())
