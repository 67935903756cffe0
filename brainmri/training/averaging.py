"""Weights averaged over steps, which are judged and kept in the place of the last ones."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from brainmri.training.networks import Network


class Average:
    """A running mean of a network's weights, itself a network; at decay 0 it is the network."""

    def __init__(self, network: Network, decay: float) -> None:
        self.network = copy.deepcopy(network) if decay else network
        self.decay, self.steps = decay, 0

    @torch.no_grad()
    def follow(self, network: nn.Module) -> None:
        if not self.decay:
            return
        self.steps += 1
        # Early on, a mean over the few steps so far.
        decay = min(self.decay, self.steps / (self.steps + 10))
        for mine, new in zip(
            self.network.state_dict().values(), network.state_dict().values(), strict=True
        ):
            if mine.dtype.is_floating_point:
                mine.lerp_(new, 1 - decay)
            else:
                mine.copy_(new)

    def state(self) -> dict[str, Any]:
        return {"steps": self.steps, "network": self.network.state_dict()} if self.decay else {}

    def restore(self, state: dict[str, Any]) -> None:
        if self.decay:
            self.steps = state["steps"]
            self.network.load_state_dict(state["network"])
