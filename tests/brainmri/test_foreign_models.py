"""Models of other tools: what they see, what they say, and what of them is refused."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from sklearn.metrics import accuracy_score, recall_score

from brainmri import (
    evaluation,
    foreign_formats,
    foreign_models,
    images,
    index,
    phantom,
    predictions,
    results,
)
from brainmri.errors import InputError
from brainmri.foreign_models import Reading
from tests.brainmri import foreign

CLASSES = list(phantom.CLASSES)
MODELS: dict[str, Callable[[], onnx.ModelProto]] = {
    "keras": foreign.keras,
    "scikit-learn": foreign.scikit_learn,
    "scikit-learn without a map": lambda: foreign.scikit_learn(zipmap=False),
    "torch": foreign.torch,
    "torch in colour": lambda: foreign.torch(channels=3),
    "torch one at a time": lambda: foreign.torch(batch=1),
    "torch four at a time": lambda: foreign.torch(batch=4),
}


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[onnx.ModelProto], Path]:
    def save(model: onnx.ModelProto) -> Path:
        path = tmp_path / "model.upload"
        path.write_bytes(model.SerializeToString())
        return path

    return save


@pytest.fixture
def models(indexed_models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(indexed_models, tmp_path / "models"))


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_of_each_tool_is_read_without_being_told_how(
    kind: str, saved: Callable[[onnx.ModelProto], Path]
) -> None:
    pixels = phantom.draw("glioma", 1)
    path = saved(MODELS[kind]())
    reading, seen = foreign_models.preview(path, None, pixels, classes=CLASSES)
    assert reading.layout == {"k": "nhwc", "s": "flat", "t": "nchw"}[kind[0]]
    assert reading.meaning == ("logits" if kind[0] == "t" else "probabilities")
    assert seen.keys == (CLASSES if kind == "scikit-learn" else None)
    told = foreign_models.probabilities(seen.told[None], reading)[0]
    assert told == pytest.approx(foreign.expected(seen.square), abs=1e-4)
    assert "seccomp" in seen.loaded.locks or "no new descriptor" in seen.loaded.locks


@pytest.mark.parametrize("kind", MODELS)
def test_the_metrics_of_an_evaluated_model_are_those_of_scikit_learn(
    kind: str,
    saved: Callable[[onnx.ModelProto], Path],
    models: Path,
    phantom_data: Path,
) -> None:
    table = index.read(index.path(models))
    path = saved(MODELS[kind]())
    reading, _ = foreign_models.preview(path, None, phantom.draw("glioma", 1), classes=CLASSES)
    steps: list[tuple[int, int]] = []
    foreign_models.evaluate(path, reading, table, phantom_data, models, "theirs",
                            progress=lambda *at: steps.append(at))  # fmt: skip
    made = results.load(models, "theirs")
    test = table.rows[table.rows["split"] == "test"]
    assert steps[0] == (0, len(test))
    assert steps[-1] == (len(test), len(test))
    y_true = test["label"].to_numpy()
    squares = [
        images.resize(images.decode(phantom_data / p).pixels, (reading.size_px, reading.size_px))
        for p in test["path"]
    ]
    y_pred = np.array(CLASSES)[[int(foreign.expected(square).argmax()) for square in squares]]
    report = evaluation.report(made.predictions, split="test", negative=made.negative_class,
                               groups=results.groups(made.predictions, table), run="theirs")  # fmt: skip
    assert report.accuracy.value == accuracy_score(y_true, y_pred)
    recalls = recall_score(y_true, y_pred, labels=CLASSES, average=None)
    assert [c.recall.value for c in report.per_class] == pytest.approx(recalls.tolist())


def test_the_scalings_are_those_of_the_frameworks(saved: Callable[[onnx.ModelProto], Path]) -> None:
    squares = np.array([[[0, 255], [51, 102]]], dtype=np.uint8)
    path = saved(foreign.torch(size=2, channels=3))
    _, seen = foreign_models.preview(path, None, squares[0], classes=CLASSES)

    def given(scaling: str) -> list[float]:
        reading = Reading(2, 3, "nchw", scaling, 0, "logits", CLASSES)
        values = foreign_models.prepare(squares, reading, seen.loaded)
        return [round(float(value), 3) for value in values[0, :, 0, 1]]  # the white pixel

    assert given("unit") == [1, 1, 1]
    assert given("signed") == [1, 1, 1]
    assert given("raw") == [255, 255, 255]
    assert given("imagenet") == [2.249, 2.429, 2.64]
    assert given("caffe") == [151.061, 138.221, 131.32]


def test_one_output_is_the_probability_of_the_second_of_two_classes() -> None:
    reading = Reading(8, 1, "nchw", "unit", 0, "probabilities", ["healthy", "tumour"])
    assert foreign_models.probabilities(np.array([[0.25]]), reading).tolist() == [[0.75, 0.25]]
    logits = Reading(8, 1, "nchw", "unit", 0, "logits", ["healthy", "tumour"])
    assert foreign_models.probabilities(np.array([[0.0]]), logits).tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize(
    ("told", "meaning", "sentence"),
    [
        ([[0.5, 0.5]], "probabilities", "answers with 2 numbers per image and the data has 4"),
        ([[9, 1, 0, 0]], "probabilities", "are no probabilities"),
        ([[np.nan, 1, 0, 0]], "logits", "values that are not numbers"),
    ],
)
def test_answers_that_cannot_be_read_are_refused(
    told: list[list[float]], meaning: str, sentence: str
) -> None:
    reading = Reading(8, 1, "nchw", "unit", 0, meaning, CLASSES)
    with pytest.raises(InputError, match=sentence):
        foreign_models.probabilities(np.array(told), reading)


def test_a_reading_that_does_not_fit_is_refused_before_anything_runs(
    saved: Callable[[onnx.ModelProto], Path],
) -> None:
    path = saved(foreign.keras())
    wrong = Reading(32, 3, "nchw", "unit", 0, "probabilities", CLASSES)
    with pytest.raises(
        InputError, match="wants n × 32 × 32 × 3 and would be given n × 3 × 32 × 32"
    ):
        foreign_models.preview(path, wrong, phantom.draw("glioma", 1), classes=CLASSES)


def test_a_model_cannot_have_the_dashboard_fill_its_memory_with_images(
    saved: Callable[[onnx.ModelProto], Path],
) -> None:
    path = saved(foreign.torch(batch=100_000_000))
    with pytest.raises(InputError, match="wants 100,000,000 images at a time, which is too many"):
        foreign_models.preview(path, None, phantom.draw("glioma", 1), classes=CLASSES)
    colourful = Reading(24, 100_000_000, "nchw", "unit", 0, "logits", CLASSES)
    with pytest.raises(InputError, match="100000000 colour channels; use 1 or 3"):
        foreign_models.preview(path, colourful, phantom.draw("glioma", 1), classes=CLASSES)


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
    ],
)
def test_what_is_not_onnx_is_refused_with_the_way_to_export_it(
    start: bytes, name: str, what: str, how: str
) -> None:
    refusal = foreign_formats.refusal(start, name)
    assert refusal is not None
    assert what in refusal
    assert how in refusal


def test_an_evaluation_that_is_stopped_leaves_nothing(
    saved: Callable[[onnx.ModelProto], Path],
    models: Path,
    phantom_data: Path,
) -> None:
    before = sorted(models.rglob("*"))
    path = saved(foreign.torch())
    reading, _ = foreign_models.preview(path, None, phantom.draw("glioma", 1), classes=CLASSES)

    def stop(done: int, _: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        foreign_models.evaluate(path, reading, index.read(index.path(models)), phantom_data, models,
                                "theirs", progress=stop)  # fmt: skip
    assert sorted(models.rglob("*")) == before


def test_a_model_that_is_too_slow_is_stopped_early_and_told_its_speed(
    saved: Callable[[onnx.ModelProto], Path],
    models: Path,
    phantom_data: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As three products of 2,600 x 2,600 for each image are: benchmarks/hostile_models.py."""
    monkeypatch.setattr(foreign_models, "MOST_SECONDS_PER_IMAGE", 1e-9)
    path = saved(foreign.torch())
    reading, _ = foreign_models.preview(path, None, phantom.draw("glioma", 1), classes=CLASSES)
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
    saved: Callable[[onnx.ModelProto], Path],
    models: Path,
    phantom_data: Path,
) -> None:
    path = saved(foreign.torch())
    reading, _ = foreign_models.preview(path, None, phantom.draw("glioma", 1), classes=CLASSES)
    foreign_models.evaluate(path, reading, index.read(index.path(models)), phantom_data, models,
                            "theirs")  # fmt: skip
    assert [file.name for file in (models / "theirs").iterdir()] == ["predictions.parquet"]
    made = predictions.read(models / "theirs" / "predictions.parquet")
    assert len(made.model_sha256) == 64
    assert made.negative_class == phantom.NEGATIVE_CLASS
