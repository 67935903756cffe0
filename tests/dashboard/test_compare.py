"""The Compare page, opened in process."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from brainmri import index, metrics
from brainmri.predictions import Predictions
from brainmri.wording import plain
from dashboard import asker, data, figures
from dashboard.pages import compare, side_by_side
from tests.dashboard.faults import change_run, change_table
from tests.dashboard.reading import (
    TWO_ROWS,
    alerts,
    headings,
    table_named,
    tiles,
)
from tests.dashboard.results import (
    CAREFUL,
    HASTY,
    answers,
    write_run,
    write_table,
)
from tests.dashboard.visit import Node, Visitor, find, picked, visible, words


def comparison(page: Node) -> dict[str, list[str]]:
    return table_named(page, f"{CAREFUL} and {HASTY}")


@pytest.mark.usefixtures("shown")
def test_the_best_run_is_compared_with_the_next_one_on_the_same_images(visitor: Visitor) -> None:
    page = visitor.open("/compare")
    assert (picked(page, "run"), picked(page, "other")) == (CAREFUL, HASTY)
    assert "judged on the 20 labelled test images that both answered." in visible(page)
    rows = comparison(page)
    assert [row[-1] for row in rows.values()] == ["15", "5", "20", "20", "20"]
    found = rows["Tumours found (sensitivity)"]
    assert [cell.split(" %")[0] for cell in found[:2]] == ["93.3", "80.0"]
    assert found[2].startswith("+13.3 points ")
    assert rows["Right answers (accuracy)"][2].startswith("+20.0 points ")
    assert headings(page)[0] == (
        "No difference in missed tumours, false alarms or right answers that these 20 images can show"
    )
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
        ("found", f"0 tumours that {HASTY} finds and {CAREFUL} missed", []),
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
    assert heading_ in [visible(control) for control in find(page, "AccordionControl")]
    shown = tiles(page)
    assert len(shown) == len(paths)
    assert sorted(p for p, tile in zip(paths, shown, strict=True) if p in tile) == sorted(paths)
    if now == "missed":
        assert f"glioma: {CAREFUL} said glioma, {HASTY} says notumor" in shown[0]


@pytest.mark.usefixtures("shown")
def test_other_choices_change_the_comparison(visitor: Visitor) -> None:
    def fire(run: str, other: str, split: str) -> Node:
        inputs = {"run": run, "other": other, "split": split}
        open_now = {"state": [("now", "missed")]}
        answer = visitor.fire("compare-content", inputs=inputs, state=open_now)
        return answer["compare-content"]["children"]

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
    monkeypatch.setattr("dashboard.data.runs.MOST_IN_MEMORY", 10)
    page = words(visitor.open("/compare"))
    assert "careful and hasty cannot be compared" in page
    assert "Runs are compared up to 10 images." in page


@pytest.mark.usefixtures("shown")
def test_the_share_of_seen_images_stands_beside_each_run(visitor: Visitor) -> None:
    (said,) = find(visitor.open("/compare"), className="caution")
    assert visible(said) == (
        "Seen in training: careful has seen a near-copy of 4 of these 20 images, hasty has seen a "
        "near-copy of 4 of these 20 images. These very images are counted, nothing is estimated."
    )


def test_a_run_that_saw_more_of_the_test_is_said_to_have_had_it_easier(
    visitor: Visitor, own: Path
) -> None:
    table = index.read(own / "dataset" / "index.parquet")
    made = answers(table, {})
    blind = Predictions(**{**vars(made), "seen": np.zeros(len(made.paths), dtype=bool)})
    write_run(own, "blind", blind)
    (said,) = find(visitor.open("/compare?run=blind&other=careful"), className="caution")
    assert "blind has seen a near-copy of 0 of these 20" in visible(said)
    assert "They did not sit the same test" in visible(said)
    write_run(own, "silent", Predictions(**{**vars(made), "seen": None}))
    (said,) = find(visitor.open("/compare?run=silent&other=careful"), className="caution")
    assert "which of these images silent has seen is not recorded" in visible(said)


def test_only_the_images_compared_make_a_test_the_easier_one(visitor: Visitor, own: Path) -> None:
    made = answers(index.read(own / "dataset" / "index.parquet"), {})
    assert made.seen is not None
    unseen = made.where(~made.seen)
    write_run(own, "unseen-only", unseen)
    (said,) = find(visitor.open("/compare?run=unseen-only&other=careful"), className="caution")
    assert "careful has seen a near-copy of 0 of these 16 images" in visible(said)
    assert "They did not sit the same test" not in visible(said)


def test_runs_with_different_negative_classes_are_refused_in_one_sentence(
    visitor: Visitor, own: Path
) -> None:
    table = index.read(own / "dataset" / "index.parquet")
    write_run(
        own, "other-way", Predictions(**{**vars(answers(table, {})), "negative_class": "glioma"})
    )
    change_run(own / "other-way", negative_class="glioma")
    page = visitor.open("/compare?run=careful&other=other-way")
    told = alerts(page)["careful and other-way cannot be compared"]
    assert told.startswith("“No tumour” is notumor in careful and glioma in other-way")
    assert told.count(".") == 1
    assert not find(page, "Table")


@pytest.mark.usefixtures("shown")
def test_the_matrices_are_subtracted_cell_by_cell_and_in_words(visitor: Visitor) -> None:
    page = visitor.open(f"/compare?run={HASTY}&other={CAREFUL}")
    rows = table_named(page, f"Confusion matrix of {HASTY} minus that of {CAREFUL}")
    counts = {truth: [cell.split()[0] for cell in cells[:-1]] for truth, cells in rows.items()}
    assert counts == {
        "glioma": ["−2", "0", "+2", "0"],
        "meningioma": ["0", "+1", "0", "−1"],
        "notumor": ["0", "+2", "−2", "0"],
        "pituitary": ["+1", "0", "0", "−1"],
    }
    assert [cells[-1] for cells in rows.values()] == ["5"] * 4
    assert f"glioma called notumor: 2 more of 5 than with {CAREFUL}" in visible(page)


@pytest.mark.usefixtures("shown")
def test_only_measures_that_could_be_measured_are_counted(visitor: Visitor) -> None:
    found = headings(visitor.open(f"/compare?run={HASTY}&other={CAREFUL}"))
    (told,) = [title for title in found if "clearly better in" in title]
    assert told.endswith("of 3 measures, clearly worse in none; 2 could not be measured")


def test_neither_run_is_said_to_be_as_well_calibrated_as_the_other() -> None:
    found: Any = SimpleNamespace(run_a="old", run_b="new")
    old, new = (
        SimpleNamespace(error=metrics.Estimate(value, low, high, 100))
        for value, low, high in ((0.031, 0.02, 0.05), (0.021, 0.01, 0.03))
    )
    sides: Any = (old, new)
    assert plain(side_by_side._curves_title(found, sides)) == (
        "Neither is shown to be better calibrated: the probabilities of new are off by 2.1 % "
        "(1.0–3.0 %, n = 100), those of old by 3.1 % (2.0–5.0 %, n = 100)"
    )


@pytest.mark.parametrize(("low", "high", "offered"), [(-0.2, -0.1, False), (-0.1, 0.1, True)])
def test_a_run_that_is_clearly_worse_is_not_offered_to_be_promoted(
    monkeypatch: pytest.MonkeyPatch, low: float, high: float, offered: bool
) -> None:
    monkeypatch.setattr(data, "may_be_promoted", lambda _view: True, raising=False)
    monkeypatch.setattr(asker, "may", lambda _role: True)
    difference = metrics.Estimate((low + high) / 2, low, high, 100)
    found: Any = SimpleNamespace(difference=lambda _name: SimpleNamespace(difference=difference))
    view: Any = SimpleNamespace(name="new")
    assert (compare._promote(view, found) is not None) == offered


@pytest.mark.usefixtures("shown")
def test_equal_answers_have_no_difference_to_say(visitor: Visitor, own: Path) -> None:
    table = index.read(own / "dataset" / "index.parquet")
    for twin in ("one", "two"):
        write_run(own, twin, answers(table, {}))
    page = visitor.open("/compare?run=one&other=two")
    assert "Both runs gave the same answer to every image." in visible(page)
    assert "No kind of mistake became clearly rarer or more frequent" in headings(page)


@pytest.mark.usefixtures("shown")
def test_opening_a_list_fills_it_and_leaves_the_others(visitor: Visitor) -> None:
    answer = visitor.fire(
        '{"changed":"missed"}',
        inputs={"now": "right"},
        state={"run": HASTY, "other": CAREFUL, "split": "test"},
    )
    assert [key for key in answer if "changed" in key] == ['{"changed":"right"}']
    assert "meningioma-0001" in visible(answer['{"changed":"right"}']["children"])


@pytest.mark.usefixtures("shown")
def test_every_image_that_changed_is_in_its_list(visitor: Visitor) -> None:
    page = visitor.open(f"/compare?run={HASTY}&other={CAREFUL}&now=wrong&first=99")
    (box,) = find(page, className="scroller")
    assert (box["props"]["data-count"], box["props"]["data-first"]) == ("5", "5")
    pieces = [
        visitor.client.get(f"{box['props']['data-more']}&start={start}&most=2").get_json()
        for start in (0, 2, 4)
    ]
    assert [len(piece) for piece in pieces] == [2, 2, 1]
    assert [text for piece in pieces for text in tiles(piece)] == tiles(page)


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    ("query", "status"),
    [
        (f"run={HASTY}&other={CAREFUL}&split=test&now=nothing", 200),
        (f"run={HASTY}&other={CAREFUL}&split=guard&now=wrong", 404),
        (f"run={HASTY}&other=nobody&split=test&now=wrong", 404),
        ("", 404),
    ],
)
def test_a_list_that_there_is_not_has_no_images(visitor: Visitor, query: str, status: int) -> None:
    assert visitor.client.get(f"/pieces/changed?{query}").status_code == status


@pytest.mark.usefixtures("shown")
def test_only_the_run_with_epochs_has_a_training_history(visitor: Visitor) -> None:
    page = visitor.open(f"/compare?run={HASTY}&other={CAREFUL}")
    assert "It has no epochs: it is fitted in one step." in visible(page)
    assert "Epoch 2 of 3 was kept, validation loss 0.800." in visible(page)


@pytest.mark.usefixtures("shown")
def test_settings_that_differ_come_first_and_the_rest_behind_a_click(visitor: Visitor) -> None:
    page = visitor.open(f"/compare?run={HASTY}&other={CAREFUL}")
    differ = table_named(page, "Settings that differ")
    assert differ == {"architecture": ["mean-brightness", "cnn"]}
    assert "They differ in 1 setting" in headings(page)
    rest, results = find(page, "Details", className="more")
    assert table_named(rest, "Settings that are the same")["seed"] == ["7", "7"]
    # What nobody chose is no setting.
    assert table_named(results, "What came of the settings")["epochs trained"] == ["0", "3"]
    assert "epochs trained" not in visible(rest)


@pytest.mark.usefixtures("shown")
def test_the_images_of_a_cell_of_the_difference_matrix_stand_in_the_place_of_the_lists(
    visitor: Visitor,
) -> None:
    page = visitor.open(f"/compare?run={HASTY}&other={CAREFUL}&cell=glioma~notumor")
    on = [c["props"]["id"]["cell"] for c in find(page, className="matrix-cell")
          if c["props"]["aria-pressed"] == "true"]  # fmt: skip
    assert on == ["glioma~notumor"]
    (place,) = find(page, id="changed-cell")
    (chip,) = find(place, "Button", className="chip")
    assert chip["props"]["id"] == {"chip": "cell"}
    said = f"2 images of glioma that {HASTY} alone called notumor, 0 that {CAREFUL} alone did"
    assert said in visible(place)
    assert len(tiles(place)) == 2
    assert all(f"{CAREFUL} said glioma, {HASTY} says notumor" in tile for tile in tiles(place))
    (box,) = find(place, className="scroller")
    piece = visitor.client.get(f"{box['props']['data-more']}&start=1&most=9").get_json()
    assert tiles(piece) == tiles(place)[1:]
    (lists,) = find(page, id="changed-lists")
    assert lists["props"]["hidden"] is True


@pytest.mark.usefixtures("shown")
def test_a_click_on_a_cell_asks_for_its_images_and_another_one_for_the_lists(
    visitor: Visitor,
) -> None:
    state = {"run": HASTY, "other": CAREFUL, "split": "test"}
    shown = visitor.fire("changed-cell", inputs={"cell": "pituitary~glioma"}, state=state)
    assert len(tiles(shown["changed-cell"]["children"])) == 1
    assert shown["changed-lists"]["hidden"] is True
    gone = visitor.fire("changed-cell", inputs={"cell": ""}, state=state)
    assert gone == {"changed-cell": {"children": []}, "changed-lists": {"hidden": False}}


@pytest.mark.usefixtures("shown")
def test_cells_without_an_image_cannot_be_chosen_and_misspelt_ones_are_said_to_be_none(
    visitor: Visitor,
) -> None:
    page = visitor.open(f"/compare?run={HASTY}&other={CAREFUL}&cell=glioma~cat")
    told = visible(find(page, id="changed-cell"))
    assert "There is no cell “ glioma~cat ” of the matrix; it chooses nothing. Remove it" in told
    disabled = {c["props"]["id"]["cell"]: c["props"]["disabled"]
                for c in find(page, className="matrix-cell")}  # fmt: skip
    assert disabled["glioma~meningioma"]
    assert not disabled["glioma~glioma"]


@pytest.mark.usefixtures("shown")
def test_both_calibrations_lie_in_one_figure_and_so_do_both_roc_curves(
    visitor: Visitor, plenty: Path
) -> None:
    table = pq.read_table(plenty / "plenty" / "predictions.parquet")
    write_table(plenty, "second", dict(zip(table.column_names, table.columns, strict=True)))
    page = visitor.open("/compare?run=plenty&other=second")
    overlaid = [
        {trace.get("name") for trace in graph["props"]["figure"]["data"]} - {None}
        for graph in find(page, "Graph")
    ]
    assert overlaid.count({"plenty", "second"}) == 2


def test_trainings_lie_in_one_figure_with_the_kept_epoch_of_each() -> None:
    epochs = [
        {
            "epoch": e,
            "train_loss": 1 / e,
            "val_loss": 1.2 / e,
            "train_accuracy": 0.8,
            "val_accuracy": 0.7,
        }
        for e in (1, 2, 3)
    ]
    drawn = figures.histories(
        {"old": (epochs[:2], epochs[1], "#111111"), "new": (epochs, epochs[2], "#222222")}, "loss"
    )
    lines = {trace.name: list(trace.y) for trace in drawn.data if trace.name}
    assert list(lines) == ["old, validation", "old, training", "new, validation", "new, training"]
    assert lines["new, validation"] == pytest.approx([1.2, 0.6, 0.4])
    rings = [(trace.x[0], trace.y[0]) for trace in drawn.data if not trace.name]
    assert rings == [(2, pytest.approx(0.6)), (3, pytest.approx(0.4))]


def test_a_table_of_another_tool_has_no_settings(visitor: Visitor, own: Path) -> None:
    made = answers(index.read(own / "dataset" / "index.parquet"), {})
    columns = {f"prob_{name}": made.y_prob[:, i] for i, name in enumerate(made.classes)}
    labels = [made.classes[i] for i in made.y_true]
    write_table(
        own, "foreign", {"path": made.paths, "split": made.splits, "label": labels, **columns}
    )
    page = visitor.open(f"/compare?run={CAREFUL}&other=foreign")
    assert "How foreign was made is not recorded" in words(page)


@pytest.mark.usefixtures("shown")
def test_a_difference_of_too_few_images_is_not_told(visitor: Visitor) -> None:
    page = visitor.open(f"/compare?run={HASTY}&other={CAREFUL}")
    rows = table_named(page, f"{HASTY} and {CAREFUL}")
    few = "– too few images (5; a figure needs 10)"
    for name in ("No tumour recognised (specificity)", "Tumour / no tumour (area under ROC)"):
        assert rows[name][:3] == [few] * 3
    assert "Area under the curve: careful too few images (5; a figure needs 10)" in visible(page)
    assert rows["Tumours found (sensitivity)"][2].startswith("−13.3 points ")
