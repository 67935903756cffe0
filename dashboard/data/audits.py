"""What an audit found, and how the runs compare with the shortcuts that it tried."""

from __future__ import annotations

from pathlib import Path

from brainmri import audit_tables, evaluation, index
from brainmri.choice import merit
from brainmri.errors import InputError
from brainmri.files import sha256
from dashboard import audit_lists
from dashboard.data.dataset import image_index
from dashboard.data.files import Stamp, cached, models_folder, stamp, without_folder
from dashboard.data.runs import RunView, list_runs, report
from dashboard.findings import Findings, Told


def audit_findings() -> Findings | None:
    """What the last audit found, or None when there is no audit or no index yet.

    Raises:
        InputError: a table is damaged, or the audit is about another index than the one here.
    """
    models = models_folder()
    folder = models / "dataset" / audit_tables.FOLDER
    if image_index() is None or not folder.is_dir():
        return None
    tables = [folder / f"{name}.parquet" for name in audit_tables.TABLES]
    return _findings(str(models), stamp(index.path(models), *tables))


def usable_audit() -> Findings | None:
    """As `audit_findings`, but None for an audit that cannot be shown."""
    try:
        return audit_findings()
    except InputError:
        return None


def audit_csv(name: str) -> str | None:
    """One list of the audit as CSV; None without a usable audit, or for an unknown name."""
    found = usable_audit()
    return None if found is None else audit_lists.csv(found, name)


def told_by_runs(protocol: str) -> list[Told]:
    """How often each run of a protocol is right on its test images, best first."""
    shown, _ = list_runs()
    views = [
        view
        for view in shown
        if view.run is not None and view.run.protocol == protocol and "test" in view.splits
    ]
    return [_told(view) for view in sorted(views, key=merit, reverse=True)]


@cached(64)
def _told(view: RunView) -> Told:
    counted, negative = view.tallies.of["test"], view.classes.index(view.negative_class)
    unseen = counted.unseen_per_group
    return Told(
        name=view.name,
        model=view.architecture,
        is_run=True,
        classes=report(view, "test").accuracy,
        tumour=evaluation.tumour_accuracy(counted.per_group, negative),
        unseen_classes=None if unseen is None else report(view, "test", unseen=True).accuracy,
        unseen_tumour=None if unseen is None else evaluation.tumour_accuracy(unseen, negative),
    )


@cached(2)
def _findings(models: str, stamp: Stamp) -> Findings:
    with without_folder(models):
        tables = audit_tables.read(Path(models) / "dataset")
    if tables.index_sha256 != sha256(index.path(Path(models))):
        raise InputError(
            "The audit here is about another index than index.parquet (their SHA-256 differ); run "
            "`python -m brainmri audit DATA` again."
        )
    known = image_index()
    if known is None:
        raise InputError("The image index is gone; run `python -m brainmri index DATA` again.")
    return Findings(tables, known)
