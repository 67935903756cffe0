"""The section of a model card on its limits: what was found of them in this run, gathered in one place."""

from __future__ import annotations

import pandas as pd

from brainmri.card_results import SPLIT, Sources
from brainmri.evaluation import by_recall
from brainmri.markdown import share, text
from brainmri.metrics import proportion
from brainmri.wording import but_meets

_SHOWN_SOURCES = 3


def section(found: Sources) -> list[str]:
    """A line for each limit that was measured, and where the images come from."""
    measured = [
        *_memory(found),
        *_unseen(found),
        *_sets(found),
        *_sizes(found),
        *_temperature(found),
    ]
    return ["## Limits", "", *(f"- {line}" for line in [*measured, _origin(found)])]


def _memory(found: Sources) -> list[str]:
    report = found.parts[0].report
    if report.seen is None or not report.n:
        return []
    return [
        f"{report.seen:,} of {report.n:,} test images ({100 * report.seen / report.n:.1f} %, a count of all, "
        "without an interval) are near-copies of images that shaped the model."
    ]


def _unseen(found: Sources) -> list[str]:
    for part in found.parts[1:]:
        if judged := by_recall(part.report.per_class):
            worst, *others = judged
            met = but_meets(worst.recall, [one.recall for one in others])
            return [
                f"Among {part.name} {text(worst.name)} is found least often: {share(worst.recall)}{met}."
            ]
    return []


def _sets(found: Sources) -> list[str]:
    for part in found.parts[1:]:
        sets = part.trust.coverage
        held = [one for one in sets.per_class if one.coverage.value is not None] if sets else []
        if sets and held:
            worst = min(held, key=lambda one: one.coverage.value or 0.0)
            return [
                f"Conformal sets promise {100 * (1 - sets.alpha):g} % for every class; among {part.name} "
                f"they hold the true class least often for {text(worst.name)}: {share(worst.coverage)}."
            ]
    return []


def _sizes(found: Sources) -> list[str]:
    audit = found.audit
    if audit is None or audit.index_sha256 != found.run.index_sha256:
        return []
    told = audit.shortcuts
    told = told[(told["protocol"] == found.run.protocol) & (told["rows"] == SPLIT)]
    told = told[(told["features"] == "size and mode") & (told["task"] == "tumour")]
    return [
        "Width, height and mode of the picture alone, without a look at the brain, tell tumour from none: "
        f"{share(proportion(int(one['k']), int(one['n'])))} of the test images are told right."
        for one in told.to_dict("records")
    ]


def _temperature(found: Sources) -> list[str]:
    part = found.parts[0]
    before, after = part.trust.error_before.ece, part.trust.error_after
    if before.value is None or after is None or (after.ece.value or 0.0) <= before.value:
        return []
    return [
        f"The temperature did not help on {part.name}: the calibration error is {share(before)} before it "
        f"and {share(after.ece)} after it."
    ]


def _origin(found: Sources) -> str:
    who = "Who labelled the images, and how, is not known."
    if found.known is None or not found.same_index:
        return f"The image index that this run was trained with is not here. {who}"
    rows = found.known.rows
    if "source" not in rows or rows["source"].isna().all():
        return f"The image index names no source of the images. {who}"
    by_class = [
        f"{text(name)} {_sources(rows.loc[rows['label'] == name, 'source'])}"
        for name in found.known.classes
    ]
    return f"Sources that the image index names, in images: {'; '.join(by_class)}. {who}"


def _sources(named: pd.Series[str]) -> str:
    """The most frequent sources of some images with their counts."""
    counts = named.astype("string").fillna("not named").value_counts()
    said = [f"{text(source)} {n:,}" for source, n in counts.iloc[:_SHOWN_SOURCES].items()]
    if rest := int(counts.iloc[_SHOWN_SOURCES:].sum()):
        said.append(f"others {rest:,}")
    return ", ".join(said)
