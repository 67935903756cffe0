"""What a model card is made of, and its sections that describe: use, data, shortcuts, training, files.

Neither this nor `report` needs scikit-learn, so the dashboard makes the same of them as the command line.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import brainmri
from brainmri import (
    audit_tables,
    card_limits,
    embedding,
    index,
    part_counts,
    quality,
    results,
    runs,
)
from brainmri.card_results import (
    SPLIT,
    Sources,
    calibration_section,
    failures,
    part_of,
    results_section,
)
from brainmri.errors import InputError
from brainmri.files import sha256
from brainmri.markdown import code, listed, share, table, text
from brainmri.metrics import Estimate, proportion
from brainmri.runs import Run


def sources(models: Path, name: str) -> Sources:
    """Everything that the card of the run `name` is written from.

    Args:
        models: folder with the results.
        name: of the run.

    Raises:
        InputError: there is no such run, or it has no predictions, or a file cannot be used.
    """
    found = results.load(models, name)
    if found.run is None:
        raise InputError(
            f'"{name}" is a table of another tool; a model card needs the run.json that `train` writes.'
        )
    run, scored = found.run, found.predictions
    known = results.known_images(models)
    groups = results.groups(scored, known)
    parts = [part_of("all test images", run, scored, groups)]
    if scored.seen is not None:
        unseen = ~scored.seen
        parts.append(part_of("unseen test images", run, scored.where(unseen), groups[unseen]))
    audited = (models / "dataset" / audit_tables.FOLDER).is_dir()
    same = known is not None and sha256(index.path(models)) == run.index_sha256
    return Sources(
        run=run,
        predictions=scored,
        groups=groups,
        known=known,
        same_index=same,
        counts=part_counts.of_run(models, known, run, scored)
        if known is not None and same
        else None,
        audit=audit_tables.read(models / "dataset") if audited else None,
        parts=parts,
        labels=found.labels,
    )


def sections(models: Path, found: Sources) -> dict[str, list[str]]:
    """Lines of Markdown of each section, in their order."""
    return {
        "use": _use(found.run),
        "results": results_section(found),
        "failures": failures(found),
        "calibration": calibration_section(found),
        "data": _data(found),
        "shortcuts": _shortcuts(found),
        "limits": card_limits.section(found),
        "training": _training(found.run),
        "files": _files(models, found),
    }


def _use(run: Run) -> list[str]:
    tumours = [name for name in run.classes if name != run.negative_class]
    return [
        f"# Model card: {run.name}",
        "",
        "**This assists; it does not diagnose.**",
        "",
        "## Intended use",
        "",
        f"- Given one slice of a brain MRI, says how probable each of {len(run.classes)} classes is: "
        f"{listed(tumours)}, or {text(run.negative_class)} (no tumour).",
        "- For research and teaching, and for the question how far such a model can be trusted.",
        f'- The mistake to fear is a missed tumour (answer "{text(run.negative_class)}", truth another '
        "class); missed tumours come first below.",
        "",
        "Not for:",
        "",
        "- diagnosis, triage, or any decision about a patient: it is no medical device, and nobody has "
        "tested it on patients of a hospital;",
        "- other diseases, other organs, other imaging, whole volumes, or tumour classes that it was not "
        "taught: it knows no answer but the classes above;",
        "- images unlike those it was tested on: the figures below do not hold for them.",
    ]


def _data(found: Sources) -> list[str]:
    run = found.run
    lines = ["## Data and protocol", "", f'Split "{text(run.protocol)}", seed {run.seed}.', ""]
    if found.counts is not None:
        counts = found.counts
        lines += table(
            ["Class", *counts.columns],
            [
                [text(str(name)), *(f"{n:,}" for n in row)]
                for name, *row in counts.itertuples(name=None)
            ],
        )
    else:
        why = "There is no image index here"
        if found.known is not None:
            why = "There is another image index here"
        if found.same_index:
            why = "The predictions lack some of its images"
        lines += [f"{why}, so classes cannot be counted.", ""]
        lines += table(["Part", "Images"], [[part, f"{n:,}"] for part, n in run.images.items()])
    lines += [
        "",
        "Train adapts the weights, val chooses the epoch and sets thresholds, test is only counted.",
    ]
    if found.by_readers:
        here = (
            "test counts by the corrected labels, train and val by those that the run was trained with"
            if found.counts is not None
            else "images count as they did when the run was trained"
        )
        lines += ["", f"{found.by_readers} Here {here}."]
    return lines


def _shortcuts(found: Sources) -> list[str]:
    lines = ["## What the data give away", ""]
    audit = found.audit
    if audit is None:
        return [
            *lines,
            "No audit is stored; `python -m brainmri audit DATA` looks for shortcuts and leaks.",
        ]
    if audit.index_sha256 != found.run.index_sha256:
        return [
            *lines,
            "The stored audit is of another image index than this run was trained with.",
        ]
    if found.by_readers:
        lines += ["The audit is of the images and labels before these corrections.", ""]
    protocol = found.run.protocol

    def mine(of: pd.DataFrame) -> pd.DataFrame:
        return of[of["protocol"] == protocol]

    small = mine(audit.shortcuts)
    if small.empty:
        lines += [f'The audit has nothing on the split "{text(protocol)}".', ""]
    else:
        small = small[small["rows"] == SPLIT].set_index(["features", "task"])
        tasks = list(small.index.get_level_values("task").unique())
        lines += [
            "What small models get right on the test images without looking at the brain:",
            "",
        ]
        lines += table(
            ["They see", "Class", "Tumour or none"],
            [
                [str(name), *(share(proportion(int(small.loc[(name, task), "k"]),
                                                int(small.loc[(name, task), "n"])))
                              for task in tasks)]
                for name in small.index.get_level_values("features").unique()
            ],
        )  # fmt: skip
        lines.append("")
    compared = mine(audit.drift)
    told = compared[(compared["statistic"] == audit_tables.AUC) & compared["label"].isna()]
    for one in told.to_dict("records"):
        area = Estimate(one["value"], one["low"], one["high"], int(one["test_images"]))
        lines += [
            f"How well the {text(one['property'])} tell test from training images (area under the ROC curve; "
            f"50 % is not at all): {share(area)}.",
            "",
        ]
    flags = [f"{int(audit.quality[f].sum()):,} {f.replace('_', ' ')}" for f in quality.FLAGS]
    conflicts = audit.label_conflicts["path"].nunique()
    return [
        *lines,
        f"Labels that a near-duplicate or a metadata column contradicts: {conflicts:,} of "
        f"{len(audit.quality):,} images. Far from the rest: {', '.join(flags)}.",
    ]


def _training(run: Run) -> list[str]:
    settings = {
        "architecture": run.architecture,
        "seed": run.seed,
        **run.preprocessing,
        **run.configuration,
    }
    lines = ["## Training", ""]
    lines += table(["Setting", "Value"], [[text(k), text(v)] for k, v in settings.items()])
    for number, (best, history) in enumerate(zip(run.best_epochs, run.histories, strict=False)):
        right = proportion(round(best["val_accuracy"] * run.images["val"]), run.images["val"])
        of = f"Network {number + 1} of {run.members}: epoch" if run.members > 1 else "Epoch"
        lines += ["", f"{of} {best['epoch']:.0f} of {len(history)} had the lowest validation loss "
                  f"({best['val_loss']:.3f}; training {best['train_loss']:.3f}) and is the one kept; right "
                  f"on the validation images: {share(right)}."]  # fmt: skip
    return lines


def _files(models: Path, found: Sources) -> list[str]:
    run = found.run
    folder = models / run.name
    rows = [["model.onnx", run.model_sha256], ["index.parquet", run.index_sha256]]
    rows += [
        [name, sha256(folder / name)]
        for name in (runs.RUN_FILE, runs.PREDICTIONS_FILE, runs.EMBEDDING_FILE, runs.LOOK_FILE)
        if (folder / name).is_file()
    ]
    space = embedding.read(models, run)
    return [
        "## Files and versions",
        "",
        *table(["File", "SHA-256"], [[name, code(digest)] for name, digest in rows]),
        "",
        embedding.describe(space) if space else embedding.NOT_YET,
        "",
        f"Trained {run.created} with {listed([f'{k} {v}' for k, v in run.versions.items()])}. "
        f"Card by brainmri {brainmri.__version__}.",
    ]
