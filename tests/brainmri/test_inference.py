"""`brainmri.inference`: one scorer for the command line and the dashboard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainmri import inference, phantom, runs
from brainmri.errors import InputError
from brainmri.files import sha256
from brainmri.inference import Classifier, softmax
from tests.conftest import SIZE_PX


def replace_model(models: Path, data: bytes) -> None:
    """Put another model file into the run "cnn", and its hash into run.json."""
    path = models / "cnn" / "model.onnx"
    path.write_bytes(data)
    run = runs.load(models, "cnn")
    runs.save(models, replace(run, model_sha256=sha256(path)))


@pytest.fixture(scope="module")
def classifier(trained_models: Path) -> Classifier:
    return inference.load(trained_models, "cnn", threads=1)


# --- softmax ---------------------------------------------------------------------------------


def test_softmax_by_hand() -> None:
    np.testing.assert_allclose(
        softmax(np.log(np.array([[1.0, 3.0], [5.0, 5.0]]))), [[0.25, 0.75], [0.5, 0.5]], atol=1e-7
    )


@given(st.integers(1, 20), st.integers(2, 9), st.sampled_from([1.0, 100.0, 1e6]))
def test_softmax_rows_sum_to_one_however_large_the_logits(n: int, k: int, scale: float) -> None:
    logits = np.random.default_rng(n * k).normal(size=(n, k)) * scale
    y_prob = softmax(logits)
    assert y_prob.dtype == np.float32
    assert np.isfinite(y_prob).all()
    np.testing.assert_allclose(y_prob.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(y_prob.argmax(axis=1), logits.argmax(axis=1))


# --- classify --------------------------------------------------------------------------------


def test_images_of_any_size_become_rows_of_probabilities(classifier: Classifier) -> None:
    images = [phantom.draw(label, 1) for label in phantom.CLASSES]
    y_prob = classifier.classify(images)
    assert y_prob.shape == (4, 4)
    assert y_prob.dtype == np.float32
    np.testing.assert_allclose(y_prob.sum(axis=1), 1, atol=1e-6)


def test_an_image_gets_the_same_answer_alone_and_among_others(classifier: Classifier) -> None:
    images = [phantom.draw("glioma", seed) for seed in range(5)]
    alone = np.concatenate([classifier.classify([image]) for image in images])
    np.testing.assert_allclose(classifier.classify(images), alone, atol=1e-6)


def test_squares_are_what_classify_makes_of_images(classifier: Classifier) -> None:
    image = phantom.draw("glioma", 2)
    square = classifier.preprocessing.square(image)
    assert square.shape == (SIZE_PX, SIZE_PX)
    np.testing.assert_array_equal(
        classifier.classify([image]), classifier.classify_squares(square[None])
    )


def test_the_temperature_divides_the_logits(classifier: Classifier) -> None:
    square = classifier.preprocessing.square(phantom.draw("glioma", 2))[None]
    cold = classifier.classify_squares(square)
    warm = Classifier(replace(classifier.run, temperature=4.0), classifier.session)
    powered = cold.astype(np.float64) ** 0.25
    expected = powered / powered.sum()
    np.testing.assert_allclose(warm.classify_squares(square), expected, atol=1e-5)
    np.testing.assert_array_equal(warm.uncalibrated(square), cold)


def test_a_sparing_model_says_the_same_and_asks_for_its_memory_to_be_given_back(
    classifier: Classifier, trained_models: Path
) -> None:
    asked: list[object] = []
    real = onnxruntime.InferenceSession.run

    def run(
        self: onnxruntime.InferenceSession, names: object, feed: object, options: object
    ) -> Any:
        asked.append(options)
        return real(self, names, feed, options)

    sparing = inference.load(trained_models, "cnn", threads=1, sparing=True)
    squares = np.stack([classifier.preprocessing.square(phantom.draw("glioma", 2))] * 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnxruntime.InferenceSession, "run", run)
        np.testing.assert_array_equal(
            sparing.uncalibrated(squares), classifier.uncalibrated(squares)
        )
    given_back, kept = asked
    assert isinstance(given_back, onnxruntime.RunOptions)
    assert given_back.get_run_config_entry("memory.enable_memory_arena_shrinkage") == "cpu:0"
    assert kept is None


# --- load ------------------------------------------------------------------------------------


def test_a_run_without_its_model_file_says_so(own_models: Path) -> None:
    (own_models / "cnn" / "model.onnx").unlink()
    with pytest.raises(InputError, match=r"without its model file.*; train it again"):
        inference.load(own_models, "cnn")


def test_a_model_that_is_not_the_one_of_the_run_is_refused(own_models: Path) -> None:
    (own_models / "brightness" / "model.onnx").replace(own_models / "cnn" / "model.onnx")
    with pytest.raises(InputError, match=r"its SHA-256 differs"):
        inference.load(own_models, "cnn")


def test_a_single_flipped_bit_in_the_model_is_found(own_models: Path) -> None:
    path = own_models / "cnn" / "model.onnx"
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(InputError, match="SHA-256 differs"):
        inference.load(own_models, "cnn")


@pytest.mark.parametrize("data", [b"", b"not a model"])
def test_a_file_that_is_no_model_is_refused_in_one_sentence(data: bytes, own_models: Path) -> None:
    replace_model(own_models, data)
    with pytest.raises(InputError, match="cannot be loaded") as caught:
        inference.load(own_models, "cnn")
    assert "\n" not in str(caught.value)


def test_a_model_with_other_inputs_is_refused(own_models: Path) -> None:
    model = onnx.load(own_models / "brightness" / "model.onnx")
    model.graph.input[0].name = "pixels"
    model.graph.node[0].input[0] = "pixels"
    replace_model(own_models, model.SerializeToString())
    with pytest.raises(InputError, match="has no input image or no output logits"):
        inference.load(own_models, "cnn")


def test_an_unknown_preprocessing_is_refused(own_models: Path) -> None:
    run = runs.load(own_models, "cnn")
    runs.save(own_models, replace(run, preprocessing={"size_px": 64, "fit": "crop"}))
    loaded = inference.load(own_models, "cnn")
    with pytest.raises(InputError, match=r"preprocessing .* is not known"):
        loaded.classify([phantom.draw("glioma", 0)])
