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
from brainmri.wording import probability

Bools = NDArray[np.bool_]
Verdict = Literal["explains", "weakens", "fragile", "does not explain"]

MARKED_FROM = 0.4
"""Of the largest value of a map, from which a pixel belongs to the marked region."""
WEAKER_BY = 0.1
"""A fall of the probability that is told, where the answer itself stays; no change of the answer."""
_AS_MUCH = 0.5
"""Of the fall with the region hidden: a control that falls as far matters as well."""
QUESTION = "Does hiding the marked region change the answer?"
"""What `Occlusion.headline` answers."""
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
        verdict: "explains": hiding it makes another class the most probable, and hiding other areas takes
            far less away; "weakens": the class stays, but falls by WEAKER_BY at least, and far more than with
            other areas hidden; "fragile": one or the other, but other areas do it, too, or there is no
            room to try; "does not explain": neither.
        headline: answers QUESTION, "Yes: without it the model answers glioma": yes only where the class
            changes.
        words: the figures, in a sentence or two.
        before, after: calibrated probability of `answer`.
        answer_after: the most probable class when the region is hidden.
        controls: probability of `answer` with an equal area hidden elsewhere, for each place; empty
            where the region leaves no room for one.
        share: of the head that was hidden.
        hidden: the picture without the region, uint8 (s, s).
    """

    answer: str
    verdict: Verdict
    headline: str
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


def filled(square: NDArray[np.uint8], region: Bools, inside: Bools) -> NDArray[np.uint8]:
    """The picture with a region of the head filled in smoothly from the head around it.

    What lies outside the head stays as it is and does not flow in. Pull-push interpolation (Gortler et
    al. 1996, section 3.5): every hidden pixel takes the mean of the finest square of 2, 4, 8 ... pixels
    around it in which anything is known, blended between squares.

    Args:
        square: network input, uint8 (s, s).
        region: what to hide, bool (s, s).
        inside: where the head is, bool (s, s).
    """
    size, hidden, around = len(square), region & inside, inside & ~region
    if not around.any():  # The whole head is hidden: nothing but its mean is left to say.
        return np.where(hidden, round(float(square.mean())), square).astype(np.uint8)
    value = Image.fromarray(np.where(around, square, 0).astype(np.float32))
    known = Image.fromarray(around.astype(np.float32))
    result, missing = np.zeros(square.shape), hidden.astype(np.float64)
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
    result += missing * float(square[around].mean())
    return np.rint(np.where(hidden, np.clip(result, 0, 255), square)).astype(np.uint8)


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
    squares = [square, *(filled(square, place, inside) for place in (region, *places))]
    y_prob = classifier.classify_squares(np.stack(squares))
    turned = y_prob.argmax(axis=1) != y_prob[0].argmax()
    verdict = _verdict(y_prob[:, c], turned)
    told = _Told(
        name=_NO_TUMOUR if c == negative else answer,
        instead=_instead(y_prob, run.classes, negative),
        probability=y_prob[:, c].astype(np.float64),
        turned=turned[2:],
        share=share,
        negative=c == negative,
    )
    return Occlusion(
        answer=answer,
        verdict=verdict,
        headline=told.headline(verdict),
        words=told.words(verdict),
        before=float(y_prob[0, c]),
        after=float(y_prob[1, c]),
        answer_after=run.classes[int(y_prob[1].argmax())],
        controls=tuple(y_prob[2:, c].astype(float).tolist()),
        share=share,
        hidden=squares[1],
    )


def _verdict(probability: NDArray[np.float32], turned: Bools) -> Verdict:
    """The verdict on a class by its probability (n,): as it is, with the region hidden, with each control.

    Args:
        probability: of the class.
        turned: whether another class is the most probable, (n,).
    """
    fall = probability[0] - probability
    if not turned[1] and fall[1] < WEAKER_BY:
        return "does not explain"
    others = turned[2:] | (fall[2:] >= max(WEAKER_BY, _AS_MUCH * float(fall[1])))
    if not len(others) or others.any():
        return "fragile"
    return "explains" if turned[1] else "weakens"


def _instead(y_prob: NDArray[np.float32], classes: list[str], negative: int) -> str | None:
    """What the model answers with the region hidden, where that is something else."""
    after = int(y_prob[1].argmax())
    if after == int(y_prob[0].argmax()):
        return None
    return _NO_TUMOUR if after == negative else classes[after]


@dataclass(frozen=True)
class _Told:
    """What the sentences are made of.

    Attributes:
        name: of the class that was asked about.
        instead: the answer with the region hidden; None where it stays.
        probability: of the class as it is, with the region hidden, and with each control.
        turned: whether each control changes the answer.
        share: of the head that was hidden.
        negative: whether the class says that nothing is there.
    """

    name: str
    instead: str | None
    probability: NDArray[np.float64]
    turned: Bools
    share: float
    negative: bool

    def headline(self, verdict: Verdict) -> str:
        """The answer to QUESTION, without a full stop."""
        if self.instead is not None:
            yes = f"Yes: without it the model answers {self.instead}"
            if self.turned.any():
                return f"{yes}, but hiding other places changes the answer, too"
            return f"{yes}, but other places matter, too" if self._elsewhere(verdict) else yes
        if verdict == "does not explain":
            return "No: the map does not explain this answer"
        less = f"No, but it becomes less sure: {self._fall()}"
        return f"{less}, as with other places hidden" if self._elsewhere(verdict) else less

    def words(self, verdict: Verdict) -> str:
        """The figures, and what they mean."""
        if not self.share:
            return (
                f"The map marks nothing in the head, so it does not explain the answer {self.name}."
            )
        hiding = f"Hiding the marked region ({100 * self.share:.0f} % of the head)"
        if verdict == "does not explain":
            why = (
                "That is to be expected where nothing is found: no one place shows that there is no tumour."
                if self.negative
                else "The map does not explain this answer."
            )
            return f"{hiding} does not change the answer: {self.name} goes from {self._fall(' to ')}. {why}"
        turned = (
            "the answer stays" if self.instead is None else f"the answer turns to {self.instead}"
        )
        takes = f"{hiding} takes {self.name} from {self._fall(' to ')}, and {turned}"
        others = self.probability[2:]
        if verdict == "fragile" and not len(others):
            return (
                f"{takes}, but there is no room to hide as much elsewhere, so whether it matters which part "
                "is hidden is not known."
            )
        if verdict == "fragile":
            return (
                f"{takes}, but hiding as much elsewhere takes it down to {_percent(others.min())}, too: the "
                "answer hangs on more than this place, and the map explains little of it."
            )
        least = _percent(others.min())
        leaves = (
            f"hiding as much elsewhere leaves it at {least}{'' if least == _ALL else ' or more'}"
        )
        if self.instead is None:
            return f"{takes}; {leaves}. It leans on this place, but does not rest on it alone."
        return f"{takes}; {leaves}. The answer rests on it."

    def _elsewhere(self, verdict: Verdict) -> bool:
        """Whether other places matter as well; not where there was no room to try."""
        return verdict == "fragile" and len(self.probability) > 2

    def _fall(self, to: str = " \u2192 ") -> str:
        return f"{probability(self.probability[0], unit='')}{to}{_percent(self.probability[1])}"


def _percent(value: float) -> str:
    return probability(value, unit=" %")


_NO_TUMOUR = "no tumour"
"""What the negative class is called, whatever its name is."""
_ALL = _percent(1.0)


def _array(picture: Image.Image, side: int) -> NDArray[np.float64]:
    """A float picture scaled to `side`: means of boxes on the way down, smooth on the way up."""
    way = Image.Resampling.BOX if side < picture.width else Image.Resampling.BILINEAR
    return np.asarray(picture.resize((side, side), way), dtype=np.float64)
