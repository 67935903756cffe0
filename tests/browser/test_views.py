"""Every page opens on every screen, in light and dark, without a complaint."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Opened, Tab
from tests.browser.driving import SCREENS, Watch, go, new_context, settle
from tests.dashboard.serving import Site

VIEWS = {
    "": "Overview",
    "data": "Data",
    "evaluate": "Evaluate",
    "evaluate?run=hasty&cell=glioma~notumor": "Evaluate",
    "compare": "Compare",
    "compare?run=hasty&other=careful&now=wrong": "Compare",
    "predict": "Predict",
}


def scrolls_sideways(page: Page) -> bool:
    """Whether the page as a whole can be moved sideways."""
    page.evaluate("window.scrollTo(500, 0)")
    moved = page.evaluate("window.scrollX")
    page.evaluate("window.scrollTo(0, 0)")
    return bool(moved)


def lightness(page: Page) -> float:
    """Brightness of the page's ground, 0-255."""
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    channels = [float(c) for c in ground[ground.index("(") + 1 : -1].split(",")[:3]]
    return sum(channels) / 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("address", VIEWS)
def test_a_page_opens_and_says_that_it_does_not_diagnose(
    tab: Tab, site: Site, address: str, screen: str, scheme: str
) -> None:
    page = tab(screen, dark=scheme == "dark")
    go(page, site.url + address)
    settle(page)
    expect(page.locator("h1")).to_have_text(VIEWS[address])
    expect(page).to_have_title(f"{VIEWS[address]} · Brain MRI")
    expect(page.get_by_text("does not diagnose").first).to_be_visible()
    assert not scrolls_sideways(page)
    assert (lightness(page) > 128) == (scheme == "light")


@pytest.mark.parametrize("screen", SCREENS)
def test_an_answer_of_the_predictor_fits_the_screen(tab: Tab, site: Site, screen: str) -> None:
    page = tab(screen)
    go(page, site.url + "predict")
    page.locator(".example").first.click()
    expect(page.locator(".verdict")).to_be_visible()
    assert not scrolls_sideways(page)


@pytest.mark.parametrize(
    ("address", "screen"),
    [("nowhere", "desktop"), ("nowhere", "phone"), ("evaluate/deeper", "desktop"),
     ("index.html", "desktop")],
)  # fmt: skip
def test_an_unknown_address_shows_the_not_found_page(
    opened: Opened, site: Site, address: str, screen: str
) -> None:
    page = opened("status of 404", screen=SCREENS[screen]).new_page()
    answer = page.goto(site.url + address)
    assert answer is not None
    assert answer.status == 404
    expect(page.locator("h1")).to_have_text("Not found")
    assert not scrolls_sideways(page)
    page.get_by_role("link", name="To the overview").click()
    expect(page.locator("h1")).to_have_text("Overview")


def test_the_pages_lead_to_each_other(page: Page, site: Site) -> None:
    go(page, site.url)
    navigation = page.get_by_role("navigation", name="Pages")
    for title in ("Data", "Evaluate", "Compare", "Predict", "Review", "Add", "Overview"):
        navigation.get_by_role("link", name=title).click()
        expect(page.locator("h1")).to_have_text("Add a run" if title == "Add" else title)
        expect(page.locator(".nav-link[data-active]")).to_have_text(title)


def test_figures_are_drawn(page: Page, site: Site) -> None:
    for address, count in (("", 1), ("data", 6), ("evaluate?run=careful", 5)):
        go(page, site.url + address)
        drawn = page.locator(".js-plotly-plot .main-svg:first-child")
        expect(drawn).to_have_count(count)
        for i in range(count):
            assert drawn.nth(i).bounding_box()


def test_the_average_images_and_colour_bars_really_load(page: Page, site: Site) -> None:
    go(page, site.url + "data")
    settle(page)
    pictures = page.locator("#average-images img")
    assert pictures.count() == 9
    assert all(w > 0 for w in pictures.evaluate_all("all => all.map(one => one.naturalWidth)"))


def test_light_and_dark_are_switched_by_hand_and_kept(opened: Opened, site: Site) -> None:
    page = opened().new_page()
    go(page, site.url)
    assert lightness(page) > 128
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    assert lightness(page) < 128
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Evaluate").click()
    expect(page.locator("h1")).to_have_text("Evaluate")
    assert lightness(page) < 128
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    assert lightness(page) < 128


@pytest.mark.parametrize(
    ("address", "command"),
    [("", "brainmri train"), ("data", "brainmri index DATA"), ("evaluate", "brainmri train"),
     ("predict", "brainmri train")],
)  # fmt: skip
def test_without_results_a_page_says_what_to_run(
    page: Page, empty_site: Site, address: str, command: str
) -> None:
    go(page, empty_site.url + address)
    settle(page)
    expect(page.locator(".command", has_text=command).first).to_be_visible()
    expect(page.get_by_text("does not diagnose").first).to_be_visible()


def test_a_complaint_in_the_console_would_be_noticed(browser: Browser, site: Site) -> None:
    context, watch = new_context(browser), Watch()
    watch.attach(context)
    page = context.new_page()
    go(page, site.url)
    assert watch.faults == []
    page.evaluate("console.warn('a warning')")
    page.evaluate("setTimeout(() => { throw new Error('an error') }, 0)")
    page.evaluate("fetch('http://203.0.113.1/').catch(() => null)")  # the policy stops it
    page.wait_for_timeout(200)
    context.close()
    told = " ".join(watch.faults)
    for fault in ("a warning", "an error", "Content Security Policy"):
        assert fault in told
