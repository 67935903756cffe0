"""The pictures that are kept: one of each page and path, small enough to keep, all shown in README.md."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.browser.driving import SCREENS
from tests.browser.screenshots import MOST_BYTES, PAGES, PATHS, WITH_IMAGES
from tests.dashboard.serving import ROOT

KEPT = ROOT / "docs" / "screenshots"
NAMES = [
    *(f"{page}-{look}.png" for page in (*PAGES, *WITH_IMAGES) for look in (*SCREENS, "dark")),
    *(f"{path}.png" for path in PATHS),
]


@pytest.mark.parametrize("name", NAMES)
def test_every_page_and_path_has_a_small_picture_in_the_readme(name: str) -> None:
    picture = KEPT / name
    assert picture.stat().st_size < MOST_BYTES
    with Image.open(picture) as opened:
        assert opened.mode == "P"
    assert f"docs/screenshots/{name}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_no_picture_is_left_of_a_page_that_is_gone() -> None:
    assert sorted(one.name for one in KEPT.iterdir()) == sorted(NAMES)
