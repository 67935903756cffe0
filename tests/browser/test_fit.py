"""Nothing that matters is cut off: tables, the matrix and the figure of all runs fit the screen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Tab
from tests.browser.driving import SCREENS, go, settle, unfold
from tests.dashboard.serving import Site

COLUMNS = ("Images (n)", "Missed tumours", "Accuracy", "Weighted precision", "Weighted recall",
           "Weighted F1", "Tumour sensitivity", "Specificity", "Seen in training")  # fmt: skip

_CUT = """all => all
    .filter(one => one.getClientRects().length)
    .filter(one => {
        const box = one.getBoundingClientRect();
        let shown = one.parentElement;
        while (shown && getComputedStyle(shown).overflowX === "visible") shown = shown.parentElement;
        const frame = (shown || document.documentElement).getBoundingClientRect();
        return box.left < frame.left - 1 || box.right > frame.right + 1
            || box.right > window.innerWidth || one.scrollWidth > one.clientWidth + 1;
    })
    .map(one => one.textContent)"""


def cut(page: Page, what: str) -> list[str]:
    """Texts of the elements that reach out of what scrolls or clips them."""
    found = page.locator(what)
    assert found.count()
    texts: list[str] = found.evaluate_all(_CUT)
    return texts


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("address", ["", "data", "evaluate?run=hasty", "compare"])
def test_no_cell_of_a_table_is_cut_off(tab: Tab, site: Site, address: str, screen: str) -> None:
    page = tab(screen)
    go(page, site.url + address)
    settle(page)
    assert cut(page, ".table tbody td, .table tbody th") == []


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("show", ["counts", "share"])
def test_the_whole_matrix_is_in_sight_with_whole_names(
    tab: Tab, site: Site, screen: str, show: str
) -> None:
    page = tab(screen)
    go(page, f"{site.url}evaluate?run=hasty&show={show}")
    settle(page)
    assert cut(page, ".matrix td, .matrix .class, .matrix-cell") == []
    names = page.locator(".matrix .class")
    heights = names.evaluate_all("all => all.map(one => one.getClientRects().length)")
    assert heights == [1] * 8  # one line each, none broken


@pytest.mark.parametrize("width", [720, 1000])
def test_at_twice_the_size_every_page_and_every_class_can_be_read(
    page: Page, site: Site, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    go(page, f"{site.url}evaluate?run=hasty")
    settle(page)
    assert cut(page, ".nav-link, .matrix .class") == []
    heads = page.locator(".matrix thead .class")
    assert len(set(heads.evaluate_all("all => all.map(one => one.offsetHeight)"))) == 1  # one line


@pytest.mark.parametrize("screen", SCREENS)
def test_every_figure_of_every_run_is_in_sight(tab: Tab, site: Site, screen: str) -> None:
    page = tab(screen)
    go(page, site.url)
    unfold(page, "Every run")
    expect(page.locator("#leaderboard tbody tr")).to_have_count(2)
    for name in COLUMNS:
        cells = page.locator(f'#leaderboard [data-label="{name}"]')
        expect(cells).to_have_count(2)
        for i in range(2):
            box = cells.nth(i).bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= SCREENS[screen][0]


@pytest.mark.parametrize("screen", SCREENS)
def test_the_texts_of_the_figure_of_all_runs_are_whole(tab: Tab, site: Site, screen: str) -> None:
    page = tab(screen)
    go(page, site.url)
    figure = page.locator(".js-plotly-plot").first
    expect(figure.locator(".annotation").first).to_be_visible()
    frame = figure.bounding_box()
    assert frame is not None
    for what in (".annotation-text-g", ".xtitle"):
        for box in (one.bounding_box() for one in figure.locator(what).all()):
            assert box is not None
            assert box["x"] >= frame["x"] - 1
            assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 1


@pytest.mark.parametrize("address", ["", "evaluate?run=hasty", "compare"])
def test_the_titles_of_the_axes_are_whole_on_the_smallest_phone(
    tab: Tab, site: Site, address: str
) -> None:
    page = tab("phone")
    page.set_viewport_size({"width": 320, "height": 844})
    go(page, site.url + address)
    settle(page)
    for figure in page.locator(".js-plotly-plot:visible").all():
        frame = figure.bounding_box()
        assert frame is not None
        for one in figure.locator(".xtitle").all():
            box = one.bounding_box()
            assert box is not None
            assert box["x"] >= frame["x"] - 1
            assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 1, one.text_content()


_TOPS = "all => all.map(one => Math.round(one.getBoundingClientRect().top))"


def test_the_parts_of_cards_beside_each_other_stand_in_rows(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 1000, "height": 800})
    go(page, site.url)
    settle(page)
    # However many lines one takes.
    page.locator(".truths .statistic-detail").first.evaluate(
        "one => { one.append(' longer'.repeat(20)) }"
    )
    tops = page.locator(".truths > .card > .statistic-meaning").evaluate_all(_TOPS)
    assert len(tops) > 1
    assert len(set(tops)) == 1


def test_figures_of_a_row_stand_in_rows_where_a_table_is_cards(tab: Tab, site: Site) -> None:
    page = tab("phone")
    go(page, site.url + "compare")
    settle(page)
    row = page.locator(".table.cards tbody tr").first
    row.locator("td").first.evaluate(
        "one => { one.dataset.label = 'a name of several lines '.repeat(3) }"
    )
    tops = row.locator("td").evaluate_all(
        "all => all.map(one => [one.getBoundingClientRect().top, one.firstChild.getBoundingClientRect"
        " ? one.firstChild.getBoundingClientRect().top : null])"
    )
    first = [figure for top, figure in tops if figure is not None and top == tops[0][0]]
    assert len(first) > 1
    assert len({round(figure) for figure in first}) == 1


def test_small_print_has_a_size_of_the_scale(page: Page, site: Site) -> None:
    go(page, site.url + "evaluate?run=hasty")
    settle(page)
    sizes = page.locator("#content small").evaluate_all(
        "all => [...new Set(all.map(one => getComputedStyle(one).fontSize))]"
    )
    assert sizes
    assert set(sizes) <= {"12px", "13px", "14px"}


@pytest.mark.parametrize("dark", [False, True])
def test_the_inputs_of_pickers_have_our_colours_and_the_ring_of_all_else(
    tab: Tab, site: Site, dark: bool
) -> None:
    page = tab(dark=dark)
    go(page, site.url + "evaluate?run=hasty")
    settle(page)
    field = page.locator(".mantine-Input-input:visible").first
    field.focus()
    looks = field.evaluate(
        "one => { const look = getComputedStyle(one);"
        " return [look.backgroundColor, look.outlineStyle, look.outlineWidth]; }"
    )
    assert looks == ["rgb(27, 31, 38)" if dark else "rgb(255, 255, 255)", "solid", "3px"]


def test_what_is_too_wide_says_so_with_a_shadow_at_its_edge(tab: Tab, site: Site) -> None:
    page = tab("phone")
    go(page, site.url + "evaluate?run=hasty")
    region = page.get_by_role("region", name="Confusion matrix")
    assert region.evaluate("one => getComputedStyle(one).backgroundAttachment") == (
        "local, local, scroll, scroll"
    )
    # Reached with the keyboard, it can be scrolled.
    region.focus()
    expect(region).to_be_focused()
