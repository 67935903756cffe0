"""The Predict page in use: files are dropped, answered and forgotten."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from brainmri import images, intake, phantom, runs
from tests.brainmri.lettering import lettered
from tests.browser import files
from tests.browser.conftest import Opened
from tests.browser.driving import choose_file, drop, go, settle, until
from tests.dashboard.serving import Site

CANARY = "canary-7f3a9c"


def percentages(answer: Locator) -> list[float]:
    texts = answer.locator(".bars .bar-value").all_inner_texts()
    return [float(text.partition("\u00a0")[0].lstrip("<> ")) for text in texts]  # "< 0.1 %"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A folder with the good and bad files."""
    for name, (content, _) in files.BAD.items():
        (tmp_path / name).write_bytes(content())
    (tmp_path / "good.png").write_bytes(files.png())
    (tmp_path / "good.jpg").write_bytes(files.jpeg())
    return tmp_path


@pytest.mark.parametrize("name", ["good.png", "good.jpg"])
def test_a_good_image_is_answered_with_probabilities_and_who_answered(
    page: Page, site: Site, models: Path, saved: Path, name: str
) -> None:
    go(page, site.url + "predict")
    choose_file(page, saved / name)
    answer = page.locator("#predict-answer")
    expect(answer.locator(".verdict")).to_have_text(
        re.compile(r"Most probable: (no tumour|glioma|meningioma|pituitary)")
    )
    shown = percentages(answer)
    assert len(shown) == 4
    assert sum(shown) == pytest.approx(100, abs=0.31)  # each is rounded to 0.1
    assert shown == sorted(shown, reverse=True)
    expect(answer.locator(".tumour-probability")).to_have_text(
        re.compile(r"Tumour probability\s*[<>]?\s?\d+\.\d\s%")
    )
    facts = answer.locator(".facts")
    expect(facts).to_contain_text("hasty (mean-brightness)")
    expect(facts).to_contain_text(runs.load(models, "hasty").model_sha256[:12])
    picture = answer.locator("img.picture")
    assert picture.evaluate("one => one.decode().then(() => one.naturalWidth)") > 0


def test_whether_text_names_nobody_is_asked_only_where_there_seems_to_be_some(
    page: Page, site: Site, saved: Path
) -> None:
    (saved / "named.png").write_bytes(images.encode_png(lettered(phantom.draw("glioma", 1))))
    go(page, site.url + "predict")
    for name, asked in (("named.png", True), ("good.png", False), ("named.png", True)):
        choose_file(page, saved / name)
        notice = page.locator("#predict-answer .caution", has_text="There seems to be text")
        expect(notice).to_have_count(1 if asked else 0)
        if not page.locator(".correct").is_visible():
            page.get_by_text("This is wrong").click()
        expect(page.get_by_label("I have looked")).to_be_visible(visible=asked)


def test_a_dropped_image_is_answered_like_a_chosen_one(page: Page, site: Site, saved: Path) -> None:
    go(page, site.url + "predict")
    drop(page, good=files.png())
    dropped = page.locator("#predict-answer .bars")
    expect(dropped).to_be_visible()
    told = dropped.inner_text()
    page.reload()
    choose_file(page, saved / "good.png")
    expect(dropped).to_be_visible()
    assert dropped.inner_text() == told


def test_the_same_file_twice_is_looked_at_twice(page: Page, site: Site, saved: Path) -> None:
    go(page, site.url + "predict")
    answer = page.locator("#predict-answer")
    choose_file(page, saved / "good.png")
    expect(answer.locator(".facts")).to_contain_text("your image")
    first = percentages(answer)
    settle(page)
    with page.expect_request("**/predict/answer?*") as asked:
        choose_file(page, saved / "good.png")
    response = asked.value.response()
    assert response is not None
    assert response.status == 200
    expect(answer.locator(".facts")).to_contain_text("your image")
    assert percentages(answer) == first


def test_a_file_after_an_example_after_the_same_file(page: Page, site: Site, saved: Path) -> None:
    go(page, site.url + "predict")
    facts = page.locator("#predict-answer .facts")
    choose_file(page, saved / "good.png")
    expect(facts).to_contain_text("your image")
    page.locator(".example").nth(3).click()
    expect(facts).to_contain_text("synthetic pituitary slice")
    choose_file(page, saved / "good.png")
    expect(facts).to_contain_text("your image")


@pytest.mark.parametrize("number", range(4))
def test_an_example_is_answered_with_one_click(page: Page, site: Site, number: int) -> None:
    go(page, site.url + "predict")
    examples = page.locator(".example")
    expect(examples).to_have_count(4)
    settle(page)
    assert examples.nth(number).locator("img").evaluate("one => one.naturalWidth") > 0
    label = examples.nth(number).inner_text().strip()
    examples.nth(number).click()
    expect(page.locator("#predict-answer .facts")).to_contain_text(f"synthetic {label} slice")
    assert sum(percentages(page.locator("#predict-answer"))) == pytest.approx(100, abs=0.31)


@pytest.mark.parametrize("name", files.BAD)
def test_a_bad_file_gets_one_clear_sentence_and_the_next_one_an_answer(
    page: Page, site: Site, saved: Path, name: str
) -> None:
    go(page, site.url + "predict")
    choose_file(page, saved / name)
    refusal = page.locator("#predict-answer .refusal")
    expect(refusal).to_have_count(1)
    expect(refusal).to_contain_text(files.BAD[name][1])
    assert "Traceback" not in refusal.inner_text()
    choose_file(page, saved / "good.png")
    expect(page.locator("#predict-answer .verdict")).to_be_visible()
    expect(refusal).to_have_count(0)


def test_a_server_that_is_busy_with_other_files_is_asked_again(
    page: Page, site: Site, saved: Path
) -> None:
    asked: list[Route] = []

    def busy(route: Route) -> None:
        asked.append(route)
        route.fulfill(json={"outcome": "no answer", "code": intake.BUSY, "said": "Busy."})

    go(page, site.url + "predict")
    page.route("**/predict/answer*", busy, times=1)
    choose_file(page, saved / "good.png")
    expect(page.locator("#predict-answer .verdict")).to_be_visible()
    assert len(asked) == 1


def test_a_bad_file_replaces_the_answer_about_the_last_good_one(
    page: Page, site: Site, saved: Path
) -> None:
    go(page, site.url + "predict")
    choose_file(page, saved / "good.png")
    expect(page.locator("#predict-answer .verdict")).to_be_visible()
    choose_file(page, saved / "text.jpg")
    expect(page.locator("#predict-answer .refusal")).to_be_visible()
    expect(page.locator("#predict-answer .verdict")).to_have_count(0)


def content(*folders: Path) -> dict[str, str]:
    """SHA-256 of every file below the folders."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "log.txt"
    }


def test_nothing_of_an_upload_is_kept_anywhere(
    opened: Opened, site: Site, models: Path, phantom_data: Path, tmp_path: Path
) -> None:
    upload = tmp_path / f"{CANARY}.png"
    upload.write_bytes(files.png("meningioma", 77))
    broken = tmp_path / f"{CANARY}.jpg"
    broken.write_bytes(files.truncated_jpeg())
    page = opened().new_page()
    go(page, site.url + "predict")
    settle(page)
    places = (models, phantom_data, site.folder)
    before = content(*places)
    for path, shown in ((broken, ".refusal"), (upload, ".verdict")):
        choose_file(page, path)
        expect(page.locator(f"#predict-answer {shown}")).to_be_visible()
    settle(page)
    assert content(*places) == before

    kept = page.evaluate(
        """async () => JSON.stringify([
            Object.entries(localStorage), Object.entries(sessionStorage), document.cookie,
            (await indexedDB.databases()).map(one => one.name), await caches.keys(),
            window.location.href,
        ])"""
    )
    assert CANARY not in kept
    assert "data:image" not in kept
    assert page.context.cookies() == []
    assert CANARY not in site.log.read_text()
    page.reload()
    expect(page.get_by_text("No image yet")).to_be_visible()


def test_the_server_prints_nothing_about_visitors(page: Page, site: Site) -> None:
    go(page, site.url + "predict")
    page.locator(".example").first.click()
    expect(page.locator("#predict-answer .verdict")).to_be_visible()
    lines = site.log.read_text().splitlines()
    assert [line for line in lines if "dashboard: http" not in line] == []


def test_the_largest_shipped_model_answers(
    page: Page, shipped_site: Site, largest_model: str, saved: Path
) -> None:
    go(page, f"{shipped_site.url}predict?run={largest_model}")
    choose_file(page, saved / "good.png")
    answer = page.locator("#predict-answer")
    expect(answer.locator(".facts")).to_contain_text(largest_model)
    assert sum(percentages(answer)) == pytest.approx(100, abs=0.31)


def test_who_answers_is_said_of_the_run_that_is_chosen(page: Page, shipped_site: Site) -> None:
    go(page, shipped_site.url + "predict?run=champion-official")
    told = page.locator(".before")
    expect(told).to_contain_text("champion-official names the right class for 98.9")
    page.get_by_role("combobox", name="Run").click()
    page.get_by_role("option", name="champion-grouped").click()
    expect(told).to_contain_text("champion-grouped names the right class for 94.5")
    page.locator(".example").first.click()
    expect(page.locator("#predict-answer .verdict")).to_be_visible()
    expect(told).to_have_count(0)
    page.get_by_role("combobox", name="Run").click()
    page.get_by_role("option", name="champion-official").click()
    expect(page.locator("#predict-answer .facts")).to_contain_text("champion-official")


def test_going_back_and_loading_again_answer_what_the_address_asks_about(
    page: Page, site: Site, saved: Path
) -> None:
    def away_and_back() -> None:
        page.get_by_role("link", name="Data", exact=True).click()
        expect(page.locator("h1")).to_have_text("Data")
        page.go_back()
        expect(page.locator("h1")).to_have_text("Predict")

    go(page, site.url + "predict")
    facts = page.locator("#predict-answer .facts")
    page.locator(".example").nth(3).click()
    expect(page).to_have_url(re.compile("asked=example-3"))
    expect(facts).to_contain_text("synthetic pituitary slice")
    away_and_back()
    expect(facts).to_contain_text("synthetic pituitary slice")
    page.reload()
    expect(facts).to_contain_text("synthetic pituitary slice")
    # A file is known to this page alone, and neither its name nor anything else of it stands in the address.
    choose_file(page, saved / "good.png")
    expect(facts).to_contain_text("your image")
    assert "good" not in page.url
    page.go_back()
    expect(facts).to_contain_text("synthetic pituitary slice")
    page.go_forward()
    expect(facts).to_contain_text("your image")
    away_and_back()
    expect(facts).to_contain_text("your image")
    page.reload()
    expect(page.locator("#predict-answer")).to_contain_text("are not kept; drop them again")


def test_the_shape_of_an_answer_is_there_while_it_is_awaited(page: Page, site: Site) -> None:
    go(page, site.url + "predict")
    settle(page)
    held: list[Route] = []
    page.route("**/predict/answer?*", lambda route: held.append(route))  # noqa: PLW0108
    before = page.locator("#predict-answer").bounding_box()
    page.locator(".example").first.click()
    expect(page.locator("#predict-answer .skeleton")).not_to_have_count(0)
    expect(page.get_by_role("status").first).to_have_text("Reading …")
    during = page.locator("#predict-answer").bounding_box()
    assert before is not None
    assert during is not None
    assert during["height"] >= before["height"]  # so that nothing below it jumps up
    until(page, "getComputedStyle(document.querySelector('.awaited .skeleton')).opacity === '1'")
    held[0].continue_()
    expect(page.locator("#predict-answer .bars")).to_be_visible()
    expect(page.locator("#predict-answer .skeleton")).to_have_count(0)
