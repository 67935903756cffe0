"""Whether hiding the marked region changes the answer, as components.

The page asks for it once an answer stands, so that the answer does not wait for it.
"""

from __future__ import annotations

import secrets

from dash import html
from dash.development.base_component import Component

from brainmri.occlusion import Occlusion
from dashboard import data, figures
from dashboard.components import no_interval, percent

_ONE_CHECK = "What the model says of one changed image, not a share of many, so it has no interval."
_VERDICTS = {
    "explains": "Yes: the answer rests on the marked region",
    "fragile": "Yes, but hiding other places does the same",
    "does not explain": "No: the map does not explain this answer",
}


def place(key: str) -> Component:
    """Where the verdict on the map of the answer `key` will stand, beside the map.

    Its id is new each time, so that the script can tell when this answer stands, not the one before.
    """
    return html.Div(
        html.P(
            "Checking whether the answer rests on what the map marks; until then, do not take the map "
            "for a reason.",
            className="note",
        ),
        id=f"map-check-{key}-{secrets.token_hex(4)}",
        className="map-check",
    )


def verdict(checked: data.Checked) -> Component:
    """Whether the map explains the answer, in a sentence or two."""
    found = checked.occlusion
    if found is None:
        return html.P(checked.why_not, className="note")
    return html.Div(
        [
            html.Strong(
                f"Does hiding the marked region change the answer? {verdict_words(checked)}."
            ),
            html.P(f"{found.words} {_ONE_CHECK}", className="note"),
        ],
        className="caution" if found.verdict != "explains" else "",
        **no_interval(_ONE_CHECK),
    )


def verdict_words(checked: data.Checked) -> str:
    """The verdict alone; empty where there is none."""
    return "" if checked.occlusion is None else _VERDICTS[checked.occlusion.verdict]


def told(checked: data.Checked) -> Component:
    """The picture without the region, and the probabilities before and after."""
    found: Occlusion | None = checked.occlusion
    if found is None:
        return html.P(checked.why_not, className="refusal")
    return html.Div(
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
                            html.Dd(percent(found.before)),
                            html.Dt("With the region hidden"),
                            html.Dd(percent(found.after)),
                            *(
                                part
                                for place in found.controls
                                for part in (
                                    html.Dt("With as much hidden elsewhere"),
                                    html.Dd(percent(place)),
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
    )


def said(checked: data.Checked) -> str:
    """One sentence for screen readers."""
    return checked.why_not if checked.occlusion is None else checked.occlusion.words
