"""FusedConv and FusedMatMul against ONNX Runtime, which makes them."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

import edgerun
from frontends.test_onnx import FLOAT, model, random

ort = pytest.importorskip("onnxruntime")


def compare(node, constants, **feeds):
    ports = {name: list(array.shape) for name, array in feeds.items()}
    proto = model([node], ports, {"y": FLOAT}, constants)
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    data = proto.SerializeToString()
    (wanted,) = ort.InferenceSession(data).run(None, feeds)
    assert wanted.std() > 0.01
    np.testing.assert_allclose(edgerun.Session(data).run(feeds)["y"], wanted, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize(
    ("activation", "params"),
    [
        (None, None),
        ("Relu", None),
        ("Clip", [-0.5, 2.0]),
        ("LeakyRelu", [0.2]),
        ("Sigmoid", None),
        ("Tanh", None),
    ],
)
@pytest.mark.parametrize("added", [False, True])
def test_convolutions(activation, params, added):
    given = {"activation": activation, "activation_params": params}
    attributes = {name: value for name, value in given.items() if value is not None}
    names = ["x", "w", "b", *(["z"] if added else [])]
    node = helper.make_node(
        "FusedConv", names, ["y"], domain="com.microsoft", pads=[1, 1, 1, 1], **attributes
    )
    feeds = {"x": random(1, 3, 9, 8), **({"z": random(1, 6, 9, 8, seed=3)} if added else {})}
    compare(node, {"w": random(6, 3, 3, 3, seed=1), "b": random(6, seed=2)}, **feeds)


@pytest.mark.parametrize("turned_a", [0, 1])
@pytest.mark.parametrize("turned_b", [0, 1])
@pytest.mark.parametrize("constant", [False, True])
def test_matrix_products(turned_a, turned_b, constant):
    a = random(2, 7, 5) if turned_a else random(2, 5, 7)
    b = random(4, 7, seed=1) if turned_b else random(7, 4, seed=1)
    attributes = {"alpha": 0.25, "transA": turned_a, "transB": turned_b}
    node = helper.make_node("FusedMatMul", ["a", "b"], ["y"], domain="com.microsoft", **attributes)
    compare(node, {"b": b} if constant else {}, a=a, **({} if constant else {"b": b}))
