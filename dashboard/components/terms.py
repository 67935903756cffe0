"""Terms that explain themselves where they stand; assets/terms.js opens and closes what they mean."""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard.components.words import Children, aria
from dashboard.glossary import terms_in


def explained(text: Children) -> Children:
    """A text whose terms open their meaning by mouse, touch or keyboard; anything else as it is."""
    if isinstance(text, list):
        return [part for piece in text for part in _parts(piece)]
    parts = _parts(text)
    return text if parts == [text] else parts


def _parts(text: Children) -> list[Children]:
    if not isinstance(text, str):
        return [text]
    return [
        piece if meaning is None else _term(piece, meaning) for piece, meaning in terms_in(text)
    ]


def _term(words: str, meaning: str) -> Component:
    told: dict[str, Any] = {"data-means": meaning, **aria(expanded="false")}
    return html.Button(words, className="term", type="button", **told)
