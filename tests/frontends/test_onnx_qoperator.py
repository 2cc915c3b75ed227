"""Operators on quanta against their exact value, by ONNX's reference evaluator in float64 (contract 4.1.8),
and against ONNX Runtime without its optimisations."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import edgerun
from frontends.test_onnx import model

ort = pytest.importorskip("onnxruntime")
KINDS = {np.int8: TensorProto.INT8, np.uint8: TensorProto.UINT8}
ZERO = {np.int8: np.int8(-7), np.uint8: np.uint8(119)}


def quanta(dtype, *shape, seed=0):
    info = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(info.min, info.max, shape, dtype, endpoint=True)


def exact(real, x, constants, scales, out):
    """What the float operator `real` gives for the real values of x and of the constants named in `scales`
    (name -> names of scale and zero point), in quanta of the result, before rounding."""
    arrays = {"x": x, **constants}
    ports = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in scales]
    result = helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)
    graph = helper.make_graph([real], "real", ports, [result])
    feeds = {}
    for name, (scale, zero) in scales.items():
        s = np.float64(constants[scale])
        z = np.float64(constants[zero]) if zero else 0.0
        if s.ndim and arrays[name].ndim > 1:  # per output channel
            s, z = (np.asarray(v).reshape(-1, 1, 1, 1) for v in (s, z))
        feeds[name] = (arrays[name].astype(np.float64) - z) * s
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    (y,) = ReferenceEvaluator(proto).run(None, feeds)
    return y / np.float64(constants[out[0]]) + np.float64(constants[out[1]])


def compare(node, dtype, shape, constants, real, scales, out=("ys", "z")):
    """Runs one operator; it must be native in edgerun."""
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
    assert np.abs(got.astype(int) - wanted.astype(int)).max() <= 1
    assert wanted.std() > 1
    value = exact(real, x, constants, {"x": ("xs", "z"), **scales}, out)
    info = np.iinfo(dtype)
    apart = np.abs(got - np.clip(np.rint(value), info.min, info.max))
    from_tie = np.abs(value - np.floor(value) - 0.5)
    assert apart.max() <= 1
    assert (apart[from_tie > 1e-5] == 0).all()


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
    real = helper.make_node("Conv", ["x", "w", "b"], ["y"], group=group, pads=[1, 0, 1, 2], strides=[1, 2])
    constants["bs"] = constants["ws"].astype(np.float64) * np.float64(constants["xs"])
    scales = {"w": ("ws", "wz"), "b": ("bs", None)}
    compare(node, dtype, (2, 6, 9, 8), constants, real, scales)


@pytest.mark.parametrize("dtype", KINDS)
def test_matrix_products(dtype):
    constants = base(dtype, w=quanta(dtype, 9, 5, seed=1), ws=np.float32(0.004), wz=ZERO[dtype])
    names = ["x", "xs", "z", "w", "ws", "wz", "ys", "z"]
    real, scales = helper.make_node("MatMul", ["x", "w"], ["y"]), {"w": ("ws", "wz")}
    compare(helper.make_node("QLinearMatMul", names, ["y"]), dtype, (4, 9), constants, real, scales)
    names = ["x", "xs", "z", "w", "ws", "wz", "", "ys", "z"]
    node = helper.make_node("QGemm", names, ["y"], domain="com.microsoft")
    compare(node, dtype, (4, 9), constants, real, scales)


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
    attributes = {name: value for name, value in attributes.items() if name != "opset"}
    real = helper.make_node(operator.removeprefix("QLinear"), ["x"], ["y"], **attributes)
    compare(node, dtype, (2, 5, 8, 9), constants, real, {})


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("operator", ["QLinearAdd", "QLinearMul"])
def test_operators_of_two_tensors(dtype, operator):
    constants = base(dtype, w=quanta(dtype, 5, 1, 1, seed=1), ws=np.float32(0.017))
    names = ["x", "xs", "z", "w", "ws", "z", "ys", "z"]
    node = helper.make_node(operator, names, ["y"], domain="com.microsoft")
    real = helper.make_node(operator.removeprefix("QLinear"), ["x", "w"], ["y"])
    compare(node, dtype, (2, 5, 8, 9), constants, real, {"w": ("ws", "z")})


@pytest.mark.parametrize("dtype", KINDS)
def test_concatenation(dtype):
    constants = base(dtype, w=quanta(dtype, 2, 3, 8, 9, seed=1), ws=np.float32(0.031))
    names = ["ys", "z", "x", "xs", "z", "w", "ws", "z"]
    node = helper.make_node("QLinearConcat", names, ["y"], axis=1, domain="com.microsoft")
    real = helper.make_node("Concat", ["x", "w"], ["y"], axis=1)
    compare(node, dtype, (2, 5, 8, 9), constants, real, {"w": ("ws", "z")})


def test_a_fully_connected_layer_with_a_bias_and_one_of_floats():
    bias = np.arange(-2500, 2500, 1000, np.int32)
    constants = base(np.uint8, w=quanta(np.int8, 5, 9, seed=1), ws=np.float32(0.004), wz=np.int8(0), b=bias)
    constants["bs"] = np.float64(constants["ws"]) * np.float64(constants["xs"])
    real = helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1)
    names = ["x", "xs", "z", "w", "ws", "wz", "b"]
    quantised = helper.make_node("QGemm", [*names, "ys", "z"], ["y"], domain="com.microsoft", transB=1)
    scales = {"w": ("ws", "wz"), "b": ("bs", None)}
    compare(quantised, np.uint8, (4, 9), constants, real, scales)

    floats = helper.make_node("QGemm", names, ["y"], domain="com.microsoft", transB=1)
    proto = model([floats], {"x": (TensorProto.UINT8, [4, 9])}, {"y": TensorProto.FLOAT}, constants)
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    x = quanta(np.uint8, 4, 9)
    got = edgerun.Session(proto.SerializeToString()).run({"x": x})["y"]
    constants |= {"one": 1.0, "nil": 0.0}
    value = exact(real, x, constants, {"x": ("xs", "z"), **scales}, ("one", "nil"))
    np.testing.assert_allclose(got, value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("alpha", [0.5, 1.7])
def test_alpha_of_qgemm_multiplies_sum_and_bias(alpha):
    constants = {
        **base(np.int8, ys=np.float32(0.4)),
        "w": quanta(np.int8, 10, 12, seed=1),
        "ws": np.float32(0.01),
        "wz": np.int8(3),
        "c": np.arange(-500, 500, 100, dtype=np.int32),
    }
    names = ["x", "xs", "z", "w", "ws", "wz", "c", "ys", "z"]
    node = helper.make_node("QGemm", names, ["y"], domain="com.microsoft", transB=1, alpha=alpha)
    proto = model([node], {"x": (KINDS[np.int8], [3, 12])}, {"y": KINDS[np.int8]}, constants)
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    x = quanta(np.int8, 3, 12)
    got = edgerun.Session(proto.SerializeToString()).run({"x": x})["y"]
    sums = (x.astype(int) - constants["z"]) @ (constants["w"].astype(int) - 3).T + constants["c"]
    scale = alpha * float(constants["xs"]) * float(constants["ws"]) / float(constants["ys"])
    wanted = np.clip(np.rint(sums * scale + constants["z"]), -128, 127)
    assert wanted.std() > 1 and np.abs(got - wanted).max() <= 1
    assert (got == wanted).mean() > 0.9
