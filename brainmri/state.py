"""Where the dashboard keeps what is in the making: uploads, jobs, the secret of its sign-in."""

from __future__ import annotations

import os
from pathlib import Path

STATE = "BRAINMRI_STATE"


def folder(models: Path) -> Path:
    """The environment variable BRAINMRI_STATE, or a hidden folder beside the runs; made when missing.

    Only the user who runs the dashboard may look into it.
    """
    given = os.environ.get(STATE)
    path = Path(given) if given else models / ".state"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path
