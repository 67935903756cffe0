"""Terms are found where they stand, and each has one meaning."""

from __future__ import annotations

import re

import pytest

from dashboard.components import explained
from dashboard.glossary import MEANINGS, terms_in
from tests.dashboard.visit import Visitor, as_node, find, visible


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("F1, weighted", ["F1", "weighted"]),
        ("Area under ROC", ["Area under ROC"]),
        ("ROC, one class against the rest", ["ROC"]),
        ("Under each figure its 95\u00a0% interval", ["95\u00a0% interval"]),
        ("two Near-copies and one near-copy", ["Near-copies"]),
        ("one false alarm more", []),
        ("a crocodile, recalled", []),
        ("", []),
    ],
)
def test_whole_terms_are_found_in_any_case_and_only_once(text: str, terms: list[str]) -> None:
    found = terms_in(text)
    assert "".join(piece for piece, _ in found) == text
    assert [piece for piece, meaning in found if meaning is not None] == terms


def test_every_term_finds_itself_and_no_meaning_holds_a_bare_number() -> None:
    for term, meaning in MEANINGS.items():
        assert terms_in(term) == [(term, meaning)]
        assert not re.search(r"\d", meaning)


def test_what_is_no_text_stays_as_it_is() -> None:
    assert explained(None) is None
    assert explained("nothing to explain here") == "nothing to explain here"
    parts = as_node(explained(["The recall", 3]))
    assert visible(parts) == "The recall 3"


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    ("address", "terms"),
    [
        ("/", {"False alarms", "accuracy", "Grouped split", "missed tumours"}),
        ("/data?part=copies", set()),
        ("/evaluate", {"Precision", "Recall", "F1", "95 % interval", "Area under ROC"}),
        ("/compare", {"ROC", "McNemar", "Calibration"}),
    ],
)
def test_the_pages_explain_their_terms(visitor: Visitor, address: str, terms: set[str]) -> None:
    buttons = find(visitor.open(address), "Button", className="term")
    assert terms <= {visible(button) for button in buttons}
    for button in buttons:
        assert button["props"]["data-means"] in MEANINGS.values()
        assert button["props"]["aria-expanded"] == "false"
