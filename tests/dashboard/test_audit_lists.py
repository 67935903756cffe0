"""Lists of the audit to download."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from brainmri import leakage
from tests.dashboard.audited import PARTS, change, download, found
from tests.dashboard.visit import Visitor, walk


@pytest.mark.usefixtures("shipped")
def test_every_link_to_a_list_leads_to_one(visitor: Visitor) -> None:
    links = [
        entry["props"]["href"]
        for part in PARTS
        for entry in walk(visitor.open(f"/data?part={part}"))
        if isinstance(entry, dict) and str(entry["props"].get("href", "")).startswith("/download/")
    ]
    assert len(links) == len(set(links)) == 13
    for link in links:
        response = visitor.client.get(link)
        assert response.status_code == 200, link
        assert response.mimetype == "text/csv"
        assert "attachment" in response.headers["Content-Disposition"]
        assert response.data.decode("utf-8").count("\r\n") > 1


@pytest.mark.usefixtures("shipped")
def test_a_list_holds_what_the_audit_holds(visitor: Visitor) -> None:
    tables = found().tables
    pairs = download(visitor, "leaked-pairs")
    assert [row["path"] for row in pairs] == tables.leaked_pairs["path"].tolist()
    assert {row["kind"] for row in pairs} == set(leakage.KINDS)
    dark = download(visitor, "quality-dark")
    assert len(dark) == 11
    assert {row["dark"] for row in dark} == {"True"}
    drift = download(visitor, "drift")
    assert any(row["value"].startswith("-0.") for row in drift)  # Numbers keep their sign.


@pytest.mark.usefixtures("shipped")
def test_shares_of_shortcuts_and_copies_are_downloaded_with_their_intervals(
    visitor: Visitor,
) -> None:
    for row in download(visitor, "shortcuts"):
        assert float(row["low"]) <= int(row["k"]) / int(row["n"]) <= float(row["high"])
    told = found().shortcuts("official")[1]
    row = next(r for r in download(visitor, "shortcuts") if r["features"] == told.name)
    assert float(row["low"]) == pytest.approx(told.classes.low)
    for row in download(visitor, "leakage"):
        for kind in leakage.KINDS:
            low, high = row[f"{kind}_low"], row[f"{kind}_high"]
            if row["part"] == "test":
                assert float(low) <= int(row[kind]) / int(row["images"]) <= float(high)
            else:  # The audit does not say which validation images have no copy.
                assert (low, high) == ("", "")


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(
    "name", ["index", "runs", "quality-nothing", "leaked_pairs", "..", "%2e%2e%2findex", "x/y", ""]
)
def test_an_unknown_list_answers_404(visitor: Visitor, name: str) -> None:
    assert visitor.client.get(f"/download/{name}.csv").status_code == 404


def test_text_that_a_spreadsheet_would_run_is_defused(visitor: Visitor, copied: Path) -> None:
    def planted(table: pd.DataFrame) -> pd.DataFrame:
        table = table.astype({"says": object})
        table["says"] = ["=1+1", "+1", "-1", "@x", "a=b", "\tx", 'quo"te', "ü", "", "x", "y", "z"]
        return table

    change(copied, label_conflicts=planted)
    says = [row["says"] for row in download(visitor, "label-conflicts")]
    assert says[:8] == ["'=1+1", "'+1", "'-1", "'@x", "a=b", "'\tx", 'quo"te', "ü"]
