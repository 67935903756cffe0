"""What each route and each callback is for: the one table that sign-in asks.

Everything that is not in it is for maintainers only, and tests/dashboard/test_sign_in.py names it.
"""

from __future__ import annotations

from brainmri.accounts import CLINICIAN, MAINTAINER, VIEWER

PATHS = (
    ("/_dash-", VIEWER),
    ("/_reload-hash", VIEWER),
    ("/_favicon.ico", VIEWER),
    ("/assets/", VIEWER),
    ("/static/", VIEWER),
    ("/image/", VIEWER),
    ("/pieces/", VIEWER),
    ("/download/", VIEWER),
    ("/example/", VIEWER),
    ("/report/", VIEWER),
    ("/state", VIEWER),
    ("/api/openapi.json", VIEWER),
    ("/api/predict", CLINICIAN),
    ("/api/", VIEWER),  # Nothing is there; that is said in JSON.
    ("/predict", CLINICIAN),
    ("/review", CLINICIAN),  # What they said themselves; the queue is for maintainers.
    ("/kept", CLINICIAN),  # Its name is the hash of its content.
    ("/bring", MAINTAINER),
)
"""Beginnings of addresses, the first that fits."""

MODULES = {
    "dash": VIEWER,
    "dashboard.pages.leaderboard": VIEWER,
    "dashboard.pages.images": VIEWER,
    "dashboard.pages.leakage": VIEWER,
    "dashboard.pages.shortcuts": VIEWER,
    "dashboard.pages.quality": VIEWER,
    "dashboard.pages.evaluate": VIEWER,
    "dashboard.pages.trust": VIEWER,
    "dashboard.pages.weak_spots": VIEWER,
    "dashboard.pages.compare": VIEWER,
    "dashboard.pages.balance": VIEWER,
    "dashboard.pages.browse": VIEWER,
    "dashboard.pages.changed": VIEWER,
    "dashboard.pages.curves": VIEWER,
    "dashboard.pages.gallery": VIEWER,
    "dashboard.pages.image_panel": VIEWER,
    "dashboard.pages.predict_before": CLINICIAN,
    "dashboard.pages.correct": CLINICIAN,
    "dashboard.pages.review": MAINTAINER,
    "dashboard.pages.review_said": CLINICIAN,
    "dashboard.pages.review_agreed": MAINTAINER,
    "dashboard.pages.review_promoted": MAINTAINER,
    "dashboard.pages.bring": MAINTAINER,
    "dashboard.pages.bring_table": MAINTAINER,
    "dashboard.pages.bring_model": MAINTAINER,
    "dashboard.pages.bring_jobs": MAINTAINER,
}
"""Modules that callbacks are in; one inside a package that is named counts as that."""


def of_path(path: str, pages: frozenset[str]) -> str:
    """The role that an address is for; `pages` are those of the dashboard, which all may see."""
    for start, role in PATHS:
        if path.startswith(start):
            return role
    return VIEWER if path in pages else MAINTAINER


def of_module(module: str) -> str:
    """The role that the callbacks of a module are for."""
    while module:
        if module in MODULES:
            return MODULES[module]
        module = module.rpartition(".")[0]
    return MAINTAINER
