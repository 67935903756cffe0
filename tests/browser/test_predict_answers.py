"""The Predict page at work: maps, tables of files, reading first, two scans, reports."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from brainmri.wording import plain
from tests.brainmri.volumes import dicom
from tests.browser.conftest import Opened, Tab
from tests.browser.driving import FILE_TRANSFER, choose_file, drop, go, settle
from tests.browser.test_access import violations
from tests.browser.test_exports import SVG, pixels_of, rows_of, saved, words_of
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


def choose_both(page: Page, folder: Path, earlier: bytes, later: bytes) -> None:
    """Choose an earlier and a later scan, as a user does."""
    for place, content in (("Earlier scan", earlier), ("Later scan", later)):
        path = folder / place
        path.write_bytes(content)
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name=place).click()
        chooser.value.set_files(path)


def opacities(page: Page) -> list[str]:
    maps = page.locator("#predict-answer .map")
    return [str(maps.nth(i).evaluate("one => one.style.opacity")) for i in range(maps.count())]


def test_class_and_opacity_of_the_map_change_without_a_request(page: Page, looking: Site) -> None:
    ask(page, looking)
    drop(page, slice=with_lesion())
    expect(page.locator(".outcome.answered")).to_be_visible()
    # The last request of an answer; the map is drawn since the answer rests on it.
    expect(page.locator(".map-check")).to_contain_text("Does hiding")
    expect(page.locator(".map").nth(0)).to_have_css("opacity", "0.6")
    assert opacities(page) == ["0.6", "0"]
    expect(page.locator(".stage-doubt")).to_be_hidden()
    settle(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator(".viewer-controls").get_by_text("notumor", exact=True).click()
    expect(page.locator(".map").nth(1)).to_have_css("opacity", "0.6")
    assert opacities(page) == ["0", "0.6"]
    # What was checked is about the map of the answer, so it does not stand beside another one.
    unchecked = page.locator(".map-unchecked")
    expect(page.locator(".map-check")).to_be_hidden()
    expect(unchecked).to_contain_text("You see the map of notumor, which marks nothing")
    expect(unchecked).to_contain_text("Only the map of glioma was checked")
    expect(page.locator(".stage-doubt")).to_have_text("This map is not that of the answer.")
    page.locator(".viewer-controls").get_by_text("glioma", exact=True).click()
    expect(unchecked).to_be_hidden()
    expect(page.locator(".map-check")).to_contain_text("Does hiding")
    page.locator(".viewer-controls").get_by_text("notumor", exact=True).click()
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
            r"first.*answered.*99\.9\s%.*glioma",
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
    # What a correction can say follows: the classes of the run, not sure, and bad image.
    page.get_by_text("This is wrong").click()
    offered = page.locator("#predict-after").get_by_role("radio")
    expect(offered).to_have_count(2 + 2)
    page.get_by_label("Run", exact=True).first.click()
    page.get_by_role("option", name=HASTY).click()
    expect(facts).to_contain_text("hasty (mean-brightness)")
    expect(offered).to_have_count(4 + 2)


def test_whether_the_map_explains_the_answer_is_checked_by_itself_once_it_stands(
    page: Page, looking: Site
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    ask(page, looking)
    drop(page, first=with_lesion(), other=without_lesion())
    beside = page.locator(".viewer .map-check")
    expect(beside).to_contain_text("Yes: without it the model answers no tumour")
    told = page.locator("#occlusion-told")
    picture = told.locator("img")
    assert picture.evaluate("one => one.decode().then(() => one.naturalWidth)") == 64
    places = [i for i, url in enumerate(asked) if "/predict/" in url]
    assert "predict/answer" in asked[places[0]]
    page.get_by_role("button", name="other").click()
    expect(beside).to_contain_text("No: the map does not explain this answer")
    # What was checked stands there when the answer is shown again, and is not asked for again.
    settle(page)
    asked.clear()
    page.get_by_role("button", name="first").click()
    expect(beside).to_contain_text("Yes: without it the model answers no tumour")
    settle(page)
    assert [url for url in asked if "/predict/" in url] == []


def test_a_map_that_is_no_reason_for_the_answer_is_drawn_only_when_it_is_asked_for(
    page: Page, looking: Site
) -> None:
    ask(page, looking)
    drop(page, slice=without_lesion())
    expect(page.locator(".viewer .map-check")).to_contain_text("does not explain this answer")
    settle(page)
    drawn = page.get_by_role("checkbox", name="Draw the map over the picture")
    expect(drawn).not_to_be_checked()
    assert set(opacities(page)) == {"0"}
    expect(page.locator(".stage-doubt")).to_be_hidden()
    drawn.check()
    # Over the picture, and for those who do not see it beside the scale.
    for where in (".stage-doubt", ".map-doubt"):
        expect(page.locator(where)).to_have_text("This map does not explain this answer.")
    assert sorted(opacities(page)) == ["0", "0.6"]
    drawn.uncheck()
    expect(page.locator(".map-doubt")).to_be_hidden()
    assert set(opacities(page)) == {"0"}


def test_an_answer_is_downloaded_as_it_stands_without_the_name_of_the_file(
    page: Page, looking: Site
) -> None:
    ask(page, looking)
    drop(page, **{"jane-doe.png": with_lesion()})
    expect(page.locator(".viewer .map-check")).to_contain_text("Does hiding")
    expect(page.locator(".map").nth(0)).to_have_css("opacity", "0.6")
    settle(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    name, svg = saved(page, page.locator(".viewer .drawn"), "svg")
    assert name.startswith("picture-of-your-image-answered-by-")
    assert "Does hiding the marked region change the answer?" in words_of(svg)
    # The picture, and over it the map of the answer alone.
    drawn = list(ElementTree.fromstring(svg).iter(f"{SVG}image"))
    assert [one.get("opacity") for one in drawn] == ["1", "0.6"]
    assert all((one.get("href") or "").startswith("data:image/png") for one in drawn)
    name, png = saved(page, page.locator(".viewer .drawn"), "png")
    assert name.endswith(".png")
    red, _, blue = (pixels_of(png)[..., i].astype(int) for i in range(3))
    assert (red - blue > 60).sum() > 1000, "the map is in colour"
    bars = page.locator(".answer-words .drawn")
    told = words_of(saved(page, bars, "svg")[1])
    assert plain(page.locator(".statistic-value").inner_text()) in told
    name, content = saved(page, bars, "csv")
    rows = {one["What"]: float(one["Probability (0-1)"]) for one in rows_of(content)}
    assert rows["glioma"] == pytest.approx(rows["a tumour, whichever"], abs=1e-6)
    assert rows["glioma"] + rows["notumor"] == pytest.approx(1, abs=1e-5)
    assert "jane" not in name + told + content.decode()
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == []


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
    assert (row["image"], row["slice"], row["of_slices"]) == ("1", "1", "1")
    assert row["read"] == "before the answer"
    assert re.fullmatch(r"[0-9a-f]{12}", row["pixels"])
    kept = page.evaluate(
        "JSON.stringify([...Object.entries(sessionStorage), ...Object.entries(localStorage)])"
    )
    for forbidden in (CANARY, "data:image", "base64"):
        assert forbidden not in kept
        assert forbidden not in str(row)
    page.get_by_role("button", name="Forget them").click()
    assert page.evaluate("sessionStorage.getItem('readings')") is None


def kept_readings(page: Page) -> list[dict[str, Any]]:
    return json.loads(page.evaluate("sessionStorage.getItem('readings')") or "[]")


def read(page: Page, impression: str) -> None:
    page.get_by_role("button", name=impression, exact=True).click()
    expect(page.locator(".impression")).to_be_visible()


NOT_BLIND = "The model's answer about this file was shown in this tab before"


def test_a_reading_after_the_answer_was_seen_does_not_pass_as_blind(
    opened: Opened, looking: Site
) -> None:
    page = opened().new_page()
    ask(page, looking)
    drop(page, seen=with_lesion())
    expect(page.locator("#predict-answer .verdict")).to_be_visible()
    page.get_by_text("After my reading", exact=True).click()
    for upload, expected in (
        (with_lesion(), "after the answer was seen"),
        (without_lesion(), "before the answer"),
        (without_lesion(), "after the answer was seen"),
    ):
        drop(page, again=upload)
        expect(page.get_by_text("What do you see?")).to_be_visible()
        noted = page.locator("#predict-answer").get_by_text(NOT_BLIND)
        expect(noted).to_have_count(int(expected != "before the answer"))
        n = len(kept_readings(page))
        read(page, "No tumour")
        expect(page.locator("#predict-readings-count")).to_contain_text(str(n + 1))
        row = kept_readings(page)[-1]
        assert row["read"] == expected
        told = page.locator(".impression")
        expect(told).to_contain_text("(after the answer was seen)" if n != 1 else "no tumour. The")
    assert [row["image"] for row in kept_readings(page)] == [2, 3, 4]
    # The same in a page that was loaded again.
    page.reload()
    settle(page)
    drop(page, again=with_lesion())
    expect(page.locator("#predict-answer").get_by_text(NOT_BLIND)).to_be_visible()


def test_another_slice_of_a_volume_that_was_answered_is_no_blind_reading(
    tab: Tab, looking: Site
) -> None:
    page = tab()
    ask(page, looking, show="after")
    frames = [np.asarray(Image.open(io.BytesIO(with_lesion(at, at)))) for at in (20, 30, 40)]
    drop(page, volume=dicom(np.stack(frames)))
    page.get_by_role("button", name="Ask about this slice").click()
    read(page, "Cannot tell")
    page.get_by_role("button", name="Another slice").click()
    page.get_by_role("slider", name="Slice").press("ArrowRight")
    expect(page.locator("#slice-number")).to_have_text("Slice 3 of 3")
    page.get_by_role("button", name="Ask about this slice").click()
    expect(page.locator("#predict-answer").get_by_text(NOT_BLIND)).to_be_visible()
    read(page, "No tumour")
    expect(page.locator("#predict-readings-count")).to_contain_text("2 readings")
    rows = kept_readings(page)
    assert [(row["image"], row["slice"], row["of_slices"]) for row in rows] == [
        (1, 2, 3),
        (1, 3, 3),
    ]
    assert [row["read"] for row in rows] == ["before the answer", "after the answer was seen"]
    assert rows[0]["pixels"] != rows[1]["pixels"]


def test_two_scans_wait_for_a_reading_of_both(tab: Tab, looking: Site, tmp_path: Path) -> None:
    page = tab()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    ask(page, looking, scans="two", show="after")
    choose_both(page, tmp_path, with_lesion(), without_lesion())
    expect(page.get_by_text("What do you see in the later scan?")).to_be_visible()
    settle(page)
    assert not [url for url in asked if "predict/pair?" in url]
    assert page.locator("#predict-answer .bars, #predict-answer .map").count() == 0
    for place, said in (("earlier", "Glioma"), ("later", "No tumour")):
        page.locator(f'[data-place="{place}"][data-do="commit"]').get_by_text(
            said, exact=True
        ).click()
    expect(page.locator(".impression")).to_have_count(2)
    expect(page.locator(".impression").first).to_contain_text("You committed to: glioma.")
    expect(page.locator("#predict-readings-count")).to_contain_text("2 readings")
    rows = kept_readings(page)
    assert [(row["scan"], row["impression"], row["model_answer"]) for row in rows] == [
        ("earlier", "glioma", "glioma"),
        ("later", "no tumour", "notumor"),
    ]
    assert {row["read"] for row in rows} == {"before the answer"}


def test_the_slices_of_two_volumes_are_chosen_and_compared(
    page: Page, looking: Site, tmp_path: Path
) -> None:
    ask(page, looking, scans="two")
    choose_both(page, tmp_path, five_slices(), five_slices())
    number = page.locator("#slice-earlier-number")
    expect(number).to_have_text("Slice 3 of 5")
    picture = page.locator("#slice-earlier-picture")
    before = picture.get_attribute("src") or ""
    page.get_by_role("slider", name="Slice of the earlier scan").press("ArrowLeft")
    expect(number).to_have_text("Slice 2 of 5")
    expect(picture).not_to_have_attribute("src", before)
    page.get_by_role("button", name="Compare these slices").click()
    facts = page.locator("#predict-answer .facts")
    expect(facts.first).to_contain_text("slice 2 of 5")
    expect(facts.nth(1)).to_contain_text("slice 3 of 5")


def test_reading_first_is_off_until_it_is_chosen(opened: Opened, looking: Site) -> None:
    page = opened().new_page()
    ask(page, looking)
    drop(page, slice=with_lesion())
    expect(page.locator("#predict-answer .verdict")).to_be_visible()
    assert page.get_by_text("What do you see?").count() == 0
    expect(page.locator("#predict-readings")).to_be_hidden()
    page.get_by_text("After my reading", exact=True).click()
    drop(page, slice=with_lesion())
    expect(page.get_by_text("What do you see?")).to_be_visible()
    expect(page).to_have_url(re.compile("show=after"))


def to_page(page: Page, name: str) -> None:
    page.locator("nav").get_by_role("link", name=name, exact=True).first.click()
    page.locator("#content h1", has_text=name).wait_for()
    settle(page)


def test_reading_first_holds_in_the_browser_until_it_is_switched_off(
    opened: Opened, looking: Site
) -> None:
    page = opened().new_page()
    ask(page, looking)
    page.get_by_text("After my reading", exact=True).click()
    to_page(page, "Overview")
    to_page(page, "Predict")
    expect(page).to_have_url(re.compile("show=after"))
    expect(page.get_by_role("radio", name="After my reading")).to_be_checked()
    drop(page, slice=with_lesion())
    expect(page.get_by_text("What do you see?")).to_be_visible()
    # Going back leads to the page before, not to the default that stood there for a moment.
    page.go_back()
    expect(page.locator("#content h1")).to_have_text("Overview")
    # In a new tab as well; but what a link says, holds there.
    other = page.context.new_page()
    go(other, f"{looking.url}predict")
    expect(other).to_have_url(re.compile("show=after"))
    go(other, f"{looking.url}predict?run={LOOKER}&show=once")
    settle(other)
    expect(other.get_by_role("radio", name="At once")).to_be_checked()
    drop(other, slice=without_lesion())
    expect(other.locator("#predict-answer .verdict")).to_be_visible()
    go(other, f"{looking.url}predict")
    expect(other).to_have_url(re.compile("show=after"))
    other.get_by_text("At once", exact=True).click()
    go(other, f"{looking.url}predict")
    settle(other)
    expect(other).to_have_url(re.compile("show=once"))


NOT_READ = "You switched to “At once” before you committed to a reading of this"


def test_files_that_wait_for_a_reading_are_answered_and_marked_when_it_is_switched_off(
    opened: Opened, looking: Site
) -> None:
    page = opened().new_page()
    ask(page, looking, show="after")
    drop(page, first=with_lesion(), second=without_lesion())
    expect(page.get_by_text("What do you see?")).to_be_visible()
    read(page, "Glioma")
    page.get_by_role("button", name="second").click()
    expect(page.get_by_text("What do you see?")).to_be_visible()
    page.get_by_text("At once", exact=True).click()
    expect(page.locator("#predict-answer .verdict")).to_contain_text("no tumour")
    expect(page.locator("#predict-answer").get_by_text(NOT_READ)).to_be_visible()
    rows = page.locator("#predict-rows tr")
    expect(rows.nth(0)).not_to_contain_text("not read first")
    expect(rows.nth(1)).to_contain_text("answered; not read first")
    assert len(kept_readings(page)) == 1
    # What was read first keeps its reading, and has no such note.
    page.get_by_role("button", name="first").click()
    expect(page.locator(".impression")).to_contain_text("You committed to: glioma.")
    expect(page.locator("#predict-answer").get_by_text(NOT_READ)).to_have_count(0)


def test_two_scans_that_wait_for_a_reading_are_answered_when_it_is_switched_off(
    opened: Opened, looking: Site, tmp_path: Path
) -> None:
    page = opened().new_page()
    ask(page, looking, scans="two", show="after")
    choose_both(page, tmp_path, with_lesion(), without_lesion())
    expect(page.get_by_text("What do you see in the later scan?")).to_be_visible()
    page.locator('[data-place="earlier"][data-do="commit"]').first.click()
    page.get_by_text("At once", exact=True).click()
    expect(page.locator("#predict-answer .map")).to_have_count(4)
    expect(page.locator("#predict-answer").get_by_text(NOT_READ)).to_be_visible()
    expect(page.locator(".impression")).to_have_count(1)


def test_of_two_scans_it_is_said_which_file_cannot_be_read_and_what_is_left_out(
    page: Page, looking: Site, tmp_path: Path
) -> None:
    ask(page, looking, scans="two")
    choose_both(page, tmp_path, with_lesion(), b"no image")
    alert = page.locator("#predict-answer .refusal")
    expect(alert).to_contain_text("No answer for the later scan")
    expect(alert).to_contain_text("Later scan: The file is not a JPEG")
    paths = [tmp_path / name for name in ("one", "two", "three")]
    for path, content in zip(paths, (with_lesion(), with_lesion(30, 30), b""), strict=True):
        path.write_bytes(content)
    files = [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in paths]
    transfer = page.evaluate_handle(FILE_TRANSFER, files)
    page.dispatch_event("#predict-two .drop", "drop", {"dataTransfer": transfer})
    expect(page.locator("#predict-answer .map")).to_have_count(4)
    expect(
        page.locator("#predict-answer").get_by_text(
            "Two scans are compared at a time, so three is left out."
        )
    ).to_be_visible()
    expect(page.locator("#predict-status")).to_contain_text("three is left out")


def test_two_scans_stand_beside_each_other_with_the_change_in_marked_area(
    page: Page, looking: Site, tmp_path: Path
) -> None:
    ask(page, looking, scans="two")
    choose_both(page, tmp_path, with_lesion(), with_lesion(30, 30))
    answer = page.locator("#predict-answer")
    expect(answer.locator(".verdict").first).to_contain_text("glioma")
    expect(answer.locator(".map")).to_have_count(4)
    expect(answer).to_contain_text(re.compile(r"\d+\s% (larger|smaller)"))
    expect(answer).to_contain_text("This is not a measurement of growth")
    # Each map has its own switch.
    answer.locator(".viewer-controls").nth(1).get_by_text("notumor", exact=True).click()
    expect(answer.locator(".map").nth(3)).to_have_css("opacity", "0.6")
    assert opacities(page) == ["0.6", "0", "0", "0.6"]
    for place in ("earlier", "later"):
        expect(answer.locator(f'[id^="map-check-{place}"]')).to_contain_text(
            "Yes: without it the model answers no tumour"
        )
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save report").click()
    report = saving.value.path().read_text()
    assert "What a model says of two scans" in report


PAPERS = ("A4", "Letter")


def pages_of(page: Page, paper: str) -> int:
    return len(re.findall(rb"/Type\s*/Page[^s]", page.pdf(format=paper, prefer_css_page_size=True)))


def test_the_longest_reports_are_one_page_on_either_paper(
    opened: Opened, looking: Site, tmp_path: Path
) -> None:
    rows = np.asarray(Image.open(io.BytesIO(with_lesion())))
    long = dicom(
        rows[None], Modality="OT", BurnedInAnnotation="YES", Manufacturer="United Imaging",
        ManufacturerModelName="MAGNETOM Symphony 3.0T", SequenceName="*spcriru3d1_16ns",
        RepetitionTime="2300.5", EchoTime="2.98",
        InversionTime="900.25", SliceThickness="1.05",
    )  # fmt: skip
    page = opened("request to another host: file:").new_page()

    def posted(what: str, body: bytes, **query: str) -> dict[str, Any]:
        told: dict[str, Any] = page.request.post(
            f"{looking.url}predict/{what}", params={"run": LOOKER, **query}, data=body
        ).json()
        return told

    model = posted("answer", long)["model_sha256"]
    for what, body, query in (
        ("report", long, {}),
        ("pair-report", long + long, {"earlier_bytes": str(len(long))}),
    ):
        told = posted(what, body, model=model, **query)
        report = tmp_path / f"{what}.html"
        report.write_text(told["report"])
        page.goto(report.as_uri())
        assert violations(page) == []
        assert [pages_of(page, paper) for paper in PAPERS] == [1, 1], what


def test_a_saved_report_is_one_page_without_the_name_of_the_file(
    page: Page, opened: Opened, looking: Site, tmp_path: Path
) -> None:
    path = tmp_path / f"{CANARY}.png"
    path.write_bytes(with_lesion())
    ask(page, looking)
    choose_file(page, path)
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save report").click()
    content = saving.value.path().read_text()
    assert CANARY not in content
    assert CANARY not in saving.value.suggested_filename
    report = tmp_path / "report.html"
    report.write_text(content)
    asked: list[str] = []
    kept = opened("request to another host: file:").new_page()
    kept.on("request", lambda request: asked.append(request.url.partition(":")[0]))
    kept.goto(report.as_uri())
    expect(kept.get_by_text("What made this answer")).to_be_visible()
    assert set(asked) <= {"file", "data"}
    assert [pages_of(kept, paper) for paper in PAPERS] == [1, 1]


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


def hold(page: Page, address: str) -> list[Route]:
    """The first such question, which is not answered until the test lets it go on."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route(address, keep)
    return held


def until_held(page: Page, held: list[Route]) -> None:
    while not held:
        page.wait_for_timeout(20)


def test_a_reading_is_kept_without_the_answer_that_something_newer_overtook(
    tab: Tab, looking: Site
) -> None:
    page = tab()
    ask(page, looking, show="after")
    drop(page, first=with_lesion())
    held = hold(page, "**/predict/answer?*")
    page.get_by_role("button", name="No tumour", exact=True).click()
    until_held(page, held)
    drop(page, second=without_lesion())
    expect(page.get_by_text("What do you see?")).to_be_visible()
    held[0].continue_()
    expect(page.locator("#predict-readings-count")).to_have_text("1 reading is kept in this tab.")
    (row,) = kept_readings(page)
    assert (row["image"], row["impression"], "model_answer" in row) == (1, "no tumour", False)
    expect(page.get_by_text("What do you see?")).to_be_visible()


def test_readings_of_two_scans_stay_with_these_when_another_one_is_dropped(
    tab: Tab, looking: Site, tmp_path: Path
) -> None:
    page = tab()
    ask(page, looking, scans="two", show="after")
    choose_both(page, tmp_path, with_lesion(), without_lesion())
    held = hold(page, "**/predict/pair?*")
    offered = page.locator('[data-do="commit"]')
    offered.get_by_text("Glioma", exact=True).first.click()
    # The keyboard goes on in the other scan.
    assert page.evaluate("document.activeElement.dataset.place") == "later"
    offered.get_by_text("No tumour", exact=True).last.click()
    until_held(page, held)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Later scan").click()
    chooser.value.set_files(tmp_path / "Earlier scan")
    settle(page)
    held[0].continue_()
    expect(page.locator("#predict-readings-count")).to_contain_text("2 readings")
    rows = kept_readings(page)
    assert [(row["image"], row["impression"]) for row in rows] == [(1, "glioma"), (2, "no tumour")]
    assert not any("model_answer" in row for row in rows)


def test_an_answer_of_the_run_before_does_not_stand_for_the_run_that_is_chosen(
    page: Page, looking: Site
) -> None:
    ask(page, looking)
    slow: list[Route] = []

    def second_is_slow(route: Route) -> None:
        asked = route.request
        if LOOKER in asked.url and asked.post_data_buffer == without_lesion():
            slow.append(route)
        else:
            route.continue_()

    page.route("**/predict/answer?*", second_is_slow)
    drop(page, first=with_lesion(), second=without_lesion())
    until_held(page, slow)
    page.get_by_label("Run", exact=True).first.click()
    page.get_by_role("option", name=HASTY).click()
    rows = page.locator("#predict-rows tr")
    expect(rows.nth(1)).to_contain_text("answered")
    with page.expect_response(lambda one: LOOKER in one.url):
        slow[0].continue_()
    settle(page)
    page.get_by_role("button", name="second").click()
    expect(page.locator("#predict-answer .facts")).to_contain_text("hasty (mean-brightness)")


def test_a_slice_that_does_not_come_leaves_number_and_slider_at_the_one_that_is_shown(
    opened: Opened, looking: Site
) -> None:
    page = opened("ERR_FAILED|Failed to load").new_page()
    ask(page, looking)
    drop(page, volume=five_slices())
    number, slider = page.locator("#slice-number"), page.get_by_role("slider", name="Slice")
    expect(number).to_have_text("Slice 3 of 5")
    page.route("**/predict/slice?*", lambda route: route.abort())
    slider.press("ArrowRight")
    expect(number).to_have_text(re.compile("Slice 3 of 5. The server cannot be reached"))
    expect(slider).to_have_attribute("aria-valuenow", "3")
    page.unroute("**/predict/slice?*")
    slider.press("ArrowRight")
    expect(number).to_have_text("Slice 4 of 5")


def test_a_map_that_could_not_be_checked_is_checked_when_it_is_shown_again(
    opened: Opened, looking: Site
) -> None:
    page = opened("ERR_FAILED|Failed to load").new_page()
    ask(page, looking)
    page.route("**/predict/occlusion?*", lambda route: route.abort())
    drop(page, first=with_lesion(), other=without_lesion())
    beside, below = page.locator(".map-check"), page.locator("#occlusion-told")
    for place in (beside, below):
        expect(place).to_contain_text("This was not checked. The server cannot be reached")
    page.unroute("**/predict/occlusion?*")
    page.get_by_role("button", name="other").click()
    expect(beside).to_contain_text("No: the map does not explain this answer")
    page.get_by_role("button", name="first").click()
    expect(beside).to_contain_text("Yes: without it the model answers no tumour")
    expect(below.locator("img")).to_be_visible()


def test_a_report_that_cannot_be_made_leaves_the_answer_there(
    opened: Opened, looking: Site
) -> None:
    page = opened("ERR_FAILED|Failed to load").new_page()
    ask(page, looking)
    drop(page, slice=with_lesion())
    page.route("**/predict/report?*", lambda route: route.abort())
    page.get_by_role("button", name="Save report").click()
    expect(page.locator("#predict-report-told")).to_contain_text("cannot be reached")
    expect(page.locator("#predict-answer .verdict")).to_be_visible()
    page.unroute("**/predict/report?*")
    with page.expect_download():
        page.get_by_role("button", name="Save report").click()
    expect(page.locator("#predict-report-told")).to_be_empty()
