"""Corrections in a real browser: from the form beside an image, past a second reader, to every page."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from brainmri import accounts, corrections, manifests
from brainmri.correction_store import Store
from brainmri.corrections import CONFIRMED, DISPUTED, OPEN, UNDONE
from tests.browser import files
from tests.browser.conftest import Opened
from tests.browser.driving import PHONE, choose_file, go, settle
from tests.dashboard.results import HASTY, write_runs
from tests.dashboard.serving import Site, serving

PATH = "Testing/glioma/glioma-0000.png"
PASSWORD = "correct horse battery"


@pytest.fixture
def models(indexed_models: Path, tmp_path: Path) -> Path:
    """Results that a test may change."""
    folder = tmp_path / "models"
    shutil.copytree(indexed_models, folder)
    write_runs(folder)
    return folder


@pytest.fixture
def own_site(models: Path, phantom_data: Path, tmp_path: Path) -> Iterator[Site]:
    with serving(tmp_path / "site", models=models, data=phantom_data) as running:
        yield running


@pytest.fixture
def signed_site(models: Path, phantom_data: Path, tmp_path: Path) -> Iterator[Site]:
    """The same, where everybody has to sign in."""
    password_hash = accounts.hashed(PASSWORD)
    roles = {"ada": accounts.MAINTAINER, "grace": accounts.MAINTAINER, "vic": accounts.VIEWER,
             "cleo": accounts.CLINICIAN}  # fmt: skip
    users = "\n".join(f"{name}:{role}:{password_hash}" for name, role in roles.items())
    with serving(
        tmp_path / "signed", models=models, data=phantom_data, variables={accounts.USERS: users}
    ) as running:
        yield running


def states(models: Path) -> list[tuple[str, str]]:
    """(who, state) of each correction, as it is on the disk."""
    found = corrections.states(Store(corrections.url_of(models)).records())
    return [(one.record.who, one.state) for one in found]


def fill(form: Locator, verdict: str, *, who: str | None) -> None:
    form.get_by_role("radio", name=verdict, exact=True).check()
    form.get_by_label("Why?").fill("it sits on the dura")
    if who is not None:
        form.get_by_label("Your name").fill(who)


def enter(page: Page, site: Site, name: str) -> None:
    page.goto(site.url)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.locator("#content h1").wait_for()


def test_a_correction_goes_from_the_panel_past_a_second_reader_to_the_figures(
    own_site: Site, models: Path, opened: Opened
) -> None:
    page = opened().new_page()
    go(page, f"{own_site.url}evaluate?run={HASTY}&image={PATH}")
    form = page.locator(".panel-body .correct-part")
    form.get_by_text("This is wrong").click()
    fill(form, "meningioma", who="Ada")
    form.get_by_role("button", name="Send").click()
    expect(form).to_contain_text("Saved. A second reader decides about it.")
    assert states(models) == [("Ada", OPEN)]

    form.get_by_role("link", name="Open the review queue").click()
    waiting = page.locator("#review-waiting")
    expect(waiting).to_contain_text("1 correction waits")
    expect(waiting).to_contain_text("it sits on the dura")
    # The browser remembers the name; the one who said it is not the second reader.
    page.get_by_label("Your name").fill("ADA")
    waiting.get_by_role("button", name="Confirm").click()
    expect(page.locator("#review-told")).to_contain_text("has to be somebody else")
    page.get_by_label("Your name").fill("Grace")
    waiting.get_by_role("button", name="Confirm").click()
    expect(page.locator("#review-told")).to_contain_text("Confirmed.")
    assert states(models) == [("Ada", CONFIRMED)]

    page.get_by_role("button", name="Write numbered corrections").click()
    expect(page.locator("#review-told")).to_contain_text("Corrections 1 are written")
    assert manifests.numbers(models) == [1]
    go(page, f"{own_site.url}evaluate?run={HASTY}&image={PATH}")
    expect(page.locator(".panel-body")).to_contain_text("Two readers corrected the label")


def test_an_image_of_the_queue_is_looked_at_corrected_and_undone(
    own_site: Site, models: Path, opened: Opened
) -> None:
    page = opened(screen=PHONE).new_page()
    go(page, f"{own_site.url}review")
    page.locator("#review-doubtful").get_by_role("link", name="Look at it").first.click()
    page.wait_for_url("**/review?image=*")
    form = page.locator(".review-one .correct-part")
    form.get_by_role("button", name="Send").click()
    expect(form).to_contain_text("Not saved")
    fill(form, "Not sure", who="Ada")
    form.get_by_role("button", name="Send").click()
    expect(form).to_contain_text("Saved.")
    # The rest of the page knows of it at once.
    waiting, said = page.locator("#review-waiting"), page.locator("#review-said")
    expect(waiting).to_contain_text("1 correction waits")
    expect(said).to_contain_text("1 correction so far")
    form.get_by_role("button", name="Undo").click()
    expect(form).to_contain_text("Undone. Both stay in the record")
    expect(waiting).to_contain_text("No correction waits")
    expect(said).to_contain_text("Taken back.")
    form.get_by_role("button", name="Close the message").click()
    expect(form.get_by_role("button", name="Close the message")).to_have_count(0)
    assert states(models) == [("Ada", UNDONE)]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_name_that_was_typed_is_taken_over_where_an_image_is_looked_at(
    own_site: Site, opened: Opened
) -> None:
    page = opened().new_page()
    go(page, f"{own_site.url}review")
    page.get_by_label("Your name").fill("Ada")
    page.locator("#review-doubtful").get_by_role("link", name="Look at it").first.click()
    page.wait_for_url("**/review?image=*")
    expect(page.locator(".review-one").get_by_label("Your name")).to_have_value("Ada")


def test_after_a_reload_it_is_taken_back_and_a_clinician_sees_their_own(
    signed_site: Site, models: Path, opened: Opened
) -> None:
    cleo, ada, grace = (opened().new_page() for _ in range(3))
    enter(cleo, signed_site, "cleo")
    go(cleo, f"{signed_site.url}evaluate?run={HASTY}&image={PATH}")
    form = cleo.locator(".panel-body .correct-part")
    form.get_by_text("This is wrong").click()
    fill(form, "meningioma", who=None)
    form.get_by_role("button", name="Send").click()
    form.get_by_role("link", name="See what you said").click()
    expect(cleo.locator("#review-said")).to_contain_text("You made 1 correction")
    for page, name, does in ((ada, "ada", "Confirm"), (grace, "grace", "Dispute")):
        enter(page, signed_site, name)
        go(page, f"{signed_site.url}review")
        page.get_by_label("Why, about").first.fill("no, it is not")
        page.get_by_role("button", name=does).first.click()
        expect(page.locator("#review-told")).to_contain_text("It is in the record")
        settle(page)
    assert states(models) == [("cleo", DISPUTED)]
    page.reload()
    said = page.locator("#review-said")
    said.get_by_role("button", name="Undo: your word").click()
    expect(page.locator("#review-told")).to_contain_text("Undone.")
    expect(said).to_contain_text("Confirmed by ada")
    assert states(models) == [("cleo", CONFIRMED)]
    go(cleo, f"{signed_site.url}review")
    cleo.get_by_role("button", name="Undo").click()
    expect(cleo.locator("#review-said")).to_contain_text("Taken back.")
    expect(cleo).to_have_url(re.compile("said=1"))
    assert states(models) == [("cleo", UNDONE)]


def test_an_upload_is_kept_with_the_tick_only(
    own_site: Site, models: Path, opened: Opened, tmp_path: Path
) -> None:
    picture = tmp_path / "scan-of-somebody.png"
    picture.write_bytes(files.png())
    kept = models / "corrections" / "images"
    page = opened().new_page()
    for tick in (False, True):
        go(page, f"{own_site.url}predict")
        choose_file(page, picture)
        form = page.locator("#predict-after")
        form.get_by_text("This is wrong").click()
        fill(form, "pituitary", who="Ada")
        if tick:
            form.get_by_role("checkbox", name="Keep this image").check()
        form.get_by_role("button", name="Send").click()
        said = "The picture is kept" if tick else "The picture itself is not kept"
        expect(form).to_contain_text(said)
        assert len(list(kept.glob("*"))) == int(tick)
    assert not any("somebody" in str(path) for path in models.rglob("*"))


def test_the_signed_in_name_stands_there_and_cannot_be_changed(
    signed_site: Site, models: Path, opened: Opened
) -> None:
    ada, grace, vic = (opened().new_page() for _ in range(3))
    enter(ada, signed_site, "ada")
    go(ada, f"{signed_site.url}review?image={PATH}")
    form = ada.locator(".review-one .correct-part")
    expect(form.get_by_label("Your name")).to_have_value("ada")
    expect(form.get_by_label("Your name")).not_to_be_editable()
    fill(form, "meningioma", who=None)
    form.get_by_role("button", name="Send").click()
    expect(form).to_contain_text("Saved.")
    go(ada, f"{signed_site.url}review")
    ada.get_by_role("button", name="Confirm").click()
    expect(ada.locator("#review-told")).to_contain_text("has to be somebody else")
    enter(grace, signed_site, "grace")
    go(grace, f"{signed_site.url}review")
    expect(grace.get_by_label("Your name")).to_have_value("grace")
    grace.get_by_role("button", name="Confirm").click()
    expect(grace.locator("#review-told")).to_contain_text("Confirmed.")
    assert states(models) == [("ada", CONFIRMED)]
    enter(vic, signed_site, "vic")
    go(vic, f"{signed_site.url}evaluate?run={HASTY}&image={PATH}")
    expect(vic.locator(".panel-body")).to_contain_text("glioma")
    expect(vic.get_by_text("This is wrong")).to_have_count(0)
