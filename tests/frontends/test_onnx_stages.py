"""ONNX models that are run in stages, against ONNX Runtime: what is fed, and control flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import edgerun
from edgerun.errors import EdgerunError, FormatError, UnsupportedOperatorError

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
Port = tuple[str, int, Sequence[Any] | None]


def graph(nodes: list[Any], inputs: list[Port], outputs: list[Port], constants: Any = None) -> Any:
    ports = [[helper.make_tensor_value_info(*port) for port in side] for side in (inputs, outputs)]
    tensors = [onnx.numpy_helper.from_array(a, n) for n, a in (constants or {}).items()]
    return helper.make_graph(nodes, "graph", *ports, tensors)


def model(*args: Any) -> bytes:
    made = helper.make_model(graph(*args), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data: bytes = made.SerializeToString()
    return data


def agrees(data: bytes, *runs: dict[str, Any]) -> edgerun.Session:
    import onnxruntime

    session = edgerun.Session(data)
    theirs = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    for feeds in runs:
        wanted = theirs.run(None, feeds)
        for got, want in zip(session.run(feeds).values(), wanted, strict=True):
            assert got.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)
    return session


X = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_what_is_fed_is_known_from_run_to_run() -> None:
    data = model(
        [
            helper.make_node("Add", ["x", "x"], ["twice"]),
            helper.make_node("Reshape", ["twice", "shape"], ["y"]),
            helper.make_node("Neg", ["y"], ["z"]),
        ],
        [("x", FLOAT, [2, 3]), ("shape", INT64, [2])],
        [("z", FLOAT, [None, None])],
    )
    session = agrees(data, *({"x": X, "shape": np.array(s)} for s in ([3, 2], [1, 6], [3, 2], [6, -1])))
    assert session.in_stages
    with pytest.raises(FormatError, match="Reshape"):
        session.run({"x": X, "shape": np.array([4, 2])})


def test_a_computed_operand_is_known_after_the_stage_before() -> None:
    data = model(
        [
            helper.make_node("ReduceSum", ["k"], ["times"], keepdims=1),
            helper.make_node("Tile", ["x", "times"], ["y"]),
        ],
        [("x", FLOAT, [3]), ("k", INT64, [2])],
        [("y", FLOAT, [None])],
    )
    agrees(data, *({"x": X[0], "k": np.array(k)} for k in ([1, 1], [2, 1], [1, 1])))


@pytest.mark.parametrize("nested", [False, True])
def test_branches_capture_what_is_around_them(nested: bool) -> None:
    then = graph([helper.make_node("Mul", ["x", "w"], ["a"])], [], [("a", FLOAT, None)])
    other = graph([helper.make_node("Concat", ["x", "w"], ["b"], axis=0)], [], [("b", FLOAT, None)])
    if nested:
        inner = helper.make_node("If", ["d"], ["c"], then_branch=then, else_branch=other)
        then = graph([inner], [], [("c", FLOAT, None)])
    data = model(
        [
            helper.make_node("Not", ["c0"], ["d"]),
            helper.make_node("If", ["c0"], ["y"], then_branch=then, else_branch=other),
        ],
        [("x", FLOAT, [2, 3]), ("c0", BOOL, [])],
        [("y", FLOAT, None)],
        {"w": X + 1},
    )
    agrees(data, *({"x": X, "c0": np.array(c)} for c in (True, False)))


def test_a_branch_that_is_known_is_part_of_the_graph() -> None:
    then = graph([helper.make_node("Neg", ["x"], ["a"])], [], [("a", FLOAT, None)])
    other = graph([helper.make_node("Exp", ["x"], ["b"])], [], [("b", FLOAT, None)])
    nodes = [helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)]
    data = model(nodes, [("x", FLOAT, [2, 3])], [("y", FLOAT, [2, 3])], {"c": np.array(False)})
    assert not agrees(data, {"x": X}).in_stages


def loop(trip: bool = True) -> bytes:
    """Carries a tensor that grows, stacks its sum."""
    body = graph(
        [
            helper.make_node("Concat", ["v", "step"], ["grown"], axis=0),
            helper.make_node("ReduceSum", ["grown"], ["sum"], keepdims=0),
            helper.make_node("Less", ["sum", "limit"], ["go"]),
        ],
        [("i", INT64, []), ("c", BOOL, []), ("v", FLOAT, [None])],
        [("go", BOOL, []), ("grown", FLOAT, [None]), ("sum", FLOAT, [])],
    )
    return model(
        [helper.make_node("Loop", ["n" if trip else "", "start", "x"], ["y", "sums"], body=body)],
        [
            ("x", FLOAT, [3]),
            ("step", FLOAT, [1]),
            ("limit", FLOAT, []),
            ("n", INT64, []),
            ("start", BOOL, []),
        ],
        [("y", FLOAT, [None]), ("sums", FLOAT, [None])],
    )


@pytest.mark.parametrize("trip", [True, False])
def test_loops_end_by_count_or_condition(trip: bool) -> None:
    def feeds(n: int, start: bool, limit: float) -> dict[str, Any]:
        fed = {"x": X[0], "step": np.float32([2]), "limit": np.array(limit, np.float32)}
        return fed | {"n": np.array(n), "start": np.array(start)}

    runs = [feeds(3, True, 8), feeds(9, True, 12), feeds(3, False, 8), feeds(4, True, 0)]
    agrees(loop(trip), *runs, *([feeds(0, True, 8)] if trip else []))


@pytest.mark.parametrize("axes", [(0, 0), (1, 1), (-1, -1)])
@pytest.mark.parametrize("backward", [(0, 0), (1, 0), (0, 1)])
def test_scans_go_along_axes_in_both_directions(axes: tuple[int, int], backward: tuple[int, int]) -> None:
    body = graph(
        [
            helper.make_node("Add", ["s", "e"], ["t0"]),
            helper.make_node("Mul", ["t0", "factor"], ["t"]),
            helper.make_node("Identity", ["t"], ["o"]),
        ],
        [("s", FLOAT, [3]), ("e", FLOAT, [3])],
        [("t", FLOAT, [3]), ("o", FLOAT, [3])],
    )
    options = {
        "scan_input_axes": [axes[0]],
        "scan_output_axes": [axes[1]],
        "scan_input_directions": [backward[0]],
        "scan_output_directions": [backward[1]],
    }
    data = model(
        [helper.make_node("Scan", ["s0", "x"], ["last", "all"], body=body, num_scan_inputs=1, **options)],
        [("s0", FLOAT, [3]), ("x", FLOAT, [3, 3]), ("factor", FLOAT, [])],
        [("last", FLOAT, [3]), ("all", FLOAT, [None, None])],
    )
    x = np.arange(9, dtype=np.float32).reshape(3, 3)
    agrees(data, {"s0": X[0], "x": x, "factor": np.array(0.5, np.float32)})


def test_the_first_run_tells_sizes_that_cannot_be_1() -> None:
    data = model(
        [helper.make_node("Reshape", ["x", "shape"], ["y"])],
        [("x", FLOAT, ["n", "m"])],
        [("y", FLOAT, None)],
        {"shape": np.array([2, -1])},
    )
    session = agrees(data, {"x": X}, {"x": X[:, :2].copy()})
    with pytest.raises(EdgerunError):
        session.run({"x": X[:1, :1].copy()})


def test_unsupported_operators_in_bodies_are_all_listed() -> None:
    then = graph([helper.make_node("Neg", ["x"], ["a"])], [], [("a", FLOAT, None)])
    other = graph([helper.make_node("Multinomial", ["x"], ["b"])], [], [("b", FLOAT, None)])
    nodes = [
        helper.make_node("If", ["c"], ["y0"], then_branch=then, else_branch=other),
        helper.make_node("Bernoulli", ["y0"], ["y"]),
    ]
    data = model(nodes, [("x", FLOAT, [2, 3]), ("c", BOOL, [])], [("y", FLOAT, None)])
    with pytest.raises(UnsupportedOperatorError, match=r"(?s)2 of 4 .*Bernoulli.*graph 1, .*Multinomial"):
        edgerun.Session(data)


def test_a_body_that_does_not_fit_its_loop_is_refused() -> None:
    body = graph(
        [helper.make_node("Identity", ["c"], ["go"])],
        [("i", INT64, []), ("c", BOOL, [])],
        [("go", BOOL, [])],
    )
    data = model(
        [helper.make_node("Loop", ["n", "", "x"], ["y"], body=body)],
        [("x", FLOAT, [3]), ("n", INT64, [])],
        [("y", FLOAT, [3])],
    )
    with pytest.raises(FormatError, match="Loop"):
        edgerun.Session(data).run({"x": X[0], "n": np.array(1)})


def test_open_dimensions_are_shown_by_their_names_or_as_minus_one():
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, None])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3, None])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()
    session = edgerun.Session(data)
    assert [port.shape for port in (*session.inputs, *session.outputs)] == [("n", 3, -1)] * 2
    array = -np.ones((2, 3, 5), np.float32)
    assert not session.run(array)["y"].any()
    settled = edgerun.Session(data, shapes={"x": (4, 3, 2)})
    assert settled.inputs[0].shape == settled.outputs[0].shape == (4, 3, 2)
