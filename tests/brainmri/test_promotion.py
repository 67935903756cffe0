"""`brainmri.promotion`: a run is shown first only when it is shown to be no worse."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainmri import choice, promotion, runs
from brainmri.errors import InputError
from brainmri.predictions import Predictions
from brainmri.wording import by_readers
from tests.brainmri.command_line import Capture, command
from tests.brainmri.test_manifests import correction, write
from tests.dashboard.results import CLASSES, NEGATIVE, write_promoted
from tests.dashboard.results import write_run as written

N = 2000
MODEL = b"a model file"


def write_run(models: Path, name: str, of: Predictions) -> None:
    """A run that can answer."""
    written(models, name, of, model=MODEL)


def table(wrong: int, missed: int) -> Predictions:
    """Answers about `N` test images, half of them with a tumour; `wrong` include the `missed`."""
    y_true = np.where(np.arange(N) % 2 == 0, CLASSES.index(NEGATIVE), CLASSES.index("glioma"))
    y_pred = y_true.copy()
    tumours = np.flatnonzero(y_true != CLASSES.index(NEGATIVE))
    y_pred[tumours[:missed]] = CLASSES.index(NEGATIVE)
    y_pred[tumours[missed:wrong]] = CLASSES.index("pituitary")
    y_prob = np.full((N, 4), 0.05, dtype=np.float32)
    y_prob[np.arange(N), y_pred] = 0.85
    return Predictions(
        paths=np.array([f"Testing/{i}.png" for i in range(N)], dtype=object),
        splits=np.array(["test"] * N, dtype=object),
        y_true=y_true,
        y_prob=y_prob,
        classes=CLASSES,
        negative_class=NEGATIVE,
    )


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """ "now" makes 40 mistakes, 10 of them missed tumours."""
    write_run(tmp_path, "now", table(40, 10))
    return tmp_path


def candidate(models: Path, wrong: int, missed: int, *, name: str = "new", **changed: Any) -> None:
    """A run that goes on from another, so that it is not shown first by its figures."""
    write_run(models, name, table(wrong, missed))
    run = replace(runs.load(models, name), configuration={"from": "now"})
    runs.save(models, replace(run, **changed))


@pytest.mark.parametrize(
    ("wrong", "missed", "falls_short"),
    [
        (40, 10, set()),
        (20, 5, set()),
        (44, 10, set()),  # Worse by less than the margin.
        (90, 10, {"accuracy"}),
        (40, 25, {"sensitivity"}),
        (200, 120, {"accuracy", "sensitivity"}),
    ],
)
def test_a_candidate_may_be_worse_by_no_more_than_the_margins(
    models: Path, wrong: int, missed: int, falls_short: set[str]
) -> None:
    candidate(models, wrong, missed)
    judged = promotion.judge(models, "new", "now", resamples=200)
    assert set(judged.worse) == falls_short
    assert judged.holds == (not falls_short)


def test_a_better_model_on_too_few_images_is_not_shown_to_be_no_worse(tmp_path: Path) -> None:
    for name, wrong in (("now", 2), ("new", 1)):
        few = table(wrong, 0).where(np.arange(N) < 30)
        write_run(tmp_path, name, few)
    assert not promotion.judge(tmp_path, "new", "now", resamples=200).holds


@pytest.mark.parametrize(
    ("changed", "named"),
    [({"protocol": "auto"}, "split"), ({"index_sha256": "cd" * 32}, "image index"),
     ({"seed": 9}, "seed")],
)  # fmt: skip
def test_runs_whose_test_images_may_have_trained_the_other_are_not_compared(
    models: Path, changed: dict[str, Any], named: str
) -> None:
    candidate(models, 10, 0, **changed)
    with pytest.raises(InputError, match=f"another {named}, so test images of one could have"):
        promotion.judge(models, "new", "now")


def test_runs_that_were_tested_on_other_images_are_not_compared(models: Path) -> None:
    write_run(models, "new", table(0, 0).where(np.arange(N) < N - 1))
    with pytest.raises(InputError, match="were not tested on the same images"):
        promotion.judge(models, "new", "now")


def test_a_table_of_another_tool_is_not_promoted(models: Path) -> None:
    write_run(models, "new", table(0, 0))
    (models / "new" / "run.json").unlink()
    with pytest.raises(InputError, match="train it again"):
        promotion.judge(models, "new", "now")


def test_the_command_promotes_says_by_how_much_and_rolls_back(
    models: Path, capsys: Capture
) -> None:
    candidate(models, 20, 5, configuration={"from": "now"})
    folder = ["--models", models]
    assert command("promote", "new", *folder, quiet=False) == 0
    said = capsys.readouterr().out
    assert "new beside now on 2,000 test images" in said
    assert "right answers: 98.0%" in said
    assert "-> 99.0%" in said
    assert "difference +1.0 points" in said
    assert "new is shown first from now on" in said
    assert promotion.current(models) == "new"
    assert command("promote", "--back", *folder, quiet=False) == 0
    assert "new is no longer shown first; the best run is" in capsys.readouterr().out
    assert promotion.current(models) is None
    assert "nothing to roll back" in refusal_of(capsys, "--back", *folder)


def test_what_two_readers_changed_is_said_before_the_figures(models: Path, capsys: Capture) -> None:
    candidate(models, 20, 5)
    write(models, correction("Testing/1.png", "pituitary"), correction("Testing/3.png", None))
    assert command("promote", "new", "--models", models, quiet=False) == 0
    said = capsys.readouterr().out
    assert (
        "new beside now on 1,999 test images:\n  " + by_readers(1, 1, 1, among="these images")
        in said
    )


def test_a_worse_candidate_is_refused_with_the_margin(models: Path, capsys: Capture) -> None:
    candidate(models, 200, 120)
    assert command("promote", "new", "--over", "now", "--models", models, quiet=False) == 1
    said = capsys.readouterr().out
    assert "its lower end has to be -0.5 points or more: falls short by" in said
    assert "Not promoted: now is still shown first." in said
    assert promotion.current(models) is None


def test_the_next_candidate_is_compared_with_the_promoted_run(
    models: Path, capsys: Capture
) -> None:
    candidate(models, 20, 5)
    write_promoted(models, "new", "now")
    write_run(models, "newest", table(19, 5))
    assert command("promote", "newest", "--models", models, quiet=False) == 0
    assert "newest beside new on" in capsys.readouterr().out
    promotion.roll_back(models, who="ada")
    assert promotion.current(models) == "new"


def test_the_run_that_is_shown_first_is_always_among_those_compared(
    models: Path, capsys: Capture
) -> None:
    """A run that is named, or that the candidate went on from, does not stand in for it."""
    write_run(models, "weak", table(400, 300))
    candidate(models, 200, 120, configuration={"from": "weak"})
    for more in ((), ("--over", "weak")):
        assert command("promote", "new", *more, "--models", models, quiet=False) == 1
        said = capsys.readouterr().out
        assert "new beside now on" in said
        assert ("new beside weak on" in said) == bool(more)
        assert "Not promoted: now is still shown first." in said
    write_promoted(models, "weak", "now")
    assert command("promote", "new", "--over", "now", "--models", models, quiet=False) == 1
    assert "Not promoted: weak is still shown first." in capsys.readouterr().out
    assert command("promote", "new", "--models", models, quiet=False) == 0


def test_what_is_shown_first_by_its_figures_is_not_promoted_over_what_never_was(
    models: Path, capsys: Capture
) -> None:
    write_run(models, "worse", table(90, 40))
    assert "now is the run that is shown first already" in refusal_of(
        capsys, "now", "--models", models
    )
    assert promotion.history(models) == []


def test_the_run_on_the_other_split_that_makes_one_first_does_not_make_another_first(
    models: Path,
) -> None:
    """A model is chosen by its run on a grouped split, which is counted though it is the candidate."""
    for name, kind, wrong in (("good", "a", 10), ("bad", "b", 90)):
        for split in ("official", "grouped"):
            write_run(models, f"{name}-{split}", table(wrong, 0))
            run = replace(runs.load(models, f"{name}-{split}"), architecture=kind, protocol=split)
            runs.save(models, run)
    with pytest.raises(InputError, match="good-grouped and good-official have another split"):
        promotion.propose(models, "good-grouped")


def test_without_anything_to_compare_with_it_is_refused(models: Path, capsys: Capture) -> None:
    assert "now is the run that is shown first already" in refusal_of(
        capsys, "now", "--models", models
    )
    candidate(models, 20, 5)
    write_promoted(models, "new", "now")
    assert "new is the run that is shown first" in refusal_of(capsys, "new", "--models", models)
    assert "--back stands alone" in refusal_of(capsys, "new", "--back", "--models", models)
    assert "Say which run" in refusal_of(capsys, "--models", models)


def refusal_of(capsys: Capture, *arguments: object) -> str:
    code = command("promote", *arguments, quiet=False)
    shown = capsys.readouterr()
    assert (code, shown.out) == (2, "")
    return shown.err


def test_who_promoted_and_who_took_it_back_stays_in_the_list(
    models: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate(models, 20, 5)
    for name, what in (("ada", "new"), ("grace", "--back"), ("ada", "new")):
        monkeypatch.setenv("LOGNAME", name)
        assert command("promote", what, "--models", models, quiet=False) == 0
    found = [(one.run, one.over, one.who, one.back) for one in promotion.history(models)]
    assert found == [("new", "now", "ada", False), ("new", "now", "grace", True),
                     ("new", "now", "ada", False)]  # fmt: skip
    assert promotion.current(models) == "new"
    capsys.readouterr()
    assert command("promote", "--list", "--models", models, quiet=False) == 0
    first, second, _ = capsys.readouterr().out.splitlines()
    assert first.endswith("  new promoted in place of now (ada)")
    assert second.endswith("  new taken back (grace)")
    assert "--list stands alone" in refusal_of(capsys, "--list", "--back", "--models", models)


def test_a_user_without_a_name_is_noted_by_number(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nobody)
    monkeypatch.setattr("os.getuid", lambda: 4711)
    candidate(models, 20, 5)
    assert command("promote", "new", "--models", models, quiet=False) == 0
    assert promotion.history(models)[0].who == "user 4711"


def test_a_candidate_that_cannot_answer_is_not_promoted_however_good(
    models: Path, capsys: Capture
) -> None:
    """Else the pages would show the figures of one run, and another would answer."""
    candidate(models, 20, 5)
    for damage, why in ((b"junk", "Its model file is damaged"), (None, "It has no model file")):
        path = models / "new" / runs.MODEL_FILE
        path.unlink() if damage is None else path.write_bytes(damage)
        assert all(one.holds for one in promotion.propose(models, "new").judged)
        assert command("promote", "new", "--models", models, quiet=False) == 1
        assert f"Not promoted: now is still shown first. {why}" in capsys.readouterr().out
        assert promotion.history(models) == []


def test_a_proposal_is_judged_anew_when_it_is_decided_on(models: Path) -> None:
    candidate(models, 20, 5)
    assert promotion.propose(models, "new").holds
    assert promotion.history(models) == []
    shutil.rmtree(models / "new")
    candidate(models, 200, 120)
    assert not promotion.promote(models, "new", who="ada", shown="now").holds
    assert promotion.history(models) == []


def test_what_was_decided_on_before_somebody_else_decided_is_refused(models: Path) -> None:
    candidate(models, 20, 5)
    candidate(models, 19, 5, name="newest")
    assert promotion.promote(models, "new", who="ada", shown="now").holds
    with pytest.raises(InputError, match="Meanwhile new is shown first, not now; compare newest"):
        promotion.promote(models, "newest", who="grace", shown="now")
    with pytest.raises(InputError, match="new is the run that is shown first already"):
        promotion.promote(models, "new", who="grace", shown="now")
    with pytest.raises(InputError, match="the last promotion is that of new, not of newest"):
        promotion.roll_back(models, who="grace", run="newest")
    assert [one.who for one in promotion.history(models)] == ["ada"]


def test_of_several_at_once_none_is_lost_and_each_is_judged_beside_the_one_before(
    models: Path,
) -> None:
    names = [f"new-{i}" for i in range(6)]
    for name in names:
        write_run(models, name, table(40, 10))
    with ThreadPoolExecutor(len(names)) as all_at_once:
        done = list(all_at_once.map(lambda name: promotion.promote(models, name, who=name), names))
    assert all(one.holds for one in done)
    entries = promotion.history(models)
    assert sorted(one.run for one in entries) == names
    assert [one.over for one in entries[1:]] == [one.run for one in entries[:-1]]
    with ThreadPoolExecutor(len(names)) as all_at_once:
        gone = list(all_at_once.map(lambda who: promotion.roll_back(models, who=who)[0], names))
    assert sorted(gone) == names
    assert promotion.current(models) is None
    assert len(promotion.history(models)) == 2 * len(names)


@pytest.mark.parametrize("who", ["", " ", "\u200b", "x" * 101, "a\0b"])
def test_nobody_promotes_without_a_name(models: Path, who: str) -> None:
    candidate(models, 20, 5)
    with pytest.raises(InputError, match=r"Say who you are|name is too long|no text"):
        promotion.promote(models, "new", who=who)
    with pytest.raises(InputError, match=r"Say who you are|name is too long|no text"):
        promotion.roll_back(models, who=who)


def test_a_folder_that_cannot_be_written_is_told_in_words(models: Path, capsys: Capture) -> None:
    candidate(models, 20, 5)
    (models / "promoted.lock").mkdir()
    assert "Could not write" in refusal_of(capsys, "new", "--models", models)
    assert promotion.history(models) == []


def test_runs_that_cannot_be_compared_are_known_by_their_counts(models: Path) -> None:
    write_run(models, "fewer", table(0, 0).where(np.arange(N) < N - 1))
    candidate(models, 20, 5)
    now, new, fewer = (choice.counted_run(models, name) for name in ("now", "new", "fewer"))
    assert now
    assert new
    assert fewer
    assert promotion.unlike(new, now) is None
    assert "Not tested on the same images as now" in str(promotion.unlike(fewer, now))
    other = replace(new, run=replace(runs.load(models, "new"), seed=9))
    assert "With another seed than now, test images of one" in str(promotion.unlike(other, now))
    assert "table of another tool" in str(promotion.unlike(replace(new, run=None), now))


def test_the_list_of_an_earlier_version_is_read_and_gone_on_with(models: Path) -> None:
    entry = {"run": "new", "over": "now", "at": "2026-01-01T00:00:00+00:00"}
    (models / promotion.FILE).write_text(json.dumps({"schema": 1, "promoted": [entry]}))
    assert promotion.current(models) == "new"
    assert promotion.roll_back(models, who="ada") == ("new", None)
    assert [(one.who == "", one.back) for one in promotion.history(models)] == [
        (True, False), (False, True)
    ]  # fmt: skip


def test_a_list_that_takes_back_what_was_never_promoted_is_damaged(models: Path) -> None:
    entry = {"run": "new", "over": "now", "at": "", "who": "ada", "back": True}
    (models / promotion.FILE).write_text(json.dumps({"schema": 2, "promoted": [entry]}))
    with pytest.raises(InputError, match="is damaged"):
        promotion.current(models)


def test_a_damaged_list_is_told_in_words(models: Path) -> None:
    (models / promotion.FILE).write_text("{")
    with pytest.raises(InputError, match=r"promoted\.json is damaged"):
        promotion.current(models)
