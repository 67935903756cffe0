"""What a figure draws, as a table of its values for those who do not see it. No file access, no dash."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from brainmri.metrics import Estimate

Floats = NDArray[np.float64]

_MOST_ROWS, _STEPS = 16, 11
"""Points of lines up to which all of them are told, and steps across the figure at which longer ones are."""
_SIDES = (("top", "middle", "bottom"), ("left", "middle", "right"))
_N = re.compile(r"n = (?:%\{customdata\[(\d+)\]|([\d,]+))")


@dataclass(frozen=True)
class Share:
    """A share of `n` images of which none is a sample: as it is read, and its value (0-1)."""

    words: str
    value: float
    n: int


Cell = str | Estimate | Share


@dataclass(frozen=True)
class Values:
    """A table of what is drawn: figures with an interval as `Estimate`, shares of all images of a class
    as `Share`, all else in words.

    Attributes:
        in_points: the estimates are differences in percentage points, not shares.
        place: the column that says where along an axis of numbers a row stands; None of names.
        at_steps: read off the lines at even steps, since they have more points.
    """

    head: list[str]
    rows: list[list[Cell]]
    in_points: bool = False
    place: int | None = None
    at_steps: bool = False


def values(figure: go.Figure) -> Values:
    """The values of every trace that answers a pointer, in the unit of its axis."""
    told = [trace for trace in figure.data if trace.hoverinfo != "skip"]
    pictures = [trace for trace in told if trace.type == "heatmap"]
    if pictures:
        return _picture(pictures[0])
    if any(_spread(trace) is not None for trace in told):
        return _estimates(figure, told)
    return _lines(figure, told)


def _estimates(figure: go.Figure, traces: Sequence[Any]) -> Values:
    """A row per point with an interval."""
    lying = any(trace.error_x.array is not None for trace in traces)
    along, across = (
        (figure.layout.yaxis, figure.layout.xaxis)
        if lying
        else (figure.layout.xaxis, figure.layout.yaxis)
    )
    scale = 1.0 if _is_share(across) else 100.0
    lines = [_plain(trace.name) for trace in traces if trace.name]
    rows: list[tuple[Any, list[Cell]]] = []
    for trace in traces:
        places, sizes = (trace.y, trace.x) if lying else (trace.x, trace.y)
        spread = _spread(trace)
        for i, (place, size) in enumerate(zip(places, sizes, strict=True)):
            value, n = float(size), _n_of(trace, i)
            low = high = None
            if spread is not None:
                low, high = (
                    (value - spread.arrayminus[i]) / scale,
                    (value + spread.array[i]) / scale,
                )
            estimate = Estimate(value / scale, low, high, n)
            named: list[Cell] = [_place(along, place)]
            if lines:
                named.insert(0, _plain(trace.name or ""))
            rows.append((place, [*named, estimate, f"{n:,}"]))
    order = list(along.categoryarray or ())[::-1]
    if order:
        rows.sort(key=lambda row: order.index(row[0]))  # From the top down.
    head = [_title(along) or "What", _title(across), "Images (n)"]
    if lines:
        head.insert(0, "Line")
    numbered = bool(rows) and not isinstance(rows[0][0], str) and along.ticktext is None
    return Values(
        head,
        [row for _, row in rows],
        in_points="points" in _title(across),
        place=head.index(_title(along)) if numbered else None,
    )


def _lines(figure: go.Figure, traces: Sequence[Any]) -> Values:
    """A row per place along the figure and a column per trace."""
    lying = any(trace.orientation == "h" for trace in traces if trace.type == "bar")
    along, across = (
        (figure.layout.yaxis, figure.layout.xaxis)
        if lying
        else (figure.layout.xaxis, figure.layout.yaxis)
    )
    of = [(trace.y, trace.x) if lying else (trace.x, trace.y) for trace in traces]
    names = [_plain(trace.name or "") or _title(across) for trace in traces]
    head = [_title(along) or "What", *names]
    places = list(dict.fromkeys(place for drawn, _ in of for place in drawn))
    if not lying:
        places.sort()
    by_place = [dict(zip(drawn, sizes, strict=True)) for drawn, sizes in of]
    if lying or len(places) <= _MOST_ROWS:
        told: list[list[Cell]] = [
            [
                _place(along, place),
                *(
                    _drawn(across, t, one.get(place))
                    for t, one in zip(traces, by_place, strict=True)
                ),
            ]
            for place in places
        ]
        return Values(head, told)
    low, high = along.range or (float(places[0]), float(places[-1]))
    steps = np.linspace(max(low, float(places[0])), min(high, float(places[-1])), _STEPS)
    read = [_read(np.asarray(x, float), np.asarray(y, float), steps) for x, y in of]
    return Values(
        head,
        [
            [
                _place(along, float(step)),
                *(
                    _drawn(across, t, float(sizes[i]))
                    for t, sizes in zip(traces, read, strict=True)
                ),
            ]
            for i, step in enumerate(steps)
        ],
        at_steps=True,
    )


def _read(x: Floats, y: Floats, steps: Floats) -> Floats:
    """Heights of a line at some places; where it rises upright, its upper or last end."""
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    right = np.clip(np.searchsorted(x, steps, "right"), 1, len(x) - 1)
    left = right - 1
    width = x[right] - x[left]
    share = np.clip((steps - x[left]) / np.where(width > 0, width, 1), 0, 1)
    heights: Floats = y[left] + share * (y[right] - y[left])
    return heights


def _picture(trace: Any) -> Values:
    """Means of nine parts of a picture."""
    down, over = _SIDES
    rows: list[list[Cell]] = []
    for side, band in zip(down, np.array_split(np.asarray(trace.z, dtype=float), 3), strict=True):
        means = [float(part.mean()) for part in np.array_split(band, 3, axis=1)]
        rows.append([side, *(f"{mean:.2f}".replace("-", "−") for mean in means)])
    return Values(["Mean of the part", *over], rows)


def _spread(trace: Any) -> Any:
    """The error bars of a trace, where it has any."""
    for bars in (getattr(trace, "error_x", None), getattr(trace, "error_y", None)):
        if bars is not None and bars.array is not None:
            return bars
    return None


def _n_of(trace: Any, i: int) -> int:
    """The n that the hover text of a point says."""
    found = _N.search(trace.hovertemplate or "")
    if found is None:
        return 0
    at, said = found.groups()
    return int(trace.customdata[i][int(at)]) if at else int(said.replace(",", ""))


def _is_share(axis: Any) -> bool:
    """Whether an axis has fractions that it shows as percentages."""
    return str(axis.tickformat or "").endswith("%")


def _title(axis: Any) -> str:
    return _plain(axis.title.text or "")


def _place(axis: Any, place: Any) -> str:
    if isinstance(place, str):
        return _plain(place)
    if axis.ticktext is not None and isinstance(place, int):
        return _plain(axis.ticktext[list(axis.tickvals).index(place)])
    return _size(axis, place)


def _drawn(axis: Any, trace: Any, size: Any) -> Cell:
    """What a line or bar is high: of percentages that say their n with both."""
    words, n = _size(axis, size), _N.search(trace.hovertemplate or "")
    if size is None or n is None or n[2] is None or not _title(axis).startswith("%"):
        return words
    return Share(words, float(size) / 100, int(n[2].replace(",", "")))


def _size(axis: Any, size: Any) -> str:
    if size is None:
        return "–"
    if _is_share(axis):
        return f"{100 * size:.1f}\u00a0%"
    unit = "\u00a0%" if _title(axis).startswith("%") else ""
    whole = float(size).is_integer()
    return (f"{size:,.0f}" if whole else f"{size:,.3g}").replace("-", "−") + unit


def _plain(text: str) -> str:
    """A label without its markup."""
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())
