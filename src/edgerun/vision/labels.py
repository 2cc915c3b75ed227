"""Names of classes from .txt and .pbtxt files.

A .txt file has one name a line. Either no line is numbered and the line number counts from 0, or
every line is ("0 name", "1: name", "2,name") and the numbers count. A .pbtxt file is a label map:
items with an `id` and a `display_name` or `name`; by convention its ids begin at 1 and 0 is the
background.

What a number means to a model:

- A classifier with C outputs uses number i for output i where C names are there, from 0. Names of
  C - 1 classes get "background" for output 0 (a label map, or a file written for the classes
  alone); C + 1 names that begin with a background lose it. Any other count is a ConfigError.
- A detector's class c never is the background, so c is the c-th name after it: class 0 is id 1 of
  a label map, the second line of a text file that begins with "???" or "background", and the first
  line of any other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgerun.errors import ConfigError
from edgerun.vision.text_file import MAX_LABEL_BYTES, read_text, short

_BACKGROUND = ("???", "background", "__background__", "unlabeled")
_NUMBERED = re.compile(r"([0-9]{1,9})\s*[\s:,]\s*(\S.*)")
_NUMBER = re.compile(r"[0-9]{1,9}")
_TOKEN = re.compile(
    r"""\s*(?:\#[^\n]*|(?P<word>[A-Za-z_][\w.]*)|(?P<number>-?\d+(?:\.\d+)?)|(?P<mark>[{}:;,])
    |"(?P<double>(?:[^"\\\n]|\\.)*)"|'(?P<single>(?:[^'\\\n]|\\.)*)')""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Labels:
    """The names of a file by their number; `source` is named in messages."""

    names: dict[int, str]
    source: str = "labels"

    @staticmethod
    def read(path: str | Path) -> Labels:
        """Reads a .txt or .pbtxt file. Raises ConfigError with file and line."""
        path = Path(path)
        if path.suffix not in (".txt", ".pbtxt"):
            raise ConfigError(f"{path}: labels are read from .txt and .pbtxt files.")
        text = read_text(path, "the labels", MAX_LABEL_BYTES, "utf-8-sig")
        return Labels.parse(text, str(path), label_map=path.suffix == ".pbtxt")

    @staticmethod
    def parse(text: str, source: str, *, label_map: bool = False) -> Labels:
        """Labels from the text of a .txt or (label_map) .pbtxt file. Raises ConfigError."""
        parse = _parse_pbtxt if label_map else _parse_txt
        return Labels(parse(text, source), source)

    def for_classifier(self, classes: int) -> tuple[str, ...]:
        """One name for each of `classes` outputs. Raises ConfigError for another count."""
        names = dict(self.names)
        if 0 not in names and len(names) < classes:
            names[0] = "background"
        elif 0 not in names:
            names = {number - 1: name for number, name in names.items()}
        elif len(names) == classes - 1:
            names = {0: "background"} | {number + 1: name for number, name in names.items()}
        elif len(names) == classes + 1 and self._begins_with_background:
            names = {number - 1: name for number, name in names.items() if number}
        if not names or max(names) != classes - 1:
            raise ConfigError(
                f"{self.source}: expected a name for each of the {classes} classes of the model, "
                f"got {len(self.names)}."
            )
        return tuple(names.get(i, f"class {i}") for i in range(classes))

    def for_detector(self) -> dict[int, str]:
        """Names by class index, the background left out."""
        first = 1 if 0 not in self.names or self._begins_with_background else 0
        return {number - first: name for number, name in self.names.items() if number >= first}

    @property
    def _begins_with_background(self) -> bool:
        return self.names.get(0, "").lower() in _BACKGROUND


def _parse_txt(text: str, source: str) -> dict[int, str]:
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if not any(lines):
        raise ConfigError(f"{source}: the file has no labels.")
    matches = [(i, _NUMBERED.fullmatch(line)) for i, line in enumerate(lines, 1) if line]
    if not all(match for _, match in matches):
        # An empty line is a class without a name: leaving it out would shift all after it.
        return {i: line or f"class {i}" for i, line in enumerate(lines)}
    names: dict[int, str] = {}
    for line, match in matches:
        assert match is not None
        number = int(match[1])
        if number in names:
            raise ConfigError(f"{source}:{line}: the number {number} is there twice.")
        names[number] = match[2].strip()
    return names


def _parse_pbtxt(text: str, source: str) -> dict[int, str]:
    names: dict[int, str] = {}
    tokens = _tokens(text, source)
    at = 0
    while at < len(tokens):
        start = tokens[at][1]
        if tokens[at][0] != "item":
            raise ConfigError(f"{source}:{start}: expected `item {{`, got {short(tokens[at][0])!r}.")
        at += 2 if at + 1 < len(tokens) and tokens[at + 1][0] == ":" else 1
        item, at = _item(tokens, at, source, start)
        number, name = item.get("id", ""), item.get("display_name") or item.get("name", "")
        if not _NUMBER.fullmatch(number):
            raise ConfigError(f"{source}:{start}: the item needs an id, a whole number.")
        if not name:
            raise ConfigError(f"{source}:{start}: the item needs a name or a display_name.")
        if int(number) in names:
            raise ConfigError(f"{source}:{start}: the id {number} is there twice.")
        names[int(number)] = name
    if not names:
        raise ConfigError(f"{source}: the file has no items.")
    return names


def _item(
    tokens: list[tuple[str, int]], at: int, source: str, start: int
) -> tuple[dict[str, str], int]:
    """The fields of one `{ ... }`, and the token after it. Nested messages are passed over."""
    fields: dict[str, str] = {}
    depth = 0
    while at < len(tokens):
        token, line = tokens[at]
        at += 1
        if token == "{":
            depth += 1
        elif token == "}":
            depth -= 1
            if depth == 0:
                return fields, at
        elif depth == 0:
            raise ConfigError(f"{source}:{line}: expected `{{` after item, got {short(token)!r}.")
        elif depth == 1 and at + 1 < len(tokens) and tokens[at][0] == ":":
            value, line = tokens[at + 1]
            if value == "{":
                at += 1
                continue
            if value in "}:;,":
                raise ConfigError(f"{source}:{line}: expected a value for {short(token)}, got {value!r}.")
            fields[token] = value[1:] if value.startswith('"') else value
            at += 2
    raise ConfigError(f"{source}:{start}: the item is not closed.")


def _tokens(text: str, source: str) -> list[tuple[str, int]]:
    """Words, numbers, marks and strings (with a leading quote mark) with their lines."""
    text = text.rstrip()
    found: list[tuple[str, int]] = []
    at, line = 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            rest = text[at:].lstrip()
            line += text.count("\n", at, len(text) - len(rest))
            raise ConfigError(f"{source}:{line}: cannot read {short(rest.split(maxsplit=1)[0])!r}.")
        line += text.count("\n", at, match.end())
        at = match.end()
        quoted = match["double"] if match["double"] is not None else match["single"]
        token = match["word"] or match["number"] or match["mark"]
        if quoted is not None:
            token = '"' + re.sub(r"\\(.)", r"\1", quoted)
        if token:
            found.append((token, line))
    return found
