"""Add a run in a real browser: a table, and models of three tools from drop to figures."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sklearn.metrics import accuracy_score

from brainmri import images, index, phantom
from tests.brainmri import exported, foreign
from tests.browser.conftest import Opened
from tests.browser.driving import go
from tests.dashboard.results import write_runs
from tests.dashboard.serving import Site, serving

SIZES = {"keras": 32, "scikit-learn": 16, "torch": 24}
MODELS: dict[str, Callable[[], bytes]] = {
    "keras": lambda: bytes(foreign.keras().SerializeToString()),
    "scikit-learn": exported.scikit_learn,
    "torch": exported.torch,
}


@pytest.fixture(scope="module")
def own_site(
    indexed_models: Path, phantom_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, Path]]:
    """A dashboard that the tests of this module add runs to, and its results."""
    models = tmp_path_factory.mktemp("bring") / "models"
    shutil.copytree(indexed_models, models)
    write_runs(models)
    with serving(tmp_path_factory.mktemp("site"), models=models, data=phantom_data) as running:
        yield running, models


def dropped(page: Page, path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator("#bring-drop").click()
    chooser.value.set_files(path)


def right(size: int, data: Path, models: Path) -> float:
    """Accuracy on the test images by scikit-learn, of what such a model answers by hand."""
    rows = index.read(index.path(models)).rows
    rows = rows[rows["split"] == "test"]
    said = [
        phantom.CLASSES[
            int(
                foreign.expected(
                    images.resize(images.decode(data / path).pixels, (size, size))
                ).argmax()
            )
        ]
        for path in rows["path"]
    ]
    return float(accuracy_score(rows["label"], said))


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_of_another_tool_is_evaluated_and_its_accuracy_is_that_of_scikit_learn(
    kind: str, own_site: tuple[Site, Path], phantom_data: Path, opened: Opened, tmp_path: Path
) -> None:
    site, models = own_site
    path = tmp_path / f"{kind}.onnx"
    path.write_bytes(MODELS[kind]())
    page = opened().new_page()
    go(page, f"{site.url}bring")
    dropped(page, path)
    expect(page.get_by_text(f"as the model gets it: {SIZES[kind]} × {SIZES[kind]}")).to_be_visible()
    page.get_by_role("button", name="Evaluate", exact=True).click()
    row = page.locator("#bring-jobs tr", has_text=f"{kind}.onnx")
    expect(row).to_contain_text("20 test images were answered", timeout=90_000)
    row.get_by_role("link", name=kind).click()
    page.wait_for_url("**/evaluate?run=*")
    accuracy = right(SIZES[kind], phantom_data, models)
    expect(page.locator("#content")).to_contain_text(f"{100 * accuracy:.1f}\u00a0%")


def test_a_table_is_dropped_and_becomes_a_run(
    own_site: tuple[Site, Path], opened: Opened, tmp_path: Path
) -> None:
    site, _ = own_site
    path = tmp_path / "of-others.csv"
    path.write_text("label,prob_glioma,prob_notumor\nglioma,0.9,0.1\nnotumor,0.2,0.8\n")
    page = opened().new_page()
    go(page, f"{site.url}bring")
    dropped(page, path)
    expect(page.get_by_text("of-others.csv can be a run")).to_be_visible()
    page.reload()
    page.get_by_role("button", name="Add this run").click()
    page.get_by_role("link", name="See how good it is").click()
    page.wait_for_url("**/evaluate?run=of-others*")
    expect(page.locator("#content")).to_contain_text("of-others")


def test_what_came_after_the_page_tells_its_reasons_at_the_page_s_end_too(
    site: Site, page: Page, tmp_path: Path
) -> None:
    # A site where no file has been judged yet: the list of those gives the same reason from the start.
    path = tmp_path / "of-others.csv"
    path.write_text("label,prob_glioma,prob_notumor\nglioma,0.9,0.1\nnotumor,0.2,0.8\n")
    go(page, f"{site.url}bring")
    dropped(page, path)
    expect(page.get_by_text("of-others.csv can be a run")).to_be_visible()
    reasons = page.locator(".page-reasons")
    expect(reasons).not_to_contain_text("Rows and files are counted here")
    reasons.locator("summary").click()
    expect(reasons).to_contain_text("Rows and files are counted here, not estimated.")


def test_another_output_rebuilds_the_form(
    own_site: tuple[Site, Path], opened: Opened, tmp_path: Path
) -> None:
    site, _ = own_site
    path = tmp_path / "features.onnx"
    path.write_bytes(foreign.with_features().SerializeToString())
    page = opened().new_page()
    go(page, f"{site.url}bring")
    dropped(page, path)
    columns = page.locator("#bring-columns input:not([type=hidden])")
    expect(page.get_by_text("as the model gets it: 24 × 24")).to_be_visible()
    expect(columns).to_have_count(4)
    expect(columns.first).to_have_value("column 1")
    for output, first in (("features", "1"), ("logits", "column 1")):
        page.get_by_role("combobox", name="Output", exact=True).click()
        page.get_by_role("option", name=output, exact=True).click()
        expect(columns.first).to_have_value(first)
        expect(columns).to_have_count(4)
    page.get_by_role("button", name="Evaluate", exact=True).click()
    row = page.locator("#bring-jobs tr", has_text="features.onnx")
    expect(row).to_contain_text("20 test images were answered", timeout=90_000)


def test_what_is_refused_says_why(
    own_site: tuple[Site, Path], opened: Opened, tmp_path: Path
) -> None:
    site, _ = own_site
    # The browser's console notes every answer that is a refusal.
    page = opened(expected="status of 400").new_page()
    go(page, f"{site.url}bring")
    path = tmp_path / "model.pt"
    path.write_bytes(b"PK\x03\x04 and so on")
    dropped(page, path)
    expect(page.get_by_text("Export it to ONNX instead")).to_be_visible()
    table = tmp_path / "wrong.csv"
    table.write_text("label,prob_a,prob_b\na,0.9,often\n")
    dropped(page, table)
    expect(page.get_by_text('Row 1, column "prob_b" is "often"')).to_be_visible()


def test_a_file_that_is_too_large_is_not_sent(
    own_site: tuple[Site, Path], opened: Opened, tmp_path: Path
) -> None:
    page = opened().new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    go(page, f"{own_site[0].url}bring")
    page.evaluate("document.getElementById('bring-drop').dataset.mostBytes = '1000000'")
    path = tmp_path / "theirs.csv"
    path.write_bytes(bytes(3_000_000))
    dropped(page, path)
    expect(page.locator("#bring-next")).to_contain_text("has 3 MB; at most 1 MB are taken.")
    assert not [url for url in asked if "/bring/upload" in url]
