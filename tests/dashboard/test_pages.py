"""The pages, opened in process: what they say in the normal state, in every empty one, and in trouble."""

from __future__ import annotations

import base64
import dataclasses
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from sklearn import metrics as reference

from brainmri import images, index, phantom, predictions, runs, trust
from brainmri.predictions import Predictions
from dashboard import data
from tests.conftest import SHIPPED
from tests.dashboard.faults import BREAKAGES, change_run, change_table
from tests.dashboard.results import (
    CAREFUL,
    CLASSES,
    HASTY,
    HASTY_MISTAKES,
    NEGATIVE,
    answers,
    write_run,
    write_table,
)
from tests.dashboard.visit import Node, Visitor, find, picked, table_rows, visible, words

ADDRESSES = {
    "/": "Overview",
    "/data": "Data",
    "/evaluate": "Evaluate",
    "/compare": "Compare",
    "/predict": "Predict",
}
TWO_ROWS: dict[str, Any] = {
    "label": ["glioma", "normal"],
    "prob_glioma": [0.9, 0.2],
    "prob_normal": [0.1, 0.8],
}


def heading(page: Node) -> str:
    return visible(find(page, "Title", order=1))


def headings(page: Node) -> list[str]:
    return [visible(title) for title in find(page, "Title", order=2)]


def statistics(page: Node) -> dict[str, str]:
    """Headline figures by their title, with what stands under them."""
    return {
        visible(find(card, className="statistic-title")): " | ".join(
            visible(find(card, className=name)) for name in ("statistic-value", "statistic-detail")
        )
        for card in find(page, className="card")
        if find(card, className="statistic-title")
    }


def table_named(page: Node, caption: str) -> dict[str, list[str]]:
    """A table's body by the name of each row."""
    (table,) = [t for t in find(page, "Table") if visible(find(t, "Caption")).startswith(caption)]
    return {row[0]: row[1:] for row in table_rows(table)}


def matrix(page: Node) -> dict[str, list[str]]:
    return table_named(page, "Confusion matrix")


def leaderboard(page: Node) -> list[dict[str, Any]]:
    (grid,) = find(page, "AgGrid")
    rows: list[dict[str, Any]] = grid["props"]["rowData"]
    return rows


def tiles(node: Node) -> list[str]:
    return [visible(tile) for tile in find(node, className="tile")]


def alerts(page: Node) -> dict[str, str]:
    return {alert["props"]["title"]: visible(alert) for alert in find(page, "Alert")}


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


# Every page


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_page_says_what_it_is_and_what_is_missed(visitor: Visitor, address: str) -> None:
    page = visitor.open(address)
    assert heading(page) == ADDRESSES[address]
    assert "This assists; it does not diagnose." in visible(page)
    assert "misses 1 of 15" in visible(page)
    assert alerts(page).keys() <= {"No image yet", "There is no audit yet"}


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_figure_has_text_for_screen_readers(visitor: Visitor, address: str) -> None:
    page = visitor.open(address)
    described = find(page, role="img")
    assert len(find(page, "Graph")) == len(described)
    assert all(frame["props"]["aria-label"] for frame in described)


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_picture_has_a_text_or_is_marked_as_decoration(
    visitor: Visitor, address: str
) -> None:
    page = visitor.open(f"{address}?cell=glioma~glioma")
    assert all("alt" in picture["props"] for picture in find(page, "Img"))


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("address", ["/nowhere", "/evaluate/deeper", "/image"])
def test_an_unknown_address_says_so_and_leads_back(visitor: Visitor, address: str) -> None:
    page = visitor.open(address)
    assert heading(page) == "Not found"
    assert find(page, "Link", href="/")


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("query", ["x=1", "run=", "run=careful&run=hasty", "cell=a&cell=b",
                                   "split=test&split=val&show=a&show=b&scale=c&scale=d",
                                   "run=%00&cell=%ff", "cell=~~~&run=..%2F..", "=&&="])  # fmt: skip
@pytest.mark.parametrize("address", ADDRESSES)
def test_no_query_brings_a_page_down(visitor: Visitor, address: str, query: str) -> None:
    assert heading(visitor.open(f"{address}?{query}")) == ADDRESSES[address]


# Empty states


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("address", "command"),
    [
        ("/", "python -m brainmri train"),
        ("/data", "python -m brainmri index DATA"),
        ("/evaluate", "python -m brainmri train"),
        ("/compare", "python -m brainmri train"),
        ("/predict", "python -m brainmri train"),
    ],
)
@pytest.mark.parametrize("folder", ["absent", "empty"])
def test_without_results_every_page_says_what_to_run(
    visitor: Visitor, bare: Path, address: str, command: str, folder: str
) -> None:
    if folder == "empty":
        bare.mkdir()
    page = visitor.open(address)
    assert heading(page) == ADDRESSES[address]
    assert command in visible(page)


def test_with_an_index_and_no_run_the_data_page_is_full(visitor: Visitor, own: Path) -> None:
    for name in (CAREFUL, HASTY):
        shutil.rmtree(own / name)
    assert len(find(visitor.open("/data"), "Graph")) == 5
    for address in ("/", "/evaluate", "/predict"):
        assert "There is nothing to show yet" in words(visitor.open(address))


def test_with_runs_and_no_index_the_other_pages_are_full(visitor: Visitor, own: Path) -> None:
    shutil.rmtree(own / "dataset")
    assert "python -m brainmri index DATA" in visible(visitor.open("/data"))
    assert statistics(visitor.open("/"))["Accuracy"].startswith("90.0 %")
    assert matrix(visitor.open("/evaluate"))["glioma"] == ["4", "0", "1", "0", "5"]
    assert find(visitor.open("/predict"), "Upload")


def test_without_averages_the_rest_of_the_data_page_is_there(visitor: Visitor, own: Path) -> None:
    (own / "dataset" / "averages.npz").unlink()
    page = visitor.open("/data")
    assert "No averages yet" in words(page)
    assert table_named(page, "Images per split and class")["training"][-2] == "48"


def test_where_no_run_has_its_model_the_predictor_says_so(visitor: Visitor, own: Path) -> None:
    (own / HASTY / runs.MODEL_FILE).unlink()
    page = visitor.open("/predict")
    assert "No run here has its model file" in words(page)
    assert not find(page, "Upload")


@pytest.mark.usefixtures("shown")
def test_without_the_images_tiles_say_how_to_see_them(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=careful&cell=glioma~notumor")
    assert "Start the dashboard with --data FOLDER" in visible(page)
    assert "no picture here" in visible(page)
    assert not find(find(page, className="tile"), "Img")


def test_a_run_without_validation_images_says_so(visitor: Visitor, bare: Path) -> None:
    write_table(bare, "spreadsheet", TWO_ROWS)
    page = visitor.open("/evaluate?split=val")
    assert "spreadsheet has no labelled validation images" in words(page)


def test_a_run_without_any_label_is_not_judged(visitor: Visitor, bare: Path) -> None:
    write_table(bare, "unjudged", {**TWO_ROWS, "label": pa.array([None, None], pa.string())})
    assert "unjudged has no labelled images to judge it by" in visible(visitor.open("/"))
    assert "unjudged has no labelled test images" in words(visitor.open("/evaluate"))
    assert "None" not in visible(visitor.open("/"))


# Trouble


@pytest.mark.parametrize("fault", BREAKAGES)
@pytest.mark.parametrize("address", ["/", "/evaluate"])
def test_a_broken_run_is_named_with_its_fault_beside_the_others(
    visitor: Visitor, own: Path, address: str, fault: str
) -> None:
    make, sentence = BREAKAGES[fault]
    make(own / HASTY)
    page = visitor.open(address)
    told = alerts(page)["These runs cannot be shown"]
    assert told.startswith(HASTY)
    assert sentence in told
    if address == "/":
        assert [row["run"] for row in leaderboard(page)] == [CAREFUL]
    else:
        assert matrix(page)["glioma"] == ["4", "0", "1", "0", "5"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_where_every_run_is_broken_the_page_still_opens(
    visitor: Visitor, own: Path, address: str
) -> None:
    for name in (CAREFUL, HASTY):
        (own / name / runs.RUN_FILE).write_text("{")
    page = visitor.open(address)
    assert heading(page) == ADDRESSES[address]
    if address in ("/", "/evaluate"):
        faults = [visible(item) for item in find(page, "Li")]
        assert [fault.split()[0] for fault in faults] == [CAREFUL, HASTY]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    "table",
    [
        {"split": ["train", "holdout"]},
        {"split": [1, 2]},
        {"path": ["../../etc/passwd", "/etc/passwd"]},
        {"label": ["normal", "normal"]},
        {"seen": [True, None]},
    ],
    ids=str,
)
def test_no_table_of_another_tool_brings_a_page_down(
    visitor: Visitor, bare: Path, address: str, table: dict[str, Any]
) -> None:
    write_table(bare, "strange", {**TWO_ROWS, **table})
    assert heading(visitor.open(address)) == ADDRESSES[address]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_table_with_a_negative_class_it_does_not_have_brings_no_page_down(
    visitor: Visitor, own: Path, address: str
) -> None:
    write_table(own, "odd", TWO_ROWS)
    metadata = {"brainmri.negative_class": "healthy"}
    change_table(own / "odd", lambda table: table.replace_schema_metadata(metadata))
    assert heading(visitor.open(address)) == ADDRESSES[address]


@pytest.mark.parametrize(
    "changed",
    [{"history": [{"epoch": 1}]}, {"history": [3]}, {"images": {"train": "many"}}],
    ids=str,
)
@pytest.mark.parametrize("address", ["/", "/evaluate?run=careful"])
def test_a_run_json_with_odd_values_brings_no_page_down(
    visitor: Visitor, own: Path, address: str, changed: dict[str, Any]
) -> None:
    change_run(own / CAREFUL, **changed)
    assert heading(visitor.open(address)) in ("Overview", "Evaluate")


def test_a_damaged_index_is_named_on_the_data_page_only(visitor: Visitor, own: Path) -> None:
    (own / "dataset" / "index.parquet").write_bytes(b"no table")
    told = alerts(visitor.open("/data"))["The image index cannot be shown"]
    assert "is damaged" in told
    assert statistics(visitor.open("/"))["Accuracy"].startswith("90.0 %")


def test_damaged_averages_do_not_hide_the_counts(visitor: Visitor, own: Path) -> None:
    (own / "dataset" / "averages.npz").write_bytes(b"no arrays")
    page = visitor.open("/data")
    assert "averages.npz" in visible(page)
    assert table_named(page, "Images per split and class")["training"][-2] == "48"


def test_a_damaged_list_of_unreadable_files_does_not_hide_the_page(
    visitor: Visitor, own: Path
) -> None:
    (own / "dataset" / "unreadable.csv").write_bytes(b"")
    assert find(visitor.open("/data"), "Graph")


def test_files_that_could_not_be_indexed_are_listed(visitor: Visitor, own: Path) -> None:
    (own / "dataset" / "unreadable.csv").write_text("path,reason\nTesting/a.jpg,Cut off.\n")
    told = alerts(visitor.open("/data"))["These files could not be read and are left out"]
    assert told == "Testing/a.jpg : Cut off."


def test_a_class_without_one_readable_image_is_shown_with_none(
    visitor: Visitor, bare: Path, own_data: Path
) -> None:
    empty = own_data / "Training" / "lymphoma" / "a.png"
    empty.parent.mkdir()
    empty.write_bytes(b"")
    index.build(own_data, bare, quiet=True)
    page = visitor.open("/data")
    counts = dict(zip(sorted([*CLASSES, "lymphoma"]),
                      table_named(page, "Images per split and class")["training"], strict=False))  # fmt: skip
    assert counts["lymphoma"] == "0 0.0 %"
    assert counts["glioma"] == "12 25.0 %"
    told = alerts(page)["These files could not be read and are left out"]
    assert told == "Training/lymphoma/a.png : The file is empty (0 bytes)."


# Overview


@pytest.mark.usefixtures("shown")
def test_the_overview_says_in_one_sentence_how_good_the_best_run_is(visitor: Visitor) -> None:
    (lead,) = find(visitor.open("/"), className="lead")
    assert visible(lead) == (
        "The best run, chosen on validation images, is careful: it names the right class for "
        "90.0 % of 20 test images (69.9–97.2 %)."
    )


def test_a_run_without_validation_images_was_not_chosen_on_them(
    visitor: Visitor, bare: Path
) -> None:
    write_table(bare, "spreadsheet", TWO_ROWS)
    (lead,) = find(visitor.open("/"), className="lead")
    assert "spreadsheet" in visible(lead)
    assert "chosen on validation images" not in visible(lead)


def test_a_run_with_validation_images_only_is_described_in_good_english(
    visitor: Visitor, bare: Path
) -> None:
    write_table(bare, "spreadsheet", {**TWO_ROWS, "split": ["val", "val"]})
    (lead,) = find(visitor.open("/"), className="lead")
    assert "2 validation images" in visible(lead)
    assert "The best run, is" not in visible(lead)


def test_no_tumour_is_said_to_be_missed_where_there_was_none(visitor: Visitor, bare: Path) -> None:
    write_table(bare, "healthy-only", {**TWO_ROWS, "label": ["normal", "normal"]})
    assert "misses no tumour images" not in visible(visitor.open("/"))


@pytest.mark.usefixtures("shown")
def test_the_headline_figures_are_counts_with_rates_and_intervals(visitor: Visitor) -> None:
    shown = statistics(visitor.open("/"))
    assert shown["Missed tumours"] == "1 of 15 | 95 % interval 1.2–29.8 %, n = 15"
    assert shown["False alarms"] == "0 of 5 | 95 % interval 0.0–43.4 %, n = 5"
    # 6 answers were "no tumour", 5 of them right
    assert shown["“No tumour” answers that are right"].startswith("83.3 % |")
    assert shown["Accuracy"] == "90.0 % | 95 % interval 69.9–97.2 %, n = 20"


@pytest.mark.usefixtures("shown")
def test_the_overview_warns_of_images_that_were_seen_in_training(visitor: Visitor) -> None:
    (warning,) = find(visitor.open("/"), className="caution")
    assert visible(warning).startswith("4 of the 20 official test images (20 %) have a near-copy")


@pytest.mark.parametrize("address", ["/", "/evaluate?run=careful"])
@pytest.mark.usefixtures("shown")
def test_the_flattering_figure_stands_beside_the_true_ones(visitor: Visitor, address: str) -> None:
    (truths,) = find(visitor.open(address), className="truths")
    official, unseen, grouped = [visible(part) for part in find(truths, className="card")]
    assert "90.0 %" in official
    assert "n = 20" in official
    assert "Missed tumours: 1 of 15 (1.2–29.8 %)" in official
    assert "n = 16" in unseen  # four of the twenty have a near-copy in training
    assert "87.5 %" in unseen
    assert "No run of this model on a split that keeps copies together yet" in grouped


def test_a_grouped_run_of_the_same_model_stands_beside_the_official_one(
    visitor: Visitor, own: Path
) -> None:
    table = index.read(own / "dataset" / "index.parquet")
    write_run(own, "careful-grouped", answers(table, HASTY_MISTAKES), protocol="grouped_split")
    for run in (CAREFUL, "careful-grouped"):
        (truths,) = find(visitor.open(f"/evaluate?run={run}"), className="truths")
        official, _, grouped = [visible(part) for part in find(truths, className="card")]
        assert "90.0 %" in official
        assert "70.0 %" in grouped
    said = visible(find(visitor.open("/"), className="caution")[0])
    assert "the grouped split (grouped_split) keeps together what its column names" in said


@pytest.mark.usefixtures("shown")
def test_a_run_is_ranked_by_any_property_of_the_images(visitor: Visitor) -> None:
    shown = visitor.fire(
        "weak-head",
        inputs={"by": "seen", "rank": "accuracy", "run": HASTY, "split": "test"},
        state={"slice": "unseen"},
    )
    rows = [visible(row) for row in find(shown["weak-table"]["children"], "Tr")[1:]]
    assert rows[0].startswith("unseen")
    assert "n" in visible(shown["weak-table"]["children"])
    assert "5 of 16" in rows[0]
    assert "too few images (4; a figure needs 10)" in rows[1]
    assert visible(shown["weak-images"]["children"]).startswith(
        "5 wrong answers for seen in training or not “unseen”"
    )


def test_without_an_index_slices_say_what_to_run(visitor: Visitor, own: Path) -> None:
    shutil.rmtree(own / "dataset")
    page = visitor.open(f"/evaluate?run={CAREFUL}")
    assert "There is no image index here that knows these images" in alerts(page)


@pytest.mark.usefixtures("shown")
def test_the_leaderboard_holds_every_run_the_most_accurate_first(visitor: Visitor) -> None:
    careful, hasty = leaderboard(visitor.open("/"))
    assert [careful["run"], hasty["run"]] == [CAREFUL, HASTY]
    assert [careful["accuracy"], hasty["accuracy"]] == [0.9, 0.7]
    assert [careful["missed"], hasty["missed"]] == [1, 3]
    assert hasty["missed_text"].replace("\u00a0", " ") == "3 of 15 (7.0–45.2 %)"
    assert [careful["images"], careful["seen"]] == ["20 test", "4 of 20"]
    assert hasty["sensitivity"] == pytest.approx(12 / 15)
    assert hasty["specificity"] == pytest.approx(3 / 5)


@pytest.mark.usefixtures("shown")
def test_the_published_accuracy_of_radiologists_is_the_line_to_compare_with(
    visitor: Visitor,
) -> None:
    (graph,) = find(visitor.open("/"), "Graph")
    layout = graph["props"]["figure"]["layout"]
    assert layout["shapes"][0]["x0"] == 87.0
    assert "87 % (N = 154, Munir et al. 2021)" in layout["annotations"][-1]["text"]


@pytest.mark.usefixtures("shown")
def test_every_column_of_the_leaderboard_is_explained(visitor: Visitor) -> None:
    page = visitor.open("/")
    explained = [visible(term) for term in find(page, "Dt")]
    for name in ("Missed tumours", "False alarms", "Accuracy", "Tumour sensitivity", "Specificity",
                 "95 % interval", "Seen in training"):  # fmt: skip
        assert name in explained


# Agreement with scikit-learn


def judged(table: Predictions, split: str = "test") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = (table.splits == split) & (table.y_true >= 0)
    return table.y_true[rows], table.y_pred[rows], table.y_prob[rows]


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


def test_the_overview_agrees_with_scikit_learn(
    visitor: Visitor, judged_run: tuple[str, Predictions]
) -> None:
    name, table = judged_run
    y_true, y_pred, _ = judged(table)
    (row,) = [row for row in leaderboard(visitor.open("/")) if row["run"] == name]
    precision, recall, f1, _ = reference.precision_recall_fscore_support(
        y_true, y_pred, average="weighted", zero_division=0
    )
    negative = table.classes.index(NEGATIVE)
    tumour, called = y_true != negative, y_pred != negative
    expected = {
        "accuracy": reference.accuracy_score(y_true, y_pred),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "sensitivity": reference.recall_score(tumour, called),
        "specificity": reference.recall_score(~tumour, ~called),
    }
    assert {key: row[key] for key in expected} == pytest.approx(expected, abs=1e-9)
    assert row["missed"] == int((tumour & ~called).sum())


def test_the_evaluate_page_agrees_with_scikit_learn(
    visitor: Visitor, judged_run: tuple[str, Predictions]
) -> None:
    name, table = judged_run
    for split in ("test", "val"):
        y_true, y_pred, y_prob = judged(table, split)
        page = visitor.open(f"/evaluate?run={name}&split={split}")
        confusion = reference.confusion_matrix(y_true, y_pred, labels=range(len(table.classes)))
        shown = matrix(page)
        each = reference.precision_recall_fscore_support(
            y_true, y_pred, labels=range(len(table.classes)), zero_division=0
        )
        figures = table_named(page, "Precision, recall and F1 per class")
        areas = table_named(page, "Areas under the curves")
        for i, label in enumerate(table.classes):
            assert shown[label] == [f"{n:,}" for n in [*confusion[i], confusion[i].sum()]]
            cells = figures[label]
            expected = [percent(metric[i]) for metric in each[:3]]
            # A class that is never predicted has no precision; scikit-learn is told to say 0.
            shown_figures = [re.sub(r"^–.*", "0.0 %", cell) for cell in cells[:3]]
            assert [cell.partition(" %")[0] + " %" for cell in shown_figures] == expected
            assert cells[3] == f"{each[3][i]:,}"
            area = reference.roc_auc_score(y_true == i, y_prob[:, i])
            average = reference.average_precision_score(y_true == i, y_prob[:, i])
            assert areas[label][0].startswith(percent(area))
            assert areas[label][1].startswith(percent(average))


def test_the_curves_are_those_of_scikit_learn(shown: Path) -> None:
    table = predictions.read(shown / HASTY / runs.PREDICTIONS_FILE)
    y_true, _, y_prob = judged(table)
    view = data.find_run(HASTY)
    assert view is not None
    for curve in data.curves(view, "test"):
        i = table.classes.index(curve.name)
        x, y, _ = reference.roc_curve(y_true == i, y_prob[:, i], drop_intermediate=False)
        assert curve.roc is not None
        assert curve.roc.x.tolist() == pytest.approx(x.tolist())
        assert curve.roc.y.tolist() == pytest.approx(y.tolist())


# Data


@pytest.mark.usefixtures("shown")
def test_class_balance_is_shown_as_bars_and_as_a_table(visitor: Visitor) -> None:
    page = visitor.open("/data")
    rows = table_named(page, "Images per split and class")
    assert rows["training"] == ["12 25.0 %"] * 4 + ["48", "1.00"]
    assert rows["test"] == ["5 25.0 %"] * 4 + ["20", "1.00"]
    bars = find(page, "Graph")[0]["props"]["figure"]["data"]
    assert [(bar["name"], bar["x"], bar["y"]) for bar in bars] == [
        ("train", CLASSES, [12] * 4),
        ("test", CLASSES, [5] * 4),
    ]


@pytest.mark.usefixtures("shown")
def test_there_is_an_average_per_class_and_a_contrast_per_tumour(visitor: Visitor) -> None:
    page = visitor.open("/data?split=test&scale=magma")
    captions = [visible(figure) for figure in find(page, className="average")]
    assert captions[:4] == [f"{name} average of 5 images" for name in CLASSES]
    assert [c.partition(" largest")[0] for c in captions[4:]] == [
        f"{name} − notumor" for name in CLASSES if name != "notumor"
    ]
    assert (picked(page, "split"), picked(page, "scale")) == ("test", "magma")


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("query", ["scale=rainbow", "scale=", "split=holdout", "split=%3Cb%3E"])
def test_a_bad_value_on_the_data_page_falls_back(visitor: Visitor, query: str) -> None:
    page = visitor.open(f"/data?{query}")
    assert (picked(page, "split"), picked(page, "scale")) == ("train", "viridis")
    assert len(find(page, className="average")) == 7


@pytest.mark.usefixtures("shown")
def test_another_scale_or_split_changes_the_pictures(visitor: Visitor) -> None:
    def sources(scale: str, split: str) -> list[str]:
        shown = visitor.fire("average-images", inputs={"scale": scale, "split": split})
        node = shown["average-images"]["children"]
        return [picture["props"]["src"] for picture in find(node, "Img")]

    first = sources("viridis", "train")
    assert len(first) == 9  # four averages, three contrasts, two colour bars
    assert sources("viridis", "train") == first
    assert not set(sources("magma", "train")) & set(first)
    assert sources("viridis", "test")[:4] != first[:4]


def test_averages_that_went_away_are_said_to_be_gone(visitor: Visitor, own: Path) -> None:
    (own / "dataset" / "averages.npz").unlink()
    shown = visitor.fire("average-images", inputs={"scale": "magma", "split": "train"})
    assert "brainmri index DATA" in words(shown["average-images"]["children"])


# Evaluate


@pytest.mark.usefixtures("shown")
def test_an_address_opens_the_view_it_names(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=hasty&split=val&show=share&cell=glioma~meningioma")
    assert [picked(page, key) for key in ("run", "split", "show")] == [HASTY, "val", "share"]
    assert matrix(page)["glioma"] == ["66.7 %", "33.3 %", "0.0 %", "0.0 %", "3"]
    assert "1 image of glioma called meningioma" in headings(page)


@pytest.mark.usefixtures("shown")
def test_the_matrix_shows_counts_and_the_largest_confusion_in_words(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=hasty")
    assert list(matrix(page).values()) == [
        ["2", "0", "3", "0", "5"],
        ["0", "5", "0", "0", "5"],
        ["0", "2", "3", "0", "5"],
        ["1", "0", "0", "4", "5"],
    ]
    assert "Glioma is most often mistaken for notumor: 3 of 5" in headings(page)
    told = [visible(item) for item in find(find(page, className="plain-list")[-1], "Li")]
    assert told[:3] == [
        "Missed tumours: 3 of 15 (7.0–45.2 %)",
        "False alarms: 2 of 5 (11.8–76.9 %)",
        "All right answers: 14 of 20 (48.1–85.5 %)",
    ]
    assert "glioma called notumor: 3 of 5 (60.0 %)" in told


@pytest.mark.usefixtures("shown")
def test_missed_tumours_stand_out_and_empty_cells_cannot_be_chosen(visitor: Visitor) -> None:
    cells = {
        button["props"]["id"]["cell"]: button["props"]
        for button in find(find(visitor.open("/evaluate?run=hasty"), className="matrix"), "Button")
    }
    assert len(cells) == 16
    assert "missed" in cells["glioma~notumor"]["className"]
    assert "wrong" in cells["notumor~meningioma"]["className"]
    assert "right" in cells["glioma~glioma"]["className"]
    assert cells["glioma~meningioma"]["disabled"]
    assert not cells["glioma~notumor"]["disabled"]
    assert cells["glioma~notumor"]["aria-label"].startswith("3 images of glioma called notumor")


@pytest.mark.usefixtures("shown")
def test_an_unknown_run_falls_back_with_a_message(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=nobody")
    assert alerts(page)["There is no run “nobody”"] == "Showing careful instead."
    assert picked(page, "run") == CAREFUL
    assert matrix(page)["glioma"][0] == "4"


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    ("query", "expected"),
    [("split=train", ("test", "counts")), ("split=", ("test", "counts")),
     ("show=everything", ("test", "counts")), ("split=val&show=pie", ("val", "counts"))],
)  # fmt: skip
def test_a_bad_split_or_matrix_falls_back(
    visitor: Visitor, query: str, expected: tuple[str, str]
) -> None:
    page = visitor.open(f"/evaluate?{query}")
    assert (picked(page, "split"), picked(page, "show")) == expected


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("cell", ["", "glioma", "glioma~cat", "cat~glioma", "~", "a~b~c"])
def test_a_bad_cell_shows_no_images(visitor: Visitor, cell: str) -> None:
    assert tiles(visitor.open(f"/evaluate?cell={cell}")) == []


@pytest.mark.usefixtures("shown")
def test_a_cell_that_is_empty_in_another_run_says_so(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=careful&cell=pituitary~glioma")
    assert "No pituitary was called glioma" in headings(page)


@pytest.mark.usefixtures("shown", "pictures")
def test_a_chosen_cell_lists_its_images_the_surest_first(visitor: Visitor) -> None:
    shown = visitor.fire(
        "evaluate-images",
        inputs={"cell": [("glioma~glioma", None), ("glioma~notumor", 1)]},
        state={"run": HASTY, "split": "test"},
        changed=['{"cell":"glioma~notumor"}.n_clicks'],
    )
    node = shown["evaluate-images"]["children"]
    assert shown['{"kept":"cell","page":"evaluate"}']["data"] == "glioma~notumor"
    assert headings(node) == ["3 images of glioma called notumor"]
    assert tiles(node)[0].startswith(
        "Testing/glioma/glioma-0002.png has a near-copy in training notumor 74.0 % glioma 8.7 %"
    )
    sources = [picture["props"]["src"] for picture in find(node, "Img")]
    assert sources == [f"/image/Testing/glioma/glioma-000{i}.png" for i in (2, 1, 0)]
    assert all(visitor.client.get(source).mimetype == "image/png" for source in sources)


@pytest.mark.usefixtures("shown")
def test_a_page_that_only_opens_does_not_choose_a_cell(visitor: Visitor) -> None:
    shown = visitor.fire(
        "evaluate-images",
        inputs={"cell": [("glioma~glioma", None), ("glioma~notumor", None)]},
        state={"run": HASTY, "split": "test"},
        changed=['{"cell":"glioma~notumor"}.n_clicks'],
    )
    assert shown == {}


def test_of_a_large_cell_the_surest_images_are_listed(visitor: Visitor, bare: Path) -> None:
    n = 1030
    write_table(
        bare,
        "many",
        {"label": ["glioma"] * n, "prob_glioma": [0.1] * n, "prob_normal": [0.9] * n},
    )
    page = visitor.open("/evaluate?cell=glioma~normal")
    assert "1,030 images of glioma called normal; the 24 surest" in headings(page)
    assert len(tiles(page)) == 24
    assert "unnamed" in tiles(page)[0]


@pytest.mark.usefixtures("shown")
def test_another_run_changes_everything_on_the_page(visitor: Visitor) -> None:
    shown = visitor.fire(
        "evaluate-truths",
        inputs={"run": HASTY, "split": "test", "show": "counts"},
        state={"cell": "glioma~notumor"},
    )
    assert matrix(shown["evaluate-content"]["children"])["glioma"] == ["2", "0", "3", "0", "5"]
    assert "no epochs" in visible(shown["evaluate-below"]["children"])
    (pictures,) = [value for key, value in shown.items() if key.startswith("evaluate-images")]
    assert headings(pictures["children"]) == ["3 images of glioma called notumor"]


@pytest.mark.usefixtures("shown")
def test_counts_or_shares_change_the_matrix_only(visitor: Visitor) -> None:
    shown = visitor.fire(
        "evaluate-truths",
        inputs={"run": HASTY, "split": "test", "show": "share"},
        state={"cell": "glioma~notumor"},
        changed=['{"page":"evaluate","state":"show"}.value'],
    )
    assert matrix(shown["evaluate-content"]["children"])["glioma"][0] == "40.0 %"
    assert list(shown) == ["evaluate-content"]


def test_a_run_that_vanished_meanwhile_falls_back_to_another(visitor: Visitor, own: Path) -> None:
    shutil.rmtree(own / HASTY)
    shown = visitor.fire(
        "evaluate-truths", inputs={"run": HASTY, "split": "test", "show": "counts"}
    )
    assert matrix(shown["evaluate-content"]["children"])["glioma"][0] == "4"


@pytest.mark.usefixtures("shown")
def test_the_training_history_marks_the_epoch_that_was_kept(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=careful")
    assert "Epoch 2 of 3 was kept: it has the lowest validation loss" in headings(page)
    assert "seed 7, 36 training and 12 validation images" in visible(page)


def test_a_table_of_another_tool_is_shown_as_a_run(visitor: Visitor, bare: Path) -> None:
    write_table(bare, "spreadsheet", TWO_ROWS)
    page = visitor.open("/evaluate?run=spreadsheet")
    assert matrix(page) == {"glioma": ["1", "0", "1"], "normal": ["0", "1", "1"]}
    assert "predictions come from another tool" in visible(page)
    assert leaderboard(visitor.open("/"))[0]["seen"] == "not recorded"


def test_classes_are_whatever_the_table_says(visitor: Visitor, bare: Path) -> None:
    names = ["a", "b", "c", "d", "e", "f", "g", "healthy"]
    write_table(
        bare,
        "eight",
        {"label": names, **{f"prob_{k}": np.eye(8)[i].tolist() for i, k in enumerate(names)}},
    )
    page = visitor.open("/evaluate")
    assert list(matrix(page)) == names
    assert "All 8 images were named right" in headings(page)


def test_new_predictions_show_at_the_next_visit(visitor: Visitor, own: Path) -> None:
    assert matrix(visitor.open("/evaluate?run=hasty"))["glioma"][2] == "3"
    table = index.read(own / "dataset" / "index.parquet")
    shutil.rmtree(own / HASTY)
    write_run(own, HASTY, answers(table, {}))
    assert matrix(visitor.open("/evaluate?run=hasty"))["glioma"][2] == "0"


# Predict


def ask(
    visitor: Visitor,
    *,
    upload: bytes | None = None,
    example: int | None = None,
    refused: dict[str, Any] | None = None,
    contents: str | None = None,
    run: str = HASTY,
) -> Node:
    """What the page answers to an upload, an example, or a file that the browser refused."""
    if upload is not None:
        contents = "data:image/png;base64," + base64.b64encode(upload).decode()
    # The browser writes to both stores at once, so both have changed.
    changed = ["uploaded.data", "refused.data"]
    if example is not None:
        changed = [f'{{"example":{example}}}.n_clicks']
    shown = visitor.fire(
        "predict-answer",
        inputs={
            "uploaded": None if contents is None else {"contents": contents, "at": 1},
            "refused": refused,
            "n_clicks": None,
            "example": [(i, 1 if i == example else None) for i in range(4)],
        },
        state={"run": run},
        changed=changed,
    )
    return shown["predict-answer"]["children"]


def png(label: str = "glioma", seed: int = 1) -> bytes:
    return images.encode_png(phantom.draw(label, seed))


@pytest.mark.usefixtures("shown")
def test_only_runs_with_a_model_can_be_asked(visitor: Visitor) -> None:
    page = visitor.open("/predict")
    (picker,) = find(page, "Select")
    assert picker["props"]["data"] == [HASTY]
    assert "No image yet" in words(page)


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("run", ["nobody", CAREFUL])
def test_asking_a_run_that_cannot_answer_falls_back_with_a_message(
    visitor: Visitor, run: str
) -> None:
    page = visitor.open(f"/predict?run={run}")
    assert picked(page, "run") == HASTY
    assert any(run in told for told in (*alerts(page), *alerts(page).values()))


def test_an_upload_is_answered_with_probabilities_and_who_answered(
    visitor: Visitor, shown: Path
) -> None:
    expected = data.answer(HASTY, png()).probabilities
    node = ask(visitor, upload=png())
    bars = [visible(item) for item in find(find(node, "Ul"), "Li")]
    ordered = sorted(expected.items(), key=lambda entry: -entry[1])
    assert bars == [f"{name} {percent(p)}" for name, p in ordered]
    assert f"Tumour probability {percent(1 - expected['notumor'])}" in visible(node)
    assert "hasty (mean-brightness)" in visible(node)
    assert runs.load(shown, HASTY).model_sha256[:12] in visible(node)
    assert "trained 2026-01-02, split official" in visible(node)
    assert "missed 3 of 15 tumours" in visible(node)


@pytest.mark.usefixtures("shown")
def test_the_picture_shown_is_the_one_that_was_dropped(visitor: Visitor) -> None:
    pixels = phantom.draw("pituitary", 2)
    (picture,) = find(ask(visitor, upload=images.encode_png(pixels)), "Img")
    sent = base64.b64decode(picture["props"]["src"].partition(",")[2])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(sent))), pixels)
    height, width = pixels.shape
    assert f"{width} × {height} pixels, L" in visible(ask(visitor, upload=png("pituitary", 2)))


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("number", range(4))
def test_every_example_is_answered_with_one_click(visitor: Visitor, number: int) -> None:
    node = ask(visitor, example=number)
    assert "Tumour probability" in visible(node)
    assert f"synthetic {CLASSES[number]} slice" in visible(node)


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, **options)
    return buffer.getvalue()


def animated_png() -> bytes:
    frames = [
        Image.fromarray(phantom.draw("glioma", 1)),
        Image.fromarray(phantom.draw("glioma", 1)),
    ]
    buffer = io.BytesIO()
    frames[0].save(buffer, "PNG", save_all=True, append_images=[frames[1].rotate(5)])
    return buffer.getvalue()


def truncated_jpeg() -> bytes:
    whole = tiff(phantom.draw("glioma", 1), format="JPEG")
    return whole[: len(whole) // 2]


def claims_to_be_huge() -> bytes:
    """A PNG whose header says 50,000 x 50,000."""
    import zlib

    header = b"IHDR" + (50_000).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    chunk = (13).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    return png()[:8] + chunk + png()[33:]


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    ("upload", "sentence"),
    [
        (b"", "The file is empty (0 bytes)."),
        (b"just text", "The file is not a JPEG, PNG, BMP or TIFF image, whatever its name says."),
        (truncated_jpeg(), "The image is cut off or damaged"),
        (animated_png(), "The file holds several frames"),
        (claims_to_be_huge(), "The image is too large"),
        (png()[:200], "The image is cut off or damaged"),
    ],
    ids=["empty", "text", "truncated", "animated", "huge", "cut png"],
)
def test_a_file_that_cannot_be_used_gets_one_clear_sentence(
    visitor: Visitor, upload: bytes, sentence: str
) -> None:
    node = ask(visitor, upload=upload)
    (told,) = alerts(node).values()
    assert told.startswith(sentence)
    assert not find(node, "Img")


@pytest.mark.usefixtures("shown")
def test_a_file_that_the_browser_found_too_large_gets_one_clear_sentence(visitor: Visitor) -> None:
    (told,) = alerts(ask(visitor, refused={"megabytes": 25, "at": 1})).values()
    assert told == "The file has 25 MB; at most 20 MB are read. Scale it down first."


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("contents", ["", "no data uri", "data:image/png;base64,!!!", "data:,x"])
def test_an_upload_that_arrives_damaged_gets_one_clear_sentence(
    visitor: Visitor, contents: str
) -> None:
    assert len(alerts(ask(visitor, contents=contents))) == 1


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("run", [CAREFUL, "nobody", "../.."])
def test_a_run_without_a_model_answers_with_a_sentence(visitor: Visitor, run: str) -> None:
    assert len(alerts(ask(visitor, upload=png(), run=run))) == 1


def test_a_damaged_model_answers_with_a_sentence(visitor: Visitor, own: Path) -> None:
    (own / HASTY / runs.MODEL_FILE).write_bytes(b"no model")
    (told,) = alerts(ask(visitor, upload=png())).values()
    assert "is not the file that run.json describes" in told


def test_a_page_that_only_opens_asks_nothing(visitor: Visitor) -> None:
    shown = visitor.fire(
        "predict-answer",
        inputs={"uploaded": None, "refused": None, "example": [(i, None) for i in range(4)]},
        state={"run": HASTY},
        changed=['{"example":0}.n_clicks'],
    )
    assert shown == {}


# --- trust ---------------------------------------------------------------------------------------


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


@pytest.mark.usefixtures("plenty")
def test_calibration_is_shown_before_and_after_the_temperature(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=plenty")
    assert any("before the temperature" in heading for heading in headings(page))
    titles = [visible(part) for part in find(page, className="statistic-title")]
    assert "Calibration error as the model said" in titles
    assert any(title.startswith("After the temperature") for title in titles)


@pytest.mark.usefixtures("plenty")
def test_every_position_of_a_slider_has_its_counts_with_intervals(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=plenty&find=0&worth=16")
    stores = {
        store["props"]["id"]: store["props"]["data"]
        for store in find(page, "Store")
        if str(store["props"]["id"]).startswith("tells-")
    }
    sliders = {s["props"]["id"]["state"]: s["props"] for s in find(page, "Slider")}
    for key, chosen in (("find", 0), ("worth", 16)):
        assert sliders[key]["value"] == chosen
        assert len(stores[f"tells-{key}"]) == sliders[key]["max"] + 1
        for said in stores[f"tells-{key}"]:
            assert re.search(r"Missed tumours:  ?\d+ of 60 \(\d+\.\d–\d+\.\d %\)", visible(said))
        (told,) = find(page, id=f"told-{key}")
        assert visible(told) == visible(stores[f"tells-{key}"][chosen])


@pytest.mark.usefixtures("plenty")
def test_the_class_with_the_lowest_coverage_is_named(visitor: Visitor) -> None:
    (heading,) = [h for h in headings(visitor.open("/evaluate?run=plenty")) if "promise" in h]
    assert re.match(r"Sets that promise 90 % hold the true class least often for \w+: ", heading)


@pytest.mark.usefixtures("shown")
def test_too_few_validation_images_are_said_to_be_the_reason(visitor: Visitor) -> None:
    page = visible(visitor.open("/evaluate?run=careful"))
    assert "No sliders: fewer than 30 validation images with a tumour." in page


# Compare


def comparison(page: Node) -> dict[str, list[str]]:
    return table_named(page, f"{CAREFUL} and {HASTY}")


@pytest.mark.usefixtures("shown")
def test_the_best_run_is_compared_with_the_next_one_on_the_same_images(visitor: Visitor) -> None:
    page = visitor.open("/compare")
    assert (picked(page, "run"), picked(page, "other")) == (CAREFUL, HASTY)
    assert "Judged on the 20 labelled test images that both answered." in visible(page)
    rows = comparison(page)
    assert [row[-1] for row in rows.values()] == ["15", "5", "20", "20", "20"]
    found = rows["Tumours found (sensitivity)"]
    assert [cell.split(" %")[0] for cell in found[:2]] == ["93.3", "80.0"]
    assert found[2].startswith("+13.3 points ")
    assert rows["Right answers (accuracy)"][2].startswith("+20.0 points ")
    assert headings(page)[0] == "No difference that these 20 images can show."
    # careful alone: glioma 1 and 2, notumor 0 and 1, pituitary 4; hasty alone: meningioma 1
    alone = table_named(page, "Images that one run alone got right")
    assert alone["The class"] == ["5", "1", "0.219"]
    assert alone["Tumour or no tumour"] == ["4", "0", "0.125"]


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    ("now", "heading_", "paths"),
    [
        ("missed", f"2 tumours that {HASTY} misses and {CAREFUL} found",
         ["glioma-0002", "glioma-0001"]),
        ("found", f"There is no tumour that {HASTY} finds and {CAREFUL} missed", []),
        ("wrong", f"5 images that {HASTY} names wrong and {CAREFUL} named right",
         ["pituitary-0004", "glioma-0002", "glioma-0001", "notumor-0001", "notumor-0000"]),
        ("right", f"1 image that {HASTY} names right and {CAREFUL} named wrong",
         ["meningioma-0001"]),
    ],
)  # fmt: skip
def test_the_images_that_changed_are_shown_the_surest_first(
    visitor: Visitor, now: str, heading_: str, paths: list[str]
) -> None:
    page = visitor.open(f"/compare?run={HASTY}&other={CAREFUL}&now={now}")
    assert headings(page)[-1] == heading_
    shown = tiles(page)
    assert len(shown) == len(paths)
    assert sorted(p for p, tile in zip(paths, shown, strict=True) if p in tile) == sorted(paths)
    if now == "missed":
        assert f"glioma: {CAREFUL} said glioma, {HASTY} says notumor" in shown[0]


@pytest.mark.usefixtures("shown")
def test_other_choices_change_the_comparison(visitor: Visitor) -> None:
    def fire(run: str, other: str, split: str) -> Node:
        inputs = {"run": run, "other": other, "split": split, "now": "missed"}
        return visitor.fire("compare-content", inputs=inputs)["compare-content"]["children"]

    assert "12 labelled validation images" in visible(fire(CAREFUL, HASTY, "val"))
    assert table_named(fire(HASTY, CAREFUL, "test"), f"{HASTY} and {CAREFUL}")[
        "Right answers (accuracy)"
    ][2].startswith("−20.0 points ")
    assert "This is one run twice" in words(fire(HASTY, HASTY, "test"))


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("query", ["run=nobody", "other=nobody", "run=nobody&other=noone"])
def test_an_unknown_run_to_compare_falls_back_with_a_message(visitor: Visitor, query: str) -> None:
    page = visitor.open(f"/compare?{query}")
    assert "There is no run “nobody”" in words(page)
    assert {picked(page, "run"), picked(page, "other")} == {CAREFUL, HASTY}


def test_with_one_run_the_page_says_how_to_make_another(visitor: Visitor, own: Path) -> None:
    shutil.rmtree(own / HASTY)
    page = visitor.open("/compare")
    assert "There is only one run, careful" in words(page)
    assert "python -m brainmri train" in visible(page)


def test_runs_that_cannot_be_compared_say_why(visitor: Visitor, own: Path) -> None:
    write_table(own, "spreadsheet", TWO_ROWS)
    page = visitor.open(f"/compare?run={CAREFUL}&other=spreadsheet")
    assert f"{CAREFUL} and spreadsheet cannot be compared" in words(page)
    table = index.read(own / "dataset" / "index.parquet")
    made = answers(table, {})
    renamed = np.array([f"else/{path}" for path in made.paths], dtype=object)
    write_run(own, "elsewhere", Predictions(**{**vars(made), "paths": renamed}))
    page = visitor.open(f"/compare?run={CAREFUL}&other=elsewhere")
    assert f"{CAREFUL} and elsewhere have no labelled test image in common" in words(page)


def test_images_of_one_run_alone_are_counted(visitor: Visitor, own: Path) -> None:
    change_table(own / HASTY, lambda rows: rows.slice(3))
    page = visitor.open("/compare")
    assert "left out are 3 that only careful answered." in visible(page)


@pytest.mark.usefixtures("shown")
def test_runs_of_very_many_images_are_not_compared(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in ("dashboard.data", "dashboard.data.runs"):
        monkeypatch.setattr(f"{room}.MOST_IN_MEMORY", 10)
    page = words(visitor.open("/compare"))
    assert "careful and hasty cannot be compared" in page
    assert "Runs are compared up to 10 images." in page
