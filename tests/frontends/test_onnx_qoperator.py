"""Operators on quanta against ONNX Runtime without its optimisations: seldom apart, and then by a quantum."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

import edgerun
from frontends.test_onnx import model

ort = pytest.importorskip("onnxruntime")
KINDS = {np.int8: TensorProto.INT8, np.uint8: TensorProto.UINT8}
ZERO = {np.int8: np.int8(-7), np.uint8: np.uint8(119)}


def quanta(dtype, *shape, seed=0):
    info = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(info.min, info.max, shape, dtype, endpoint=True)


def compare(node, dtype, shape, constants):
    """Runs one operator on both; it must be native in edgerun."""
    proto = model([node], {"x": (KINDS[dtype], list(shape))}, {"y": KINDS[dtype]}, constants)
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    data, x = proto.SerializeToString(), quanta(dtype, *shape)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    (wanted,) = ort.InferenceSession(data, options).run(None, {"x": x})
    session = edgerun.Session(data)
    assert session.summary().host_steps == 0
    got = session.run({"x": x})["y"]
    assert got.dtype == wanted.dtype
    apart = np.abs(got.astype(int) - wanted.astype(int))
    assert apart.max() <= 1
    assert np.mean(apart != 0) < 0.01
    assert wanted.std() > 1


def base(dtype, **more):
    zero = ZERO[dtype]
    return {"xs": np.float32(0.02), "ys": np.float32(0.031), "z": zero, **more}


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("weights", KINDS)
@pytest.mark.parametrize(("group", "channels"), [(1, 1), (1, 12), (6, 12)])
def test_convolutions(dtype, weights, group, channels):
    if dtype == np.int8 and weights == np.uint8:
        pytest.skip("ONNX Runtime has no such convolution")
    rng = np.random.default_rng(3)
    scale = rng.uniform(0.001, 0.004, channels).astype(np.float32)
    zeros = np.zeros(channels, weights) if weights == np.int8 else np.full(channels, 120, weights)
    one = channels == 1
    constants = base(
        dtype,
        w=quanta(weights, 12, 6 // group, 3, 3, seed=1),
        ws=scale.reshape(()) if one else scale,
        wz=zeros.reshape(()) if one else zeros,
        b=rng.integers(-900, 900, 12).astype(np.int32),
        ys=np.float32(0.2 if group == 1 else 0.05),
    )
    names = ["x", "xs", "z", "w", "ws", "wz", "ys", "z", "b"]
    node = helper.make_node("QLinearConv", names, ["y"], group=group, pads=[1, 0, 1, 2], strides=[1, 2])
    compare(node, dtype, (2, 6, 9, 8), constants)


@pytest.mark.parametrize("dtype", KINDS)
def test_matrix_products(dtype):
    constants = base(dtype, w=quanta(dtype, 9, 5, seed=1), ws=np.float32(0.004), wz=ZERO[dtype])
    names = ["x", "xs", "z", "w", "ws", "wz", "ys", "z"]
    compare(helper.make_node("QLinearMatMul", names, ["y"]), dtype, (4, 9), constants)
    names = ["x", "xs", "z", "w", "ws", "wz", "", "ys", "z"]
    compare(helper.make_node("QGemm", names, ["y"], domain="com.microsoft"), dtype, (4, 9), constants)


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize(
    ("operator", "attributes", "scale"),
    [
        ("QLinearSigmoid", {}, 1 / 256),
        ("QLinearLeakyRelu", {"alpha": 0.1}, 0.025),
        ("QLinearGlobalAveragePool", {}, 0.002),
        ("QLinearAveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]}, 0.0213),
        ("QLinearSoftmax", {"axis": -1, "opset": 13}, 1 / 256),
    ],
)
def test_operators_of_one_tensor(dtype, operator, attributes, scale):
    constants = base(dtype, ys=np.float32(scale))
    if operator == "QLinearSoftmax":
        constants["z"] = dtype(np.iinfo(dtype).min)
    node = helper.make_node(
        operator, ["x", "xs", "z", "ys", "z"], ["y"], domain="com.microsoft", **attributes
    )
    compare(node, dtype, (2, 5, 8, 9), constants)


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("operator", ["QLinearAdd", "QLinearMul"])
def test_operators_of_two_tensors(dtype, operator):
    constants = base(dtype, w=quanta(dtype, 5, 1, 1, seed=1), ws=np.float32(0.017))
    names = ["x", "xs", "z", "w", "ws", "z", "ys", "z"]
    compare(helper.make_node(operator, names, ["y"], domain="com.microsoft"), dtype, (2, 5, 8, 9), constants)


@pytest.mark.parametrize("dtype", KINDS)
def test_concatenation(dtype):
    constants = base(dtype, w=quanta(dtype, 2, 3, 8, 9, seed=1), ws=np.float32(0.031))
    names = ["ys", "z", "x", "xs", "z", "w", "ws", "z"]
    node = helper.make_node("QLinearConcat", names, ["y"], axis=1, domain="com.microsoft")
    compare(node, dtype, (2, 5, 8, 9), constants)
