"""All that is known of one indexed image: its metadata, its near-duplicates, and what each run said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainmri import index
from brainmri.errors import InputError
from dashboard.data import rows
from dashboard.data.dataset import bits_from, decoded, place_of, usable_index
from dashboard.data.files import cached
from dashboard.data.predictor import classifier
from dashboard.data.runs import RunView, Scored, list_runs
from dashboard.words import NOT_RECORDED

MOST_NEAR = 12
"""Near-duplicates of an image that are told of."""
_HIDDEN = {"path", "label", "split", "phash", "phash_mirrored", "file_sha256", "pixel_sha256"}


_NUMBERED = {"cluster", "dup_cluster", "figshare_index"}
_YES_NO = {"0": "no", "1": "yes", "False": "no", "True": "yes"}


@dataclass(frozen=True)
class Near:
    """A near-duplicate of an image: how many bits of their hashes differ, mirrored or not."""

    path: str
    label: str
    split: str
    bits: int


@dataclass(frozen=True)
class Pictured:
    """One image.

    Attributes:
        path: in the data folder.
        label, split: as the index has them; empty where it does not know the image.
        facts: every other column of the index with its value in words.
        near: the closest near-duplicates, the most alike first.
        copies: how many near-duplicates there are.
        answers: what each run said of it, with the part of its table that it is in.
        silent: runs that have not answered it.
        too_large: runs whose tables are too large to look one image up.
    """

    path: str
    label: str
    split: str
    facts: list[tuple[str, str]]
    near: list[Near]
    copies: int
    answers: list[tuple[RunView, str, Scored]]
    silent: list[str]
    too_large: list[str]


@dataclass(frozen=True)
class Map:
    """Where a model found what speaks for one class.

    Attributes:
        square: the image as the model is given it, uint8 (s, s).
        heat: 0-1 (s, s), 1 where most speaks for the class of all classes and places.
    """

    square: NDArray[np.uint8]
    heat: NDArray[np.float32]


def pictured(path: str) -> Pictured | None:
    """An image that the index or some run knows; None for any other path."""
    known, said = usable_index(), _answers(path)
    answers = [one for one in said if isinstance(one, tuple)]
    place = place_of(path)
    if known is None or place is None:
        if not answers:
            return None
        label, split, facts, near = answers[0][2].label, "", [], []
    else:
        row = known.rows.iloc[place]
        label, split = str(row["label"]), _text(row["split"])
        facts = [(name, _fact(known, name, row[name])) for name in _told(known)]
        near = _near(known, place)
    return Pictured(
        path=path,
        label=label,
        split=split,
        facts=facts,
        near=near[:MOST_NEAR],
        copies=len(near),
        answers=answers,
        silent=[one.name for one in said if isinstance(one, RunView) and one.in_memory],
        too_large=[one.name for one in said if isinstance(one, RunView) and not one.in_memory],
    )


@cached(32)
def activation_map(view: RunView, path: str, label: str) -> Map | None:
    """Class-activation map of a class on an indexed image; None for a model that gives none.

    Raises:
        InputError: the image or the model cannot be used.
    """
    if not view.has_model:
        raise InputError(f"The model file of {view.name} is not here, only what it predicted.")
    image = decoded(path)
    if image is None:
        raise InputError("The image is not here; start the dashboard with --data FOLDER.")
    model = classifier(view.name)
    square = model.preprocessing.square(image.pixels)
    maps = model.explain(square[None]).maps
    if maps is None:
        return None
    most = max(float(maps.max()), 1e-6)
    heat = np.clip(maps[0, view.classes.index(label)] / most, 0, 1)
    return Map(square, heat.astype(np.float32))


def _answers(path: str) -> list[tuple[RunView, str, Scored] | RunView]:
    """What each run said of an image, or the run where it said nothing."""
    found: list[tuple[RunView, str, Scored] | RunView] = []
    for view in list_runs()[0]:
        row = _rows_of(view).get(path) if view.in_memory else None
        if row is None:
            found.append(view)
            continue
        (scored,) = rows.scored(view, np.array([row]))
        found.append((view, str(view.predictions.splits[row]), scored))
    return found


@cached(64)
def _rows_of(view: RunView) -> dict[str, int]:
    """Row number of each path."""
    return {str(path): row for row, path in enumerate(view.predictions.paths) if path}


def _near(known: index.ImageIndex, place: int) -> list[Near]:
    """The other images of its cluster, the most alike first."""
    table = known.rows
    others = np.flatnonzero(table["cluster"].to_numpy() == table["cluster"].iloc[place])
    copies = table.iloc[others[others != place]]
    found = [
        Near(str(path), str(label), _text(split), bits)
        for path, label, split, bits in zip(
            copies["path"],
            copies["label"],
            copies["split"],
            bits_from(copies, table["phash"].iloc[place]).tolist(),
            strict=True,
        )
    ]
    return sorted(found, key=lambda near: (near.bits, near.path))


@cached(2)
def _told(known: index.ImageIndex) -> dict[str, bool]:
    """Columns that are told of an image; whether all that is in them says yes or no."""
    return {
        str(name): len(known.rows) > 0 and known.rows[name].dropna().isin([0, 1]).all().item()
        for name in known.rows.columns
        if name not in _HIDDEN
    }


def _fact(known: index.ImageIndex, name: str, value: object) -> str:
    text = _text(value)
    if _told(known)[name] and text in _YES_NO:
        return _YES_NO[text]
    # A number that names something has no thousands.
    return text.replace(",", "") if name in _NUMBERED else text


def _text(value: object) -> str:
    import pandas as pd

    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return NOT_RECORDED
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"
    return str(value)
