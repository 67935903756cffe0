"""One answer, or two that are compared, as one page to keep or print: a file that loads nothing."""

from __future__ import annotations

from typing import Any

from flask import render_template

from brainmri.wording import probability
from dashboard import data, figures, map_figures
from dashboard.pages import predict_occlusion
from dashboard.pages.predict_pair import WHY_NO_GROWTH, change_words
from dashboard.pages.predict_words import (
    OUTCOMES,
    notice_words,
    outcome_kind,
    outcome_reasons,
    threshold_words,
    trace_facts,
    verdict_words,
)
from dashboard.theme import class_colours


def page(answered: data.Answered, what: str) -> str:
    """The report as HTML. The file's name is not in it, since it never left the browser."""
    return render_template("answer_report.html", one=_part(answered, what))


def pair_page(both: dict[str, data.Answered], change: data.MarkedChange) -> str:
    """The same about two scans, "earlier" and "later"; what made both answers alike is told once."""
    scans = [_part(answered, f"{place} scan") for place, answered in both.items()]
    shared = [fact for fact in scans[0]["facts"] if fact in scans[1]["facts"]]
    for one in scans:
        one["facts"] = [fact for fact in one["facts"] if fact not in shared]
    return render_template(
        "pair_report.html",
        scans=scans,
        shared=shared,
        changed=change_words(both["earlier"], both["later"], change),
        why_no_growth=WHY_NO_GROWTH,
    )


def _part(answered: data.Answered, what: str) -> dict[str, Any]:
    """What a template says of one image."""
    finding, run = answered.answer.finding, answered.run
    height, width = answered.looked.shape_px
    told: dict[str, Any] = {
        "what": what,
        "finding": finding,
        "outcome": OUTCOMES[answered.answer.outcome],
        "kind": outcome_kind(answered),
        "reasons": outcome_reasons(answered),
        "notices": notice_words(answered),
        "picture": figures.png_uri(answered.looked.picture_png),
        "ratio": width / height,
        "facts": trace_facts(answered, what),
        "percent": probability,
    }
    if finding is None:
        return told
    told |= {
        "colours": class_colours(run.classes, run.negative_class),
        "verdict": verdict_words(finding, run.negative_class),
        "threshold": threshold_words(finding.tumour),
    }
    if finding.maps is None:
        return told
    checked = data.check_answer(answered)
    told |= {
        "check": predict_occlusion.verdict_words(checked),
        "check_words": predict_occlusion.figures_words(checked),
    }
    if not predict_occlusion.is_a_reason(checked):
        return told | {"left_out": "So the map is left out."}
    return told | {
        "overlay": map_figures.overlays(finding.maps.by_class)[finding.answer],
        "box": map_figures.place(finding.maps.box, answered.looked.shape_px),
    }
