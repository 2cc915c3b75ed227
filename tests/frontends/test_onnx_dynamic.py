"""Dynamic quantisation: integers equal to ONNX's reference evaluator, whatever the shapes, and native."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import edgerun
from frontends.test_onnx import FLOAT, both, model

ort = pytest.importorskip("onnxruntime")
KINDS = {np.int8: TensorProto.INT8, np.uint8: TensorProto.UINT8}
INT32, UINT8 = TensorProto.INT32, TensorProto.UINT8


def quanta(rng, dtype, *shape):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


def quantised(shape, x):
    node = helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "s", "z"])
    proto = model([node], {"x": list(shape)}, {"y": UINT8, "s": FLOAT, "z": UINT8})
    assert edgerun.Session(proto.SerializeToString()).summary().host_steps == 0
    return both(proto, x=x)


@pytest.mark.parametrize("seed", range(12))
def test_quantisation_has_the_bits_of_onnx(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(int(v) for v in rng.integers(1, 40, rng.integers(1, 4)))
    low, width = rng.uniform(-3, 2), rng.uniform(0.1, 5)
    got, wanted = quantised(shape, rng.uniform(low, low + width, shape).astype(np.float32))
    for name in wanted:
        np.testing.assert_array_equal(got[name], wanted[name])


@pytest.mark.parametrize(
    "values",
    [
        [0, 0, 0],
        [1.5, 2.5, 255],
        [-1.5, 0.5, 253.5],
        [-255, -254.5, -0.5],
        [-2.5, -0.5, 252.5],
        [3e38, -3e37, 1],
    ],
)
def test_quantisation_of_ties_and_ends(values):
    got, wanted = quantised((len(values),), np.array(values, np.float32))
    for name in wanted:
        np.testing.assert_array_equal(got[name], wanted[name])


@pytest.mark.parametrize("x_dtype", KINDS)
@pytest.mark.parametrize("w_dtype", KINDS)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("fed", [False, True])
def test_convolutions_of_integers(x_dtype, w_dtype, seed, fed):
    rng = np.random.default_rng(seed)
    group = int(rng.choice([1, 1, 2, 3]))
    c, m = group * int(rng.integers(1, 6)), group * int(rng.integers(1, 9))
    kernel = [int(k) for k in rng.integers(1, 4, 2)]
    x = quanta(rng, x_dtype, int(rng.integers(1, 3)), c, *(int(v) for v in rng.integers(5, 12, 2)))
    w = quanta(rng, w_dtype, m, c // group, *kernel)
    xz, wz = quanta(rng, x_dtype), quanta(rng, w_dtype, *(() if seed % 2 else (m,)))
    attributes = {
        "group": group,
        "strides": [int(s) for s in rng.integers(1, 3, 2)],
        "pads": [int(p) for p in rng.integers(0, 3, 4)],
    }
    node = helper.make_node("ConvInteger", ["x", "w", "xz", "wz"], ["y"], **attributes)
    ports = {"x": (KINDS[x_dtype], list(x.shape)), "xz": (KINDS[x_dtype], [])}
    feeds, constants = {"x": x, "xz": xz}, {"w": w, "wz": wz}
    if fed:
        ports |= {"w": (KINDS[w_dtype], list(w.shape)), "wz": (KINDS[w_dtype], list(wz.shape))}
        feeds, constants = feeds | constants, {}
    proto = model([node], ports, {"y": INT32}, constants)
    native = not fed and group == 1 and wz.size == 1
    assert not native or edgerun.Session(proto.SerializeToString()).summary().host_steps == 0
    got, wanted = both(proto, **feeds)
    assert wanted["y"].std() > 1
    np.testing.assert_array_equal(got["y"], wanted["y"])


@pytest.mark.parametrize("a_dtype", KINDS)
@pytest.mark.parametrize("b_dtype", KINDS)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("fed", [False, True])
def test_products_of_integers(a_dtype, b_dtype, seed, fed):
    rng = np.random.default_rng(seed)
    m, k, n = (int(v) for v in rng.integers(1, 50, 3))
    batch = [(), (2, 3), (3,)][seed % 3]
    a = quanta(rng, a_dtype, *batch, m, k)
    b = quanta(rng, b_dtype, *(batch if fed and seed % 2 else ()), k, n)
    az, bz = quanta(rng, a_dtype), quanta(rng, b_dtype, *(() if seed % 2 else (n,)))
    node = helper.make_node("MatMulInteger", ["a", "b", "az", "bz"], ["y"])
    ports = {"a": (KINDS[a_dtype], list(a.shape)), "az": (KINDS[a_dtype], [])}
    feeds, constants = {"a": a, "az": az}, {"b": b, "bz": bz}
    if fed:
        ports |= {"b": (KINDS[b_dtype], list(b.shape)), "bz": (KINDS[b_dtype], list(bz.shape))}
        feeds, constants = feeds | constants, {}
    proto = model([node], ports, {"y": INT32}, constants)
    assert bz.size > 1 or edgerun.Session(proto.SerializeToString()).summary().host_steps == 0
    got, wanted = both(proto, **feeds)
    np.testing.assert_array_equal(got["y"], wanted["y"])


def chain(product, ports, constants, **attributes):
    """DynamicQuantizeLinear, a product of integers, and how ONNX Runtime's tools make floats of it."""
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        helper.make_node(product, ["q", "w", "z", "wz"], ["i"], **attributes),
        helper.make_node("Cast", ["i"], ["f"], to=FLOAT),
        helper.make_node("Mul", ["s", "t"], ["st"]),
        helper.make_node("Mul", ["f", "st"], ["p"]),
        helper.make_node("Add", ["p", "b"], ["a"]),
        helper.make_node("Relu", ["a"], ["y" if product == "MatMulInteger" else "r"]),
    ]
    if product == "ConvInteger":  # what follows does not want the channels first
        nodes.append(helper.make_node("Transpose", ["r"], ["y"], perm=[0, 2, 3, 1]))
    return model(nodes, ports, {"y": FLOAT}, constants)


def check_fused(proto, verb, **feeds):
    session = edgerun.Session(proto.SerializeToString())
    assert [step.verb for step in session._program.plan.steps if step.verb != "copy"] == [
        "quantize_dynamic",
        verb,
    ]
    got, (wanted,) = session.run(feeds), ReferenceEvaluator(proto).run(None, feeds)
    assert wanted.std() > 0.1
    np.testing.assert_array_equal(got["y"], wanted)


@pytest.mark.parametrize("seed", range(8))
def test_a_convolution_of_dynamic_quanta_is_one_operator(seed):
    rng = np.random.default_rng(seed)
    n, c, m = (int(v) for v in (rng.integers(1, 3), rng.integers(2, 20), rng.integers(1, 40)))
    group = c if seed % 2 else 1
    m = c if group > 1 else m
    x = rng.normal(0.3, 1, (n, c, *(int(v) for v in rng.integers(4, 12, 2)))).astype(np.float32)
    scale = rng.uniform(0.002, 0.01, (m, 1, 1) if seed % 4 > 1 else ()).astype(np.float32)
    w = quanta(rng, np.int8, m, c // group, 3, 3) if seed % 3 else quanta(rng, np.uint8, m, c // group, 3, 3)
    constants = {
        "w": w,
        "wz": np.int8(0) if seed % 3 else np.uint8(128 if seed else 97),
        "t": scale,
        "b": rng.normal(0, 1, (1, m, 1, 1)).astype(np.float32),
    }
    proto = chain("ConvInteger", {"x": list(x.shape)}, constants, group=group, pads=[1, 1, 1, 1])
    check_fused(proto, "dwconv_hybrid" if group > 1 else "conv_hybrid", x=x)


@pytest.mark.parametrize("seed", range(4))
def test_a_matrix_product_of_dynamic_quanta_is_one_operator(seed):
    rng = np.random.default_rng(seed)
    m, k, n = (int(v) for v in rng.integers(2, 50, 3))
    x = rng.normal(0.3, 1, (*((2,) if seed % 2 else ()), m, k)).astype(np.float32)
    constants = {
        "w": quanta(rng, np.int8, k, n),
        "wz": np.int8(5 if seed == 3 else 0),
        "t": rng.uniform(0.002, 0.01, (n,) if seed > 1 else ()).astype(np.float32),
        "b": rng.normal(0, 1, n).astype(np.float32),
    }
    check_fused(chain("MatMulInteger", {"x": list(x.shape)}, constants), "conv_hybrid", x=x)


@pytest.mark.parametrize("operator", ["DynamicQuantizeMatMul", "MatMulIntegerToFloat"])
def test_the_forms_of_onnx_runtime(operator):
    rng = np.random.default_rng(5)
    constants = {
        "w": quanta(rng, np.int8, 33, 20),
        "t": np.float32(0.01),
        "wz": np.int8(0),
        "b": rng.normal(0, 1, 20).astype(np.float32),
    }
    if operator == "DynamicQuantizeMatMul":
        names, port = ["x", "w", "t", "wz", "b"], [7, 33]
        x = rng.normal(0.3, 1, (7, 33)).astype(np.float32)
    else:
        names, port = ["x", "w", "s", "t", "z", "wz", "b"], (UINT8, [7, 33])
        x, constants = quanta(rng, np.uint8, 7, 33), constants | {"s": np.float32(0.02), "z": np.uint8(99)}
    proto = model(
        [helper.make_node(operator, names, ["y"], domain="com.microsoft")],
        {"x": port},
        {"y": FLOAT},
        constants,
    )
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    data = proto.SerializeToString()
    (wanted,) = ort.InferenceSession(data).run(None, {"x": x})
    np.testing.assert_allclose(edgerun.Session(data).run({"x": x})["y"], wanted, rtol=0, atol=1e-5)
