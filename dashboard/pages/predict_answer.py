"""One answer of the live predictor, as a radiologist reads it: outcome, picture, probabilities, why."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from brainmri.answer import Finding, Tumour
from brainmri.asked import scan_in_words
from brainmri.evaluation import Report
from brainmri.runs import Run
from brainmri.similar import Similar
from brainmri.trust import AtOperatingPoint
from brainmri.wording import probability
from brainmri.worth import ConformalSet
from dashboard import data
from dashboard.components import (
    ONE_IMAGE,
    SPLIT_WORDS,
    aria,
    card,
    counted_or_why,
    drawn_frame,
    interval,
    k_of_n,
    name,
    no_interval,
    percent,
    pictures_missing,
    probability_bars,
    probability_values,
    reasons,
    told_script,
    whose_probabilities,
)
from dashboard.pages.predict_viewer import viewer
from dashboard.pages.predict_words import (
    OUTCOMES,
    notice_words,
    outcome_kind,
    outcome_reasons,
    threshold_words,
    trace_facts,
    verdict_words,
    who_answered,
)
from dashboard.theme import class_colours

ONE_ANSWER = "one"
"""The key of an answer that stands alone; two that are compared have a key each."""
_CHOSEN = "It was set on validation images; what it comes to on test images stands on Evaluate."
_DISTANCE = "A distance to one training image, not an estimate of anything."
_JUDGED = "A distance of one image against two limits; nothing is estimated."


def answer_card(
    answered: data.Answered,
    what: str,
    committed: str | None = None,
    *,
    seen: bool = False,
) -> Component:
    """Everything about one image; `what` it is, and what a reader `committed` to before.

    Args:
        answered: the answer.
        what: the image is called.
        committed: the impression, if any.
        seen: whether an answer about the image stood on the page before the impression.
    """
    finding = answered.answer.finding
    parts: list[Component | None] = [
        outcome_banner(answered),
        *notices(answered),
        impression(answered, committed, seen=seen),
        scan(answered.looked),
        html.Div(
            [
                viewer(answered, ONE_ANSWER, what),
                html.Div(
                    _nothing_said(answered.run)
                    if finding is None
                    else [
                        verdict(answered, finding, what),
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
        trace(answered, what),
    ]
    return card(html.Article([*parts, reasons(parts), _actions(answered.looked.file.slices)]))


def outcome_banner(answered: data.Answered) -> Component:
    """Whether the model answers for this image, and why not or why with care."""
    outcome = answered.answer.outcome
    return html.Div(
        [
            html.Strong(OUTCOMES[outcome]),
            html.Span(" ".join(outcome_reasons(answered)), **no_interval(_JUDGED)),
        ],
        className=f"outcome {outcome_kind(answered)}"
        + (" refusal" if outcome == "refused" else ""),
        role="note",
    )


def notices(answered: data.Answered) -> list[Component]:
    """What to know about the file, such as text burned in, but for what the banner says already."""
    return [html.P(one, className="caution", role="note") for one in notice_words(answered)]


def scan(looked: data.Looked) -> Component | None:
    """Scanner, field strength and sequence, where the header has them."""
    told = scan_in_words(looked.file.header)
    if not told:
        return None
    return html.P(
        [html.Strong("Scan, by the file's header: "), f"{told}."],
        className="note scan",
        **name("setting"),
    )


def verdict(answered: data.Answered, finding: Finding, what: str) -> Component:
    """What is called, the tumour probability against the threshold, and the classes."""
    run = answered.run
    colours = class_colours(run.classes, run.negative_class)
    said = verdict_words(finding, run.negative_class)
    by_class = sorted(finding.probabilities.items(), key=lambda one: -one[1])
    return html.Div(
        [
            dmc.Title(said, order=2, className="verdict"),
            drawn_frame(
                html.Div(
                    [
                        html.Span("Tumour probability", className="statistic-title"),
                        html.Span(
                            probability(finding.tumour.probability), className="statistic-value"
                        ),
                        _gauge(finding.tumour),
                    ],
                    className="tumour-probability",
                    **no_interval(ONE_IMAGE),
                ),
                html.P(
                    threshold_words(finding.tumour), className="threshold", **no_interval(_CHOSEN)
                ),
                probability_bars(finding.probabilities, colours),
                html.P(whose_probabilities(run.temperature, is_run=True), className="note"),
                about=f"Probabilities of {what}. {who_answered(answered)}",
                what="these probabilities",
                finding=said,
                values=probability_values(
                    {"a tumour, whichever": finding.tumour.probability, **dict(by_class)},
                    of=f"probabilities of {what}",
                    why=ONE_IMAGE,
                ),
            ),
        ]
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
    lines: list[Component] = [
        html.P(
            f"{held.words[0].upper()}{held.words[1:]}",
            **no_interval("A promise set on validation images; what was measured stands below."),
        )
    ]
    if held.measured_words:
        lines.append(html.P(held.measured_words))
    return lines


def record(view: data.RunView) -> tuple[Report, Report | AtOperatingPoint, str] | None:
    """A run's figures on labelled images, and what it missed by the rule of its verdict.

    Returns:
        The figures, those with missed tumours and false alarms by that rule, and the rule in words; None
        where there is no image to judge it by.
    """
    if not view.splits:
        return None
    report = data.report(view, view.splits[0])
    at = data.at_operating_point(view, report.split) if view.in_memory else None
    # Of a table too large to be held the thresholds are not known; without one nothing is called.
    if at is None:
        return report, report, "by the most probable class alone"
    return report, at, "at this operating point"


def _record(run: Run) -> Component | None:
    """What the run misses of its test images, counted by the very rule of its verdict."""
    view = data.find_run(run.name)
    found = None if view is None else record(view)
    if found is None:
        return None
    report, at, rule = found
    return html.P(
        f"On {report.n:,} {SPLIT_WORDS[report.split]} images of known class, {rule}, this model missed "
        f"{counted_or_why(at.missed, 'tumours')} and raised false alarms on "
        f"{counted_or_why(at.false_alarms, 'images without one')}. A probability is the model's opinion, "
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


def impression(
    answered: data.Answered, committed: str | None, *, seen: bool = False
) -> Component | None:
    """What the reader committed to, beside what the model says; nothing without an impression."""
    if committed is None:
        return None
    finding = answered.answer.finding
    said = (
        "nothing"
        if finding is None
        else verdict_words(finding, answered.run.negative_class).lower()
    )
    return html.P(
        [
            html.Strong("You committed to: "),
            f"{committed}{' (after the answer was seen)' if seen else ''}. ",
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
            html.H3("With the marked region hidden"),
            html.P(
                f"The region with the strongest evidence for {finding.answer}, the answer, is painted over "
                "and the model asked again. Where the answer stays, the map does not explain it.",
                className="note",
            ),
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
            pictures_missing(),
        ],
        className="answer-part",
    )


def trace(answered: data.Answered, what: str) -> Component:
    """Who answered in a line, and all that made the answer, folded away."""
    facts: list[Component] = []
    for title, text in trace_facts(answered, what):
        facts += [html.Dt(title), html.Dd(text, **name("version"))]
    lacking = [html.Li(one, **no_interval(_JUDGED)) for one in answered.lacking]
    folded = html.Details(
        [
            html.Summary("What made this answer (hashes are SHA-256)", **name("setting")),
            html.Dl(facts, className="facts"),
            html.Ul(lacking, className="plain-list note") if lacking else None,
        ],
        className="trace",
    )
    who = html.P(who_answered(answered), className="note answered-by", **name("version"))
    return html.Div([who, folded])


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
                "One page without the name of file or person, made for this answer and kept nowhere. "
                "Text that is burned into the picture stays in it.",
                className="note",
            ),
            report_told(),
        ],
        className="actions",
    )


def report_told() -> Component:
    """Where it is said, beside the button, that no report could be made; the answer stays."""
    return html.Span(id="predict-report-told", className="caution")
