"""What goes in through the browser: the same answer as everywhere else, and nothing left behind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from benchmarks.hostile_uploads import send
from brainmri import intake, phantom, predictions, runs
from brainmri.calibration import apply_temperature
from brainmri.cli import main
from tests.brainmri import volumes
from tests.browser.driving import choose_file, drop, find_chromium, go, settle
from tests.dashboard.serving import serving
from tests.dashboard.test_api_hostile import CANARY, named


def test_page_api_command_line_and_table_give_the_same_probabilities(
    page: Page,
    trained_models: Path,
    phantom_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = runs.load(trained_models, "cnn")
    table = predictions.read(trained_models / "cnn" / runs.PREDICTIONS_FILE)
    # The table keeps them before the temperature, people see them after it.
    y_prob = apply_temperature(table.y_prob, run.temperature)
    with serving(tmp_path / "site", models=trained_models) as site:
        for row in (0, len(table.paths) // 2, len(table.paths) - 1):
            file = phantom_data / str(table.paths[row])
            go(page, f"{site.url}predict?run=cnn")
            settle(page)
            choose_file(page, file)
            bars = page.locator("#predict-answer .bars li")
            expect(bars).to_have_count(len(table.classes))
            shown = {
                bars.nth(i).locator(".bar-name").inner_text(): float(
                    bars.nth(i).locator(".bar-value").get_attribute("data-probability") or "nan"
                )
                for i in range(len(table.classes))
            }
            _, by_api = send(site, file.read_bytes(), "x.png", None)
            capsys.readouterr()
            arguments = ["predict", str(file), "--run", "cnn", "--models", str(trained_models)]
            assert main([*arguments, "--json"]) == 0
            by_command = json.loads(capsys.readouterr().out)
            for told in (
                shown,
                by_api["finding"]["probabilities"],
                by_command["finding"]["probabilities"],
            ):
                given = [told[name] for name in table.classes]
                np.testing.assert_allclose(given, y_prob[row], atol=1e-5)


def test_a_name_is_found_nowhere_after_an_upload_not_even_in_the_browsers_profile(
    browser: Browser, models: Path, tmp_path: Path
) -> None:
    kept_by_site = tmp_path / "models"
    shutil.copytree(models, kept_by_site)
    profile = tmp_path / "profile"
    patient = {"PatientName": CANARY, "PatientID": CANARY}
    drawn = phantom.draw("glioma", 1)
    scan = volumes.dicom(np.stack([drawn, drawn[::-1], drawn[:, ::-1], drawn]), **patient)
    with serving(tmp_path / "site", models=kept_by_site) as site:
        context = browser.browser_type.launch_persistent_context(
            profile, executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        page = context.new_page()
        go(page, f"{site.url}predict")
        settle(page)
        uploads = {f"{CANARY} {name}": content for name, content in named().items()}
        drop(page, **uploads)
        rows = page.locator("#predict-rows tr")
        expect(rows).to_have_count(len(uploads))
        expect(page.locator("#predict-status")).to_contain_text(
            f"{len(uploads)} of {len(uploads)} files are read."
        )
        # One is kept for training, because somebody says so: its pixels and nothing else.
        drop(page, **{f"{CANARY}.dcm": scan})
        expect(page.locator("#slice-number")).to_have_text("Slice 2 of 4")
        page.get_by_role("slider", name="Slice").press("ArrowRight")
        expect(page.locator("#slice-number")).to_have_text("Slice 3 of 4")
        page.get_by_role("button", name="Ask about this slice").press("Enter")
        expect(page.locator("#predict-answer .facts")).to_contain_text("slice 3 of 4")
        page.get_by_text("This is wrong").click()
        page.get_by_role("radio", name="meningioma").check()
        page.get_by_label("Why?").fill("on the dura")
        page.get_by_label("Your name").fill("Ada")
        page.get_by_label("Keep this image, without identifiers, for training").check()
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.get_by_text("The picture is kept for training.")).to_be_visible()
        settle(page)
        context.close()
    (kept,) = (kept_by_site / "corrections" / "images").iterdir()
    with Image.open(kept) as picture:
        assert picture.info == {}
        assert np.array_equal(np.asarray(picture), intake.read(scan, number=3).image.pixels)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(profile in path.parents for path in files)
    for path in files:
        content = path.read_bytes()
        for written in (CANARY.encode(), CANARY.encode("utf-16-le")):
            assert written not in content, path
