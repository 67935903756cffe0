"""What can be ordered on the command line, and with which options."""

from __future__ import annotations

import argparse
from pathlib import Path

from brainmri import commands as run
from brainmri import team_commands
from brainmri.console import EXIT_CODES


def parser() -> argparse.ArgumentParser:
    """The parser of a whole command line; `command` of what it returns is the function to call."""
    parser = argparse.ArgumentParser(
        prog="python -m brainmri",
        description="Train brain-MRI classifiers and write what they predicted to Parquet. "
        "An assistant for research, not a diagnosis.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = _command(
        commands,
        "index",
        run.index,
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
        run.audit,
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
        run.split,
        "show which images train, choose and test, and what leaks",
        """examples:
  python -m brainmri split
  python -m brainmri split --split grouped_split
  python -m brainmri split --by patient --seed 1 --out split.csv""",
    )
    command.add_argument(
        "data", type=Path, nargs="?", help="the folder that was indexed; the index alone will do"
    )
    _add_split(command)
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
        run.train,
        "train a model",
        """examples:
  python -m brainmri train data/brain-tumor-mri --model cnn --run cnn-auto --split auto
  python -m brainmri train data/brain-tumor-mri --model cnn --run cnn-patient --split auto:patient
  python -m brainmri train data/brain-tumor-mri --model cnn --run cnn-official --allow-leaks
  python -m brainmri train data/brain-tumor-mri --model cnn --run cnn-auto --split auto --resume
  python -m brainmri train data/brain-tumor-mri --from cnn-auto --corrections 1 --run cnn-corrected""",
    )
    command.add_argument("data", type=Path, help="the folder that was indexed")
    command.add_argument(
        "--model",
        help="mean-brightness, cnn, cnn-regularised, cnn-augmented; or one that starts from ImageNet: "
        "efficientnet-lite0, or (downloaded) efficientnet-b0, mobilenet-v3-large, mobilenet-v3-small",
    )
    command.add_argument("--run", required=True, metavar="NAME", help="results go to MODELS/NAME")
    command.add_argument(
        "--from",
        dest="start",
        metavar="RUN",
        help="go on from this run's weights, on its split, with smaller steps",
    )
    command.add_argument(
        "--corrections",
        type=int,
        metavar="N",
        help="train by the labels that corrections N set right",
    )
    _add_split(command)
    _add_training(command)
    _add_again(command)

    command = _command(
        commands,
        "predict",
        run.predict,
        "score images with a trained model",
        """examples:
  python -m brainmri predict data/brain-tumor-mri --run cnn-official
  python -m brainmri predict new-images/ --run cnn-official --out new.parquet
  python -m brainmri predict slice.png
  python -m brainmri predict volume.nii.gz --run cnn-official --slice 90 --json

one file may be JPEG, PNG, BMP, TIFF, DICOM or NIfTI; of a folder, JPEG, PNG, BMP and TIFF are scored.
--json prints what POST /api/predict of the dashboard answers, refusals included.
exit codes of one image: 0 answered, 2 the file cannot be read, 4 it is read, but so unlike the training
images that no answer is given.""",
    )
    command.add_argument("images", type=Path, help="a folder or one image")
    command.add_argument(
        "--run",
        metavar="NAME",
        help="whose model answers (default: of a folder the only one there is; of one image the run that "
        "the dashboard shows first)",
    )
    command.add_argument("--json", action="store_true", help="one image: print the answer as JSON")
    command.add_argument(
        "--maps", action="store_true", help="one image: class-activation maps in the JSON too"
    )
    command.add_argument(
        "--slice",
        type=int,
        metavar="N",
        help="one image: which slice, from 1, where there are several",
    )
    command.add_argument(
        "--out", type=Path, metavar="FILE", help="Parquet file to write (default: the run's own)"
    )

    command = _command(
        commands,
        "check",
        run.check,
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
        run.card,
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
        "report",
        run.report,
        "write the report of a run: its model card with figures, as one HTML file or as PDF",
        """examples:
  python -m brainmri report --run cnn-official --out report.html
  python -m brainmri report --run cnn-official --out report.pdf""",
        quiet=False,
    )
    command.add_argument("--run", required=True, metavar="NAME", help="whose report")
    command.add_argument(
        "--out",
        required=True,
        type=Path,
        metavar="FILE",
        help="file to write, .html, or .pdf where Chromium is installed",
    )

    _add_team(commands)

    command = _command(
        commands,
        "demo",
        run.demo,
        "make synthetic data and go through every step",
        """examples:
  python -m brainmri demo
  python -m brainmri demo --folder demo --models demo-results""",
        models=False,
    )
    command.add_argument(
        "--folder",
        type=Path,
        default=Path("demo"),
        metavar="DIR",
        help="the images go to DIR/data (default: demo)",
    )
    command.add_argument(
        "--models",
        type=Path,
        metavar="DIR",
        help="where results go (default: models in that folder)",
    )
    return parser  # fmt: skip


def _add_training(command: argparse.ArgumentParser) -> None:
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
        "--seed", type=int, metavar="N", help="of every random choice (default: 0)"
    )
    command.add_argument(
        "--members",
        type=int,
        metavar="N",
        help="networks that are trained one after the other and answer together (default: 1)",
    )


def _add_again(command: argparse.ArgumentParser) -> None:
    command.add_argument("--resume", action="store_true", help="go on after an interruption")
    command.add_argument(
        "--replace",
        action="store_true",
        help="train from the start in the place of a run, or of epochs, of this name",
    )


def _add_split(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--split",
        metavar="S",
        help="official, auto, auto:COLUMN, or a metadata column that holds train, val and test "
        "(default: official)",
    )
    command.add_argument(
        "--allow-leaks",
        action="store_true",
        help="accept copies between the parts: figures measured on such a split are too good",
    )


def _add_team(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """What several people do together: sign in, correct, promote."""
    command = _command(
        commands,
        "user",
        team_commands.user,
        "make the line of somebody who may sign in to the dashboard",
        """examples:
  python -m brainmri user anna --role clinician >> users.txt
  BRAINMRI_USERS=users.txt python -m dashboard --host 0.0.0.0

roles: viewer (looks), clinician (predicts and corrects too), maintainer (reviews, promotes, uploads too)""",
        models=False,
        quiet=False,
    )
    command.add_argument("name", help="to sign in with")
    command.add_argument(
        "--role", default="viewer", metavar="ROLE", help="viewer, clinician or maintainer (viewer)"
    )

    command = _command(
        commands,
        "corrections",
        team_commands.corrections,
        "write what two readers agree on as numbered corrections",
        """examples:
  python -m brainmri corrections
  python -m brainmri corrections --list
  BRAINMRI_DATABASE=postgresql+psycopg://user@host/name python -m brainmri corrections""",
        quiet=False,
    )
    command.add_argument("--list", action="store_true", help="show what people said; write nothing")

    command = _command(
        commands,
        "promote",
        team_commands.promote,
        "show a run first, if it is shown to be no worse than the one that is",
        """examples:
  python -m brainmri promote cnn-corrected
  python -m brainmri promote cnn-corrected --over cnn-official    # no worse than that one either
  python -m brainmri promote --back
  python -m brainmri promote --list                               # who promoted what, and took it back

It is compared with the run that is shown first now, image by image on the test images of both: the lower
end of the 95 % interval of the difference has to be -0.5 points or more for tumours found and -1.0 points
or more for right answers. It also needs a whole model file, since it is to answer for new images.""",
        quiet=False,
    )
    command.add_argument("run", nargs="?", metavar="RUN", help="the candidate")
    command.add_argument(
        "--over",
        metavar="RUN",
        help="a run that it must not be worse than either",
    )
    command.add_argument("--back", action="store_true", help="take the last promotion back")
    command.add_argument(
        "--list",
        action="store_true",
        help="show who promoted what, and took it back; change nothing",
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
        epilog=f"{examples}\n\n{EXIT_CODES}",
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
