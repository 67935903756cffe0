"""The Predict page at work: maps, tables of files, reading first, two scans, reports."""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opened
from tests.browser.driving import FILE_TRANSFER, choose_file, drop, go, settle
from tests.browser.test_predict import CANARY
from tests.dashboard.lookers import (
    LOOKER,
    copy_with_looker,
    five_slices,
    no_slice,
    with_lesion,
    without_lesion,
)
from tests.dashboard.results import HASTY
from tests.dashboard.serving import Site, serving


@pytest.fixture(scope="module")
def looking(
    models: Path, phantom_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A dashboard whose run "looker" has maps, neighbours, a gate, a threshold and sets."""
    folder = copy_with_looker(models, tmp_path_factory.mktemp("looking") / "models")
    with serving(tmp_path_factory.mktemp("site"), models=folder, data=phantom_data) as running:
        yield running


def ask(page: Page, site: Site, **choices: str) -> None:
    """Open the page with the run "looker"."""
    query = "&".join(f"{key}={value}" for key, value in {"run": LOOKER, **choices}.items())
    go(page, f"{site.url}predict?{query}")
    settle(page)


def opacities(page: Page) -> list[str]:
    maps = page.locator("#predict-answer .map")
    return [str(maps.nth(i).evaluate("one => one.style.opacity")) for i in range(maps.count())]


def test_class_and_opacity_of_the_map_change_without_a_request(page: Page, looking: Site) -> None:
    ask(page, looking)
    drop(page, slice=with_lesion())
    expect(page.locator(".outcome.answered")).to_be_visible()
    assert opacities(page) == ["0.6", "0"]
    settle(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator(".viewer-controls").get_by_text("notumor", exact=True).click()
    expect(page.locator(".map").nth(1)).to_have_css("opacity", "0.6")
    assert opacities(page) == ["0", "0.6"]
    page.get_by_role("slider", name="Opacity of the map").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".map").nth(1)).to_have_css("opacity", "0.65")
    assert [url for url in asked if not url.startswith("data:")] == []


def test_a_refused_image_shows_no_probability_anywhere(page: Page, looking: Site) -> None:
    ask(page, looking)
    drop(page, stripes=no_slice())
    expect(page.locator(".outcome.refused")).to_contain_text("Refused: no answer")
    assert "%" not in page.locator("#predict-answer").inner_text()


def test_several_files_give_a_table_and_a_click_opens_the_whole_answer(
    page: Page, looking: Site
) -> None:
    ask(page, looking)
    files = {"first": with_lesion(), "second": without_lesion(), "third": b"no image"}
    drop(page, **files, fourth=no_slice())
    rows = page.locator("#predict-rows tr")
    expect(rows).to_have_count(4)
    for place, cells in enumerate(
        (
            r"first.*answered.*100\.0\s%.*glioma",
            r"second.*answered.*\d\.\d\s%.*no tumour",
            r"third.*no answer.*–.*–",
            r"fourth.*refused.*–.*–",
        )
    ):
        expect(rows.nth(place)).to_have_text(re.compile(cells, re.DOTALL))
    verdict = page.locator("#predict-answer .verdict")
    expect(verdict).to_contain_text("most probable: glioma")
    page.get_by_role("button", name="second").click()
    expect(verdict).to_contain_text("most probable: no tumour")
    page.get_by_role("button", name="third").click()
    expect(page.locator("#predict-answer .refusal")).to_be_visible()
    drop(page, alone=with_lesion())
    expect(page.locator("#predict-list")).to_be_hidden()


def test_an_image_is_pasted_from_the_clipboard(page: Page, looking: Site) -> None:
    ask(page, looking)
    entries = [["pasted.png", base64.b64encode(with_lesion()).decode()]]
    transfer = page.evaluate_handle(FILE_TRANSFER, entries)
    page.evaluate(
        "data => document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data}))",
        transfer,
    )
    expect(page.locator("#predict-answer .verdict")).to_contain_text("glioma")


def test_a_phone_offers_its_camera(opened: Opened, looking: Site) -> None:
    page = opened(screen=(390, 844)).new_page()
    ask(page, looking)
    # The style sheet shows the button where the pointer is a finger.
    rule = "[...document.styleSheets].some(s => [...s.cssRules].some(r => "
    assert page.evaluate(rule + "r.conditionText === '(pointer: coarse)'))")
    with page.expect_file_chooser() as chooser:
        page.locator(".camera").dispatch_event("click")
    element = chooser.value.element
    assert element.get_attribute("accept") == "image/*"
    assert element.get_attribute("capture") == "environment"


def test_the_drop_zone_works_with_the_keyboard(page: Page, looking: Site, tmp_path: Path) -> None:
    path = tmp_path / "slice.png"
    path.write_bytes(with_lesion())
    ask(page, looking)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Drop images here").press("Enter")
    chooser.value.set_files(path)
    expect(page.locator("#predict-answer .verdict")).to_be_visible()
    expect(page.locator("#predict-status")).to_contain_text(
        "Called a tumour, most probable: glioma"
    )


def test_another_run_answers_what_lies_there(page: Page, looking: Site) -> None:
    ask(page, looking)
    drop(page, slice=with_lesion())
    facts = page.locator("#predict-answer .facts")
    expect(facts).to_contain_text("looker (cnn)")
    page.get_by_label("Run", exact=True).first.click()
    page.get_by_role("option", name=HASTY).click()
    expect(facts).to_contain_text("hasty (mean-brightness)")


def test_hiding_the_marked_region_is_checked_on_demand(page: Page, looking: Site) -> None:
    ask(page, looking)
    drop(page, slice=with_lesion())
    page.get_by_role("button", name="Check").click()
    told = page.locator("#occlusion-told")
    expect(told).to_contain_text("the answer rests on the marked region")
    picture = told.locator("img")
    assert picture.evaluate("one => one.decode().then(() => one.naturalWidth)") == 64


def test_a_reader_commits_before_the_model_is_asked(page: Page, looking: Site) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    ask(page, looking, show="after")
    drop(page, **{CANARY: with_lesion()})
    expect(page.get_by_text("What do you see?")).to_be_visible()
    settle(page)
    assert not [url for url in asked if "predict/answer" in url]
    assert page.locator("#predict-answer .bars, #predict-answer .map").count() == 0
    page.get_by_role("button", name="No tumour", exact=True).click()
    expect(page.locator(".impression")).to_contain_text("You committed to: no tumour.")
    expect(page.locator("#predict-answer .verdict")).to_contain_text("glioma")
    expect(page.locator("#predict-readings-count")).to_have_text("1 reading is kept in this tab.")

    with page.expect_download() as saving:
        page.get_by_role("button", name="Download as CSV").click()
    (row,) = csv.DictReader(io.StringIO(saving.value.path().read_text()))
    assert row["impression"] == "no tumour"
    assert row["model_answer"] == "glioma"
    assert row["read_at_utc"] <= f"{row['answered_at_utc'][:19]}.999Z"
    kept = page.evaluate(
        "JSON.stringify([...Object.entries(sessionStorage), ...Object.entries(localStorage)])"
    )
    for forbidden in (CANARY, "data:image", "base64"):
        assert forbidden not in kept
        assert forbidden not in str(row)
    page.get_by_role("button", name="Forget them").click()
    assert page.evaluate("sessionStorage.getItem('readings')") is None


def test_reading_first_is_off_until_it_is_chosen(page: Page, looking: Site) -> None:
    ask(page, looking)
    drop(page, slice=with_lesion())
    expect(page.locator("#predict-answer .verdict")).to_be_visible()
    assert page.get_by_text("What do you see?").count() == 0
    expect(page.locator("#predict-readings")).to_be_hidden()
    page.get_by_text("After my reading", exact=True).click()
    drop(page, slice=with_lesion())
    expect(page.get_by_text("What do you see?")).to_be_visible()
    expect(page).to_have_url(re.compile("show=after"))


def test_two_scans_stand_beside_each_other_with_the_change_in_marked_area(
    page: Page, looking: Site, tmp_path: Path
) -> None:
    for name, content in (("early", with_lesion()), ("late", with_lesion(30, 30))):
        (tmp_path / f"{name}.png").write_bytes(content)
    ask(page, looking, scans="two")
    for place, name in (("Earlier scan", "early"), ("Later scan", "late")):
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name=place).click()
        chooser.value.set_files(tmp_path / f"{name}.png")
    answer = page.locator("#predict-answer")
    expect(answer.locator(".verdict").first).to_contain_text("glioma")
    expect(answer.locator(".map")).to_have_count(4)
    expect(answer).to_contain_text(re.compile(r"\d+\s% (larger|smaller)"))
    expect(answer).to_contain_text("This is not a measurement of growth")
    # Each map has its own switch.
    answer.locator(".viewer-controls").nth(1).get_by_text("notumor", exact=True).click()
    expect(answer.locator(".map").nth(3)).to_have_css("opacity", "0.6")
    assert opacities(page) == ["0.6", "0", "0", "0.6"]


def test_a_saved_report_is_one_page_without_the_name_of_the_file(
    page: Page, opened: Opened, looking: Site, tmp_path: Path
) -> None:
    path = tmp_path / f"{CANARY}.png"
    path.write_bytes(with_lesion())
    ask(page, looking)
    choose_file(page, path)
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save report").click()
    saved = saving.value.path().read_text()
    assert CANARY not in saved
    assert CANARY not in saving.value.suggested_filename
    report = tmp_path / "report.html"
    report.write_text(saved)
    asked: list[str] = []
    kept = opened("request to another host: file:").new_page()
    kept.on("request", lambda request: asked.append(request.url.partition(":")[0]))
    kept.goto(report.as_uri())
    expect(kept.get_by_text("What made this answer")).to_be_visible()
    assert set(asked) <= {"file", "data"}
    pages = re.findall(rb"/Type\s*/Page[^s]", kept.pdf(prefer_css_page_size=True))
    assert len(pages) == 1


def test_a_file_name_is_found_nowhere_afterwards(opened: Opened, looking: Site) -> None:
    page = opened().new_page()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.headers}"))
    ask(page, looking)
    drop(page, **{CANARY: with_lesion(), f"{CANARY}-2": without_lesion()})
    expect(page.locator("#predict-rows tr").nth(1)).to_contain_text("no tumour")
    settle(page)
    kept = page.evaluate(
        """async () => JSON.stringify([
            Object.entries(localStorage), Object.entries(sessionStorage), document.cookie,
            (await indexedDB.databases()).map(one => one.name), await caches.keys(), location.href,
        ])"""
    )
    assert CANARY not in kept
    assert not [one for one in sent if CANARY in one]
    assert CANARY not in looking.log.read_text()
    assert [path for path in (looking.folder / "tmp").rglob("*") if path.is_file()] == []


def test_a_server_that_is_gone_is_said(opened: Opened, looking: Site) -> None:
    page = opened("ERR_FAILED|Failed to load").new_page()
    ask(page, looking)
    page.route("**/predict/answer?*", lambda route: route.abort())
    drop(page, slice=with_lesion())
    expect(page.locator("#predict-answer .refusal")).to_contain_text("cannot be reached")


def test_the_slices_of_a_volume_are_looked_through_before_one_is_asked_about(
    page: Page, looking: Site
) -> None:
    ask(page, looking)
    drop(page, volume=five_slices())
    expect(page.locator("#slice-number")).to_have_text("Slice 3 of 5")
    picture = page.locator("#slice-picture")
    before = picture.get_attribute("src") or ""
    page.get_by_role("slider", name="Slice").press("ArrowRight")
    expect(page.locator("#slice-number")).to_have_text("Slice 4 of 5")
    expect(picture).not_to_have_attribute("src", before)
    page.get_by_role("button", name="Ask about this slice").click()
    expect(page.locator("#predict-answer .facts")).to_contain_text("slice 4 of 5")
    page.get_by_role("button", name="Another slice").click()
    expect(page.locator("#slice-number")).to_have_text("Slice 3 of 5")
