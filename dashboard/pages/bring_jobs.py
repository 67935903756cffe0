"""The part of Add a run that follows evaluations in the background."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Input, Output, callback, ctx, dcc, html, no_update
from dash.development.base_component import Component

from brainmri import jobs
from brainmri.errors import InputError
from dashboard import data
from dashboard.components import Children, aria, no_interval, section, table
from dashboard.pages.bring_parts import COUNTED, refused

_STATES = {
    jobs.QUEUED: "waiting",
    jobs.RUNNING: "running",
    jobs.DONE: "done",
    jobs.FAILED: "failed",
    jobs.CANCELLED: "cancelled",
    jobs.INTERRUPTED: "interrupted",
}


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
            return _wait(str(error)), no_update
    return part()


def part() -> tuple[Children, bool]:
    """The latest evaluations, and whether none of them goes on."""
    try:
        latest = data.latest_jobs()
    except InputError as error:
        return _wait(str(error)), True
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
        None if fault is None else _wait(fault),
        html.Div(
            table(["Run", "Model file", "State", "Do"], rows, caption="Evaluations of models"),
            **no_interval(COUNTED),
        ),
    ), quiet


def _wait(sentence: str) -> Component:
    return refused(sentence, title="Evaluations have to wait")


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
