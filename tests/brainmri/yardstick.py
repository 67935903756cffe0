"""Every figure of a run that scikit-learn has too, counted by scikit-learn from the table of the run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    precision_recall_fscore_support,
    roc_auc_score,
)

from brainmri import evaluation
from brainmri.predictions import Predictions

TOLERANCE = 1e-9


def figures(table: Predictions) -> dict[str, float]:
    """By name, of the test rows."""
    rows = table.splits == "test"
    y_true, y_prob = table.y_true[rows], table.y_prob[rows]
    y_pred, k = y_prob.argmax(axis=1), len(table.classes)
    labels = list(range(k))
    each = precision_recall_fscore_support(y_true, y_pred, labels=labels, zero_division=np.nan)
    # A class that is never answered has no precision of its own, and counts as 0 in the mean.
    mean = precision_recall_fscore_support(y_true, y_pred, labels=labels, average="macro",
                                           zero_division=0)  # fmt: skip
    found = {"accuracy": accuracy_score(y_true, y_pred)}
    for name, values, whole in zip(("precision", "recall", "f1"), each, mean, strict=False):
        found[name] = whole
        found |= {f"{name} of {table.classes[i]}": values[i] for i in labels}
    for i, name in enumerate(table.classes):
        found[f"auroc of {name}"] = roc_auc_score(y_true == i, y_prob[:, i])
        found[f"average precision of {name}"] = average_precision_score(y_true == i, y_prob[:, i])
    return {name: float(value) for name, value in found.items()}


def differences(
    table: Predictions, *, groups: NDArray[np.int64], negative: str
) -> dict[str, tuple[float | None, float]]:
    """Figures (ours, scikit-learn's) that differ by more than `TOLERANCE`."""
    report = evaluation.report(table, split="test", negative=negative, groups=groups, run="theirs")
    ours = {name: getattr(report, name).value for name in ("accuracy", "precision", "recall", "f1")}
    for one in report.per_class:
        ours |= {f"{name} of {one.name}": getattr(one, name).value
                 for name in ("precision", "recall", "f1")}  # fmt: skip
    for curve in evaluation.curves(table, split="test", groups=groups):
        ours[f"auroc of {curve.name}"] = curve.area.value
        ours[f"average precision of {curve.name}"] = curve.average_precision.value
    return {
        name: (ours[name], theirs)
        for name, theirs in figures(table).items()
        if not np.isclose(np.nan if ours[name] is None else ours[name], theirs,
                          rtol=0, atol=TOLERANCE, equal_nan=True)
    }  # fmt: skip
