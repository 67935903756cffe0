"""Figures of one run on one split: how each class fares, and curves. No file access, no dash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from brainmri.evaluation import ClassCurves, ClassReport
from brainmri.metrics import Estimate
from brainmri.ranking import Curve
from dashboard.chosen import cell_of
from dashboard.figures import (
    ABOVE,
    add_diagonal,
    error_bars,
    from_where,
    lay_out,
    name_line,
    spans,
    thinned,
)
from dashboard.theme import CURVE_PX, MUTED

_FLAT_FROM, _STEEPEST = 0.3, 0.25
"""Where the names of two curves begin, and how much they may rise there, as shares of the figure's side."""
_SIDES = (0.1, 0.2, 0.4)
"""Of the corner that is shown where all curves lie in it, as shares of the whole."""
_FAINT = 0.3
_MOST_TURNS = 1000
_STRAIGHT = 1e-12
"""Twice the area of the triangle of three points on a straight line, but for rounding."""
_ALARMS, _FOUND, _TUMOURS = "false alarm rate", "found (recall)", "tumours found"
_RIGHT = "right when said (precision)"


def per_class(
    classes: Sequence[ClassReport], colours: Mapping[str, str], *, shown: Sequence[str]
) -> go.Figure:
    """Two points a class with 95 % intervals: found (recall), and right when said (precision).

    The last entry of the custom data of a point is the cell that it stands for: all images of the
    class, or all that were called so. Classes that are not `shown` are pale. The axis begins where the
    intervals do, since what tells good classes apart lies near a hundred percent, and says so.
    """
    rows: list[tuple[str, str, Estimate, str]] = []
    for c in classes:
        rows.append((c.name, "found", c.recall, cell_of(c.name, None)))
        rows.append((c.name, "right when said", c.precision, cell_of(None, c.name)))
    names = [f"{name}<br>{what}" for name, what, _, _ in rows]
    known = [row for row in rows if row[2].value is not None]
    values, low, high = spans([e for _, _, e, _ in known])
    figure = go.Figure(
        go.Scatter(
            x=values,
            y=[f"{name}<br>{what}" for name, what, _, _ in known],
            mode="markers",
            cliponaxis=False,  # A point at a hundred percent is whole.
            marker={
                "size": 12,
                "color": [colours[name] for name, _, _, _ in known],
                "symbol": ["circle" if what == "found" else "diamond" for _, what, _, _ in known],
                "opacity": [1 if name in shown else _FAINT for name, _, _, _ in known],
            },
            error_x=error_bars(values, low, high, color=MUTED, thickness=1.5, width=5),
            customdata=[
                [*ends, e.n, cell] for *ends, (_, _, e, cell) in zip(low, high, known, strict=True)
            ],
            hovertemplate="%{y}: %{x:.1f} % (%{customdata[0]:.1f}–%{customdata[1]:.1f} %, "
            "n = %{customdata[2]:,})<extra></extra>",
        )
    )
    start = from_where(min(low, default=0.0))
    begins = f"<br>axis from {start:.0f} %" if start else ""
    lay_out(figure, x=f"% of images<br>(95 % interval){begins}", height=88 + 40 * len(rows))
    # A click anywhere in a row is one on its point.
    figure.update_layout(clickmode="event", hovermode="y", hoverdistance=-1)
    figure.update_yaxes(
        categoryorder="array", categoryarray=names[::-1], range=[-0.5, len(rows) - 0.5]
    )
    figure.update_xaxes(range=[start, 100 + 0.02 * (100 - start)])
    return figure


def roc(
    curves: Sequence[ClassCurves],
    colours: Mapping[str, str],
    above: tuple[str, float] | None = None,
) -> go.Figure:
    """One-vs-rest ROC curves; `above`, a class and a threshold, is marked.

    Where all of them lie in the corner of the good ones, that corner alone is shown.
    """
    named = {c.name: c.roc for c in curves}
    figure = _curves(named, colours, _ALARMS, _FOUND, above, _of(curves))
    add_diagonal(figure)
    side = _zoom(figure, named.values(), x=_ALARMS, y=_FOUND, to_left=True)
    _names_inside(figure, named, colours, left=False, side=side)
    return figure


def tumour_roc(runs: Mapping[str, tuple[Curve, str]]) -> go.Figure:
    """ROC curves of several runs, tumour against no tumour, each with its colour and name.

    Where all of them find nearly every tumour at few false alarms, only that corner is shown.
    """
    figure = _curves(
        {name: curve for name, (curve, _) in runs.items()},
        {name: colour for name, (_, colour) in runs.items()},
        _ALARMS,
        _TUMOURS,
        None,
        {},
    )
    add_diagonal(figure)
    drawn = [curve for curve, _ in runs.values()]
    side = _zoom(figure, drawn, x=_ALARMS, y=_TUMOURS, to_left=True)
    if not _named_apart(figure, runs, side):
        figure.update_layout(showlegend=True, legend=ABOVE)
    return figure


def _named_apart(figure: go.Figure, runs: Mapping[str, tuple[Curve, str]], side: float) -> bool:
    """Name the upper of two curves above both and the lower one below both, where they are flat enough."""
    if len(runs) != 2:
        return False
    across = np.linspace(_FLAT_FROM * side, side, 50)
    up = {name: np.interp(across, curve.x, curve.y) for name, (curve, _) in runs.items()}
    lower, upper = sorted(up, key=lambda name: float(up[name].mean()))
    lowest = min(float(y.min()) for y in up.values())
    if float(up[lower].max()) - lowest > _STEEPEST * side:
        return False
    highest = max(float(y.max()) for y in up.values())
    name_line(figure, upper, runs[upper][1], side, highest, xanchor="right", yshift=11)
    name_line(figure, lower, runs[lower][1], side, lowest, xanchor="right", yshift=-11)
    figure.update_layout(margin={"t": 28})
    return True


def precision_recall(
    curves: Sequence[ClassCurves],
    colours: Mapping[str, str],
    above: tuple[str, float] | None = None,
) -> go.Figure:
    """One-vs-rest precision-recall curves; `above`, a class and a threshold, is marked."""
    named = {c.name: c.precision_recall for c in curves}
    figure = _curves(named, colours, _FOUND, _RIGHT, above, _of(curves))
    side = _zoom(figure, named.values(), x=_FOUND, y=_RIGHT, to_left=False)
    _names_inside(figure, named, colours, left=True, side=side)
    return figure


def _zoom(
    figure: go.Figure, curves: Iterable[Curve | None], *, x: str, y: str, to_left: bool
) -> float:
    """Show only the upper corner that all curves come close to, and say so at the axes.

    Returns:
        The side of what is shown, as a share of the whole; 1 where they come close to none.
    """
    off = [
        float(np.min(np.maximum(curve.x if to_left else 1 - curve.x, 1 - curve.y)))
        for curve in curves
        if curve is not None
    ]
    side = next((side for side in _SIDES if max(off, default=1.0) <= side / 3), 1.0)
    if side < 1:
        edge = 0.01 * side
        across = [-edge, side] if to_left else [1 - side, 1 + edge]
        most = (
            f"{x},<br>axis to {100 * side:.0f} %"
            if to_left
            else f"{x},<br>axis from {100 - 100 * side:.0f} %"
        )
        figure.update_xaxes(range=across, title={"text": most})
        figure.update_yaxes(
            range=[1 - side, 1 + 2 * edge],
            title={"text": f"{y},<br>axis from {100 - 100 * side:.0f} %"},
        )
    return side


def _of(curves: Sequence[ClassCurves]) -> dict[str, str]:
    return {c.name: f"; n = {c.area.n:,}, {c.positives:,} of them {c.name}" for c in curves}


def _curves(
    named: Mapping[str, Curve | None],
    colours: Mapping[str, str],
    x: str,
    y: str,
    above: tuple[str, float] | None,
    of: Mapping[str, str],
) -> go.Figure:
    """`of` says, by name, which images the points of a curve are of."""
    figure = go.Figure()
    for name, curve in named.items():
        if curve is None:
            continue
        keep = _drawn(curve)
        figure.add_scatter(
            x=curve.x[keep],
            y=curve.y[keep],
            mode="lines",
            line={"color": colours[name], "width": 2},
            name=name,
            # A list, since Dash finds no entry of a packed array when a point is clicked.
            customdata=np.minimum(curve.thresholds[keep], 1).tolist(),
            hovertemplate=f"{name}: {y} %{{y:.1%}}, {x} %{{x:.1%}}, from probability "
            f"%{{customdata:.2f}}{of.get(name, '')}<extra></extra>",
        )
    marked = named.get(above[0]) if above else None
    if above and marked is not None:
        # The last point whose images all have at least that probability.
        at = max(int(np.count_nonzero(marked.thresholds >= above[1])) - 1, 0)
        figure.add_scatter(
            x=marked.x[at : at + 1], y=marked.y[at : at + 1], mode="markers", hoverinfo="skip",
            marker={"size": 14, "symbol": "circle-open", "color": colours[above[0]],
                    "line": {"width": 3}},
        )  # fmt: skip
    lay_out(figure, x=x, y=y, height=CURVE_PX)
    figure.update_xaxes(range=[-0.01, 1.01], tickformat=".0%")
    figure.update_yaxes(range=[-0.01, 1.02], tickformat=".0%")
    # A click finds the nearest point, so that nobody has to hit a line of two pixels.
    figure.update_layout(hovermode="closest", clickmode="event", hoverdistance=30)
    return figure


def _drawn(curve: Curve) -> NDArray[np.int64]:
    """Which points of a curve are drawn: every one at which it turns, so that a close look shows its true
    steps, and some between, so that they can be chosen; of more than a thousand turns only some.
    """
    some = thinned(len(curve.x))
    along, up = np.diff(curve.x), np.diff(curve.y)
    turns = 1 + np.flatnonzero(np.abs(along[1:] * up[:-1] - along[:-1] * up[1:]) > _STRAIGHT)
    return np.union1d(some, turns) if len(turns) <= _MOST_TURNS else some


def _names_inside(
    figure: go.Figure,
    named: Mapping[str, Curve | None],
    colours: Mapping[str, str],
    *,
    left: bool,
    side: float,
) -> None:
    """Names of the classes in the corner that curves of a useful model leave free."""
    drawn = [name for name, curve in named.items() if curve is not None][::-1]
    figure.add_scatter(
        x=[1 - 0.96 * side if left else 0.96 * side] * len(drawn),
        y=[1 - side * (0.93 - 0.08 * i) for i in range(len(drawn))],
        mode="markers+text",
        marker={"symbol": "square", "size": 11, "color": [colours[name] for name in drawn]},
        text=[f" {name}" if left else f"{name} " for name in drawn],
        textposition="middle right" if left else "middle left",
        hoverinfo="skip",
    )
