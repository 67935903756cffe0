"""A DICOM file to one 8-bit slice, and the few header entries that say how it was taken.

Which entries are read at all is said in `dicom_entries`. No sentence of the reader itself is passed on, since
it may quote a value.
"""

from __future__ import annotations

import io
import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi
from pydicom.pixels.utils import pixel_array

from brainmri import dicom_entries
from brainmri.decoder import WAITING, DecoderError
from brainmri.dicom_entries import PIXELS, first_number, header, of_frame, plane
from brainmri.errors import ImageError
from brainmri.images import GreyImage, too_large
from brainmri.rendering import LUMA, chosen, spread, square_pixels

_COLOURS = frozenset({
    "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT",
})  # fmt: skip
_UNCOMPRESSED = frozenset({
    uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
})  # fmt: skip
_BY_PILLOW = frozenset({uid.JPEGBaseline8Bit, uid.JPEG2000Lossless, uid.JPEG2000})
"""Compressed ways that Pillow reads."""


class Slice(NamedTuple):
    """One slice of a DICOM file.

    Attributes:
        image: as `images.decode` gives it.
        slices: how many the file holds.
        header: what the file says of how it was taken (`dicom_entries.header`).
        burned_in: whether the header says that there is text in the pixels.
        plane: "axial", "coronal" or "sagittal"; None where the header does not say.
    """

    image: GreyImage
    slices: int
    header: dict[str, str | float]
    burned_in: bool
    plane: str | None


def read(data: bytes, *, number: int | None, most_pixels: int) -> Slice:
    """Decode one frame.

    Modality transformation (rescale), then the first window of the header; without a window the
    0.5 to 99.5 percentiles become black and white, but grey of up to 8 bits is taken as it is. MONOCHROME1 is
    inverted, colour becomes luma, pixels that are not square are made so.

    Args:
        data: the file.
        number: of the frame, from 1; needed where there are several.
        most_pixels: rows x columns above which it is refused before anything is unpacked.

    Raises:
        ImageError: `damaged`, `truncated`, `no_pixels`, `too_large`, `too_complex`, `encrypted`,
            `unsupported`, `needs_slice` or `no_such_slice`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _read(data, number, most_pixels)
        except ImageError:
            raise
        except Exception:  # The reader raises many types, and may quote a value in its sentence.
            raise ImageError(
                "damaged", "The DICOM file is cut off or damaged; export it again."
            ) from None


def _read(data: bytes, number: int | None, most_pixels: int) -> Slice:
    ds, syntax = dicom_entries.read(data)
    keyword = next((name for name in PIXELS if name in ds), None)
    if keyword is None or "Rows" not in ds or "Columns" not in ds:
        if "EncryptedAttributesSequence" in ds:
            raise ImageError(
                "encrypted", "The DICOM file is encrypted; export it without encryption."
            )
        raise ImageError(
            "no_pixels",
            "The DICOM file holds no picture (a directory, report or plan, for example); choose a file "
            "of the series itself.",
        )
    rows, columns = int(ds.Rows), int(ds.Columns)
    if rows * columns > most_pixels:
        raise too_large(f"{columns:,} x {rows:,} pixels", most_pixels)
    if rows < 1 or columns < 1:
        raise ImageError("damaged", "The DICOM file says that its picture has no pixels.")
    frames = int(ds.get("NumberOfFrames") or 1)
    index = chosen(number, frames)
    ds.setdefault("SamplesPerPixel", 1)
    raw = _pixels(ds, data, syntax, index, keyword)
    kind = str(ds.get("PhotometricInterpretation", "MONOCHROME2"))
    grey = _grey(ds, raw, index, kind)
    bits = int(ds.get("BitsStored") or ds.get("BitsAllocated", 32))
    mode = f"{kind if kind in _COLOURS else 'colour'}, {bits} bit"
    picture = square_pixels(Image.fromarray(grey), _aspect(ds, index))
    return Slice(
        GreyImage(picture, mode, (columns, rows)),
        frames,
        header(ds, index),
        str(ds.get("BurnedInAnnotation", "")).strip().upper() == "YES",
        plane(ds, index),
    )


def _pixels(
    ds: Dataset, data: bytes, syntax: uid.UID, index: int, keyword: str
) -> NDArray[np.generic]:
    """Stored values of one frame, (rows, columns) or (rows, columns, 3) in RGB."""
    if syntax in _UNCOMPRESSED:
        _check_length(ds, keyword)
        return pixel_array(ds, index=index)
    if not uid.UID(syntax).is_transfer_syntax or not syntax.is_compressed:
        raise ImageError(
            "unsupported",
            "The DICOM file is stored in a way that is not read here; export it uncompressed.",
        )
    return _decoded_apart(data, index)


def _check_length(ds: Dataset, keyword: str) -> None:
    bits = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}.get(keyword) or int(ds.BitsAllocated)
    frames, samples = int(ds.get("NumberOfFrames") or 1), int(ds.SamplesPerPixel)
    if "422" in str(ds.get("PhotometricInterpretation")):
        samples = 2
    if len(ds[keyword].value) < frames * int(ds.Rows) * int(ds.Columns) * samples * bits // 8:
        raise ImageError(
            "truncated", "The DICOM file is cut off: pixels are missing; copy or export it again."
        )


def _decoded_apart(data: bytes, index: int) -> NDArray[np.generic]:
    """One frame decoded in a process of its own, see `decoder`."""
    try:
        return WAITING.frame(data, index)
    except DecoderError as error:
        if error.late:
            raise ImageError(
                "too_complex",
                "The compressed picture in the DICOM file takes longer to unpack than is waited for; export "
                "it uncompressed.",
            ) from None
        raise ImageError(
            "damaged",
            "The compressed picture in the DICOM file is damaged or of a kind that is not read here; "
            "export it uncompressed.",
        ) from None


def compressed_frame(data: bytes, index: int) -> NDArray[np.generic]:
    """What `decoder` does in its process; raises whatever the decoders raise."""
    warnings.simplefilter("ignore")
    ds, syntax = dicom_entries.read(data)
    ds.setdefault("SamplesPerPixel", 1)
    if syntax in _BY_PILLOW:
        _check_size(ds, index)
    try:
        frame = pixel_array(
            ds, index=index, decoding_plugin="pillow" if syntax in _BY_PILLOW else ""
        )
    except (
        Exception
    ):  # What Pillow cannot do, another one may: JPEG 2000 with 16 bits and signs, for one.
        frame = pixel_array(ds, index=index)
    if frame.shape[:2] != (ds.Rows, ds.Columns):
        raise ValueError(frame.shape)
    return frame


def _check_size(ds: Dataset, index: int) -> None:
    """A compressed picture has a size of its own, which nothing has looked at yet."""
    frames = int(ds.get("NumberOfFrames") or 1)
    coded = get_frame(ds.PixelData, index, number_of_frames=frames)
    with Image.open(io.BytesIO(coded), formats=("JPEG", "JPEG2000")) as picture:
        if picture.size != (int(ds.Columns), int(ds.Rows)):
            raise ValueError(picture.size)


def _grey(ds: Dataset, raw: NDArray[np.generic], index: int, kind: str) -> NDArray[np.uint8]:
    if kind == "PALETTE COLOR":
        raw = apply_color_lut(raw, ds)
        return _luma(raw, 8 * raw.dtype.itemsize)
    if raw.ndim == 3 and raw.shape[2] == 3:
        return _luma(raw, int(ds.BitsStored))
    if raw.ndim != 2 or kind not in ("MONOCHROME1", "MONOCHROME2"):
        raise ImageError(
            "unsupported",
            "The DICOM file stores its picture in colours that are not read here; export it as grey or RGB.",
        )
    values = _unpadded(ds, raw, _modality(ds, raw, index), kind)
    if not np.isfinite(values).all():
        raise ImageError(
            "damaged", "The picture in the DICOM file holds values that are not numbers."
        )
    window = _window(ds, index)
    if "VOILUTSequence" in ds:
        looked_up = apply_voi(values.astype(np.int64), ds).astype(np.float64)
        bits = int(ds.VOILUTSequence[0].LUTDescriptor[2])
        grey = _levels(looked_up / (2**bits - 1))
    elif window is not None:
        grey = _levels(windowed(values, *window))
    elif raw.dtype == np.uint8 and "RescaleSlope" not in ds:
        grey = _levels(values / (2 ** int(ds.BitsStored) - 1))
    else:
        grey = spread(values)
    return 255 - grey if kind == "MONOCHROME1" else grey


def _unpadded(
    ds: Dataset, raw: NDArray[np.generic], values: NDArray[np.floating], kind: str
) -> NDArray[np.floating]:
    """Values with what stands for "nothing here" (PS3.3, C.7.5.1.1.2) as dark as the darkest real value."""
    told = [first_number(ds.get(f"PixelPadding{name}")) for name in ("Value", "RangeLimit")]
    if told[0] is None or raw.dtype.kind not in "iu":
        return values
    # As they are stored: some programs write the number without its sign.
    low, high = (
        np.array([told[0], told[0] if told[1] is None else told[1]])
        .astype(np.int64)
        .astype(raw.dtype)
    )
    padded = (raw >= min(low, high)) & (raw <= max(low, high))
    if not padded.any() or padded.all():
        return values
    real = values[~padded]
    values = values.copy()
    values[padded] = real.max() if kind == "MONOCHROME1" else real.min()
    return values


def windowed(
    values: NDArray[np.floating], center: float, width: float, function: str = "LINEAR"
) -> NDArray[np.float64]:
    """Grey levels 0-1 of values under a window (PS3.3, C.11.2.1.2 and C.11.2.1.3)."""
    x = np.asarray(values, dtype=np.float64)
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (x - center) / width, -500, 500)))
    if function == "LINEAR_EXACT":
        return (x - center) / width + 0.5
    return (x - (center - 0.5)) / max(width - 1, 1e-6) + 0.5


def _window(ds: Dataset, index: int) -> tuple[float, float, str] | None:
    of = of_frame(ds, index, "FrameVOILUTSequence") if "WindowCenter" not in ds else ds
    center, width = (first_number(of.get(name)) for name in ("WindowCenter", "WindowWidth"))
    function = str(of.get("VOILUTFunction") or "LINEAR")
    if center is None or width is None or width < (1 if function == "LINEAR" else 1e-12):
        return None
    return center, width, function


def _modality(ds: Dataset, raw: NDArray[np.generic], index: int) -> NDArray[np.floating]:
    if "ModalityLUTSequence" in ds:
        return np.asarray(apply_modality_lut(raw, ds), dtype=np.float64)
    of = of_frame(ds, index, "PixelValueTransformationSequence") if "RescaleSlope" not in ds else ds
    slope, intercept = (
        first_number(of.get("RescaleSlope")),
        first_number(of.get("RescaleIntercept")),
    )
    values: NDArray[np.floating] = raw.astype(np.float64 if raw.dtype.itemsize > 2 else np.float32)
    if slope is None or intercept is None:
        return values
    return values * slope + intercept


def _aspect(ds: Dataset, index: int) -> float:
    """Height of a pixel by its width."""
    of = ds if "PixelSpacing" in ds else of_frame(ds, index, "PixelMeasuresSequence")
    for name in ("PixelSpacing", "PixelAspectRatio"):
        told = of.get(name)
        if told is not None and len(told) == 2 and float(told[1]) > 0:
            return float(told[0]) / float(told[1])
    return 1.0


def _luma(rgb: NDArray[np.generic], bits: int) -> NDArray[np.uint8]:
    return _levels(rgb.astype(np.float32) @ LUMA / np.float32(2**bits - 1))


def _levels(fractions: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.rint(np.clip(fractions, 0, 1) * 255).astype(np.uint8)
