"""The report of a run: its model card with figures, one HTML file that asks nothing of a network.

The words and figures are those of the card (`card_parts`); what is added are drawings of them and the
figures of the same model on the other kind of split.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import partial
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from brainmri import card_parts, mistakes, report_figures, results, truths
from brainmri.card_results import Part, Sources
from brainmri.evaluation import by_recall
from brainmri.markdown import share
from brainmri.metrics import Estimate
from brainmri.truths import Truth
from brainmri.wording import but_meets

_CELLS = ("th_open", "td_open")
_ROLES = {
    "table_open": "table",
    "thead_open": "rowgroup",
    "tbody_open": "rowgroup",
    "tr_open": "row",
    "th_open": "columnheader",
    "td_open": "cell",
}
_MOST_ON_A_PHONE, _LETTERS_ON_A_PHONE = 3, 48
"""Columns, and letters of their widest cells, that stand beside each other on a phone."""
_MOST_BESIDE = 5
"""Classes with which two confusion matrices fit beside each other on paper."""
_TOP = (
    "<div class='top'><span>A research assistant, not a medical device. Every share stands with its "
    "count or n and its 95\u00a0% interval.</span>"
    "<button id='print' type='button'>Print / save as PDF</button></div>"
)
_SCRIPT = "document.getElementById('print').addEventListener('click', () => window.print());"


def render(models: Path, name: str) -> str:
    """The report of the run `name`, a whole HTML page.

    Args:
        models: folder with the results.
        name: of the run.

    Raises:
        InputError: as `card_parts.sources`.
    """
    found = card_parts.sources(models, name)
    three = truths.three(models, found.run, results.groups_of(found.known))
    markdown = card_parts.sections(models, found)
    parts = {key: _html(lines) for key, lines in markdown.items()}
    parts["use"] = _below(parts["use"], "</h1>", _TOP) + _three(three, found.by_readers)
    parts["results"] += _per_class(found.parts)
    parts["failures"] = _below(parts["failures"], "</h2>", _matrices(found))
    parts["calibration"] += _reliability(found.parts[0])
    body = {key: f"<section class='part-{key}'>{part}</section>" for key, part in parts.items()}
    # Both are narrow: on paper they stand beside each other.
    body["data"] = f"<div class='beside'>{body['data']}{body.pop('training')}</div>"
    return _page(found, "".join(body.values()))


def _page(found: Sources, body: str) -> str:
    style = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    title = f"{escape(found.run.name)} \u00b7 report"
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{style}</style></head><body>"
        f"<main>{body}</main><script>{_SCRIPT}</script></body></html>\n"
    )


def _html(lines: list[str]) -> str:
    """Markdown of the card as HTML; what looks like a tag in it stays text."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse("\n".join(lines))
    ends = [i for i, one in enumerate(tokens) if one.type == "table_close"]
    for i, one in enumerate(tokens):
        if one.type == "table_open":
            _cards_on_a_phone(tokens[i : next(end for end in ends if end > i)])
    text: str = parser.renderer.render(tokens, parser.options, {})
    text = text.replace("<th></th>", "<td></td>")  # A corner heads nothing.
    pieces = re.split(r"(<table[ >].*?</table>)", text, flags=re.DOTALL)
    for i in range(1, len(pieces), 2):
        title = re.findall(r"<h[23]>(.*?)</h[23]>", "".join(pieces[:i]))[-1]
        pieces[i] = report_figures.scrolled(pieces[i], title)
    return _unbroken("".join(pieces))


def _cards_on_a_phone(table: list[Token]) -> None:
    """Mark a table that is too wide for a phone, whose rows are cards there with the heads inside.

    Roles are spelt out, since cards are no table to a browser. A table of image names has its own way there.
    """
    cells = [(one, table[i + 1].content) for i, one in enumerate(table) if one.type in _CELLS]
    heads = [words for one, words in cells if one.type == "th_open"]
    k = len(heads)
    letters = sum(max(len(words) for _, words in cells[column::k]) for column in range(k))
    if k <= _MOST_ON_A_PHONE or letters <= _LETTERS_ON_A_PHONE or cells[k][1].startswith("`"):
        return
    table[0].attrSet("class", "cards")
    for one in table:
        if one.type in _ROLES:
            one.attrSet("role", _ROLES[one.type])
    for i, (one, _) in enumerate(cells[k:]):
        one.attrSet("data-label", heads[i % k])


def _unbroken(text: str) -> str:
    """No line breaks between a number and its unit, nor inside "n = 20" and "0.3 to 1.6"."""
    text = text.replace(" %", "\u00a0%").replace("n = ", "n\u00a0=\u00a0")
    return re.sub(r"(?<=\d) to (?=\d)", "\u00a0to\u00a0", text)


def _share(estimate: Estimate) -> str:
    return _unbroken(escape(share(estimate)))


def _below(section: str, end: str, more: str) -> str:
    """More HTML below the first element of a section that ends so."""
    before, end, rest = section.partition(end)
    return before + end + more + rest


def _three(found: list[Truth], by_readers: str) -> str:
    """The flattering figure and the true ones beside it; `by_readers` says whose labels they are by."""
    cards = []
    for one in found:
        report = one.report
        if report is None or not report.n:
            cards.append(f"<div><h3>{escape(one.title)}</h3><p>{escape(one.absent)}</p></div>")
            continue
        right = report.accuracy.value
        big = "–" if right is None else f"{100 * right:.1f}\u00a0%"
        cards.append(
            f"<div><h3>{escape(one.title)}</h3><p class='big'>{big}</p>"
            f"<p>right answers: {_share(report.accuracy)}</p>"
            f"<p>missed tumours: {_share(report.missed)}</p>"
            f"<p>false alarms: {_share(report.false_alarms)}</p>"
            f"<p class='note'>run {escape(str(one.run))}</p></div>"
        )
    first, unseen, grouped = found
    why = truths.why_they_differ(
        first.report, unseen.report, grouped.report, protocol=grouped.protocol
    )
    note = _unbroken(escape(" ".join(filter(None, (why, by_readers)))))
    return (
        "<h2>Can it be trusted? The three figures</h2>"
        f"<div class='three'>{''.join(cards)}</div>"
        f"<p class='note'>{note} In brackets 95\u00a0% intervals.</p>"
    )


def _per_class(parts: list[Part]) -> str:
    drawn = []
    for part in parts:
        if not (judged := by_recall(part.report.per_class)):
            continue
        weakest, *others = judged
        met = but_meets(weakest.recall, [one.recall for one in others])
        rows = [
            (f"{one.name}, {word}", estimate)
            for one in part.report.per_class
            for word, estimate in (("found", one.recall), ("right when said", one.precision))
        ]
        drawn.append(
            report_figures.figure(
                f"Found least often among {part.name}: {weakest.name}, {share(weakest.recall)}{met}",
                report_figures.on_any_screen(partial(_found_and_right, rows, part.name)),
                "Found: recall. Right when said: precision. The lines are 95 % intervals.",
            )
        )
    return "".join(drawn)


def _found_and_right(rows: Sequence[tuple[str, Estimate]], images: str, narrow: bool) -> str:
    says = f"Recall and precision of each class, {images}"
    return report_figures.intervals(rows, says=says, narrow=narrow)


def _matrices(found: Sources) -> str:
    drawn = []
    for part in found.parts:
        report = part.report
        if not report.n:
            continue
        title = f"No mistake on {report.n:,} {part.name}"
        if report.confusions:
            shares = mistakes.shares(part.tally.per_group)
            title = mistakes.finding(report, shares, share, among=f" among {part.name}").words
        drawn.append(
            report_figures.figure(
                title[0].upper() + title[1:],
                report_figures.matrix(
                    report.classes,
                    report.classes[report.negative],
                    part.tally.per_group,
                    says=f"Confusion matrix, {part.name} (n = {report.n:,})",
                ),
                f"{part.name[0].upper()}{part.name[1:]} (n = {report.n:,}): how many images of each class "
                "(row) got each answer (column), their share of the row and its 95 % interval.",
            )
        )
    beside = len(drawn) > 1 and len(found.run.classes) <= _MOST_BESIDE
    return f"<div class='{'beside' if beside else 'below'}'>{''.join(drawn)}</div>"


def _reliability(part: Part) -> str:
    trust = part.trust
    if not any(b.n for b in trust.before):
        return ""
    error = trust.error_after or trust.error_before
    return report_figures.figure(
        "Between what the model says of its chance to be right and the truth lie on average: "
        + share(error.ece),
        report_figures.on_any_screen(
            lambda narrow: report_figures.reliability(
                trust.before,
                trust.after,
                says=f"Share of right answers by the probability of the answer, {part.name}",
                narrow=narrow,
            )
        ),
        "Each dot is a group of answers of about the same probability; its line is the 95 % interval.",
    )
