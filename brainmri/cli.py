"""The command line: `python -m brainmri COMMAND`. Parses, calls, prints; no logic of its own."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from brainmri.errors import InputError, Interrupted

DONE, FAILED, REFUSED, SKIPPED_SOME, INTERRUPTED = 0, 1, 2, 3, 130
_EXIT_CODES = """exit codes:
  0    done
  1    a requirement of `check` does not hold
  2    refused: the message says what is wrong
  3    done, but some files were skipped; they are listed
  130  interrupted with Ctrl-C"""
_SHOWN = 20


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return REFUSED
    except Interrupted as error:
        print(error, file=sys.stderr)
        return INTERRUPTED
    except KeyboardInterrupt:
        print("Interrupted; nothing was half-written.", file=sys.stderr)
        return INTERRUPTED
    return code


def _index(options: argparse.Namespace) -> int:
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


def _audit(options: argparse.Namespace) -> int:
    from brainmri import audit, metrics, quality

    tables = audit.run(
        options.data, options.models, processes=options.processes, quiet=options.quiet
    )
    for protocol, found in tables.shortcuts.groupby("protocol", sort=False):
        print(f"Without looking at the brain, right on test images of the {protocol} split:")
        of_test = found[found["rows"] == "test"].set_index(["features", "task"])
        for name in found["features"].unique():
            right = []
            for task, what in (("class", "class"), ("tumour", "tumour or none")):
                one = of_test.loc[(name, task)]
                share = metrics.proportion(int(one["k"]), int(one["n"]))
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
    rows = conflicts[["path", "kind", "says"]].itertuples(index=False)
    _list([f"{path} ({kind}: {says})" for path, kind, says in rows])
    return DONE


def _split(options: argparse.Namespace) -> int:
    from brainmri import index, leakage, splits

    if options.by is not None and options.split not in (None, splits.AUTO):
        raise InputError("--by belongs to the automatic split; leave --split out, or --by.")
    protocol = options.split or (splits.OFFICIAL if options.by is None else splits.AUTO)
    if options.by is not None:
        protocol = f"{splits.AUTO}:{options.by}"
    table = index.read(options.models / "dataset" / "index.parquet")
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


def _train(options: argparse.Namespace) -> int:
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
    if run.history:
        best = min(run.history, key=lambda entry: entry["val_loss"])
        print(
            f"Trained {run.name}: epoch {best['epoch']:.0f} of {len(run.history)} was best, with "
            f"{best['val_accuracy']:.1%} of {run.images['val']:,} validation images right."
        )
    else:
        print(f"Trained {run.name} on {run.images['train']:,} images.")
    print(f"Next: python -m brainmri predict {options.data} --run {run.name}{_models(options)}")
    return DONE


def _predict(options: argparse.Namespace) -> int:
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


def _check(options: argparse.Namespace) -> int:
    from brainmri import gate, results

    found = results.load(options.models, options.run)
    table = found.predictions
    requirements = [gate.parse(text, table.classes) for text in options.require]
    groups = results.groups(table, results.known_images(options.models))
    if options.unseen:
        table, groups = gate.unseen(table, groups)
    judged = gate.judge(
        requirements, table, split=options.split, negative=found.negative_class, groups=groups
    )
    unseen = " without a near-copy in training" if options.unseen else ""
    print(f"{options.run} on its {options.split} images{unseen}:")
    for one in judged:
        print(f"  {gate.in_words(one)}")
    failed = sum(not one.holds for one in judged)
    print(f"{failed:,} of {len(judged):,} requirements fail." if failed else "All hold.")
    return FAILED if failed else DONE


def _card(options: argparse.Namespace) -> int:
    from brainmri import card
    from brainmri.files import write_atomically

    text = card.render(options.models, options.run)
    if options.out is None:
        print(text, end="")
        return DONE
    write_atomically(options.out, lambda to: to.write_text(text, encoding="utf-8"))
    print(f"Wrote {options.out}, the model card of {options.run}.")
    return DONE


def _demo(options: argparse.Namespace) -> int:
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m brainmri",
        description="Train brain-MRI classifiers and write what they predicted to Parquet. "
        "An assistant for research, not a diagnosis.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = _command(
        commands,
        "index",
        _index,
        "index a folder of images",
        """examples:
  python -m brainmri index data/brain-tumor-mri
  python -m brainmri index data/brain-tumor-mri --metadata data/brain-tumor-mri/metadata.csv""",
    )
    command.add_argument(
        "data", type=Path, help="holds Training/<class>/ and Testing/<class>/, or <class>/"
    )
    command.add_argument(
        "--metadata",
        type=Path,
        metavar="CSV",
        help="table with a path column; its columns join the index",
    )
    command.add_argument(
        "--negative",
        metavar="CLASS",
        help='the class that means "no tumour" (guessed from its name)',
    )
    command.add_argument(
        "--processes", type=int, metavar="N", help="worker processes (one per core)"
    )

    command = _command(
        commands,
        "audit",
        _audit,
        "look for shortcuts, drift, bad images, leaks and contradicting labels",
        """example:
  python -m brainmri audit data/brain-tumor-mri""",
    )
    command.add_argument("data", type=Path, help="the folder that was indexed")
    command.add_argument(
        "--processes", type=int, metavar="N", help="worker processes (one per core)"
    )

    command = _command(
        commands,
        "split",
        _split,
        "show which images train, choose and test, and what leaks",
        """examples:
  python -m brainmri split
  python -m brainmri split --split grouped_split
  python -m brainmri split --by patient --seed 1 --out split.csv""",
    )
    command.add_argument(
        "data", type=Path, nargs="?", help="the folder that was indexed; the index alone will do"
    )
    _add_split(command, default=None)
    command.add_argument(
        "--by",
        metavar="COLUMN",
        help="draw automatically and keep each value of this metadata column (patient, scanner) in "
        "one part; several with commas between",
    )
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the random choice (default: 0)"
    )
    command.add_argument(
        "--out", type=Path, metavar="CSV", help="write path and part, as metadata for `index`"
    )

    command = _command(
        commands,
        "train",
        _train,
        "train a model",
        """examples:
  python -m brainmri train data/brain-tumor-mri --model cnn --run cnn-auto --split auto
  python -m brainmri train data/brain-tumor-mri --model cnn --run cnn-patient --split auto:patient
  python -m brainmri train data/brain-tumor-mri --model cnn --run cnn-official --allow-leaks
  python -m brainmri train data/brain-tumor-mri --model cnn --run cnn-auto --split auto --resume""",
    )
    command.add_argument("data", type=Path, help="the folder that was indexed")
    command.add_argument(
        "--model",
        required=True,
        help="mean-brightness, cnn, cnn-regularised, cnn-augmented; or one that starts from ImageNet: "
        "efficientnet-lite0, or (downloaded) efficientnet-b0, mobilenet-v3-large, mobilenet-v3-small",
    )
    command.add_argument("--run", required=True, metavar="NAME", help="results go to MODELS/NAME")
    _add_split(command, default="official")
    command.add_argument(
        "--epochs", type=int, metavar="N", help="at most (default: the model's own)"
    )
    command.add_argument(
        "--size-px",
        type=int,
        metavar="N",
        help="side of the network input (default: the model's own)",
    )
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of every random choice (default: 0)"
    )
    command.add_argument("--resume", action="store_true", help="go on after an interruption")

    command = _command(
        commands,
        "predict",
        _predict,
        "score images with a trained model",
        """examples:
  python -m brainmri predict data/brain-tumor-mri --run cnn-official
  python -m brainmri predict new-images/ --run cnn-official --out new.parquet
  python -m brainmri predict slice.png --run cnn-official""",
    )
    command.add_argument("images", type=Path, help="a folder or one image")
    command.add_argument("--run", required=True, metavar="NAME", help="whose model answers")
    command.add_argument(
        "--out", type=Path, metavar="FILE", help="Parquet file to write (default: the run's own)"
    )

    command = _command(
        commands,
        "check",
        _check,
        "fail when a run is not good enough (for pipelines)",
        """examples:
  python -m brainmri check --run cnn-official --require "tumour_sensitivity.low>=0.97"
  python -m brainmri check --run cnn-official --require "recall[glioma].low>=0.85" --require "f1>0.9"
  python -m brainmri check --run cnn-official --unseen --require "missed_tumours.k<=5"

metrics: accuracy, tumour_sensitivity, tumour_specificity, missed_tumours, false_alarms, precision,
  recall, f1 (weighted), negative_precision, auroc_tumour; per class precision[CLASS], recall[CLASS],
  f1[CLASS], auroc[CLASS]
parts: .value (when none is named), .low and .high (ends of the 95 % interval), .n and .k (images)""",
        quiet=False,
    )
    command.add_argument("--run", required=True, metavar="NAME", help="whose predictions to judge")
    command.add_argument(
        "--require",
        required=True,
        action="append",
        metavar="EXPR",
        help="METRIC[.PART] and >=, >, <=, < or == and a number; may be given several times",
    )
    command.add_argument(
        "--split", choices=["test", "val"], default="test", help="which images (default: test)"
    )
    command.add_argument(
        "--unseen",
        action="store_true",
        help="only images without a near-copy among those that shaped the model",
    )

    command = _command(
        commands,
        "card",
        _card,
        "write the model card of a run: use, results, failures, data",
        """examples:
  python -m brainmri card --run cnn-official
  python -m brainmri card --run cnn-official --out cnn-official.md""",
        quiet=False,
    )
    command.add_argument("--run", required=True, metavar="NAME", help="whose card")
    command.add_argument(
        "--out", type=Path, metavar="FILE", help="Markdown file to write (default: print it)"
    )

    command = _command(
        commands,
        "demo",
        _demo,
        "make synthetic data and go through every step",
        """example:
  python -m brainmri demo --folder demo""",
        models=False,
    )
    command.add_argument(
        "--folder",
        type=Path,
        default=Path("demo"),
        help="where data and results go (default: demo)",
    )
    return parser  # fmt: skip


def _add_split(command: argparse.ArgumentParser, *, default: str | None) -> None:
    command.add_argument(
        "--split",
        default=default,
        metavar="S",
        help="official, auto, auto:COLUMN, or a metadata column that holds train, val and test "
        "(default: official)",
    )
    command.add_argument(
        "--allow-leaks",
        action="store_true",
        help="accept copies between the parts: figures measured on such a split are too good",
    )


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    function: object,
    summary: str,
    examples: str,
    *,
    models: bool = True,
    quiet: bool = True,
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"{examples}\n\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(command=function)
    if models:
        command.add_argument(
            "--models",
            type=Path,
            default=Path("models"),
            metavar="DIR",
            help="where results are (default: models)",
        )
    if quiet:
        command.add_argument("--quiet", action="store_true", help="no progress bar")
    return command
