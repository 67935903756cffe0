"""Add a run: predictions of another tool, or a model of another tool, evaluated here."""

from __future__ import annotations

from typing import Any

from dash import Input, Output, State, callback, ctx, dcc, html, no_update
from dash.development.base_component import Component

from brainmri.errors import InputError
from brainmri.foreign_models import MOST_BYTES as MOST_MODEL_BYTES
from dashboard import data
from dashboard.components import Children, aria, command, empty, name, page, section, told_script
from dashboard.pages import bring_jobs, bring_model, bring_table
from dashboard.pages.bring_parts import refused

_POLL_MS = 1500


def layout(upload: str | None = None, **_query: str) -> Component:
    """The page in the state that the URL gives."""
    shown_jobs, quiet = bring_jobs.part()
    return page(
        "Add a run",
        "Bring predictions of another tool, or a model of another tool. Either becomes a run on every page.",
        html.Button(
            html.Div(
                [
                    html.Strong("Drop a file here"),
                    html.Span("or click to choose one"),
                    html.Small(
                        "Predictions: Parquet or CSV, up to 1 GB. A model: ONNX, up to 500 MB.",
                        **name("setting"),
                    ),
                ],
                className="drop-text",
            ),
            id="bring-drop",
            className="drop drop-button",
            type="button",
            **told_script(
                most_bytes=str(data.MOST_UPLOAD_BYTES), most_model_bytes=str(MOST_MODEL_BYTES)
            ),
        ),
        html.P("", id="bring-progress", className="bring-progress", **aria(live="polite")),
        html.Div(_next(upload), id="bring-next", **aria(live="polite")),
        html.Div(shown_jobs, id="bring-jobs"),
        section(
            "Predictions: one row per image",
            html.P(
                "A column path (the image, as in the data folder) or label (what it is), or both, and a "
                "probability per class. Labels and splits that are missing come from the image index, by "
                "path; of a path its end is enough, such as the file name. Rounded probabilities are scaled "
                "to sum to one. Where something is wrong, rows are counted from one, without the line of the "
                "names."
            ),
            command(
                "path,label,prob_glioma,prob_meningioma,prob_notumor,prob_pituitary\n"
                "Testing/glioma/Te-gl_0010.jpg,glioma,0.91,0.05,0.01,0.03"
            ),
        ),
        section(
            "Models: ONNX, from any framework",
            html.P(
                "The model runs in a process of its own without network and files, with limits on memory "
                "and time (one second of processor time per image), and with operators of the ONNX standard "
                "only. Pickles, .pt, .h5 and archives are "
                "refused, since opening one can run any code. Export to ONNX instead:"
            ),
            command(
                '# PyTorch\ntorch.onnx.export(model.eval(), torch.zeros(1, 3, 224, 224), "model.onnx",\n'
                "                  external_data=False)\n"
                '# Keras\nmodel.export("model.onnx", format="onnx")\n'
                '# scikit-learn\nonx = skl2onnx.to_onnx(model, X[:1].astype("float32"))\n'
                'open("model.onnx", "wb").write(onx.SerializeToString())'
            ),
            html.P(
                "An upload that nobody made a run of is removed after a day; that of a model when it has "
                "been evaluated.",
                className="note",
            ),
        ),
        dcc.Store(id="bring-upload", data=upload),
        dcc.Store(id="bring-fault"),
        dcc.Interval(id="bring-clock", interval=_POLL_MS, disabled=quiet),
    )


@callback(
    Output("bring-next", "children"),
    Input("bring-upload", "data"),
    Input("bring-fault", "data"),
    prevent_initial_call=True,
)
def show_next(upload: str | None, fault: dict[str, Any] | None) -> Any:
    """A file arrived, or was refused."""
    if ctx.triggered_id == "bring-fault":
        return refused(str((fault or {}).get("sentence", ""))) if fault else no_update
    return _next(upload)


@callback(
    Output("bring-next", "children", allow_duplicate=True),
    Input("bring-again", "n_clicks"),
    State("bring-upload", "data"),
    prevent_initial_call=True,
)
def look_again(clicks: int | None, upload: str | None) -> Any:
    """It had to wait, and somebody waited."""
    return _next(upload) if clicks else no_update


def _next(token: str | None) -> Children:
    """What is to be said and asked about an upload."""
    if token is None:
        return None
    upload = data.find_upload(token)
    if upload is None:
        return empty("This upload is no longer here", "It became a run, or a day has passed.")
    try:
        return bring_model.form(upload) if upload.is_model else bring_table.form(upload)
    except data.BusyError as error:
        return html.Div(
            [
                refused(
                    f"The file is here; nothing has to be sent again. {error}",
                    title="It has to wait",
                ),
                html.Button("Look again", id="bring-again", type="button", className="button"),
            ],
            className="stack",
        )
    except InputError as error:
        data.forget_upload(upload)
        return refused(str(error), upload.name)
