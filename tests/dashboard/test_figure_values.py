"""Every figure has its values as a table beside it, read off what is drawn."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from brainmri.metrics import Estimate, proportion
from dashboard import components, figure_values, figures
from tests.dashboard.results import CAREFUL, HASTY
from tests.dashboard.test_every_number import VIEWS
from tests.dashboard.visit import Node, Visitor, as_node, find, visible, walk


def frames(page: Node) -> Iterator[Node]:
    """What holds a figure, its values and its downloads."""
    for frame in find(page, className="export-frame"):
        if find(frame, "Graph"):
            yield frame


def holds_its_data(frame: Node) -> bool:
    """Whether the text of a figure's values holds numbers of each of its traces."""
    (graph,) = find(frame, "Graph")
    told = numbers(visible(find(find(frame, className="values"), "Tbody")))
    traces = [t for t in graph["props"]["figure"]["data"] if t.get("hoverinfo") != "skip"]
    return all(holds(told, sizes(trace)) for trace in traces if len(sizes(trace)))


def numbers(text: str) -> list[float]:
    return [
        float(one.replace(",", "").replace("−", "-"))
        for one in re.findall(r"[+−]?\d[\d.,]*\d|\d", text)
    ]


def sizes(trace: Any) -> np.ndarray:
    """What a trace says of its points; of a picture the mean of its upper left part."""
    if trace["type"] == "heatmap":
        corner = np.array_split(np.array_split(unpacked(trace["z"]), 3)[0], 3, axis=1)[0]
        return np.array([corner.mean()])
    return unpacked(trace["x" if trace.get("orientation") == "h" or "error_x" in trace else "y"])


def unpacked(sent: Any) -> np.ndarray:
    """Numbers as plotly sends them, in a list or packed."""
    if not isinstance(sent, dict):
        return np.asarray(sent, float)
    packed = np.frombuffer(base64.b64decode(sent["bdata"]), dtype=sent["dtype"])
    shape = [int(side) for side in str(sent.get("shape", len(packed))).split(",")]
    return packed.astype(float).reshape(shape)


def holds(told: list[float], drawn: np.ndarray) -> bool:
    """Whether some of the numbers, as they are or in percent, are drawn; of long lines some between."""
    if len(drawn) > 16:
        low, high = min(drawn), max(drawn)
        return sum(low - 0.01 <= n / k <= high + 0.01 for k in (1, 100) for n in told) > 5
    return any(abs(k * one - n) <= max(0.006 * abs(n), 0.051)
               for one in drawn for k in (1, 100) for n in told)  # fmt: skip


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    "address", [*VIEWS, f"/evaluate?run={CAREFUL}", f"/compare?run={HASTY}&other={CAREFUL}"]
)
def test_the_values_of_every_figure_stand_beside_it(visitor: Visitor, address: str) -> None:
    page = visitor.open(address)
    shown = list(frames(page))
    assert len(shown) == len(find(page, "Graph"))
    assert all(holds_its_data(frame) for frame in shown)


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("address", ["/", "/data", "/data?pointer=values", "/evaluate", "/compare"])
def test_so_do_those_of_what_ships(visitor: Visitor, address: str) -> None:
    shown = list(frames(visitor.open(address)))
    assert shown
    assert all(holds_its_data(frame) for frame in shown)


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("address", ["/", "/data", "/evaluate", "/compare"])
def test_every_figure_is_told_in_a_sentence_with_a_number(visitor: Visitor, address: str) -> None:
    for frame in frames(visitor.open(address)):
        (said,) = [part["props"]["aria-label"] for part in find(frame, role="img")]
        assert len(said.split()) > 5
        assert re.search(r"\d", said)


def test_a_figure_whose_table_holds_none_of_its_values_is_caught() -> None:
    frame = as_node(components.graph(go.Figure(go.Scatter(x=[1, 2], y=[5, 7])), says="A line."))
    assert holds_its_data(frame)
    for cell in walk(frame):
        if isinstance(cell, dict) and cell["type"] == "Td":
            cell["props"]["children"] = "nothing"
    assert not holds_its_data(frame)


def test_points_with_an_interval_are_told_with_it_and_their_n() -> None:
    some = proportion(180, 200)
    told = figure_values.values(
        figures.intervals([("cnn", some)], reference=0.87, reference_text="radiologists")
    )
    ((name, estimate, n),) = told.rows
    assert (name, n) == ("cnn", "200")
    assert isinstance(estimate, Estimate)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx(
        (some.value, some.low, some.high)
    )
    shown = visible(as_node(components.graph(figures.intervals(
        [("cnn", some)], reference=0.87, reference_text="radiologists"), says="Runs.")))  # fmt: skip
    assert re.search(r"cnn 90\.0.% 85\.\d–93\.\d.% 200", shown)


def test_differences_are_told_in_points() -> None:
    rows = [("found", Estimate(0.04, 0.01, 0.08, 906)), ("right", Estimate(-0.02, -0.05, 0.01, 99))]
    figure = figures.differences(rows, better=("old", "new"))
    shown = visible(as_node(components.graph(figure, says="Differences.")))
    assert re.search("found \\+4.0.points \\+1.0 to \\+8.0 906", shown)
    assert shown.index("+4.0") < shown.index("−2.0")


def test_long_lines_are_told_at_even_steps_of_what_is_shown() -> None:
    x = np.linspace(0, 1, 101)
    figure = go.Figure([go.Scatter(x=x, y=2 * x, name="steep"), go.Scatter(x=x, y=x, name="flat")])
    figure.update_xaxes(range=[0, 0.5], title="place", tickformat=".0%")
    told = figure_values.values(figure)
    assert told.head == ["place", "steep", "flat"]
    assert told.at_steps
    assert [row[0] for row in told.rows][::5] == ["0.0\u00a0%", "25.0\u00a0%", "50.0\u00a0%"]
    assert told.rows[5][1:] == ["0.5", "0.25"]


def test_where_a_line_rises_upright_its_upper_end_is_told() -> None:
    told = figure_values.values(
        go.Figure(go.Scatter(x=[0, 0, *range(1, 20)], y=[0, 0.9, *[1] * 19], name="found"))
    )
    assert told.rows[0] == ["0", "0.9"]


def test_bars_are_told_by_their_names_and_pictures_by_their_parts() -> None:
    counts = {"train": {"glioma": 1200}, "test": {"glioma": 5, "notumor": 7}}
    told = figure_values.values(
        figures.class_balance(counts, dict.fromkeys(["glioma", "notumor"], "red"))
    )
    assert told.rows == [["glioma", "1,200", "5"], ["notumor", "–", "7"]]
    grey: Any = np.zeros((9, 9))
    grey[:3, 6:] = 0.5
    picture = figure_values.values(figures.heatmap(grey, "viridis", 0, 1))
    assert picture.rows[0] == ["top", "0.00", "0.00", "0.50"]
