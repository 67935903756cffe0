"""Bytes of image files, good and bad, and what a folder holds: made here, used by several tests."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainmri.files import sha256


def encode(picture: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def gradient(width: int = 24, height: int = 16) -> NDArray[np.uint8]:
    """A picture in which no two mirror images or rotations are equal."""
    y, x = np.mgrid[0:height, 0:width]
    return (x * 7 + y * 3).astype(np.uint8)


def png(pixels: NDArray[np.uint8] | None = None) -> bytes:
    return encode(Image.fromarray(gradient() if pixels is None else pixels), "PNG")


def png_header(width: int, height: int) -> bytes:
    """A few bytes that claim to be a greyscale PNG of any size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def truncated_jpeg() -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    whole = encode(Image.fromarray(noise), "JPEG")
    return whole[: len(whole) // 2]


def frames(file_format: str) -> bytes:
    first, second = Image.fromarray(gradient()), Image.fromarray(255 - gradient())
    return encode(first, file_format, save_all=True, append_images=[second])


@dataclass(frozen=True)
class Bad:
    """A file that must be refused: its name, its bytes, the stable code, a part of the sentence."""

    name: str
    data: bytes
    code: str
    says: str


BAD = {
    "truncated JPEG": Bad("cut.jpg", truncated_jpeg(), "truncated", "cut off or damaged"),
    "truncated PNG": Bad("cut.png", png()[:-30], "truncated", "cut off or damaged"),
    "text named .jpg": Bad("note.jpg", b"patient notes", "not_an_image", "whatever its name says"),
    "GIF named .png": Bad(
        "picture.png", encode(Image.fromarray(gradient()), "GIF"), "not_an_image", "is not a JPEG"
    ),
    "0 bytes": Bad("empty.png", b"", "empty", "0 bytes"),
    "50,000 x 50,000 header": Bad(
        "huge.png", png_header(50_000, 50_000), "too_large", "2,500,000,000 pixels"
    ),
    "just above the limit": Bad("big.png", png_header(8_001, 8_000), "too_large", "8,001 x 8,000"),
    "animated PNG": Bad("film.png", frames("PNG"), "animated", "several frames"),
    "multi-page TIFF": Bad("stack.tif", frames("TIFF"), "animated", "several frames"),
}


def snapshot(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, hidden and temporary ones included."""
    return {
        path.relative_to(folder).as_posix(): sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
