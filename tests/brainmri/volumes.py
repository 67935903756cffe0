"""DICOM and NIfTI files in memory, made from phantoms."""

from __future__ import annotations

import gzip
import io
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage

from brainmri import phantom

PATIENT = "DOE^JANE"


def volume(depth: int = 5, size: int = 64) -> NDArray[np.int16]:
    """A volume (right, anterior, superior), each slice brighter than the one below."""
    slice_ = phantom.draw("notumor", 0)[::4, ::4][:size, :size].astype(np.int16)
    return np.stack([slice_ * (k + 1) for k in range(depth)], axis=2)


def nifti(
    voxels: NDArray[Any],
    *,
    sizes_mm: tuple[float, float, float] = (1, 1, 1),
    affine: NDArray[np.float64] | None = None,
    compressed: bool = True,
) -> bytes:
    affine = np.diag([*sizes_mm, 1.0]) if affine is None else affine
    data = nibabel.Nifti1Image(voxels, affine).to_bytes()
    return gzip.compress(data, 1) if compressed else data


def dicom(frames: NDArray[Any], **tags: Any) -> bytes:
    """Frames (n, h, w) of uint8 or 16 bit as an uncompressed MR file of a patient; `tags` replace others."""
    n, rows, columns = frames.shape
    ds = Dataset()
    ds.SOPClassUID = MRImageStorage
    ds.SOPInstanceUID = UID("1.2.3")
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = PATIENT, "ID-1970", "19700101"
    ds.InstitutionName = "St Nowhere"
    ds.Modality, ds.Manufacturer, ds.ManufacturerModelName = "MR", "SIEMENS", "Avanto"
    ds.MagneticFieldStrength, ds.ScanningSequence = "1.5", ["SE", "IR"]
    ds.Rows, ds.Columns, ds.SamplesPerPixel = rows, columns, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    bits = 8 * frames.dtype.itemsize
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, bits, bits - 1
    ds.PixelRepresentation = int(frames.dtype.kind == "i")
    if n > 1:
        ds.NumberOfFrames = n
    ds.add_new("PixelData", "OW" if bits > 8 else "OB", frames.tobytes())
    for name, value in tags.items():
        setattr(ds, name, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = MRImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
