"""Transforms, windows and mel weights of ONNX files, against onnx.reference."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import edgerun
from edgerun.errors import FormatError

FLOAT = 1


def model(op, constants, attributes, opset, x=None):
    """One node; x, where there is one, is its first input."""
    names = [*(["x"] if x is not None else []), *("" if n.startswith("_") else n for n in constants)]
    graph = helper.make_graph(
        [helper.make_node(op, names, ["y"], **attributes)],
        "test",
        [] if x is None else [helper.make_tensor_value_info("x", FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", FLOAT, None)],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items() if not n.startswith("_")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def agree(op, constants, attributes=None, opset=20, x=None):
    proto = model(op, constants, attributes or {}, opset, x)
    feeds = {} if x is None else {"x": x}
    (wanted,) = ReferenceEvaluator(proto).run(None, feeds)
    session = edgerun.Session(proto.SerializeToString())
    got = session.run(feeds)["y"]
    assert got.dtype == wanted.dtype
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=2e-5)
    assert "host" not in {step.verb for step in session._program.plan.steps}


def floats(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("length", [None, 7, 8, 13])
@pytest.mark.parametrize("parts", [1, 2])
def test_transforms(length, parts):
    x = floats(2, 3, 9, parts)
    lengths = {"_n": 0} if length is None else {"n": np.int64(length)}
    for axis in (1, 2, -2):
        constants = lengths | {"axis": np.int64(axis)}
        agree("DFT", constants, {}, x=x)
        agree("DFT", {k: v for k, v in lengths.items() if k == "n"}, {"axis": axis}, 17, x=x)
        if parts == 1:
            agree("DFT", constants, {"onesided": 1}, x=x)
        else:
            agree("DFT", constants, {"inverse": 1}, x=x)
            agree("DFT", constants, {"inverse": 1, "onesided": 1}, x=x)


@pytest.mark.parametrize("onesided", [0, 1])
def test_short_time_transforms(onesided):
    x, window = floats(2, 40, 1), np.hanning(16).astype(np.float32)
    agree("STFT", {"step": np.int64(6), "w": window}, {"onesided": onesided}, x=x)
    agree("STFT", {"step": np.int64(5), "_w": 0, "n": np.int64(12)}, {"onesided": onesided}, x=x)


def test_frames_longer_than_the_signal_are_refused():
    proto = model("STFT", {"step": np.int64(6), "w": np.ones(50, np.float32)}, {}, 17, floats(1, 40, 1))
    with pytest.raises(FormatError, match="frames of 50"):
        edgerun.Session(proto.SerializeToString())


@pytest.mark.parametrize("op", ["HannWindow", "HammingWindow", "BlackmanWindow"])
@pytest.mark.parametrize("periodic", [0, 1])
def test_windows(op, periodic):
    agree(op, {"size": np.int64(11)}, {"periodic": periodic})


@pytest.mark.parametrize("bands", [4, 8, 40])
def test_mel_weights(bands):
    operands = {"bands": np.int64(bands), "length": np.int64(64), "rate": np.int64(8192)}
    agree("MelWeightMatrix", operands | {"low": np.float32(20), "high": np.float32(4000)})
