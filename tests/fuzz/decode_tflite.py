"""A TFLite file as the fields that `write_model` takes, and back."""

from __future__ import annotations

from typing import Any

from edgerun.formats import tflite_schema as schema
from edgerun.formats.flatbuffer import FlatBuffer, Vector
from edgerun.formats.flatbuffer_schema import Field, Table
from edgerun.formats.tflite_schema import TABLES

Fields = dict[str, Any]
_OPTIONS = {(t.union, t.code): t for t in TABLES.values() if t.union}


def decode(data: bytes) -> Fields:
    """The Model table of a sound file: tables are dicts, vectors lists (of bytes: bytes)."""
    file = FlatBuffer(data, "<bytes>", schema.SCHEMA)
    return _fields(file, TABLES["Model"], file.root())


def _fields(file: FlatBuffer, table: Table, values: dict[str, Any]) -> Fields:
    return {
        field.name: value
        for field in table.fields
        if (value := _value(file, field, values)) not in (None, [], b"", ())
    }


def _value(file: FlatBuffer, field: Field, values: dict[str, Any]) -> Any:
    value = values[field.name]
    if isinstance(value, Vector):
        table = TABLES[field.of]
        places = [file.element(value, i) for i in range(value.length)]
        return [_fields(file, table, file.table(at, table)) for at in places]
    if field.kind == "vector":
        return bytes(value) if field.of == "uint8" else list(value)
    if field.kind == "table" and value is not None:
        return _fields(file, TABLES[field.of], file.table(value, TABLES[field.of]))
    if field.kind == "union" and value is not None:
        code = values[field.name + "_type"]
        union = schema.SPARSE_INDEX_VECTORS[code] if field.name.startswith("array_") else None
        union = union or _OPTIONS.get((field.name, code))
        return None if union is None else (union.name, _fields(file, union, file.table(value, union)))
    return value
