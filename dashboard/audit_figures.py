"""What an audit found to plotly figures. No file access, no dash."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard.figures import ABOVE, error_bars, lay_out, spans
from dashboard.findings import Told
from dashboard.theme import ACCENT, MUTED

_NAME_LETTERS = 18


def shortcuts(rows: Sequence[Told]) -> go.Figure:
    """Right answers of each model with 95 % intervals: its class, and tumour or no tumour."""
    names = ["<br>".join(textwrap.wrap(row.name, _NAME_LETTERS)) for row in rows]
    figure = go.Figure()
    kinds = (
        ("right class", [row.classes for row in rows], "circle", ACCENT),
        ("tumour or not", [row.tumour for row in rows], "diamond", MUTED),
    )
    for kind, estimates, symbol, colour in kinds:
        at = [i for i, e in enumerate(estimates) if e.value is not None]
        value, low, high = spans([estimates[i] for i in at])
        figure.add_scatter(
            x=value,
            y=at,
            mode="markers",
            name=kind,
            marker={"size": 9, "symbol": symbol, "color": colour},
            error_x=error_bars(value, low, high, color=colour, thickness=1.5, width=4),
            customdata=[
                [rows[i].name, lo, h, estimates[i].n]
                for i, lo, h in zip(at, low, high, strict=True)
            ],
            hovertemplate=f"%{{customdata[0]}}, {kind}: %{{x:.1f}} % "
            "(%{customdata[1]:.1f}–%{customdata[2]:.1f} %, n = %{customdata[3]:,})<extra></extra>",
        )
    lay_out(figure, x="right answers, %", height=110 + 38 * len(rows))
    figure.update_layout(showlegend=True, legend=ABOVE)
    figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=names, range=[len(rows) - 0.4, -0.6]
    )
    figure.update_xaxes(range=[0, 101], dtick=25)
    return figure
