"""`brainmri.manifests`: what two people agree on, numbered, and what it changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brainmri import corrections, manifests, predictions, results, runs
from brainmri.corrections import (
    BAD_IMAGE,
    CLASS,
    CONFIRMED,
    DISPUTED,
    OPEN,
    UNDONE,
    UNSURE,
    Correction,
    Record,
)
from brainmri.errors import InputError, OutputError
from tests.brainmri.conftest import SmallDisk


def correction(path: str, right: str | None, state: str = CONFIRMED, **changed: str) -> Correction:
    values = {"label": "glioma", "verdict": CLASS if right else BAD_IMAGE, **changed}
    record = Record("id-of-" + path.replace("/", "-"), corrections.CORRECTION, "Ada", "why", path=path,
                    right_label=right, made="2026-01-01T00:00:00", **values)  # fmt: skip
    review = Record("review-" + record.id, corrections.CONFIRM, "Grace", about=record.id)
    return Correction(record, state, (review,) if state == CONFIRMED else ())


def write(models: Path, *found: Correction) -> manifests.Manifest | None:
    return manifests.write(models, manifests.confirmed(found).rows)


def test_only_what_two_people_agree_on_is_in_it() -> None:
    found = [
        correction("a.png", "meningioma"),
        *(correction(f"{state}.png", "meningioma", state) for state in (OPEN, DISPUTED, UNDONE)),
    ]
    rows = manifests.confirmed(found).rows
    assert rows["path"].tolist() == ["a.png"]
    assert rows[["corrected_by", "confirmed_by"]].values.tolist() == [["Ada", "Grace"]]


def test_a_label_that_was_found_right_changes_nothing() -> None:
    assert manifests.confirmed([correction("a.png", "glioma")]).rows.empty


def test_confirmed_corrections_that_differ_are_named_and_left_out() -> None:
    found = [correction("a.png", "meningioma"), correction("a.png", "pituitary")]
    told = manifests.confirmed(found)
    assert told.rows.empty
    assert told.contradictions == ["a.png"]


def test_manifests_are_numbered_and_never_change(tmp_path: Path) -> None:
    one = write(tmp_path, correction("a.png", "meningioma"))
    two = write(tmp_path, correction("a.png", "meningioma"), correction("b.png", None))
    assert one is not None
    assert two is not None
    assert (one.number, two.number) == (1, 2)
    assert manifests.read(tmp_path, 1).changes == {"a.png": ("glioma", "meningioma")}
    assert two.changes == {"a.png": ("glioma", "meningioma"), "b.png": ("glioma", None)}
    assert manifests.numbers(tmp_path) == [1, 2]
    last = manifests.latest(tmp_path)
    assert last is not None
    assert last.number == 2


def test_what_says_the_same_gets_no_new_number(tmp_path: Path) -> None:
    assert write(tmp_path) is None
    assert write(tmp_path, correction("a.png", "meningioma")) is not None
    assert write(tmp_path, correction("a.png", "meningioma")) is None


def test_what_a_manifest_lacks_and_what_of_it_is_gone_is_counted(tmp_path: Path) -> None:
    stands, changed, gone, new = (correction(f"{name}.png", "pituitary") for name in "abcd")
    last = write(tmp_path, stands, changed, gone)
    otherwise = correction("b.png", "meningioma")
    rows = manifests.confirmed([stands, otherwise, new]).rows
    assert manifests.differences(last, rows) == (2, 1)
    assert manifests.differences(None, rows) == (3, 0)


def test_when_all_is_undone_the_next_one_is_empty(tmp_path: Path) -> None:
    write(tmp_path, correction("a.png", "meningioma"))
    empty = write(tmp_path, correction("a.png", "meningioma", UNDONE))
    assert empty is not None
    assert (empty.number, empty.changes) == (2, {})


def test_kept_uploads_stand_apart(tmp_path: Path) -> None:
    made = write(tmp_path, correction("kept:ab.png", "pituitary", label=""),
                 correction("kept:cd.png", None, verdict=UNSURE))  # fmt: skip
    assert made is not None
    assert (made.kept, made.changes) == ([("ab.png", "pituitary")], {})


def test_a_number_that_there_is_not_says_which_there_are(tmp_path: Path) -> None:
    write(tmp_path, correction("a.png", "meningioma"))
    with pytest.raises(InputError, match=r"no corrections 7; the numbers there are: 1\."):
        manifests.read(tmp_path, 7)


def test_a_damaged_one_is_told_in_words(tmp_path: Path) -> None:
    write(tmp_path, correction("a.png", "meningioma"))
    file = tmp_path / "corrections" / "1.parquet"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match="is damaged"):
        manifests.latest(tmp_path)


def test_a_full_disk_leaves_no_half_of_one(small_disk: SmallDisk) -> None:
    rows = manifests.confirmed(
        [correction(f"{np.random.default_rng(i).bytes(300).hex()}.png", "meningioma")
         for i in range(500)]
    ).rows  # fmt: skip
    with small_disk.full(), pytest.raises(OutputError, match="Could not write"):
        manifests.write(small_disk.folder, rows)
    assert manifests.numbers(small_disk.folder) == []


def test_reported_labels_of_every_run_follow_the_last_manifest(own_models: Path) -> None:
    before = results.load(own_models, "cnn")
    table = before.predictions
    test = np.flatnonzero((table.splits == "test") & (table.y_true == 0))
    val = np.flatnonzero(table.splits == "val")
    names = table.classes
    wrong, bad, validation = (str(table.paths[i]) for i in (test[0], test[1], val[0]))
    write(
        own_models,
        correction(wrong, names[3], label=names[0]),
        correction(bad, None, label=names[0]),
        correction(validation, names[1], label=names[int(table.y_true[val[0]])]),
    )
    after = results.load(own_models, "cnn").predictions
    expected = table.y_true.copy()
    expected[test[0]], expected[test[1]], expected[val[0]] = 3, -1, 1
    assert after.y_true.tolist() == expected.tolist()
    assert (after.y_prob == table.y_prob).all()
    # What is counted in batches says the same.
    opened = results.opened(own_models, "cnn")
    counted = np.concatenate([b.y_true for piece in opened.table.pieces for b in piece()])
    assert counted.tolist() == expected.tolist()
    assert (opened.labels.changed["test"], opened.labels.left_out["test"]) == (1, 1)
    # The table itself stays as it was written.
    stored = predictions.read(own_models / "cnn" / runs.PREDICTIONS_FILE)
    assert stored.y_true.tolist() == table.y_true.tolist()


def test_a_row_that_another_table_labels_otherwise_is_left_alone(own_models: Path) -> None:
    table = results.load(own_models, "cnn").predictions
    row = int(np.flatnonzero(table.y_true == 0)[0])
    write(own_models, correction(str(table.paths[row]), table.classes[3], label=table.classes[2]))
    assert results.load(own_models, "cnn").predictions.y_true[row] == 0


def test_labels_count_as_tumour_or_none_where_a_run_tells_no_more(tmp_path: Path) -> None:
    write(
        tmp_path,
        correction("a.png", "notumor"),
        correction("b.png", "meningioma"),  # Still a tumour.
        correction("c.png", None),
        correction("d.png", "pituitary", label="notumor"),
    )
    labels = manifests.Relabelling(manifests.latest(tmp_path), ["notumor", "tumour"])
    table = predictions.Predictions(
        paths=np.array(["a.png", "b.png", "c.png", "d.png"], dtype=object),
        splits=np.array(["test"] * 4, dtype=object),
        y_true=np.array([1, 1, 1, 0]),
        y_prob=np.full((4, 2), 0.5, dtype=np.float32),
        classes=["notumor", "tumour"],
        seen=None,
        negative_class="notumor",
        model_sha256="",
        run="",
    )
    assert labels.rows(table).y_true.tolist() == [0, 1, -1, 1]
    assert (labels.changed["test"], labels.left_out["test"]) == (2, 1)
