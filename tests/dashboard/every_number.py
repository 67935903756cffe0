"""Finds the numbers of a page that stand without n, without a 95 % interval, and without a reason.

Every text that a reader or a screen reader meets is judged: paragraphs, headings, table cells, captions,
alternative texts, cells of the grid, labels and hover texts of figures. Each digit in it has to be
accounted for by one of these:

- a figure in one of the forms of `_FORMS`, with its interval directly behind it and its n in the same
  text, in the same row of the table, or in the same sentence ("11 of 906 tumours (0.6–2.3 %)");
- an element above it with `data-no-interval`, which says why there is no interval, in at least four
  words, to everybody: as visible text of the page, or as what a term on it opens. The element's title is
  for those who point at it, so it does not count;
- an element above it with `data-name`: a path, a size, a setting, a version. None may hold a percentage.

Whatever is left is a bare number. A number is guilty until one of these is shown, so a new one fails.
Not judged: commands, addresses, pictures, and what a picker offers to choose from.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from brainmri.wording import plain
from tests.dashboard.visit import Node, visible, walk

FEWEST_WORDS = 4
"""A reason is at least that long."""
NAMES = {"path", "place", "size", "setting", "slice", "version"}
"""What `data-name` may say that a number belongs to."""

_INLINE = {"A", "B", "Button", "Code", "Em", "Small", "Span", "Strong"}
_SKIPPED = {"Code", "Pre", "Store", "Upload", "Select", "SegmentedControl", "Pagination", "Slider"}
_SPOKEN = ("title", "label", "alt", "aria-label")

_NUMBER = r"[+-]?(?<![\w.])\d[\d,]*(?:\.\d+)?"
_ENDS = rf"{_NUMBER}(?: ?%)?(?:–| to ){_NUMBER}(?: ?%| points| fewer| more)?"
_WITH_N = rf"{_ENDS},? n = {_NUMBER}(?: \+ {_NUMBER})?"
_WORDS = r"[^\d.;:()]*"
"""Words between a number and its interval: no other number, no new sentence."""

_FORMS_WITH_N = (
    # 90.0 % of 20 test images (69.9–97.2 %); 3 of 906 tumours (0.1–1.0 %)
    rf"{_NUMBER}(?: ?%)? of {_NUMBER}{_WORDS}\((?:95 % interval )?{_ENDS}\)",
    # 1 of 15 95 % interval 1.2–29.8 %, n = 15
    rf"{_NUMBER} of {_NUMBER}{_WORDS}(?:95 % interval )?{_WITH_N}",
    # 95.1 % (93.8–96.1 %, n = 1,311); 95.1 % 95 % interval 93.8–96.1 %, n = 1,311
    rf"{_NUMBER}(?: ?%| points| classes)?{_WORDS}\(?(?:95 % interval )?{_WITH_N}\)?",
    # 31 fewer tumours of 906 than hasty (17 to 46 fewer)
    rf"{_NUMBER} (?:fewer|more){_WORDS} (?:of|on) {_NUMBER}{_WORDS}\({_ENDS}\)",
    # radiologists 87 % (N = 154, no interval published)
    rf"{_NUMBER} ?% \([nN] = {_NUMBER}, no interval[^)]*\)",
)
_FORMS_BESIDE_N = (
    # A cell: 980 74.8 % 72.1–77.3 %
    rf"{_NUMBER} {_NUMBER} % {_ENDS}",
    # A cell: 95.1 % 93.8–96.1 %; in a sentence: 95.1 % (93.8–96.1 %)
    rf"{_NUMBER}(?: ?%| points| classes)?(?: \({_ENDS}\)| {_ENDS})",
)
_N_ITSELF = (
    rf"\b[nN] = {_NUMBER}(?: \+ {_NUMBER})?"
    rf"|\b(?:[Oo]n|[Oo]f|among|these|[Aa]ll|on the|of the) {_NUMBER} "
    r"(?:(?:labelled|official|test|validation) )*images"
)
_ITS_NAME = rf"95 % intervals?|Intervals?: 95 %|fewer than {_NUMBER} [a-z ]*images"
# Where an axis begins or ends is chosen.
_ITS_NAME += rf"|axis (?:from|to) {_NUMBER} ?%"
# Why there is no figure, with its n: of chosen images there may be too few.
_ITS_NAME += rf"|too few images \({_NUMBER}; a figure needs {_NUMBER}\)"
_N_CELL = re.compile(
    rf"^{_NUMBER}(?: \+ {_NUMBER})?(?: test| validation)?(?: \((?:{_NUMBER}|unknown)\))?$"
)
_N_HEAD = re.compile(r"(?:^|\()n\b")


@dataclass(frozen=True)
class Bare:
    """A text with a number that nothing accounts for: what is left of it, and the whole."""

    number: str
    text: str

    def __str__(self) -> str:
        return f"{self.number!r} in {self.text!r}"


def bare_numbers(page: Node, names: Sequence[str] = (), *, is_part: bool = False) -> list[Bare]:
    """Every number of the page that stands alone.

    Args:
        page: what is shown.
        names: runs and classes, which may hold digits.
        is_part: it comes into a page, whose end tells its reasons in the browser
            (tests/browser/test_bring.py).
    """
    return list(_Judge(page, names, is_part=is_part).page())


def judged_text(text: str, *, n_beside: bool = False) -> list[str]:
    """The numbers of one text that nothing accounts for.

    Args:
        text: as the reader sees it.
        n_beside: the row of the table, or the figure, says n.
    """
    left = _plain(text)
    for form in _FORMS_WITH_N:
        left = re.sub(form, " ok ", left)
    has_n = n_beside or " ok " in left or re.search(_N_ITSELF, left) is not None
    if has_n:
        for form in _FORMS_BESIDE_N:
            left = re.sub(form, " ok ", left)
    left = re.sub(rf"{_NUMBER} [x×] {_NUMBER}", " ", left)  # A size in pixels.
    left = re.sub(_ITS_NAME, " ", re.sub(_N_ITSELF, " ", left))
    return re.findall(r"(?<!\w)[+-]?\d[\d.,]*(?: ?%)?", left)


class _Judge:
    def __init__(self, page: Node, names: Sequence[str], *, is_part: bool) -> None:
        self._page = page
        self._is_part = is_part
        opened = [
            part["props"].get("data-means", "") for part in walk(page) if isinstance(part, dict)
        ]
        self._seen = _plain(" ".join([visible(page), *opened]))
        self._names = sorted(map(str, names), key=len, reverse=True)

    def page(self) -> Iterator[Bare]:
        for block, n_beside in self._blocks(self._page, n_beside=False):
            yield from self._text(block, n_beside=n_beside)

    def _text(self, text: str, *, n_beside: bool = False) -> Iterator[Bare]:
        left = text
        for name in self._names:
            left = left.replace(name, "NAME")
        for number in judged_text(left, n_beside=n_beside):
            yield Bare(number, _plain(text))

    def _blocks(self, node: Node, *, n_beside: bool) -> Iterator[tuple[str, bool]]:
        """Texts that are read as one, and whether their row says n."""
        if isinstance(node, list):
            yield from self._run_of(node, n_beside=n_beside)
            return
        if not isinstance(node, dict):
            yield from self._run_of([node], n_beside=n_beside)
            return
        kind, props = node["type"], node["props"]
        if self._excused(node) or kind in _SKIPPED:
            return
        yield from ((str(props[name]), n_beside) for name in _SPOKEN if _is_text(props.get(name)))
        if kind == "Graph":
            yield from self._figure(props["figure"])
        elif kind == "Table":
            yield from self._table(node)
        else:
            yield from self._run_of(_children(node), n_beside=n_beside)

    def _run_of(self, children: list[Node], *, n_beside: bool) -> Iterator[tuple[str, bool]]:
        """Inline children are read together, each block by itself."""
        running: list[str] = []
        for child in children:
            if isinstance(child, dict) and child["type"] not in _INLINE:
                yield " ".join(running), n_beside
                running = []
                yield from self._blocks(child, n_beside=n_beside)
            elif child is not None:
                text, inside = self._inline(child, n_beside=n_beside)
                running.append(text)
                yield from inside
        yield " ".join(running), n_beside

    def _inline(self, node: Node, *, n_beside: bool) -> tuple[str, list[tuple[str, bool]]]:
        """Text of an inline element, and the blocks and spoken texts inside it."""
        if not isinstance(node, dict):
            return str(node), []
        if self._excused(node) or node["type"] in _SKIPPED:
            return "", []
        props = node["props"]
        found = [(str(props[name]), n_beside) for name in _SPOKEN if _is_text(props.get(name))]
        texts = []
        for child in _children(node):
            if isinstance(child, dict) and child["type"] not in _INLINE:
                found += self._blocks(child, n_beside=n_beside)
            elif child is not None:
                text, inside = self._inline(child, n_beside=n_beside)
                texts.append(text)
                found += inside
        return " ".join(texts), found

    def _table(self, table: Node) -> Iterator[tuple[str, bool]]:
        """Cells; those below a head "n" or "(n)" are n themselves, and speak for their row."""
        head: list[str] = []
        for row in (entry for entry in walk(table) if _is(entry, "Tr")):
            cells = [cell for cell in walk(_children(row)) if _is(cell, "Th", "Td")]
            texts = [_plain(visible(cell)) for cell in cells]
            if all(cell["type"] == "Th" for cell in cells):
                head = texts
                yield from ((text, False) for text in texts)
                continue
            counts = [
                at < len(head) and bool(_N_HEAD.search(head[at])) and bool(_N_CELL.match(text))
                for at, text in enumerate(texts)
            ]
            for cell, is_n in zip(cells, counts, strict=True):
                if not is_n:
                    yield from self._blocks(cell, n_beside=any(counts))
        for entry in walk(table):
            if _is(entry, "Caption"):
                yield visible(entry), False

    def _figure(self, figure: dict[str, Any]) -> Iterator[tuple[str, bool]]:
        """Hover texts with numbers in the place of placeholders, labels, annotations, axis titles."""
        layout = figure["layout"]
        for trace in figure["data"]:
            hover = trace.get("hovertemplate")
            drawn = bool(trace.get("error_x") or trace.get("error_y"))
            says_n = False
            if hover:
                filled = _filled(hover, trace)
                says_n = not judged_text(filled) and bool(re.search(r"\bn = 1", filled))
                yield filled, False
            elif trace.get("hoverinfo") != "skip":
                yield "1 (a trace without a hover text shows bare numbers)", False
            for label in _texts(trace.get("text")):
                # The error bar is the interval, where the label's point has one and hovering says n.
                yield (
                    (re.sub(r"\d[\d.,]*(?: ?%)?", "", label) if drawn and says_n else label),
                    False,
                )
        for note in layout.get("annotations", ()):
            yield re.sub(r"<[^>]*>", " ", str(note.get("text", ""))), False
        for name, part in layout.items():
            if name.startswith(("xaxis", "yaxis")) or name == "title":
                title = part.get("title", part) if isinstance(part, dict) else part
                yield str(title.get("text", "") if isinstance(title, dict) else title), False

    def _excused(self, node: Node) -> bool:
        """Whether an element says why its numbers have no interval, or that they are names."""
        props = node["props"]
        reason, name = props.get("data-no-interval"), props.get("data-name")
        if name is not None:
            assert name in NAMES, f"{name!r} is no kind of name"
            assert "%" not in visible(node), f"a percentage is no name: {visible(node)!r}"
            return True
        if reason is None:
            return False
        inside = {entry["type"] for entry in walk(_children(node)) if isinstance(entry, dict)}
        assert not inside & {"Section", "Header"}, f"one reason for a whole section: {reason!r}"
        assert len(reason.split()) >= FEWEST_WORDS, f"a reason of too few words: {reason!r}"
        assert self._is_part or _plain(reason) in self._seen, (
            f"a reason that only a pointer finds: {reason!r}"
        )
        return True


def _filled(template: str, trace: dict[str, Any]) -> str:
    """A hover text for some point: 1 for a number, NAME for a word."""

    def one(match: re.Match[str]) -> str:
        place, form = match.group(1), match.group(2) or ""
        if "%" in form:
            return "1 %"
        if form:
            return "+1" if "+" in form else "1"
        axis, _, at = place.partition("[")
        values = trace.get(axis)
        if values is None:
            return "1"
        first = _first(values)
        if at and isinstance(first, list):
            first = first[int(at.rstrip("]"))]
        return "NAME" if isinstance(first, str) else "1"

    text = re.sub(r"%\{([\w\[\]]+)(?::([^}]*))?\}", one, template)
    return re.sub(r"<[^>]*>", " ", text)


def _first(values: Any) -> Any:
    if isinstance(values, dict):  # plotly sends long arrays as base64
        kinds = {"f8": "d", "f4": "f", "i8": "q", "i4": "i", "i2": "h", "i1": "b", "u1": "B"}
        kind = kinds[values["dtype"]]
        return struct.unpack_from("<" + kind, base64.b64decode(values["bdata"]))[0]
    return values[0] if values else ""


def _texts(text: Any) -> list[str]:
    if text is None:
        return []
    return [str(one) for one in text] if isinstance(text, list) else [str(text)]


def _children(node: Node) -> list[Node]:
    children = node["props"].get("children")
    return children if isinstance(children, list) else [] if children is None else [children]


def _is(node: Node, *kinds: str) -> bool:
    return isinstance(node, dict) and node["type"] in kinds


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _plain(text: str) -> str:
    return " ".join(plain(text).replace("−", "-").split())
