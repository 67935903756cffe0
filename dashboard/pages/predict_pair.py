"""Two scans beside each other, the earlier and the later one: both answers, and what changed."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from dashboard import data
from dashboard.components import card, no_interval, percent, reasons, told_script
from dashboard.pages.predict_answer import (
    impression,
    notices,
    outcome_banner,
    report_told,
    scan,
    trace,
    verdict,
)
from dashboard.pages.predict_viewer import viewer
from dashboard.pages.predict_words import row

WHY_NO_GROWTH = (
    "This is not a measurement of growth: the map is a coarse picture of where one model found evidence, "
    "not an outline of a tumour. It changes with the level and tilt of the slice, the sequence, the "
    "scanner and the brightness, even where nothing in the head has changed. Measure on the scans."
)
_PAIR = "About two images, not a share of many, so it has no interval."


def pair(
    both: dict[str, data.Answered],
    change: data.MarkedChange,
    committed: dict[str, tuple[str | None, bool]],
) -> Component:
    """Both answers with their maps, and the change in marked area.

    Args:
        both: "earlier" and "later".
        change: in marked area.
        committed: of each scan the reader's impression, and whether an answer was seen before it.
    """
    earlier, later = both["earlier"], both["later"]
    several = any(one.looked.file.slices > 1 for one in both.values())
    return html.Div(
        [
            html.Div(
                [_one(place, answered, *committed[place]) for place, answered in both.items()],
                className="columns scans",
            ),
            card(
                html.H2("What changed", className="verdict"),
                html.P(said(earlier, later), **no_interval(_PAIR)),
                html.P(
                    change_words(earlier, later, change),
                    className="threshold",
                    **no_interval(_PAIR),
                ),
                html.P(_PAIR, className="note"),
                html.P(WHY_NO_GROWTH, className="caution"),
                html.Div(
                    [
                        html.Button(
                            "Other slices",
                            type="button",
                            className="button",
                            **told_script(do="another-slice"),
                        )
                        if several
                        else None,
                        html.Button(
                            "Save report",
                            type="button",
                            className="button",
                            **told_script(do="report"),
                        ),
                        html.Span(
                            "One page about both scans, made for these answers and kept nowhere.",
                            className="note",
                        ),
                        report_told(),
                    ],
                    className="actions",
                ),
            ),
        ]
    )


def _one(place: str, answered: data.Answered, committed: str | None, seen: bool) -> Component:
    finding, title = answered.answer.finding, f"{place.capitalize()} scan"
    parts = [
        outcome_banner(answered),
        *notices(answered),
        impression(answered, committed, seen=seen),
        scan(answered.looked),
        viewer(answered, place, title.lower()),
        html.P("No probabilities are shown.")
        if finding is None
        else verdict(answered, finding, title.lower()),
        trace(answered, title.lower()),
    ]
    return card(html.Article([*parts, reasons(parts)]), title=title)


def said(earlier: data.Answered, later: data.Answered) -> str:
    """Both answers in one sentence."""
    told = []
    for when, answered in (("Earlier", earlier), ("later", later)):
        outcome, tumour, likely = row(answered)
        told.append(
            f"{when}: refused"
            if answered.answer.finding is None
            else f"{when}: tumour probability {tumour}, most probable {likely} ({outcome})"
        )
    return f"{'; '.join(told)}."


def change_words(earlier: data.Answered, later: data.Answered, change: data.MarkedChange) -> str:
    """The change in marked area, or why there is none to tell."""
    if change.earlier is None or change.later is None or change.of is None:
        return change.why_not
    if earlier.looked.pixels == later.looked.pixels:
        return "Both scans are the very same picture, so the marked area is unchanged."
    shares = (
        f"The map for {change.of} marks {percent(change.earlier)} of the head in the earlier scan and "
        f"{percent(change.later)} in the later one"
    )
    if not change.earlier:
        return f"{shares}; from nothing, no change in percent can be told."
    by = change.later / change.earlier - 1
    how = (
        f"{percent(abs(by), 0)} {'larger' if by > 0 else 'smaller'}"
        if round(100 * by)
        else "unchanged"
    )
    return f"{shares}: {how}.{_planes_words(earlier, later)}"


def _planes_words(*scans: data.Answered) -> str:
    """What cannot be known of the planes of two scans."""
    if all(one.looked.file.plane for one in scans):
        return ""
    return " Whether both are of the same plane is not known: the files do not say."
