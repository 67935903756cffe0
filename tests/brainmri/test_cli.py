"""The command line: exit codes, progress, help, and Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from brainmri import __version__, answer, inference, predictions, promotion, runs
from brainmri.answer import Answer
from brainmri.images import decode
from brainmri.training import transforms
from brainmri.wording import probability
from tests.brainmri.command_line import (
    DONE,
    INTERRUPTED,
    SKIPPED_SOME,
    UNANSWERED,
    UNREAD,
    Capture,
    command,
)
from tests.brainmri.files_to_read import BAD, gradient, png, snapshot
from tests.conftest import ROOT, SIZE_PX, TEST_PER_CLASS, TRAIN_PER_CLASS

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
    assert "Passed over 1 file that is not an image in a class folder:\n" in shown.out
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
    assert "Could not read 1 image; it is left out:" in shown
    assert "  glioma/cut.jpg: The image is cut off or damaged" in shown
    assert len(predictions.read(out).paths) == 4 * TEST_PER_CLASS


def test_files_of_a_folder_that_are_not_images_are_counted_and_listed(
    trained_models: Path, phantom_data: Path, tmp_path: Path, capsys: Capture
) -> None:
    images = Path(shutil.copytree(phantom_data / "Testing", tmp_path / "images"))
    for name in ("anim.gif", "glioma/still.webp", ".DS_Store"):
        (images / name).write_bytes(b"x")
    out = tmp_path / "out.parquet"
    arguments = ("predict", images, "--models", trained_models, "--run", "cnn", "--out", out)
    assert command(*arguments) == DONE
    shown = capsys.readouterr().out
    says = "Passed over 3 files that are no JPEG, PNG, BMP or TIFF:\n"
    assert f"{says}  .DS_Store\n  anim.gif\n  glioma/still.webp\n" in shown
    (images / ".DS_Store").unlink()
    (images / "anim.gif").unlink()
    assert command(*arguments) == DONE
    assert "Passed over 1 file that is no JPEG, PNG, BMP or TIFF:\n" in capsys.readouterr().out
    (images / "glioma" / "still.webp").unlink()
    assert command(*arguments) == DONE
    assert "Passed over" not in capsys.readouterr().out


def test_folders_that_are_no_class_of_the_run_are_listed_with_their_images(
    trained_models: Path, phantom_data: Path, tmp_path: Path, capsys: Capture
) -> None:
    images = Path(shutil.copytree(phantom_data / "Testing", tmp_path / "images"))
    (images / "glioma").rename(images / "astrocytoma")
    shutil.copy(images / "notumor" / "notumor-0000.png", images / "loose.png")  # Never had a label.
    arguments = ("predict", images, "--models", trained_models, "--run", "cnn", "--out")
    assert command(*arguments, tmp_path / "out.parquet") == DONE
    says = "5 images have no label, in a folder that is no class of cnn (glioma, "
    assert f"{says}meningioma, notumor, pituitary):\n  astrocytoma: 5 images\n" in (
        capsys.readouterr().out
    )
    (images / "astrocytoma").rename(images / "glioma")
    assert command(*arguments, tmp_path / "out.parquet") == DONE
    assert "no label" not in capsys.readouterr().out


def test_a_damaged_model_file_is_passed_over_in_words_where_no_run_is_named(
    own_models: Path, phantom_data: Path, tmp_path: Path, capsys: Capture
) -> None:
    (own_models / "cnn" / "model.onnx").write_bytes(b"junk")
    file, says = phantom_data / "Testing" / "glioma" / "glioma-0000.png", "cnn was passed over."
    assert command("predict", file, "--models", own_models) == DONE
    shown = capsys.readouterr().out
    assert f"  Note: {says}" in shown
    assert "Answered by the run brightness" in shown
    assert command("predict", file, "--models", own_models, "--json") == DONE
    (told,) = json.loads(capsys.readouterr().out)["passed_over"]
    assert told.startswith(says)
    out = tmp_path / "out.parquet"
    for images in (file, phantom_data / "Testing"):
        assert command("predict", images, "--models", own_models, "--out", out) == DONE
        assert f"Note: {says}" in capsys.readouterr().out
        assert predictions.read(out).run == "brightness"


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
    lines = [re.escape(name) + rf" +{re.escape(probability(p, 2, '%'))}" for p, name in ranked]
    head = rf"^glioma-0000\.png\n  PNG, .*\n(.*\n)*  Most probable: {ranked[0][1]}\n    "
    assert re.search(head + r"\n    ".join(lines) + "\n", shown), shown
    assert "does not diagnose" in shown
    assert snapshot(trained_models) == before


def test_without_a_run_one_is_chosen_and_the_answer_can_be_traced(
    trained_models: Path, phantom_data: Path, capsys: Capture
) -> None:
    file = phantom_data / "Testing" / "glioma" / "glioma-0000.png"
    assert command("predict", file, "--models", trained_models) == DONE
    shown = capsys.readouterr().out
    told = rf"Answered by the run cnn, brainmri {__version__}, \d{{4}}-\d\d-\d\dT[\d:]+\+00:00\n"
    assert re.search(told, shown), shown
    for part in ("model", "preprocessing", "calibrator", "thresholds"):
        assert re.search(rf"  {part} +SHA-256 [0-9a-f]{{64}}\n", shown), part
    assert runs.load(trained_models, "cnn").model_sha256 in shown


def test_a_table_of_one_file_is_by_the_run_that_would_answer_for_it(
    trained_models: Path, phantom_data: Path, tmp_path: Path
) -> None:
    file, out = phantom_data / "Testing" / "glioma" / "glioma-0000.png", tmp_path / "one.parquet"
    assert command("predict", file, "--models", trained_models, "--out", out) == DONE
    assert predictions.read(out).run == promotion.answering(trained_models, [])


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_picture_that_the_model_refuses_has_an_exit_code_of_its_own(
    form: list[str],
    trained_models: Path,
    phantom_data: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = answer.answer

    def refused(*asked: Any, **doubts: Any) -> Answer:
        given = answered(*asked, **doubts)
        return replace(given, outcome="refused", reasons=("Unlike all.",), finding=None)

    monkeypatch.setattr(answer, "answer", refused)
    file = phantom_data / "Testing" / "glioma" / "glioma-0000.png"
    assert command("predict", file, "--models", trained_models, *form) == UNANSWERED
    shown = capsys.readouterr().out
    assert "Unlike all." in shown
    assert "glioma" not in shown.replace(file.name, "")


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
    def interrupted(*_: object) -> None:
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


def test_when_nobody_reads_on_it_ends_quietly(phantom_data: Path, tmp_path: Path) -> None:
    # As `python -m brainmri index DATA | head -1`, where the reader has gone before the last line.
    arguments = ["index", str(phantom_data), "--models", str(tmp_path / "m"), "--quiet"]
    # Unbuffered, the first line would fail; by default all lines do, at the end.
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "brainmri", *arguments],
            cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, check=False, env=buffered,
        )  # fmt: skip
    finally:
        os.close(write)
    assert done.stderr == ""
    assert done.returncode == UNREAD
    assert (tmp_path / "m" / "dataset" / "index.parquet").is_file()


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
