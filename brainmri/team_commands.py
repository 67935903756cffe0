"""What the commands do that several people share: sign in, correct, promote."""

from __future__ import annotations

import argparse
import getpass
import os

from brainmri.console import DONE, FAILED, models_option, print_list
from brainmri.errors import InputError
from brainmri.wording import counted


def user(options: argparse.Namespace) -> int:
    """`python -m brainmri user`: asks for a password and prints the line of a users file."""
    import sys

    from brainmri import accounts

    if sys.stdin.isatty():
        password = getpass.getpass(f"Password of {options.name}: ")
        if getpass.getpass("The same again: ") != password:
            raise InputError("The two passwords differ; nothing was made.")
    else:
        password = sys.stdin.readline().rstrip("\n")
    print(accounts.line(options.name, options.role, password))
    return DONE


def corrections(options: argparse.Namespace) -> int:
    """`python -m brainmri corrections`."""
    from brainmri import corrections, kept_pictures, manifests
    from brainmri.correction_store import Store

    store = Store(corrections.url_of(options.models))
    made = corrections.states(store.records())
    counts = {state: sum(one.state == state for one in made) for state in corrections.STATES}
    said = ", ".join(f"{count:,} {state}" for state, count in counts.items())
    print(f"{counted(len(made), 'correction')}: {said}.")
    if options.list:
        print_list([
            f"{one.state:9}  {one.record.path or 'an upload that was not kept'}: "
            f"{one.record.right_label or one.record.verdict}, not {one.record.label or one.record.answer} "
            f"({one.record.who}: {one.record.reason})"
            for one in made
        ])  # fmt: skip
        return DONE
    contradictions = manifests.confirmed(made).contradictions
    if contradictions:
        print("Confirmed corrections of these images contradict each other; they change nothing:")
        print_list(contradictions)
    written = kept_pictures.write_manifest(options.models, store)
    if written is None:
        last = manifests.latest(options.models)
        there = (
            "Nothing is confirmed yet"
            if last is None
            else f"Corrections {last.number} say the same"
        )
        print(f"{there}; nothing was written.")
        return DONE
    print(f"Wrote corrections {written.number}: {counted(len(written.rows), 'image')}.")
    print(f"Next: python -m brainmri train DATA --from RUN --corrections {written.number} --run NEW"
          f"{models_option(options)}")  # fmt: skip
    return DONE


def promote(options: argparse.Namespace) -> int:
    """`python -m brainmri promote`."""
    from brainmri import promotion

    models = options.models
    if options.list:
        if options.run or options.over or options.back:
            raise InputError("--list stands alone: it shows what was promoted and taken back.")
        entries = promotion.history(models)
        for entry in entries:
            print(f"{entry.at}  {entry.run} {entry.done} ({entry.who or 'nobody noted'})")
        if not entries:
            print("Nothing was promoted yet.")
        return DONE
    if options.back:
        if options.run or options.over:
            raise InputError("--back stands alone: it takes the last promotion back.")
        gone, now = promotion.roll_back(models, who=_system_user())
        print(f"{gone} is no longer shown first; {now or 'the best run'} is.")
        return DONE
    if options.run is None:
        raise InputError("Say which run to promote, or --back.")
    found = promotion.promote(models, options.run, who=_system_user(), over=options.over)
    for judged in found.judged:
        compared = judged.compared
        print(f"{found.run} beside {compared.run_a} on {counted(compared.n, 'test image')}:")
        for line in promotion.in_words(judged):
            print(f"  {line}")
    if not found.holds:
        print(
            " ".join(
                filter(None, ["Not promoted:", f"{found.shown} is still shown first.", found.unfit])
            )
        )
        return FAILED
    print(
        f"{options.run} is shown first from now on; `python -m brainmri promote --back` undoes it."
    )
    return DONE


def _system_user() -> str:
    """The name of the system's user, or its number where it has no name, as in some containers."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # Which of them differs between versions of Python.
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"
