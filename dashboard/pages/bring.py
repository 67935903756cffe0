"""Add a run: predictions of another tool, or a model of another tool, evaluated here."""

from __future__ import annotations

from typing import Any

from dash import Input, Output, callback, ctx, dcc, html, no_update
from dash.development.base_component import Component

from brainmri.errors import InputError
from dashboard import data
from dashboard.components import Children, aria, command, empty, name, page, section
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
        ),
        html.P("", id="bring-progress", className="bring-progress", **aria(live="polite")),
        html.Div(_next(upload), id="bring-next", **aria(live="polite")),
        html.Div(shown_jobs, id="bring-jobs"),
        section(
            "Predictions: one row per image",
            html.P(
                "A column path (the image, as in the data folder) or label (what it is), or both, and a "
                "probability per class. Labels and splits that are missing come from the image index, by "
                "path. Rounded probabilities are scaled to sum to one."
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
                "and time, and with operators of the ONNX standard only. Pickles, .pt, .h5 and archives are "
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


def _next(token: str | None) -> Children:
    """What is to be said and asked about an upload."""
    if token is None:
        return None
    upload = data.find_upload(token)
    if upload is None:
        return empty("This upload is no longer here", "It became a run, or a day has passed.")
    try:
        return bring_model.form(upload) if upload.is_model else bring_table.form(upload)
    except InputError as error:
        data.forget_upload(upload)
<<<<<<< HEAD
        return refused(str(error), upload.name)
=======
        return _refused(str(error), upload.name)


# Predictions


def _table_form(upload: data.Upload) -> Component:
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
                        _name_input(upload.name),
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
            **no_interval(_COUNTED),
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
        return _refused("This upload is no longer here; drop the file again.")
    try:
        data.add_table(upload, (run or "").strip(), negative or "")
    except InputError as error:
        return _refused(str(error))
    return _added((run or "").strip())


# Models


def _model_form(upload: data.Upload) -> Component:
    seen = data.preview_model(upload, None)
    reading, loaded = seen.reading, seen.loaded
    splits = data.test_splits()
    (port,) = loaded.inputs
    shape = " × ".join("n" if size is None else str(size) for size in port.shape)
    columns = max(seen.columns, 2) if seen.columns != 1 else 2
    return section(
        f"{upload.name}: how is it read?",
        html.Div(
            [
                html.Div(
                    [
                        html.P(
                            f"Input {port.name}: {shape}. Everything below was guessed from it; the preview "
                            "shows whether it fits.",
                            **name("size"),
                        ),
                        html.H3("What it sees"),
                        html.Div(
                            [
                                dmc.NumberInput(
                                    id={"bring": "size_px"},
                                    label="Side in pixels",
                                    value=reading.size_px,
                                    min=1,
                                    max=foreign_models.MOST_SIZE_PX,
                                    allowDecimal=False,
                                ),
                                _select("channels", "Colours", {"1": "grey", "3": "three times grey"},
                                        str(reading.channels)),
                                _select("layout", "Order", foreign_models.LAYOUTS, reading.layout),
                                _select("scaling", "Grey levels", foreign_models.SCALINGS,
                                        reading.scaling),
                            ],
                            className="bring-form",
                        ),
                        html.H3("What it answers"),
                        html.Div(
                            [
                                _select("output", "Output",
                                        {str(i): p.name for i, p in enumerate(loaded.outputs)},
                                        str(reading.output)),
                                _select("meaning", "It holds", foreign_models.MEANINGS,
                                        reading.meaning),
                                *(
                                    dmc.Select(
                                        id={"bring-class": i},
                                        label=f"Column {i + 1} of {columns} is" if seen.columns != 1
                                        else ("Near zero means" if i == 0 else "Near one means"),
                                        data=sorted(reading.classes),
                                        value=reading.classes[i] if i < len(reading.classes) else None,
                                        allowDeselect=False,
                                    )
                                    for i in range(min(columns, 50))
                                ),
                            ],
                            className="bring-form",
                            **name("setting"),
                        ),
                        html.Div(
                            [
                                _name_input(upload.name),
                                dmc.Select(
                                    id="bring-part",
                                    label="Evaluate on",
                                    data=[
                                        {"value": column, "label": f"{n:,} test images of {_split(column)}"}
                                        for column, n in splits.items()
                                    ],
                                    value=next(iter(splits), None),
                                    allowDeselect=False,
                                    className="picker",
                                ),
                                html.Div(dmc.Button("Evaluate", id="bring-evaluate")),
                            ],
                            className="bring-actions",
                        ),
                        html.Div(id="bring-queued", **aria(live="polite")),
                    ]
                ),
                html.Div(
                    [
                        html.Div(_preview(seen), id="bring-preview", **aria(live="polite")),
                        html.Div(
                            dmc.Button("Another image", id="bring-another", variant="default"),
                            className="bring-actions",
                        ),
                    ]
                ),
            ],
            className="bring-model",
        ),
    )  # fmt: skip


@callback(
    Output("bring-preview", "children"),
    Input({"bring": ALL}, "value"),
    Input({"bring-class": ALL}, "value"),
    Input("bring-another", "n_clicks"),
    State("bring-upload", "data"),
    prevent_initial_call=True,
)
def show_preview(
    values: list[Any], classes: list[str | None], clicks: int | None, token: str
) -> Any:
    """The form changed: look at the image again."""
    upload = data.find_upload(token)
    if upload is None:
        return no_update
    try:
        return _preview(data.preview_model(upload, _reading(values, classes), clicks or 0))
    except InputError as error:
        return _refused(str(error))


@callback(
    Output("bring-queued", "children"),
    Output("bring-clock", "disabled"),
    Input("bring-evaluate", "n_clicks"),
    State({"bring": ALL}, "value"),
    State({"bring-class": ALL}, "value"),
    State("bring-upload", "data"),
    State("bring-name", "value"),
    State("bring-part", "value"),
    prevent_initial_call=True,
)
def start(
    clicks: int | None,
    values: list[Any],
    classes: list[str | None],
    token: str,
    run: str | None,
    part: str | None,
) -> Any:
    """Queue the evaluation."""
    if not clicks:
        return no_update, no_update
    upload = data.find_upload(token)
    if upload is None:
        return _refused("This upload is no longer here; drop the file again."), no_update
    try:
        reading = _reading(values, classes)
        data.start_evaluation(upload, reading, (run or "").strip(), part or "split")
    except InputError as error:
        return _refused(str(error)), no_update
    return empty("It is being evaluated", "Its progress is below; you may leave this page."), False


def _reading(values: list[Any], classes: list[str | None]) -> Reading:
    """The form as it stands; its controls in the order of the page.

    Raises:
        InputError: something is not chosen.
    """
    size, channels, order, scaling, output, meaning = values
    if not isinstance(size, int) or None in (channels, order, scaling, output, meaning):
        raise InputError("Fill in how the model is read: the side in pixels is a whole number.")
    chosen = [one for one in classes if one]
    if len(chosen) < len(classes) or len(set(chosen)) < len(chosen):
        raise InputError("Give each output a class of its own.")
    return Reading(size, int(channels), order, scaling, int(output), meaning, chosen)


def _preview(seen: data.ModelPreview) -> Component:
    what = "A test image" if seen.is_test_image else "A synthetic slice"
    if seen.probabilities is None:
        answer: Component = _refused(seen.fault or "It gave no answer.")
    else:
        classes = sorted(seen.probabilities)
        top = max(seen.probabilities, key=lambda known: (seen.probabilities or {})[known])
        answer = html.Div(
            [
                html.P(f"It says {top}, {percent(seen.probabilities[top])}."),
                probability_bars(seen.probabilities, class_colours(classes, classes[0])),
            ],
            **no_interval("It is about one image, so it has no interval."),
        )
    side = seen.reading.size_px
    return html.Div(
        [
            html.Img(
                src=figures.png_uri(seen.square_png), alt=f"{what}, as the model gets it", width=360
            ),
            html.P(
                f"{what}, as the model gets it: {side} × {side} pixels.",
                className="note",
                **name("size"),
            ),
            answer,
        ],
        className="bring-seen",
    )


# Evaluations in the background


@callback(
    Output("bring-jobs", "children"),
    Output("bring-clock", "disabled", allow_duplicate=True),
    Input("bring-clock", "n_intervals"),
    Input("bring-clock", "disabled"),
    Input({"job": ALL, "do": "cancel"}, "n_clicks"),
    Input({"job": ALL, "do": "retry"}, "n_clicks"),
    prevent_initial_call=True,
)
def follow(
    _ticks: int | None, _disabled: bool, cancels: list[int | None], retries: list[int | None]
) -> Any:
    """Time has passed, or somebody wants an end or another try."""
    cause = ctx.triggered_id
    if isinstance(cause, dict) and any([*cancels, *retries]):
        act = data.cancel_job if cause["do"] == "cancel" else data.retry_job
        try:
            act(int(cause["job"]))
        except InputError as error:
            return _jobs_wait(str(error)), no_update
    shown, quiet = _jobs()
    return shown, quiet


def _jobs() -> tuple[Children, bool]:
    """The latest evaluations, and whether none of them goes on."""
    try:
        latest = data.latest_jobs()
    except InputError as error:
        return _jobs_wait(str(error)), True
    if not latest:
        return None, True
    fault = data.jobs_fault()
    rows = [
        [_job_name(job), str(job.work.get("file", "")), _job_state(job), _job_actions(job)]
        for job in latest
    ]
    quiet = all(job.state not in jobs.UNFINISHED for job in latest)
    return section(
        "Evaluations",
        None if fault is None else _jobs_wait(fault),
        html.Div(
            table(["Run", "Model file", "State", "Do"], rows, caption="Evaluations of models"),
            **no_interval(_COUNTED),
        ),
    ), quiet


def _job_name(job: jobs.Job) -> Children:
    if job.state == jobs.DONE:
        return dcc.Link(job.name, href=f"/evaluate?run={job.name}")
    return job.name


def _job_state(job: jobs.Job) -> Component:
    parts: list[Children] = [html.Span(_STATES[job.state])]
    if job.state == jobs.RUNNING and job.total:
        parts.append(html.Small(f"{job.done:,} of {job.total:,} images"))
        share = 100 * job.done / job.total
        parts.append(html.Span(html.Span(style={"width": f"{share:.0f}%"}), className="job-bar"))
    if job.told:
        parts.append(html.Small(job.told))
    return html.Span(parts, className="stacked")


def _job_actions(job: jobs.Job) -> Component:
    do, words = ("cancel", "Cancel") if job.state in jobs.UNFINISHED else ("retry", "Try again")
    if job.state == jobs.DONE:
        return html.Span("–")
    return html.Span(
        dmc.Button(
            words,
            id={"job": job.id, "do": do},
            size="xs",
            variant="default",
            **aria(label=f"{words}: {job.name}"),
        ),
        className="job-actions",
    )


def _name_input(file: str) -> Component:
    stem = "".join(c if c.isalnum() or c in "._-" else "-" for c in file.rsplit(".", 1)[0])
    return dmc.TextInput(
        id="bring-name",
        label="Name of the run",
        value=stem.strip("._-")[:64] or "my-run",
        className="picker",
    )


def _select(key: str, label: str, options: dict[str, str], value: str) -> Component:
    return dmc.Select(
        id={"bring": key},
        label=label,
        data=[{"value": v, "label": text} for v, text in options.items()],
        value=value,
        allowDeselect=False,
    )


def _split(column: str) -> str:
    return "the official split" if column == "split" else column


def _added(run: str) -> Component:
    return empty(
        f"The run {run} is on every page",
        dcc.Link("See how good it is", href=f"/evaluate?run={run}"),
        " or ",
        dcc.Link("compare it", href="/compare"),
        ".",
    )


def _jobs_wait(sentence: str) -> Component:
    return _refused(sentence, title="Evaluations have to wait")


def _refused(sentence: str, file: str | None = None, *, title: str | None = None) -> Component:
    return dmc.Alert(
        html.Span(sentence, **no_interval("It says what is wrong; nothing is estimated.")),
        title=title or ("This cannot be used" if file is None else f"{file} cannot be used"),
        color="orange",
        variant="light",
        className="empty",
    )
>>>>>>> queue
