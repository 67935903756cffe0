"""`brainmri.report`: the card with figures, in one file that asks nothing of a network."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from brainmri import (
    card,
    card_results,
    predictions,
    printing,
    report,
    report_figures,
    results,
    runs,
    truths,
)
from brainmri.cli import main
from brainmri.errors import InputError
from brainmri.markdown import share
from brainmri.metrics import Estimate, proportion
from brainmri.predictions import Predictions
from brainmri.wording import by_readers, plain
from tests.brainmri.command_line import REFUSED
from tests.brainmri.test_manifests import correction, write

MOST_BYTES = 3_000_000
LOADS = {"img", "iframe", "object", "embed", "link", "video", "audio", "source"}


class Seen(HTMLParser):
    """Texts, tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(plain(" ".join(self.texts)).split())


@pytest.fixture(scope="module")
def page(trained_models: Path) -> str:
    return report.render(trained_models, "cnn")


def test_the_report_says_all_that_the_card_says(page: str, trained_models: Path) -> None:
    shown = Seen(page).text
    for line in card.render(trained_models, "cnn").splitlines():
        if not line.startswith("|"):
            words = re.sub(r"^(#+|-) |[*`]", "", line)
            assert " ".join(words.split()) in shown
            continue
        for cell in line.strip("| ").split(" | "):
            if set(cell) != {"-", " ", "|"} and "---" not in cell:
                assert " ".join(cell.strip("`|").split()) in shown


def test_the_report_loads_nothing_and_is_small(page: str) -> None:
    seen = Seen(page)
    assert not {tag for tag, _ in seen.tags} & LOADS
    assert not [of for _, of in seen.tags if of.keys() & {"src", "href", "srcset"}]
    assert "@import" not in page
    assert "url(" not in page
    assert len(page.encode()) < MOST_BYTES
    (policy,) = [of["content"] for _, of in seen.tags if "http-equiv" in of]
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_every_drawing_has_a_text_for_screen_readers(page: str) -> None:
    drawings = [of for tag, of in Seen(page).tags if tag == "svg"]
    assert drawings
    assert all(of["role"] == "img" and of["aria-label"] for of in drawings)


def test_the_matrix_counts_what_the_evaluation_counts(page: str, trained_models: Path) -> None:
    found = results.load(trained_models, "cnn")
    assert found.run is not None
    scored = found.predictions
    tests = scored.splits == "test"
    wanted = np.zeros((4, 4), dtype=int)
    np.add.at(wanted, (scored.y_true[tests], scored.y_pred[tests]), 1)
    first = page[
        page.index("class='matrix'") : page.index("</table>", page.index("class='matrix'"))
    ]
    counts = [int(n) for n in re.findall(r"<strong>(\d+)</strong>", first)]
    assert counts == wanted.ravel().tolist()


def test_the_three_figures_stand_side_by_side(own_models: Path) -> None:
    run = runs.load(own_models, "cnn")
    shutil.copytree(own_models / "cnn", own_models / "cnn-kept-together")
    runs.save(own_models, replace(run, name="cnn-kept-together", protocol="auto"))
    table = predictions.read(own_models / "cnn" / "predictions.parquet")
    kept = own_models / "cnn-kept-together" / "predictions.parquet"
    predictions.write(kept, replace(table, run="cnn-kept-together"))
    groups_of = results.groups_of(results.known_images(own_models))
    official, unseen, grouped = truths.three(own_models, run, groups_of)
    assert [official.run, unseen.run, grouped.run] == ["cnn", "cnn", "cnn-kept-together"]
    assert unseen.report is not None
    assert official.report is not None
    assert unseen.report.n == official.report.n - (official.report.seen or 0)
    assert grouped.report is not None
    shown = Seen(report.render(own_models, "cnn")).text
    for one in (official, unseen, grouped):
        assert one.report is not None
        assert f"right answers: {plain(share(one.report.accuracy))}" in shown
    # Of the other run it tells the same three.
    other = truths.three(own_models, runs.load(own_models, "cnn-kept-together"), groups_of)
    assert [one.run for one in other] == ["cnn", "cnn", "cnn-kept-together"]


def test_what_two_readers_changed_stands_beside_the_figures(own_models: Path) -> None:
    table = results.load(own_models, "cnn").predictions
    path = str(table.paths[(table.splits == "test") & (table.y_true == 0)][0])
    write(own_models, correction(path, table.classes[1], label=table.classes[0]))
    said = by_readers(1, 0, 1, among="its test images")
    # Below the three figures, in the results, and beside the images that were counted.
    assert Seen(report.render(own_models, "cnn")).text.count(said) == 3


def test_what_was_not_measured_is_said_to_be_missing(trained_models: Path) -> None:
    shown = Seen(report.render(trained_models, "cnn")).text
    assert "No run of this model on a split that keeps copies together yet." in shown


@pytest.mark.parametrize(("wrong", "met"), [(2, True), (25, False)])
def test_a_class_that_is_not_shown_to_be_found_least_often_is_said_not_to_be(
    trained_models: Path, wrong: int, met: bool
) -> None:
    y_true = np.arange(120) % 4
    y_pred = y_true.copy()
    y_pred[np.flatnonzero(y_true == 0)[:wrong]] = 1
    run = runs.load(trained_models, "cnn")
    made = Predictions(
        paths=np.array([f"{i}.png" for i in range(120)], dtype=object),
        splits=np.full(120, "test", dtype=object),
        y_true=y_true,
        y_prob=np.eye(4, dtype=np.float32)[y_pred],
        classes=run.classes,
        seen=None,
        negative_class=run.negative_class,
    )
    part = card_results.part_of("all test images", run, made, np.arange(120))
    (title,) = re.findall(r"<figcaption>(.*?)</figcaption>", report._per_class([part]))
    told = f"Found least often among all test images: glioma, {share(proportion(30 - wrong, 30))}"
    assert title == told + (", but its interval meets that of another class" if met else "")


def test_names_cannot_become_tags(own_models: Path) -> None:
    path = own_models / "cnn" / "predictions.parquet"
    bad = "<img src=x>"
    table = predictions.read(path)
    renamed = [bad if name == "glioma" else name for name in table.classes]
    predictions.write(path, replace(table, classes=renamed))
    runs.save(own_models, replace(runs.load(own_models, "cnn"), classes=renamed))
    page = report.render(own_models, "cnn")
    assert "<img" not in page
    assert bad in Seen(page).text


@pytest.mark.parametrize("narrow", [False, True])
def test_an_interval_lies_between_its_ends_and_a_figure_that_is_none_has_no_dot(
    narrow: bool,
) -> None:
    drawn = report_figures.intervals(
        [("found", proportion(8, 10)), ("none", Estimate(None, None, None, 0, 0, "no images"))],
        says="two rows",
        narrow=narrow,
    )
    (dot,) = re.findall(r'<circle class="dot" cx="([\d.]+)"', drawn)
    ((left, right),) = re.findall(r'class="interval" x1="([\d.]+)" x2="([\d.]+)"', drawn)
    assert float(left) < float(dot) < float(right)
    assert "none: no images (n = 0)" in drawn


def test_figures_stand_at_the_right_of_their_columns_and_names_at_the_left(page: str) -> None:
    tables = re.findall(r"<table(?! class='matrix').*?</table>", page, flags=re.DOTALL)
    assert tables
    for one in tables:
        for row in re.findall(r"<tr.*?</tr>", one, flags=re.DOTALL):
            first, *others = re.findall(r"<td([^>]*)>(.*?)</td>", row, flags=re.DOTALL) or [
                ("", "")
            ]
            assert "right" not in first[0]
            for attributes, words in others:
                if re.match(r"[\d,]+ of [\d,]+: ", words):
                    assert "text-align:right" in attributes


def test_a_table_that_is_too_wide_for_a_phone_has_its_heads_in_each_cell(page: str) -> None:
    (one, *_) = re.findall(r"<table class=\"cards\".*?</table>", page, flags=re.DOTALL)
    (cells,) = [
        row for row in re.findall(r"<tr.*?</tr>", one, flags=re.DOTALL) if ">glioma<" in row
    ]
    assert re.findall('data-label="(.*?)"', cells) == [
        "Class", "Images", "Precision", "Recall", "F1", "Area under the ROC curve",
    ]  # fmt: skip
    assert {"rowgroup", "row", "columnheader", "cell"} <= set(re.findall('role="(.*?)"', one))


def test_all_intervals_are_written_alike_and_no_line_breaks_within(page: str) -> None:
    drawn = Seen(page).texts
    intervals = [found for text in drawn for found in re.findall(r"\(([^()]*–[^()]*)\)", text)]
    assert len(intervals) > 50
    for one in intervals:
        assert re.fullmatch(r"[\d.]+–\u2060[\d.]+(\u00a0%)?(, n\u00a0=\u00a0[\d,]+)?", one), one
    assert not re.findall(r"\(\d[\d.]* to \d", " ".join(drawn))


def test_the_command_writes_the_report(trained_models: Path, tmp_path: Path, page: str) -> None:
    out = tmp_path / "deep" / "report.html"
    models = ["--models", str(trained_models)]
    assert main(["report", "--run", "cnn", "--out", str(out), *models]) == 0
    assert out.read_text(encoding="utf-8") == page


def test_the_command_refuses_what_it_cannot_do(
    trained_models: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def said(run: str, out: str) -> str:
        options = ["--out", str(tmp_path / out), "--models", str(trained_models)]
        assert main(["report", "--run", run, *options]) == REFUSED
        return capsys.readouterr().err

    assert "does not end in .html or .pdf" in said("cnn", "report.doc")
    assert 'no run "nobody"' in said("nobody", "report.html")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "There is no Chromium on this machine" in said("cnn", "report.pdf")
    assert not list(tmp_path.iterdir())
    # A file stands where a folder is named, and what was there before stays as it was.
    kept = tmp_path / "report.html"
    kept.write_text("mine")
    assert "since a file is in its place" in said("cnn", "report.html/report.html")
    shutil.copytree(trained_models / "cnn", tmp_path / "models" / "new")
    (tmp_path / "models" / "new" / "predictions.parquet").unlink()
    for run, sentence in (
        ("new", 'The run "new" has no predictions yet; run'),
        ("nobody", "the runs there are: new."),
    ):
        options = ["--out", str(kept), "--models", str(tmp_path / "models")]
        assert main(["report", "--run", run, *options]) == REFUSED
        told = capsys.readouterr().err
        assert sentence in told
        assert told.count("\n") == 1
    assert kept.read_text() == "mine"


def test_a_browser_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\nexit 3\n")
    browser.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(InputError, match="did not print the report"):
        printing.pdf("<p>")
