"""Read first, then reveal: the reader commits to an impression before the model has seen the image."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from brainmri.errors import InputError
from brainmri.runs import Run
from dashboard import data
from dashboard.components import aria, card, name, told_script
from dashboard.pages.predict_viewer import stage

NO_TUMOUR, UNSURE_TYPE, CANNOT_TELL = "no tumour", "tumour, type unsure", "cannot tell"


def impressions(classes: list[str], negative: str) -> list[str]:
    """What a reader can commit to."""
    return [NO_TUMOUR, *(one for one in classes if one != negative), UNSURE_TYPE, CANNOT_TELL]


def impression(given: str | None, run: Run) -> str | None:
    """The impression in an address; None where there is none, or one that the page does not offer."""
    return given if given in impressions(run.classes, run.negative_class) else None


def read_first(looked: data.Looked, what: str, run: str) -> Component:
    """The picture alone, and the impressions to choose from.

    Raises:
        InputError: there is no such run.
    """
    return card(
        html.Article(
            html.Div(
                [
                    html.Div(stage(looked, what), className="viewer"),
                    _question(_offered(run), "What do you see?"),
                ],
                className="answer",
            )
        )
    )


def read_both_first(looks: dict[str, data.Looked], run: str) -> Component:
    """Two pictures alone, each with the impressions to choose from.

    Args:
        looks: "earlier" and "later".
        run: who will answer when there is an impression of both.

    Raises:
        InputError: there is no such run.
    """
    offered = _offered(run)
    return html.Div(
        [
            card(
                html.Article(
                    [
                        html.Div(stage(looked, f"{place} scan"), className="viewer"),
                        _question(offered, f"What do you see in the {place} scan?", place),
                    ]
                ),
                title=f"{place.capitalize()} scan",
            )
            for place, looked in looks.items()
        ],
        className="columns scans",
    )


def _offered(run: str) -> list[str]:
    view = data.find_run(run)
    if view is None or view.run is None:
        raise InputError(f"There is no run “{run}” that could answer; choose another one.")
    return impressions(view.run.classes, view.run.negative_class)


def _question(offered: list[str], question: str, place: str | None = None) -> Component:
    where = {} if place is None else {"place": place}
    return html.Fieldset(
        [
            html.Legend(question, className="verdict"),
            html.P(
                "Your choice is kept before the model is asked, and cannot be changed after its answer "
                "shows.",
                className="note",
            ),
            html.Div(
                [
                    html.Button(
                        f"{one[0].upper()}{one[1:]}",
                        type="button",
                        className="button",
                        **told_script(do="commit", impression=one, **where),
                    )
                    for one in offered
                ],
                className="impressions",
                **name("setting"),
            ),
        ],
        className="answer-words",
    )


def readings() -> Component:
    """How many readings this tab keeps, and what can be done with them."""
    return html.Section(
        [
            html.P("No reading is kept in this tab yet.", id="predict-readings-count",
                   **name("setting")),
            html.Button("Download as CSV", id="predict-readings-save", type="button",
                        className="button", disabled=True, **told_script(do="save-readings")),
            html.Button("Forget them", id="predict-readings-forget", type="button",
                        className="link-button", disabled=True, **told_script(do="forget-readings")),
            html.P("They hold impression, answer, time, the image's number in this tab, its slice and a "
                   "short hash of its pixels, no picture and no file name, and go when the tab is closed. "
                   "A reading of an image whose answer was shown before is marked as such.",
                   className="note"),
        ],
        id="predict-readings",
        className="readings",
        hidden=True,
        **aria(label="Your readings"),
    )  # fmt: skip
