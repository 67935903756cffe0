"""One answer as one page to keep or print: a file of its own, without names, that loads nothing."""

from __future__ import annotations

from flask import render_template

from dashboard import data, figures, map_figures
from dashboard.components import counted, interval, k_of_n, percent
from dashboard.pages.predict_words import (
    OUTCOMES,
    outcome_kind,
    outcome_reasons,
    threshold_words,
    trace_facts,
    verdict_words,
)
from dashboard.theme import class_colours


def page(answered: data.Answered, what: str) -> str:
    """The report as HTML. The file's name is not in it, since it never left the browser."""
    finding, run = answered.answer.finding, answered.run
    height, width = answered.looked.shape_px
    overlay = box = None
    if finding is not None and finding.maps is not None:
        overlay = map_figures.overlays(finding.maps.by_class)[finding.answer]
        box = map_figures.place(finding.maps.box, answered.looked.shape_px)
    return render_template(
        "answer_report.html",
        answered=answered,
        finding=finding,
        outcome=OUTCOMES[answered.answer.outcome],
        kind=outcome_kind(answered),
        reasons=outcome_reasons(answered),
        notices=answered.looked.file.notices,
        what=what,
        picture=figures.png_uri(answered.looked.picture_png),
        ratio=width / height,
        overlay=overlay,
        box=box,
        colours=class_colours(run.classes, run.negative_class),
        facts=trace_facts(answered, what),
        verdict=None if finding is None else verdict_words(finding, run.negative_class),
        threshold=None if finding is None else threshold_words(finding.tumour),
        percent=percent,
        counted=counted,
        k_of_n=k_of_n,
        interval=interval,
    )
