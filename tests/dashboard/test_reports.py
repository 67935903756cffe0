"""The report for download, the fingerprint that pages ask for, and what the latest run changed."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from brainmri import index, report, results, runs
from brainmri.cli import main
from brainmri.files import sha256
from dashboard import data
from tests.dashboard.reading import TWO_ROWS, alerts, table_named
from tests.dashboard.results import (
    CAREFUL,
    CLASSES,
    HASTY,
    HASTY_MISTAKES,
    VAL_PER_CLASS,
    answers,
    write_run,
    write_table,
)
from tests.dashboard.visit import Visitor, find, visible


def test_the_report_is_the_one_of_the_command_line_as_a_file_to_keep(
    visitor: Visitor, shown: Path
) -> None:
    answer = visitor.client.get(f"/report/{CAREFUL}.html")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{CAREFUL}-report.html"'
    assert answer.text == report.render(shown, CAREFUL)


def test_the_report_counts_the_classes_of_each_part_as_that_of_the_command_line_does(
    visitor: Visitor, own: Path, tmp_path: Path
) -> None:
    known = results.known_images(own) or pytest.fail("no index")
    judged = {
        "val": len(CLASSES) * VAL_PER_CLASS,
        "test": int((known.rows["split"] == "test").sum()),
    }
    run = replace(runs.load(own, CAREFUL), index_sha256=sha256(index.path(own)), images=judged)
    runs.save(own, run)
    out = tmp_path / "report.html"
    assert main(["report", "--run", CAREFUL, "--out", str(out), "--models", str(own)]) == 0
    page = visitor.client.get(f"/report/{CAREFUL}.html").text
    assert page == out.read_text(encoding="utf-8")
    table = page[page.index("Data and protocol") :]
    for name, there in known.rows.groupby("label"):
        test = int((there["split"] == "test").sum())
        train = len(there) - test - VAL_PER_CLASS
        cells = "".join(rf"\s*<td.*?>{n}</td>" for n in (train, VAL_PER_CLASS, test))
        assert re.search(rf"<t[dh].*?>{name}</t[dh]>{cells}", table)


@pytest.mark.usefixtures("shown")
def test_the_three_figures_of_the_report_are_those_of_the_overview(visitor: Visitor) -> None:
    text = visitor.client.get(f"/report/{CAREFUL}.html").text
    found = data.three_figures(data.best_run(data.list_runs()[0]) or pytest.fail("no run"))
    for one in (found.official, found.unseen):
        assert one is not None
        assert f"<p class='big'>{100 * (one.accuracy.value or 0):.1f}\u00a0%</p>" in text


def test_only_a_run_has_a_report(visitor: Visitor, own: Path) -> None:
    write_table(own, "spreadsheet", TWO_ROWS)
    refused = visitor.client.get("/report/spreadsheet.html")
    assert refused.status_code == 422
    assert refused.text.startswith("spreadsheet is a table of another tool")
    assert visitor.client.get("/report/nobody.html").status_code == 404
    assert "is a table of another tool" in visible(visitor.open("/report/spreadsheet.html"))
    assert "There is no run “nobody” here, so there is no report of it." in visible(
        visitor.open("/report/nobody.pdf")
    )
    assert "There is no page at this address." in visible(visitor.open("/report/nobody.doc"))
    assert not find(visitor.open("/evaluate?run=spreadsheet"), "A", href="/report/spreadsheet.html")
    assert find(visitor.open(f"/evaluate?run={CAREFUL}"), "A", href=f"/report/{CAREFUL}.html")


def test_the_report_can_be_had_as_pdf_where_a_browser_can_print_it(
    visitor: Visitor, shown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = {"href": f"/report/{CAREFUL}.pdf"}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not find(visitor.open(f"/evaluate?run={CAREFUL}"), "A", **link)
    refused = visitor.client.get(f"/report/{CAREFUL}.pdf")
    assert refused.status_code == 422
    assert "no Chromium" in refused.text

    # Prints the page as it is, so that the test sees what was printed.
    browser = tmp_path / "chromium"
    browser.write_text(
        "#!/bin/sh\n"
        'for word; do case "$word" in --print-to-pdf=*) to="${word#*=}";; esac; done\n'
        '/bin/cat "${word#file://}" > "$to"\n'
    )
    browser.chmod(0o755)
    assert find(visitor.open(f"/evaluate?run={CAREFUL}"), "A", **link)
    answer = visitor.client.get(f"/report/{CAREFUL}.pdf")
    assert answer.mimetype == "application/pdf"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{CAREFUL}-report.pdf"'
    assert answer.text == report.render(shown, CAREFUL)
    assert visitor.client.get("/report/nobody.pdf").status_code == 404
    assert visitor.client.get(f"/report/{CAREFUL}.doc").status_code == 404


@pytest.mark.usefixtures("own")
def test_a_report_that_would_not_fit_into_memory_is_left_to_the_command_line(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.data.runs.MOST_IN_MEMORY", 3)
    refused = visitor.client.get(f"/report/{CAREFUL}.html")
    assert refused.status_code == 422
    assert f"python -m brainmri report --run {CAREFUL}" in refused.text


def test_a_run_is_news_when_its_predictions_are_there_and_again_when_they_change(
    visitor: Visitor, own: Path
) -> None:
    def state() -> dict[str, str]:
        answer = visitor.client.get("/state")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.json is not None
        return dict(answer.json)

    before = state()
    assert set(before) == {CAREFUL, HASTY}
    assert state() == before
    (own / "training").mkdir()  # a run that is still being trained is none
    (own / "training" / runs.RUN_FILE).write_text("{}")
    assert state() == before
    table = index.read(own / "dataset" / "index.parquet")
    write_run(own, "new", answers(table, HASTY_MISTAKES))
    after = state()
    assert set(after) == {CAREFUL, HASTY, "new"}
    long = "n" * 70  # no page shows a run of such a name; what it is listed with is a fault
    shutil.copytree(own / "new", own / long)
    assert state() == after
    assert long in alerts(visitor.open("/"))["These runs cannot be shown"]
    (own / CAREFUL / runs.PREDICTIONS_FILE).touch()
    assert state()[CAREFUL] != after[CAREFUL]
    assert state()[HASTY] == after[HASTY]


def test_the_latest_run_is_compared_with_the_one_before_it_on_the_same_split(own: Path) -> None:
    def made(name: str, created: str, protocol: str = "official") -> None:
        runs.save(own, replace(runs.load(own, name), created=created, protocol=protocol))

    made(CAREFUL, "2026-03-01T00:00:00+00:00")
    made(HASTY, "2026-02-01T00:00:00+00:00")
    table = index.read(own / "dataset" / "index.parquet")
    write_run(own, "other", answers(table, HASTY_MISTAKES), protocol="auto")
    made("other", "2026-04-01T00:00:00+00:00", "auto")
    pair = data.latest_pair()
    assert pair is not None
    assert [view.name for view in pair] == [CAREFUL, HASTY]
    made(HASTY, "2026-05-01T00:00:00+00:00", "auto")
    pair = data.latest_pair()
    assert pair is not None
    assert [view.name for view in pair] == [HASTY, "other"]


def test_the_overview_ends_with_what_the_latest_run_changed(visitor: Visitor, own: Path) -> None:
    runs.save(own, replace(runs.load(own, CAREFUL), created="2026-03-01T00:00:00+00:00"))
    page = visitor.open("/")
    said = visible(page)
    assert "The latest run, careful (trained 2026-03-01 ), beside the one before it" in said
    row = table_named(page, "careful and hasty")["Right answers (accuracy)"]
    assert row[0].startswith("90.0 %")
    assert row[1].startswith("70.0 %")
    assert row[2].startswith("+20.0 points")
    assert find(page, href="/compare?run=careful&other=hasty&split=test")


def test_the_overview_says_when_there_is_nothing_to_compare(visitor: Visitor, bare: Path) -> None:
    write_table(bare, "spreadsheet", TWO_ROWS)
    assert "There are no two runs on the same split yet." in visible(visitor.open("/"))
