"""The Evaluate page, opened in process."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as reference

from brainmri import index, predictions, runs
from brainmri.metrics import FEWEST
from brainmri.predictions import Predictions
from dashboard import data
from tests.dashboard.faults import change_run
from tests.dashboard.reading import (
    TWO_ROWS,
    alerts,
    headings,
    judged,
    leaderboard,
    matrix,
    percent,
    table_named,
    tiles,
)
from tests.dashboard.results import (
    CAREFUL,
    HASTY,
    HISTORY,
    answers,
    write_run,
    write_table,
)
from tests.dashboard.visit import Visitor, find, picked, visible


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
            few = "– too few images ("
            support = confusion[i].sum()
            for cell, value, n in zip(
                cells, expected, (confusion[:, i].sum(), support, support), strict=False
            ):
                # A class that is never predicted has no precision; scikit-learn is told to say 0.
                wanted = few if 0 < n < FEWEST else value
                assert re.sub(r"^– never.*", "0.0 %", cell).startswith(wanted)
            assert cells[3] == f"{each[3][i]:,}"
            area = reference.roc_auc_score(y_true == i, y_prob[:, i])
            average = reference.average_precision_score(y_true == i, y_prob[:, i])
            both = min(support, len(y_true) - support) >= FEWEST
            assert areas[label][0].startswith(percent(area) if both else few)
            assert areas[label][1].startswith(percent(average) if both else few)


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
    assert "Glioma was called notumor in 3 of 5 images, too few for an interval" in headings(page)
    told = [visible(item) for item in find(find(page, className="plain-list")[-1], "Li")]
    assert told[:3] == [
        "Missed tumours: 3 of 15 (7.0–45.2 %)",
        "False alarms: too few images (5; a figure needs 10)",
        "All right answers: 14 of 20 (48.1–85.5 %)",
    ]
    assert "glioma called notumor: too few images (5; a figure needs 10)" in told


@pytest.mark.usefixtures("shown")
def test_missed_tumours_stand_out_and_empty_cells_cannot_be_chosen(visitor: Visitor) -> None:
    cells = {
        button["props"]["id"]["cell"]: button["props"]
        for button in find(visitor.open("/evaluate?run=hasty"), className="matrix-cell")
    }
    assert len(cells) == 16
    assert "missed" in cells["glioma~notumor"]["className"]
    assert "wrong" in cells["notumor~meningioma"]["className"]
    assert "right" in cells["glioma~glioma"]["className"]
    assert cells["glioma~meningioma"]["disabled"]
    assert not cells["glioma~notumor"]["disabled"]
    assert cells["glioma~notumor"]["aria-label"].startswith(
        "Images of glioma called notumor: too few images (5; a figure needs 10); show them"
    )


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
def test_a_bad_cell_chooses_nothing(visitor: Visitor, cell: str) -> None:
    assert "All 20 test images, 2 of them named wrong" in headings(
        visitor.open(f"/evaluate?cell={cell}")
    )


@pytest.mark.usefixtures("shown")
def test_a_cell_that_is_empty_in_another_run_says_so(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=careful&cell=pituitary~glioma")
    assert "No pituitary was called glioma" in headings(page)


def choose(visitor: Visitor, output: str, **chosen: str) -> dict[str, Any]:
    """What a part of the page says when that is chosen of "hasty"."""
    state = {"run": HASTY, "split": "test", "show": "counts", "sort": "error",
             "by": "seen", "rank": "accuracy", "cell": "", "slice": "", "above": "", "like": ""}  # fmt: skip
    key = next(iter(chosen), "run")
    return visitor.fire(
        output,
        inputs={**state, **chosen},
        changed=[f'{{"kept":"{key}","page":"evaluate"}}.data'],
    )


@pytest.mark.usefixtures("shown", "pictures")
def test_a_chosen_cell_lists_its_images_the_most_wrong_first(visitor: Visitor) -> None:
    shown = choose(visitor, "evaluate-chosen", cell="glioma~notumor")
    assert headings(shown["gallery-head"]["children"]) == ["3 images of glioma called notumor"]
    node = shown["gallery-tiles"]["children"]
    assert tiles(node)[0].startswith(
        "Testing/glioma/glioma-0002.png glioma, called notumor has a near-copy in training notumor "
        "74.0 % glioma 8.7 %"
    )
    sources = [picture["props"]["src"] for picture in find(node, "Img")]
    assert sources == [f"/image/Testing/glioma/glioma-000{i}.png" for i in (2, 1, 0)]
    assert all(visitor.client.get(source).mimetype == "image/png" for source in sources)


def test_a_large_cell_is_one_list_of_which_the_page_brings_the_first(
    visitor: Visitor, bare: Path
) -> None:
    n = 1030
    write_table(
        bare,
        "many",
        {"label": ["glioma"] * n, "prob_glioma": [0.1] * n, "prob_normal": [0.9] * n},
    )
    page = visitor.open("/evaluate?cell=glioma~normal")
    assert "1,030 images of glioma called normal" in headings(page)
    assert len(tiles(page)) == 12
    (box,) = find(page, className="scroller")
    assert box["props"]["data-count"] == "1030"
    # The last ones are asked for as one scrolls there, and no more at once than a box has room for.
    last = visitor.client.get(f"{box['props']['data-more']}&start=1024&most=60").get_json()
    assert [tile["props"]["aria-posinset"] for tile in last] == [str(i) for i in range(1025, 1031)]
    many = visitor.client.get(f"{box['props']['data-more']}&start=0&most=100000").get_json()
    assert len(many) == 60
    assert "unnamed" in tiles(page)[0]


@pytest.mark.usefixtures("shown")
def test_another_run_changes_everything_on_the_page(visitor: Visitor) -> None:
    shown = visitor.fire(
        "evaluate-truths",
        inputs={"run": HASTY, "split": "test", "show": "counts", "cell": "glioma~notumor"},
    )
    assert matrix(shown["evaluate-content"]["children"])["glioma"] == ["2", "0", "3", "0", "5"]
    assert "no epochs" in visible(shown["evaluate-below"]["children"])
    shown = choose(visitor, "evaluate-chosen", cell="glioma~notumor")
    assert visible(shown["evaluate-chosen"]["children"]).startswith("3 of 20 test images (")


@pytest.mark.usefixtures("shown")
def test_counts_and_shares_are_both_on_the_page_so_that_the_browser_can_show_either(
    visitor: Visitor,
) -> None:
    (cell, *_) = find(visitor.open("/evaluate?run=hasty"), className="matrix-cell")
    assert visible(find(cell, className="as-count")) == "2"
    assert visible(find(cell, className="as-share")).split() == ["40.0", "%"]
    asked = visitor.client.get("/_dash-dependencies").get_json()
    show = {"id": '{"page":"evaluate","state":"show"}', "property": "value"}
    # Nothing but the address and the switch itself, both in the browser, follows it.
    assert all(one["clientside_function"] for one in asked if show in one["inputs"])


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


def test_of_several_networks_each_says_which_epoch_it_is_from(visitor: Visitor, own: Path) -> None:
    change_run(own / CAREFUL, further_histories=[HISTORY[:1]])
    page = visitor.open(f"/evaluate?run={CAREFUL}")
    assert "Epoch 2 of 3 of the first of 2 networks was kept" in " ".join(headings(page))
    said = (
        "Network 1 of 2: epoch 2 of 3 was kept, validation loss 0.800. "
        "Network 2 of 2: epoch 1 of 1 was kept, validation loss 1.100."
    )
    assert said in visible(page)
    assert said in visible(visitor.open(f"/compare?run={HASTY}&other={CAREFUL}"))


def test_a_table_of_another_tool_is_shown_as_a_run(visitor: Visitor, bare: Path) -> None:
    write_table(bare, "spreadsheet", TWO_ROWS)
    page = visitor.open("/evaluate?run=spreadsheet")
    assert matrix(page) == {"glioma": ["1", "0", "1"], "normal": ["0", "1", "1"]}
    assert "predictions come from another tool" in visible(page)
    assert leaderboard(visitor.open("/"))[0]["Seen in training"] == "not recorded"


def test_classes_are_whatever_the_table_says(visitor: Visitor, bare: Path) -> None:
    names = ["a", "b", "c", "d", "e", "f", "g", "healthy"]
    write_table(
        bare,
        "eight",
        {
            "label": names * 2,
            **{f"prob_{k}": np.eye(8)[i].tolist() * 2 for i, k in enumerate(names)},
        },
    )
    page = visitor.open("/evaluate")
    assert list(matrix(page)) == names
    assert "All images were named right: 16 of 16 (80.6–100.0 %)" in headings(page)


def test_new_predictions_show_at_the_next_visit(visitor: Visitor, own: Path) -> None:
    assert matrix(visitor.open("/evaluate?run=hasty"))["glioma"][2] == "3"
    table = index.read(own / "dataset" / "index.parquet")
    shutil.rmtree(own / HASTY)
    write_run(own, HASTY, answers(table, {}))
    assert matrix(visitor.open("/evaluate?run=hasty"))["glioma"][2] == "0"
