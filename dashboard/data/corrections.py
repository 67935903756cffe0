"""What people said is wrong with labels: taken, shown, and put into numbered manifests."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brainmri import corrections, images, intake, kept_pictures, manifests, runs, suspects
from brainmri.corrections import CLASS, OPEN, Correction, Record
from brainmri.errors import InputError
from brainmri.manifests import Confirmed, Manifest
from brainmri.suspects import Suspects
from dashboard.data.dataset import place_of, usable_index
from dashboard.data.files import Stamp, cached, models_folder, run_stamp, stamp
from dashboard.data.runs import list_runs

if TYPE_CHECKING:
    from brainmri.correction_store import Store

NAMES_NOBODY = "I have looked: the text in the picture names nobody"
_KEPT_NAME = re.compile(r"[0-9a-f]{64}\.png")


@dataclass(frozen=True)
class Suspect:
    """An indexed image whose label is in doubt.

    Attributes:
        path: in the data folder.
        split: train or test by its folder; empty where it has none.
        label: what the data set says.
        suggestion: what the voices say together.
        against: voices that hold another class more probable than the label.
        asked: voices that were heard.
        score: -1 to 1; see `label_errors.rank`.
    """

    path: str
    split: str
    label: str
    suggestion: str
    against: int
    asked: int
    score: float


@dataclass(frozen=True)
class ManifestLine:
    """A manifest in figures.

    Attributes:
        number: of the manifest.
        changed: labels that it changes.
        left_out: images that it leaves out.
        tests: how many of both are test images, by the split that says so: of the folders, or the
            metadata column that some run was split by.
    """

    number: int
    changed: int
    left_out: int
    tests: Mapping[str, int]


def say(record: Record, picture: bytes | None = None) -> Record:
    """Take a correction, a review or an undo; when this returns it is on the disk, with its picture.

    Args:
        record: what was said.
        picture: to be kept for training, of `picture_to_keep`.

    Raises:
        InputError: it cannot be taken, and why.
    """
    models = models_folder()
    return kept_pictures.say(models, _store(corrections.url_of(models)), record, picture)


def corrections_made() -> list[Correction]:
    """Every correction and what became of it, in the order in which they were made.

    Raises:
        InputError: they cannot be read.
    """
    models = models_folder()
    if not corrections.may_be_kept(models):
        return []  # And no SQLAlchemy, which takes a quarter of a second and 10 MB.
    url = corrections.url_of(models)
    return _states(url, _store(url).version())


def waiting() -> list[Correction]:
    """Corrections that wait for a second reader.

    Raises:
        InputError: they cannot be read.
    """
    return [one for one in corrections_made() if one.state == OPEN]


def picture_to_keep(
    record: Record, upload: bytes, *, number: int | None = None, names_nobody: bool = False
) -> bytes:
    """The pixels of an upload as a grey PNG, which is all of it that is kept for training.

    The picture is decoded and written anew, so that no name, date or other metadata of the file is kept.
    Of a volume only the slice that was asked about is.

    Args:
        record: what was said of it; nothing is kept for one that is not whole.
        upload: content of the file: a picture, DICOM or NIfTI.
        number: of the slice, from 1; needed where the file holds several.
        names_nobody: somebody has looked at the text that there seems to be in it.

    Raises:
        InputError: the record is not whole, or the file is no usable image, says that it is no MRI or that
            text is burned into it, or seems to hold some that nobody has looked at.
    """
    corrections.check(record)
    if not upload:
        raise InputError("The picture is not here any more; drop the file again.")
    file = intake.read(upload, number=number)
    noticed = {notice.code for notice in file.notices}
    if intake.OTHER_MODALITY in noticed:
        raise InputError(
            "The header of the file says that this is no MRI, so it is not kept for training; send the "
            "correction without the picture."
        )
    if intake.BURNED_IN in noticed:
        raise InputError(
            "The header of the file says that text is burned into the picture, which may name the patient, "
            "so it is not kept; send the correction without the picture, or cut the text off first."
        )
    if intake.TEXT_SEEN in noticed and not names_nobody:
        raise InputError(
            "There seems to be text in the picture, so it is not kept yet. Look at it: where it names "
            f"nobody, tick “{NAMES_NOBODY}” and send again; otherwise send the correction without the "
            "picture, or cut the text off first."
        )
    return images.encode_png(file.image.pixels)


def kept_upload(name: str) -> bytes | None:
    """A kept picture, or None where there is no such one."""
    path = kept_pictures.folder(models_folder()) / name
    return path.read_bytes() if _KEPT_NAME.fullmatch(name) and path.is_file() else None


def label_of(path: str) -> tuple[str, str] | None:
    """(label, split) that the image index has for a path; None for an image that it does not know."""
    known, place = usable_index(), place_of(path)
    if known is None or place is None:
        return None
    row = known.rows.iloc[place]
    split = row["split"]
    return str(row["label"]), split if isinstance(split, str) else ""


def class_names() -> list[str]:
    """Classes of the image index; none without one."""
    known = usable_index()
    return [] if known is None else known.classes


def right_classes(answered: Sequence[str] | None = None) -> list[str]:
    """Classes that a label can be corrected to: those of the image index.

    Args:
        answered: classes of the run that answered for an upload; of these only, and all of them where
            there is no image index.
    """
    known = class_names()
    if answered is None:
        return known
    return [one for one in answered if one in known] if known else list(answered)


def doubtful(start: int, most: int) -> tuple[int, list[Suspect], list[tuple[str, str]]]:
    """How many images somebody could be asked about, some of them, and runs that were not heard.

    The most suspicious first; images about which a correction was made, and not undone, are left out.
    """
    known = usable_index()
    if known is None:
        return 0, [], []
    found = _suspects(str(models_folder()), _all_runs())
    said, rows = found.suspicion, known.rows
    done = {one.record.path for one in corrections_made() if one.state != corrections.UNDONE}
    doubted = said.order[said.score[said.order] > 0]
    paths = rows["path"].to_numpy(dtype=object)[doubted]
    left = doubted[[path not in done for path in paths]] if len(doubted) else doubted
    labels, split = rows["label"].to_numpy(dtype=object), rows["split"].to_numpy(dtype=object)
    shown = [
        Suspect(
            path=str(rows["path"].iloc[row]),
            split=split[row] if isinstance(split[row], str) else "",
            label=str(labels[row]),
            suggestion=known.classes[int(said.suggestion[row])],
            against=int(said.against[row]),
            asked=int(said.asked[row]),
            score=float(said.score[row]),
        )
        for row in left[start : start + most].tolist()
    ]
    # Where the server keeps its results is nothing to a reader of the page.
    here = f"{models_folder()}{os.sep}"
    return len(left), shown, [(run, why.replace(here, "")) for run, why in found.lacking]


def voices_about(path: str) -> Mapping[str, Mapping[str, float]]:
    """What each voice says of an indexed image: probabilities by class, by the name of the voice."""
    known, place = usable_index(), place_of(path)
    if known is None or place is None:
        return {}
    found: dict[str, dict[str, float]] = {}
    for voice in _suspects(str(models_folder()), _all_runs()).voices:
        at = np.flatnonzero(voice.rows == place)
        if len(at):
            y_prob = voice.y_prob[int(at[0])].tolist()
            found[voice.name] = dict(zip(known.classes, y_prob, strict=True))
    return found


def agreed() -> Confirmed:
    """What a manifest that is made now would hold.

    Raises:
        InputError: the corrections cannot be read.
    """
    return manifests.confirmed(corrections_made())


def unwritten() -> tuple[int, int]:
    """How many confirmed corrections the last manifest lacks, and how many of its no longer stand.

    Raises:
        InputError: the corrections or the manifest cannot be read.
    """
    return manifests.differences(_last_manifest(), agreed().rows)


def is_written(correction: str) -> bool:
    """Whether the last manifest has the correction of this id."""
    try:
        last = _last_manifest()
    except InputError:
        return False  # Review says itself that it is damaged.
    return last is not None and bool(last.rows["correction"].eq(correction).any())


def make_manifest() -> Manifest | None:
    """Write what two people agree on as the next manifest; None where the last one says the same.

    Raises:
        InputError: it cannot be made.
    """
    models = models_folder()
    return kept_pictures.write_manifest(models, _store(corrections.url_of(models)))


def manifest_lines() -> list[ManifestLine]:
    """Every manifest in figures, the last one first.

    Raises:
        InputError: one of them is damaged.
    """
    models = models_folder()
    named = {view.run.protocol for view in list_runs()[0] if view.run is not None}
    columns = tuple(sorted(named - {runs.OFFICIAL}))
    return [
        _line(
            str(models), number, columns, stamp(models / corrections.FOLDER / f"{number}.parquet")
        )
        for number in reversed(manifests.numbers(models))
    ]


def reported_label(path: str) -> str | None:
    """In words, how the last manifest changed what is reported of an image; None where it did not."""
    try:
        last = _last_manifest()
    except InputError:
        return None  # The runs say themselves that the manifest is damaged.
    change = None if last is None else last.changes.get(path)
    if change is None:
        return None
    was, right = change
    if right is None:
        return f"two readers left it out (it was labelled {was})"
    return f"two readers corrected the label (it was {was})"


def _last_manifest() -> Manifest | None:
    folder = models_folder()
    return _read_last(str(folder), stamp(folder / corrections.FOLDER))


@cached(2)
def _read_last(models: str, stamp: Stamp) -> Manifest | None:
    return manifests.latest(Path(models))


@cached(64)
def _line(models: str, number: int, columns: tuple[str, ...], stamp: Stamp) -> ManifestLine:
    rows = manifests.read(Path(models), number).rows
    known = usable_index()
    tests: dict[str, int] = {}
    if known is not None:
        among = known.rows[known.rows["path"].isin(rows["path"].tolist())]
        parts = {
            runs.OFFICIAL: "split",
            **{column: column for column in columns if column in among},
        }
        counts = {
            protocol: int((among[column].astype("string").str.lower() == "test").sum())
            for protocol, column in parts.items()
        }
        tests = {protocol: count for protocol, count in counts.items() if count}
    changed = int((rows["verdict"] == CLASS).sum())
    return ManifestLine(number, changed, len(rows) - changed, tests)


@cached(2)
def _store(url: str) -> Store:
    from brainmri.correction_store import Store

    return Store(url)


@cached(2)
def _states(url: str, version: tuple[int, int]) -> list[Correction]:
    return corrections.states(_store(url).records())


def _all_runs() -> Stamp:
    folder = models_folder()
    files: Stamp = ()
    for run in runs.folders(folder):
        files += run_stamp(folder, run.name) + stamp(run / runs.EMBEDDING_FILE)
    return files


@cached(2)
def _suspects(models: str, stamp: Stamp) -> Suspects:
    known = usable_index()
    assert known is not None
    return suspects.find(Path(models), known)
