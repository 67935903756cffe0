"""The part of Add a run about predictions of another tool: what was found in the table, and its run."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, State, callback, dcc, html, no_update
from dash.development.base_component import Component

from brainmri.errors import InputError
from dashboard import data
from dashboard.components import aria, card, empty, no_interval, section
from dashboard.pages.bring_parts import COUNTED, GONE, name_input, refused


def form(upload: data.Upload) -> Component:
    """What was found in a table, and what makes it a run.

    Raises:
        InputError: row and column of what is wrong with it.
    """
    checked = data.check_table(upload)
    parts = ", ".join(f"{n:,} {split}" for split, n in checked.per_split.items())
    notes = [
        f"{what}: {rows:,}"
        for rows, what in (
            (checked.left_out, "Rows of training images, left out"),
            (checked.rescaled, "Rows that were rounded, scaled to sum to one"),
            (
                checked.relabelled,
                "Rows with another label than the image index; the table's counts",
            ),
            (checked.looked_up, "Rows without a label, which have that of the image index"),
            (checked.without_index, "Rows of images that the index does not know"),
        )
        if rows
    ]
    if checked.labels_from_index:
        notes.append("The labels are those of the image index.")
    return section(
        f"{upload.name} can be a run",
        html.Div(
            [
                card(
                    html.Dl(
                        [
                            html.Dt("Rows"),
                            html.Dd(f"{checked.rows:,} ({parts})"),
                            html.Dt("Classes"),
                            html.Dd(", ".join(checked.classes)),
                        ],
                        className="facts",
                    ),
                    html.Ul([html.Li(note) for note in notes], className="plain-list"),
                ),
                html.Div(
                    [
                        name_input(upload.name),
                        dmc.Select(
                            id="bring-negative",
                            label="Class that means “no tumour”",
                            data=checked.classes,
                            value=checked.negative,
                            className="picker",
                        ),
                        html.Div(dmc.Button("Add this run", id="bring-add")),
                    ],
                    className="bring-actions",
                ),
                html.Div(id="bring-added", **aria(live="polite")),
            ],
            **no_interval(COUNTED),
        ),
    )


@callback(
    Output("bring-added", "children"),
    Input("bring-add", "n_clicks"),
    State("bring-upload", "data"),
    State("bring-name", "value"),
    State("bring-negative", "value"),
    prevent_initial_call=True,
)
def add(clicks: int | None, token: str, run: str | None, negative: str | None) -> Any:
    """Make a run of the table."""
    if not clicks:
        return no_update
    upload = data.find_upload(token)
    if upload is None:
        return refused(GONE)
    try:
        data.add_table(upload, (run or "").strip(), negative or "")
    except InputError as error:
        return refused(str(error))
    return _added((run or "").strip())


def _added(run: str) -> Component:
    return empty(
        f"The run {run} is on every page",
        dcc.Link("See how good it is", href=f"/evaluate?run={run}"),
        " or ",
        dcc.Link("compare it", href="/compare"),
        ".",
    )
