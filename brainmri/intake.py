"""One file, as a person brings it, to one picture: JPEG, PNG, BMP, TIFF, DICOM or a slice of a volume.

The same for page, API and command line: the same limits, the same refusals, the same codes.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from brainmri import burned_in, containers, header_values, images, rendering
from brainmri.errors import ImageError
from brainmri.images import GreyImage

MAX_BYTES = 64_000_000
"""Largest file: a volume of 256 x 256 x 180 voxels has 24 MB uncompressed, a large one 60 MB."""
MOST_SLICE_PIXELS = 6_000_000
"""Largest frame of a DICOM file and slice of a volume, whose values take more memory than a picture's."""
BUSY = "busy"
"""Code of the refusal where only time helps."""
NOT_MR = "not_mr"
"""Code of the notice that the header does not say that it is an MRI, as that of an export."""
OTHER_MODALITY = "other_modality"
"""Code of the notice that the header says that it is something else, a CT for example: refused for that."""
BURNED_IN = "burned_in_text"
"""Code of the notice that the header says that there is text in the pixels."""
TEXT_SEEN = "text_seen"
"""Code of the notice that there seems to be text in the pixels, by the pixels themselves."""
_LARGE_PIXELS = 2_000_000

_PICTURES = ((b"\x89PNG\r\n\x1a\n", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"BM", "BMP"))
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ENVELOPED = bytes.fromhex("06092a864886f70d010703")
"""Object identifier of CMS enveloped data, which encrypted DICOM files are."""
_ARCHIVE = "The file is an archive; unpack it and choose one image."
_OTHERS = (
    (b"%PDF", "not_an_image", "The file is a PDF document; save the picture in it as PNG."),
    (b"GIF8", "not_an_image", "The file is a GIF; save the picture as PNG."),
    (b"RIFF", "not_an_image", "The file is a WebP picture or a film; save the picture as PNG."),
    (b"PK\x03\x04", "archive", _ARCHIVE),
    (b"Rar!", "archive", _ARCHIVE),
    (b"7z\xbc\xaf", "archive", _ARCHIVE),
    (b"\x1f\x8b", "archive", "The file is compressed and holds no NIfTI volume; unpack it first."),
)
_HEADER_BYTES = 348
_MOST_SIZE, _MOST_KIND = 100_000, 10
"""Of an MGH volume."""
_TWO_FILES = (
    "The file is only the header of a volume (.hdr), whose voxels are in a file of their own (.img); save "
    "both as one NIfTI file (.nii)."
)
_FREESURFER = (
    "The file is a FreeSurfer volume (.mgz or .mgh); convert it to NIfTI first: "
    "mri_convert scan.mgz scan.nii.gz."
)
_one_at_a_time = threading.Lock()
_TURN_SECONDS = 1.5


@dataclass(frozen=True)
class Notice:
    """Something to know about a file that is read all the same. `code` is stable."""

    code: str
    message: str


@dataclass(frozen=True)
class Intake:
    """A file that can be looked at.

    Attributes:
        image: the picture, or the slice.
        kind: "JPEG", "PNG", "BMP", "TIFF", "DICOM" or "NIfTI".
        number: of the slice, from 1, through all volumes.
        slices: how many the file holds, in all its volumes.
        plane: "axial", "coronal" or "sagittal", where a volume or DICOM file says so; otherwise None.
        header: what a DICOM header says of how it was taken (`dicom_entries.header`), nothing of a
            person; empty for other files.
        notices: what to know about it.
        volumes: how many volumes (points in time, directions) the slices are of, one behind the other.
    """

    image: GreyImage
    kind: str
    number: int
    slices: int
    plane: str | None
    header: dict[str, str | float]
    notices: tuple[Notice, ...]
    volumes: int = 1

    @property
    def place(self) -> str:
        """Which slice it is, "slice 12 of 30, volume 3 of 5"."""
        return rendering.place(self.number, self.slices, self.volumes)


def read(source: bytes | Path, *, number: int | None = None) -> Intake:
    """Look at one file, whatever its name.

    Args:
        source: the file, or its content.
        number: of the slice, from 1; needed where the file holds several.

    Raises:
        ImageError: with one of the codes `empty`, `unreadable`, `not_an_image`, `archive`, `too_large`,
            `too_complex`, `truncated`, `damaged`, `animated`, `encrypted`, `no_pixels`,
            `unsupported`, `busy`, `needs_slice` and `no_such_slice`, which both have `slices` and `volumes`.
    """
    data = source if isinstance(source, bytes) else _bytes(source)
    if not data:
        raise ImageError("empty", "The file is empty (0 bytes).")
    if len(data) > MAX_BYTES:
        raise over_limit(len(data))
    kind = kind_of(data)
    if kind == "DICOM":
        # Here, since a picture should not wait for readers that take long to load.
        from brainmri import dicom

        with _turn():
            found = dicom.read(data, number=number, most_pixels=MOST_SLICE_PIXELS)
        notices = _notices(found.image, found.header, said_burned_in=found.burned_in)
        return Intake(
            found.image, kind, number or 1, found.slices, found.plane, found.header, notices
        )
    if kind == "NIfTI":
        from brainmri import nifti

        with _turn():
            cut = nifti.read(data, number=number, most_pixels=MOST_SLICE_PIXELS)
        return Intake(
            cut.image,
            kind,
            number or 1,
            cut.slices,
            cut.plane,
            {},
            _notices(cut.image),
            volumes=cut.volumes,
        )
    # Before anything waits for others: what takes long to refuse would hold them up.
    pages = containers.pages(data, kind)
    page = pages[rendering.chosen(number, len(pages))]
    # A small file can claim a large picture too.
    with _turn() if page.pixels > _LARGE_PIXELS else nullcontext():
        if kind == "TIFF":
            data = containers.alone(data, page)
        image = images.decode(data, most_pixels=containers.MOST_PIXELS, first=kind == "TIFF")
    return Intake(image, kind, number or 1, len(pages), None, {}, _notices(image))


@contextmanager
def _turn() -> Iterator[None]:
    """Held while something large is unpacked, so that several at once take no more memory than one.

    Raises:
        ImageError: `busy`, rather than to wait for long and hold up what waits for this one.
    """
    if not _one_at_a_time.acquire(timeout=_TURN_SECONDS):
        raise ImageError(BUSY, "Other large files are being read; send this one again in a moment.")
    try:
        yield
    finally:
        _one_at_a_time.release()


def kind_of(data: bytes) -> str:
    """The `Intake.kind` of a file, by its first bytes alone.

    Raises:
        ImageError: `not_an_image`, `archive` or `encrypted`.
    """
    for magic, kind in _PICTURES:
        if data.startswith(magic):
            return kind
    # Before TIFF: a DICOM file may begin like one, for readers of either.
    if data[128:132] == b"DICM":
        return "DICOM"
    if data[:4] in _TIFF:
        return "TIFF"
    try:
        head = rendering.start(data)
    except zlib.error:
        head = b""
    if head[344:348] == b"n+1\0" or head[4:8] == b"n+2\0":
        return "NIfTI"
    if _is_old_dicom(data):
        return "DICOM"
    raise _not_read(data, head)


def _not_read(data: bytes, head: bytes) -> ImageError:
    """The refusal of a file that is none of the kinds, with what to do where that can be known."""
    if head[344:348] == b"ni1\0" or head[4:8] == b"ni2\0" or _is_analyze(head, len(data)):
        return ImageError("not_an_image", _TWO_FILES)
    if _is_freesurfer(head):
        return ImageError("not_an_image", _FREESURFER)
    if data.startswith(b"PK\x03\x04") and data[6] & 1:
        return ImageError("encrypted", "The file is an encrypted archive; unpack it first.")
    if _ENVELOPED in data[:64]:
        return ImageError("encrypted", "The file is encrypted; export it without encryption.")
    for magic, code, sentence in _OTHERS:
        if data.startswith(magic):
            return ImageError(code, sentence)
    return ImageError(
        "not_an_image",
        "The file is not a JPEG, PNG, BMP, TIFF, DICOM or NIfTI image, whatever its name says; voxels "
        "alone (.img, .raw) need their header, so save both as one NIfTI file (.nii).",
    )


def over_limit(size_bytes: int | None = None, *, each: bool = False) -> ImageError:
    """The refusal of a file with too many bytes; `each` of two, where it is not known of which."""
    has = "has" if size_bytes is None else f"has {size_bytes / 1e6:,.1f} MB, which is"
    has = "is too large, or both are: each may have no" if each else has
    most = f"{MAX_BYTES // 1_000_000} MB"
    subject = "One of the two files" if each else "The file"
    return ImageError(
        "too_large",
        f"{subject} {has} more than the {most} that are read; save one slice or volume by itself.",
    )


def _bytes(path: Path) -> bytes:
    try:
        size_bytes = path.stat().st_size
    except OSError:
        size_bytes = 0  # Reading it tells why.
    if size_bytes > MAX_BYTES:
        raise over_limit(size_bytes)
    return images.read_bytes(path)


def _is_analyze(head: bytes, size_bytes: int) -> bool:
    """Whether it is a header of Analyze 7.5, which begins with its own length."""
    told = {int.from_bytes(head[:4], order) for order in ("little", "big")}
    return size_bytes == _HEADER_BYTES and _HEADER_BYTES in told


def _is_freesurfer(head: bytes) -> bool:
    """Whether it begins as FreeSurfer's MGH: version 1, four sizes, and a known type."""
    version, *sizes, kind = struct.unpack(">6l", head[:24].ljust(24, b"\0"))
    return (
        version == 1 and all(0 < size <= _MOST_SIZE for size in sizes) and 0 <= kind <= _MOST_KIND
    )


def _is_old_dicom(data: bytes) -> bool:
    """Whether it begins with an entry of group 2 or 8: DICOM before files had a preamble."""
    little = data[:2] in (b"\x02\x00", b"\x08\x00") and data[3:4] == b"\0"
    big = data[:3] in (b"\0\x02\0", b"\0\x08\0")
    return len(data) > 16 and (little or big)


def _notices(
    image: GreyImage, header: dict[str, str | float] | None = None, *, said_burned_in: bool = False
) -> tuple[Notice, ...]:
    found = []
    modality = None if header is None else header.get("modality")
    if modality in header_values.NO_MRI:
        found.append(
            Notice(
                OTHER_MODALITY,
                f"The file's header says {modality}; this model was made for MR images.",
            )
        )
    elif modality is not None and modality != "MR":
        found.append(
            Notice(
                NOT_MR,
                f"The header does not say that this is an MRI (modality {modality}); the model knows nothing "
                "else.",
            )
        )
    if said_burned_in:
        found.append(
            Notice(
                BURNED_IN,
                "The header says that text is burned into the picture; it may name the patient, and may "
                "mislead the model.",
            )
        )
    elif burned_in.seen(image.pixels):
        found.append(
            Notice(
                TEXT_SEEN,
                "There seems to be text in the picture. Look whether it names a person before you pass the "
                "picture on; it may mislead the model, too.",
            )
        )
    return tuple(found)
