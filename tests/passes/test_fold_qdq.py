"""Models written as quantise-dequantise pairs become integer models, within a quantum of their floats."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

import edgerun
from edgerun.ir.quantize import Dequantize, Quantize
from frontends.test_onnx import model, random

SCALES = {"sx": np.float32(0.031), "sy": np.float32(0.07)}


def pair(name, scale, zero):
    """Quantize and Dequantize of a tensor: nodes that make name_q and name_d."""
    return [
        helper.make_node("QuantizeLinear", [name, scale, zero], [f"{name}_q"]),
        helper.make_node("DequantizeLinear", [f"{name}_q", scale, zero], [f"{name}_d"]),
    ]


def run(nodes, shape, constants, expected_verbs):
    """The results of edgerun and of unoptimised ONNX Runtime, in quanta; the integer operators are there."""
    ort = pytest.importorskip("onnxruntime")
    proto = model(nodes, {"x": shape}, {"y_d": TensorProto.FLOAT}, constants)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    x = random(*shape)
    data = proto.SerializeToString()
    wanted = ort.InferenceSession(data, options).run(None, {"x": x})[0]
    session = edgerun.Session(data)
    floats = [n for n in session._graph.nodes if n.outputs[0].type.is_float]
    assert all(isinstance(n.op, Dequantize) for n in floats)
    assert sum(isinstance(n.op, Quantize) for n in session._graph.nodes) == 1
    assert {n.op.name for n in session._graph.nodes} >= set(expected_verbs)
    got = session.run({"x": x})["y_d"]
    quanta = np.rint((got - wanted) / constants["sy"])
    return quanta, wanted


@pytest.mark.parametrize("activations", [np.int8, np.uint8])
@pytest.mark.parametrize("weights", [np.int8, np.uint8])
@pytest.mark.parametrize("channels", [1, 12])
@pytest.mark.parametrize("relu", [False, True])
def test_a_convolution(activations, weights, channels, relu):
    rng = np.random.default_rng(1)
    info = np.iinfo(weights)
    w = rng.integers(info.min, info.max, (12, 5, 3, 3), weights, endpoint=True)
    scale = rng.uniform(0.004, 0.01, channels).astype(np.float32)
    zeros = np.zeros(channels, weights) if weights == np.int8 else np.full(channels, 120, weights)
    zero = activations(3) if activations == np.int8 else activations(130)
    x_scale = SCALES["sx"]
    b = rng.integers(-500, 500, 12, np.int32)
    nodes = [
        *pair("x", "sx", "z"),
        helper.make_node("DequantizeLinear", ["w", "sw", "zw"], ["wd"], axis=0),
        helper.make_node("DequantizeLinear", ["b", "sb", "zb"], ["bd"], axis=0),
        helper.make_node("Conv", ["x_d", "wd", "bd"], ["c"], pads=[1, 1, 1, 1]),
        *([helper.make_node("Relu", ["c"], ["y"])] if relu else [helper.make_node("Identity", ["c"], ["y"])]),
        *pair("y", "sy", "z"),
    ]

    def shaped(a):
        return a.reshape(()) if channels == 1 else a

    constants = SCALES | {
        "z": zero,
        "w": w,
        "sw": shaped(scale),
        "zw": shaped(zeros),
        "b": b,
        "sb": shaped(scale * x_scale),
        "zb": shaped(np.zeros(channels, np.int32)),
    }
    quanta, _ = run(nodes, [1, 5, 9, 11], constants, ["Conv2d"])
    assert np.abs(quanta).max() <= 1
    assert np.mean(quanta != 0) < 0.01


def test_what_moves_elements_is_crossed():
    nodes = [
        *pair("x", "sx", "z"),
        helper.make_node("Transpose", ["x_d"], ["t"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["t", "shape"], ["r"]),
        helper.make_node("Sigmoid", ["r"], ["y"]),
        *pair("y", "sy", "z"),
    ]
    constants = SCALES | {"z": np.int8(-3), "shape": np.array([6, 20], np.int64)}
    quanta, _ = run(nodes, [1, 6, 4, 5], constants, ["Transpose"])
    assert np.abs(quanta).max() <= 1


def test_parts_of_other_scales_are_joined():
    nodes = [
        *pair("x", "sx", "z"),
        helper.make_node("Sigmoid", ["x_d"], ["s"]),
        *pair("s", "ss", "zs"),
        helper.make_node("Concat", ["x_d", "s_d"], ["y"], axis=1),
        *pair("y", "sy", "z"),
    ]
    constants = SCALES | {"z": np.int8(2), "ss": np.float32(1 / 256), "zs": np.int8(-128)}
    quanta, _ = run(nodes, [1, 3, 4, 5], constants, ["Concat"])
    assert np.abs(quanta).max() <= 1


def test_weights_alone_become_floats():
    """Where activations are floats, so are dequantised weights."""
    proto = model(
        [
            helper.make_node("DequantizeLinear", ["w", "sx", "z"], ["wd"]),
            helper.make_node("MatMul", ["x", "wd"], ["y"]),
        ],
        {"x": [3, 7]},
        {"y": TensorProto.FLOAT},
        {"sx": SCALES["sx"], "z": np.int8(1), "w": np.arange(28, dtype=np.int8).reshape(7, 4)},
    )
    x = random(3, 7)
    w = (np.arange(28).reshape(7, 4) - 1) * float(SCALES["sx"])
    got = edgerun.Session(proto.SerializeToString()).run({"x": x})["y"]
    np.testing.assert_allclose(got, x @ w, rtol=1e-5, atol=1e-5)
