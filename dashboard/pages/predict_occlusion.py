"""Whether hiding the marked region changes the answer, as components.

The page asks for it once an answer stands, so that the answer does not wait for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import numpy as np
from dash import html
from dash.development.base_component import Component
from numpy.typing import NDArray

from brainmri import occlusion
from brainmri.occlusion import Occlusion
from brainmri.wording import probability
from dashboard import data, figures
from dashboard.components import drawn_frame, no_interval

_REASONS = frozenset(("explains", "weakens"))
_NOT_DRAWN = "So the map is drawn only if you ask for it."
NOT_YET = "This map is not checked yet."
_ONE_CHECK = "What the model says of one changed image, not a share of many, so it has no interval."


def place(key: str) -> Component:
    """Where the verdict on the map of the answer `key` will stand, beside the map.

    Its id is new each time, so that the script can tell when this answer stands, not the one before.
    """
    return html.Div(
        html.P(
            "Checking whether the answer rests on what the map marks; only where it does is the map drawn "
            "by itself.",
            className="note",
        ),
        id=f"map-check-{key}-{secrets.token_hex(4)}",
        className="map-check",
    )


def unchecked(by_class: Mapping[str, NDArray[np.float32]], answer: str) -> dict[str, str]:
    """What stands beside the map of each class but the `answer`'s, which alone is checked."""
    told = {}
    for one, class_map in by_class.items():
        marks = bool((class_map > 0).any())
        shown = (
            f"You see the map of {one}, not of the answer {answer}."
            if marks
            else f"You see the map of {one}, which marks nothing: no part of the image speaks for {one}."
        )
        told[one] = f"{shown} Only the map of {answer} was checked by hiding what it marks."
    del told[answer]
    return told


def is_a_reason(checked: data.Checked) -> bool:
    """Whether the answer rests on what the map marks, or leans on it: then the map is drawn unasked."""
    return checked.occlusion is not None and checked.occlusion.verdict in _REASONS


def doubt(checked: data.Checked) -> str:
    """What is written over the map, and beside its scale, where it is no reason; empty where it is one."""
    if checked.occlusion is None:
        return "This map was not checked."
    return "" if is_a_reason(checked) else "This map does not explain this answer."


def verdict(checked: data.Checked) -> Component:
    """Whether the map explains the answer, in a sentence or two."""
    found = checked.occlusion
    if found is None:
        return html.P(f"{checked.why_not} {_NOT_DRAWN}", className="note")
    drawn = "" if is_a_reason(checked) else f" {_NOT_DRAWN}"
    return html.Div(
        [
            html.Strong(verdict_words(checked)),
            html.P(f"{figures_words(checked)}{drawn} {_ONE_CHECK}", className="note"),
        ],
        className="caution" if found.verdict != "explains" else "",
        **no_interval(_ONE_CHECK),
    )


def verdict_words(checked: data.Checked) -> str:
    """Question and verdict; empty where there is none."""
    found = checked.occlusion
    return "" if found is None else f"{occlusion.QUESTION} {found.headline}."


def figures_words(checked: data.Checked) -> str:
    """What stands under the verdict: the figures, or why there is none."""
    return checked.why_not if checked.occlusion is None else checked.occlusion.words


def told(checked: data.Checked) -> Component:
    """The picture without the region, and the probabilities before and after."""
    found: Occlusion | None = checked.occlusion
    if found is None:
        return html.P(checked.why_not, className="refusal")
    return drawn_frame(
        html.Div(
            [
                html.Figure(
                    [
                        html.Img(
                            src=figures.png_uri(checked.hidden_png),
                            alt="The image as the model sees it, with the marked region painted over",
                        ),
                        html.Figcaption("As the model saw it, with the marked region painted over"),
                    ],
                    className="hidden-region",
                ),
                html.Div(
                    [
                        html.Dl(
                            [
                                html.Dt(f"Probability of {found.answer}"),
                                html.Dd(probability(found.before)),
                                html.Dt("With the region hidden"),
                                html.Dd(probability(found.after)),
                                *(
                                    part
                                    for place in found.controls
                                    for part in (
                                        html.Dt("With as much hidden elsewhere"),
                                        html.Dd(probability(place)),
                                    )
                                ),
                            ],
                            className="facts",
                        ),
                        html.P(_ONE_CHECK, className="note"),
                    ],
                    **no_interval(_ONE_CHECK),
                ),
            ],
            className="occlusion",
        ),
        about=f"The answer {found.answer} with the marked region hidden",
        finding=verdict_words(checked),
    )


def said(checked: data.Checked) -> str:
    """One sentence for screen readers."""
    found = checked.occlusion
    return checked.why_not if found is None else f"{verdict_words(checked)} {found.words}"
