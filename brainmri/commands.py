"""What each command does: calls the library with its options and prints what came of it."""

from __future__ import annotations

import argparse
import json
import shlex
from collections import Counter
from dataclasses import replace
from pathlib import Path

from brainmri.console import (
    DONE,
    FAILED,
    REFUSED,
    SHOWN,
    SKIPPED_SOME,
    UNANSWERED,
    models_option,
    print_list,
)
from brainmri.errors import ImageError, InputError
from brainmri.wording import counted, plain


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
    kinds = report.table.select(["split", "label"]).to_pydict()
    images = Counter(zip(kinds["split"], kinds["label"], strict=True))
    print(
        f"Indexed {counted(len(report.table), 'image')} in {len(set(kinds['label']))} classes: "
        f"{report.read_again:,} read, {report.unchanged:,} unchanged."
    )
    # Images without a split last.
    for (split, label), count in sorted(images.items(), key=lambda x: (x[0][0] is None, x[0])):
        print(f"  {split or 'no split':8} {label:14} {count:7,}")
    clusters = len(report.table["cluster"].unique())
    of_copies = counted(clusters, "cluster of near-duplicates", "clusters of near-duplicates")
    print(f"  {of_copies} (mirrored copies counted as copies)")
    if report.without_metadata:
        lacking = counted(report.without_metadata, "image has", "images have")
        print(f"{lacking} no row in {options.metadata}.")
    if report.ignored:
        files = counted(len(report.ignored), "file that is not an image in a class folder",
                        "files that are not images in a class folder")  # fmt: skip
        print(f"Passed over {files}:")
        print_list(report.ignored)
    return _left_out(report.unreadable)


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
        "A near-duplicate or a metadata column contradicts "
        f"{counted(conflicts['path'].nunique(), 'label')}."
    )
    said_of = conflicts[["path", "kind", "says"]].itertuples(index=False)
    print_list([f"{path} ({kind}: {says})" for path, kind, says in said_of])
    return DONE


def split(options: argparse.Namespace) -> int:
    """`python -m brainmri split`."""
    from brainmri import index, leakage, part_counts, splits

    if options.by is not None and options.split not in (None, splits.AUTO):
        raise InputError("--by belongs to the automatic split; leave --split out, or --by.")
    protocol = options.split or (splits.OFFICIAL if options.by is None else splits.AUTO)
    if options.by is not None:
        protocol = f"{splits.AUTO}:{options.by}"
    table = index.read(index.path(options.models))
    part = splits.assign(table, protocol, seed=options.seed)
    leak = splits.leak_sentence(protocol, leakage.leaks(table, part))
    if options.out is not None:
        _kind(options.out, ".csv")
    if leak and options.out is not None and not options.allow_leaks:
        raise InputError(f"{leak}; --allow-leaks writes it all the same.")
    counts = part_counts.counts(table, part)
    print(f'Split "{protocol}", seed {options.seed}: {len(part):,} images.')
    print(f"  {'':14}" + "".join(f"{name:>8}" for name in counts.columns))
    for label, *numbers in counts.itertuples(name=None):
        print(f"  {label:14}" + "".join(f"{number:8,}" for number in numbers))
    for column in splits.grouped_by(protocol) or []:
        if unknown := int(table.rows[column].isna().sum()):
            lacking = counted(unknown, "image has", "images have")
            whose = "its" if unknown == 1 else "their"
            print(f"{lacking} no {column}; only {whose} cluster is kept whole.")
    if left_out := splits.left_out(table, protocol):
        print(f"{left_out}.")
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
              f"{models_option(options)}")  # fmt: skip
    return DONE


def train(options: argparse.Namespace) -> int:
    """`python -m brainmri train`."""
    from brainmri.training import distributed, train

    run = train.train(
        options.data,
        options.models,
        name=options.run,
        model=options.model,
        start=options.start,
        corrections=options.corrections,
        protocol=options.split,
        allow_leaks=options.allow_leaks,
        epochs=options.epochs,
        size_px=options.size_px,
        seed=options.seed,
        members=options.members,
        resume=options.resume,
        replace_run=options.replace,
        quiet=options.quiet,
    )
    if not distributed.world().leads:
        return DONE
    if run.members > 1:
        right = [f"{best['val_accuracy']:.1%}" for best in run.best_epochs]
        print(
            f"Trained {run.name}: {run.members} networks, which alone had {', '.join(right)} of "
            f"{counted(run.images['val'], 'validation image')} right."
        )
    elif best := run.best_epoch:
        print(
            f"Trained {run.name}: epoch {best['epoch']:.0f} of {len(run.history)} was best, with "
            f"{best['val_accuracy']:.1%} of {counted(run.images['val'], 'validation image')} right."
        )
    else:
        print(f"Trained {run.name} on {counted(run.images['train'], 'image')}.")
    print(
        f"Next: python -m brainmri predict {options.data} --run {run.name}{models_option(options)}"
    )
    return DONE


def predict(options: argparse.Namespace) -> int:
    """`python -m brainmri predict`."""
    from brainmri import embedding, novelty, promotion, scoring, trust

    if not options.images.exists():
        raise InputError(f"There is no file or folder {options.images}.")
    if options.out is None and not options.images.is_dir():
        return _ask(options)
    if options.json or options.maps or options.slice is not None:
        raise InputError(
            "--json, --maps and --slice are about the answer for one image, which is not written as a "
            "table; leave them out."
        )
    if options.out is not None:
        _kind(options.out, ".parquet")
    choose = _only_run if options.images.is_dir() else promotion.answering
    passed_over: list[str] = []
    run = options.run or choose(options.models, passed_over)
    scored = scoring.score(
        options.images, options.models, run, out=options.out, quiet=options.quiet
    )
    table = scored.predictions
    if len(table.paths) <= SHOWN:
        for path, row in zip(table.paths, scored.y_prob, strict=True):
            print(path)
            for name, probability in sorted(
                zip(table.classes, row, strict=True), key=lambda x: -x[1]
            ):
                print(f"  {name:14} {probability:7.2%}")
    if scored.out is not None:
        print(f"Scored {counted(len(table.paths), 'image')} into {scored.out}.")
    if scored.own:
        print(trust.describe(scored.fit))
        print(embedding.describe(scored.space) if scored.space else scored.lacking)
        print(novelty.describe(scored.run.novelty) if scored.run.novelty else novelty.NOT_SET)
    for one in passed_over:
        print(f"Note: {one}")
    print("This assists; it does not diagnose.")
    if scored.passed_over:
        files = counted(len(scored.passed_over), "file that is no JPEG, PNG, BMP or TIFF",
                        "files that are no JPEG, PNG, BMP or TIFF")  # fmt: skip
        print(f"Passed over {files}:")
        print_list(scored.passed_over)
    if strange := scored.strange_folders:
        lacking = counted(sum(strange.values()), "image has", "images have")
        where = "a folder that is" if len(strange) == 1 else "folders that are"
        print(f"{lacking} no label, in {where} no class of {run} ({', '.join(table.classes)}):")
        print_list([f"{folder}: {counted(n, 'image')}" for folder, n in strange.items()])
    return _left_out(scored.unreadable)


def _ask(options: argparse.Namespace) -> int:
    from brainmri import answer, asked, promotion

    passed_over: list[str] = []
    run = options.run or promotion.answering(options.models, passed_over)
    predictor = answer.load(options.models, run)
    try:
        told = asked.ask(predictor, options.images, number=options.slice)
        told = replace(told, passed_over=tuple(passed_over))
    except ImageError as error:
        if options.json:
            print(json.dumps(asked.refusal_to_json(error.code, str(error), error), indent=1))
            return REFUSED
        raise InputError(f"{options.images} could not be read: {error}") from None
    if options.json:
        print(json.dumps(told.to_json(maps=options.maps), indent=1))
    else:
        print(options.images.name)
        print("\n".join(f"  {plain(line)}" for line in told.in_words()))
    return DONE if told.answer.finding is not None else UNANSWERED


def _only_run(models: Path, passed_over: list[str]) -> str:
    """The run that has a model file, where only one has; those whose file is damaged are `passed_over`.

    Raises:
        InputError: there are several, or none.
    """
    from brainmri import choice, runs

    there = [path.name for path in runs.folders(models) if (path / runs.MODEL_FILE).is_file()]
    if not there:
        raise InputError(f"No run in {models} has a model file; train one first.")
    faults = {one.name: runs.model_fault(models, one) for one in runs.list_runs(models)[0]}
    damaged = {name: fault for name in there if (fault := faults.get(name)) is not None}
    able = [name for name in there if name not in damaged]
    passed_over += [choice.passed_over_words(name, fault) for name, fault in damaged.items()]
    if len(able) == 1:
        return able[0]
    if not able:
        raise InputError(" ".join(["No run can answer.", *passed_over]))
    raise InputError(f"Say with --run whose model answers: {', '.join(able)}.")


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
    if said := found.labels.in_words(options.split, among=f"all its {options.split} images"):
        print(f"  {said}")
    for one in judged:
        print(f"  {gate.in_words(one)}")
    failed = sum(not one.holds for one in judged)
    of = counted(len(judged), "requirement")
    print(f"{failed:,} of {of} {'fails' if failed == 1 else 'fail'}." if failed else "All hold.")
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


def report(options: argparse.Namespace) -> int:
    """`python -m brainmri report`."""
    from brainmri import printing, report
    from brainmri.files import check_writable, write_atomically

    kind = _kind(options.out, ".html", ".pdf")
    check_writable(options.out)
    page = report.render(options.models, options.run)
    written = printing.pdf(page) if kind == ".pdf" else page.encode()
    write_atomically(options.out, lambda to: to.write_bytes(written))
    print(f"Wrote {options.out}, the report of {options.run}.")
    return DONE


def _kind(out: Path, *known: str) -> str:
    """The end of a name that tells what is written into the file.

    Raises:
        InputError: it promises something else.
    """
    kind = out.suffix.lower()
    if kind not in known:
        raise InputError(f"{out} does not end in {' or '.join(known)}; name a file that does.")
    return kind


def demo(options: argparse.Namespace) -> int:
    """`python -m brainmri demo`."""
    from brainmri import demo

    models = options.models or options.folder / "models"
    data = demo.run(options.folder, models, quiet=options.quiet)
    print(f"Open it with: python -m dashboard --models {models} --data {data}")
    return DONE


def _left_out(unreadable: list[tuple[str, str]]) -> int:
    """List files that could not be read, and return the exit code."""
    if not unreadable:
        return DONE
    what = "image; it is" if len(unreadable) == 1 else "images; they are"
    print(f"Could not read {len(unreadable):,} {what} left out:")
    print_list([f"{path}: {reason}" for path, reason in unreadable])
    return SKIPPED_SOME
