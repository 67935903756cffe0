"""The Evaluate and Overview pages in use: pickers, addresses, matrix cells, keyboard."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opened, Tab
from tests.browser.driving import go, settle, unfold
from tests.dashboard.serving import Site

MISSED = re.compile("images of glioma called notumor", re.IGNORECASE)


def pick_run(page: Page, name: str) -> None:
    page.get_by_label("Run", exact=True).first.click()
    page.get_by_role("option", name=name).click()


def pick(page: Page, label: str) -> None:
    page.locator(".controls").get_by_text(label, exact=True).click()


def matrix(page: Page) -> list[str]:
    return [
        text.split()[0] + (" %" if text.split()[1:2] == ["%"] else "")
        for text in page.locator(".matrix-cell").all_inner_texts()
    ]


def address_says(page: Page, **state: str) -> None:
    """Wait until the query of the address holds this; it follows a moment after the page."""
    page.wait_for_url(lambda url: state.items() <= dict(parse_qsl(urlsplit(url).query)).items())


def first_cell(page: Page, text: str) -> None:
    expect(page.locator(".matrix-cell").first).to_contain_text(text)


def test_the_address_follows_the_choices_and_opens_the_same_view(
    page: Page, tab: Tab, site: Site
) -> None:
    go(page, site.url + "evaluate")
    settle(page)
    pick_run(page, "hasty")
    first_cell(page, "2")
    pick(page, "Validation")
    first_cell(page, "2")
    expect(page.locator(".matrix .total").first).to_have_text("3")
    pick(page, "Row share")
    first_cell(page, "66.7 %")
    page.get_by_role("button", name="images of meningioma called notumor").click()
    expect(page.locator(".gallery .tile")).to_have_count(2)
    address_says(page, run="hasty", split="val", show="share", cell="meningioma~notumor")

    other = tab()
    go(other, page.url)
    expect(other.get_by_label("Run", exact=True).first).to_have_value("hasty")
    assert matrix(other) == matrix(page)
    assert other.locator(".tile .path").all_inner_texts() == (
        page.locator(".tile .path").all_inner_texts()
    )
    assert other.locator("h2").all_inner_texts() == page.locator("h2").all_inner_texts()


def test_back_and_forward_restore_each_state(page: Page, site: Site) -> None:
    go(page, site.url + "evaluate")
    address_says(page, run="careful", split="test", show="counts")
    pick_run(page, "hasty")
    address_says(page, run="hasty", split="test", show="counts")
    pick(page, "Row share")
    address_says(page, run="hasty", split="test", show="share")
    first_cell(page, "40.0 %")
    page.go_back()
    first_cell(page, "2")
    expect(page.get_by_label("Run", exact=True).first).to_have_value("hasty")
    page.go_back()
    first_cell(page, "4")
    expect(page.get_by_label("Run", exact=True).first).to_have_value("careful")
    page.go_forward()
    first_cell(page, "2")


def test_going_back_twice_on_a_slow_line_loses_no_way_forward(opened: Opened, site: Site) -> None:
    page = opened().new_page()
    go(page, site.url + "evaluate")
    address_says(page, run="careful", split="test", show="counts")
    settle(page)
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    slow = {"offline": False, "latency": 900, "downloadThroughput": -1, "uploadThroughput": -1}
    session.send("Network.emulateNetworkConditions", slow)
    pick_run(page, "hasty")
    address_says(page, run="hasty", split="test", show="counts")
    pick(page, "Row share")
    address_says(page, run="hasty", split="test", show="share")
    # Answers about "hasty" are still on their way when its page is left.
    page.go_back()
    page.go_back()
    settle(page)
    address_says(page, run="careful", split="test", show="counts")
    first_cell(page, "4")
    page.go_forward()
    settle(page)
    address_says(page, run="hasty", split="test", show="counts")
    first_cell(page, "2")


def test_back_restores_the_state_of_a_link_that_was_followed(page: Page, site: Site) -> None:
    go(page, site.url + "evaluate?run=hasty&split=test&show=counts")
    first_cell(page, "2")
    pick(page, "Row share")
    address_says(page, run="hasty", split="test", show="share")
    first_cell(page, "40.0 %")
    page.go_back()
    first_cell(page, "2")


def test_back_takes_the_last_choice_away(page: Page, site: Site) -> None:
    go(page, site.url + "evaluate?run=hasty")
    address_says(page, run="hasty", split="test", show="counts")
    page.get_by_role("button", name=MISSED).click()
    address_says(page, run="hasty", split="test", show="counts", cell="glioma~notumor")
    expect(page.locator(".tile")).to_have_count(3)
    page.go_back()
    expect(page.locator(".tile")).to_have_count(12)
    expect(page.locator(".chip")).to_have_count(0)


@pytest.mark.parametrize("query", ["", "run=hasty", "run=nobody", "split=val", "show=pie"])
def test_back_leaves_a_page_that_was_only_looked_at(page: Page, site: Site, query: str) -> None:
    go(page, site.url + "predict")
    go(page, f"{site.url}evaluate?{query}")
    expect(page).to_have_url(re.compile("show=counts"))
    page.go_back()
    expect(page.locator("h1")).to_have_text("Predict")


def test_back_from_another_page_restores_what_was_chosen(page: Page, site: Site) -> None:
    go(page, site.url + "evaluate")
    pick_run(page, "hasty")
    address_says(page, run="hasty", split="test", show="counts")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Data").click()
    expect(page.locator("h1")).to_have_text("Data")
    page.go_back()
    expect(page.locator("h1")).to_have_text("Evaluate")
    first_cell(page, "2")


def test_an_unknown_run_in_the_address_falls_back_with_a_message(page: Page, site: Site) -> None:
    go(page, site.url + "evaluate?run=nobody")
    expect(page.get_by_text("There is no run “nobody”")).to_be_visible()
    first_cell(page, "4")


def test_a_matrix_cell_lists_its_images_with_pictures_and_probabilities(
    page: Page, site: Site
) -> None:
    go(page, site.url + "evaluate?run=hasty")
    page.get_by_role("button", name=MISSED).click()
    expect(page.get_by_role("heading", name="3 images of glioma called notumor")).to_be_visible()
    tiles = page.locator(".tile")
    expect(tiles).to_have_count(3)
    expect(tiles.first.locator(".path")).to_have_text("Testing/glioma/glioma-0002.png")
    expect(tiles.first.locator(".bars li").first).to_have_text(re.compile(r"notumor.*74\.0\s%"))
    settle(page)
    widths = tiles.locator("img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert len(widths) == 3
    assert all(width > 0 for width in widths)


def test_an_empty_cell_cannot_be_chosen(page: Page, site: Site) -> None:
    go(page, site.url + "evaluate?run=hasty")
    cell = page.get_by_role("button", name="Images of glioma called meningioma")
    expect(cell).to_be_disabled()


def test_without_the_images_a_tile_says_how_to_get_them(
    page: Page, site_without_images: Site
) -> None:
    go(page, site_without_images.url + "evaluate?run=hasty&cell=glioma~notumor")
    expect(page.get_by_text("Start the dashboard with --data FOLDER")).to_be_visible()
    expect(page.locator(".tile")).to_have_count(3)
    expect(page.locator(".tile").first).to_contain_text("Testing/glioma")
    expect(page.locator(".tile img")).to_have_count(0)


FOCUS = """() => {
    const it = document.activeElement;
    const seen = getComputedStyle(it);
    return {
        kind: it.classList.contains("skip") ? "skip" : it.closest(".nav") ? "nav"
            : it.classList.contains("matrix-cell") ? "cell" : it.closest(".controls") ? "picker"
            : it.tagName.toLowerCase(),
        text: it.getAttribute("aria-label") || it.innerText || it.value || "",
    };
}"""


def tab_through(page: Page, most: int = 120) -> list[dict[str, str]]:
    """What Tab reaches, in order, from the top of the page."""
    reached = []
    for _ in range(most):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUS))
        if reached[-1]["kind"] == "body":
            break
    return reached


def test_the_keyboard_reaches_navigation_pickers_and_cells_in_that_order(
    page: Page, site: Site
) -> None:
    go(page, site.url + "evaluate?run=hasty")
    settle(page)
    reached = tab_through(page)
    kinds = [entry["kind"] for entry in reached]
    assert kinds[0] == "skip"
    assert kinds.count("nav") == 7
    # Three above the matrix, the order, three of a probability, two of the weak spots, three of sureness.
    assert kinds.count("picker") == 12
    assert kinds.count("cell") == 7  # those that hold an image
    assert kinds.index("nav") < kinds.index("picker") < kinds.index("cell")
    assert any("Switch between light and dark" in entry["text"] for entry in reached)


def test_enter_on_a_cell_opens_its_images(page: Page, site: Site) -> None:
    go(page, site.url + "evaluate?run=hasty")
    settle(page)
    for _ in range(60):
        page.keyboard.press("Tab")
        if MISSED.search(page.evaluate(FOCUS)["text"]):
            break
    page.keyboard.press("Enter")
    expect(page.locator(".tile")).to_have_count(3)


def test_the_pickers_work_with_arrow_keys(page: Page, site: Site) -> None:
    go(page, site.url + "evaluate?run=hasty&split=test&show=counts")
    page.get_by_role("radio", name="Counts").focus()
    page.keyboard.press("ArrowRight")
    first_cell(page, "40.0 %")
    page.get_by_label("Run", exact=True).first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    first_cell(page, "80.0 %")


def test_the_first_key_leads_past_the_navigation(page: Page, site: Site) -> None:
    go(page, site.url + "evaluate")
    settle(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUS)["kind"] == "picker"
    expect(page.locator("h1")).to_have_text("Evaluate")


def test_what_has_the_focus_is_outlined(page: Page, site: Site) -> None:
    go(page, site.url + "evaluate?run=hasty")
    settle(page)
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUS)["kind"] == "cell":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outline")
    assert "solid" in outline
    assert "0px" not in outline


def test_the_mistakes_of_a_slice_are_one_click_away(page: Page, tab: Tab, site: Site) -> None:
    go(page, site.url + "evaluate?run=hasty")
    page.locator("#weak-table").get_by_role("button", name="wrong answers").first.click()
    expect(page.locator(".gallery .tile")).to_have_count(5)
    address_says(page, by="seen", rank="accuracy", slice="seen~unseen", cell="wrong")
    other = tab()
    go(other, page.url)
    expect(other.locator(".gallery .tile")).to_have_count(5)


def test_slices_follow_property_metric_and_run(page: Page, site: Site) -> None:
    go(page, site.url + "evaluate?run=hasty")
    head = page.locator("#weak-table thead th")
    expect(head.nth(0)).to_have_text("Seen in training or not")
    page.get_by_label("By", exact=True).first.click()
    page.get_by_role("option", name="brightness").click()
    expect(head.nth(0)).to_have_text("Brightness")
    page.get_by_label("Figure", exact=True).first.click()
    page.get_by_role("option", name="tumours found").click()
    expect(head.nth(1)).to_have_text("Tumours found")
    address_says(page, by="mean_intensity", rank="tumours found")


@pytest.mark.parametrize("key", ["find", "worth"])
def test_a_slider_shows_what_each_position_would_do(
    page: Page, shipped_site: Site, largest_model: str, key: str
) -> None:
    go(page, f"{shipped_site.url}evaluate?run={largest_model}")
    told = page.locator(f"#told-{key}")
    expect(told).to_contain_text("Missed tumours")
    expect(told).to_have_css("position", "static")  # Only what a click on Review came to is held.
    before = told.inner_text()
    thumb = page.locator(".slider").nth(0 if key == "find" else 1).get_by_role("slider")
    thumb.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    settle(page)  # Each step is told on its way.
    expect(told).not_to_have_text(before)
    assert thumb.get_attribute("aria-label")
    # What a screen reader says is the value, not the number of the position.
    chosen = told.locator("p").first.inner_text().removeprefix("Chosen: ")
    expect(thumb).to_have_attribute("aria-valuetext", re.compile(f"^{re.escape(chosen)}"))
    # So does the address: four steps to the left of 99 %, and of 100 false alarms.
    means = {"find": "0.95", "worth": "20"}[key]
    page.wait_for_url(lambda url: dict(parse_qsl(urlsplit(url).query)).get(key) == means)
    page.reload()
    expect(told).to_contain_text({"find": "95 %", "worth": "20"}[key])


# Data


def test_another_colour_scale_changes_the_pictures_and_the_address(
    page: Page, tab: Tab, site: Site
) -> None:
    go(page, site.url + "data")
    settle(page)
    pictures = page.locator(".average img")
    before = pictures.evaluate_all("all => all.map(one => one.src)")
    page.locator(".controls").get_by_text("Magma", exact=True).click()
    expect(pictures.first).not_to_have_attribute("src", before[0])
    after = pictures.evaluate_all("all => all.map(one => one.src)")
    assert len(after) == len(before) == 7
    assert not set(after[:4]) & set(before[:4])
    assert after[4:] == before[4:]  # A difference has a scale of its own.
    assert all(w > 0 for w in pictures.evaluate_all("all => all.map(one => one.naturalWidth)"))
    address_says(page, scale="magma", split="train")

    other = tab()
    go(other, page.url)
    settle(other)
    assert other.locator(".average img").evaluate_all("all => all.map(one => one.src)") == after


def test_the_test_images_have_averages_of_their_own(page: Page, site: Site) -> None:
    go(page, site.url + "data")
    page.locator(".controls").get_by_text("Test", exact=True).click()
    expect(page.locator(".average small").first).to_have_text("average of 5 images")
    address_says(page, scale="viridis", split="test")


# Overview


def test_a_click_on_a_column_sorts_the_runs_and_keeps_the_focus(page: Page, site: Site) -> None:
    go(page, site.url)
    unfold(page, "Every run")
    first = page.locator("#leaderboard tbody th").first
    expect(first).to_have_text("careful")
    head = page.locator("#leaderboard").get_by_role("button", name="Accuracy")
    head.click()
    expect(first).to_have_text("hasty")
    expect(head).to_be_focused()
    page.keyboard.press("Enter")
    expect(first).to_have_text("careful")


def test_the_order_of_the_runs_is_in_the_address(page: Page, site: Site) -> None:
    go(page, site.url)
    unfold(page, "Every run")
    first = page.locator("#leaderboard tbody th").first
    page.locator("#leaderboard").get_by_role("button", name="Accuracy").click()
    address_says(page, sort="accuracy")
    expect(first).to_have_text("hasty")
    page.reload()
    expect(first).to_have_text("hasty")
    page.go_back()
    expect(first).to_have_text("careful")
    assert "sort" not in page.url


def test_two_quick_clicks_on_a_column_turn_its_order_round(page: Page, site: Site) -> None:
    go(page, site.url)
    unfold(page, "Every run")
    page.locator("#leaderboard").get_by_role("button", name="Missed tumours").dblclick()
    expect(page.locator('#leaderboard [data-label="Missed tumours"]').first).to_contain_text(
        "3 of 15"
    )
    address_says(page, sort="-missed")


def test_missed_tumours_are_sorted_as_numbers_and_shown_as_counts(page: Page, site: Site) -> None:
    go(page, site.url)
    unfold(page, "Every run")
    head = page.locator("#leaderboard").get_by_role("button", name="Missed tumours")
    missed = page.locator('#leaderboard [data-label="Missed tumours"]').first
    head.click()
    expect(missed).to_contain_text("1 of 15")
    head.click()
    expect(missed).to_contain_text("3 of 15")
