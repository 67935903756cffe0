"""Faults that a user can mend, each worded as one sentence."""


class InputError(Exception):
    """Something the user gave cannot be used; the message says what is wrong and what to do."""


class OutputError(InputError):
    """A result could not be written; what was there before is untouched."""


class Interrupted(Exception):  # noqa: N818 (nothing went wrong)
    """Long work was stopped by the user; the message says what was kept."""
