"""Models that remember: variables read and assigned, initialised once, reset, each twin its own."""

from __future__ import annotations

import numpy as np
import pytest

import edgerun
from cases import I8, Net
from edgerun.ir.types import Array


def accumulator(initial: Array | None = None, swap: bool = False) -> bytes:
    """y = x + v, then v = y; with `initial`, a CALL_ONCE subgraph assigns v first."""
    net = Net()
    if initial is not None:
        once = net.subgraph("once")
        handle = once.tensor("v", (), "RESOURCE")
        value = once.tensor("initial", initial.shape, "int8", scale=0.05, zero_point=3, data=initial)
        once.operator("VAR_HANDLE", [], [handle], {"shared_name": "v"})
        once.operator("ASSIGN_VARIABLE", [handle, value], [])
        once.ports([], [])
        net.operator("CALL_ONCE", [], [], {"init_subgraph_index": once.index})
    x, v, y = (net.q(name, (1, 4)) for name in ("x", "v_value", "y"))
    handle = net.tensor("v", (), "RESOURCE")
    net.operator("VAR_HANDLE", [], [handle], {"shared_name": "v"})
    net.operator("READ_VARIABLE", [handle], [v])
    net.operator("ADD", [x, v], [y])
    net.operator("ASSIGN_VARIABLE", [handle, y], [])
    return net.finish([x], [y])


def real(quanta: Array) -> Array:
    return (quanta.astype(np.float64) - I8.zero) * I8.scale


def quanta(values: list[float]) -> Array:
    return np.array([[round(v / I8.scale) + I8.zero for v in values]], np.int8)


def test_a_variable_goes_from_run_to_run() -> None:
    initial = quanta([1.0, 0.0, -1.0, 0.5])
    session = edgerun.Session(accumulator(initial))
    x = quanta([0.5, 0.25, 1.0, 0.0])
    for step in (1, 2, 3):
        np.testing.assert_allclose(real(session.run(x)["y"]), real(initial) + step * real(x), atol=1e-9)
    session.reset()
    np.testing.assert_allclose(real(session.run(x)["y"]), real(initial) + real(x), atol=1e-9)


def test_without_an_initial_value_a_variable_is_zero() -> None:
    session = edgerun.Session(accumulator())
    x = quanta([0.5, 0.25, 1.0, 0.0])
    # Zero bytes, which the quantisation reads as -0.15.
    np.testing.assert_allclose(real(session.run(x)["y"]), real(x) - 0.15, atol=1e-9)


def test_each_twin_remembers_for_itself() -> None:
    session = edgerun.Session(accumulator(quanta([0, 0, 0, 0])))
    twin = session.twin()
    x = quanta([0.5, 0.25, 1.0, 0.0])
    session.run(x)
    np.testing.assert_array_equal(twin.run(x)["y"], x)
    np.testing.assert_allclose(real(session.run(x)["y"]), 2 * real(x), atol=1e-9)


def test_verified_runs_step_with_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGERUN_VERIFY", "1")
    session = edgerun.Session(accumulator(quanta([1, 1, 1, 1])))
    x = quanta([0.5, 0.25, 1.0, 0.0])
    session.run(x)
    np.testing.assert_allclose(real(session.run(x)["y"]), 1 + 2 * real(x), atol=1e-9)


def test_two_variables_may_change_places() -> None:
    net = Net()
    x, a, b = (net.q(name, (1, 3)) for name in ("x", "a_value", "b_value"))
    c, d = (net.q(name, (1, 3)) for name in ("c", "d"))
    handles = [net.tensor(name, (), "RESOURCE") for name in "ab"]
    for handle, name in zip(handles, "ab", strict=True):
        net.operator("VAR_HANDLE", [], [handle], {"shared_name": name})
    net.operator("READ_VARIABLE", [handles[0]], [a])
    net.operator("READ_VARIABLE", [handles[1]], [b])
    net.operator("ADD", [a, x], [c])
    net.operator("ADD", [b, x], [d])
    net.operator("ASSIGN_VARIABLE", [handles[0], b], [])
    net.operator("ASSIGN_VARIABLE", [handles[1], c], [])
    session = edgerun.Session(net.finish([x], [c, d]))
    zero, x_value = real(np.zeros((1, 3), np.int8)), quanta([0.5, 1.0, -0.5])
    first = session.run(x_value)  # a = b = z: c = z + x, d = z + x; then a = z, b = z + x
    np.testing.assert_allclose(real(first["c"]), zero + real(x_value), atol=1e-9)
    second = session.run(x_value)
    np.testing.assert_allclose(real(second["c"]), zero + real(x_value), atol=1e-9)
    np.testing.assert_allclose(real(second["d"]), zero + 2 * real(x_value), atol=1e-9)
    third = session.run(x_value)  # a was z + x
    np.testing.assert_allclose(real(third["c"]), zero + 2 * real(x_value), atol=1e-9)


def test_many_steps_equal_litert() -> None:
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter")
    model = accumulator(quanta([1.0, 0.0, -1.0, 0.5]))
    peer = interpreter_module.Interpreter(model_content=model)
    peer.allocate_tensors()
    session = edgerun.Session(model)
    rng = np.random.default_rng(3)
    for _ in range(50):
        x = rng.integers(-20, 21, (1, 4)).astype(np.int8)
        peer.set_tensor(peer.get_input_details()[0]["index"], x)
        peer.invoke()
        want = peer.get_tensor(peer.get_output_details()[0]["index"])
        np.testing.assert_array_equal(session.run(x)["y"], want)
