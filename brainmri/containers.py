"""What a JPEG, PNG, BMP or TIFF file is made of, before any decoder opens it.

A decoder walks through every piece of a file, however many there are, and keeps most of them: a small
file can keep it busy for a minute. Here the pieces are counted without being read, and far too many are
refused. Nothing else is judged; what is damaged is left to the decoder, which says so at once.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from brainmri.errors import ImageError

MOST_PIXELS = 25_000_000
"""Largest picture, width x height."""
MOST_JPEG_BYTES = 20_000_000
"""Of a JPEG, whose every bit is decoded one by one: photographs of 25 million pixels have 5 to 15 MB."""
MOST_SCANS = 64
"""Of a JPEG. Encoders write about ten, the most thorough ones twenty."""
MOST_SCANNED_PIXELS = 500_000_000
"""Scans of a JPEG x its pixels, since each goes over the whole picture again: twenty of the largest one."""
MOST_SEGMENTS = 2_000
"""Of a JPEG. A colour profile has at most 255, other remarks some dozens."""
MOST_HEAD_BYTES = 8_000_000
"""Of all that is written before the first scan of a JPEG: profiles, remarks and previews."""
MOST_CHUNKS = 2_000
"""Of a PNG, beside its pixels: encoders write some dozens."""
MOST_PIXEL_CHUNKS = 20_000
"""Of a PNG's pixels: encoders cut them at 8 KB or more, which are 8,000 in the largest file."""
MOST_TAGS = 1_000
"""Of one page of a TIFF, or of the Exif part of another file: scanners and microscopes write some dozens."""
MOST_TAG_BYTES = 8_000_000
"""Of the values of those, which may overlap in the file and be far more than it."""
MOST_NUMBERS = 200_000
"""Of the values of those that are numbers, each of which becomes an object."""
MOST_ENTRIES = 200_000
"""Tags of all pages of a TIFF."""
MOST_STRIPS = 20_000
"""Strips or tiles of a page: of one row each they are 5,000 in the largest square picture."""
MOST_TILE_PIXELS = 4_194_304
"""Of a tile: 2,048 x 2,048; programs write 512 or 1,024 on a side."""
MOST_PAGES = 10_001
"""Pages that are looked for: one more than slices are offered."""
MOST_UNPACKED_BYTES = 80_000_000
"""Of the pixels of a PNG or TIFF as they are stored, which each row is worked out from: 25 million in colour,
or 10 million in 16 bits and four colours."""
MOST_RUN_LENGTH = 1_000_000
"""Bytes, and pixels, of a run-length coded BMP, which is decoded run by run in Python."""

_MOST_TABLES_BYTES = 2_000
_MOST_JUNK_BYTES = 65_536
# In the pixels, FF is followed by 00, or by the number of a restart.
_IN_HEAD, _IN_SCAN = re.compile(rb"\xff[^\x00\xff]"), re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_SOF = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_EOI, _SOS, _DQT, _APP1, _APP2 = 0xD9, 0xDA, 0xDB, 0xE1, 0xE2
_BARE = frozenset({0x01, *range(0xD0, 0xDA), *range(0xF0, 0xFE)})
"""JPEG markers that stand alone, or that decoders take to."""
_ARITHMETIC = frozenset({0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_EXIF, _SEVERAL = b"Exif\0\0", b"MPF\0"

_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}

_TYPE_BYTES = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8,
}  # fmt: skip
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _STRIPS, _SAMPLES, _TILE_WIDTH, _TILE_HEIGHT, _TILES = (
    254, 256, 257, 258, 273, 277, 322, 323, 324,
)  # fmt: skip
_WHOLE = {3: "H", 4: "L", 16: "Q"}
_BYTES = frozenset({1, 2, 6, 7})
_LOOKED_AT = frozenset({_SUBFILE, _WIDTH, _HEIGHT, _BITS, _SAMPLES, _TILE_WIDTH, _TILE_HEIGHT})
_NOT_A_PAGE = 0b101
"""Bits of a page's kind: a smaller copy of another one, or its mask."""


@dataclass(frozen=True)
class Page:
    """One picture in a file: the width x height that it claims, and where a TIFF tells of it."""

    pixels: int
    offset: int = 0


@dataclass(frozen=True)
class _Directory:
    """A list of TIFF tags: numbers by tag, how many tags, the bytes of their values, and the next list."""

    numbers: dict[int, int]
    entries: int
    next: int


def pages(data: bytes, kind: str) -> list[Page]:
    """The pictures that a file claims to hold; one for all but a TIFF.

    Args:
        data: the file.
        kind: "JPEG", "PNG", "BMP" or "TIFF", as its first bytes say.

    Raises:
        ImageError: `too_complex` or `unsupported`.
    """
    if kind == "TIFF":
        return _Tiff(data).pages()
    pixels = {"JPEG": _jpeg, "PNG": _png, "BMP": _bmp}[kind](data)
    return [Page(pixels)]


def alone(data: bytes, page: Page) -> bytes:
    """A TIFF that begins with one of its pages."""
    form = _Tiff(data)
    if page.offset == form.first:
        return data
    told = struct.pack(form.order + form.pointer_code, page.offset)
    rest = memoryview(data)[form.pointer_at + len(told) :]
    return b"".join((data[: form.pointer_at], told, rest))


def _too_complex(what: str, how: str = "as PNG or JPEG") -> ImageError:
    return ImageError("too_complex", f"The file is made of {what}; save the picture again {how}.")


def _jpeg(data: bytes) -> int:
    if len(data) > MOST_JPEG_BYTES:
        raise ImageError(
            "too_large",
            f"The JPEG has {len(data) / 1e6:,.1f} MB; at most {MOST_JPEG_BYTES // 1_000_000} MB are read: "
            "save it with a lower quality, or scale it down first.",
        )
    pixels, scans, exif = 0, 0, b""
    for marker, at, end in _segments(data):
        if marker == _SOS:
            scans += 1
            if scans > MOST_SCANS or scans * pixels > MOST_SCANNED_PIXELS:
                raise _too_complex(f"more than {scans - 1} scans")
        elif marker in _ARITHMETIC:
            raise ImageError(
                "unsupported", "The JPEG is coded arithmetically; save the picture as PNG."
            )
        elif marker in _SOF:
            rows, columns = struct.unpack(">HH", data[at + 1 : at + 5].ljust(4, b"\0"))
            pixels = max(pixels, rows * columns)
        elif marker == _DQT and end - at > _MOST_TABLES_BYTES:
            raise _too_complex("far too many tables")
        elif marker == _APP1 and data[at : at + 6] == _EXIF:
            exif += data[at + 6 : end]
        elif marker == _APP2 and data[at : at + 4] == _SEVERAL:
            _exif(data[at + 4 : end])
    _exif(exif)
    return pixels


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Of each segment of a JPEG the marker, and where its content begins and ends."""
    at, segments, junk, in_scans = 2, 0, 0, False
    while at < len(data):
        until = len(data) if in_scans else min(at + _MOST_JUNK_BYTES, len(data))
        found = (_IN_SCAN if in_scans else _IN_HEAD).search(data, at, until)
        junk += 0 if in_scans else (until if found is None else found.start()) - at
        if junk >= _MOST_JUNK_BYTES or (not in_scans and at > MOST_HEAD_BYTES):
            raise _too_complex("far more than a picture")
        if found is None:
            return
        segments += 1
        if segments > MOST_SEGMENTS:
            raise _too_complex(f"more than {MOST_SEGMENTS:,} segments")
        marker, at = data[found.end() - 1], found.end()
        if marker == _EOI and in_scans:
            return
        if marker not in _BARE:
            end = at + max(int.from_bytes(data[at : at + 2], "big"), 2)
            in_scans = in_scans or marker == _SOS
            yield marker, at + 2, end
            at = end


def _png(data: bytes) -> int:
    at, others, of_pixels = 8, 0, 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">L4s", data, at)
        if kind in (b"IDAT", b"fdAT"):
            of_pixels += 1
        else:
            others += 1
        if others > MOST_CHUNKS or of_pixels > MOST_PIXEL_CHUNKS:
            raise _too_complex(f"more than {max(others, of_pixels) - 1:,} chunks")
        if kind == b"eXIf":
            _exif(data[at + 8 : at + 8 + length])
        if kind == b"IEND":
            break
        at += 12 + length
    head = data[16:29].ljust(13, b"\0")
    width, height, bits, colours, _, _, interlaced = struct.unpack(">LLBBBBB", head)
    bits *= _PNG_CHANNELS.get(colours, 1)
    _unpacked(width, height, bits)
    # Rows of interlaced pictures take Pillow twice as long.
    if interlaced and width * height * bits > 4 * MOST_UNPACKED_BYTES:
        raise _too_complex("interlaced rows, and large", "without interlacing")
    return int(width * height)


def _bmp(data: bytes) -> int:
    head = data[:34].ljust(34, b"\0")
    if int.from_bytes(head[14:18], "little") == 12:
        width, height = struct.unpack("<HH", head[18:22])
        return int(width * height)
    width, height, _, _, coded = struct.unpack("<llHHL", head[18:34])
    pixels = abs(width * height)
    if coded in (1, 2) and max(pixels, len(data)) > MOST_RUN_LENGTH:
        raise _too_complex("far more runs of pixels than are read one by one")
    return pixels


def _unpacked(width: int, height: int, bits: int) -> None:
    """Refuse pixels that are few enough, but have too many bits each."""
    size_bytes = width * height * bits // 8
    # Pictures that are too large anyway are refused for that.
    if size_bytes > MOST_UNPACKED_BYTES and width * height <= MOST_PIXELS:
        raise ImageError(
            "too_large",
            f"The picture has {size_bytes / 1e6:,.0f} MB unpacked ({width:,} x {height:,} pixels of {bits} "
            f"bits); at most {MOST_UNPACKED_BYTES // 1_000_000} MB are read: scale it down or save it as "
            "8-bit grey.",
        )


def _exif(block: bytes) -> None:
    """Refuse Exif entries that are too many, or whose values overlap to very much."""
    while block.startswith(_EXIF):
        block = block.removeprefix(_EXIF)
    if len(block) >= 8:
        form = _Tiff(block)
        form.directory(form.first)


class _Tiff:
    """Where a TIFF, or an Exif block, keeps its lists of tags (TIFF 6.0, section 2; BigTIFF)."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.order = ">" if data[:2] == b"MM" else "<"
        big = data[2:4] in (b"+\0", b"\0+")
        self.pointer_at, self.pointer_code = (8, "Q") if big else (4, "L")
        self._count = "Q" if big else "H"
        self._entry = struct.Struct(self.order + ("HHQ8s" if big else "HHL4s"))
        self.first = self._number(self.pointer_code, self.pointer_at)

    def pages(self) -> list[Page]:
        """Its pages without smaller copies and masks; the first list of tags where there is nothing else."""
        found: list[tuple[Page, bool]] = []
        seen: set[int] = set()
        at, entries = self.first, 0
        while 0 < at < len(self._data) and at not in seen and len(seen) < MOST_PAGES:
            seen.add(at)
            listed = self.directory(at)
            entries += listed.entries
            if entries > MOST_ENTRIES:
                raise _too_complex(f"more than {MOST_ENTRIES:,} entries")
            numbers = listed.numbers
            # What is chained behind the pages may be no page at all.
            if not found or (_WIDTH in numbers and _HEIGHT in numbers):
                width, height = numbers.get(_WIDTH, 0), numbers.get(_HEIGHT, 0)
                _unpacked(width, height, numbers.get(_BITS, 1) * numbers.get(_SAMPLES, 1))
                page = Page(width * height, at)
                found.append((page, not numbers.get(_SUBFILE, 0) & _NOT_A_PAGE))
            at = listed.next
        whole = [page for page, is_whole in found if is_whole]
        return whole or [page for page, _ in found[:1]] or [Page(0, self.first)]

    def directory(self, at: int) -> _Directory:
        """One list of tags.

        Raises:
            ImageError: `too_complex`.
        """
        count = self._number(self._count, at)
        if count > MOST_TAGS:
            raise _too_complex(f"more than {MOST_TAGS:,} entries a page")
        start = at + struct.calcsize(self.order + self._count)
        end = start + count * self._entry.size
        numbers: dict[int, int] = {}
        size_bytes = several = 0
        if end > len(self._data):
            return _Directory({}, 0, 0)
        for tag, kind, values, value in self._entry.iter_unpack(self._data[start:end]):
            size_bytes += values * _TYPE_BYTES.get(kind, 0)
            several += 0 if kind in _BYTES else values
            if tag in (_STRIPS, _TILES) and values > MOST_STRIPS:
                raise _too_complex(f"more than {MOST_STRIPS:,} strips")
            if tag in _LOOKED_AT and kind in _WHOLE and values:
                numbers[tag] = self._first_of(kind, values, value)
        if size_bytes > MOST_TAG_BYTES or several > MOST_NUMBERS:
            raise _too_complex("entries that hold far more than a picture needs")
        if numbers.get(_TILE_WIDTH, 0) * numbers.get(_TILE_HEIGHT, 0) > MOST_TILE_PIXELS:
            raise _too_complex("tiles that are larger than 2,048 x 2,048 pixels")
        return _Directory(numbers, count, self._number(self.pointer_code, end))

    def _first_of(self, kind: int, values: int, value: bytes) -> int:
        """The first value of a tag, which is in the tag itself where all of them fit."""
        form = self.order + _WHOLE[kind]
        if values * struct.calcsize(form) <= len(value):
            return int(struct.unpack_from(form, value)[0])
        return self._number(_WHOLE[kind], struct.unpack(self.order + self.pointer_code, value)[0])

    def _number(self, form: str, at: int) -> int:
        """A number of the file; 0 beyond its end."""
        if not 0 <= at <= len(self._data) - struct.calcsize(self.order + form):
            return 0
        return int(struct.unpack_from(self.order + form, self._data, at)[0])
