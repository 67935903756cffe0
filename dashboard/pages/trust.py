"""The part of Evaluate about trust: calibration, operating point, decisions, conformal sets."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, callback, clientside_callback, ctx, dcc, html
from dash.development.base_component import Component

from brainmri.decisions import OperatingPoint
from brainmri.trust import HIGHEST_THRESHOLD, CalibrationReport, Slider
from dashboard import data, trust_figures
from dashboard.chosen import Chosen, read
from dashboard.components import (
    SPLIT_WORDS,
    Children,
    aria,
    card,
    graph,
    kept,
    measured,
    name,
    no_interval,
    nothing_drawn,
    percent,
    plain_count,
    section,
    state_id,
    statistic,
    told_script,
)
from dashboard.pages import trust_curves, trust_sets, trust_titles
from dashboard.pages.choosing import KEYS, PAINTED, about, among_n, by_sureness, shown
from dashboard.pages.undrawn import of_calibration
from dashboard.theme import CURVE_PX

_SLIDERS = {"find": "sensitivity", "worth": "cost"}
"""Key in the address to the rule that the slider sets."""
_CALIBRATION = "How often answers are right, by how sure the model was"
_BY_TRUTH = (
    " These images were chosen by what they show: even probabilities that are right on average over all "
    "images are off among them."
)
_CHOSEN = "The rule and its threshold are chosen, not measured, so they have no interval."
_COST = (
    "The cost is the two counts above, added at the chosen price; each of them has its interval."
)
_MISSING = "This is why figures are missing; nothing is measured here."


def part(
    page: str,
    view: data.RunView,
    split: str,
    chosen: Chosen,
    about_now: str,
    at: dict[str, str | None],
) -> Component:
    """How far the answers of a run about the chosen images can be believed and acted on; `at` says where
    the sliders stand.
    """
    return html.Div(
        _content(page, view, split, chosen, at),
        id="trust-content",
        **told_script(shown=about_now),
    )


def register(page: str) -> None:
    """The callbacks of the part, on the page that shows it."""

    @callback(
        Output("trust-content", "children"),
        Output("trust-content", "data-shown"),
        Input(*PAINTED),
        State({"page": page, "state": ALL}, "value"),
        *(State(kept(page, key), "data") for key in KEYS),
        prevent_initial_call=True,
    )
    def show_again(_painted: str, _values: list[Any], *keys: str | None) -> tuple[Any, str]:
        """Other images were chosen, and stand on the page; the sliders stay where they are."""
        at = {entry["id"]["state"]: entry.get("value") for entry in ctx.states_list[0]}
        run, split = at["run"], at["split"]
        view = data.find_run(run)
        if view is None or not view.in_memory:
            return html.Div(), shown(run, split, *keys)
        chosen = data.usable(view, split, read(view.classes, *keys))
        return _content(page, view, split, chosen, at), shown(run, split, *keys)

    for key in _SLIDERS:
        clientside_callback(
            """(at, told, named) => {
                const no = dash_clientside.no_update;
                return told[at] ? [told[at], { thumb: { "aria-valuetext": named[at] } }] : [no, no];
            }""",
            Output(f"told-{key}", "children"),
            Output(state_id(page, key), "attributes"),
            Input(state_id(page, key), "value"),
            State(f"tells-{key}", "data"),
            State(f"names-{key}", "data"),
        )


def _content(
    page: str, view: data.RunView, split: str, chosen: Chosen, at: dict[str, Any]
) -> Component:
    if not data.report(view, split).n:
        return html.Div()
    report = data.chosen_calibration(view, split, chosen)
    # What chooses by how sure answers are keeps all of them, so that others can be chosen.
    whole = data.chosen_calibration(view, split, chosen.without_sureness)
    of, of_whole = among_n(chosen, report.n), among_n(chosen.without_sureness, whole.n)
    return html.Div(
        [
            html.Div(
                _calibration(whole, of_whole, chosen),
                **about(view, split, chosen.without_sureness, whole.n),
            ),
            _operating_point(page, report, at, of),
            trust_curves.part(report, of, whole, of_whole, chosen),
            trust_sets.part(report, of),
            html.P(
                f"{' '.join(report.reasons)} {_MISSING}", className="note", **no_interval(_MISSING)
            )
            if report.reasons
            else None,
        ],
        **about(view, split, chosen, report.n),
    )


def _calibration(report: CalibrationReport, of: list[Children], chosen: Chosen) -> Component:
    why = of_calibration(report, chosen)
    before, after = report.error_before, report.error_after
    now = after or before
    chance = (
        ""
        if now.by_chance is None
        else html.Span(
            f" A flawless model would show {percent(now.by_chance)} on as many images by chance.",
            **no_interval("The mean of simulated answers, not an estimate from images."),
        )
    )
    figures = [
        statistic(
            "Calibration error as the model said",
            percent(before.ece.value),
            before.ece,
            "Mean distance between the probability of an answer and how often such answers are right "
            "(expected calibration error).",
        )
    ]
    if after is not None and report.fit is not None and report.fit.temperature is not None:
        t = report.fit.temperature
        too = "too sure of itself" if t > 1 else "not sure enough of itself"
        figures.append(
            statistic(
                html.Span(["After the temperature ", html.Span(f"{t:.2f}", **name("setting"))]),
                percent(after.ece.value),
                after.ece,
                [
                    f"Fitted on {report.fit.n:,} validation images: the model was {too} there.",
                    chance,
                ],
            )
        )
    return section(
        _calibration_title(report),
        html.Div(
            [
                card(
                    nothing_drawn(why, height=CURVE_PX)
                    if why
                    else graph(
                        trust_figures.reliability(report.before, report.after, chosen.sure),
                        says=f"Reliability diagram. {trust_titles.ninety(report.after or report.before)}; "
                        f"calibration error {measured(now.ece)}",
                        chooses="calibration",
                    ),
                    title=_CALIBRATION
                    if why
                    else trust_titles.ninety(report.after or report.before),
                ),
                html.Div(figures, className="stack"),
            ],
            className="columns",
        ),
        by_sureness(chosen.sure),
        note=[
            "Fifteen bins of equal width; bars are 95 % intervals. On the dotted line the model is as "
            "often right as it says. Choose a point",
            " after the temperature" if after is not None else "",
            " or of the curve of wrong answers, or two probabilities here, and the page is about the images "
            "with such answers; the two figures themselves keep all of them, the chosen ones marked.",
            _BY_TRUTH if chosen.by_truth and why is None else "",
            *of,
        ],
    )


def _calibration_title(report: CalibrationReport) -> str:
    before, after = report.error_before.ece, report.error_after
    if before.value is None:
        return "How far its probabilities can be believed"
    if after is None or after.ece.value is None:
        return f"Its probabilities are off by {measured(before)} on average"
    return (
        f"Its probabilities are off by {measured(after.ece)} on average; by "
        f"{measured(before)} before the temperature"
    )


def _operating_point(
    page: str, report: CalibrationReport, at: dict[str, Any], of: list[Children]
) -> Component:
    if report.by_sensitivity is None or report.by_cost is None:
        return html.Div()
    stored = report.operating_point
    lead: list[Any] = (
        []
        if stored is None
        else [
            html.Span(
                f"Stored with this run: a tumour from a probability of "
                f"{percent(stored.point.threshold)} ({_rule(stored.point)}).",
                **no_interval("A threshold that was chosen, not a measurement."),
            ),
            *_capped(stored.point),
            f" On these {SPLIT_WORDS[report.split]} images it misses ",
            plain_count(stored.missed, "tumours"),
            " and raises ",
            plain_count(stored.false_alarms, "false alarms"),
            ".",
        ]
    )
    return section(
        trust_titles.operating(report),
        html.P(lead, className="caution", role="note") if lead else None,
        html.Div(
            [
                _slider(
                    page,
                    "find",
                    report,
                    report.by_sensitivity,
                    "Find at least this share of the tumours",
                    [percent(t, 1).replace(".0", "") for t in report.by_sensitivity.targets],
                    at.get("find"),
                    start=0.99,
                ),
                _slider(
                    page,
                    "worth",
                    report,
                    report.by_cost,
                    "A missed tumour is worth this many false alarms",
                    [f"{t:,.0f}" for t in report.by_cost.targets],
                    at.get("worth"),
                    start=100,
                ),
            ],
            className="columns",
        ),
        note=[
            f"Thresholds are set on {report.by_cost.n:,} validation images (with a tumour: "
            f"n = {report.by_cost.tumours:,}); the counts are those of {report.n:,} "
            f"{SPLIT_WORDS[report.split]} images.",
            *of,
        ],
    )


def _capped(point: OperatingPoint) -> list[Children]:
    """Why a stored threshold is not the one that the slider shows for the same share of tumours."""
    if point.rule != "sensitivity" or point.threshold < HIGHEST_THRESHOLD:
        return []
    return [
        " A stored threshold is capped at one half, since what is more probably a tumour than not should "
        "be called one. The slider is not capped: it shows what the highest threshold that finds such "
        "a share of the validation tumours would do to other images."
    ]


def _rule(point: OperatingPoint) -> str:
    if point.rule == "sensitivity":
        return (
            f"it finds at least {percent(point.target)} of the tumours among {point.n:,} "
            "validation images"
        )
    return f"a missed tumour worth {point.target:g} false alarms, on {point.n:,} validation images"


def _slider(
    page: str,
    key: str,
    report: CalibrationReport,
    slider: Slider,
    title: str,
    names: list[str],
    asked: Any,
    *,
    start: float,
) -> Component:
    last = len(names) - 1
    first = next((i for i, t in enumerate(slider.targets) if t >= start), last)
    at = int(asked) if str(asked).isdigit() and int(asked) <= last else first
    told = [_told(slider, names, i, report.n) for i in range(last + 1)]
    said = names if slider.rule == "sensitivity" else [f"{one} false alarms" for one in names]
    shown = range(0, last + 1, max(1, last // 4))
    return card(
        dmc.Slider(
            id=state_id(page, key),
            min=0,
            max=last,
            step=1,
            value=at,
            label=None,
            marks=[{"value": i, "label": names[i] if i in shown else ""} for i in range(last + 1)],
            updatemode="drag",
            thumbLabel=title,
            # The value itself is only the number of the position.
            attributes={"thumb": {"aria-valuetext": said[at]}},
            className="slider",
        ),
        dcc.Store(id=f"tells-{key}", data=told),
        dcc.Store(id=f"names-{key}", data=said),
        html.Div(told[at], id=f"told-{key}", className="told", **aria(live="polite")),
        title=title,
    )


def _told(slider: Slider, names: list[str], at: int, n: int) -> list[Component]:
    """What one position of a slider would do, in words."""
    missed, alarms = slider.estimates(at)
    chosen = no_interval(_CHOSEN)
    notes = [_CHOSEN]
    words: list[tuple[str, Any]] = [
        ("Chosen", html.Span(names[at], **chosen)),
        (
            "A tumour from a probability of",
            html.Span(percent(float(slider.outcomes.thresholds[at]), 2), **chosen),
        ),
        ("Missed tumours", plain_count(missed)),
        ("False alarms", plain_count(alarms)),
    ]
    if slider.rule == "cost":
        cost = html.Span(
            f"{slider.costs[at]:,.0f} false alarms' worth",
            **no_interval(_COST),
        )
        words.append(("Cost", [cost, f" on {n:,} images"]))
        notes.append(_COST)
    return [
        *(
            html.P([html.Strong(f"{what}: "), *(text if isinstance(text, list) else [text])])
            for what, text in words
        ),
        html.P(" ".join(notes), className="note"),
    ]
