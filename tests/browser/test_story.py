"""Overview on paper, downloads, the report, runs that finish while a page is open, a server that is gone."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import shutil
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Download, Locator, Page, Request, expect

from brainmri import index, report, runs
from tests.browser.conftest import Opened
from tests.browser.driving import go, settle, unfold
from tests.conftest import SHIPPED
from tests.dashboard.results import CAREFUL, HASTY_MISTAKES, answers, write_run
from tests.dashboard.serving import Site, serving

PNG = b"\x89PNG\r\n\x1a\n"
PROSE = """() => {
    const content = document.getElementById("content").cloneNode(true);
    content.querySelectorAll("svg").forEach(figure => figure.remove());
    return content.textContent;
}"""
MOST_PAGES = 4
"""Of a report on paper."""
WHOLE = ".scroll, figure, .three, .beside"
EVERY_MS = 10_000
"""How often a page asks whether there is news."""


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def downloaded(page: Page, button: str, place: int = 0) -> tuple[Download, bytes]:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).nth(place).click()
    return waiting.value, Path(waiting.value.path()).read_bytes()


@pytest.mark.parametrize("dark", [False, True])
def test_the_overview_of_what_ships_is_two_pages_on_paper(
    opened: Opened, shipped_site: Site, dark: bool
) -> None:
    page = opened(dark=dark).new_page()
    go(page, shipped_site.url)
    settle(page)
    expect(page.locator(".figure .main-svg").first).to_be_visible()
    assert pages_of(page.pdf(prefer_css_page_size=True, print_background=True)) == 2
    # And the figure has the size of the screen again.
    width = page.locator(".figure").first.bounding_box()
    drawn = page.locator(".figure .main-svg").first
    assert width is not None
    expect(drawn).to_have_attribute("width", str(round(width["width"])))


@pytest.mark.parametrize(("runs_shown", "long"), [(11, True), (30, False)])
def test_the_overview_of_more_runs_is_two_pages_on_paper_too(
    opened: Opened, tmp_path: Path, runs_shown: int, long: bool
) -> None:
    own = tmp_path / "models"
    shutil.copytree(SHIPPED, own, ignore=shutil.ignore_patterns("*.onnx", "*.npz"))
    first = sorted(
        folder.name for folder in runs.folders(own) if (folder / runs.RUN_FILE).is_file()
    )
    for i in range(runs_shown - len(first)):
        copied_run(own, first[i % len(first)], f"copy-{i}", network=f"network-{i}")
    if long:
        copied_run(own, "champion-official", "a-run-whose-name-goes-on-".ljust(60, "x"))
        for name in ("broken", "torn"):
            (own / name).mkdir()
            (own / name / runs.PREDICTIONS_FILE).write_text("no table")
    with serving(tmp_path / "site", models=own) as running:
        page = opened("Failed to load resource").new_page()  # once it is over
        go(page, running.url)
        settle(page)
        expect(page.locator(".figure .main-svg").first).to_be_visible()
        for paper in ({"prefer_css_page_size": True}, {"format": "Letter"}):
            assert pages_of(page.pdf(print_background=True, **paper)) == 2
        expect(page.locator(".figure .annotation")).to_have_count(runs_shown + long + 1)


def copied_run(models: Path, of: str, name: str, network: str | None = None) -> None:
    """The same run under another name."""
    shutil.copytree(models / of, models / name)
    path = models / name / runs.RUN_FILE
    run = json.loads(path.read_text(encoding="utf-8"))
    run["name"] = name
    if network is not None:
        run["architecture"] = network
    path.write_text(json.dumps(run), encoding="utf-8")


def test_a_figure_on_paper_is_no_wider_than_the_paper(page: Page, site: Site) -> None:
    go(page, site.url)
    expect(page.locator(".figure .main-svg").first).to_be_visible()
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    widths = page.locator(".figure .main-svg").evaluate_all(
        "all => all.map(one => +one.getAttribute('width'))"
    )
    assert widths
    assert max(widths) <= 700
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")


def test_on_paper_nothing_is_folded_cut_or_torn_apart(page: Page, shipped_site: Site) -> None:
    go(page, shipped_site.url)
    settle(page)
    expect(page.locator(".figure .main-svg").first).to_be_visible()
    as_shown = page.locator("#content").text_content()
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 703, "height": 1032})  # A4 without its margins
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".reasons").count() > 0
    expect(page.locator(".reasons:not([open])")).to_have_count(0)
    edges = page.locator(".card").evaluate_all(
        "all => all.map(o => o.getBoundingClientRect().right)"
    )
    assert max(edges) <= 702  # a border at the very edge is not printed
    told = page.evaluate(PROSE)
    assert re.search(r"\d–\u2060\d", told)
    assert not re.search(r"\d–\d", told)
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator(".reasons[open]").count() == 0
    assert page.locator("#content").text_content() == as_shown


def test_paper_says_what_it_is_and_when_it_was_printed_and_runs_nothing_together(
    page: Page, shipped_site: Site
) -> None:
    go(page, shipped_site.url)
    settle(page)
    expect(page.locator(".figure .main-svg").first).to_be_visible()
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 703, "height": 1032})  # A4 without its margins
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert re.match(r"Brain MRI · printed .*\d{4}", page.locator(".printed").inner_text())
    between = page.locator(".reasons li + li").evaluate_all(
        "all => all.map(o => getComputedStyle(o, '::before').content)"
    )
    assert set(between) == {'" "'}  # no two sentences run together
    cards = [one.bounding_box() for one in page.locator(".statistics > .card").all()]
    frame = page.locator(".statistics").bounding_box()
    assert frame is not None
    assert max(c["x"] + c["width"] for c in cards if c) == pytest.approx(
        frame["x"] + frame["width"], abs=1
    )
    # The ground of a name hides the dashed line, and no point.
    grounds = page.locator(".figure .annotation .bg")
    assert {one.evaluate("o => getComputedStyle(o).fill") for one in grounds.all()} == {
        "rgb(255, 255, 255)"
    }
    boxes = [box for one in grounds.all() if (box := one.bounding_box())]
    for point in page.locator(".figure .points path").all():
        at = point.bounding_box()
        assert at is not None
        middle = (at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
        for box in boxes:
            beside = not box["x"] <= middle[0] <= box["x"] + box["width"]
            bottom = box["y"] + box["height"]
            assert beside or bottom <= middle[1] - 4 or box["y"] >= middle[1] + 4
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    expect(page.locator(".printed")).to_have_count(0)


def test_the_matrix_on_paper_is_whole_and_what_is_chosen_is_said(page: Page, site: Site) -> None:
    go(page, f"{site.url}evaluate?run=hasty&cell=glioma~")
    settle(page)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 703, "height": 1032})
    expect(page.locator(".chip").first).to_be_visible()
    expect(page.locator(".chosen-bar .link-button")).to_be_hidden()
    for what in (".matrix-cell", ".matrix .class"):
        cut = page.locator(what).evaluate_all(
            "all => all.filter(o => o.scrollWidth > o.clientWidth + 1 && o.clientWidth)"
            ".map(o => o.textContent)"
        )
        assert cut == []
    names = page.locator(".matrix .class")
    assert names.evaluate_all("all => all.map(o => o.getClientRects().length)") == [1] * 8
    cells = [one.bounding_box() for one in page.locator(".matrix-cell").all()]
    apart = [b["x"] - a["x"] - a["width"] for a, b in itertools.pairwise(cells) if a and b]
    assert min(gap for gap in apart if gap > -50) >= 0
    go(page, f"{site.url}evaluate?run=hasty")
    settle(page)
    expect(page.locator(".chosen-bar")).to_be_hidden()


def test_every_run_that_ships_is_on_paper_in_figure_and_table(
    page: Page, shipped_site: Site
) -> None:
    go(page, shipped_site.url)
    settle(page)
    expect(page.locator(".figure .main-svg").first).to_be_visible()
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    shipped = [one.name for one in runs.folders(SHIPPED) if (one / runs.RUN_FILE).is_file()]
    rows = page.locator("#leaderboard-rows tr:visible th").all_inner_texts()
    assert sorted(rows) == sorted(shipped)
    named = " ".join(page.locator(".figure .annotation").all_text_contents())
    assert all(f"{name} " in named for name in shipped)
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")


def test_a_table_is_downloaded_with_n_and_interval_columns(page: Page, site: Site) -> None:
    go(page, site.url)
    unfold(page, "Every run")
    button = page.locator(".export-frame", has=page.locator("#leaderboard-rows")).locator(
        "[data-export]"
    )
    with page.expect_download() as waiting:
        button.click()
    assert waiting.value.suggested_filename == "all-runs-with-their-figures.csv"
    text = Path(waiting.value.path()).read_text(encoding="utf-8")
    rows = {row["Run"]: row for row in csv.DictReader(io.StringIO(text))}
    careful = rows[CAREFUL]
    assert careful["Accuracy"] == "90.0\u00a0% 69.9–97.2\u00a0%".replace("\u00a0", " ")
    assert float(careful["Accuracy (0-1)"]) == pytest.approx(0.9)
    assert float(careful["Accuracy low"]) == pytest.approx(0.699, abs=5e-4)
    assert float(careful["Accuracy high"]) == pytest.approx(0.972, abs=5e-4)
    assert careful["Accuracy n"] == "20"
    assert (careful["Missed tumours count"], careful["Missed tumours n"]) == ("1", "15")


def test_a_figure_is_downloaded_with_its_title(page: Page, site: Site) -> None:
    go(page, site.url)
    expect(page.locator(".figure .main-svg").first).to_be_visible()
    title = page.locator(".section", has=page.locator(".figure")).locator("h2").first.inner_text()
    file, png = downloaded(page, "Download this figure as PNG")
    assert file.suggested_filename.endswith(".png")
    assert png.startswith(PNG)
    file, svg = downloaded(page, "Download this figure as SVG")
    assert file.suggested_filename.endswith(".svg")
    drawn = svg.decode()
    assert drawn.startswith("<svg")
    assert title in re.sub(r"<[^>]*>", "", drawn)
    assert "rgb(29, 36, 48)" in drawn  # ink, which on the page is the style sheet's


def test_the_report_is_printed_by_the_server(page: Page, site: Site) -> None:
    go(page, site.url)
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Report (PDF)").click()
    assert waiting.value.suggested_filename == f"{CAREFUL}-report.pdf"
    printed = waiting.value.path().read_bytes()
    assert printed.startswith(b"%PDF-")
    assert 2 <= pages_of(printed) <= MOST_PAGES


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_the_report_is_a_few_full_pages_with_its_title_on_top(
    opened: Opened, tmp_path: Path, paper: str
) -> None:
    kept = tmp_path / "report.html"
    kept.write_text(report.render(SHIPPED, "cnn-official"), encoding="utf-8")
    page = opened(r"file://\S*report\.html$").new_page()  # the file itself
    page.goto(kept.as_uri())
    title, said = (
        page.locator("h1").bounding_box(),
        page.get_by_text("not a medical device").bounding_box(),
    )
    assert title is not None
    assert said is not None
    assert title["y"] + title["height"] <= said["y"]
    assert pages_of(page.pdf(print_background=True, format=paper)) == MOST_PAGES
    page.emulate_media(media="print")
    whole = page.locator(WHOLE).evaluate_all("all => all.map(o => getComputedStyle(o).breakInside)")
    assert set(whole) == {"avoid"}
    page.set_viewport_size({"width": 690, "height": 980})
    lines = page.locator(".matrix thead th:not(:first-child)").evaluate_all(
        "all => all.map(o => { const text = document.createRange(); text.selectNodeContents(o);"
        " return text.getClientRects().length; })"
    )
    assert set(lines) == {1}  # no word of a matrix is broken
    heads = page.locator("thead").evaluate_all("all => all.map(o => getComputedStyle(o).display)")
    assert set(heads) == {"table-header-group"}  # repeated where a table is longer than a page
    kept_with_next = page.locator("h2, h3").evaluate_all(
        "all => all.map(o => getComputedStyle(o).breakAfter)"
    )
    assert set(kept_with_next) == {"avoid"}


@pytest.mark.parametrize("address", ["", f"evaluate?run={CAREFUL}"])
def test_the_report_opens_without_a_network(
    opened: Opened, site: Site, address: str, tmp_path: Path
) -> None:
    context = opened(r"file://\S*report\.html$")  # the file itself, which is opened below
    page = context.new_page()
    go(page, site.url + address)
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Report (HTML)").click()
    assert waiting.value.suggested_filename == f"{CAREFUL}-report.html"
    kept = tmp_path / "report.html"
    waiting.value.save_as(kept)
    assert kept.stat().st_size < 3_000_000
    context.set_offline(True)
    page.goto(kept.as_uri())
    expect(page.locator("h1")).to_have_text(f"Model card: {CAREFUL}")
    page.evaluate("window.print = () => { document.title = 'printed' }")
    page.get_by_role("button", name="Print / save as PDF").click()
    expect(page).to_have_title("printed")
    figures = page.locator("figure svg:visible, .matrix:visible")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 690, "height": 980})
    for i in range(figures.count()):
        box = figures.nth(i).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 690
    for screen in (390, 1440):
        page.emulate_media(media="screen")
        page.set_viewport_size({"width": screen, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= screen


def test_a_run_that_finishes_while_a_page_is_open_is_announced_and_shown_when_asked_for(
    opened: Opened, models: Path, tmp_path: Path
) -> None:
    own = tmp_path / "models"
    shutil.copytree(models, own)
    with serving(tmp_path / "site", models=own) as running:
        page = opened().new_page()
        page.clock.install()
        with page.expect_response("**/state"):
            go(page, running.url)
        settle(page)
        page.clock.fast_forward(EVERY_MS)
        expect(page.locator("#live")).to_be_empty()
        table = index.read(own / "dataset" / "index.parquet")
        write_run(own, "finished-now", answers(table, HASTY_MISTAKES))
        with page.expect_response("**/state"):
            page.clock.fast_forward(EVERY_MS)
        expect(page.get_by_role("status")).to_contain_text("New run: finished-now")
        expect(page.locator("#leaderboard-rows")).not_to_contain_text("finished-now")  # unmoved
        page.get_by_role("button", name="Update this page").click()
        expect(page.locator("#leaderboard-rows")).to_contain_text("finished-now")
        expect(page.locator("#live")).to_be_empty()
        write_run(own, "finished-later", answers(table, HASTY_MISTAKES))
        with page.expect_response("**/state"):
            page.clock.fast_forward(EVERY_MS)
        page.get_by_role("button", name="Show").click()
        expect(page.locator("h1")).to_have_text("Evaluate")
        expect(page).to_have_url(re.compile("run=finished-later"))
        page.go_back()
        expect(page.locator("h1")).to_have_text("Overview")


def test_when_the_server_is_gone_a_sentence_says_so(
    opened: Opened, models: Path, tmp_path: Path
) -> None:
    with serving(tmp_path / "site", models=models) as running:
        page = opened("Failed to load resource").new_page()
        page.clock.install()
        go(page, running.url)
        settle(page)
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(timeout=30)
        page.clock.fast_forward(EVERY_MS)
        expect(page.get_by_role("status")).to_contain_text("The server does not answer")
        expect(page.locator("h1")).to_have_text("Overview")  # and what was there stays


def followed(opened: Opened, address: str) -> Page:
    """A page on a clock of the test's own, which has asked for news once; the server may be lost."""
    page = opened("Failed to load resource|did not respond|Failed to fetch").new_page()
    page.clock.install()
    with page.expect_response("**/state"):
        go(page, address)
    settle(page)
    return page


def test_a_click_that_finds_no_server_says_so_at_once(opened: Opened, site: Site) -> None:
    context = opened("Failed to load resource|did not respond|Failed to fetch")
    context.add_init_script(
        "const every = setInterval;"
        f"setInterval = (act, ms) => ms === {EVERY_MS} ? 0 : every(act, ms);"  # no next round
    )
    page = context.new_page()
    go(page, f"{site.url}data")
    settle(page)
    context.set_offline(True)
    page.get_by_role("link", name="Compare", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("The server does not answer")


def test_what_awaits_an_answer_that_fails_stays_and_a_sentence_says_so(
    opened: Opened, site: Site
) -> None:
    page = opened("Failed to load resource|Callback error").new_page()
    go(page, f"{site.url}evaluate?run={CAREFUL}")
    settle(page)
    asked = re.compile("_dash-update-component")
    page.route(asked, lambda route: route.fulfill(status=500, body="{}"))
    page.locator(".matrix-cell.right").first.click()
    status = page.get_by_role("status")
    expect(status).to_contain_text("The server failed at what was just asked")
    settle(page)
    expect(page.locator(".chip")).to_have_count(0)
    page.wait_for_timeout(500)  # What is covered is hidden by then.
    expect(page.get_by_role("textbox", name="at least")).to_be_visible()
    page.unroute(asked)
    status.get_by_role("button", name="Try again").click()
    expect(page.locator(".chip")).to_have_count(2)
    expect(page.locator("#live")).to_be_empty()


@pytest.mark.parametrize("noticed", [True, False])
def test_when_the_server_is_back_the_page_is_what_was_chosen_meanwhile(
    opened: Opened, site: Site, noticed: bool
) -> None:
    page = followed(opened, f"{site.url}evaluate?run={CAREFUL}")
    context = page.context

    def ask_for_news(*, answered: bool = True) -> None:
        with page.expect_event("requestfinished" if answered else "requestfailed", is_news):
            page.clock.fast_forward(EVERY_MS)

    def is_news(request: Request) -> bool:
        return request.url.endswith("/state")

    def click(button: Locator) -> None:
        with page.expect_event("requestfailed", lambda request: "_dash-update" in request.url):
            button.click()

    context.set_offline(True)
    if noticed:
        ask_for_news(answered=False)
        expect(page.get_by_role("status")).to_contain_text("The server does not answer")
    click(page.locator(".matrix-cell.right").first)
    expect(page).to_have_url(re.compile("cell="))
    expect(page.locator(".chip")).to_have_count(0)
    settle(page)
    context.set_offline(False)
    ask_for_news()
    expect(page.locator(".chip")).to_have_count(2)
    expect(page.locator("#live")).to_be_empty()

    context.set_offline(True)
    if noticed:
        ask_for_news(answered=False)
    click(page.get_by_role("link", name="Compare", exact=True))
    expect(page).to_have_url(re.compile("/compare$"))
    expect(page.locator("h1")).to_have_text("Evaluate")
    context.set_offline(False)
    ask_for_news()
    expect(page.locator("h1")).to_have_text("Compare")


def test_when_the_server_is_back_what_was_typed_stays_unless_it_is_given_up(
    opened: Opened, site: Site
) -> None:
    page = followed(opened, f"{site.url}evaluate?run={CAREFUL}")
    context = page.context
    least = page.get_by_role("textbox", name="at least")
    least.fill("12")
    context.set_offline(True)
    page.clock.fast_forward(EVERY_MS)
    expect(page.get_by_role("status")).to_contain_text("The server does not answer")
    context.set_offline(False)
    page.clock.fast_forward(EVERY_MS)
    expect(page.locator("#live")).to_be_empty()  # nothing was missed

    context.set_offline(True)
    with page.expect_event("requestfailed", lambda request: "_dash-update" in request.url):
        page.locator(".matrix-cell.right").first.click()
    context.set_offline(False)
    page.clock.fast_forward(EVERY_MS)
    expect(page.get_by_role("status")).to_contain_text("loses what you have typed")
    expect(least).to_have_value("12 %")
    page.get_by_role("button", name="Update this page").click()
    expect(page.locator(".chip")).to_have_count(2)
    expect(page.locator("#live")).to_be_empty()
