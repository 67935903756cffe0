"""Two runs beside each other, chosen and read in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Tab
from tests.browser.driving import SCREENS, go, settle
from tests.dashboard.serving import Site


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option).click()


def test_both_runs_say_how_much_of_the_test_they_have_seen(page: Page, site: Site) -> None:
    go(page, site.url + "compare")
    expect(page.locator(".caution")).to_contain_text(
        "careful has seen a near-copy of 4 of these 20"
    )
    expect(page.locator(".caution")).to_contain_text("hasty has seen a near-copy of 4 of these 20")


def test_another_run_changes_the_comparison_and_the_address(page: Page, site: Site) -> None:
    go(page, site.url + "compare?run=careful&other=hasty")
    settle(page)
    choose(page, "Beside", "careful")
    expect(page.get_by_text("This is one run twice")).to_be_visible()
    expect(page).to_have_url(f"{site.url}compare?run=careful&other=careful&split=test&now=found")
    choose(page, "Run", "hasty")
    expect(
        page.get_by_text("Beside careful, judged on the 20 labelled test images")
    ).to_be_visible()


def test_the_images_that_changed_are_those_that_were_asked_for(page: Page, site: Site) -> None:
    go(page, site.url + "compare?run=hasty&other=careful")
    settle(page)
    page.get_by_role(
        "button", name="5 images that hasty names wrong and careful named right"
    ).click()
    expect(page.locator(".tile img:visible")).to_have_count(5)
    expect(page).to_have_url(f"{site.url}compare?run=hasty&other=careful&split=test&now=wrong")
    page.go_back()
    expect(page.locator(".tile img:visible")).to_have_count(2)
    page.get_by_text("Validation", exact=True).click()
    expect(page.get_by_text("12 labelled validation images")).to_be_visible()


def test_a_cell_of_the_difference_matrix_shows_its_images_and_is_in_the_address(
    page: Page, site: Site
) -> None:
    go(page, site.url + "compare?run=hasty&other=careful&split=test&now=wrong")
    settle(page)
    cell = page.get_by_role("button", name="glioma called notumor: 2 more of 5")
    cell.click()
    chip = page.get_by_role("button", name="Remove truth: glioma, answer: notumor of one run alone")
    expect(chip).to_be_visible()
    expect(cell).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".tile img:visible")).to_have_count(2)
    address = f"{site.url}compare?run=hasty&other=careful&split=test&now=wrong"
    expect(page).to_have_url(f"{address}&cell=glioma%7Enotumor")
    chip.click()
    expect(page).to_have_url(address)
    expect(page.locator(".tile img:visible")).to_have_count(5)
    expect(cell).to_have_attribute("aria-pressed", "false")
    page.go_back()
    expect(chip).to_be_visible()
    expect(page.locator(".matrix .chosen")).to_have_count(1)


@pytest.mark.parametrize("screen", SCREENS)
def test_without_the_images_the_changed_ones_are_a_list_of_paths(
    tab: Tab, site_without_images: Site, screen: str
) -> None:
    page = tab(screen)
    go(page, site_without_images.url + "compare?run=hasty&other=careful&now=wrong")
    lines = page.locator(".path-line")
    expect(lines).to_have_count(5)
    box = lines.first.bounding_box()
    assert box is not None
    assert box["height"] < 120
