"""The part of Compare that shows two confusion matrices as one: B minus A, cell by cell and in words."""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from brainmri.beside import Cell, changed
from brainmri.comparison import Comparison
from brainmri.wording import interval_ends
from dashboard.chosen import cell_of
from dashboard.components import aria, card, csv_columns, matrix, no_interval, section
from dashboard.pages.choosing import chooses

_MOST_WORDS = 6
_TOO_FEW = "Counted; of so few images there is no interval."
_NO_CHANGE = "These very answers are compared; where none differs there is nothing to estimate."


def part(
    found: Comparison, cells: list[list[Cell]], negative: str, chosen: str | None
) -> Component:
    """The matrix of differences, the `chosen` cell marked, with what changed most in words beside it."""
    differ = changed(cells)
    return section(
        _title(found, differ),
        html.Div(
            [
                card(_matrix(found, cells, negative, chosen)),
                card(_in_words(found, differ), title="In words"),
            ],
            className="columns matrix-columns",
        ),
        note=f"Images that {found.run_b} called so, more (+) or fewer (−) than {found.run_a}; rows are what "
        "the image shows, columns what the models said. In small print the 95 % interval. Coloured "
        "where it leaves out zero: green is better, orange worse, red misses more tumours. Choose a cell to "
        "see its images.",
    )


def _title(found: Comparison, differ: list[Cell]) -> str:
    mistakes = [cell for cell in differ if cell.certain and cell.is_mistake]
    if mistakes:
        return f"{_said(mistakes[0]).capitalize()} {_change(mistakes[0], found.run_a)}"
    return "No kind of mistake became clearly rarer or more frequent"


def _said(cell: Cell) -> str:
    if cell.truth == cell.answer:
        return f"{cell.truth} named right:"
    return f"{cell.truth} called {cell.answer}:"


def _change(cell: Cell, other: str) -> str:
    """Words such as "22 fewer of 300 than with cnn (−34 to −12)"; of too few images without the ends."""
    more = "more" if cell.change > 0 else "fewer"
    share, ends = cell.share.difference, _ends(cell)
    said = f"{abs(cell.change):,} {more} of {share.n:,} than with {other}"
    return f"{said} ({ends})" if ends else said


def _ends(cell: Cell) -> str:
    """The 95 % interval of the change, in images; empty where there is none."""
    share = cell.share.difference
    if share.low is None or share.high is None:
        return ""
    return interval_ends(_signed(share.low * share.n), _signed(share.high * share.n))


def _signed(images: float) -> str:
    whole = round(images)
    return f"{whole:+,}".replace("-", "−") if whole else "0"


def _in_words(found: Comparison, differ: list[Cell]) -> Component:
    if not differ:
        return html.P("Both runs gave the same answer to every image.", **no_interval(_NO_CHANGE))
    lines = [
        html.Li(
            [
                html.Strong(f"{_said(cell)} "),
                _change(cell, found.run_a),
                "" if cell.certain else "; chance alone could do that",
            ],
            **({} if _ends(cell) else no_interval(_TOO_FEW)),
        )
        for cell in differ[:_MOST_WORDS]
    ]
    return html.Ul(lines, className="plain-list")


def _matrix(
    found: Comparison, cells: list[list[Cell]], negative: str, chosen: str | None
) -> Component:
    largest = max((abs(cell.change) for row in cells for cell in row), default=0) or 1
    return matrix(
        f"{found.run_b} minus {found.run_a}",
        [_class(one) for one in found.classes],
        [
            (
                _class(row[0].truth),
                [
                    _cell(
                        cell,
                        negative,
                        largest,
                        found.run_a,
                        len(found.in_cell(cell.truth, cell.answer)),
                        chosen,
                    )
                    for cell in row
                ],
                f"{row[0].share.difference.n:,}",
            )
            for row in cells
        ],
        caption=f"Confusion matrix of {found.run_b} minus that of {found.run_a}",
    )


def _class(name: str) -> Component:
    return html.Span(name, className="class", title=name)


def _cell(
    cell: Cell, negative: str, largest: int, other: str, images: int, chosen: str | None
) -> Component:
    """One difference, as a button that shows the `images` behind it where there are any."""
    better = (cell.change > 0) == (cell.truth == cell.answer)
    missed = cell.answer == negative and cell.truth != negative
    kind = "none"
    if cell.certain:
        kind = "right" if better else "missed" if missed else "wrong"
    said = (
        f"{_said(cell)} {_change(cell, other)}"
        if cell.change
        else f"{_said(cell)} as many with either run"
    )
    ends = _ends(cell)
    why: dict[str, Any] = (
        {"title": said} if ends else {**no_interval(_TOO_FEW), "title": f"{said}. {_TOO_FEW}"}
    )
    named = cell_of(cell.truth, cell.answer)
    return html.Button(
        [
            html.Span(_signed(cell.change)),
            html.Small(ends, className="matrix-interval") if ends else None,
        ],
        className=f"matrix-cell still {kind}" + (" chosen" if named == chosen else ""),
        style={"--share": f"{abs(cell.change) / largest:.3f}"},
        disabled=not images,
        **chooses(cell=named),
        **csv_columns(cell.share.difference),
        **why,
        **aria(
            label=f"{said}; show the images that one run alone called so",
            pressed=str(named == chosen).lower(),
        ),
    )
