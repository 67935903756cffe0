"""`dashboard.figures`: tables to figures, checked against values worked out by hand."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from numpy.typing import NDArray
from PIL import Image
from plotly.colors import sample_colorscale

from brainmri import metrics
from brainmri.evaluation import ClassCurves, ClassReport
from brainmri.metrics import Estimate
from brainmri.ranking import Curve
from dashboard import evaluation_figures, figures
from dashboard.theme import COLOUR_SCALES

COLOURS = {"glioma": "#3f7fc1", "notumor": "#2f8f5b"}
NOTHING = Estimate(None, None, None, 0, reason="no images")


def decoded(uri: str) -> NDArray[np.uint8]:
    """A PNG data URI as uint8 (h, w, 3)."""
    kind, _, content = uri.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB"))


def curve(x: list[float], y: list[float]) -> Curve:
    return Curve(np.array(x), np.array(y), np.linspace(1, 0, len(x)))


def class_curves(name: str, roc: Curve | None) -> ClassCurves:
    return ClassCurves(name, roc, roc, NOTHING, NOTHING, 0, 0)


def checked(figure: go.Figure) -> Any:
    """The figure as the browser gets it, after plotly has checked every property."""
    plain = go.Figure(figure.to_dict()).to_plotly_json()
    assert plain["layout"]["height"] > 0
    return figure.data


def test_differences_are_dots_in_percentage_points_and_those_beyond_chance_stand_out() -> None:
    rows = [("found", Estimate(0.04, 0.01, 0.08, 906)), ("right", Estimate(-0.02, -0.05, 0.01, 1311)),
            ("area", NOTHING)]  # fmt: skip
    figure = figures.differences(rows, better=("old better", "new better"))
    told, untold = checked(figure)
    assert (list(told.y), list(told.x)) == (["found"], [4.0])
    assert (list(told.error_x.array), list(told.error_x.arrayminus)) == ([4.0], [3.0])
    assert (list(untold.y), list(untold.x)) == (["right"], [-2.0])
    assert told.marker.color != untold.marker.color
    low, high = figure.layout.xaxis.range
    assert -low == high > 8
    notes = [note.text for note in figure.layout.annotations]
    assert notes == [
        "found<br>+4.0 (+1.0 to +8.0), n = 906",
        "right<br>−2.0 (−5.0 to +1.0), n = 1,311",
        "← old better",
        "new better →",
    ]
    checked(figures.differences([("area", NOTHING)], better=("old better", "new better")))


def test_class_balance_has_a_group_of_labelled_bars_per_split() -> None:
    counts = {"train": {"glioma": 1200, "notumor": 3}, "test": {"glioma": 5, "notumor": 0}}
    train, test = checked(figures.class_balance(counts, COLOURS))
    assert (train.name, list(train.y), list(train.x)) == ("train", ["glioma", "notumor"], [1200, 3])
    assert list(train.text) == ["1,200", "3"]
    assert list(train.marker.color) == ["#3f7fc1", "#2f8f5b"]
    assert (test.name, list(test.x), list(test.text)) == ("test", [5, 0], ["5", "0"])
    assert test.marker.opacity < train.marker.opacity
    assert {train.orientation, test.orientation} == {"h"}  # So that no number meets another bar.


def test_stacked_shares_has_a_bar_per_class_and_the_total_in_text() -> None:
    rows = [("512 × 512", {"glioma": 4, "notumor": 1}), ("other sizes", {"notumor": 2000})]
    glioma, notumor, totals = checked(figures.stacked_shares(rows, COLOURS))
    assert (glioma.name, list(glioma.x)) == ("glioma", [4, 0])
    assert (notumor.name, list(notumor.x)) == ("notumor", [1, 2000])
    assert list(glioma.y) == ["512 × 512", "other sizes"]
    assert [text.strip() for text in totals.text] == ["5", "2,000"]


def test_long_names_of_bars_stand_above_them_and_short_ones_beside() -> None:
    long = "another, longer side 456 to 1,920"
    named = figures.stacked_shares([("512 × 512", {"glioma": 4}), (long, {"glioma": 1})], COLOURS)
    assert named.layout.yaxis.showticklabels is False
    assert [(one.y, one.text, one.x) for one in named.layout.annotations] == [
        ("512 × 512", "512 × 512", 0),
        (long, long, 0),
    ]
    assert named.layout.margin.l < 50
    beside = figures.stacked_shares([("512 × 512", {"glioma": 4})], COLOURS)
    assert beside.layout.yaxis.showticklabels is None
    assert not beside.layout.annotations


def test_histograms_are_shares_of_each_class() -> None:
    values = {"glioma": np.array([0.0, 0.0, 0.8, 0.8]), "notumor": np.array([0.4])}
    glioma, notumor = checked(figures.histograms(values, COLOURS, title="grey level"))
    assert len(glioma.x) == 40
    assert (glioma.y[0], glioma.y[-1]) == (50.0, 50.0)
    assert (glioma.x[0], glioma.x[-1]) == (pytest.approx(0.01), pytest.approx(0.79))
    assert notumor.y[20] == 100.0
    assert sum(notumor.y) == pytest.approx(100)


def test_a_class_without_images_is_a_flat_line() -> None:
    (line,) = checked(figures.histograms({"glioma": np.array([])}, COLOURS, title="grey level"))
    assert sum(line.y) == 0


def test_lines_of_classes_are_named_in_a_corner_where_none_of_them_comes() -> None:
    # In the right half glioma has more images than notumor, and nearly as many as anywhere.
    values = {"notumor": np.array([0.1] * 9 + [0.9]), "glioma": np.array([0.1] * 5 + [0.9] * 5)}
    figure = figures.histograms(values, COLOURS, title="grey level")
    names = sorted(figure.layout.annotations, key=lambda one: -one.yshift)
    assert [one.text.split()[-1] for one in names] == ["glioma", "notumor"]
    assert all(f"color:{COLOURS[one.text.split()[-1]]}" in one.text for one in names)
    assert not figure.layout.showlegend
    low, top = figure.layout.yaxis.range
    highest = max(y for line in figure.data for x, y in zip(line.x, line.y, strict=True) if x > 0.5)
    # Of a plot of 190 pixels the two names take 50.
    assert (highest - low) / (top - low) <= 140 / 190 + 1e-9


def test_lines_of_very_many_classes_have_a_legend() -> None:
    many = {f"class {i}": np.array([0.1, i / 10]) for i in range(9)}
    figure = figures.histograms(many, dict.fromkeys(many, "#000000"), title="grey level")
    assert figure.layout.showlegend
    assert not figure.layout.annotations


def test_densities_group_four_grey_levels() -> None:
    share = np.zeros(256, dtype=np.float32)
    share[[0, 3, 4]] = 0.5, 0.25, 0.25
    (line,) = checked(figures.densities({"glioma": share}, COLOURS, {"glioma": 3}))
    assert len(line.x) == 64
    assert list(line.y[:3]) == [75.0, 25.0, 0.0]
    assert line.x[0] == pytest.approx(1.5 / 255)


def test_intervals_are_dots_with_whiskers_and_a_line_to_compare_with() -> None:
    rows = [("cnn", Estimate(0.9, 0.85, 0.94, 200, 180)), ("unjudged", NOTHING)]
    figure = figures.intervals(rows, reference=0.87, reference_text="radiologists")
    (dots,) = checked(figure)
    assert (list(dots.x), list(dots.y)) == ([90.0], ["cnn"])
    assert dots.error_x.array == (pytest.approx(4.0),)
    assert dots.error_x.arrayminus == (pytest.approx(5.0),)
    assert figure.layout.shapes[0].x0 == 87.0
    assert [note.text for note in figure.layout.annotations] == [
        "radiologists",
        "<b>cnn</b><br>90.0 % (85.0–94.0 %, n = 200)",
    ]
    low, high = figure.layout.xaxis.range
    assert low < 87
    assert high > 94


def test_a_long_name_is_in_two_lines_that_a_phone_has_room_for() -> None:
    name = "a-run-with-a-very-long-name-that-goes-on-until-sixty-letters"
    some = Estimate(0.9, 0.85, 0.94, 200, 180)
    figure = figures.intervals([(name, some)], reference=0.87, reference_text="radiologists")
    assert figure.layout.annotations[1].text.startswith(
        "<b>a-run-with-a-very-long-name-th<br>at-goes-on-until-sixty-letters</b><br>90.0 %"
    )
    short = figures.differences([("accuracy", some)], better=("a better", "b better"))
    long = figures.differences([("accuracy", some)], better=(f"{name} better", f"{name} better"))
    left, right = long.layout.annotations[-2:]
    assert max(len(line) for one in (left, right) for line in one.text.split("<br>")) <= 30
    assert left.text.endswith("better")
    assert left.yshift - right.yshift >= 2 * 16  # one above the other
    assert long.layout.height > short.layout.height


def test_a_long_name_at_a_line_is_shortened_in_the_middle_and_whole_under_the_pointer() -> None:
    name = "a-run-with-a-very-long-name-that-goes-on-until-sixty-four-letters-a"
    figure = go.Figure()
    figures.name_line(figure, name, "#111111", 0, 0)
    figures.name_line(figure, "careful", "#111111", 0, 0)
    long, short = figure.layout.annotations
    told = long.text.rsplit(" ", 1)[-1]
    assert len(told) == 24
    assert (told[:8], told[-8:]) == (name[:8], name[-8:])
    assert "…" in told
    assert long.hovertext == name
    assert short.text.endswith("careful")
    assert short.hovertext is None


def test_names_of_differences_break_at_no_letter() -> None:
    name = "a-run-with-a-very-long-name-that-goes-on-until-sixty-letters"
    some = Estimate(0.01, -0.02, 0.04, 200, None)
    figure = figures.differences([("accuracy", some)], better=(f"{name} better", "b better"))
    left = figure.layout.annotations[-2]
    assert left.text.split("<br>") == [f"← {figures.shortened(name)}", "better"]
    assert left.hovertext == f"{name} better"


def test_numbers_of_two_axes_keep_apart_where_they_meet() -> None:
    figure = go.Figure()
    figures.lay_out(figure, height=300)
    assert figure.layout.xaxis.ticklabelstandoff > 0
    assert figure.layout.yaxis.ticklabelstandoff > 0


def test_intervals_of_no_run_are_an_empty_figure() -> None:
    (dots,) = checked(figures.intervals([], reference=0.87, reference_text="radiologists"))
    assert len(dots.x) == 0


def test_roc_has_a_line_per_class_and_the_diagonal() -> None:
    curves = [
        class_curves("glioma", curve([0, 0, 1], [0, 0.5, 1])),
        class_curves("notumor", None),  # a class without images has no curve
    ]
    curves[0] = replace(curves[0], positives=300, area=metrics.proportion(1200, 1311))
    glioma, diagonal, names = checked(evaluation_figures.roc(curves, COLOURS))
    assert "; n = 1,311, 300 of them glioma" in glioma.hovertemplate
    assert (list(glioma.x), list(glioma.y)) == ([0, 0, 1], [0, 0.5, 1])
    assert glioma.line.color == "#3f7fc1"
    assert (list(diagonal.x), list(diagonal.y)) == ([0, 1], [0, 1])
    assert [each.strip() for each in names.text] == ["glioma"]
    assert names.marker.color == ("#3f7fc1",)


def test_the_chosen_threshold_is_marked_where_the_curve_reaches_it() -> None:
    reached = Curve(
        np.array([0, 0, 0.5, 1]), np.array([0, 0.4, 0.9, 1]), np.array([np.inf, 0.9, 0.6, 0.1])
    )
    curves = [class_curves("glioma", reached)]
    marked = checked(evaluation_figures.roc(curves, COLOURS, ("glioma", 0.6)))[1]
    assert (list(marked.x), list(marked.y)) == ([0.5], [0.9])
    (between,) = [
        trace
        for trace in checked(evaluation_figures.precision_recall(curves, COLOURS, ("glioma", 0.7)))
        if trace.mode == "markers"
    ]
    assert list(between.y) == [0.4]


def test_each_point_of_a_class_says_which_images_it_is_about() -> None:
    known = metrics.proportion(9, 10)
    classes = [
        ClassReport("glioma", 10, known, NOTHING, NOTHING),
        ClassReport("notumor", 10, known, known, NOTHING),
    ]
    figure = evaluation_figures.per_class(classes, COLOURS, shown=["notumor"])
    (points,) = checked(figure)
    rows = [f"{name}<br>{what}" for name in COLOURS for what in ("found", "right when said")]
    assert list(figure.layout.yaxis.categoryarray) == rows[::-1]
    # What is not known has a row, and no point that could be taken for nought.
    assert (list(points.y), list(points.x)) == (rows[1:], [90, 90, 90])
    assert [entry[-1] for entry in points.customdata] == ["~glioma", "notumor~", "~notumor"]
    assert points.marker.opacity[0] < points.marker.opacity[1]
    assert points.error_x.arrayminus[0] == pytest.approx(90 - 100 * (known.low or 0))


@pytest.mark.parametrize(
    ("right", "of", "start"), [(297, 300, 95), (290, 300, 90), (30, 60, 0), (100_000, 100_000, 98)]
)
def test_the_axis_of_the_classes_begins_where_the_intervals_do_and_says_so(
    right: int, of: int, start: int
) -> None:
    each = metrics.proportion(right, of)
    figure = evaluation_figures.per_class(
        [ClassReport("glioma", of, each, each, NOTHING)], COLOURS, shown=["glioma"]
    )
    low, high = figure.layout.xaxis.range
    assert low == start < 100 * (each.low or 0)
    assert high > 100
    assert (f"axis from {start} %" in figure.layout.xaxis.title.text) == bool(start)
    assert max(map(len, figure.layout.xaxis.title.text.split("<br>"))) <= 15  # at 320 px
    assert figure.data[0].cliponaxis is False  # a point at a hundred percent is whole


def test_curves_of_good_classes_have_the_room_of_their_corner() -> None:
    good = class_curves("glioma", curve([0, 0.005, 0.02, 1], [0, 0.97, 0.99, 1]))
    poor = class_curves("notumor", curve([0, 0.3, 1], [0, 0.6, 1]))
    figure = evaluation_figures.roc([good], COLOURS)
    assert figure.layout.xaxis.range == pytest.approx((-0.001, 0.1))
    assert figure.layout.yaxis.range == pytest.approx((0.9, 1.002))
    assert figure.layout.xaxis.title.text.endswith("axis to 10 %")
    assert figure.layout.yaxis.title.text.endswith("axis from 90 %")
    inside = figure.data[-1]
    assert (0 < inside.x[0] < 0.1, 0.9 < inside.y[0] < 1) == (True, True)
    assert evaluation_figures.roc([good, poor], COLOURS).layout.xaxis.range[1] > 1
    exact = class_curves("glioma", curve([0, 0.97, 0.99, 1], [1, 0.995, 0.98, 0.3]))
    zoomed = evaluation_figures.precision_recall([exact], COLOURS).layout
    assert zoomed.xaxis.range == pytest.approx((0.9, 1.001))
    assert zoomed.yaxis.range[0] == pytest.approx(0.9)


def test_precision_recall_has_a_line_per_class() -> None:
    curves = [class_curves(name, curve([0.5, 1], [1, 0.6])) for name in COLOURS]
    *lines, names = checked(evaluation_figures.precision_recall(curves, COLOURS))
    assert [each.strip() for each in names.text] == ["notumor", "glioma"]
    assert [line.name for line in lines] == ["glioma", "notumor"]
    assert list(lines[1].y) == [1, 0.6]


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    many = np.linspace(0, 1, 5001)
    curves = [class_curves("glioma", Curve(many, many**2, many))]
    line = checked(evaluation_figures.roc(curves, COLOURS))[0]
    assert 100 < len(line.x) <= 400
    assert (line.x[0], line.x[-1], line.y[-1]) == (0, 1, 1)


def test_every_step_of_a_curve_is_drawn_and_some_points_between() -> None:
    # 1,300 thresholds, 300 of them of images of the class, most of these at the beginning.
    hit = np.zeros(1300, dtype=bool)
    hit[:280], hit[300:700:20] = True, True
    up, along = np.append(0, np.cumsum(hit) / 300), np.append(0, np.cumsum(~hit) / 1000)
    curves = [class_curves("glioma", Curve(along, up, np.linspace(1, 0, 1301)))]
    line = checked(evaluation_figures.roc(curves, COLOURS))[0]
    drawn = set(zip(line.x, line.y, strict=True))
    turns = [
        (along[i], up[i]) for i in range(1, 1300) if (up[i] == up[i - 1]) != (up[i + 1] == up[i])
    ]
    assert len(turns) == 41
    assert set(turns) <= drawn
    assert 400 <= len(drawn) < 500


def test_history_shows_both_losses_and_rings_the_kept_epoch() -> None:
    epochs = [
        {"epoch": 1, "train_loss": 1.5, "val_loss": 1.0},
        {"epoch": 2, "train_loss": 0.5, "val_loss": 0.7},
        {"epoch": 3, "train_loss": 0.2, "val_loss": 0.9},
    ]
    figure = figures.history(epochs, epochs[1])
    training, validation, kept = checked(figure)
    assert (list(training.x), list(training.y)) == ([1, 2, 3], [1.5, 0.5, 0.2])
    assert list(validation.y) == [1.0, 0.7, 0.9]
    assert (list(kept.x), list(kept.y)) == ([2], [0.7])
    assert [note.text for note in figure.layout.annotations] == ["training", "validation"]


@pytest.mark.parametrize("scale", COLOUR_SCALES)
def test_a_picture_runs_from_the_first_colour_of_its_scale_to_the_last(scale: str) -> None:
    ends = sample_colorscale(scale.capitalize(), [0.0, 1.0])
    low, high = ([int(c) for c in colour[4:-1].split(",")] for colour in ends)
    pixels = decoded(figures.picture(np.array([[-1.0, 1.0, 3.0]]), scale, -1, 1))
    assert pixels.shape == (1, 3, 3)
    assert pixels[0, 0].tolist() == low
    assert pixels[0, 1].tolist() == high
    assert pixels[0, 2].tolist() == high  # beyond the scale is its end


def test_pictures_get_steadily_lighter_so_that_colour_blind_eyes_can_read_them() -> None:
    for scale in COLOUR_SCALES:
        ramp = decoded(figures.picture(np.linspace(0, 1, 64)[None], scale, 0, 1))[0]
        luma = ramp @ np.array([0.299, 0.587, 0.114])
        assert (np.diff(luma) > -0.5).all()
        assert luma[-1] - luma[0] > 150


def test_a_flat_picture_is_one_colour() -> None:
    assert len(np.unique(decoded(figures.picture(np.zeros((3, 4)), "viridis", 0, 1)))) <= 3


def test_no_figure_offers_to_send_its_data_elsewhere() -> None:
    from dashboard.theme import GRAPH_CONFIG

    assert GRAPH_CONFIG["showSendToCloud"] is False
    assert GRAPH_CONFIG["displaylogo"] is False
