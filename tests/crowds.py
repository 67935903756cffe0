"""Files that are small or of allowed size, and made of so many pieces that a decoder takes long over them."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from tests.brainmri import volumes
from tests.brainmri.files_to_read import encode

SIDE = 4_992
"""Of the pictures: just below the most pixels that are read."""


def crowds(size_bytes: int) -> Iterator[tuple[str, bytes]]:
    """What it is, and the file: one after the other, each of about `size_bytes` where its size is free."""
    for kind, make in {**UNOPENED, **_OPENED}.items():
        yield kind, make(size_bytes)


def _jpeg(between: bytes) -> bytes:
    """A small JPEG with something behind its start."""
    whole = encode(Image.fromarray(np.zeros((64, 64), np.uint8)), "JPEG")
    return whole[:2] + between + whole[2:]


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _filled(piece: bytes, size_bytes: int) -> bytes:
    return piece * ((size_bytes - 2_000) // len(piece))


def progressive(scans: int) -> bytes:
    """A large flat JPEG whose last scan comes again and again, with one byte missing at the end."""
    flat = Image.fromarray(np.zeros((SIDE, SIDE), np.uint8))
    whole = encode(flat, "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * scans + b"\xff"


def _noise(colour: bool, **options: object) -> bytes:
    shape = (3_500, 3_500, 3) if colour else (SIDE, SIDE)
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return encode(Image.fromarray(noise), "JPEG", **options)


def _restarts() -> bytes:
    flat = Image.fromarray(np.zeros((SIDE, SIDE), np.uint8))
    whole = encode(flat, "JPEG", restart_marker_blocks=1)
    return whole[:-1_000]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">L4s", len(body), kind) + body + struct.pack(">L", zlib.crc32(kind + body))


def _png(between: bytes, at: int = 33) -> bytes:
    """A small PNG with something behind its header."""
    whole = encode(Image.fromarray(np.zeros((64, 64), np.uint8)), "PNG")
    return whole[:at] + between + whole[at:]


def _png_of(rows: bytes, depth: int, colour: int, interlaced: int = 0, side: int = SIDE) -> bytes:
    head = struct.pack(">LLBBBBB", side, side, depth, colour, 0, 0, interlaced)
    packed = zlib.compress(rows, 1)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", packed)[:-20]


def _interlaced(side: int) -> bytes:
    """Adam7: rows of seven smaller pictures, each behind the number of its filter (Paeth)."""
    steps = ((8, 8), (8, 8), (4, 8), (4, 4), (2, 4), (2, 2), (1, 2))
    counts = [(-(-side // x), -(-side // y)) for x, y in steps]
    return _png_of(b"".join((b"\4" + bytes(3 * n)) * m for n, m in counts), 8, 2, 1, side)


def _drop_by_drop(size_bytes: int) -> bytes:
    """The pixels of a PNG in chunks of one byte."""
    head = struct.pack(">LLBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    packed = zlib.compress(bytes(SIDE * (SIDE + 1)), 0)[: size_bytes // 13]
    chunks = b"".join(_chunk(b"IDAT", packed[i : i + 1]) for i in range(len(packed)))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + chunks


def _overlapping(count: int, size_bytes: int, kind: int = 7, each: int = 0) -> bytes:
    """Exif, or the beginning of a TIFF, whose entries all have the same long value."""
    entries = b"".join(
        struct.pack("<HHLL", 40_000 + i % 20_000, kind, each or size_bytes, 8) for i in range(count)
    )
    return b"II*\0" + struct.pack("<LH", 8, count) + entries + bytes(4)


def _tiff(tags: dict[int, tuple[int, int, int]], body: bytes = b"") -> bytes:
    """A TIFF of one page, from the type, count and value of its tags; `body` is at byte 1,000."""
    told = {
        **dict.fromkeys((256, 257, 278), (4, 1, SIDE)),
        **dict.fromkeys((259, 262, 277), (3, 1, 1)),
        **{258: (3, 1, 8), 273: (4, 1, 1_000), 279: (4, 1, len(body))},
        **tags,
    }
    entries = b"".join(struct.pack("<HHLL", tag, *told[tag]) for tag in sorted(told))
    head = b"II*\0" + struct.pack("<LH", 8, len(told)) + entries + bytes(4)
    return head.ljust(1_000, b"\0") + body


def _tile_bomb() -> bytes:
    tiles = {259: (3, 1, 8), 322: (4, 1, 8_000), 323: (4, 1, 8_000), 324: (4, 1, 1_000)}
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(bytes(1_000_000)) for _ in range(64)) + packer.flush()
    return _tiff({256: (4, 1, 64), 257: (4, 1, 64), **tiles, 325: (4, 1, len(body))}, body)


def _pages(size_bytes: int) -> bytes:
    """Pages of two entries each, chained one behind the other."""
    step = 2 + 24 + 4
    content = bytearray(b"II*\0" + struct.pack("<L", 8))
    for at in range(8, size_bytes - step, step):
        content += struct.pack("<HHHLLHHLLL", 2, 256, 4, 1, 64, 257, 4, 1, 64, at + step)
    return bytes(content)


def _bmp(body: bytes, side: int = SIDE) -> bytes:
    """A run-length coded BMP."""
    palette = bytes(1_024)
    start = 54 + len(palette)
    head = struct.pack("<LllHHLLLLLL", 40, side, side, 1, 8, 1, len(body), 0, 0, 256, 0)
    return b"BM" + struct.pack("<LLL", start + len(body), 0, start) + head + palette + body


def _fragments(size_bytes: int) -> bytes:
    """A JPEG in DICOM, in millions of empty pieces."""
    whole = volumes.dicom(np.zeros((1, 64, 64), np.uint8))
    at = whole.index(b"\xe0\x7f\x10\0")
    syntax = b"1.2.840.10008.1.2.4.50"
    meta = b"\x02\0\x10\0UI" + struct.pack("<H", len(syntax)) + syntax
    body = whole[whole.index(b"\x08\0\x16\0") : at]
    pixels = b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + _filled(
        b"\xfe\xff\0\xe0\0\0\0\0", size_bytes
    )
    return bytes(128) + b"DICM" + meta + body + pixels + b"\xfe\xff\xdd\xe0\0\0\0\0"


def _volume(size_bytes: int) -> bytes:
    """A volume of the largest size that is unpacked, hardly compressed, and cut off."""
    side = 399
    noise = np.random.default_rng(0).integers(0, 8, (side, side, side), dtype=np.int16)
    return gzip.compress(volumes.nifti(noise, compressed=False), 1)[:size_bytes][:-9]


UNOPENED: dict[str, Callable[[int], bytes]] = {
    "JPEG, 3,000 scans": lambda _: progressive(3_000),
    "JPEG, remarks": lambda n: _jpeg(_filled(b"\xff\xfe\0\2", n)),
    "JPEG, application segments": lambda n: _jpeg(_filled(b"\xff\xef\0\2", n)),
    "JPEG, bare markers": lambda n: _jpeg(_filled(b"\xff\xd0", n)),
    "JPEG, junk": lambda n: _jpeg(b"\xff\xfe\0\2" + bytes(n - 2_000)),
    "JPEG, fill bytes": lambda n: _jpeg(b"\xff" * (n - 2_000)),
    "JPEG, tables": lambda n: _jpeg(_filled(_segment(0xDB, bytes(65 * 1_000)), n)),
    "JPEG, Huffman tables": lambda n: _jpeg(_filled(_segment(0xC4, bytes(17 * 3_800)), n)),
    "JPEG, Exif in pieces": lambda n: _jpeg(_filled(_segment(0xE1, b"Exif\0\0" + bytes(65_000)), n)),
    "JPEG, Exif upon Exif": lambda _: _jpeg(
        _segment(0xE1, b"Exif\0\0" + _overlapping(5_000, 60_000).ljust(65_500, b"\0"))
    ),
    "JPEG, pictures upon pictures": lambda _: _jpeg(
        _segment(0xE2, b"MPF\0" + _overlapping(5_000, 60_000).ljust(65_500, b"\0"))
    ),
    "JPEG, Photoshop": lambda n: _jpeg(
        _filled(_segment(0xED, b"Photoshop 3.0\0" + b"8BIM\0\0\0\0\0\0\0\0" * 5_000), n)
    ),
    "PNG, private chunks": lambda n: _png(_filled(_chunk(b"prVt", b""), n)),
    "PNG, texts": lambda n: _png(_filled(_chunk(b"tEXt", b"k\0v"), n)),
    "PNG, pixels drop by drop": _drop_by_drop,
    "PNG, Exif upon Exif": lambda n: _png(
        _chunk(b"eXIf", _overlapping(900, n // 2).ljust(n - 9_000, b"\0"))
    ),
    "PNG, interlaced": lambda _: _interlaced(SIDE),
    "PNG, 16 bits of four colours": lambda _: _png_of(bytes(SIDE * (8 * SIDE + 1)), 16, 6),
    "TIFF, entries upon entries": lambda n: _overlapping(900, n // 2).ljust(n, b"\0"),
    "TIFF, entries": lambda n: _overlapping(65_000, n // 2).ljust(n, b"\0"),
    "TIFF, fractions": lambda n: _tiff({258: (5, n // 10, 1_000)}, bytes(n - 1_000)),
    "TIFF, strips": lambda n: _tiff({273: (4, n // 5, 1_000), 278: (4, 1, 1)}, bytes(n - 1_000)),
    "TIFF, a large tile": lambda _: _tile_bomb(),
    "TIFF, pages": _pages,
    "TIFF, deflate": lambda _: encode(
        Image.fromarray(np.zeros((SIDE, SIDE, 4), np.uint8)), "TIFF", compression="tiff_adobe_deflate"
    )[:-40],
    "BMP, runs": lambda n: _bmp(_filled(b"\1\0", n)),
    "BMP, ends of lines": lambda _: _bmp(b"\1\0\0\0" * SIDE),
}  # fmt: skip
"""Refused before any decoder opens them."""
_OPENED: dict[str, Callable[[int], bytes]] = {
    "JPEG, as many scans as are read": lambda _: progressive(14),
    "JPEG, restarts": lambda _: _restarts(),
    "JPEG, stuffed": lambda n: (_noise(colour=False)[:700] + b"\xff\0" * (n // 2))[:n],
    "JPEG, all detail": lambda n: _noise(colour=True, quality=98, subsampling=0)[: n - 1],
    "JPEG, all detail, progressive": lambda n: _noise(
        colour=True, quality=75, progressive=True
    )[: n - 1],
    "PNG, packed texts": lambda _: _png(
        _chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1_000_000))) * 1_900
    ),
    "PNG, profile": lambda _: _png(_chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(60_000_000)))),
    "PNG, Exif as text": lambda _: _png(
        _chunk(
            b"zTXt",
            b"Raw profile type exif\0\0"
            + zlib.compress(
                b"\nexif\n  1\n"
                + (b"Exif\0\0" + _overlapping(30_000, 480_000).ljust(490_000, b"\0")).hex().encode()
            ),
        )
    ),
    "PNG, interlaced, as large as is read": lambda _: _interlaced(3_600),
    "PNG, Paeth": lambda _: _png_of((b"\4" + bytes(3 * SIDE)) * SIDE, 8, 2),
    "TIFF, as many strips as are read": lambda _: _tiff(
        {256: (4, 1, 400), 257: (4, 1, 19_999), 273: (4, 19_999, 1_000), 278: (4, 1, 1)},
        struct.pack("<L", 1_000) * 19_999,
    ),
    "DICOM, entries of its head": lambda n: (
        bytes(128) + b"DICM" + _filled(b"\x02\0\x01\0UI\0\0", n)
    ),
    "DICOM, fragments": _fragments,
    "NIfTI, cut off": _volume,
}  # fmt: skip
"""Near a limit, or refused by a reader on its way."""
