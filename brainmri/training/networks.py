"""Network definitions. Each returns (logits (n, k), embedding (n, d)) for input (n, 1, s, s)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ReferenceCNN(nn.Module):
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
