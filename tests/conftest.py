"""Fixtures that several test modules share.

The session-scoped folders are made once and never written to; a test that changes one copies it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from brainmri import index, phantom, scoring
from tests.brainmri.postgres import cluster

# The same examples on every machine and every day; a slow machine is not a failure.
settings.register_profile(
    "bounded", max_examples=40, deadline=None, derandomize=True, database=None
)
settings.load_profile("bounded")

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "models"
TRAIN_PER_CLASS, TEST_PER_CLASS, SIZE_PX = 12, 5, 40


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """Address of an empty database on a PostgreSQL server of the module's own."""
    with cluster() as url:
        yield url


@pytest.fixture
def postgres_url(postgres: str) -> str:
    """The same without a record in it."""
    from sqlalchemy import create_engine, text

    engine = create_engine(postgres)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS brainmri_corrections"))
    engine.dispose()
    return postgres


@pytest.fixture(scope="session")
def phantom_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Training and Testing folders with 68 synthetic slices of four classes."""
    folder = tmp_path_factory.mktemp("phantom") / "data"
    phantom.write_dataset(folder, train_per_class=TRAIN_PER_CLASS, test_per_class=TEST_PER_CLASS)
    return folder


@pytest.fixture(scope="session")
def indexed_models(phantom_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder that holds the index of `phantom_data` and no run."""
    models = tmp_path_factory.mktemp("indexed") / "models"
    index.build(phantom_data, models, quiet=True)
    return models


@pytest.fixture(scope="session")
def trained_models(
    phantom_data: Path, indexed_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A models folder with the index and two whole runs, "brightness" and "cnn", both scored."""
    import torch

    from brainmri.training import train

    torch.set_num_threads(1)  # Threads of a network this small only wait for each other.
    models = tmp_path_factory.mktemp("trained") / "models"
    shutil.copytree(indexed_models, models)
    for model, name in (("mean-brightness", "brightness"), ("cnn", "cnn")):
        train.train(
            phantom_data, models, model=model, name=name, epochs=2, size_px=SIZE_PX, quiet=True
        )
        scoring.score(phantom_data, models, name, quiet=True)
    return models


@pytest.fixture
def own_models(trained_models: Path, tmp_path: Path) -> Path:
    """A copy of `trained_models` that the test may change."""
    return Path(shutil.copytree(trained_models, tmp_path / "models"))


@pytest.fixture
def own_data(phantom_data: Path, tmp_path: Path) -> Path:
    """A copy of `phantom_data` that the test may change; times are kept, as `cp -a` would."""
    return Path(shutil.copytree(phantom_data, tmp_path / "data"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The real data set; the test is skipped where it is not."""
    given = os.environ.get("BRAINMRI_DATA")
    folder = Path(given) if given else ROOT.parent / "shared" / "data" / "brain-tumor-mri"
    if not folder.is_dir():
        pytest.skip("the real data set is not on this machine")
    return folder
