"""The functions of ir/trigonometry.py, against Python's math, and through the engine."""

from __future__ import annotations

import math

import numpy as np
import pytest
from onnx import TensorProto, helper

import edgerun
from edgerun.ir import trigonometry
from edgerun.ir.types import FLOAT32, Element

RANGES = {
    "Tan": (-1.5, 1.5),
    "Asin": (-1, 1),
    "Acos": (-1, 1),
    "Atan": (-50, 50),
    "Sinh": (-80, 80),
    "Cosh": (-80, 80),
    "Asinh": (-1e5, 1e5),
    "Acosh": (1, 1e5),
    "Atanh": (-0.999, 0.999),
}


@pytest.mark.parametrize("name", RANGES)
def test_they_are_those_of_math(name):
    low, high = RANGES[name]
    x = np.linspace(low, high, 1001)
    small = np.array([1e-9, -1e-9, 1e-3, -1e-3]) + (1 if name == "Acosh" else 0)
    x = np.concatenate([x, np.abs(small) if name == "Acosh" else small])
    x = x[x >= 1] if name == "Acosh" else x
    op = getattr(trigonometry, name)(Element(FLOAT32))
    wanted = [getattr(math, name.lower())(v) for v in x]
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(op.function(x), wanted, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", RANGES)
def test_they_run(name):
    graph = helper.make_graph(
        [helper.make_node(name, ["x"], ["y"])],
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, 5])],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    x = np.linspace(*RANGES[name], 20, dtype=np.float32).reshape(4, 5)
    y = edgerun.Session(proto.SerializeToString()).run({"x": x})["y"]
    wanted = np.array([getattr(math, name.lower())(float(v)) for v in x.reshape(-1)]).reshape(4, 5)
    np.testing.assert_allclose(y, wanted, rtol=1e-6)


def test_outside_of_their_domain():
    x = np.array([-2.0, 2.0])
    with np.errstate(all="ignore"):
        for name in ("Asin", "Acos", "Atanh"):
            assert np.isnan(getattr(trigonometry, name)(Element(FLOAT32)).function(x)).all()
        assert np.isnan(trigonometry.Acosh(Element(FLOAT32)).function(np.array([0.5]))).all()
        ends = trigonometry.Atanh(Element(FLOAT32)).function(np.array([1.0, -1.0]))
    assert list(ends) == [math.inf, -math.inf]
