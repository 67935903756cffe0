"""A run becomes the first one in a real browser: compared, promoted, seen everywhere, taken back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from brainmri import promotion, runs
from tests.brainmri.test_promotion import table
from tests.browser.conftest import Opened
from tests.browser.driving import PHONE, go, settle
from tests.browser.test_access import violations
from tests.dashboard.results import brightness_model, write_run
from tests.dashboard.serving import Site, serving


@pytest.fixture
def models(indexed_models: Path, tmp_path: Path) -> Path:
    """ "now" is shown first; "better" and "worse" go on from it."""
    folder = tmp_path / "models"
    shutil.copytree(indexed_models, folder)
    model = brightness_model()
    for name, wrong, missed in (("now", 40, 10), ("better", 20, 5), ("worse", 200, 120)):
        write_run(folder, name, table(wrong, missed), model=model)
        goes_on = {} if name == "now" else {"from": "now"}
        runs.save(folder, replace(runs.load(folder, name), configuration=goes_on))
    return folder


@pytest.fixture
def own_site(models: Path, tmp_path: Path) -> Iterator[Site]:
    with serving(tmp_path / "site", models=models) as running:
        yield running


def entries(models: Path) -> list[tuple[str, str, bool]]:
    return [(one.run, one.who, one.back) for one in promotion.history(models)]


def compare(page: Page) -> None:
    page.get_by_role("button", name="Compare", exact=True).click()


def answers(page: Page, site: Site) -> str:
    """The run that Predict asks."""
    go(page, f"{site.url}predict")
    return page.get_by_role("combobox", name="Run").input_value()


def test_a_run_is_promoted_is_shown_everywhere_and_is_taken_back(
    own_site: Site, models: Path, opened: Opened
) -> None:
    page = opened().new_page()
    go(page, f"{own_site.url}compare?run=better&other=now")
    page.get_by_role("link", name="Promote better").click()
    page.wait_for_url("**/review?candidate=better*")
    compare(page)
    found, told = page.locator("#review-compared"), page.locator("#review-told")
    expect(found).to_contain_text("better is shown to be no worse than now: tumours found")
    settle(page)
    assert violations(page) == []
    show = found.get_by_role("button", name="Show better first")
    show.click()
    expect(told).to_contain_text("Say who you are")
    page.get_by_label("Your name").fill("Ada")
    show.dblclick()
    settle(page)  # The second click is none.
    expect(told).to_contain_text("better is shown first from now on")
    expect(page.locator("#review-first h2")).to_have_text("better is shown first: promoted by Ada")
    expect(page.locator("#missed-line")).to_contain_text("The best run, better, misses")
    assert entries(models) == [("better", "Ada", False)]

    other = opened().new_page()
    go(other, own_site.url)
    expect(other.locator("#missed-line")).to_contain_text("The best run, better, misses")
    assert answers(other, own_site) == "better"

    page.get_by_text("Take the last promotion back").click()
    expect(page.locator("#review-first")).to_contain_text("now is shown first then")
    assert entries(models) == [("better", "Ada", False)]  # The first click only asks.
    settle(page)
    assert violations(page) == []
    page.get_by_role("button", name="Take back the promotion of better").click()
    expect(told).to_contain_text("better is no longer shown first; now is")
    assert entries(models)[1:] == [("better", "Ada", True)]
    go(other, own_site.url)
    expect(other.locator("#missed-line")).to_contain_text("The best run, now, misses")
    assert answers(other, own_site) == "now"


def test_on_a_phone_a_worse_run_has_no_button_and_what_changed_meanwhile_is_refused(
    own_site: Site, models: Path, opened: Opened
) -> None:
    page = opened(screen=PHONE, dark=True).new_page()
    go(page, f"{own_site.url}review")
    page.get_by_label("Your name").fill("Ada")
    chosen = page.get_by_role("combobox", name="In its place")
    chosen.click()
    page.get_by_role("option", name="worse").click()
    expect(page).to_have_url(f"{own_site.url}review?at=1&said=1&candidate=worse")
    compare(page)
    found, told = page.locator("#review-compared"), page.locator("#review-told")
    expect(found).to_contain_text("worse is not shown to be no worse than now")
    expect(found).to_contain_text("so it is not shown first")
    expect(found.get_by_role("button", name="first")).to_have_count(0)
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert violations(page) == []
    chosen.click()
    page.get_by_role("option", name="better").click()
    expect(found).to_be_empty()
    compare(page)
    show = found.get_by_role("button", name="Show better first")
    expect(show).to_be_visible()
    promotion.promote(models, "better", who="grace")
    show.press("Enter")
    expect(told).to_contain_text("better is the run that is shown first already")
    expect(page.locator("#review-first h2")).to_contain_text("promoted by grace")
    assert entries(models) == [("better", "grace", False)]
    page.get_by_text("Take the last promotion back").press("Enter")
    page.get_by_role("button", name="Take back the promotion of better").press("Enter")
    expect(told).to_contain_text("now is.")
    assert entries(models)[1:] == [("better", "Ada", True)]
