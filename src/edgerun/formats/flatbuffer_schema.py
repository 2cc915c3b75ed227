"""FlatBuffers file formats as data: the notation of tables, and what readers and writers follow.

A table is written as its name followed by its fields in the order of their vtable slots, each as
`name:type` or `name:type=default`; `_` is a slot that is deprecated or that nothing here needs.
A type is a scalar, an enum, `string`, another table, `union`, or one of them in brackets for a
vector (of scalars or tables).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from struct import Struct
from typing import Any, Literal, NamedTuple

Format = Literal["b", "B", "h", "H", "i", "I", "q", "Q", "f"]

# Scalars of FlatBuffers as struct (and memoryview) format characters.
SCALARS: dict[str, Format] = {
    "bool": "B",
    "int8": "b",
    "uint8": "B",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float32": "f",
}

# Enum -> (scalar that stores it, names of the values 0, 1, 2 ...).
Enums = Mapping[str, tuple[str, tuple[str, ...]]]


class Field(NamedTuple):
    """One field of a table.

    `kind` is "scalar", "bool", "enum", "string", "vector" (of scalars), "table", "tables" (a vector
    of tables) or "union" (a table whose name another field gives). `of` names the scalar, enum or
    table. `size` is what the field takes in its table, in bytes. `scalar` packs a value or an
    element of a vector, and `format` is its struct character; `names` are the values of an enum.
    """

    slot: int
    name: str
    kind: str
    of: str
    default: Any
    size: int
    scalar: Struct
    format: Format
    names: tuple[str, ...]


class Table(NamedTuple):
    """A table of the format; `code` is its number in `union` for the options of an operator."""

    name: str
    fields: tuple[Field, ...]
    union: str
    code: int


class Schema(NamedTuple):
    """A file format: what messages call a file of it, its identifier, its root table, its tables by name."""

    title: str
    identifier: bytes
    root: str
    tables: Mapping[str, Table]


def _field(slot: int, text: str, enums: Enums) -> Field:
    name, _, rest = text.partition(":")
    of, _, default = rest.partition("=")
    vector = of.startswith("[")
    of = of.strip("[]")
    scalar, names = enums.get(of, (of, ()))
    format = SCALARS.get(scalar, "I")  # what is no scalar is an offset
    value: Any = ()
    if vector:
        kind = "vector" if of in SCALARS else "tables"
    elif names:
        kind, value = "enum", default or names[0]
    elif of == "bool":
        kind, value = "bool", bool(default)
    elif of in SCALARS:
        kind, value = "scalar", (float if format == "f" else int)(default or 0)
    elif of == "string":
        kind, value = "string", ""
    else:
        kind, value = "union" if of == "union" else "table", None
    packer = Struct("<" + format)
    size = packer.size if kind in ("scalar", "bool", "enum") else 4
    return Field(slot, name, kind, of, value, size, packer, format, names)


def parse_tables(text: str, enums: Enums, union: str = "") -> Iterator[Table]:
    """The tables that a text in the notation above describes; `union`: they are the options of one."""
    groups: list[list[str]] = []
    for token in text.split():
        if token == "_" or ":" in token:
            groups[-1].append(token)
        else:
            groups.append([token])
    for code, (name, *fields) in enumerate(groups, start=1):
        parsed = tuple(_field(i, field, enums) for i, field in enumerate(fields) if field != "_")
        yield Table(name, parsed, union, code)
