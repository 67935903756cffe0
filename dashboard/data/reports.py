"""The report of a run, and what the runs are at the moment."""

from __future__ import annotations

import hashlib
from pathlib import Path
from threading import Lock

from brainmri import printing, runs
from brainmri.errors import InputError
from dashboard.data.files import cached, models_folder, run_stamp
from dashboard.data.runs import MOST_IN_MEMORY, RunView, fault_of, named_run

REPORT_KINDS = ("html", "pdf")
"""What a report can be had as."""


def run_states() -> dict[str, str]:
    """A fingerprint of the files of every run with predictions; only the file system is asked.

    What can be no run by its name is none here either, since no page shows it: pages list it with that fault.
    """
    folder = models_folder()
    return {
        path.name: hashlib.sha256(repr(run_stamp(folder, path.name)).encode()).hexdigest()[:16]
        for path in runs.folders(folder)
        if (path / runs.PREDICTIONS_FILE).exists() and _can_be_named(path)
    }


def _can_be_named(folder: Path) -> bool:
    """Whether a folder has a name that its run can have; a table of another tool may have any."""
    if not (folder / runs.RUN_FILE).exists():
        return True
    try:
        runs.check_name(folder.name)
    except InputError:
        return False
    return True


def has_report(view: RunView) -> bool:
    """Whether a report of the run can be made here: it needs run.json and the single predictions."""
    return view.run is not None and view.in_memory


def report_html(name: str) -> str | None:
    """The report of a run as one HTML page; None where there is no run of that name.

    Raises:
        InputError: there is one, and no report of it can be made.
    """
    view = named_run(name)
    if view is None:
        return None
    if view.run is None:
        raise InputError(
            f"{name} is a table of another tool, which does not say how its model was made, so there is no "
            "report of it. Its figures are on Evaluate and Compare, which can be printed."
        )
    if not view.in_memory:
        raise InputError(
            f"{name} has more than {MOST_IN_MEMORY:,} predictions; write its report with `python -m "
            f"brainmri report --run {name} --out report.html`."
        )
    # The figures of other runs of the same model are in it too.
    return _report(str(models_folder()), name, tuple(sorted(run_states().items())))


def why_no_report(name: str, kind: str) -> str:
    """Why there is no report of that name and kind (REPORT_KINDS), a sentence; empty where there is one."""
    try:
        made = report_html(name) if kind == "html" else report_pdf(name)
    except InputError as error:
        return str(error)
    if made is not None:
        return ""
    fault = fault_of(name)
    if fault is not None:
        return f"The run “{name}” cannot be shown, so there is no report of it: {fault}"
    return f"There is no run “{name}” here, so there is no report of it."


def can_print() -> bool:
    """Whether reports can be had as PDF here: it takes a Chromium on the machine that serves."""
    return printing.browser() is not None


def report_pdf(name: str) -> bytes | None:
    """The report of a run as PDF; None where there is no run of that name.

    Raises:
        InputError: as `report_html` and `printing.pdf`.
    """
    page = report_html(name)
    if page is None:
        return None
    with _ONE_AT_A_TIME:  # A browser takes more memory than all the rest.
        return _printed(page)


_ONE_AT_A_TIME = Lock()


@cached(8)
def _printed(page: str) -> bytes:
    return printing.pdf(page)


@cached(8)
def _report(models: str, name: str, states: tuple[tuple[str, str], ...]) -> str:
    # Asked for rarely, and nothing else needs what it imports: serving starts without it.
    from brainmri import report

    return report.render(Path(models), name)
