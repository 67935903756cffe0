"""What a page says, read off its components: headings, tables, headline figures, tiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from brainmri.predictions import Predictions
from tests.dashboard.visit import Node, find, table_rows, visible

ADDRESSES = {
    "/": "Overview",
    "/data": "Data",
    "/evaluate": "Evaluate",
    "/compare": "Compare",
    "/predict": "Predict",
    "/bring": "Add a run",
    "/review": "Review",
}
TWO_ROWS: dict[str, Any] = {
    "label": ["glioma", "normal"],
    "prob_glioma": [0.9, 0.2],
    "prob_normal": [0.1, 0.8],
}


def heading(page: Node) -> str:
    return visible(find(page, "Title", order=1))


def headings(page: Node) -> list[str]:
    return [visible(title) for title in find(page, "Title", order=2)]


def statistics(page: Node) -> dict[str, str]:
    """Headline figures by their title, with what stands under them."""
    return {
        visible(find(card, className="statistic-title")): " | ".join(
            visible(find(card, className=name)) for name in ("statistic-value", "statistic-detail")
        )
        for card in find(page, className="card")
        if find(card, className="statistic-title")
    }


def table_named(page: Node, caption: str) -> dict[str, list[str]]:
    """A table's body by the name of each row."""
    (table,) = [t for t in find(page, "Table") if visible(find(t, "Caption")).startswith(caption)]
    return {row[0]: row[1:] for row in table_rows(table)}


def matrix(page: Node) -> dict[str, list[str]]:
    """The confusion matrix as the page shows it, counts or shares, without the intervals in small print."""
    (table,) = [
        t for t in find(page, "Table") if visible(find(t, "Caption")).startswith("Confusion")
    ]
    shown = "as-share" if find(page, "Div", **{"data-show": "share"}) else "as-count"
    return {
        visible(find(row, "Th")): [
            visible(find(cell, "Span", className=shown) or cell) for cell in find(row, "Td")
        ]
        for row in find(find(table, "Tbody"), "Tr")
    }


def leaderboard(page: Node) -> list[dict[str, str]]:
    """Rows of the table of all runs, by the heads of its columns."""
    (body,) = find(page, "Tbody", id="leaderboard-rows")
    return labelled_rows(body)


def labelled_rows(node: Node) -> list[dict[str, str]]:
    """Rows of a table by the heads that each cell carries; "Run" is the name of the row."""
    return [
        {
            "Run": visible(find(row, "Th")),
            **{cell["props"]["data-label"]: visible(cell) for cell in find(row, "Td")},
        }
        for row in find(node, "Tr")
    ]


def tiles(node: Node) -> list[str]:
    return [visible(tile) for tile in find(node, className="tile")]


def alerts(page: Node) -> dict[str, str]:
    return {alert["props"]["title"]: visible(alert) for alert in find(page, "Alert")}


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def judged(table: Predictions, split: str = "test") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = (table.splits == split) & (table.y_true >= 0)
    return table.y_true[rows], table.y_pred[rows], table.y_prob[rows]
