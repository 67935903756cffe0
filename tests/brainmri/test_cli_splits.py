"""The command line: splits, and what it says of their leaks."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from brainmri import predictions, runs
from brainmri.cli import main
from tests.brainmri.command_line import (
    DONE,
    REFUSED,
    Capture,
    command,
    refusal,
)
from tests.brainmri.files_to_read import snapshot
from tests.conftest import ROOT, SIZE_PX, TEST_PER_CLASS, TRAIN_PER_CLASS

# --- splits and their leaks ------------------------------------------------------------------


@pytest.fixture
def leaking(own_data: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A data folder with two training images copied into Testing, one mirrored, and its models."""
    glioma = own_data / "Training" / "glioma"
    shutil.copy(glioma / "glioma-0001.png", own_data / "Testing" / "glioma" / "same.png")
    mirrored = Image.open(glioma / "glioma-0002.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    mirrored.save(own_data / "Testing" / "glioma" / "turned.png")
    models = tmp_path / "leaking"
    assert command("index", own_data, "--models", models) == DONE
    return own_data, models


SAYS_WHO_LEAKS = (
    f"leaks: 2 of {4 * TEST_PER_CLASS + 2} test images have a near-duplicate, mirrored ones counted, "
    "among the images that shape the model, such as "
    "Testing/glioma/same.png (a copy of Training/glioma/glioma-0001.png), "
    "Testing/glioma/turned.png (a mirrored copy of Training/glioma/glioma-0002.png)"
)


def test_training_on_a_split_that_leaks_is_refused(
    leaking: tuple[Path, Path], capsys: Capture
) -> None:
    data, models = leaking
    capsys.readouterr()
    before = snapshot(models)
    says = refusal(capsys, "train", data, "--models", models, "--model", "mean-brightness",
                   "--run", "new", "--size-px", SIZE_PX)  # fmt: skip
    expected = f'The split "official" {SAYS_WHO_LEAKS}; --allow-leaks trains on it all the same.'
    assert says == expected
    assert snapshot(models) == before


def test_training_on_it_all_the_same_warns_and_can_be_scored(
    leaking: tuple[Path, Path], capsys: Capture
) -> None:
    data, models = leaking
    arguments = ("--models", models, "--run", "new")
    assert command("train", data, *arguments, "--model", "mean-brightness", "--size-px", SIZE_PX,
                   "--allow-leaks") == DONE  # fmt: skip
    assert capsys.readouterr().err == f'warning: The split "official" {SAYS_WHO_LEAKS}.\n'
    assert command("predict", data, *arguments) == DONE
    table = predictions.read(models / "new" / "predictions.parquet")
    assert table.seen is not None
    assert table.seen[table.splits == "test"].sum() == 2


def test_an_automatic_split_trains_without_leaks_and_is_scored_on_its_own_rows(
    leaking: tuple[Path, Path], capsys: Capture
) -> None:
    data, models = leaking
    arguments = ("--models", models, "--run", "new")
    assert command("train", data, *arguments, "--model", "mean-brightness", "--size-px", SIZE_PX,
                   "--split", "auto", "--seed", 3) == DONE  # fmt: skip
    assert capsys.readouterr().err == ""
    assert command("predict", data, *arguments) == DONE
    run = runs.load(models, "new")
    assert (run.protocol, run.seed) == ("auto", 3)
    table = predictions.read(models / "new" / "predictions.parquet")
    assert len(table.paths) == run.images["val"] + run.images["test"]
    assert table.seen is not None
    assert not table.seen.any()


def test_split_shows_rows_of_each_part_and_class_and_what_leaks(
    leaking: tuple[Path, Path], capsys: Capture
) -> None:
    _, models = leaking
    capsys.readouterr()
    assert command("split", "--models", models) == DONE
    shown = capsys.readouterr()
    assert re.search(r"^ +train +val +test$", shown.out, re.MULTILINE)
    rows = dict(re.findall(r"^  (\w+) +(\d+ +\d+ +\d+)$", shown.out, re.MULTILINE))
    train, val, test = map(int, rows["glioma"].split())
    assert (train + val, test) == (TRAIN_PER_CLASS, TEST_PER_CLASS + 2)
    assert sum(map(int, rows["all"].split())) == 4 * (TRAIN_PER_CLASS + TEST_PER_CLASS) + 2
    assert f'The split "official" {SAYS_WHO_LEAKS}.\n' in shown.out
    assert shown.err == ""


def test_split_names_the_next_command_and_the_table_it_wrote_and_both_work(
    leaking: tuple[Path, Path], tmp_path: Path, capsys: Capture
) -> None:
    data, models = leaking
    out = tmp_path / "split.csv"
    assert command("split", data, "--models", models, "--split", "auto", "--out", out) == DONE
    shown = capsys.readouterr().out
    assert "No copies: " in shown
    following = re.search(r"^Next: python -m brainmri (.*)$", shown, re.MULTILINE)
    assert following
    options = ["--model", "mean-brightness", "--run", "new"]
    asked = shlex.split(following[1].replace("--model cnn --run NAME", shlex.join(options)))
    assert command(*asked, "--size-px", SIZE_PX) == DONE
    assert command("index", data, "--models", models, "--metadata", out) == DONE
    assert command(*asked[:-4], "--split", "part", "--models", models, "--size-px", SIZE_PX,
                   "--replace") == DONE  # fmt: skip
    assert runs.load(models, "new").protocol == "part"


def test_a_leaking_split_is_written_only_on_demand(
    leaking: tuple[Path, Path], tmp_path: Path, capsys: Capture
) -> None:
    _, models = leaking
    capsys.readouterr()
    out = tmp_path / "split.csv"
    says = refusal(capsys, "split", "--models", models, "--out", out)
    assert says.endswith("--allow-leaks writes it all the same.")
    assert not out.exists()
    assert command("split", "--models", models, "--out", out, "--allow-leaks") == DONE
    assert out.is_file()


def test_splitting_by_a_column_says_how_many_images_lack_it(
    own_data: Path, tmp_path: Path, capsys: Capture
) -> None:
    paths = sorted(p.relative_to(own_data).as_posix() for p in own_data.rglob("*.png"))
    lines = [f"{path},{'' if i % 4 == 0 else i // 2}" for i, path in enumerate(paths)]
    (tmp_path / "m.csv").write_text("\n".join(["path,patient", *lines]) + "\n")
    models = tmp_path / "models"
    assert command("index", own_data, "--models", models, "--metadata", tmp_path / "m.csv") == DONE
    capsys.readouterr()
    assert command("split", "--models", models, "--by", "patient") == DONE
    shown = capsys.readouterr().out
    assert shown.startswith('Split "auto:patient", seed 0: 68 images.')
    assert "17 images have no patient; only their cluster is kept whole." in shown
    says = refusal(capsys, "split", "--models", models, "--by", "patient", "--split", "official")
    assert says.startswith("--by belongs to the automatic split")
    assert "There is no image index" in refusal(capsys, "split", "--models", tmp_path / "none")


def test_a_seed_that_cannot_be_used_is_refused_by_every_command_that_takes_one(
    leaking: tuple[Path, Path], capsys: Capture
) -> None:
    data, models = leaking
    capsys.readouterr()
    expected = "The seed -1 cannot be used; give a whole number from 0 to 4,294,967,295."
    asked = ("--models", models, "--split", "auto", "--seed", -1)
    assert refusal(capsys, "split", *asked) == expected
    assert refusal(capsys, "train", data, *asked, "--model", "mean-brightness", "--run", "new",
                   "--size-px", SIZE_PX) == expected  # fmt: skip


def test_split_says_what_a_column_leaves_out_and_refuses_what_it_does_not_know(
    own_data: Path, tmp_path: Path, capsys: Capture
) -> None:
    models, table = tmp_path / "models", tmp_path / "m.csv"
    paths = sorted(p.relative_to(own_data).as_posix() for p in own_data.rglob("*.png"))
    folds = ["train", "val", "test", "guard", ""]
    lines = [f"{path},{folds[i % 5]}" for i, path in enumerate(paths)]
    table.write_text("\n".join(["path,fold", *lines]) + "\n")
    assert command("index", own_data, "--models", models, "--metadata", table) == DONE
    capsys.readouterr()
    assert command("split", "--models", models, "--split", "fold") == DONE
    of = [sum(i % 5 == k for i in range(len(paths))) for k in range(5)]
    said = f"leaves {of[3] + of[4]} images out: {of[3]} guard, {of[4]} without a value."
    assert f'The column "fold" {said}' in capsys.readouterr().out
    table.write_text(table.read_text().replace(",test\n", ",tset\n"))
    assert command("index", own_data, "--models", models, "--metadata", table) == DONE
    capsys.readouterr()
    says = refusal(capsys, "split", "--models", models, "--split", "fold")
    assert f'The column "fold" holds values that name no part: "tset" ({of[2]} images); ' in says


@pytest.mark.parametrize("name", ["official", "auto", "auto:scanner"])
def test_metadata_columns_with_the_name_of_another_split_are_refused(
    name: str, own_data: Path, tmp_path: Path, capsys: Capture
) -> None:
    path = next(own_data.rglob("*.png")).relative_to(own_data).as_posix()
    (tmp_path / "m.csv").write_text(f"path,{name}\n{path},train\n")
    says = refusal(capsys, "index", own_data, "--models", tmp_path / "models", "--metadata",
                   tmp_path / "m.csv")  # fmt: skip
    assert f"columns whose names mean something else to --split ({name}); rename them." in says


@pytest.mark.parametrize("name", ["index", "audit", "split", "train", "predict", "check", "demo"])
def test_every_command_has_help_with_examples_and_exit_codes(name: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == DONE
    shown = capsys.readouterr().out
    assert f"python -m brainmri {name} " in shown
    assert "exit codes:" in shown
    assert ("--quiet" in shown) == (name != "check")  # It is done at once.


@pytest.mark.parametrize("name", ["index", "audit", "split", "train", "predict", "check", "demo"])
def test_the_examples_in_the_help_can_be_parsed(name: str, capsys: Capture) -> None:
    from brainmri import options

    with pytest.raises(SystemExit):
        main([name, "--help"])
    examples = re.findall(r"^ +python -m brainmri (.*)$", capsys.readouterr().out, re.MULTILINE)
    assert examples
    for example in examples:
        options.parser().parse_args(shlex.split(example))


@pytest.mark.parametrize("arguments", [[], ["fly"], ["index"], ["predict"], ["train", "x"]])
def test_a_command_that_cannot_be_parsed_exits_with_2(
    arguments: list[str], capsys: Capture
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == REFUSED
    assert "usage:" in capsys.readouterr().err


def process(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "brainmri", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_process_exits_with_the_code_and_without_a_traceback(tmp_path: Path) -> None:
    done = process("index", tmp_path / "gone", "--models", tmp_path / "models")
    assert done.returncode == REFUSED
    assert done.stdout == ""
    assert done.stderr.startswith("error: There is no folder")
    assert done.stderr.count("\n") == 1


def test_the_process_works_through_a_real_file_size_limit(
    phantom_data: Path, tmp_path: Path
) -> None:
    # As `ulimit -f` on a shared machine: the limit holds from the start of the process.
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
        "from brainmri.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "index", phantom_data, "--models", tmp_path / "m", "--quiet"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == REFUSED
    assert done.stderr.startswith("error: Could not write")
    assert done.stderr.count("\n") == 1
    assert snapshot(tmp_path / "m") == {}
