"""`dashboard.data` of runs: which there are, what they come to, and that a broken one hides no other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from brainmri import index, predictions, runs
from dashboard import data
from tests.brainmri import indexing
from tests.dashboard.faults import BREAKAGES, change_table, replace_column
from tests.dashboard.results import (
    CAREFUL,
    CLASSES,
    HASTY,
    HASTY_MISTAKES,
    answers,
    view_of,
    write_run,
    write_table,
)

# Runs


@pytest.mark.usefixtures("shown")
def test_every_run_is_listed_by_name_with_what_it_can_do() -> None:
    whole, broken = data.list_runs()
    assert [(run.name, run.has_model) for run in whole] == [(CAREFUL, False), (HASTY, True)]
    assert [run.splits for run in whole] == [["test", "val"], ["test", "val"]]
    assert broken == []


@pytest.mark.usefixtures("bare")
def test_no_models_folder_means_no_runs_and_no_index() -> None:
    assert data.list_runs() == ([], [])
    assert data.find_run(None) is None
    assert data.image_index() is None
    assert data.average_images() is None
    assert data.unreadable_files() == []


@pytest.mark.parametrize("fault", BREAKAGES)
def test_a_broken_run_is_named_with_its_fault_and_hides_no_other(own: Path, fault: str) -> None:
    make, sentence = BREAKAGES[fault]
    make(own / HASTY)
    whole, broken = data.list_runs()
    assert [run.name for run in whole] == [CAREFUL]
    assert [run.name for run in broken] == [HASTY]
    assert sentence in broken[0].fault
    assert broken[0].fault.count("\n") == 0


def test_a_training_that_was_interrupted_is_named_as_one(own: Path) -> None:
    (own / "half").mkdir()
    (own / "half" / runs.CHECKPOINT_FILE).write_bytes(b"weights")
    whole, broken = data.list_runs()
    assert [run.name for run in whole] == [CAREFUL, HASTY]
    assert [(run.name, "--resume" in run.fault) for run in broken] == [("half", True)]


def test_files_and_hidden_folders_beside_the_runs_are_no_runs(own: Path) -> None:
    (own / "notes.txt").write_text("hello")
    (own / ".cache").mkdir()
    whole, broken = data.list_runs()
    assert [run.name for run in whole] == [CAREFUL, HASTY]
    assert broken == []


def test_a_table_of_another_tool_is_a_run_without_a_model(bare: Path) -> None:
    write_table(
        bare,
        "spreadsheet",
        {"label": ["glioma", "normal"], "prob_glioma": [0.9, 0.2], "prob_normal": [0.1, 0.8]},
    )
    (view,), broken = data.list_runs()
    assert broken == []
    assert (view.name, view.run, view.has_model) == ("spreadsheet", None, False)
    assert (view.splits, view.negative_class) == (["test"], "normal")
    assert data.report(view, "test").matrix.tolist() == [[1, 0], [0, 1]]
    assert data.report(view, "test").accuracy.reason == "too few images (2; a figure needs 10)"


def test_a_table_of_another_tool_may_come_in_parts(bare: Path) -> None:
    whole = write_table(
        bare,
        "cluster",
        {
            "label": ["glioma", "normal", "normal"],
            "prob_glioma": [0.9, 0.2, 0.7],
            "prob_normal": [0.1, 0.8, 0.3],
        },
    )
    table = whole.read_bytes()
    whole.unlink()
    whole.mkdir()
    (whole / "part-0.parquet").write_bytes(table)
    (whole / "part-1.parquet").write_bytes(table)
    report = data.report(view_of("cluster"), "test")
    assert (report.n, report.accuracy.k) == (6, 4)


def test_a_table_whose_negative_class_is_none_of_its_classes_is_broken(own: Path) -> None:
    write_table(own, "odd", {"label": ["a"], "prob_a": [0.5], "prob_normal": [0.5]})
    change_table(
        own / "odd",
        lambda table: table.replace_schema_metadata({"brainmri.negative_class": "healthy"}),
    )
    whole, broken = data.list_runs()
    assert [run.name for run in whole] == [CAREFUL, HASTY]
    assert [(run.name, "healthy" in run.fault) for run in broken] == [("odd", True)]


@pytest.mark.usefixtures("shown")
def test_the_best_run_is_the_one_with_most_right_validation_answers() -> None:
    whole, _ = data.list_runs()
    best = data.best_run(whole)
    assert best is not None
    assert best.name == CAREFUL


def test_validation_answers_count_even_where_test_answers_say_otherwise(own: Path) -> None:
    table = index.read(own / "dataset" / "index.parquet")
    mistakes = {
        ("val", "glioma", 0): "notumor"
    }  # all test answers right, one validation answer not
    write_run(own, "lucky", answers(table, mistakes))
    best = data.best_run(data.list_runs()[0])
    assert best is not None
    assert best.name == CAREFUL


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("name", [None, "", "nobody", "../careful"])
def test_an_unknown_run_falls_back_to_the_best(name: str | None) -> None:
    found = data.find_run(name)
    assert found is not None
    assert found.name == CAREFUL


# Figures of a run


@pytest.mark.usefixtures("shown")
def test_the_report_counts_what_the_run_said() -> None:
    report = data.report(view_of(HASTY), "test")
    assert report.matrix.tolist() == [[2, 0, 3, 0], [0, 5, 0, 0], [0, 2, 3, 0], [1, 0, 0, 4]]
    assert (report.missed.k, report.missed.n) == (3, 15)
    assert (report.false_alarms.k, report.false_alarms.n) == (2, 5)
    assert report.seen == 4  # the third image of each class


@pytest.mark.usefixtures("shown")
def test_there_is_a_curve_for_every_class() -> None:
    found = data.curves(view_of(CAREFUL), "test")
    assert [curve.name for curve in found] == CLASSES
    assert all(curve.roc is not None for curve in found)


@pytest.mark.usefixtures("shown")
def test_a_cell_holds_its_images_the_surest_first() -> None:
    count, surest = data.cell_images(view_of(HASTY), "test", "glioma", "notumor", 2)
    assert count == 3
    assert [image.path for image in surest] == [
        "Testing/glioma/glioma-0002.png",
        "Testing/glioma/glioma-0001.png",
    ]
    first = surest[0]
    assert (first.label, first.answer, first.seen) == ("glioma", "notumor", True)
    assert first.probabilities["notumor"] == pytest.approx(0.74)
    assert sum(first.probabilities.values()) == pytest.approx(1, abs=1e-6)


@pytest.mark.usefixtures("shown")
def test_a_cell_is_of_one_split_only() -> None:
    assert data.cell_images(view_of(HASTY), "val", "glioma", "notumor", 9)[0] == 0
    assert data.cell_images(view_of(HASTY), "val", "glioma", "meningioma", 9)[0] == 1


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(("truth", "answer"), [("", ""), ("glioma", "cat"), ("cat", "glioma")])
def test_a_cell_of_unknown_classes_is_empty(truth: str, answer: str) -> None:
    assert data.cell_images(view_of(HASTY), "test", truth, answer, 9) == (0, [])


def test_a_run_is_judged_the_same_without_an_image_index(own: Path) -> None:
    before = data.report(view_of(CAREFUL), "test")
    shutil.rmtree(own / "dataset")
    after = data.report(view_of(CAREFUL), "test")
    assert after.matrix.tolist() == before.matrix.tolist()
    assert after.accuracy == before.accuracy


def test_a_run_is_judged_even_where_the_index_is_damaged(own: Path) -> None:
    (own / "dataset" / "index.parquet").write_bytes(b"no table")
    assert data.report(view_of(CAREFUL), "test").accuracy.k == 18


def test_near_copies_are_drawn_together(own: Path) -> None:
    alone = data.report(view_of(HASTY), "test").f1
    path = own / "dataset" / "index.parquet"
    table = index.read(path)
    table.rows["cluster"] = 0
    indexing.write(path, table)
    together = data.report(view_of(HASTY), "test").f1
    assert alone.low is not None
    assert alone.value is not None
    assert alone.low < alone.value
    # One cluster can only be drawn whole, so every resample is the sample itself.
    assert (together.low, together.value) == (together.high, alone.value)


def test_a_table_that_names_other_images_is_judged_too(own: Path) -> None:
    change_table(
        own / CAREFUL,
        lambda table: replace_column(table, "path", [f"x/{i}" for i in range(len(table))]),
    )
    assert data.report(view_of(CAREFUL), "test").accuracy.k == 18


def test_the_mistakes_of_the_test_runs_are_what_the_tests_say(shown: Path) -> None:
    table = predictions.read(shown / HASTY / runs.PREDICTIONS_FILE)
    wrong = int((table.y_pred != table.y_true).sum())
    assert wrong == len(HASTY_MISTAKES)
