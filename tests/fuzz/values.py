"""Values that break things: numbers at the limits, and bytes that were changed where they lie."""

from __future__ import annotations

import math
import random
import struct
from typing import Any

_SMALL = (0, 1, 2, 3, 4, 5, 7, 8, -1, -2, -3)
_LARGE = (16, 127, 128, 255, 256, -128, 1000, 32767, 65535, 65536, 1 << 20, 1 << 28, 1 << 30)
_LIMITS = (-(1 << 31), (1 << 31) - 1, (1 << 32) - 1, 1 << 62, -(1 << 63), (1 << 63) - 1)
FLOATS = (0.0, -0.0, 1.0, -1.0, math.nan, math.inf, -math.inf, 1e-45, 1e-38, 3e38, 1e-8, 1e8, 0.5, 2.0)
_RANGES = {"b": (8, 1), "B": (8, 0), "h": (16, 1), "H": (16, 0), "i": (32, 1), "I": (32, 0), "q": (64, 1)}
TEXTS = ("", "x", "/", "..", "a" * 3000, "\0", "TFLite_Detection_PostProcess", "\u2028é")


def integer(format: str, rng: random.Random) -> int:
    """A number of a format of `struct` (others: uint64), small more often than not."""
    bits, signed = _RANGES.get(format, (64, 0))
    value = rng.choice(rng.choice((_SMALL, _SMALL, _SMALL, _LARGE, _LIMITS)))
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return value if low <= value <= high else (value - low) % (high - low + 1) + low


def near(old: int, format: str, rng: random.Random) -> int:
    """Another number, often one next to the old one; it fits the format when the old one does."""
    value = old + rng.choice((-2, -1, 1, 2))
    bits, signed = _RANGES.get(format, (64, 0))
    fits = -(1 << bits - 1) <= value < 1 << bits - 1 if signed else 0 <= value < 1 << bits
    return value if rng.random() < 0.3 and fits else integer(format, rng)


def rearranged(items: list[Any], rng: random.Random) -> bool:
    """Takes one of the items away, doubles one or mixes them; False where one is to be added instead."""
    kind = rng.randrange(4)
    if not items or kind == 3:
        return False
    if kind == 0:
        del items[rng.randrange(len(items))]
    elif kind == 1:
        items.insert(rng.randint(0, len(items)), rng.choice(items))
    else:
        rng.shuffle(items)
    return True


def changed_bytes(data: bytes, rng: random.Random) -> bytes:
    """The bytes of a file with some flipped, overwritten, moved, or cut off."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        at = rng.randrange(len(changed))
        kind = rng.randrange(6)
        if kind == 0:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[at] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        elif kind == 2:
            at = min(at & ~3, len(changed) - 4)
            changed[at : at + 4] = struct.pack("<I", integer("I", rng))
        elif kind == 3:
            other = rng.randrange(len(changed))
            changed[at : at + 4] = changed[other : other + 4].ljust(4, b"\0")
        elif kind == 4 and rng.random() < 0.2 and at > 8:
            del changed[at:]
        else:
            other, size = rng.randrange(len(changed)), rng.randrange(1, 32)
            changed[at : at + size] = changed[other : other + size]
        if len(changed) < 9:
            break
    return bytes(changed)


def changed_data(data: bytes, rng: random.Random) -> bytes:
    """The elements of an array with one or two changed, a part of them, or others."""
    changed = bytearray(data)
    if not changed or rng.random() < 0.1:
        return bytes(rng.randrange(256) for _ in range(rng.randrange(40)))
    if rng.random() < 0.1:
        return bytes(changed[: rng.randrange(len(changed))])
    size = rng.choice((1, 2, 4, 4, 4, 8))
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(len(changed)) // size * size
        if size == 4 and rng.random() < 0.4:
            piece = struct.pack("<f", rng.choice(FLOATS))
        else:
            piece = struct.pack("<Q", integer("q", rng) & ((1 << 64) - 1))[:size]
        changed[at : at + len(piece)] = piece
    return bytes(changed[: len(data)])


_PIECES = (
    *(b"[", b"[" * 2000, b"{", b"}", b'"', b"'", b"\\", b"\n", b"\r\n", b"\0"),
    *(b"=", b".", b":", b",", b"#", b"-"),
    *(b"9" * 5000, b"1e400", b"nan", b"inf", b"-1", b"0x" + b"f" * 40, b"true", b"0001-01-01", b"2" * 30),
    *(b"\xff", b"\xef\xbb\xbf", "\u2028é\U0001f600".encode(), b"a." * 40, b" " * 3000, b"x" * 3000),
)


def changed_file(data: bytes, rng: random.Random) -> bytes:
    """Bytes changed, or pieces put in that mean something in text files; both, often."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        if rng.random() < 0.5 and len(data) > 9:
            data = changed_bytes(data, rng)
            continue
        at = rng.randrange(len(data) + 1)
        end = at + rng.choice((0, 0, 1, 2, 5))
        piece = rng.choice(_PIECES)
        if rng.random() < 0.2:
            begin = rng.randrange(len(data) + 1)
            piece = data[begin : begin + rng.randrange(60)] * rng.choice((1, 1, 2, 50))
        data = data[:at] + piece + data[end:]
    return data
