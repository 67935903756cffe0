"""The audit on the Data page: what it says of the shipped one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from brainmri import leakage
from dashboard import data
from tests.dashboard.audited import CLASSES, PARTS, change, found
from tests.dashboard.reading import headings, table_named
from tests.dashboard.visit import Visitor, find, picked, visible

PAIR_IN_URL = '{"page":"data","state":"pairs"}'
FLAG_PAGE_IN_URL = '{"page":"data","state":"flagged"}'


@pytest.mark.usefixtures("shipped")
def test_every_figure_and_picture_has_text_for_screen_readers(visitor: Visitor) -> None:
    for part, figures in PARTS.items():
        page = visitor.open(f"/data?part={part}")
        assert len(find(page, "Graph")) == len(find(page, role="img")) == figures
        assert all(frame["props"]["aria-label"] for frame in find(page, role="img"))
        assert all("alt" in picture["props"] for picture in find(page, "Img"))
        assert not find(page, "Alert")


# Leakage


@pytest.mark.usefixtures("shipped")
def test_the_heading_says_how_much_of_the_test_was_in_training(visitor: Visitor) -> None:
    assert (
        "980 of 1,311 official test images (71.8–77.5 %) have a near-copy in training"
        in headings(visitor.open("/data?part=copies"))
    )
    grouped = headings(visitor.open("/data?protocol=grouped_split"))
    assert "2 of 780 grouped split test images (0.1–0.9 %) have a near-copy in training" in grouped


@pytest.mark.usefixtures("shipped")
def test_copies_are_counted_by_class_and_kind_with_share_and_interval(visitor: Visitor) -> None:
    rows = table_named(visitor.open("/data?part=copies"), "Test images with a near-copy")
    assert list(rows) == ["all classes", *CLASSES]
    assert [cell.split()[0] for cell in rows["meningioma"]] == ["289", "106", "3", "180", "306"]
    assert rows["glioma"][1] == "0 0.0 % 0.0–1.4 %"
    assert [cell.split()[0] for cell in rows["all classes"]] == [
        "980",
        "216",
        "259",
        "505",
        "1,311",
    ]


@pytest.mark.usefixtures("shipped")
def test_the_counts_agree_with_those_of_the_audit() -> None:
    shown = found()
    table = shown.tables.leakage
    for protocol in shown.protocols:
        for row in shown.leaks(protocol)[1:]:
            here = table[
                (table["protocol"] == protocol)
                & (table["part"] == "test")
                & (table["label"] == row.label)
            ].iloc[0]
            assert row.images == here["images"]
            assert [row.of[kind].k for kind in leakage.KINDS] == [
                here[kind] for kind in leakage.KINDS
            ]


@pytest.mark.usefixtures("shipped")
def test_without_the_images_pairs_are_paths_side_by_side(visitor: Visitor) -> None:
    page = visitor.open("/data?pairs=2")
    pairs = find(find(page, className="pairs"), className="pair")
    assert len(pairs) == 12
    assert "Pairs 13 to 24 of 980" in visible(page)
    assert "Testing/glioma/" in visible(pairs[0])
    assert "Training/glioma/" in visible(pairs[0])
    assert "mirrored copy" in visible(pairs[0])
    assert not find(pairs, "Img")
    assert "Start the dashboard with --data FOLDER" in visible(page)


def test_with_the_images_pairs_are_pictures(
    visitor: Visitor, shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shipped
    monkeypatch.setenv("BRAINMRI_DATA", str(tmp_path))
    pairs = find(find(visitor.open("/data?part=copies"), className="pairs"), className="pair")
    sources = [picture["props"]["src"] for picture in find(pairs, "Img")]
    assert len(sources) == 24
    assert sources[0].startswith("/image/Testing/glioma/")
    assert sources[1].startswith("/image/Training/glioma/")


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("pairs=0", ("official", "any", 1)),
        ("pairs=x&kind=blue&protocol=none", ("official", "any", 1)),
        ("pairs=999999", ("official", "any", 82)),
        ("protocol=grouped_split&pairs=3", ("grouped_split", "any", 1)),
        ("kind=near&pairs=2", ("official", "near", 2)),
    ],
)
def test_the_address_keeps_the_pairs_and_a_bad_one_falls_back(
    visitor: Visitor, query: str, kept: tuple[str, str, int]
) -> None:
    page = visitor.open(f"/data?{query}")
    assert tuple(picked(page, key) for key in ("protocol", "kind", "pairs")) == kept


@pytest.mark.usefixtures("shipped")
def test_turning_the_page_shows_the_next_pairs_and_a_new_kind_starts_at_the_first(
    visitor: Visitor,
) -> None:
    chosen = {"protocol": "official", "kind": "exact", "pairs": 2}
    turned = visitor.fire("leak-head", inputs=chosen, changed=[f"{PAIR_IN_URL}.value"])
    assert "Pairs 13 to 24 of 216" in visible(turned["leak-pairs"]["children"])
    assert turned[PAIR_IN_URL] == {"total": 18, "value": 2}
    again = visitor.fire("leak-head", inputs=chosen)
    assert "Pairs 1 to 12 of 216" in visible(again["leak-pairs"]["children"])
    assert again[PAIR_IN_URL]["value"] == 1


# Labels


@pytest.mark.usefixtures("shipped")
def test_contradicting_labels_are_shown_group_by_group(visitor: Visitor) -> None:
    page = visitor.open("/data?part=labels")
    assert "4 groups of near-copies carry different labels" in headings(page)
    groups = find(find(page, className="conflicts"), className="pair")
    assert len(groups) == 4
    for group in groups:
        assert {visible(label) for label in find(group, "Strong")} == {"meningioma", "pituitary"}
    assert visible(page).count("label at the source: meningioma") == 4
    assert "source_label" not in visible(page)


def test_where_no_labels_contradict_each_other_the_page_says_so(
    visitor: Visitor, copied: Path
) -> None:
    change(copied, label_conflicts=lambda table: table.iloc[:0])
    assert "No two labels contradict each other" in headings(visitor.open("/data?part=labels"))


# Shortcuts


@pytest.mark.usefixtures("shipped")
def test_the_size_alone_tells_a_tumour_and_it_is_in_the_heading(visitor: Visitor) -> None:
    page = visitor.open("/data?part=shortcuts")
    assert (
        "Image size and mode alone tell tumour from no tumour for 97.9 % (96.8–98.6 %, n = 1,311) "
        "in the official test" in headings(page)
    )
    rows = table_named(page, "Right answers on the official test")
    size = next(cells for name, cells in rows.items() if name.startswith("size and mode"))
    assert size[0] == "97.9 % 96.8–98.6 %"
    assert size[-1] == "1,311 (331)"


@pytest.mark.usefixtures("shipped")
def test_runs_stand_beside_the_shortcuts_of_their_protocol(visitor: Visitor) -> None:
    rows = table_named(visitor.open("/data?part=shortcuts"), "Right answers on the official test")
    of_run = {name.split()[0]: cells for name, cells in rows.items() if " run, " in name}
    assert of_run["cnn-official"][2].startswith("94.8 %")
    for name, cells in of_run.items():
        report = data.report(data.find_run(name), "test")  # type: ignore[arg-type]
        wrong = (report.missed.k or 0) + (report.false_alarms.k or 0)
        assert cells[0].startswith(f"{100 * (1 - wrong / report.n):.1f}")


@pytest.mark.usefixtures("shipped")
def test_shares_of_shortcuts_agree_with_the_counts_of_the_audit() -> None:
    shown = found()
    for protocol in shown.protocols:
        told = {one.name: one for one in shown.shortcuts(protocol)}
        table = shown.tables.shortcuts
        for row in table[table["protocol"] == protocol].to_dict("records"):
            one = told[row["features"]]
            ours = {
                ("class", "test"): one.classes,
                ("tumour", "test"): one.tumour,
                ("class", "unseen test"): one.unseen_classes,
                ("tumour", "unseen test"): one.unseen_tumour,
            }[row["task"], row["rows"]]
            assert ours is not None
            assert (ours.k, ours.n) == (row["k"], row["n"])


@pytest.mark.usefixtures("shipped")
def test_shares_of_too_few_images_are_reasons() -> None:
    whole = found()
    protocol = whole.protocols[0]
    answers, leaks = whole.tables.shortcut_answers, whole.tables.leakage
    nine = answers["path"].unique()[:9]
    few = replace(
        whole,
        tables=replace(
            whole.tables,
            shortcut_answers=answers[answers["path"].isin(nine)],
            leakage=leaks.assign(images=9).groupby(["protocol", "part"]).head(1),
        ),
    )
    for one in few.shortcuts(protocol):
        for share in (one.classes, one.tumour):
            assert share is not None
            assert share.value is None
            assert share.reason == "too few images (9; a figure needs 10)"
    assert few.validation_leaks(protocol).value is None


@pytest.mark.usefixtures("shipped")
def test_each_protocol_has_a_figure_with_both_kinds_of_answers(visitor: Visitor) -> None:
    page = visitor.open("/data?part=shortcuts")
    figures = [
        graph["props"]["figure"]
        for graph in find(page, "Graph")
        if graph["props"]["figure"]["data"][0].get("name") == "right class"
    ]
    assert len(figures) == 2
    right, tumour = figures[0]["data"]
    assert tumour["x"][1] == pytest.approx(100 * 1283 / 1311)
    assert right["x"][1] == pytest.approx(100 * 792 / 1311)
    assert "tumour" in tumour["name"]


# Drift


@pytest.mark.usefixtures("shipped")
def test_properties_are_listed_with_the_most_different_first(visitor: Visitor) -> None:
    rows = table_named(visitor.open("/data?part=drift"), "Distance of test from training")
    largest = [
        max(float(cell.split()[0]) for cell in cells if cell[0].isdigit())
        for cells in rows.values()
    ]
    assert largest == sorted(largest, reverse=True)
    assert rows["mirrored"][2].startswith("0.42 0.36–0.48 n = 1,339 + 306")
    assert rows["border that is not dark"][0].endswith("not clearly beyond chance")


@pytest.mark.usefixtures("shipped")
def test_columns_that_number_things_are_left_out_and_named(visitor: Visitor) -> None:
    page = visitor.open("/data?part=drift")
    rows = table_named(page, "Distance of test from training")
    assert not {"dup cluster", "figshare index"} & set(rows)
    assert "they only number things: figshare index, dup cluster" in visible(page)


@pytest.mark.usefixtures("shipped")
def test_how_well_test_is_told_from_training_is_said_in_words(visitor: Visitor) -> None:
    page = visitor.open("/data?drift=grouped_split")
    assert any("a classifier tells them apart in 7" in head for head in headings(page))
    assert "94.4 % (92.6–95.7 %, n = 1,360) for pituitary, seeing 16 x 16 thumbnail" in visible(
        page
    )
    again = visitor.fire("drift-found", inputs={"drift": "official"})
    assert "apart in 66.4 % (" in visible(again["drift-found"]["children"])


# Quality


@pytest.mark.usefixtures("shipped")
def test_flags_are_counted_by_class_with_share_and_interval(visitor: Visitor) -> None:
    page = visitor.open("/data?part=quality")
    rows = table_named(page, "Images with a quality flag")
    firsts = [cell.split()[0] for cell in rows["all classes"]]
    assert firsts == ["204", "11", "24", "45", "129", "30", "7,023"]
    assert rows["meningioma"][3] == "32 1.9 % 1.2–3.1 %"
    assert "mean grey level below 6.5 % of white" in visible(page)


@pytest.mark.usefixtures("shipped")
def test_the_images_with_a_flag_are_shown(visitor: Visitor) -> None:
    page = visitor.open("/data?flag=dark")
    assert "Images 1 to 11 of 11 with the flag dark" in visible(page)
    chosen = {"flag": "odd_size", "flagged": 6}
    turned = visitor.fire("flagged-images", inputs=chosen, changed=[f"{FLAG_PAGE_IN_URL}.value"])
    assert "Images 121 to 129 of 129 with the flag odd size" in visible(
        turned["flagged-images"]["children"]
    )
    first = visitor.fire("flagged-images", inputs=chosen)
    assert first[FLAG_PAGE_IN_URL] == {"total": 6, "value": 1}
