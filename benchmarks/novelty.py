"""Which pictures that are no brain MRI a run refuses or warns about, by kind; and what that costs.

The pictures come with the packages of requirements-dev.txt, are drawn here, are the screenshots of this
project, or are made of test images (four in one, two-valued, very small). BRAINMRI_DATA names the real
data set and BRAINMRI_EXTERNAL a folder of other brain MRI; rows that need them are left out without.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import skimage
import sklearn
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from benchmarks.commands import MODELS, ROOT
from brainmri import embedding, images, index, inference, look, runs, splits
from brainmri.errors import ImageError, InputError
from brainmri.images import decode
from brainmri.inference import Classifier
from brainmri.look import Looks
from brainmri.markdown import share
from brainmri.metrics import proportion
from brainmri.novelty import Limits, Novelty, judge

RUNS = ("champion-grouped", "champion-official")
SCREENSHOTS = ROOT / "docs" / "screenshots"
NOTICED_AT_LEAST, EXTERNAL_REFUSED_AT_MOST = 0.99, 0.05
OTHER_MRI = "MRI of other parts or sizes"
_TEXTS = ("page.png", "text.png")
_MODALITIES = {"CT": "CT", "US": "ultrasound", "NM": "bone scan", "RTDOSE": "dose map",
               "CR": "X-ray, 16 pixels", "SEG": "segmentation"}  # fmt: skip
_LEAST_PX = 200
"""Pictures at least this large are also cut into quarters."""
_OVALS, _SPOILT = 30, 30
"""How many of each kind are drawn, and made of test images."""

Picture = NDArray[np.uint8]


def run() -> None:
    """Print, for each champion, the table of docs/experiments.md, and whether the goals hold."""
    strange = list(_strange())
    described = [look.describe(pixels) for _, pixels in strange]
    for name in RUNS:
        classifier = inference.load(MODELS, name)
        looks = look.read(MODELS, classifier.run)
        if looks is None or classifier.run.novelty is None:
            raise InputError(f"{name} stores no limits; run `python -m brainmri predict` on it.")
        limits = classifier.run.novelty
        print(f"novelty: {name}, warned from {limits.warn_from:.1f}, refused from "
              f"{limits.refuse_from:.1f} (set on {limits.n} validation images)")  # fmt: skip

        test = _test_images(classifier.run)
        spoilt = list(_spoilt(test))
        kinds = np.array([kind for kind, _ in (*strange, *spoilt)])
        found = _outcomes(
            looks, limits, np.stack([*described, *(look.describe(pixels) for _, pixels in spoilt)])
        )
        counted = kinds != OTHER_MRI
        for kind in sorted(set(kinds)):
            _row(kind, found[kinds == kind])
        _row("all of these but other MRI", found[counted])
        noticed = float((found[counted] != "answered").mean())
        _goal("refused or warned", noticed, noticed >= NOTICED_AT_LEAST, "at least 99 %")
        if test:
            brains = _outcomes(
                looks, limits, np.stack([look.describe(decode(path).pixels) for path in test])
            )
            _row("test images", brains)
            pictures = [pixels for kind, pixels in (*strange, *spoilt) if kind != OTHER_MRI]
            embedded = _by_embedding(classifier, test, pictures)
            print(f"  by the network's embedding alone, as many test images warned: {embedded:.1%}")
        if (folder := os.environ.get("BRAINMRI_EXTERNAL")) and Path(folder).is_dir():
            external = _outcomes(
                looks, limits, np.stack([look.describe(p) for p in _readable(Path(folder))])
            )
            _row("external brain MRI", external)
            refused = float((external == "refused").mean())
            met = refused <= EXTERNAL_REFUSED_AT_MOST
            _goal("external brain MRI refused", refused, met, "at most 5 %")


def _outcomes(looks: Looks, limits: Limits, described: NDArray[np.float32]) -> NDArray[np.str_]:
    return np.array([judge(Novelty(float(d), limits))[0] for d in looks.distance(described)])


def _row(kind: str, outcomes: NDArray[np.str_]) -> None:
    n, refused = len(outcomes), int((outcomes == "refused").sum())
    warned = int((outcomes == "warned").sum())
    noticed = share(proportion(refused + warned, n))
    print(f"  | {kind} | {n} | {refused} | {warned} | {noticed} |")


def _goal(what: str, measured: float, met: bool, wanted: str) -> None:
    print(f"  {what} {measured:.1%}: {'meets' if met else 'misses'} {wanted}")


def _by_embedding(classifier: Classifier, test: list[Path], strange: list[Picture]) -> float:
    """Share of the strange pictures beyond 95 % of the test images in the network's embedding."""
    space = embedding.read(MODELS, classifier.run)
    assert space is not None
    square = classifier.preprocessing.square

    def distances(pictures: list[Picture]) -> NDArray[np.float32]:
        batches = [
            classifier.embedded(np.stack([square(p) for p in pictures[i : i + 32]]))[1]
            for i in range(0, len(pictures), 32)
        ]
        return space.distance(np.concatenate(batches))

    limit = np.quantile(distances([decode(path).pixels for path in test]), 0.95)
    return float((distances(strange) >= limit).mean())


def _test_images(run: runs.Run) -> list[Path]:
    data = os.environ.get("BRAINMRI_DATA")
    if not data or not Path(data).is_dir():
        return []
    table = index.read(index.path(MODELS))
    part = splits.assign(table, run.protocol, seed=run.seed)
    return [Path(data, path) for path in table.rows["path"][part == "test"]]


def _readable(folder: Path) -> Iterator[Picture]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in images.SUFFIXES:
            yield decode(path).pixels


def _strange() -> Iterator[tuple[str, Picture]]:
    """(kind, greyscale picture) of everything that is no brain MRI, or looks a little like one."""
    photographs: list[Image.Image] = []
    shipped = Path(skimage.__file__).parent / "data"
    files = [*shipped.iterdir(), *(Path(sklearn.__file__).parent / "datasets" / "images").iterdir()]
    for path in sorted(files):
        try:
            picture = decode(path).picture
        except ImageError:
            continue  # Not of the four formats, or of several frames.
        if path.name == "phantom.png":
            yield "Shepp-Logan phantom", np.asarray(picture)
            continue
        if path.name not in _TEXTS:
            photographs.append(picture)
        kind = "text" if path.name in _TEXTS else "photograph"
        yield from ((kind, np.asarray(part)) for part in _quartered(picture))
    for face in np.load(shipped / "lfw_subset.npy")[::4]:
        yield "face or texture, 25 pixels", (255 * np.clip(face, 0, 1)).astype(np.uint8)
    yield from _dicom()
    for path in sorted(SCREENSHOTS.glob("*.png")):
        picture = decode(path).picture
        yield from (("screenshot", np.asarray(part)) for part in _quartered(picture))
    yield from _drawn()
    yield from (("photograph in an oval", _in_an_oval(picture)) for picture in photographs)


def _quartered(picture: Image.Image) -> Iterator[Image.Image]:
    yield picture
    width, height = picture.size
    if min(width, height) >= _LEAST_PX:
        for left in (0, width // 2):
            for top in (0, height // 2):
                yield picture.crop((left, top, left + width // 2, top + height // 2))


def _dicom() -> Iterator[tuple[str, Picture]]:
    """The middle frame of every file of pydicom's that can be decoded, least value black, largest white.

    Whatever its name says: those of a DICOMDIR have no ending. Equal files count once.
    """
    seen: set[bytes] = set()
    for path in sorted((Path(pydicom.__file__).parent / "data").rglob("*")):
        if not path.is_file() or (digest := hashlib.sha256(path.read_bytes()).digest()) in seen:
            continue
        seen.add(digest)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                data = pydicom.dcmread(path)
                pixels = np.asarray(data.pixel_array, dtype=np.float64)
            except (
                Exception
            ):  # No pixels, or a compression without a decoder: not what is measured.
                continue
        if int(data.get("NumberOfFrames", 1) or 1) > 1:
            pixels = pixels[len(pixels) // 2]
        pixels = (pixels - pixels.min()) * (255 / max(float(np.ptp(pixels)), 1e-9))
        modality: Any = data.get("Modality")
        kind = _MODALITIES.get(str(modality), "colour bars and other DICOM")
        if modality == "MR":
            kind = OTHER_MRI
        yield kind, np.asarray(Image.fromarray(pixels.astype(np.uint8)).convert("L"))


def _drawn() -> Iterator[tuple[str, Picture]]:
    rng = np.random.default_rng(0)
    for i in range(20):
        side = (64, 128, 256, 400)[i % 4]
        yield "noise", rng.integers(0, 256, (side, side), dtype=np.uint8)
        yield "noise", np.clip(rng.normal(100, 30, (side, side)), 0, 255).astype(np.uint8)
        yield "noise", _cloud(rng, int(rng.integers(3, 20)), 0, side)
        yield "flat or a gradient", np.full((side, side), rng.integers(0, 256), dtype=np.uint8)
        slope = np.linspace(0, 255, side).astype(np.uint8)
        yield "flat or a gradient", np.tile(slope, (side, 1))
        cloud = _cloud(rng, int(rng.integers(4, 60)), 40, side)
        yield "noise in an oval", _in_an_oval(Image.fromarray(cloud))
    for _ in range(_OVALS):
        yield from _ovals(rng)


def _ovals(rng: np.random.Generator) -> Iterator[tuple[str, Picture]]:
    """An oval of some proportions, filled and rimmed in different ways."""
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    away = np.hypot(x / rng.uniform(0.6, 0.9), y / rng.uniform(0.6, 0.95))
    noise = rng.normal(rng.uniform(60, 140), rng.uniform(10, 50), away.shape)
    soft = Image.fromarray(rng.integers(0, 256, away.shape, dtype=np.uint8))
    blurred = np.asarray(
        soft.filter(ImageFilter.GaussianBlur(rng.uniform(3, 10))), dtype=np.float64
    )
    cloud = 80 + 25 * (blurred - blurred.mean()) / max(float(blurred.std()), 1e-6)
    slope = 200 * (1 - rng.uniform(0.3, 0.9) * away**2)
    for kind, inside, rim in (
        ("pixel noise in an oval with a bright rim", noise, 230),
        ("cloud in an oval", cloud, None),
        ("cloud in an oval with a bright rim", cloud, 200),
        ("smooth gradient in an oval", slope, None),
        ("smooth gradient in an oval with a bright rim", slope / 2, 180),
    ):
        edge = inside if rim is None else np.full_like(inside, rim)
        picture = np.where(away < 0.94, inside, np.where(away < 1, edge, 0))
        yield kind, np.clip(picture, 0, 255).astype(np.uint8)


def _spoilt(test: list[Path]) -> Iterator[tuple[str, Picture]]:
    """What a slice looks like that somebody put together, drew in two values, or made very small."""
    chosen = test[:: max(1, len(test) // _SPOILT)][:_SPOILT]
    slices = [decode(path).pixels for path in chosen]
    even = [np.asarray(Image.fromarray(each).resize((256, 256))) for each in slices]
    for i, pixels in enumerate(slices):
        four = [even[(i + j) % len(even)] for j in range(4)]
        yield "four slices in one picture", np.vstack([np.hstack(four[:2]), np.hstack(four[2:])])
        yield "two slices in one picture", np.hstack(four[:2])
        bright = pixels > max(
            40.0, float(pixels[pixels > 20].mean()) if (pixels > 20).any() else 0.0
        )
        yield "slice in two grey levels", np.where(bright, 255, 0).astype(np.uint8)
        yield (
            "slice in two grey levels, dithered",
            np.asarray(Image.fromarray(pixels).convert("1").convert("L")),
        )
        yield "negative of a slice", 255 - pixels
        for side in (16, 32, 64):
            small = Image.fromarray(pixels).resize((side, side), Image.Resampling.BOX)
            yield f"slice of {side} pixels", np.asarray(small)


def _cloud(rng: np.random.Generator, detail: int, darkest: int, side: int) -> Picture:
    coarse = rng.integers(darkest, 256, (detail, detail), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def _in_an_oval(picture: Image.Image) -> Picture:
    y, x = np.mgrid[-1:1:300j, -1:1:256j]
    inside = np.hypot(x / 0.75, y / 0.9) < 1
    return np.asarray(picture.resize((256, 300))) * inside.astype(np.uint8)
