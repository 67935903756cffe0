"""`brainmri.answer`: everything that is said of one image, on models of which the truth is known."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from brainmri import __version__, answer, embedding, look, novelty, predictions, runs, worth
from brainmri.answer import Predictor
from brainmri.conformal import Conformal, fit_conformal, set_in_words
from brainmri.decisions import OperatingPoint
from brainmri.files import sha256
from brainmri.images import GreyImage, decode
from brainmri.novelty import Limits
from brainmri.predictions import Predictions
from brainmri.wording import plain, share_ends
from brainmri.worth import Measured
from tests.brainmri import lookers
from tests.brainmri.lookers import SIZE_PX, picture
from tests.brainmri.test_occlusion import asked
from tests.conftest import SHIPPED

NAME = "lesion"


def grey(pixels: NDArray[np.uint8]) -> GreyImage:
    height, width = pixels.shape
    return GreyImage(Image.fromarray(pixels), "L", (width, height))


def slices(n: int, seed: int) -> list[NDArray[np.uint8]]:
    """Every second one with a lesion."""
    rng = np.random.default_rng(seed)
    return [
        picture(
            lesion=(int(rng.integers(18, 46)), int(rng.integers(18, 46))) if i % 2 == 0 else None,
            grey=int(rng.integers(80, 120)),
        )
        for i in range(n)
    ]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a model that looks at lesions, 60 training, 40 validation and 60 test images.

    Every fifth test image with a lesion is labelled healthy, so that 80 % of the answers "glioma"
    are right.
    """
    folder = tmp_path_factory.mktemp("models")
    classifier = lookers.looker(folder, NAME, lookers.inside(), enough=5)
    run = replace(
        classifier.run,
        images={"train": 60, "val": 40, "test": 60},
        temperature=2.0,
        operating_point=OperatingPoint(0.2, "sensitivity", 0.99, 40, 30),
        conformal=Conformal(0.05, {"glioma": 0.6, "healthy": 0.6}, {"glioma": 20, "healthy": 20}),
    )
    training, validation, test = slices(60, 0), slices(40, 1), slices(60, 2)
    labels = np.arange(60) % 2
    space = embedding.fit(
        classifier.embedded(np.stack(training))[1],
        labels,
        [f"Training/{i:02}.png" for i in range(60)],
        of=embedding.fingerprint(run),
    )
    assert space is not None
    embedding.write(folder, NAME, space)
    looks = look.fit(np.stack([look.describe(p) for p in training]), of=look.fingerprint(run))
    assert looks is not None
    looks = looks.with_validation(looks.distance(np.stack([look.describe(p) for p in validation])))
    look.write(folder, NAME, looks)
    runs.save(folder, replace(run, novelty=novelty.fit(looks.validation)))
    y_true = labels.copy()
    y_true[::10] = 1
    predictions.write(
        folder / NAME / runs.PREDICTIONS_FILE,
        Predictions(
            paths=np.array([f"Testing/{i}.png" for i in range(60)], dtype=object),
            splits=np.full(60, "test", dtype=object),
            y_true=y_true,
            y_prob=classifier.uncalibrated(np.stack(test)),
            classes=run.classes,
            seen=np.zeros(60, dtype=bool),
            negative_class=run.negative_class,
            model_sha256=run.model_sha256,
            run=NAME,
            ood_score=None,
        ),
    )
    return folder


@pytest.fixture(scope="module")
def predictor(models: Path) -> Predictor:
    found = answer.load(models, NAME, threads=1)
    assert found.lacking == ()
    return found


def with_run(predictor: Predictor, **changed: object) -> Predictor:
    run = replace(predictor.run, **changed)  # type: ignore[arg-type]
    return replace(predictor, classifier=replace(predictor.classifier, run=run))


# --- an image like the training images -------------------------------------------------------


def test_an_image_with_a_lesion_is_answered_with_all_there_is_to_say(predictor: Predictor) -> None:
    image = grey(slices(2, 9)[0])
    given = answer.answer(predictor, image)
    assert (given.outcome, given.reasons) == ("answered", ())
    found = given.finding
    assert found is not None
    assert found.answer == "glioma"
    np.testing.assert_allclose(
        list(found.probabilities.values()), predictor.classifier.classify([image.pixels])[0],
        atol=1e-6,
    )  # fmt: skip
    assert found.tumour.probability == pytest.approx(found.probabilities["glioma"], abs=1e-6)
    assert found.tumour.called is True
    assert found.conformal is not None
    assert found.conformal.classes == ("glioma",)
    assert found.conformal.words == (
        "glioma. Sets are made to hold the true class for at least 95 of 100 images of each class, as "
        "long as the images are like the validation images."
    )
    # 30 test images with a lesion, six of them labelled healthy.
    assert found.conformal.measured is not None
    assert (found.conformal.measured.k, found.conformal.measured.n) == (24, 30)
    assert "24 of 30 test images without a near-copy in training with this very set were" in (
        found.conformal.measured_words
    )
    assert found.maps is not None
    assert list(found.maps.box) == [0, 0, SIZE_PX, SIZE_PX]
    np.testing.assert_array_equal(found.maps.square, image.pixels)
    assert set(found.maps.by_class) == {"glioma", "healthy"}


def test_the_map_marks_the_lesion_and_hiding_it_changes_the_answer(predictor: Predictor) -> None:
    found = asked(predictor.classifier, picture())
    assert found.verdict == "explains"


def test_how_often_such_an_answer_is_right_is_measured_on_the_test_images(
    predictor: Predictor,
) -> None:
    found = answer.answer(predictor, grey(slices(2, 9)[0])).finding
    assert found is not None
    assert found.like_this is not None
    accuracy = found.like_this.accuracy
    assert (accuracy.k, accuracy.n) == (24, 30)
    assert accuracy.low is not None
    assert accuracy.high is not None
    assert accuracy.low < 0.8 < accuracy.high
    assert found.like_this.words.startswith(
        "Of 30 test images without a near-copy in training that were called glioma"
    )
    ends = share_ends(accuracy.low, accuracy.high)
    assert found.like_this.words.endswith(f"24 were ({ends}).")


def test_the_most_similar_training_images_come_nearest_first(predictor: Predictor) -> None:
    image = slices(60, 0)[6]  # a training image
    found = answer.answer(predictor, grey(image)).finding
    assert found is not None
    assert len(found.similar) == 8
    assert (found.similar[0].path, found.similar[0].label) == ("Training/06.png", "glioma")
    assert found.similar[0].distance == pytest.approx(0, abs=0.01)
    distances = [one.distance for one in found.similar]
    assert distances == sorted(distances)


# --- other images ----------------------------------------------------------------------------


def test_a_refused_image_has_no_probabilities_anywhere(predictor: Predictor) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120), dtype=np.uint8)
    given = answer.answer(predictor, grey(noise))
    assert given.outcome == "refused"
    assert given.finding is None
    assert "does not look like a brain MRI" in given.reasons[0]
    told = json.dumps(given.to_json())
    assert "probab" not in told
    assert "glioma" not in told
    assert given.trace.run == NAME


def test_between_the_limits_an_image_is_answered_with_a_warning(predictor: Predictor) -> None:
    image = grey(picture())
    distance = answer.answer(predictor, image).novelty.distance
    assert distance is not None
    strict = with_run(predictor, novelty=Limits(distance * 0.9, distance * 1.1, 40))
    given = answer.answer(strict, image)
    assert given.outcome == "warned"
    assert given.finding is not None
    assert "unlike the training images" in given.reasons[0]
    assert given.finding.like_this is not None
    assert "unlike this one" in given.finding.like_this.words


@pytest.mark.parametrize(
    "name", sorted(path.parent.name for path in SHIPPED.glob(f"*/{runs.MODEL_FILE}"))
)
def test_every_shipped_model_refuses_noise(name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)
    given = answer.answer(answer.load(SHIPPED, name, threads=1), grey(noise))
    assert given.outcome == "refused"


# --- what a run may lack ---------------------------------------------------------------------


def test_a_run_with_nothing_but_its_model_answers_and_says_what_it_lacks(tmp_path: Path) -> None:
    lookers.write(tmp_path, "bare", lookers.inside(), enough=5)
    bare = answer.load(tmp_path, "bare", threads=1)
    assert len(bare.lacking) == 2
    given = answer.answer(bare, grey(picture()))
    assert given.outcome == "answered"
    assert "was not checked" in given.reasons[0]
    found = given.finding
    assert found is not None
    assert (found.conformal, found.like_this, found.similar) == (None, None, ())
    assert (found.tumour.operating_point, found.tumour.called) == (None, None)
    json.dumps(given.to_json())


def test_too_few_test_images_with_such_an_answer_give_no_figure(predictor: Predictor) -> None:
    few = predictor.measured
    assert few is not None
    nine = Measured(few.y_true[:18], few.y_prob[:18], few.groups[:18], few.unseen)
    given = answer.answer(replace(predictor, measured=nine), grey(picture()))
    assert given.finding is not None
    assert given.finding.like_this is not None
    assert given.finding.like_this.accuracy.value is None
    assert "too few images (9; a figure needs 10)" in given.finding.like_this.words


def test_test_images_that_were_seen_in_training_say_nothing(models: Path) -> None:
    run = runs.load(models, NAME)
    table = predictions.read(models / NAME / runs.PREDICTIONS_FILE, classes=run.classes)
    assert table.seen is not None
    measured = worth.measured_on(replace(table, seen=np.arange(60) < 20), np.arange(60), 2.0)
    assert measured is not None
    assert len(measured.y_true) == 40
    assert measured.unseen
    assert (
        worth.measured_on(replace(table, seen=np.ones(60, dtype=bool)), np.arange(60), 2.0) is None
    )


# --- the words of a set ----------------------------------------------------------------------


PROMISE = (
    "Sets are made to hold the true class for at least 90 of 100 images of each class, as long as the "
    "images are like the validation images."
)


@pytest.mark.parametrize(
    ("inside", "added", "said"),
    [
        (["a"], False, f"a. {PROMISE}"),
        (["b", "a"], False, f"b or a. {PROMISE}"),
        (
            ["b", "a"],
            True,
            "b or a. b is in it as the answer only: of 90 of 100 validation images of that class the "
            f"model was surer, so do not rely on it. {PROMISE}",
        ),
        (
            ["a", "b", "c"],
            False,
            "a, b or c: every class is possible, so this answer rules nothing out.",
        ),
    ],
)
def test_a_set_in_words(inside: list[str], added: bool, said: str) -> None:
    assert set_in_words(inside, ["a", "b", "c"], 0.1, added=added) == said


def doubtful(n: int, seed: int) -> tuple[list[NDArray[np.uint8]], NDArray[np.int64]]:
    """Slices whose spot is the more often a glioma (class 0) the brighter it is, and what they are."""
    rng = np.random.default_rng(seed)
    bright = rng.uniform(0, 1, n)
    pictures = [picture(grey=int(rng.integers(80, 120))) for _ in range(n)]
    for one, share in zip(pictures, bright, strict=True):
        one[one == 240] = int(185 + 40 * share)
    return pictures, (rng.uniform(0, 1, n) > bright).astype(np.int64)


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.25])
def test_the_words_of_a_set_are_true_of_images_whose_class_is_known(
    predictor: Predictor, alpha: float
) -> None:
    n = 400
    classes = predictor.run.classes
    pictures, y_true = doubtful(n, 1)
    thresholds, counts = fit_conformal(y_true, predictor.classifier.classify(pictures), alpha)
    tested, truth_tested = doubtful(n, 3)
    prob_tested = predictor.classifier.classify(tested)
    promised = replace(
        with_run(
            predictor,
            novelty=Limits(1e6, 2e6, n),
            conformal=Conformal(
                alpha,
                dict(zip(classes, thresholds.tolist(), strict=True)),
                dict(zip(classes, counts.tolist(), strict=True)),
            ),
        ),
        measured=Measured(truth_tested, prob_tested, np.arange(n), unseen=True),
    )
    # By hand: the sets of the test images, as names, each with its answer.
    sets_tested = [
        {
            name
            for c, name in enumerate(classes)
            if 1 - float(row[c]) <= thresholds[c] or c == row.argmax()
        }
        for row in prob_tested
    ]
    pictures, y_true = doubtful(n, 2)
    held, of_class, seen_sets = [], {name: [] for name in classes}, set()  # type: ignore[var-annotated]
    for pixels, truth in zip(pictures, y_true, strict=True):
        finding = answer.answer(promised, grey(pixels)).finding
        assert finding is not None
        told = finding.conformal
        assert told is not None
        inside = set(told.classes)
        assert finding.answer in inside
        assert told.classes[0] == finding.answer
        held.append(classes[truth] in inside)
        of_class[classes[truth]].append(held[-1])
        if inside == set(classes):
            assert "rules nothing out" in told.words
            assert "100" not in told.words + told.measured_words
            continue
        seen_sets.add(frozenset(inside))
        # What is promised, of whom, and nothing of "cases like these".
        (promise,) = re.findall(
            r"true class for at least (\S+) of 100 images of each class, as long", told.words
        )
        assert promise == f"{100 * (1 - alpha):g}"
        assert "like these" not in told.words + told.measured_words
        # What was measured, of the very same set.
        same = [i for i, one in enumerate(sets_tested) if one == inside]
        right = sum(classes[truth_tested[i]] in inside for i in same)
        if len(same) < 10:
            assert f"{len(same)} test images without a near-copy in training had it" in (
                told.measured_words
            )
            assert "too few" in told.measured_words
            continue
        expected = (
            f"{right} of {len(same)} test images without a near-copy in training with this very "
        )
        assert f"{expected}set were of a class in it (" in told.measured_words
        (ends,) = re.findall(r"\(([\d.]+)–([\d.]+) %\)", plain(told.measured_words))
        low, high = map(float, ends)
        assert low <= 100 * right / len(same) <= high
        assert ("less often than is promised" in told.measured_words) == (
            told.measured is not None and (told.measured.high or 0) < 1 - alpha
        )
    # The promise, of the images of each class. Both sides are random: four standard deviations.
    for name, of_it in of_class.items():
        m = len(of_it)
        slack = 4 * np.sqrt(alpha * (1 - alpha) * (1 / m + 1 / counts[classes.index(name)]))
        assert np.mean(of_it) >= 1 - alpha - slack
        # Thresholds from the wrong share of images would be far off it, unless the answer is added.
        assert np.mean(of_it) <= 1 - alpha + max(slack, alpha)
    assert seen_sets  # Not kept by naming every class each time.


def test_a_set_that_lacks_the_answer_is_shown_with_it_and_says_so(predictor: Predictor) -> None:
    # Thresholds that nothing reaches: every set alone is empty.
    strict = with_run(
        predictor,
        conformal=Conformal(0.05, {"glioma": 0.0, "healthy": 0.0}, {"glioma": 20, "healthy": 20}),
    )
    finding = answer.answer(strict, grey(slices(2, 9)[0])).finding
    assert finding is not None
    told = finding.conformal
    assert told is not None
    assert (told.classes, told.answer_added) == (("glioma",), True)
    assert "glioma is in it as the answer only" in told.words
    assert "do not rely on it" in told.words


def test_fewer_than_ten_test_images_with_the_same_set_give_no_figure(predictor: Predictor) -> None:
    measured = predictor.measured
    assert measured is not None
    called = np.flatnonzero(measured.y_prob.argmax(axis=1) == 0)[:9]
    nine = Measured(measured.y_true[called], measured.y_prob[called], measured.groups[called], True)
    finding = answer.answer(replace(predictor, measured=nine), grey(slices(2, 9)[0])).finding
    assert finding is not None
    assert finding.conformal is not None
    assert finding.conformal.measured is not None
    assert finding.conformal.measured.value is None
    assert finding.conformal.measured_words == (
        "Among the test images without a near-copy in training with this very set, how often it is right "
        "is not known: too few images (9; a figure needs 10)."
    )


def test_a_set_of_an_image_unlike_the_training_images_says_to_expect_less(
    predictor: Predictor,
) -> None:
    warned = answer.answer(with_run(predictor, novelty=Limits(0, 1e9, 40)), grey(slices(2, 9)[0]))
    assert warned.outcome == "warned"
    assert warned.finding is not None
    assert warned.finding.conformal is not None
    assert warned.finding.conformal.measured_words.endswith("so expect less.")


# --- trace and JSON --------------------------------------------------------------------------


def test_the_trace_names_everything_that_made_the_answer(
    models: Path, predictor: Predictor
) -> None:
    image = grey(picture())
    trace = answer.answer(predictor, image).trace
    assert trace.model_sha256 == sha256(models / NAME / runs.MODEL_FILE)
    assert trace.software == f"brainmri {__version__}"
    at = datetime.fromisoformat(trace.answered_at)
    assert at.tzinfo is not None
    assert abs((datetime.now(UTC) - at).total_seconds()) < 3600
    changes: dict[str, dict[str, object]] = {
        "calibrator_sha256": {"temperature": 1.0},
        "thresholds_sha256": {"novelty": Limits(1e6, 1e7, 40)},
        "preprocessing_sha256": {"preprocessing": {"size_px": SIZE_PX, "fit": "head"}},
    }
    for field, changed in changes.items():
        other = answer.answer(with_run(predictor, **changed), image).trace
        differing = [
            name for name in vars(trace)
            if name != "answered_at" and getattr(trace, name) != getattr(other, name)
        ]  # fmt: skip
        assert differing == [field]


def test_an_answer_is_plain_json(predictor: Predictor) -> None:
    told = json.loads(json.dumps(answer.answer(predictor, grey(picture())).to_json()))
    assert told["outcome"] == "answered"
    assert sum(told["finding"]["probabilities"].values()) == pytest.approx(1, abs=1e-6)
    assert len(told["finding"]["maps"]["by_class"]["glioma"]) == 8
    assert told["finding"]["maps"]["box"] == [0, 0, SIZE_PX, SIZE_PX]
    assert "square" not in told["finding"]["maps"]
    assert set(told["finding"]["similar"][0]) == {"path", "label", "distance"}


def test_a_file_gives_the_answer_of_its_pixels(predictor: Predictor, tmp_path: Path) -> None:
    Image.fromarray(picture()).save(tmp_path / "slice.png")
    from_file = answer.answer(predictor, decode(tmp_path / "slice.png")).finding
    from_pixels = answer.answer(predictor, grey(picture())).finding
    assert from_file is not None
    assert from_pixels is not None
    assert from_file.probabilities == from_pixels.probabilities
