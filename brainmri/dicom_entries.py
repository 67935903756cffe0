"""The listed entries of a DICOM file: what its picture needs, and how it was taken.

Names, dates, identifiers and free texts are skipped while the file is read. How much is read is limited,
whatever a file claims.
"""

from __future__ import annotations

import io
import logging
import zlib
from typing import Any

import numpy as np
from pydicom import config, filereader, uid
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag

from brainmri import header_values
from brainmri.errors import ImageError
from brainmri.rendering import unpacked

MOST_INFLATED_BYTES = 64_000_000
_MOST_READS = 100_000
"""Of the reader, each of one element or more: what a file made of millions of entries is cut off at."""
_MOST_SEQUENCE_BYTES = 2_000_000
"""Of a sequence, which is read entry by entry too, only later."""

_MOST_META = 1_000
"""Elements before the data set, which the standard knows about twenty of."""

_MAGIC_AT, _META_AT = 128, 132
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
SHOWN = {
    "modality": "Modality",
    "manufacturer": "Manufacturer",
    "scanner": "ManufacturerModelName",
    "field_strength_t": "MagneticFieldStrength",
    "sequence": "ScanningSequence",
    "sequence_variant": "SequenceVariant",
    "sequence_name": "SequenceName",
    "contrast": "AcquisitionContrast",
    "acquisition": "MRAcquisitionType",
    "repetition_time_ms": "RepetitionTime",
    "echo_time_ms": "EchoTime",
    "inversion_time_ms": "InversionTime",
    "slice_thickness_mm": "SliceThickness",
}
"""What is told of the header, and from which tag. None of them is about a person."""
_ENHANCED = {
    "sequence": (None, "EchoPulseSequence"),
    "sequence_name": (None, "PulseSequenceName"),
    "contrast": ("MRImageFrameTypeSequence", "AcquisitionContrast"),
    "repetition_time_ms": ("MRTimingAndRelatedParametersSequence", "RepetitionTime"),
    "echo_time_ms": ("MREchoSequence", "EffectiveEchoTime"),
    "inversion_time_ms": ("MRModifierSequence", "InversionTimes"),
    "slice_thickness_mm": ("PixelMeasuresSequence", "SliceThickness"),
}
"""Where enhanced files say the same (PS3.3, C.8.13): in tags of their own, or in a group of each frame."""
_NEEDED = (
    "SOPClassUID", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames",
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelSpacing",
    "ImageOrientationPatient", "PixelAspectRatio", "WindowCenter", "WindowWidth", "VOILUTFunction",
    "VOILUTSequence", "PixelPaddingValue", "PixelPaddingRangeLimit",
    "RescaleIntercept", "RescaleSlope", "RescaleType", "ModalityLUTSequence", "BurnedInAnnotation",
    "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData", "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
    "EncapsulatedDocument", "EncryptedAttributesSequence", *PIXELS,
)  # fmt: skip
_PLANES = ("sagittal", "coronal", "axial")
_TOP_LEVEL = [keyword for group, keyword in _ENHANCED.values() if group is None]
_TAGS: list[int] = [int(Tag(keyword)) for keyword in (*SHOWN.values(), *_TOP_LEVEL, *_NEEDED)]

_PIXEL_TAGS = frozenset(int(Tag(keyword)) for keyword in PIXELS)

config.settings.reading_validation_mode = config.IGNORE
# What it logs quotes values, and Python prints it where nothing else is set up.
logging.getLogger("pydicom").addHandler(logging.NullHandler())
logging.getLogger("pydicom").propagate = False


class _Counted(io.BytesIO):
    """Bytes that can be read so many times and no more."""

    left = _MOST_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise _too_complex()
        return super().read(size)


def _too_complex() -> ImageError:
    return ImageError(
        "too_complex",
        "The DICOM file is made of too many entries; export the one image you mean by itself.",
    )


def read(data: bytes) -> tuple[Dataset, uid.UID]:
    """The listed tags, and how the pixels are stored."""
    start, told = _meta(data)
    if told == uid.DeflatedExplicitVRLittleEndian:
        body = unpacked(data[start:], MOST_INFLATED_BYTES + 1, -zlib.MAX_WBITS)
        if len(body) > MOST_INFLATED_BYTES:
            raise ImageError(
                "too_large",
                f"The DICOM file unpacks to more than {MOST_INFLATED_BYTES // 1_000_000} MB; export the "
                "one image you mean by itself.",
            )
        data, start = bytes(body), 0
    if told is None:
        big = data[start : start + 1] == b"\0"
        explicit = data[start + 4 : start + 6].isalpha() and data[start + 4 : start + 6].isupper()
        told = (
            uid.ExplicitVRBigEndian if big
            else uid.ExplicitVRLittleEndian if explicit
            else uid.ImplicitVRLittleEndian
        )  # fmt: skip
    file = _Counted(data)
    file.seek(start)
    ds = filereader.read_dataset(
        file,
        is_implicit_VR=told == uid.ImplicitVRLittleEndian,
        is_little_endian=told != uid.ExplicitVRBigEndian,
        specific_tags=list(_TAGS),
    )
    for entry in ds.values():
        raw = isinstance(entry, RawDataElement) and entry.VR in ("SQ", "UN", None)
        if raw and entry.tag not in _PIXEL_TAGS and len(entry.value or b"") > _MOST_SEQUENCE_BYTES:
            raise _too_complex()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = told
    return ds, told


def _meta(data: bytes) -> tuple[int, uid.UID | None]:
    """Where the data set begins, and the transfer syntax; None where the file does not say.

    Read here and not by pydicom, which unpacks a deflated data set, however large, on the way.
    PS3.10, 7.1: elements of group 2, explicit, little endian.
    """
    at = _META_AT if data[_MAGIC_AT:_META_AT] == b"DICM" else 0
    told = None
    for _ in range(_MOST_META):
        if data[at : at + 2] != b"\x02\x00":
            return at, told
        kind = data[at + 4 : at + 6]
        if kind in (b"OB", b"UN", b"OW", b"UT"):
            body = at + 12
            length = int.from_bytes(data[at + 8 : body], "little")
        else:
            body = at + 8
            length = int.from_bytes(data[at + 6 : body], "little")
        if data[at + 2 : at + 4] == b"\x10\x00":
            told = uid.UID(
                data[body : body + min(length, 64)].decode("ascii", "ignore").strip("\0 ")
            )
        at = body + length
    raise _too_complex()


def first_number(value: Any) -> float | None:
    """A number, or the first of several."""
    if value is None or value == "":
        return None
    number = float(value[0] if hasattr(value, "append") else value)
    return number if np.isfinite(number) else None


def of_frame(ds: Dataset, index: int, keyword: str) -> Dataset:
    """The functional group of one frame of an enhanced file (PS3.3, C.7.6.16); may be empty."""
    per_frame = ds.get("PerFrameFunctionalGroupsSequence") or []
    shared = ds.get("SharedFunctionalGroupsSequence") or []
    for group in (*per_frame[index : index + 1], *shared[:1]):
        if group.get(keyword):
            return group[keyword].value[0]
    return Dataset()


def header(ds: Dataset, index: int) -> dict[str, str | float]:
    """What is told of how a frame was taken, by the names of `SHOWN`, as `header_values` lets through."""
    told: dict[str, str | float] = {}
    for name, keyword in SHOWN.items():
        try:
            value = ds.get(keyword)
            if not value and name in _ENHANCED:
                group, keyword_there = _ENHANCED[name]
                of = ds if group is None else of_frame(ds, index, group)
                value = of.get(keyword_there)
            if value is None:
                continue
            said = (
                _number(name, value) if name.endswith(("_t", "_ms", "_mm")) else _words(name, value)
            )
            if said is not None:
                told[name] = said
        except Exception:  # An entry that cannot be read is not told.
            continue
    return told


def plane(ds: Dataset, index: int) -> str | None:
    """What a frame is nearest to, "axial", "coronal" or "sagittal"; None where the header does not say.

    The plane across which the cross product of the directions of rows and columns is longest (PS3.3,
    C.7.6.2.1.1): x runs to the left, y to the back, z to the head.
    """
    try:
        of = (
            ds
            if "ImageOrientationPatient" in ds
            else of_frame(ds, index, "PlaneOrientationSequence")
        )
        told = np.array([float(one) for one in of.get("ImageOrientationPatient") or []])
        if told.shape != (6,) or not np.isfinite(told).all():
            return None
        across = np.abs(np.cross(told[:3], told[3:]))
        return _PLANES[int(across.argmax())] if across.max() > 0 else None
    except Exception:  # As above.
        return None


def _number(name: str, value: Any) -> float | None:
    number = first_number(value)
    if number is None:
        return None
    # Some scanners write gauss.
    if name == "field_strength_t" and number > 100:
        number /= 10_000
    return header_values.number(name, number)


def _words(name: str, value: Any) -> str | None:
    several = value if hasattr(value, "append") else [value]
    return header_values.words(name, [str(one) for one in several if one])
