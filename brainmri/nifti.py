"""A NIfTI volume (.nii, .nii.gz) to one 8-bit slice. Of the header only geometry and scale are used."""

from __future__ import annotations

from typing import NamedTuple

import nibabel
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainmri.errors import ImageError
from brainmri.images import GreyImage, too_large
from brainmri.rendering import GZIP, chosen, spread, square_pixels, start, unpacked

MOST_BYTES = 128_000_000
"""Of a volume once it is unpacked."""
MOST_UNPACKED_BYTES = 256_000_000
"""Of a file, up to the end of the volume that is meant; nothing beyond is."""
_MOST_OFFSET = 1_000_000
_EVEN = 1.5
"""Voxels this many times as thick as wide were taken slice by slice, across the thick side."""
_PLANES = ("sagittal", "coronal", "axial")
"""Across the first, second and third axis of a volume in the order right, anterior, superior."""


class Slice(NamedTuple):
    """One slice of a volume.

    Attributes:
        image: as `images.decode` gives it: the front of the head up (axial) or left (sagittal), its
            right side left (axial, coronal), as radiologists look at it.
        slices: how many there are across this plane, of all volumes.
        volumes: how many volumes (points in time, directions) the file holds.
        plane: "axial", "coronal" or "sagittal".
    """

    image: GreyImage
    slices: int
    volumes: int
    plane: str


def read(data: bytes, *, number: int | None, most_pixels: int) -> Slice:
    """Cut one slice out of a volume; grey levels as `rendering.spread` gives them.

    Slices are cut across the axis along which voxels are thickest, or axially where they are about even.

    Args:
        data: the file, compressed or not.
        number: of the slice, from 1 through all volumes; needed where there are several.
        most_pixels: of the slice.

    Raises:
        ImageError: `damaged`, `truncated`, `too_large`, `unsupported`,
            `needs_slice` or `no_such_slice`.
    """
    try:
        return _read(data, number, most_pixels)
    except ImageError:
        raise
    except Exception:  # nibabel and zlib raise many types on a damaged file.
        raise ImageError(
            "damaged", "The NIfTI file is cut off or damaged; export it again."
        ) from None


def _read(data: bytes, number: int | None, most_pixels: int) -> Slice:
    head = start(data)
    two = head[4:8] == b"n+2\0"
    kind, length = (nibabel.Nifti2Header, 540) if two else (nibabel.Nifti1Header, 348)
    header = kind(head[:length], check=False)
    shape = tuple(int(n) for n in header.get_data_shape())
    volumes = int(np.prod(shape[3:], dtype=np.float64))
    dtype = header.get_data_dtype()
    if min(shape, default=1) < 1:
        raise ImageError("damaged", "The NIfTI file says that its volume has no voxels.")
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise ImageError(
            "unsupported",
            "The voxels of the NIfTI file are no plain numbers (colours or complex ones); export the "
            "magnitude image.",
        )
    shape = (*shape[:3], *(1,) * (3 - len(shape)))
    size = float(np.prod(shape, dtype=np.float64)) * dtype.itemsize
    if size > MOST_BYTES:
        raise ImageError(
            "too_large",
            f"The volume has {size / 1e6:,.0f} MB unpacked; at most {MOST_BYTES // 1_000_000} MB are read: "
            "crop it or store it as 16-bit numbers.",
        )
    affine = _affine(header)
    order = nibabel.io_orientation(affine)
    if np.isnan(order).any():
        order = np.array([[0, 1], [1, 1], [2, 1]], dtype=float)
    sizes_mm = np.linalg.norm(affine[:3, :3], axis=0)
    # By the axes of the head: right, anterior, superior.
    axis_of = {int(order[i, 0]): i for i in range(3)}
    thick = [float(sizes_mm[axis_of[i]]) or 1.0 for i in range(3)]
    across = 2
    if max(thick) >= _EVEN * sorted(thick)[1]:
        across = int(np.argmax(thick))
    if shape[axis_of[across]] == 1 or min(shape) == 1:
        across = int(order[int(np.argmin(shape)), 0])
    count = shape[axis_of[across]]
    volume, index = divmod(chosen(number, count * volumes, volumes), count)
    if size * (volume + 1) > MOST_UNPACKED_BYTES:
        raise ImageError(
            "too_large",
            f"The volume begins {size * volume / 1e6:,.0f} MB into the file; at most "
            f"{MOST_UNPACKED_BYTES // 1_000_000} MB are unpacked: save it by itself.",
            slices=count * volumes,
            volumes=volumes,
        )
    others = [i for i in range(3) if i != across]
    width, height = (shape[axis_of[i]] for i in others)
    if width * height > most_pixels:
        raise too_large(f"{width:,} x {height:,} pixels", most_pixels)
    voxels = _voxels(data, int(header["vox_offset"]), shape, dtype, volume)
    turned = nibabel.apply_orientation(voxels, order)
    # Not np.take, which copies the whole volume first.
    flat = turned[(slice(None),) * across + (index,)].astype(np.float64)
    slope, intercept = header.get_slope_inter()
    if slope is not None:
        flat = flat * slope + (intercept or 0.0)
    if not np.isfinite(flat).any():
        raise ImageError("damaged", "The slice holds no values that are numbers.")
    flat = np.nan_to_num(flat, nan=float(flat[np.isfinite(flat)].min()), posinf=0, neginf=0)
    # Both axes run right, forward or up; pictures run from the right side or front, and down.
    grey = spread(flat[::-1, ::-1].T)
    picture = square_pixels(Image.fromarray(grey), thick[others[1]] / thick[others[0]])
    mode = f"NIfTI, {dtype.name}"
    image = GreyImage(picture, mode, (width, height))
    return Slice(image, count * volumes, volumes, _PLANES[across])


def _affine(header: nibabel.Nifti1Header) -> NDArray[np.float64]:
    affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    usable = np.isfinite(affine).all() and abs(np.linalg.det(affine[:3, :3])) > 1e-9
    return affine if usable else np.eye(4)


def _voxels(
    data: bytes, offset: int, shape: tuple[int, ...], dtype: np.dtype[np.generic], volume: int
) -> NDArray[np.generic]:
    """Voxels of one volume as stored, unpacked no further than the header says."""
    if not 0 <= offset <= _MOST_OFFSET:
        raise ImageError(
            "damaged", "The NIfTI file says that its voxels begin nowhere near its start."
        )
    count = int(np.prod(shape))
    begin = offset + volume * count * dtype.itemsize
    end = begin + count * dtype.itemsize
    content: bytes | bytearray = data
    if data[:2] == GZIP:
        content = unpacked(data, end, start=begin)
        begin, end = 0, end - begin
    if len(content) < end:
        raise ImageError(
            "truncated", "The NIfTI file is cut off: voxels are missing; copy or export it again."
        )
    return np.frombuffer(content, dtype, count, begin).reshape(shape, order="F")
