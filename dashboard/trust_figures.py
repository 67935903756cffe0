"""Calibration and decisions to plotly figures. No file access, no dash."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from brainmri.calibration import ReliabilityBin
from brainmri.decisions import DecisionCurve, RiskCoverage
from dashboard.figures import ABOVE, add_diagonal, error_bars, lay_out, name_line, spans, thinned
from dashboard.theme import ACCENT, CLASS_COLOURS, MUTED

_MOST_TUMOURS = 0.8
"""Share of tumours up to which the lines of a decision curve lie far enough apart to be named."""
_RIGHT_PART = 0.5
"""Thresholds above which the name of the model's line stands."""


def reliability(
    before: Sequence[ReliabilityBin], after: Sequence[ReliabilityBin] | None
) -> go.Figure:
    """Share of right answers by what the model said its chance was, with 95 % intervals."""
    kinds = [("as the model said", before, MUTED if after else ACCENT)]
    if after is not None:
        kinds.append(("after the temperature", after, ACCENT))
    return reliabilities(kinds)


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
    lay_out(figure, x="probability of the answer", y="answers that are right", height=340)
    figure.update_layout(showlegend=len(kinds) > 1, legend=ABOVE)
    least = min((b.confidence or 1.0 for _, bins, _ in kinds for b in bins if b.n), default=0)
    figure.update_xaxes(range=[min(least, 0.9) - 0.05, 1.01], tickformat=".0%")
    figure.update_yaxes(range=[-0.02, 1.04], tickformat=".0%")
    return figure


def decision_curve(curve: DecisionCurve) -> go.Figure:
    """Net benefit per 100 images of following the model, of calling all, and of calling none."""
    figure = go.Figure()
    lines = (
        ("call every image a tumour", curve.call_all, CLASS_COLOURS[3]),
        ("call none", np.zeros_like(curve.thresholds), MUTED),
        ("follow the model", curve.model, ACCENT),
    )
    keep = thinned(len(curve.thresholds))
    for name, benefit, colour in lines:
        figure.add_scatter(
            x=curve.thresholds[keep], y=100 * benefit[keep], mode="lines", name=name,
            line={"color": colour, "width": 2},
            hovertemplate=f"{name}: %{{y:.1f}} per hundred images from a probability of "
            f"%{{x:.0%}}; n = {curve.n:,}<extra></extra>",
        )  # fmt: skip
    lay_out(
        figure,
        x="tumour probability from which one acts",
        y="net benefit per hundred images",
        height=340,
    )
    top = 100 * curve.tumours / max(curve.n, 1)
    figure.update_xaxes(range=[-0.01, 1.01], tickformat=".0%")
    figure.update_yaxes(range=[-0.15 * top, 1.2 * top])
    if curve.tumours > _MOST_TUMOURS * curve.n:  # All lines end in one corner.
        figure.update_layout(showlegend=True, legend=ABOVE)
        return figure
    (every, _, every_colour), (none, _, none_colour), (model, _, model_colour) = lines
    half = int(np.abs(100 * curve.call_all - top / 2).argmin())
    right = 100 * float(curve.model[curve.thresholds >= _RIGHT_PART].max(initial=0))
    name_line(
        figure, every.replace(" image", "<br>image"), every_colour,
        float(curve.thresholds[half]), top / 2, xanchor="right", yanchor="top", xshift=-4,
        align="right",
    )  # fmt: skip
    name_line(figure, none, none_colour, 0, 0, xanchor="left", yshift=-10)
    name_line(figure, model, model_colour, 1, right, xanchor="right", yshift=11)
    return figure


def risk_coverage(curve: RiskCoverage) -> go.Figure:
    """Share of wrong answers when the least sure images are left to a person."""
    keep = thinned(len(curve.coverage))
    figure = go.Figure(
        go.Scatter(
            x=curve.coverage[keep],
            y=curve.risk[keep],
            mode="lines",
            line={"color": ACCENT, "width": 2},
            customdata=np.column_stack([curve.confidence, curve.coverage * curve.n])[keep],
            hovertemplate="%{y:.1%} of the answers wrong when the surest %{x:.1%} are answered "
            "(n = %{customdata[1]:,.0f}; probability from %{customdata[0]:.1%})<extra></extra>",
        )
    )
    lay_out(figure, x="images answered, the surest first", y="answers that are wrong", height=340)
    figure.update_xaxes(range=[-0.01, 1.01], tickformat=".0%")
    figure.update_yaxes(rangemode="tozero", tickformat=".1%")
    return figure
