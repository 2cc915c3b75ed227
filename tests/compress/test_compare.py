"""A model beside LiteRT: each operator's own error, what it grows to, and where the two part first."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cases import Net, Q
from edgerun.errors import ModelError

pytest.importorskip("ai_edge_litert")

from edgerun.compress.compare import compare, distance, sqnr
from edgerun.ir.types import Quantization, TensorType


def net(steps: int = 3) -> bytes:
    """y = x * x * x ...: LiteRT and edgerun round differently now and then."""
    net = Net()
    x = net.q("x", (1, 40, 40, 3))
    last = x
    for i in range(steps):
        y = net.q(f"y{i}", (1, 40, 40, 3), Q(0.031, -7))
        net.operator("HARD_SWISH", [last], [y])
        last = y
    return net.finish([x], [last])


def feeds() -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(1).integers(-128, 128, (1, 40, 40, 3)).astype(np.int8)}


def test_layers_in_the_order_of_the_file() -> None:
    comparison = compare(net(), feeds())
    assert comparison.reference == "LiteRT BUILTIN_REF"
    assert [layer.name for layer in comparison.layers] == ["y0", "y1", "y2"]
    assert all(layer.engine_is_eval and layer.fed.quanta <= 1 for layer in comparison.layers)
    # The first layer of a run has the inputs that it is fed with.
    assert comparison.layers[0].fed == comparison.layers[0].run
    assert comparison.worst_by_operator().keys() == {"HardSwish"}


def test_a_wrong_layer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from edgerun.ir.elementwise import HardSwish

    right = HardSwish.function
    # A mistake of ours in large values alone, which only some layers see.
    monkeypatch.setattr(HardSwish, "function", lambda op, x: right(op, x) + 0.5 * (x > 2.5))
    comparison = compare(net(), feeds())
    first = comparison.parting
    assert first is not None
    assert first.name == "y0"
    assert first.fed.quanta > 10
    assert first.run.sqnr < 25


def test_a_model_that_the_reference_refuses() -> None:
    net = Net()
    x, y = net.q("x", (1, 4)), net.q("y", (1, 4), Q(0.02, 10))
    net.operator("LOGISTIC", [x], [y])  # LiteRT wants another quantisation of its output
    with pytest.raises(ModelError, match="LiteRT BUILTIN_REF refuses the model"):
        compare(net.finish([x], [y]), {"x": np.zeros((1, 4), np.int8)})


def test_a_model_whose_layers_are_not_fixed_says_which_operator_decides() -> None:
    net = Net()
    x, shape, y = net.q("x", (2, 6)), net.tensor("shape", (2,), "int32"), net.q("y", (3, 4))
    net.operator("RESHAPE", [x, shape], [y])
    with pytest.raises(ModelError, match="operator 0 RESHAPE is decided at run time"):
        compare(net.finish([x, shape], [y]), {})


def test_what_litert_cannot_run_is_no_traceback() -> None:
    net = Net()
    table = net.tensor("table", (5, 2), "float32", data=np.zeros((5, 2), np.float32))
    i, y = net.tensor("i", (3,), "int32"), net.tensor("y", (3, 2), "float32")
    net.operator("GATHER", [table, i], [y], {"axis": 0})
    with pytest.raises(ModelError, match=r"cannot run the model: .*out of bounds"):
        compare(net.finish([i], [y]), {"i": np.array([1, 2, 7], np.int32)})


def test_distances() -> None:
    kind = TensorType((3,), np.dtype(np.int8), Quantization.of(0.5, 1))
    a, b = np.array([1, 2, 3], np.int8), np.array([1, 2, 5], np.int8)
    found = distance(a, b, kind)
    assert (found.quanta, found.relative) == (2, 0.0)
    # Truth is 0, 0.5, 2 in reals, the error 1.
    assert found.sqnr == pytest.approx(10 * np.log10(4.25))
    assert distance(a, a, kind).sqnr == float("inf")
    floats = TensorType((2,), np.dtype(np.float32))
    x, y = np.array([1.0, 20], np.float32), np.array([1.5, 20], np.float32)
    assert distance(x, y, floats, np.array([10.0, 1.0])).relative == pytest.approx(0.05)
    x, y = np.array([1.0, np.inf], np.float32), np.array([1.0, np.inf], np.float32)
    assert distance(x, y, floats, np.array([10.0, 1.0])).relative == 0
    assert sqnr(np.zeros(2), np.zeros(2)) == float("inf")


def test_the_command(tmp_path: Path) -> None:
    click_testing = pytest.importorskip("click.testing")
    from edgerun.cli import cli

    path, array = tmp_path / "net.tflite", tmp_path / "x.npy"
    path.write_bytes(net())
    np.save(array, feeds()["x"])
    run = click_testing.CliRunner().invoke
    result = run(cli, ["compare", str(path), "--input", f"x={array}"])
    assert result.exit_code == 0, result.output
    assert "beside LiteRT BUILTIN_REF" in result.stdout
    assert "HardSwish" in result.stdout
    told = json.loads(run(cli, ["compare", str(path), "--json"]).stdout)
    assert [layer["operator"] for layer in told["layers"]] == ["HardSwish"] * 3
    result = run(cli, ["compare", str(path), "--input", "z=nothing.npy"])
    assert result.exit_code == 1
    assert "expected NAME=FILE.npy with a NAME of ['x']" in result.output
