"""What every page says in the normal state, in every empty one, and in trouble."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from brainmri import runs
from tests.dashboard.reading import (
    ADDRESSES,
    TWO_ROWS,
    alerts,
    heading,
    matrix,
    table_named,
)
from tests.dashboard.results import (
    CAREFUL,
    HASTY,
    write_table,
)
from tests.dashboard.visit import Visitor, find, visible, words


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
    assert len(find(visitor.open("/data"), "Graph")) == 6
    for address in ("/", "/evaluate", "/predict"):
        assert "There is nothing to show yet" in words(visitor.open(address))


def test_with_runs_and_no_index_the_other_pages_are_full(visitor: Visitor, own: Path) -> None:
    shutil.rmtree(own / "dataset")
    assert "python -m brainmri index DATA" in visible(visitor.open("/data"))
    assert "90.0 %" in visible(find(visitor.open("/"), className="truths"))
    assert matrix(visitor.open("/evaluate"))["glioma"] == ["4", "0", "1", "0", "5"]
    assert find(visitor.open("/predict"), className="drop")


def test_without_averages_the_rest_of_the_data_page_is_there(visitor: Visitor, own: Path) -> None:
    (own / "dataset" / "averages.npz").unlink()
    page = visitor.open("/data")
    assert "No averages yet" in words(page)
    assert table_named(page, "Images per split and class")["Images (n)"][0] == "48"


def test_where_no_run_has_its_model_the_predictor_says_so(visitor: Visitor, own: Path) -> None:
    (own / HASTY / runs.MODEL_FILE).unlink()
    page = visitor.open("/predict")
    assert "No run here can answer" in words(page)
    assert not find(page, "Upload")


@pytest.mark.usefixtures("shown")
def test_without_the_images_tiles_say_how_to_see_them(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=careful&cell=glioma~notumor")
    assert "Start the dashboard with --data FOLDER" in visible(page)
    assert find(page, className="path-line")
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
