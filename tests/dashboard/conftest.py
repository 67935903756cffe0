"""Folders to show and a visitor who opens the pages in process."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from brainmri import predictions, runs, trust
from brainmri.predictions import Predictions
from tests.brainmri.conftest import small_disk  # noqa: F401 (a fixture)
from tests.conftest import SHIPPED
from tests.dashboard.results import CAREFUL, CLASSES, HASTY, NEGATIVE, write_run, write_runs
from tests.dashboard.visit import Visitor


@pytest.fixture(scope="session")
def made_models(indexed_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with the index of the phantom data and the runs "careful" and "hasty"."""
    models = tmp_path_factory.mktemp("made") / "models"
    shutil.copytree(indexed_models, models)
    write_runs(models)
    return models


@pytest.fixture
def shown(made_models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The dashboard shows `made_models`, without pictures. Nobody may write there."""
    monkeypatch.setenv("BRAINMRI_MODELS", str(made_models))
    monkeypatch.delenv("BRAINMRI_DATA", raising=False)
    return made_models


@pytest.fixture
def own(made_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The dashboard shows a copy of `made_models` that the test may change."""
    models = tmp_path / "models"
    shutil.copytree(made_models, models)
    monkeypatch.setenv("BRAINMRI_MODELS", str(models))
    monkeypatch.delenv("BRAINMRI_DATA", raising=False)
    return models


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The dashboard shows a models folder that does not exist yet."""
    models = tmp_path / "models"
    monkeypatch.setenv("BRAINMRI_MODELS", str(models))
    monkeypatch.delenv("BRAINMRI_DATA", raising=False)
    return models


@pytest.fixture
def pictures(phantom_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The indexed images are there too."""
    monkeypatch.setenv("BRAINMRI_DATA", str(phantom_data))
    return phantom_data


@pytest.fixture(scope="session")
def visitor() -> Visitor:
    """Opens pages in process."""
    from dashboard.app import server

    return Visitor(server.test_client())


@pytest.fixture
def client(visitor: Visitor) -> FlaskClient:
    """Sends requests in process."""
    return visitor.client


def shipped_runs() -> Iterator[str]:
    for folder in runs.folders(SHIPPED):
        if (folder / runs.RUN_FILE).is_file() and (folder / runs.PREDICTIONS_FILE).is_file():
            yield folder.name


@pytest.fixture(params=[CAREFUL, HASTY, *shipped_runs()])
def judged_run(
    request: pytest.FixtureRequest, made_models: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, Predictions]:
    """Every run of the tests and every run that ships."""
    name = str(request.param)
    models = made_models if name in (CAREFUL, HASTY) else SHIPPED
    monkeypatch.setenv("BRAINMRI_MODELS", str(models))
    return name, predictions.read(models / name / runs.PREDICTIONS_FILE)


@pytest.fixture
def plenty(own: Path) -> Path:
    """A run with validation images enough to set thresholds on: 40 of each class."""
    rng = np.random.default_rng(0)
    n = 160
    y_true = np.arange(n) % 4
    y_prob = rng.dirichlet(np.ones(4), size=n) * 0.4
    y_prob[np.arange(n), np.where(rng.random(n) < 0.9, y_true, (y_true + 1) % 4)] += 0.6
    half = np.array(["val", "test"], dtype=object)[np.arange(n) // 4 % 2]
    table = Predictions(
        paths=np.array([f"Testing/{i}.png" for i in range(n)], dtype=object),
        splits=half,
        y_true=y_true.astype(np.int64),
        y_prob=y_prob.astype(np.float32),
        classes=CLASSES,
        negative_class=NEGATIVE,
    )
    write_run(own, "plenty", table)
    fitted = trust.fit(table, negative=NEGATIVE)
    assert fitted is not None
    run = dataclasses.replace(
        runs.load(own, "plenty"),
        temperature=fitted.temperature,
        operating_point=fitted.operating_point,
        conformal=fitted.conformal,
    )
    runs.save(own, run)
    return own


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The dashboard shows the shipped results, without pictures."""
    monkeypatch.setenv("BRAINMRI_MODELS", str(SHIPPED))
    monkeypatch.delenv("BRAINMRI_DATA", raising=False)
    return SHIPPED


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped index and audit that the test may change."""
    models = tmp_path / "models"
    shutil.copytree(SHIPPED / "dataset", models / "dataset")
    monkeypatch.setenv("BRAINMRI_MODELS", str(models))
    monkeypatch.delenv("BRAINMRI_DATA", raising=False)
    return models
