"""Zones and lines as a TOML file:

    [[zone]]
    name = "door"
    points = [[0.1, 0.2], [0.4, 0.2], [0.4, 0.9]]   # parts of width and height
    labels = ["person"]                             # what counts; otherwise everything
    dwell = 5.0                                     # seconds after which it is said that one stays

    [[line]]
    name = "gate"
    start = [0.5, 0.0]                              # to the right of the way to its end is "in"
    end = [0.5, 1.0]
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from edgerun.errors import ConfigError
from edgerun.vision.text_file import read_toml, short
from edgerun.vision.zones import Line, Point, Zone, ZoneWatch


def read_zones(path: Path) -> ZoneWatch:
    """The zones and lines of a file. Raises ConfigError with file, place and key."""
    _, tables = read_toml(path, "the file of zones")
    watch = zones_of(tables, str(path))
    if not watch.zones and not watch.lines:
        raise ConfigError(f"{path}: there is no [[zone]] and no [[line]].")
    return watch


def zones_of(tables: dict[str, Any], source: str) -> ZoneWatch:
    """The zones and lines of tables as the file has them. Raises ConfigError that begins with
    `source`."""
    unknown = sorted(set(tables) - {"zone", "line"})
    if unknown:
        raise ConfigError(f"{source}: {short(unknown[0])} is not known; expected zone, line.")
    try:
        zones, lines = _list(source, tables, "zone"), _list(source, tables, "line")
        return ZoneWatch(
            [_zone(table, f"{source}: zone {i}") for i, table in enumerate(zones, 1)],
            [_line(table, f"{source}: line {i}") for i, table in enumerate(lines, 1)],
        )
    except ConfigError as error:
        text = str(error)
        raise error if text.startswith(source) else ConfigError(f"{source}: {text}") from error


def write_zones(path: Path, watch: ZoneWatch) -> None:
    """Writes a file that `read_zones` reads; without zones and lines there is none afterwards.

    It is there whole or as before. Raises OSError.
    """
    if not watch.zones and not watch.lines:
        path.unlink(missing_ok=True)
        return
    blocks = [_block("zone", _pairs(zone, ("name", "points", "labels", "dwell"))) for zone in watch.zones]
    blocks += [_block("line", _pairs(line, ("name", "start", "end", "labels"))) for line in watch.lines]
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write("\n".join(blocks))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _pairs(place: Zone | Line, keys: tuple[str, ...]) -> dict[str, Any]:
    found = {key: getattr(place, key) for key in keys}
    return {key: value for key, value in found.items() if value not in (None, ())}


def _block(kind: str, values: dict[str, Any]) -> str:
    # JSON's texts, numbers and lists are TOML's, too.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join([f"[[{kind}]]", *lines, ""])


def _list(source: str, tables: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = tables.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ConfigError(f"{source}: {key} must be tables: [[{key}]].")
    return value


def _zone(table: dict[str, Any], place: str) -> Zone:
    _check_keys(table, place, ("name", "points"), ("labels", "dwell"))
    points, dwell = table["points"], table.get("dwell")
    if not isinstance(points, list):
        raise ConfigError(f"{place}: points must be a list of [x, y], got {short(repr(points))}.")
    if dwell is not None and not _is_number(dwell):
        raise ConfigError(f"{place}: dwell must be a number of seconds, got {short(repr(dwell))}.")
    corners = tuple(_point(point, f"{place}: points") for point in points)
    return Zone(_name(table, place), corners, _labels(table, place), dwell)


def _line(table: dict[str, Any], place: str) -> Line:
    _check_keys(table, place, ("name", "start", "end"), ("labels",))
    start, end = (_point(table[key], f"{place}: {key}") for key in ("start", "end"))
    return Line(_name(table, place), start, end, _labels(table, place))


def _check_keys(table: dict[str, Any], place: str, needed: tuple[str, ...], also: tuple[str, ...]) -> None:
    for key in needed:
        if key not in table:
            raise ConfigError(f"{place}: {key} is missing.")
    unknown = sorted(set(table) - {*needed, *also})
    if unknown:
        expected = ", ".join((*needed, *also))
        raise ConfigError(f"{place}: {short(unknown[0])} is not known; expected one of {expected}.")


def _name(table: dict[str, Any], place: str) -> str:
    name = table["name"]
    if not isinstance(name, str) or not 1 <= len(name) <= 64 or not name.isprintable():
        raise ConfigError(f"{place}: name must be a text of 1 to 64 letters, got {short(repr(name))}.")
    return name


def _labels(table: dict[str, Any], place: str) -> tuple[str, ...]:
    labels = table.get("labels", [])
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ConfigError(f"{place}: labels must be a list of texts, got {short(repr(labels))}.")
    return tuple(labels)


def _point(value: object, place: str) -> Point:
    if not isinstance(value, list) or len(value) != 2 or not all(map(_is_number, value)):
        raise ConfigError(f"{place}: expected [x, y], got {short(repr(value))}.")
    return float(value[0]), float(value[1])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
