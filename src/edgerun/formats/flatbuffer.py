"""Bounded access to the tables, vectors and strings of a FlatBuffers file.

Nothing in a file is believed: each offset and length is checked before it is followed, and the
memory and work that a file may ask for is limited by its size. Nothing is copied but strings.
"""

from __future__ import annotations

from mmap import mmap
from struct import Struct, unpack_from
from typing import Any, NamedTuple, NoReturn

from edgerun.errors import FormatError, ModelError
from edgerun.formats.flatbuffer_schema import Field, Schema, Table

MAX_SHOWN = 80  # characters of a file's names in messages
NO_BYTES = memoryview(b"")


class Vector(NamedTuple):
    """A vector of tables: the position of its first offset, and its length."""

    start: int
    length: int


def _layout(table: Table) -> tuple[tuple[Field | None, ...], dict[str, Any]]:
    """The fields of a table by slot, and what the ones that a file leaves out are read as."""
    slots: list[Field | None] = [None] * (1 + max((f.slot for f in table.fields), default=-1))
    for field in table.fields:
        slots[field.slot] = field
    empty = {"vector": NO_BYTES, "tables": Vector(0, 0)}
    return tuple(slots), {f.name: empty.get(f.kind, f.default) for f in table.fields}


_INT32 = Struct("<i")
_UINT32 = Struct("<I")
_VTABLE = Struct("<HH")

_Layouts = dict[str, tuple[tuple[Field | None, ...], dict[str, Any]]]
_KNOWN: dict[bytes, tuple[_Layouts, int]] = {}


def _layouts(schema: Schema) -> tuple[_Layouts, int]:
    """The layouts of a format's tables by name, and the largest number of slots; made once."""
    if schema.identifier not in _KNOWN:
        layouts = {name: _layout(table) for name, table in schema.tables.items()}
        _KNOWN[schema.identifier] = layouts, max(len(slots) for slots, _ in layouts.values())
    return _KNOWN[schema.identifier]


class FlatBuffer:
    """The bytes of a file of a format and how far a reader may go in them.

    `place` says in messages what is being read. Offsets may point at the same bytes again and
    again, so the memory and work spent are counted against a budget. The methods raise FormatError
    where something leaves the file or the budget.
    """

    def __init__(
        self, data: bytes | bytearray | memoryview | mmap, path: str, schema: Schema
    ) -> None:
        self.data = memoryview(data).toreadonly().cast("B")
        self.size = len(self.data)
        self.path = path
        self.place = "header"
        self._schema = schema
        self._layouts, self._most_slots = _layouts(schema)
        self._budget = 8 * self.size + (16 << 20)
        self._vtables: dict[int, tuple[int, ...]] = {}

    def fail(self, sentence: str, error: type[ModelError] = FormatError) -> NoReturn:
        """Raises the error with the file and the place before the sentence."""
        raise error(f"{self.path}: {self.place}: {sentence}.")

    def spend(self, amount: int) -> None:
        """Counts bytes of memory (estimated) or bytes looked at."""
        self._budget -= amount
        if self._budget < 0:
            self.fail(
                f"expected a model that needs memory in proportion to its {self.size} bytes, got"
                " one whose parts refer to the same bytes again and again"
            )

    def root(self) -> dict[str, Any]:
        """The fields of the root table of a file with the format's identifier."""
        title, wanted, root, tables = self._schema
        if self.size < 8:
            self.fail(f"expected a {title} of at least 8 bytes, got {self.size}")
        identifier = bytes(self.data[4:8])
        if identifier != wanted:
            self.fail(f"expected the file identifier {wanted!r}, got {identifier!r}")
        return self.table(_UINT32.unpack_from(self.data, 0)[0], tables[root])

    def table(self, position: int, table: Table) -> dict[str, Any]:
        """The fields of the table at a position, by name.

        Scalars, enums and strings are values; a vector of scalars is a memoryview of its elements;
        a table is its position (None if absent); a vector of tables is a Vector.
        """
        fields, absent = self._layouts[table.name]
        values = absent.copy()
        for field, offset in zip(fields, self._slots(position, table), strict=False):
            if offset and field is not None:
                values[field.name] = self._value(field, position + offset)
        return values

    def element(self, vector: Vector, index: int) -> int:
        """The position of one table of a vector."""
        at = vector.start + 4 * index
        return at + int(_UINT32.unpack_from(self.data, at)[0])

    def ints(self, view: memoryview) -> tuple[int, ...]:
        """The elements of a vector of integers."""
        self.spend(40 * len(view))
        return tuple(view)

    def outside(self, offset: int, size: int) -> memoryview:
        """Bytes given by their position in the file; offsets 0 and 1 mean that there are none."""
        if offset <= 1 or size == 0:
            return NO_BYTES
        if offset + size > self.size:
            self.fail(
                f"expected data inside the file of {self.size} bytes, got {size} bytes at byte"
                f" {offset}"
            )
        return self.data[offset : offset + size]

    def _slots(self, position: int, table: Table) -> tuple[int, ...]:
        """The vtable of the table at a position: offsets of its fields, 0 for an absent one."""
        self.spend(64)
        if position > self.size - 4:
            self.fail(
                f"expected a {table.name} table inside the file of {self.size} bytes, got one at"
                f" byte {position}"
            )
        start = position - _INT32.unpack_from(self.data, position)[0]
        slots = self._vtables.get(start)
        if slots is None:
            if not 0 <= start <= self.size - 4:
                self.fail(
                    f"expected the vtable of a {table.name} inside the file of {self.size} bytes,"
                    f" got one at byte {start}"
                )
            length, _ = _VTABLE.unpack_from(self.data, start)
            if length < 4 or length % 2 or start + length > self.size:
                self.fail(
                    f"expected an even vtable length from 4 to the end of the file for a"
                    f" {table.name} at byte {position}, got {length}"
                )
            self.spend(8 * self._most_slots)
            slots = unpack_from(f"<{min(length // 2 - 2, self._most_slots)}H", self.data, start + 4)
            self._vtables[start] = slots
        return slots

    def _value(self, field: Field, at: int) -> Any:
        scalar, kind = field.scalar, field.kind
        if at + field.size > self.size:
            self._out_of_bounds(field, at, field.size)
        if kind == "scalar":
            return scalar.unpack_from(self.data, at)[0]
        if kind == "enum":
            code = scalar.unpack_from(self.data, at)[0]
            if not 0 <= code < len(field.names):
                self.fail(
                    f"expected a {field.of} from 0 to {len(field.names) - 1} as {field.name!r},"
                    f" got {code}"
                )
            return field.names[code]
        if kind == "bool":
            return bool(self.data[at])
        if kind == "vector":
            start, count = self._vector(field, at, scalar.size)
            return self.data[start : start + count * scalar.size].cast(field.format)
        if kind == "string":
            start, count = self._vector(field, at, 1)
            self.spend(64 + 2 * count)
            try:
                return str(self.data[start : start + count], "utf-8")
            except UnicodeDecodeError as error:
                self.fail(f"expected UTF-8 text as {field.name!r}, got bytes that are not: {error}")
        if kind == "tables":
            return Vector(*self._vector(field, at, 4))
        return at + scalar.unpack_from(self.data, at)[0]  # a table or a union

    def _vector(self, field: Field, at: int, size: int) -> tuple[int, int]:
        """Position of the first element and length of the vector that `at` refers to."""
        start = at + _UINT32.unpack_from(self.data, at)[0]
        if start + 4 > self.size:
            self._out_of_bounds(field, start, 4)
        count = _UINT32.unpack_from(self.data, start)[0]
        if start + 4 + count * size > self.size:
            self._out_of_bounds(field, start + 4, count * size)
        return start + 4, count

    def _out_of_bounds(self, field: Field, at: int, size: int) -> NoReturn:
        self.fail(
            f"expected {field.name!r} inside the file of {self.size} bytes, got {size} bytes at"
            f" byte {at}"
        )
