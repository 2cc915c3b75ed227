"""edgerun compile: the file it writes is the model, and there is none when it fails."""

from __future__ import annotations

import json
from pathlib import Path

import click.testing
import numpy as np
import pytest

import edgerun
from cases import Net
from edgerun.cli import cli


def call(*words: object) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli, [str(word) for word in words])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """x int8 [1, 4] -> RELU -> y."""
    net = Net()
    x, y = net.q("x", (1, 4)), net.q("y", (1, 4))
    net.operator("RELU", [x], [y])
    path = tmp_path / "relu.tflite"
    path.write_bytes(net.finish([x], [y]))
    return path


def test_every_command_takes_what_it_writes(model, tmp_path):
    out = tmp_path / "relu.edgerun"
    result = call("compile", model, "-o", out, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "model": str(model),
        "output": str(out),
        "bytes": out.stat().st_size,
    }
    assert call("fingerprint", out).stdout == call("fingerprint", model).stdout
    facts = json.loads(call("inspect", out, "--json").stdout)
    assert (facts["name"], facts["operators"], facts["inputs"]) == (
        "relu.edgerun",
        1,
        json.loads(call("inspect", model, "--json").stdout)["inputs"],
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["relu.edgerun", "relu.tflite"]


def test_a_shape_is_compiled_in(model, tmp_path):
    out = tmp_path / "relu.edgerun"
    assert call("compile", model, "-o", out, "--shape", "x=3x4").exit_code == 0
    x = np.arange(-6, 6, dtype=np.int8).reshape(3, 4)
    np.testing.assert_array_equal(edgerun.Session(out).run(x)["y"], edgerun.Session(model).run(x)["y"])


@pytest.mark.parametrize("shape", ["3x4", "x=", "x=3x", "x=3x-4", "=3", "x=\u0663"])
def test_a_wrong_shape_is_wrong_use(model, tmp_path, shape):
    result = call("compile", model, "-o", tmp_path / "out", "--shape", shape)
    assert result.exit_code == 2
    assert "expected NAME=1x224x224x3" in result.output


def test_a_failure_leaves_the_file_as_it_was(model, tmp_path):
    out = tmp_path / "old"
    out.write_bytes(b"old")
    model.write_bytes(model.read_bytes()[:100])
    result = call("compile", model, "-o", out)
    assert result.exit_code == 1
    assert result.output.startswith(f"edgerun: {model}: ")
    assert out.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("command", ["fingerprint", "profile", "bench"])
def test_other_commands_take_a_shape_too(model, command):
    more = ["--seconds", 0.1] if command == "bench" else []
    result = call(command, model, "--shape", "x=3x4", *more)
    assert result.exit_code == 0, result.output
    if command == "fingerprint":
        assert result.stdout.strip() == edgerun.Session(model, shapes={"x": (3, 4)}).fingerprint()
    wrong = call(command, model, "--shape", "z=3x4", *more)
    assert wrong.exit_code != 0
