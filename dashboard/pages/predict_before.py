"""What stands on Predict before an image: who answers, what goes in, what comes out, what is kept."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Input, Output, callback, ctx, html
from dash.development.base_component import Component

from dashboard import data
from dashboard.components import (
    SPLIT_WORDS,
    Children,
    card,
    counted_or_why,
    empty,
    interval,
    measured,
    name,
    percent,
    state_id,
)
from dashboard.pages import predict_answer


def part(view: data.RunView) -> Component:
    """The place of the answer while there is none; `view` is the run that would answer."""
    tumours = ", ".join(one for one in view.classes if one != view.negative_class)
    return html.Div(
        [
            empty(
                "No image yet",
                "The answer appears here.",
                html.Span(
                    " The files that were asked about here are not kept; drop them again.",
                    id="predict-forgotten",
                    hidden=True,
                ),
            ),
            html.Div(
                [
                    _told("Who answers", html.P(_record(view), id={"predict-record": "run"})),
                    _told(
                        "What it takes",
                        html.P(
                            [
                                "One slice of a brain MRI, or several: JPEG, PNG, BMP, TIFF, DICOM or "
                                "NIfTI, up to ",
                                html.Span(f"{data.MAX_BYTES // 1_000_000} MB", **name("setting")),
                                " each. Of a volume you choose the slice. Best without text, borders or "
                                "colours.",
                            ]
                        ),
                    ),
                    _told(
                        "What it answers",
                        html.P(
                            f"How probable a tumour is, and which: {tumours}; how often answers like it were "
                            "right; and which part of the picture speaks for it. It warns about a picture "
                            "unlike those it knows, or refuses it."
                        ),
                    ),
                    _told(
                        "What happens to the picture",
                        html.P(
                            "It is read, answered and forgotten: no picture and no file name is stored, and "
                            "the name does not even leave this browser. This tab alone knows the files "
                            "until it is loaded again, so that going back shows their answers. Only what you "
                            "say of an answer is kept, and the picture with it if you tick that."
                        ),
                    ),
                ],
                className="before",
            ),
        ]
    )


def register(page: str) -> None:
    """The callback of the part, on the page that shows it."""

    @callback(
        # Once there is an answer it stands in the place of the part, and nothing is asked for.
        Output({"predict-record": ALL}, "children"),
        Input(state_id(page, "run"), "value"),
        prevent_initial_call=True,
    )
    def choose(run: str | None) -> list[Any]:
        """Another run was chosen."""
        view = data.find_run(run)
        told = "This run is gone; load the page again." if view is None else _record(view)
        return [told] * len(ctx.outputs_list)


def _told(title: str, *said: Component) -> Component:
    # The only headings below that of the page.
    return card(dmc.Title(title, order=2, className="card-title"), *said)


def _record(view: data.RunView) -> Children:
    """How good a run is, on its test images and on those of them that it cannot know."""
    found = predict_answer.record(view)
    if found is None or found[0].accuracy.value is None:
        return [html.Strong(view.name), " has no labelled images to judge it by."]
    report, at, rule = found
    said: list[Children] = [
        html.Strong(view.name),
        f" names the right class for {percent(report.accuracy.value)} of {report.n:,} "
        f"{SPLIT_WORDS[report.split]} images ({interval(report.accuracy)}) and, "
        f"{rule.replace('this', 'its')}, missed {counted_or_why(at.missed, 'tumours')}.",
    ]
    if report.seen:
        unseen = data.report(view, report.split, unseen=True).accuracy
        if unseen.value is not None:
            said.append(f" Without near-copies in training: {measured(unseen)}.")
    return said
