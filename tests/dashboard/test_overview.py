"""The Overview page, opened in process."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sklearn import metrics as reference

from brainmri import index, metrics, runs
from brainmri.metrics import FEWEST
from brainmri.predictions import Predictions
from dashboard.pages import overview
from tests.dashboard.reading import (
    TWO_ROWS,
    judged,
    labelled_rows,
    leaderboard,
    percent,
    statistics,
    table_named,
)
from tests.dashboard.results import (
    CAREFUL,
    HASTY,
    HASTY_MISTAKES,
    NEGATIVE,
    answers,
    write_run,
    write_table,
)
from tests.dashboard.visit import Visitor, as_node, find, visible

KEYS = ("run", "images", "missed", "accuracy", "precision", "recall", "f1", "sensitivity",
        "specificity", "seen")  # fmt: skip
SORT = '{"kept":"sort","page":"overview"}'


WHOSE = "These are the figures of "


def whose(visitor: Visitor) -> str:
    """Which run the three figures are of."""
    notes = [visible(note) for note in find(visitor.open("/"), className="note")]
    (told,) = [note for note in notes if note.startswith(WHOSE) or "to judge it by" in note]
    return told.removeprefix(WHOSE)


@pytest.mark.usefixtures("shown")
def test_the_overview_begins_with_what_it_is_for_and_whose_figures_it_shows(
    visitor: Visitor,
) -> None:
    (lead,) = find(visitor.open("/"), className="lead")
    assert visible(lead).startswith(
        "Given one slice of a brain MRI, a model says how probable glioma, meningioma, pituitary and "
        "notumor (no tumour) are."
    )
    assert "not been tested on patients" in visible(lead)
    assert whose(visitor).startswith("careful, the best run, chosen on validation images")


@pytest.mark.usefixtures("shipped")
def test_no_figure_is_said_again_before_the_models_are_compared(visitor: Visitor) -> None:
    told = visible(visitor.open("/")).partition("are shown to be less often right")[0]
    assert told.count("98.9") == 1
    assert told.count("97.3") == 1


def test_a_run_without_validation_images_was_not_chosen_on_them(
    visitor: Visitor, bare: Path
) -> None:
    write_table(bare, "spreadsheet", TWO_ROWS)
    assert whose(visitor) == "spreadsheet, the best run."


def test_a_run_with_validation_images_only_is_described_in_good_english(
    visitor: Visitor, bare: Path
) -> None:
    write_table(bare, "spreadsheet", {**TWO_ROWS, "split": ["val", "val"]})
    assert "among its validation images" in visible(
        visitor.open("/")
    ) or "no validation images" in (visible(visitor.open("/")))


def test_no_tumour_is_said_to_be_missed_where_there_was_none(visitor: Visitor, bare: Path) -> None:
    write_table(bare, "healthy-only", {**TWO_ROWS, "label": ["normal", "normal"]})
    assert "misses no tumour images" not in visible(visitor.open("/"))


@pytest.mark.usefixtures("shown")
def test_the_headline_figures_are_counts_with_rates_and_intervals(visitor: Visitor) -> None:
    shown = statistics(visitor.open("/"))
    # Two kinds, of one image each.
    assert shown["Most frequent mistakes"].endswith("too few images (5; a figure needs 10)")
    assert shown["False alarms"] == "– | too few images (5; a figure needs 10)"
    # 6 answers were "no tumour"
    few = "– | too few images (6; a figure needs 10)"
    assert shown["“No tumour” answers that are right"] == few
    official = next(
        figure for title, figure in shown.items() if title.startswith("Official test ,")
    )
    assert official == "90.0 % | right answers, 95 % interval 69.9–97.2 %, n = 20"


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
    assert "on the grouped split, meant to keep copies and neighbouring slices on one side" in said
    assert (
        "less often right than on the official test images, though the two intervals meet" in said
    )


@pytest.mark.usefixtures("shown")
def test_the_leaderboard_holds_every_run_the_most_accurate_first(visitor: Visitor) -> None:
    careful, hasty = leaderboard(visitor.open("/"))
    assert [careful["Run"], hasty["Run"]] == [CAREFUL, HASTY]
    assert careful["Accuracy"] == "90.0 % 69.9–97.2 %"
    assert careful["Missed tumours"] == "1 of 15 (1.2–29.8 %)"
    assert hasty["Missed tumours"] == "3 of 15 (7.0–45.2 %)"
    assert [careful["Images (n)"], careful["Seen in training"]] == ["20 test", "4 of 20"]
    assert hasty["Tumour sensitivity"].startswith(percent(12 / 15))
    assert hasty["Specificity"].startswith("– too few images (5;")


def sorted_by(visitor: Visitor, order: str) -> tuple[list[dict[str, str]], dict[str, str]]:
    """The rows in the order that the address names so, and what each head tells a screen reader."""
    shown = visitor.fire("leaderboard-rows", inputs={SORT: order}, every=KEYS)
    told = {key: shown[f'{{"sorted":"{key}"}}']["aria-sort"] for key in KEYS}
    return labelled_rows(shown["leaderboard-rows"]["children"]), told


@pytest.mark.usefixtures("shown")
def test_a_head_asks_for_its_best_first_with_the_first_click(visitor: Visitor) -> None:
    heads = [head["props"] for head in find(visitor.open("/"), "Button", className="sort")]
    usual = {key: f"-{key}" for key in KEYS} | {"accuracy": "", "run": "run", "missed": "missed"}
    assert {head["id"]["sort"]: head["value"] for head in heads} == usual


@pytest.mark.usefixtures("shown")
def test_the_address_sorts_the_runs_by_any_column_either_way(visitor: Visitor) -> None:
    for key in KEYS:
        rising, told = sorted_by(visitor, key)
        assert told == {**dict.fromkeys(KEYS, "none"), key: "ascending"}
        falling, told = sorted_by(visitor, f"-{key}")
        assert told == {**dict.fromkeys(KEYS, "none"), key: "descending"}
        if key not in ("images", "seen", "specificity"):  # in which the two are equal
            assert [row["Run"] for row in rising] == [row["Run"] for row in falling][::-1]
    for order in ("", "-accuracy", "missed", "-sensitivity", "no-such-column"):
        assert [row["Run"] for row in sorted_by(visitor, order)[0]] == [CAREFUL, HASTY]


def test_a_run_without_a_figure_stands_last_however_the_runs_are_sorted(
    visitor: Visitor, own: Path
) -> None:
    write_table(own, "healthy-only", {**TWO_ROWS, "label": ["normal", "normal"]})
    for order in ("-sensitivity", "sensitivity"):
        last = sorted_by(visitor, order)[0][-1]
        assert last["Run"] == "healthy-only"
        assert last["Tumour sensitivity"].startswith("–")


def test_a_table_of_another_tool_is_not_called_the_official_test(
    visitor: Visitor, bare: Path
) -> None:
    write_table(bare, "spreadsheet", {name: 5 * two for name, two in TWO_ROWS.items()})
    for address in ("/", "/evaluate?run=spreadsheet"):
        page = visitor.open(address)
        (truths,) = find(page, className="truths")
        first = visible(find(truths, className="card")[0])
        assert first.startswith("All labelled images of this table 100.0 %")
        assert "Official" not in visible(truths)
        assert "official" not in visible(find(page, className="caution")[0])
    row = table_named(visitor.open("/"), "Right answers of every model")["spreadsheet"]
    assert row[0].startswith("All labelled images of this table, not known to be the official test")


def test_a_table_of_another_tool_with_parts_is_told_by_its_test_images(
    visitor: Visitor, bare: Path
) -> None:
    write_table(bare, "spreadsheet", {**TWO_ROWS, "split": ["test", "val"]})
    (truths,) = find(visitor.open("/"), className="truths")
    assert visible(truths).startswith("All labelled test images of this table")


def test_a_run_on_the_official_split_is_preferred_to_a_table_of_another_tool(
    visitor: Visitor, own: Path
) -> None:
    write_table(own, "spreadsheet", TWO_ROWS)  # all right
    assert whose(visitor).startswith("careful")


@pytest.mark.usefixtures("shown")
def test_the_published_accuracy_of_radiologists_is_the_line_to_compare_with(
    visitor: Visitor,
) -> None:
    (graph,) = find(visitor.open("/"), "Graph")
    layout = graph["props"]["figure"]["layout"]
    assert layout["shapes"][0]["x0"] == 87.0
    assert (
        "87 %<br>(N = 154, no interval published;<br>Munir et al. 2021)"
        in layout["annotations"][0]["text"]
    )


@pytest.mark.usefixtures("shown")
def test_every_column_of_the_leaderboard_is_explained(visitor: Visitor) -> None:
    page = visitor.open("/")
    explained = [visible(term) for term in find(page, "Dt")]
    for name in ("Missed tumours", "False alarms", "Accuracy", "Tumour sensitivity", "Specificity",
                 "95 % interval", "Seen in training"):  # fmt: skip
        assert name in explained


def test_the_overview_agrees_with_scikit_learn(
    visitor: Visitor, judged_run: tuple[str, Predictions]
) -> None:
    name, table = judged_run
    y_true, y_pred, _ = judged(table)
    (row,) = [row for row in leaderboard(visitor.open("/")) if row["Run"] == name]
    precision, recall, f1, _ = reference.precision_recall_fscore_support(
        y_true, y_pred, average="weighted", zero_division=0
    )
    negative = table.classes.index(NEGATIVE)
    tumour, called = y_true != negative, y_pred != negative
    expected = {
        "Accuracy": reference.accuracy_score(y_true, y_pred),
        "Weighted precision": precision,
        "Weighted recall": recall,
        "Weighted F1": f1,
        "Tumour sensitivity": reference.recall_score(tumour, called),
        "Specificity": reference.recall_score(~tumour, ~called),
    }
    assert {key: " ".join(row[key].split()[:2]) for key in expected} == {
        key: "– too" if key == "Specificity" and (~tumour).sum() < FEWEST else percent(value)
        for key, value in expected.items()
    }
    missed = int((tumour & ~called).sum())
    assert row["Missed tumours"].startswith(f"{missed:,} of {int(tumour.sum()):,} ")


def test_a_damaged_model_file_is_named_beside_its_run(visitor: Visitor, own: Path) -> None:
    (own / HASTY / runs.MODEL_FILE).write_bytes(b"junk")
    page = visitor.open("/")
    (row,) = [row for row in find(page, "Tr") if visible(row).startswith(f"{HASTY} ")
              and "model file" in visible(row)]  # fmt: skip
    assert visible(row).startswith(f"{HASTY} its model file is damaged")
    told = [visible(one) for one in find(page, "Alert")]
    assert any(
        f"{HASTY} : Its model file is damaged" in one and "results stand" in one for one in told
    )


@pytest.mark.usefixtures("shown")
def test_the_table_of_runs_is_folded_until_it_is_sorted_by_something_else(visitor: Visitor) -> None:
    def is_open(address: str) -> bool:
        (fold,) = [
            fold for fold in find(visitor.open(address), "Details") if find(fold, id="leaderboard")
        ]
        return bool(fold["props"]["open"])

    assert not is_open("/")
    assert is_open("/?sort=missed")


def test_only_a_model_whose_intervals_do_not_meet_is_said_to_be_less_often_right() -> None:
    def report(right: int, of: int) -> Any:
        return SimpleNamespace(accuracy=metrics.proportion(right, of))

    def model(official: Any, unseen: Any, grouped: Any) -> Any:
        return SimpleNamespace(table=None, official=official, unseen=unseen, grouped=grouped)

    models = [
        model(report(950, 1000), report(280, 300), report(700, 800)),  # meets; below
        model(report(950, 1000), report(240, 300), report(790, 800)),  # below; above
        model(report(950, 1000), None, None),
    ]
    said = visible(as_node(overview._models_title(models)))
    assert said == (
        "1 of 2 models are shown to be less often right on the grouped split, "
        "1 of 2 on unseen images"
    )
    assert overview._models_title(models[2:]) == "The same three figures for every model"


def test_a_latest_run_that_is_worse_is_told_to_be_worse_as_on_compare(
    visitor: Visitor, own: Path
) -> None:
    table = index.read(own / "dataset" / "index.parquet")
    missed = {
        ("test", tumour, place): NEGATIVE
        for tumour in ("glioma", "meningioma", "pituitary")
        for place in range(5)
    }
    write_run(own, "earlier", answers(table, {}), protocol="grouped_split")
    write_run(own, "newest", answers(table, missed), protocol="grouped_split")
    page = visitor.open("/")
    headings = [visible(title) for title in find(page, "Title")]
    (told,) = [said for said in headings if said.startswith("What changed since the last run")]
    finding = told.removeprefix("What changed since the last run: ")
    assert finding.startswith("newest: 15 more missed tumours of 15 (")
    beside = visitor.open("/compare?run=newest&other=earlier")
    assert finding in [visible(title) for title in find(beside, "Title")]
    assert "beside the one before it on the grouped split ," in visible(page)
