"""Two runs beside each other: what is measured of both, and the table of it."""

from __future__ import annotations

from collections.abc import Sequence

from dash.development.base_component import Component

from brainmri.comparison import Comparison
from dashboard.components.tables import estimate_cell, points_cell, table

MEASURES = {
    "sensitivity": "Tumours found (sensitivity)",
    "specificity": "No tumour recognised (specificity)",
    "accuracy": "Right answers (accuracy)",
    "f1": "F1, weighted",
    "auroc": "Tumour / no tumour (area under ROC)",
}
"""What runs are compared by, in words."""


def comparison_table(found: Comparison, measures: Sequence[str]) -> Component:
    """Some of the `MEASURES` of both runs and their differences, each with its interval."""
    differences = [(MEASURES[one], found.difference(one)) for one in measures]
    return table(
        ["Measure", found.run_b, found.run_a, "Difference", "Images (n)"],
        [
            [
                words,
                estimate_cell(d.b),
                estimate_cell(d.a),
                points_cell(d.difference),
                f"{d.difference.n:,}",
            ]
            for words, d in differences
        ],
        caption=f"{found.run_b} and {found.run_a}, each figure with its 95 % interval",
    )
