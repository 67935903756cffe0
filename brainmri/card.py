"""The model card of a run in Markdown (Mitchell et al. 2019): its use, its figures, its failures.

Every figure is computed from the run's files, so the same files give the same card.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from brainmri import card_parts, splits
from brainmri.index import ImageIndex
from brainmri.runs import Run


def render(models: Path, name: str) -> str:
    """The model card of the run `name`, Markdown.

    Raises:
        InputError: there is no such run, or it has no predictions, or a file cannot be used.
    """
    sections = card_parts.sections(models, card_parts.sources(models, name, count_parts))
    return "\n".join(line for part in sections.values() for line in [*part, ""]).rstrip() + "\n"


def count_parts(known: ImageIndex, run: Run) -> pd.DataFrame:
    """Images of each class in each part of the split that the run was trained on."""
    return splits.counts(known, splits.assign(known, run.protocol, seed=run.seed))
