"""The Data page in a browser: its parts, the pairs of copies, the lists to download."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Tab
from tests.browser.driving import SCREENS, go, settle
from tests.dashboard.serving import Site

PARTS = {
    "The images": "classes are nearly balanced",
    "Browse": "7,023 images to look at, 5,023 of them with a tumour",
    "Copies": "official test images",
    "Labels": "groups of near-copies carry different labels",
    "Shortcuts": "Image size and mode alone tell tumour from no tumour",
    "Training and test": "a classifier tells them apart",
    "Quality": "are far from the rest, most for odd size",
}
HIGHEST_PX = {"desktop": 4_000, "phone": 9_000}


@pytest.mark.parametrize("screen", SCREENS)
def test_every_part_opens_from_the_contents_and_is_of_a_bearable_length(
    tab: Tab, shipped_site: Site, screen: str
) -> None:
    page = tab(screen)
    go(page, shipped_site.url + "data")
    contents = page.get_by_role("navigation", name="Parts of this page")
    for part, heading in PARTS.items():
        contents.get_by_role("link", name=part).click()
        expect(page.locator("h2").first).to_contain_text(heading)
        expect(page.locator(".part.chosen")).to_have_text(part)
        settle(page)
        assert page.evaluate("document.body.scrollHeight") < HIGHEST_PX[screen]


def test_the_contents_stay_in_sight(page: Page, shipped_site: Site) -> None:
    go(page, shipped_site.url + "data?part=drift")
    settle(page)
    page.evaluate("window.scrollTo(0, 1000)")
    expect(page.get_by_role("link", name="Quality")).to_be_in_viewport()


def test_the_pairs_of_copies_are_paths_and_pages_turn(page: Page, shipped_site: Site) -> None:
    go(page, shipped_site.url + "data?part=copies")
    settle(page)
    expect(page.locator(".pairs > .pair")).to_have_count(12)
    expect(page.get_by_text("Pairs 1 to 12 of 980")).to_be_visible()
    page.get_by_role("button", name="2", exact=True).click()
    expect(page.get_by_text("Pairs 13 to 24 of 980")).to_be_visible()
    expect(page).to_have_url(
        f"{shipped_site.url}data?part=copies&protocol=official&kind=any&pairs=2"
    )
    page.get_by_text("Grouped split", exact=True).click()
    expect(page.locator("h2").first).to_contain_text("2 of 780 grouped split test images")


@pytest.mark.parametrize(
    ("part", "link", "first"),
    [
        ("copies", "All pairs (CSV)", "protocol"),
        ("labels", "All contradictions (CSV)", "kind"),
        ("shortcuts", "Shortcuts as counts (CSV)", "protocol"),
        ("quality", "Images with the flag dark (CSV)", "path"),
    ],
)
def test_a_list_is_downloaded_as_csv(
    page: Page, shipped_site: Site, tmp_path: Path, part: str, link: str, first: str
) -> None:
    go(page, f"{shipped_site.url}data?part={part}")
    with page.expect_download() as download:
        page.get_by_role("link", name=link).click()
    path = tmp_path / "list.csv"
    download.value.save_as(path)
    head, *rows = path.read_text().splitlines()
    assert download.value.suggested_filename.endswith(".csv")
    assert first in head.split(",")
    assert rows


def test_the_list_of_flagged_images_follows_the_flag(page: Page, shipped_site: Site) -> None:
    go(page, shipped_site.url + "data?part=quality")
    settle(page)
    page.get_by_role("combobox", name="Images to show").click()
    page.get_by_role("option", name="Dark").click()
    expect(page.get_by_text("Images 1 to 11 of 11 with the flag dark")).to_be_visible()
    expect(page.locator(".path-line")).to_have_count(11)


def test_the_shortcuts_stand_beside_the_runs_with_intervals(page: Page, shipped_site: Site) -> None:
    go(page, shipped_site.url + "data?part=shortcuts")
    settle(page)
    row = page.get_by_role("row", name="cnn-official").first
    expect(row).to_contain_text("94.8 %")
    expect(row.locator(".interval").first).to_be_visible()
    expect(page.locator(".js-plotly-plot .main-svg:first-child")).to_have_count(2)


def test_images_are_browsed_by_filters_that_live_in_the_address(page: Page, site: Site) -> None:
    go(page, site.url + "data?part=browse")
    settle(page)
    expect(page.locator(".tile img")).to_have_count(12)
    page.get_by_role("combobox", name="Only images with").click()
    page.get_by_role("option", name="class: glioma").click()
    expect(page.get_by_text("17 images of 68 indexed.")).to_be_visible()
    expect(page).to_have_url(f"{site.url}data?part=browse&only=label%7Eglioma")
    page.go_back()
    expect(page.get_by_text("68 images indexed.")).to_be_visible()
    page.go_forward()
    expect(page.get_by_text("17 images of 68 indexed.")).to_be_visible()


@pytest.mark.parametrize("address", ["data?part=browse", "compare?now=right"])
def test_a_picture_opens_what_is_known_of_it_and_the_form(
    page: Page, site: Site, address: str
) -> None:
    go(page, site.url + address)
    settle(page)
    page.locator(".tile-open:visible").first.click()
    panel = page.locator(".panel-body")
    expect(panel.get_by_text("This is wrong")).to_be_in_viewport()
    expect(page).to_have_url(re.compile("image=T"))
    page.get_by_role("button", name="Close the image").click()
    expect(panel).to_be_hidden()
    expect(page).not_to_have_url(re.compile("image="))


def test_the_balance_follows_the_property(page: Page, site: Site) -> None:
    go(page, site.url + "data")
    settle(page)
    page.get_by_role("combobox", name="Classes by").click()
    page.get_by_role("option", name="brightness", exact=True).click()
    expect(page.get_by_role("table", name="Images per class by brightness")).to_be_visible()
    expect(page).to_have_url(re.compile("by=mean_intensity"))


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_a_pair_of_copies_blinks_by_keyboard_and_stands_still_where_motion_is_unwanted(
    browser: Browser, shipped_site_with_pictures: Site, motion: str
) -> None:
    context = browser.new_context(reduced_motion="reduce" if motion == "reduce" else None)
    page = context.new_page()
    go(page, shipped_site_with_pictures.url + "data?part=copies&kind=mirrored")
    settle(page)
    button = page.locator(".blinking .link-button").first
    pair = page.locator(".pair").first
    second = pair.locator(".tile img").last
    everything = """() => [...document.querySelectorAll('.pair .tile, .blinking')].map((one) => {
        const { x, y, width, height } = one.getBoundingClientRect();
        return [x, y + window.scrollY, width, height].map(Math.round).join(" ");
    })"""
    apart = """() => {
        const pictures = [...document.querySelectorAll('.pair img')];
        const [one, other] = pictures.map((img) => img.getBoundingClientRect());
        return Math.max(...["x", "y", "width", "height"].map((key) => Math.abs(one[key] - other[key])));
    }"""
    before = page.evaluate(everything)
    seen = "one => getComputedStyle(one).animationName"
    button.focus()
    page.keyboard.press("Enter")
    if motion == "reduce":
        expect(button).to_have_text("Show the copy")
        expect(second).to_be_hidden()
        assert second.evaluate(seen) == "none"
        page.keyboard.press("Enter")
        expect(second).to_be_visible()
    else:
        expect(button).to_have_text("Side by side")
        assert second.evaluate(seen) == "blink"
    assert second.evaluate("one => getComputedStyle(one).transform") != "none"
    # In the very place of the first picture and of its size; all else stands where it stood.
    assert page.evaluate(apart) < 0.5
    assert page.evaluate(everything) == before
    page.keyboard.press("Enter")
    expect(button).to_have_text("Blink")
    expect(page.locator(".pair").first).to_have_class("pair mirrored")
    context.close()


@pytest.mark.parametrize("width", [390, 1000, 1440])
def test_averages_with_values_are_square_and_nothing_lies_over_their_words(
    page: Page, site: Site, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    go(page, site.url + "data?part=images&pointer=values")
    settle(page)
    averages = page.locator(".average")
    expect(averages).to_have_count(7)
    for one in averages.all():
        drawn = one.locator(".main-svg").first.bounding_box()
        fold = one.locator("summary").bounding_box()
        buttons = one.locator(".exports").bounding_box()
        assert drawn is not None
        assert fold is not None
        assert buttons is not None
        assert abs(drawn["width"] - drawn["height"]) <= 1
        beside = fold["x"] + fold["width"] <= buttons["x"]
        assert beside or fold["y"] + fold["height"] <= buttons["y"]
        assert fold["y"] - (drawn["y"] + drawn["height"]) < 16
