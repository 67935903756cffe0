"""The model card of a run in Markdown (Mitchell et al. 2019): its use, its figures, its failures.

Every figure is computed from the run's files, so the same files give the same card.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from brainmri import card_parts, corrected, manifests, splits
from brainmri.index import ImageIndex
from brainmri.manifests import Manifest
from brainmri.runs import Run


def render(models: Path, name: str) -> str:
    """The model card of the run `name`, Markdown.

    Raises:
        InputError: there is no such run, or it has no predictions, or a file cannot be used.
    """
    sections = card_parts.sections(models, card_parts.sources(models, name, count_parts))
    return "\n".join(line for part in sections.values() for line in [*part, ""]).rstrip() + "\n"


def count_parts(models: Path, known: ImageIndex, run: Run) -> pd.DataFrame:
    """Images of each class in each part of the split that the run was trained on.

    Training and validation images by the labels that it was trained with, test images by those that
    its figures are by: with the last corrections.

    Raises:
        InputError: the corrections cannot be used.
    """
    part = splits.assign(known, run.protocol, seed=run.seed)

    def by(manifest: Manifest | None) -> pd.DataFrame:
        right = (known, part) if manifest is None else corrected.put_right(known, part, manifest)
        return splits.counts(*right)

    trained, reported = by(manifests.learned(models, run)), by(manifests.latest(models))
    return trained.assign(test=reported["test"])
