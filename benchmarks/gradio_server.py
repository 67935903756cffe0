"""The yardstick of `benchmarks.api`: a shipped network in eager torch behind Gradio, as a demo is written.

Needs benchmarks/requirements-gradio.txt in an environment of its own: Gradio pins an older Pillow.
"""

from __future__ import annotations

import sys
from typing import Any

from benchmarks.commands import ROOT

RUN = "champion-official"


def main(port: int) -> None:
    """Serve until stopped."""
    import gradio
    import numpy as np
    import torch

    from brainmri.inference import softmax
    from brainmri.preprocessing import Preprocessing, network_input
    from brainmri.training import start
    from brainmri.training.networks import efficientnet_lite0

    preprocessing = Preprocessing(160, "head")
    net = efficientnet_lite0(4, frozen=0, dropout=0.0)
    start.load(net, ROOT / "models" / RUN / "model.onnx", preprocessing.size_px)
    names = ("glioma", "meningioma", "notumor", "pituitary")

    def predict(picture: Any) -> dict[str, float]:
        pixels = np.asarray(picture)
        with torch.no_grad():
            given = torch.from_numpy(network_input(preprocessing.square(pixels)[None]))
            logits = net(given)[0].numpy()
        return dict(zip(names, softmax(logits)[0].tolist(), strict=True))

    page = gradio.Interface(
        predict, gradio.Image(type="pil", image_mode="L"), gradio.Label(), api_name="predict"
    )
    page.launch(server_port=port, quiet=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
