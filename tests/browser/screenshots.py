"""`python -m tests.browser.screenshots`: pictures of every page for the README.

Nothing of the data set may be in them: the dashboard is started without the images unless --data is
given, the Predict page answers about a synthetic slice, and what needs images shows synthetic ones.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, FloatRect, expect, sync_playwright

from brainmri import index, phantom
from tests.browser.driving import (
    DESKTOP,
    SCREENS,
    find_chromium,
    go,
    launch,
    new_context,
    settle,
)
from tests.dashboard.results import write_runs
from tests.dashboard.serving import ROOT, serving

PAGES = {
    "overview": "",
    "data": "data",
    "evaluate": "evaluate",
    "compare": "compare",
    "predict": "predict",
    "add": "bring",
}
WITH_IMAGES = {"image": "evaluate?run=hasty", "review": "review"}
"""Pages about the synthetic images and two runs on them; of Evaluate, with the panel of one image."""
COLOURS = 256

_HIGHEST_PX = 3000
"""What a reader of the README still scrolls through."""


def main(arguments: list[str] | None = None) -> int:
    """Write every picture; returns the exit code."""
    options = _parser().parse_args(arguments)
    executable = find_chromium()
    if executable is None:
        print("error: There is no Chromium here; install one.", file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), models=options.models.resolve(), data=options.data) as site,
        sync_playwright() as playwright,
    ):
        browser = launch(playwright, executable)
        synthetic, models = Path(folder) / "images", Path(folder) / "synthetic"
        phantom.write_dataset(synthetic, train_per_class=12, test_per_class=5)
        index.build(synthetic, models, quiet=True)
        write_runs(models)
        with serving(Path(folder) / "second", models=models, data=synthetic) as second:
            for here, pages in ((site, PAGES), (second, WITH_IMAGES)):
                for name, address in pages.items():
                    for screen, size in SCREENS.items():
                        panel = name == "image"
                        picture = _shot(browser, here.url + address, size, panel=panel)
                        _write(options.out / f"{name}-{screen}.png", picture)
        _write(options.out / "overview-dark.png", _shot(browser, site.url, DESKTOP, dark=True))
        browser.close()
    return 0


def _shot(
    browser: Browser,
    address: str,
    size: tuple[int, int],
    *,
    dark: bool = False,
    panel: bool = False,
) -> bytes:
    """A full page as PNG bytes; with `panel` the screen with the panel of its first image."""
    context = new_context(browser, screen=size, dark=dark)
    page = context.new_page()
    go(page, address)
    settle(page)
    if page.locator(".example").count():
        page.locator(".example").first.click()
        expect(page.locator(".verdict")).to_be_visible()
        expect(page.get_by_text("Checking whether the answer rests")).to_have_count(0)
        settle(page)
    if panel:
        page.locator(".tile-open").first.click()
        expect(page.locator(".panel-body")).to_be_visible()
        settle(page)
        expect(page.locator(".panel-body .skeleton")).to_have_count(0)
        picture = page.screenshot(animations="disabled")
        context.close()
        return picture
    page.evaluate("document.fonts.ready.then(() => null)")
    page.mouse.move(0, 0)
    page.evaluate("window.scrollTo({top: 0, behavior: 'instant'})")
    # `wait_for_function` evaluates text, which the page forbids.
    while page.evaluate("window.scrollY"):
        page.wait_for_timeout(20)
    width, height = page.evaluate("[window.innerWidth, document.body.scrollHeight]")
    part: FloatRect = {"x": 0, "y": 0, "width": width, "height": min(height, _HIGHEST_PX)}
    picture = page.screenshot(full_page=True, clip=part, animations="disabled")
    context.close()
    return picture


def _write(path: Path, picture: bytes) -> None:
    """The picture with 256 colours: a third of its bytes, and nobody can tell it apart.

    Maximum coverage keeps the colour of small things, which Pillow's median cut does not.
    """
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    small = image.quantize(
        COLOURS, method=Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE
    )
    small.save(path, "PNG", optimize=True)
    print(f"{path}: {image.width} x {image.height}, {path.stat().st_size / 1000:.0f} kB")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.browser.screenshots", description="Pictures of every page."
    )
    parser.add_argument(
        "--models",
        type=Path,
        default=ROOT / "models",
        metavar="DIR",
        help="results to show (default: those that are shipped)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="the indexed images; only for pictures that are not published",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "docs" / "screenshots",
        metavar="DIR",
        help="where the pictures go (default: docs/screenshots)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
