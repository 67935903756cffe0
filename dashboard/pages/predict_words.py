"""An answer of the live predictor in words: for its card, for tables, for two scans, for the saved report."""

from __future__ import annotations

from typing import Any

from brainmri import intake, novelty
from brainmri.answer import Finding, Trace, Tumour
from brainmri.asked import exactly, header_in_words
from brainmri.wording import probability
from dashboard import data
from dashboard.components import percent

OUTCOMES = {
    "answered": "Answered",
    "warned": "Answered with a warning",
    "refused": "Refused: no answer for this image",
}


def outcome_kind(answered: data.Answered) -> str:
    """The outcome, but `unchecked` for an answer of which something could not be checked.

    That is no warning, and no reason to be at ease either.
    """
    outcome, reasons = answered.answer.outcome, answered.answer.reasons
    return "unchecked" if outcome == "answered" and reasons else outcome


def outcome_reasons(answered: data.Answered) -> tuple[str, ...]:
    """Why there is an answer, a warning or a refusal, with the limits that decided."""
    found, reasons = answered.answer.novelty, answered.answer.reasons
    if answered.answer.outcome == "refused":
        return reasons
    near = novelty.near(found)
    # A warning may come from the header alone; the limits are told all the same.
    if near is None or novelty.judge(found)[0] != "answered":
        return reasons
    return (*reasons, near)


def notice_words(answered: data.Answered) -> list[str]:
    """What to know about the file, such as text burned in, but for what the reasons say already."""
    reasons = answered.answer.reasons
    return [one.message for one in answered.looked.file.notices if one.message not in reasons]


def verdict_words(finding: Finding, negative: str) -> str:
    """One line that says what is called, and what the model finds most probable."""
    likely = "no tumour" if finding.answer == negative else finding.answer
    called = finding.tumour.called
    if called is None:
        return f"Most probable: {likely}"
    if called:
        also = "though " if finding.answer == negative else ""
        return f"Called a tumour, {also}most probable: {likely}"
    also = "" if finding.answer == negative else "though "
    return f"Not called a tumour, {also}most probable: {likely}"


def threshold_words(tumour: Tumour) -> str:
    """The tumour probability against the operating point."""
    point = tumour.operating_point
    if point is None:
        return (
            "No threshold is set for this run (it takes validation images), so nothing is called a "
            "tumour or not."
        )
    if point.threshold > 1:
        return "The threshold of this run calls nothing a tumour."
    side = "Above" if tumour.called else "Below"
    found = (
        f"which finds at least {100 * point.target:g}\u00a0% of the tumours"
        if point.rule == "sensitivity"
        else f"the cheapest where a missed tumour is worth {point.target:g} false alarms,"
    )
    return (
        f"{side} the threshold of {percent(point.threshold)}, {found} among the validation images "
        f"({point.tumours:,} with a tumour of {point.n:,})."
    )


def who_answered(answered: data.Answered) -> str:
    """Run, software and model in a line; the first eight digits of the model's hash tell it from others."""
    trace = answered.answer.trace
    did = "Refused" if answered.answer.finding is None else "Answered"
    return f"{did} by {trace.run}, {trace.software}, model {trace.model_sha256[:8]}"


def trace_facts(answered: data.Answered, what: str) -> list[tuple[str, str]]:
    """What made the answer, so that it can be made again: title and text each."""
    trace: Trace = answered.answer.trace
    file, run = answered.looked.file, answered.run
    width, height = file.image.stored_size_px
    which = "" if file.slices == 1 else f", {file.place}"
    plane = "" if file.plane is None else f", {file.plane}"
    made_by = [("Scan", header_in_words(file.header))] if file.header else []
    finding = answered.answer.finding
    return [
        ("Image", f"{what}, {file.kind}{which}{plane}, {width} × {height} pixels, {file.image.mode}"),
        *made_by,
        ("Answered by", f"{run.name} ({run.architecture})"),
        ("Model version", f"{trace.model_sha256[:12]}, trained {run.created[:10]}, split "
                          f"{run.protocol}"),
        ("Answered at", f"{trace.answered_at.replace('T', ' ').removesuffix('+00:00')} UTC"),
        ("Software", trace.software),
        *([] if finding is None else exactly(finding)),
        ("Model", trace.model_sha256),
        ("Preprocessing", trace.preprocessing_sha256),
        ("Calibration", trace.calibrator_sha256),
        ("Thresholds", trace.thresholds_sha256),
    ]  # fmt: skip


def kept(answered: data.Answered) -> dict[str, Any]:
    """What a browser may keep of an answer beside a reader's impression: nothing that identifies."""
    finding, trace = answered.answer.finding, answered.answer.trace
    told: dict[str, Any] = {"outcome": answered.answer.outcome}
    if finding is not None:
        told |= {
            "model_answer": finding.answer,
            "tumour_probability": round(finding.tumour.probability, 6),
            "called_tumour": finding.tumour.called,
        }
    return told | {
        "answered_at_utc": trace.answered_at,
        "run": trace.run,
        "model_sha256": trace.model_sha256,
    }


def text_seen(answered: data.Answered, *, by_header: bool = True) -> bool:
    """Whether there seems to be text in the picture, by its pixels or by the header of the file."""
    codes = {notice.code for notice in answered.looked.file.notices}
    return intake.TEXT_SEEN in codes or (by_header and intake.BURNED_IN in codes)


def row(answered: data.Answered) -> list[str]:
    """Outcome, tumour probability and most probable class, for a table of several images."""
    finding, text = answered.answer.finding, "; text in it?" if text_seen(answered) else ""
    if finding is None:
        return [f"refused{text}", "–", "–"]
    negative = finding.answer == answered.run.negative_class
    return [
        f"{answered.answer.outcome}{text}",
        probability(finding.tumour.probability),
        "no tumour" if negative else finding.answer,
    ]


def said(answered: data.Answered) -> str:
    """A sentence or two for screen readers."""
    text = " There seems to be text in the picture." if text_seen(answered) else ""
    finding = answered.answer.finding
    if finding is None:
        return f"The image is refused; nothing is answered.{text}"
    warned = "With a warning: " if answered.answer.outcome == "warned" else ""
    return (
        f"{warned}{verdict_words(finding, answered.run.negative_class)}; tumour probability "
        f"{probability(finding.tumour.probability)}.{text}"
    )
