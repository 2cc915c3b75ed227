"""Quantised models (QDQ) of spatial operators run on integers, within a quantum of the float evaluation."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import edgerun

W = np.random.default_rng(0).integers(-127, 128, (8, 2, 3, 3)).astype(np.int8)
PADS = np.array([0, 0, 1, 2, 0, 0, 3, 1])
SIZES = np.array([1, 8, 9, 21])
NODES = (
    ("ConvTranspose", ["xf", "wf"], {"group": 4, "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ("ConvTranspose", ["xf", "wf"], {"group": 8, "strides": [2, 1], "pads": [1, 0, 0, 1]}),
    ("ConvTranspose", ["xf", "wf"], {"group": 1, "strides": [2, 2]}),
    ("AveragePool", ["xf"], {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    (
        "AveragePool",
        ["xf"],
        {
            "kernel_shape": [3, 3],
            "strides": [2, 2],
            "pads": [1, 1, 0, 0],
            "ceil_mode": 1,
            "count_include_pad": 1,
        },
    ),
    ("MaxPool", ["xf"], {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}),
    ("Pad", ["xf", "p"], {"mode": "edge"}),
    ("Pad", ["xf", "p"], {"mode": "reflect"}),
    ("Pad", ["xf", "p"], {}),
    ("Resize", ["xf", "", "", "s"], {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"}),
    ("Resize", ["xf", "", "", "s"], {"mode": "nearest", "nearest_mode": "ceil"}),
)


@pytest.mark.parametrize(("op", "names", "attributes"), NODES)
def test_on_integers(op, names, attributes):
    rng = np.random.default_rng(1)
    computes = op in ("ConvTranspose", "AveragePool")
    out = np.float32(0.35 if op == "ConvTranspose" else 0.04)
    constants = {
        "xs": np.float32(0.04),
        "xz": np.int8(-7),
        "ws": np.float32(0.01),
        "wz": np.int8(0),
        "w": W,
        "ys": out,
        "yz": np.int8(-7),
        "p": PADS,
        "s": SIZES,
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "xs", "xz"], ["xf"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wf"]),
        helper.make_node(op, names, ["y"], **attributes),
        helper.make_node("QuantizeLinear", ["y", "ys", "yz"], ["yq"]),
        helper.make_node("DequantizeLinear", ["yq", "ys", "yz"], ["z"]),
    ]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8, 6, 7])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    x = rng.uniform(-4, 4, (1, 8, 6, 7)).astype(np.float32)
    session = edgerun.Session(proto.SerializeToString())
    got = session.run({"x": x})["z"]
    options = onnxruntime.SessionOptions()  # unoptimised: floats between the quantisations
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    runtime = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    (wanted,) = runtime.run(None, {"x": x})
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= (1.01 * out if computes else 1e-6)
    verbs = {step.verb for step in session._program.plan.steps}
    assert not [v for v in verbs if v.endswith("_f32") or v == "host"], verbs
