"""`dashboard.data`: the one reader of files, cached until they change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from brainmri import index, predictions, runs
from brainmri.errors import InputError
from brainmri.index import ImageIndex
from dashboard import data
from dashboard.data import names
from tests.brainmri import indexing
from tests.dashboard.results import (
    CAREFUL,
    HASTY,
    answers,
    view_of,
)

# Folders


def test_results_are_in_models_when_nothing_else_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BRAINMRI_MODELS", raising=False)
    assert data.models_folder() == Path("models")


@pytest.mark.parametrize("given", [None, "", "/no/such/folder", __file__])
def test_there_are_no_images_without_a_folder_of_them(
    given: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if given is None:
        monkeypatch.delenv("BRAINMRI_DATA", raising=False)
    else:
        monkeypatch.setenv("BRAINMRI_DATA", given)
    assert data.images_folder() is None


# Caching


@pytest.mark.usefixtures("shown")
def test_an_unchanged_file_is_read_once() -> None:
    assert data.list_runs()[0][0] is data.list_runs()[0][0]
    assert data.list_runs()[0][0].predictions is data.list_runs()[0][0].predictions
    assert data.report(view_of(HASTY), "test") is data.report(view_of(HASTY), "test")
    assert data.image_index() is data.image_index()
    assert data.average_images() is data.average_images()


def test_new_predictions_are_shown_at_the_next_look(own: Path) -> None:
    assert data.report(view_of(HASTY), "test").missed.k == 3
    table = predictions.read(own / HASTY / runs.PREDICTIONS_FILE)
    improved = answers(index.read(own / "dataset" / "index.parquet"), {})
    better = predictions.Predictions(**{**vars(table), "y_prob": improved.y_prob})
    predictions.write(own / HASTY / runs.PREDICTIONS_FILE, better)
    assert data.report(view_of(HASTY), "test").missed.k == 0
    assert data.cell_images(view_of(HASTY), "test", "glioma", "notumor", 9)[0] == 0


def test_a_run_that_broke_is_dropped_and_comes_back_when_mended(own: Path) -> None:
    path = own / HASTY / runs.RUN_FILE
    good = path.read_text()
    assert data.list_runs()[1] == []
    path.write_text("{")
    assert [run.name for run in data.list_runs()[1]] == [HASTY]
    path.write_text(good)
    assert data.list_runs()[1] == []


def test_a_run_that_was_added_or_removed_is_noticed(own: Path) -> None:
    data.list_runs()
    shutil.copytree(own / CAREFUL, own / "third")
    assert [run.name for run in data.list_runs()[0]] == [CAREFUL, HASTY, "third"]
    shutil.rmtree(own / "third")
    assert [run.name for run in data.list_runs()[0]] == [CAREFUL, HASTY]


def test_a_new_index_is_shown_at_the_next_look(own: Path) -> None:
    first = data.image_index()
    assert first is not None
    fewer = ImageIndex(first.rows.iloc[:40], first.classes, first.negative_class)
    indexing.write(own / "dataset" / "index.parquet", fewer)
    second = data.image_index()
    assert second is not None
    assert (len(first.rows), len(second.rows)) == (68, 40)


def test_new_averages_are_shown_at_the_next_look(own: Path) -> None:
    assert data.average_images() is not None
    (own / "dataset" / "averages.npz").write_bytes(b"no arrays")
    with pytest.raises(InputError, match="is damaged or cut off"):
        data.average_images()


def test_a_new_model_answers_at_the_next_question(own: Path) -> None:
    _, png = data.example(0)
    assert data.answer(HASTY, png).run.name == HASTY
    (own / HASTY / runs.MODEL_FILE).write_bytes(b"another model")
    with pytest.raises(InputError, match=r"is not the file that run\.json describes"):
        data.answer(HASTY, png)


def test_no_name_that_pages_ask_for_is_that_of_a_part() -> None:
    # Importing the part would put it in the place of what the pages ask for.
    parts = {path.stem for path in Path(data.__file__).parent.glob("*.py")}
    assert not parts & set(vars(names))
