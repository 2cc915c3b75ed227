"""Models run in stages: what is kept between runs, and what is when a run fails; sessions for other sizes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import edgerun
from cases import I8, Net
from edgerun.errors import EdgerunError, FormatError, InputError
from edgerun.ir.types import Array


def random(shape: tuple[int, ...], seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)


def branches(net: Net) -> dict[str, Any]:
    """Options of an IF: RELU6 or HARD_SWISH of int8 [2, 5]."""
    options = {}
    for option, name in (("then_subgraph_index", "RELU6"), ("else_subgraph_index", "HARD_SWISH")):
        inner = net.subgraph(name)
        x, y = (inner.tensor(n, (2, 5), "int8", scale=I8.scale, zero_point=I8.zero) for n in "xy")
        inner.operator(name, [x], [y])
        inner.ports([x], [y])
        options[option] = inner.index
    return options


def branching(count: int = 1) -> bytes:
    """`count` times an IF and a RELU, one behind the other."""
    net = Net()
    flag, x = net.tensor("flag", (1,), "bool"), net.q("x", (2, 5))
    options, last = branches(net), x
    for i in range(count):
        branch, y = net.q(f"branch{i}", (2, 5)), net.q(f"y{i}", (2, 5))
        net.operator("IF", [flag, last], [branch], options)
        net.operator("RELU", [branch], [y])
        last = y
    return net.finish([flag, x], [last])


def summing(initial: Array | None = None) -> bytes:
    """v += x, z = RESHAPE(v, shape): the variable is named and initialised before the cut, and read both
    before it and behind it."""
    net = Net()
    if initial is not None:
        once = net.subgraph("once")
        handle = once.tensor("v", (), "RESOURCE")
        value = once.tensor("initial", (1, 4), "int8", scale=I8.scale, zero_point=I8.zero, data=initial)
        once.operator("VAR_HANDLE", [], [handle], {"shared_name": "v"})
        once.operator("ASSIGN_VARIABLE", [handle, value], [])
        once.ports([], [])
        net.operator("CALL_ONCE", [], [], {"init_subgraph_index": once.index})
    x, v, y, again = (net.q(name, (1, 4)) for name in ("x", "v_value", "y", "again"))
    handle, shape = net.tensor("v", (), "RESOURCE"), net.tensor("shape", (2,), "int32")
    z = net.q("z", (1, 1))
    net.operator("VAR_HANDLE", [], [handle], {"shared_name": "v"})
    net.operator("READ_VARIABLE", [handle], [v])
    net.operator("ADD", [x, v], [y])
    net.operator("ASSIGN_VARIABLE", [handle, y], [])
    net.operator("RESHAPE", [y, shape], [z])
    net.operator("READ_VARIABLE", [handle], [again])
    return net.finish([x, shape], [z, again])


ONE = np.full((1, 4), I8.zero + 1, np.int8)  # one quantum
WIDE, TALL = np.array([1, 4], np.int32), np.array([4, 1], np.int32)


def test_a_value_to_know_behind_other_operators_is_known_in_every_run() -> None:
    session = edgerun.Session(summing(ONE))
    for run, shape in enumerate((WIDE, TALL, WIDE, WIDE, TALL), 2):
        got = session.run({"x": ONE, "shape": shape})
        assert got["z"].shape == tuple(shape)
        np.testing.assert_array_equal(got["z"].ravel(), np.full(4, I8.zero + run))
        np.testing.assert_array_equal(got["again"], np.full((1, 4), I8.zero + run))


def test_a_variable_that_is_named_and_initialised_before_a_cut_is_read_behind_it() -> None:
    net = Net()
    once = net.subgraph("once")
    handle = once.tensor("v", (), "RESOURCE")
    value = once.tensor("initial", (1, 4), "int8", scale=I8.scale, zero_point=I8.zero, data=ONE)
    once.operator("VAR_HANDLE", [], [handle], {"shared_name": "v"})
    once.operator("ASSIGN_VARIABLE", [handle, value], [])
    once.ports([], [])
    net.operator("CALL_ONCE", [], [], {"init_subgraph_index": once.index})
    x, v, y, z = (net.q(name, (1, 4)) for name in ("x", "v_value", "y", "z"))
    handle, shape = net.tensor("v", (), "RESOURCE"), net.tensor("shape", (2,), "int32")
    net.operator("VAR_HANDLE", [], [handle], {"shared_name": "v"})
    net.operator("RESHAPE", [x, shape], [z])
    net.operator("READ_VARIABLE", [handle], [v])
    net.operator("ADD", [z, v], [y])
    net.operator("ASSIGN_VARIABLE", [handle, y], [])
    session = edgerun.Session(net.finish([x, shape], [y]))
    for run in (2, 3, 4):
        got = session.run({"x": ONE, "shape": WIDE})["y"]
        np.testing.assert_array_equal(got, np.full((1, 4), I8.zero + run))


def test_a_run_that_fails_is_no_run() -> None:
    session = edgerun.Session(summing(ONE))
    for _ in range(2):  # while the regions are made, and with those that are kept
        with pytest.raises(EdgerunError, match=r"does not fit into \(3, 1\)"):
            session.run({"x": ONE, "shape": np.array([3, 1], np.int32)})
    into = {"z": np.empty((2, 2), np.int8), "again": np.empty((1, 4), np.int8)}
    with pytest.raises(InputError, match=r"'z' must be int8 of shape \(1, 4\), got int8 of shape \(2, 2\)"):
        session.run_into({"x": ONE, "shape": WIDE}, into)
    assert session.run({"x": ONE, "shape": WIDE})["again"][0, 0] == I8.zero + 2
    session.reset()
    assert session.run({"x": ONE, "shape": WIDE})["again"][0, 0] == I8.zero + 2


def test_looking_at_a_model_does_not_change_what_it_remembers() -> None:
    net = Net()
    x, v, y = (net.q(name, (1, 4)) for name in ("x", "v_value", "y"))
    handle = net.tensor("v", (), "RESOURCE")
    net.operator("VAR_HANDLE", [], [handle], {"shared_name": "v"})
    net.operator("READ_VARIABLE", [handle], [v])
    net.operator("ADD", [x, v], [y])
    net.operator("ASSIGN_VARIABLE", [handle, y], [])
    session = edgerun.Session(net.finish([x], [y]))
    before = session.run(ONE)["y"]
    assert session.fingerprint() == session.fingerprint() == session.twin().fingerprint()
    session.summary()
    np.testing.assert_array_equal(session.run(ONE)["y"], before + 1)


def test_a_program_keeps_none_of_the_callers_arrays() -> None:
    """The shape that a program was made for is also what it computes with."""
    net = Net()
    x, y, shape = net.q("x", (2, 6)), net.q("y", (1, 1)), net.tensor("shape", (2,), "int32")
    double = net.tensor("double", (2,), "int32")
    net.operator("RESHAPE", [x, shape], [y])
    net.operator("ADD", [shape, shape], [double])
    session = edgerun.Session(net.finish([x, shape], [y, double]))
    array = np.array([3, 4], np.int32)
    session.run({"x": random((2, 6)), "shape": array})
    array[:] = 12, 1
    got = session.run({"x": random((2, 6)), "shape": np.array([3, 4], np.int32)})["double"]
    np.testing.assert_array_equal(got, [6, 8])


def test_the_programs_of_one_run_are_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGERUN_MAX_PROGRAMS", "2")
    session = edgerun.Session(branching(5))
    feeds = {"flag": np.array([True]), "x": random((2, 5))}
    session.run(feeds)
    made = session._runner.programs()
    session.run(feeds)
    assert len(made) == 6 and session._runner.programs() == made


@pytest.mark.parametrize("operands", [["flag"], ["flag", "x", "x"], ["flag", None], ["flag", "f"], "xx"])
def test_branches_that_do_not_fit_are_refused_at_load(operands: Sequence[str | None]) -> None:
    net = Net()
    by_name = {"flag": net.tensor("flag", (1,), "bool"), "x": net.q("x", (2, 5))}
    by_name["f"] = net.tensor("f", (2, 5), "float32")
    y = net.q("y", (2, 5))
    net.operator("IF", [-1 if n is None else by_name[n] for n in operands], [y], branches(net))
    with pytest.raises(FormatError, match=r"operator 0 IF.* expected its (inputs|condition) to be \("):
        edgerun.Session(net.finish(list(by_name.values()), [y]))


@pytest.mark.parametrize(("cond_bool", "body_outputs"), [(True, 2), (True, 0), (False, 1)])
def test_loops_that_do_not_fit_are_refused_at_load(cond_bool: bool, body_outputs: int) -> None:
    net = Net()
    condition, body = net.subgraph("condition"), net.subgraph("body")
    x = condition.tensor("x", (2,), "float32")
    go = condition.tensor("go", (2,), "bool" if cond_bool else "float32")
    condition.operator("LESS" if cond_bool else "ADD", [x, x], [go])
    condition.ports([x], [go])
    x, y = body.tensor("x", (2,), "float32"), body.tensor("y", (2,), "float32")
    body.operator("ADD", [x, x], [y])
    body.ports([x], [y] * body_outputs)
    x, y = net.tensor("x", (2,), "float32"), net.tensor("y", (2,), "float32")
    options = {"cond_subgraph_index": condition.index, "body_subgraph_index": body.index}
    net.operator("WHILE", [x], [y], options)
    with pytest.raises(FormatError, match="operator 0 WHILE: expected"):
        edgerun.Session(net.finish([x], [y]))


def test_a_call_without_an_operand_is_refused() -> None:
    net = Net()
    index = branches(net)["then_subgraph_index"]
    x, y = net.q("x", (2, 5)), net.q("y", (2, 5))
    net.operator("CALL", [-1], [y], {"subgraph": index})
    with pytest.raises(FormatError, match="an operand that must be there is absent"):
        edgerun.Session(net.finish([x], [y]))


def test_arrays_for_results_are_looked_at_before_they_are_written() -> None:
    session = edgerun.Session(branching())
    feeds = {"flag": np.array([True]), "x": random((2, 5))}
    good = np.zeros((2, 5), np.int8)
    frozen = good.copy()
    frozen.setflags(write=False)
    wrong: list[tuple[Any, str]] = [
        ({"other": good}, "Output 'y0' is missing; the outputs are 'y0'"),
        (frozen, "'y0' must be a writable, C-contiguous array"),
        (np.zeros((2, 10), np.int8)[:, ::2], "'y0' must be a writable, C-contiguous array"),
        ([1], r"'y0' must be a numpy array \(int8 of shape \(2, 5\)\), got list"),
    ]
    for results, message in wrong:
        with pytest.raises(InputError, match=message):
            session.run_into(feeds, results)
    session.run_into(feeds, good)
    np.testing.assert_array_equal(good, session.run(feeds)["y0"])


def test_one_number_for_the_whole_batch_is_no_batch() -> None:
    net = Net()
    x, y = net.tensor("x", (1, 4), "float32"), net.tensor("y", (), "float32")
    net.operator("SUM", [x, net.ints("axes", [0, 1])], [y], {"keep_dims": False})
    session = edgerun.Session(net.finish([x], [y]))
    for _ in range(2):
        with pytest.raises(InputError, match=r"of shape \(1, 4\), got shape \(3, 4\)"):
            session.run(np.ones((3, 4), np.float32))


def test_threads_that_come_with_new_sizes_share_one_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGERUN_MAX_PROGRAMS", "2")
    net = Net()
    x, y = net.q("x", (1, 7)), net.q("y", (1, 7))
    net.operator("RELU6", [x], [y])
    session = edgerun.Session(net.finish([x], [y]), threads=1)
    made: list[Any] = []
    original = session._reshaped
    monkeypatch.setattr(session, "_reshaped", lambda shapes: made.append(shapes) or original(shapes))
    start, wrong = threading.Barrier(4), []

    def work() -> None:
        start.wait()
        for batch in (3, 4):
            array = random((batch, 7))
            try:
                got = session.run(array)["y"]
                np.testing.assert_array_equal(got, np.clip(array, I8.zero, I8.zero + round(6 / I8.scale)))
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(made) == 2
