"""Bytes or a file to a validated greyscale array: the only image decoder in the project."""

from __future__ import annotations

import hashlib
import io
import re
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from brainmri import formats
from brainmri.errors import ImageError

FORMATS, SUFFIXES = formats.FORMATS, formats.SUFFIXES
MAX_PIXELS = 64_000_000
"""Largest width x height that is decoded (about 8,000 x 8,000); a header can claim far more."""
FAR_LARGER_PIXELS = 12_000_000
"""A JPEG with more is decoded at half its size: a photograph, since slices are 1,500 pixels long at most."""

# Our own limit is lower than the one that Pillow warns about. Said once here: catch_warnings would
# cost time for every image, and swaps the filters of all threads.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

# Pillow hands pixels over in pieces of this size and then joins them; in one piece, as a usual scan
# now is, they are there in half the time.
ImageFile.MAXBLOCK = 512 * 512

_SOF0, _DHT, _SOS = 0xC0, 0xC4, 0xDA
_BASELINE_SEGMENTS = frozenset({_SOF0, _DHT, _SOS, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xFE})
"""JPEG markers: frame, Huffman tables, scan, quantisation, restart interval, APPn, comment."""

_FOUR_TABLES = struct.Struct("=1024q")

_EXIF_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each orientation, as `ImageOps.exif_transpose` does."""
_EXIF_AS_TEXT = "Raw profile type exif"
_BAND_PIXELS = 4_000_000
_BATCH = 32
_DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


@dataclass(frozen=True)
class GreyImage:
    """One decoded image.

    Attributes:
        picture: 8-bit greyscale Pillow image, upright (EXIF orientation applied); of a JPEG with more
            than `FAR_LARGER_PIXELS`, half as wide and high as stored.
        mode: Pillow's name of the stored pixel format ("L", "RGB", "I;16", ...).
        stored_size_px: (width, height) as stored in the file, before any rotation.
    """

    picture: Image.Image
    mode: str
    stored_size_px: tuple[int, int]

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """The picture as uint8 (height, width)."""
        return np.asarray(self.picture)


def decode(
    source: bytes | Path, *, most_pixels: int = MAX_PIXELS, first: bool = False
) -> GreyImage:
    """Decode a JPEG, PNG, BMP or TIFF into upright 8-bit greyscale.

    Colour becomes luma (ITU-R 601-2), transparency is laid over black, 16-bit and float images are
    scaled linearly from their own minimum and maximum to 0-255 (Pillow's own conversion saturates). A JPEG
    of more than `FAR_LARGER_PIXELS` is decoded at half its width and height.

    Args:
        source: the file, or its content.
        most_pixels: width x height above which it is refused before anything is unpacked.
        first: decode the first frame of several, and do not refuse them.

    Raises:
        ImageError: `empty`, `unreadable`, `not_an_image`, `truncated`, `damaged`, `animated` or
            `too_large`.
    """
    data = source if isinstance(source, bytes) else read_bytes(source)
    if not data:
        raise ImageError("empty", "The file is empty (0 bytes).")
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise ImageError(
            "not_an_image",
            "The file is not a JPEG, PNG, BMP or TIFF image, whatever its name says.",
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Pillow tells the size in its sentence only: "Image size (2500000000 pixels) exceeds ...".
        told = re.search(r"\((\d+) pixels\)", str(error))
        size = f"{int(told[1]):,} pixels" if told else "many more pixels"
        raise too_large(size, most_pixels) from None
    except Exception:  # Pillow's parsers raise many types on damaged headers.
        raise ImageError(
            "damaged", "The header of the image is damaged; export it again."
        ) from None
    width, height = image.size
    if width * height > most_pixels:
        raise too_large(f"{width:,} x {height:,} pixels", most_pixels)
    if not first and _has_second_frame(image):
        raise ImageError(
            "animated",
            "The file holds several frames; save the one slice you mean as its own image.",
        )
    mode = image.mode
    try:
        grey = "L" if mode == "RGB" and _is_grey_jpeg(image, data) else None
        half = (width // 2, height // 2) if width * height > FAR_LARGER_PIXELS else None
        if grey or half:
            image.draft(grey, half)  # Of JPEG alone.
        image.load()
        # Exif as old programs put it into a text; Pillow would read its entries whatever they come to.
        image.info.pop(_EXIF_AS_TEXT, None)
        picture = _grey(image)
        # Once it is grey: a quarter of the memory is moved.
        turned = _UPRIGHT.get(image.getexif().get(_EXIF_ORIENTATION, 1))
        if turned is not None:
            picture = picture.transpose(turned)
    except ImageError:
        raise
    except Exception as error:  # As above: the types differ by format and by damage.
        raise ImageError(
            "truncated" if "truncated" in str(error).lower() else "damaged",
            "The image is cut off or damaged; copy or export it again.",
        ) from None
    return GreyImage(picture, mode, (width, height))


def decode_batches(
    files: Sequence[tuple[str, Path]],
    unreadable: list[tuple[str, str]],
    progress: Callable[[], object],
) -> Iterator[tuple[list[int], list[NDArray[np.uint8]]]]:
    """Pixels of many files with their places in `files`, a batch at a time, in order; decoded in threads.

    Args:
        files: what each is called, and where it is.
        unreadable: those that cannot be read are left out and added to it, with the reason.
        progress: called after each file.
    """
    # Here, since who decodes one picture needs no threads.
    from concurrent.futures import ThreadPoolExecutor

    def work(file: tuple[str, Path]) -> NDArray[np.uint8] | str:
        try:
            return decode(file[1]).pixels
        except ImageError as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(files), _BATCH):
            batch = files[start : start + _BATCH]
            places: list[int] = []
            decoded: list[NDArray[np.uint8]] = []
            for place, pixels in enumerate(pool.map(work, batch), start):
                progress()
                if isinstance(pixels, str):
                    unreadable.append((files[place][0], pixels))
                else:
                    places.append(place)
                    decoded.append(pixels)
            if places:
                yield places, decoded


def resize(pixels: NDArray[np.uint8], size_px: tuple[int, int]) -> NDArray[np.uint8]:
    """Antialiased bilinear resampling of a (h, w) image to (width, height) = `size_px`."""
    if pixels.shape == (size_px[1], size_px[0]):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size_px, Image.Resampling.BILINEAR))


def shrunk(pixels: NDArray[np.uint8], side_px: int) -> NDArray[np.float64]:
    """A greyscale picture (h, w) as `side_px` x `side_px` means of its pixels, 0-255."""
    small = Image.fromarray(pixels).resize((side_px, side_px), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64)


def halved(square: NDArray[np.float64]) -> NDArray[np.float64]:
    """The next step of a pyramid: means of 2 x 2 pixels of a square picture with an even side."""
    half = len(square) // 2
    return square.reshape(half, 2, half, 2).mean(axis=(1, 3))


def grey_histogram(pixels: bytes | NDArray[np.uint8]) -> NDArray[np.int64]:
    """How often each grey level occurs in contiguous uint8 pixels of any shape, int64 (256,)."""
    # Four pixels pose as one of four bands, which Pillow counts in four tables. The ground of a
    # scan is one level over and over, and adding to one counter waits for itself: 40 % faster.
    flat = np.frombuffer(pixels, dtype=np.uint8)
    fours = len(flat) // 4
    strip = Image.frombuffer("CMYK", (fours, 1), flat, "raw", "CMYK", 0, 1)
    # Packed in a third of the time in which numpy takes 1,024 numbers from a list.
    counts = np.frombuffer(_FOUR_TABLES.pack(*strip.histogram()), dtype=np.int64)
    counts = counts.reshape(4, 256).sum(axis=0)
    for level in flat[4 * fours :]:
        counts[level] += 1
    return counts


def pixel_sha256(size_px: tuple[int, int], pixels: bytes) -> str:
    """Hex digest of (width, height) and the upright grey pixels, row by row: equal for equal pictures."""
    width, height = size_px
    digest = hashlib.sha256(f"{width}x{height}:".encode())
    digest.update(pixels)
    return digest.hexdigest()


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """A (h, w) uint8 image as PNG bytes, fast rather than small."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def read_bytes(path: Path) -> bytes:
    """A file's content.

    Raises:
        ImageError: it cannot be opened.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(
            "unreadable", f"The file cannot be opened: {error.strerror or error}."
        ) from None


def too_large(size: str, most_pixels: int) -> ImageError:
    """The refusal of an image of this size, "8,001 x 8,000 pixels"."""
    return ImageError(
        "too_large",
        f"The image is too large ({size}; at most {most_pixels:,} are read); scale it down first.",
    )


def _has_second_frame(image: Image.Image) -> bool:
    """Without counting: a small file can chain a million frames, and all would be looked up."""
    if image.format != "TIFF":
        return getattr(image, "n_frames", 1) > 1
    try:
        image.seek(1)
    except EOFError:
        return False
    except Exception:  # What is chained there is no frame; the first one may be whole.
        image.seek(0)
        return False
    return True


def _is_grey_jpeg(image: Image.Image, data: bytes) -> bool:
    """Whether a colour JPEG holds no colour, as its header alone can show.

    Many scans are grey but saved as colour. An encoder that fits the Huffman tables to the image
    then writes chroma tables with one code each: "no change" (DC) and "end of block" (AC). All
    chroma is 128, red = green = blue = luma, and decoding the luma alone gives the same pixels in
    less than half the time (ITU-T T.81, B.2 for the segments and F.1.2 for the codes).
    """
    if image.format != "JPEG" or image.info.get("adobe_transform", 1) != 1:
        return False
    codes: dict[int, bytes] = {}  # what each table can say; 0x00 to 0x03 are DC, 0x10 to 0x13 AC
    at = 2
    while data[at] == 0xFF and data[at + 1] in _BASELINE_SEGMENTS:
        marker, end = data[at + 1], at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        at += 4
        if marker == _SOF0 and data[at + 6 : end : 3] != b"\x01\x02\x03":  # luma, chroma, chroma
            return False
        if marker == _SOS:  # the number of components; of each, its name and its two tables
            return data[at : at + 1] + data[at + 1 : at + 7 : 2] == b"\x03\x01\x02\x03" and all(
                codes.get(tables >> 4) == codes.get(0x10 | tables & 15) == b"\x00"
                for tables in data[at + 4 : at + 7 : 2]
            )
        while marker == _DHT and at < end:
            count = sum(data[at + 1 : at + 17])
            codes[data[at]] = data[at + 17 : at + 17 + count]
            at += 17 + count
        at = end
    return False


def _grey(image: Image.Image) -> Image.Image:
    transparent = "transparency" in image.info
    if image.mode == "L" and not transparent:
        return image
    to_grey: Callable[[Image.Image], Image.Image] = _luma
    if image.mode in _DEEP_MODES:
        to_grey = _rescaled(image)
    elif image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or transparent:
        to_grey = _over_black
    width, height = image.size
    rows = max(1, _BAND_PIXELS // width)
    if rows >= height:
        return to_grey(image)
    # In bands, so that what is made on the way takes little memory beside a large picture.
    grey = Image.new("L", image.size)
    for top in range(0, height, rows):
        grey.paste(to_grey(image.crop((0, top, width, min(top + rows, height)))), (0, top))
    return grey


def _luma(image: Image.Image) -> Image.Image:
    return image.convert("L")


def _over_black(image: Image.Image) -> Image.Image:
    coloured = image.convert("RGBA")
    black = Image.new("RGBA", coloured.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, coloured).convert("L")


def _rescaled(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """Scales parts of a deep image from the minimum and maximum of the whole to 0-255."""
    whole = np.asarray(image)
    low, high = float(whole.min()), float(whole.max())
    if not np.isfinite([low, high]).all():  # A nan anywhere is a nan here.
        raise ImageError("damaged", "The image holds pixels that are not numbers; export it again.")

    def rescale(part: Image.Image) -> Image.Image:
        deep = np.asarray(part, dtype=np.float64)
        scaled = np.rint((deep - low) * (255 / max(high - low, 1e-12)))
        return Image.fromarray(scaled.astype(np.uint8))

    return rescale
