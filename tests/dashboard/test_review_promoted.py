"""Which run is shown first, changed on Review: compared, promoted, taken back, by maintainers only."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainmri import accounts, promotion, runs
from dashboard import data
from dashboard.app import server
from tests.brainmri.test_promotion import N, candidate, table, write_run
from tests.dashboard.every_number import bare_numbers
from tests.dashboard.reading import heading
from tests.dashboard.results import CAREFUL, HASTY, write_promoted, write_table
from tests.dashboard.visit import Node, Visitor, find, picked, table_rows, visible

PASSWORD = "correct horse battery"
TWO = {"label": ["glioma", "notumor"], "prob_glioma": [0.9, 0.1], "prob_notumor": [0.1, 0.9]}


@pytest.fixture
def models(own: Path) -> Path:
    """ "now" is shown first; "new", which goes on from it, makes fewer mistakes."""
    for name in (CAREFUL, HASTY):
        shutil.rmtree(own / name)
    write_run(own, "now", table(40, 10))
    candidate(own, 20, 5)
    return own


def part(visitor: Visitor, address: str = "/review") -> Node:
    (found,) = find(visitor.open(address), id="review-first")
    return found


def compared(visitor: Visitor, run: str | None) -> Node:
    """What the page shows after a click on Compare."""
    answer = visitor.fire("review-compared", inputs={"review-compare": 1, "candidate": run})
    return answer["review-compared"]["children"]


def press(visitor: Visitor, button: str, held: Any, who: str = "Ada") -> Any:
    """Press a button of the part; the response of the server."""
    known = next(
        c
        for c in visitor.client.get("/_dash-dependencies").get_json()
        if c["inputs"][0]["id"] == button
    )
    store, reader = (one["id"] for one in known["state"])
    body = {
        "output": known["output"],
        "outputs": [
            {"id": part.partition(".")[0], "property": part.partition(".")[2]}
            for part in known["output"].strip(".").split("...")
        ],
        "inputs": [{"id": button, "property": "n_clicks", "value": 1}],
        "state": [
            {"id": store, "property": "data", "value": held},
            {"id": reader, "property": "value", "value": who},
        ],
        "changedPropIds": [f"{button}.n_clicks"],
    }
    return visitor.client.post("/_dash-update-component", json=body)


def told(response: Any) -> str:
    """What the page then says of the click."""
    assert response.status_code == 200, response.get_data(as_text=True)[-3000:]
    alert = response.get_json()["response"]["review-told"]["children"]
    return f"{alert['props'].get('title') or ''} {visible(alert)}".strip()


def promote(visitor: Visitor, run: Any = "new", shown: Any = "now", who: str = "Ada") -> str:
    return told(press(visitor, "review-promote", {"run": run, "shown": shown}, who))


def take_back(visitor: Visitor, run: Any = "new", who: str = "Grace") -> str:
    return told(press(visitor, "review-back", run, who))


def entries(models: Path) -> list[tuple[str, str, str, bool]]:
    return [(one.run, one.over, one.who, one.back) for one in promotion.history(models)]


# What the page says


def test_the_run_that_is_shown_first_stands_there_with_why(visitor: Visitor, models: Path) -> None:
    assert "now is shown first: the best by its figures" in visible(part(visitor))
    write_promoted(models, "new", "now", who="grace")
    shown = visible(part(visitor))
    assert "new is shown first: promoted by grace" in shown
    assert "It took the place of now on 2026-01-02 03:04 UTC" in shown
    shutil.rmtree(models / "new")
    shown = visible(part(visitor))
    assert "now is shown first: the best by its figures" in shown
    assert "new, which was promoted, cannot be shown any more." in shown


def test_a_damaged_list_is_told_and_nothing_can_be_pressed(visitor: Visitor, models: Path) -> None:
    (models / promotion.FILE).write_text("{")
    found = part(visitor)
    (alert,) = find(found, "Alert")
    assert alert["props"]["title"] == "Which run is shown first cannot be changed"
    assert "promoted.json is damaged" in visible(found)
    assert str(models) not in visible(found)
    assert find(found, "Button") == []
    assert "promoted.json is damaged" in promote(visitor)


def test_runs_that_cannot_take_its_place_are_counted_with_why(
    visitor: Visitor, models: Path
) -> None:
    candidate(models, 20, 5, name="other-seed", seed=9)
    candidate(models, 20, 5, name="other-seed-2", seed=9)
    write_table(models, "sheet", TWO)
    write_run(models, "fewer", table(0, 0).where(np.arange(N) < N - 1))
    shutil.copytree(models / "now", models / "cut")
    (models / "cut" / runs.RUN_FILE).write_text("{")
    write_promoted(models, "now", "new")
    found = part(visitor)
    (select,) = find(found, "Select")
    assert [one["value"] for one in select["props"]["data"]] == ["new"]
    said = visible(found)
    assert "5 other runs cannot take its place" in said
    assert "other-seed, other-seed-2 : With another seed than now" in said
    assert "sheet : A table of another tool" in said
    assert "fewer : Not tested on the same images as now" in said
    assert "cut : cut/run.json is damaged" in said


@pytest.mark.parametrize(
    ("asked", "why"),
    [("now", "now is the run that is shown first already"), ("none", "There is no such run"),
     ("sheet", "A table of another tool")],
)  # fmt: skip
def test_a_candidate_of_the_address_that_cannot_be_one_is_told_so(
    visitor: Visitor, models: Path, asked: str, why: str
) -> None:
    write_table(models, "sheet", TWO)
    found = part(visitor, f"/review?candidate={asked}")
    assert why in visible(found)
    assert picked(found, "candidate") is None
    assert picked(part(visitor, "/review?candidate=new"), "candidate") == "new"


def test_who_comes_with_a_candidate_finds_it_above_the_queue(
    visitor: Visitor, models: Path
) -> None:
    assert models.is_dir()
    for address, above in (("/review", False), ("/review?candidate=new", True)):
        shown = visible(visitor.open(address))
        assert (shown.index("now is shown first") < shown.index("Labels that are")) == above


# Compared


@pytest.mark.usefixtures("models")
def test_a_candidate_that_holds_can_be_shown_first(visitor: Visitor) -> None:
    found = compared(visitor, "new")
    assert "new is shown to be no worse than now: tumours found" in visible(found)
    tumours, right = table_rows(find(found, "Table")[0])
    assert tumours[0] == "Tumours found"
    assert tumours[1].startswith("99.5 % 98.")
    assert tumours[2].startswith("99.0 % 98.")
    assert tumours[3].startswith("+0.5 points")
    assert tumours[4:] == ["−0.5 points or more", "holds", "1,000"]
    assert right[4:] == ["−1.0 points or more", "holds", "2,000"]
    (button,) = find(found, id="review-promote")
    assert visible(button) == "Show new first"
    (link,) = find(found, "Link")
    assert link["props"]["href"] == "/compare?run=new&other=now&split=test"
    assert [str(bare) for bare in bare_numbers(found, ["now", "new"])] == []


def test_a_candidate_that_does_not_hold_cannot_and_it_is_said_by_how_much(
    visitor: Visitor, models: Path
) -> None:
    candidate(models, 200, 120, name="worse")
    found = compared(visitor, "worse")
    shown = visible(found)
    assert "worse is not shown to be no worse than now: tumours found may be" in shown
    assert "falls short by" in table_rows(find(found, "Table")[0])[0][5]
    assert "points in tumours found and by" in shown
    assert find(found, id="review-promote") == []
    assert [str(bare) for bare in bare_numbers(found, ["now", "worse"])] == []
    assert "Not promoted It falls short by" in promote(visitor, "worse")
    assert entries(models) == []


@pytest.mark.parametrize(
    ("damage", "why"), [(b"junk", "its model file is damaged"), (None, "it has no model file")]
)
def test_a_candidate_that_cannot_answer_is_not_shown_first(
    visitor: Visitor, models: Path, damage: bytes | None, why: str
) -> None:
    path = models / "new" / runs.MODEL_FILE
    path.unlink() if damage is None else path.write_bytes(damage)
    found = compared(visitor, "new")
    assert f"It cannot be shown first: {why}" in visible(found)
    assert find(found, id="review-promote") == []
    assert [str(bare) for bare in bare_numbers(found, ["now", "new"])] == []
    assert why in promote(visitor)
    assert entries(models) == []


def test_of_too_few_images_no_figure_is_shown_and_nothing_promoted(
    visitor: Visitor, models: Path
) -> None:
    for name in ("now", "new"):
        shutil.rmtree(models / name)
    few = np.arange(N) < 4
    write_run(models, "now", table(0, 0).where(few))
    write_run(models, "new", table(0, 0).where(few))
    runs.save(models, replace(runs.load(models, "new"), configuration={"from": "now"}))
    found = compared(visitor, "new")
    assert "too few images" in visible(found)
    assert find(found, id="review-promote") == []
    assert [str(bare) for bare in bare_numbers(found, ["now", "new"])] == []


def test_what_cannot_be_compared_is_told_in_words(visitor: Visitor, models: Path) -> None:
    assert "Choose a run first" in visible(compared(visitor, None))
    assert "There is no run “none”" in visible(compared(visitor, "none"))
    candidate(models, 20, 5, name="other-seed", seed=9)
    assert "have another seed" in visible(compared(visitor, "other-seed"))
    (models / "new" / runs.PREDICTIONS_FILE).write_bytes(b"PAR1")
    assert "There is no run “new” here that can be shown" in visible(compared(visitor, "new"))
    assert "no run “new” here" in promote(visitor)


@pytest.mark.usefixtures("models")
def test_another_choice_takes_the_comparison_away(visitor: Visitor) -> None:
    answer = visitor.fire(
        "review-compared",
        inputs={"review-compare": 1, "candidate": "new"},
        changed=['{"page":"review","state":"candidate"}.value'],
    )
    assert not answer["review-compared"]["children"]


def test_runs_that_are_too_large_are_left_to_the_command(
    visitor: Visitor, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert models.is_dir()
    monkeypatch.setattr("dashboard.data.runs.MOST_IN_MEMORY", 10)
    assert "Use `python -m brainmri promote new`" in visible(part(visitor))
    assert "Use `python -m brainmri promote new`" in promote(visitor)
    assert entries(models) == []


# Promoted and taken back


def test_a_promoted_run_is_shown_everywhere_at_once_until_it_is_taken_back(
    visitor: Visitor, models: Path
) -> None:
    assert promote(visitor) == "new is shown first from now on."
    assert entries(models) == [("new", "now", "Ada", False)]
    assert "The best run, new, misses" in visible(visitor.open("/"))
    found = part(visitor)
    assert "new is shown first: promoted by Ada" in visible(found)
    (row,) = table_rows(find(found, "Table")[-1])
    assert row[:3] == ["new", "promoted in place of now", "Ada"]
    (asked,) = [one for one in find(found, "Details") if "Take the last" in visible(one)]
    assert "new and its results stay. now is shown first then." in visible(asked)
    assert asked["props"].get("open") is not True
    assert [str(bare) for bare in bare_numbers(found, ["now", "new"])] == []
    assert take_back(visitor) == "new is no longer shown first; now is."
    assert entries(models)[1:] == [("new", "now", "Grace", True)]
    assert "The best run, now, misses" in visible(visitor.open("/"))
    assert "nothing to roll back" in take_back(visitor)


def test_the_answer_to_a_click_brings_the_part_and_the_line_above_up_to_date(
    visitor: Visitor, models: Path
) -> None:
    answer = press(visitor, "review-promote", {"run": "new", "shown": "now"}).get_json()["response"]
    assert "promoted by Ada" in visible(answer["review-first"]["children"])
    assert "The best run, new, misses" in visible(answer["missed-line"]["children"])
    assert entries(models) == [("new", "now", "Ada", False)]
    answer = press(visitor, "review-back", "new").get_json()["response"]
    assert "the best by its figures" in visible(answer["review-first"]["children"])
    assert "The best run, now, misses" in visible(answer["missed-line"]["children"])


def test_a_click_on_what_has_changed_meanwhile_is_refused(visitor: Visitor, models: Path) -> None:
    candidate(models, 18, 5, name="newest")
    assert "shown first" in promote(visitor)
    response = press(visitor, "review-promote", {"run": "newest", "shown": "now"})
    assert "Meanwhile new is shown first, not now; compare newest with it" in told(response)
    drawn = response.get_json()["response"]["review-first"]["children"]
    assert "new is shown first: promoted by Ada" in visible(drawn)
    assert "the last promotion is that of new, not of newest" in take_back(visitor, "newest")
    assert entries(models) == [("new", "now", "Ada", False)]


@pytest.mark.parametrize("who", ["", "  ", "x" * 101])
def test_without_a_name_nothing_is_changed(visitor: Visitor, models: Path, who: str) -> None:
    for refused in (promote(visitor, who=who), take_back(visitor, who=who)):
        assert "Say who you are" in refused or "name is too long" in refused
        assert ("at the top of this page" in refused) == (not who.strip())
    assert entries(models) == []


@pytest.mark.parametrize("forged", [None, 7, ["new"], {"run": ["new"], "shown": None}, {}])
def test_what_no_page_sends_is_refused(visitor: Visitor, models: Path, forged: Any) -> None:
    assert "Not promoted" in told(press(visitor, "review-promote", forged))
    assert "Not taken back" in told(press(visitor, "review-back", forged))
    assert entries(models) == []


def test_a_folder_that_cannot_be_written_is_told_without_its_place(
    visitor: Visitor, models: Path
) -> None:
    (models / "promoted.lock").mkdir()
    for said in (promote(visitor), take_back(visitor)):
        assert "Could not write promoted.lock" in said
        assert str(models) not in said
    assert entries(models) == []


# By whom


@pytest.fixture
def users(models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Visitor]]:
    """A visitor of each role, signed in."""
    assert models.is_dir()
    hashed = accounts.hashed(PASSWORD)
    lines = [f"ada-{role}:{role}:{hashed}" for role in accounts.ROLES]
    monkeypatch.setenv(accounts.USERS, "\n".join(lines))
    monkeypatch.setattr(server, "secret_key", None)
    visitors = {}
    for role in accounts.ROLES:
        client = server.test_client()
        client.post("/sign-in", data={"name": f"ada-{role}", "password": PASSWORD})
        visitors[role] = Visitor(client)
    yield visitors
    server.secret_key = None


def test_only_maintainers_promote_and_take_back_under_their_own_name(
    users: dict[str, Visitor], models: Path
) -> None:
    for role in (accounts.VIEWER, accounts.CLINICIAN):
        visitor = users[role]
        assert not find(visitor.open("/review?candidate=new"), id="review-first")
        for button, held in (("review-promote", {"run": "new", "shown": "now"}),
                             ("review-back", "new")):  # fmt: skip
            assert press(visitor, button, held).status_code == 403
        refused = visitor.post(
            "review-compared", inputs={"review-compare": 1, "candidate": "new"}, state={}
        )
        assert refused.status_code == 403
    assert entries(models) == []
    promote(users[accounts.MAINTAINER], who="Somebody Else")
    take_back(users[accounts.MAINTAINER], who="Somebody Else")
    assert [who for _, _, who, _ in entries(models)] == ["ada-maintainer"] * 2


def test_compare_leads_maintainers_to_the_promotion(users: dict[str, Visitor]) -> None:
    for role, visitor in users.items():
        page = visitor.open("/compare?run=new&other=now")
        links = find(page, "Link", href="/review?candidate=new")
        assert bool(links) == (role == accounts.MAINTAINER)
        assert heading(page) == "Compare"
    page = users[accounts.MAINTAINER].open("/compare?run=now&other=new")
    assert "Promote" not in visible(page)


def test_the_run_that_is_shown_first_agrees_with_the_pages(models: Path) -> None:
    for name in ("new", "now"):
        first = data.first_run()
        assert first is not None
        shown = data.find_run(None)
        assert shown is not None
        assert first.run == shown.name
        write_promoted(models, name, first.run)
