"""What files of slices have in common: which slice is meant, gzip, and measured values to grey levels."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainmri.errors import ImageError

MOST_SLICES = 10_000
"""Of a volume."""
MOST_OF_VOLUMES = 100_000
"""Slices of all volumes of a file."""

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Of red, green and blue (ITU-R 601-2), as Pillow weighs them."""
GZIP = b"\x1f\x8b"
_START_BYTES = 1024
_PIECE_BYTES = 1 << 20
_DARKEST, _BRIGHTEST = 0.5, 99.5
_SQUARE, _ODDEST = 0.01, 20.0


def chosen(number: int | None, slices: int, volumes: int = 1) -> int:
    """Place, from 0, of the slice that was asked for by its number, from 1.

    Args:
        number: counted through all volumes.
        slices: of all volumes.
        volumes: as many slices each.

    Raises:
        ImageError: `needs_slice`, `no_such_slice`, or `too_large` where there are far too many.
    """
    for count, most, where in (
        (slices // volumes, MOST_SLICES, "" if volumes == 1 else " in each volume"),
        (slices, MOST_OF_VOLUMES, ""),
    ):
        if count > most:
            raise ImageError(
                "too_large",
                f"The file says that it holds {count:,} slices{where}; at most {most:,} are read: save the "
                "one that is meant by itself.",
            )
    if slices < 1:
        raise ImageError("damaged", "The file says that it holds no slice; export it again.")
    if number is None and slices > 1:
        raise ImageError(
            "needs_slice",
            f"The file holds {slices:,} slices{_of_volumes(volumes)}; choose one from 1 to {slices:,}.",
            slices=slices,
            volumes=volumes,
        )
    number = 1 if number is None else number
    if not 1 <= number <= slices:
        holds = "one slice" if slices == 1 else f"{slices:,} slices"
        raise ImageError(
            "no_such_slice",
            f"There is no slice {number:,}: the file holds {holds}.",
            slices=slices,
            volumes=volumes,
        )
    return number - 1


def place(number: int, slices: int, volumes: int = 1) -> str:
    """Which slice it is, "slice 12 of 30, volume 3 of 5", from its number through all volumes."""
    each = slices // volumes
    volume, slice_ = divmod(number - 1, each)
    which = f"slice {slice_ + 1:,} of {each:,}"
    return which if volumes == 1 else f"{which}, volume {volume + 1:,} of {volumes:,}"


def _of_volumes(volumes: int) -> str:
    return "" if volumes == 1 else f" in {volumes:,} volumes (points in time or directions)"


def start(data: bytes) -> bytes:
    """The first bytes of a file, unpacked where it is compressed with gzip.

    Raises:
        zlib.error: it says that it is compressed, and is not.
    """
    if data[:2] != GZIP:
        return data[:_START_BYTES]
    return zlib.decompressobj(wbits=31).decompress(data[: 4 * _START_BYTES], _START_BYTES)


def unpacked(data: bytes, most: int, wbits: int = 31, *, start: int = 0) -> bytearray:
    """The first `most` bytes of what is packed in `data`, and no more, whatever else there is.

    Piece by piece, since zlib would hold all of it twice for a moment.

    Args:
        data: packed.
        most: where to stop.
        wbits: as of zlib: 31 for gzip.
        start: so many of the first bytes are passed over and not kept.

    Raises:
        zlib.error: it is damaged.
    """
    content = bytearray()
    unpack = zlib.decompressobj(wbits)
    # Pieces of what is packed too: zlib copies what it has not used yet each time.
    view, taken, made = memoryview(data), 0, 0
    rest = b""
    while made < most:
        if not rest:
            rest = bytes(view[taken : taken + _PIECE_BYTES])
            taken += len(rest)
        if not rest:
            break
        piece = unpack.decompress(rest, min(_PIECE_BYTES, most - made))
        content += piece[max(0, start - made) :]
        made += len(piece)
        rest = unpack.unconsumed_tail
        if unpack.eof:
            # A gzip file may have several parts.
            rest = unpack.unused_data + bytes(view[taken : taken + len(GZIP)])
            taken += len(GZIP)
            unpack = zlib.decompressobj(wbits)
            if wbits < 0 or not rest.startswith(GZIP):
                break
    return content


def spread(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Values (h, w) to 0-255, black at their 0.5 percentile and white at their 99.5 percentile.

    Few very bright pixels, as vessels and coils make them, would leave the rest dark.
    """
    low, high = np.percentile(values, [_DARKEST, _BRIGHTEST])
    if high <= low:
        low, high = float(values.min()), float(values.max())
    levels = (values - low) * (255 / max(high - low, 1e-12))
    return np.rint(np.clip(levels, 0, 255)).astype(np.uint8)


def square_pixels(picture: Image.Image, aspect: float) -> Image.Image:
    """The picture with square pixels, the finer side kept.

    Args:
        picture: greyscale.
        aspect: height of a pixel by its width; one that is no sensible number is passed over.
    """
    if not 1 / _ODDEST <= aspect <= _ODDEST or abs(aspect - 1) <= _SQUARE:
        return picture
    width, height = picture.size
    size = (width, round(height * aspect)) if aspect > 1 else (round(width / aspect), height)
    return picture.resize((max(1, size[0]), max(1, size[1])), Image.Resampling.BILINEAR)
