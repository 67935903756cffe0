"""Models of PyTorch, Keras and scikit-learn: what the page shows of them is what scikit-learn counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brainmri import foreign_models, index, phantom, results
from tests.brainmri import exported, foreign, yardstick
from tests.dashboard.visit import Visitor, visible

PER_CLASS = 12
"""Enough images of each class for figures of its own."""
MODELS: dict[str, Callable[[], bytes]] = {
    "torch": exported.torch,
    "keras": lambda: bytes(foreign.keras().SerializeToString()),
    "scikit-learn": exported.scikit_learn,
}


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of all three on images of their own."""
    folder = tmp_path_factory.mktemp("metrics")
    phantom.write_dataset(folder / "data", train_per_class=2, test_per_class=PER_CLASS)
    index.build(folder / "data", folder / "models", quiet=True)
    table = index.read(index.path(folder / "models"))
    for name, make in MODELS.items():
        path = folder / "model"
        path.write_bytes(make())
        reading, _ = foreign_models.preview(
            path,
            None,
            phantom.draw("glioma", 1),
            classes=table.classes,
            negative=table.negative_class,
        )
        foreign_models.evaluate(path, reading, table, folder / "data", folder / "models", name)
    return folder / "models"


@pytest.mark.parametrize("name", MODELS)
def test_every_figure_of_the_page_is_that_of_scikit_learn(
    name: str, evaluated: Path, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINMRI_MODELS", str(evaluated))
    made = results.load(evaluated, name)
    known = index.read(index.path(evaluated))
    assert yardstick.differences(made.predictions, groups=results.groups(made.predictions, known),
                                 negative=made.negative_class) == {}  # fmt: skip
    shown = re.sub(r"\s+", " ", visible(visitor.open(f"/evaluate?run={name}")))
    figures = yardstick.figures(made.predictions)
    assert len(figures) == 4 + 5 * len(known.classes)
    missing = {
        what: value
        for what, value in figures.items()
        if not np.isnan(value)
        and f"{100 * value:.1f} %" not in shown
        and f"{value:.3f}" not in shown
    }
    assert missing == {}
