"""ONNX files through the engine, against ONNX's reference evaluator."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import edgerun
from edgerun.errors import FormatError, UnsupportedOperatorError

FLOAT = TensorProto.FLOAT


def model(nodes, inputs, outputs, constants=(), opset=17):
    """A model; inputs: name -> shape of a float32 tensor, or (element type, shape); outputs: name -> type."""
    ports = [
        helper.make_tensor_value_info(name, *(spec if isinstance(spec, tuple) else (FLOAT, spec)))
        for name, spec in inputs.items()
    ]
    results = [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()]
    initializers = [numpy_helper.from_array(np.asarray(a), name) for name, a in dict(constants).items()]
    graph = helper.make_graph(nodes, "test", ports, results, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def both(proto, **feeds):
    """What edgerun and the reference give, by output name."""
    names = [o.name for o in proto.graph.output]
    wanted = dict(zip(names, ReferenceEvaluator(proto).run(None, feeds), strict=True))
    return edgerun.Session(proto.SerializeToString()).run(feeds), wanted


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_a_small_net_of_floats():
    proto = model(
        [
            helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]),
            helper.make_node("BatchNormalization", ["c", "s", "t", "m", "v"], ["n"]),
            helper.make_node("Relu", ["n"], ["r"]),
            helper.make_node("Conv", ["r", "d"], ["e"], group=8, pads=[1, 1, 1, 1]),
            helper.make_node("Add", ["e", "r"], ["a"]),
            helper.make_node("MaxPool", ["a"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
            helper.make_node("GlobalAveragePool", ["p"], ["g"]),
            helper.make_node("Flatten", ["g"], ["f"]),
            helper.make_node("Gemm", ["f", "k", "o"], ["y"], transB=1),
            helper.make_node("Softmax", ["y"], ["z"]),
        ],
        {"x": [1, 3, 16, 20]},
        {"z": FLOAT, "p": FLOAT},
        {
            "w": random(8, 3, 3, 3),
            "b": random(8),
            "s": random(8),
            "t": random(8),
            "m": random(8),
            "v": np.abs(random(8)) + 0.1,
            "d": random(8, 1, 3, 3),
            "k": random(5, 8),
            "o": random(5),
        },
    )
    got, wanted = both(proto, x=random(1, 3, 16, 20))
    assert got["z"].shape == (1, 5)
    for name in ("z", "p"):
        np.testing.assert_allclose(got[name], wanted[name], rtol=2e-5, atol=2e-5)


def test_an_input_of_quanta_gets_its_meaning():
    proto = model(
        [helper.make_node("DequantizeLinear", ["x", "s", "z"], ["y"])],
        {"x": (TensorProto.UINT8, [2, 3])},
        {"y": FLOAT},
        {"s": np.float32(0.5), "z": np.uint8(7)},
        opset=21,
    )
    got, wanted = both(proto, x=np.arange(6, dtype=np.uint8).reshape(2, 3))
    np.testing.assert_array_equal(got["y"], wanted["y"])


def test_all_unsupported_operators_are_listed():
    proto = model(
        [
            helper.make_node("RandomNormalLike", ["x"], ["a"]),
            helper.make_node("Relu", ["a"], ["b"]),
            helper.make_node("Multinomial", ["b"], ["y"], name="dice"),
        ],
        {"x": [1, 3, 3]},
        {"y": FLOAT},
    )
    with pytest.raises(UnsupportedOperatorError) as caught:
        edgerun.Session(proto.SerializeToString())
    message = str(caught.value)
    assert "2 of 3 operators" in message
    assert "operator 0 RandomNormalLike" in message
    assert "operator 2 Multinomial 'dice'" in message


def test_a_file_that_is_cut_off_is_refused(tmp_path):
    proto = model([helper.make_node("Relu", ["x"], ["y"])], {"x": [4]}, {"y": FLOAT})
    data = proto.SerializeToString()
    path = tmp_path / "short.onnx"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(FormatError, match=r"short\.onnx"):
        edgerun.Session(path)


RESIZES = [
    ("nearest", "asymmetric", "floor", 2.0),
    ("nearest", "asymmetric", "floor", 0.5),
    ("nearest", "half_pixel", "round_prefer_floor", 3.0),
    ("nearest", "half_pixel", "round_prefer_ceil", 2.0),
    ("linear", "half_pixel", None, 2.0),
    ("linear", "half_pixel", None, 0.5),
    ("linear", "pytorch_half_pixel", None, 3.0),
    ("linear", "align_corners", None, 2.0),
    ("linear", "asymmetric", None, 2.0),
]


@pytest.mark.parametrize(("mode", "where", "nearest", "scale"), RESIZES)
def test_resizes(mode, where, nearest, scale):
    attributes = {"mode": mode, "coordinate_transformation_mode": where}
    if nearest:
        attributes["nearest_mode"] = nearest
    scales = np.array([1, 1, scale, scale], np.float32)
    node = helper.make_node("Resize", ["x", "", "s"], ["y"], **attributes)
    proto = model([node], {"x": [1, 3, 6, 8]}, {"y": FLOAT}, {"s": scales})
    got, wanted = both(proto, x=random(1, 3, 6, 8))
    np.testing.assert_allclose(got["y"], wanted["y"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("a", "b"), [((5,), (5,)), ((5,), (2, 5, 3)), ((2, 4, 5), (5,)), ((4, 5), (5, 3))])
def test_matrix_products(a, b):
    node = helper.make_node("MatMul", ["a", "b"], ["y"])
    proto = model([node], {"a": list(a), "b": list(b)}, {"y": FLOAT})
    got, wanted = both(proto, a=random(*a), b=random(*b, seed=1))
    assert got["y"].shape == wanted["y"].shape
    np.testing.assert_allclose(got["y"], wanted["y"], rtol=1e-5, atol=1e-5)


def test_dropout_at_inference_gives_a_mask():
    node = helper.make_node("Dropout", ["x"], ["y", "m"])
    proto = model([node], {"x": [2, 3]}, {"y": FLOAT, "m": TensorProto.BOOL})
    got, wanted = both(proto, x=random(2, 3))
    np.testing.assert_array_equal(got["y"], wanted["y"])
    np.testing.assert_array_equal(got["m"], wanted["m"])
