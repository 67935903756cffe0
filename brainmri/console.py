"""What commands have in common on the console: exit codes, lists, the options of the next command."""

from __future__ import annotations

import argparse
from pathlib import Path

DONE, FAILED, REFUSED, SKIPPED_SOME, UNANSWERED, INTERRUPTED, UNREAD = 0, 1, 2, 3, 4, 130, 141
EXIT_CODES = """exit codes:
  0    done
  1    a requirement of `check` does not hold
  2    refused: the message says what is wrong
  3    done, but some files were skipped; they are listed
  4    `predict` of one image: the file was read, and the model gives no answer about it; it says why
  130  interrupted with Ctrl-C
  141  nobody read on, as after `| head`"""
SHOWN = 20
"""Lines of a list that are printed."""


def print_list(lines: list[str]) -> None:
    """The first lines, and how many more there are."""
    for line in lines[:SHOWN]:
        print(f"  {line}")
    if len(lines) > SHOWN:
        print(f"  and {len(lines) - SHOWN:,} more")


def models_option(options: argparse.Namespace) -> str:
    """What the next command needs to find the same results, with a space before it; often nothing."""
    return "" if options.models == Path("models") else f" --models {options.models}"
