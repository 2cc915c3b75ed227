"""LSTM, GRU and RNN of ONNX files, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import edgerun

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
TIME, BATCH, CHANNELS, UNITS = 5, 3, 6, 9


def agree(kind, native=True, lengths=None, peephole=False, bias=True, states=True, fed=False, **attributes):
    """All outputs of one layer, whose weights are constants or, where `fed`, inputs."""
    rng = np.random.default_rng(len(attributes))
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    gates = GATES[kind]

    def floats(*shape):
        return rng.uniform(-0.7, 0.7, shape).astype(np.float32)

    operands = {
        "W": floats(directions, gates * UNITS, CHANNELS),
        "R": floats(directions, gates * UNITS, UNITS),
    }
    if bias:
        operands["B"] = floats(directions, 2 * gates * UNITS)
    if lengths is not None:
        operands["lengths"] = np.array(lengths, np.int32)
    if states:
        operands["h"] = floats(directions, BATCH, UNITS)
        if kind == "LSTM":
            operands["c"] = floats(directions, BATCH, UNITS)
    if peephole:
        operands["P"] = floats(directions, 3 * UNITS)
    x = floats(TIME, BATCH, CHANNELS)
    names = [n if n in {"x", *operands} else "" for n in ("x", "W", "R", "B", "lengths", "h", "c", "P")]
    outputs = ["y", "y_h", "y_c"][: 3 if kind == "LSTM" else 2]
    node = helper.make_node(
        kind, names[: 8 if kind == "LSTM" else 6], outputs, hidden_size=UNITS, **attributes
    )
    feeds = {"x": x, **(operands if fed else {})}
    graph = helper.make_graph(
        [node],
        "test",
        [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for n, a in feeds.items()
        ],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs],
        [] if fed else [numpy_helper.from_array(a, n) for n, a in operands.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=9)
    data = proto.SerializeToString()
    truth = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, feeds)
    session = edgerun.Session(data)
    got = session.run(feeds)
    for name, wanted in zip(outputs, truth, strict=True):
        np.testing.assert_allclose(got[name], wanted, rtol=1e-5, atol=1e-5)
    assert native == ("host" not in {step.verb for step in session._program.plan.steps})


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_what_exporters_write_is_native(kind, direction):
    agree(kind, direction=direction)
    agree(kind, direction=direction, bias=False, states=False)


def test_units_whose_reset_comes_behind_the_product():
    agree("GRU", linear_before_reset=1, direction="bidirectional")


def test_peepholes():
    agree("LSTM", peephole=True)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_lengths(kind):
    agree(kind, native=False, lengths=[3, 5, 1], direction="bidirectional")
    agree(kind, native=kind != "RNN", lengths=[TIME] * BATCH)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_clipped_sums(kind):
    agree(kind, native=False, clip=0.3)


ACTIVATIONS = (
    ("Relu", "Affine", "Softsign"),
    ("HardSigmoid", "Elu", "ScaledTanh"),
    ("Sigmoid", "LeakyRelu", "Softplus"),
)


@pytest.mark.parametrize("functions", ACTIVATIONS)
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_other_functions(kind, functions):
    count = {"RNN": 1, "GRU": 2, "LSTM": 3}[kind]
    functions = functions[:count]
    two = [f for f in functions if f in ("Affine", "HardSigmoid", "ScaledTanh")]
    one = [f for f in functions if f in ("Elu", "LeakyRelu")]
    parameters = {}
    if two or one:
        parameters = {"activation_alpha": [0.7] * len(two + one)}
    if two:
        parameters["activation_beta"] = [0.3] * len(two)
    agree(kind, native=False, activations=list(functions), **parameters)


def test_parameters_of_functions():
    functions = ["HardSigmoid", "Tanh", "ScaledTanh"]
    agree(
        "LSTM", native=False, activations=functions, activation_alpha=[0.3, 0.8], activation_beta=[0.4, 1.2]
    )


def test_input_and_forget_gate_in_one():
    agree("LSTM", native=False, input_forget=1)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_weights_that_are_fed(kind):
    agree(kind, native=False, fed=True)
