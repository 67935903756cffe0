"""Figures of a report as inline SVG and tables: no script, no request, sharp on paper. Pure.

Colours and sizes are classes of the style sheet `report.css`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from brainmri import metrics
from brainmri.calibration import ReliabilityBin
from brainmri.markdown import share
from brainmri.metrics import Estimate, Ints
from brainmri.wording import share_ends

_WIDTH = 720
_NAMES, _FIGURES = 196, 236
"""Room for the names on the left and the figures on the right of intervals, in units of the drawing."""
_ROW = 22
_NARROW, _NARROW_ROW = 358, 58
"""Width of a drawing on a phone, and a row there, in its pixels."""
_DOTTED = ("Dotted: answers that are right exactly as", "often as the model says.")
_LONGEST = 32
"""Letters of a name that fit there."""


def figure(title: str, drawing: str, note: str = "") -> str:
    """A drawing under a title that states the finding."""
    below = f"<p class='note'>{escape(note)}</p>" if note else ""
    head = escape(title)
    return f"<figure><figcaption>{head}</figcaption>{scrolled(drawing, head)}{below}</figure>"


def scrolled(wide: str, name: str) -> str:
    """What scrolls sideways where it does not fit, by keyboard too; `name` is HTML."""
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{name}">{wide}</div>'


def on_any_screen(draw: Callable[[bool], str]) -> str:
    """A drawing for wide screens and paper, and one for phones; `draw` is told whether it is narrow."""
    kinds = {"wide": draw(False), "narrow": draw(True)}
    return "".join(f'<div class="{kind}">{drawn}</div>' for kind, drawn in kinds.items())


def intervals(rows: Sequence[tuple[str, Estimate]], *, says: str, narrow: bool) -> str:
    """A dot with its 95 % interval per row, named on the left and told in figures on the right.

    Where it is `narrow`, both stand above the interval.
    """
    names, figures, height = (8, 8, _NARROW_ROW) if narrow else (_NAMES, _FIGURES, _ROW)
    width = _NARROW if narrow else _WIDTH
    known = [e for _, e in rows if e.value is not None]
    low = min([e.low if e.low is not None else e.value or 0.0 for e in known], default=0.0)
    start = max(0.0, int(20 * low - 0.2) / 20)
    across = width - names - figures

    def x(value: float) -> float:
        return names + across * (value - start) / (1 - start)

    bottom = 8 + height * len(rows)
    parts = []
    for tick in _ticks(start):
        parts.append(
            f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="4" y2="{bottom}"/>'
        )
        # At the edges of a narrow drawing half of it would be cut off.
        anchor, place = "middle", x(tick)
        if narrow and place > width - 16:
            anchor, place = "end", width
        elif narrow and place < 16:
            anchor, place = "start", 0
        parts.append(_text(place, bottom + 16, f"{100 * tick:.0f} %", "tick", anchor))
    for i, (name, e) in enumerate(rows):
        y = 8 + height * (i + 0.5)
        if narrow:
            parts.append(_text(0, y - 14, _short(name), "name", "start"))
            parts.append(_text(0, y + 1, share(e), "value", "start"))
            y += 14
        else:
            parts.append(_text(names - 12, y + 4, _short(name), "name", "end"))
            parts.append(_text(width - figures + 14, y + 4, share(e), "value", "start"))
        if e.value is None:
            continue
        if e.low is not None and e.high is not None:
            parts.append(f'<line class="interval" x1="{x(e.low):.1f}" x2="{x(e.high):.1f}" '
                         f'y1="{y:.1f}" y2="{y:.1f}"/>')  # fmt: skip
        parts.append(f'<circle class="dot" cx="{x(e.value):.1f}" cy="{y:.1f}" r="4.5"/>')
    return _svg(bottom + 24, parts, says, width)


def reliability(
    before: Sequence[ReliabilityBin],
    after: Sequence[ReliabilityBin] | None,
    *,
    says: str,
    narrow: bool,
) -> str:
    """Share of right answers by what the model said its chance was, with 95 % intervals.

    What the lines are stands at the right, or below where it is `narrow`.
    """
    side, left, top, width = (290, 48, 10, _NARROW) if narrow else (300, 56, 10, 640)
    words, first, step = (0, top + side + 64, 22) if narrow else (left + side + 36, top + 26, 56)
    dotted = (first + 2 * step + 4) if narrow else top + side - 40

    def point(confidence: float, right: float) -> tuple[float, float]:
        return left + side * confidence, top + side * (1 - right)

    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = point(tick, tick)
        parts += [
            f'<line class="grid" x1="{left}" x2="{left + side}" y1="{y}" y2="{y}"/>',
            f'<line class="grid" x1="{x}" x2="{x}" y1="{top}" y2="{top + side}"/>',
            _text(left - 8, y + 4, f"{100 * tick:.0f} %", "tick", "end"),
            _text(x, top + side + 16, f"{100 * tick:.0f} %", "tick", "middle"),
        ]
    (x1, y1), (x2, y2) = point(0, 0), point(1, 1)
    parts.append(f'<line class="even" x1="{x1}" x2="{x2}" y1="{y1}" y2="{y2}"/>')
    parts.append(
        _text(left + side / 2, top + side + 34, "probability of the answer", "tick", "middle")
    )
    kinds = (
        [("as the model said", before, "soft")] if after else [("as the model said", before, "")]
    )
    if after:
        kinds.append(("after the temperature", after, ""))
    for row, (name, bins, kind) in enumerate(kinds):
        filled = [
            b for b in bins if b.n and b.confidence is not None and b.accuracy.value is not None
        ]
        line = []
        for b in filled:
            x, y = point(b.confidence or 0, b.accuracy.value or 0)
            line.append(f"{x:.1f},{y:.1f}")
            if b.accuracy.low is not None and b.accuracy.high is not None:
                ends = [point(0, end)[1] for end in (b.accuracy.low, b.accuracy.high)]
                parts.append(f'<line class="interval thin {kind}" x1="{x:.1f}" x2="{x:.1f}" '
                             f'y1="{ends[0]:.1f}" y2="{ends[1]:.1f}"/>')  # fmt: skip
            parts.append(f'<circle class="dot {kind}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
        parts.append(f'<polyline class="curve {kind}" points="{" ".join(line)}"/>')
        y = first + step * row
        parts.append(f'<circle class="dot {kind}" cx="{words + 6}" cy="{y - 4}" r="5"/>')
        n = sum(b.n for b in filled)
        parts.append(_text(words + 20, y, f"{name} (n = {n:,})", "name", "start"))
    for i, told in enumerate(_DOTTED):
        parts.append(_text(words, dotted + 16 * i, told, "tick", "start"))
    return _svg(dotted + 26 if narrow else top + side + 44, parts, says, width)


def matrix(classes: Sequence[str], negative: str, per_group: Ints, *, says: str) -> str:
    """The confusion matrix: each cell with its count, its share of the row and the 95 % interval."""
    counts = per_group.sum(axis=0)
    heads = "".join(f"<th scope='col'>{escape(name)}</th>" for name in classes)
    rows = []
    for i, truth in enumerate(classes):
        cells = []
        for j, answer in enumerate(classes):
            e = metrics.called(counts, i, j, per_group)
            kind = "right" if i == j else "missed" if answer == negative else "wrong"
            if not counts[i, j]:
                kind = "none"
            ends = "" if e.low is None or e.high is None else share_ends(e.low, e.high)
            told = (
                ""
                if e.value is None
                else f"{100 * e.value:.1f}\u00a0% <span class='ends'>({ends})</span>"
            )
            cells.append(
                f"<td class='{kind}' style='--share:{e.value or 0:.3f}'>"
                f"<strong>{counts[i, j]:,}</strong><small>{told}</small></td>"
            )
        rows.append(
            f"<tr><th scope='row'>{escape(truth)}</th>{''.join(cells)}"
            f"<td class='total'>n = {int(counts[i].sum()):,}</td></tr>"
        )
    return (
        f"<table class='matrix' aria-label='{escape(says)}'><thead><tr>"
        f"<th scope='col'>truth \u2193 answer \u2192</th>{heads}<th scope='col'>images</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "\u2026"


def _ticks(start: float) -> list[float]:
    step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.25) if (1 - start) / s <= 5)
    count = int((1 - start) / step + 1e-9)
    return [1 - step * i for i in range(count, -1, -1)]


def _svg(height: float, parts: Sequence[str], says: str, width: float = _WIDTH) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height:.0f}" role="img" aria-label="{escape(says)}">'
        f"{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, words: str, kind: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'
