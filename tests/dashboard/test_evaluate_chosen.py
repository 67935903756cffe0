"""Choosing on Evaluate: a cell, a slice or a threshold narrows the rest of the page; one image in depth."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from brainmri import index, trust
from brainmri.inference import Answers
from brainmri.preprocessing import Preprocessing
from dashboard import data, trust_figures
from dashboard.chosen import Chosen, cell_of, read
from tests.dashboard.reading import headings, matrix, table_named, tiles
from tests.dashboard.results import CAREFUL, CLASSES, HASTY, view_of, write_table
from tests.dashboard.visit import Node, Visitor, find, visible


def chips(page: Node) -> list[str]:
    buttons = find(page, "Button", className="chip")
    return [" ".join(button["props"]["aria-label"].split()) for button in buttons]


def chosen_line(page: Node) -> str:
    return visible(find(page, className="chosen-line"))


@pytest.mark.parametrize(
    ("cell", "slice_", "above", "expected"),
    [
        ("glioma~notumor", None, None, Chosen(truth="glioma", answer="notumor")),
        ("glioma~", "", "", Chosen(truth="glioma")),
        ("~notumor", None, None, Chosen(answer="notumor")),
        ("wrong", None, None, Chosen(wrong=True)),
        ("wrong~~notumor", None, None, Chosen(answer="notumor", wrong=True)),
        ("wrong~glioma~", None, None, Chosen(truth="glioma", wrong=True)),
        ("wrong~glioma~cat", None, None, Chosen()),
        ("wrong~notumor", None, None, Chosen()),
        (None, "source~web", None, Chosen(slice=("source", "web"))),
        (None, None, "glioma~0.25", Chosen(above=("glioma", 0.25))),
        ("glioma", "source", "glioma", Chosen()),
        ("cat~glioma", "~web", "cat~0.5", Chosen()),
        ("glioma~cat", None, "glioma~nan", Chosen()),
        ("~", None, "glioma~7", Chosen()),
    ],
)
def test_the_address_says_what_is_chosen_and_misspelt_keys_choose_nothing(
    cell: str | None, slice_: str | None, above: str | None, expected: Chosen
) -> None:
    assert read(CLASSES, cell, slice_, above) == expected
    if expected.has_cell:
        assert cell_of(expected.truth, expected.answer, wrong=expected.wrong) == cell


@pytest.mark.usefixtures("shown")
def test_every_choice_is_a_chip_that_can_be_removed(visitor: Visitor) -> None:
    page = visitor.open(
        "/evaluate?run=hasty&cell=glioma~notumor&slice=seen~unseen&above=notumor~0.5"
    )
    assert chips(page) == [
        "Remove truth: glioma",
        "Remove answer: notumor",
        "Remove seen in training or not: unseen",
        "Remove probability of notumor ≥ 50.0 %",
    ]
    assert chosen_line(page).startswith("2 of 20 test images (")
    assert {"chip": "all"} in [b["props"].get("id") for b in find(page, "Button")]


@pytest.mark.usefixtures("shown")
def test_with_nothing_chosen_the_page_says_how_to_choose(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=hasty")
    assert chips(page) == []
    assert chosen_line(page).startswith("All 20 test images. Choose a cell")


@pytest.mark.usefixtures("shown")
def test_a_slice_narrows_matrix_classes_and_images_and_keeps_n(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=hasty&slice=seen~unseen")
    # Every third image of a class counts as seen: one of five.
    assert {row[-1] for row in matrix(page).values()} == {"4"}
    assert matrix(page)["glioma"][2] == "2"
    classes = table_named(page, "Precision, recall and F1 per class")
    assert classes["glioma"][-1] == "4"
    assert "too few images (4; a figure needs 10)" in classes["glioma"][1]
    assert classes["weighted"][-1] == "16"
    assert re.search(r"\d–\d", classes["weighted"][1])
    assert "16 images" in headings(page)
    assert len(tiles(page)) == 12
    assert chosen_line(page).startswith("16 of 20 test images (")


@pytest.mark.usefixtures("shown")
def test_the_matrix_keeps_its_other_cells_when_one_is_chosen(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=hasty&cell=glioma~notumor")
    assert matrix(page)["pituitary"] == ["1", "0", "0", "4", "5"]
    on = [c["props"]["id"]["cell"] for c in find(page, className="matrix-cell")
          if c["props"]["aria-pressed"] == "true"]  # fmt: skip
    assert on == ["glioma~notumor"]
    # So do the classes, and the part keeps its height.
    assert list(table_named(page, "Precision, recall and F1 per class")) == [*CLASSES, "weighted"]
    told = [visible(item) for item in find(page, className="plain-list")]
    assert any("Of the images of glioma: 3 of 5 called notumor" in each for each in told) or any(
        "too few" in each for each in told
    )


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    ("query", "n"),
    [("cell=glioma~", 5), ("cell=~notumor", 6), ("cell=wrong", 6), ("above=notumor~0.73", 4),
     ("above=notumor~0.73&cell=glioma~", 1)],
)  # fmt: skip
def test_rows_columns_mistakes_and_thresholds_choose_their_images(
    visitor: Visitor, query: str, n: int
) -> None:
    page = visitor.open(f"/evaluate?run=hasty&{query}")
    assert chosen_line(page).startswith(f"{n} of 20 test images (")
    assert len(tiles(page)) == n


@pytest.mark.usefixtures("shown")
def test_a_threshold_is_that_of_the_stored_probabilities() -> None:
    view = view_of(HASTY)
    table, c = view.predictions, CLASSES.index("glioma")
    for least in (0.05, 0.1, 0.7):
        found = data.gallery(
            view, "test", Chosen(above=("glioma", least)), sort="sure", like=None, start=0, most=99
        )
        test = table.splits == "test"
        assert found.n == int((table.y_prob[test, c] >= np.float32(least)).sum())


@pytest.mark.usefixtures("shown")
def test_an_unknown_slice_chooses_nothing(visitor: Visitor) -> None:
    for query in ("slice=source~mars", "slice=colour~red"):
        page = visitor.open(f"/evaluate?{query}")
        assert chips(page) == []
        by, value = query.removeprefix("slice=").split("~")
        (bar,) = find(page, id="evaluate-chosen")
        said = f"There is no slice “ {by}: {value} ” of the test images; it chooses nothing."
        assert said in visible(bar)
        (away,) = find(bar, "Button")
        assert away["props"]["id"] == {"chip": "slice"}
    assert "There is no slice" not in visible(visitor.open("/evaluate?slice=label~glioma"))


@pytest.mark.usefixtures("shown")
def test_slices_are_counted_among_what_else_is_chosen_but_not_among_one_of_their_own(
    visitor: Visitor,
) -> None:
    page = visitor.open("/evaluate?run=hasty&by=seen&slice=seen~unseen&cell=glioma~notumor")
    rows = table_named(page, "accuracy by seen in training or not")
    assert rows["unseen"][-1] == "2 of 16"
    assert rows["near-copy in training"][-1] == "1 of 4"
    other = visitor.open("/evaluate?run=hasty&by=size&slice=seen~near-copy in training")
    assert (
        sum(
            int(row[-1].split()[-1])
            for row in table_named(other, "accuracy by image size").values()
        )
        == 4
    )


@pytest.mark.usefixtures("shown")
def test_curves_are_those_of_the_chosen_slice(visitor: Visitor) -> None:
    areas = table_named(
        visitor.open("/evaluate?run=hasty&slice=seen~unseen"), "Areas under the curves"
    )
    assert {row[-1] for row in areas.values()} == {"16"}


def counts_of(page: Node) -> dict[str, set[str]]:
    """Every n that a part of the page says in words or in a column that is headed so."""
    parts = ("curves-content", "weak-head", "trust-content")
    return {
        part: set(re.findall(r"\(n = ([\d,]+)\)", visible(find(page, id=part)))) for part in parts
    }


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    ("query", "n"),
    [("", 20), ("cell=glioma~", 5), ("cell=~notumor", 6), ("slice=seen~unseen", 16)],
)
def test_every_part_is_about_the_chosen_images_and_says_how_many(
    visitor: Visitor, query: str, n: int
) -> None:
    page = visitor.open(f"/evaluate?run=hasty&by=size&{query}")
    assert {part: said for part, said in counts_of(page).items() if said != {str(n)}} == {}
    if not find(find(page, id="curves-content"), className="nothing-drawn"):
        assert {row[-1] for row in table_named(page, "Areas under the curves").values()} == {str(n)}


@pytest.mark.usefixtures("plenty")
def test_figures_keep_what_is_chosen_in_themselves_so_that_something_else_can_be_chosen(
    visitor: Visitor,
) -> None:
    view = view_of("plenty")
    page = visitor.open("/evaluate?run=plenty&above=glioma~0.2&sure=0.9~1")
    some = data.chosen_n(view, "test", Chosen(above=("glioma", 0.2), sure=(0.9, 1.0)))
    above = data.chosen_n(view, "test", Chosen(above=("glioma", 0.2)))
    sure = data.chosen_n(view, "test", Chosen(sure=(0.9, 1.0)))
    assert some < above < 80
    assert counts_of(page)["curves-content"] == {str(sure)}  # Their points are thresholds.
    assert counts_of(page)["trust-content"] == {str(above), str(some)}
    assert chosen_line(page).startswith(f"{some} of 80 test images (")


@pytest.mark.usefixtures("plenty")
@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("cell=glioma~glioma", "These images were chosen for being right (n ="),
        ("cell=wrong", "These images were chosen for being wrong (n ="),
    ],
)
def test_among_images_chosen_by_their_answer_right_and_wrong_are_no_result(
    visitor: Visitor, query: str, why: str
) -> None:
    page = visitor.open(f"/evaluate?run=plenty&{query}")
    # One sentence for calibration, both curves, decisions and coverage of risks: no empty card for each.
    (place,) = [visible(place) for place in find(page, className="nothing-drawn")]
    assert place.startswith(why)
    assert "so there is no calibration, decision, risk-coverage, ROC or" in place
    for part in ("trust-content", "curves-content"):
        assert not find(find(page, id=part), "Graph")
        # What chooses other images stays.
        assert "Choose these images" in visible(find(page, id=part))
    assert not find(page, caption="Areas under the curves")
    trust = visible(find(page, id="trust-content"))
    # What is known of these very images is counted, and no interval speaks of others.
    assert re.search(
        r"Missed tumours: +\d+ of \d+ tumours|Missed tumours: +(\d+ of \d+|no )", trust
    )
    assert "(chosen by their answer)" in trust
    assert not re.search(r"\d–\d+\.\d %", trust)


@pytest.mark.usefixtures("plenty")
def test_of_one_class_there_is_nothing_to_tell_it_from_and_the_rest_is_measured(
    visitor: Visitor,
) -> None:
    page = visitor.open("/evaluate?run=plenty&cell=glioma~")
    decisions, curves = [visible(place) for place in find(page, className="nothing-drawn")]
    assert decisions.startswith("Of these images each shows a tumour (n = 20)")
    assert "These are fewer than 50 images (n = 20), too few for a curve" in decisions
    assert curves.startswith("All of these images show glioma (n = 20)")
    assert find(find(page, id="trust-content"), "Graph", id={"figure": "calibration"})
    assert "These images were chosen by what they show" in visible(find(page, id="trust-content"))


@pytest.mark.usefixtures("plenty")
def test_the_images_of_a_bin_of_the_calibration_figure_can_be_chosen() -> None:
    view = view_of("plenty")
    found = data.chosen_calibration(view, "test", Chosen())
    bins = [b for b in (found.after or found.before) if b.n]
    assert len(bins) > 2
    for one in bins:
        # As the address holds it: six digits, rounded down.
        edges = "~".join(str(int(end * 1e6) / 1e6) for end in (one.low, one.high))
        chosen = read(view.classes, None, None, None, edges)
        assert chosen.sure == (one.low, one.high)
        assert data.chosen_n(view, "test", chosen) == one.n


@pytest.mark.usefixtures("plenty")
@pytest.mark.parametrize("fitted", [True, False])
def test_a_point_of_the_decision_curve_chooses_the_images_that_one_would_act_on(
    visitor: Visitor, fitted: bool, plenty: Path
) -> None:
    name = "plenty" if fitted else "other-tool"
    if not fitted:  # The same from another tool: its temperature is fitted here.
        table = pq.read_table(plenty / "plenty" / "predictions.parquet")
        write_table(plenty, name, dict(zip(table.column_names, table.columns, strict=True)))
    view = view_of(name)
    found = data.chosen_calibration(view, "test", Chosen())
    assert found.decision is not None
    acted, n = 0, found.n
    points = trust_figures.decision_curve(found.decision).data[2].customdata
    for at, threshold in zip(points, found.decision.thresholds, strict=True):
        chosen = read(view.classes, None, None, at)
        acted = data.chosen_n(view, "test", chosen)
        tumours = data.chosen_calibration(view, "test", chosen).tumours
        # Net benefit is of these images: tumours among them, less the others at the price.
        benefit = (tumours - (acted - tumours) * threshold / (1 - threshold)) / n
        assert benefit == pytest.approx(found.decision.model[points.index(at)], abs=1e-9)
    assert acted < n
    page = visitor.open(f"/evaluate?run={name}&above=any tumour~0.3")
    assert chips(page) == ["Remove tumour probability ≥ 30.0 %"]
    # The curve keeps the others, with the point marked; what stands beside it follows.
    (decision,) = find(page, "Graph", id={"figure": "decision"})
    assert decision["props"]["figure"]["data"][-1]["x"] == [0.3]
    assert f"n = {found.n:,}, with a tumour" in visible(find(page, id="trust-content"))


@pytest.mark.usefixtures("shown")
def test_slices_of_a_row_are_of_its_images(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=hasty&by=seen&cell=glioma~")
    rows = table_named(page, "accuracy by seen in training or not")
    assert {name: row[-2] for name, row in rows.items()} == {
        "unseen": "4",
        "near-copy in training": "1",
    }
    (wrong, *_) = find(find(page, id="weak-table"), "Button", className="link-button")[1::2]
    assert wrong["props"]["id"]["only"] == "wrong~glioma~"


# The images in order


def order(sort: str, *, like: str | None = None) -> list[data.Scored]:
    return data.gallery(
        view_of(HASTY), "test", Chosen(), sort=sort, like=like, start=0, most=99
    ).shown


@pytest.mark.usefixtures("shown")
def test_images_come_by_error_or_by_how_sure_the_model_was() -> None:
    def true(one: data.Scored) -> float:
        return one.probabilities[one.label]

    def sure(one: data.Scored) -> float:
        return max(one.probabilities.values())

    wrong_first = order("error")
    assert [true(one) for one in wrong_first] == sorted(map(true, wrong_first))
    assert all(one.answer != one.label for one in wrong_first[:6])
    assert [sure(one) for one in order("sure")] == sorted(map(sure, wrong_first), reverse=True)
    assert [sure(one) for one in order("unsure")] == sorted(map(sure, wrong_first))


def test_images_alike_to_one_come_by_the_bits_in_which_their_hashes_differ(shown: Path) -> None:
    known = index.read(shown / "dataset" / "index.parquet").rows.set_index("path")
    like = "Testing/glioma/glioma-0003.png"
    found = data.gallery(view_of(HASTY), "test", Chosen(), sort="like", like=like, start=0, most=99)
    assert found.shown[0].path == like
    assert found.bits[0] == 0

    def apart(path: str) -> int:
        one = int.from_bytes(known["phash"][like])
        return min(
            (one ^ int.from_bytes(known[name][path])).bit_count()
            for name in ("phash", "phash_mirrored")
        )

    bits = [apart(one.path) for one in found.shown]
    assert found.bits == bits
    assert bits == sorted(bits)


@pytest.mark.usefixtures("shown")
def test_the_rest_of_the_list_follows_what_the_page_brings(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=hasty&cell=wrong~glioma~&sort=sure&slice=seen~unseen")
    (box,) = find(page, className="scroller")
    more = visitor.client.get(f"{box['props']['data-more']}&start=0&most=99").get_json()
    assert tiles(more) == tiles(page) != []
    whole = visitor.open("/evaluate?run=hasty")
    (box,) = find(whole, className="scroller")
    rest = visitor.client.get(f"{box['props']['data-more']}&start=12&most=60").get_json()
    assert (len(tiles(whole)), len(tiles(rest))) == (12, 8)
    assert not set(tiles(whole)) & set(tiles(rest))
    (button,) = find(rest[-1], "Button")
    assert button["props"]["aria-label"].endswith(", image 20 of 20")


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    ("first", "number", "start"),
    [("15", "15", "8"), ("99", "20", "13"), ("x", "1", "0"), ("²", "1", "0"), ("-4", "1", "0")],
)
def test_an_address_names_the_first_image_in_sight(
    visitor: Visitor, first: str, number: str, start: str
) -> None:
    page = visitor.open(f"/evaluate?run=hasty&first={first}")
    (box,) = find(page, className="scroller")
    assert (box["props"]["data-first"], box["props"]["data-start"]) == (number, start)
    assert find(page, className="tile")[0]["props"]["aria-posinset"] == str(int(start) + 1)


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("run=nobody&split=test", 404),
        ("run=hasty&split=train", 404),
        ("", 404),
        ("run=hasty&split=test&cell=cat~dog&slice=a~b&above=x&sort=no&start=-9&most=-9", 200),
        ("run=hasty&split=test&start=999999999999999999999&most=x", 200),
    ],
)
def test_what_is_not_there_is_not_answered(visitor: Visitor, query: str, status: int) -> None:
    assert visitor.client.get(f"/pieces/gallery?{query}").status_code == status


@pytest.mark.usefixtures("shown", "pictures")
def test_all_tiles_have_the_same_lines_so_that_they_are_of_one_height(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=hasty")
    lines = [
        len(find(tile, "Figcaption")[0]["props"]["children"])
        for tile in find(page, className="tile")
    ]
    assert len(set(lines)) == 1
    assert len({"near-copy" in text for text in tiles(page)}) == 2


@pytest.mark.usefixtures("shown")
def test_without_an_image_to_compare_with_the_page_says_how_to_get_one(visitor: Visitor) -> None:
    assert "Open an image and choose" in visible(visitor.open("/evaluate?sort=like"))


# One image

IMAGE = "Testing/glioma/glioma-0000.png"


def panel(page: Node) -> Node:
    (drawer,) = find(page, "Drawer")
    return drawer


@pytest.mark.usefixtures("shown", "pictures")
def test_the_panel_tells_what_every_run_says_of_an_image(visitor: Visitor) -> None:
    drawer = panel(visitor.open(f"/evaluate?run=careful&image={IMAGE}"))
    assert drawer["props"]["opened"]
    text = visible(drawer)
    assert "careful says notumor. It is labelled glioma." in text
    assert "2 of 2 runs that have answered it are wrong" in text
    assert table_named(drawer, "What every other run says") == {
        HASTY: ["notumor", "70.0 %", "test"]
    }
    assert find(drawer, "Img")[0]["props"]["src"] == f"/image/{IMAGE}"
    assert "This is wrong" in text


@pytest.mark.usefixtures("shipped")
def test_the_panel_tells_the_metadata_in_words_with_units(visitor: Visitor) -> None:
    drawer = panel(visitor.open("/evaluate?image=Training/pituitary/Tr-pi_1456.jpg"))
    (facts,) = find(drawer, className="facts")
    names, values = ([visible(one) for one in find(facts, kind)] for kind in ("Dt", "Dd"))
    told = dict(zip(names, values, strict=True))
    assert told["file size"] == "21,371 bytes"
    assert told["width"] == "512 pixels"
    assert told["mirrored"] == "yes"
    assert told["pixel format"] == "grey (L)"
    assert told["near-copies as counted here"] == "group number 3527"
    assert told["near-copies by the metadata"] == "group number 3150"
    assert told["number in the figshare set"] == "1006"
    assert told["grouped split"] == "guard (kept apart, used for nothing)"
    assert {"near-copies", "grouped split"} <= {
        visible(term) for term in find(facts, className="term")
    }


@pytest.mark.usefixtures("shown")
def test_the_panel_is_closed_when_the_address_names_no_image(visitor: Visitor) -> None:
    drawer = panel(visitor.open("/evaluate"))
    assert not drawer["props"]["opened"]
    (content,) = find(drawer, "Div", id={"page": "evaluate", "panel": "content"})
    assert visible(content) == ""
    (steps,) = find(drawer, "Div", id="panel-steps")
    assert steps["props"]["hidden"]


@pytest.mark.usefixtures("shown")
def test_an_unknown_image_is_said_to_be_unknown(visitor: Visitor) -> None:
    text = visible(panel(visitor.open("/evaluate?image=../../etc/passwd")))
    assert "No run has answered it, and the image index does not know it" in text


@pytest.mark.usefixtures("shown")
def test_the_panel_opens_with_the_image_that_was_clicked_and_not_without(visitor: Visitor) -> None:
    name, content = (f'{{"page":"evaluate","panel":"{part}"}}' for part in ("image", "content"))
    assert visitor.fire(name, inputs={"image": ""}, state={"run": CAREFUL}) == {}
    shown = visitor.fire(name, inputs={"image": IMAGE}, state={"run": CAREFUL})
    assert shown[name]["opened"]
    assert "careful says notumor" in visible(shown[content]["children"])
    forged = visitor.fire(name, inputs={"image": [IMAGE]}, state={"run": CAREFUL})
    assert "the image index does not know it" in visible(forged[content]["children"])


@pytest.mark.usefixtures("shown", "pictures")
@pytest.mark.parametrize("address", ["/data?part=browse", f"/compare?run={HASTY}&other=careful"])
def test_pictures_of_other_pages_open_the_same_panel(visitor: Visitor, address: str) -> None:
    drawer = panel(visitor.open(f"{address}&image={IMAGE}"))
    assert drawer["props"]["opened"]
    assert "This is wrong" in visible(drawer)
    page = visitor.open(address)
    assert not panel(page)["props"]["opened"]
    if "browse" in address:
        tiles = [tile["props"]["id"] for tile in find(page, "Button", className="tile-open")]
        assert [tile["place"] for tile in tiles] == [f"browse-{i}" for i in range(12)]


@pytest.mark.usefixtures("shown")
def test_the_panel_of_data_is_about_the_run_that_is_shown_first(visitor: Visitor) -> None:
    name, content = (f'{{"page":"data","panel":"{part}"}}' for part in ("image", "content"))
    answer = visitor.fire(name, inputs={"image": IMAGE})
    first = data.find_run(None)
    assert first is not None
    assert f"{first.name} says" in visible(answer[content]["children"])


def test_without_a_run_the_panel_says_what_the_index_knows(
    indexed_models: Path, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINMRI_MODELS", str(indexed_models))
    text = visible(panel(visitor.open(f"/data?part=browse&image={IMAGE}")))
    assert "No run has answered it" in text
    assert "What the index knows of it" in text


@pytest.mark.usefixtures("shown", "pictures")
def test_a_model_without_maps_or_without_a_file_says_so(visitor: Visitor) -> None:
    def told(run: str) -> str:
        wanted = {"run": run, "image": IMAGE, "answer": "notumor"}
        return visible(
            visitor.fire("panel-map", inputs={"panel-wanted": wanted})["panel-map"]["children"]
        )

    assert told(HASTY) == "The model of this run gives no activation map."
    assert "The model file of careful is not here" in told(CAREFUL)


@dataclass
class Looker:
    """A model with maps: glioma speaks from the middle, pituitary twice as strongly from a corner."""

    preprocessing = Preprocessing(size_px=32)

    def explain(self, squares: NDArray[np.uint8]) -> Answers:
        maps = np.full((len(squares), 4, 4, 4), -1.0, dtype=np.float32)
        maps[:, CLASSES.index("glioma"), 1:3, 1:3] = 2
        maps[:, CLASSES.index("pituitary"), 0, 0] = 4
        even = np.full((len(squares), 4), 0.25, dtype=np.float32)
        return Answers(even, even, None, maps)


@pytest.mark.usefixtures("shown", "pictures")
def test_a_model_with_maps_shows_where_it_looked(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.data.one_image.classifier", lambda _: Looker())
    image = "Testing/glioma/glioma-0001.png"
    told = data.activation_map(view_of(HASTY), image, "glioma")
    assert told is not None
    assert told.square.shape == (32, 32)
    assert told.heat[1:3, 1:3].tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert told.heat.sum() == 2.0
    wanted = {"run": HASTY, "image": image, "answer": "glioma"}
    node = visitor.fire("panel-map", inputs={"panel-wanted": wanted})["panel-map"]["children"]
    (picture,) = find(node, "Img")
    assert picture["props"]["src"].startswith("data:image/png;base64,")
    assert "what speaks for glioma" in picture["props"]["alt"]


def test_near_copies_are_told_with_their_labels_and_parts(own: Path, visitor: Visitor) -> None:
    path = own / "dataset" / "index.parquet"
    table = pq.read_table(path)
    clusters = table["cluster"].to_pylist()
    names = table["path"].to_pylist()
    copies = [IMAGE, "Training/glioma/glioma-0001.png", "Training/pituitary/pituitary-0002.png"]
    for copy in copies:
        clusters[names.index(copy)] = 10_000
    at = table.column_names.index("cluster")
    pq.write_table(table.set_column(at, table.field("cluster"), [clusters]), path)
    drawer = panel(visitor.open(f"/evaluate?image={IMAGE}"))
    assert "2 near-copies, not all of them labelled glioma" in visible(drawer)
    near = tiles(drawer)
    assert len(near) == 2
    other = next(tile for tile in near if copies[2] in tile)
    assert "pituitary, training image" in other
    assert "Another label!" in other
    assert all(re.search(r"\d+ of 256 bits differ", tile) for tile in near)


# A table too large to be held


@pytest.fixture
def large(shown: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every table is too large to be held as rows."""
    monkeypatch.setattr("dashboard.data.runs.MOST_IN_MEMORY", 0)
    return shown


@pytest.mark.usefixtures("large")
def test_of_a_large_table_slices_and_thresholds_are_chosen_from_counts(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=hasty&slice=seen~unseen&by=seen")
    assert {row[-1] for row in matrix(page).values()} == {"4"}
    assert matrix(page)["glioma"][2] == "2"
    assert "16 images" in headings(page)
    assert len(tiles(page)) == 12
    assert table_named(page, "accuracy by seen in training or not")["unseen"][-1] == "5 of 16"
    above = visitor.open("/evaluate?run=hasty&above=notumor~0.7312345")
    assert chips(above) == ["Remove probability of notumor ≥ 73.0 %"]
    assert chosen_line(above).startswith("4 of 20 test images (")
    assert len(tiles(above)) == 4


@pytest.mark.usefixtures("large")
def test_of_a_large_table_a_slice_and_a_threshold_are_not_chosen_together(visitor: Visitor) -> None:
    page = visitor.open("/evaluate?run=hasty&slice=seen~unseen&above=notumor~0.73&cell=glioma~")
    assert chips(page) == ["Remove truth: glioma", "Remove seen in training or not: unseen"]
    assert chosen_line(page).startswith("4 of 20 test images (")


@pytest.mark.usefixtures("shown")
def test_calibration_and_sets_are_those_of_the_chosen_slice(visitor: Visitor) -> None:
    whole = visible(find(visitor.open("/evaluate?run=hasty"), id="trust-content"))
    some = visible(
        find(
            visitor.open("/evaluate?run=hasty&slice=seen~unseen"),
            id="trust-content",
        )
    )
    assert "Of all images (n = 20)." in whole
    assert "Among images with seen in training or not: unseen (n = 16)." in some
    assert "No curves: 20 images" in whole
    assert "No curves: 16 images" in some


@pytest.mark.usefixtures("shown")
def test_calibration_of_some_rows_is_that_of_a_table_without_the_others() -> None:
    view = view_of(HASTY)
    found = data.chosen_calibration(view, "test", Chosen(slice=("seen", "unseen")))
    table = view.predictions
    assert table.seen is not None
    kept = (table.splits != "test") | ~table.seen
    fewer = table.where(kept)
    by_hand = trust.calibration_report(
        fewer,
        trust.stored(view.run) if view.run else None,
        split="test",
        negative=view.negative_class,
        groups=np.arange(len(table.paths))[kept],
    )
    assert found.n == by_hand.n == 16
    assert [b.n for b in found.before] == [b.n for b in by_hand.before]
    assert found.error_before.ece.n == 16
    assert found.reasons == by_hand.reasons


@pytest.mark.usefixtures("shown")
def test_a_probability_can_be_typed_instead_of_pointed_at(visitor: Visitor) -> None:
    def asked(address: str) -> list[Any]:
        (group,) = [one for one in find(visitor.open(address), role="group") if find(one, "Select")]
        return [
            one["props"]["value"] for kind in ("Select", "NumberInput") for one in find(group, kind)
        ]

    assert asked("/evaluate?run=hasty") == [CLASSES[0], 50]
    assert asked("/evaluate?run=hasty&above=notumor~0.125") == ["notumor", 12.5]


def test_an_address_that_asks_for_a_figure_or_column_that_is_not_there_is_told_so(
    visitor: Visitor,
) -> None:
    said = visible(visitor.open("/evaluate?run=hasty&by=colour&rank=happiness"))
    assert "There is no “ happiness ” to choose here." in said
    assert "There is no “ colour ” to choose here." in said
    assert "There is no" not in visible(visitor.open("/evaluate?run=hasty&by=seen&rank=accuracy"))


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    ("key", "asked", "said"),
    [
        ("cell", "glioma~cat", "There is no cell “ {} ” of the matrix; it chooses nothing."),
        ("above", "cat~0.5", "There is no class and probability (0 to 1) “ {} ” to choose;"),
        ("above", "glioma~7", "There is no class and probability (0 to 1) “ {} ” to choose;"),
        ("sure", "0.9~0.1", "There are no two rising probabilities (0 to 1) “ {} ” to choose;"),
    ],
)
def test_what_an_address_misspells_is_said_and_can_be_removed(
    visitor: Visitor, key: str, asked: str, said: str
) -> None:
    page = visitor.open(f"/evaluate?run=hasty&{key}={asked}")
    (bar,) = find(page, id="evaluate-chosen")
    assert said.format(asked) in visible(bar)
    (away,) = find(bar, "Button")
    assert away["props"]["id"] == {"chip": key}
    assert chosen_line(page).startswith("All 20 test images.")
    whole = visible(find(visitor.open("/evaluate?run=hasty"), id="evaluate-chosen"))
    assert "There is no" not in whole


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    "address",
    [
        "/evaluate?run=hasty&split=holdout",
        "/evaluate?run=hasty&show=holdout",
        "/evaluate?run=hasty&sort=holdout",
        "/compare?run=hasty&other=careful&split=holdout",
        "/compare?run=hasty&other=careful&now=holdout",
        "/data?by=holdout",
        "/data?scale=holdout",
        "/data?split=holdout",
        "/data?part=browse&only=holdout",
    ],
)
def test_a_choice_that_there_is_not_is_said_on_every_page(visitor: Visitor, address: str) -> None:
    assert "There is no “ holdout ” to choose here." in visible(visitor.open(address))
    assert "to choose here" not in visible(visitor.open(address.rpartition("=")[0]))


def test_columns_that_are_no_choice_are_named_with_the_reason(visitor: Visitor) -> None:
    said = visible(visitor.open("/evaluate?run=hasty"))
    assert "Columns that are no choice: path, hashes, cluster" in said
    assert "(they name or number single images or a few)" in said


@pytest.mark.parametrize(
    "rank", ["missed tumours", "false alarms", "F1 of glioma", "tumour AUC", "calibration error"]
)
def test_slices_are_ranked_by_every_figure(visitor: Visitor, rank: str) -> None:
    page = visitor.open(f"/evaluate?run=hasty&by=seen&rank={rank}")
    assert f"{rank[0].upper()}{rank[1:]}" in visible(page)
    assert "There is no figure" not in visible(page)
