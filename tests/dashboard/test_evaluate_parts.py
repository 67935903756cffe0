"""The parts of Evaluate: slices of the images, calibration, thresholds, sets."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from brainmri.metrics import proportion
from brainmri.slices import Slice
from brainmri.wording import INDEPENDENT
from dashboard.pages import weak_spots
from tests.dashboard.faults import change_run, change_table
from tests.dashboard.reading import (
    alerts,
    headings,
)
from tests.dashboard.results import (
    CAREFUL,
    HASTY,
)
from tests.dashboard.visit import Node, Visitor, find, visible


@pytest.mark.usefixtures("shown")
def test_a_run_is_ranked_by_any_property_of_the_images(visitor: Visitor) -> None:
    shown = visitor.fire(
        "weak-head",
        inputs={"by": "seen", "rank": "accuracy"},
        state={"run": HASTY, "split": "test"},
    )
    rows = [visible(row) for row in find(shown["weak-table"]["children"], "Tr")[1:]]
    assert rows[0].startswith("unseen")
    assert "n" in visible(shown["weak-table"]["children"])
    assert "5 of 16" in rows[0]
    assert "too few images (4; a figure needs 10)" in rows[1]
    (wrong, _) = find(shown["weak-table"]["children"], "Button", className="link-button")[1::2]
    assert wrong["props"]["id"] == {"slice": "seen~unseen", "only": "wrong"}


@pytest.mark.parametrize(
    ("right", "ending"),
    [([80, 85], "that of the other slice"), ([80, 85, 90], "that of every other slice")],
)
def test_the_lowest_slice_is_said_to_meet_the_other_or_every_other_one(
    right: list[int], ending: str
) -> None:
    ranked = [Slice(f"s{k}", np.zeros((2, 2), dtype=np.int64), proportion(k, 100)) for k in right]
    assert weak_spots._lowest(ranked, "source", "accuracy")[-1].endswith(ending)


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    ("rank", "only", "head", "counts"),
    [
        ("accuracy", "wrong", "Wrong answers", ["5 of 16", "1 of 4"]),
        ("tumours found", "wrong~~notumor", "Missed tumours", ["2 of 12", "1 of 3"]),
        ("no tumour recognised", "wrong~notumor~", "False alarms", ["0 of 1", "2 of 4"]),
        ("glioma found", "wrong~glioma~", "Glioma called something else", ["1 of 1", "2 of 4"]),
    ],
)
def test_the_mistakes_beside_a_figure_are_those_that_lower_it(
    visitor: Visitor, rank: str, only: str, head: str, counts: list[str]
) -> None:
    state = {"run": HASTY, "split": "test"}
    shown = visitor.fire("weak-head", inputs={"by": "seen", "rank": rank}, state=state)[
        "weak-table"
    ]["children"]
    assert [visible(cell) for cell in find(shown, "Th", scope="col")][-1] == head
    links = find(shown, "Button", className="link-button")[1::2]
    assert sorted(visible(link) for link in links) == sorted(counts)
    assert {link["props"]["id"]["only"] for link in links} == {only}


@pytest.mark.usefixtures("shown")
def test_figures_that_are_alike_share_the_lowest_place(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def head(*named: tuple[str, int, int]) -> str:
        spots = [Slice(name, np.eye(4, dtype=int), proportion(k, n)) for name, k, n in named]
        monkeypatch.setattr("dashboard.data.weak_spots", lambda *_: spots)
        inputs = {"by": "label", "rank": "accuracy"}
        state = {"run": HASTY, "split": "test"}
        shown = visitor.fire("weak-head", inputs=inputs, state=state)
        (title,) = find(shown["weak-head"]["children"], "Title")
        return visible(title)

    assert head(("web", 15, 18), ("figshare", 10, 12)).startswith(
        "Accuracy is 83.3 % for every class"
    )
    shared = head(("web", 15, 18), ("figshare", 10, 12), ("other", 13, 13))
    assert shared.startswith("Accuracy is equally low for class “ web ”: 83.3 % (")
    assert "“ figshare ”: 83.3 % (" in shared
    assert shared.endswith(" ; no slice stands clearly apart")
    denied = head(("web", 36, 41), ("figshare", 851, 852), ("other", 13, 13))
    assert denied.startswith("Accuracy is lowest for class “ web ”: 87.8 % (")
    assert denied.endswith(")")


def test_without_an_index_pages_say_that_intervals_take_images_for_independent(
    visitor: Visitor, own: Path
) -> None:
    addresses = ("/", f"/evaluate?run={CAREFUL}", f"/compare?run={CAREFUL}&other={HASTY}")
    for address in addresses:
        assert INDEPENDENT not in visible(visitor.open(address))
    shutil.rmtree(own / "dataset")
    for address in addresses:
        assert INDEPENDENT in visible(visitor.open(address))


def test_without_an_index_slices_say_what_to_run(visitor: Visitor, own: Path) -> None:
    shutil.rmtree(own / "dataset")
    page = visitor.open(f"/evaluate?run={CAREFUL}")
    assert "There is no image index here that knows these images" in alerts(page)


@pytest.mark.usefixtures("plenty")
def test_calibration_is_shown_before_and_after_the_temperature(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=plenty")
    assert any("before the temperature" in heading for heading in headings(page))
    titles = [visible(part) for part in find(page, className="statistic-title")]
    assert "Calibration error as the model said" in titles
    assert any(title.startswith("After the temperature") for title in titles)


@pytest.mark.usefixtures("plenty")
def test_every_position_of_a_slider_has_its_counts_with_intervals(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=plenty&find=0.8&worth=1000")
    stores = {
        store["props"]["id"]: store["props"]["data"]
        for store in find(page, "Store")
        if str(store["props"]["id"]).startswith("tells-")
    }
    sliders = {s["props"]["id"]["slider"]: s["props"] for s in find(page, "Slider")}
    for key, chosen in (("find", 0), ("worth", 16)):
        assert sliders[key]["value"] == chosen
        told_at = stores[f"tells-{key}"]["told"]
        assert len(told_at) == sliders[key]["max"] + 1
        for said in told_at:
            assert re.search(r"Missed tumours:  ?\d+ of 60 \(\d+\.\d–\d+\.\d %\)", visible(said))
        (told,) = find(page, id=f"told-{key}")
        assert visible(told) == visible(told_at[chosen])


@pytest.mark.usefixtures("plenty")
def test_the_address_says_what_the_sliders_mean_and_what_they_do_not_offer(
    visitor: Visitor,
) -> None:
    def kept(page: Node) -> dict[str, str]:
        stores = {s["props"]["id"]["kept"]: s["props"]["data"] for s in find(page, "Store")
                  if isinstance(s["props"]["id"], dict)}  # fmt: skip
        return {key: stores[key] for key in ("find", "worth")}

    assert kept(visitor.open("/evaluate?run=plenty")) == {"find": "0.99", "worth": "100"}
    page = visitor.open("/evaluate?run=plenty&find=0.995&worth=7")
    assert kept(page) == {"find": "0.995", "worth": "7"}
    assert "Chosen: 99.5 %" in visible(page).replace("\u00a0", " ").replace("  ", " ")
    odd = visitor.open("/evaluate?run=plenty&find=19&worth=-3")
    assert kept(odd) == {"find": "0.99", "worth": "100"}
    for asked in ("19", "-3"):
        assert f"There is no “ {asked} ” to choose here." in visible(odd)


@pytest.mark.usefixtures("plenty")
def test_the_class_with_the_lowest_coverage_is_named(visitor: Visitor) -> None:
    (heading,) = [h for h in headings(visitor.open("/evaluate?run=plenty")) if "promise" in h]
    assert re.match(r"Sets that promise 95 % hold the true class least often for \w+: ", heading)


@pytest.mark.usefixtures("shown")
def test_too_few_validation_images_are_said_to_be_the_reason(visitor: Visitor) -> None:
    page = visible(visitor.open("/evaluate?run=careful"))
    assert "No sliders: fewer than 30 validation images with a tumour." in page


@pytest.mark.usefixtures("plenty")
def test_sets_on_the_images_that_set_them_are_shown_with_a_caution(visitor: Visitor) -> None:
    own = "These are the very images that set the thresholds"
    assert own in visible(visitor.open("/evaluate?run=plenty&split=val"))
    assert own not in visible(visitor.open("/evaluate?run=plenty&split=test"))


def test_a_threshold_that_is_capped_says_so(visitor: Visitor, plenty: Path) -> None:
    def stored(threshold: float) -> str:
        point = {
            "threshold": threshold,
            "rule": "sensitivity",
            "target": 0.99,
            "n": 80,
            "tumours": 60,
        }
        change_run(plenty / "plenty", operating_point=point)
        return visible(visitor.open("/evaluate?run=plenty"))

    assert "A stored threshold is capped at one half" in stored(0.5)
    assert "capped" not in stored(0.31)


def test_without_images_of_one_kind_a_threshold_does_not_count_them(
    visitor: Visitor, plenty: Path
) -> None:
    change_table(
        plenty / "plenty",
        lambda rows: rows.filter(
            [
                split == "val" or label != "notumor"
                for split, label in zip(
                    rows["split"].to_pylist(), rows["label"].to_pylist(), strict=True
                )
            ]
        ),
    )
    page = visible(visitor.open("/evaluate?run=plenty"))
    assert "raises an unknown number of false alarms (no images without a tumour)" in page
