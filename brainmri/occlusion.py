"""Does a class-activation map explain its answer? The marked region is hidden, and the model asked again.

A map says where a network found evidence, not that its answer rests on it (Adebayo et al. 2018). So the
region is filled in with what is around it, and as controls areas of the same shape elsewhere in the head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainmri import head
from brainmri.inference import Classifier

Bools = NDArray[np.bool_]
Verdict = Literal["explains", "fragile", "does not explain"]

MARKED_FROM = 0.5
"""Of the largest value of a map, from which a pixel belongs to the marked region."""
CHANGED_BY = 0.1
"""A fall of the probability that counts as a change, where the answer itself stays."""
CONTROLS = 3
_OVERLAP = 0.1
"""Share of a control, at most, that lies in the marked region."""
_IN_HEAD = 0.8
"""Share of the region's part in the head that a control must have there, too."""
_STEPS = 16
"""Places across the square that are tried for a control."""


@dataclass(frozen=True)
class Occlusion:
    """What hiding the marked region does.

    Attributes:
        answer: the class that was asked about.
        verdict: "explains": hiding it changes the answer, hiding other areas does not; "fragile":
            both do; "does not explain": hiding it changes nothing.
        words: the same in a sentence or two.
        before, after: calibrated probability of `answer`.
        answer_after: the most probable class when the region is hidden.
        controls: probability of `answer` with an equal area hidden elsewhere, for each place; empty
            where the region leaves no room for one.
        share: of the head that was hidden.
        hidden: the picture without the region, uint8 (s, s).
    """

    answer: str
    verdict: Verdict
    words: str
    before: float
    after: float
    answer_after: str
    controls: tuple[float, ...]
    share: float
    hidden: NDArray[np.uint8]


def marked(class_map: NDArray[np.float32], size_px: int) -> Bools:
    """The region that a map marks: at least MARKED_FROM of its largest value; bool (size_px, size_px).

    Nothing is marked where no value is above 0, that is, where everything speaks against the class.

    Args:
        class_map: (h, w), as `inference` gives it.
        size_px: side of the square that it belongs to.
    """
    fine = np.asarray(
        Image.fromarray(class_map.astype(np.float32)).resize(
            (size_px, size_px), Image.Resampling.BILINEAR
        )
    )
    most = float(fine.max())
    region: Bools = (fine >= MARKED_FROM * most) & (most > 0)
    return region


def head_mask(square: NDArray[np.uint8]) -> Bools:
    """Where the head is in network input, bool (s, s)."""
    found = head.find(square)
    left, top, right, bottom = (round(edge) for edge in found.box)
    mask = np.zeros(square.shape, dtype=bool)
    mask[top:bottom, left:right] = np.asarray(
        Image.fromarray(found.mask).resize((right - left, bottom - top), Image.Resampling.NEAREST)
    )
    return mask


def marked_share(square: NDArray[np.uint8], class_map: NDArray[np.float32]) -> float:
    """Share of the head that a map marks, 0-1."""
    inside = head_mask(square)
    return float((marked(class_map, len(square)) & inside).sum() / inside.sum())


def filled(square: NDArray[np.uint8], region: Bools) -> NDArray[np.uint8]:
    """The picture with a region filled in smoothly from what is around it.

    Pull-push interpolation (Gortler et al. 1996, section 3.5): every hidden pixel takes the mean of the
    finest square of 2, 4, 8 ... pixels around it in which anything is known, blended between squares.
    """
    size = len(square)
    if region.all():
        return np.full_like(square, round(float(square.mean())))
    known = Image.fromarray((~region).astype(np.float32))
    value = Image.fromarray(np.where(region, 0, square).astype(np.float32))
    result, missing = np.where(region, 0, square).astype(np.float64), region.astype(np.float64)
    side = size
    while missing.any() and side > 1:
        side = (side + 1) // 2
        weight = _array(known, side)
        mean = np.divide(_array(value, side), weight, out=np.zeros_like(weight), where=weight > 0)
        some = np.clip(weight * 4, 0, 1)  # A quarter known is enough to be believed.
        cover = _array(Image.fromarray(some), size)
        fine = np.divide(_array(Image.fromarray(mean * some), size), cover,
                         out=np.zeros_like(cover), where=cover > 0)  # fmt: skip
        result += missing * cover * fine
        missing *= 1 - cover
        missing[missing < 1e-3] = 0
    result += missing * float(square[~region].mean())
    return np.rint(np.where(region, np.clip(result, 0, 255), square)).astype(np.uint8)


def controls(region: Bools, inside: Bools) -> list[Bools]:
    """The region moved or mirrored to other places of the head, CONTROLS of them at most.

    Each is as far from the others and from the region as possible; none where there is no room.

    Args:
        region: bool (s, s).
        inside: where the head is, bool (s, s).
    """
    size, area = len(region), int(region.sum())
    wanted = _IN_HEAD * int((region & inside).sum())
    step = max(1, size // _STEPS)
    rows, columns = (np.flatnonzero(region.any(axis=axis)) for axis in (1, 0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    places: list[tuple[NDArray[np.float64], Bools]] = []
    for cut in (region[top:bottom, left:right], region[top:bottom, left:right][:, ::-1]):
        height, width = cut.shape
        for y in range(0, size - height + 1, step):
            for x in range(0, size - width + 1, step):
                there = (slice(y, y + height), slice(x, x + width))
                if (cut & region[there]).sum() > _OVERLAP * area:
                    continue
                if (cut & inside[there]).sum() < wanted:
                    continue
                moved = np.zeros_like(region)
                moved[there] = cut
                places.append((np.array([y + height / 2, x + width / 2]), moved))
    chosen: list[Bools] = []
    taken = [np.array([(top + bottom) / 2, (left + right) / 2])]
    while places and len(chosen) < CONTROLS:
        away = [min(float(np.hypot(*(centre - t))) for t in taken) for centre, _ in places]
        centre, moved = places.pop(int(np.argmax(away)))
        if max(away) < step:
            break
        taken.append(centre)
        chosen.append(moved)
    return chosen


def check(
    classifier: Classifier, square: NDArray[np.uint8], class_map: NDArray[np.float32], answer: str
) -> Occlusion:
    """Hide what the map of an answer marks, and areas elsewhere, and ask the model again.

    Args:
        classifier: the run's model.
        square: network input, uint8 (s, s), as `Preprocessing.square` gives it.
        class_map: of the class `answer`, (h, w).
        answer: the class that the model answered.
    """
    run = classifier.run
    c, negative = run.classes.index(answer), run.classes.index(run.negative_class)
    region, inside = marked(class_map, len(square)), head_mask(square)
    share = float((region & inside).sum() / inside.sum())
    places = controls(region, inside) if region.any() else []
    squares = [square, *(filled(square, place) for place in (region, *places))]
    y_prob = classifier.classify_squares(np.stack(squares))
    before = float(y_prob[0, c])
    changed = (y_prob.argmax(axis=1) != y_prob[0].argmax()) | (before - y_prob[:, c] >= CHANGED_BY)
    verdict: Verdict = "does not explain"
    if changed[1]:
        verdict = "fragile" if changed[2:].any() else "explains"
    after = run.classes[int(y_prob[1].argmax())]
    return Occlusion(
        answer=answer,
        verdict=verdict,
        words=_words(
            verdict,
            answer,
            y_prob[:, c].astype(np.float64),
            None if after == answer else after,
            share,
            negative=c == negative,
        ),
        before=before,
        after=float(y_prob[1, c]),
        answer_after=after,
        controls=tuple(y_prob[2:, c].astype(float).tolist()),
        share=share,
        hidden=squares[1],
    )


def _words(
    verdict: Verdict,
    answer: str,
    probability: NDArray[np.float64],
    instead: str | None,
    share: float,
    *,
    negative: bool,
) -> str:
    """Sentences; `probability` of the answer as it is, with the region hidden, and with the controls."""
    if share == 0:
        return f"The map marks nothing in the head, so it does not explain the answer {answer}."
    hiding = f"Hiding the marked region ({100 * share:.0f} % of the head)"
    fall = f"from {100 * probability[0]:.1f} to {100 * probability[1]:.1f} %"
    turned = "" if instead is None else f", and the answer turns to {instead}"
    others = probability[2:]
    elsewhere = (
        f"hiding as much elsewhere leaves it at {100 * others.min():.1f} % or more"
        if len(others)
        else "there is no room to hide as much elsewhere, so nothing to compare it with"
    )
    if verdict == "explains":
        return f"{hiding} takes {answer} {fall}{turned}; {elsewhere}. The answer rests on it."
    if verdict == "fragile":
        return (
            f"{hiding} takes {answer} {fall}{turned}, but so does hiding as much elsewhere (down to "
            f"{100 * others.min():.1f} %): the answer hangs on the whole picture, and the map explains "
            "little of it."
        )
    why = (
        "That is to be expected where nothing is found: no one place shows that there is no tumour."
        if negative
        else "The map does not explain this answer."
    )
    return f"{hiding} does not change the answer: {answer} goes {fall}. {why}"


def _array(picture: Image.Image, side: int) -> NDArray[np.float64]:
    """A float picture scaled to `side`: means of boxes on the way down, smooth on the way up."""
    way = Image.Resampling.BOX if side < picture.width else Image.Resampling.BILINEAR
    return np.asarray(picture.resize((side, side), way), dtype=np.float64)
