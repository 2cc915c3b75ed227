"""Text files beside a model, which may be anybody's: read with limits on what they may cost."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from edgerun.errors import ConfigError

MAX_TOML_BYTES = 1 << 20
MAX_LABEL_BYTES = 8 << 20
_MAX_PARTS = 32  # of a dotted key
_INTEGERS = range(-(1 << 63), 1 << 63)  # what TOML 1.0 asks a reader to take
_PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')"""
# tomllib takes a time that is quadratic in the number of parts.
_LONG_KEY = re.compile(rf"(?<![\w-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{_MAX_PARTS}}}")


def read_text(path: Path, what: str, limit: int, encoding: str = "utf-8") -> str:
    """The text of a file of at most `limit` bytes.

    what: "the labels", for messages. Raises ConfigError with file, and line where it is no UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise ConfigError(f"{short(str(path))}: {what} cannot be read: {reason}.") from error
    if len(data) > limit:
        raise ConfigError(f"{path}: {what} must be no larger than {limit} bytes.")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: expected UTF-8 text.") from error


def read_toml(path: Path, what: str) -> tuple[str, dict[str, Any]]:
    """The text and the tables of a TOML file. Raises ConfigError with the file."""
    text = read_text(path, what, MAX_TOML_BYTES)
    return text, parse_toml(text, str(path))


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Its tables; integers have at most 64 bits. Raises ConfigError that begins with `source`."""
    text = text.replace("\r\n", "\n")
    if found := _LONG_KEY.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise ConfigError(f"{source}:{line}: a key must have no more than {_MAX_PARTS} parts.")
    try:
        tables = tomllib.loads(text)
        _check_integers(tables, source)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: this is no TOML: {short(str(error), 200)}.") from error
    except RecursionError:
        raise ConfigError(f"{source}: its values are nested too deeply.") from None
    except ValueError:  # int() of thousands of digits, a date that no calendar has
        raise ConfigError(f"{source}: a number or a date is out of range.") from None
    return tables


def _check_integers(value: object, source: str) -> None:
    if isinstance(value, int) and value not in _INTEGERS:
        raise ConfigError(f"{source}: an integer must have no more than 64 bits.")
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _check_integers(inner, source)


def short(text: str, most: int = 80) -> str:
    """At most so many characters of what a file says, for a message."""
    return text if len(text) <= most else text[: most - 1] + "…"
