"""Every number on every page has n and an interval, or says why not: see tests/dashboard/every_number.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from dash import html
from numpy.typing import NDArray

from brainmri import images, phantom
from brainmri.metrics import proportion
from dashboard import components, data
from dashboard.components import frame
from dashboard.pages import curves, evaluate
from tests.conftest import SHIPPED
from tests.dashboard.every_number import bare_numbers, judged_text
from tests.dashboard.results import HASTY
from tests.dashboard.visit import Node, Visitor, as_node, find, reply, visible

VIEWS = [
    "/",
    *(f"/data?part={part}" for part in
      ("images", "browse", "copies", "labels", "shortcuts", "drift", "quality")),
    "/data?part=images&split=test&scale=magma",
    "/data?by=split&pointer=values",
    "/data?by=brightness",
    "/data?only=split~test,label~glioma&first=20",
    "/data?part=copies&protocol=grouped_split&kind=mirrored",
    "/data?part=drift&drift=grouped_split",
    "/data?part=quality&flag=dark",
    "/evaluate",
    "/evaluate?split=val&show=share",
    "/evaluate?by=size&rank=weighted F1&slice=size~512 × 512",
    "/evaluate?cell=glioma~meningioma",
    "/evaluate?cell=notumor~&slice=source~web",
    "/evaluate?cell=~pituitary&above=pituitary~0.99",
    "/evaluate?cell=wrong&sort=unsure",
    "/evaluate?cell=glioma~glioma",
    "/evaluate?cell=glioma~&sure=0.6~0.9",
    "/evaluate?sort=like&like=Testing/glioma/Te-glTr_0000.jpg&first=30",
    "/evaluate?image=Testing/glioma/Te-glTr_0000.jpg",
    "/compare",
    "/compare?now=wrong",
    "/compare?split=val&now=right",
    "/predict",
    "/bring",
    "/review",
    "/review?candidate=champion-official",
    "/review?image=Training/pituitary/Tr-pi_0515.jpg",
    "/nowhere",
]  # fmt: skip
HIDDEN: Any = {"data-no-interval": "Counted, and never estimated."}
ESTIMATE = proportion(11, 906)


def names() -> list[str]:
    """Runs and classes, whose digits measure nothing."""
    shown, _ = data.list_runs()
    return [name for view in shown for name in (view.name, *view.classes)]


def walked(visitor: Visitor, address: str) -> list[str]:
    return [str(bare) for bare in bare_numbers(visitor.open(address), names())]


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("address", [*VIEWS, f"/evaluate?run={HASTY}&cell=glioma~notumor"])
def test_every_number_of_made_runs_has_n_and_an_interval_or_a_reason(
    visitor: Visitor, address: str
) -> None:
    assert walked(visitor, address) == []


@pytest.mark.parametrize("pictured", [True, False])
@pytest.mark.parametrize("address", VIEWS)
def test_every_number_of_what_ships_has_n_and_an_interval_or_a_reason(
    visitor: Visitor,
    address: str,
    pictured: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BRAINMRI_MODELS", str(SHIPPED))
    monkeypatch.delenv("BRAINMRI_DATA", raising=False)
    if pictured:
        monkeypatch.setenv("BRAINMRI_DATA", str(tmp_path))
    assert walked(visitor, address) == []


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("address", VIEWS)
def test_without_results_there_is_no_bare_number_either(visitor: Visitor, address: str) -> None:
    assert walked(visitor, address) == []


@pytest.mark.usefixtures("shown")
def test_every_number_of_an_answer_has_a_reason(visitor: Visitor) -> None:
    assert bare_in_reply(visitor, HASTY, phantom.draw("glioma", 1)) == []


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("run", ["champion-grouped", "champion-official", "cnn-official"])
@pytest.mark.parametrize("pixels", [phantom.draw("glioma", 1), np.eye(99, dtype=np.uint8) * 255])
def test_every_number_of_an_answer_of_what_ships_has_a_reason(
    visitor: Visitor, run: str, pixels: NDArray[np.uint8]
) -> None:
    assert bare_in_reply(visitor, run, pixels) == []


def bare_in_reply(visitor: Visitor, run: str, pixels: NDArray[np.uint8]) -> list[str]:
    """The bare numbers of an answer about a picture."""
    found = []
    for what in ("answer", "picture"):
        told = reply(visitor, images.encode_png(pixels), what=what, run=run)
        assert what == "picture" or told["outcome"] == "refused" or "%" in str(told["answer"])
        found += [str(bare) for bare in bare_numbers(told["answer"], names())]
    return found


@pytest.mark.usefixtures("plenty")
def test_every_position_of_a_slider_has_intervals_or_reasons(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=plenty")
    assert [str(bare) for bare in bare_numbers(page, names())] == []
    told = [store["props"]["data"] for store in _stores(page)]
    assert len(told) == 2
    for position in (node for each in told for node in each):
        assert [str(bare) for bare in bare_numbers(position, names())] == []


def _stores(page: Node) -> Iterator[Node]:
    return (s for s in find(page, "Store") if str(s["props"]["id"]).startswith("tells-"))


# The walk itself fails where it should


@pytest.fixture
def uncached() -> Iterator[None]:
    """Parts of Evaluate are kept; none that was built wrong on purpose may stay."""
    forget()
    yield
    forget()


def forget() -> None:
    evaluate._per_class.cache_clear()
    curves._content.cache_clear()


@pytest.mark.usefixtures("plenty", "uncached")
@pytest.mark.parametrize(
    ("address", "place", "lost"),
    [
        ("/", "dashboard.components.headlines.interval", "90.0 %"),
        ("/", "dashboard.components.frame.counted", "careful, misses"),
        ("/", "dashboard.pages.overview.measured", "right answers are"),
        ("/evaluate?run=plenty", "dashboard.components.tables.interval", "95.0 %"),
        ("/evaluate?run=plenty", "dashboard.pages.confusion.interval", "18"),
        ("/compare?run=careful&other=hasty", "dashboard.pages.compare.points_interval", "points"),
        ("/compare?run=careful&other=hasty", "dashboard.components.tables.interval", "93.3 %"),
    ],
)
def test_a_page_that_loses_an_interval_is_caught(
    visitor: Visitor, address: str, place: str, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert walked(visitor, address) == []
    monkeypatch.setattr(place, lambda estimate, what="": f"{estimate.k or 7} {what}".strip())
    forget()
    assert any(lost in bare for bare in walked(visitor, address))


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    "number", ["Accuracy: 93.1 %", "ECE 0.041", "12 missed tumours", "F1 is 0.9, n = 20"]
)
def test_a_number_that_somebody_adds_to_a_page_is_caught(
    visitor: Visitor, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = frame.missed_line

    def more() -> Any:
        return html.Div([before(), html.P(number)])

    monkeypatch.setattr("dashboard.components.frame.missed_line", more)
    for address in ("/", "/data", "/evaluate", "/compare", "/predict"):
        assert any(number in bare for bare in walked(visitor, address))


@pytest.mark.parametrize(
    "text",
    [
        "95.1 %", "AUC 0.98", "3 of 906 tumours", "95.1 % (n = 1,311)", "95.1 % (93.8–96.1 %)",
        "+1.2 points", "11 missed tumours", "90.0 % of 20 test images",
        "93.8–96.1 %, n = 1,311", "right: 95.1 % (93.8–96.1 %, n = 1,311) and 88 %",
        "12 % (1–2 %, n = 9) of them, 3 more",
    ],
)  # fmt: skip
def test_a_figure_without_all_of_its_parts_is_bare(text: str) -> None:
    assert judged_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "95.1 % (93.8–96.1 %, n = 1,311)", "3 of 906 tumours (0.1–1.0 %)", "n = 1,311",
        "90.0 % of 20 test images (69.9–97.2 %)", "512 × 512", "95 % intervals", "F1",
        "1 of 15 95 % interval 1.2–29.8 %, n = 15", "Judged on the 1,311 labelled test images",
        "+1.2 points (−0.4 to +2.1 points, n = 1,311)",
        "hasty misses 31 fewer tumours of 906 than careful (17 to 46 fewer)",
    ],
)  # fmt: skip
def test_a_whole_figure_a_size_or_n_itself_is_not(text: str) -> None:
    assert judged_text(text) == []


def test_n_may_stand_in_the_row_of_a_table_but_not_in_another() -> None:
    head, cell = ["Class", "Recall", "Images (n)"], components.estimate_cell(ESTIMATE)
    assert not bare_numbers(as_node(components.table(head, [["a", cell, "906"]], caption="Recall")))
    rows = [["a", cell, "906"], ["b", cell, ""]]
    assert len(bare_numbers(as_node(components.table(head, rows, caption="Recall")))) > 1
    headless = components.table(["Class", "Recall", ""], [["a", cell, "906"]], caption="Recall")
    assert bare_numbers(as_node(headless))


def test_a_reason_that_nobody_can_see_is_refused() -> None:
    for hidden in (HIDDEN, components.no_interval(HIDDEN["data-no-interval"])):
        with pytest.raises(AssertionError, match="only a pointer finds"):
            bare_numbers(as_node(html.P("12 tumours", **hidden)))


def test_every_reason_unfolds_once_at_the_end_of_its_page_unless_it_stands_there_anyway() -> None:
    why = components.no_interval("Counted, and never estimated.")
    parts = [components.section(title, html.P("12 tumours", **why)) for title in ("Found", "Lost")]
    folded = as_node(components.page("Page", "Lead.", *parts))
    (details,) = find(folded, "Details")
    assert visible(details).count("Counted, and never estimated.") == 1
    assert visible(find(details, "Summary")[0]) == "Why some numbers on this page have no interval"
    assert bare_numbers(folded) == []
    assert find(folded, className="page")[0]["props"]["children"][-1] == details
    said = components.section("Found", html.P("12 tumours", **why), note=why["title"])
    (rest,) = find(as_node(components.page("Page", "Lead.", said)), "Details")
    assert why["title"] not in visible(rest)


@pytest.mark.parametrize("address", ["/", "/data", "/evaluate", "/compare"])
@pytest.mark.usefixtures("shipped")
def test_a_page_tells_its_reasons_in_one_place(visitor: Visitor, address: str) -> None:
    folds = find(visitor.open(address), className="reasons")
    assert [fold["props"]["className"] for fold in folds] == ["reasons page-reasons"]


def test_a_reason_of_a_word_or_for_a_whole_section_is_refused() -> None:
    with pytest.raises(AssertionError, match="too few words"):
        bare_numbers(as_node(html.P("12 tumours", **components.no_interval("None."))))
    whole = html.Div(html.Section("12"), **components.no_interval("Counted, and never estimated."))
    with pytest.raises(AssertionError, match="whole section"):
        bare_numbers(as_node(whole))


def test_no_percentage_passes_as_a_name() -> None:
    with pytest.raises(AssertionError, match="no name"):
        bare_numbers(as_node(html.Span("95 %", **components.name("setting"))))


def test_labels_and_hover_texts_of_a_figure_are_read_too() -> None:
    def judged(trace: Any, **layout: Any) -> list[str]:
        figure = go.Figure(trace).update_layout(**layout)
        return [str(b) for b in bare_numbers(as_node(components.graph(figure, says="A figure.")))]

    good = "%{x}: %{y:.1f} % (%{customdata[0]:.1f}–%{customdata[1]:.1f} %, n = %{customdata[2]:,})"
    point = {"x": ["a"], "y": [1.0], "customdata": [[0.5, 1.5, 20]]}
    bars = {"array": [0.5], "arrayminus": [0.5]}
    assert judged(go.Scatter(**point, hovertemplate=good, error_y=bars)) == []
    assert judged(go.Scatter(**point, hovertemplate="%{x}: %{y:.1f} %", error_y=bars))
    assert judged(go.Scatter(**point, error_y=bars))
    assert judged(go.Scatter(**point, hovertemplate=good, text=["1.0 %"]))
    assert not judged(go.Scatter(**point, hovertemplate=good, text=["1.0 %"], error_y=bars))
    assert judged(go.Scatter(**point, hovertemplate=good), title="AUC 0.93")
