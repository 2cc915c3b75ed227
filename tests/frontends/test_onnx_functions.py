"""Operators that ONNX defines as functions of others, against ONNX's reference evaluator."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import edgerun
from edgerun.errors import UnsupportedOperatorError


def model(nodes, inputs, outputs, constants=(), opset=23):
    """A model of float32 inputs and outputs; inputs: name -> shape."""
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, s) for name, s in inputs.items()]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    initializers = [numpy_helper.from_array(np.asarray(a), name) for name, a in dict(constants).items()]
    graph = helper.make_graph(nodes, "test", ports, results, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def agrees(proto, seed=0):
    rng = np.random.default_rng(seed)
    feeds = {
        port.name: rng.standard_normal([d.dim_value for d in port.type.tensor_type.shape.dim], np.float32)
        for port in proto.graph.input
    }
    wanted = ReferenceEvaluator(proto).run(None, feeds)
    got = edgerun.Session(proto.SerializeToString()).run(feeds)
    for port, want in zip(proto.graph.output, wanted, strict=True):
        assert got[port.name].shape == want.shape
        np.testing.assert_allclose(got[port.name], want, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("causal", [0, 1])
def test_attention(seed, causal):
    rng = np.random.default_rng(seed)
    b, h, n, m, k, v = (int(i) for i in rng.integers(1, 7, 6))
    node = helper.make_node("Attention", ["q", "k", "v"], ["y"], is_causal=causal)
    shapes = {"q": [b, h, n, k], "k": [b, h, max(n, m), k], "v": [b, h, max(n, m), v]}
    agrees(model([node], shapes, ["y"]), seed)


def test_absent_operands_and_results_that_nothing_asks_for():
    node = helper.make_node("Attention", ["q", "k", "v", "", "pk", "pv"], ["y", "ck", "cv"])
    cache = [2, 3, 5, 4]
    shapes = {"q": [2, 3, 4, 4], "k": [2, 3, 6, 4], "v": [2, 3, 6, 4], "pk": cache, "pv": cache}
    agrees(model([node], shapes, ["y", "ck", "cv"]))


def test_two_calls_keep_their_values_apart():
    nodes = [
        helper.make_node("MeanVarianceNormalization", ["x"], ["t"], axes=[0, 2]),
        helper.make_node("MeanVarianceNormalization", ["t"], ["u"], axes=[1]),
        helper.make_node("Gelu", ["u"], ["y"], approximate="tanh"),
    ]
    agrees(model(nodes, {"x": [3, 4, 5]}, ["y"]))


def test_a_value_of_the_file_may_have_the_name_of_one_in_a_body():
    nodes = [
        helper.make_node("Neg", ["x"], ["Gelu_1/OneHalf"]),
        helper.make_node("Gelu", ["Gelu_1/OneHalf"], ["y"]),
    ]
    agrees(model(nodes, {"x": [7]}, ["y"]))


def test_what_has_no_body_is_refused_by_name():
    node = helper.make_node("Bernoulli", ["x"], ["y"])
    with pytest.raises(UnsupportedOperatorError, match="Bernoulli"):
        edgerun.Session(model([node], {"x": [3]}, ["y"]).SerializeToString())


def test_layer_normalization_tells_its_moments():
    node = helper.make_node("LayerNormalization", ["x", "s", "b"], ["y", "m", "d"], axis=1, epsilon=0.01)
    agrees(model([node], {"x": [3, 4, 5], "s": [4, 5], "b": [4, 5]}, ["y", "m", "d"]))


def test_group_normalization_by_values():
    node = helper.make_node("GroupNormalization", ["x", "s", "b"], ["y"], num_groups=2)
    agrees(model([node], {"x": [2, 6, 3], "s": [6], "b": [6]}, ["y"], opset=21))


def test_instance_normalization_and_clip_by_values():
    nodes = [
        helper.make_node("InstanceNormalization", ["x", "s", "b"], ["t"]),
        helper.make_node("Clip", ["t", "l", "h"], ["y"]),
    ]
    agrees(model(nodes, {"x": [2, 3, 7], "s": [3], "b": [3], "l": [], "h": []}, ["y"]))


def test_batch_normalization_by_values():
    node = helper.make_node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"])
    proto = model([node], {"x": [2, 3, 4], "s": [3], "b": [3], "m": [3], "v": [3]}, ["y"], opset=15)
    rng = np.random.default_rng(0)
    feeds = {name: rng.random(3, np.float32) + 0.1 for name in "sbmv"}
    feeds["x"] = rng.random((2, 3, 4), np.float32)
    (want,) = ReferenceEvaluator(proto).run(None, feeds)
    got = edgerun.Session(proto.SerializeToString()).run(feeds)["y"]
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)
