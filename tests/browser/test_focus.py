"""Who chooses with the keyboard goes on from where they are, though the part is drawn anew."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.browser.driving import settle
from tests.browser.test_evaluate import MISSED
from tests.browser.test_evaluate_chosen import HASTY, opened
from tests.dashboard.serving import Site


def enter(page: Page, on: Locator, chips: int) -> None:
    """Press Enter on it, and wait until the page is about what was chosen."""
    on.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".chip")).to_have_count(chips)
    settle(page)


def test_a_cell_keeps_the_focus_and_a_chip_hands_it_on(page: Page, site: Site) -> None:
    opened(page, site.url + HASTY)
    cell = page.get_by_role("button", name=MISSED)
    cell.scroll_into_view_if_needed()
    enter(page, cell, 2)
    expect(cell).to_be_focused()
    chips = page.locator(".chip")
    enter(page, chips.first, 1)
    expect(chips.first).to_be_focused()
    enter(page, chips.first, 0)
    expect(page.get_by_role("region", name="Chosen images")).to_be_focused()


def test_a_slice_keeps_the_focus_and_so_does_its_row(page: Page, site: Site) -> None:
    opened(page, site.url + HASTY)
    row = page.locator("#weak-table tbody tr").first
    row.scroll_into_view_if_needed()
    value = row.locator(".slice")
    expect(value).to_be_visible()
    enter(page, value, 1)
    expect(value).to_be_focused()
    enter(page, value, 0)
    enter(page, row.locator("td .link-button:enabled"), 2)
    expect(value).to_be_focused()  # The button itself is a plain figure now.


def test_who_has_left_is_not_taken_back(page: Page, site: Site) -> None:
    opened(page, site.url + HASTY)
    cell = page.get_by_role("button", name=MISSED)
    cell.focus()
    page.locator("h1").click()
    cell.evaluate("one => one.click()")
    expect(page.locator(".chip")).to_have_count(2)
    settle(page)
    expect(page.locator("#content")).to_be_focused()
