"""What two readers agree on, and the numbered corrections made of it, as a part of Review."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, callback, html, no_update
from dash.development.base_component import Component

from brainmri.corrections import CONFIRMED, DISPUTE, DISPUTED, Correction
from brainmri.errors import InputError
from brainmri.wording import counted
from dashboard import data
from dashboard.components import command, faults, name, no_interval, paths_or_tiles, section, table
from dashboard.pages import correct, review_said

_MOST_CONTRADICTIONS = 24
_WRITE = "Write numbered corrections"
TESTS = "Test and validation images get the label that is reported of them, and never train."


@callback(
    Output("review-agreed", "children", allow_duplicate=True),
    Output("review-unwritten", "children", allow_duplicate=True),
    Output("review-told", "children", allow_duplicate=True),
    Input("review-make", "n_clicks"),
    prevent_initial_call=True,
)
def make(clicks: int | None) -> tuple[Any, Any, Any]:
    """What is agreed on becomes the next manifest."""
    if not clicks:
        return no_update, no_update, no_update
    try:
        made = data.make_manifest()
    except InputError as error:
        return no_update, no_update, correct.problem(str(error))
    said = (
        "The last corrections say the same already."
        if made is None
        else f"Corrections {made.number} are written; every page reports by them from now on."
    )
    return part(), unwritten(), correct.answer(html.Span(said, **name("version")), "green")


def unwritten() -> Component | None:
    """That what is confirmed now is not what every page reports by, where it is not."""
    try:
        lacking, gone = data.unwritten()
    except InputError:
        return None  # `part` says why.
    said = []
    if lacking:
        many = counted(lacking, "confirmed correction is", "confirmed corrections are")
        said.append(f"{many} not in the numbers yet")
    if gone:
        many = counted(
            gone,
            "correction that no longer stands is",
            "corrections that no longer stand are",
        )
        said.append(f"{many} still in {'them' if lacking else 'the numbers'}")
    if not said:
        return None
    return html.Div(
        dmc.Alert(
            f"{', and '.join(said)}: press “{_WRITE}” at the end of this page.",
            color="orange",
            variant="light",
        ),
        **no_interval(review_said.COUNTED),
    )


def _tests(tests: Mapping[str, int]) -> str:
    """How many test images there are, by the split that says so."""
    return ", ".join(f"{n:,} of {split}" for split, n in tests.items()) or "none"


def _contradictions(found: list[Correction]) -> Component | None:
    """Confirmed corrections that say different things of one image, side by side, to dispute one."""
    shown = [one for one in found if one.state == CONFIRMED]
    if not shown:
        return None
    shown.sort(key=lambda one: str(one.record.path))
    return html.Div(
        [
            dmc.Title(
                "These are confirmed and contradict each other, so they change nothing: dispute or undo all "
                "but one",
                order=3,
                className="card-title",
            ),
            paths_or_tiles(
                [
                    review_said.entry(
                        one,
                        at="agreed",
                        does=review_said.review_controls(one, at="agreed", kinds=(DISPUTE,)),
                    )
                    for one in shown[:_MOST_CONTRADICTIONS]
                ]
            ),
            review_said.cut_words(_MOST_CONTRADICTIONS, len(shown)),
        ],
        className="contradictions",
    )


def _write_button(*, possible: bool) -> Component:
    """The button that writes the next manifest, and why it cannot be pressed where it cannot."""
    why = html.P(
        "Nothing to write yet: a correction is written once two people have confirmed it.",
        id="review-make-why",
        className="note",
    )
    described: dict[str, Any] = {} if possible else {"aria-describedby": "review-make-why"}
    return html.Div(
        [
            dmc.Button(_WRITE, id="review-make", disabled=not possible, **described),
            None if possible else why,
        ],
        className="controls write",
    )


def part() -> Component:
    """What is confirmed and disputed, every manifest, and a button that writes the next."""
    try:
        found, agreed, lines = data.corrections_made(), data.agreed(), data.manifest_lines()
    except InputError as error:
        return faults("What was agreed on cannot be shown", [("Fault", str(error))])
    confirmed = sum(one.state == CONFIRMED for one in found)
    disputed = [one for one in found if one.state == DISPUTED]
    head = (
        f"{confirmed:,} {'correction is' if confirmed == 1 else 'corrections are'} confirmed by two "
        f"people, {len(disputed):,} disputed"
    )
    rows = [
        [
            html.Span(f"Corrections {line.number}", **name("version")),
            f"{line.changed:,}",
            f"{line.left_out:,}",
            _tests(line.tests),
        ]
        for line in lines
    ]
    last = lines[0].number if lines else None
    return section(
        head,
        _contradictions([one for one in found if one.record.path in set(agreed.contradictions)]),
        html.Div(
            table(
                ["Number", "Labels changed", "Left out", "Test images among them, by split"],
                rows,
                caption="Numbered corrections",
            ),
            **no_interval(review_said.COUNTED),
        )
        if rows
        else None,
        _write_button(possible=bool(confirmed or lines)),
        html.Div(
            [
                html.P("Train a model again with them, and make it the one that is shown first:"),
                command(
                    f"python -m brainmri train DATA --from RUN --corrections {last} --run NEW\n"
                    "python -m brainmri predict DATA --run NEW\n"
                    "python -m brainmri promote NEW"
                ),
            ],
            **name("setting"),
        )
        if last
        else None,
        why=review_said.COUNTED,
        note=f"{TESTS} Those that are left out are bad images, or nobody is sure of them.",
    )
