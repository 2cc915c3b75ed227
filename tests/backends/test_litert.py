"""The LiteRT backend: other shapes, models that remember, and tflite-runtime in LiteRT's place."""

from __future__ import annotations

import importlib
import sys
import types

import numpy as np
import pytest

import edgerun
from cases import Net
from edgerun.backends.trial import refuse_crash
from edgerun.errors import InputError, ModelError
from edgerun.ir.types import Array

litert = pytest.importorskip("ai_edge_litert.interpreter")


def added(names: tuple[str, str] = ("a", "b")) -> bytes:
    """y = a + b, int8 [1, 4]."""
    net = Net()
    a, b = (net.q(name, (1, 4)) for name in names)
    y = net.q("y", (1, 4))
    net.operator("ADD", [a, b], [y])
    return net.finish([a, b], [y])


def accumulator() -> bytes:
    """y = x + v, then v = y; v is 3 at first, which means 0."""
    net = Net()
    once = net.subgraph("once")
    value = once.tensor("first", (1, 4), "int8", scale=0.05, zero_point=3, data=np.full((1, 4), 3, np.int8))
    handle = once.tensor("v", (), "RESOURCE")
    once.operator("VAR_HANDLE", [], [handle], {"shared_name": "v"})
    once.operator("ASSIGN_VARIABLE", [handle, value], [])
    once.ports([], [])
    net.operator("CALL_ONCE", [], [], {"init_subgraph_index": once.index})
    handle = net.tensor("v", (), "RESOURCE")
    x, v, y = (net.q(name, (1, 4)) for name in ("x", "v_value", "y"))
    net.operator("VAR_HANDLE", [], [handle], {"shared_name": "v"})
    net.operator("READ_VARIABLE", [handle], [v])
    net.operator("ADD", [x, v], [y])
    net.operator("ASSIGN_VARIABLE", [handle, y], [])
    return net.finish([x], [y])


def feeds(batch: int) -> dict[str, Array]:
    rng = np.random.default_rng(batch)
    return {name: rng.integers(-60, 60, (batch, 4), np.int8) for name in "ab"}


def test_several_inputs_of_other_shapes() -> None:
    shapes = {"a": (3, 4), "b": (3, 4)}
    theirs = edgerun.Session(added(), 1, shapes=shapes, backend="litert")
    ours = edgerun.Session(added(), 1, shapes=shapes)
    assert theirs.inputs == ours.inputs
    assert theirs.outputs == ours.outputs
    given = feeds(3)
    np.testing.assert_array_equal(theirs.run(given)["y"], ours.run(given)["y"])
    np.testing.assert_array_equal(theirs.twin().run(given)["y"], ours.run(given)["y"])
    with pytest.raises(InputError, match=r"no input 'c'; the inputs are \['a', 'b'\]"):
        edgerun.Session(added(), shapes={"c": (3, 4)}, backend="litert")
    with pytest.raises(ModelError, match="LiteRT refuses the model"):
        edgerun.Session(added(), shapes={"a": (3, 5)}, backend="litert")


def test_inputs_of_one_name_have_the_names_of_a_session() -> None:
    theirs = edgerun.Session(added(("a", "a")), backend="litert")
    assert theirs.inputs == edgerun.Session(added(("a", "a"))).inputs


def test_it_remembers_and_forgets_as_a_session_does() -> None:
    x = np.full((1, 4), 13, np.int8)
    for backend in ("edgerun", "litert"):
        session = edgerun.Session(accumulator(), backend=backend)
        assert [session.run(x)["y"][0, 0] for _ in range(3)] == [13, 23, 33]
        session.reset()
        assert session.run(x)["y"][0, 0] == 13


def test_a_model_that_loops_is_first_run_on_zeros() -> None:
    """while i < 3: i += 1, from wherever LiteRT's memory happens to begin."""
    net = Net()
    condition, body = net.subgraph("condition"), net.subgraph("body")
    i, go = condition.tensor("i", (1,), "int32"), condition.tensor("go", (1,), "bool")
    end = condition.tensor("end", (1,), "int32", data=np.array([3], np.int32))
    condition.operator("LESS", [i, end], [go])
    condition.ports([i], [go])
    i, y = body.tensor("i", (1,), "int32"), body.tensor("y", (1,), "int32")
    one = body.tensor("one", (1,), "int32", data=np.array([1], np.int32))
    body.operator("ADD", [i, one], [y])
    body.ports([i], [y])
    i, y = net.tensor("i", (1,), "int32"), net.tensor("y", (1,), "int32")
    options = {"cond_subgraph_index": condition.index, "body_subgraph_index": body.index}
    net.operator("WHILE", [i], [y], options)
    model = net.finish([i], [y])
    refuse_crash(model)
    session = edgerun.Session(model, backend="litert")
    for start in (-4, 1, 9):
        assert session.run(np.array([start], np.int32))["y"][0] == max(start, 3)


def test_tflite_runtime_takes_litert_s_place(monkeypatch: pytest.MonkeyPatch) -> None:
    class Older(litert.Interpreter):
        """Stands for the class of tflite-runtime, which the test environment has not."""

    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime", types.ModuleType("tflite_runtime"))
    module = types.ModuleType("tflite_runtime.interpreter")
    module.Interpreter = Older  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", module)
    session = edgerun.Session(added(), backend="litert")
    assert isinstance(session._interpreter, Older)
    assert session.run(feeds(1))["y"].shape == (1, 4)


def test_where_neither_is_installed_both_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ai_edge_litert.interpreter", "tflite_runtime.interpreter"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModelError, match=r"edgerun\[litert\].*edgerun\[tflite-runtime\]"):
        edgerun.Session(added(), backend="litert")
    monkeypatch.undo()
    importlib.import_module("ai_edge_litert.interpreter")
