"""Every page for everyone: axe-core finds no fault, nothing jumps, going back restores the state."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from brainmri import report
from tests.browser.conftest import Opened, Tab
from tests.browser.driving import SCREENS, go, settle, until
from tests.conftest import SHIPPED
from tests.dashboard.serving import Site

PAGES = [
    "",
    "data",
    "data?part=browse",
    "data?part=copies",
    "data?part=labels",
    "data?part=shortcuts",
    "data?part=drift",
    "data?part=quality",
    "evaluate",
    "compare",
    "predict",
    "review",
    "bring",
]
WITH_PANEL = ["evaluate?image=", "data?part=browse&image=", "compare?image="]
"""Links that open the panel of one image; there is no other dialogue."""
SHIPPED_IMAGE = "Testing/glioma/Te-glTr_0000.jpg"
PHANTOM_IMAGE = "Testing/glioma/glioma-0001.png"
MOST_SHIFT = 0.05

_AXE = files("axe_playwright_python").joinpath("axe.min.js")
_JUDGE = """async () => {
    const found = await axe.run(document, {resultTypes: ["violations"]});
    return found.violations.flatMap(rule => rule.nodes.map(node =>
        `${rule.id} (${rule.impact}): ${node.target.join(" ")}: ${node.html.slice(0, 160)}`));
}"""
# Shifts within half a second of a key or click are answers to it (web.dev/cls).
_SHIFTS = """
    window.shifts = [];
    new PerformanceObserver(list => {
        for (const entry of list.getEntries()) {
            if (!entry.hadRecentInput) window.shifts.push(
                [entry.value, ...entry.sources.map(one => one.node?.className || one.node?.nodeName)]);
        }
    }).observe({type: "layout-shift", buffered: true});
"""


def violations(page: Page) -> list[str]:
    """What axe-core has against the page as it stands."""
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    found: list[str] = page.evaluate(_JUDGE)
    return found


def shifts(page: Page) -> list[list[object]]:
    """Layout shifts so far that no input asked for: how far, and what moved."""
    found: list[list[object]] = page.evaluate("window.shifts")
    return found


def jumps_less_than_allowed(page: Page, address: str) -> None:
    """Open an address and add up what moved."""
    page.add_init_script(f"(() => {{{_SHIFTS}}})()")
    go(page, address)
    settle(page)
    found = shifts(page)
    assert sum(float(str(value)) for value, *_ in found) <= MOST_SHIFT, found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("address", [*PAGES, *(f"{link}{SHIPPED_IMAGE}" for link in WITH_PANEL)])
def test_nothing_jumps_while_a_page_loads_and_axe_finds_nothing(
    tab: Tab, shipped_site: Site, address: str, screen: str, scheme: str
) -> None:
    page = tab(screen, dark=scheme == "dark")
    jumps_less_than_allowed(page, shipped_site.url + address)
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("address", WITH_PANEL)
def test_nothing_jumps_while_a_panel_with_pictures_loads_and_axe_finds_nothing(
    tab: Tab, site: Site, address: str, screen: str, scheme: str
) -> None:
    page = tab(screen, dark=scheme == "dark")
    jumps_less_than_allowed(page, site.url + address + PHANTOM_IMAGE)
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("address", PAGES)
def test_nothing_jumps_while_a_page_loads_for_the_first_time(
    opened: Opened, shipped_site: Site, address: str
) -> None:
    jumps_less_than_allowed(opened().new_page(), shipped_site.url + address)


@pytest.mark.parametrize("screen", SCREENS)
def test_axe_finds_nothing_in_a_panel_that_a_click_opened(
    tab: Tab, site: Site, screen: str
) -> None:
    page = tab(screen)
    go(page, site.url + "evaluate")
    settle(page)
    page.locator(".tile-open").first.click()
    expect(page.get_by_role("dialog").locator(".verdict")).to_be_visible()
    settle(page)
    expect(page.get_by_role("dialog")).to_have_css("opacity", "1")
    assert violations(page) == []


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize(
    ("address", "picker"),
    [("evaluate", "Run"), ("evaluate", "Figure"), ("compare", "Beside"), ("predict", "Run"),
     ("data", "Classes by"), ("data?part=browse", "Only images with")],
)  # fmt: skip
def test_axe_finds_nothing_while_a_list_is_open(
    tab: Tab, shipped_site: Site, address: str, picker: str, screen: str
) -> None:
    page = tab(screen)
    go(page, shipped_site.url + address)
    settle(page)
    field = page.get_by_role("combobox", name=picker, exact=True)
    field.click()
    page.get_by_role("option").first.wait_for()
    expect(field).to_have_attribute("aria-expanded", "true")
    assert violations(page) == []
    # What the keyboard comes to is in sight, though the list is longer than what is seen of it.
    for _ in range(7):
        field.press("ArrowDown")
        come_to = page.locator("[role=option][data-combobox-selected]")
        expect(come_to).to_be_in_viewport(ratio=0.9)
    field.press("Escape")
    expect(field).to_have_attribute("aria-expanded", "false")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_axe_finds_nothing_in_the_report_of_a_run(
    opened: Opened, tmp_path: Path, screen: str, scheme: str
) -> None:
    kept = tmp_path / "report.html"
    kept.write_text(report.render(SHIPPED, "champion-official"), encoding="utf-8")
    look = {"screen": SCREENS[screen], "dark": scheme == "dark"}
    page = opened(r"file://\S*report\.html$", **look).new_page()  # the file itself
    page.goto(kept.as_uri())
    assert violations(page) == []


def test_the_report_on_a_phone_names_an_image_in_one_line_and_shows_where_more_is(
    opened: Opened, tmp_path: Path
) -> None:
    kept = tmp_path / "report.html"
    kept.write_text(report.render(SHIPPED, "champion-official"), encoding="utf-8")
    page = opened(r"file://\S*report\.html$", screen=SCREENS["phone"]).new_page()
    page.goto(kept.as_uri())
    lines = page.locator("td:first-child code").evaluate_all(
        "all => all.map(name => name.getClientRects().length)"
    )
    assert lines
    assert set(lines) == {1}
    wide = page.locator(".scroll").evaluate_all(
        "all => all.filter(one => one.scrollWidth > one.clientWidth)"
        ".map(one => getComputedStyle(one).backgroundAttachment)"
    )
    assert wide
    assert set(wide) == {"local, local, scroll, scroll"}


@pytest.mark.parametrize("width", [390, 641, 1000])
def test_a_report_fits_its_screen_and_breaks_no_interval(
    opened: Opened, tmp_path: Path, width: int
) -> None:
    kept = tmp_path / "report.html"
    kept.write_text(report.render(SHIPPED, "champion-official"), encoding="utf-8")
    page = opened(r"file://\S*report\.html$", screen=(width, 800)).new_page()
    page.goto(kept.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # Only a matrix cannot be read but whole, and scrolls in its place.
    wide = page.locator(".scroll:not(:has(.matrix))").evaluate_all(
        "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.ariaLabel)"
    )
    assert wide == []
    broken = page.evaluate(
        """() => {
            const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), broken = [];
            let count = 0;
            for (let node = walker.nextNode(); node; node = walker.nextNode()) {
                for (const found of node.data.matchAll(/[\\d.]+–[\\u2060\\d.]+(\\xa0%)?/g)) {
                    const range = document.createRange();
                    range.setStart(node, found.index);
                    range.setEnd(node, found.index + found[0].length);
                    const lines = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
                    count += lines.size;
                    if (lines.size > 1) broken.push(found[0]);
                }
            }
            return count ? broken : ["no interval is shown"];
        }"""
    )
    assert broken == []


def test_axe_would_find_a_picture_without_a_text(page: Page, shipped_site: Site) -> None:
    go(page, shipped_site.url)
    page.evaluate("document.querySelector('main').append(new Image())")
    assert [fault for fault in violations(page) if fault.startswith("image-alt")]


def test_a_jump_would_be_noticed(opened: Opened, shipped_site: Site) -> None:
    page = opened().new_page()
    jumps_less_than_allowed(page, shipped_site.url)
    page.evaluate("document.querySelector('main').style.marginTop = '300px'")
    until(page, f"window.shifts.some(([value]) => value > {MOST_SHIFT})")


def test_back_and_forward_restore_each_page_with_its_state(page: Page, shipped_site: Site) -> None:
    """Through every page once, with a choice made on the way, and back again."""
    go(page, shipped_site.url + "compare?run=cnn-official&other=cnn-augmented-official")
    settle(page)
    page.get_by_text("Validation", exact=True).click()
    expect(page.get_by_text("labelled validation images that both answered")).to_be_visible()
    navigation = page.get_by_role("navigation", name="Pages")
    navigation.get_by_role("link", name="Data").click()
    page.get_by_role("link", name="Browse").click()
    expect(page.locator("h2").first).to_contain_text("images to look at")
    navigation.get_by_role("link", name="Overview").click()
    expect(page.locator("h1")).to_have_text("Overview")
    page.go_back()
    expect(page.locator("h2").first).to_contain_text("images to look at")
    page.go_back()
    expect(page.locator("h2").first).to_contain_text("The classes are")
    page.go_back()
    expect(page.get_by_text("labelled validation images that both answered")).to_be_visible()
    expect(page.get_by_role("combobox", name="Beside")).to_have_value("cnn-augmented-official")
    page.go_forward()
    expect(page.locator("h2").first).to_contain_text("The classes are")
