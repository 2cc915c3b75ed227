"""Where in a TOML text a key stands: tomllib does not tell."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

Place = tuple[str | int, ...]

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_TABLE = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]")
_KEY = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")
# What a value of several lines is made of; brackets inside text and comments do not count.
_TOKEN = re.compile(
    r"""
    \"{3} (?: [^\\] | \\. )*? \"{3} | '{3} .*? '{3}
    | " (?: [^"\\\n] | \\. )* " | ' [^'\n]* '
    | \# [^\n]* | [\[\]{}\n]
    """,
    re.DOTALL | re.VERBOSE,
)


def line_of(text: str, place: Sequence[str | int]) -> int | None:
    """The line, from 1, of the key at `place`, such as ("camera", 1, "rate").

    Where the key itself is not there, that of the nearest table or key around it; None where there
    is none of these. `text` must be TOML that tomllib takes.
    """
    lines = dict(reversed(list(_places(text))))
    wanted = tuple(place)
    while wanted:
        if wanted in lines:
            return lines[wanted]
        wanted = wanted[:-1]
    return None


def _places(text: str) -> Iterator[tuple[Place, int]]:
    """Each table and key with its line, in order."""
    table: Place = ()
    members: Counter[Place] = Counter()
    at, line = 0, 1
    while at < len(text):
        if header := _TABLE.match(text, at):
            table = _resolve(_parts(header[2]), members)
            yield table, line
            if header[1] == "[[":
                members[table] += 1
                table = (*table, members[table] - 1)
                yield table, line
            end = text.find("\n", header.end())
            end = len(text) if end < 0 else end + 1
        elif key := _KEY.match(text, at):
            place = table
            for part in _parts(key[1]):
                place = (*place, part)
                yield place, line
            end = _end_of_value(text, key.end())
        else:
            end = text.find("\n", at)
            end = len(text) if end < 0 else end + 1
        line += text.count("\n", at, end)
        at = end


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_PART, dotted)]


def _resolve(parts: list[str], members: Counter[Place]) -> Place:
    """[a.b] below [[a]] belongs to the newest a."""
    place: Place = ()
    for i, part in enumerate(parts):
        place = (*place, part)
        if i + 1 < len(parts) and members[place]:
            place = (*place, members[place] - 1)
    return place


def _end_of_value(text: str, at: int) -> int:
    """Behind the line on which the value ends."""
    depth = 0
    for token in _TOKEN.finditer(text, at):
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
        elif token[0] == "\n" and depth <= 0:
            return token.end()
    return len(text)
