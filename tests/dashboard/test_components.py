"""`dashboard.components`: words and parts that two pages share."""

from __future__ import annotations

from pathlib import Path

import pytest

from brainmri.metrics import Estimate, proportion
from brainmri.wording import plain
from dashboard import components, data
from dashboard.theme import CLASS_COLOURS, NEGATIVE_COLOUR, class_colours
from tests.dashboard.results import CAREFUL, HASTY, write_table
from tests.dashboard.visit import as_node, find, table_rows, visible, words

HALF = Estimate(0.5, 0.25, 0.75, 1000, 500)
NOTHING = Estimate(None, None, None, 0, 0, "no images")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.951, "95.1 %"), (0.0, "0.0 %"), (1.0, "100.0 %"), (None, "–")],
)
def test_a_share_is_shown_as_percent(value: float | None, text: str) -> None:
    assert plain(components.percent(value)) == text


def test_percent_takes_the_number_of_digits() -> None:
    assert plain(components.percent(0.87, 0)) == "87 %"


def test_an_interval_is_shown_as_percent_or_says_why_there_is_none() -> None:
    assert plain(components.interval(HALF)) == "25.0–75.0 %"
    assert components.interval(NOTHING) == "no images"
    assert components.interval(Estimate(0.5, None, None, 1)) == "no interval"


def test_a_proportion_is_shown_as_a_count_with_its_interval() -> None:
    assert plain(components.counted(HALF)) == "500 of 1,000 (25.0–75.0 %)"
    assert components.counted(NOTHING) == "no images"
    assert plain(components.counted(proportion(3, 906), "tumours")) == (
        "3 of 906 tumours (0.1–1.0 %)"
    )


def test_a_number_never_stands_alone_at_the_end_of_a_line() -> None:
    assert components.percent(0.5).endswith("\u00a0%")
    assert components.interval(HALF).endswith("\u00a0%")


def test_a_headline_says_how_many_images_it_is_about() -> None:
    told = words(as_node(components.statistic("Accuracy", "50.0 %", HALF, "Right answers.")))
    assert told == "Accuracy 50.0 % 95 % interval 25.0–75.0 %, n = 1,000 Right answers."
    assert "no images" in words(as_node(components.statistic("Accuracy", "–", NOTHING, "")))


def test_a_table_names_its_rows_columns_and_itself() -> None:
    node = as_node(components.table(["Class", "n"], [["glioma", "5"]], caption="Images"))
    assert table_rows(node) == [["glioma", "5"]]
    assert [h["props"]["scope"] for h in find(node, "Th")] == ["col", "col", "row"]
    assert words(find(node, "Caption")) == "Images"


def test_a_figure_has_text_for_screen_readers() -> None:
    from dashboard import figures

    figure = figures.intervals([("cnn", HALF)], reference=0.87, reference_text="radiologists")
    (frame,) = find(as_node(components.graph(figure, says="cnn 50 %")), role="img")
    assert frame["props"]["aria-label"] == "cnn 50 %"
    (graph,) = find(frame, "Graph")
    assert graph["props"]["config"]["showSendToCloud"] is False


def test_probabilities_come_most_probable_first() -> None:
    node = as_node(
        components.probability_bars({"a": 0.1, "b": 0.7, "c": 0.2}, dict.fromkeys("abc", "#000"))
    )
    assert [visible(item) for item in find(node, "Li")] == ["b 70.0 %", "c 20.0 %", "a 10.0 %"]
    widths = [fill["props"]["style"]["width"] for fill in find(node, className="bar-fill")]
    assert widths == ["70.00%", "20.00%", "10.00%"]


def test_faults_unfold_past_twenty_and_are_counted_past_a_thousand() -> None:
    node = as_node(components.faults("Left out", [(f"run-{i}", "is broken") for i in range(1023)]))
    items = [visible(item) for item in find(node, "Li")]
    assert [len(items), items[0], items[-1]] == [
        1000,
        "run-0 : is broken",
        "run-999 : is broken",
    ]
    (folded,) = find(node, "Details")
    assert len(find(folded, "Li")) == 980
    assert "980 more" in visible(folded)
    assert "and 23 that are not listed" in visible(node)
    assert words(as_node(components.faults("Left out", []))) == ""


def test_a_choice_falls_back_to_its_first_option() -> None:
    options = {"viridis": "Viridis", "magma": "Magma"}
    for given, chosen in (("magma", "magma"), ("rainbow", "viridis")):
        (control,) = find(
            as_node(components.choice("data", "scale", "Colours", options, given)),
            "SegmentedControl",
        )
        assert control["props"]["value"] == chosen
        assert control["props"]["id"] == {"page": "data", "state": "scale"}


def test_differences_are_signed_percentage_points() -> None:
    assert components.points(0.1234) == "+12.3\u00a0points"
    assert components.points(-0.04) == "−4.0\u00a0points"
    assert components.points(-0.0001) == "0.0\u00a0points"
    assert components.points(None) == "–"
    assert plain(components.points_interval(Estimate(0.0, -0.05, 0.02, 9))) == "−5.0 to +2.0"
    # A short interval keeps the digit that says on which side of none it ends.
    assert plain(components.points_interval(Estimate(0.0, -0.0049, -0.0003, 9))) == "−0.49 to −0.03"
    assert plain(components.points_interval(Estimate(None, None, None, 0, reason="none"))) == "none"


@pytest.mark.usefixtures("shown")
def test_the_run_picker_offers_every_run() -> None:
    shown, _ = data.list_runs()
    (picker,) = find(as_node(components.run_picker("evaluate", shown, HASTY)), "Select")
    assert [option["value"] for option in picker["props"]["data"]] == [CAREFUL, HASTY]
    assert picker["props"]["value"] == HASTY


@pytest.mark.usefixtures("shown")
def test_every_page_says_what_the_best_run_misses() -> None:
    told = visible(as_node(components.page("Title", "Lead.")))
    assert told.startswith("Title Lead.")
    assert "does not diagnose" in told
    assert "careful, misses 1 of 15 tumours (1.2–29.8 %) among its test images" in told


@pytest.mark.usefixtures("bare")
def test_a_page_says_nothing_of_misses_before_there_is_any_run() -> None:
    told = visible(as_node(components.page("Title", "Lead.", "Content.")))
    assert told.startswith("Title Lead. Content. Why some numbers")


def test_nothing_is_said_to_be_missed_where_there_was_nothing_to_miss(bare: Path) -> None:
    write_table(
        bare,
        "healthy-only",
        {"label": ["normal"], "prob_glioma": [0.1], "prob_normal": [0.9]},
    )
    told = visible(as_node(components.page("Title", "Lead.")))
    assert "misses no tumour images" not in told


def test_the_empty_state_says_what_to_run() -> None:
    told = words(as_node(components.no_runs()))
    for command in ("brainmri index DATA", "brainmri train DATA", "brainmri predict DATA",
                    "brainmri demo"):  # fmt: skip
        assert f"python -m {command}" in told


@pytest.mark.usefixtures("shown")
def test_a_class_has_the_same_colour_whatever_the_order_of_classes() -> None:
    (view, *_), _ = data.list_runs()
    colours = components.colours_of(view)
    assert list(colours) == ["glioma", "meningioma", "pituitary", "notumor"]
    assert colours["notumor"] == NEGATIVE_COLOUR
    assert len(set(colours.values())) == 4


def test_any_number_of_classes_gets_colours() -> None:
    classes = [f"class-{i}" for i in range(20)]
    colours = class_colours(classes, "class-3")
    assert list(colours.values()).count(NEGATIVE_COLOUR) == 1
    assert set(colours) == set(classes)
    assert set(class_colours(classes, None).values()) == set(CLASS_COLOURS)
