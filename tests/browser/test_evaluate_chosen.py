"""Choosing on the Evaluate page: every kind of click, chips, the way back, the panel of one image."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Tab
from tests.browser.driving import go, settle, until
from tests.browser.test_evaluate import MISSED, address_says
from tests.dashboard.serving import Site

HASTY = "evaluate?run=hasty&split=test&show=counts"


def chips(page: Page) -> Locator:
    return page.locator(".chosen-bar .chip")


def chosen(page: Page, text: str) -> None:
    expect(page.locator(".chosen-count")).to_contain_text(text)


def opened(page: Page, address: str) -> None:
    """Open the page and wait until its address is spelt out, so that a choice is a step of its own."""
    go(page, address)
    address_says(page, show="counts", sort="error")
    settle(page)


MARKED = """() => {
    const all = [...document.querySelectorAll(".js-plotly-plot")];
    const plot = all.find((one) => one.closest("[id]").id.includes('"decision"'));
    return plot?._fullData?.length === 4;
}"""
"""Whether the decision curve has been drawn again, with its three lines and the mark of what is chosen."""


def click_point(page: Page, figure: str, curve: int, point: int) -> None:
    """Click on a point of a figure where it is drawn."""
    page.locator(".js-plotly-plot .nsewdrag").nth(2).wait_for(state="attached")
    at = page.evaluate(
        """([figure, curve, point]) => {
            const all = [...document.querySelectorAll(".js-plotly-plot")];
            const plot = all.find((one) => one.closest("[id]").id.includes(`"${figure}"`));
            plot.scrollIntoView({ block: "center", behavior: "instant" });
            const box = plot.getBoundingClientRect();
            const { xaxis, yaxis, margin } = plot._fullLayout;
            const trace = plot._fullData[curve];
            // Of a curve that is shown in part, the first point in sight from there on.
            while (trace.y[point] < yaxis.range[0] || trace.x[point] < xaxis.range[0]) point += 1;
            return [
                box.x + xaxis._offset + xaxis.d2p(trace.x[point]),
                box.y + yaxis._offset + yaxis.d2p(trace.y[point]),
            ];
        }""",
        [figure, curve, point],
    )
    for near in (3, 0):  # A figure looks where a moving pointer is, and at most so often.
        page.mouse.move(at[0] - near, at[1])
        page.wait_for_timeout(300)
    page.mouse.click(*at)


def test_a_cell_shows_as_chips_and_each_can_be_taken_away(page: Page, site: Site) -> None:
    opened(page, site.url + HASTY)
    page.get_by_role("button", name=MISSED).click()
    chosen(page, "3 of 20 test images")
    expect(chips(page)).to_have_text(["truth: glioma×", "answer: notumor×"])
    page.get_by_role("button", name="Remove answer: notumor").click()
    chosen(page, "5 of 20 test images")
    address_says(page, cell="glioma~")
    expect(page.locator(".gallery .tile")).to_have_count(5)
    page.get_by_role("button", name="Remove all").click()
    expect(chips(page)).to_have_count(0)
    expect(page.locator(".scroller-at")).to_contain_text("of 20")
    page.wait_for_url(lambda url: "cell" not in url)


def test_a_cell_that_is_clicked_again_is_not_chosen_any_more(page: Page, site: Site) -> None:
    opened(page, site.url + HASTY)
    cell = page.get_by_role("button", name=MISSED)
    cell.click()
    expect(cell).to_have_attribute("aria-pressed", "true")
    cell.click()
    expect(chips(page)).to_have_count(0)


def marked(page: Page) -> list[str]:
    """Ids of the cells and names of classes that are marked as chosen."""
    pressed = page.locator(".matrix [aria-pressed=true]")
    ids: list[str] = pressed.evaluate_all("all => all.map(({ id }) => id)")
    assert page.locator(".matrix .chosen").count() == len(ids)
    return ids


@pytest.mark.parametrize(
    ("button", "count"),
    [
        (MISSED, 3),
        ("All images of glioma", 5),
        ("All images called notumor", 5),
        ("2 of 12, missed tumours, for unseen; show them", 4),
    ],
)
def test_the_matrix_is_marked_in_the_browser_as_the_server_marks_it(
    page: Page, tab: Tab, site: Site, button: str | re.Pattern[str], count: int
) -> None:
    opened(page, f"{site.url}{HASTY}&by=seen&rank=tumours found")
    assert marked(page) == []
    page.get_by_role("button", name=button).click()
    expect(page.locator(".matrix [aria-pressed=true]")).to_have_count(count)
    page.wait_for_url("**cell=**")
    settle(page)
    other = tab()
    go(other, page.url)
    expect(chips(other).first).to_be_visible()
    assert marked(other) == marked(page)


def test_names_at_the_side_and_on_top_choose_a_row_and_a_column(page: Page, site: Site) -> None:
    opened(page, site.url + HASTY)
    page.get_by_role("button", name="All images of glioma").click()
    chosen(page, "5 of 20")
    page.get_by_role("button", name="All images called notumor").click()
    expect(chips(page)).to_have_text(["truth: glioma×", "answer: notumor×"])
    chosen(page, "3 of 20")


def test_a_bar_chooses_the_images_of_its_class(page: Page, shipped_site: Site) -> None:
    # Of fewer than ten images of a class there is no bar.
    opened(page, shipped_site.url + "evaluate?run=champion-grouped&split=test&show=counts")
    click_point(page, "bars", 0, 2)
    chosen(page, "178 of 780")
    address_says(page, cell="meningioma~")
    expect(chips(page)).to_have_text(["truth: meningioma×"])


def test_a_threshold_is_typed_and_chosen_with_the_keyboard_alone(page: Page, site: Site) -> None:
    opened(page, f"{site.url}{HASTY}&slice=seen~unseen")
    expect(page.locator("#trust-content")).to_contain_text("not: unseen (n = 16).")
    least = page.get_by_label("at least")
    least.fill("60")
    least.press("Tab")
    page.keyboard.press("Enter")
    address_says(page, above="glioma~0.6")
    expect(chips(page)).to_have_count(2)
    chosen(page, "of 20 test images")
    expect(page.get_by_label("at least")).to_have_value("60 %")


@pytest.mark.parametrize("figure", ["roc", "precision-recall"])
def test_a_point_of_a_curve_chooses_the_images_above_its_threshold(
    page: Page, site: Site, figure: str
) -> None:
    opened(page, site.url + HASTY)
    click_point(page, figure, 2, 2)
    expect(chips(page)).to_have_count(1)
    # Curves of other classes may run through the same point.
    expect(chips(page)).to_have_text(re.compile(r"probability of \w+ ≥"))
    page.wait_for_url("**above=**")
    count = page.locator(".chosen-count").inner_text()
    assert 0 < int(count.split()[0]) < 20


def test_a_point_of_the_decision_curve_chooses_the_images_from_its_threshold_on(
    page: Page, shipped_site: Site
) -> None:
    opened(page, shipped_site.url + "evaluate?run=champion-official&split=test&show=counts")
    click_point(page, "decision", 2, 58)  # Of "follow the model".
    expect(chips(page)).to_have_text(["tumour probability ≥ 50.0 %×"])
    address_says(page, above="any tumour~0.5")
    chosen(page, "of 1,311 test images")
    settle(page)
    until(page, MARKED)
    click_point(page, "decision", 2, 58)
    expect(chips(page)).to_have_count(0)


def test_every_figure_but_the_one_that_was_clicked_follows_a_choice(
    page: Page, shipped_site: Site
) -> None:
    opened(page, shipped_site.url + "evaluate?run=champion-grouped&split=test&show=counts")

    def drawn() -> dict[str, str]:
        """What each figure shows."""
        told: dict[str, str] = page.evaluate(
            """() => Object.fromEntries([...document.querySelectorAll(".figure")].map((one) => {
                const isLine = ({ hoverinfo }) => hoverinfo !== "skip";
                const plot = one.querySelector(".js-plotly-plot");
                const drawn = plot.data.filter(isLine).map(({ x, y }) => [x, y]);
                const { id } = plot.closest("[id]");
                return [id.startsWith("{") ? JSON.parse(id).figure : "losses", JSON.stringify(drawn)];
            }))"""
        )
        return told  # The mark of what is chosen is no line.

    def changed(before: dict[str, str]) -> list[str]:
        settle(page)
        expect(page.locator(".figure:not(:has(.main-svg))")).to_have_count(0)
        after = drawn()
        return [name for name, was in before.items() if was != after.get(name)]

    page.locator(".figure .main-svg").nth(18).wait_for(state="attached")
    before = drawn()
    # The losses are about epochs and stay.
    of_probabilities = ["calibration", "decision", "risk-coverage", "roc", "precision-recall"]
    assert list(before) == ["bars", *of_probabilities, "losses"]
    page.locator(".matrix-cell.wrong:enabled").first.click()
    chosen(page, "of 780")
    assert changed(before) == of_probabilities
    page.get_by_role("button", name="Remove all").click()
    expect(page.locator(".nothing-drawn")).to_have_count(0)
    assert changed(before) == []
    click_point(page, "roc", 2, 5)
    chosen(page, "of 780")
    assert changed(before) == ["bars", *of_probabilities[:3]]
    page.get_by_role("button", name="Remove all").click()
    expect(chips(page)).to_have_count(0)
    assert changed(before) == []
    page.locator("#weak-table").get_by_role("button", name="web").first.click()
    chosen(page, "of 780")
    assert changed(before) == ["bars", *of_probabilities]


@pytest.mark.parametrize(("figure", "curve"), [("calibration", 2), ("risk-coverage", 0)])
def test_a_point_of_calibration_and_of_risk_coverage_chooses_answers_that_sure(
    page: Page, shipped_site: Site, figure: str, curve: int
) -> None:
    opened(page, shipped_site.url + "evaluate?run=champion-grouped&split=test&show=counts")
    page.locator(f'[id*="{figure}"] .main-svg').first.wait_for(state="attached")
    click_point(page, figure, curve, 5)
    expect(chips(page)).to_have_text(re.compile("probability of the answer"))
    page.wait_for_url("**sure=**")
    told = page.locator(".chosen-count").inner_text()
    assert 0 < int(told.split()[0]) < 780
    expect(page.locator("#trust-content")).to_contain_text(f"(n = {told.split()[0]}).")
    chips(page).first.click()
    expect(chips(page)).to_have_count(0)


def test_how_sure_answers_are_is_typed_and_chosen_with_the_keyboard_alone(
    page: Page, site: Site
) -> None:
    opened(page, site.url + HASTY)
    page.get_by_label("Probability of the answer from").fill("30")
    page.get_by_label("to", exact=True).fill("72")
    page.keyboard.press("Tab")
    expect(page.locator("button", has_text="Choose these images").first).to_be_focused()
    until(page, "() => dash_component_api.getLayout({ asked: 'to' }).props.value === 72")
    page.keyboard.press("Enter")
    address_says(page, sure="0.3~0.72")
    expect(chips(page)).to_have_count(1)
    chosen(page, "of 20 test images")


def test_only_figures_that_choose_look_as_if_they_did(page: Page, shipped_site: Site) -> None:
    go(page, shipped_site.url + "evaluate?run=champion-grouped")
    page.locator(".figure .main-svg").nth(18).wait_for(state="attached")
    cursors = page.locator(".figure .nsewdrag").evaluate_all(
        "all => all.map((one) => getComputedStyle(one).cursor)"
    )
    # Classes, calibration, decisions, risk and coverage, both curves, training.
    assert cursors == [*["pointer"] * 6, "default"]


def test_a_slice_narrows_the_matrix_and_the_images(page: Page, site: Site) -> None:
    opened(page, site.url + HASTY)
    page.locator("#weak-table").get_by_role("button", name="unseen").first.click()
    chosen(page, "16 of 20")
    expect(chips(page)).to_have_text(["seen in training or not: unseen×"])
    expect(page.locator(".matrix .total")).to_have_text(["4", "4", "4", "4"])
    address_says(page, slice="seen~unseen")


def test_the_mistakes_of_a_figure_are_a_click_away_and_each_chip_can_be_taken_away(
    page: Page, site: Site
) -> None:
    opened(page, f"{site.url}{HASTY}&by=seen&rank=tumours found")
    page.get_by_role("button", name="2 of 12, missed tumours, for unseen; show them").click()
    chosen(page, "2 of 20")
    address_says(page, cell="wrong~~notumor", slice="seen~unseen")
    expect(chips(page)).to_have_text(
        ["answer: notumor×", "wrong answers×", "seen in training or not: unseen×"]
    )
    chips(page).first.click()
    address_says(page, cell="wrong", slice="seen~unseen")
    chosen(page, "5 of 20")
    chips(page).first.click()
    expect(chips(page)).to_have_count(1)


def test_back_and_forward_walk_through_the_choices(page: Page, site: Site) -> None:
    opened(page, site.url + HASTY)
    page.get_by_role("button", name="All images of glioma").click()
    chosen(page, "5 of 20")
    address_says(page, cell="glioma~")
    page.locator("#weak-table").get_by_role("button", name="unseen").first.click()
    chosen(page, "4 of 20")
    address_says(page, cell="glioma~", slice="seen~unseen")
    expect(chips(page)).to_have_count(2)
    page.go_back()
    chosen(page, "5 of 20")
    expect(chips(page)).to_have_text(["truth: glioma×"])
    page.go_back()
    expect(chips(page)).to_have_count(0)
    page.go_forward()
    chosen(page, "5 of 20")
    settle(page)
    page.go_forward()
    chosen(page, "4 of 20")
    expect(page.locator(".gallery .tile")).to_have_count(4)


def test_the_address_opens_the_same_choice_in_another_tab(page: Page, tab: Tab, site: Site) -> None:
    opened(page, site.url + HASTY)
    page.get_by_role("button", name=MISSED).click()
    chosen(page, "3 of 20")
    page.wait_for_url("**cell=**")
    other = tab()
    go(other, page.url)
    expect(chips(other)).to_have_text(["truth: glioma×", "answer: notumor×"])


def test_the_chips_stay_in_sight_while_the_page_scrolls(page: Page, site: Site) -> None:
    opened(page, site.url + HASTY + "&cell=glioma~")
    page.locator("#weak-table").scroll_into_view_if_needed()
    expect(chips(page)).to_be_in_viewport()


def test_images_are_ordered(page: Page, site: Site) -> None:
    opened(page, site.url + HASTY)
    tiles = page.locator(".gallery .tile .path")
    first = tiles.first.inner_text()
    page.get_by_label("Order", exact=True).first.click()
    page.get_by_role("option", name="Surest first").click()
    expect(tiles.first).not_to_have_text(first)
    address_says(page, sort="sure")
    page.go_back()
    expect(tiles.first).to_have_text(first)


def test_a_choice_starts_at_the_first_image_and_back_leads_to_where_one_was(
    page: Page, site: Site
) -> None:
    opened(page, site.url + HASTY)
    page.locator(".gallery .tile-open").first.focus()
    page.keyboard.press("End")
    page.wait_for_url("**first=**")
    place = page.locator(".scroller-at").inner_text()
    page.get_by_role("button", name=MISSED).click()
    expect(page.locator(".gallery .tile")).to_have_count(3)
    expect(page.locator(".scroller-at")).to_have_text("Images 1 to 3 of 3")
    page.wait_for_url(lambda url: "cell=" in url and "first=" not in url)
    page.go_back()
    expect(page.locator(".scroller-at")).to_have_text(place)
    page.wait_for_url(lambda url: "cell=" not in url and "first=" in url)


# The panel of one image

IMAGE = "Testing/glioma/glioma-0002.png"


def test_an_image_opens_a_panel_that_escape_closes_with_the_focus_back(
    page: Page, site: Site
) -> None:
    opened(page, site.url + HASTY + "&cell=glioma~notumor")
    tile = page.get_by_role("button", name=f"Open {IMAGE}")
    tile.focus()
    page.keyboard.press("Enter")
    panel = page.get_by_role("dialog")
    expect(panel).to_contain_text("hasty says notumor. It is labelled glioma.")
    expect(panel).to_contain_text("careful")
    expect(panel).to_contain_text("gives no activation map")
    address_says(page, image=IMAGE)
    settle(page)
    assert panel.locator("img").first.evaluate("one => one.naturalWidth") > 0
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(tile).to_be_focused()
    page.wait_for_url(lambda url: "image=" not in url)


def test_the_panel_steps_through_the_list_with_buttons_and_arrow_keys(
    page: Page, tab: Tab, site: Site
) -> None:
    opened(page, site.url + HASTY + "&cell=glioma~notumor")
    names = page.locator(".gallery .tile .path").all_inner_texts()
    page.get_by_role("button", name=f"Open {names[0]}").click()
    panel = page.get_by_role("dialog")
    before, after = (panel.get_by_role("button", name=name) for name in ("Previous", "Next"))
    expect(panel).to_contain_text("image 1 of 3")
    expect(before).to_have_attribute("aria-disabled", "true")

    after.focus()
    page.keyboard.press("Enter")
    address_says(page, image=names[1])
    expect(panel).to_contain_text("image 2 of 3")
    expect(panel.get_by_role("heading").first).to_have_text(names[1])
    expect(after).to_be_focused()

    page.keyboard.press("ArrowRight")
    expect(panel).to_contain_text("image 3 of 3")
    expect(after).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("ArrowRight")  # There is none.
    expect(after).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(panel).to_contain_text("image 2 of 3")
    address_says(page, image=names[1])

    other = tab()
    go(other, page.url)
    expect(other.get_by_role("dialog")).to_contain_text("image 2 of 3")


def test_an_image_is_in_the_address_and_back_closes_it(page: Page, tab: Tab, site: Site) -> None:
    opened(page, site.url + HASTY + "&cell=glioma~notumor")
    page.get_by_role("button", name=f"Open {IMAGE}").click()
    expect(page.get_by_role("dialog")).to_contain_text("hasty says notumor")
    address_says(page, image=IMAGE)
    other = tab("phone")
    go(other, page.url)
    expect(other.get_by_role("dialog")).to_contain_text("hasty says notumor")
    width = other.evaluate("document.querySelector('[role=dialog]').scrollWidth")
    assert width <= 390
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.go_forward()
    expect(page.get_by_role("dialog")).to_contain_text("hasty says notumor")


def test_images_like_one_are_a_link_away(page: Page, site: Site) -> None:
    opened(page, site.url + HASTY)
    page.locator(".gallery .tile-open").first.click()
    panel = page.get_by_role("dialog")
    name = panel.locator(".path").first.inner_text()
    panel.get_by_role("link", name="Images like this one").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".gallery .tile .path").first).to_have_text(name)
    expect(page.locator(".gallery .tile").first).to_contain_text("0 bits differ")
    address_says(page, sort="like", like=name)


def test_images_like_one_come_from_what_is_chosen_and_have_the_focus(
    page: Page, site: Site
) -> None:
    address = "evaluate?run=hasty&split=val&show=counts&cell=~glioma"
    opened(page, site.url + address)
    page.locator(".gallery .tile-open").last.click()
    panel = page.get_by_role("dialog")
    name = panel.locator(".path").first.inner_text()
    panel.get_by_role("link", name="Images like this one").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".gallery .tile .path").first).to_have_text(name)
    address_says(page, split="val", cell="~glioma", sort="like", like=name)
    expect(page.locator("#gallery-head")).to_be_focused()
    expect(page.locator("#gallery-head h2")).to_be_in_viewport()
    assert "image=" not in page.url


def test_without_the_pictures_names_open_the_panel(page: Page, site_without_images: Site) -> None:
    opened(page, site_without_images.url + HASTY + "&cell=glioma~notumor")
    page.get_by_role("button", name=f"Open {IMAGE}").click()
    expect(page.get_by_role("dialog")).to_contain_text("Start the dashboard with --data FOLDER")
    expect(page.get_by_role("dialog").locator("img")).to_have_count(0)
