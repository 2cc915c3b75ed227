"""A builder of FlatBuffers files from values by field name."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from edgerun.errors import InputError
from edgerun.formats.flatbuffer_schema import Field, Schema, Table

_ALIGNMENT = 16  # of tensor data, and so of the file


class FlatBufferBuilder:
    """Builds a flatbuffer of a format from its end, so that what is referred to exists already.

    A place is a distance from the end; it is the same modulo the alignment as a position in the
    file, whose length is a multiple of it.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._parts: list[bytes] = []  # last in the file first
        self._size = 0
        self._vtables: dict[bytes, int] = {}

    def finish(self, root: int) -> bytes:
        """The file whose root is the table at a place."""
        self._pad(8, _ALIGNMENT)
        self._push(self._schema.identifier)
        self._push(struct.pack("<I", self._size + 4 - root))
        return b"".join(reversed(self._parts))

    def table(self, table: Table, values: Mapping[str, Any]) -> int:
        """Adds a table and all that it refers to; returns its place.

        Raises InputError for an unknown field or a value that does not fit the field.
        """
        unknown = set(values) - {field.name for field in table.fields}
        if unknown:
            raise InputError(f"A {table.name} has no field {', '.join(sorted(unknown))}.")
        contents = []
        for field in table.fields:
            value = values.get(field.name)
            if value is not None:
                content = self._field(field, value)
                if content is not None:
                    contents.append((field, content))
        # Largest first, behind the 4 bytes of the vtable's offset: no gaps between them.
        contents.sort(key=lambda item: -item[0].size)
        length = 4 + sum(field.size for field, _ in contents)
        wide = any(field.size == 8 for field, _ in contents)
        start = self._pad(length, 8, 4) if wide else self._pad(length, 4)
        offsets = [0] * (1 + max((field.slot for field, _ in contents), default=-1))
        inline = bytearray()
        for field, content in contents:
            offset = 4 + len(inline)
            offsets[field.slot] = offset
            if isinstance(content, int):  # the place of what the field refers to
                content = struct.pack("<I", start - offset - content)
            inline += content
        self._push(bytes(inline))
        vtable = struct.pack(f"<HH{len(offsets)}H", 4 + 2 * len(offsets), length, *offsets)
        # A new vtable stands right before the table.
        known = self._vtables.get(vtable)
        at = start + len(vtable) if known is None else known
        self._push(struct.pack("<i", at - start))
        if known is None:
            self._push(vtable)
            self._vtables[vtable] = at
        return start

    def _field(self, field: Field, value: Any) -> bytes | int | None:
        """A value in its stored form, the place of what is referred to, or None for the default."""
        if field.kind in ("scalar", "bool", "enum"):
            if value == field.default:
                return None
            try:
                return field.scalar.pack(
                    field.names.index(value) if field.kind == "enum" else value
                )
            except (ValueError, struct.error) as error:
                raise InputError(f"Field {field.name}: {value!r} is no {field.of}.") from error
        if field.kind == "table":
            return self.table(self._schema.tables[field.of], value)
        if field.kind == "union":
            name, values = value
            return self.table(self._schema.tables[name], values)
        if not len(value):
            return None
        if field.kind == "tables":
            return self._tables([self.table(self._schema.tables[field.of], item) for item in value])
        if field.kind == "string":
            return self._vector(value.encode() + b"\0", len(value.encode()), 4)
        return self._scalars(field, value)

    def _scalars(self, field: Field, values: Any) -> int:
        if isinstance(values, bytes):  # tensor data among them
            return self._vector(values, len(values), _ALIGNMENT)
        try:
            content = struct.pack(f"<{len(values)}{field.format}", *values)
        except struct.error as error:
            raise InputError(f"Field {field.name}: expected {field.of} values: {error}.") from error
        return self._vector(content, len(values), max(4, field.scalar.size))

    def _vector(self, content: bytes, length: int, alignment: int) -> int:
        self._pad(len(content), alignment)
        self._push(content)
        self._push(struct.pack("<I", length))
        return self._size

    def _tables(self, places: Sequence[int]) -> int:
        start = self._pad(4 * len(places), 4)
        offsets = [start - 4 * index - place for index, place in enumerate(places)]
        return self._vector(struct.pack(f"<{len(offsets)}I", *offsets), len(offsets), 4)

    def _pad(self, length: int, alignment: int, remainder: int = 0) -> int:
        """Pads so that something of a length starts at a place with a remainder; returns it."""
        gap = (remainder - self._size - length) % alignment
        self._push(bytes(gap))
        return self._size + length

    def _push(self, content: bytes) -> None:
        self._parts.append(content)
        self._size += len(content)
