"""What a picture file says about itself, before a decoder is let at it.

A file of a few bytes can claim a size of gigabytes, and OpenCV has decoders for formats that are rarely used
and rarely tested. So the format is told by the first bytes, not by the name, must be one of a few, and width
and height are read here. Sources: the PNG specification (ISO/IEC 15948), ITU-T T.81 (JPEG), TIFF 6.0, the
netpbm manual, RFC 9649 (WebP), and the description of BITMAPINFOHEADER by Microsoft.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import NamedTuple

from edgerun import knobs
from edgerun.errors import InputError

_PNM = re.compile(rb"P[1-6](?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})[\s#]")
_HEADER_BYTES = 1 << 16  # within which a netpbm file tells its size
# Frames of JPEG: all SOF markers; C4, C8 and CC are others.
_FRAMES = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)))
_WIDTH, _HEIGHT = 256, 257  # tags of TIFF
_TIFF_TYPES = {3: "H", 4: "I"}  # SHORT and LONG


class PictureInfo(NamedTuple):
    """format: "bmp", "jpeg", "png", "pnm", "tiff" or "webp"; width and height in pixels, as stored."""

    format: str
    width: int
    height: int


def inspect_picture(data: bytes) -> PictureInfo:
    """The format and the size of a picture's bytes.

    Raises InputError, a sentence's end ("is ..."), where it is of no format that is read, where its header is
    damaged, or where it has more pixels than EDGERUN_MAX_PICTURE_MP allows.
    """
    found = next((f for f in _FORMATS if f[1].match(data)), None)
    if found is None:
        known = ", ".join(name.upper() for name, *_ in _FORMATS)
        raise InputError(f"is no picture of a format that is read ({known})")
    name, _, size = found
    try:
        width, height = size(data)
    except (struct.error, ValueError) as error:
        raise InputError(f"is a damaged {name.upper()} file") from error
    if width < 1 or height < 1:
        raise InputError(f"is a {name.upper()} file of {width}x{height} pixels")
    most = knobs.max_picture_pixels()
    if width * height > most:
        raise InputError(
            f"has {width}x{height} pixels, which is more than the {most // 10**6} megapixels "
            "that EDGERUN_MAX_PICTURE_MP allows"
        )
    return PictureInfo(name, width, height)


def _bmp(data: bytes) -> tuple[int, int]:
    (header,) = struct.unpack_from("<I", data, 14)
    if header == 12:  # OS/2
        return struct.unpack_from("<HH", data, 18)
    width, height = struct.unpack_from("<ii", data, 18)
    return width, abs(height)  # negative: the first row is the top one


def _jpeg(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        at = data.index(b"\xff", at) + 1
        while data[at : at + 1] == b"\xff":  # fill bytes
            at += 1
        (marker,) = struct.unpack_from("B", data, at)
        if marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:  # no length follows
            at += 1
            continue
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 4)
            return width, height
        if marker in (0xD9, 0xDA):
            raise ValueError("no frame")
        (length,) = struct.unpack_from(">H", data, at + 1)
        at += 1 + max(length, 2)


def _png(data: bytes) -> tuple[int, int]:
    if data[12:16] != b"IHDR":
        raise ValueError("no header")
    at = 8
    while at + 8 <= len(data):  # OpenCV takes memory for a chunk before it knows whether there is so much
        length, name = struct.unpack_from(">I4s", data, at)
        at += 12 + length
        if at > len(data):
            raise ValueError("a chunk of more bytes than there are")
        if name == b"IEND":
            break
    return struct.unpack_from(">II", data, 16)


def _pnm(data: bytes) -> tuple[int, int]:
    found = _PNM.match(data[:_HEADER_BYTES])
    if found is None:
        raise ValueError("no size")
    return int(found[1]), int(found[2])


def _tiff(data: bytes) -> tuple[int, int]:
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    found = {}
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, _, value = struct.unpack_from(order + "HHI4s", data, entry)
        if tag in (_WIDTH, _HEIGHT) and kind in _TIFF_TYPES:
            (found[tag],) = struct.unpack_from(order + _TIFF_TYPES[kind], value)
    if len(found) != 2:
        raise ValueError("no size")
    return found[_WIDTH], found[_HEIGHT]


def _webp(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[i : i + 3], "little") + 1 for i in (24, 27))
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        raise ValueError("no picture")
    if len(data) < 30:
        raise ValueError("too short")
    return width, height


_FORMATS: tuple[tuple[str, re.Pattern[bytes], Callable[[bytes], tuple[int, int]]], ...] = (
    ("bmp", re.compile(rb"BM"), _bmp),
    ("jpeg", re.compile(rb"\xff\xd8\xff"), _jpeg),
    ("png", re.compile(rb"\x89PNG\r\n\x1a\n"), _png),
    ("pnm", re.compile(rb"P[1-6][\s#]"), _pnm),
    ("tiff", re.compile(rb"II\*\0|MM\0\*"), _tiff),
    ("webp", re.compile(rb"RIFF....WEBP", re.DOTALL), _webp),
)
