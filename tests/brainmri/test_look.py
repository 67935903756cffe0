"""`brainmri.look` and `brainmri.novelty`: pictures of another kind are far from those of training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.distance import mahalanobis

from brainmri import index as image_index
from brainmri import look, novelty, phantom, runs, scoring, splits
from brainmri.errors import InputError
from brainmri.look import Looks
from brainmri.novelty import Limits, Novelty
from tests.brainmri.files_to_read import snapshot

D = 243


def described(seeds: range) -> NDArray[np.float32]:
    return np.stack(
        [look.describe(phantom.draw(label, seed)) for seed in seeds for label in phantom.CLASSES]
    )


@pytest.fixture(scope="module")
def fitted() -> Looks:
    """Of 160 phantoms, with the distances of 60 others."""
    found = look.fit(described(range(40)), of="x")
    assert found is not None
    return found.with_validation(found.distance(described(range(100, 115))))


@pytest.fixture(scope="module")
def limits(fitted: Looks) -> Limits:
    found = novelty.fit(fitted.validation)
    assert found is not None
    return found


def outcome(fitted: Looks, limits: Limits, pixels: NDArray[np.uint8]) -> str:
    distance = float(fitted.distance(look.describe(pixels)[None])[0])
    return novelty.judge(Novelty(distance, limits))[0]


# --- the description -------------------------------------------------------------------------


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1))
def test_every_picture_has_a_description(height: int, width: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    told = look.describe(pixels)
    assert told.shape == (D,)
    assert told.dtype == np.float32
    assert np.isfinite(told).all()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_has_one_too(level: int) -> None:
    assert np.isfinite(look.describe(np.full((40, 60), level, dtype=np.uint8))).all()


def test_size_and_brightness_hardly_change_it(fitted: Looks) -> None:
    pixels = phantom.draw("glioma", 200)
    height, width = pixels.shape
    large = np.asarray(Image.fromarray(pixels).resize((2 * width, 2 * height)))
    dim = (pixels * 0.6).astype(np.uint8)
    told = np.stack([look.describe(each) for each in (pixels, large, dim)])
    distances = fitted.distance(told)
    assert np.ptp(distances) < 0.3 * distances[0]


# --- the distance ----------------------------------------------------------------------------


def test_the_distance_is_mahalanobis_with_a_shrunk_covariance() -> None:
    rng = np.random.default_rng(0)
    looks = (rng.normal(size=(90, 6)) @ rng.normal(size=(6, 6)) + 3).astype(np.float32)
    found = look.fit(looks, of="", parts=(6,))
    assert found is not None
    standard = (looks - looks.mean(axis=0)) / looks.std(axis=0)
    shrunk = 90 / 96 * np.cov(standard.T, bias=True) + 6 / 96 * np.eye(6)
    new = rng.normal(size=(5, 6)).astype(np.float32) * 4
    inverse = np.linalg.inv(shrunk)
    expected, of_training = (
        [mahalanobis(one, np.zeros(6), inverse) for one in some]
        for some in ((new - looks.mean(axis=0)) / looks.std(axis=0), standard)
    )
    ten = np.quantile(of_training, 0.95)
    np.testing.assert_allclose(found.distance(new), 10 * np.array(expected) / ten, rtol=1e-3)


def test_parts_are_weighed_alike_however_many_numbers_they_have() -> None:
    rng = np.random.default_rng(0)
    looks = rng.normal(size=(400, 60)).astype(np.float32)
    found = look.fit(looks, of="", parts=(57, 3))
    alone = [
        look.fit(part, of="", parts=(part.shape[1],)) for part in (looks[:, :57], looks[:, 57:])
    ]
    assert found is not None
    new = 3 * rng.normal(size=(5, 60)).astype(np.float32)
    both = [
        one.distance(part)
        for one, part in zip(alone, (new[:, :57], new[:, 57:]), strict=True)
        if one
    ]
    np.testing.assert_allclose(found.distance(new), np.hypot(*both), rtol=1e-3)


def test_fewer_pictures_than_numbers_still_have_a_distance() -> None:
    found = look.fit(described(range(5)), of="")
    assert found is not None
    assert np.isfinite(found.distance(described(range(50, 52)))).all()
    assert look.fit(described(range(4)), of="") is None  # 16 pictures


# --- the limits ------------------------------------------------------------------------------


def test_one_validation_image_in_twenty_is_beyond_the_warning_limit() -> None:
    found = novelty.fit(np.arange(1, 101, dtype=np.float32))
    assert found is not None
    assert found.n == 100
    assert found.warn_from == pytest.approx(95.05)
    assert found.refuse_from == pytest.approx(95.05 * 1.5)
    assert novelty.fit(np.ones(19, dtype=np.float32)) is None


def test_the_limits_themselves_count_as_beyond() -> None:
    limits = Limits(10, 15, 50)
    judged = [novelty.judge(Novelty(d, limits)) for d in (9.99, 10, 14.99, 15)]
    assert [one[0] for one in judged] == ["answered", "warned", "warned", "refused"]
    assert judged[0][1] == ()
    assert "unlike the training images (other scanner, sequence or plane)" in judged[1][1][0]
    assert "15.0 and nothing is answered from 15.0" in judged[3][1][0].replace(", and", " and")


@pytest.mark.parametrize("unknown", [Novelty(None, Limits(1, 2, 30)), Novelty(3.0, None)])
def test_what_could_not_be_checked_is_said(unknown: Novelty) -> None:
    judged, reasons = novelty.judge(unknown)
    assert judged == "answered"
    assert "was not checked" in reasons[0]


# --- phantoms against everything else --------------------------------------------------------


def test_new_phantoms_are_answered(fitted: Looks, limits: Limits) -> None:
    distances = fitted.distance(described(range(300, 325)))
    assert (distances >= limits.warn_from).mean() <= 0.15  # 5 % are expected of these 100
    assert (distances >= limits.refuse_from).mean() <= 0.02


def noise() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (200, 200), dtype=np.uint8)


def slope() -> NDArray[np.uint8]:
    return np.tile(np.linspace(0, 255, 200).astype(np.uint8), (200, 1))


def lines_of_text() -> NDArray[np.uint8]:
    page = np.full((300, 220), 255, dtype=np.uint8)
    rng = np.random.default_rng(0)
    for top in range(20, 280, 14):
        page[top : top + 7, 20:200] = np.where(rng.random((7, 180)) < 0.5, 0, 255)
    return page


def full_frame() -> NDArray[np.uint8]:
    coarse = np.random.default_rng(0).integers(0, 256, (7, 9), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((300, 220), Image.Resampling.BICUBIC))


def oval(inside: NDArray[np.floating]) -> NDArray[np.uint8]:
    """A head-like outline with a bright rim, and this inside."""
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    away = np.hypot(x / 0.72, y / 0.88)
    return np.where(away < 0.94, inside, np.where(away < 1, 230, 0)).clip(0, 255).astype(np.uint8)


def noise_in_an_oval() -> NDArray[np.uint8]:
    return oval(np.random.default_rng(0).normal(110, 30, (256, 256)))


def slope_in_an_oval() -> NDArray[np.uint8]:
    return oval(np.tile(np.linspace(40, 180, 256), (256, 1)))


def four_slices() -> NDArray[np.uint8]:
    one, two, three, four = (
        np.asarray(Image.fromarray(phantom.draw(label, 7)).resize((200, 200)))
        for label in phantom.CLASSES
    )
    return np.vstack([np.hstack([one, two]), np.hstack([three, four])])


def two_valued() -> NDArray[np.uint8]:
    pixels = phantom.draw("glioma", 8)
    return np.where(pixels > 90, 255, 0).astype(np.uint8)


def sixteen_pixels() -> NDArray[np.uint8]:
    small = Image.fromarray(phantom.draw("glioma", 8)).resize((16, 16), Image.Resampling.BOX)
    return np.asarray(small)


@pytest.mark.parametrize(
    "strange", [noise_in_an_oval, slope_in_an_oval, four_slices, two_valued, sixteen_pixels]
)
def test_what_has_the_outline_of_a_head_alone_is_noticed(
    fitted: Looks, limits: Limits, strange: object
) -> None:
    assert callable(strange)
    assert outcome(fitted, limits, strange()) != "answered"


def squares() -> NDArray[np.uint8]:
    return np.kron(np.indices((8, 8)).sum(axis=0) % 2 * 255, np.ones((25, 25))).astype(np.uint8)


@pytest.mark.parametrize("strange", [noise, slope, lines_of_text, full_frame, squares])
def test_what_is_no_head_is_refused(fitted: Looks, limits: Limits, strange: object) -> None:
    assert callable(strange)
    assert outcome(fitted, limits, strange()) == "refused"


@pytest.mark.parametrize("level", [0, 255])
def test_a_flat_picture_is_refused(fitted: Looks, limits: Limits, level: int) -> None:
    assert outcome(fitted, limits, np.full((150, 150), level, dtype=np.uint8)) == "refused"


# --- the run ---------------------------------------------------------------------------------


def test_scoring_stores_the_pictures_and_the_limits_of_the_validation_rows(
    own_models: Path, phantom_data: Path
) -> None:
    run = runs.load(own_models, "cnn")
    found = look.read(own_models, run)
    assert found is not None
    assert len(found.validation) == run.images["val"]
    assert run.novelty == novelty.fit(found.validation)
    before = snapshot(own_models)
    scoring.score(phantom_data, own_models, "cnn", quiet=True)
    assert snapshot(own_models) == before


def test_a_run_whose_model_has_no_embedding_knows_its_pictures_too(own_models: Path) -> None:
    assert look.read(own_models, runs.load(own_models, "brightness")) is not None


def test_pictures_of_other_training_images_are_not_used(own_models: Path) -> None:
    run = runs.load(own_models, "cnn")
    assert look.read(own_models, replace(run, seed=run.seed + 1)) is None


def test_a_damaged_file_is_named(own_models: Path) -> None:
    path = own_models / "cnn" / "look.npz"
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(InputError, match=r"look\.npz is damaged .* `predict` will fit it again"):
        look.read(own_models, runs.load(own_models, "cnn"))


def test_training_pictures_that_are_gone_leave_the_run_without_limits(
    own_models: Path, own_data: Path
) -> None:
    (own_models / "cnn" / "look.npz").unlink()
    table = image_index.read(image_index.path(own_models))
    part = splits.assign(table, "official", seed=0)
    (own_data / table.rows["path"][part == "train"].iloc[0]).unlink()
    scored = scoring.score(own_data, own_models, "cnn", quiet=True)
    assert scored.run.novelty is None
    assert not (own_models / "cnn" / "look.npz").exists()
