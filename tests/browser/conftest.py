"""Dashboards to visit, each a process of its own, and a Chromium to visit them with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from brainmri import runs
from tests.browser.driving import SCREENS, Watch, find_chromium, launch, new_context
from tests.conftest import SHIPPED
from tests.dashboard.results import write_runs
from tests.dashboard.serving import Site, serving

HERE = Path(__file__).parent
Opened = Callable[..., BrowserContext]
Tab = Callable[..., Page]
Look = tuple[str, bool]
"""Screen and whether it is dark."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test below this folder drives a browser."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; without one the test is skipped, or fails where BRAINMRI_REQUIRE_BROWSER=1."""
    executable = find_chromium()
    if executable is None:
        if os.environ.get("BRAINMRI_REQUIRE_BROWSER") == "1":
            pytest.fail("there is no Chromium here and BRAINMRI_REQUIRE_BROWSER=1 asks for one")
        pytest.skip("there is no Chromium here")
    with sync_playwright() as playwright:
        chromium = launch(playwright, executable)
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opened]:
    """Opens browser contexts without a past; the test fails when one complained or called elsewhere.

    `expected` is a pattern of complaints that are no fault.
    """
    contexts: list[tuple[BrowserContext, Watch]] = []

    def open_one(expected: str | None = None, **options: Any) -> BrowserContext:
        context, watch = new_context(browser, **options), Watch(expected)
        watch.attach(context)
        contexts.append((context, watch))
        return context

    yield open_one
    for context, _ in contexts:
        context.close()
    assert [fault for _, watch in contexts for fault in watch.faults] == []


@pytest.fixture(scope="session")
def shared(browser: Browser) -> Iterator[dict[Look, tuple[BrowserContext, Watch]]]:
    """One context per look of the screen, since a warm browser cache makes tests much faster."""
    contexts: dict[Look, tuple[BrowserContext, Watch]] = {}
    for screen in SCREENS:
        for dark in (False, True):
            context, watch = new_context(browser, screen=SCREENS[screen], dark=dark), Watch()
            watch.attach(context)
            contexts[screen, dark] = context, watch
    yield contexts
    for context, _ in contexts.values():
        context.close()


@pytest.fixture
def tab(shared: dict[Look, tuple[BrowserContext, Watch]]) -> Iterator[Tab]:
    """Opens tabs; the test fails when one of them complained or called elsewhere."""
    pages: list[Page] = []
    for _, watch in shared.values():
        watch.faults.clear()

    def open_tab(screen: str = "desktop", *, dark: bool = False) -> Page:
        pages.append(shared[screen, dark][0].new_page())
        return pages[-1]

    yield open_tab
    for page in pages:
        page.close()
    assert [fault for _, watch in shared.values() for fault in watch.faults] == []


@pytest.fixture
def page(tab: Tab) -> Page:
    """A watched tab on a light desktop screen."""
    return tab()


@pytest.fixture(scope="session")
def models(indexed_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of the phantom data and the runs "careful" and "hasty"."""
    folder = tmp_path_factory.mktemp("browser") / "models"
    shutil.copytree(indexed_models, folder)
    write_runs(folder)
    return folder


@pytest.fixture(scope="session")
def site(
    models: Path, phantom_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Results and the images that they are about."""
    with serving(tmp_path_factory.mktemp("site"), models=models, data=phantom_data) as running:
        yield running


@pytest.fixture(scope="session")
def site_without_images(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Results without the images."""
    with serving(tmp_path_factory.mktemp("site"), models=models) as running:
        yield running


@pytest.fixture(scope="session")
def empty_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """No results yet."""
    with serving(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="session")
def largest_model() -> str:
    """The shipped run with the largest model file; the test is skipped where none is shipped."""
    sizes = {
        folder.name: (folder / runs.MODEL_FILE).stat().st_size
        for folder in runs.folders(SHIPPED)
        if (folder / runs.MODEL_FILE).is_file()
        and (folder / runs.RUN_FILE).is_file()
        and (folder / runs.PREDICTIONS_FILE).exists()
    }
    if not sizes:
        pytest.skip("no model is shipped")
    return max(sizes, key=lambda name: sizes[name])


@pytest.fixture(scope="session")
def shipped_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The results that the repository ships."""
    with serving(tmp_path_factory.mktemp("site"), models=SHIPPED) as running:
        yield running


@pytest.fixture(scope="session")
def shipped_site_with_pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The same with a folder of images, in which none of them is: what needs pictures is shown."""
    data = tmp_path_factory.mktemp("pictures")
    with serving(tmp_path_factory.mktemp("site"), models=SHIPPED, data=data) as running:
        yield running
