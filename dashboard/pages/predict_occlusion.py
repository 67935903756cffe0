"""Whether hiding the marked region changes the answer, as components."""

from __future__ import annotations

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


def told(checked: data.Checked) -> Component:
    """The verdict, the picture without the region, and the probabilities before and after."""
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
                    html.Strong(_VERDICTS[found.verdict]),
                    html.P(found.words),
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
                ],
                **no_interval(_ONE_CHECK),
            ),
        ],
        className="occlusion",
    )


def said(checked: data.Checked) -> str:
    """One sentence for screen readers."""
    return checked.why_not if checked.occlusion is None else checked.occlusion.words
