"""FlexBuffers, the schemaless format of the options of custom TFLite operators.

Layout: values lie before what refers to them. The last byte of the data is the width of the root,
the one before it the root's packed type (type << 2 | log2 of the width of what it refers to), and
the root itself stands before these. An offset counts backwards from where it stands.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from edgerun.errors import FormatError, InputError

_MAX_DEPTH = 64

_NULL, _INT, _UINT, _FLOAT, _KEY, _STRING = 0, 1, 2, 3, 4, 5
_INDIRECT_INT, _INDIRECT_FLOAT = 6, 8
_MAP, _VECTOR, _VECTOR_INT, _VECTOR_STRING = 9, 10, 11, 15
_VECTOR_INT2, _VECTOR_FLOAT4 = 16, 24
_BLOB, _BOOL, _VECTOR_BOOL = 25, 26, 36

_SIGNED = {1: "<b", 2: "<h", 4: "<i", 8: "<q"}
_UNSIGNED = {1: "<B", 2: "<H", 4: "<I", 8: "<Q"}
_FLOATS = {2: "<e", 4: "<f", 8: "<d"}


def read(data: bytes | memoryview, *, place: str = "custom options") -> Any:
    """The value of a FlexBuffer: None, bool, int, float, str, bytes, list or dict.

    Raises FormatError, with `place` in its message, for anything out of bounds, nested more than 64
    deep, or that would grow by referring to the same bytes again and again.
    """
    return _Reader(memoryview(data).cast("B"), place).root()


class _Reader:
    def __init__(self, data: memoryview, place: str) -> None:
        self._data = data
        self._place = place
        self._budget = 64 + 16 * len(data)

    def root(self) -> Any:
        size = len(self._data)
        if size < 3:
            self._fail("at least 3 bytes", f"{size}")
        width = self._data[size - 1]
        return self._value(size - 2 - width, width, self._data[size - 2], 0)

    def _fail(self, expected: str, got: str) -> NoReturn:
        raise FormatError(f"{self._place}: FlexBuffer: expected {expected}, got {got}.")

    def _number(self, formats: Mapping[int, str], at: int, width: int) -> Any:
        if width not in formats:
            self._fail(f"a width of {', '.join(map(str, formats))} bytes", f"{width}")
        if at < 0 or at + width > len(self._data):
            self._fail(f"a value inside the {len(self._data)} bytes", f"{width} bytes at {at}")
        return struct.unpack_from(formats[width], self._data, at)[0]

    def _target(self, at: int, width: int) -> int:
        """The position that the offset at a position refers to."""
        target: int = at - self._number(_UNSIGNED, at, width)
        return target

    def _length(self, at: int, width: int, element: int) -> int:
        """The length of the vector at a position, whose elements must fit into the data."""
        length: int = self._number(_UNSIGNED, at - width, width)
        if at + length * element > len(self._data):
            self._fail(f"a vector inside the {len(self._data)} bytes", f"length {length} at {at}")
        return length

    def _spend(self, amount: int) -> None:
        self._budget -= amount
        if self._budget < 0:
            self._fail("values in proportion to the data", "the same ones again and again")

    def _value(self, at: int, parent: int, packed: int, depth: int) -> Any:
        """The value at a position; `parent` is its width if it stands there itself."""
        self._spend(1)
        if depth > _MAX_DEPTH:
            self._fail(f"at most {_MAX_DEPTH} levels", "more")
        kind, width = packed >> 2, 1 << (packed & 3)
        if kind == _NULL:
            return None
        if kind <= _FLOAT:
            return self._number((_SIGNED, _UNSIGNED, _FLOATS)[kind - _INT], at, parent)
        if kind == _BOOL:
            return bool(self._number(_UNSIGNED, at, parent))
        if not (kind <= _BLOB or kind == _VECTOR_BOOL):
            self._fail("a known type", f"{kind}")
        target = self._target(at, parent)
        if kind == _KEY:
            return self._key(target)
        if kind in (_STRING, _BLOB):
            length = self._length(target, width, 1)
            self._spend(length)
            content = bytes(self._data[target : target + length])
            return self._text(content) if kind == _STRING else content
        if _INDIRECT_INT <= kind <= _INDIRECT_FLOAT:
            return self._number((_SIGNED, _UNSIGNED, _FLOATS)[kind - _INDIRECT_INT], target, width)
        if kind == _MAP:
            return self._map(target, width, depth)
        if kind == _VECTOR:
            return self._vector(target, width, depth)
        return self._typed_vector(target, width, kind, depth)

    def _key(self, at: int) -> str:
        end = at
        while 0 <= end < len(self._data) and self._data[end]:
            end += 1
        if not 0 <= end < len(self._data):
            self._fail("a key that ends inside the data", f"one at {at} that does not")
        self._spend(end - at)
        return self._text(bytes(self._data[at:end]))

    def _text(self, content: bytes) -> str:
        try:
            return content.decode()
        except UnicodeDecodeError:
            self._fail("UTF-8 text", repr(content[:40]))

    def _vector(self, at: int, width: int, depth: int) -> list[Any]:
        length = self._length(at, width, width + 1)  # each element has a byte of type behind them
        types = at + length * width
        return [
            self._value(at + i * width, width, self._data[types + i], depth + 1)
            for i in range(length)
        ]

    def _map(self, at: int, width: int, depth: int) -> dict[str, Any]:
        """A map is a vector of values with the offset and width of its vector of keys before it."""
        keys_at = self._target(at - 3 * width, width)
        keys_width = self._number(_UNSIGNED, at - 2 * width, width)
        keys = self._typed_vector(keys_at, keys_width, _VECTOR_INT + _KEY - _INT, depth)
        values = self._vector(at, width, depth)
        if len(keys) != len(values):
            self._fail(f"{len(values)} keys for as many values", f"{len(keys)}")
        return dict(zip(keys, values, strict=True))

    def _typed_vector(self, at: int, width: int, kind: int, depth: int) -> list[Any]:
        """A vector whose elements have one type, or a tuple of 2 to 4 without a length."""
        if _VECTOR_INT2 <= kind <= _VECTOR_FLOAT4:
            length = 2 + (kind - _VECTOR_INT2) // 3
            element = _INT + (kind - _VECTOR_INT2) % 3
        else:
            length = self._length(at, width, width)
            element = _BOOL if kind == _VECTOR_BOOL else _INT + kind - _VECTOR_INT
        return [self._value(at + i * width, width, element << 2, depth + 1) for i in range(length)]


_WIDTH = 8
_WIDE = 3  # log2 of the width, as packed types have it


def write(value: Any) -> bytes:
    """A FlexBuffer of None, bools, ints (-2**63 to 2**64-1), floats, strings, bytes, sequences and
    mappings from strings, all in 8-byte width.

    Raises InputError for another type, an int out of range, a key with a zero byte, or more than
    64 levels.
    """
    writer = _Writer()
    content, packed = writer.value(value, 0)
    writer.inline(content)
    return bytes(writer.data) + bytes((packed, _WIDTH))


class _Writer:
    """Appends what is referred to first, and hands back what refers to it: an int is the position
    that an offset must reach, bytes are a value that stands in its place."""

    def __init__(self) -> None:
        self.data = bytearray()

    def inline(self, content: int | bytes) -> None:
        """Appends a value or an offset in the width of all elements."""
        if isinstance(content, int):
            content = struct.pack("<Q", len(self.data) - content)
        self.data += content

    def value(self, value: Any, depth: int) -> tuple[int | bytes, int]:
        """What stands for a value where it is used, and its packed type."""
        if depth > _MAX_DEPTH:
            raise InputError(f"A FlexBuffer has at most {_MAX_DEPTH} levels, got more.")
        if value is None:
            return bytes(_WIDTH), _NULL << 2
        if isinstance(value, bool):
            return struct.pack("<Q", value), _BOOL << 2 | _WIDE
        if isinstance(value, int):
            if not -(1 << 63) <= value < 1 << 64:
                raise InputError(f"A FlexBuffer has ints from -2**63 to 2**64-1, got {value}.")
            if value < 1 << 63:
                return struct.pack("<q", value), _INT << 2 | _WIDE
            return struct.pack("<Q", value), _UINT << 2 | _WIDE
        if isinstance(value, float):
            return struct.pack("<d", value), _FLOAT << 2 | _WIDE
        if isinstance(value, str):
            return self._sized(value.encode() + b"\0", len(value.encode())), _STRING << 2 | _WIDE
        if isinstance(value, (bytes, bytearray, memoryview)):
            return self._sized(bytes(value), len(value)), _BLOB << 2 | _WIDE
        if isinstance(value, Mapping):
            return self._map(value, depth), _MAP << 2 | _WIDE
        if isinstance(value, Sequence):
            return self._vector(value, depth), _VECTOR << 2 | _WIDE
        raise InputError(f"A FlexBuffer cannot hold a {type(value).__name__}.")

    def _align(self) -> None:
        self.data += bytes(-len(self.data) % _WIDTH)

    def _sized(self, content: bytes, length: int) -> int:
        self._align()
        self.data += struct.pack("<Q", length)
        position = len(self.data)
        self.data += content
        self._align()
        return position

    def _vector(self, values: Sequence[Any], depth: int, keys: int | None = None) -> int:
        elements = [self.value(value, depth + 1) for value in values]
        self._align()
        if keys is not None:
            self.inline(keys)
            self.data += struct.pack("<Q", _WIDTH)
        self.data += struct.pack("<Q", len(values))
        position = len(self.data)
        for content, _ in elements:
            self.inline(content)
        self.data += bytes(packed for _, packed in elements)
        self._align()
        return position

    def _map(self, values: Mapping[str, Any], depth: int) -> int:
        names = {}
        for key, value in values.items():
            if not isinstance(key, str) or "\0" in key:
                raise InputError(f"A FlexBuffer key is a string without zero bytes, got {key!r}.")
            names[key.encode()] = value
        # Readers search maps by bisection in the order of the bytes.
        ordered = sorted(names)
        positions = []
        for name in ordered:
            positions.append(len(self.data))
            self.data += name + b"\0"
        self._align()
        self.data += struct.pack("<Q", len(ordered))
        keys = len(self.data)
        for position in positions:
            self.inline(position)
        return self._vector([names[name] for name in ordered], depth, keys)
