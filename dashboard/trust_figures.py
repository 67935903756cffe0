"""Calibration and decisions to plotly figures. No file access, no dash."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from brainmri.calibration import ReliabilityBin
from brainmri.decisions import DecisionCurve, RiskCoverage
from dashboard.chosen import ANY_TUMOUR, SEPARATOR
from dashboard.figures import ABOVE, add_diagonal, error_bars, lay_out, name_line, spans, thinned
from dashboard.theme import ACCENT, CURVE_PX, MUTED

_MOST_TUMOURS = 0.8
"""Share of tumours up to which the lines of a decision curve lie far enough apart to be named."""
_LOWEST_NAME = 0.1
"""Where a name below a line is still above the axis."""
_FEWEST_BINS = 3
"""Bins from which on lines are long enough to be named."""
_RIGHT_PART = 0.5
"""Thresholds above which the name of the model's line stands."""


def reliability(
    before: Sequence[ReliabilityBin],
    after: Sequence[ReliabilityBin] | None,
    sure: tuple[float, float] | None = None,
) -> go.Figure:
    """Share of right answers by what the model said its chance was, with 95 % intervals.

    Custom data of a point after the temperature end with the edges of its bin, which a click chooses;
    `sure`, the edges that are chosen, are marked.
    """
    kinds = [("as the model said", before, MUTED if after else ACCENT)]
    if after is not None:
        kinds.append(("after the temperature", after, ACCENT))
    figure = reliabilities(kinds)
    last = figure.data[-1]
    full = [b for b in (after or before) if b.n and b.confidence is not None]
    last.customdata = [
        [*told, b.low, b.high] for told, b in zip(last.customdata, full, strict=True)
    ]
    _mark(figure, sure)
    figure.update_layout(clickmode="event", hovermode="closest", hoverdistance=30)
    return figure


def _mark(figure: go.Figure, ends: tuple[float, float] | None) -> None:
    """A band between two places of the x axis."""
    if ends is not None:
        figure.add_vrect(x0=ends[0], x1=ends[1], fillcolor=ACCENT, opacity=0.15, line_width=0)


def reliabilities(kinds: Sequence[tuple[str, Sequence[ReliabilityBin], str]]) -> go.Figure:
    """The same for several models or ways to say it: name, bins and colour of each."""
    figure = go.Figure()
    add_diagonal(figure)
    for name, bins, colour in kinds:
        full = [b for b in bins if b.n and b.confidence is not None]
        share, low, high = spans([b.accuracy for b in full], scale=1)
        figure.add_scatter(
            x=[b.confidence for b in full],
            y=share,
            mode="markers+lines",
            name=name,
            marker={"size": 8, "color": colour},
            line={"color": colour, "width": 1.5},
            error_y=error_bars(share, low, high, color=colour, thickness=1, width=3),
            customdata=[[b.n, *ends] for b, *ends in zip(full, low, high, strict=True)],
            hovertemplate=name + ": %{y:.1%} right (%{customdata[1]:.1%}–%{customdata[2]:.1%}, "
            "n = %{customdata[0]:,})<extra></extra>",
        )
    lay_out(figure, x="probability of the answer", y="answers that are right", height=CURVE_PX)
    if len(kinds) > 1 and not _named_apart(figure, kinds):
        figure.update_layout(showlegend=True, legend=ABOVE)
    least = min((b.confidence or 1.0 for _, bins, _ in kinds for b in bins if b.n), default=0)
    figure.update_xaxes(range=[min(least, 0.9) - 0.05, 1.01], tickformat=".0%")
    figure.update_yaxes(range=[-0.02, 1.04], tickformat=".0%")
    return figure


def _named_apart(
    figure: go.Figure, kinds: Sequence[tuple[str, Sequence[ReliabilityBin], str]]
) -> bool:
    """Name the upper of two lines above its interval and the other below, where they lie most apart."""
    full = [[b for b in bins if b.n and b.confidence is not None] for _, bins, _ in kinds]
    if len(kinds) != 2 or min(map(len, full)) < _FEWEST_BINS:
        return False
    x = [[b.confidence or 0.0 for b in bins] for bins in full]
    of = [spans([b.accuracy for b in bins], scale=1) for bins in full]
    across = np.linspace(max(x[0][0], x[1][0]), min(x[0][-1], x[1][-1]), 50)
    first, second = (np.interp(across, at, share) for at, (share, _, _) in zip(x, of, strict=True))
    apart = np.subtract(first, second)
    at = int(np.abs(apart).argmax())
    place = (across[at] - across[0]) / max(across[-1] - across[0], 1e-9)
    side = "left" if place < 0.33 else "right" if place > 0.67 else "center"
    for i, is_upper in enumerate((bool(apart[at] >= 0), bool(apart[at] < 0))):
        name, _, colour = kinds[i]
        nearest = int(np.abs(np.array(x[i]) - across[at]).argmin())
        name_line(
            figure, name, colour, x[i][nearest],
            of[i][2][nearest] if is_upper else max(of[i][1][nearest], _LOWEST_NAME),
            xanchor=side, yshift=12 if is_upper else -12,
        )  # fmt: skip
    figure.update_layout(margin={"t": 32})
    return True


def decision_curve(curve: DecisionCurve, above: tuple[str, float] | None = None) -> go.Figure:
    """Net benefit per 100 images of following the model, of calling all, and of calling none.

    Custom data of a point are what a click chooses, the images with at least its tumour probability;
    `above`, where it is such a choice, is marked.
    """
    figure = go.Figure()
    lines = (
        ("call every image a tumour", curve.call_all, MUTED, "dash"),
        ("call none", np.zeros_like(curve.thresholds), MUTED, "dot"),
        ("follow the model", curve.model, ACCENT, "solid"),
    )
    keep = thinned(len(curve.thresholds))
    for name, benefit, colour, dash in lines:
        figure.add_scatter(
            x=curve.thresholds[keep], y=100 * benefit[keep], mode="lines", name=name,
            customdata=[f"{ANY_TUMOUR}{SEPARATOR}{t:g}" for t in curve.thresholds[keep]],
            line={"color": colour, "width": 2, "dash": dash},
            hovertemplate=f"{name}: %{{y:.1f}} per hundred images from a probability of "
            f"%{{x:.0%}}; n = {curve.n:,}<extra></extra>",
        )  # fmt: skip
    lay_out(
        figure,
        x="tumour probability<br>from which one acts",
        y="net benefit per hundred images",
        height=CURVE_PX,
    )
    if above is not None and above[0] == ANY_TUMOUR:
        height = float(np.interp(above[1], curve.thresholds, curve.model))
        figure.add_scatter(
            x=[above[1]], y=[100 * height], mode="markers", hoverinfo="skip", showlegend=False,
            marker={"size": 14, "symbol": "circle-open", "color": ACCENT, "line": {"width": 3}},
        )  # fmt: skip
    figure.update_layout(clickmode="event", hovermode="closest", hoverdistance=30)
    top = 100 * curve.tumours / max(curve.n, 1)
    figure.update_xaxes(range=[-0.01, 1.01], tickformat=".0%")
    figure.update_yaxes(range=[-0.15 * top, 1.2 * top])
    if curve.tumours > _MOST_TUMOURS * curve.n:  # All lines end in one corner.
        figure.update_layout(showlegend=True, legend=ABOVE)
        return figure
    every, none, model = (name for name, *_ in lines)
    half = int(np.abs(100 * curve.call_all - top / 2).argmin())
    right = 100 * float(curve.model[curve.thresholds >= _RIGHT_PART].max(initial=0))
    name_line(
        figure, every.replace(" image ", "<br>image<br>"), MUTED,
        float(curve.thresholds[half]), top / 2, xanchor="right", yanchor="top", xshift=-4,
        align="right",
    )  # fmt: skip
    name_line(figure, none, MUTED, 0, 0, xanchor="left", yshift=-10)
    name_line(figure, model, ACCENT, 1, right, xanchor="right", yshift=11)
    return figure


def risk_coverage(curve: RiskCoverage, sure: tuple[float, float] | None = None) -> go.Figure:
    """Share of wrong answers when the least sure images are left to a person.

    Custom data of a point begin with the probability from which images are answered, which a click
    chooses; `sure`, the chosen probabilities, are marked.
    """
    keep = thinned(len(curve.coverage))
    figure = go.Figure(
        go.Scatter(
            x=curve.coverage[keep],
            y=curve.risk[keep],
            mode="lines",
            line={"color": ACCENT, "width": 2},
            # A list, since Dash finds no entry of a packed array when a point is clicked.
            customdata=np.column_stack([curve.confidence, curve.coverage * curve.n])[keep].tolist(),
            hovertemplate="%{y:.1%} of the answers wrong when the surest %{x:.1%} are answered "
            "(n = %{customdata[1]:,.0f}; probability from %{customdata[0]:.1%})<extra></extra>",
        )
    )
    lay_out(
        figure,
        x="images answered,<br>the surest first",
        y="answers that are wrong",
        height=CURVE_PX,
    )
    figure.update_xaxes(range=[-0.01, 1.01], tickformat=".0%")
    figure.update_yaxes(rangemode="tozero", tickformat=".1%")
    if sure is not None:  # By falling confidence.
        shares = np.concatenate([[0.0], curve.coverage])
        surer = int(np.count_nonzero(curve.confidence > sure[1]))
        _mark(figure, (shares[surer], shares[np.count_nonzero(curve.confidence >= sure[0])]))
    figure.update_layout(clickmode="event", hovermode="closest", hoverdistance=30)
    return figure
