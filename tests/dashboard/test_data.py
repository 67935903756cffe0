"""`dashboard.data`: the one reader of files, cached, and never brought down by a broken one."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainmri import images, index, inference, phantom, predictions, runs
from brainmri.errors import InputError
from brainmri.index import ImageIndex
from dashboard import data
from tests.dashboard.faults import BREAKAGES, change_table, replace_column
from tests.dashboard.results import (
    CAREFUL,
    CLASSES,
    HASTY,
    HASTY_MISTAKES,
    answers,
    write_run,
    write_table,
)


def view_of(name: str) -> data.RunView:
    found = data.find_run(name)
    assert found is not None
    assert found.name == name
    return found


def small_index(rows: Sequence[tuple[str | None, str, int, int, str, float]]) -> ImageIndex:
    """An index with the columns that the Data page counts."""
    names = ["split", "label", "width_px", "height_px", "mode", "mean_intensity"]
    return ImageIndex(pd.DataFrame(rows, columns=names), ["glioma", "notumor"], "notumor")


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
    assert data.report(view, "test").accuracy.value == 1.0


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
    index.write(path, table)
    together = data.report(view_of(HASTY), "test").f1
    assert alone.low is not None
    assert alone.value is not None
    assert alone.low < alone.value
    # One cluster can only be drawn whole, so every resample is the sample itself.
    assert (together.low, together.value) == (together.high, alone.value)


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
    index.write(own / "dataset" / "index.parquet", fewer)
    second = data.image_index()
    assert second is not None
    assert (len(first.rows), len(second.rows)) == (68, 40)


def test_new_averages_are_shown_at_the_next_look(own: Path) -> None:
    assert data.average_images() is not None
    (own / "dataset" / "averages.npz").write_bytes(b"no arrays")
    with pytest.raises(InputError, match="is missing or damaged"):
        data.average_images()


def test_a_new_model_answers_at_the_next_question(own: Path) -> None:
    _, png = data.example(0)
    assert data.answer(HASTY, png).run.name == HASTY
    (own / HASTY / runs.MODEL_FILE).write_bytes(b"another model")
    with pytest.raises(InputError, match=r"is not the file that run\.json describes"):
        data.answer(HASTY, png)


# The image index


def test_a_damaged_index_says_so(own: Path) -> None:
    (own / "dataset" / "index.parquet").write_bytes(b"no table")
    with pytest.raises(InputError, match="is damaged"):
        data.image_index()


def test_files_that_could_not_be_indexed_come_with_their_reason(own: Path) -> None:
    (own / "dataset" / "unreadable.csv").write_text('path,reason\na.jpg,"Empty, 0 bytes."\n')
    assert data.unreadable_files() == [("a.jpg", "Empty, 0 bytes.")]


def test_class_balance_by_hand() -> None:
    table = small_index(
        [("train", "glioma", 1, 1, "L", 0.1)] * 6
        + [("train", "notumor", 1, 1, "L", 0.1)] * 2
        + [("test", "glioma", 1, 1, "L", 0.1)]
    )
    balance = data.class_balance(table)
    assert list(balance.counts.items()) == [
        ("train", {"glioma": 6, "notumor": 2}),
        ("test", {"glioma": 1, "notumor": 0}),
    ]
    assert balance.ratio == {"train": 3.0}  # a class without images has no ratio
    assert balance.total == 9


def test_images_without_a_split_are_counted_together() -> None:
    table = small_index([(None, "glioma", 1, 1, "L", 0.1), (None, "notumor", 1, 1, "L", 0.2)])
    assert data.class_balance(table).counts == {"all": {"glioma": 1, "notumor": 1}}


def test_sizes_come_most_frequent_first_and_the_rest_together() -> None:
    rows = [("train", "glioma", 512, 512, "L", 0.1)] * 3
    rows += [("train", "notumor", 200, 210, "RGB", 0.1)] * 2
    rows += [("train", "notumor", 90, 80 + i, "RGB", 0.1) for i in range(4)]
    sizes = data.image_sizes(small_index(rows), most=2)
    assert sizes == [
        ("512 × 512", {"glioma": 3, "notumor": 0}),
        ("200 × 210", {"glioma": 0, "notumor": 2}),
        ("other sizes", {"glioma": 0, "notumor": 4}),
    ]
    assert data.image_modes(small_index(rows)) == [
        ("RGB", {"glioma": 0, "notumor": 6}),
        ("L", {"glioma": 3, "notumor": 0}),
    ]


def test_brightness_is_that_of_every_image_of_a_class() -> None:
    table = small_index(
        [("train", "glioma", 1, 1, "L", 0.1), ("test", "glioma", 1, 1, "L", 0.3),
         ("test", "notumor", 1, 1, "L", 0.2)]
    )  # fmt: skip
    assert {name: v.tolist() for name, v in data.brightness(table).items()} == {
        "glioma": [0.1, 0.3],
        "notumor": [0.2],
    }


def test_a_class_of_which_no_image_could_be_read_has_no_brightness() -> None:
    table = small_index([("train", "glioma", 1, 1, "L", 0.1)])
    assert [v.tolist() for v in data.brightness(table).values() if len(v)] == [[0.1]]


# Thumbnails


@pytest.mark.usefixtures("shown", "pictures")
def test_a_thumbnail_is_a_small_png_of_an_indexed_image() -> None:
    png = data.thumbnail("Testing/glioma/glioma-0000.png")
    assert png is not None
    pixels = images.decode(png).pixels
    assert max(pixels.shape) <= 2 * data.THUMBNAIL_PX


@pytest.mark.usefixtures("shown")
def test_a_large_image_is_scaled_down_and_keeps_its_shape(
    own_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = np.tile(np.arange(200, dtype=np.uint8), (900, 4))[:, :450]
    (own_data / "Testing/glioma/glioma-0000.png").write_bytes(images.encode_png(large))
    monkeypatch.setenv("BRAINMRI_DATA", str(own_data))
    png = data.thumbnail("Testing/glioma/glioma-0000.png")
    assert png is not None
    assert images.decode(png).pixels.shape == (320, 160)


@pytest.mark.usefixtures("shown")
def test_there_is_no_thumbnail_without_the_images() -> None:
    assert data.thumbnail("Testing/glioma/glioma-0000.png") is None


@pytest.mark.usefixtures("bare", "pictures")
def test_there_is_no_thumbnail_without_an_index() -> None:
    assert data.thumbnail("Testing/glioma/glioma-0000.png") is None


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"no image")])
def test_an_indexed_image_that_went_bad_has_no_thumbnail(
    own_data: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], object]
) -> None:
    monkeypatch.setenv("BRAINMRI_DATA", str(own_data))
    damage(own_data / "Testing/glioma/glioma-0000.png")
    assert data.thumbnail("Testing/glioma/glioma-0000.png") is None


# The live predictor


@pytest.mark.usefixtures("bare")
def test_the_examples_are_the_same_every_time() -> None:
    assert [data.example(i)[0] for i in range(len(data.EXAMPLES))] == list(phantom.CLASSES)
    assert data.example(1) == data.example(1)
    assert images.decode(data.example(1)[1]).pixels.ndim == 2


def test_the_live_answer_is_that_of_the_scorer(shown: Path) -> None:
    pixels = phantom.draw("meningioma", 5)
    answer = data.answer(HASTY, images.encode_png(pixels))
    (expected,) = inference.load(shown, HASTY).classify([pixels])
    assert list(answer.probabilities) == CLASSES
    assert list(answer.probabilities.values()) == pytest.approx(expected.tolist(), abs=1e-7)
    assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-6)
    assert answer.tumour_probability == pytest.approx(1 - answer.probabilities["notumor"])
    assert answer.size_px == pixels.shape[::-1]
    assert answer.mode == "L"
    assert np.array_equal(images.decode(answer.picture_png).pixels, pixels)


def test_an_answer_writes_nothing(shown: Path, tmp_path: Path) -> None:
    def state() -> dict[str, str]:
        return {
            str(path): hashlib.sha256(path.read_bytes()).hexdigest()
            for folder in (shown, tmp_path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    before = state()
    data.answer(HASTY, data.example(0)[1])
    assert state() == before


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    ("run", "upload", "sentence"),
    [
        (HASTY, b"", "empty"),
        (HASTY, b"some text", "not a JPEG, PNG, BMP or TIFF"),
        (CAREFUL, images.encode_png(phantom.draw("glioma", 1)), "comes without its model file"),
        ("nobody", images.encode_png(phantom.draw("glioma", 1)), 'There is no run "nobody"'),
        ("../models", images.encode_png(phantom.draw("glioma", 1)), "cannot be the name of a run"),
    ],
)
def test_no_answer_without_an_image_and_a_model(run: str, upload: bytes, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        data.answer(run, upload)


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("name", [HASTY, CAREFUL, "nobody", "../../etc"])
def test_warming_up_never_fails(name: str) -> None:
    data.warm_up(name)


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
