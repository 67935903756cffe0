"""The part of Evaluate about trust: calibration, operating point, decisions, conformal sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, State, callback, clientside_callback, dcc, html
from dash.development.base_component import Component

from brainmri.decisions import OperatingPoint
from brainmri.trust import (
    HIGHEST_THRESHOLD,
    MISSED_COSTS,
    SENSITIVITIES,
    CalibrationReport,
    Slider,
)
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
    not_understood,
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

_SLIDERS = {"find": (SENSITIVITIES, 0.99), "worth": (MISSED_COSTS, 100)}
"""Key in the address to what its slider offers and where it starts."""
_CALIBRATION_TITLE = "How far its probabilities can be believed"
_TYPE = "Two probabilities choose the images with such answers."
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
    view: data.RunView,
    split: str,
    chosen: Chosen,
    about_now: str,
    at: Mapping[str, str | None],
) -> Component:
    """How far the answers of a run about the chosen images can be believed and acted on; `at` says what
    the sliders are set to.
    """
    return html.Div(
        _content(view, split, chosen, at),
        id="trust-content",
        **told_script(shown=about_now),
    )


def settings(**asked: str | None) -> dict[str, str]:
    """What the sliders are set to where the address asks for these shares and prices, as it says them."""
    return {key: f"{_targets(key)[_position(key, asked[key])]:g}" for key in _SLIDERS}


def not_offered(**asked: str | None) -> list[Component | None]:
    """That an address asks for what a slider does not offer."""
    return [
        not_understood(one, [f"{target:g}" for target in _targets(key)])
        for key, one in asked.items()
    ]


def _targets(key: str) -> list[float]:
    return [float(target) for target in _SLIDERS[key][0]]


def _position(key: str, asked: str | None) -> int:
    """Where a slider stands that is asked for a value; where it starts, where it does not offer that."""
    named = [f"{target:g}" for target in _targets(key)]
    return named.index(asked) if asked in named else _targets(key).index(_SLIDERS[key][1])


def register(page: str) -> None:
    """The callbacks of the part, on the page that shows it."""

    @callback(
        Output("trust-content", "children"),
        Output("trust-content", "data-shown"),
        Input(*PAINTED),
        State(state_id(page, "run"), "value"),
        State(state_id(page, "split"), "value"),
        *(State(kept(page, key), "data") for key in (*_SLIDERS, *KEYS)),
        prevent_initial_call=True,
    )
    def show_again(
        _painted: str, run: str, split: str, find: str, worth: str, *keys: str | None
    ) -> tuple[Any, str]:
        """Other images were chosen, and stand on the page; the sliders stay where they are."""
        at = {"find": find, "worth": worth}
        view = data.find_run(run)
        if view is None or not view.in_memory:
            return html.Div(), shown(run, split, *keys)
        chosen = data.usable(view, split, read(view.classes, *keys))
        return _content(view, split, chosen, at), shown(run, split, *keys)

    for key in _SLIDERS:
        clientside_callback(
            """(at, { told, named, asked }, now) => {
                const no = dash_clientside.no_update;
                if (!told[at]) return [no, no, no];
                const said = { thumb: { "aria-valuetext": named[at] } };
                return [told[at], said, asked[at] === now ? no : asked[at]];
            }""",
            Output(f"told-{key}", "children"),
            Output({"slider": key}, "attributes"),
            Output(kept(page, key), "data"),
            Input({"slider": key}, "value"),
            State(f"tells-{key}", "data"),
            State(kept(page, key), "data"),
        )


def _content(
    view: data.RunView, split: str, chosen: Chosen, at: Mapping[str, str | None]
) -> Component:
    if not data.report(view, split).n:
        return html.Div()
    report = data.chosen_calibration(view, split, chosen)
    # What chooses by how sure answers are keeps all of them, so that others can be chosen.
    whole = data.chosen_calibration(view, split, chosen.without_sureness)
    of, of_whole = among_n(chosen, report.n), among_n(chosen.without_sureness, whole.n)
    # So does what chooses by a threshold.
    any_threshold = chosen.without_tumour_threshold
    weighed = data.chosen_calibration(view, split, any_threshold)
    return html.Div(
        [
            html.Div(
                _calibration(whole, of_whole, chosen),
                **about(view, split, chosen.without_sureness, whole.n),
            ),
            _operating_point(report, at, of),
            trust_curves.part(
                weighed,
                among_n(any_threshold, weighed.n),
                whole,
                of_whole,
                chosen,
                of_calibration(whole, chosen),
            ),
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
    if why := of_calibration(report, chosen):
        return section(
            _CALIBRATION_TITLE, nothing_drawn(why), by_sureness(chosen.sure), note=[_TYPE, *of]
        )
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
                    graph(
                        trust_figures.reliability(report.before, report.after, chosen.sure),
                        says=f"Reliability diagram. {trust_titles.ninety(report.after or report.before)}; "
                        f"calibration error {measured(now.ece)}",
                        chooses="calibration",
                    ),
                    title=trust_titles.ninety(report.after or report.before),
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
            _BY_TRUTH if chosen.by_truth else "",
            *of,
        ],
    )


def _calibration_title(report: CalibrationReport) -> str:
    before, after = report.error_before.ece, report.error_after
    if before.value is None:
        return _CALIBRATION_TITLE
    if after is None or after.ece.value is None:
        return f"Its probabilities are off by {measured(before)} on average"
    return (
        f"Its probabilities are off by {measured(after.ece)} on average; by "
        f"{measured(before)} before the temperature"
    )


def _operating_point(
    report: CalibrationReport, at: Mapping[str, str | None], of: list[Children]
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
                    "find",
                    report,
                    report.by_sensitivity,
                    "Find at least this share of the tumours",
                    [percent(t, 1).replace(".0", "") for t in report.by_sensitivity.targets],
                    at.get("find"),
                ),
                _slider(
                    "worth",
                    report,
                    report.by_cost,
                    "A missed tumour is worth this many false alarms",
                    [f"{t:,.0f}" for t in report.by_cost.targets],
                    at.get("worth"),
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
    key: str,
    report: CalibrationReport,
    slider: Slider,
    title: str,
    names: list[str],
    asked: str | None,
) -> Component:
    last, at = len(names) - 1, _position(key, asked)
    told = [_told(slider, names, i, report.n) for i in range(last + 1)]
    said = names if slider.rule == "sensitivity" else [f"{one} false alarms" for one in names]
    shown = range(0, last + 1, max(1, last // 4))
    return card(
        dmc.Slider(
            id={"slider": key},
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
        dcc.Store(
            id=f"tells-{key}",
            data={"told": told, "named": said, "asked": [f"{t:g}" for t in slider.targets]},
        ),
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
