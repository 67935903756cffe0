"""`brainmri.card`: every figure is one that the rest of the library computes, and nothing is left out."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import brainmri
from brainmri import audit, card, evaluation, markdown, predictions, results, runs, splits
from brainmri.cli import main
from brainmri.decisions import OperatingPoint
from brainmri.errors import InputError
from brainmri.files import sha256
from brainmri.markdown import code, table, text
from brainmri.metrics import Estimate, proportion
from brainmri.predictions import Predictions
from brainmri.wording import INDEPENDENT, by_readers, plain
from tests.brainmri.files_to_read import snapshot
from tests.brainmri.test_manifests import correction, write

HEADINGS = ["Intended use", "Results", "Where it fails", "Calibration", "Data and protocol",
            "What the data give away", "Limits", "Training", "Files and versions"]  # fmt: skip


def share(estimate: Estimate) -> str:
    """As it stands in a text file."""
    return plain(markdown.share(estimate))


def sections(card: str) -> dict[str, str]:
    parts = re.split(r"^## (.*)$", card, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def cells(section: str, first: str) -> list[str]:
    """The row of a table whose first cell begins with `first`."""
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    (row,) = [row for row in rows if row[0].startswith(first)]
    return row


@pytest.fixture
def judged_models(own_models: Path) -> Path:
    """The run "cnn" with a made-up table: 120 test images, 60 of them seen, and known mistakes."""
    table = predictions.read(own_models / "cnn" / "predictions.parquet")
    rng = np.random.default_rng(0)
    y_true = np.arange(120) % 4
    y_pred = y_true.copy()
    y_pred[[0, 4, 61]] = 2  # missed: two unseen gliomas (truth 0), one meningioma (truth 1)
    y_pred[[2, 62]] = 3  # false alarms: one unseen, one seen
    y_prob = rng.dirichlet(np.ones(4) / 3, 120).astype(np.float32)
    largest = y_prob.argmax(axis=1)
    for row, (a, b) in enumerate(zip(largest, y_pred, strict=True)):
        y_prob[row, [a, b]] = y_prob[row, [b, a]]
    made = Predictions(
        paths=np.array([f"new/{i}.png" for i in range(120)], dtype=object),
        splits=np.full(120, "test", dtype=object),
        y_true=y_true,
        y_prob=y_prob,
        classes=table.classes,
        seen=np.arange(120) >= 60,
        negative_class="notumor",
        model_sha256=table.model_sha256,
        run="cnn",
    )
    predictions.write(own_models / "cnn" / "predictions.parquet", made)
    return own_models


def test_missed_tumours_come_first_for_all_and_for_unseen_images(judged_models: Path) -> None:
    found = sections(card.render(judged_models, "cnn"))["Results"]
    assert found.index("Missed tumours") < found.index("accuracy")
    head, missed, alarms = (
        cells(found, first)
        for first in ("All test", "Missed tumours, most probable", "False alarms, most probable")
    )
    assert head == ["All test images (n = 120)", "Unseen test images (n = 60)"]
    assert missed[1:] == [share(proportion(3, 90)), share(proportion(2, 45))]
    assert alarms[1:] == [share(proportion(2, 30)), share(proportion(1, 15))]
    assert "60 of 120 test images are near-copies" in found


def test_the_figures_are_those_of_the_evaluation(judged_models: Path) -> None:
    found = results.load(judged_models, "cnn")
    groups = results.groups(found.predictions, results.known_images(judged_models))
    wanted = evaluation.report(
        found.predictions, split="test", negative="notumor", groups=groups, run=""
    )
    curves = evaluation.curves(found.predictions, split="test", groups=groups)
    shown = sections(card.render(judged_models, "cnn"))["Results"]
    assert cells(shown, "F1, weighted")[1] == share(wanted.f1)
    whole = shown[: shown.index("### Per class, unseen")]
    for one, curve in zip(wanted.per_class, curves, strict=True):
        assert cells(whole, one.name)[1:] == [
            str(one.support), share(one.precision), share(one.recall), share(one.f1), share(curve.area)
        ]  # fmt: skip


def test_the_operating_point_is_counted_where_one_is_set(judged_models: Path) -> None:
    without = sections(card.render(judged_models, "cnn"))["Results"]
    assert "There is no operating point." in without
    assert "operating point |" not in without
    run = runs.load(judged_models, "cnn")
    point = OperatingPoint(0.0, "sensitivity", 0.99, 50, 40)  # everything is a tumour
    runs.save(judged_models, replace(run, operating_point=point))
    found = sections(card.render(judged_models, "cnn"))["Results"]
    assert cells(found, "Missed tumours, operating")[1:] == [
        share(proportion(0, 90)), share(proportion(0, 45))
    ]  # fmt: skip
    assert cells(found, "False alarms, operating")[1].startswith("30 of 30: 100.0 %")
    assert (
        "from a tumour probability of 0.00 % on; it was set on 50 validation images (40 " in found
    )


def test_the_surest_mistakes_are_named_missed_tumours_first(judged_models: Path) -> None:
    found = sections(card.render(judged_models, "cnn"))["Where it fails"]
    missed = found[found.index("### Surest missed") : found.index("### Surest other")]
    named = re.findall(r"`(new/\d+\.png)`", missed)
    assert sorted(named) == ["new/0.png", "new/4.png", "new/61.png"]
    sure = [float(p) for p in re.findall(r"([\d.]+) % \|", missed)]
    assert sure == sorted(sure, reverse=True)
    assert cells(missed, "`new/61")[-1] == "yes"
    others = found[found.index("### Surest other") :]
    assert sorted(re.findall(r"`(new/\d+\.png)`", others)) == ["new/2.png", "new/62.png"]
    assert cells(found[: found.index("###")], "glioma") == [
        "glioma", "notumor", share(proportion(2, 30))
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["cnn", "brightness"])
def test_a_run_of_phantoms_has_every_section_and_the_same_card_every_time(
    trained_models: Path, name: str
) -> None:
    before = snapshot(trained_models)
    markdown = card.render(trained_models, name)
    assert list(sections(markdown)) == HEADINGS
    assert card.render(trained_models, name) == markdown
    assert snapshot(trained_models) == before
    assert "**This assists; it does not diagnose.**" in markdown
    assert "nan" not in re.findall(r"[a-z]+", markdown)
    assert "None" not in markdown
    assert str(trained_models) not in markdown
    for line in markdown.splitlines():  # every row of a table has as many cells as its neighbours
        assert not line.startswith("|") or line.endswith(" |")


def test_files_are_named_by_their_hashes_and_versions(trained_models: Path) -> None:
    found = sections(card.render(trained_models, "cnn"))["Files and versions"]
    for name in ("run.json", "predictions.parquet", "embedding.npz", "model.onnx"):
        assert cells(found, name)[1] == f"`{sha256(trained_models / 'cnn' / name)}`"
    index = trained_models / "dataset" / "index.parquet"
    assert cells(found, "index.parquet")[1] == f"`{sha256(index)}`"
    assert "Embedding statistics of " in found
    assert f"Card by brainmri {brainmri.__version__}." in found
    assert "fitted at the next `predict`" in card.render(trained_models, "brightness")


def test_weak_slices_are_worst_first(own_models: Path) -> None:
    found = sections(card.render(own_models, "cnn"))["Where it fails"]
    assert "### Weakest slices" in found
    (own_models / "dataset" / "index.parquet").unlink()
    markdown = card.render(own_models, "cnn")
    assert "There is no image index here, so nothing is known of the images." in markdown
    assert f"In brackets 95 % intervals. {INDEPENDENT}" in markdown
    assert "There is no image index here, so classes cannot be counted." in markdown
    run = runs.load(own_models, "cnn")
    assert cells(sections(markdown)["Data and protocol"], "train")[1] == str(run.images["train"])


def test_slices_without_a_mistake_are_no_weak_ones(own_models: Path) -> None:
    path = own_models / "cnn" / "predictions.parquet"
    table = predictions.read(path)
    flawless = np.eye(4, dtype=np.float32)[table.y_true]
    predictions.write(path, replace(table, y_prob=flawless))
    found = sections(card.render(own_models, "cnn"))["Where it fails"]
    assert "100.0 %" not in found[found.index("### Weakest slices") :]


def test_other_mistakes_are_other_than_missed_tumours(judged_models: Path) -> None:
    path = judged_models / "cnn" / "predictions.parquet"
    table = predictions.read(path)
    caught = table.y_prob.argmax(axis=1) != 2
    predictions.write(path, table.where(caught))
    found = sections(card.render(judged_models, "cnn"))["Where it fails"]
    assert "### Surest mistakes" in found
    assert "other mistakes" not in found


def test_an_audit_is_told_where_there_is_one_of_the_same_index(
    own_models: Path, phantom_data: Path
) -> None:
    assert "No audit is stored" in card.render(own_models, "cnn")
    tables = audit.run(phantom_data, own_models, processes=1, quiet=True)
    found = sections(card.render(own_models, "cnn"))["What the data give away"]
    row = tables.shortcuts.query(
        "protocol == 'official' and features == 'nothing' and rows == 'test' and task == 'class'"
    ).iloc[0]
    assert cells(found, "nothing")[1] == share(proportion(int(row["k"]), int(row["n"])))
    correct_two(own_models)
    assert "labels before these corrections" in card.render(own_models, "cnn")
    runs.save(own_models, replace(runs.load(own_models, "cnn"), index_sha256="0" * 64))
    assert "The stored audit is of another image index" in card.render(own_models, "cnn")


def test_the_limits_are_those_that_were_measured(own_models: Path, phantom_data: Path) -> None:
    tables = audit.run(phantom_data, own_models, processes=1, quiet=True)
    sizes = tables.shortcuts.query(
        "protocol == 'official' and features == 'size and mode' and rows == 'test' and task == 'tumour'"
    ).iloc[0]
    told = sections(card.render(own_models, "cnn"))["Limits"]
    assert (
        f"tell tumour from none: {share(proportion(int(sizes['k']), int(sizes['n'])))} of" in told
    )
    assert "The image index names no source of the images. Who labelled" in told
    path = own_models / "dataset" / "index.parquet"
    table = pq.read_table(path)
    source = ["web" if label == "notumor" else "clinic" for label in table["label"].to_pylist()]
    pq.write_table(table.append_column("source", pa.array(source)), path, write_page_checksum=True)
    run = runs.load(own_models, "cnn")
    runs.save(own_models, replace(run, index_sha256=sha256(path)))
    told = sections(card.render(own_models, "cnn"))["Limits"]
    n = sum(label == "notumor" for label in table["label"].to_pylist())
    assert f"; notumor web {n:,}; " in told
    assert "tell tumour from none" not in told  # The audit is of another index now.


def test_the_class_where_unseen_images_do_worst_is_a_limit(judged_models: Path) -> None:
    told = sections(card.render(judged_models, "cnn"))["Limits"]
    assert "60 of 120 test images (50.0 %, a count of all" in told
    assert (
        f"unseen test images glioma is found least often: {share(proportion(13, 15))}, but its"
        in told
    )


def test_a_temperature_that_does_not_help_is_a_limit_with_both_errors(judged_models: Path) -> None:
    run = runs.load(judged_models, "cnn")
    helped = {}
    for temperature in (0.2, 5.0):
        runs.save(judged_models, replace(run, temperature=temperature))
        found = sections(card.render(judged_models, "cnn"))
        before, after = (
            cells(found["Calibration"], f"Calibration error {when}")[1].split(";")[0]
            for when in ("before", "after")
        )
        said = f"the calibration error is {before} before it and {after} after it"
        worse = float(after.split(" %")[0]) > float(before.split(" %")[0])
        assert (said in found["Limits"]) == worse
        helped[temperature] = not worse
    assert set(helped.values()) == {True, False}


def test_a_table_that_says_nothing_of_near_copies_is_judged_whole(judged_models: Path) -> None:
    path = judged_models / "cnn" / "predictions.parquet"
    predictions.write(path, replace(predictions.read(path), seen=None))
    markdown = card.render(judged_models, "cnn")
    assert "Unseen" not in markdown
    assert "Which images are near-copies of training images is not recorded." in markdown


def test_a_card_needs_a_run_with_predictions(own_models: Path) -> None:
    with pytest.raises(InputError, match='There is no run "gone"'):
        card.render(own_models, "gone")
    (own_models / "cnn" / "predictions.parquet").unlink()
    with pytest.raises(InputError, match="has no predictions yet"):
        card.render(own_models, "cnn")
    foreign = own_models / "foreign"
    foreign.mkdir()
    pd.DataFrame({"label": ["no", "yes"], "prob_no": [1.0, 0], "prob_yes": [0, 1.0]}).to_parquet(
        foreign / "predictions.parquet"
    )
    with pytest.raises(InputError, match="a table of another tool"):
        card.render(own_models, "foreign")


def test_the_command_prints_the_card_or_writes_it(
    trained_models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = card.render(trained_models, "cnn")
    arguments = ["card", "--run", "cnn", "--models", str(trained_models)]
    assert main(arguments) == 0
    assert capsys.readouterr().out == wanted
    out = tmp_path / "deep" / "card.md"
    assert main([*arguments, "--out", str(out)]) == 0
    assert out.read_text() == wanted
    assert capsys.readouterr().out == f"Wrote {out}, the model card of cnn.\n"
    shutil.rmtree(tmp_path / "deep")


# --- Markdown --------------------------------------------------------------------------------


def test_shares_say_what_they_count() -> None:
    assert share(Estimate(6 / 906, 0.003, 0.0144, 906, 6)) == "6 of 906: 0.7 % (0.3–1.4 %)"
    assert share(Estimate(0.5, 0.4, 0.6, 10)) == "50.0 % (40.0–60.0 %, n = 10)"
    assert share(Estimate(None, None, None, 0, 0, "no images")) == "none: no images (n = 0)"
    assert (
        share(Estimate(0.5, None, None, 4, reason="one image"))
        == "50.0 % (no interval: one image, n = 4)"
    )


def test_names_cannot_break_a_table() -> None:
    assert table(["a", "b", "c"], [["1", "2", "x"]]) == [
        "| a | b | c |",
        "| --- | ---: | --- |",
        "| 1 | 2 | x |",
    ]
    assert text("a|b\n<img>") == "a\\|b &lt;img>"
    assert code("a`b|c") == "`a'b\\|c`"


# Corrections


def correct_two(models: Path) -> str:
    """Two readers correct a test label of "cnn" and a training label, and leave a test image out.

    Returns the path of the corrected test image.
    """
    table = results.load(models, "cnn").predictions
    names = table.classes
    one, other = table.paths[(table.splits == "test") & (table.y_true == 0)][:2].tolist()
    run, known = runs.load(models, "cnn"), results.known_images(models)
    assert known is not None
    part = splits.assign(known, run.protocol, seed=run.seed)
    trained = known.rows[(part == "train") & (known.rows["label"] == names[0])]["path"].iloc[0]
    write(
        models,
        correction(one, names[1], label=names[0]),
        correction(other, None, label=names[0]),
        correction(trained, names[1], label=names[0]),
    )
    return str(one)


def test_a_card_says_what_two_readers_changed_and_counts_test_images_as_its_figures_do(
    own_models: Path,
) -> None:
    before = sections(card.render(own_models, "cnn"))["Data and protocol"]
    correct_two(own_models)
    found = sections(card.render(own_models, "cnn"))
    judged, counted = found["Results"], found["Data and protocol"]
    said = by_readers(1, 1, 1, among="its test images")
    assert said in judged
    assert f"{said} Here test counts by the corrected labels" in counted
    names = results.load(own_models, "cnn").predictions.classes
    whole = judged.split("### Per class, unseen")[0]
    assert [cells(counted, name)[3] for name in names] == [cells(whole, name)[1] for name in names]
    (n,) = re.findall(r"All test images \(n = (\d+)\)", judged)
    assert cells(counted, "all")[3] == n
    # What trained it was labelled as it was.
    assert [cells(counted, name)[1:3] for name in names] == [
        cells(before, name)[1:3] for name in names
    ]


def test_a_corrected_image_among_the_surest_mistakes_is_marked(own_models: Path) -> None:
    table = results.load(own_models, "cnn").predictions
    path = correct_two(own_models)
    (row,) = np.flatnonzero(table.paths == path)
    y_prob = table.y_prob.copy()
    y_prob[row] = np.eye(4, dtype=np.float32)[3]  # Surely wrong by either label.
    predictions.write(
        own_models / "cnn" / "predictions.parquet",
        replace(table, y_prob=y_prob, y_true=table.y_true),
    )
    shown = sections(card.render(own_models, "cnn"))["Where it fails"]
    was, now = table.classes[:2]
    assert f"{code(path)} | {now} (corrected, was {was}) |" in shown
