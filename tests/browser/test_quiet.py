"""What a choice sets going in the browser: only what hangs on it is asked for, and few are told."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.conftest import Opened
from tests.browser.driving import go, settle
from tests.browser.test_evaluate import MISSED
from tests.browser.test_evaluate_chosen import HASTY
from tests.browser.test_evaluate_chosen import opened as chosen_opened
from tests.dashboard.serving import Site

_CALLBACKS = "/_dash-update-component"
_COUNT = """() => {
    window.told = 0;
    window.dash_stores.at(-1).subscribe(() => { window.told += 1; });
}"""


def test_a_cell_asks_only_for_what_depends_on_it(page: Page, site: Site) -> None:
    chosen_opened(page, site.url + HASTY)
    asked: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            asked.append(json.loads(request.post_data or "{}")["output"])

    page.on("request", note)
    page.get_by_role("button", name=MISSED).click()
    page.locator(".chosen-bar .chip").first.wait_for()
    settle(page)
    page.locator("#weak-table th", has_text="Glioma called notumor").wait_for()
    settle(page)
    # Chips and images come first and in one answer, the rest when they are painted, each once. No tile was
    # clicked, and the matrix is marked without the server.
    assert len(asked) == len(set(asked)) == 5
    assert "evaluate-chosen" in asked[0]
    assert "gallery-tiles" in asked[0]
    late = ("weak-table", "evaluate-classes", "curves-content", "trust-content")
    assert [part for part in late if sum(part in one for one in asked[1:]) != 1] == []
    assert not [one for one in asked if "panel" in one or "evaluate-content" in one]


@pytest.mark.parametrize("place", ["", "data", "evaluate", "compare", "predict", "review", "bring"])
def test_plotly_is_asked_for_once_and_before_the_page_where_it_has_figures(
    page: Page, site: Site, place: str
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.partition("?")[0]))
    go(page, site.url + place)
    settle(page)
    plotly = [i for i, url in enumerate(asked) if url.endswith("/plotly.min.js")]
    drawn = page.locator(".js-plotly-plot .main-svg").count()
    assert len(plotly) == (1 if drawn else 0)
    if drawn:
        assert plotly[0] < next(i for i, url in enumerate(asked) if url.endswith(_CALLBACKS))


def test_without_plotly_the_page_says_what_it_can_and_draws_when_it_is_back(
    opened: Opened, site: Site
) -> None:
    # Dash tries once more itself, and notes that as an event.
    complaints = "plotly.js did not load|Failed to load resource|ERR_FAILED|error: Event$"
    page = opened(expected=complaints).new_page()
    page.route("**/plotly.min.js", lambda route: route.abort())
    go(page, site.url)
    expect(page.locator("#content h1").first).to_be_visible()
    assert page.evaluate("window.Plotly") is None
    page.unroute("**/plotly.min.js")
    page.reload()
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_attached()


def test_drawing_many_components_does_not_tell_each_of_them_of_every_other(
    page: Page, site: Site
) -> None:
    """assets/quiet_store.js still does its work with this version of Dash."""
    chosen_opened(page, site.url + HASTY)
    page.evaluate(_COUNT)
    page.get_by_role("button", name=MISSED).click()
    page.locator(".chosen-bar .chip").first.wait_for()
    settle(page)
    drawn = page.locator("#evaluate-content *, #evaluate-classes *, #gallery-tiles *").count()
    assert page.evaluate("window.told") < drawn / 2


def test_components_are_told_of_what_they_read_and_once_of_what_changes_together(
    page: Page, site: Site
) -> None:
    chosen_opened(page, site.url + HASTY)
    page.evaluate(_COUNT)
    page.get_by_role("button", name=MISSED).click()
    page.locator(".chosen-bar .chip").first.wait_for()
    settle(page)
    assert page.evaluate("window.told") < 50  # Of about 100 changes.
