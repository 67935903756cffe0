"""The command line: `python -m brainmri COMMAND`. Every fault is one sentence and an exit code."""

from __future__ import annotations

import os
import sys

from brainmri import options
from brainmri.console import INTERRUPTED, REFUSED, UNREAD
from brainmri.errors import InputError, Interrupted


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        try:
            return _run(arguments)
        finally:  # Here and not when Python ends, where a broken pipe is no longer caught.
            sys.stdout.flush()
    except BrokenPipeError:
        # What is still to be written, and flushed at the end, must go somewhere.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
        return UNREAD


def _run(arguments: list[str] | None) -> int:
    order = options.parser().parse_args(arguments)
    try:
        code: int = order.command(order)
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
