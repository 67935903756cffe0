"""The Data page without its audit, opened in process."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dashboard import data, figures
from dashboard.theme import DIFFERENCE_SCALE
from tests.dashboard.reading import (
    table_named,
)
from tests.dashboard.results import (
    CLASSES,
)
from tests.dashboard.visit import Node, Visitor, find, picked, visible, words


@pytest.mark.usefixtures("shown")
def test_class_balance_is_shown_as_bars_and_as_a_table(visitor: Visitor) -> None:
    page = visitor.open("/data")
    rows = table_named(page, "Images per split and class")
    assert rows == {
        **{label: ["12 25.0 %", "5 25.0 %"] for label in CLASSES},
        "Images (n)": ["48", "20"],
        "Largest : smallest": ["1.00", "1.00"],
    }
    bars = find(page, "Graph")[0]["props"]["figure"]["data"]
    assert [(bar["name"], bar["y"], bar["x"]) for bar in bars] == [
        ("train", CLASSES, [12] * 4),
        ("test", CLASSES, [5] * 4),
    ]


@pytest.mark.usefixtures("shown")
def test_which_bars_are_of_which_split_is_said_at_the_bars(visitor: Visitor) -> None:
    (at_bars, beside) = find(find(visitor.open("/data"), className="balance-columns")[0], "Paper")
    assert "Solid bars: training; pale bars: test." in visible(at_bars)
    assert find(at_bars, "Graph")
    assert "bars" not in visible(beside)


@pytest.mark.usefixtures("shown")
def test_counts_with_shares_can_be_calculated_with_in_the_csv(visitor: Visitor) -> None:
    page = visitor.open("/data?by=source")
    assert parts_of(page, "Images per split and class", "glioma")[1] == ("0.25", "20", "5")
    by_split = visitor.open("/data?by=split")
    assert parts_of(by_split, "Images per class by split", "training")[0] == ("0.25", "48", "12")


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("what", ["Brightness per class", "Share of pixels at each grey level"])
def test_values_of_curves_are_shares_with_their_n_in_the_csv(visitor: Visitor, what: str) -> None:
    (table,) = [
        table
        for table in find(visitor.open("/data"), "Table")
        if visible(find(table, "Caption")).startswith(f"Values of: {what}")
    ]
    cells = find(find(table, "Tbody"), "Span")
    assert len(cells) == 11 * 4
    for cell in cells:
        props = cell["props"]
        assert props["data-n"] == "17"
        said = float(visible(cell).removesuffix("%"))
        assert 100 * float(props["data-value"]) == pytest.approx(said, rel=0.006)


def parts_of(page: Node, caption: str, row: str) -> list[tuple[str, str, str]]:
    """Value, n and count of the cells of a row, as they come into a CSV."""
    (table,) = [t for t in find(page, "Table") if visible(find(t, "Caption")) == caption]
    (found,) = [one for one in find(table, "Tr") if visible(find(one, "Th")) == row]
    return [
        tuple(cell["props"][f"data-{part}"] for part in ("value", "n", "k"))
        for cell in find(found, className="estimate")
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
def test_each_contrast_stands_below_the_average_of_its_class(visitor: Visitor) -> None:
    page = visitor.open("/data")
    averages, contrasts = (
        [visible(tile) for tile in grid["props"]["children"]]
        for grid in find(page, className="pictures")
    )
    assert len(averages) == len(contrasts)
    place = CLASSES.index("notumor")
    assert contrasts[place].startswith("The others minus the average of notumor")
    for name, below in zip(CLASSES, contrasts, strict=True):
        assert name == "notumor" or below.startswith(f"{name} − notumor")


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
    magma = sources("magma", "train")
    assert not set(magma[:5]) & set(first[:5])  # the averages and their bar
    assert magma[5:] == first[5:]  # a difference has a scale of its own
    assert sources("viridis", "test")[:4] != first[:4]


@pytest.mark.usefixtures("shown")
def test_no_difference_is_pale_and_signs_have_colours_of_their_own() -> None:
    uri = figures.picture(np.array([[-1.0, 0.0, 1.0]]), DIFFERENCE_SCALE, -1, 1)
    png = base64.b64decode(uri.partition(",")[2])
    darker, alike, brighter = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))[0].astype(int)
    assert alike.min() > 200
    assert np.ptp(alike) < 12  # grey
    assert darker[2] > darker[0] + 20
    assert brighter[0] > brighter[2] + 20


def test_averages_that_went_away_are_said_to_be_gone(visitor: Visitor, own: Path) -> None:
    (own / "dataset" / "averages.npz").unlink()
    shown = visitor.fire("average-images", inputs={"scale": "magma", "split": "train"})
    assert "brainmri index DATA" in words(shown["average-images"]["children"])


@pytest.mark.usefixtures("shown")
def test_what_counts_as_black_is_said(visitor: Visitor) -> None:
    known = data.average_images()
    assert known is not None
    black = {label: known.density(label)[:4].sum() for label in CLASSES}  # type: ignore[index]
    said = visible(visitor.open("/data"))
    found = re.search(
        r"Pixel density: (\d+)\s% of all pixels of (\w+) images are black \((.*?)\)", said
    )
    assert found is not None
    assert found[3] == "grey levels 0 to 3 of 255"
    assert found[2] == max(black, key=lambda label: black[label])
    assert abs(int(found[1]) - 100 * max(black.values())) < 1
