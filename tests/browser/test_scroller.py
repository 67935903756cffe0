"""Lists of pictures that scroll: all can be reached, few are on the page, keys and address lead there."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Tab
from tests.browser.driving import SCREENS, go, settle
from tests.browser.test_evaluate import address_says
from tests.dashboard.serving import Site

FEW = 60
LISTS = {
    "evaluate?run=champion-official": "1,311",
    "data?part=browse": "7,023",
}
"""On the shipped results: how many images each has."""


def tiles(page: Page) -> Locator:
    return page.locator(".scroller .tile")


def said(page: Page) -> Locator:
    """Which images are in sight."""
    return page.locator(".scroller-at")


def opened(page: Page, address: str) -> None:
    go(page, address)
    expect(said(page)).to_have_text(re.compile("Image"))
    page.locator(".scroller").evaluate(
        "box => box.scrollIntoView({block: 'end', behavior: 'instant'})"
    )
    settle(page)


def scroll_to(page: Page, share: float) -> None:
    """Drag the bar to a share of its length."""
    page.evaluate(
        "share => { const box = document.querySelector('.scroller');"
        " box.scrollTop = share * box.scrollHeight; }",
        share,
    )


def focused(page: Page) -> Locator:
    return page.locator(".scroller button:focus")


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("address", LISTS)
def test_the_last_image_is_reached_while_few_are_on_the_page(
    tab: Tab, shipped_site_with_pictures: Site, address: str, screen: str
) -> None:
    page = tab(screen)
    page.route("**/image/**", lambda route: route.fulfill(body="", content_type="image/png"))
    count = LISTS[address]
    opened(page, shipped_site_with_pictures.url + address)
    length = page.evaluate("document.querySelector('.scroller').scrollHeight")
    for share in (0.1, 0.3, 0.31, 0.7, 0.2, 1):
        scroll_to(page, share)
        expect(page.locator(".scroller .waiting")).to_have_count(0)
        assert tiles(page).count() <= FEW
    expect(said(page)).to_have_text(re.compile(f"{count} of {count}$"))
    last = page.locator(f".scroller button[aria-label$=', image {count} of {count}']")
    expect(last).to_be_in_viewport()
    # The bar stood for all of them from the start.
    assert page.evaluate("document.querySelector('.scroller').scrollHeight") == length
    heights = page.locator(".scroller .tile:visible").evaluate_all(
        "all => all.map(one => one.offsetHeight)"
    )
    assert len(set(heights)) == 1


def test_only_pictures_near_what_is_in_sight_are_fetched(
    page: Page, shipped_site_with_pictures: Site
) -> None:
    asked: set[str] = set()

    def answer(route: object) -> None:
        asked.add(route.request.url)  # type: ignore[attr-defined]
        route.fulfill(body="", content_type="image/png")  # type: ignore[attr-defined]

    page.route("**/image/**", answer)
    opened(page, shipped_site_with_pictures.url + "evaluate?run=champion-official")
    scroll_to(page, 1)
    expect(page.locator(".scroller .waiting")).to_have_count(0)
    settle(page)
    assert len(asked) <= FEW


def test_arrow_keys_lead_from_image_to_image_and_one_tab_leads_out(page: Page, site: Site) -> None:
    opened(page, site.url + "evaluate?run=hasty")
    assert page.locator(".scroller button[tabindex='0']").count() == 1
    page.locator(".scroller button[tabindex='0']").focus()
    expect(focused(page)).to_have_attribute("aria-label", re.compile("image 1 of 20$"))
    columns = (
        page.evaluate(
            "getComputedStyle(document.querySelector('.scroller-list')).gridTemplateColumns"
        ).count(" ")
        + 1
    )
    for key, number in (
        ("ArrowRight", 2),
        ("ArrowDown", 2 + columns),
        ("ArrowLeft", 1 + columns),
        ("ArrowUp", 1),
        ("PageDown", 1 + columns),
        ("End", 20),
        ("Home", 1),
        ("End", 20),
    ):
        page.keyboard.press(key)
        expect(focused(page)).to_have_attribute("aria-label", re.compile(f"image {number} of 20$"))
        expect(focused(page)).to_be_in_viewport()
    page.keyboard.press("Tab")
    assert page.locator(".scroller :focus").count() == 0
    page.keyboard.press("Shift+Tab")
    expect(focused(page)).to_have_attribute("aria-label", re.compile("image 20 of 20$"))


def test_the_focus_stays_with_a_list_that_is_scrolled_away_from_it(
    page: Page, shipped_site: Site
) -> None:
    opened(page, shipped_site.url + "evaluate?run=champion-official")
    page.locator(".scroller button[tabindex='0']").focus()
    scroll_to(page, 0.5)
    expect(page.locator(".scroller:focus")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(focused(page)).to_have_attribute("aria-label", re.compile("image 2 of 1,311$"))


@pytest.mark.parametrize("address", LISTS)
def test_the_address_keeps_the_place(
    page: Page, tab: Tab, shipped_site: Site, address: str
) -> None:
    opened(page, shipped_site.url + address)
    scroll_to(page, 0.5)
    page.wait_for_url("**first=**")
    expect(page.locator(".scroller .waiting")).to_have_count(0)
    place = said(page).inner_text().split(" to ")[0]
    settle(page)
    other = tab()
    opened(other, page.url)
    expect(said(other)).to_contain_text(place)
    # On a phone the same image is the first.
    phone = tab("phone")
    opened(phone, page.url)
    number = re.findall(r"first=(\d+)", page.url)[0]
    expect(phone.locator(f".scroller [aria-posinset='{number}'] button")).to_be_visible()
    steps = page.evaluate("history.length")
    scroll_to(page, 0.9)
    page.wait_for_url(lambda url: f"first={number}" not in url)
    assert page.evaluate("history.length") == steps
    there = said(page).inner_text().split(" to ")[0]
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Overview").click()
    expect(page.locator("h1")).to_have_text("Overview")
    page.go_back()
    expect(said(page)).to_contain_text(there)


def test_the_panel_goes_on_beyond_what_the_page_has(page: Page, shipped_site: Site) -> None:
    opened(page, shipped_site.url + "evaluate?run=champion-official")
    page.locator(".scroller button[tabindex='0']").focus()
    page.keyboard.press("Enter")
    panel = page.get_by_role("dialog")
    expect(panel).to_contain_text("image 1 of 1,311")
    for number in range(2, 31):
        page.keyboard.press("ArrowRight")
        expect(panel).to_contain_text(f"image {number} of 1,311")
    path = panel.get_by_role("heading").first.inner_text()
    address_says(page, image=path)
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(focused(page)).to_have_attribute("aria-label", f"Open {path}, image 30 of 1,311")


def test_a_list_longer_than_a_page_can_be_is_scrolled_to_its_end(
    page: Page, shipped_site: Site
) -> None:
    """Ten million images: their tiles are made up here."""
    n = 10_000_000
    told: list[int] = []

    def answer(route: object) -> None:
        request = route.request  # type: ignore[attr-defined]
        start, most = (
            int(re.findall(rf"{key}=(\d+)", request.url)[0]) for key in ("start", "most")
        )
        told.append(most)
        tiles = [
            {
                "type": "Div",
                "namespace": "dash_html_components",
                "props": {
                    "className": "tile path-line",
                    "role": "listitem",
                    "aria-posinset": str(i + 1),
                    "aria-setsize": str(n),
                    "children": {
                        "type": "Button",
                        "namespace": "dash_html_components",
                        "props": {
                            "children": f"image {i + 1}",
                            "id": {"image": f"image {i + 1}", "place": f"gallery-{i}"},
                        },
                    },
                },
            }
            for i in range(start, min(n, start + most))
        ]
        route.fulfill(json=tiles)  # type: ignore[attr-defined]

    page.route("**/pieces/**", answer)
    opened(page, shipped_site.url + "evaluate?run=champion-official")
    page.evaluate(f"document.querySelector('.scroller').dataset.count = '{n}'")
    page.locator(".scroller button[tabindex='0']").focus()
    page.keyboard.press("End")
    expect(focused(page)).to_have_text(f"image {n}")
    expect(said(page)).to_have_text(re.compile("to 10,000,000 of 10,000,000$"))
    scroll_to(page, 0.5)
    expect(said(page)).to_have_text(re.compile(r"^Images [45],\d{3},\d{3} to"))
    expect(page.locator(".scroller .waiting")).to_have_count(0)
    before = said(page).inner_text()
    page.locator(".scroller").hover()
    page.mouse.wheel(0, 400)
    expect(said(page)).not_to_have_text(before)
    number = [int(text.split()[1].replace(",", "")) for text in (before, said(page).inner_text())]
    assert 0 < number[1] - number[0] < 100
    assert tiles(page).count() <= 120
    assert max(told) <= 60
