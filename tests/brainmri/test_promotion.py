"""`brainmri.promotion`: a run is shown first only when it is shown to be no worse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from brainmri import promotion, runs
from brainmri.errors import InputError
from brainmri.predictions import Predictions
from brainmri.wording import by_readers
from tests.brainmri.command_line import Capture, command
from tests.brainmri.test_manifests import correction, write
from tests.dashboard.results import CLASSES, NEGATIVE, write_run

N = 2000


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


def candidate(models: Path, wrong: int, missed: int, **changed: object) -> None:
    write_run(models, "new", table(wrong, missed))
    runs.save(models, replace(runs.load(models, "new"), **changed))  # type: ignore[arg-type]


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
    models: Path, changed: dict[str, object], named: str
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
    promotion.promote(models, "new", "now")
    write_run(models, "newest", table(19, 5))
    assert command("promote", "newest", "--models", models, quiet=False) == 0
    assert "newest beside new on" in capsys.readouterr().out
    promotion.roll_back(models)
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
    promotion.promote(models, "weak", "now")
    assert command("promote", "new", "--over", "now", "--models", models, quiet=False) == 1
    assert "Not promoted: weak is still shown first." in capsys.readouterr().out
    assert command("promote", "new", "--models", models, quiet=False) == 0


def test_without_anything_to_compare_with_it_is_refused(models: Path, capsys: Capture) -> None:
    assert "no other run than now" in refusal_of(capsys, "now", "--models", models)
    candidate(models, 20, 5)
    promotion.promote(models, "new", "now")
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
    promotion.promote(models, "new", "now")
    assert promotion.history(models)[0].who == "user 4711"


def test_the_list_of_an_earlier_version_is_read_and_gone_on_with(models: Path) -> None:
    entry = {"run": "new", "over": "now", "at": "2026-01-01T00:00:00+00:00"}
    (models / promotion.FILE).write_text(json.dumps({"schema": 1, "promoted": [entry]}))
    assert promotion.current(models) == "new"
    assert promotion.roll_back(models) == ("new", None)
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
