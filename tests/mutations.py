"""Uploads as nobody would send them: cut, bit-flipped, renamed, of two kinds at once, and bombs."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom.data
from numpy.typing import NDArray
from PIL import Image

from brainmri import phantom
from tests import crowds
from tests.brainmri import volumes
from tests.brainmri.files_to_read import encode, frames, png_header

_DICOM = (
    "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm",
    "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_jpeg_dcmtk.dcm", "image_dfl.dcm", "examples_palette.dcm", "SC_rgb_rle_2frame.dcm", "reportsi.dcm",
    "rtdose.dcm", "JPEG2000.dcm",
)  # fmt: skip
_NAMES = (
    "scan.png",
    "scan.dcm",
    "scan.nii.gz",
    "../../x.png",
    "a" * 300,
    "scan.png\0.exe",
    "skan-ä.tif",
)


def sound() -> list[bytes]:
    """Files that can be looked at, of every kind."""
    pixels = phantom.draw("glioma", 1)
    picture = Image.fromarray(pixels)
    colour = picture.convert("RGB")
    folder = Path(pydicom.data.__file__).parent / "test_files"
    return [
        encode(picture, "PNG"),
        encode(colour.convert("RGBA"), "PNG"),
        encode(Image.fromarray(pixels.astype(np.uint16) * 200), "PNG"),
        encode(picture, "JPEG"),
        encode(colour, "JPEG", progressive=True),
        encode(colour.convert("CMYK"), "JPEG"),
        encode(picture, "BMP"),
        encode(picture, "TIFF"),
        encode(picture, "TIFF", compression="tiff_lzw"),
        encode(picture, "TIFF", compression="tiff_adobe_deflate"),
        encode(Image.fromarray(pixels.astype(np.float32)), "TIFF"),
        volumes.dicom(pixels[None].astype(np.uint16)),
        volumes.dicom(np.stack([pixels] * 3)),
        volumes.nifti(volumes.volume()),
        volumes.nifti(volumes.volume(), compressed=False),
        *[(folder / name).read_bytes() for name in _DICOM],
    ]


def bombs() -> list[bytes]:
    """Small files that claim to be, or unpack to, very much."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = b"".join(packer.compress(bytes(1_000_000)) for _ in range(400)) + packer.flush()
    syntax = b"1.2.840.10008.1.2.1.99"
    meta = bytes(128) + b"DICM" + b"\x02\0\x10\0UI" + struct.pack("<H", len(syntax)) + syntax
    volume = volumes.nifti(np.zeros((4, 4, 4), np.int16), compressed=False)
    huge = volume[:42] + struct.pack("<3h", 32_000, 32_000, 32_000) + volume[48:]
    long = volume[:42] + struct.pack("<3h", 500, 500, 500) + volume[48:]
    flat = np.zeros((4_900, 4_900), np.uint8)
    text = zlib.compress(bytes(30_000_000))
    chunk = b"zTXtComment\0\0" + text
    png = encode(Image.fromarray(flat[:64, :64]), "PNG")
    with_text = png[:33] + struct.pack(">L", len(chunk) - 4) + chunk
    with_text += struct.pack(">L", zlib.crc32(chunk)) + png[33:]
    small = phantom.draw("glioma", 1)[None]
    return [
        png_header(50_000, 50_000),
        png_header(4_999, 4_999),
        png_header(2**31 - 1, 2**31 - 1),
        encode(Image.fromarray(flat), "PNG"),
        encode(Image.fromarray(flat).convert("RGBA"), "PNG"),
        encode(Image.fromarray(flat).convert("RGB"), "JPEG", progressive=True),
        encode(Image.fromarray(flat), "TIFF", compression="tiff_adobe_deflate"),
        encode(Image.fromarray(np.zeros((8_001, 8_000), np.uint8)), "PNG"),
        with_text,
        meta + deflated,
        gzip.compress(huge),
        gzip.compress(long + bytes(300_000_000), 1),
        gzip.compress(bytes(400_000_000), 1),
        volumes.dicom(small, Rows=60_000, Columns=60_000),
        volumes.dicom(small, NumberOfFrames=2_000_000_000),
        bytes(128) + b"DICM" + b"\x09\0\x10\0LO\0\0" * 2_000_000,
        bytes(128) + b"DICM" + b"\x09\0\x10\0SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 50_000,
        frames("PNG"),
        frames("TIFF"),
        bytes(19_999_999),
        bytes(20_000_001),
    ]  # fmt: skip


def uploads(
    count: int, seed: int = 0, *, crowd_bytes: int = 1_000_000
) -> Iterator[tuple[str, bytes, str, int | None]]:
    """`count` uploads: what was done, content, name of the file, and the slice that is asked for.

    Args:
        count: how many.
        seed: of the mutations.
        crowd_bytes: size of the files that are made of very many pieces.
    """
    rng = np.random.default_rng(seed)
    good, bad = sound(), bombs()
    yield from (("bomb", data, "bomb.bin", slice_) for data in bad for slice_ in (None, 1))
    first = 2 * len(bad)
    for kind, data in crowds.crowds(crowd_bytes):
        first += 1
        yield f"crowd ({kind})", data, "crowd.bin", 1
    for number in range(max(0, count - first)):
        data = good[number % len(good)]
        kind = ("cut", "flipped", "many flipped", "renamed", "polyglot", "header", "doubled")[
            number % 7
        ]
        name = str(_NAMES[rng.integers(len(_NAMES))])
        slice_ = int(rng.integers(1, 6)) if rng.random() < 0.2 else 1
        yield kind, _mutated(kind, data, good, rng), name, slice_


def _mutated(kind: str, data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    other = others[rng.integers(len(others))]
    if kind == "cut":
        return data[: rng.integers(len(data))]
    if kind == "polyglot":
        at = int(rng.choice([4, 128, 348, len(data)]))
        return data[:at] + other
    if kind == "doubled":
        return data + data[rng.integers(len(data)) :]
    if kind in ("flipped", "many flipped", "header"):
        content: NDArray[np.uint8] = np.frombuffer(data, np.uint8).copy()
        within = min(len(content), 700) if kind == "header" else len(content)
        at_bits = rng.integers(0, 8 * within, 1 if kind == "flipped" else 12)
        np.bitwise_xor.at(content, at_bits // 8, (1 << (at_bits % 8)).astype(np.uint8))
        return content.tobytes()
    return data
