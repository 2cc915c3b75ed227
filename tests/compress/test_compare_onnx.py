"""An ONNX model beside ONNX Runtime, layer by layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgerun.compress import compare_onnx as module
from edgerun.compress.compare_onnx import compare_onnx
from edgerun.errors import ModelError

RNG = np.random.default_rng(5)


def model() -> bytes:
    """Quantize, Dequantize, Conv, Relu, Quantize, Dequantize, Sigmoid; a shape that is computed."""
    weights = {
        "xs": np.float32(0.02),
        "xz": np.uint8(128),
        "ws": np.float32(0.01),
        "wz": np.int8(0),
        "ys": np.float32(0.05),
        "yz": np.uint8(3),
        "w": RNG.integers(-127, 128, (4, 3, 3, 3), np.int8),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "xs", "xz"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"]),
        helper.make_node("Conv", ["xd", "wd"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("QuantizeLinear", ["r", "ys", "yz"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "ys", "yz"], ["d"]),
        helper.make_node("Sigmoid", ["d"], ["s"]),
        helper.make_node("Shape", ["s"], ["shape"]),
        helper.make_node("Reshape", ["s", "shape"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 8, 8))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4, 6, 6))],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in weights.items()],
    )
    made: Any = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(made.SerializeToString())


def feeds() -> dict[str, Any]:
    return {"x": RNG.normal(size=(1, 3, 8, 8)).astype(np.float32)}


def test_a_quantised_operator_is_one_layer() -> None:
    comparison = compare_onnx(model(), feeds())
    assert [layer.operator for layer in comparison.layers] == ["QuantizeLinear", "Conv", "Sigmoid", "Reshape"]
    conv = comparison.layers[1]
    assert (conv.index, conv.name) == (3, "q")
    assert all(layer.fed.quanta <= 1 and layer.fed.relative < 1e-5 for layer in comparison.layers)
    assert all(layer.engine_is_eval for layer in comparison.layers)
    assert comparison.parting is None


def test_a_wrong_layer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """One element of the reference's convolution is two quanta off: the layer and its reader show it."""
    told = module.every_tensor

    def bent(*arguments: Any) -> dict[str, Any]:
        tensors = told(*arguments)
        off = tensors["q"].copy()
        off.flat[7] = off.flat[7] + 2 if off.flat[7] < 250 else off.flat[7] - 2
        return {**tensors, "q": off}

    monkeypatch.setattr(module, "every_tensor", bent)
    comparison = compare_onnx(model(), feeds())
    conv, sigmoid = comparison.layers[1:3]
    assert conv.fed.quanta >= 1 and conv.fed.differing >= 1
    assert conv.run.parted and comparison.parting == conv
    assert sigmoid.operator == "Sigmoid"
    assert sigmoid.fed.relative > 1e-4  # fed with what the reference did not compute with


def test_the_command(tmp_path: Path) -> None:
    click_testing = pytest.importorskip("click.testing")
    from edgerun.cli import cli

    run = click_testing.CliRunner().invoke
    path = tmp_path / "m.onnx"
    path.write_bytes(model())
    result = run(cli, ["compare", str(path)])
    assert result.exit_code == 0, result.output
    assert "QuantizeLinear" in result.output and "The two runs never part." in result.output
    told = json.loads(run(cli, ["compare", str(path), "--against", "onnxruntime", "--json"]).stdout)
    assert [layer["name"] for layer in told["layers"]] == ["xq", "q", "s", "y"]
    result = run(cli, ["compare", str(path), "--against", "litert"])
    assert result.exit_code != 0 and "not with litert" in result.output


def test_other_files_are_refused() -> None:
    with pytest.raises(ModelError):
        compare_onnx(b"no model", {})
