"""Tables to plotly figures and pictures. No file access, no dash."""

from __future__ import annotations

import base64
import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image
from plotly.colors import sample_colorscale

from brainmri.metrics import Estimate
from dashboard.theme import ACCENT, LAYOUT, MUTED

ABOVE = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
"""Place of a legend, where lines cannot be named at their ends."""
_NEAR = 0.12
"""Ends of lines whose names would meet, as a share of the highest value."""
_MOST_POINTS = 400
"""Points of a curve that are sent to the browser; more cannot be seen."""

_LINE, _LINE_PX = 30, 16
"""Letters of a name that fit a line on a phone, and the height of one more line."""
_NAME_LETTERS = 24
"""Of a name at a line, on a phone too."""
_LISTED_PX, _PLOT_PX, _MOST_LISTED = 20, 190, 0.7
"""Of a name in a list inside a figure, of the plot there, and the share of it that such a list may take."""
_PAPER_ROW_PX, _PAPER_LETTERS = 28, 90
"""Of a row with its name above it, in one line, on paper."""

_ROW_PX = 54
"""Of a row with its name and figures in two lines above the point."""

Trained = tuple[Sequence[Mapping[str, float]], Mapping[str, float], str]
"""Epochs of a training, the one that was kept, and the colour of its lines."""

_STARTS = (98.0, 95.0, 90.0, 80.0, 60.0, 40.0)
"""Where an axis of percentages may begin instead of at zero, for points, not for bars."""

_BESIDE_BAR, _BAR_LETTERS, _NAMED_BAR_PX = 14, 38, 46
"""Letters of a name that fits beside its bar, letters that fit above it, and the height of such a row."""

_FEW_TICKS = {"nticks": 3, "tickangle": 0, "tickformat": ","}
"""Of counts, so that they do not touch on a phone."""


def class_balance(counts: Mapping[str, Mapping[str, int]], colours: Mapping[str, str]) -> go.Figure:
    """Bars of images per class, one group per split, each bar labelled with its number."""
    figure = go.Figure()  # The bars lie, so that on a phone no number meets another bar.
    for position, (split, of) in enumerate(counts.items()):
        figure.add_bar(
            y=list(of),
            x=list(of.values()),
            orientation="h",
            name=split,
            text=[f"{count:,}" for count in of.values()],
            textposition="outside",
            cliponaxis=False,
            constraintext="none",
            marker={
                "color": [colours[name] for name in of],
                "opacity": 1 if position == 0 else 0.55,
            },
            customdata=[split] * len(of),
            hovertemplate="%{y}, %{customdata}: %{x:,} images<extra></extra>",
        )
    classes = max((len(of) for of in counts.values()), default=0)
    lay_out(figure, x="images", height=max(320, 80 + 26 * classes * len(counts)))
    figure.update_layout(barmode="group", bargap=0.25, margin={"r": 48}, xaxis=_FEW_TICKS)
    figure.update_yaxes(autorange="reversed")
    return figure


def stacked_shares(
    rows: Sequence[tuple[str, Mapping[str, int]]], colours: Mapping[str, str]
) -> go.Figure:
    """Horizontal bars, one per property value, split by class; long names stand above their bars."""
    names = [name for name, _ in rows]
    above = any(len(name) > _BESIDE_BAR for name in names)
    figure = go.Figure()
    for label, colour in colours.items():
        figure.add_bar(
            y=names,
            x=[of.get(label, 0) for _, of in rows],
            orientation="h",
            name=label,
            marker={"color": colour},
            hovertemplate=f"{label}, %{{y}}: %{{x:,}} images<extra></extra>",
        )
    totals = [sum(of.values()) for _, of in rows]
    figure.add_scatter(
        y=names, x=totals, mode="text", text=[f" {total:,}" for total in totals],
        textposition="middle right", hoverinfo="skip", cliponaxis=False, showlegend=False,
    )  # fmt: skip
    row_px = _NAMED_BAR_PX if above else 30
    lay_out(figure, x="images", height=70 + row_px * max(len(names), 2))
    figure.update_layout(
        barmode="stack", yaxis={"autorange": "reversed"}, margin={"l": 104, "r": 48}
    )
    figure.update_xaxes(_FEW_TICKS)
    if above:  # Beside the bars they leave these no room on a phone, or are cut.
        figure.update_layout(bargap=0.6, margin={"l": 8, "t": 20})
        figure.update_yaxes(showticklabels=False, automargin=False, title=None)
        for name in names:
            figure.add_annotation(
                x=0, xanchor="left", y=name, yanchor="bottom", yshift=0.2 * _NAMED_BAR_PX + 1,
                text=textwrap.shorten(name, _BAR_LETTERS, placeholder="…"), showarrow=False,
                bgcolor="rgba(0,0,0,0)", borderpad=0,
            )  # fmt: skip
    return figure


def histograms(
    values: Mapping[str, NDArray[np.float64]], colours: Mapping[str, str], *, title: str
) -> go.Figure:
    """One line per class: share of its images per bin of a property between 0 and 1."""
    top = max((float(v.max()) for v in values.values() if len(v)), default=1.0)
    edges = np.linspace(0, max(top, 1e-6), 41)
    middles = (edges[:-1] + edges[1:]) / 2
    lines = {
        name: (middles, 100 * np.histogram(v, bins=edges)[0] / max(len(v), 1))
        for name, v in values.items()
    }
    images = {name: len(v) for name, v in values.items()}
    figure = _lines(
        lines, colours, images, x=title, y="% of images", hover="%{y:.1f} % at %{x:.2f}"
    )
    return _named(figure, lines, colours, low=0)


def densities(
    shares: Mapping[str, NDArray[np.float32]],
    colours: Mapping[str, str],
    images: Mapping[str, int],
) -> go.Figure:
    """One line per class: share of pixels of its images at each grey level, in 64 bins of four levels."""
    x = (np.arange(64) * 4 + 1.5) / 255
    lines = {name: (x, 100 * row.reshape(64, 4).sum(axis=1)) for name, row in shares.items()}
    figure = _lines(
        lines,
        colours,
        images,
        x="grey level",
        y="% of pixels (log)",
        hover="%{y:.2f} % at %{x:.2f}",
    )
    ticks = [10.0, 1.0, 0.1, 0.01, 0.001]
    figure.update_yaxes(type="log", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    drawn = {name: (at, np.log10(np.maximum(y, 1e-3))) for name, (at, y) in lines.items()}
    return _named(figure, drawn, colours, low=-3)


def intervals(
    rows: Sequence[tuple[str, Estimate]],
    *,
    reference: float,
    reference_text: str,
    most_on_paper: int | None = None,
) -> go.Figure:
    """A dot with its 95 % interval per row, best on top, and a line to compare with.

    Of many rows only the first are printed, with their names in one line (assets/print.js).
    """
    shown = [(name, e) for name, e in rows if e.value is not None]
    values, low, high = spans([e for _, e in shown])
    figure = go.Figure(
        go.Scatter(
            x=values,
            y=[name for name, _ in shown],
            mode="markers",
            marker={"size": 11, "color": ACCENT},
            cliponaxis=False,
            error_x=error_bars(values, low, high, color=ACCENT, thickness=2, width=5),
            customdata=[[a, b, e.n] for a, b, (_, e) in zip(low, high, shown, strict=True)],
            hovertemplate="%{y}: %{x:.1f} % (%{customdata[0]:.1f}–%{customdata[1]:.1f} %, "
            "n = %{customdata[2]:,})<extra></extra>",
        )
    )
    names = [_in_lines(name) for name, _ in shown]
    row_px = _ROW_PX + _LINE_PX * max((name.count("<br>") for name in names), default=0)
    lay_out(figure, x="right answers, % (95 % interval)", height=140 + row_px * len(shown))
    if most_on_paper is not None:
        printed = [
            (name, _row_name(textwrap.shorten(name, _PAPER_LETTERS, placeholder="…"), e))
            for name, e in shown[:most_on_paper]
        ]
        margin = {"t": 36, "b": 28}
        figure.update_layout(meta={"on_paper": {
            "count": len(printed), "names": dict(printed), "margin": margin, "above_px": 5,
            "height_px": sum(margin.values()) + _PAPER_ROW_PX * len(printed),
        }})  # fmt: skip
    left, line = min([*values, 100 * reference]) - 8, 100 * reference
    figure.update_layout(
        yaxis={"autorange": "reversed", "showticklabels": False, "title": None},
        margin={"l": 16, "t": 92},
    )
    figure.update_xaxes(range=[left, 101])
    figure.add_vline(line, line={"color": MUTED, "dash": "dash", "width": 1.5})
    # Its text is wide: on a phone it reaches over two thirds of the figure.
    place = (line - left) / (101 - left)
    side = "left" if place < 0.32 else "right" if place > 0.68 else "center"
    figure.add_annotation(
        x=line, y=1, yref="paper", yanchor="bottom", yshift=20, text=reference_text,
        showarrow=False, xanchor=side,
        xshift={"left": 6, "center": 0, "right": -6}[side], align=side,
    )  # fmt: skip
    # Names and figures at their intervals leave the whole width to these, on a phone too.
    for (name, e), lines, *ends in zip(shown, names, low, high, strict=True):
        x, anchor = _beside(ends, left, 101)
        figure.add_annotation(
            x=x, xanchor=anchor, y=name, yanchor="bottom", yshift=8, align=anchor,
            text=_row_name(lines, e, "<br>"), showarrow=False, bgcolor="rgba(0,0,0,0)",
        )  # fmt: skip
    return figure


def _beside(ends: Sequence[float], left: float, right: float) -> tuple[float, str]:
    """Where the name of an interval stands on an axis from `left` to `right`: at the end that has room."""
    low, high = ((end - left) / (right - left) for end in ends)
    if low + high > 1.2:
        return ends[1], "right"
    return (ends[0], "left") if low + high < 0.8 else (sum(ends) / 2, "center")


def _row_name(name: str, e: Estimate, between: str = " ") -> str:
    """Name of a row and its share with the interval and n."""
    spread = "" if e.low is None or e.high is None else f"{100 * e.low:.1f}–{100 * e.high:.1f} %, "
    return f"<b>{name}</b>{between}{100 * (e.value or 0):.1f} % ({spread}n = {e.n:,})"


def differences(rows: Sequence[tuple[str, Estimate]], *, better: tuple[str, str]) -> go.Figure:
    """A dot with its 95 % interval per difference, in percentage points, around a line at none.

    `better` says what the left and the right side of that line stand for.
    """
    shown = [(name, e) for name, e in rows if e.value is not None]
    values, low, high = spans([e for _, e in shown])
    certain = [a > 0 or b < 0 for a, b in zip(low, high, strict=True)]
    figure = go.Figure()
    for told, colour in ((True, ACCENT), (False, MUTED)):
        at = [i for i, is_certain in enumerate(certain) if is_certain == told]
        figure.add_scatter(
            x=[values[i] for i in at],
            y=[shown[i][0] for i in at],
            mode="markers",
            marker={"size": 11, "color": colour},
            error_x=error_bars(
                *([of[i] for i in at] for of in (values, low, high)),
                color=colour,
                thickness=2,
                width=5,
            ),
            customdata=[[low[i], high[i], shown[i][1].n] for i in at],
            hovertemplate="%{y}: %{x:+.1f} points (%{customdata[0]:+.1f} to %{customdata[1]:+.1f} points, "
            "n = %{customdata[2]:,})<extra></extra>",
        )
    lay_out(figure, x="difference in percentage points", height=150 + (_ROW_PX + 10) * len(shown))
    reach = 1.08 * max([abs(end) for end in (*low, *high)], default=1.0) or 1.0
    figure.update_xaxes(range=[-reach, reach])
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=[name for name, _ in shown[::-1]],
        showticklabels=False,
    )
    figure.update_layout(margin={"l": 16})
    figure.add_vline(0, line={"color": MUTED, "dash": "dash", "width": 1.5})
    # Names at their intervals and in two lines above the figure leave room for it on a phone.
    for (name, e), value, *ends in zip(shown, values, low, high, strict=True):
        x, anchor = _beside(ends, -reach, reach)
        digits = 1 if ends[1] - ends[0] >= 1 else 2
        change, least, most = (_signed(one, digits) for one in (value, *ends))
        spread = "" if e.low is None or e.high is None else f" ({least} to {most})"
        figure.add_annotation(
            x=x, xanchor=anchor, y=name, yanchor="bottom", yshift=8, showarrow=False, align=anchor,
            text=f"{name}<br>{change}{spread}, n = {e.n:,}",
            bgcolor="rgba(0,0,0,0)",
        )  # fmt: skip
    words = [" ".join(map(shortened, side.split())) for side in better]
    left, right = _in_lines(f"← {words[0]}"), _in_lines(f"{words[1]} →")
    second = _LINE_PX * right.count("<br>")
    more = second + _LINE_PX * left.count("<br>")
    figure.update_layout(margin={"t": 60 + more}, height=figure.layout.height + more)
    sides = ((0, "left", 20 + second, left), (1, "right", 2, right))
    for (x, anchor, shift, text), whole, short in zip(sides, better, words, strict=True):
        figure.add_annotation(
            x=x, xref="paper", xanchor=anchor, y=1, yref="paper", yanchor="bottom", yshift=shift,
            text=text, showarrow=False, align=anchor,
            hovertext=None if short == whole else whole,
        )  # fmt: skip
    return figure


def _signed(value: float, digits: int) -> str:
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−") if float(text) else text[1:]


def history(
    epochs: Sequence[Mapping[str, float]],
    best: Mapping[str, float],
) -> go.Figure:
    """Training and validation loss by epoch; `best`, the one that was kept, is marked."""
    x = [entry["epoch"] for entry in epochs]
    figure = go.Figure()
    for key, colour, name in (
        ("train_loss", MUTED, "training"),
        ("val_loss", ACCENT, "validation"),
    ):
        y = [entry[key] for entry in epochs]
        figure.add_scatter(
            x=x, y=y, mode="lines+markers", line={"color": colour, "width": 2}, name=name,
            hovertemplate=f"{name} loss %{{y:.3f}} after epoch %{{x}}<extra></extra>",
        )  # fmt: skip
    _direct_labels(figure, {"training": MUTED, "validation": ACCENT})
    figure.add_scatter(
        x=[best["epoch"]], y=[best["val_loss"]], mode="markers", hoverinfo="skip",
        marker={"size": 16, "symbol": "circle-open", "color": ACCENT, "line": {"width": 2}},
    )  # fmt: skip
    lay_out(figure, x="epoch", y="loss", height=280)
    # Room for few numbers on a phone, and for the names beside the figure, not in it.
    figure.update_xaxes(tick0=x[0], dtick=math.ceil(len(x) / 6), range=[x[0] - 0.5, x[-1] + 0.5])
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(margin={"r": 84})
    return figure


def histories(runs: Mapping[str, Trained], measure: str) -> go.Figure:
    """What several trainings reached on validation images by epoch, on training images dotted.

    The epoch that was kept of each is marked. The names stand as a list in the corner that such lines
    leave free: they fall to the right, or rise.

    Args:
        runs: epochs, the one that was kept, and the colour of each run.
        measure: "loss" or "accuracy"; a fraction is shown in percent.
    """
    figure = go.Figure()
    is_share = measure == "accuracy"
    words, form = ("right answers", ":.1%") if is_share else (measure, ":.3f")
    for name, (epochs, best, colour) in runs.items():
        x = [entry["epoch"] for entry in epochs]
        for part, dash in (("val", "solid"), ("train", "dot")):
            what = "validation" if part == "val" else "training"
            figure.add_scatter(
                x=x, y=[entry[f"{part}_{measure}"] for entry in epochs], mode="lines",
                line={"color": colour, "width": 2 if part == "val" else 1.5, "dash": dash},
                name=f"{name}, {what}",
                hovertemplate=f"{name}, {what}: {words} %{{y{form}}} after epoch %{{x}}<extra></extra>",
            )  # fmt: skip
        figure.add_scatter(
            x=[best["epoch"]], y=[best[f"val_{measure}"]], mode="markers", hoverinfo="skip",
            marker={"size": 16, "symbol": "circle-open", "color": colour, "line": {"width": 2}},
        )  # fmt: skip
    lay_out(figure, x="epoch", y=words, height=320)
    last = max(epochs[-1]["epoch"] for epochs, _, _ in runs.values())
    figure.update_xaxes(tick0=1, dtick=math.ceil(last / 6), range=[0.5, last + 0.5])
    if is_share:
        figure.update_yaxes(tickformat=".0%")
    else:
        figure.update_yaxes(rangemode="tozero")
    for at, (name, (_, _, colour)) in enumerate(runs.items()):
        row = at if not is_share else len(runs) - 1 - at
        name_line(
            figure, name, colour, 1, 0 if is_share else 1, xref="paper", yref="paper",
            xanchor="right", yanchor="bottom" if is_share else "top",
            yshift=(1 if is_share else -1) * (4 + 20 * row),
        )  # fmt: skip
    return figure


def picture(values: NDArray[np.floating], scale: str, low: float, high: float) -> str:
    """A (h, w) array as a PNG data URI, coloured by a plotly colour scale from `low` to `high`."""
    table = np.array(
        [
            [int(channel) for channel in colour[4:-1].split(",")]
            for colour in sample_colorscale(scale.capitalize(), np.linspace(0, 1, 256).tolist())
        ],
        dtype=np.uint8,
    )
    level = np.clip((values - low) / (high - low), 0, 1)
    buffer = io.BytesIO()
    picture = Image.fromarray(np.rint(255 * level).astype(np.uint8)).convert("P")
    picture.putpalette(table.tobytes())
    picture.save(buffer, "PNG")
    return png_uri(buffer.getvalue())


def heatmap(values: NDArray[np.floating], scale: str, low: float, high: float) -> go.Figure:
    """The same as a figure that tells the value of each pixel; ten times as slow to paint."""
    figure = go.Figure(
        go.Heatmap(
            z=np.round(values.astype(np.float32), 3),
            zmin=low,
            zmax=high,
            colorscale=scale.capitalize(),
            showscale=False,
            hovertemplate="%{z:.2f}<extra></extra>",
        )
    )
    lay_out(figure, height=None)  # The page gives it a square.
    figure.update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0})
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, autorange="reversed", scaleanchor="x", constrain="domain")
    return figure


def png_uri(png: bytes) -> str:
    """PNG bytes as a data URI."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _lines(
    lines: Mapping[str, tuple[NDArray[np.floating], NDArray[np.floating]]],
    colours: Mapping[str, str],
    images: Mapping[str, int],
    *,
    x: str,
    y: str,
    hover: str,
) -> go.Figure:
    figure = go.Figure()
    for name, (across, up) in lines.items():
        figure.add_scatter(
            x=across, y=up, mode="lines", line={"color": colours[name], "width": 2}, name=name,
            hovertemplate=f"{name}: {hover} (n = {images[name]:,} images)<extra></extra>",
        )  # fmt: skip
    lay_out(figure, x=x, y=y, height=300)
    return figure


def _named(
    figure: go.Figure,
    lines: Mapping[str, tuple[NDArray[np.floating], NDArray[np.floating]]],
    colours: Mapping[str, str],
    *,
    low: float,
) -> go.Figure:
    """The figure with the names of its lines in the upper right corner, in their order at the right.

    The axis reaches so high that no line comes there; of very many lines there is a legend.

    Args:
        figure: with these lines.
        lines: x and y as the axes have them, logarithms where these are logarithmic.
        colours: of the lines.
        low: where the y axis begins, likewise.
    """
    room = _LISTED_PX * (len(lines) + 0.5) / _PLOT_PX
    if room > _MOST_LISTED:
        figure.update_layout(showlegend=True, legend=ABOVE)
        return figure
    right = {name: y[x > (x.min() + x.max()) / 2] for name, (x, y) in lines.items()}
    most = max((float(y.max()) for _, y in lines.values()), default=low)
    beside = max((float(y.max()) for y in right.values()), default=low)
    top = max(most + 0.05 * (most - low), low + (beside - low) / (1 - room))
    figure.update_yaxes(range=[low, top if top > low else low + 1])
    for row, name in enumerate(sorted(right, key=lambda name: -float(right[name].mean()))):
        name_line(
            figure, name, colours[name], 1, 1, xref="paper", yref="paper", xanchor="right",
            yanchor="top", yshift=-_LISTED_PX * row,
        )  # fmt: skip
    return figure


def _in_lines(text: str) -> str:
    """A text with long names in it in lines that a phone has room for; no name is longer than three."""
    return "<br>".join(
        textwrap.wrap(text, _LINE, break_on_hyphens=False, max_lines=3, placeholder="…")
    )


def _direct_labels(figure: go.Figure, colours: Mapping[str, str]) -> None:
    """Name each line at its right end instead of in a legend; names that would meet move apart."""
    ends = sorted(trace.y[-1] for trace in figure.data)
    near = ends[-1] - ends[0] < _NEAR * max(max(trace.y) for trace in figure.data)
    for trace in figure.data:
        apart = 0 if not near else 8 if trace.y[-1] == ends[-1] else -8
        figure.add_annotation(
            x=trace.x[-1], y=trace.y[-1], text=trace.name, font={"color": colours[trace.name]},
            showarrow=False, xanchor="left", xshift=12, yshift=apart,
        )  # fmt: skip


def name_line(figure: go.Figure, name: str, colour: str, x: float, y: float, **place: Any) -> None:
    """A name at a line, with a dot of its colour; `place` is plotly's (xanchor, yshift ...).

    A long one is shortened in the middle, and whole under the pointer.
    """
    short = "<br>".join(shortened(line) for line in name.split("<br>"))
    figure.add_annotation(
        x=x, y=y, text=f'<span style="color:{colour}">●</span> {short}', showarrow=False,
        hovertext=None if short == name else name, **place,
    )  # fmt: skip


def shortened(name: str, letters: int = _NAME_LETTERS) -> str:
    """A name without its middle where it is longer than `letters`: runs differ in beginnings and ends."""
    if len(name) <= letters:
        return name
    last = (letters - 1) // 2
    return f"{name[: letters - 1 - last]}…{name[-last:]}"


def spans(
    estimates: Sequence[Estimate], *, scale: float = 100
) -> tuple[list[float], list[float], list[float]]:
    """Values of estimates and both ends of their intervals, in percent; the value itself where there is none.

    With a `scale` of 1 they stay fractions.
    """
    values = [scale * (e.value or 0) for e in estimates]
    low = [v if e.low is None else scale * e.low for v, e in zip(values, estimates, strict=True)]
    high = [v if e.high is None else scale * e.high for v, e in zip(values, estimates, strict=True)]
    return values, low, high


def error_bars(
    values: Sequence[float], low: Sequence[float], high: Sequence[float], **look: Any
) -> dict[str, Any]:
    """Error bars of points from the ends of their intervals; `look` is plotly's."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [end - value for value, end in zip(values, high, strict=True)],
        "arrayminus": [value - end for value, end in zip(values, low, strict=True)],
        **look,
    }


def from_where(lowest: float) -> float:
    """Where an axis of percentages up to 100 begins that shows the lowest one apart from its edge."""
    return next((start for start in _STARTS if lowest >= start + 0.05 * (100 - start)), 0.0)


def add_diagonal(figure: go.Figure) -> None:
    """A dotted line where both axes say the same."""
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": MUTED, "dash": "dot", "width": 1},
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip


def thinned(n: int) -> NDArray[np.int64]:
    if n <= _MOST_POINTS:
        return np.arange(n)
    return np.unique(np.linspace(0, n - 1, _MOST_POINTS).astype(np.int64))


def lay_out(figure: go.Figure, *, height: int | None, x: str = "", y: str = "") -> None:
    # The numbers of both axes keep apart where these meet.
    axes: dict[str, Any] = {
        "zeroline": False, "fixedrange": True, "automargin": True, "ticklabelstandoff": 6,
    }  # fmt: skip
    figure.update_layout(LAYOUT, height=height)
    figure.update_xaxes(title={"text": x, "font": {"size": 13}}, **axes)
    figure.update_yaxes(title={"text": y, "font": {"size": 13}}, **axes)
