"""What a choice sets going in the browser: only what hangs on it is asked for, and few are told."""

from __future__ import annotations

import json

from playwright.sync_api import Page, Request

from tests.browser.driving import settle
from tests.browser.test_evaluate import MISSED
from tests.browser.test_evaluate_chosen import HASTY, opened
from tests.dashboard.serving import Site

_COUNT = """() => {
    window.told = 0;
    window.dash_stores.at(-1).subscribe(() => { window.told += 1; });
}"""


def test_a_cell_asks_only_for_what_depends_on_it(page: Page, site: Site) -> None:
    opened(page, site.url + HASTY)
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


def test_drawing_many_components_does_not_tell_each_of_them_of_every_other(
    page: Page, site: Site
) -> None:
    """assets/quiet_store.js still does its work with this version of Dash."""
    opened(page, site.url + HASTY)
    page.evaluate(_COUNT)
    page.get_by_role("button", name=MISSED).click()
    page.locator(".chosen-bar .chip").first.wait_for()
    settle(page)
    drawn = page.locator("#evaluate-content *, #evaluate-classes *, #gallery-tiles *").count()
    assert page.evaluate("window.told") < drawn / 2


def test_components_are_told_of_what_they_read_and_once_of_what_changes_together(
    page: Page, site: Site
) -> None:
    opened(page, site.url + HASTY)
    page.evaluate(_COUNT)
    page.get_by_role("button", name=MISSED).click()
    page.locator(".chosen-bar .chip").first.wait_for()
    settle(page)
    assert page.evaluate("window.told") < 50  # Of about 100 changes.
