"""`brainmri.gate` and `python -m brainmri check`: requirements that stop a pipeline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from brainmri import evaluation, gate, predictions, ranking, results
from brainmri.cli import main
from brainmri.errors import InputError
from brainmri.predictions import Predictions
from brainmri.wording import by_readers
from tests.brainmri.test_manifests import correction, write
from tests.conftest import SHIPPED

CLASSES = ["glioma", "healthy", "pituitary"]
# (truth, answer, seen), ten times: 5 tumours, one missed; 3 without, one false alarm; pituitary 1 of 2 found
ROWS = [(0, 0, True), (0, 0, False), (0, 1, True), (1, 1, False), (1, 1, False), (1, 0, False),
        (2, 2, False), (2, 0, False)] * 10  # fmt: skip


def table(rows: list[tuple[int, int, bool]] = ROWS) -> Predictions:
    y_prob = np.full((len(rows), 3), 0.1, dtype=np.float32)
    y_prob[range(len(rows)), [answer for _, answer, _ in rows]] = 0.8
    return Predictions(
        paths=np.array([f"{i}.png" for i in range(len(rows))], dtype=object),
        splits=np.full(len(rows), "test", dtype=object),
        y_true=np.array([truth for truth, _, _ in rows]),
        y_prob=y_prob,
        classes=CLASSES,
        seen=np.array([seen for _, _, seen in rows]),
    )


def judged(text: str, of: Predictions | None = None, *, unseen: bool = False) -> gate.Judged:
    of = of or table()
    groups = np.arange(len(of.paths))
    (one,) = gate.judge(
        [gate.parse(text, CLASSES)],
        of,
        split="test",
        negative="healthy",
        groups=groups,
        unseen=unseen,
    )
    return one


# --- reading ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("accuracy>=0.9", ("accuracy", None, "value", ">=", 0.9)),
        ("  tumour_sensitivity.low > .97 ", ("tumour_sensitivity", None, "low", ">", 0.97)),
        ("missed_tumours.k<=3", ("missed_tumours", None, "k", "<=", 3)),
        ("recall[glioma].low<1", ("recall", "glioma", "low", "<", 1)),
        ("f1[ pituitary ]==1e-1", ("f1", "pituitary", "value", "==", 0.1)),
        ("precision[healthy].k > 12", ("precision", "healthy", "k", ">", 12)),
        ("auroc_tumour.n>=500", ("auroc_tumour", None, "n", ">=", 500)),
    ],
)
def test_a_requirement_is_read(text: str, read: tuple[object, ...]) -> None:
    found = gate.parse(text, CLASSES)
    assert found.text == text.strip()
    assert (found.metric, found.of, found.part, found.sign, found.bound) == read


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("accuracy", "is no requirement; write METRIC[.PART] >= NUMBER"),
        ("", "is no requirement"),
        ("accuracy=0.9", "is no requirement"),
        ("accuracy>=", "is no requirement"),
        ("accuracy>=0.9 and f1>0.9", "is no requirement"),
        ("accuracy>=0.9.1", '"0.9.1" in "accuracy>=0.9.1" is no number'),
        ("accuracy>=97", "write 0.97 for 97 %"),
        ("sensitivity>0.9", 'no metric "sensitivity"; there are accuracy, tumour_sensitivity'),
        ("accuracy[glioma]>0.9", 'no metric "accuracy[glioma]"'),
        ("auroc>0.9", "auroc[CLASS]"),
        ("recall[lung]>0.9", 'no class "lung"; the classes are glioma, healthy, pituitary'),
        ("recall[]>0.9", 'no class ""'),
        ("accuracy.mean>0.9", 'no part "mean" of a metric; there are value, low, high, n, k'),
        ("f1.k>3", "counts no images, so it has no .k"),
        ("recall.k>3", "counts no images, so it has no .k"),
    ],
)
def test_what_cannot_be_read_is_refused_and_names_what_there_is(text: str, says: str) -> None:
    with pytest.raises(InputError) as refused:
        gate.parse(text, CLASSES)
    assert says in str(refused.value)


# --- judging ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("accuracy>=0.625", True),
        ("accuracy>0.625", False),
        ("accuracy<=0.625", True),
        ("accuracy<0.625", False),
        ("accuracy==0.625", True),
        ("accuracy.n==80", True),
        ("tumour_sensitivity==0.8", True),
        ("tumour_specificity.k==20", True),
        ("missed_tumours.k<=10", True),
        ("missed_tumours.k<10", False),
        ("false_alarms.n==30", True),
        ("negative_precision.k==20", True),
        ("precision[glioma].n==40", True),
        ("recall[pituitary]==0.5", True),
        ("f1[pituitary]>0.66", True),
        ("f1[pituitary]<0.67", True),
        ("accuracy.low<0.52", True),
        ("accuracy.low>0.52", False),
        ("accuracy.high>0.72", True),
    ],
)
def test_requirements_by_hand(text: str, holds: bool) -> None:
    assert judged(text).holds is holds


def test_every_metric_can_be_named_and_is_that_of_the_report() -> None:
    found = evaluation.report(
        table(), split="test", negative="healthy", groups=np.arange(len(ROWS)), run=""
    )
    for name, expected in {"precision": found.precision, "recall": found.recall, "f1": found.f1,
                           "accuracy": found.accuracy, "tumour_sensitivity": found.sensitivity,
                           "f1[healthy]": found.per_class[1].f1}.items():  # fmt: skip
        assert judged(f"{name}>=0").estimate == expected
    tumour = table().y_true != 1
    area, _ = ranking.areas(tumour, -table().y_prob[:, 1], np.arange(len(ROWS)))
    assert judged("auroc_tumour>=0").estimate == area
    for name in (*gate.COUNTED, *gate.AVERAGED, *(f"{n}[glioma]" for n in gate.PER_CLASS)):
        assert judged(f"{name}.low>=0").holds


def test_only_unseen_images_count_when_asked() -> None:
    assert judged("accuracy.n==60", unseen=True).holds
    assert judged("missed_tumours.k==0", unseen=True).holds


def test_without_a_record_of_what_was_seen_unseen_is_refused() -> None:
    foreign = Predictions(**{**vars(table()), "seen": None})
    with pytest.raises(InputError, match="do not record which images"):
        judged("accuracy>=0", foreign, unseen=True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("recall[pituitary]>=0", "no images of this class"),
        ("auroc[pituitary].n>=0", "no images of this class"),
        ("precision[pituitary]<=1", "never predicted"),
        ("f1[pituitary]>=0", "no images of this class"),
    ],
)
def test_a_metric_without_a_value_fails_and_says_why(text: str, reason: str) -> None:
    one = judged(text, table([(0, 0, False), (1, 1, False)]))
    assert (one.holds, one.reason) == (False, reason)
    assert gate.in_words(one) == f"FAILS  {text}: undefined, {reason} (n = {one.estimate.n})"


def test_a_figure_of_too_few_images_fails_but_their_number_is_judged() -> None:
    few = table(ROWS[:8])
    assert judged("accuracy.n==8", few).holds
    assert judged("missed_tumours.k<=1", few).holds
    for text in ("accuracy>=0", "missed_tumours.high<=1", "f1[glioma].low>=0"):
        one = judged(text, few)
        assert not one.holds
        assert one.reason is not None
        assert one.reason.startswith("too few images (")


def test_no_images_fail_every_requirement() -> None:
    everything_seen = table([(t, a, True) for t, a, _ in ROWS])
    for text in ("accuracy>=0", "f1>=0", "missed_tumours.k<=9", "auroc_tumour>=0"):
        one = judged(text, everything_seen, unseen=True)
        assert not one.holds
        assert one.reason


# --- the command -----------------------------------------------------------------------------


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A models folder with the run "cnn" of another tool and no index."""
    folder = tmp_path / "models"
    (folder / "cnn").mkdir(parents=True)
    columns = {f"prob_{name}": table().y_prob[:, i] for i, name in enumerate(CLASSES)}
    label = [CLASSES[truth] for truth, _, _ in ROWS]
    seen = [seen for _, _, seen in ROWS]
    pq.write_table(
        pa.table({"label": label, **columns, "seen": seen}), folder / "cnn/predictions.parquet"
    )
    return folder


def check(models: Path, *arguments: str) -> int:
    return main(["check", "--models", str(models), "--run", "cnn", *arguments])


def test_requirements_that_hold_exit_with_0_and_each_is_printed_with_its_figures(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("--require", "missed_tumours.k<=10", "--require", "f1[glioma].low>=0")
    assert check(models, *asked) == 0
    first, *lines, last = capsys.readouterr().out.splitlines()
    assert (first, last) == ("cnn on its test images:", "All hold.")
    assert lines[0] == (
        "  holds  missed_tumours.k<=10: 0.2000 (10 of 50, 95 % interval 0.1124 to 0.3304, n = 50)"
    )
    assert lines[1].startswith("  holds  f1[glioma].low>=0: 0.5714 (95 % interval ")


def test_what_two_readers_changed_is_said_before_the_requirements(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = models / "cnn/predictions.parquet"
    with_paths = pq.read_table(file).append_column("path", pa.array(table().paths.tolist()))
    pq.write_table(with_paths, file)
    write(models, correction("0.png", "pituitary"), correction("1.png", None))
    assert check(models, "--require", "accuracy.n==79", "--require", "missed_tumours.n==49") == 0
    said = capsys.readouterr().out.splitlines()[1]
    assert said == f"  {by_readers(1, 1, 1, among='all its test images')}"


def test_one_requirement_that_fails_exits_with_1(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(models, "--require", "accuracy>0.1", "--require", "accuracy.low>0.9") == 1
    shown = capsys.readouterr().out
    assert "  FAILS  accuracy.low>0.9: 0.6250 (50 of 80, " in shown
    assert shown.endswith("1 of 2 requirements fails.\n")
    assert check(models, "--unseen", "--require", "accuracy.n==80") == 1
    assert "without a near-copy in training" in capsys.readouterr().out
    # It has no validation images.
    assert check(models, "--split", "val", "--require", "accuracy>0") == 1
    assert "undefined, no images (n = 0)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--run", "cnn", "--require", "accurracy>0.9"], 'There is no metric "accurracy"'),
        (["--run", "nowhere", "--require", "accuracy>0.9"], 'There is no run "nowhere"'),
        (["--run", "../cnn", "--require", "accuracy>0.9"], "cannot be the name of a run"),
    ],
)
def test_a_bad_expression_or_run_exits_with_2_and_one_sentence(
    models: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--models", str(models), *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert says in shown.err
    assert shown.err.count("\n") == 1


def test_near_copies_of_the_index_are_drawn_together(capsys: pytest.CaptureFixture[str]) -> None:
    known = results.known_images(SHIPPED)
    table = predictions.read(SHIPPED / "cnn-official" / "predictions.parquet")
    groups = results.groups(table, known)
    expected = evaluation.report(
        table, split="test", negative="notumor", groups=groups, run=""
    ).f1.low
    assert expected is not None
    assert main(["check", "--models", str(SHIPPED), "--run", "cnn-official",
                 "--require", "f1>0"]) == 0  # fmt: skip
    assert f"95 % interval {expected:.4f} to" in capsys.readouterr().out
