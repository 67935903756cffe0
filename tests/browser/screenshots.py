"""`python -m tests.browser.screenshots`: pictures of every page and path for the README.

Nothing of the data set may be in them: the dashboard is started without the images unless --data is
given, the Predict page answers about a synthetic slice, and what needs images shows synthetic ones.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from playwright.sync_api import Browser, FloatRect, Page, expect, sync_playwright

from brainmri import audit, index, phantom, report
from tests.browser.driving import (
    DESKTOP,
    SCREENS,
    find_chromium,
    go,
    launch,
    new_context,
    settle,
    until,
)
from tests.dashboard.results import HASTY, HASTY_MISTAKES, answers, write_run, write_runs
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
PATHS = ("filtered", "blink", "hover", "report", "print", "new-run", "offline")
"""What the pages do, a picture of each on a light desktop screen."""
COLOURS = (256, 128, 64, 32)
MOST_BYTES = 150_000
"""Of a picture: they live in the repository. A picture that is larger gets fewer colours."""

_HIGHEST_PX = 2400
"""What a reader of the README still scrolls through."""
_SHEET_PX, _EDGE_PX = (794, 1123), 45
"""A4 at 96 pixels per inch, and the margin at its left and right of the style sheets for paper."""
_EVERY_MS = 10_000
"""How often a page asks whether there is news."""
_BREAKS = """limit => {
    const boxes = all => [...document.querySelectorAll(all)].map(one => [one, one.getBoundingClientRect()])
        .filter(([, box]) => box.height && box.height < limit);
    const torn = boxes("h2, h3, p, tr, figure, .figure, .card, .three, .beside, .scroll")
        .filter(([, box]) => box.top < limit && box.bottom > limit);
    const heads = boxes("h2, h3, p, figcaption, .section-head")
        .filter(([one]) => getComputedStyle(one).breakAfter === "avoid").map(([, box]) => box);
    let end = Math.min(limit, ...torn.map(([, box]) => box.top));
    for (const head of heads.reverse()) if (head.bottom <= end && head.bottom > end - 24) end = head.top;
    return end;
}"""
"""Where the first sheet of paper ends: above what would be cut, and above a heading of it."""


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
        _write_synthetic(synthetic, models)
        with serving(Path(folder) / "second", models=models, data=synthetic) as second:
            for here, pages in ((site, PAGES), (second, WITH_IMAGES)):
                for name, address in pages.items():
                    panel = name == "image"
                    for screen, size in SCREENS.items():
                        picture = _shot(browser, here.url + address, size, panel=panel)
                        _write(options.out / f"{name}-{screen}.png", picture)
                    dark = _shot(
                        browser, here.url + address, DESKTOP, dark=True, panel=panel, first=True
                    )
                    _write(options.out / f"{name}-dark.png", dark)
            pictures = (
                _filtered(browser, site.url),
                _blinking(browser, second.url),
                _hovered(browser, second.url),
                _report(browser, options.models.resolve(), Path(folder)),
                _printed(browser, site.url),
                _new_run(browser, second.url, models),
                _offline(browser, second.url),
            )
        for name, picture in zip(PATHS, pictures, strict=True):
            _write(options.out / f"{name}.png", picture)
        browser.close()
    return 0


def _shot(
    browser: Browser,
    address: str,
    size: tuple[int, int],
    *,
    dark: bool = False,
    panel: bool = False,
    first: bool = False,
) -> bytes:
    """A full page as PNG bytes; with `panel` the screen with the panel of its first image.

    With `first` no more than the first screen.
    """
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
    until(page, "window.scrollY === 0")
    width, height = page.evaluate("[window.innerWidth, document.body.scrollHeight]")
    part: FloatRect = {
        "x": 0,
        "y": 0,
        "width": width,
        "height": min(height, size[1] if first else _HIGHEST_PX),
    }
    picture = page.screenshot(full_page=True, clip=part, animations="disabled")
    context.close()
    return picture


def _write_synthetic(images: Path, models: Path) -> None:
    """Synthetic images, one of them in both parts with another brightness, their audit and two runs."""
    phantom.write_dataset(images, train_per_class=12, test_per_class=5)
    for label in ("glioma", "pituitary"):
        copied = np.asarray(Image.open(images / "Training" / label / f"{label}-0000.png"))
        brighter = np.clip(copied * 1.1, 0, 255).astype(np.uint8)
        Image.fromarray(brighter).save(images / "Testing" / label / f"{label}-copy.png")
    index.build(images, models, quiet=True)
    audit.run(images, models, quiet=True)
    write_runs(models)


def _opened(browser: Browser, address: str, *, clock: bool = False) -> Page:
    """A page that stands; with `clock` on a clock of its own, after its first question for news."""
    page = new_context(browser).new_page()
    if clock:
        page.clock.install()
        with page.expect_response("**/state"):
            go(page, address)
    else:
        go(page, address)
    settle(page)
    return page


def _taken(page: Page) -> bytes:
    """The screen; the page is closed."""
    picture = page.screenshot(animations="disabled")
    page.context.close()
    return picture


def _filtered(browser: Browser, url: str) -> bytes:
    """Evaluate after clicks on a cell and a slice, with a chip each."""
    page = _opened(browser, f"{url}evaluate?run=cnn-official")
    page.locator(".matrix-cell.wrong").first.click()
    expect(page.locator(".chip")).to_have_count(2)
    settle(page)
    page.locator(".chosen-bar").evaluate(
        "bar => window.scrollBy(0, bar.getBoundingClientRect().top - 60)"
    )
    settle(page)
    return _taken(page)


def _blinking(browser: Browser, url: str) -> bytes:
    """Pairs of near-copies, the first in turns in one place."""
    page = _opened(browser, f"{url}data?part=copies")
    button = page.locator(".blinking .link-button").first
    button.click()
    expect(button).to_have_text("Side by side")
    page.locator(".pairs").evaluate(
        "all => window.scrollBy(0, all.getBoundingClientRect().top - 260)"
    )
    return _taken(page)


def _hovered(browser: Browser, url: str) -> bytes:
    """The grey level of an average under the pointer."""
    page = _opened(browser, f"{url}data?part=images&pointer=values")
    average = page.locator(".average .js-plotly-plot").first
    average.scroll_into_view_if_needed()
    expect(average.locator(".main-svg").first).to_be_visible()
    average.hover()
    expect(average.locator(".hoverlayer text").first).to_be_visible()
    return _taken(page)


def _new_run(browser: Browser, url: str, models: Path) -> bytes:
    """The note that a run has finished while the page was open."""
    page = _opened(browser, url, clock=True)
    table = index.read(models / "dataset" / "index.parquet")
    write_run(models, "finished-now", answers(table, HASTY_MISTAKES))
    with page.expect_response("**/state"):
        page.clock.fast_forward(_EVERY_MS)
    expect(page.get_by_role("status")).to_contain_text("New run: finished-now")
    return _taken(page)


def _offline(browser: Browser, url: str) -> bytes:
    """The note that the server is gone; what was there stays."""
    page = _opened(browser, f"{url}evaluate?run={HASTY}", clock=True)
    page.context.set_offline(True)
    page.clock.fast_forward(_EVERY_MS)
    expect(page.get_by_role("status")).to_contain_text("The server does not answer")
    return _taken(page)


def _printed(browser: Browser, url: str) -> bytes:
    """The first sheet of Overview on paper."""
    page = _opened(browser, url)
    expect(page.locator(".figure .main-svg").first).to_be_visible()
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    return _sheet(page, 45)


def _report(browser: Browser, models: Path, folder: Path) -> bytes:
    """The first sheet of the report of a run on paper."""
    kept = folder / "report.html"
    kept.write_text(report.render(models, "cnn-official"), encoding="utf-8")
    page = new_context(browser).new_page()
    page.goto(kept.as_uri())
    return _sheet(page, 38)


def _sheet(page: Page, margin_px: int) -> bytes:
    """What stands on the first sheet of A4, on white with its margins; `margin_px` is that on top."""
    width, height = _SHEET_PX[0] - 2 * _EDGE_PX, _SHEET_PX[1] - 2 * margin_px
    page.emulate_media(media="print")
    page.set_viewport_size({"width": width, "height": height})
    end = page.evaluate(_BREAKS, height)
    part: FloatRect = {"x": 0, "y": 0, "width": width, "height": end}
    shown = Image.open(io.BytesIO(page.screenshot(clip=part, animations="disabled"))).convert("RGB")
    page.context.close()
    sheet = Image.new("RGB", _SHEET_PX, "white")
    sheet.paste(shown, (_EDGE_PX, margin_px))
    written = io.BytesIO()
    ImageOps.expand(sheet, 1, "#c8ced6").save(written, "PNG")
    return written.getvalue()


def _write(path: Path, picture: bytes) -> None:
    """The picture with 256 colours: a third of its bytes, and nobody can tell it apart.

    Maximum coverage keeps the colour of small things, which Pillow's median cut does not.
    """
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    for colours in COLOURS:
        small = image.quantize(
            colours, method=Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE
        )
        small.save(path, "PNG", optimize=True)
        if path.stat().st_size < MOST_BYTES:
            break
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
