"""Broken runs, damaged files and odd tables: each is named, and the pages open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from brainmri import index, runs
from tests.dashboard.faults import BREAKAGES, change_run, change_table
from tests.dashboard.reading import (
    ADDRESSES,
    TWO_ROWS,
    alerts,
    heading,
    leaderboard,
    matrix,
    table_named,
)
from tests.dashboard.results import (
    CAREFUL,
    HASTY,
    write_table,
)
from tests.dashboard.visit import Visitor, find, visible


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
        assert [row["Run"] for row in leaderboard(page)] == [CAREFUL]
    else:
        assert matrix(page)["glioma"] == ["4", "0", "1", "0", "5"]


@pytest.mark.parametrize("fault", BREAKAGES)
@pytest.mark.parametrize("page", ["evaluate?run", "compare?run", "compare?other", "predict?run"])
def test_the_link_of_a_broken_run_says_what_is_wrong_with_it(
    visitor: Visitor, own: Path, page: str, fault: str
) -> None:
    make, sentence = BREAKAGES[fault]
    make(own / HASTY)
    shown = visitor.open(f"/{page}={HASTY}")
    assert sentence in alerts(shown)[f"The run “{HASTY}” cannot be shown"]
    assert "There is no run" not in visible(shown)


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("page", ["evaluate?run", "compare?run", "compare?other", "predict?run"])
def test_the_link_of_a_run_that_does_not_exist_says_so(visitor: Visitor, page: str) -> None:
    assert "There is no run “nosuch”" in alerts(visitor.open(f"/{page}=nosuch"))


@pytest.mark.parametrize("address", ADDRESSES)
def test_where_every_run_is_broken_the_page_still_opens(
    visitor: Visitor, own: Path, address: str
) -> None:
    for name in (CAREFUL, HASTY):
        (own / name / runs.RUN_FILE).write_text("{")
    page = visitor.open(address)
    assert heading(page) == ADDRESSES[address]
    if address in ("/", "/evaluate"):
        faults = [visible(item) for item in find(find(page, className="faults"), "Li")]
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


def test_a_damaged_index_is_named_on_the_pages_about_images(visitor: Visitor, own: Path) -> None:
    (own / "dataset" / "index.parquet").write_bytes(b"no table")
    for address in ("/data", "/review"):
        told = alerts(visitor.open(address))
        assert "There is no image index yet" not in told
        fault = "dataset/index.parquet is damaged or cut off; run `python -m brainmri index DATA` again."
        assert told["The image index cannot be shown"] == f"Fault : {fault}"
    assert "90.0 %" in visible(find(visitor.open("/"), className="truths"))


def test_damaged_averages_do_not_hide_the_counts(visitor: Visitor, own: Path) -> None:
    (own / "dataset" / "averages.npz").write_bytes(b"no arrays")
    page = visitor.open("/data")
    assert "No averages yet" not in visible(page)
    assert alerts(page)["The average images cannot be shown"] == (
        "Fault : dataset/averages.npz is damaged or cut off; run `python -m brainmri index DATA` again."
    )
    assert table_named(page, "Images per split and class")["Images (n)"][0] == "48"


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
    counts = table_named(page, "Images per split and class")
    assert counts["lymphoma"][0] == "0 0.0 %"
    assert counts["glioma"][0] == "12 25.0 %"
    told = alerts(page)["These files could not be read and are left out"]
    assert told == "Training/lymphoma/a.png : The file is empty (0 bytes)."
