"""Lines of keys in TOML."""

from __future__ import annotations

import tomllib

import pytest

from edgerun.serve.toml_lines import line_of

TEXT = '''# a comment = 1
top = 1
[server]   # [not.this]
host = "a # b = ["
tokens = [
  "one]",   # port = 3
  'two',
]
port = 8

[[camera]]
name = "a"
text = """
port = 9
[server]
"""
after.text = 1
[[camera]]
"name" = "b"
[camera.deep]
key = {a = 1, b = [2, 3]}
[sinks.jsonl]
path = "-"
'''


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("top",), 2),
        (("server",), 3),
        (("server", "host"), 4),
        (("server", "tokens"), 5),
        (("server", "tokens", 1), 5),
        (("server", "port"), 9),
        (("camera",), 11),
        (("camera", 0), 11),
        (("camera", 0, "name"), 12),
        (("camera", 0, "text"), 13),
        (("camera", 0, "after", "text"), 17),
        (("camera", 0, "missing"), 11),
        (("camera", 1, "name"), 19),
        (("camera", 1, "deep", "key"), 21),
        (("camera", 1, "deep", "key", "b", 0), 21),
        (("sinks", "jsonl", "path"), 23),
        (("sinks", "jsonl", "missing"), 22),
        (("missing",), None),
    ],
)
def test_lines(place, line):
    assert tomllib.loads(TEXT)["camera"][1]["deep"]["key"]["b"] == [2, 3]
    assert line_of(TEXT, place) == line
