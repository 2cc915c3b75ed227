"""The container of a compiled model (`.edgerun`): a plain header and raw arrays behind a checksum.

    64 bytes   magic, version, zero, bytes of the header, bytes of the file, SHA-256 of all the rest
    header     JSON: {"arrays": [[dtype, shape, offset], ...], "content": ...}
    arrays     little-endian, C order, each from a multiple of 64 bytes on

Numbers are little-endian; an array's offset counts from the end of the header, rounded up to 64.
"""

from __future__ import annotations

import hashlib
import math
import struct
from typing import Any

import numpy as np

from edgerun.errors import FormatError, ModelError

MAGIC = b"EDGERUN\0"
VERSION = 1

_START = struct.Struct("<8sIIQQ32s")
_DIGEST_AT = _START.size - 32
_ALIGNMENT = 64
_WIDTHS = {"int": (8, 16, 32, 64), "uint": (8, 16, 32, 64), "float": (16, 32, 64), "complex": (64, 128)}
DTYPES = {"bool": np.dtype(np.bool_)} | {
    f"{kind}{width}": np.dtype(f"{kind}{width}") for kind, widths in _WIDTHS.items() for width in widths
}


class Arrays:
    """The arrays of a file that is being written; equal ones are there once."""

    def __init__(self) -> None:
        self.table: list[tuple[str, list[int], int]] = []
        self._chunks: list[bytes] = []
        self._nbytes = 0
        self._known: dict[tuple[str, tuple[int, ...], bytes], int] = {}

    def add(self, array: np.ndarray[Any, Any]) -> int:
        """The index of an array of any of DTYPES. Raises ModelError for another one."""
        if array.dtype.name not in DTYPES:
            raise ModelError(f"A compiled model cannot hold an array of {array.dtype}.")
        data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        key = (array.dtype.name, array.shape, hashlib.sha256(data).digest())
        if key not in self._known:
            self._known[key] = len(self.table)
            self.table.append((array.dtype.name, list(array.shape), self._nbytes))
            self._chunks += [data, bytes(-len(data) % _ALIGNMENT)]
            self._nbytes += len(data) + len(self._chunks[-1])
        return self._known[key]

    def section(self) -> bytes:
        return b"".join(self._chunks)


def write_compiled(content: Any, arrays: Arrays) -> bytes:
    """The bytes of a file of JSON `content`, which names arrays by index."""
    import json

    header = json.dumps(
        {"arrays": arrays.table, "content": content}, allow_nan=False, separators=(",", ":")
    ).encode()
    padding = bytes(-len(header) % _ALIGNMENT)
    rest = b"".join([header, padding, arrays.section()])
    start = _START.pack(MAGIC, VERSION, 0, len(header), _START.size + len(rest), bytes(32))[:_DIGEST_AT]
    return start + hashlib.sha256(start + rest).digest() + rest


def read_compiled(data: bytes, path: str) -> tuple[Any, list[np.ndarray[Any, Any]]]:
    """The JSON content of a file and its arrays (read-only, over `data`), every number checked.

    Raises FormatError for what is no such file, of a newer version, truncated or damaged.
    """
    if len(data) < _START.size or not data.startswith(MAGIC):
        raise FormatError(
            f"{path}: a compiled model begins with {_START.size} bytes from {MAGIC!r} on, "
            f"this file has {len(data)} bytes and begins with {data[:8]!r}."
        )
    _, version, _, header_bytes, file_bytes, digest = _START.unpack_from(data)
    if version != VERSION:
        raise FormatError(
            f"{path}: a compiled model of format version {version}; this edgerun reads version {VERSION}. "
            "Compile the model again, or use the edgerun that wrote it."
        )
    if file_bytes != len(data):
        raise FormatError(
            f"{path}: the compiled model should have {file_bytes} bytes, the file has {len(data)}."
        )
    if _checksum(data) != digest:
        raise FormatError(
            f"{path}: the compiled model is damaged: its SHA-256 should be {digest.hex()[:16]}..., "
            f"it is {_checksum(data).hex()[:16]}..."
        )
    if header_bytes > len(data) - _START.size:
        raise FormatError(f"{path}: the header should have {header_bytes} bytes, it ends with the file.")
    header = _json(data[_START.size : _START.size + header_bytes], path)
    begin = _START.size + -(-header_bytes // _ALIGNMENT) * _ALIGNMENT
    return header["content"], [_array(data, begin, entry, path) for entry in header["arrays"]]


def _checksum(data: bytes) -> bytes:
    view = memoryview(data)
    digest = hashlib.sha256(view[:_DIGEST_AT])
    digest.update(view[_START.size :])
    return digest.digest()


def _json(text: bytes, path: str) -> dict[str, Any]:
    import json  # with all that it imports: a start from an image reads no such file

    try:
        header = json.loads(text.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: the header of the compiled model is not JSON ({error}).") from error
    if (
        not isinstance(header, dict)
        or set(header) != {"arrays", "content"}
        or not isinstance(header["arrays"], list)
    ):
        raise FormatError(f"{path}: the header of the compiled model should be 'arrays' and 'content'.")
    return header


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def is_count(value: object) -> bool:
    """Whether a JSON value is a whole number from 0 to below 2^62."""
    return type(value) is int and 0 <= value < 1 << 62


def _array(data: bytes, begin: int, entry: Any, path: str) -> np.ndarray[Any, Any]:
    """The array that an entry of the table names."""
    match entry:
        case [str(name), list(shape), offset] if name in DTYPES and all(map(is_count, [*shape, offset])):
            dtype, count = DTYPES[name], math.prod(shape)
        case _:
            raise FormatError(
                f"{path}: an entry of the table of arrays should be [dtype, shape, offset], "
                f"it is {str(entry)[:80]}."
            )
    at, nbytes = begin + offset, count * dtype.itemsize
    if offset % _ALIGNMENT or at + nbytes > len(data):
        raise FormatError(
            f"{path}: an array of {nbytes} bytes should lie within the file of {len(data)} bytes and begin "
            f"at a multiple of {_ALIGNMENT}, it begins at {at}."
        )
    try:
        array = np.frombuffer(data, dtype.newbyteorder("<"), count, at if count else 0).reshape(shape)
    except ValueError as error:  # too many dimensions, or empty with dimensions that overflow
        raise FormatError(f"{path}: an array cannot have the shape {shape} ({error}).") from error
    if name == "bool" and count and array.view(np.uint8).max() > 1:
        raise FormatError(f"{path}: a bool should be 0 or 1, one is {array.view(np.uint8).max()}.")
    return array.astype(dtype, copy=False)
