"""One answer of the live predictor, as a radiologist reads it: outcome, picture, probabilities, why."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from brainmri import novelty
from brainmri.answer import ConformalSet, Finding, Trace, Tumour
from brainmri.asked import header_in_words
from brainmri.runs import Run
from brainmri.similar import Similar
from dashboard import data
from dashboard.components import (
    ONE_IMAGE,
    SPLIT_WORDS,
    aria,
    card,
    counted,
    interval,
    k_of_n,
    name,
    no_interval,
    percent,
    probability_bars,
    told_script,
    whose_probabilities,
)
from dashboard.pages.predict_viewer import viewer
from dashboard.theme import class_colours

ONE_ANSWER = "one"
"""The key of an answer that stands alone; two that are compared have a key each."""
OUTCOMES = {
    "answered": "Answered",
    "warned": "Answered with a warning",
    "refused": "Refused: no answer for this image",
}
_CHOSEN = "It was set on validation images; what it comes to on test images stands on Evaluate."
_DISTANCE = "A distance to one training image, not an estimate of anything."
_JUDGED = "A distance of one image against two limits; nothing is estimated."


def answer_card(answered: data.Answered, what: str, committed: str | None = None) -> Component:
    """Everything about one image; `what` it is, and what a reader `committed` to before."""
    finding = answered.answer.finding
    return card(
        html.Article(
            [
                outcome_banner(answered),
                *notices(answered.looked),
                _impression(committed, finding, answered.run),
                html.Div(
                    [
                        viewer(answered, ONE_ANSWER, what),
                        html.Div(
                            _nothing_said(answered.run)
                            if finding is None
                            else [
                                verdict(finding, answered.run),
                                *_worth(finding),
                                _record(answered.run),
                            ],
                            className="answer-words",
                        ),
                    ],
                    className="answer",
                ),
                None if finding is None else _why(finding),
                None if finding is None else _similar(finding.similar),
                _trace(answered, what),
                _actions(answered.looked.file.slices),
            ]
        )
    )


def outcome_banner(answered: data.Answered) -> Component:
    """Whether the model answers for this image, and why not or why with care."""
    outcome, reasons = answered.answer.outcome, answered.answer.reasons
    # What could not be checked is no warning, and no reason to be at ease either.
    kind = "unchecked" if outcome == "answered" and reasons else outcome
    return html.Div(
        [
            html.Strong(OUTCOMES[outcome]),
            html.Span(" ".join(outcome_reasons(answered)), **no_interval(_JUDGED)),
        ],
        className=f"outcome {kind}" + (" refusal" if outcome == "refused" else ""),
        role="note",
    )


def outcome_reasons(answered: data.Answered) -> tuple[str, ...]:
    """Why there is an answer, a warning or a refusal, with the limits that decided."""
    near = novelty.near(answered.answer.novelty)
    return answered.answer.reasons or (() if near is None else (near,))


def notices(looked: data.Looked) -> list[Component]:
    """What to know about the file: text burned in, no MRI by its header."""
    return [html.P(one.message, className="caution", role="note") for one in looked.file.notices]


def verdict(finding: Finding, run: Run) -> Component:
    """What is called, the tumour probability against the threshold, and the classes."""
    colours = class_colours(run.classes, run.negative_class)
    return html.Div(
        [
            dmc.Title(verdict_words(finding, run.negative_class), order=2, className="verdict"),
            html.Div(
                [
                    html.Span("Tumour probability", className="statistic-title"),
                    html.Span(percent(finding.tumour.probability), className="statistic-value"),
                    _gauge(finding.tumour),
                ],
                className="tumour-probability",
                **no_interval(ONE_IMAGE),
            ),
            html.P(threshold_words(finding.tumour), className="threshold", **no_interval(_CHOSEN)),
            probability_bars(finding.probabilities, colours),
            html.P(whose_probabilities(run.temperature, is_run=True), className="note"),
        ]
    )


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


def _gauge(tumour: Tumour) -> Component:
    point = tumour.operating_point
    tick = (
        None
        if point is None or point.threshold > 1
        else html.Span(className="gauge-tick", style={"left": f"{100 * point.threshold:.2f}%"})
    )
    return html.Span(
        [
            html.Span(
                className="gauge-fill" + (" above" if tumour.called else ""),
                style={"width": f"{100 * tumour.probability:.2f}%"},
            ),
            tick,
        ],
        className="gauge",
        **aria(hidden="true"),
    )


def _worth(finding: Finding) -> list[Component]:
    """What the answer is worth: the conformal set, and how often answers like it were right."""
    found: list[Component] = []
    if finding.conformal is not None:
        found.append(html.Div([html.H3("Possible classes"), *_set(finding.conformal)]))
    like = finding.like_this
    if like is not None:
        accuracy = like.accuracy
        said: list[Any] = [f"Not known: {accuracy.reason}."]
        if accuracy.value is not None:
            said = [
                html.Strong(f"{k_of_n(accuracy)} were right"),
                f" ({interval(accuracy)}): the test images most like this answer, called "
                f"{finding.answer} about as surely",
                html.Span(
                    f" (with {percent(like.low)} to {percent(like.high)}).",
                    **no_interval("Which test images are counted, not an estimate."),
                ),
                " Images with a near-copy in training are left out.",
            ]
        held = {} if accuracy.value is not None else no_interval("Too few images for a figure.")
        found.append(html.Div([html.H3("Answers like this one"), html.P(said, **held)]))
    return [html.Div(found, className="worth")] if found else []


def _set(held: ConformalSet) -> list[Component]:
    words = f"{held.words[0].upper()}{held.words[1:].rstrip('.')}."
    lines: list[Component] = [
        html.P(words, **no_interval("A promise set on validation images; measured below."))
    ]
    if held.measured is not None and held.measured.value is not None:
        lines.append(
            html.P(
                f"Measured on test images: the set held the true class in {counted(held.measured)}.",
                className="note",
            )
        )
    return lines


def _record(run: Run) -> Component | None:
    view = data.find_run(run.name)
    if view is None or not view.splits:
        return None
    report = data.report(view, view.splits[0])
    return html.P(
        f"On {report.n:,} {SPLIT_WORDS[report.split]} images of known class this model missed "
        f"{counted(report.missed, 'tumours')} and raised false alarms on "
        f"{counted(report.false_alarms, 'images without one')}. A probability is the model's opinion, "
        "not a finding. A radiologist decides.",
        className="note",
    )


def _nothing_said(run: Run) -> list[Component]:
    return [
        dmc.Title("No probabilities are shown", order=2, className="verdict"),
        html.P(
            f"{run.name} was trained on brain MRI slices. Of anything else it would still name a class, "
            "surely and without meaning, so it says nothing here.",
            **no_interval("A name; nothing is estimated."),
        ),
        html.P("If this is a brain MRI slice, export it again without borders, text or colours, or "
               "read it without this model."),
    ]  # fmt: skip


def _impression(committed: str | None, finding: Finding | None, run: Run) -> Component | None:
    if committed is None:
        return None
    said = "nothing" if finding is None else verdict_words(finding, run.negative_class).lower()
    return html.P(
        [
            html.Strong("You committed to: "),
            f"{committed}. ",
            html.Strong("The model: "),
            said,
            ".",
        ],
        className="impression",
    )


def _why(finding: Finding) -> Component | None:
    if finding.maps is None:
        return None
    return html.Section(
        [
            html.H3("Does hiding the marked region change the answer?"),
            html.P(
                "The region with the strongest evidence is painted over and the model asked again. "
                "Where the answer stays, the map does not explain it.",
                className="note",
            ),
            html.Button("Check", type="button", className="button", **told_script(do="occlusion")),
            html.Div(id="occlusion-told", className="told-occlusion"),
        ],
        className="answer-part",
    )


def _similar(similar: tuple[Similar, ...]) -> Component | None:
    if not similar:
        return None
    here = data.images_folder() is not None
    return html.Section(
        [
            html.H3("The most similar training images, to the model"),
            html.P(
                "With their labels and distances, nearest first; 0 is the same picture.",
                className="note",
                **name("setting"),
            ),
            html.Ul(
                [
                    html.Li(
                        [
                            html.Img(
                                src=f"/image/{quote(one.path)}", alt=f"{one.label} training image"
                            )
                            if here
                            else None,
                            html.Span(one.label, className="similar-label"),
                            html.Small(f"{one.distance:.2f}", **no_interval(_DISTANCE)),
                        ]
                    )
                    for one in similar
                ],
                className="similar" if here else "similar labels",
            ),
            None
            if here
            else html.P("Start the dashboard with --data FOLDER to see them.", className="note"),
        ],
        className="answer-part",
    )


def trace_facts(answered: data.Answered, what: str) -> list[tuple[str, str]]:
    """What made the answer, so that it can be made again: title and text each."""
    trace: Trace = answered.answer.trace
    file, run = answered.looked.file, answered.run
    width, height = file.image.stored_size_px
    which = "" if file.slices == 1 else f", slice {file.number} of {file.slices}"
    plane = "" if file.plane is None else f", {file.plane}"
    made_by = [("Scan", header_in_words(file.header))] if file.header else []
    return [
        ("Image", f"{what}, {file.kind}{which}{plane}, {width} × {height} pixels, {file.image.mode}"),
        *made_by,
        ("Answered by", f"{run.name} ({run.architecture})"),
        ("Model version", f"{trace.model_sha256[:12]}, trained {run.created[:10]}, split "
                          f"{run.protocol}"),
        ("Answered at", f"{trace.answered_at.replace('T', ' ').removesuffix('+00:00')} UTC"),
        ("Software", trace.software),
        ("Model", trace.model_sha256),
        ("Preprocessing", trace.preprocessing_sha256),
        ("Calibration", trace.calibrator_sha256),
        ("Thresholds", trace.thresholds_sha256),
    ]  # fmt: skip


def _trace(answered: data.Answered, what: str) -> Component:
    facts: list[Component] = []
    for title, text in trace_facts(answered, what):
        facts += [html.Dt(title), html.Dd(text, **name("version"))]
    lacking = [html.Li(one, **no_interval(_JUDGED)) for one in answered.lacking]
    return html.Details(
        [
            html.Summary("What made this answer (hashes are SHA-256)", **name("setting")),
            html.Dl(facts, className="facts"),
            html.Ul(lacking, className="plain-list note") if lacking else None,
        ],
        className="trace",
    )


def _actions(slices: int) -> Component:
    another = html.Button(
        "Another slice", type="button", className="button", **told_script(do="another-slice")
    )
    return html.Div(
        [
            another if slices > 1 else None,
            html.Button(
                "Save report", type="button", className="button", **told_script(do="report")
            ),
            html.Span(
                "One page without names, made for this answer and kept nowhere.",
                className="note",
            ),
        ],
        className="actions",
    )


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


def row(answered: data.Answered) -> list[str]:
    """Outcome, tumour probability and most probable class, for a table of several images."""
    finding = answered.answer.finding
    if finding is None:
        return ["refused", "–", "–"]
    negative = finding.answer == answered.run.negative_class
    return [
        answered.answer.outcome,
        percent(finding.tumour.probability),
        "no tumour" if negative else finding.answer,
    ]


def said(answered: data.Answered) -> str:
    """One sentence for screen readers."""
    finding = answered.answer.finding
    if finding is None:
        return "The image is refused; nothing is answered."
    warned = "With a warning: " if answered.answer.outcome == "warned" else ""
    return (
        f"{warned}{verdict_words(finding, answered.run.negative_class)}; tumour probability "
        f"{percent(finding.tumour.probability)}."
    )
