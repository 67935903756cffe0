"""`demo`: synthetic data through every step, with nothing else on the machine."""

from __future__ import annotations

from pathlib import Path

from brainmri import index, phantom, scoring
from brainmri.training import train


def run(folder: Path, models: Path, *, quiet: bool = False) -> Path:
    """Make `folder/data`, index it, train two models on it and write their predictions.

    Args:
        folder: the synthetic images go to `folder/data`.
        models: results go here.
        quiet: no progress bars.

    Returns:
        The folder of the images.

    Raises:
        OutputError: `folder` or `models` cannot be written.
    """
    data = folder / "data"
    phantom.write_dataset(data, train_per_class=150, test_per_class=50)
    index.build(data, models, quiet=quiet)
    for model in ("mean-brightness", "cnn"):
        train.train(
            data,
            models,
            model=model,
            name=f"demo-{model}",
            epochs=10,
            size_px=96,
            replace_run=True,
            quiet=quiet,
        )
        scoring.score(data, models, f"demo-{model}", quiet=quiet)
    return data
