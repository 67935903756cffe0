"""Run commands in process, as the command line would."""

from __future__ import annotations

import pytest

from brainmri.cli import main

Capture = pytest.CaptureFixture[str]
DONE, REFUSED, SKIPPED_SOME, UNANSWERED, INTERRUPTED, UNREAD = 0, 2, 3, 4, 130, 141


def command(*arguments: object, quiet: bool = True) -> int:
    return main([*map(str, arguments), *(["--quiet"] if quiet else [])])


def refusal(capsys: Capture, *arguments: object) -> str:
    """Run a command that must be refused; returns its sentence."""
    code = command(*arguments)
    shown = capsys.readouterr()
    assert code == REFUSED, shown.out
    assert shown.out == ""
    assert "Traceback" not in shown.err
    assert shown.err.count("\n") == 1, shown.err
    assert shown.err.startswith("error: ")
    assert shown.err.rstrip().endswith(".")
    return shown.err.removeprefix("error: ").rstrip()
