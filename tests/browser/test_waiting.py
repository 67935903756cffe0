"""What is about to be replaced is covered until it is there: nothing stands under another name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Opened, Tab
from tests.browser.driving import SCREENS, go, settle, until
from tests.browser.test_evaluate import MISSED, first_cell, pick, pick_run
from tests.browser.test_evaluate_chosen import HASTY, chosen
from tests.browser.test_evaluate_chosen import opened as at_rest
from tests.dashboard.serving import Site

COVERED = """(place) => {
    const shown = [...document.querySelectorAll(place)].filter((one) => one.getClientRects().length);
    return shown.length > 0 && shown.every((one) => {
        const { content, visibility, opacity } = getComputedStyle(one, "::after");
        return content !== "none" && visibility === "visible" && opacity === "1";
    });
}"""
"""Whether all that the place names is covered from edge to edge."""
PARTS = [
    "#evaluate-chosen", "#gallery-head", "#gallery-tiles", "#evaluate-classes", "#curves-content",
    "#weak-head", "#weak-table", "#trust-content",
]  # fmt: skip
"""What is about the chosen images."""
OF_A_RUN = ["#evaluate-truths", "#evaluate-content", "#evaluate-below", *PARTS]


@contextmanager
def slow(page: Page, late: str = "") -> Iterator[list[Route]]:
    """A server that answers nothing until the end of the block, and then everything; yields what it holds.

    `late` is a pattern of what is asked so; whatever else is asked is answered.
    """
    held: list[Route] = []
    holding = True

    def hold(route: Route) -> None:
        if holding and re.search(late, route.request.post_data or "", re.DOTALL):
            held.append(route)
        else:
            route.continue_()

    page.route(re.compile("_dash-update"), hold)
    yield held
    holding = False
    for route in held:
        route.continue_()


def covered(page: Page, *places: str) -> None:
    for place in places:
        until(page, COVERED, place)


def uncovered(page: Page) -> None:
    settle(page)
    expect(page.locator("[data-waits], [data-dash-is-loading]")).to_have_count(0)


@pytest.mark.parametrize("screen", ["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True])
def test_the_figures_of_a_run_are_covered_until_those_of_the_next_are_there(
    tab: Tab, site: Site, screen: str, dark: bool
) -> None:
    page = tab(screen, dark=dark)
    at_rest(page, site.url + "evaluate?run=careful&split=test&show=counts")
    with slow(page):
        pick_run(page, "hasty")
        covered(page, *OF_A_RUN, "#evaluate-truths .card", "#evaluate-content .card")
        expect(page.locator("h1")).to_be_visible()
        expect(page.get_by_label("Run", exact=True).first).to_have_value("hasty")
    first_cell(page, "2")
    uncovered(page)


def test_parts_that_are_asked_for_later_stay_covered_until_they_have_followed(
    page: Page, site: Site
) -> None:
    at_rest(page, site.url + HASTY)
    with slow(page, "curves-content|trust-content") as held:
        page.get_by_role("button", name=MISSED).click()
        chosen(page, "3 of 20")
        expect(page.locator("#weak-table")).not_to_have_attribute("data-waits", "")
        covered(page, "#curves-content", "#trust-content", "#trust-content .card")
        page.get_by_role("button", name="Remove all").click()
        expect(page.locator(".chip")).to_have_count(0)
        assert len(held) >= 2  # The first answers are about what is not chosen any more.
    uncovered(page)
    expect(page.locator("#trust-content")).to_contain_text("Of all images (n = 20).")


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("evaluate?run=careful&split=test&show=counts", "#evaluate-content"),
        ("compare?run=careful&other=hasty", "#compare-content"),
    ],
)
def test_an_answer_that_comes_when_its_page_was_left_changes_nothing_on_the_next(
    page: Page, site: Site, address: str, place: str
) -> None:
    go(page, site.url + address)
    # Spelt out, so that a choice is a step of its own.
    expect(page).to_have_url(re.compile("sort=|now="))
    settle(page)
    before, built = page.locator(place).inner_text(), page.locator("[data-built]")
    first = built.get_attribute("data-built") or ""
    with slow(page, "^(?!.*_pages_content)") as held:
        page.get_by_role("combobox", name="Run").click()
        page.get_by_role("option", name="hasty").click()
        expect(page).to_have_url(re.compile("run=hasty"))
        page.go_back()
        expect(built).not_to_have_attribute("data-built", first)
        assert held
    settle(page)
    assert page.locator(place).inner_text() == before


def test_a_change_of_images_covers_what_is_about_them_and_not_the_rest(
    page: Page, site: Site
) -> None:
    at_rest(page, site.url + HASTY)
    with slow(page):
        pick(page, "Validation")
        covered(page, "#evaluate-content", *PARTS)
    expect(page.locator(".matrix .total").first).to_have_text("3")
    uncovered(page)
    with slow(page):
        page.get_by_role("button", name="All images of glioma").click()
        covered(page, "#evaluate-words", *PARTS)
        assert not page.evaluate(COVERED, "#evaluate-content")  # Marked already, and as it was.
        assert not page.evaluate(COVERED, "#evaluate-truths")
    uncovered(page)


def test_a_page_is_covered_until_the_next_one_is_there(page: Page, site: Site) -> None:
    at_rest(page, site.url + HASTY)
    with slow(page):
        page.get_by_role("link", name="Compare", exact=True).click()
        covered(page, "#_pages_content", ".page-head", "#evaluate-truths .card")
        expect(page.locator("h1")).to_have_text("Evaluate")
    expect(page.locator("h1")).to_have_text("Compare")
    uncovered(page)


def test_nothing_moves_while_something_is_awaited(page: Page, site: Site) -> None:
    at_rest(page, site.url + HASTY)
    boxes = "() => [...document.querySelectorAll('.card, h2')].map((one) => one.getBoundingClientRect().y)"
    before = page.evaluate(boxes)
    with slow(page):
        pick(page, "Validation")
        covered(page, "#evaluate-content", "#trust-content")
        assert page.evaluate(boxes) == before


LATENCY_MS = 900
MOST_SHIFT = 0.05
_IN_SIGHT = ("#evaluate-words", "#gallery-tiles", "#weak-table", "#trust-content")
_WATCH = """() => {
    window.shift = 0;
    new PerformanceObserver((list) => {
        for (const one of list.getEntries()) if (!one.hadRecentInput) window.shift += one.value;
    }).observe({ type: "layout-shift" });
}"""


@pytest.mark.parametrize("screen", ["desktop", "phone"])
@pytest.mark.parametrize("place", _IN_SIGHT)
def test_nothing_that_is_read_moves_when_what_was_awaited_comes_late(
    opened: Opened, shipped_site_with_pictures: Site, screen: str, place: str
) -> None:
    missing = "404"  # There are no pictures behind the tiles.
    page = opened(missing, screen=SCREENS[screen]).new_page()
    cell = "evaluate?run=champion-official&split=test&show=counts&cell=pituitary~meningioma"
    at_rest(page, shipped_site_with_pictures.url + cell)
    there = "(one) => one.scrollIntoView({ block: 'center', behavior: 'instant' })"
    page.locator(place).evaluate(there)
    page.wait_for_timeout(300)
    page.evaluate(_WATCH)
    slowed = page.context.new_cdp_session(page)
    slowed.send("Network.enable")
    slowed.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": LATENCY_MS, "downloadThroughput": -1, "uploadThroughput": -1},
    )
    # (On a phone the bar of chips is not in sight there; the way back does the same.)
    page.get_by_role("button", name="Remove all").evaluate("(button) => button.click()")
    expect(page.locator(".chip")).to_have_count(0)
    uncovered(page)
    expect(page.locator("#trust-content .js-plotly-plot .main-svg").first).to_be_attached()
    page.wait_for_timeout(300)
    assert page.evaluate("window.shift") < MOST_SHIFT


def test_what_has_the_focus_keeps_it_while_its_part_is_covered(page: Page, site: Site) -> None:
    at_rest(page, site.url + HASTY)
    button = page.locator("#weak-table .slice").first
    button.focus()
    with slow(page):
        page.keyboard.press("Enter")
        covered(page, "#weak-table")
        until(
            page,
            "() => getComputedStyle(document.querySelector('#weak-table')).visibility === 'hidden'",
        )
        expect(button).to_be_focused()
    uncovered(page)
    expect(page.locator("#weak-table .slice").first).to_be_focused()


def test_who_asks_for_less_motion_gets_the_same_without_movement(
    opened: Opened, site: Site
) -> None:
    page = opened().new_page()
    page.emulate_media(reduced_motion="reduce")
    go(page, site.url + HASTY)
    settle(page)
    with slow(page):
        pick_run(page, "careful")
        covered(page, *OF_A_RUN, "#evaluate-truths .card")
        moving = page.evaluate(
            """() => [...document.querySelectorAll("*")].map((one) => getComputedStyle(one, "::after"))
                .filter(({ animationName }) => animationName.includes("breathe")).length"""
        )
        assert moving == 0
    uncovered(page)


def test_the_matrix_shows_shares_without_the_server(opened: Opened, site: Site) -> None:
    page = opened("Failed to load resource|Failed to fetch").new_page()
    go(page, site.url + HASTY)
    settle(page)
    page.context.set_offline(True)
    pick(page, "Row share")
    first_cell(page, "40.0 %")
    expect(page.locator(".matrix thead")).to_contain_text("% of row")
    pick(page, "Counts")
    first_cell(page, "2")
    expect(page.locator(".matrix thead")).not_to_contain_text("% of row", use_inner_text=True)
