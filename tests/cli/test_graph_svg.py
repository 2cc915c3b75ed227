"""edgerun inspect --svg: every operator is a box below all that it reads, whatever the names are."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import click.testing
import pytest

from cases import Net
from edgerun.cli import cli

SVG = "{http://www.w3.org/2000/svg}"


def draw(model: bytes, folder: Path) -> ElementTree.Element:
    path, out = folder / "net.tflite", folder / "net.svg"
    path.write_bytes(model)
    result = click.testing.CliRunner().invoke(cli, ["inspect", str(path), "--svg", str(out)])
    assert result.exit_code == 0, result.output
    return ElementTree.fromstring(out.read_text("utf-8"))


@pytest.fixture
def fork() -> bytes:
    """x -> RELU -> a; a -> LOGISTIC -> b; a + x -> c."""
    net = Net()
    x, a, b, c = (net.q(name, (1, 4)) for name in ("<x> & \x01", "a", "b", "c"))
    net.operator("RELU", [x], [a])
    net.operator("LOGISTIC", [a], [b])
    net.operator("ADD", [a, x], [c])
    return net.finish([x], [b, c])


def test_boxes_are_in_layers(fork, tmp_path):
    root = draw(fork, tmp_path)
    tops = {}
    for group in root.iter(f"{SVG}g"):
        title, shape = (text.text for text in group.iter(f"{SVG}text"))
        assert shape == "1x4 int8"
        tops[title] = int(group.find(f"{SVG}rect").get("y"))
    assert list(tops) == ["<x> &  ", "Clip", "Logistic", "Add"]
    x, a, b, c = tops.values()
    assert x < a < b == c


def test_lines_go_down_from_box_to_box(fork, tmp_path):
    root = draw(fork, tmp_path)
    boxes = [[int(r.get(k)) for k in ("x", "y", "width", "height")] for r in root.iter(f"{SVG}rect")]
    uppers = {(x + w // 2, y) for x, y, w, _ in boxes}
    lowers = {(x + w // 2, y + h) for x, y, w, h in boxes}
    assert len(uppers) == len(boxes) == 4
    lines = [tuple(map(int, re.findall(r"\d+", p.get("d")))) for p in root.iter(f"{SVG}path")]
    assert len(lines) == 4  # x to RELU and ADD, a to LOGISTIC and ADD
    for line in lines:
        assert line[:2] in lowers
        assert line[-2:] in uppers
        assert line[1] < line[-1]
    width, height = int(root.get("width")), int(root.get("height"))
    assert all(x >= 0 and x + w <= width and y >= 0 and y + h <= height for x, y, w, h in boxes)
