"""The sample browser and class balance by any property, opened in process."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from brainmri import index
from brainmri.index import ImageIndex
from dashboard import data
from dashboard.words import property_words
from tests.dashboard.reading import headings, table_named, tiles
from tests.dashboard.visit import Visitor, find, picked, visible


def known() -> ImageIndex:
    found = data.usable_index()
    assert found is not None
    return found


@pytest.mark.usefixtures("shown")
def test_all_images_are_in_one_list_of_which_the_page_brings_the_first(visitor: Visitor) -> None:
    page = visitor.open("/data?part=browse")
    assert "68 images indexed." in visible(page)
    (box,) = find(page, className="scroller")
    assert (len(tiles(page)), box["props"]["data-count"]) == (12, "68")
    rest = visitor.client.get(f"{box['props']['data-more']}&start=12&most=60").get_json()
    assert len({*tiles(page), *tiles(rest)}) == 68
    named = visitor.open("/data?first=50")
    (box,) = find(named, className="scroller")
    assert box["props"]["data-first"] == "50"
    assert tiles(rest)[43 - 12 : 67 - 12] == tiles(named)


@pytest.mark.usefixtures("shown")
def test_filters_of_one_property_are_alternatives_and_of_several_must_all_fit(
    visitor: Visitor,
) -> None:
    page = visitor.open("/data?only=split~test,label~glioma,label~notumor")
    assert picked(page, "only") == ["split~test", "label~glioma", "label~notumor"]
    assert "10 images of 68 indexed." in visible(page)
    assert all("Testing/glioma" in tile or "Testing/notumor" in tile for tile in tiles(page))


@pytest.mark.usefixtures("shown")
def test_filters_that_stand_for_nothing_are_left_out(visitor: Visitor) -> None:
    page = visitor.open("/data?only=label~glioma,label~dragon,nothing~1,~,")
    assert picked(page, "only") == ["label~glioma"]
    assert "17 images of 68 indexed." in visible(page)


@pytest.mark.usefixtures("shown")
def test_other_filters_start_at_the_first_image(visitor: Visitor) -> None:
    fired = visitor.fire("sample-images", inputs={"only": ["split~train"]})
    (box,) = find(fired["sample-images"]["children"], className="scroller")
    assert (box["props"]["data-count"], box["props"]["data-start"]) == ("48", "0")
    rest = visitor.client.get(f"{box['props']['data-more']}&start=40&most=60").get_json()
    assert len(rest) == 8
    assert all("Training/" in tile for tile in tiles(rest))


@pytest.mark.usefixtures("shown")
def test_where_nothing_passes_the_page_says_what_to_do(visitor: Visitor) -> None:
    assert data.samples(known(), (("split", "test"), ("split", "train")), 0, 1)[0] == 68
    with_none = ("label~glioma", "size~1 × 1")
    page = visitor.open(f"/data?only={','.join(with_none)}")
    assert picked(page, "only") == ["label~glioma"]


def test_every_column_of_the_metadata_is_a_filter_and_a_balance(
    visitor: Visitor, own: Path, phantom_data: Path, tmp_path: Path
) -> None:
    paths = known().rows["path"]
    scanner = ["one" if i % 4 else "two, mobile" for i in range(len(paths))]
    metadata = tmp_path / "metadata.csv"
    pd.DataFrame({"path": paths, "scanner": scanner}).to_csv(metadata, index=False)
    index.build(phantom_data, own, metadata=metadata, quiet=True)
    page = visitor.open("/data?only=scanner~two mobile")
    assert "17 images of 68 indexed." in visible(page)
    rows = table_named(visitor.open("/data?by=scanner"), "Images per class by scanner")
    assert [rows[name][-2] for name in ("one", "two, mobile")] == ["51", "17"]


@pytest.mark.usefixtures("shown")
def test_balance_says_how_much_a_property_gives_away(visitor: Visitor) -> None:
    rows = table_named(visitor.open("/data?by=split"), "Images per class by split")
    assert rows["training"][:4] == ["12 25.0 %"] * 4
    assert rows["test"][-2:] == ["20", "1.00"]
    assert "The split does not give the class away" in headings(visitor.open("/data?by=split"))
    by_label = data.balance_by(known(), "label")
    assert (by_label.told, by_label.told_without) == (1.0, 0.25)
    assert by_label.ratio["glioma"] is None


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("by", ["mean_intensity", "width_px", "bytes", "size"])
def test_ranges_stand_in_their_order_in_table_figure_and_filters(visitor: Visitor, by: str) -> None:
    page = visitor.open(f"/data?by={by}")
    words = property_words(by)
    rows = list(table_named(page, f"Images per class by {words}"))
    lower = [
        float(row.split(" to ")[0].split()[-1].replace(",", "")) for row in rows if " to " in row
    ]
    assert len(lower) >= 3
    assert lower == sorted(lower)
    figure = next(
        one["props"]["figure"]
        for one in find(page, "Graph")
        if list(one["props"]["figure"]["data"][0]["y"])[-1] == rows[-1]
    )
    assert list(figure["data"][0]["y"]) == rows
    (filters,) = find(visitor.open("/data?part=browse"), "MultiSelect")
    items = next(
        group["items"] for group in filters["props"]["data"] if group["group"] == words.capitalize()
    )
    assert [item["label"].split(": ", 1)[1] for item in items] == rows
    # Sizes that have names stand by their number of images before the ranges of the rest.
    assert by != "size" or rows[:2] == ["512 × 512", "225 × 225"]


def test_few_numbers_stand_in_their_order_and_names_by_count(
    own: Path, phantom_data: Path, tmp_path: Path
) -> None:
    paths = known().rows["path"]
    metadata = tmp_path / "metadata.csv"
    table = pd.DataFrame({"path": paths})
    table["repeat"] = ["10"] * 30 + [""] * 20 + ["2"] * 10 + ["-1"] * 8
    table["age"] = ["60 to 69"] * 40 + ["40 to 59"] * 28
    table["scanner"] = ["b"] * 40 + ["a"] * 28
    table.to_csv(metadata, index=False)
    index.build(phantom_data, own, metadata=metadata, quiet=True)
    values = data.sample_properties(known())
    assert values["repeat"] == ["-1", "2", "10", "not recorded"]
    assert values["age"] == ["40 to 59", "60 to 69"]
    assert values["scanner"] == ["b", "a"]


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(
    ("by", "heading", "values"),
    [
        ("mirrored", "Whoever knows only whether an image is mirrored names the class of",
         ["no", "yes", "not recorded"]),
        ("source_label", "The label that the source gave is the class of", None),
        ("mode", "", ["colour (RGB)", "grey (L)", "colour with transparency (RGBA)",
                      "colours from a table (P)"]),
    ],
)  # fmt: skip
def test_what_a_property_gives_away_is_said_in_words(
    visitor: Visitor, by: str, heading: str, values: list[str] | None
) -> None:
    page = visitor.open(f"/data?by={by}")
    (found,) = [one for one in headings(page) if heading and one.startswith(heading)] or [""]
    assert found.endswith("a label, and no shortcut") == (by == "source_label")
    assert bool(found) == bool(heading)
    rows = list(table_named(page, f"Images per class by {property_words(by)}"))
    assert values is None or rows == values


@pytest.mark.usefixtures("shown")
def test_values_under_the_pointer_are_there_on_demand_only(visitor: Visitor) -> None:
    assert not find(find(visitor.open("/data"), className="average"), "Graph")
    page = visitor.open("/data?pointer=values")
    averages = find(page, className="average")
    assert len(averages) == 7
    assert all(len(find(one, "Graph")) == 1 for one in averages)


def test_without_an_index_a_choice_shows_nothing(visitor: Visitor, own: Path) -> None:
    shutil.rmtree(own / "dataset")
    fired = visitor.fire("sample-images", inputs={"only": []})
    assert visible(fired["sample-images"]["children"]) == ""


@pytest.mark.usefixtures("shipped", "pictures")
def test_each_pair_of_copies_can_blink_and_mirrored_ones_are_turned_round(
    visitor: Visitor,
) -> None:
    page = visitor.open("/data?part=copies&kind=mirrored")
    assert len(find(page, className="mirrored")) == 12
    pairs = find(page, className="blinking")
    buttons = find(pairs, "Button", className="link-button")
    assert [visible(one) for one in buttons] == ["Blink"] * 12
    assert len(find(pairs, "Button", className="tile-open")) == 24
    assert not find(visitor.open("/data?part=copies&kind=exact"), className="mirrored")


@pytest.mark.usefixtures("shipped")
def test_paths_alone_do_not_blink(visitor: Visitor) -> None:
    assert not find(visitor.open("/data?part=copies"), className="blinking")


@pytest.mark.usefixtures("shipped", "pictures")
def test_two_copies_with_different_labels_can_blink_and_review_is_one_click_away(
    visitor: Visitor,
) -> None:
    page = visitor.open("/data?part=labels")
    groups = find(find(page, className="conflicts"), className="pair")
    pairs = [one for one in groups if len(find(one, "Img")) == 2]
    buttons = find(find(page, className="conflicts"), "Button", className="link-button")
    assert pairs
    assert [visible(one) for one in buttons] == ["Blink"] * len(pairs)
    assert len({str(one["props"]["id"]) for one in buttons}) == len(pairs)
    (link,) = [one for one in find(page, "A") if one["props"].get("href") == "/review"]
    assert visible(link) == "Review"
