"""What each command does: calls the library with its options and prints what came of it."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from brainmri.errors import InputError

DONE, FAILED, SKIPPED_SOME = 0, 1, 3
"""Exit codes; `cli` adds those of a command that did not come to its end."""
_SHOWN = 20


def index(options: argparse.Namespace) -> int:
    """`python -m brainmri index`."""
    from brainmri import index

    report = index.build(
        options.data,
        options.models,
        metadata=options.metadata,
        negative=options.negative,
        processes=options.processes,
        quiet=options.quiet,
    )
    rows = report.index.rows
    print(
        f"Indexed {len(rows):,} images in {len(report.index.classes)} classes: {report.read_again:,} "
        f"read, {report.unchanged:,} unchanged."
    )
    counts = rows.groupby(["split", "label"], dropna=False).size().reset_index(name="count")
    for split, label, count in counts.itertuples(index=False, name=None):
        print(f"  {split if isinstance(split, str) else 'no split':8} {label:14} {count:7,}")
    clusters = rows["cluster"].nunique()
    print(f"  {clusters:,} clusters of near-duplicates (mirrored copies counted as copies)")
    if report.without_metadata:
        print(f"{report.without_metadata:,} images have no row in {options.metadata}.")
    if report.ignored:
        print(f"Passed over {len(report.ignored):,} files that are not images in a class folder:")
        _list(report.ignored)
    if report.unreadable:
        print(f"Could not read {len(report.unreadable):,} images; they are left out:")
        _list([f"{path}: {reason}" for path, reason in report.unreadable])
        return SKIPPED_SOME
    return DONE


def audit(options: argparse.Namespace) -> int:
    """`python -m brainmri audit`."""
    from brainmri import audit, index, quality, shortcuts

    tables = audit.run(
        options.data, options.models, processes=options.processes, quiet=options.quiet
    )
    rows = index.read(index.path(options.models)).rows
    shares = shortcuts.shares_right(tables.shortcut_answers, rows)
    for protocol, found in tables.shortcuts.groupby("protocol", sort=False):
        print(f"Without looking at the brain, right on test images of the {protocol} split:")
        for name in found["features"].unique():
            right = []
            for task, what in (("class", "class"), ("tumour", "tumour or none")):
                share = shares[str(protocol), name, task]
                right.append(f"{what} {share.value:6.1%} ({share.low:.1%}-{share.high:.1%})")
            print(f"  {name:26} {', '.join(right)}")
    for protocol, counts in tables.leakage.groupby("protocol", sort=False):
        of_test = counts[counts["part"] == "test"]
        copies = int(of_test[["exact", "near", "mirrored"]].sum().sum())
        print(
            f"Split {protocol}: {copies:,} of {of_test['images'].sum():,} test images have a "
            "near-duplicate among the images that shape a model."
        )
    flags = {flag: int(tables.quality[flag].sum()) for flag in quality.FLAGS}
    said = ", ".join(f"{count:,} {flag.replace('_', ' ')}" for flag, count in flags.items())
    print(f"Far from the rest of {len(tables.quality):,} images: {said}")
    conflicts = tables.label_conflicts
    print(
        f"A near-duplicate or a metadata column contradicts {conflicts['path'].nunique():,} labels."
    )
    said_of = conflicts[["path", "kind", "says"]].itertuples(index=False)
    _list([f"{path} ({kind}: {says})" for path, kind, says in said_of])
    return DONE


def split(options: argparse.Namespace) -> int:
    """`python -m brainmri split`."""
    from brainmri import index, leakage, splits

    if options.by is not None and options.split not in (None, splits.AUTO):
        raise InputError("--by belongs to the automatic split; leave --split out, or --by.")
    protocol = options.split or (splits.OFFICIAL if options.by is None else splits.AUTO)
    if options.by is not None:
        protocol = f"{splits.AUTO}:{options.by}"
    table = index.read(index.path(options.models))
    part = splits.assign(table, protocol, seed=options.seed)
    leak = splits.leak_sentence(protocol, leakage.leaks(table, part))
    if leak and options.out is not None and not options.allow_leaks:
        raise InputError(f"{leak}; --allow-leaks writes it all the same.")
    counts = splits.counts(table, part)
    print(f'Split "{protocol}", seed {options.seed}: {len(part):,} images.')
    print(f"  {'':14}" + "".join(f"{name:>8}" for name in counts.columns))
    for label, *numbers in counts.itertuples(name=None):
        print(f"  {label:14}" + "".join(f"{number:8,}" for number in numbers))
    for column in splits.grouped_by(protocol) or []:
        if unknown := int(table.rows[column].isna().sum()):
            print(f"{unknown:,} images have no {column}; only their cluster is kept whole.")
    if leak:
        print(f"{leak}.")
    else:
        print("No copies: no validation or test image has a near-duplicate, mirrored ones counted, among "
              "the images that shape the model.")  # fmt: skip
    if options.out is not None:
        splits.write(options.out, table, part)
        print(f"Wrote {options.out}, a metadata table whose column {splits.PART} is this split.")
    if options.data is not None:
        again = f"--split {shlex.quote(protocol)} --seed {options.seed}"
        again += " --allow-leaks" if leak else ""
        print(f"Next: python -m brainmri train {options.data} --model cnn --run NAME {again}"
              f"{_models(options)}")  # fmt: skip
    return DONE


def train(options: argparse.Namespace) -> int:
    """`python -m brainmri train`."""
    from brainmri.training import distributed, train

    run = train.train(
        options.data,
        options.models,
        model=options.model,
        name=options.run,
        protocol=options.split,
        allow_leaks=options.allow_leaks,
        epochs=options.epochs,
        size_px=options.size_px,
        seed=options.seed,
        resume=options.resume,
        quiet=options.quiet,
    )
    if not distributed.world().leads:
        return DONE
    if best := run.best_epoch:
        print(
            f"Trained {run.name}: epoch {best['epoch']:.0f} of {len(run.history)} was best, with "
            f"{best['val_accuracy']:.1%} of {run.images['val']:,} validation images right."
        )
    else:
        print(f"Trained {run.name} on {run.images['train']:,} images.")
    print(f"Next: python -m brainmri predict {options.data} --run {run.name}{_models(options)}")
    return DONE


def predict(options: argparse.Namespace) -> int:
    """`python -m brainmri predict`."""
    from brainmri import embedding, scoring, trust

    scored = scoring.score(
        options.images, options.models, options.run, out=options.out, quiet=options.quiet
    )
    table = scored.predictions
    if len(table.paths) <= _SHOWN:
        for path, row in zip(table.paths, scored.y_prob, strict=True):
            print(path)
            for name, probability in sorted(
                zip(table.classes, row, strict=True), key=lambda x: -x[1]
            ):
                print(f"  {name:14} {probability:7.2%}")
    if scored.out is not None:
        print(f"Scored {len(table.paths):,} images into {scored.out}.")
    if scored.own:
        print(trust.describe(scored.fit))
        print(embedding.describe(scored.space) if scored.space else scored.lacking)
    print("This assists; it does not diagnose.")
    if scored.unreadable:
        print(f"Could not read {len(scored.unreadable):,} images; they are left out:")
        _list([f"{path}: {reason}" for path, reason in scored.unreadable])
        return SKIPPED_SOME
    return DONE


def check(options: argparse.Namespace) -> int:
    """`python -m brainmri check`."""
    from brainmri import gate, results

    found = results.load(options.models, options.run)
    table = found.predictions
    requirements = [gate.parse(text, table.classes) for text in options.require]
    groups = results.groups(table, results.known_images(options.models))
    judged = gate.judge(
        requirements,
        table,
        split=options.split,
        negative=found.negative_class,
        groups=groups,
        unseen=options.unseen,
    )
    unseen = " without a near-copy in training" if options.unseen else ""
    print(f"{options.run} on its {options.split} images{unseen}:")
    for one in judged:
        print(f"  {gate.in_words(one)}")
    failed = sum(not one.holds for one in judged)
    print(f"{failed:,} of {len(judged):,} requirements fail." if failed else "All hold.")
    return FAILED if failed else DONE


def card(options: argparse.Namespace) -> int:
    """`python -m brainmri card`."""
    from brainmri import card
    from brainmri.files import write_atomically

    text = card.render(options.models, options.run)
    if options.out is None:
        print(text, end="")
        return DONE
    write_atomically(options.out, lambda to: to.write_text(text, encoding="utf-8"))
    print(f"Wrote {options.out}, the model card of {options.run}.")
    return DONE


def demo(options: argparse.Namespace) -> int:
    """`python -m brainmri demo`."""
    from brainmri import demo

    demo.run(options.folder, quiet=options.quiet)
    print(f"Open it with: python -m dashboard --models {options.folder / 'models'} "
          f"--data {options.folder / 'data'}")  # fmt: skip
    return DONE


def _list(lines: list[str]) -> None:
    for line in lines[:_SHOWN]:
        print(f"  {line}")
    if len(lines) > _SHOWN:
        print(f"  and {len(lines) - _SHOWN:,} more")


def _models(options: argparse.Namespace) -> str:
    return "" if options.models == Path("models") else f" --models {options.models}"
