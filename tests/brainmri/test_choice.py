"""`brainmri.choice`: which run answers where none is named."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from brainmri import choice, promotion, runs
from brainmri.errors import InputError
from brainmri.runs import Run
from brainmri.tally import Tallies, Tally
from tests.dashboard.results import write_promoted


@dataclass(frozen=True)
class Candidate:
    """A run of which `right` of 100 validation images were called rightly."""

    name: str
    architecture: str
    right: int
    is_official: bool = True
    has_model: bool = True
    model_fault: str | None = None
    goes_on_from: str | None = None

    @property
    def run(self) -> Run:
        return SimpleNamespace(  # type: ignore[return-value]
            architecture=self.architecture,
            protocol=runs.OFFICIAL if self.is_official else "grouped_split",
            configuration={"from": self.goes_on_from},
        )

    @property
    def tallies(self) -> Tallies:
        matrix = np.array([[[self.right, 100 - self.right], [0, 0]]])
        counted = Tally("val", ["a", "b"], matrix, None, None, 0, None, [], {})
        return Tallies({"val": counted, "test": counted}, {"val", "test"})


def test_a_model_is_chosen_by_its_grouped_split_where_it_has_a_run_on_one() -> None:
    official = [Candidate("a-official", "a", 97), Candidate("b-official", "b", 95)]
    chosen = choice.best(official, official, None)
    assert chosen is not None
    assert chosen.name == "a-official"
    grouped = [
        Candidate("a-grouped", "a", 60, is_official=False),
        Candidate("b-grouped", "b", 90, is_official=False),
    ]
    chosen = choice.best([*official, *grouped], [*official, *grouped], None)
    assert chosen is not None
    assert chosen.name == "b-official"


def test_the_promoted_run_comes_before_all_others() -> None:
    both = [Candidate("a", "a", 97), Candidate("b", "b", 50)]
    chosen = choice.best(both, both, "b")
    assert chosen is not None
    assert chosen.name == "b"
    assert choice.best([], [], "b") is None


def test_what_goes_on_from_a_run_stands_first_only_once_it_is_promoted() -> None:
    both = [Candidate("now", "a", 90), Candidate("new", "a", 95, goes_on_from="now")]
    for promoted, expected in ((None, "now"), ("new", "new")):
        chosen = choice.best(both, both, promoted)
        assert chosen is not None
        assert chosen.name == expected
    assert choice.best(both[1:], both, None) == both[1]


def test_without_a_model_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has a model file"):
        promotion.answering(tmp_path, [])


def test_a_run_answers_that_has_both_a_model_and_predictions(
    trained_models: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    for name in ("brightness", "cnn"):
        shutil.copytree(trained_models / name, models / name)
    write_promoted(models, "cnn", "brightness")
    assert promotion.answering(models, []) == "cnn"
    # The pages cannot show a run without predictions, so it answers nowhere.
    (models / "cnn" / runs.PREDICTIONS_FILE).write_bytes(b"")
    assert promotion.answering(models, []) == "brightness"
    (models / "brightness" / runs.MODEL_FILE).unlink()
    with pytest.raises(InputError, match=r"both a model and predictions .* say with --run .*: cnn"):
        promotion.answering(models, [])


def test_the_best_run_with_a_model_answers_and_a_promoted_one_before_others(
    trained_models: Path, tmp_path: Path
) -> None:
    assert promotion.answering(trained_models, []) == "cnn"
    models = tmp_path / "models"
    shutil.copytree(trained_models / "cnn", models / "cnn")
    shutil.copytree(trained_models / "cnn", models / "other")
    told = json.loads((models / "other" / runs.RUN_FILE).read_text())
    (models / "other" / runs.RUN_FILE).write_text(json.dumps({**told, "name": "other"}))
    write_promoted(models, "cnn", "other")
    assert promotion.answering(models, []) == "cnn"
    write_promoted(models, "other", "cnn")
    assert promotion.answering(models, []) == "other"


@pytest.mark.parametrize("damage", ["cut", "junk"])
@pytest.mark.parametrize("promoted", [False, True])
def test_a_run_with_a_damaged_model_file_is_passed_over_and_named(
    trained_models: Path, tmp_path: Path, damage: str, promoted: bool
) -> None:
    models = Path(shutil.copytree(trained_models, tmp_path / "models"))
    if promoted:
        write_promoted(models, "cnn", "brightness")
    assert promotion.answering(models, []) == "cnn"
    model = models / "cnn" / runs.MODEL_FILE
    whole = model.read_bytes()
    model.write_bytes(whole[:-9] if damage == "cut" else b"junk")
    told: list[str] = []
    assert promotion.answering(models, told) == "brightness"
    (sentence,) = told
    assert sentence.startswith("cnn was passed over. Its model file is damaged: ")
    assert str(models) not in sentence
    (models / "brightness" / runs.MODEL_FILE).write_bytes(b"")
    with pytest.raises(InputError, match=r"^No run can answer\. cnn was .* brightness was passed"):
        promotion.answering(models, [])
    model.write_bytes(whole)  # Brought back from a copy.
    told = []
    assert (promotion.answering(models, told), told) == ("cnn", [])


def test_a_damaged_model_file_that_would_not_answer_is_not_spoken_of() -> None:
    every = [
        Candidate("good", "a", 97),
        Candidate("bad", "b", 60, has_model=False, model_fault="It is damaged."),
    ]
    assert choice.passed_over(every, None) == []
    assert choice.passed_over(every, "bad") == [every[1]]
    assert choice.passed_over([], None) == []
