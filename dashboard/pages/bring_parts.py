"""What both forms of Add a run hold: a name for the run, and why something cannot be used."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dashboard.components import no_interval

COUNTED = "Rows and files are counted here, not estimated."
GONE = "This upload is no longer here; drop the file again."


def name_input(file: str) -> Component:
    """The name that the run gets, at first made of that of the file."""
    stem = "".join(c if c.isalnum() or c in "._-" else "-" for c in file.rsplit(".", 1)[0])
    return dmc.TextInput(
        id="bring-name",
        label="Name of the run",
        value=stem.strip("._-")[:64] or "my-run",
        className="picker",
    )


def refused(sentence: str, file: str | None = None, *, title: str | None = None) -> Component:
    """Why a file, or what was said about it, cannot be used."""
    return dmc.Alert(
        html.Span(sentence, **no_interval("It says what is wrong; nothing is estimated.")),
        title=title or ("This cannot be used" if file is None else f"{file} cannot be used"),
        color="orange",
        variant="light",
        className="empty",
    )
