"""`brainmri.occlusion`: on models of which it is known where they look."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from brainmri import occlusion
from brainmri.inference import Classifier
from brainmri.occlusion import Occlusion
from tests.brainmri import lookers
from tests.brainmri.lookers import SIZE_PX, picture


def asked(classifier: Classifier, square: NDArray[np.uint8]) -> Occlusion:
    answers = classifier.explain(square[None])
    assert answers.maps is not None
    c = int(answers.y_prob[0].argmax())
    return occlusion.check(classifier, square, answers.maps[0, c], classifier.run.classes[c])


# --- does the map explain the answer? --------------------------------------------------------


def test_a_model_that_looks_at_the_lesion_changes_its_answer_without_it(tmp_path: Path) -> None:
    found = asked(lookers.looker(tmp_path, "lesion", lookers.inside(), enough=5), picture())
    assert found.verdict == "explains"
    assert (found.answer, found.answer_after) == ("glioma", "healthy")
    assert found.before > 0.99
    assert found.after < 0.05
    assert len(found.controls) == occlusion.CONTROLS
    assert min(found.controls) > 0.99
    assert found.headline == "Yes: without it the model answers no tumour"
    assert found.words.endswith("leaves it at > 99.9 %. The answer rests on it.")
    assert "turns to no tumour" in found.words


def test_an_answer_that_stays_is_not_said_to_change_however_far_it_falls(tmp_path: Path) -> None:
    """Its tumour has two parts and one of them is enough: the map marks the brighter one."""
    square = picture(lesion=(20, 40))
    square[40:46, 20:26] = 215
    part = float(np.maximum(square[40:46, 20:26] / 255 - lookers.BRIGHT, 0).sum())
    # With the brighter part hidden, a little more evidence is left than is enough.
    found = asked(lookers.looker(tmp_path, "two", lookers.inside(), enough=part - 0.3), square)
    assert found.answer_after == found.answer == "glioma"
    assert 0.5 < found.after < found.before - occlusion.WEAKER_BY
    assert min(found.controls) > found.after
    assert found.verdict == "weakens"
    assert (
        found.headline == f"No, but it becomes less sure: > 99.9 \u2192 {100 * found.after:.1f} %"
    )
    assert "the answer stays" in found.words
    assert found.words.endswith("It leans on this place, but does not rest on it alone.")


def test_no_sentence_leaves_more_than_everything(tmp_path: Path) -> None:
    found = asked(lookers.looker(tmp_path, "lesion", lookers.inside(), enough=5), picture())
    assert "> 99.9 % or more" not in found.words


def test_a_model_that_looks_at_the_border_does_not_and_the_words_say_so(tmp_path: Path) -> None:
    """Its map marks the lesion all the same, as maps can."""
    classifier = lookers.looker(tmp_path, "border", lookers.corner(), enough=1)
    found = asked(classifier, picture(mark=True))
    assert found.verdict == "does not explain"
    assert found.answer_after == "glioma"
    assert found.after == pytest.approx(found.before, abs=1e-6)
    assert found.headline == "No: the map does not explain this answer"
    assert found.words.endswith("The map does not explain this answer.")


def test_a_model_that_needs_the_whole_picture_is_fragile(tmp_path: Path) -> None:
    """It counts pixels of the brain that are a little brighter than the smooth filling can be."""
    square = picture(lesion=(24, 40))
    square[::2] = np.minimum(square[::2], 60)  # Stripes: a smooth filling lies between them.
    weights = lookers.inside()
    evidence = float((np.maximum(square / 255 - 0.37, 0) * weights).sum())
    classifier = lookers.looker(tmp_path, "whole", weights, enough=evidence - 0.3, bright=0.37)
    found = asked(classifier, square)
    assert found.answer == "glioma"
    assert found.verdict == "fragile"
    assert found.headline.startswith("Yes: without it the model answers no tumour, but ")
    assert "explains little" in found.words


def test_no_one_place_shows_that_there_is_no_tumour(tmp_path: Path) -> None:
    classifier = lookers.looker(tmp_path, "lesion", lookers.inside(), enough=5)
    square = picture(lesion=None)
    found = occlusion.check(classifier, square, np.eye(8, dtype=np.float32), "healthy")
    assert found.verdict == "does not explain"
    assert "no one place shows" in found.words


def test_a_map_that_marks_nothing_explains_nothing(tmp_path: Path) -> None:
    classifier = lookers.looker(tmp_path, "lesion", lookers.inside(), enough=5)
    found = occlusion.check(classifier, picture(), -np.ones((8, 8), dtype=np.float32), "glioma")
    assert (found.verdict, found.share, found.controls) == ("does not explain", 0, ())
    assert "marks nothing" in found.words
    np.testing.assert_array_equal(found.hidden, picture())


# --- the region ------------------------------------------------------------------------------


@pytest.mark.parametrize("size_px", [160, 192, 75])
def test_the_marked_region_is_where_the_map_is_high(size_px: int) -> None:
    class_map = np.zeros((5, 5), dtype=np.float32)
    class_map[1, 3] = 7
    region = occlusion.marked(class_map, size_px)
    assert region.shape == (size_px, size_px)
    row, column = np.argwhere(region).mean(axis=0) / size_px
    assert (row, column) == pytest.approx((0.3, 0.7), abs=0.02)
    assert 0.02 < region.mean() < 0.08  # about one of 25 cells


def test_the_marked_share_is_of_the_head() -> None:
    class_map = np.zeros((2, 2), dtype=np.float32)
    class_map[:, 0] = 1
    assert occlusion.marked_share(picture(), class_map) == pytest.approx(0.5, abs=0.08)
    assert occlusion.marked_share(picture(), np.zeros((2, 2), dtype=np.float32)) == 0


# --- the filling -----------------------------------------------------------------------------


def test_a_lesion_is_filled_with_the_brain_around_it() -> None:
    square = picture(lesion=(31, 31))
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX]
    region = np.hypot(y - 31, x - 31) < 9
    done = occlusion.filled(square, region, occlusion.head_mask(square))
    assert done[region].min() >= 95
    assert done[region].max() <= 105
    np.testing.assert_array_equal(done[~region], square[~region])


def test_the_dark_ground_does_not_flow_into_the_head_nor_the_head_out() -> None:
    square = picture(lesion=None)
    inside = square > 0
    region = np.zeros(square.shape, dtype=bool)
    region[:30, :30] = True  # Half of it on the ground.
    np.testing.assert_array_equal(occlusion.filled(square, region, inside), square)


def test_a_slope_goes_on_through_the_filling() -> None:
    slope = np.tile(np.linspace(0, 255, SIZE_PX), (SIZE_PX, 1)).astype(np.uint8)
    region = np.zeros(slope.shape, dtype=bool)
    region[20:40, 20:40] = True
    done = occlusion.filled(slope, region, np.ones_like(region)).astype(int)
    assert np.abs(done - slope)[region].max() < 30
    assert (np.diff(done[30, 15:45]) >= -8).all()


@pytest.mark.parametrize("all_of_it", [True, False])
def test_everything_and_nothing_can_be_hidden(all_of_it: bool) -> None:
    square = picture()
    everywhere = np.ones(square.shape, dtype=bool)
    done = occlusion.filled(square, everywhere & all_of_it, everywhere)
    assert done.dtype == np.uint8
    if all_of_it:
        assert np.ptp(done) == 0
    else:
        np.testing.assert_array_equal(done, square)


# --- the controls ----------------------------------------------------------------------------


def test_controls_are_as_large_in_the_head_and_elsewhere() -> None:
    square = picture()
    inside = occlusion.head_mask(square)
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX]
    region = np.hypot(y - 24, x - 40) < 7
    chosen = occlusion.controls(region, inside)
    assert len(chosen) == occlusion.CONTROLS
    for place in chosen:
        assert place.sum() == region.sum()
        assert (place & region).sum() <= 0.1 * region.sum()
        assert (place & inside).sum() >= 0.8 * (region & inside).sum()


def test_a_region_as_large_as_the_head_leaves_no_room(tmp_path: Path) -> None:
    square = picture()
    inside = occlusion.head_mask(square)
    assert occlusion.controls(inside, inside) == []
    classifier = lookers.looker(tmp_path, "lesion", lookers.inside(), enough=5)
    found = occlusion.check(classifier, square, np.ones((8, 8), dtype=np.float32), "glioma")
    assert found.controls == ()
    assert found.verdict == "fragile"
    assert found.headline == "Yes: without it the model answers no tumour"
    assert "no room to hide as much elsewhere" in found.words
