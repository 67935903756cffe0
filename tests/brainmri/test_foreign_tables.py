"""Tables of other tools: what is read, and the row and column of what is wrong."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from brainmri import batches, foreign_tables, index, predictions, results, runs, table_child
from brainmri.errors import InputError, OutputError
from brainmri.index import ImageIndex

HEAD = "path,label,prob_glioma,prob_notumor\n"


@pytest.fixture
def known(indexed_models: Path) -> ImageIndex:
    return index.read(index.path(indexed_models))


def converted(
    folder: Path, text: str | bytes, known: ImageIndex | None = None, name: str = "theirs.csv"
) -> tuple[foreign_tables.Checked, predictions.Predictions]:
    source, to = folder / name, folder / "made.parquet"
    source.write_bytes(text.encode() if isinstance(text, str) else text)
    checked = foreign_tables.convert(source, to, known=known)
    return checked, predictions.read(to)


def test_a_table_of_paths_labels_and_probabilities_is_read(tmp_path: Path) -> None:
    checked, made = converted(tmp_path, HEAD + "a.png,glioma,0.9,0.1\nb.png,notumor,0.25,0.75\n")
    assert (checked.rows, checked.classes, checked.negative) == (
        2,
        ["glioma", "notumor"],
        "notumor",
    )
    assert made.paths.tolist() == ["a.png", "b.png"]
    assert made.y_true.tolist() == [0, 1]
    assert made.y_prob.ravel().tolist() == pytest.approx([0.9, 0.1, 0.25, 0.75])
    assert set(made.splits) == {"test"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("path;label;prob_glioma;prob_notumor\na.png;glioma;0,9;0,1\n", "theirs.csv"),
        ("path\tlabel\tprob_glioma\tprob_notumor\na.png\tglioma\t0.9\t0.1\n", "theirs.tsv"),
        ("\ufeff" + HEAD + "a.png,glioma,0.9,0.1\n", "theirs.csv"),
        (HEAD.replace("\n", "\r\n") + "a.png,glioma,0.9,0.1\r\n", "theirs.csv"),
        ("file,y_true,p_glioma,p_notumor\na.png, glioma , 0.9 ,0.1\n", "theirs.csv"),
        (HEAD + 'a.png,glioma,"0,9","0,1"\n', "theirs.csv"),
        ("path\tlabel\tprob_glioma\tprob_notumor\na.png\tglioma\t0,9\t0,1\n", "theirs.txt"),
        (HEAD + "a.png,glioma,90%,10 %\n", "theirs.csv"),
        ("path,label,prob_glioma_percent,prob_notumor (%)\na.png,glioma,90,10\n", "theirs.csv"),
        ((HEAD + "a.png,glioma,0.9,0.1\n").encode("utf-16"), "theirs.csv"),
        (
            (HEAD + "a.png,glioma,0.9,0.1\r\n").encode("utf-16-be").join([b"\xfe\xff", b""]),
            "theirs.csv",
        ),
    ],
)
def test_other_spellings_of_the_same_table_are_the_same(
    tmp_path: Path, text: str | bytes, name: str
) -> None:
    _, made = converted(tmp_path, text, name=name)
    assert made.paths.tolist() == ["a.png"]
    assert made.classes == ["glioma", "notumor"]
    assert made.y_prob.tolist() == [pytest.approx([0.9, 0.1])]


def test_without_labels_those_of_the_index_are_taken_by_path(
    tmp_path: Path, known: ImageIndex
) -> None:
    test = known.rows[known.rows["split"] == "test"]
    path, label = test["path"].iloc[0], test["label"].iloc[0]
    windows = "C:\\data\\" + path.replace("/", "\\")
    text = f"image,glioma,meningioma,notumor,pituitary\n{windows},0.7,0.1,0.1,0.1\n"
    checked, made = converted(tmp_path, text, known)
    assert checked.labels_from_index
    assert made.paths.tolist() == [path]
    assert made.classes[made.y_true[0]] == label


def test_labels_count_as_tumour_or_none_where_the_table_tells_no_more(
    tmp_path: Path, known: ImageIndex
) -> None:
    glioma, none = (
        known.rows.loc[known.rows["label"] == c, "path"].iloc[0] for c in ("glioma", "notumor")
    )
    text = f"path,prob_tumor,prob_no_tumor\n{glioma},0.9,0.1\n{none},0.2,0.8\n"
    with pytest.raises(InputError, match="none of the classes"):
        converted(tmp_path, text.replace("no_tumor", "other"), known)
    checked, made = converted(tmp_path, text, known)
    assert checked.classes == ["tumor", "no_tumor"]
    assert made.y_true.tolist() == [0, 1]
    labelled = "label,prob_tumor,prob_no_tumor\nmeningioma,0.9,0.1\nnotumor,0.2,0.8\n"
    assert converted(tmp_path, labelled)[1].y_true.tolist() == [0, 1]


def test_blank_labels_and_file_names_alone_are_looked_up_in_the_index(
    tmp_path: Path, known: ImageIndex
) -> None:
    rows = known.rows.copy()
    first = rows.index[rows["split"] == "test"][0]
    rows.loc[first, "path"] = path = "Testing/glioma/Te-gl_0010.jpg"
    label, known = rows.loc[first, "label"], replace(known, rows=rows)
    for given in (path, "glioma/Te-gl_0010.jpg", "Te-gl_0010.jpg"):
        text = f"path,label,glioma,meningioma,notumor,pituitary\n{given},,0.7,0.1,0.1,0.1\n"
        checked, made = converted(tmp_path, text, known)
        assert (checked.looked_up, checked.without_index) == (1, 0)
        assert made.paths.tolist() == [path]
        assert made.classes[made.y_true[0]] == label


def test_a_file_name_that_several_images_have_is_not_guessed(
    tmp_path: Path, known: ImageIndex
) -> None:
    rows = known.rows.copy()
    rows.loc[rows.index[:2], "path"] = ["Testing/glioma/same.png", "Testing/notumor/same.png"]
    text = "path,label,glioma,meningioma,notumor,pituitary\nsame.png,glioma,0.7,0.1,0.1,0.1\n"
    checked, made = converted(tmp_path, text, replace(known, rows=rows))
    assert (checked.without_index, made.paths.tolist()) == (1, ["same.png"])


def test_a_table_that_unpacks_to_too_much_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pa.table({"label": ["a"], "prob_a": [1.0], "prob_b": [0.0], "note": ["x" * 1_000_000]})
    pq.write_table(table, tmp_path / "theirs.parquet", compression="zstd", use_dictionary=False)
    assert (tmp_path / "theirs.parquet").stat().st_size < 10_000
    monkeypatch.setattr(foreign_tables, "_MOST_GROUP_BYTES", 900_000)
    with pytest.raises(
        InputError, match="A row group of the table unpacks to 1 MB, and at most 1 MB"
    ):
        foreign_tables.convert(tmp_path / "theirs.parquet", tmp_path / "made", known=None)


def test_a_table_that_hides_how_large_it_is_meets_the_limit_of_its_own_process(
    tmp_path: Path,
) -> None:
    """One text of 100 kB, which 60,000 rows name: a file of some kB that says it is small."""
    rows = 60_000
    text = pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), ["x" * 100_000])
    half = np.full(rows, 0.5)
    table = pa.table({"path": text, "label": ["a"] * rows, "prob_a": half, "prob_b": half})
    pq.write_table(table, tmp_path / "theirs.parquet", compression="zstd", store_schema=False)
    assert (tmp_path / "theirs.parquet").stat().st_size < 20_000
    with pytest.raises(InputError, match="needs more memory to be read than it may use"):
        table_child.convert(tmp_path / "theirs.parquet", tmp_path / "made", models=tmp_path,
                            memory_bytes=1_500_000_000)  # fmt: skip


def test_a_process_of_its_own_finds_the_same(tmp_path: Path, indexed_models: Path) -> None:
    source = tmp_path / "theirs.csv"
    source.write_text(HEAD + "a.png,glioma,0.9,0.1\nb.png,notumor,0.25,0.75\n")
    here = foreign_tables.convert(
        source, tmp_path / "here", known=index.read(index.path(indexed_models))
    )
    there = table_child.convert(source, tmp_path / "there", models=indexed_models)
    assert here == there
    assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes()
    source.write_text(HEAD + "a.png,glioma,0.9,often\n")
    with pytest.raises(InputError, match='Row 1, column "prob_notumor" is "often"'):
        table_child.convert(source, tmp_path / "there", models=indexed_models)


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        ("import os; os.kill(os.getpid(), 9)", "needs more memory"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", "longer than 5 minutes"),
        ("import os; os.abort()", "needs more memory"),
        ("raise SystemExit(1)", "could not be checked; export it again"),
    ],
)
def test_why_the_process_ended_is_told_apart(
    ends: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "brainmri"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "table_child.py").write_text(ends)
    monkeypatch.setattr(table_child, "bare_environment", lambda: {"PYTHONPATH": str(tmp_path)})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=says):
        table_child.convert(tmp_path / "theirs.csv", tmp_path / "made", models=tmp_path)


def test_a_result_that_cannot_be_written_is_no_fault_of_the_table(tmp_path: Path) -> None:
    (tmp_path / "theirs.csv").write_text(HEAD + "a.png,glioma,0.9,0.1\n")
    with pytest.raises(OutputError, match="gone"):
        table_child.convert(tmp_path / "theirs.csv", tmp_path / "gone" / "made", models=tmp_path)


def test_training_images_are_left_out_and_counted(tmp_path: Path, known: ImageIndex) -> None:
    train = known.rows[known.rows["split"] == "train"]["path"].iloc[0]
    test = known.rows[known.rows["split"] == "test"]["path"].iloc[0]
    rows = "".join(f"{p},0.7,0.1,0.1,0.1\n" for p in (train, test))
    checked, made = converted(tmp_path, "path,glioma,meningioma,notumor,pituitary\n" + rows, known)
    assert (checked.rows, checked.left_out) == (1, 1)
    assert made.paths.tolist() == [test]


def test_rounded_probabilities_are_scaled_and_counted(tmp_path: Path) -> None:
    checked, made = converted(tmp_path, HEAD + "a.png,glioma,0.33,0.66\nb.png,glioma,0.5,0.5\n")
    assert checked.rescaled == 1
    assert made.y_prob.sum(axis=1).tolist() == pytest.approx([1, 1])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (HEAD + "a.png,glioma,0.9,0.1\nb.png,glioma,often,0.1\n",
         'Row 2, column "prob_glioma" is "often", which is no number'),
        (HEAD + "a.png,glioma,0.9,\n", 'Row 1, column "prob_notumor" is empty or not a number'),
        (HEAD + "a.png,glioma,nan,0.1\n", 'Row 1, column "prob_glioma" is empty or not a number'),
        (HEAD + "a.png,glioma,90,10\n", 'Row 1, column "prob_glioma" is 90; probabilities lie'),
        (HEAD + "a.png,glioma,-0.5,1.5\n", 'Row 1, column "prob_glioma" is -0.5'),
        (HEAD + "a.png,glioma,0.5,0.1\n",
         "Row 1, columns prob_glioma to prob_notumor: the probabilities sum to 0.6"),
        (HEAD + "a.png,Glioma,0.9,0.1\n",
         'Row 1, column "label" has the label "Glioma", which is none of the classes'),
        (HEAD + "a.png,glioma,0.9,0.1\n,glioma,0.9,0.1\n", 'Row 2, column "path" is empty'),
        (HEAD + "a.png,glioma,0.9,0.1\nb.png,glioma,1,0\na.png,glioma,0.9,0.1\n",
         'Row 3, column "path": this image was named in an earlier row'),
        ("path,label,split,prob_a,prob_b\nx,a,fold3,1,0\n",
         'Row 1, column "split" is "fold3"; use train, val or test'),
        ("path,label,prob_a\nx,a,1\n", "it needs at least two with probabilities"),
        ("prob_a,prob_b\n1,0\n", "it needs one called label"),
        ("path,prob_a,prob_b\nx,1,0\n", "there is no image index to look the images up in"),
        ("label,prob_a,prob_a\na,1,0\n", 'The table has two columns "prob_a"'),
        (HEAD, "The table has no rows"),
        ("path,label,split,prob_a,prob_b\nx,a,train,1,0\n", "All rows of the table are of training"),
        (HEAD + "a.png,glioma,0.9,0.1\nb.png,glioma,0.9\n",
         "The file cannot be read as a table (CSV parse error: row 2: Expected 4 columns, got 3"),
        (HEAD + "a.png,,0.9,0.1\n", "No row of the table has a label: the column \"label\" is empty"),
        (HEAD + "a" * 2001 + ",glioma,0.9,0.1\n", 'Row 1, column "path" has 2,001 letters'),
        ("label,prob_a,prob_a_percent\na,0.9,10\n", 'two columns of the class "a"'),
        ((HEAD + "a.png,glioma,0.9,0.1\nü.png,glioma,0.9,0.1\n").encode("latin-1"),
         'Row 2, column "path" is not UTF-8 text; save the table as UTF-8'),
        ((HEAD + "a.png,glioma,0.9,0.1\n" * 300_000 + "a.png,tümor,0.9,0.1\n").encode("latin-1"),
         'Row 300,001, column "label" is not UTF-8 text; save the table as UTF-8'),
        ("path,label,prob_glioma,prob_tümor\na.png,glioma,0.9,0.1\n".encode("latin-1"),
         "The names of the columns are not UTF-8 text; save the table as UTF-8"),
        (b"PAR1 and no more", "cannot be read as a table"),
        (b"\x00\x01\x02", "neither Parquet nor CSV"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_row_and_column(
    tmp_path: Path, text: str | bytes, sentence: str
) -> None:
    with pytest.raises(InputError) as refused:
        converted(tmp_path, text)
    assert sentence in str(refused.value)


def test_a_fault_deep_in_a_long_table_has_its_own_row(tmp_path: Path) -> None:
    rows = 200_000
    labels = ["glioma"] * rows
    labels[150_000] = "glioblastoma"
    table = pa.table({"label": labels, "prob_glioma": [0.5] * rows, "prob_notumor": [0.5] * rows})
    pq.write_table(table, tmp_path / "theirs.parquet")
    with pytest.raises(
        InputError, match=r'Row 150,001, column "label" has the label "glioblastoma"'
    ):
        foreign_tables.convert(tmp_path / "theirs.parquet", tmp_path / "made", known=None)


def test_parquet_of_any_number_type_is_read(tmp_path: Path) -> None:
    table = pa.table({"label": ["a", "b"], "prob_a": pa.array([1, 0], pa.int8()),
                      "prob_b": pa.array([0, 1], pa.float64())})  # fmt: skip
    pq.write_table(table, tmp_path / "theirs.parquet")
    checked = foreign_tables.convert(tmp_path / "theirs.parquet", tmp_path / "made", known=None)
    assert checked.negative is None
    assert predictions.read(tmp_path / "made").y_prob.tolist() == [[1, 0], [0, 1]]


def test_a_table_becomes_a_run_with_the_class_that_was_chosen(
    tmp_path: Path, indexed_models: Path
) -> None:
    models = Path(shutil.copytree(indexed_models, tmp_path / "models"))
    source = tmp_path / "theirs.csv"
    source.write_text("label,prob_a,prob_b\na,0.9,0.1\n")
    foreign_tables.convert(source, tmp_path / "made", known=None)
    runs.add(models, "theirs", lambda to: foreign_tables.with_negative(tmp_path / "made", "b", to))
    made = results.load(models, "theirs")
    assert (made.run, made.negative_class) == (None, "b")
    assert batches.open_table(models / "theirs" / runs.PREDICTIONS_FILE).rows == 1
