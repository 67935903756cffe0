"""The API of a real server under uploads that nobody would send, and with a name in every place for one."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from pydicom.uid import ExplicitVRLittleEndian

from benchmarks.commands import family
from benchmarks.hostile_uploads import send
from brainmri import phantom
from tests.brainmri import volumes
from tests.brainmri.files_to_read import encode
from tests.dashboard.serving import Site, serving
from tests.mutations import bombs, uploads

UPLOADS = 300
CANARY = "CANARY7F3A"


@pytest.fixture(scope="module")
def site(made_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("api") / "site", models=made_models) as running:
        yield running


def test_mutated_uploads_are_answered_or_refused_and_no_worker_dies(site: Site) -> None:
    workers = family(site.process.pid)
    assert 3 * len(bombs()) < UPLOADS
    statuses = set()
    for kind, data, name, number in uploads(UPLOADS):
        status, answer = send(site, data, name, number)
        statuses.add(status)
        if status != 200:
            assert 400 <= status < 500, kind
            assert re.fullmatch(r"[a-z_]+", answer["error"]["code"]), kind
            assert answer["error"]["message"].endswith("."), kind
            assert "\n" not in answer["error"]["message"], kind
    assert {200, 413, 415, 422} <= statuses
    assert set(workers) <= set(family(site.process.pid))
    assert "Traceback" not in site.log.read_text()


def named() -> dict[str, bytes]:
    """Files with a name wherever one can be."""
    picture = Image.fromarray(phantom.draw("glioma", 1))
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = CANARY  # description, artist
    text = PngImagePlugin.PngInfo()
    text.add_text("Patient", CANARY)
    text.add_text("Comment", CANARY, zip=True)
    patient = {"PatientName": CANARY, "PatientID": CANARY, "SeriesDescription": CANARY}
    frame = phantom.draw("glioma", 1)[None]
    volume = bytearray(volumes.nifti(volumes.volume(), compressed=False))
    volume[148 : 148 + len(CANARY)] = CANARY.encode()  # descrip
    return {
        "exif.jpg": encode(picture, "JPEG", exif=exif),
        "exif.tif": encode(picture, "TIFF", tiffinfo={270: CANARY, 315: CANARY}),
        "text.png": encode(picture, "PNG", pnginfo=text, exif=exif),
        "patient.dcm": volumes.dicom(frame, **patient),
        "cut.dcm": volumes.dicom(frame, **patient)[:-500],
        "bad value.dcm": volumes.dicom(frame, **patient).replace(
            b"MONOCHROME2", CANARY.encode() + b" "
        ),
        "staff.dcm": volumes.dicom(frame, **patient, OperatorsName=CANARY, StudyDescription=CANARY),
        "syntax.dcm": volumes.dicom(frame, **patient).replace(
            ExplicitVRLittleEndian.encode() + b"\0", (CANARY + "XXXXXXXXXX").encode()
        ),
        "volume.nii": bytes(volume),
        "large.bmp": encode(picture.resize((1800, 1800)), "BMP"),
        "nothing.txt": CANARY.encode(),
    }


def test_a_name_in_an_upload_is_found_nowhere_afterwards(
    site: Site, made_models: Path, tmp_path: Path
) -> None:
    for name, data in named().items():
        assert CANARY.encode() in data or name in ("large.bmp",), name
        for number in (None, 1):
            send(site, data, f"{CANARY} {name}", number)
    places = [site.folder, made_models, tmp_path]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert site.log in files
    for path in files:
        assert CANARY not in str(path)
        assert CANARY.encode() not in path.read_bytes(), path
    # What was written and deleted again could still be open in a process.
    for process in family(site.process.pid):
        for opened in Path(f"/proc/{process}/fd").iterdir():
            if opened.is_file():
                assert CANARY.encode() not in opened.read_bytes(), opened.readlink()


def test_no_answer_tells_the_name(site: Site) -> None:
    for name, data in named().items():
        _, answer = send(site, data, f"{CANARY} {name}", 1)
        assert CANARY not in str(answer), name


def test_the_canary_would_be_found(tmp_path: Path) -> None:
    buffer = io.BytesIO(named()["text.png"])
    with Image.open(buffer) as picture:
        assert picture.info["Patient"] == CANARY
        assert np.asarray(picture).size
    (tmp_path / "kept.png").write_bytes(buffer.getvalue())
    assert CANARY.encode() in (tmp_path / "kept.png").read_bytes()
