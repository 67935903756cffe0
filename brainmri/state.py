"""Where the dashboard keeps what is in the making: uploads, jobs, the secret of its sign-in."""

from __future__ import annotations

import os
from pathlib import Path

STATE = "BRAINMRI_STATE"


def place(models: Path) -> Path:
    """The environment variable BRAINMRI_STATE, or a hidden folder beside the runs; it may be missing."""
    given = os.environ.get(STATE)
    return Path(given) if given else models / ".state"


def folder(models: Path) -> Path:
    """That folder, made when missing. Only the user who runs the dashboard may look into it."""
    path = place(models)
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path
