"""Folders to show and a visitor who opens the pages in process."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.dashboard.results import write_runs
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
