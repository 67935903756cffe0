"""`brainmri.predictions`: the table comes back whole, and a broken one is refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainmri import predictions
from brainmri.errors import InputError, OutputError
from brainmri.predictions import Predictions
from tests.brainmri.conftest import SmallDisk
from tests.brainmri.files_to_read import snapshot

CLASSES = ["glioma", "healthy", "pituitary"]


def some(n: int = 20, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    return Predictions(
        paths=np.array([f"Testing/x/{i}.jpg" for i in range(n)], dtype=object),
        splits=np.array(["test" if i % 3 else "val" for i in range(n)], dtype=object),
        y_true=rng.integers(-1, 3, n),
        y_prob=rng.dirichlet(np.ones(3), n).astype(np.float32),
        classes=CLASSES,
        seen=rng.random(n) < 0.5,
        negative_class="healthy",
        model_sha256="ab" * 32,
        run="cnn",
        ood_score=rng.random(n, dtype=np.float32),
    )


def assert_equal(left: Predictions, right: Predictions) -> None:
    for name in ("paths", "splits", "y_true", "y_prob", "seen", "ood_score"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)
    for name in ("classes", "negative_class", "model_sha256", "run"):
        assert getattr(left, name) == getattr(right, name), name


def foreign(**changed: object) -> pa.Table:
    """A table of another tool: label and probabilities, nothing else."""
    columns: dict[str, object] = {
        "label": ["no", "yes", "no"],
        "prob_no": [0.5, 0.25, 1.0],
        "prob_yes": [0.5, 0.75, 0.0],
    }
    columns.update(changed)
    return pa.table({name: values for name, values in columns.items() if values is not None})


@pytest.fixture
def written(tmp_path: Path) -> Path:
    predictions.write(tmp_path / "predictions.parquet", some())
    return tmp_path / "predictions.parquet"


# --- the table as it should be ---------------------------------------------------------------


def test_what_is_written_comes_back_equal(written: Path) -> None:
    assert_equal(predictions.read(written), some())


def test_unknown_labels_and_unrecorded_columns_come_back_as_absent(tmp_path: Path) -> None:
    bare = Predictions(
        some().paths, some().splits, np.full(20, -1), some().y_prob, CLASSES
    )  # fmt: skip
    predictions.write(tmp_path / "p.parquet", bare)
    read = predictions.read(tmp_path / "p.parquet")
    assert_equal(read, bare)
    assert read.seen is None
    assert read.ood_score is None
    assert read.negative_class is None


def test_the_file_has_the_schema_of_the_contract(written: Path) -> None:
    table = pq.read_table(written)
    kinds = {field.name: str(field.type) for field in table.schema}
    assert kinds == {
        "path": "string",
        "split": "string",
        "label": "string",
        "prob_glioma": "float",
        "prob_healthy": "float",
        "prob_pituitary": "float",
        "seen": "bool",
        "ood_score": "float",
    }
    about = {k.decode(): v.decode() for k, v in table.schema.metadata.items()}
    assert about == {
        "brainmri.predictions_schema": "1",
        "brainmri.run": "cnn",
        "brainmri.classes": "glioma\nhealthy\npituitary",
        "brainmri.negative_class": "healthy",
        "brainmri.model_sha256": "ab" * 32,
    }


def test_y_pred_is_the_most_probable_class() -> None:
    one = some(2)
    y_prob = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], dtype=np.float32)
    assert Predictions(one.paths, one.splits, one.y_true, y_prob, CLASSES).y_pred.tolist() == [1, 0]


def test_a_table_of_another_tool_needs_only_labels_and_probabilities() -> None:
    read = predictions.from_table(foreign(), "theirs")
    assert read.classes == ["no", "yes"]
    assert read.y_true.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(read.y_prob, [[0.5, 0.5], [0.25, 0.75], [1, 0]])
    assert read.splits.tolist() == ["test"] * 3
    assert read.paths.tolist() == [""] * 3
    assert (read.seen, read.negative_class, read.run) == (None, None, "")


def test_whole_numbers_and_dictionaries_are_accepted() -> None:
    label = pa.array(["no", None, "yes"]).dictionary_encode()
    table = foreign(label=label, prob_no=[1, 0, 0], prob_yes=[0, 1, 1])
    read = predictions.from_table(table, "theirs")
    assert read.y_true.tolist() == [0, -1, 1]
    assert read.y_pred.tolist() == [0, 1, 1]


def test_classes_may_be_numbered() -> None:
    table = pa.table({"label": [1, 0], "prob_0": [0.5, 1.0], "prob_1": [0.5, 0.0]})
    read = predictions.from_table(table, "theirs")
    assert read.classes == ["0", "1"]
    assert read.y_true.tolist() == [1, 0]


def test_the_order_of_classes_can_be_asked_for() -> None:
    read = predictions.from_table(foreign(), "theirs", classes=["yes", "no"])
    assert read.y_true.tolist() == [1, 0, 1]
    np.testing.assert_array_equal(read.y_prob[1], [0.75, 0.25])


def test_gaps_in_seen_and_ood_score_are_false_and_nan() -> None:
    table = foreign(seen=[True, None, False], ood_score=[0.5, None, 1.0])
    read = predictions.from_table(table, "theirs")
    assert read.seen is not None
    assert read.ood_score is not None
    assert read.seen.tolist() == [True, False, False]
    np.testing.assert_array_equal(read.ood_score, [0.5, np.nan, 1.0])


def test_a_folder_of_part_files_reads_like_one_file(written: Path, tmp_path: Path) -> None:
    table = pq.read_table(written)
    parts = tmp_path / "parts"
    parts.mkdir()
    pq.write_table(table.slice(0, 7), parts / "part-0.parquet")
    pq.write_table(table.slice(7, 1), parts / "part-1.parquet")
    pq.write_table(table.slice(8), parts / "part-2.parquet")
    (parts / "_SUCCESS").touch()
    assert_equal(predictions.read(parts), some())


@given(st.integers(1, 40), st.integers(2, 6), st.integers(0, 10_000))
def test_any_table_of_softmax_rows_is_accepted(n: int, k: int, seed: int) -> None:
    y_prob = np.random.default_rng(seed).dirichlet(np.full(k, 0.3), n).astype(np.float32)
    columns = {f"prob_{i}": y_prob[:, i] for i in range(k)}
    read = predictions.from_table(pa.table({"label": ["0"] * n, **columns}), "t")
    np.testing.assert_array_equal(read.y_prob, y_prob)


def test_some_of_the_rows_are_those_rows_of_every_column_and_the_rest_is_kept() -> None:
    table = some(4)
    part = table.where(np.array([False, True, False, True]))
    assert part.paths.tolist() == ["Testing/x/1.jpg", "Testing/x/3.jpg"]
    assert part.splits.tolist() == ["test", "val"]
    for name in ("y_true", "y_prob", "seen", "ood_score"):
        np.testing.assert_array_equal(getattr(part, name), getattr(table, name)[[1, 3]])
    for name in ("classes", "negative_class", "model_sha256", "run"):
        assert getattr(part, name) == getattr(table, name)
    assert len(table.paths) == 4


def test_all_rows_and_no_rows_are_some_of_the_rows_too() -> None:
    table = some(3)
    assert_equal(table.where(np.full(3, True)), table)
    nothing = table.where(np.full(3, False))
    assert len(nothing.paths) == 0
    assert nothing.y_prob.shape == (0, 3)


def test_columns_that_were_not_recorded_stay_so_for_some_of_the_rows() -> None:
    part = replace(some(3), seen=None, ood_score=None).where(np.array([True, False, True]))
    assert (part.seen, part.ood_score) == (None, None)


# --- the table as it should not be -----------------------------------------------------------

FAULTS = {
    "no label": (foreign(label=None), "lacks the column label"),
    "no probabilities": (
        foreign(prob_no=None, prob_yes=None),
        "has no column prob_<class>;.*at least two",
    ),
    "one probability": (foreign(prob_no=None), "has only the column prob_yes;.*at least two"),
    "NaN": (
        foreign(prob_no=[0.5, np.nan, 1.0]),
        "missing or not a number in row 2; 1 row is affected\\.",
    ),
    "null": (foreign(prob_no=[0.5, None, 1.0]), "missing or not a number in row 2"),
    "infinite": (foreign(prob_no=[0.5, 0.25, np.inf]), "missing or not a number in row 3"),
    "sum above 1": (
        foreign(prob_no=[0.5, 0.5, 1.0]),
        r"do not sum to 1 in row 2 \(they sum to 1.25\)",
    ),
    "sum below 1": (foreign(prob_yes=[0.4, 0.7, 0.0]), "do not sum to 1 in row 1 .*; 2 rows are"),
    "negative": (foreign(prob_no=[0.5, 0.25, -0.5], prob_yes=[0.5, 0.75, 1.5]), "outside 0 to 1"),
    "text": (foreign(prob_no=["0.5", "0.25", "1"]), "prob_no of type string"),
    "lists for labels": (foreign(label=[["no"], ["yes"], []]), "labels are text"),
    "unknown class": (foreign(label=["no", "fracture", "yes"]), 'label "fracture", which is none'),
    "unknown split": (
        foreign(split=["test", "weird", "weird"]),
        'the split "weird" in row 2; 2 rows are affected. Use test or val',
    ),
    "empty split": (foreign(split=["test", "val", ""]), 'the split "" in row 3; 1 row is'),
    "an image twice": (foreign(path=["a.png", "b.png", "a.png"]), "2 answers for a.png; keep one"),
    "all images again": (
        pa.concat_tables([foreign(path=["a.png", "b.png", "c.png"])] * 3),
        r"3 answers for [abc].png \(3 images are named more than once\); keep one",
    ),
    "no rows": (foreign().slice(0, 0), "has no rows"),
}


@pytest.mark.parametrize(("table", "says"), FAULTS.values(), ids=FAULTS.keys())
def test_a_broken_table_is_refused_in_one_sentence_that_names_the_rule(
    table: pa.Table, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "predictions.parquet"
    pq.write_table(table, path)
    with pytest.raises(InputError, match=says) as caught:
        predictions.read(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.endswith(".")
    assert "\n" not in message


def test_rows_that_no_figure_counts_may_name_their_split(tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    for names in (["test", "train", "guard"], ["val", None, "guard"]):
        pq.write_table(foreign(split=names), path)
        assert predictions.read(path).splits.tolist() == [name or "test" for name in names]


def test_rows_without_a_path_are_not_the_same_image(tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    for nameless in ([None, None, "a.png"], ["", "", "a.png"]):
        pq.write_table(foreign(path=nameless), path)
        assert len(predictions.read(path).paths) == 3


def test_a_probability_column_missing_from_our_own_table_is_named(written: Path) -> None:
    table = pq.read_table(written)
    pq.write_table(table.drop_columns(["prob_healthy"]), written)
    with pytest.raises(InputError, match="lacks the column prob_healthy;"):
        predictions.read(written)


def test_a_table_without_the_classes_that_are_asked_for_is_refused(written: Path) -> None:
    with pytest.raises(InputError, match="lacks the column prob_meningioma;"):
        predictions.read(written, classes=["glioma", "meningioma"])
    with pytest.raises(InputError, match="lacks the columns prob_a, prob_b;"):
        predictions.read(written, classes=["a", "glioma", "b"])


@pytest.mark.parametrize(("off", "accepted"), [(9e-5, True), (1.2e-4, False)])
def test_the_sum_may_be_off_by_a_ten_thousandth(off: float, accepted: bool) -> None:
    table = foreign(prob_no=[0.5 + off, 0.25, 1.0])
    if accepted:
        predictions.from_table(table, "t")
    else:
        with pytest.raises(InputError, match="do not sum to 1"):
            predictions.from_table(table, "t")


def test_a_table_of_another_version_is_refused(written: Path) -> None:
    table = pq.read_table(written)
    about = {**table.schema.metadata, b"brainmri.predictions_schema": b"2"}
    pq.write_table(table.replace_schema_metadata(about), written)
    with pytest.raises(InputError, match=r"another version of brainmri \(schema 2, expected 1\)"):
        predictions.read(written)


def test_missing_predictions_say_which_command_makes_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run `python -m brainmri predict` first"):
        predictions.read(tmp_path / "predictions.parquet")


def test_an_empty_folder_of_parts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no Parquet part files"):
        predictions.read(tmp_path)


def test_one_damaged_part_spoils_the_folder(written: Path, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    whole = written.read_bytes()
    (parts / "part-0.parquet").write_bytes(whole)
    (parts / "part-1.parquet").write_bytes(whole[:-100])
    with pytest.raises(InputError, match="is damaged or cut off; write"):
        predictions.read(parts)


def test_a_file_cut_off_at_any_byte_is_refused(written: Path) -> None:
    whole = written.read_bytes()
    for kept in [0, 1, 4, *range(5, len(whole) - 1, 97), len(whole) - 1]:
        written.write_bytes(whole[:kept])
        with pytest.raises(InputError, match="is damaged or cut off; write") as caught:
            predictions.read(written)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("column", range(8))
def test_a_flipped_bit_in_the_pages_of_any_column_is_found(column: int, written: Path) -> None:
    chunk = pq.ParquetFile(written).metadata.row_group(0).column(column)
    offsets = [chunk.data_page_offset]
    if chunk.has_dictionary_page:
        offsets.append(chunk.dictionary_page_offset)
    end = min(offsets) + chunk.total_compressed_size
    whole = written.read_bytes()
    refusals: set[str] = set()
    for at in range(min(offsets), end, 3):
        damaged = bytearray(whole)
        damaged[at] ^= 0b100
        written.write_bytes(damaged)
        try:
            read = predictions.read(written)
        except InputError as error:
            refusals.add(str(error))
        else:  # a bit of a page header that carries no value
            assert_equal(read, some())
    assert refusals == {f"{written} is damaged or cut off; write the predictions again."}


def test_a_flipped_bit_in_the_footer_is_never_a_crash(written: Path) -> None:
    whole = written.read_bytes()
    rng = np.random.default_rng(0)
    refusals: list[str] = []
    for at in range(int(0.4 * len(whole)), len(whole), 13):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << int(rng.integers(8))
        written.write_bytes(damaged)
        try:
            predictions.read(written)
        except InputError as error:
            refusals.append(str(error))
    assert len(refusals) > 20
    assert not any("\n" in message for message in refusals)


# --- writing ---------------------------------------------------------------------------------


def test_a_table_that_breaks_a_rule_is_not_written_and_the_old_one_stays(written: Path) -> None:
    before = snapshot(written.parent)
    bad = some()
    bad.y_prob[3] = np.nan
    with pytest.raises(InputError, match="row 4"):
        predictions.write(written, bad)
    assert snapshot(written.parent) == before


def test_a_full_disk_leaves_the_old_predictions(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "predictions.parquet"
    predictions.write(path, some())
    with small_disk.full():
        before = sorted(small_disk.folder.iterdir())
        with pytest.raises(OutputError, match="Could not write"):
            predictions.write(path, some(30_000))
        assert sorted(small_disk.folder.iterdir()) == before
    assert_equal(predictions.read(path), some())


def test_predictions_that_cannot_be_written_are_refused(unwritable: Path) -> None:
    with pytest.raises(OutputError, match="Could not write"):
        predictions.write(unwritable / "new" / "p.parquet", some())
