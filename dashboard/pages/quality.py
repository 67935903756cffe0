"""The part of Data about images far from the rest: dark, bright, blurred, odd size, nearly empty."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, callback, html
from dash.development.base_component import Component

from dashboard import data
from dashboard.components import (
    aria,
    controls,
    counted,
    counted_cell,
    downloads,
    no_interval,
    page_count,
    page_heading,
    page_number,
    page_turned,
    page_turner,
    paths_or_tiles,
    percent,
    picker,
    picture_tile,
    state_id,
    table,
)
from dashboard.findings import ANY_FLAG, FLAGS, Findings

_FLAG_WORDS = {
    ANY_FLAG: "any flag",
    "dark": "dark",
    "bright": "bright",
    "blurred": "blurred",
    "odd_size": "odd size",
    "low_information": "low information",
}
_IMAGES_AT_ONCE = 24
_LIMITS = (
    "The limits are set from all images of this set; they are rules, so they have no interval."
)


def part(page: str, found: Findings, flag: str | None, at: str | None) -> Component:
    """Counts per flag and class, what each flag means, and the images that have one of them."""
    asked, flag = flag, flag if flag in _FLAG_WORDS else ANY_FLAG
    count, _ = found.flagged(flag, 0, 0)
    number = page_number(at, page_count(count, _IMAGES_AT_ONCE))
    every = found.flags[0]
    top = max(FLAGS, key=lambda name: every.of[name].k or 0)
    words = (
        f"No image is far from the rest: {counted(every.of[ANY_FLAG])}"
        if not every.of[ANY_FLAG].k
        else f"{counted(every.of[ANY_FLAG], 'images')} are far from the rest, most for "
        f"{_FLAG_WORDS[top] if top in ('odd_size', 'low_information') else 'being ' + _FLAG_WORDS[top]}"
    )
    return html.Section(
        [
            html.Div(
                [
                    dmc.Title(words, order=2),
                    dmc.Text(
                        "A flag is a reason to look, not a fault. An image can have several. Intervals: "
                        f"95 %. {_LIMITS}",
                        className="note",
                    ),
                ],
                className="section-head",
            ),
            table(
                ["Class", *(_FLAG_WORDS[one].capitalize() for one in (ANY_FLAG, *FLAGS)), "n"],
                [
                    [
                        row.label,
                        *(
                            counted_cell(row.of[one])
                            for one in (ANY_FLAG, *FLAGS)
                        ),
                        f"{row.images:,}",
                    ]
                    for row in found.flags
                ],
                caption="Images with a quality flag, by class",
            ),
            html.Ul(
                [
                    html.Li(
                        [
                            html.Strong(f"{_FLAG_WORDS[flag].capitalize()}: "),
                            html.Span(
                                "; ".join(_limit(*limit) for limit in found.thresholds(flag)),
                                **no_interval(_LIMITS),
                            ),
                            ". ",
                            html.A("CSV", href=f"/download/quality-{flag.replace('_', '-')}.csv",
                                   **aria(label=f"Images with the flag {_FLAG_WORDS[flag]} (CSV)")),
                        ]
                    )
                    for flag in FLAGS
                ],
                className="plain-list limits",
            ),
            controls(
                picker(
                    page,
                    "flag",
                    "Images to show",
                    {flag: words.capitalize() for flag, words in _FLAG_WORDS.items()},
                    flag,
                    asked=asked,
                )
            ),
            html.Div(_images(found, flag, number), id="flagged-images", **aria(live="polite")),
            page_turner(
                page,
                "flagged",
                page_count(count, _IMAGES_AT_ONCE),
                number,
                "Pages of flagged images",
            ),
            downloads(
                quality="Measurements and flags of every image (CSV)",
                quality_thresholds="Limits (CSV)",
            ),
        ],
        className="section",
    )  # fmt: skip


def register(page: str) -> None:
    """The callbacks of the part, on the page that shows it."""

    @callback(
        Output("flagged-images", "children"),
        Output(state_id(page, "flagged"), "total"),
        Output(state_id(page, "flagged"), "value"),
        Input(state_id(page, "flag"), "value"),
        Input(state_id(page, "flagged"), "value"),
        prevent_initial_call=True,
    )
    def show_flagged(flag: str, number: int) -> tuple[Any, ...]:
        """Another flag or page was chosen; a new flag starts at the first page."""
        found = data.usable_audit()
        if found is None or flag not in _FLAG_WORDS:
            return html.Div(), 1, 1
        count, _ = found.flagged(flag, 0, 0)
        pages = page_count(count, _IMAGES_AT_ONCE)
        number = page_turned(page, "flagged", number, pages)
        return _images(found, flag, number), pages, number


def _limit(name: str, low: float | None, high: float | None) -> str:
    """Where a flag begins, in words."""
    if name == "brightness":
        return (
            f"mean grey level below {percent(low)} of white"
            if low is not None
            else f"mean grey level above {percent(high)} of white"
        )
    if name == "fineness":
        return f"fineness of detail below {low:.2f} (at most 8 for noise; contrast does not matter)"
    if name == "entropy_bits":
        return f"grey levels carry less than {low:.2f} bits of information a pixel (of 8)"
    if name == "aspect_log2":
        return f"one side is more than {2 ** (high or 0.0):.2f} times the other, beside the usual shape"
    if name == "size_distance_log2":
        return f"width or height is more than {2 ** (high or 0.0):.2f} times off the nearest common size"
    ends = [f"below {low:g}" if low is not None else "", f"above {high:g}" if high else ""]
    return f"{name.replace('_', ' ')} {' or '.join(end for end in ends if end)}"


def _images(found: Findings, flag: str, number: int) -> Component:
    start = (number - 1) * _IMAGES_AT_ONCE
    count, some = found.flagged(flag, start, _IMAGES_AT_ONCE)
    if not some:
        return html.P("No image has this flag.", className="note")
    return html.Div(
        [
            page_heading(
                "Images",
                start,
                len(some),
                count,
                f" with {'a flag' if flag == ANY_FLAG else 'the flag ' + _FLAG_WORDS[flag]}",
            ),
            paths_or_tiles(
                [
                    picture_tile(
                        path, label, ", ".join(_FLAG_WORDS[one] for one in flags), opens="quality"
                    )
                    for path, label, flags in some
                ]
            ),
        ]
    )
