"""The model card of a run in Markdown (Mitchell et al. 2019): its use, its figures, its failures.

Every figure is computed from the run's files, so the same files give the same card.
"""

from __future__ import annotations

from pathlib import Path

from brainmri import card_parts
from brainmri.wording import plain


def render(models: Path, name: str) -> str:
    """The model card of the run `name`, Markdown.

    Raises:
        InputError: there is no such run, or it has no predictions, or a file cannot be used.
    """
    sections = card_parts.sections(models, card_parts.sources(models, name))
    lines = [line for part in sections.values() for line in [*part, ""]]
    return plain("\n".join(lines)).rstrip() + "\n"
