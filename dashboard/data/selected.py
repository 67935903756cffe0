"""What a run said of chosen images: counts, curves, slices, and the images themselves in order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brainmri import evaluation, index, parts, results, slices, tally, trust
from brainmri.calibration import apply_temperature
from brainmri.decisions import tumour_probability
from brainmri.evaluation import ClassCurves, Report
from brainmri.metrics import Estimate, Ints, enough, of_groups, share
from brainmri.parts import Parts
from brainmri.slices import Slice
from brainmri.surest import MOST, Sure
from brainmri.tally import Tally
from brainmri.trust import CalibrationReport, Fit
from dashboard.chosen import Chosen
from dashboard.data import rows
from dashboard.data.dataset import bits_from, place_of, usable_index
from dashboard.data.files import cached, models_folder
from dashboard.data.runs import RunView, Scored, cell_images, curves, report

if TYPE_CHECKING:
    import pandas as pd


BY_ANSWER = "chosen by their answer"
"""Why a count of images has no interval when the choice decides which answers are right."""


@dataclass(frozen=True)
class Gallery:
    """Some of the chosen images, in order.

    Attributes:
        n: chosen images.
        known: how many of them can be shown: all, but of very large tables the surest of each cell.
        shown: those of one page.
        bits: of each of them, how many bits of its hash differ from those of the image that they are
            compared with; empty for another order.
    """

    n: int
    known: int
    shown: list[Scored]
    bits: list[int | None]


def usable(view: RunView, split: str, chosen: Chosen) -> Chosen:
    """What can be chosen of this run: a slice that its images do not have chooses nothing.

    Of a table too large to be held, a slice or a threshold can be chosen, not both, thresholds
    are those of `parts.THRESHOLDS`, and how sure the answers are is not known.
    """
    if not view.in_memory:
        chosen = chosen.without_sureness
    if chosen.slice is not None:
        name, value = chosen.slice
        if value not in _slice_values(view, split, name):
            chosen = replace(chosen, slice=None)
    if chosen.above is None or view.in_memory:
        return chosen
    name, least = chosen.above
    if chosen.slice is not None or _parts(view, split).above is None or name not in view.classes:
        return replace(chosen, above=None)
    snapped = float(parts.THRESHOLDS[parts.threshold_at(least)])
    return replace(chosen, above=(name, round(snapped, 6)))


def within_slices_by(view: RunView, chosen: Chosen, by: str) -> Chosen:
    """What the slices by a property are counted in: what is chosen, but for one of themselves.

    Of a choice that decides which answers are right it is what else is chosen: how many images of each
    slice are among them is told beside. Of a table too large to be held they are counted in all of it.
    """
    if not view.in_memory:
        return Chosen()
    among = chosen.without_slice_by(by)
    return among.within if among.decides else among


def within_curves(view: RunView, chosen: Chosen) -> Chosen:
    """What the curves are of: all that is chosen but a threshold; all of a table too large to be held."""
    return chosen.without_threshold if view.in_memory else Chosen()


def slice_choices(view: RunView, split: str) -> tuple[list[str], list[str]]:
    """Names of the properties that a run's images can be sliced by, and of the metrics to rank by."""
    found = rows.sliceable(view, split)[1] if view.in_memory else _parts(view, split).slices
    negative = view.classes.index(view.negative_class)
    figures = list(slices.metrics_of(view.classes, negative))
    if view.in_memory:  # Those of probabilities need the single rows.
        figures += slices.scored_metrics_of(negative)
    return list(found), figures


def left_out_of_slices(view: RunView, split: str) -> tuple[list[str], list[str]]:
    """Columns that are no property: those that name or number single images, and those of one value.

    Of a table too large to be held both are empty: they are not looked for.
    """
    return rows.unsliced(view, split) if view.in_memory else ([], [])


def _slice_values(view: RunView, split: str, name: str) -> list[str]:
    if not view.in_memory:
        return list(_parts(view, split).slices.get(name, ()))
    _, properties = rows.sliceable(view, split)
    return list(properties[name].unique()) if name in properties else []


def chosen_report(view: RunView, split: str, within: Chosen) -> Report:
    """Figures of the images of a chosen slice, threshold or sureness; those that divide by too few say so."""
    if not within:
        return report(view, split)
    return _report(view, split, within)


def chosen_curves(view: RunView, split: str, chosen: Chosen) -> list[ClassCurves]:
    """One-vs-rest curves of the chosen images; none where the choice decides which answers are right."""
    return _curves(view, split, chosen) if chosen else curves(view, split)


@cached(64)
def chosen_calibration(view: RunView, split: str, chosen: Chosen) -> CalibrationReport:
    """How far a run's answers about the chosen images can be trusted; of runs in memory only.

    Where the choice decides which answers are right, all of it is counts of these images.
    """
    table, negative = view.predictions, view.negative_class
    found = trust.calibration_report(
        table,
        _fitted(view),
        split=split,
        negative=negative,
        groups=rows.clusters(view),
        among=_rows(view, split, chosen),
    )
    return trust.counts_only(found, reason=BY_ANSWER) if chosen.decides else found


@cached(16)
def _fitted(view: RunView) -> Fit | None:
    """What was fitted on a run's validation images; of a table of another tool it is fitted here."""
    if view.run is not None:
        return trust.stored(view.run)
    return trust.fit(view.predictions, negative=view.negative_class)


def _after(view: RunView, y_prob: NDArray[np.floating]) -> NDArray[np.float32]:
    """Probabilities (n, k) as calibration and decision curve are drawn of them, which a click chooses by."""
    fitted = _fitted(view)
    return apply_temperature(y_prob, None if fitted is None else fitted.temperature)


def chosen_n(view: RunView, split: str, chosen: Chosen) -> int:
    """How many images of the split are chosen."""
    return int(cells(view.classes, chosen, chosen_groups(view, split, chosen.within)).sum())


def chosen_groups(view: RunView, split: str, within: Chosen) -> Ints:
    """Confusion matrix (g, k, k) of each near-duplicate cluster of the chosen images."""
    return _tally(view, split, within).per_group


def chosen_share(view: RunView, split: str, chosen: Chosen) -> Estimate:
    """How many images of the split are chosen, of all of them."""
    whole = view.tallies.of[split].per_group
    some = cells(view.classes, chosen, _tally(view, split, chosen.within).per_group)
    if len(some) == len(whole):  # The same clusters.
        return of_groups(some.sum(axis=(1, 2)), whole.sum(axis=(1, 2)), whole)
    every = _rows(view, split, Chosen())
    return share(np.isin(every, _rows(view, split, chosen)), rows.clusters(view)[every])


def cell_shares(view: RunView, split: str, chosen: Chosen) -> tuple[Estimate, Estimate, Estimate]:
    """What a chosen cell is of the images of its class, of those with its answer, of all mistakes."""
    per_group = chosen_groups(view, split, chosen.within)
    own = cells(view.classes, chosen, per_group)

    def of(other: Chosen) -> Estimate:
        # Of a cell of right answers none is among the mistakes.
        hits = cells(view.classes, other, own).sum(axis=(1, 2))
        among = cells(view.classes, other, per_group).sum(axis=(1, 2))
        return enough(of_groups(hits, among, per_group))

    return (
        of(Chosen(truth=chosen.truth)),
        of(Chosen(answer=chosen.answer)),
        of(Chosen(wrong=True)),
    )


def cells(classes: list[str], chosen: Chosen, matrix: Ints) -> Ints:
    """A confusion matrix (..., k, k) with 0 in every cell that is not chosen."""
    k = len(classes)
    kept = np.ones((k, k), dtype=bool)
    if chosen.truth is not None:
        kept &= (np.arange(k) == classes.index(chosen.truth))[:, None]
    if chosen.answer is not None:
        kept &= (np.arange(k) == classes.index(chosen.answer))[None]
    if chosen.wrong:
        kept &= ~np.eye(k, dtype=bool)
    found: Ints = np.where(kept, matrix, 0)
    return found


@cached(256)
def weak_spots(
    view: RunView, split: str, by: str, metric: str, chosen: Chosen | None = None
) -> list[Slice]:
    """A metric of a run for each value of a property, worst first; none for an unknown name."""
    negative = view.classes.index(view.negative_class)
    figures, scored = slices.metrics_of(view.classes, negative), slices.scored_metrics_of(negative)
    high_is_worst = metric in slices.HIGH_IS_WORST
    if not view.in_memory:
        counted = _parts(view, split).slices.get(by)
        return (
            []
            if counted is None or metric not in figures
            else slices.ranked(counted, figures[metric], high_is_worst=high_is_worst)
        )
    here, properties = rows.sliceable(view, split)
    if by not in properties or metric not in {**figures, **scored}:
        return []
    table = view.predictions
    among = np.isin(here, _rows(view, split, chosen or Chosen()))
    at = here[among]
    value, groups = properties[by].reset_index(drop=True)[among], rows.clusters(view)[at]
    if metric in scored:
        y_prob = table.y_prob[at]
        return slices.scored_slices(
            value,
            scored[metric],
            y_true=table.y_true[at],
            # The area goes by what the model said, as the curves do.
            y_prob=view.calibrated(y_prob) if metric == slices.CALIBRATION else y_prob,
            groups=groups,
            high_is_worst=high_is_worst,
        )
    return slices.slices(
        value,
        figures[metric],
        y_true=table.y_true[at],
        y_pred=table.y_pred[at],
        groups=groups,
        k=len(view.classes),
        high_is_worst=high_is_worst,
    )


def gallery(
    view: RunView, split: str, chosen: Chosen, *, sort: str, like: str | None, start: int, most: int
) -> Gallery:
    """The chosen images from place `start` on, at most `most`.

    `sort` is their order: the most wrong (error), the least sure (unsure) or the surest (sure) first, or
    those alike to the image at the path `like`.
    """
    if not view.in_memory:
        return _surest_only(view, split, chosen, start, most)
    order, bits = _ordered(view, split, chosen, sort, (like or None) if sort == "like" else None)
    at = order[start : start + most]
    return Gallery(
        n=len(order),
        known=len(order),
        shown=rows.scored(view, at),
        bits=[]
        if bits is None
        else [None if b < 0 else int(b) for b in bits[start : start + most]],
    )


@cached(64)
def _ordered(
    view: RunView, split: str, chosen: Chosen, sort: str, like: str | None
) -> tuple[Ints, Ints | None]:
    at, table = _rows(view, split, chosen), view.predictions
    y_prob = view.calibrated(table.y_prob[at])
    if like is not None:
        bits = _bits_from(view, like)[at]
        order = np.argsort(np.where(bits < 0, np.iinfo(np.int64).max, bits), kind="stable")
        return at[order], bits[order]
    if sort == "sure":
        order = np.argsort(-y_prob.max(axis=1), kind="stable")
    elif sort == "unsure":
        order = np.argsort(y_prob.max(axis=1), kind="stable")
    else:
        order = np.argsort(y_prob[np.arange(len(at)), table.y_true[at]], kind="stable")
    return at[order], None


@cached(16)
def _bits_from(view: RunView, path: str) -> Ints:
    """Bits in which the hash of each row (n,) differs from that of one image, mirrored or not; -1
    where the index does not know the image.
    """
    import pandas as pd

    known = usable_index()
    paths = view.predictions.paths
    if known is None:
        return np.full(len(paths), -1, dtype=np.int64)
    place = pd.Index(known.rows["path"]).get_indexer(pd.Index([path, *paths.tolist()]))
    if place[0] < 0:
        return np.full(len(paths), -1, dtype=np.int64)
    bits = bits_from(known.rows, known.rows["phash"].iloc[place[0]])
    return np.where(place[1:] >= 0, bits[place[1:]], -1)


@cached(256)
def _rows(view: RunView, split: str, chosen: Chosen) -> Ints:
    """Numbers of the labelled rows that are chosen."""
    table = view.predictions
    at = np.flatnonzero((table.splits == split) & (table.y_true >= 0))
    if chosen.slice is not None:
        here, properties = rows.sliceable(view, split)
        name, value = chosen.slice
        at = here[(properties[name] == value).to_numpy()] if name in properties else at[:0]
    if chosen.above is not None:
        name, least = chosen.above
        if name in view.classes:
            at = at[table.y_prob[at, view.classes.index(name)] >= np.float32(least)]
        else:
            negative = view.classes.index(view.negative_class)
            at = at[tumour_probability(_after(view, table.y_prob[at]), negative) >= least]
    if chosen.sure is not None:
        low, high = chosen.sure
        sure = _after(view, table.y_prob[at]).max(axis=1).astype(np.float64)
        at = at[(sure >= low) & (sure <= high)]
    for called, column in ((chosen.truth, table.y_true), (chosen.answer, table.y_pred)):
        if called is not None:
            at = at[column[at] == view.classes.index(called)]
    if chosen.wrong:
        at = at[table.y_pred[at] != table.y_true[at]]
    return at


@cached(64)
def _tally(view: RunView, split: str, within: Chosen) -> Tally:
    whole = view.tallies.of[split]
    if not within:
        return whole
    if not view.in_memory:
        return replace(whole, per_group=_part(view, split, within), seen=None, unlabelled=0)
    at = _rows(view, split, within)
    chosen = np.zeros(len(view.predictions.paths), dtype=bool)
    chosen[at] = True
    if not len(at):
        return replace(whole, per_group=whole.per_group[:0], seen=None, unlabelled=0)
    some, groups = view.predictions.where(chosen), rows.clusters(view)[chosen]
    return tally.count(some.as_table(), lambda _: groups, splits=(split,)).of[split]


@cached(8)
def _parts(view: RunView, split: str) -> Parts:
    """Counts of every slice and threshold of a table that is too large to be held."""
    known = usable_index()
    table = results.opened(models_folder(), view.name).table
    return parts.count(table, results.groups_of(known), parts.known_properties(known), split=split)


def _part(view: RunView, split: str, within: Chosen) -> Ints:
    counted = _parts(view, split)
    if within.slice is not None:
        name, value = within.slice
        return counted.slices[name][value]
    if within.above is not None and counted.above is not None:
        name, least = within.above
        return counted.above[view.classes.index(name)][parts.threshold_at(least)]
    return view.tallies.of[split].per_group


@cached(64)
def _report(view: RunView, split: str, within: Chosen) -> Report:
    found = evaluation.report_of(
        _tally(view, split, within), negative=view.negative_class, run=view.name
    )
    return replace(evaluation.shown(found), unlabelled=0)


@cached(32)
def _curves(view: RunView, split: str, chosen: Chosen) -> list[ClassCurves]:
    n = len(_rows(view, split, chosen))
    if chosen.decides or not n:
        none = Estimate(None, None, None, n, reason=BY_ANSWER if n else "no images")
        return [ClassCurves(name, None, None, none, none, 0, 0) for name in view.classes]
    return evaluation.shown_curves(evaluation.curves_of(_tally(view, split, chosen)))


def _surest_only(view: RunView, split: str, chosen: Chosen, start: int, most: int) -> Gallery:
    """Of a table too large to be held: those of the surest images of each cell that are chosen."""
    matrix = cells(view.classes, chosen, _tally(view, split, chosen.within).matrix)
    known: list[Scored] = []
    for i, j in zip(*np.nonzero(matrix), strict=True):
        truth, answer = view.classes[i], view.classes[j]
        kept = {image.path: image for image in view.tallies.of[split].surest.get((i, j), [])}
        _, surest = cell_images(view, split, truth, answer, MOST)
        known += [one for one in surest if _is_within(view, kept[one.path], chosen)]
    known.sort(key=lambda one: -one.probabilities[one.answer])
    return Gallery(int(matrix.sum()), len(known), known[start : start + most], [])


def _is_within(view: RunView, image: Sure, chosen: Chosen) -> bool:
    if chosen.above is not None:
        name, least = chosen.above
        return image.y_prob[view.classes.index(name)] >= least
    if chosen.slice is None:
        return True
    name, value = chosen.slice
    if name == "seen":
        return value == (parts.SEEN if image.seen else parts.UNSEEN)
    place = place_of(image.path)
    return place is not None and _property(view, name).iloc[place] == value


@cached(16)
def _property(view: RunView, name: str) -> pd.Series[str]:
    """A property of every image of the index."""
    import pandas as pd

    known = usable_index()
    if known is None:
        return pd.Series([], dtype=str)
    rows_ = known.rows.drop(columns=index.identifiers(known)).reset_index(drop=True)
    return slices.properties(rows_)[name]
