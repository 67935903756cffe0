"""The sections of a model card that judge: results, failures, calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainmri import evaluation, metrics, slices, tally, trust
from brainmri.audit_tables import AuditTables
from brainmri.calibration import apply_temperature
from brainmri.evaluation import ClassCurves, Report
from brainmri.index import ImageIndex
from brainmri.manifests import Relabelling
from brainmri.markdown import calibration_error, code, listed, number, share, table, text
from brainmri.metrics import Ints, called
from brainmri.predictions import Predictions
from brainmri.runs import Run
from brainmri.surest import Sure
from brainmri.tally import Tally
from brainmri.trust import CalibrationReport
from brainmri.wording import INDEPENDENT

SPLIT = "test"
WORST = 3
"""Slices of each property that are shown."""
SUREST = 10
"""Mistakes of each kind that are named."""
_SLICED = {"source": "source", "size": "size", "mean_intensity": "mean grey level (0-1)"}
_SEEN = "near-copies of images that shaped the model"


@dataclass(frozen=True)
class Part:
    """All test images of a run, or only those without a near-copy in training."""

    name: str
    tally: Tally
    report: Report
    trust: CalibrationReport


@dataclass(frozen=True)
class _Mistake:
    """`probability` is that of the answer, after the temperature."""

    image: Sure
    truth: int
    answer: int
    probability: float


@dataclass(frozen=True)
class Sources:
    """What a card is made of.

    Attributes:
        same_index: `known` is the index that the run was trained with.
        counts: images of each class (row) in each part (column); None where they are not counted.
        labels: put the corrected labels into `predictions`, and counted those.
    """

    run: Run
    predictions: Predictions
    groups: Ints
    known: ImageIndex | None
    same_index: bool
    counts: pd.DataFrame | None
    audit: AuditTables | None
    parts: list[Part]
    labels: Relabelling

    @property
    def by_readers(self) -> str:
        """What two readers changed of its test images, a sentence; empty for nothing."""
        return self.labels.in_words(SPLIT, among="its test images")


def part_of(name: str, run: Run, table: Predictions, groups: Ints) -> Part:
    """Everything about the test rows of a table (of all, or of the unseen ones)."""
    counted = tally.count(table.as_table(), lambda _: groups, splits=(SPLIT,)).of[SPLIT]
    negative = run.negative_class
    return Part(
        name,
        counted,
        evaluation.shown(evaluation.report_of(counted, negative=negative, run=run.name)),
        trust.calibration_report(
            table, trust.stored(run), split=SPLIT, negative=negative, groups=groups
        ),
    )


def _curves(part: Part) -> list[ClassCurves]:
    return evaluation.shown_curves(evaluation.curves_of(part.tally))


def results_section(found: Sources) -> list[str]:
    """Missed tumours and false alarms first, then everything else, per class last."""
    parts = found.parts
    point = parts[0].trust.operating_point
    rows = [
        ["Missed tumours, most probable class", *(share(p.report.missed) for p in parts)],
        ["False alarms, most probable class", *(share(p.report.false_alarms) for p in parts)],
    ]
    if point is not None:
        at = [p.trust.operating_point for p in parts]
        rows += [
            ["Missed tumours, operating point", *(share(a.missed) if a else "" for a in at)],
            ["False alarms, operating point", *(share(a.false_alarms) if a else "" for a in at)],
        ]
    rows += [
        ["Right class (accuracy)", *(share(p.report.accuracy) for p in parts)],
        [f"Right among answers {text(found.run.negative_class)}",
         *(share(p.report.negative_precision) for p in parts)],
        ["Precision, weighted by class", *(share(p.report.precision) for p in parts)],
        ["Recall, weighted by class", *(share(p.report.recall) for p in parts)],
        ["F1, weighted by class", *(share(p.report.f1) for p in parts)],
    ]  # fmt: skip
    lines = ["## Results", "", *table(["", *(_titled(p) for p in parts)], rows), ""]
    together = (
        "In brackets 95 % intervals; near-duplicates count together in those of the most probable "
        "class."
    )
    alone = f"In brackets 95 % intervals. {INDEPENDENT}"
    lines += [alone if found.known is None else together, ""]
    if found.by_readers:
        lines += [f"{found.by_readers} The figures are by the corrected labels.", ""]
    lines += _known_share(found)
    if point is None:
        lines.append(f"There is no operating point. {' '.join(parts[0].trust.reasons)}".rstrip())
    else:
        set_on = point.point
        goal = (
            f"to find at least {100 * set_on.target:g} % of their tumours"
            if set_on.rule == "sensitivity"
            else f"for a missed tumour worth {set_on.target:g} false alarms"
        )
        lines.append(
            f"At the operating point the answer is a tumour from a tumour probability of "
            f"{100 * set_on.threshold:.2f} % on; it was set on {set_on.n:,} validation images "
            f"({set_on.tumours:,} with a tumour) {goal}."
        )
    for one_part in parts:
        areas = [curve.area for curve in _curves(one_part)]
        lines += ["", f"### Per class, {one_part.name}", ""]
        lines += table(
            ["Class", "Images", "Precision", "Recall", "F1", "Area under the ROC curve"],
            [
                [text(one.name), f"{one.support:,}",
                 *(share(e) for e in (one.precision, one.recall, one.f1, area))]
                for one, area in zip(one_part.report.per_class, areas, strict=True)
            ],
        )  # fmt: skip
    return lines


def _known_share(found: Sources) -> list[str]:
    report = found.parts[0].report
    if report.seen is None:
        return ["Which images are near-copies of training images is not recorded.", ""]
    return [
        f"{report.seen:,} of {report.n:,} test images are {_SEEN}, mirrored ones counted; they reward "
        "memory, and the unseen images say more about new ones.",
        "",
    ]


def failures(found: Sources) -> list[str]:
    """Kinds of mistakes, the surest mistakes, the weakest slices."""
    whole = found.parts[0]
    negative, classes = whole.report.negative, whole.report.classes
    lines = ["## Where it fails", ""]
    mistakes = whole.report.confusions
    number_of = classes.index
    if not mistakes:
        lines.append(f"It made no mistake on {whole.report.n:,} test images.")
    else:
        lines += table(
            ["Truth", "Answer", "Images"],
            [
                [text(m.truth), text(m.answer), share(called(
                    whole.report.matrix, number_of(m.truth), number_of(m.answer), whole.tally.per_group
                ))]
                for m in mistakes
            ],
        )  # fmt: skip
    wrong = [
        _Mistake(image, truth, answer, float(apply_temperature(
            np.array([image.y_prob], dtype=np.float32), found.run.temperature)[0, answer]))
        for (truth, answer), images in whole.tally.surest.items()
        for image in images
        if truth != answer
    ]  # fmt: skip
    wrong.sort(key=lambda mistake: (-mistake.probability, mistake.image.row))
    missed = [w for w in wrong if w.answer == negative]
    for title, chosen in (
        ("missed tumours", missed),
        ("other mistakes" if missed else "mistakes", [w for w in wrong if w.answer != negative]),
    ):
        if not chosen:
            continue
        lines += ["", f"### Surest {title}", ""]
        lines += table(
            ["Image", "Truth", "Answer", "Its probability", "Near-copy in training"],
            [
                [code(w.image.path) if w.image.path else f"row {w.image.row + 1:,}",
                 _truth(found, w.image.path, classes[w.truth]), text(classes[w.answer]),
                 f"{100 * w.probability:.1f} %",
                 {None: "not recorded", True: "yes", False: "no"}[w.image.seen]]
                for w in chosen[:SUREST]
            ],
        )  # fmt: skip
    return [*lines, "", *_slices(found)]


def _truth(found: Sources, path: str | None, label: str) -> str:
    """The label of a test image, marked where two readers corrected it."""
    was, right = found.labels.changes.get(path or "", (label, None))
    if right != label or was == label:
        return text(label)
    return f"{text(label)} (corrected, was {text(was)})"


def _slices(found: Sources) -> list[str]:
    lines = ["### Weakest slices", ""]
    if found.known is None:
        return [*lines, "There is no image index here, so nothing is known of the images."]
    scored = found.predictions
    rows = (
        (scored.splits == SPLIT)
        & (scored.y_true >= 0)
        & np.isin(scored.paths, found.known.rows["path"])
    )
    images = found.known.rows.set_index("path", drop=False).loc[scored.paths[rows]]
    y_true, y_pred, groups = scored.y_true[rows], scored.y_pred[rows], found.groups[rows]
    properties = slices.properties(images.reset_index(drop=True)) if len(images) else {}
    by_name = slices.metrics_of(scored.classes, scored.classes.index(found.run.negative_class))
    body, judged = [], 0
    for title, metric in (("right class", "accuracy"), ("tumours found", "tumours found")):
        for name, words in _SLICED.items():
            if name not in properties:
                continue
            ranked = slices.slices(
                properties[name],
                by_name[metric],
                y_true=y_true,
                y_pred=y_pred,
                groups=groups,
                k=len(scored.classes),
            )
            usable = [one for one in ranked if one.estimate.value is not None]
            judged += len(usable)
            weak = [one for one in usable[:WORST] if one.estimate.value != 1]
            body += [[title, words, text(one.value), share(one.estimate)] for one in weak]
    if judged and not body:
        return [*lines, f"No slice by {listed(list(_SLICED.values()))} holds a mistake."]
    if not body:
        return [
            *lines,
            f"No slice by {listed(list(_SLICED.values()))} has images enough for a figure.",
        ]
    return [
        *lines,
        f"The {WORST} weakest values of each property among all test images, worst first; values with "
        f"fewer than {metrics.FEWEST} images, or without a mistake, are left out.",
        "",
        *table(["Figure", "Property", "Value", "Share"], body),
    ]


def calibration_section(found: Sources) -> list[str]:
    """Temperature, calibration errors, conformal sets."""
    run, parts = found.run, found.parts
    lines = ["## Calibration", ""]
    if run.temperature is not None:
        lines += [f"Temperature {run.temperature:.3f}, fitted on {run.images.get('val', 0):,} validation "
                  "images; above 1 the model itself is too sure.", ""]  # fmt: skip
    else:
        lines += ["There is no temperature; probabilities are the model's own.", ""]
    rows = [
        [
            "Calibration error before the temperature",
            *(calibration_error(p.trust.error_before) for p in parts),
        ]
    ]
    if run.temperature is not None:
        rows.append(
            ["Calibration error after it", *(calibration_error(p.trust.error_after) for p in parts)]
        )
    sets = [p.trust.coverage for p in parts]
    first = sets[0]
    if first is not None:
        for i, one in enumerate(first.per_class):
            always = " (in every set: too few validation images)" if one.always else ""
            rows.append([f"Sets hold the true class: {text(one.name)}{always}",
                         *(share(s.per_class[i].coverage) if s else "" for s in sets)])  # fmt: skip
        rows.append(["Classes per set", *(number(s.mean_size) if s else "" for s in sets)])
    lines += table(["", *(_titled(p) for p in parts)], rows)
    if first is not None:
        lines += ["", f"Conformal sets promise {100 * (1 - first.alpha):g} % for every class, on images like "
                  "the validation ones."]  # fmt: skip
    return lines


def _titled(part: Part) -> str:
    return f"{part.name[0].upper()}{part.name[1:]} (n = {part.report.n:,})"
