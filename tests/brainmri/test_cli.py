"""The command line: exit codes, one sentence for every fault, nothing half-written."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from brainmri import inference, predictions, runs
from brainmri.cli import main
from brainmri.images import decode
from brainmri.training import transforms
from tests.brainmri.conftest import SmallDisk
from tests.brainmri.files_to_read import BAD, Bad, gradient, png, snapshot
from tests.conftest import ROOT, SIZE_PX, TEST_PER_CLASS, TRAIN_PER_CLASS

Capture = pytest.CaptureFixture[str]
DONE, REFUSED, SKIPPED_SOME, INTERRUPTED = 0, 2, 3, 130


def command(*arguments: object, quiet: bool = True) -> int:
    return main([*map(str, arguments), *(["--quiet"] if quiet else [])])


def refusal(capsys: Capture, *arguments: object) -> str:
    """Run a command that must be refused; returns its sentence."""
    code = command(*arguments)
    shown = capsys.readouterr()
    assert code == REFUSED, shown.out
    assert shown.out == ""
    assert "Traceback" not in shown.err
    assert shown.err.count("\n") == 1, shown.err
    assert shown.err.startswith("error: ")
    assert shown.err.rstrip().endswith(".")
    return shown.err.removeprefix("error: ").rstrip()


def a_bad_folder(kind: str, folder: Path) -> Path:
    data = folder / "data"
    if kind == "an empty folder":
        data.mkdir()
    elif kind == "folders without images":
        (data / "Training" / "glioma").mkdir(parents=True)
        (data / "Training" / "glioma" / "notes.txt").write_text("x")
    elif kind == "one class only":
        for split in ("Training", "Testing"):
            (data / split / "glioma").mkdir(parents=True)
            (data / split / "glioma" / "a.png").write_bytes(png())
    elif kind == "a file":
        data.write_bytes(png())
    return data


# --- refused: the data -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("nothing", "There is no folder"),
        ("an empty folder", "holds no images in class folders"),
        ("folders without images", "holds no images in class folders"),
        ("one class only", "holds one class only (glioma)"),
        ("a file", "is a file"),
    ],
)
def test_a_folder_that_cannot_be_indexed_is_refused(
    kind: str, says: str, tmp_path: Path, capsys: Capture
) -> None:
    data = a_bad_folder(kind, tmp_path)
    before = snapshot(tmp_path)
    assert says in refusal(capsys, "index", data, "--models", tmp_path / "models")
    assert snapshot(tmp_path) == before
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_a_class_of_bad_files_alone_is_refused(case: Bad, tmp_path: Path, capsys: Capture) -> None:
    for label, name, data in (("no", "a.png", png()), ("yes", case.name, case.data)):
        (tmp_path / "data" / label).mkdir(parents=True)
        (tmp_path / "data" / label / name).write_bytes(data)
    says = refusal(capsys, "index", tmp_path / "data", "--models", tmp_path / "models")
    assert f"the first is yes/{case.name}: " in says
    assert case.says in says
    results = [path for path in snapshot(tmp_path / "models") if ".cache" not in path]
    assert results == []


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_predicting_a_single_bad_file_is_refused(
    case: Bad, trained_models: Path, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / case.name).write_bytes(case.data)
    says = refusal(
        capsys, "predict", tmp_path / case.name, "--models", trained_models, "--run", "cnn"
    )
    assert case.says in says


def test_predicting_nothing_is_refused(
    trained_models: Path, tmp_path: Path, capsys: Capture
) -> None:
    arguments = ("--models", trained_models, "--run", "cnn")
    assert "no file or folder" in refusal(capsys, "predict", tmp_path / "gone", *arguments)
    (tmp_path / "empty").mkdir()
    out = tmp_path / "out.parquet"
    says = refusal(capsys, "predict", tmp_path / "empty", *arguments, "--out", out)
    assert "holds no images" in says
    assert not out.exists()


def test_metadata_that_does_not_fit_is_refused(
    phantom_data: Path, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "m.csv").write_text("file\nx\n")
    says = refusal(capsys, "index", phantom_data, "--models", tmp_path / "models",
                   "--metadata", tmp_path / "m.csv")  # fmt: skip
    assert 'no column "path"' in says


# --- refused: the run ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("no such run", 'There is no run "cnn"'),
        ("run.json absent", "has no run.json, so its training never finished"),
        ("checkpoint only", "was interrupted; go on with"),
        ("another schema", "is of schema version 7, this software reads version 1"),
        ("not json", "run.json is damaged"),
        ("no model", "comes without its model file"),
        ("another model", "SHA-256 differs"),
    ],
)
def test_a_run_that_is_not_whole_is_refused(
    fault: str, says: str, own_models: Path, phantom_data: Path, capsys: Capture
) -> None:
    folder = own_models / "cnn"
    description = folder / "run.json"
    if fault == "no such run":
        shutil.rmtree(folder)
    elif fault in ("run.json absent", "checkpoint only"):
        description.unlink()
        if fault == "checkpoint only":
            (folder / "checkpoint.pt").write_bytes(b"x")
    elif fault == "another schema":
        description.write_text(description.read_text().replace('"schema": 1', '"schema": 7'))
    elif fault == "not json":
        description.write_text(description.read_text()[:-20])
    elif fault == "no model":
        (folder / "model.onnx").unlink()
    else:
        (folder / "model.onnx").write_bytes(b"x")
    before = snapshot(own_models)
    arguments = ("predict", phantom_data, "--models", own_models, "--run", "cnn")
    assert says in refusal(capsys, *arguments)
    assert snapshot(own_models) == before


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--model", "resnet"), 'no model "resnet"'),
        (("--model", "cnn", "--epochs", "0"), "at least one epoch"),
        (("--model", "cnn", "--size-px", "16"), "at least 32 pixels"),
        (("--model", "cnn", "--split", "grouped"), 'no split "grouped"'),
        (("--model", "cnn", "--split", "auto:patient"), 'no column "patient" to group by'),
        (("--model", "cnn", "--resume", "--size-px", str(SIZE_PX)), "nothing to resume"),
    ],
)
def test_training_options_that_cannot_be_used_are_refused(
    options: tuple[str, ...], says: str, own_models: Path, phantom_data: Path, capsys: Capture
) -> None:
    before = snapshot(own_models)
    arguments = ("train", phantom_data, "--models", own_models, "--run", "new", *options)
    assert says in refusal(capsys, *arguments)
    assert snapshot(own_models) == before


def test_training_without_an_index_says_which_command_makes_it(
    phantom_data: Path, tmp_path: Path, capsys: Capture
) -> None:
    says = refusal(capsys, "train", phantom_data, "--models", tmp_path / "models",
                   "--model", "cnn", "--run", "new")  # fmt: skip
    assert "run `python -m brainmri index DATA` first" in says
    assert not (tmp_path / "models").exists()


# --- refused: the disk -----------------------------------------------------------------------


def test_output_that_cannot_be_written_is_refused(
    phantom_data: Path, trained_models: Path, unwritable: Path, capsys: Capture
) -> None:
    says = refusal(capsys, "index", phantom_data, "--models", unwritable / "models")
    assert "Could not write" in says
    says = refusal(capsys, "predict", phantom_data / "Testing", "--models", trained_models,
                   "--run", "cnn", "--out", unwritable / "new" / "p.parquet")  # fmt: skip
    assert "Could not write" in says
    assert "Could not write" in refusal(capsys, "demo", "--folder", unwritable / "demo")


def test_a_full_disk_is_refused_and_every_old_file_survives(
    phantom_data: Path, trained_models: Path, small_disk: SmallDisk, capsys: Capture
) -> None:
    models = Path(shutil.copytree(trained_models, small_disk.folder / "models"))
    (models / "cnn" / "predictions.parquet").write_bytes(b"old")
    before = snapshot(models)
    commands = [
        ("index", phantom_data),
        ("train", phantom_data, "--model", "cnn", "--run", "cnn", "--epochs", 1, "--size-px", 36),
        ("train", phantom_data, "--model", "cnn", "--run", "new", "--epochs", 1, "--size-px",
         SIZE_PX),
    ]  # fmt: skip
    with small_disk.full():
        for arguments in commands:
            says = refusal(capsys, *arguments, "--models", models)
            assert re.search("No space left on device|File too large", says), says
            assert snapshot(models) == before
    assert command("predict", phantom_data, "--models", models, "--run", "cnn") == DONE


# --- done, done in part, interrupted ---------------------------------------------------------


def test_index_says_what_it_found(phantom_data: Path, tmp_path: Path, capsys: Capture) -> None:
    n = 4 * (TRAIN_PER_CLASS + TEST_PER_CLASS)
    assert command("index", phantom_data, "--models", tmp_path / "models") == DONE
    shown = capsys.readouterr()
    assert f"Indexed {n} images in 4 classes: {n} read, 0 unchanged." in shown.out
    assert re.search(rf"^  train +notumor +{TRAIN_PER_CLASS}$", shown.out, re.MULTILINE)
    assert re.search(rf"^  test +pituitary +{TEST_PER_CLASS}$", shown.out, re.MULTILINE)
    assert f"  {n} clusters" in shown.out
    assert shown.err == ""
    assert command("index", phantom_data, "--models", tmp_path / "models") == DONE
    assert f"0 read, {n} unchanged" in capsys.readouterr().out


def test_bad_files_among_good_ones_are_listed_and_the_exit_code_is_3(
    own_data: Path, tmp_path: Path, capsys: Capture
) -> None:
    for case in BAD.values():
        (own_data / "Testing" / "glioma" / case.name).write_bytes(case.data)
    (own_data / "README.txt").write_text("x")
    assert command("index", own_data, "--models", tmp_path / "models") == SKIPPED_SOME
    shown = capsys.readouterr()
    assert f"Could not read {len(BAD)} images; they are left out:" in shown.out
    for case in BAD.values():
        assert re.search(rf"^  Testing/glioma/{case.name}: .*{case.says}", shown.out, re.MULTILINE)
    assert "Passed over 1 files" in shown.out
    assert "  README.txt" in shown.out
    assert shown.err == ""
    assert (tmp_path / "models" / "dataset" / "index.parquet").is_file()


def test_a_long_list_is_cut_after_twenty_lines(
    own_data: Path, tmp_path: Path, capsys: Capture
) -> None:
    for i in range(33):
        (own_data / "Testing" / "glioma" / f"bad-{i:02}.png").write_bytes(b"x")
    assert command("index", own_data, "--models", tmp_path / "models") == SKIPPED_SOME
    shown = capsys.readouterr().out
    assert "bad-19.png" in shown
    assert "bad-20.png" not in shown
    assert "and 13 more" in shown


def test_predicting_a_folder_with_bad_files_scores_the_rest_and_the_exit_code_is_3(
    trained_models: Path, phantom_data: Path, tmp_path: Path, capsys: Capture
) -> None:
    images = Path(shutil.copytree(phantom_data / "Testing", tmp_path / "images"))
    (images / "glioma" / "cut.jpg").write_bytes(BAD["truncated JPEG"].data)
    out = tmp_path / "out.parquet"
    arguments = ("predict", images, "--models", trained_models, "--run", "cnn", "--out", out)
    assert command(*arguments) == SKIPPED_SOME
    shown = capsys.readouterr().out
    assert "Could not read 1 images; they are left out:" in shown
    assert "  glioma/cut.jpg: The image is cut off or damaged" in shown
    assert len(predictions.read(out).paths) == 4 * TEST_PER_CLASS


def test_predicting_one_file_prints_its_probabilities_most_probable_first(
    trained_models: Path, phantom_data: Path, capsys: Capture
) -> None:
    file = phantom_data / "Testing" / "glioma" / "glioma-0000.png"
    before = snapshot(trained_models)
    assert command("predict", file, "--models", trained_models, "--run", "cnn") == DONE
    shown = capsys.readouterr().out
    classifier = inference.load(trained_models, "cnn")
    (row,) = classifier.classify([decode(file).pixels])
    ranked = sorted(zip(row, classifier.run.classes, strict=True), reverse=True)
    lines = [re.escape(name) + rf" +{re.escape(f'{p:.2%}')}" for p, name in ranked]
    assert re.search(r"^glioma-0000\.png\n  " + r"\n  ".join(lines) + "\n", shown), shown
    assert "does not diagnose" in shown
    assert snapshot(trained_models) == before


def test_predicting_the_data_folder_writes_the_runs_own_predictions(
    own_models: Path, phantom_data: Path, capsys: Capture
) -> None:
    path = own_models / "cnn" / "predictions.parquet"
    path.unlink()
    assert command("predict", phantom_data, "--models", own_models, "--run", "cnn") == DONE
    table = predictions.read(path)
    shown = capsys.readouterr().out
    assert f"Scored {len(table.paths)} images into {path}." in shown
    n = (table.splits == "val").sum()
    fitted = rf"^Fitted on {n} validation images: nothing\. No temperature: fewer than 50 images\. "
    assert re.search(fitted, shown, re.MULTILINE), shown


def test_training_names_the_next_command_and_it_works(
    own_models: Path, phantom_data: Path, capsys: Capture
) -> None:
    assert command("train", phantom_data, "--models", own_models, "--model", "cnn", "--run", "new",
                   "--epochs", 1, "--size-px", SIZE_PX, "--seed", 5) == DONE  # fmt: skip
    shown = capsys.readouterr().out
    assert re.search(r"Trained new: epoch 1 of 1 was best, with \d+\.\d% of \d+ validation", shown)
    following = re.search(r"^Next: python -m brainmri (.*)$", shown, re.MULTILINE)
    assert following
    assert command(*shlex.split(following[1])) == DONE
    assert predictions.read(own_models / "new" / "predictions.parquet").run == "new"
    assert runs.load(own_models, "new").seed == 5


def test_ctrl_c_in_training_keeps_nothing_or_says_how_to_resume_and_the_code_is_130(
    own_models: Path, phantom_data: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(transforms, "mild", lambda: interrupted)
    code = command("train", phantom_data, "--models", own_models, "--model", "cnn-augmented",
                   "--run", "new", "--size-px", SIZE_PX)  # fmt: skip
    shown = capsys.readouterr()
    assert code == INTERRUPTED
    assert shown.err == "Stopped in the first epoch; nothing was kept.\n"


def test_ctrl_c_anywhere_else_is_one_sentence_and_the_code_is_130(
    phantom_data: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brainmri import averages

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(averages.AverageStream, "add", interrupted)
    assert command("index", phantom_data, "--models", tmp_path / "models") == INTERRUPTED
    assert capsys.readouterr().err == "Interrupted; nothing was half-written.\n"
    assert snapshot(tmp_path / "models") == {}


# --- progress, help, the real process --------------------------------------------------------


def test_progress_goes_to_stderr_with_rate_and_quiet_shows_none(
    phantom_data: Path, trained_models: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "out.parquet"
    arguments = ("predict", phantom_data, "--models", trained_models, "--run", "cnn", "--out", out)
    assert command(*arguments, quiet=False) == DONE
    loud = capsys.readouterr()
    assert re.search(r"Scoring: 100%.*68/68 \[\d\d:\d\d<\d\d:\d\d, .*image/s", loud.err)
    assert command(*arguments) == DONE
    quiet = capsys.readouterr()
    assert quiet.err == ""
    assert quiet.out == loud.out


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
    assert command(*asked[:-4], "--split", "part", "--models", models, "--size-px", SIZE_PX) == DONE
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
    from brainmri import cli

    with pytest.raises(SystemExit):
        main([name, "--help"])
    examples = re.findall(r"^ +python -m brainmri (.*)$", capsys.readouterr().out, re.MULTILINE)
    assert examples
    for example in examples:
        cli._parser().parse_args(shlex.split(example))


@pytest.mark.parametrize("arguments", [[], ["fly"], ["index"], ["predict", "x"], ["train", "x"]])
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


# Slow enough to be interrupted at work; at module level, so that spawned workers are slow too.
SLOW_INDEX = """
import os, sys, time
os.environ["OPENBLAS_NUM_THREADS"] = "1"
from brainmri import features
real = features.read_batch

def slow(paths):
    time.sleep(0.3)
    return real(paths)

features.read_batch = slow
if __name__ == "__main__":
    from brainmri.cli import main
    sys.exit(main(sys.argv[1:]))
"""


def test_ctrl_c_in_a_terminal_ends_indexing_and_its_workers_with_one_sentence(
    tmp_path: Path,
) -> None:
    for i in range(200):
        file = tmp_path / "data" / ("no" if i % 2 else "yes") / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(gradient(20 + i, 20)))
    (tmp_path / "script.py").write_text(SLOW_INDEX)
    arguments = [tmp_path / "script.py", "index", tmp_path / "data", "--models", tmp_path / "m"]
    with subprocess.Popen(
        [sys.executable, *map(str, arguments), "--processes", "2"],
        start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        assert process.stderr is not None
        shown = ""
        while "Indexing" not in shown and (letter := process.stderr.read(1)):
            shown += letter
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to every process of the group
        out, rest = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, shown + rest
    assert out == ""
    assert "Traceback" not in shown + rest
    assert rest.endswith("Interrupted; nothing was half-written.\n")
    assert snapshot(tmp_path / "m") == {}
