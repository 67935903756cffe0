"""Titles of figures are sentences that state what is in them, from the same figures as the page."""

from __future__ import annotations

import dataclasses
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from brainmri import decisions, metrics
from brainmri.calibration import ReliabilityBin
from brainmri.decisions import DecisionCurve
from brainmri.ranking import Curve
from brainmri.wording import but_meets, counted
from dashboard import evaluation_figures, figures, trust_figures
from dashboard.pages import evaluate, trust_titles
from tests.dashboard.results import CAREFUL, HASTY
from tests.dashboard.visit import Visitor, as_node, find, visible

NAMES = {
    "Decision curve", "ROC, one class against the rest", "All runs", "Images won and lost",
    "Precision and recall, one class against the rest", "The same three figures for every model",
    "When the least sure images are left to a person", "ROC: tumour against no tumour",
    "When it says ninety percent, is it right nine times in ten?", f"{HASTY} beside {CAREFUL}",
    "Images that one run alone got right", "How they were trained: loss by epoch",
    "Look at single images", "Calibration: right answers by how sure the model was",
    "Width × height in pixels", "Brightness of images", "Official test",
    "What following the model would bring", "Pixel density: share of pixels at each grey level",
}  # fmt: skip
"""What is drawn, without what it shows."""


def curve(model: list[float]) -> DecisionCurve:
    """Net benefits at four thresholds, where calling all brings 0.2, 0.1, 0 and -0.1."""
    thresholds, call_all = np.array([0.1, 0.2, 0.4, 0.6]), np.array([0.2, 0.1, 0.0, -0.1])
    return DecisionCurve(thresholds, np.array(model), call_all, n=100, tumours=30)


def titles(visitor: Visitor, address: str) -> list[str]:
    page = visitor.open(address)
    return [" ".join(visible(title).split()) for title in find(page, "Title")]


@pytest.mark.usefixtures("plenty")
@pytest.mark.parametrize("address", ["/", "/evaluate?run=plenty"])
def test_no_title_of_many_images_is_only_a_name(visitor: Visitor, address: str) -> None:
    assert not NAMES & set(titles(visitor, address))


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    "address", ["/", f"/compare?run={HASTY}&other={CAREFUL}", f"/evaluate?run={HASTY}", "/data"]
)
def test_no_title_is_only_a_name(visitor: Visitor, address: str) -> None:
    assert not NAMES & set(titles(visitor, address))


@pytest.mark.usefixtures("shown")
def test_compare_says_how_many_images_were_won_and_lost(visitor: Visitor) -> None:
    found = titles(visitor, f"/compare?run={HASTY}&other={CAREFUL}")
    won, lost = re.search(r"(\d+) images? won and (\d+) lost", " ".join(found)).groups()  # type: ignore[union-attr]
    assert (
        f"{HASTY} alone named {counted(int(won), 'image')} right, {CAREFUL} alone {lost}" in found
    )


def test_a_decision_curve_says_where_following_the_model_pays() -> None:
    def said(model: list[float]) -> str:
        return visible(as_node(trust_titles.decision(curve(model)))).replace("\u00a0", " ")

    assert said([0.2, 0.15, 0.1, 0.0]).endswith(
        "pays from a tumour probability of 20.0 % to 40.0 %"
    )
    assert said([0.25, 0.05, 0.1, 0.0]).endswith("pays at 2 of the 4 thresholds that are drawn")


def test_a_model_that_never_pays_is_said_to_bring_no_more() -> None:
    useless = curve([0.2, 0.1, 0.0, -0.1])
    assert trust_titles.decision(useless) == (
        "Decision curve: at no threshold does following the model pay"
    )
    assert "no more than" in trust_titles.pays(useless)
    assert trust_titles.pays(curve([0.3, 0.3, 0.3, 0.3])).endswith("or none")
    assert trust_titles.pays(curve([0.3, 0.0, 0.3, 0.3])).endswith("at some thresholds only")


def test_leaving_a_tenth_to_a_person_is_told_by_what_is_left_wrong() -> None:
    y_true = np.zeros(10, dtype=np.int64)
    sure = np.linspace(0.95, 0.55, 10)
    sure[-1] = 0.45  # The least sure one is wrong.
    found = decisions.risk_coverage(
        y_true, np.column_stack([sure, 1 - sure]), np.arange(10), resamples=20
    )
    said = visible(as_node(trust_titles.surest(found))).replace("\u00a0", " ")
    assert re.search(
        r"surest 90 % of 10 images, it is wrong about 0 of 9 \([\d.–]+ %\); "
        r"answering all, about 1 of 10 \([\d.–]+ %\)$",
        said,
    )
    alike = decisions.risk_coverage(y_true, np.full((10, 2), 0.5), np.arange(10), resamples=20)
    assert trust_titles.surest(alike) == "When the least sure images are left to a person"


def names_in(figure: Any) -> set[str]:
    return {re.sub(r"<[^>]*>|●", " ", note.text).strip() for note in figure.layout.annotations}


def test_lines_of_a_decision_curve_are_named_where_they_lie_apart() -> None:
    apart = trust_figures.decision_curve(curve([0.3, 0.3, 0.25, 0.2]))
    named = {" ".join(name.split()) for name in names_in(apart)}
    assert named == {"follow the model", "call none", "call every image a tumour"}
    assert not apart.layout.showlegend
    crowded = dataclasses.replace(curve([0.3, 0.3, 0.25, 0.2]), tumours=90)
    assert trust_figures.decision_curve(crowded).layout.showlegend


def test_two_roc_curves_are_named_above_and_below_where_they_are_flat() -> None:
    def drawn(y: list[float]) -> Any:
        x = np.array([0.0, 0.02, 0.5, 1.0])
        good = Curve(x, np.array([0.0, 0.995, 1.0, 1.0]), x[::-1])
        other = Curve(x, np.array(y), x[::-1])
        return evaluation_figures.tumour_roc({"good": (good, "#111"), "other": (other, "#222")})

    flat = drawn([0.0, 0.99, 0.995, 1.0])
    assert names_in(flat) == {"good", "other"}
    heights = {note.text.split()[-1]: note.y for note in flat.layout.annotations}
    assert heights["good"] > heights["other"]
    assert not flat.layout.showlegend
    assert drawn([0.0, 0.02, 0.5, 1.0]).layout.showlegend


def test_a_lowest_figure_is_said_to_be_that_by_chance_where_intervals_meet() -> None:
    low, high = metrics.proportion(700, 1000), metrics.proportion(950, 1000)
    near = metrics.proportion(705, 1000)
    assert but_meets(low, [high]) == ""
    assert but_meets(low, [high, near]) == (", but its interval meets that of another class")


@pytest.mark.parametrize(
    ("recalls", "title"),
    [
        ([(30, 50), (99, 100)], "Glioma is found least often: 30 of 50 ("),
        ([(0, 3), (30, 50), (99, 100)],
         "Leaving out classes with fewer than 10 images, meningioma is found least often: 30 of 50 ("),
        ([(5, 8), (303, 305), (0, 3)], "Only meningioma has images enough to judge: found in 303 of 305 ("),
        ([(50, 50), (90, 90)], "Found equally often: glioma 50 of 50 ("),
        ([(5, 8)], "How each class fares"),
    ],
)  # fmt: skip
def test_a_class_is_found_least_often_only_among_those_that_can_be_compared(
    recalls: list[tuple[int, int]], title: str
) -> None:
    per_class: list[Any] = [
        SimpleNamespace(name=name, recall=metrics.enough(metrics.proportion(*recall)))
        for name, recall in zip(("glioma", "meningioma", "pituitary"), recalls, strict=False)
    ]
    report: Any = SimpleNamespace(per_class=per_class)
    assert evaluate._classes_title(report).startswith(title)


@pytest.mark.usefixtures("shown")
def test_equally_frequent_mistakes_are_named_alike_on_every_page(visitor: Visitor) -> None:
    (told,) = [one for one in titles(visitor, f"/evaluate?run={CAREFUL}") if "mistake" in one]
    assert told == (
        "Two kinds of mistake are equally frequent: glioma called notumor 1 of 5, "
        "meningioma called pituitary 1 of 5"
    )
    overview = visible(visitor.open("/"))
    assert "Most frequent mistakes" in overview
    assert "Equally frequent: meningioma called pituitary" in overview


@pytest.mark.usefixtures("shipped")
def test_compare_is_headed_by_what_one_run_does_better_with_its_name_once(visitor: Visitor) -> None:
    found = titles(visitor, "/compare?run=champion-official&other=cnn-regularised-official")[1]
    assert found.startswith("champion-official: 42 fewer missed tumours of 906 (")
    assert "103 more right answers of 1,311 (" in found
    assert (found.count("champion-official"), found.count("cnn-regularised")) == (1, 0)


def test_both_trainings_are_drawn_in_the_same_figure() -> None:
    epochs = [
        {
            "epoch": e,
            **{f"{p}_{m}": 0.9 / e for p in ("val", "train") for m in ("loss", "accuracy")},
        }
        for e in range(1, 9)
    ]
    runs = {"a": (epochs, epochs[-1], "#111"), "b": (epochs[:5], epochs[4], "#222")}
    figure = figures.histories(runs, "accuracy")
    lines = [line.name for line in figure.data if line.hoverinfo != "skip"]
    assert lines == ["a, validation", "a, training", "b, validation", "b, training"]
    assert figure.layout.xaxis.range == (0.5, 8.5)
    assert figure.layout.yaxis.tickformat == ".0%"
    assert names_in(figure) == {"a", "b"}
    assert not figure.layout.showlegend


def test_lines_of_a_calibration_figure_are_named_where_they_lie_most_apart() -> None:
    def bins(right: list[int]) -> list[ReliabilityBin]:
        edges = [0.2, 0.4, 0.6, 0.8]
        return [
            ReliabilityBin(low, low + 0.2, 100, low + 0.1, metrics.proportion(k, 100))
            for low, k in zip(edges, right, strict=True)
        ]

    figure = trust_figures.reliabilities(
        [("upper", bins([30, 70, 80, 90]), "#111"), ("lower", bins([30, 45, 75, 90]), "#222")]
    )
    assert names_in(figure) == {"upper", "lower"}
    places = {note.text.split()[-1]: (note.x, note.y) for note in figure.layout.annotations}
    assert places["upper"][0] == places["lower"][0] == pytest.approx(0.5)
    assert places["upper"][1] > 0.7
    assert places["lower"][1] < 0.45
    assert not figure.layout.showlegend
