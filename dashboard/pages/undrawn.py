"""Why a figure of Evaluate has nothing to draw of the images that are chosen, in one sentence.

docs/decisions/0017-what-is-chosen.md says which figure is about what. Each sentence says of how many images.
"""

from __future__ import annotations

from brainmri.calibration import MIN_IMAGES
from brainmri.evaluation import ClassCurves
from brainmri.trust import CalibrationReport
from dashboard.chosen import Chosen

_SO = "so there is nothing to draw."


def of_curves(curves: list[ClassCurves], chosen: Chosen, n: int) -> str | None:
    """Why no curve of one class against the rest can be drawn; None where one can."""
    if any(one.roc is not None for one in curves):
        return None
    if not n or chosen.decides:
        return _nothing(chosen, n)
    named = next((one.name for one in curves if one.positives == n), "one class")
    return f"All of these images show {named} (n = {n:,}) and there are no others to tell it from, {_SO}"


def of_calibration(report: CalibrationReport, chosen: Chosen) -> str | None:
    """Why there is no calibration of these images; None where there is."""
    return _nothing(chosen, report.n) if not report.n or chosen.decides else None


def of_decisions(report: CalibrationReport, chosen: Chosen) -> str | None:
    """Why there is no decision curve of these images; None where there is."""
    n, tumours = report.n, report.tumours
    if not n or chosen.decides:
        return _nothing(chosen, n)
    if tumours in (0, n):
        what = "none" if not tumours else "each"
        return (
            f"Of these images {what} shows a tumour (n = {n:,}): there is nothing to weigh missed tumours "
            f"against, {_SO}"
        )
    return _few(n) if report.decision is None else None


def of_coverage(report: CalibrationReport, chosen: Chosen) -> str | None:
    """Why there is no risk-coverage curve of these images; None where there is."""
    if not report.n or chosen.decides:
        return _nothing(chosen, report.n)
    return _few(report.n) if report.risk_coverage is None else None


def _nothing(chosen: Chosen, n: int) -> str:
    if not n:
        return f"No image is chosen (n = 0), {_SO}"
    right = chosen.truth == chosen.answer and not chosen.wrong
    return (
        f"These images were chosen for being {'right' if right else 'wrong'} (n = {n:,}): how often the "
        "model is right among them was decided by choosing and is no result, so there is no calibration, "
        "decision, risk-coverage, ROC or precision-recall curve of them."
    )


def _few(n: int) -> str:
    return f"These are fewer than {MIN_IMAGES} images (n = {n:,}), too few for a curve, {_SO}"
