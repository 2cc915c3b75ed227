"""A hostile writer: files that are small because many things in them are one and the same."""

from __future__ import annotations

from typing import Any

from edgerun.formats.flatbuffer_builder import FlatBufferBuilder
from edgerun.formats.flatbuffer_schema import Schema, Table


class SharingBuilder(FlatBufferBuilder):
    """Writes each mapping once, however often it is referred to."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        self._places: dict[int, int] = {}

    def table(self, table: Table, values: Any) -> int:
        if id(values) not in self._places:
            self._places[id(values)] = super().table(table, values)
        return self._places[id(values)]
