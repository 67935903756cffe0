"""What the pages report of a single image is what the live predictor would say of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brainmri import calibration, images, index, inference, predictions, runs
from brainmri.predictions import Predictions
from dashboard import data
from dashboard.chosen import Chosen
from tests.dashboard.faults import change_run
from tests.dashboard.reading import TWO_ROWS, percent, tiles
from tests.dashboard.results import (
    CAREFUL,
    CLASSES,
    HASTY,
    NEGATIVE,
    answers,
    brightness_model,
    view_of,
    write_run,
    write_table,
)
from tests.dashboard.visit import Node, Visitor, find, visible

TEMPERATURE = 2.0
LISTS = {
    "a cell of the matrix": "/evaluate?run=hasty&cell=glioma~notumor",
    "a weak spot": "/evaluate?run=hasty&by=seen&slice=seen~unseen",
    "a comparison": "/compare?run=hasty&other=careful&now=missed",
}


@pytest.fixture
def calibrated(own: Path) -> Path:
    """The run "hasty" has a temperature."""
    change_run(own / HASTY, temperature=TEMPERATURE)
    return own


def by_hand(p: float) -> float:
    """The probability of an answer after the temperature, the other three sharing the rest."""
    rest = (1 - p) / 3
    return float(np.sqrt(p) / (np.sqrt(p) + 3 * np.sqrt(rest)))


def page_and_tile(visitor: Visitor, address: str) -> tuple[Node, str]:
    """A page, and what it says of one image that all of the lists have."""
    page = visitor.open(address)
    (said,) = [tile for tile in tiles(page) if "Testing/glioma/glioma-0001.png" in tile]
    return page, said


@pytest.mark.usefixtures("calibrated")
@pytest.mark.parametrize("address", LISTS.values(), ids=LISTS)
def test_every_list_of_images_tells_probabilities_after_the_temperature(
    visitor: Visitor, address: str
) -> None:
    page, first = page_and_tile(visitor, address)
    assert percent(by_hand(0.72)) in first
    assert percent(0.72) not in first
    assert visible(find(page, className="whose")[0]).startswith("The probabilities are calibrated")


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("address", LISTS.values(), ids=LISTS)
def test_without_a_temperature_the_lists_tell_what_the_model_said(
    visitor: Visitor, address: str
) -> None:
    page, first = page_and_tile(visitor, address)
    assert percent(0.72) in first
    assert "no temperature is fitted" in visible(find(page, className="whose")[0])


def test_the_probabilities_of_another_tool_are_told_as_its_table_has_them(
    visitor: Visitor, bare: Path
) -> None:
    write_table(bare, "spreadsheet", TWO_ROWS)
    page = visitor.open("/evaluate?run=spreadsheet&cell=glioma~glioma")
    assert "90.0 %" in tiles(page)[0]
    assert "those that the table of another tool holds" in visible(find(page, className="whose")[0])


def test_the_page_and_the_live_predictor_agree_on_an_image(own: Path, phantom_data: Path) -> None:
    write_run(
        own,
        "live",
        answers(index.read(own / "dataset" / "index.parquet"), {}),
        model=brightness_model(),
    )
    path = own / "live" / runs.PREDICTIONS_FILE
    table = predictions.read(path)
    classifier = inference.load(own, "live")
    squares = [
        classifier.preprocessing.square(images.decode(phantom_data / one).pixels)
        for one in table.paths
    ]
    scored = Predictions(**{**vars(table), "y_prob": classifier.uncalibrated(np.stack(squares))})
    predictions.write(path, scored)
    change_run(own / "live", temperature=TEMPERATURE)
    view = view_of("live")
    shown = [
        image
        for truth in CLASSES
        for answer in CLASSES
        for image in data.cell_images(view, "test", truth, answer, 9)[1]
    ]
    assert len(shown) == 20
    for image in shown:
        live = data.answer("live", (phantom_data / image.path).read_bytes()).answer.finding
        assert live is not None
        assert image.probabilities == pytest.approx(live.probabilities, abs=1e-5)
        assert max(live.probabilities, key=live.probabilities.__getitem__) == image.answer


def test_the_surest_after_the_temperature_stands_first(own: Path) -> None:
    # Before it the first is surer (0.60 > 0.58); after it the second, whose rest is spread wider.
    y_prob = np.array([[0.40, 0.60, 0, 0], [0.14, 0.58, 0.14, 0.14]])
    y_prob = np.maximum(y_prob, 1e-6) / np.maximum(y_prob, 1e-6).sum(axis=1, keepdims=True)
    change = calibration.apply_temperature(y_prob, 0.5).max(axis=1)
    assert change[1] > change[0]
    table = Predictions(
        paths=np.array(
            ["Testing/glioma/glioma-0000.png", "Testing/glioma/glioma-0001.png"], object
        ),
        splits=np.array(["test", "test"], dtype=object),
        y_true=np.zeros(2, dtype=np.int64),
        y_prob=y_prob.astype(np.float32),
        classes=CLASSES,
        negative_class=NEGATIVE,
        seen=np.zeros(2, dtype=bool),
    )
    write_run(own, "close", table)
    change_run(own / "close", temperature=0.5)
    view = view_of("close")
    second = "Testing/glioma/glioma-0001.png"
    assert data.cell_images(view, "test", "glioma", CLASSES[1], 9)[1][0].path == second
    assert (
        data.gallery(
            view,
            "test",
            Chosen(slice=("seen", "unseen"), wrong=True),
            sort="sure",
            like=None,
            start=0,
            most=9,
        )
        .shown[0]
        .path
        == second
    )
    found = data.compare(view, view_of(CAREFUL), "test")
    assert [one.path for _, one in data.changed_images(view, found.lost, 1)] == [second]


def test_the_temperature_changes_no_answer(own: Path) -> None:
    before = data.report(view_of(HASTY), "test").matrix.tolist()
    change_run(own / HASTY, temperature=0.3)
    assert data.report(view_of(HASTY), "test").matrix.tolist() == before


@pytest.mark.usefixtures("calibrated")
def test_curves_say_that_they_rank_by_what_the_model_said(visitor: Visitor) -> None:
    assert "before the temperature ; so do" in visible(visitor.open(f"/evaluate?run={HASTY}"))
    assert "before the temperature ; so do" not in visible(visitor.open(f"/evaluate?run={CAREFUL}"))
