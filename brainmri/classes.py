"""Class names: which of them means "no tumour"."""

from __future__ import annotations

from brainmri.errors import InputError

NEGATIVE_NAMES = frozenset(
    {"notumor", "notumour", "healthy", "normal", "negative", "none", "no", "control"}
)
"""Names (letters only, lower case) that are taken to mean "no tumour"."""


def negative_class(classes: list[str], given: str | None = None) -> str:
    """The class that means "no tumour": the one given, or the one whose name says so.

    Raises:
        InputError: no such class, or none or several names that say so.
    """
    if given is not None:
        if given not in classes:
            raise InputError(
                f'There is no class "{given}" in the data; the classes are {", ".join(classes)}.'
            )
        return given
    likely = [
        name
        for name in classes
        if "".join(letter for letter in name.lower() if letter.isalpha()) in NEGATIVE_NAMES
    ]
    if len(likely) != 1:
        raise InputError(
            'Which class means "no tumour"? Say it with --negative; the classes are '
            f"{', '.join(classes)}."
        )
    return likely[0]
