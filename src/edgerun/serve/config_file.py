"""The configuration file of `edgerun serve`: TOML, and errors with file, line and key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from edgerun import knobs
from edgerun.errors import ConfigError
from edgerun.serve.config import (
    STRICT,
    CameraConfig,
    JsonLinesConfig,
    ModelConfig,
    Port,
    SecondConfig,
    ServeConfig,
    name_cameras,
)
from edgerun.serve.security import check_tokens, read_tokens
from edgerun.serve.sources import is_file
from edgerun.serve.sources.address import masked
from edgerun.serve.toml_lines import line_of
from edgerun.vision.models import bundled
from edgerun.vision.text_file import read_toml, short

Tables = dict[str, Any]
_MOST_ERRORS = 20  # in one message


@dataclass(frozen=True, config=STRICT)
class _Server:
    host: str = ServeConfig.host
    port: Port = ServeConfig.port
    insecure: bool = False
    tokens: tuple[str, ...] = ()
    tokens_file: Path | None = None


@dataclass(frozen=True, config=STRICT)
class _Sinks:
    jsonl: JsonLinesConfig | None = None


@dataclass(frozen=True, config=STRICT)
class _File:
    model: ModelConfig
    camera: tuple[CameraConfig, ...] = ()
    server: _Server = field(default_factory=_Server)
    sinks: _Sinks = field(default_factory=_Sinks)
    second: SecondConfig | None = None


_SECTIONS: dict[str, Any] = {
    "": _File,
    "camera": CameraConfig,
    "model": ModelConfig,
    "server": _Server,
    "second": SecondConfig,
    "sinks": _Sinks,
    "sinks.jsonl": JsonLinesConfig,
}
# Keys that name files, relative to the folder of the configuration file.
_PATHS = (
    *(("model", "path"), ("model", "labels"), ("server", "tokens_file")),
    *(("second", "path"), ("second", "labels")),
)


def read_config(
    path: Path | None, given: Mapping[str, Any], each_camera: Mapping[str, Any]
) -> ServeConfig:
    """What the file at `path` says, and before it what the command line says.

    Where nothing else is said, the bundled model looks at the demo camera.
    given: tables as the file would have them; if there are cameras, they replace those of the file.
    each_camera: keys for every camera. Raises ConfigError with file, line, key, expected and got of
    everything that is wrong.
    """
    text, tables = _read(path) if path is not None else ("", {})
    _merge(tables, given)
    tables.setdefault("camera", [{"source": "demo"}])
    model = tables.setdefault("model", {})
    if isinstance(model, dict) and "path" not in model:
        model["path"] = str(bundled("demo"))
    cameras = _tables(tables["camera"])
    names = name_cameras([str(camera.get("source", "")) for camera in cameras])
    for camera, name in zip(cameras, names, strict=True):
        camera.setdefault("name", name)
        camera.update(each_camera)
    try:
        # As JSON, because in Python strict means that even a list is no tuple.
        file = TypeAdapter(_File).validate_json(json.dumps(tables, default=str))
    except ValidationError as error:
        raise ConfigError("\n".join(_sentences(error, path, text))) from error
    server = file.server
    config = ServeConfig(
        cameras=file.camera,
        model=file.model,
        host=server.host,
        port=server.port,
        insecure=server.insecure,
        tokens=_tokens(server, str(path)),
        events=file.sinks.jsonl,
        second=file.second,
    )
    config.check()
    return config


def _read(path: Path) -> tuple[str, Tables]:
    text, tables = read_toml(path, "the configuration")
    for section, key in _PATHS:
        _make_absolute(tables.get(section), key, path.parent)
    sinks = tables.get("sinks")
    jsonl = sinks.get("jsonl") if isinstance(sinks, dict) else None
    if isinstance(jsonl, dict) and jsonl.get("path") != "-":
        _make_absolute(jsonl, "path", path.parent)
    for camera in _tables(tables.get("camera")):
        if isinstance(camera.get("source"), str) and is_file(camera["source"]):
            _make_absolute(camera, "source", path.parent)
        _make_absolute(camera, "zones", path.parent)
        login = camera.get("login")
        if isinstance(login, str) and login.startswith("file:"):
            camera["login"] = f"file:{path.parent / login.removeprefix('file:')}"
    return text, tables


def _merge(tables: Tables, given: Mapping[str, Any]) -> None:
    """Puts what is given into the tables, key by key and table by table."""
    for key, value in given.items():
        inner = tables.setdefault(key, {}) if isinstance(value, dict) else None
        if isinstance(inner, dict):
            _merge(inner, value)
        elif inner is None:
            tables[key] = value


def _tables(value: object) -> list[Tables]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _make_absolute(table: object, key: str, folder: Path) -> None:
    if isinstance(table, dict) and isinstance(table.get(key), str):
        table[key] = str(folder / table[key])


def _tokens(server: _Server, where: str) -> tuple[str, ...]:
    files = (server.tokens_file, knobs.tokens_file())
    found = check_tokens(server.tokens, where)
    return found + tuple(token for file in files if file is not None for token in read_tokens(file))


def _sentences(failure: ValidationError, path: Path | None, text: str) -> list[str]:
    """One for each error, by line."""
    errors = failure.errors()
    found = [(line_of(text, error["loc"]) or 0, dict(error)) for error in errors[:_MOST_ERRORS]]
    more = [f"... and {len(errors) - _MOST_ERRORS} more."] if len(errors) > _MOST_ERRORS else []
    return [_sentence(path, line, error) for line, error in sorted(found, key=lambda f: f[0])] + more


def _sentence(path: Path | None, line: int, error: Tables) -> str:
    """error: pydantic's loc, type, msg, input."""
    *tables, last = [part for part in error["loc"] if isinstance(part, str)] or [""]
    key = ".".join([*tables, short(last)])
    where = str(path) if path is not None else "The configuration"
    start = f"{where}{f':{line}' if line else ''}: {key}"
    if error["type"] == "missing":
        return f"{start} is missing."
    if error["type"] == "unexpected_keyword_argument":
        expected = ", ".join(f.name for f in fields(_SECTIONS[".".join(tables)]))
        return f"{start} is not known; expected one of {expected}."
    expected = error["msg"][0].lower() + error["msg"][1:]
    return f"{start}: {expected}, got {_shown(key, error['input'])}."


def _shown(key: str, value: object) -> str:
    if "tokens" in key:
        return "something else"
    if isinstance(value, dict):
        return "a table"
    return short(repr(masked(value) if isinstance(value, str) else value), 200)
