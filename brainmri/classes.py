"""Class names: which of them means "no tumour", and what fewer classes call each."""

from __future__ import annotations

from collections.abc import Sequence

from brainmri.errors import InputError

NEGATIVE_NAMES = frozenset(
    {"notumor", "notumour", "healthy", "normal", "negative", "none", "no", "control"}
)
"""Names (letters only, lower case) that are taken to mean "no tumour"."""

TUMOUR = "tumour"
"""What a run that we make of two classes calls every class of the data but the negative one."""
_POSITIVE_NAMES = frozenset(
    {TUMOUR, "tumor", "yes", "positive", "abnormal", "lesion", "cancer", "mass"}
)


def counted_as(label: str, classes: Sequence[str]) -> str:
    """What predictions of these classes call an image of that label.

    The label itself, except where there are two classes that only say whether there is a tumour.
    """
    if not label or label in classes or len(classes) != 2:
        return label
    negative = [name for name in classes if plain(name) in NEGATIVE_NAMES]
    positive = [name for name in classes if plain(name) in _POSITIVE_NAMES]
    if not negative or not positive:
        return label
    return (negative if plain(label) in NEGATIVE_NAMES else positive)[0]


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
    likely = [name for name in classes if plain(name) in NEGATIVE_NAMES]
    if len(likely) != 1:
        raise InputError(
            'Which class means "no tumour"? Say it with --negative; the classes are '
            f"{', '.join(classes)}."
        )
    return likely[0]


def plain(name: str) -> str:
    """Letters only, lower case."""
    return "".join(letter for letter in name.lower() if letter.isalpha())
