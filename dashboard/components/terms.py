"""Terms that explain themselves where they stand; assets/terms.js opens and closes what they mean."""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard.components.words import Children, aria
from dashboard.glossary import terms_in

_CLOSING = ".,;:)"


def explained(text: Children) -> Children:
    """A text whose terms open their meaning by mouse, touch or keyboard; anything else as it is."""
    if isinstance(text, list):
        return [part for piece in text for part in _parts(piece)]
    parts = _parts(text)
    return text if parts == [text] else parts


def _parts(text: Children) -> list[Children]:
    """The pieces of a text. What closes after a term stays on its line: a button is no word to a browser."""
    if not isinstance(text, str):
        return [text]
    parts: list[Children] = []
    after = False
    for piece, meaning in terms_in(text):
        if meaning is not None:
            parts.append(_term(piece, meaning))
        elif after and piece[0] in _CLOSING:
            parts[-1] = html.Span([parts[-1], piece[0]], className="together")
            parts += [piece[1:]] if piece[1:] else []
        else:
            parts.append(piece)
        after = meaning is not None
    return parts


def _term(words: str, meaning: str) -> Component:
    told: dict[str, Any] = {"data-means": meaning, **aria(expanded="false")}
    return html.Button(words, className="term", type="button", **told)
