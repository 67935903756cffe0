"""`brainmri.classes`: which class means "no tumour"."""

from __future__ import annotations

import pytest

from brainmri.classes import negative_class
from brainmri.errors import InputError


@pytest.mark.parametrize("name", ["notumor", "No-Tumour", "HEALTHY", "normal", "control", "no 1"])
def test_a_name_that_says_so_is_taken_whatever_its_case_and_signs(name: str) -> None:
    assert negative_class(["glioma", name, "pituitary"]) == name


def test_what_is_given_counts_more_than_the_names() -> None:
    assert negative_class(["glioma", "healthy"], "glioma") == "glioma"


@pytest.mark.parametrize("classes", [["glioma", "pituitary"], ["normal", "healthy", "glioma"]])
def test_none_or_several_such_names_must_be_settled(classes: list[str]) -> None:
    with pytest.raises(InputError, match=f"--negative; the classes are {', '.join(classes)}"):
        negative_class(classes)


def test_a_given_class_must_exist() -> None:
    with pytest.raises(InputError, match='no class "none" in the data; the classes are a, b'):
        negative_class(["a", "b"], "none")


def test_a_class_that_only_contains_such_a_word_is_no_match() -> None:
    with pytest.raises(InputError, match="--negative"):
        negative_class(["notumorlike", "abnormal"])
