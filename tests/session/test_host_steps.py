"""Operators that only Python has run between native segments."""

from __future__ import annotations

import numpy as np
import pytest

import edgerun
from edgerun.errors import ModelError
from edgerun.formats.tflite_writer import ModelBuilder
from edgerun.ir.gather import ReverseSequence


@pytest.fixture
def turns() -> bytes:
    """x int32 [3, 4] -> padded to [5, 4] -> each column reversed -> transposed -> y int32 [4, 5]."""
    net = ModelBuilder("turns")
    x = net.tensor("x", [3, 4], "int32")
    padded, turned = (net.tensor(name, [5, 4], "int32") for name in ("padded", "turned"))
    y = net.tensor("y", [4, 5], "int32")
    padding = net.tensor("padding", [2, 2], "int32", data=np.array([[1, 1], [0, 0]], np.int32))
    lengths = net.tensor("lengths", [4], "int32", data=np.full(4, 5, np.int32))
    order = net.tensor("order", [2], "int32", data=np.array([1, 0], np.int32))
    net.operator("PAD", [x, padding], [padded], {})
    net.operator("REVERSE_SEQUENCE", [padded, lengths], [turned], {"seq_dim": 0, "batch_dim": 1})
    net.operator("TRANSPOSE", [turned, order], [y], {})
    return net.finish([x], [y])


def test_a_host_step_runs_between_segments(turns):
    session = edgerun.Session(turns, threads=2)
    assert session.summary().host_steps == 1
    rng = np.random.default_rng(0)
    for _ in range(5):
        x = rng.integers(-(1 << 30), 1 << 30, (3, 4)).astype(np.int32)
        want = np.pad(x, ((1, 1), (0, 0)))[::-1].T
        np.testing.assert_array_equal(session.run(x)["y"], want)
        np.testing.assert_array_equal(session.twin().run(x)["y"], want)
        into = np.zeros((4, 5), np.int32)
        session.run_into(x, into)
        np.testing.assert_array_equal(into, want)
    steps = session.profile(x)
    assert [s.kernel for s in steps if s.operator == "ReverseSequence"] == ["host/numpy"]
    assert "host/numpy" in session.describe("program")


def test_an_error_in_a_host_step_reaches_the_caller(turns, monkeypatch):
    session = edgerun.Session(turns)
    x = np.ones((3, 4), np.int32)
    want = session.run(x)["y"]
    right = ReverseSequence.eval

    def broken(self, types, *arrays):
        raise ModelError("This step is broken.")

    monkeypatch.setattr(ReverseSequence, "eval", broken)
    with pytest.raises(ModelError, match=r"^This step is broken\.$"):
        session.run(x)
    monkeypatch.setattr(ReverseSequence, "eval", right)
    np.testing.assert_array_equal(session.run(x)["y"], want)  # and leaves no lock behind
