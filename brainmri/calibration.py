"""How far probabilities can be taken at their word; pure functions on arrays.

Shapes: `y_true` (n,) class numbers, `y_prob` (n, k) probabilities, `groups` (n,) cluster numbers.
The confidence of an answer is the probability of the most probable class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainmri import metrics
from brainmri.metrics import RESAMPLES, Estimate, Floats, Ints

MIN_IMAGES = 50
"""Below this many images neither a temperature nor a calibration error is worth its noise."""

BINS = 15
"""Of equal width, as in Guo et al. 2017."""

COLDEST, HOTTEST = 0.1, 10.0
"""No temperature outside these is fitted: the loss is flat there, so it would be noise."""

_FLOOR = float(np.finfo(np.float32).tiny)
"""What a probability of 0 counts as: smaller ones cannot be told apart in a float32 table."""
_HALVINGS = 60
_DRAWS = 400


@dataclass(frozen=True)
class Temperature:
    """A fitted temperature.

    Attributes:
        value: above 1 where the model was too sure; None with a `reason`.
        n: images that it was fitted on.
        loss_before, loss_after: mean negative log-likelihood of those images.
    """

    value: float | None
    n: int
    loss_before: float | None = None
    loss_after: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class ReliabilityBin:
    """The answers with a confidence above `low` and up to `high`, and the share that was right."""

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: Estimate


@dataclass(frozen=True)
class CalibrationError:
    """The expected calibration error, beside the one that a flawless model would show.

    Attributes:
        ece: mean distance between confidence and accuracy, with its interval.
        by_chance: mean error of as many answers that are right as often as their confidence says.
            None without images enough.
    """

    ece: Estimate
    by_chance: float | None


def fit_temperature(y_true: Ints, y_prob: NDArray[np.floating]) -> Temperature:
    """The temperature T that minimises the loss of softmax(log p / T) (Guo et al. 2017).

    The loss is convex in 1 / T, so halving an interval by the sign of its derivative finds the
    minimum, the same to the last bit every time. Where it lies outside COLDEST to HOTTEST, the
    nearer end is the answer.
    """
    n = len(y_true)
    if n < MIN_IMAGES:
        return Temperature(None, n, reason=f"fewer than {MIN_IMAGES} images")
    logits = _logits(y_prob)
    true = logits[np.arange(n), y_true]
    if (logits.argmax(axis=1) == y_true).all():
        # The loss falls for ever with the temperature, so the images say nothing about it.
        return Temperature(None, n, reason="every answer is right")

    def slope(inverse: float) -> float:
        """Derivative of the loss by 1 / T."""
        return float(((_softmax(logits * inverse) * logits).sum(axis=1) - true).mean())

    low, high = np.log(1 / HOTTEST), np.log(1 / COLDEST)
    if slope(1.0) == 0:
        low = high = 0.0  # All probabilities are equal: no temperature is better than another.
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if slope(float(np.exp(middle))) > 0:
            high = middle
        else:
            low = middle
    value = float(np.clip(np.exp(-(low + high) / 2), COLDEST, HOTTEST))
    return Temperature(value, n, _loss(logits, y_true), _loss(logits / value, y_true))


def apply_temperature(
    y_prob: NDArray[np.floating], temperature: float | None
) -> NDArray[np.float32]:
    """Softmax of log p / temperature, float32 (n, k); `y_prob` itself where there is none.

    The order of the classes in a row stays, and with it the answer.
    """
    if temperature is None:
        return np.asarray(y_prob, dtype=np.float32)
    return _softmax(_logits(y_prob) / temperature).astype(np.float32)


def reliability(y_true: Ints, y_prob: NDArray[np.floating], groups: Ints) -> list[ReliabilityBin]:
    """Accuracy by confidence in BINS bins of equal width; empty bins are there, with a reason."""
    confidence, right, number = _binned(y_true, y_prob)
    counts = np.bincount(number, minlength=BINS)
    sums = np.bincount(number, confidence, minlength=BINS)
    return [
        ReliabilityBin(
            low=b / BINS,
            high=(b + 1) / BINS,
            n=int(counts[b]),
            confidence=float(sums[b] / counts[b]) if counts[b] else None,
            accuracy=metrics.share(
                right[number == b], groups[number == b], nothing="no answers this sure"
            ),
        )
        for b in range(BINS)
    ]


def ece(
    y_true: Ints,
    y_prob: NDArray[np.floating],
    groups: Ints,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> CalibrationError:
    """Expected calibration error: sum over bins of n_b / n |accuracy_b - confidence_b|.

    Guo et al. 2017: of the most probable class, in BINS bins of equal width. Noise in a bin counts
    as error whichever way it points, so the figure is too high for few images, and resampled ones
    are higher still. The interval is therefore the basic bootstrap one, which mirrors the resampled
    figures at the measured one (Davison and Hinkley 1997, section 5.2), with whole groups drawn.
    It reaches down to 0 where a flawless model would show as much in 2.5 % of the draws.
    """
    n = len(y_true)
    if n < MIN_IMAGES:
        few = Estimate(None, None, None, n, reason=f"fewer than {MIN_IMAGES} images")
        return CalibrationError(few, None)
    confidence, right, number = _binned(y_true, y_prob)
    gap = right - confidence
    value = float(np.abs(np.bincount(number, gap, minlength=BINS)).sum() / n)
    counts, group = metrics.resampled_counts(groups, seed, resamples)
    per_group = np.zeros((counts.shape[1], BINS))
    np.add.at(per_group, (group, number), gap)
    drawn = np.abs(counts @ per_group).sum(axis=1) / (counts @ np.bincount(group))
    low, high = 2 * value - np.quantile(drawn, [0.975, 0.025])
    flawless = _of_a_flawless_model(confidence, number, group, seed)
    if value <= np.quantile(flawless, 0.975):
        low = 0.0
    return CalibrationError(
        Estimate(value, float(np.clip(low, 0, value)), float(np.clip(high, value, 1)), n),
        float(flawless.mean()),
    )


def _of_a_flawless_model(confidence: Floats, number: Ints, group: Ints, seed: int) -> Floats:
    """Calibration errors of answers that are right as often as their confidence says.

    One random number per group, since copies of an image are right or wrong together.
    """
    generator, clusters = np.random.default_rng(seed), int(group.max()) + 1
    errors = np.empty(_DRAWS)
    for draw in range(_DRAWS):
        gap = (generator.random(clusters)[group] < confidence) - confidence
        errors[draw] = np.abs(np.bincount(number, gap, minlength=BINS)).sum()
    return errors / len(confidence)


def _binned(y_true: Ints, y_prob: NDArray[np.floating]) -> tuple[Floats, NDArray[np.bool_], Ints]:
    """Confidence, whether the answer is right, and the bin (low, high], each (n,)."""
    confidence = np.max(y_prob, axis=1).astype(np.float64)
    number = np.searchsorted(np.linspace(0, 1, BINS + 1), confidence, side="left") - 1
    return confidence, np.argmax(y_prob, axis=1) == y_true, np.clip(number, 0, BINS - 1)


def _logits(y_prob: NDArray[np.floating]) -> Floats:
    return np.log(np.maximum(np.asarray(y_prob, dtype=np.float64), _FLOOR))


def _softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    normalised: Floats = raised / raised.sum(axis=1, keepdims=True)
    return normalised


def _loss(logits: Floats, y_true: Ints) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    true = shifted[np.arange(len(y_true)), y_true]
    return float((np.log(np.exp(shifted).sum(axis=1)) - true).mean())
