"""Models of other tools: what they see, what they say, and what of them is refused."""

from __future__ import annotations

import io
import pickle
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest

from brainmri import (
    foreign_formats,
    foreign_models,
    foreign_readings,
    images,
    index,
    phantom,
    predictions,
    results,
)
from brainmri.errors import InputError
from brainmri.foreign_readings import Reading
from tests.brainmri import exported, foreign, yardstick

CLASSES = list(phantom.CLASSES)
NEGATIVE = phantom.NEGATIVE_CLASS
MODELS: dict[str, Callable[[], onnx.ModelProto | bytes]] = {
    "keras": foreign.keras,
    "scikit-learn": exported.scikit_learn,
    "scikit-learn without a map": lambda: foreign.scikit_learn(zipmap=False),
    "torch": exported.torch,
    "torch in grey": foreign.torch,
    "torch one at a time": lambda: foreign.torch(batch=1),
    "torch four at a time": lambda: foreign.torch(batch=4),
}


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[onnx.ModelProto | bytes], Path]:
    def save(model: onnx.ModelProto | bytes) -> Path:
        path = tmp_path / "model.upload"
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        return path

    return save


@pytest.fixture
def models(indexed_models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(indexed_models, tmp_path / "models"))


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_of_each_tool_is_read_without_being_told_how(
    kind: str, saved: Callable[[onnx.ModelProto | bytes], Path]
) -> None:
    pixels = phantom.draw("glioma", 1)
    path = saved(MODELS[kind]())
    reading, seen = foreign_models.preview(path, None, pixels, classes=CLASSES, negative=NEGATIVE)
    assert reading.layout == {"k": "nhwc", "s": "flat", "t": "nchw"}[kind[0]]
    assert reading.meaning == ("logits" if kind[0] == "t" else "probabilities")
    assert seen.keys == (CLASSES if kind == "scikit-learn" else None)
    told = foreign_readings.probabilities(seen.told[None], reading)[0]
    assert told == pytest.approx(foreign.expected(seen.seen), abs=1e-4)
    assert "seccomp" in seen.loaded.locks or "no new descriptor" in seen.loaded.locks


@pytest.mark.parametrize("kind", MODELS)
def test_the_metrics_of_an_evaluated_model_are_those_of_scikit_learn(
    kind: str,
    saved: Callable[[onnx.ModelProto | bytes], Path],
    models: Path,
    phantom_data: Path,
) -> None:
    table = index.read(index.path(models))
    path = saved(MODELS[kind]())
    reading, _ = foreign_models.preview(
        path, None, phantom.draw("glioma", 1), classes=CLASSES, negative=NEGATIVE
    )
    steps: list[tuple[int, int]] = []
    foreign_models.evaluate(path, reading, table, phantom_data, models, "theirs",
                            progress=lambda *at: steps.append(at))  # fmt: skip
    made = results.load(models, "theirs")
    test = table.rows[table.rows["split"] == "test"]
    assert steps[0] == (0, len(test))
    assert steps[-1] == (len(test), len(test))
    squares = [
        images.resize(images.decode(phantom_data / p).pixels, (reading.size_px, reading.size_px))
        for p in test["path"]
    ]
    y_pred = np.array(CLASSES)[[int(foreign.expected(square).argmax()) for square in squares]]
    assert (np.array(CLASSES)[made.predictions.y_prob.argmax(axis=1)] == y_pred).all()
    assert yardstick.differences(made.predictions, groups=results.groups(made.predictions, table),
                                 negative=made.negative_class) == {}  # fmt: skip


def test_the_scalings_are_those_of_the_frameworks(
    saved: Callable[[onnx.ModelProto | bytes], Path],
) -> None:
    squares = np.array([[[0, 255], [51, 102]]], dtype=np.uint8)
    path = saved(foreign.torch(size=2, channels=3))
    _, seen = foreign_models.preview(path, None, squares[0], classes=CLASSES, negative=NEGATIVE)

    def given(scaling: str) -> list[float]:
        reading = Reading(2, 3, "nchw", scaling, 0, "logits", CLASSES)
        values = foreign_readings.prepare(squares, reading, seen.loaded)
        return [round(float(value), 3) for value in values[0, :, 0, 1]]  # the white pixel

    assert given("unit") == [1, 1, 1]
    assert given("signed") == [1, 1, 1]
    assert given("raw") == [255, 255, 255]
    assert given("imagenet") == [2.249, 2.429, 2.64]
    assert given("caffe") == [151.061, 138.221, 131.32]


def test_one_output_is_the_probability_of_the_second_of_two_classes() -> None:
    reading = Reading(8, 1, "nchw", "unit", 0, "probabilities", ["healthy", "tumour"])
    assert foreign_readings.probabilities(np.array([[0.25]]), reading).tolist() == [[0.75, 0.25]]
    logits = Reading(8, 1, "nchw", "unit", 0, "logits", ["healthy", "tumour"])
    assert foreign_readings.probabilities(np.array([[0.0]]), logits).tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize(
    ("told", "meaning", "sentence"),
    [
        ([[0.5, 0.5]], "probabilities", "answers with 2 numbers per image and there are 4 classes"),
        ([[9, 1, 0, 0]], "probabilities", "are no probabilities"),
        ([[np.nan, 1, 0, 0]], "logits", "values that are not numbers"),
    ],
)
def test_answers_that_cannot_be_read_are_refused(
    told: list[list[float]], meaning: str, sentence: str
) -> None:
    reading = Reading(8, 1, "nchw", "unit", 0, meaning, CLASSES)
    with pytest.raises(InputError, match=sentence):
        foreign_readings.probabilities(np.array(told), reading)


def test_the_output_that_is_as_wide_as_there_are_classes_is_read(
    saved: Callable[[onnx.ModelProto | bytes], Path],
) -> None:
    """As of an export with an embedding before the logits."""
    path = saved(foreign.with_features())
    reading, seen = foreign_models.preview(path, None, phantom.draw("glioma", 1), classes=CLASSES,
                                           negative=NEGATIVE)  # fmt: skip
    assert [port.name for port in seen.loaded.outputs] == ["features", "logits"]
    assert (reading.output, reading.columns, reading.meaning) == (1, [0, 1, 2, 3], "logits")
    other, wide = foreign_models.preview(
        path, replace(reading, output=0), phantom.draw("glioma", 1), classes=CLASSES,
        negative=NEGATIVE, assigned=len(seen.told),
    )  # fmt: skip
    assert len(wide.told) == 128
    assert other.columns == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("columns", "keys", "classes", "chosen"),
    [
        (4, None, CLASSES, [0, 1, 2, 3]),
        (4, CLASSES[::-1], CLASSES, [3, 2, 1, 0]),
        (1001, None, CLASSES, [0, 1, 2, 3]),
        (6, ["x", *CLASSES, "y"], CLASSES, [1, 2, 3, 4]),
        (1, None, [NEGATIVE, "tumour"], [0, 1]),
        (2, None, [NEGATIVE, "tumour"], [0, 1]),
        (2, ["Tumor", "no-tumor"], [NEGATIVE, "tumour"], [1, 0]),
        (3, None, CLASSES, None),
    ],
)
def test_each_class_gets_a_likely_column(
    columns: int, keys: list[str] | None, classes: list[str], chosen: list[int] | None
) -> None:
    plain = Reading(8, 1, "nchw", "unit", 0, "logits", CLASSES)
    assigned = foreign_readings.assign(plain, columns, CLASSES, NEGATIVE, keys)
    assert (assigned.classes, assigned.columns) == (classes, chosen)


def test_columns_that_mean_no_class_are_left_out() -> None:
    told = np.array([[0.1, 0.2, 0.3, 0.0, 0.3, 0.1]])
    reading = Reading(8, 1, "nchw", "unit", 0, "probabilities", CLASSES, [1, 2, 3, 4])
    assert foreign_readings.probabilities(told, reading)[0] == pytest.approx(
        [0.25, 0.375, 0, 0.375]
    )
    logits = replace(reading, meaning="logits")
    assert foreign_readings.probabilities(np.log(told + 1e-12), logits)[0] == pytest.approx(
        [0.25, 0.375, 0, 0.375], abs=1e-6
    )
    with pytest.raises(InputError, match="next to nothing to the chosen columns"):
        foreign_readings.probabilities(np.array([[1.0, 0, 0, 0, 0, 0]]), reading)


def test_a_model_of_tumour_and_no_tumour_becomes_a_run_of_two_classes(
    saved: Callable[[onnx.ModelProto | bytes], Path], models: Path, phantom_data: Path
) -> None:
    table = index.read(index.path(models))
    path = saved(foreign.sigmoid())
    reading, _ = foreign_models.preview(path, None, phantom.draw("glioma", 1), classes=CLASSES,
                                        negative=NEGATIVE)  # fmt: skip
    foreign_models.evaluate(path, reading, table, phantom_data, models, "theirs")
    made = results.load(models, "theirs")
    assert (made.predictions.classes, made.negative_class) == ([NEGATIVE, "tumour"], NEGATIVE)
    labels = table.rows.set_index("path")["label"].loc[made.predictions.paths.tolist()]
    assert made.predictions.y_true.tolist() == [int(label != NEGATIVE) for label in labels]
    other = replace(reading, classes=["glioma", "tumour"])
    with pytest.raises(InputError, match="Give each class of the data"):
        foreign_models.evaluate(path, other, table, phantom_data, models, "again")


def test_an_input_that_is_not_square_is_read(
    saved: Callable[[onnx.ModelProto | bytes], Path],
) -> None:
    for model, layout in (
        (foreign.torch(24, height=16), "nchw"),
        (foreign.keras(24, height=16), "nhwc"),
    ):
        reading, seen = foreign_models.preview(saved(model), None, phantom.draw("glioma", 1),
                                               classes=CLASSES, negative=NEGATIVE)  # fmt: skip
        assert (reading.layout, reading.shape_px, seen.seen.shape) == (layout, (24, 16), (16, 24))


def test_a_reading_that_does_not_fit_is_refused_before_anything_runs(
    saved: Callable[[onnx.ModelProto | bytes], Path],
) -> None:
    path = saved(foreign.keras())
    wrong = Reading(32, 3, "nchw", "unit", 0, "probabilities", CLASSES)
    with pytest.raises(
        InputError, match="wants n × 32 × 32 × 3 and would be given n × 3 × 32 × 32"
    ):
        foreign_models.preview(
            path, wrong, phantom.draw("glioma", 1), classes=CLASSES, negative=NEGATIVE
        )


def test_a_model_cannot_have_the_dashboard_fill_its_memory_with_images(
    saved: Callable[[onnx.ModelProto | bytes], Path],
) -> None:
    path = saved(foreign.torch(batch=100_000_000))
    with pytest.raises(InputError, match="wants 100,000,000 images at a time, which is too many"):
        foreign_models.preview(
            path, None, phantom.draw("glioma", 1), classes=CLASSES, negative=NEGATIVE
        )
    colourful = Reading(24, 100_000_000, "nchw", "unit", 0, "logits", CLASSES)
    with pytest.raises(InputError, match="100000000 colour channels; use 1 or 3"):
        foreign_models.preview(
            path, colourful, phantom.draw("glioma", 1), classes=CLASSES, negative=NEGATIVE
        )


def zipped(comment: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.pkl", b"content")
        archive.comment = comment
    return file.getvalue()


LONG = [pickle.dumps({"weights": [*range(2000)], "names": ["a b"] * 9}, protocol=n) for n in (0, 1)]


@pytest.mark.parametrize(
    ("start", "name", "what", "how"),
    [
        (pickle.dumps({"a": 1}), "model.onnx", "a Python pickle", "skl2onnx.to_onnx"),
        (pickle.dumps({"a": 1}, protocol=0), "model.onnx", "a Python pickle", "torch.onnx.export"),
        (b"PK\x03\x04rest", "model.onnx", "an archive", "torch.onnx.export"),
        (b"\x89HDF\r\n", "model.onnx", "an HDF5 file", 'format="onnx"'),
        (b"anything", "weights.pt", "a .pt file", "torch.onnx.export"),
        (b"anything", "model.h5", "a .h5 file", "Keras"),
        (b"\x1f\x8b\x08", "model.onnx", "a compressed file", "Unpack it"),
        (LONG[0], "model.onnx", "a Python pickle", "skl2onnx.to_onnx"),
        (LONG[1], "model.onnx", "a Python pickle", "torch.onnx.export"),
        (b"cmine\nNet\np0\n(S'" + b"x" * 5000, "model.onnx", "a Python pickle", "skl2onnx"),
        (b"Rar!\x1a\x07\x01\x00", "model.onnx", "an archive", "Unpack it"),
        (b"anything", "model.rar", "a .rar file", "Unpack it"),
        (b"PK\x05\x06" + bytes(18), "model.onnx", "nothing in it", "torch.onnx.export"),
        (b"]\x00\x00\x80\x00" + b"\xff" * 8, "model.onnx", "a compressed file", "Unpack it"),
        (b"anything" + zipped(b""), "model.onnx", "other data before it", "torch.onnx.export"),
    ],
)
def test_what_is_not_onnx_is_refused_with_the_way_to_export_it(
    start: bytes, name: str, what: str, how: str
) -> None:
    refusal = foreign_formats.refusal(start[: foreign_formats.FIRST_BYTES], name)
    assert refusal is not None
    assert what in refusal
    assert how in refusal


@pytest.mark.parametrize("comment", [b"", b"of somebody"])
def test_an_archive_behind_a_long_program_is_known_by_its_end(comment: bytes) -> None:
    file = bytes(10_000) + zipped(comment)
    start, end = file[: foreign_formats.FIRST_BYTES], file[-foreign_formats.LAST_BYTES :]
    assert foreign_formats.refusal(start, "model.onnx") is None
    said = foreign_formats.refusal(start, "model.onnx", end)
    assert said is not None
    assert "an archive with other data before it" in said


@pytest.mark.parametrize(
    "table",
    [
        b"case,label,prob\n" + b"".join(b"case-%d,glioma,0.5\n" % i for i in range(500)),
        b"class\nglioma\n" * 1000,
        b"(class),score\n" + b"0.5,0.5\n" * 1000,
        b"class,score\nglioma,1.",
    ],
)
def test_a_table_is_no_pickle_though_it_begins_as_one(table: bytes) -> None:
    assert foreign_formats.refusal(table[: foreign_formats.FIRST_BYTES], "theirs.csv") is None


def test_models_are_not_taken_for_archives_or_pickles() -> None:
    for make in MODELS.values():
        model = make()
        file = model if isinstance(model, bytes) else model.SerializeToString()
        start, end = file[: foreign_formats.FIRST_BYTES], file[-foreign_formats.LAST_BYTES :]
        assert foreign_formats.refusal(start, "model.onnx", end) is None


def test_an_evaluation_that_is_stopped_leaves_nothing(
    saved: Callable[[onnx.ModelProto | bytes], Path],
    models: Path,
    phantom_data: Path,
) -> None:
    before = sorted(models.rglob("*"))
    path = saved(foreign.torch())
    reading, _ = foreign_models.preview(
        path, None, phantom.draw("glioma", 1), classes=CLASSES, negative=NEGATIVE
    )

    def stop(done: int, _: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        foreign_models.evaluate(path, reading, index.read(index.path(models)), phantom_data, models,
                                "theirs", progress=stop)  # fmt: skip
    assert sorted(models.rglob("*")) == before


def test_a_model_that_is_too_slow_is_stopped_early_and_told_its_speed(
    saved: Callable[[onnx.ModelProto | bytes], Path],
    models: Path,
    phantom_data: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As three products of 2,600 x 2,600 for each image are: benchmarks/hostile_models.py."""
    monkeypatch.setattr(foreign_models, "MOST_SECONDS_PER_IMAGE", 1e-9)
    path = saved(foreign.torch())
    reading, _ = foreign_models.preview(
        path, None, phantom.draw("glioma", 1), classes=CLASSES, negative=NEGATIVE
    )
    evaluate = partial(foreign_models.evaluate, path, reading, index.read(index.path(models)),
                       phantom_data, models, "theirs")  # fmt: skip
    evaluate()  # It is judged by seconds of work, which 20 images are not.
    shutil.rmtree(models / "theirs")
    monkeypatch.setattr(foreign_models, "_JUDGED_SECONDS", 1e-9)
    with pytest.raises(
        InputError, match="at most 1e-09 is given; it was stopped after 1 of 20 images"
    ):
        evaluate()
    assert not (models / "theirs").exists()


def test_a_run_keeps_the_fingerprint_of_its_model_and_no_model(
    saved: Callable[[onnx.ModelProto | bytes], Path],
    models: Path,
    phantom_data: Path,
) -> None:
    path = saved(foreign.torch())
    reading, _ = foreign_models.preview(
        path, None, phantom.draw("glioma", 1), classes=CLASSES, negative=NEGATIVE
    )
    foreign_models.evaluate(path, reading, index.read(index.path(models)), phantom_data, models,
                            "theirs")  # fmt: skip
    assert [file.name for file in (models / "theirs").iterdir()] == ["predictions.parquet"]
    made = predictions.read(models / "theirs" / "predictions.parquet")
    assert len(made.model_sha256) == 64
    assert made.negative_class == phantom.NEGATIVE_CLASS
