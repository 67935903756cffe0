"""`brainmri.baselines`: the class whose average brightness is nearest."""

from __future__ import annotations

import numpy as np
import onnxruntime
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from brainmri.baselines import mean_brightness
from brainmri.inference import INPUT_NAME, LOGITS_NAME, softmax


def logits(
    brightness: NDArray[np.float64], y_true: NDArray[np.int64], asked: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Train on `brightness`, then ask for flat images of the given levels."""
    model = mean_brightness(brightness, y_true, int(y_true.max()) + 1)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    images = np.broadcast_to(asked[:, None, None, None], (len(asked), 1, 6, 5))
    (result,) = session.run([LOGITS_NAME], {INPUT_NAME: images.astype(np.float32)})
    return np.asarray(result)


def test_the_nearest_class_mean_wins_by_hand() -> None:
    brightness = np.array([0.1, 0.3, 0.6, 0.8])  # class means 0.2 and 0.7, half-way 0.45
    answers = logits(brightness, np.array([0, 0, 1, 1]), np.array([0.0, 0.44, 0.46, 1.0]))
    assert answers.argmax(axis=1).tolist() == [0, 0, 1, 1]


def test_the_probabilities_are_those_of_equally_wide_gaussians_by_hand() -> None:
    brightness = np.array([0.1, 0.3, 0.6, 0.8])  # pooled variance 0.01
    got = softmax(logits(brightness, np.array([0, 0, 1, 1]), np.array([0.4])))
    near, far = np.exp(-0.5 * 0.2**2 / 0.01), np.exp(-0.5 * 0.3**2 / 0.01)
    np.testing.assert_allclose(got, [[near / (near + far), far / (near + far)]], atol=1e-5)


@given(st.integers(2, 6), st.integers(0, 10_000))
def test_mean_brightness_picks_the_nearest_class_mean(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y_true = np.append(np.arange(k), rng.integers(0, k, 30))
    brightness, asked = rng.random(30 + k), rng.random(50)
    centres = np.array([brightness[y_true == c].mean() for c in range(k)])
    distance = np.abs(asked[:, None] - centres)
    clear = np.diff(np.sort(distance, axis=1)[:, :2], axis=1).ravel() > 1e-5
    got = logits(brightness, y_true, asked).argmax(axis=1)
    np.testing.assert_array_equal(got[clear], distance.argmin(axis=1)[clear])
    assert clear.any()


def test_equal_images_of_a_class_do_not_divide_by_zero() -> None:
    got = logits(np.array([0.2, 0.2, 0.6]), np.array([0, 0, 1]), np.array([0.2, 0.6]))
    assert np.isfinite(got).all()
    assert got.argmax(axis=1).tolist() == [0, 1]


def test_the_number_of_outputs_is_the_number_of_classes() -> None:
    assert logits(np.array([0.1, 0.5, 0.9]), np.array([0, 1, 2]), np.array([0.4])).shape == (1, 3)
