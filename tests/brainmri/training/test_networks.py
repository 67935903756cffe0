"""`brainmri.training.networks`: the reference project's network, counted by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from brainmri.training.networks import ReferenceCNN

NONE = (0.0, 0.0, 0.0)


def test_the_number_of_parameters_by_hand() -> None:
    network = ReferenceCNN(4, 256, NONE)
    counts = {name: p.numel() for name, p in network.named_parameters()}
    side = 30  # (256 - 2) / 2 = 127, (127 - 2) // 2 = 62, (62 - 2) / 2 = 30
    assert counts == {
        "conv1.weight": 32 * 1 * 9,
        "conv1.bias": 32,
        "conv2.weight": 64 * 32 * 9,
        "conv2.bias": 64,
        "conv3.weight": 128 * 64 * 9,
        "conv3.bias": 128,
        "hidden.weight": 128 * side * side * 128,
        "hidden.bias": 128,
        "output.weight": 128 * 4,
        "output.bias": 4,
    }
    assert sum(counts.values()) == 14_838_916


@pytest.mark.parametrize(("k", "size_px"), [(2, 32), (4, 40), (7, 45)])
def test_outputs_are_logits_per_class_and_an_embedding(k: int, size_px: int) -> None:
    logits, embedding = ReferenceCNN(k, size_px, NONE)(torch.zeros(3, 1, size_px, size_px))
    assert logits.shape == (3, k)
    assert embedding.shape == (3, 128)
    assert (embedding >= 0).all()


def test_relu_after_pooling_equals_the_reference_order() -> None:
    torch.manual_seed(0)
    network = ReferenceCNN(4, 40, NONE).eval()
    reference = nn.Sequential(
        network.conv1, nn.ReLU(), nn.MaxPool2d(2),
        network.conv2, nn.ReLU(), nn.MaxPool2d(2),
        network.conv3, nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), network.hidden, nn.ReLU(), network.output,
    )  # fmt: skip
    image = torch.rand(5, 1, 40, 40)
    with torch.no_grad():
        torch.testing.assert_close(network(image)[0], reference(image), rtol=0, atol=1e-6)


def test_dropout_stands_where_the_reference_has_it_and_rests_in_evaluation() -> None:
    network = ReferenceCNN(4, 40, (0.25, 0.3, 0.5))
    assert [network.dropout2.p, network.dropout3.p, network.dropout_hidden.p] == [0.25, 0.3, 0.5]
    image = torch.rand(2, 1, 40, 40)
    first, second = network(image)[0], network(image)[0]
    assert not torch.equal(first, second)
    network.eval()
    assert torch.equal(network(image)[0], network(image)[0])
