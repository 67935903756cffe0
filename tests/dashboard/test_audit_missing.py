"""The Data page where there is no audit, a damaged one, or one of another index."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from brainmri import audit_tables, index
from tests.brainmri import indexing
from tests.dashboard.audited import change
from tests.dashboard.reading import headings, table_named
from tests.dashboard.visit import Visitor, visible, words


@pytest.mark.usefixtures("shown")
def test_without_an_audit_the_page_says_how_to_make_one(visitor: Visitor) -> None:
    page = visitor.open("/data?part=quality")
    assert "There is no audit yet" in words(page)
    assert "python -m brainmri audit DATA" in visible(page)
    assert visitor.client.get("/download/drift.csv").status_code == 404


def test_an_audit_of_another_index_is_not_shown(visitor: Visitor, copied: Path) -> None:
    path = copied / "dataset" / "index.parquet"
    indexing.write(path, index.read(path))
    change(copied, of_index="ab" * 32)
    page = visitor.open("/data?part=copies")
    assert "about another index than index.parquet" in visible(page)
    assert "near-copy in training" not in visible(page)
    assert table_named(visitor.open("/data"), "Images per split and class")
    assert visitor.client.get("/download/drift.csv").status_code == 404


@pytest.mark.parametrize("name", audit_tables.TABLES)
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_damaged_table_is_named_and_the_rest_of_the_page_is_there(
    visitor: Visitor, copied: Path, name: str, damage: str
) -> None:
    path = copied / "dataset" / "audit" / f"{name}.parquet"
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-20])
    assert f"{name}.parquet" in visible(visitor.open("/data?part=drift"))
    assert table_named(visitor.open("/data"), "Images per split and class")


def test_an_audit_without_a_protocol_shows_labels_and_quality(
    visitor: Visitor, copied: Path
) -> None:
    empty = ("shortcuts", "shortcut_answers", "drift", "leakage", "leaked_pairs")
    for name in empty:
        change(copied, of_index=None, **{name: lambda _: pd.DataFrame({"protocol": []})})
    labels = visitor.open("/data?part=labels")
    assert "4 groups of near-copies carry different labels" in headings(labels)
    assert table_named(visitor.open("/data?part=quality"), "Images with a quality flag")


def test_an_audit_that_went_away_leaves_the_parts_empty(visitor: Visitor, copied: Path) -> None:
    shutil.rmtree(copied / "dataset" / "audit")
    chosen: dict[str, Any] = {"protocol": "official", "kind": "any", "pairs": 1}
    assert not visible(visitor.fire("leak-head", inputs=chosen)["leak-head"]["children"])
    drift = visitor.fire("drift-found", inputs={"drift": "official"})
    assert not visible(drift["drift-found"]["children"])
    flags = visitor.fire("flagged-images", inputs={"flag": "dark", "flagged": 1})
    assert not visible(flags["flagged-images"]["children"])
