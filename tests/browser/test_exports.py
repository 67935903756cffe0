"""What is downloaded of the pages, opened as another program would: matrices, pictures and figures."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Tab
from tests.browser.driving import go, settle
from tests.dashboard.serving import Site

SVG = "{http://www.w3.org/2000/svg}"


def saved(page: Page, shown: Locator, kind: str) -> tuple[str, bytes]:
    """Name and content of a file, from the buttons below what is shown."""
    frame = shown.locator("xpath=ancestor::*[@class='export-frame'][1]")
    with page.expect_download() as waiting:
        frame.locator(f'[data-export="{kind}"]').click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def words_of(svg: bytes) -> str:
    drawn = ElementTree.fromstring(svg)
    return " ".join(
        " ".join(" ".join(text.itertext()).split()) for text in drawn.iter(f"{SVG}text")
    )


def pixels_of(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_the_confusion_matrix_is_a_table_of_counts_shares_and_intervals(
    page: Page, shipped_site: Site
) -> None:
    go(page, shipped_site.url + "evaluate?run=champion-grouped")
    name, content = saved(page, page.locator(".matrix"), "csv")
    assert name == "confusion-matrix-of-champion-grouped-test-images.csv"
    glioma = next(row for row in rows_of(content) if row["shows"] == "glioma")
    counts = {c: int(glioma[f"{c} count"]) for c in ("glioma", "meningioma", "notumor")}
    assert sum(counts.values()) + int(glioma["pituitary count"]) == int(glioma["n"]) == 286
    share = float(glioma["glioma (0-1)"])
    assert share == pytest.approx(counts["glioma"] / 286, abs=1e-6)
    assert float(glioma["glioma low"]) < share < float(glioma["glioma high"]) <= 1
    assert glioma["glioma n"] == "286"
    assert glioma["glioma"].split()[0] == str(counts["glioma"])
    page.locator(".controls").get_by_text("Row share", exact=True).click()
    _, content = saved(page, page.locator(".matrix"), "csv")
    shared = next(row for row in rows_of(content) if row["shows, % of row"] == "glioma")
    assert shared["glioma"].startswith(f"{100 * share:.1f} %")


def test_the_confusion_matrix_of_few_images_has_counts_alone(page: Page, site: Site) -> None:
    go(page, site.url + "evaluate?run=hasty")
    _, content = saved(page, page.locator(".matrix"), "csv")
    glioma = next(row for row in rows_of(content) if row["shows"] == "glioma")
    assert [glioma[f"{c} count"] for c in ("glioma", "notumor")] == ["2", "3"]
    assert not [column for column in glioma if column.endswith(("(0-1)", "low", "high"))]


def test_the_difference_of_two_matrices_is_a_table_too(page: Page, shipped_site: Site) -> None:
    go(page, shipped_site.url + "compare?run=cnn-grouped&other=champion-grouped")
    name, content = saved(page, page.locator(".matrix"), "csv")
    assert name.startswith("confusion-matrix-of-cnn-grouped-minus-that-of-champion-")
    (glioma,) = [row for row in rows_of(content) if row["shows"] == "glioma"]
    assert float(glioma["glioma low"]) <= float(glioma["glioma (0-1)"]) <= 0


LOOKS = [("desktop", False), ("desktop", True), ("phone", True)]


@pytest.mark.parametrize(("screen", "dark"), LOOKS)
def test_a_matrix_is_drawn_on_paper_with_what_it_is_about(
    tab: Tab, site: Site, screen: str, dark: bool
) -> None:
    page = tab(screen, dark=dark)
    go(page, site.url + "evaluate?run=hasty")
    name, content = saved(page, page.locator(".matrix"), "svg")
    heading = page.locator("#evaluate-content h2").inner_text()
    words = words_of(content)
    assert name.endswith(".svg")
    assert " ".join(heading.split()) in words
    assert "hasty, n = 20 test images" in words
    # A phone has no room for intervals.
    for cell in page.locator(".matrix-cell > :not(.as-share)").all_text_contents():
        assert " ".join(cell.split()) in words
    assert "40.0" not in words
    assert content.count(b'height="64"') == 16  # Each cell has its place.
    assert b"foreignObject" not in content  # Which other programs leave out.
    assert b'fill="rgb(29,36,48)"' in content  # The ink of the light page.
    _, png = saved(page, page.locator(".matrix"), "png")
    assert (pixels_of(png)[0, 0] == 255).all()
    assert page.evaluate("document.documentElement.dataset.mantineColorScheme") == (
        "dark" if dark else "light"
    )


def test_a_picture_of_a_figure_says_which_images_are_chosen(page: Page, site: Site) -> None:
    go(page, site.url + "evaluate?run=hasty&above=glioma~0.01")
    settle(page)
    _, content = saved(page, page.locator("#evaluate-classes .js-plotly-plot"), "svg")
    words = words_of(content)
    assert re.search(r"hasty, n = \d+ test images, probability of glioma ≥ 1\.0 %", words)


def test_a_picture_has_the_grid_lines_of_the_page(page: Page, site: Site) -> None:
    go(page, site.url)
    settle(page)
    graph = page.locator(".js-plotly-plot").first
    expect(graph.locator(".main-svg").first).to_be_visible()
    _, content = saved(page, graph, "svg")
    assert b"rgb(232, 235, 239)" in content
    assert "Right answers (accuracy) of every run" in words_of(content)


def test_the_average_images_are_downloaded_with_their_names(page: Page, site: Site) -> None:
    go(page, site.url + "data?part=images")
    settle(page)
    shown = page.locator(".drawn").first
    name, content = saved(page, shown, "svg")
    assert name == "average-of-the-training-images-of-each-class.svg"
    drawn = ElementTree.fromstring(content)
    assert len(list(drawn.iter(f"{SVG}image"))) == 5  # Four classes and the scale.
    words = words_of(content)
    for word in ("glioma", "notumor", "average of", "Average of the training images of each class"):
        assert word in words
    _, png = saved(page, shown, "png")
    assert pixels_of(png).std() > 10
    other, contrasts = saved(page, page.locator(".drawn").last, "svg")
    assert "minus that of notumor" in words_of(contrasts)
    assert other == "average-of-the-training-images-of-each-tumour-class-minus-that-of-notumor.svg"


def test_the_name_of_a_file_is_cut_between_two_words(page: Page, site: Site) -> None:
    go(page, site.url + "data?part=images")
    settle(page)
    card = page.locator(".card").filter(has_text="Pixel density")
    title = card.locator(".card-title").inner_text().lower()
    whole = "-".join(re.findall(r"[^\W_]+", title))
    assert len(whole) > 100
    name = saved(page, card.locator(".js-plotly-plot"), "png")[0].removesuffix(".png")
    assert 60 < len(name) <= 100
    assert whole.startswith(f"{name}-")


def test_a_figure_of_values_is_named_by_its_class(page: Page, site: Site) -> None:
    go(page, site.url + "data?part=images&pointer=values")
    settle(page)
    name, _ = saved(page, page.locator(".average .js-plotly-plot").nth(1), "png")
    assert name == "the-average-image-of-each-class-already-differs-meningioma.png"


def test_a_picture_names_the_colours_that_the_page_names_beside_it(page: Page, site: Site) -> None:
    go(page, site.url + "data?part=images")
    settle(page)
    card = page.locator(".card").filter(has_text="Width × height").locator(".js-plotly-plot")
    words = words_of(saved(page, card, "svg")[1])
    assert all(name in words for name in ("glioma", "meningioma", "notumor", "pituitary"))
    assert "trace" not in words
    assert "The data set, n = " in words
